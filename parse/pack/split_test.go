package pack

import (
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/errcat"
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

func TestSplitEnvelope(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(`
name: acme.audit
vendor: Acme
product: Audit
version: 1.0.0
split: {json: [events], envelope: _around}
steps:
  - when: _around
    then:
      - json: {from: _around}
      - json: {as: events}
    else:
      - json: {}
  - map: {event.action: events.name, event.id: id, _: events}
`))
	if err != nil {
		t.Fatal(err)
	}
	w := p.Parser(Options{}).Worker()
	for in, want := range map[string]string{
		`{"id":"1","events":[{"name":"a"},{"name":"b","n":{"x":1}}],"z":2}`: "1a 1b ",
		`{"id":"2","events":{"name":"c"}}`:                                  "2c ",
		`[{"id":"3","events":{"name":"d"}},{"id":"4"}]`:                     "3d 4 ",
	} {
		var out parse.Events[parse.Record]
		if err := w.Parse(&parse.Message{Raw: []byte(in)}, &out); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		got := ""
		for _, r := range out.All() {
			id, _ := r.Lookup("event.id")
			action, _ := r.Lookup("event.action")
			got += r.Get(id).Str() + r.Get(action).Str() + " "
			if k, ok := r.Lookup("acme.audit.events"); ok && r.Has(k) {
				t.Errorf("%s: the array is kept beside its elements", in)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	// What all the elements would share must not multiply the message.
	for n, fails := range map[int]bool{100: false, 100_000: true} {
		in := `{"id":"` + strings.Repeat("x", 10_000) + `","events":[` + strings.Repeat(`{},`, n) + `{}],"z":2}`
		var out parse.Events[parse.Record]
		if err := w.Parse(&parse.Message{Raw: []byte(in)}, &out); (err != nil) != fails {
			t.Errorf("%d elements: %v", n, err)
		} else if err != nil && errcat.Of(err) != errcat.Oversize {
			t.Errorf("%d elements: %v", n, err)
		}
	}
}

func TestSplitLines(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(`
name: acme.audit
vendor: Acme
product: Audit
version: 1.0.0
split: {json: [events], lines: true}
steps:
  - json: {}
    map: {event.action: a}
`))
	if err != nil {
		t.Fatal(err)
	}
	w := p.Parser(Options{}).Worker()
	for in, want := range map[string]string{
		`{"a":"x"}`:                                   "x",
		"{\n  \"a\": \"x\"\n}\n":                      "x",
		"{\"a\":\"x\"}\n{\"a\":\"y\"}\n":              "xy",
		"{\"events\":[{\"a\":\"x\"}]}\n{\"a\":\"y\"}": "xy",
	} {
		var out parse.Events[parse.Record]
		if err := w.Parse(&parse.Message{Raw: []byte(in)}, &out); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		got := ""
		for _, r := range out.All() {
			k, _ := r.Lookup("event.action")
			got += r.Get(k).Str()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestSplitHeader(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(`
name: acme.flows
vendor: Acme
product: Flows
version: 1.0.0
split: {json: [], header: true}
steps:
  - syslog: {}
  - json: {}
    map: {event.action: a}
`))
	if err != nil {
		t.Fatal(err)
	}
	w := p.Parser(Options{}).Worker()
	const header = "<14>1 2026-02-03T08:15:30Z fw1 agent 14 - - "
	for in, want := range map[string]string{
		header + `[{"a":"x"}]`:           "x@fw1 ",
		header + `[{"a":"x"},{"a":"y"}]`: "x@fw1 y@fw1 ",
		header + `{"a":"x"}`:             "x@fw1 ",
		`[{"a":"x"},{"a":"y"}]`:          "x@ y@ ",
	} {
		var out parse.Events[parse.Record]
		if err := w.Parse(&parse.Message{Raw: []byte(in)}, &out); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		got := ""
		for _, r := range out.All() {
			action, _ := r.Lookup("event.action")
			host, _ := r.Lookup("log.syslog.hostname")
			got += r.Get(action).Str() + "@" + r.Get(host).Str() + " "
		}
		if got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{header + `[{"a":"x"`, header + `[{"a":"x"}] tail`, header + `[]`, header} {
		var out parse.Events[parse.Record]
		err := w.Parse(&parse.Message{Raw: []byte(in)}, &out)
		if err == nil && len(out.Rejected()) == 0 {
			t.Errorf("%s: no error", in)
		}
	}
}
