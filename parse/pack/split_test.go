package pack

import (
	"testing"

	"github.com/penstock-dev/penstock/parse"
)

func TestSplit(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(`
name: acme.audit
vendor: Acme
product: Audit
version: 1.0.0
split: {json: [Records]}
steps:
  - json: {}
    map: {event.action: a}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		in   string
		want []string
	}{
		{`{"a":"x"}`, []string{"x"}},
		{" {\"a\":\"x\"}\n", []string{"x"}},
		{`{"a":"x","b":"Records"}`, []string{"x"}}, // the word alone makes no wrapper
		{`{"a":"x","Records":"no"}`, []string{"x"}},
		{`{"Records":[{"a":"x"},{"a":"y"}]}`, []string{"x", "y"}},
		{`{"v":1,"Records" : [ {"a":"x"} ]}`, []string{"x"}},
		{`{"\u0052ecords":[{"a":"x"},{"a":"y"}]}`, []string{"x", "y"}},
		{`[{"a":"x"},{"a":"y"}]`, []string{"x", "y"}},
	} {
		var out parse.Events[parse.Record]
		if err := p.Parser(Options{}).Worker().Parse(&parse.Message{Raw: []byte(tc.in)}, &out); err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		var got []string
		for _, r := range out.All() {
			k, _ := r.Lookup("event.action")
			got = append(got, r.Get(k).Str())
		}
		if len(got) != len(tc.want) {
			t.Errorf("%s: %q, want %q", tc.in, got, tc.want)
			continue
		}
		for i := range got {
			if got[i] != tc.want[i] {
				t.Errorf("%s: %q, want %q", tc.in, got, tc.want)
			}
		}
	}
}
