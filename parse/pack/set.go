package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

// Set is a collection of packs, found by name or by what a message looks like. Packs
// are compiled when they are first needed; detection needs them all.
//
// Add first, then use: the methods that look things up are safe for concurrent use,
// Add is not.
type Set struct {
	entries []*entry
	byName  map[string]*entry

	once     sync.Once
	detector *detector
	err      error
}

type entry struct {
	name string
	load func() (*Pack, error)
	// signatures returns how the pack is recognised, without compiling it.
	signatures func() (order int, sigs []*signature, err error)
	once       sync.Once
	pack       *Pack
	err        error

	// with compiles the pack with overlays; nil for one that was added compiled.
	with     func(overlays []*Overlay) (*Pack, error)
	overlays []*Overlay
}

// used reports whether the pack is compiled.
func (e *entry) used() bool { return e.pack != nil || e.err != nil }

func (e *entry) get() (*Pack, error) {
	e.once.Do(func() { e.pack, e.err = e.load() })
	return e.pack, e.err
}

// NewSet returns a Set of the given packs.
func NewSet(packs ...*Pack) (*Set, error) {
	s := &Set{byName: map[string]*entry{}}
	for _, p := range packs {
		if err := s.Add(p); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Add adds a compiled pack under its name and aliases. It fails if one is taken.
func (s *Set) Add(p *Pack) error {
	e := &entry{name: p.name, load: func() (*Pack, error) { return p, nil }}
	e.signatures = func() (int, []*signature, error) { return p.order, p.detect, nil }
	return s.add(e, append([]string{p.name}, p.aliases...))
}

func (s *Set) add(e *entry, names []string) error {
	for _, n := range names {
		if _, ok := s.byName[n]; ok {
			return fmt.Errorf("pack: the name %q is taken already", n)
		}
	}
	for _, n := range names {
		s.byName[n] = e
	}
	s.entries = append(s.entries, e)
	return nil
}

// LoadDir adds every pack of files: each folder with a pack.yaml is one, and the pack's
// name must be its folder's name. Packs are compiled when they are first used.
func (s *Set) LoadDir(files fs.FS) error {
	dirs, err := fs.ReadDir(files, ".")
	if err != nil {
		return err
	}
	inc := &included{}
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		dir := d.Name()
		src, err := readLimited(files, dir+"/pack.yaml", yaml.MaxSize)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		aliases := readAliases(src)
		e := &entry{name: dir, with: func(overlays []*Overlay) (*Pack, error) {
			p, err := loadText(src, files, dir, inc, overlays)
			if err == nil && p.name != dir {
				return nil, fmt.Errorf("pack: %s/pack.yaml has the name %q; it must be the folder's name", dir, p.name)
			}
			if err == nil && !slices.Equal(p.aliases, aliases) {
				return nil, fmt.Errorf("pack: %s/pack.yaml must have its aliases on one line at the left margin, as in aliases: [a, b]", dir)
			}
			return p, err
		}}
		e.load = func() (*Pack, error) { return e.with(nil) }
		e.signatures = func() (int, []*signature, error) { return readSignatures(dir+"/pack.yaml", src) }
		if err := s.add(e, append([]string{dir}, aliases...)); err != nil {
			return err
		}
	}
	return nil
}

// readAliases reads the line "aliases: [a, b]" of a pack without compiling it.
func readAliases(src []byte) []string {
	const key = "aliases:"
	list, ok := bytes.CutPrefix(src, []byte(key))
	if !ok {
		if _, list, ok = bytes.Cut(src, []byte("\n"+key)); !ok {
			return nil
		}
	}
	list, _, _ = bytes.Cut(list, []byte("\n"))
	var out []string
	for _, a := range strings.Split(strings.Trim(strings.TrimSpace(string(list)), "[]"), ",") {
		if a = strings.Trim(strings.TrimSpace(a), `"'`); a != "" {
			out = append(out, a)
		}
	}
	return out
}

// readSignatures compiles what detection needs of a pack and nothing else, so that
// detection over many packs starts fast. Top-level keys stand at the left margin.
func readSignatures(name string, src []byte) (order int, sigs []*signature, err error) {
	var part []byte
	keep := false
	for line := range bytes.Lines(src) {
		if c := line[0]; c != ' ' && c != '-' && c != '#' && c != '\n' && c != '\r' {
			keep = bytes.HasPrefix(line, []byte("order:")) || bytes.HasPrefix(line, []byte("detect:")) || bytes.HasPrefix(line, []byte("split:"))
		}
		if keep {
			part = append(part, line...)
		} else {
			part = append(part, '\n') // lines keep their numbers
		}
	}
	if len(bytes.TrimSpace(part)) == 0 {
		return 0, nil, nil
	}
	f, err := yaml.Parse(name, part)
	if err != nil {
		return 0, nil, err
	}
	c := &compiler{file: f, program: &Pack{}}
	order = defaultOrder
	if n := f.Root.Get("order"); n != nil {
		if o, ok := n.Int(); ok {
			order = int(o)
		}
	}
	if n := f.Root.Get("detect"); n != nil {
		if sigs, err = c.signatures(n); err != nil {
			return order, nil, err
		}
	}
	if n := f.Root.Get("split"); n != nil {
		split, err := c.splitOptions(n)
		if err != nil {
			return order, nil, err
		}
		sigs = append(sigs, wrapped(sigs, &split)...)
	}
	return order, sigs, nil
}

// Names are the names of all packs, sorted.
func (s *Set) Names() []string {
	names := make([]string, len(s.entries))
	for i, e := range s.entries {
		names[i] = e.name
	}
	slices.Sort(names)
	return names
}

// Pack returns a pack by name or alias.
func (s *Set) Pack(name string) (*Pack, error) {
	e, ok := s.byName[name]
	if !ok {
		var names []string
		for n := range s.byName {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("pack: no pack is named %q%s", name, didYouMean(name, names))
	}
	return e.get()
}

// Parser returns a Parser for the pack of a name or alias. It is that of Pack.Parser, but for
// a pack that carries other products' messages (relay): those are parsed by their own packs,
// which detection finds in the Set.
func (s *Set) Parser(name string, o Options) (parse.PerWorker[parse.Record], error) {
	p, err := s.Pack(name)
	if err != nil {
		return nil, err
	}
	q := &Parser{pack: p, opts: o}
	if p.relay != nil {
		d, err := s.detect()
		if err != nil {
			return nil, err
		}
		q.auto = &Auto{set: s, detector: d, opts: o}
	}
	return q, nil
}

// Auto returns a Parser that finds the pack of each message by its bytes. A source's
// Hint (parse.Origin) that names a pack is followed. A message that no pack
// recognises is UNKNOWN_FORMAT: nothing is guessed. The answer for a message depends on
// the message and the hint alone, never on what came before it.
//
// What a pack with relay carries is parsed by the pack that recognises it.
func (s *Set) Auto(o Options) (parse.PerWorker[parse.Record], error) {
	d, err := s.detect()
	if err != nil {
		return nil, err
	}
	return &Auto{set: s, detector: d, opts: o}, nil
}

// Auto is the Parser that Set.Auto returns. One goroutine uses it; Worker makes
// another.
type Auto struct {
	set      *Set
	detector *detector
	opts     Options

	view   view
	clock  clock
	states []*state
	hinted map[string]*Parser
	rows   rows

	// For messages that others carry: the Auto that parses them, and of that one how deep it
	// is, the carrier's event and the message that held both.
	inner   *Auto
	depth   int
	message parse.Message
	carrier *parse.Record
	whole   []byte
	trace   *tracer // of Set.Explain, or nil
}

// Worker returns a Parser for another goroutine.
func (a *Auto) Worker() parse.Parser[parse.Record] {
	return &Auto{set: a.set, detector: a.detector, opts: a.opts}
}

// maxHints bounds the hints that a worker remembers.
const maxHints = 256

// Parse adds the events of one message.
func (a *Auto) Parse(m *parse.Message, out *parse.Events[parse.Record]) error {
	if m.Origin != nil && m.Origin.Hint != "" {
		if q := a.hint(m.Origin.Hint); q != nil {
			return q.Parse(m, out)
		}
	}
	if m.Context != nil {
		if ok, err := a.row(m, out); ok {
			return err
		}
	}
	i := a.Detect(m)
	if i < 0 {
		return errcat.New(errcat.UnknownFormat, errcat.StageParse, "no pack recognises the message")
	}
	return a.with(i, m, out)
}

// with parses m, for which Detect gave i.
func (a *Auto) with(i int, m *parse.Message, out *parse.Events[parse.Record]) error {
	if a.states == nil {
		a.states = make([]*state, len(a.detector.packs))
	}
	p, err := a.detector.packs[i].get()
	if err != nil {
		return &errcat.Error{Category: errcat.Internal, Stage: errcat.StageParse, Parser: a.detector.packs[i].name, Err: err}
	}
	if a.states[i] == nil {
		a.states[i] = newState(p, a.opts)
		if p.relay != nil {
			a.states[i].relay = a.relayed
		}
	}
	s := a.states[i]
	s.outer, s.whole, s.trace = a.carrier, a.whole, a.trace
	if a.view.headerRead {
		s.syslogDone, s.syslogHeader, s.syslogBy = true, &a.view.header, &a.view.parser
	}
	return p.parse(s, a.opts, m, out)
}

// Detect returns the number of the pack that recognises m, or -1.
func (a *Auto) Detect(m *parse.Message) int {
	a.clock.set(&a.view.parser.Time, &a.opts, m)
	a.view.reset(m.Raw)
	return a.detector.find(&a.view)
}

// Choose names the pack that Parse would use for m.
func (a *Auto) Choose(m *parse.Message) string {
	if m.Origin != nil && m.Origin.Hint != "" {
		if p, err := a.set.Pack(m.Origin.Hint); err == nil {
			return p.Name()
		}
	}
	if i := a.Detect(m); i >= 0 {
		return a.detector.packs[i].name
	}
	return ""
}

// Pack returns the pack of a number that Detect gave.
func (a *Auto) Pack(i int) (*Pack, error) { return a.detector.packs[i].get() }

func (a *Auto) hint(name string) *Parser {
	q, ok := a.hinted[name]
	if ok || len(a.hinted) >= maxHints {
		return q
	}
	if p, err := a.set.Pack(name); err == nil {
		q = &Parser{pack: p, opts: a.opts, auto: a}
	}
	if a.hinted == nil {
		a.hinted = map[string]*Parser{}
	}
	a.hinted[name] = q
	return q
}
