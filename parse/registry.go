package parse

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/errcat"
)

// Detector tells whether a message is one for the parser that it is registered with. It
// looks at the bytes, not at who sent them, answers the same for equal bytes, and says
// false where it is not sure. It is safe for concurrent use, must not keep m or change
// it, and should look at a bounded part of m.Raw.
type Detector interface {
	Detect(m *Message) bool
}

// DetectorFunc is a Detector made of a function.
type DetectorFunc func(m *Message) bool

// Detect calls f.
func (f DetectorFunc) Detect(m *Message) bool { return f(m) }

// MultiDetector answers for several parsers at once: with the name of one, or with false
// where it is not sure. A collection that compiles the tests of all its parsers into one
// structure has one. What Detector asks for holds here too, but for concurrent use: one
// that is not safe for it has a method Worker (see MultiDetectorPerWorker).
type MultiDetector interface {
	Detect(m *Message) (name string, ok bool)
}

// MultiDetectorPerWorker is an optional interface of a MultiDetector that keeps memory
// between messages: each worker calls Worker once and uses what it returned alone.
type MultiDetectorPerWorker interface {
	MultiDetector
	Worker() MultiDetector
}

// RegisterOptions say how a parser is found. The zero RegisterOptions: by its name only.
type RegisterOptions struct {
	// Aliases are other names of the parser.
	Aliases []string
	// Detector recognises the parser's messages. Without one it is found by name or
	// hint only, unless a MultiDetector names it.
	Detector Detector
	// Order says who is asked first: the detector with the lowest number, among equal
	// numbers the one that was registered first. A detector that more messages satisfy
	// gets a higher number. Any number is allowed. Default: 0.
	Order int
}

// Registry finds parsers by name, and for Auto by what a message looks like. The zero
// Registry is empty and ready. It is safe for concurrent use, but parsers registered
// after a call of Auto are not seen by what that call returned.
type Registry[T any] struct {
	mu        sync.RWMutex
	names     []string // without aliases, sorted
	parsers   []Parser[T]
	byName    map[string]int // to parsers; aliases too
	detectors []detectorEntry
}

type detectorEntry struct {
	order  int
	parser int // of single
	single Detector
	multi  MultiDetector
}

// MaxParserName is the longest name or alias, in bytes, that a Registry takes.
const MaxParserName = 256

// Register adds a parser under a name and aliases. It fails, and adds nothing, if one of
// them is empty, too long or taken, or p is nil.
func (r *Registry[T]) Register(name string, p Parser[T], opts RegisterOptions) error {
	if p == nil {
		return fmt.Errorf("parse: parser %q is nil", name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	all := append([]string{name}, opts.Aliases...)
	for i, n := range all {
		switch _, taken := r.byName[n]; {
		case n == "":
			return fmt.Errorf("parse: a parser's name or alias is empty (parser %q)", name)
		case len(n) > MaxParserName:
			return fmt.Errorf("parse: the name %q… has %d bytes, more than %d", n[:64], len(n), MaxParserName)
		case taken || slices.Contains(all[:i], n):
			return fmt.Errorf("parse: the name %q is taken already", n)
		}
	}
	if r.byName == nil {
		r.byName = map[string]int{}
	}
	for _, n := range all {
		r.byName[n] = len(r.parsers)
	}
	if opts.Detector != nil {
		r.addDetector(detectorEntry{order: opts.Order, parser: len(r.parsers), single: opts.Detector})
	}
	r.parsers = append(r.parsers, p)
	at, _ := slices.BinarySearch(r.names, name)
	r.names = slices.Insert(r.names, at, name)
	return nil
}

// MustRegister is Register for names that a program has in its source: it panics where
// Register fails.
func (r *Registry[T]) MustRegister(name string, p Parser[T], opts RegisterOptions) {
	if err := r.Register(name, p, opts); err != nil {
		panic(err)
	}
}

// RegisterDetector adds a detector that answers with names or aliases of parsers, which
// must be registered before Auto is called. For order see RegisterOptions.
func (r *Registry[T]) RegisterDetector(d MultiDetector, order int) error {
	if d == nil {
		return fmt.Errorf("parse: the detector is nil")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addDetector(detectorEntry{order: order, multi: d})
	return nil
}

// addDetector keeps the detectors in the order in which they are asked. The slice is
// never changed in place: Auto holds earlier ones.
func (r *Registry[T]) addDetector(d detectorEntry) {
	r.detectors = append(slices.Clip(r.detectors), d)
	slices.SortStableFunc(r.detectors, func(a, b detectorEntry) int { return cmp.Compare(a.order, b.order) })
}

// Lookup returns a parser by its name or an alias. The match is exact.
func (r *Registry[T]) Lookup(name string) (Parser[T], bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	i, ok := r.byName[name]
	if !ok {
		return nil, false
	}
	return r.parsers[i], true
}

// Names are the names of the parsers without their aliases, sorted. The slice is the
// caller's.
func (r *Registry[T]) Names() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Clone(r.names)
}

// Auto returns a Parser that finds the parser of each message: the one that the source's
// hint (Origin.Hint) names, else the one whose detector recognises the bytes, lowest
// order first. A hint that names no parser is ignored. A message that nobody
// recognises is UNKNOWN_FORMAT: nothing is guessed.
//
// The answer depends on the message's bytes and the hint alone. What a worker remembers
// of a source is which parser its hint names; it does not remember formats, because to
// prove that an earlier detector would not have claimed this message too costs as much
// as to ask them all.
//
// The result is a PerWorker, made of the parsers that are registered now.
func (r *Registry[T]) Auto() Parser[T] {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a := &auto[T]{parsers: slices.Clone(r.parsers), byName: maps.Clone(r.byName), names: make([]string, len(r.parsers)), detectors: r.detectors}
	for _, name := range r.names {
		a.names[a.byName[name]] = name
	}
	return a.Worker()
}

// auto is the Parser that Registry.Auto returns.
type auto[T any] struct {
	parsers   []Parser[T] // of the registry; shared and constant
	byName    map[string]int
	names     []string // of parsers
	detectors []detectorEntry

	own    []Parser[T]     // for this worker, made at first use
	multi  []MultiDetector // for this worker, as detectors
	origin *Origin         // the last one that had a hint, and
	hinted int             // the parser that it names, or -1
	named  string          // the last answer of a MultiDetector, and
	number int             // its parser
}

// Worker returns a Parser for another goroutine.
func (a *auto[T]) Worker() Parser[T] {
	w := &auto[T]{parsers: a.parsers, byName: a.byName, names: a.names, detectors: a.detectors,
		own: make([]Parser[T], len(a.parsers)), multi: make([]MultiDetector, len(a.detectors))}
	for i := range w.detectors {
		w.multi[i] = w.detectors[i].multi
		if p, ok := w.multi[i].(MultiDetectorPerWorker); ok {
			w.multi[i] = p.Worker()
		}
	}
	return w
}

// Parse adds the events of one message.
func (a *auto[T]) Parse(m *Message, out *Events[T]) error {
	i, err := a.find(m)
	if err != nil {
		return err
	}
	p := a.own[i]
	if p == nil {
		p = ForWorker(a.parsers[i])
		a.own[i] = p
	}
	return p.Parse(m, out)
}

// Choose names the parser that Parse would use.
func (a *auto[T]) Choose(m *Message) string {
	i, err := a.find(m)
	if err != nil {
		return ""
	}
	return a.names[i]
}

// find returns the number of the parser for m.
func (a *auto[T]) find(m *Message) (int, error) {
	if o := m.Origin; o != nil && o.Hint != "" {
		if o != a.origin {
			i, ok := a.byName[o.Hint]
			if !ok {
				i = -1
			}
			a.origin, a.hinted = o, i
		}
		if a.hinted >= 0 {
			return a.hinted, nil
		}
	}
	for i := range a.detectors {
		d := &a.detectors[i]
		if d.single != nil {
			if d.single.Detect(m) {
				return d.parser, nil
			}
			continue
		}
		name, ok := a.multi[i].Detect(m)
		if !ok {
			continue
		}
		if name == a.named && name != "" {
			return a.number, nil
		}
		n, ok := a.byName[name]
		if !ok {
			return 0, errcat.Newf(errcat.Internal, errcat.StageParse, "a detector answers %q, which names no parser", name)
		}
		a.named, a.number = strings.Clone(name), n
		return n, nil
	}
	return 0, errcat.New(errcat.UnknownFormat, errcat.StageParse, "no parser recognises the message")
}
