package pack

import (
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

func TestMembers(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(`
name: acme.audit
vendor: Acme
product: Audit
version: 1.0.0
steps:
  - json: {}
  - members: {from: params, key: name, value: [value, intValue, multi], as: param}
  - members: {from: changes, as: change}
  - map:
      event.action: param.verb
      event.severity: param.level
      event.reason: change.Owner.New
      user.roles: param.roles | list
`))
	if err != nil {
		t.Fatal(err)
	}
	w := p.Parser(Options{}).Worker()
	enc := normalize.NewEncoder(normalize.EncoderOptions{})
	for _, tc := range []struct{ in, want string }{
		{`{"params":[{"name":"verb","value":"x"},{"name":"level","intValue":3},{"name":"roles","multi":["a","b"]},{"name":"odd one","value":"1"}]}`,
			`"action":"x","severity":3,"roles":["a","b"],"odd one":"1"`},
		{`{"params":{"name":"verb","value":"x"}}`, `"action":"x"`}, // one, without an array
		{`{"params":"[{\"name\":\"verb\",\"value\":\"x\"}]"}`, `"action":"x"`},
		{`{"params":[{"name":"verb","value":"","intValue":7},{"name":"verb","value":"z"},{"value":"q"},{"name":"n"}]}`, `"action":"7"`},
		{`{"changes":[{"Name":"Owner","Old":"a","New":"b"}]}`, `"reason":"b","Old":"a"`},
		{`{"params":[1,2]}`, `"params":[1,2]`}, // kept as it is
		{`{"params":"text"}`, `"params":"text"`},
		{`{"params":[]}`, `"dataset":"acme.audit"`},
		{`{"params":[{"name":5,"value":true}]}`, `"5":true`},
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
		got := string(b)
		for _, part := range strings.Split(tc.want, ",\"") {
			if !strings.Contains(got, strings.TrimPrefix(part, "\"")) {
				t.Errorf("%s: %s lacks %s", tc.in, got, part)
			}
		}
	}
}
