package pack

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// Each part of a signature, what it finds and what it leaves alone.
func TestSignatures(t *testing.T) {
	for _, tc := range []struct {
		detect  string
		yes, no []string
	}{
		{"starts: ['%ASA-', 'date=']", []string{"%ASA-6: x", "<134>Mar  2 09:15:04 fw date=1", "date="}, []string{"x date=", "", "ate="}},
		{"contains: [a=, b=]", []string{"b=1 a=2", "<13>1 - - - - - - a=1 b=2"}, []string{"a=1", "b="}},
		{"any: [a=, b=]", []string{"a=1", "xb="}, []string{"c=1", ""}},
		{"raw: ['<134>', fw]", []string{"<134>Mar  2 09:15:04 fw x: y"}, []string{"<133>Mar  2 09:15:04 fw x: y"}},
		{"{starts: a, not: [b, c]}", []string{"ad"}, []string{"ab", "ac", "d"}},
		{"app: [sshd, 'postfix/*']", []string{"<13>Mar  2 09:15:04 h sshd[1]: x", "<13>1 2026-03-02T09:15:04Z h postfix/smtpd 1 - - x"}, []string{"<13>Mar  2 09:15:04 h sshdx[1]: x", "sshd", "<13>Mar  2 09:15:04 h postfix: x"}},
		{"cef: ['Acme|Wall', 'Other|*', 'Pre*|P*']", []string{"CEF:0|acme|WALL|1|1|n|1|", "<13>Mar  2 09:15:04 h CEF:0|Other|x|1|1|n|1|a=b", "CEF:0|Prefix|Product|1|1|n|1|"}, []string{"CEF:0|Acme|Gate|1|1|n|1|", "CEF:0|Acme", "LEEF:1.0|Acme|Wall|1|1|", "Acme|Wall"}},
		{"cef: ['*|*']", []string{"CEF:0|acme|WALL|1|1|n|1|", "CEF:0|broken"}, []string{"LEEF:1.0|Acme|Wall|1|1|"}},
		{"leef: ['Acme|Wall']", []string{"LEEF:1.0|Acme|Wall|1|1|a=b", "LEEF:2.0|acme|wall|1|1|^|a=b^c=d"}, []string{"CEF:0|Acme|Wall|1|1|n|1|", "LEEF:1.0|Acme|Gate|1|1|"}},
		{"json: [kind, 'a.b=x|y', '!gone', 'v^=1.']", []string{`{"kind":1,"a":{"b":"y"},"v":"1.2"}`, ` {"v":"1.","a":{"b":"x"},"kind":[]}`, `[{"kind":1,"a":{"b":"y"},"v":"1.2"}]`, `<13>Mar  2 09:15:04 h p: {"kind":1,"a":{"b":"x"},"v":"1.2"}`, `@cee: {"kind":1,"a":{"b":"x"},"v":"1.2"}`},
			[]string{`{"kind":1,"a":{"b":"z"},"v":"1.2"}`, `{"kind":1,"a":{"b":"x"},"v":"2"}`, `{"kind":1,"a":{"b":"x"},"v":"1.","gone":0}`, `{"a":{"b":"x"},"v":"1."}`, `{"kind"`, `"kind"`, `[]`}},
		{"json: ['n=5', 't=true']", []string{`{"n":5,"t":true}`}, []string{`{"n":50,"t":true}`, `{"n":5,"t":false}`}},
		{"xml: ['<Event ', 'schemas.microsoft.com']", []string{`<Event xmlns='http://schemas.microsoft.com/x'/>`, `<13>Mar  2 09:15:04 h x: <Event xmlns='http://schemas.microsoft.com/x'/>`}, []string{`<Event x='y'/>`, `text <Event schemas.microsoft.com`}},
		{"columns: {separator: ',', least: 4, most: 5, 1: [A, B]}", []string{"x,A,y,z", `x,"B",y,z,w`}, []string{"x,A,y", "x,A,y,z,w,v", "x,C,y,z", "A,x,y,z"}},
		{"columns: {separator: '|', 0: [h]}", []string{"h|1", "h"}, []string{"i|1"}},
		{"{starts: x, header: any}", []string{"<13>Mar  2 09:15:04 h x: x"}, []string{"x"}},
		{"{starts: x, header: none}", []string{"x"}, []string{"<13>Mar  2 09:15:04 h p: x"}},
		{"{contains: x, header: bare}", []string{"Mar  2 09:15:04 h p: x", "2026-03-02T09:15:04Z h p[7]: x"}, []string{"<13>Mar  2 09:15:04 h p: x", "x"}},
		{"{contains: x, header: rfc5424}", []string{"<13>1 2026-03-02T09:15:04Z h a - - - x"}, []string{"<13>Mar  2 09:15:04 h p: x", "x"}},
		{"{contains: x, header: rfc3164}", []string{"<13>Mar  2 09:15:04 h p: x"}, []string{"<13>1 2026-03-02T09:15:04Z h a - - - x", "x"}},
		{"pairs: 3", []string{"a=1 b=2 c=3", `a="x y" b=2 c=3`, "words a=1 b=2 c=3"}, []string{"a=1 b=2", "a b c", `a="b=2 c=3 d=4"`}},
		{`regex: '^\d+ [a-z]+$'`, []string{"12 ab"}, []string{"ab 12", "12 AB"}},
		{`{starts: '%', raw_regex: '^<\d+>20\d\d '}`, []string{"<13>2026 Mar  2 09:15:04 h %A: x"}, []string{"<13>Mar  2 2026 09:15:04 h %A: x", "<13>2026 Mar  2 09:15:04 h A: x"}},
	} {
		src := "detect:\n  - " + tc.detect + "\nsteps: []\n"
		set, err := NewSet(compileBody(t, src))
		if err != nil {
			t.Fatal(err)
		}
		parser, err := set.Auto(Options{})
		if err != nil {
			t.Fatal(err)
		}
		auto, ok := parser.Worker().(*Auto)
		if !ok {
			t.Fatal("no Auto")
		}
		for want, lines := range map[int][]string{0: tc.yes, -1: tc.no} {
			for _, l := range lines {
				if got := auto.Detect(&parse.Message{Raw: []byte(l)}); got != want {
					t.Errorf("%s: %s: %d, want %d", tc.detect, l, got, want)
				}
			}
		}
	}
}

// What tells an object tells the first element of an array that split names, of a pack as
// it is compiled and of one that is read for its signatures alone.
func TestDetectWrapped(t *testing.T) {
	const top = "name: acme.api\nvendor: A\nproduct: B\nversion: 1.0.0\n"
	const rest = "\ndetect:\n  - {json: [act, 'kind=x', '!no']}\n  - {json: ['rows[0].old']}\nsteps: [{json: {}, map: {event.action: act}}]\n"
	for split, want := range map[string][]bool{
		"": {false, false, false, false, false},
		"split: {json: [rows, list], envelope: _around}": {true, true, false, false, false},
		"split: {json: [rows], alone: true}":             {false, false, false, false, false},
	} {
		src := top + split + rest
		p, err := Compile("pack.yaml", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := NewSet(p)
		if err != nil {
			t.Fatal(err)
		}
		read, err := NewSet()
		if err != nil {
			t.Fatal(err)
		}
		if err := read.LoadDir(fstest.MapFS{"acme.api/pack.yaml": {Data: []byte(src)}}); err != nil {
			t.Fatal(err)
		}
		for what, set := range map[string]*Set{"compiled": compiled, "read": read} {
			parser, err := set.Auto(Options{})
			if err != nil {
				t.Fatal(err)
			}
			auto, ok := parser.Worker().(*Auto)
			if !ok {
				t.Fatal("no Auto")
			}
			for i, l := range []string{
				`{"n":{},"rows":[{"act":"a","kind":"x"}]}`,
				`{"list":[{"kind":"x","act":"a"},{}]}`,
				`{"rows":[{"act":"a","kind":"y"}]}`,
				`{"rows":[{"act":"a","kind":"x","no":1}]}`,
				`{"rows":{"act":"a","kind":"x"}}`,
			} {
				if got := auto.Detect(&parse.Message{Raw: []byte(l)}) == 0; got != want[i] {
					t.Errorf("%s, %q: %s: %v", what, split, l, got)
				}
			}
			for _, l := range []string{`{"act":"a","kind":"x"}`, `{"rows":[{"old":1}]}`, `[{"act":"a","kind":"x"}]`} {
				if auto.Detect(&parse.Message{Raw: []byte(l)}) != 0 {
					t.Errorf("%s, %q: %s is not found", what, split, l)
				}
			}
		}
	}
}

func TestSet(t *testing.T) {
	file := func(name, more string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("name: " + name + "\n" + more + "vendor: A\nproduct: B\nversion: 1.0.0\nsteps: [{kv: {}, map: {event.action: a}}]\n")}
	}
	files := fstest.MapFS{
		"a.one/pack.yaml":     file("a.one", "aliases: [one, uno]\ndetect: {contains: 'a='}\norder: 60\n"),
		"a.two/pack.yaml":     file("a.two", "detect: {contains: 'b='}\n"),
		"a.three/pack.yaml":   file("a.three", ""),
		"a.bad/pack.yaml":     file("a.bad", "detect: {starts: 'bad'}\nnonsense: 1\n"),
		"a.wrong/pack.yaml":   file("a.other", ""),
		"a.late/pack.yaml":    file("a.late", "aliases:\n  - late\n"),
		"a.empty/README.md":   &fstest.MapFile{},
		"README.md":           &fstest.MapFile{},
		"other/sub/pack.yaml": file("x.y", ""),
	}
	set, err := NewSet()
	if err == nil {
		err = set.LoadDir(files)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(set.Names()); got != "[a.bad a.late a.one a.three a.two a.wrong]" {
		t.Errorf("names %s", got)
	}
	for name, want := range map[string]string{"a.one": "a.one", "uno": "a.one", "one": "a.one", "a.three": "a.three"} {
		if p, err := set.Pack(name); err != nil || p.Name() != want {
			t.Errorf("%s: %v %v", name, p, err)
		}
	}
	for name, want := range map[string]string{
		"a.tow":   `no pack is named "a.tow"; did you mean "a.two"?`,
		"a.bad":   `a.bad/pack.yaml:3:1: key "nonsense" is not known here`,
		"a.wrong": `has the name "a.other"; it must be the folder's name`,
		"a.late":  "must have its aliases on one line",
	} {
		if _, err := set.Pack(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	auto, err := set.Auto(Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := auto.Worker()
	var out parse.Events[parse.Record]
	try := func(raw, hint string) string {
		out.Reset()
		m := &parse.Message{Raw: []byte(raw)}
		if hint != "" {
			m.Origin = &parse.Origin{Hint: hint}
		}
		if err := w.Parse(m, &out); err != nil {
			return errcat.Of(err).String()
		}
		return out.At(0).Pack
	}
	for _, tc := range []struct{ raw, hint, want string }{
		{"a=1", "", "a.one"},
		{"b=1", "", "a.two"},
		{"a=1 b=1", "", "a.two"}, // its order is lower
		{"c=1", "", "UNKNOWN_FORMAT"},
		{"", "", "UNKNOWN_FORMAT"},
		{"c=1", "a.three", "a.three"},
		{"b=1", "uno", "a.one"},
		{"b=1", "nobody", "a.two"},
		{"c=1", "nobody", "UNKNOWN_FORMAT"},
		{"bad=1", "", "INTERNAL"},
		{"a=1", "", "a.one"}, // what came before changes nothing
	} {
		if got := try(tc.raw, tc.hint); got != tc.want {
			t.Errorf("%s, hint %q: %s, want %s", tc.raw, tc.hint, got, tc.want)
		}
	}
	for i := range 2 * maxHints { // a sender cannot fill the memory with hints
		try("a=1", fmt.Sprint("hint", i))
	}
	if q, ok := w.(*Auto); !ok || len(q.hinted) > maxHints {
		t.Error("hints are remembered without a bound")
	}

	p := compileBody(t, "aliases: [one]\nsteps: []\n")
	if err := set.Add(p); err == nil || !strings.Contains(err.Error(), `"one" is taken already`) {
		t.Errorf("a taken alias: %v", err)
	}
	if _, err := NewSet(p, p); err == nil {
		t.Error("one name twice")
	}
	broken, err := NewSet()
	if err != nil {
		t.Fatal(err)
	}
	if err := broken.LoadDir(fstest.MapFS{"a.b/pack.yaml": {Data: []byte("detect: [\n")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := broken.Auto(Options{}); err == nil {
		t.Error("a broken signature passes")
	}
}

// A pack is compiled when it is first used.
func TestLazyCompile(t *testing.T) {
	set, err := NewSet()
	if err != nil {
		t.Fatal(err)
	}
	compiled := 0
	p := compileBody(t, "steps: []\n")
	err = set.add(&entry{name: "a.b", load: func() (*Pack, error) { compiled++; return p, nil },
		signatures: func() (int, []*signature, error) { return 0, []*signature{{prefixes: [][]byte{[]byte("x")}}}, nil }}, []string{"a.b"})
	if err != nil {
		t.Fatal(err)
	}
	auto, err := set.Auto(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out parse.Events[parse.Record]
	for _, raw := range []string{"y", "z"} {
		_ = auto.Worker().Parse(&parse.Message{Raw: []byte(raw)}, &out)
	}
	if compiled != 0 {
		t.Error("a pack that is not needed is compiled")
	}
	for range 3 {
		_ = auto.Worker().Parse(&parse.Message{Raw: []byte("x")}, &out)
	}
	if compiled != 1 {
		t.Errorf("compiled %d times", compiled)
	}
}
