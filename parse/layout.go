package parse

import (
	"sync"
	"sync/atomic"
)

// Layout is what records of one kind have in common: which fields they have, in which
// positions, and the constants that came in blocks. Devices repeat a few kinds of events, so
// whatever follows from the fields alone is worked out once for each Layout. The layouts of
// a schema are a tree: a field that is set leads from one to the next, so that a record
// only has to know where in the tree it is.
//
// A Layout is constant and safe for concurrent use. It lives as long as its Schema or
// until that has seen too many others.
type Layout struct {
	part   uint32 // what leads here from parent
	n      int32  // positions
	parent *Layout
	block  *Block // of a part that is one
	tree   *layoutTree
	id     int

	first   atomic.Pointer[Layout] // of those that follow, the one that came up first
	sibling atomic.Pointer[Layout] // the next one that follows parent

	state    atomic.Uint32 // layoutNew and so on
	made     atomic.Pointer[layoutFacts]
	attached atomic.Pointer[attachment]
}

// A part is a field (its key), a field that replaced a constant (its key with
// partReplaced), or a block (its number with partBlock).
const (
	partBlock    = 1 << 31
	partReplaced = 1 << 30
)

// layoutFacts is what is worked out when it is first asked for.
type layoutFacts struct {
	keys    []Key    // by position
	fixed   []*Value // by position: the constant of a block, or nil
	present []uint64 // one bit for each Key
	at      []uint32 // key and position by a hash of the key; 0 is free
	shift   uint8
}

func (l *Layout) facts() *layoutFacts {
	if x := l.made.Load(); x != nil {
		return x
	}
	x := &layoutFacts{keys: make([]Key, l.n), fixed: make([]*Value, l.n), shift: 29}
	replaced := map[Key]bool{}
	for p := l; p.parent != nil; p = p.parent {
		at := p.parent.n
		switch {
		case p.part&partBlock != 0:
			for i, k := range p.block.keys {
				x.keys[int(at)+i] = k
				if !replaced[k] {
					x.fixed[int(at)+i] = &p.block.values[i]
				}
			}
		case p.part&partReplaced != 0:
			replaced[Key(p.part&^partReplaced)] = true
		default:
			x.keys[at] = Key(p.part)
		}
	}
	for 1<<(32-x.shift) < 2*len(x.keys) {
		x.shift--
	}
	x.at = make([]uint32, 1<<(32-x.shift))
	x.present = make([]uint64, (l.tree.keys()+63)/64)
	for i, k := range x.keys {
		x.present[k>>6] |= 1 << (k & 63)
		h := x.hash(k)
		for x.at[h] != 0 {
			h = (h + 1) & (len(x.at) - 1)
		}
		x.at[h] = uint32(k)<<16 | uint32(i)
	}
	l.made.Store(x)
	return x
}

func (x *layoutFacts) hash(k Key) int { return int(uint32(k) * 0x9E3779B1 >> x.shift) }

// find returns the position of k, or -1.
func (l *Layout) find(k Key) int {
	x := l.made.Load()
	if x == nil {
		x = l.facts()
	}
	for h := x.hash(k); ; h++ {
		e := x.at[h&(len(x.at)-1)]
		if e>>16 == uint32(k) && e != 0 {
			return int(e & 0xFFFF)
		}
		if e == 0 {
			return -1
		}
	}
}

// ID is a small number: no other Layout of the same Schema that is in use has it.
func (l *Layout) ID() int { return l.id }

// Keys are the fields in the order of their positions. The caller must not change them.
func (l *Layout) Keys() []Key { return l.facts().keys }

// Schema is the schema of the records; nil means ECS alone.
func (l *Layout) Schema() *Schema { return l.tree.owner.schema }

// Fixed returns the value that every record of the Layout has in position i, if there is one.
func (l *Layout) Fixed(i int) (Value, bool) {
	if v := l.facts().fixed[i]; v != nil {
		return *v, true
	}
	return Value{}, false
}

// Position returns where the field k stands, or -1.
func (l *Layout) Position(k Key) int { return l.find(k) }

// next returns the layout that a part leads to, if that has come up before.
func (l *Layout) next(part uint32) *Layout {
	for c := l.first.Load(); c != nil; c = c.sibling.Load() {
		if c.part == part {
			return c
		}
	}
	return nil
}

// grow returns the layout that a part of n positions leads to, or nil where there is no
// room for more layouts.
func (l *Layout) grow(part uint32, n int, b *Block) *Layout {
	t := l.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	at := &l.first
	for c := at.Load(); c != nil; c = at.Load() {
		if c.part == part {
			return c // somebody else was faster
		}
		at = &c.sibling
	}
	if t.n == maxLayouts || int(l.n)+n > maxParts {
		t.refuse()
		return nil
	}
	c := &Layout{part: part, n: l.n + int32(n), parent: l, block: b, tree: t, id: t.n}
	t.n++
	at.Store(c)
	return c
}

// growBlock is grow for a block; nil also where a field of it is there already.
func (l *Layout) growBlock(b *Block) *Layout {
	for _, k := range b.keys {
		if l.find(k) >= 0 {
			return nil
		}
	}
	return l.grow(b.part, len(b.keys), b)
}

// attachment is what somebody worked out for a Layout.
type attachment struct {
	owner, what any
	next        *attachment
}

// maxAttached bounds the attachments of one Layout; the oldest go.
const maxAttached = 8

// Attached returns what owner attached, or nil. owner must be comparable.
func (l *Layout) Attached(owner any) any {
	for a := l.attached.Load(); a != nil; a = a.next {
		if a.owner == owner {
			return a.what
		}
	}
	return nil
}

// Attach keeps what, which must be constant, for owner. Where two goroutines attach at once
// one of them may be lost, and must be attached again.
func (l *Layout) Attach(owner, what any) {
	a := &attachment{owner: owner, what: what}
	last := a
	for o, n := l.attached.Load(), 1; o != nil && n < maxAttached; o = o.next {
		if o.owner != owner {
			last.next = &attachment{owner: o.owner, what: o.what}
			last = last.next
			n++
		}
	}
	l.attached.Store(a)
}

// Layouts finds the Layout of a record. The zero value is ready, safe for concurrent
// use, and for records without a schema: a Schema has its own.
//
// What is worked out for a Layout is worked out for what comes up the second time. Memory is
// bounded: of more than maxLayouts none is made any more, and once that has been missed
// often all are forgotten, and made again where they are needed.
type Layouts struct {
	tree   atomic.Pointer[layoutTree]
	schema *Schema
}

const (
	maxLayouts = 1 << 13 // of 120 bytes each, and some 700 more where their facts are asked for
	maxReady   = 1 << 10 // of those for which things are worked out
	maxRefused = 1 << 14
	maxParts   = 1 << 9 // records with more fields are too rare or too odd to learn from
)

type layoutTree struct {
	root    Layout
	owner   *Layouts
	mu      sync.Mutex
	n       int // layouts; guarded by mu
	ready   atomic.Int32
	refused atomic.Int32
}

// keys is one more than the largest key.
func (t *layoutTree) keys() int { return t.owner.schema.Len() }

// refuse notes that there was no room. Those who make a new kind of record each time make
// few layouts so, and the others get theirs back.
func (t *layoutTree) refuse() {
	if t.refused.Add(1) == maxRefused {
		t.owner.tree.CompareAndSwap(t, nil)
	}
}

// start returns the layout of records without fields.
func (ls *Layouts) start() *Layout {
	t := ls.tree.Load()
	if t == nil {
		t = &layoutTree{owner: ls, n: 1}
		t.root.tree = t
		if !ls.tree.CompareAndSwap(nil, t) {
			if t = ls.tree.Load(); t == nil {
				return nil
			}
		}
	}
	return &t.root
}

// start returns the layout of an empty record, or nil for one without a schema.
func (s *Schema) start() *Layout {
	if s == nil {
		return nil
	}
	return s.layouts.start()
}

// How far a Layout has come: what is worked out for it is worked out once it is ready.
const (
	layoutNew     = iota
	layoutAsked   // by somebody for whose record nobody had settled it
	layoutSettled // once
	layoutReady
)

// settle returns l, or nil where it is too early to work out things for it.
func (l *Layout) settle() *Layout {
	switch l.state.Load() {
	case layoutReady:
		return l
	case layoutSettled:
		return l.ready()
	}
	if l.n > 0 {
		l.state.Store(layoutSettled)
	}
	return nil
}

func (l *Layout) ready() *Layout {
	if l.tree.ready.Add(1) > maxReady {
		l.tree.refuse()
		return nil
	}
	l.state.Store(layoutReady)
	return l
}

// Of returns the Layout of a record without a schema, or nil where it has none yet.
func (ls *Layouts) Of(r *Record) *Layout {
	if r.schema != nil || r.holes {
		return nil
	}
	l := ls.start()
	for _, k := range r.keyRoom[:r.n] {
		if l == nil {
			return nil
		}
		next := l.next(uint32(k))
		if next == nil {
			next = l.grow(uint32(k), 1, nil)
		}
		l = next
	}
	if l == nil {
		return nil
	}
	return l.settle()
}

// Layout returns the Layout of the record, or nil: for one without a schema, for one that has
// lost a field, for one of a kind that has not come up before, or of too many kinds. It does
// not change the record.
func (r *Record) Layout() *Layout {
	l := r.layout
	if l == nil || l.n == 0 {
		return nil
	}
	switch l.state.Load() {
	case layoutReady:
		return l
	case layoutAsked:
		return l.ready()
	case layoutNew:
		l.state.Store(layoutAsked)
	}
	return nil
}

// Settle is Layout for those who have made the record: where they tell with it that the
// record is complete, Layout answers for all who look at it afterwards as Settle did.
func (r *Record) Settle() *Layout {
	if l := r.layout; l != nil {
		return l.settle()
	}
	return nil
}

// Here is the Layout of the fields that the record has now, whatever was worked out for it; nil
// for a record without.
func (r *Record) Here() *Layout { return r.layout }

// Room returns the places of the values of records that have the layout l, which must be one
// that comes after that of the record. They are for those who know which fields lead there
// and write their values: see Enter.
func (r *Record) Room(l *Layout) []Value {
	if int(l.n) > len(r.roomFor) {
		r.more(int(l.n))
	}
	return r.roomFor[:l.n]
}

// Enter makes l the layout of the record. All fields that it has more than the layout before, but
// for those that it fixes, must have been written into their places in Room since then.
func (r *Record) Enter(l *Layout) {
	if r.layout == nil || r.layout.tree != l.tree {
		panic("parse: the record has no way to the layout")
	}
	r.layout = l
}
