// Package translate writes ECS records in another schema: rules say which field of the
// other schema takes the value of an ECS field, and in what form. What no rule took is kept
// together under one name.
package translate

import (
	"fmt"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// Convert turns the value of an ECS field into what the other schema's field holds. The
// result may live in to's arenas. It reports false where the value does not fit: the ECS
// field then counts as not taken.
type Convert func(v parse.Value, to *parse.Record) (parse.Value, bool)

// Rule says that the field To of the other schema takes the value of the ECS field From, by
// its dotted name. A
// nil As takes it as it is. Of several rules for one To, the first one whose From is there
// counts; the others leave their ECS field not taken.
type Rule struct {
	From string
	To   string
	As   Convert
}

// Names collects the field names of the other schema before it is made.
type Names struct{ names []string }

// Add notes names.
func (n *Names) Add(names ...string) { n.names = append(n.names, names...) }

// Schema makes the other schema. A name that ECS uses for a list would be written as one, and
// is refused.
func (n *Names) Schema() (*parse.Schema, error) {
	for _, name := range n.names {
		if k, ok := ecs.Lookup(name); ok && k.Array() {
			return nil, fmt.Errorf("translate: %s is a list in ECS", name)
		}
	}
	return parse.NewSchema(n.names...)
}

// Table is a compiled list of rules. It is safe for concurrent use.
type Table struct {
	rules []rule
}

type rule struct {
	from, to parse.Key
	as       Convert
}

// Compile makes a Table of rules over the fields of s.
func Compile(s *parse.Schema, rules ...[]Rule) (*Table, error) {
	t := &Table{}
	for _, list := range rules {
		for _, r := range list {
			k, ok := s.Lookup(r.To)
			if !ok {
				return nil, fmt.Errorf("translate: %s is not a field of the schema", r.To)
			}
			from, ok := ecs.Lookup(r.From)
			if !ok {
				return nil, fmt.Errorf("translate: %s is not a field of ECS", r.From)
			}
			t.rules = append(t.rules, rule{from, k, r.As})
		}
	}
	return t, nil
}

// Log remembers which ECS field went where. The zero Log is empty.
type Log struct{ moves []move }

type move struct{ from, to parse.Key }

// Taken adds to set the fields whose place in to is still filled, and empties the log.
func (l *Log) Taken(to *parse.Record, set *Set) {
	for _, m := range l.moves {
		if to.Has(m.to) {
			set.Add(m.from)
		}
	}
	l.moves = l.moves[:0]
}

// Apply sets in to what the rules make of from, and notes each field of ECS that a rule took.
func (t *Table) Apply(from, to *parse.Record, log *Log) {
	for _, r := range t.rules {
		if !from.Has(r.from) {
			continue
		}
		v := from.Get(r.from)
		if !to.Has(r.to) {
			if r.as != nil {
				var ok bool
				if v, ok = r.as(v, to); !ok {
					continue
				}
			}
			to.Set(r.to, v)
		} else if !to.Get(r.to).Equal(v) {
			continue
		}
		log.moves = append(log.moves, move{r.from, r.to})
	}
}

// Set is a set of ECS fields.
type Set [(ecs.Count + 63) / 64]uint64

// Add puts k into the set.
func (s *Set) Add(k ecs.Key) { s[k>>6] |= 1 << (k & 63) }

// Has reports whether k is in the set.
func (s *Set) Has(k ecs.Key) bool { return s[k>>6]&(1<<(k&63)) != 0 }

// Rest writes what was not taken of a record as one JSON object.
type Rest struct {
	enc  *normalize.Encoder
	rec  parse.Record
	text []byte
}

// NewRest returns a Rest. With ecsOnly the vendor's own fields are left out.
func NewRest(ecsOnly bool) *Rest {
	return &Rest{enc: normalize.NewEncoder(normalize.EncoderOptions{ECSOnly: ecsOnly})}
}

// Worker returns a Rest for another goroutine.
func (r *Rest) Worker() *Rest { return &Rest{enc: r.enc.Worker()} }

// Object is the object of what was not taken of from, or an absent value. It is valid
// until the next call.
func (r *Rest) Object(from *parse.Record, taken *Set) parse.Value {
	r.rec.Use(from.Schema())
	for i := range from.Slots() {
		if k, v, ok := from.At(i); ok && (k >= ecs.Count || !taken.Has(k)) {
			r.rec.Set(k, v)
		}
	}
	for _, d := range from.Dynamics() {
		r.rec.AddDynamic(d.Container, d.Name, d.Value)
	}
	r.text, _ = r.enc.Append(r.text[:0], &r.rec) // it never fails
	r.rec.Reset()
	if len(r.text) <= len("{}") {
		return parse.Value{}
	}
	return parse.RawValue(parse.KindObject, r.text)
}
