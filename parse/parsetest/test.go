package parsetest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
)

// Pack runs the suite on a pack. dir is the pack's folder, "." in a test that stands
// beside its pack.yaml.
func Pack(t *testing.T, p *pack.Pack, dir string, o ...Options) *Report {
	t.Helper()
	s, err := packSuite(p, dir, options(o))
	if err != nil {
		t.Fatal(err)
	}
	return runSuite(t, s)
}

// Parser runs the suite, detection excepted, on a Parser in Go; name is for messages.
// It gives the time as the message's Received.
func Parser(t *testing.T, name string, p parse.Parser[parse.Record], dir string, o ...Options) *Report {
	t.Helper()
	s, err := newSuite(name, nil, p, dir, options(o))
	if err != nil {
		t.Fatal(err)
	}
	return runSuite(t, s)
}

// Packs runs the suite on every pack of a folder of packs, with detection among them all.
func Packs(t *testing.T, dir string, o ...Options) {
	t.Helper()
	set, err := pack.NewSet()
	if err == nil {
		err = set.LoadDir(os.DirFS(dir))
	}
	if err != nil {
		t.Fatal(err)
	}
	opts := options(o)
	if opts.Set == nil {
		opts.Set = set
	}
	for _, name := range set.Names() {
		t.Run(name, func(t *testing.T) {
			p, err := set.Pack(name)
			if err != nil {
				t.Fatal(err)
			}
			Pack(t, p, filepath.Join(dir, name), opts)
		})
	}
}

func options(o []Options) Options {
	var opts Options
	if len(o) > 0 {
		opts = o[0]
	}
	opts.Update = opts.Update || updateWanted()
	opts.Short = opts.Short || testing.Short()
	return opts
}

// updateWanted reads the environment, and the test's own flag if it has one.
func updateWanted() bool {
	if os.Getenv("PENSTOCK_UPDATE") == "1" {
		return true
	}
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func runSuite(t *testing.T, s *suite) *Report {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			n, notes := len(s.report.Failures), len(s.report.Notes)
			s.run(c)
			for _, note := range s.report.Notes[notes:] {
				t.Log(note)
			}
			for i, f := range s.report.Failures[n:] {
				if i == 10 {
					t.Errorf("and %d more", len(s.report.Failures)-n-i)
					break
				}
				t.Error(f)
			}
		})
	}
	r := s.report
	allocs := "not measured"
	if r.Allocs >= 0 {
		allocs = fmt.Sprintf("%.2f", r.Allocs)
	}
	t.Logf("%s: %d records, %d events, %d dead letters, allocations an event: %s", s.name, r.Records, r.Events, r.DeadLetters, allocs)
	return r
}

// FuzzPack fuzzes a pack with the records of its folder as seeds: any bytes give strict
// JSON or an error with a category, the same from a fresh worker as from one that has seen
// others, and nothing panics.
//
//	func FuzzPack(f *testing.F) { parsetest.FuzzPack(f, pack, ".") }
func FuzzPack(f *testing.F, p *pack.Pack, dir string) {
	f.Helper()
	parser := p.Parser(pack.Options{Now: func() time.Time { return Now }, Zone: time.UTC})
	FuzzParser(f, parser, dir)
}

// FuzzParser is FuzzPack for a Parser in Go.
func FuzzParser(f *testing.F, p parse.Parser[parse.Record], dir string) {
	f.Helper()
	records, err := Records(os.DirFS(dir))
	if err != nil {
		f.Fatal(err)
	}
	FuzzRecords(f, p, records)
}

// FuzzRecords is FuzzParser with seeds from wherever the caller has them, such as the
// folders of many packs.
func FuzzRecords(f *testing.F, p parse.Parser[parse.Record], records []Record) {
	f.Helper()
	newParser := func() parse.Parser[parse.Record] { return parse.ForWorker(p) }
	seasoned := (&suite{newParser: newParser}).worker()
	for i := range records {
		f.Add(slices.Clone(records[i].Raw))
		seasoned.answer(records[i].Raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := &suite{newParser: newParser, report: &Report{}, check: "fuzz"}
		a := s.worker().answer(raw)
		s.strictAnswer(a, func() string { return "the input" })
		if b := seasoned.answer(raw); !a.equal(b) {
			s.failf("another answer after other records:\n%s", Diff(a.lines, b.lines))
		}
		for _, fault := range s.report.Failures {
			t.Error(fault)
		}
	})
}
