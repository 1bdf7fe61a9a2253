package pack

import (
	"slices"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// RegistryOrder is where the detection of a Set stands among the detectors of a Registry:
// a host's own detectors with a lower order are asked before all packs, those with a
// higher one after them.
const RegistryOrder = 50

// Register adds every pack of the Set to r, under its name and aliases, and the Set's
// detection as one detector of order RegistryOrder. It fails if detection does not
// compile or a name is taken in r, which may then have some of the packs.
//
// What a message carries (relay) is parsed by its own product's pack, as by Set.Parser: one of the
// Set, not a host's parser of r.
//
// Packs are compiled when they are first used, as in the Set: a pack that does not
// compile answers its messages with INTERNAL. To find that out earlier call Set.Pack.
func (s *Set) Register(r *parse.Registry[parse.Record], o Options) error {
	d, err := s.detect()
	if err != nil {
		return err
	}
	aliases := map[*entry][]string{}
	for name, e := range s.byName {
		if name != e.name {
			aliases[e] = append(aliases[e], name)
		}
	}
	for _, e := range s.entries {
		slices.Sort(aliases[e])
		if err := r.Register(e.name, &registered{set: s, entry: e, opts: o}, parse.RegisterOptions{Aliases: aliases[e]}); err != nil {
			return err
		}
	}
	return r.RegisterDetector(&registryDetector{Auto{set: s, detector: d, opts: o}}, RegistryOrder)
}

// registered is the Parser of one pack in a Registry. One goroutine uses it; Worker makes
// another.
type registered struct {
	set    *Set
	entry  *entry
	opts   Options
	parser parse.Parser[parse.Record] // of the pack, once it is compiled
}

// Worker returns a Parser for another goroutine.
func (q *registered) Worker() parse.Parser[parse.Record] {
	return &registered{set: q.set, entry: q.entry, opts: q.opts}
}

// Parse adds the events of one message.
func (q *registered) Parse(m *parse.Message, out *parse.Events[parse.Record]) error {
	if q.parser == nil {
		p, err := q.set.Parser(q.entry.name, q.opts)
		if err != nil {
			return &errcat.Error{Category: errcat.Internal, Stage: errcat.StageParse, Parser: q.entry.name, Err: err}
		}
		q.parser = p
	}
	return q.parser.Parse(m, out)
}

// registryDetector is a Set's detection as a Registry asks it.
type registryDetector struct{ auto Auto }

// Worker returns a detector for another goroutine.
func (d *registryDetector) Worker() parse.MultiDetector {
	return &registryDetector{Auto{set: d.auto.set, detector: d.auto.detector, opts: d.auto.opts}}
}

// Detect returns the name of the pack that recognises m.
func (d *registryDetector) Detect(m *parse.Message) (string, bool) {
	i := d.auto.Detect(m)
	if i < 0 {
		return "", false
	}
	return d.auto.detector.packs[i].name, true
}
