package pack

import (
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/text"
)

// step is one compiled step of a pack: its parts, in the order in which they are done.
type step struct {
	parts []part
}

// part is one thing that a step does. run reports whether the parts that follow are to be
// done.
type part interface {
	run(s *state) bool
}

// run executes steps until the event is dropped or refused; it reports whether it is
// neither.
func (s *state) run(steps []*step) bool {
	for _, st := range steps {
		if !s.step(st) {
			return false
		}
	}
	return true
}

func (s *state) step(st *step) bool {
	if s.trace != nil {
		s.trace.step(s, st)
	} else {
		for _, p := range st.parts {
			if !p.run(s) {
				break
			}
		}
	}
	return !s.drop && s.fail == nil
}

// whenPart ends the step where its condition does not hold.
type whenPart struct {
	when  condFunc
	els   []*step // what is done instead
	reads *reads  // of when
}

func (p *whenPart) run(s *state) bool {
	is := p.when(s)
	s.ntouched = 0 // a condition reads, it does not carry over
	if !is {
		s.run(p.els)
	}
	return is
}

type layerPart struct{ layer *layer }

func (p *layerPart) run(s *state) bool { return s.runLayer(p.layer) }

// constantsPart sets constants.
type constantsPart struct {
	block *parse.Block // those that need nothing done
	rest  []assign     // the others
	all   []assign     // for Explain
}

func (p *constantsPart) run(s *state) bool {
	if p.block != nil {
		s.rec.SetBlock(p.block)
	}
	for i := range p.rest {
		s.store(&p.rest[i], p.rest[i].value)
	}
	return true
}

type assignsPart struct {
	ops []op
	ecs []op // those that are done where vendor fields are not wanted
}

func (p *assignsPart) run(s *state) bool {
	if s.wide {
		return s.assignAll(p.ops)
	}
	return s.assignAll(p.ecs)
}

type thenPart struct{ steps []*step }

func (p *thenPart) run(s *state) bool { return s.run(p.steps) }

// endPart drops or refuses the event.
type endPart struct {
	drop bool
	fail string
}

func (p *endPart) run(s *state) bool {
	if p.drop {
		s.drop = true
	} else {
		s.fail = errcat.New(errcat.SchemaViolation, errcat.StageParse, p.fail)
	}
	return false
}

// textPart reads a text by patterns.
type textPart struct {
	from     int
	set      *text.Set
	branches []*step // by pattern; nil where all share what follows
	onError  string
	line     int // a place, see compiler.place
}

func (p *textPart) run(s *state) bool {
	v := s.frame.Slots[p.from]
	id, ok := s.texts.Match(p.set, s.text(v), &s.frame)
	if !ok {
		switch p.onError {
		case "fail":
			s.fail = errcat.New(errcat.VendorFormatDrift, errcat.StageParse, "no pattern of the pack matches the text")
		case "drift":
			if present(v) {
				s.drift = "no pattern of the pack matches the text"
				if !s.rec.Has(ecs.Message) {
					s.rec.Set(ecs.Message, v)
				}
			}
		}
		return false
	}
	if p.from != slotMessage {
		s.consume(p.from)
	}
	s.matched = id
	return true
}

// branchPart does what hangs on the pattern that the textPart before it has found.
type branchPart struct{ text *textPart }

func (p *branchPart) run(s *state) bool {
	if st := p.text.branches[s.matched]; st != nil {
		return s.step(st)
	}
	return true
}

// lookupPart sets the fields that a table has for a key.
type lookupPart struct {
	table  *table
	key    evalFunc
	reads  *reads // of key
	fields []assign
	line   int // a place, see compiler.place
	// Where every column is a constant field, the rows as blocks by their key.
	constant bool
	blocks   byKey[*parse.Block]
	fallback *parse.Block
}

func (p *lookupPart) run(s *state) bool {
	key := p.key(s)
	s.ntouched = 0
	if p.constant {
		if b := p.block(s, key); b != nil {
			s.rec.SetBlock(b)
		}
		return true
	}
	for i, v := range p.table.find(s, key) {
		if v.IsZero() {
			continue
		}
		if a := &p.fields[i]; a.ready {
			s.rec.Set(*a.key.ref, v)
		} else {
			s.store(a, v)
		}
	}
	return true
}

// block finds the row of key as a block; nil where there is none.
func (p *lookupPart) block(s *state, key parse.Value) *parse.Block {
	if !present(key) {
		return nil
	}
	k := p.table.fold(s, s.text(key))
	if b, ok := p.blocks.get(k); ok {
		return b
	}
	if star := p.table.star(k); star != "" {
		return p.blocks.all[star]
	}
	return p.fallback
}

// makeBlocks turns the rows into blocks if that can be done.
func (p *lookupPart) makeBlocks(schema *parse.Schema) {
	for i := range p.fields {
		if !p.fields[i].ready {
			return
		}
	}
	of := func(row []parse.Value) *parse.Block {
		keys := make([]parse.Key, len(row))
		for i := range row {
			keys[i] = *p.fields[i].key.ref
		}
		return parse.NewBlock(keys, row)
	}
	blocks := make(map[string]*parse.Block, len(p.table.rows))
	made := map[*parse.Value]*parse.Block{} // keys that share a row share its block
	var all []*parse.Block
	for key, row := range p.table.rows {
		b := made[&row[0]]
		if b == nil {
			b = of(row)
			made[&row[0]] = b
			all = append(all, b)
		}
		blocks[key] = b
	}
	p.constant, p.blocks = true, newByKey(blocks)
	if p.table.fallback != nil {
		p.fallback = of(p.table.fallback)
		all = append(all, p.fallback)
	}
	schema.Adopt(all...)
}

// switchPart does what hangs on a value.
type switchPart struct {
	on       evalFunc
	reads    *reads // of on
	cases    map[string]int32
	quick    byKey[int32] // cases
	prefixes []prefixCase
	all      [][]*step // by case; the last one is for what has none
}

type prefixCase struct {
	prefix string
	at     int32
}

func (p *switchPart) run(s *state) bool {
	v := p.on(s)
	s.ntouched = 0
	return s.run(p.all[p.find(s.text(v))])
}

// find returns the case of a text.
func (p *switchPart) find(b []byte) int32 {
	if i, ok := p.quick.get(b); ok {
		return i
	}
	for i := range p.prefixes {
		if c := &p.prefixes[i]; len(b) >= len(c.prefix) && string(b[:len(c.prefix)]) == c.prefix {
			return c.at
		}
	}
	return int32(len(p.all) - 1)
}
