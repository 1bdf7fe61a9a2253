package pack

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// Any bytes are a pack or an error with a place, soon; and a pack that compiles takes any
// message.
func FuzzCompile(f *testing.F) {
	names, err := filepath.Glob("../vendors/*/pack.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		if src, err := os.ReadFile(n); err == nil && len(src) < 6<<10 {
			f.Add(src, `{"a":1}`)
		}
	}
	f.Add([]byte(explainedPack), "<134>Mar  2 09:15:04 fw-7 src=192.0.2.1")
	f.Add([]byte(overlaid), "wall=1")
	f.Add([]byte(identity+"groups: {a: [{use: b}, {use: b}], b: [{use: c}, {use: c}], c: [{set: {a: b}}]}\nsteps: {use: a}\n"), "x")
	f.Add([]byte(identity+"detect: [{cef: '*|*'}, {columns: {1: a}}]\nsplit: {json: [Records]}\nsteps: [{csv: {columns: [a, b]}}]\n"), "a,b")
	f.Fuzz(func(t *testing.T, src []byte, raw string) {
		start := time.Now()
		p, err := Compile("pack.yaml", src)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("compiled for %v", took)
		}
		if err != nil {
			if !IsPackError(err) {
				t.Errorf("an error without a place: %v", err)
			}
			return
		}
		var out parse.Events[parse.Record]
		m := &parse.Message{Raw: []byte(raw)}
		err = p.Parser(Options{Now: testNow}).Worker().Parse(m, &out)
		if err != nil && errcat.Of(err) == errcat.Internal {
			t.Errorf("an error without a category: %v", err)
		}
		list, _ := p.Explain(Options{Now: testNow}, m)
		n := 0
		for _, r := range out.All() {
			n += r.Len()
		}
		if err == nil && len(list) != n {
			t.Errorf("%d fields, %d explanations", n, len(list))
		}
	})
}

// Any expression is a value or an error with a place.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{`a`, `missing ?? a | upper`, `if(n > 3, "many", "few")`, `a in ["x", 1, true]`, `not a == "y" and n == 5`, `"a" | regex("(x)")`,
		`arr | pick("Name", "b")`, `add(big, 1)`, `(((a`, "`odd key`", `$event.kind`, `l[0].x[1]`, `x."a b".c`, `"\\`, `time("x", y)`, `-`, `a|time("2006-01-02", b)|epoch_ms|seconds`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		n, err := parseExpr(expr)
		if err != nil {
			return
		}
		if n == nil {
			t.Fatal("neither a node nor an error")
		}
		for _, c := range []byte(expr) {
			if c < ' ' || c >= 0x7f {
				return // YAML would not hand it over as it is
			}
		}
		if _, err := evaluate(t, expr, exprInput); err != nil && !IsPackError(err) {
			t.Errorf("%q: %v", expr, err)
		}
	})
}

// A message that mayHold says no of would have been split into itself.
func FuzzMayHold(f *testing.F) {
	for _, s := range []string{
		`{"a":[{"b":1}],"Records":[{"c":2},{"d":3}]}`, `{"Records" : [ {"a":"x"} ]}`, "{\"Records\"\n:\t[\r{", `{"Records":[]}`,
		`{"\u0052ecords":[{"a":"x"}]}`, `{"x\"Records":[{}]}`, `{"a":"\\","Records":[{}]}`, `{"a":"\"Records\":[{"}`, `{"":[{}]}`, `{"Records":[[{}]]}`,
	} {
		f.Add(s)
	}
	sp := &splitter{keys: [][]byte{[]byte(`Records"`), []byte(`"`)}, json: json.SplitOptions{Wrappers: []string{"Records", ""}, AnyEnvelope: true, Framed: true}}
	f.Fuzz(func(t *testing.T, s string) {
		raw := bytes.TrimRight(trimSpaceAndBOM([]byte(s)), " \t\r\n")
		if len(raw) == 0 || raw[0] != '{' || sp.mayHold(raw) {
			return
		}
		items := json.AppendItems(nil, raw, &sp.json)
		if len(items) != 1 || items[0].Envelope != nil || items[0].Err != nil || string(items[0].Raw) != string(raw) {
			t.Errorf("%q: %d items", raw, len(items))
		}
	})
}
