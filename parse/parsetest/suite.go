package parsetest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
)

// Now is the time by which the suite reads times without a year; the zone is UTC.
var Now = time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)

// DefaultMaxAllocs is how many allocations an event may cost where Options do not say.
const DefaultMaxAllocs = 2.0

// Options change what the suite asks for. The zero Options ask for everything that needs
// no more than the pack and its folder.
type Options struct {
	// Set holds the packs among which detection must find the pack by each of its
	// samples. Default: detection is not tried.
	Set *pack.Set
	// Ties are packs that detection may find instead, because their products write the
	// same bytes and a documented rule decides.
	Ties []string
	// MaxAllocs is how many allocations an event may cost on average, once all records
	// have been seen. Default: DefaultMaxAllocs; negative: none at all.
	MaxAllocs float64
	// Skip names checks that are not made: strict, golden, determinism, aliasing,
	// truncation, allocations, detection or explain.
	Skip []string
	// Short tries fewer cuts of each record.
	Short bool
	// Update writes the golden files anew instead of comparing with them.
	Update bool
	// Against is a folder with another version of the pack: how its golden lines differ
	// from today's answers is noted, and is no failure.
	Against string
}

// Report is what the suite found.
type Report struct {
	Records, Events, DeadLetters int
	// Allocs is the number of allocations an event in steady state; negative where it was
	// not measured.
	Allocs float64
	// Failures say what is wrong, each with the check that found it in front.
	Failures []string
	// Notes say what is worth knowing.
	Notes []string
	// Updated are the golden files that were written.
	Updated []string
}

// Ok reports whether nothing is wrong.
func (r *Report) Ok() bool { return len(r.Failures) == 0 }

// suite is a parser under test with its records.
type suite struct {
	name      string
	pack      *pack.Pack // nil for a Parser in Go
	newParser func() parse.Parser[parse.Record]
	dir       string
	opts      Options
	records   []Record
	answers   []*answer // to records
	report    *Report
	check     string // under way
}

func (s *suite) failf(format string, args ...any) {
	s.report.Failures = append(s.report.Failures, s.check+": "+fmt.Sprintf(format, args...))
}

func (s *suite) notef(format string, args ...any) {
	s.report.Notes = append(s.report.Notes, fmt.Sprintf(format, args...))
}

type check struct {
	name string
	run  func(s *suite)
}

// checks are the parts of the suite in their order.
var checks = []check{
	{"strict", (*suite).strict},
	{"golden", (*suite).golden},
	{"determinism", (*suite).determinism},
	{"aliasing", (*suite).aliasing},
	{"truncation", (*suite).truncation},
	{"allocations", (*suite).allocations},
	{"detection", (*suite).detection},
	{"explain", (*suite).explain},
}

// Check runs the suite on a pack without package testing. dir is the pack's folder. The
// error is for a folder that cannot be read; what the suite finds is in the Report.
func Check(p *pack.Pack, dir string, o Options) (*Report, error) {
	s, err := packSuite(p, dir, o)
	if err != nil {
		return nil, err
	}
	return s.all(), nil
}

// CheckParser is Check for a Parser in Go; name is for messages. Detection is not tried.
func CheckParser(name string, p parse.Parser[parse.Record], dir string, o Options) (*Report, error) {
	s, err := newSuite(name, nil, p, dir, o)
	if err != nil {
		return nil, err
	}
	return s.all(), nil
}

func (s *suite) all() *Report {
	for _, c := range checks {
		s.run(c)
	}
	return s.report
}

func (s *suite) run(c check) {
	if slices.Contains(s.opts.Skip, c.name) {
		return
	}
	s.check = c.name
	c.run(s)
}

func packSuite(p *pack.Pack, dir string, o Options) (*suite, error) {
	parser := p.Parser(pack.Options{Now: func() time.Time { return Now }, Zone: time.UTC})
	return newSuite(p.Name(), p, parser, dir, o)
}

func newSuite(name string, p *pack.Pack, parser parse.Parser[parse.Record], dir string, o Options) (*suite, error) {
	records, err := Records(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(records, func(r Record) bool { return !r.hostile() }) {
		return nil, fmt.Errorf("%s has no samples: put records into %s, one a line", name, filepath.Join(dir, "testdata", "samples.log"))
	}
	s := &suite{
		name: name, pack: p, dir: dir, opts: o, records: records,
		newParser: func() parse.Parser[parse.Record] { return parse.ForWorker(parser) },
		report:    &Report{Records: len(records), Allocs: -1},
	}
	w := s.worker()
	for i := range records {
		a := w.answer(records[i].Raw)
		s.answers = append(s.answers, a)
		s.report.Events += a.events
		s.report.DeadLetters += len(a.lines) - a.events
	}
	return s, nil
}

// strict: every answer is an event or an error with a category, written as strict JSON.
func (s *suite) strict() {
	for i, a := range s.answers {
		s.strictAnswer(a, s.records[i].String)
	}
}

func (s *suite) strictAnswer(a *answer, what func() string) {
	if a.failed != nil {
		switch c := errcat.Of(a.failed); c {
		case errcat.ParserPanic:
			s.failf("%s: the parser panics: %v", what(), a.failed)
		case errcat.Internal:
			s.failf("%s: the error has no category of its own: %v", what(), a.failed)
		}
	}
	for _, line := range a.lines {
		if err := strictJSON(line); err != nil {
			s.failf("%s: %v: %s", what(), err, short(line))
		}
	}
}

// golden: the answers are those of the golden files.
func (s *suite) golden() {
	lines := map[string][][]byte{}
	var files []string
	for i, a := range s.answers {
		f := s.records[i].File
		if _, ok := lines[f]; !ok {
			files = append(files, f)
		}
		lines[f] = append(lines[f], a.lines...)
	}
	for _, f := range files {
		name := filepath.Join(s.dir, "testdata", goldenName(f))
		got := lines[f]
		if s.opts.Against != "" {
			old, err := os.ReadFile(filepath.Join(s.opts.Against, "testdata", goldenName(f)))
			if err != nil {
				s.notef("%s: nothing to compare with: %v", f, err)
			} else if d := Diff(splitLines(old), got); d != "" {
				s.notef("%s differs from %s:\n%s", f, s.opts.Against, d)
			}
		}
		old, err := os.ReadFile(name)
		if s.opts.Update {
			text := append(bytes.Join(got, []byte{'\n'}), '\n')
			if err == nil && bytes.Equal(old, text) {
				continue
			}
			if err := os.WriteFile(name, text, 0o644); err != nil {
				s.failf("%v", err)
				continue
			}
			s.report.Updated = append(s.report.Updated, name)
			continue
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			s.failf("%s is missing: PENSTOCK_UPDATE=1 writes it", name)
		case err != nil:
			s.failf("%v", err)
		default:
			if d := Diff(splitLines(old), got); d != "" {
				s.failf("%s: other answers than before (PENSTOCK_UPDATE=1 takes them over):\n%s", name, d)
			}
		}
	}
}

func splitLines(data []byte) [][]byte {
	var out [][]byte
	for line := range bytes.SplitSeq(data, []byte{'\n'}) {
		if line = bytes.TrimSuffix(line, []byte{'\r'}); len(line) > 0 {
			out = append(out, line)
		}
	}
	return out
}

// determinism: an answer does not depend on what the worker saw before.
func (s *suite) determinism() {
	again := s.worker()
	for range 2 { // parsers learn from what they have seen
		for i := len(s.records) - 1; i >= 0; i-- {
			if a := again.answer(s.records[i].Raw); !a.equal(s.answers[i]) {
				s.failf("%s: another answer after other records:\n%s", &s.records[i], Diff(s.answers[i].lines, a.lines))
			}
		}
	}
	for i := range s.records {
		if a := s.worker().answer(s.records[i].Raw); !a.equal(s.answers[i]) {
			s.failf("%s: another answer from a fresh worker:\n%s", &s.records[i], Diff(s.answers[i].lines, a.lines))
		}
	}
}

// aliasing: a clone shares nothing with the record's memory, and the parser keeps nothing
// of it.
func (s *suite) aliasing() {
	w := s.worker()
	var buf []byte
	for i := range s.records {
		buf = append(buf[:0], s.records[i].Raw...)
		if w.parse(buf) != nil || w.events.Len() == 0 {
			continue
		}
		clones := make([]*parse.Record, w.events.Len())
		for k, r := range w.events.All() {
			clones[k] = r.Clone()
		}
		rejected := slices.Clone(w.events.Rejected())
		for k := range rejected {
			rejected[k].Raw = bytes.Clone(rejected[k].Raw)
		}
		for k := range buf {
			buf[k] = '#'
		}
		// What the parser remembers must not lie in the buffer. This uses the memory of
		// the events again, too.
		next := (i + 1) % len(s.records)
		if a := w.answer(s.records[next].Raw); !a.equal(s.answers[next]) {
			s.failf("%s: another answer once the memory of the record before is overwritten:\n%s", &s.records[next], Diff(s.answers[next].lines, a.lines))
		}
		if a := w.encode(clones, rejected); !a.equal(s.answers[i]) {
			s.failf("%s: a clone changes with the memory of its message:\n%s", &s.records[i], Diff(s.answers[i].lines, a.lines))
		}
		buf = append(buf[:0], s.records[i].Raw...)
		if a := w.answer(buf); !a.equal(s.answers[i]) {
			s.failf("%s: another answer from a buffer that is used again:\n%s", &s.records[i], Diff(s.answers[i].lines, a.lines))
		}
	}
}

// cuts are the lengths at which a record of n bytes is cut: all of a short one, the
// beginning, the end and a sample of a long one.
func cuts(n int, short bool) []int {
	head, tail, most := 256, 64, 512
	if short {
		head, tail, most = 48, 16, 96
	}
	var out []int
	for i := 0; i < min(n, head); i++ {
		out = append(out, i)
	}
	step := max(1, (n-head-tail)/max(1, most-head-tail))
	for i := head; i < n-tail; i += step {
		out = append(out, i)
	}
	for i := max(head, n-tail); i < n; i++ {
		out = append(out, i)
	}
	return out
}

// truncation: a record cut anywhere gives an event or an error with a category.
func (s *suite) truncation() {
	w := s.worker()
	number := 0
	for i := range s.records {
		raw := s.records[i].Raw
		failures := len(s.report.Failures)
		for _, n := range cuts(len(raw), s.opts.Short) {
			a := w.answer(slices.Clip(raw[:n]))
			if number++; number%8 != 0 { // the strict reader costs more than the parser
				if a.failed == nil {
					continue
				}
				if c := errcat.Of(a.failed); c != errcat.ParserPanic && c != errcat.Internal {
					continue
				}
			}
			s.strictAnswer(a, func() string { return fmt.Sprintf("%s cut after %d bytes", &s.records[i], n) })
			if len(s.report.Failures) > failures {
				break // the next byte says the same
			}
		}
	}
}

// allocations: a worker that has seen all records allocates little.
func (s *suite) allocations() {
	if racing {
		return
	}
	w := s.worker()
	var good [][]byte
	events := 0
	for i := range s.records {
		if a := s.answers[i]; a.failed == nil && a.events == len(a.lines) && a.events > 0 && !s.records[i].hostile() {
			good = append(good, s.records[i].Raw)
			events += a.events
		}
	}
	if events == 0 {
		return
	}
	for range 10 { // layouts of records are learned over some rounds
		for _, raw := range good {
			_ = w.parse(raw)
		}
	}
	rounds := 1 + 200/len(good)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		for _, raw := range good {
			_ = w.parse(raw)
		}
	}
	runtime.ReadMemStats(&after)
	s.report.Allocs = float64(after.Mallocs-before.Mallocs) / float64(rounds*events)
	limit := s.opts.MaxAllocs
	switch {
	case limit == 0:
		limit = DefaultMaxAllocs
	case limit < 0:
		limit = 0.01 // the runtime's own
	}
	if s.report.Allocs > limit {
		s.failf("%.2f allocations an event, more than %.2f", s.report.Allocs, limit)
	}
}

// detection: the pack is found by each of its samples.
func (s *suite) detection() {
	if s.opts.Set == nil || s.pack == nil {
		return
	}
	if !s.pack.Detectable() {
		s.notef("the pack has no detect and is found by name alone")
		return
	}
	parser, err := s.opts.Set.Auto(pack.Options{})
	if err != nil {
		s.failf("%v", err)
		return
	}
	auto, ok := parser.Worker().(*pack.Auto)
	if !ok {
		s.failf("the Set's parser cannot tell what it detects")
		return
	}
	for i := range s.records {
		if s.records[i].hostile() || s.records[i].named() || s.answers[i].events == 0 {
			continue
		}
		found := "no pack"
		if n := auto.Detect(&parse.Message{Raw: s.records[i].Raw}); n >= 0 {
			p, err := auto.Pack(n)
			if err != nil {
				s.failf("%v", err)
				return
			}
			found = p.Name()
		}
		if found != s.name && !slices.Contains(s.opts.Ties, found) {
			s.failf("%s: detection finds %s: %s", &s.records[i], found, strings.ToValidUTF8(short(s.records[i].Raw), "?"))
		}
	}
}

// explain: the explanation of a record tells of every field of its events, as they are.
func (s *suite) explain() {
	if s.pack == nil {
		return
	}
	o := pack.Options{Now: func() time.Time { return Now }, Zone: time.UTC}
	w := s.worker()
	for i := range s.records {
		if err := w.parse(s.records[i].Raw); err != nil {
			continue
		}
		list, _ := s.pack.Explain(o, &parse.Message{Raw: s.records[i].Raw, Received: Now})
		for n, r := range w.events.All() {
			want := r.Len()
			for len(list) > 0 && list[0].Event == n {
				e := list[0]
				list = list[1:]
				want--
				for _, f := range e.From {
					if f.Offset < 0 || f.Offset+f.Length > len(s.records[i].Raw) {
						s.failf("%s: %s lies outside of the message", &s.records[i], e.String())
					}
				}
				if k, ok := r.Lookup(e.Field); ok && r.Has(k) && r.Get(k).Kind() != parse.KindList && r.Get(k).String() != e.Value {
					s.failf("%s: %s is explained as %q and is %q", &s.records[i], e.Field, e.Value, r.Get(k).String())
				}
			}
			if want != 0 {
				s.failf("%s: %d fields more than explanations", &s.records[i], want)
			}
		}
	}
}
