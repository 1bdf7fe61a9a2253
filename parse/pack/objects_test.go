package pack

import (
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

func TestObjects(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(`
name: acme.dns
vendor: Acme
product: DNS
version: 1.0.0
steps:
  - json: {}
    map: {dns.answers: 'zip("data", answers, "ttl", ttls | list | round)'}
  - map: {dns.answers?: 'rr | objects("name=n", "data=d", "ttl=t")'}
  - map: {dns.answers?: 'plain | objects("data=.")'}
`))
	if err != nil {
		t.Fatal(err)
	}
	w := p.Parser(Options{}).Worker()
	enc := normalize.NewEncoder(normalize.EncoderOptions{})
	for _, tc := range []struct{ in, want string }{
		{`{"answers":["a.example","192.0.2.1"],"ttls":[300.0]}`, `"answers":[{"data":"a.example","ttl":300},{"data":"192.0.2.1"}]`},
		{`{"answers":"one"}`, `"answers":[{"data":"one"}]`},
		{`{"rr":[{"n":"a\"b","t":5},{"x":1},{"d":"c","t":6,"n":null}]}`, `"answers":[{"name":"a\"b","ttl":5},{"data":"c","ttl":6}]`},
		{`{"rr":[1,2],"answers":[]}`, `"rr":[1,2]`},
		{`{"plain":["x",1,true,{"a":1}]}`, `"answers":[{"data":"x"},{"data":1},{"data":true},{"data":{"a":1}}]`},
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
