package parsetest_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/parsetest"
)

var _ = flag.Bool("update", false, "write the golden files anew")

func TestPacks(t *testing.T) { parsetest.Packs(t, "testdata/packs") }

func FuzzPack(f *testing.F) {
	p, err := pack.Load(os.DirFS("testdata/packs"), "acme.gate")
	if err != nil {
		f.Fatal(err)
	}
	parsetest.FuzzPack(f, p, "testdata/packs/acme.gate")
}

type record = parse.Record

// good is a Parser without a fault.
func good(m *parse.Message, out *parse.Events[record]) error {
	if len(m.Raw) < 4 {
		return errcat.New(errcat.Truncated, errcat.StageParse, "too short")
	}
	out.Add().Set(ecs.Message, parse.BytesValue(m.Raw))
	return nil
}

// Each parser has one fault, and the suite finds it.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "testdata"), 0o755); err != nil {
		t.Fatal(err)
	}
	samples := filepath.Join(dir, "testdata", "samples.log")
	if err := os.WriteFile(samples, []byte("first record\n\r\n\nsecond record\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	check := func(p parse.ParserFunc[record], o parsetest.Options) *parsetest.Report {
		t.Helper()
		r, err := parsetest.CheckParser("acme", p, dir, o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := check(good, parsetest.Options{}); r.Ok() || !strings.Contains(r.Failures[0], "is missing") {
		t.Errorf("without golden files: %q", r.Failures)
	}
	if r := check(good, parsetest.Options{Update: true}); !r.Ok() || len(r.Updated) != 1 {
		t.Fatalf("update: %q, wrote %q", r.Failures, r.Updated)
	}
	if r := check(good, parsetest.Options{Update: true}); len(r.Updated) != 0 {
		t.Errorf("update writes %q again", r.Updated)
	}
	if r := check(good, parsetest.Options{MaxAllocs: -1}); !r.Ok() || r.Records != 2 || r.Events != 2 {
		t.Fatalf("the good parser: %+v", r)
	}
	calls := 0
	var kept []byte
	for _, tc := range []struct {
		name   string
		parser parse.ParserFunc[record]
		want   []string
	}{
		{"panics on a cut record", func(m *parse.Message, out *parse.Events[record]) error {
			_ = m.Raw[5]
			return good(m, out)
		}, []string{"truncation: samples.log, record 1 cut after", "panics"}},
		{"an error without category", func(m *parse.Message, out *parse.Events[record]) error {
			if len(m.Raw) == 8 {
				return errors.New("lost")
			}
			return good(m, out)
		}, []string{"truncation: ", "cut after 8 bytes", "no category of its own"}},
		{"remembers", func(m *parse.Message, out *parse.Events[record]) error {
			err := good(m, out)
			if err == nil && string(kept) != string(m.Raw) {
				out.At(0).Set(ecs.EventAction, parse.BytesValue(append([]byte("after "), kept...)))
			}
			kept = append([]byte(nil), m.Raw...)
			return err
		}, []string{"determinism: ", "another answer", "event.action"}},
		{"keeps the message's bytes", func(m *parse.Message, out *parse.Events[record]) error {
			if len(m.Raw) == 12 {
				kept = m.Raw
			}
			err := good(m, out)
			if err == nil && kept != nil && kept[0] == '#' {
				out.At(0).SetString(ecs.EventAction, string(kept))
			}
			return err
		}, []string{"aliasing: "}},
		{"another field", func(m *parse.Message, out *parse.Events[record]) error {
			err := good(m, out)
			if err == nil {
				out.At(0).SetConst(ecs.EventKind, "event")
			}
			return err
		}, []string{"golden: ", `+ event.kind: "event"`, "line 2"}},
		{"one event more", func(m *parse.Message, out *parse.Events[record]) error {
			err := good(m, out)
			if err == nil && m.Raw[0] == 's' {
				out.Add().SetConst(ecs.EventKind, "event")
			}
			return err
		}, []string{"golden: ", `line 3 is new: {"event":{"kind":"event"}}`}},
		{"allocates", func(m *parse.Message, out *parse.Events[record]) error {
			for range 5 {
				kept = make([]byte, 8+calls%8)
				calls++
			}
			return good(m, out)
		}, []string{"allocations: 5.00"}},
	} {
		kept = nil
		r := check(tc.parser, parsetest.Options{})
		all := strings.Join(r.Failures, "\n")
		for _, w := range tc.want {
			if !strings.Contains(all, w) && !(w == "allocations: 5.00" && r.Allocs < 0) {
				t.Errorf("%s: %q is not among the failures:\n%s", tc.name, w, all)
			}
		}
	}
	if err := os.Remove(samples); err != nil {
		t.Fatal(err)
	}
	if _, err := parsetest.CheckParser("acme", parse.ParserFunc[record](good), dir, parsetest.Options{}); err == nil || !strings.Contains(err.Error(), "no samples") {
		t.Errorf("without samples: %v", err)
	}
}

func TestDetection(t *testing.T) {
	load := func(name, detect string) *pack.Pack {
		p, err := pack.Compile("pack.yaml", []byte("name: "+name+"\nvendor: A\nproduct: B\nversion: 1.0.0\n"+detect+"steps:\n  - kv: {}\n    map: {source.ip: src, event.action: action}\n"))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	gate, other := load("acme.gate", "order: 60\ndetect: [{contains: ['src=']}]\n"), load("acme.other", "detect: [{contains: [south]}]\n")
	set, err := pack.NewSet(gate, other)
	if err != nil {
		t.Fatal(err)
	}
	r, err := parsetest.Check(gate, "testdata/packs/acme.gate", parsetest.Options{Set: set})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failures) != 1 || !strings.Contains(r.Failures[0], "detection: samples.log, record 2: detection finds acme.other") {
		t.Errorf("failures: %q", r.Failures)
	}
	if r, err = parsetest.Check(gate, "testdata/packs/acme.gate", parsetest.Options{Set: set, Ties: []string{"acme.other"}}); err != nil || !r.Ok() {
		t.Errorf("with the tie: %v %v", r, err)
	}
	if r, err = parsetest.Check(gate, "testdata/packs/acme.gate", parsetest.Options{Against: "testdata/packs/none"}); err != nil || len(r.Notes) != 2 {
		t.Errorf("against nothing: %v %v", r, err)
	}
}

func TestDiff(t *testing.T) {
	lines := func(s string) [][]byte {
		var out [][]byte
		for l := range strings.SplitSeq(s, "|") {
			if l != "" {
				out = append(out, []byte(l))
			}
		}
		return out
	}
	for _, tc := range []struct{ want, got, diff string }{
		{"", "", ""},
		{`{"a":1}|{"a":2}`, `{"a":1}|{"a":2}`, ""},
		{`{"a":1}|{"a":2}`, `{"a":1}|{"a":{"b":2}}`, "line 2:\n  - a: 2\n  + a.b: 2\n"},
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, "line 1:\n  the same fields in another order\n"},
		{`{"a":1}|{"a":2}|{"a":3}`, `{"a":1}|{"a":3}`, "line 2 is gone: {\"a\":2}\n"},
		{`{"a":1}|{"a":3}`, `{"a":0}|{"a":1}|{"a":3}`, "line 1 is new: {\"a\":0}\n"},
		{`{"a":1}|x`, `{"a":1}|{"a":3}`, "line 2:\n  - x\n  + {\"a\":3}\n"},
	} {
		if d := parsetest.Diff(lines(tc.want), lines(tc.got)); d != tc.diff {
			t.Errorf("%s, %s: %q, want %q", tc.want, tc.got, d, tc.diff)
		}
	}
}
