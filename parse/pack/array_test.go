package pack

import (
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

// An array of JSON is the list that a field takes; a field of one value does not take it.
func TestArrayToList(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(`
name: acme.mail
vendor: Acme
product: Mail
version: 1.0.0
steps:
  - json: {}
    map: {email.to.address: to, host.ip: ips, user.name: user}
`))
	if err != nil {
		t.Fatal(err)
	}
	w := p.Parser(Options{}).Worker()
	enc := normalize.NewEncoder(normalize.EncoderOptions{})
	for _, tc := range []struct{ in, want string }{
		{`{"to":["a@example.com","b@example.com"]}`, `"to":{"address":["a@example.com","b@example.com"]}`},
		{`{"ips":["192.0.2.1","2001:DB8::1"]}`, `"host":{"ip":["192.0.2.1","2001:db8::1"]}`},
		{`{"ips":["192.0.2.1","no address"]}`, `"ips":["192.0.2.1","no address"]`},
		{`{"to":[{"a":1}]}`, `"to":[{"a":1}]`},
		{`{"user":["a","b"]}`, `"user":["a","b"]`},
	} {
		var out parse.Events[parse.Record]
		if err := w.Parse(&parse.Message{Raw: []byte(tc.in)}, &out); err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		b, err := enc.Append(nil, out.All()[0])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), tc.want) {
			t.Errorf("%s: %s lacks %s", tc.in, b, tc.want)
		}
	}
}
