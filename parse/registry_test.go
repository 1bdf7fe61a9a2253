package parse_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// named is a parser that answers with its name.
func named(name string) parse.Parser[string] {
	return parse.ParserFunc[string](func(_ *parse.Message, out *parse.Events[string]) error {
		*out.Add() = name
		return nil
	})
}

func starts(prefix string) parse.Detector {
	return parse.DetectorFunc(func(m *parse.Message) bool { return bytes.HasPrefix(m.Raw, []byte(prefix)) })
}

// words answers with the first word, as a worker of its own.
type words struct {
	known   []string
	workers *int
	busy    bool
}

func (w *words) Worker() parse.MultiDetector {
	*w.workers++
	return &words{known: w.known, workers: w.workers}
}

func (w *words) Detect(m *parse.Message) (string, bool) {
	if w.busy {
		panic("used by two workers")
	}
	w.busy = true
	defer func() { w.busy = false }()
	word, _, _ := bytes.Cut(m.Raw, []byte(" "))
	for _, k := range w.known {
		if k == string(word) {
			return k, true
		}
	}
	return "", false
}

func answer(p parse.Parser[string], raw, hint string) string {
	var out parse.Events[string]
	m := &parse.Message{Raw: []byte(raw)}
	if hint != "" {
		m.Origin = &parse.Origin{Hint: hint}
	}
	if err := p.Parse(m, &out); err != nil {
		return errcat.Of(err).String()
	}
	return *out.At(0)
}

func TestRegistryErrors(t *testing.T) {
	var r parse.Registry[string]
	if err := r.Register("a", named("a"), parse.RegisterOptions{Aliases: []string{"b"}}); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"a name twice":            r.Register("a", named("x"), parse.RegisterOptions{}),
		"an alias as a name":      r.Register("b", named("x"), parse.RegisterOptions{}),
		"a name as an alias":      r.Register("c", named("x"), parse.RegisterOptions{Aliases: []string{"d", "a"}}),
		"an alias twice":          r.Register("c", named("x"), parse.RegisterOptions{Aliases: []string{"d", "d"}}),
		"its own name as alias":   r.Register("c", named("x"), parse.RegisterOptions{Aliases: []string{"c"}}),
		"an empty name":           r.Register("", named("x"), parse.RegisterOptions{}),
		"an empty alias":          r.Register("c", named("x"), parse.RegisterOptions{Aliases: []string{""}}),
		"a long name":             r.Register(strings.Repeat("c", 1000), named("x"), parse.RegisterOptions{}),
		"no parser":               r.Register("c", nil, parse.RegisterOptions{}),
		"a detector that is none": r.RegisterDetector(nil, 0),
	} {
		if err == nil {
			t.Errorf("%s is no error", what)
		}
	}
	if got := r.Names(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("names after failures are %q", got)
	}
	if _, ok := r.Lookup("d"); ok {
		t.Error("a failed Register left an alias behind")
	}
	defer func() {
		if recover() == nil {
			t.Error("MustRegister of a taken name does not panic")
		}
	}()
	r.MustRegister("a", named("x"), parse.RegisterOptions{})
}

func TestRegistryAuto(t *testing.T) {
	var r parse.Registry[string]
	if got := answer(r.Auto(), "x", "x"); got != "UNKNOWN_FORMAT" {
		t.Errorf("an empty registry answers %s", got)
	}
	r.MustRegister("late", named("late"), parse.RegisterOptions{Detector: starts("a"), Order: 90})
	r.MustRegister("first", named("first"), parse.RegisterOptions{Detector: starts("ab"), Order: -1, Aliases: []string{"alias"}})
	r.MustRegister("second", named("second"), parse.RegisterOptions{Detector: starts("ab")})
	r.MustRegister("hidden", named("hidden"), parse.RegisterOptions{})
	r.MustRegister("apple", named("apple"), parse.RegisterOptions{})
	workers := 0
	if err := r.RegisterDetector(&words{known: []string{"apple", "hidden", "ghost"}, workers: &workers}, 50); err != nil {
		t.Fatal(err)
	}
	auto := r.Auto()
	r.MustRegister("after", named("after"), parse.RegisterOptions{Detector: starts("z")})
	for range 2 { // the second time with whatever was remembered
		for _, tc := range []struct{ raw, hint, want string }{
			{"abc", "", "first"},
			{"ac", "", "late"},
			{"apple pie", "", "apple"},
			{"hidden words", "", "hidden"},
			{"hidden words", "", "hidden"},
			{"apple pie", "alias", "first"},
			{"", "hidden", "hidden"},
			{"abc", "no such parser", "first"},
			{"ghost", "", "INTERNAL"},
			{"zebra", "", "UNKNOWN_FORMAT"},
			{"", "", "UNKNOWN_FORMAT"},
			{"\x00\xff", "", "UNKNOWN_FORMAT"},
		} {
			if got := answer(auto, tc.raw, tc.hint); got != tc.want {
				t.Errorf("%q with hint %q: %s, want %s", tc.raw, tc.hint, got, tc.want)
			}
		}
	}
	if got := answer(r.Auto(), "zebra", ""); got != "after" {
		t.Errorf("a new Auto answers %s, want the parser registered after the first", got)
	}
	parse.ForWorker(auto)
	if workers != 3 {
		t.Errorf("the detector's Worker was called %d times, want once for each worker", workers)
	}
}

// What a message is does not depend on what came before it, of its source or of others.
func TestRegistryAutoForgetsFormats(t *testing.T) {
	var r parse.Registry[string]
	r.MustRegister("a", named("a"), parse.RegisterOptions{Detector: starts("x1"), Order: 1})
	r.MustRegister("b", named("b"), parse.RegisterOptions{Detector: starts("x"), Order: 2})
	origins := []*parse.Origin{nil, {Source: "s"}, {Source: "s", Hint: "b"}, {Source: "t", Hint: "a"}, {Hint: "?"}}
	raws := []string{"x1", "x2", "y", "x1", "", "x2"}
	auto := r.Auto()
	var out parse.Events[string]
	for i := range 500 {
		m := &parse.Message{Raw: []byte(raws[i*7%len(raws)]), Origin: origins[i*3%len(origins)]}
		out.Reset()
		err := auto.Parse(m, &out)
		var fresh parse.Events[string]
		want := r.Auto().Parse(m, &fresh)
		if errcat.Of(err) != errcat.Of(want) || (err == nil && *out.At(0) != *fresh.At(0)) {
			t.Fatalf("message %d %q differs from what a new parser says", i, m.Raw)
		}
	}
}

func TestRegistryConcurrent(t *testing.T) {
	var r parse.Registry[string]
	workers := 0
	r.MustRegister("apple", named("apple"), parse.RegisterOptions{})
	if err := r.RegisterDetector(&words{known: []string{"apple"}, workers: &workers}, 0); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		p := parse.ForWorker(r.Auto())
		wg.Go(func() {
			for j := range 200 {
				if got := answer(p, "apple", ""); got != "apple" {
					t.Error(got)
				}
				if _, ok := r.Lookup("apple"); !ok {
					t.Error("apple is lost")
				}
				if err := r.Register(fmt.Sprint(i, " ", j), named(""), parse.RegisterOptions{Detector: starts("q")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(r.Names()); n != 801 {
		t.Errorf("%d names, want 801", n)
	}
}

func TestRegistryAllocations(t *testing.T) {
	var r parse.Registry[plainEvent]
	r.MustRegister("p", parse.ParserFunc[plainEvent](func(_ *parse.Message, out *parse.Events[plainEvent]) error {
		out.Add()
		return nil
	}), parse.RegisterOptions{Detector: starts("p")})
	auto := r.Auto()
	var out parse.Events[plainEvent]
	m := &parse.Message{Raw: []byte("p"), Origin: &parse.Origin{Hint: "other"}}
	if n := testing.AllocsPerRun(100, func() {
		out.Reset()
		if err := auto.Parse(m, &out); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for each message, want none", n)
	}
	if err := auto.Parse(&parse.Message{Raw: []byte("?")}, &out); !errors.Is(err, errcat.UnknownFormat) {
		t.Errorf("unknown bytes answer %v", err)
	}
}
