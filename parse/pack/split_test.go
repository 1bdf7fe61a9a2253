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

const eachPack = `name: acme.flows
vendor: Acme
product: Flows
version: 1.0.0
split: {json: [records], each: ['groups[].flows[]', 'notes[]'], header: true}
steps:
  - syslog: {}
  - json: {}
    map:
      rule.name: groups[0].rule
      event.action: groups[0].flows[0].verb ?? notes[0]
      host.name: host
`

func TestSplitEach(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(eachPack))
	if err != nil {
		t.Fatal(err)
	}
	const groups = `"host":"h","groups":[{"rule":"r1","flows":[{"verb":"a"},{"verb":"b"}]},{"rule":"r2","flows":[{"verb":"c"}]},{"rule":"r3","flows":[]}]`
	w := p.Parser(Options{}).Worker()
	parsed := func(in string) string {
		t.Helper()
		var out parse.Events[parse.Record]
		if err := w.Parse(&parse.Message{Raw: []byte(in)}, &out); err != nil {
			return errcat.Of(err).String()
		}
		got := ""
		for _, r := range out.All() {
			for _, name := range []string{"host.name", "rule.name", "event.action"} {
				k, _ := r.Lookup(name)
				got += r.Get(k).Str() + " "
			}
			if k, ok := r.Lookup("acme.flows.id"); ok && r.Has(k) {
				got += r.Get(k).Str() + " "
			}
		}
		for _, r := range out.Rejected() {
			got += "!" + string(r.Raw)
		}
		return strings.TrimSpace(got)
	}
	for in, want := range map[string]string{
		`{` + groups + `}`:                                               "h r1 a h r1 b h r2 c",
		`{` + groups + `,"notes":["n1","n2"]}`:                           "h r1 a h r1 b h r2 c h  n1 h  n2",
		`{"records":[{` + groups + `},{"host":"i"},{}]}`:                 "h r1 a h r1 b h r2 c i",
		`[{` + groups + `},{"host":"i","notes":["n"]}]`:                  "h r1 a h r1 b h r2 c i  n",
		`{"host":"h","groups":{"rule":"r","flows":{"verb":"a"}}}`:        "h", // steps read groups[0]
		`{"host":"h","groups":[]}`:                                       "h",
		`{` + groups + `,`:                                               "TRUNCATED",
		"<14>1 2026-02-03T08:15:30Z fw1 agent 14 - - [{" + groups + "}]": "h r1 a h r1 b h r2 c",
	} {
		if got := parsed(in); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	// Nothing of one message stays for the next.
	many := func(n int) string { return `{"host":"h","notes":["x"` + strings.Repeat(`,"x"`, n-1) + `]}` }
	for _, tc := range []struct {
		opts   Options
		in     string
		events int
		fails  bool
	}{
		{Options{MaxEvents: 3}, many(3), 3, false},
		{Options{MaxEvents: 3}, many(4), 0, true},
		{Options{MaxEvents: 3}, `{"records":[` + many(2) + `,` + many(2) + `]}`, 0, true},
		{Options{}, many(DefaultMaxEvents), DefaultMaxEvents, false},
		{Options{}, many(DefaultMaxEvents + 1), 0, true},
		{Options{}, `{"host":"` + strings.Repeat("h", 20_000) + `",` + many(10_000)[1:], 0, true}, // 200 MB together
		{Options{}, `{"host":"h"}`, 1, false},
	} {
		var out parse.Events[parse.Record]
		err := p.Parser(tc.opts).Worker().Parse(&parse.Message{Raw: []byte(tc.in)}, &out)
		if fails := err != nil; fails != tc.fails || !fails && out.Len() != tc.events || fails && errcat.Of(err) != errcat.Oversize {
			t.Errorf("%.60s of %d bytes: %d events, %v", tc.in, len(tc.in), out.Len(), err)
		}
	}
	var out parse.Events[parse.Record]
	if err := w.Parse(&parse.Message{Raw: []byte(`{"host":"` + strings.Repeat("h", 20_000) + `",` + many(10_000)[1:])}, &out); err == nil {
		t.Error("no error")
	}
	if got := parsed(`{"host":"h"}`); got != "h" {
		t.Errorf("after a refused message: %q", got)
	}
}

// A part whose event is refused is rejected by itself.
func TestSplitEachRejects(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(strings.Replace(eachPack, "steps:", "required: [rule.name]\nsteps:", 1)))
	if err != nil {
		t.Fatal(err)
	}
	var out parse.Events[parse.Record]
	in := `{"host":"h","groups":[{"flows":[{"verb":"a"}]},{"rule":"r","flows":[{"verb":"b"}]}]}`
	if err := p.Parser(Options{}).Worker().Parse(&parse.Message{Raw: []byte(in)}, &out); err != nil {
		t.Fatal(err)
	}
	if out.Len() != 1 || len(out.Rejected()) != 1 || string(out.Rejected()[0].Raw) != `{"host":"h","groups":[{"flows":[{"verb":"a"}]}]}` {
		t.Errorf("%d events, rejected %v", out.Len(), out.Rejected())
	}
}

func TestSplitEachErrors(t *testing.T) {
	for paths, want := range map[string]string{
		`groups`:               `pack.yaml:5:32: path "groups" to elements: [] is missing at the end`,
		`[]`:                   `pack.yaml:5:32: 0 paths`,
		`'a[].b[0]'`:           `pack.yaml:5:32: path "a[].b[0]" to elements`,
		`['a[]', 'a[].b[]']`:   `pack.yaml:5:32: path "a[].b[]" to elements: another path`,
		`['a[].b[]', 'a.c[]']`: `pack.yaml:5:32: path "a.c[]" to elements: another path has "a"`,
		`{a: b}`:               `pack.yaml:5:32: a text or a list of texts is wanted here`,
	} {
		src := strings.Replace(eachPack, `['groups[].flows[]', 'notes[]']`, paths, 1)
		if _, err := Compile("pack.yaml", []byte(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", paths, err, want)
		}
	}
}

// The bytes that explain names are those of the message, though each event has a text of its own.
func TestSplitEachExplain(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(eachPack))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"", "<14>1 2026-02-03T08:15:30Z fw1 agent 14 - - "} {
		raw := header + `[{"host":"x"},{"host":"h\u0031","groups":[{"rule":"one","flows":[{"verb":"a"},{"verb":"bb"}]},{"rule":"two","flows":[{"verb":"c","n":[1]}]}]}]`
		list, err := p.Explain(Options{}, &parse.Message{Raw: []byte(raw)})
		if err != nil {
			t.Fatal(err)
		}
		type field struct {
			event int
			name  string
		}
		got := map[field]string{}
		for _, e := range list {
			if len(e.From) > 0 && e.From[0].Length >= 0 {
				got[field{e.Event, e.Field}] = raw[e.From[0].Offset : e.From[0].Offset+e.From[0].Length]
			}
		}
		for at, want := range map[field]string{
			{0, "host.name"}: "x",
			{1, "rule.name"}: "one", {1, "event.action"}: "a", {1, "host.name"}: `h\u0031`,
			{2, "rule.name"}: "one", {2, "event.action"}: "bb",
			{3, "rule.name"}: "two", {3, "event.action"}: "c",
		} {
			if at.name == "host.name" && at.event == 1 {
				// A value with escapes is not in the message: what it is inside of is told.
				if !strings.Contains(got[at], want) {
					t.Errorf("%s%v: %q, want it to hold %q", header, at, got[at], want)
				}
				continue
			}
			if got[at] != want {
				t.Errorf("%s%v: %q, want %q", header, at, got[at], want)
			}
		}
		if header != "" {
			if got[field{3, "log.syslog.hostname"}] != "fw1" {
				t.Errorf("the header of the last event: %q", got[field{3, "log.syslog.hostname"}])
			}
		}
	}
}
