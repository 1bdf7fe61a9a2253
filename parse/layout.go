package parse

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Layout is what records of one kind have in common: which fields they have, in which
// positions, and the constants that came in blocks. Devices repeat a few kinds of events, so
// whatever follows from the fields alone is worked out once for each Layout, and records
// are matched with theirs by a hash.
//
// A Layout is constant and safe for concurrent use. It lives as long as its Schema or
// until that has seen too many others.
type Layout struct {
	parts  []uint32 // how the fields came, see partKey
	keys   []Key
	fixed  []Value // by position: the constant of a block, else the zero Value
	id     int
	hash   uint64
	schema *Schema

	next     atomic.Pointer[Layout] // of records that went on from here last time
	attached atomic.Pointer[attachment]
}

// A part is a field (its key), a field that replaced a constant (its key with
// partReplaced), or a block (its number with partBlock).
const (
	partBlock    = 1 << 31
	partReplaced = 1 << 30
)

// ID is a small number: no other Layout of the same Schema that is in use has it.
func (l *Layout) ID() int { return l.id }

// Keys are the fields in the order of their positions. The caller must not change them.
func (l *Layout) Keys() []Key { return l.keys }

// Schema is the schema of the records; nil means ECS alone.
func (l *Layout) Schema() *Schema { return l.schema }

// Fixed returns the value that every record of the Layout has in position i, if there is one.
func (l *Layout) Fixed(i int) (Value, bool) { return l.fixed[i], l.fixed[i].kind != KindNone }

// Position returns where the field k stands, or -1.
func (l *Layout) Position(k Key) int { return slices.Index(l.keys, k) }

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
// A Layout is made for what comes up the second time. Memory is bounded: of more than
// maxLayouts all are forgotten, and made again where they are needed.
type Layouts struct {
	mu     sync.Mutex
	table  atomic.Pointer[layoutTable]
	schema *Schema
}

const (
	maxLayouts = 1 << 10
	seenOnce   = 1 << 10
	maxParts   = 1 << 9 // records with more are too rare or too odd to learn from
)

type layoutTable struct {
	slots [2 * maxLayouts]atomic.Pointer[Layout] // open addressing
	once  [seenOnce]atomic.Uint64                // hashes that came up once
	n     int                                    // guarded by Layouts.mu
}

func hashParts(p []uint32) uint64 {
	h := uint64(len(p)) * 0x9E3779B97F4A7C15
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(p))), 4*len(p))
	for len(b) >= 16 {
		hi, lo := bits.Mul64(binary.NativeEndian.Uint64(b)^0xA0761D6478BD642F^h, binary.NativeEndian.Uint64(b[8:])^0xE7037ED1A0B428DB)
		h = hi ^ lo
		b = b[16:]
	}
	for len(b) >= 4 {
		h = (h ^ uint64(binary.NativeEndian.Uint32(b))) * 0x9E3779B97F4A7C15
		h ^= h >> 32
		b = b[4:]
	}
	return h ^ h>>29
}

// of returns the Layout of a record with the given parts, or nil.
func (ls *Layouts) of(r *Record) *Layout {
	parts := r.partRoom[:r.np]
	if len(parts) == 0 || len(parts) > maxParts || r.holes {
		return nil
	}
	h := hashParts(parts)
	t := ls.table.Load()
	if t == nil {
		t = new(layoutTable)
		if !ls.table.CompareAndSwap(nil, t) {
			t = ls.table.Load()
		}
	}
	for i := h; ; i++ {
		l := t.slots[i%uint64(len(t.slots))].Load()
		if l == nil {
			break
		}
		if l.hash == h && slices.Equal(l.parts, parts) {
			return l
		}
	}
	if once := &t.once[h%seenOnce]; once.Load() != h {
		once.Store(h)
		return nil
	}
	return ls.add(h, r)
}

func (ls *Layouts) add(h uint64, r *Record) *Layout {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	parts := r.partRoom[:r.np]
	t := ls.table.Load()
	if t.n >= maxLayouts {
		t = new(layoutTable)
		ls.table.Store(t)
	}
	i := h
	for ; ; i++ {
		l := t.slots[i%uint64(len(t.slots))].Load()
		if l == nil {
			break
		}
		if l.hash == h && slices.Equal(l.parts, parts) {
			return l // somebody else was faster
		}
	}
	l := &Layout{parts: slices.Clone(parts), keys: slices.Clone(r.keyRoom[:r.n]), fixed: make([]Value, r.n), id: t.n, hash: h, schema: ls.schema}
	at := 0
	for _, p := range l.parts {
		switch {
		case p&partBlock != 0:
			b := (*r.schema.blocks.Load())[p&^partBlock]
			at += copy(l.fixed[at:], b.values)
		case p&partReplaced != 0:
			if j := l.Position(Key(p &^ partReplaced)); j < at {
				l.fixed[j] = Value{}
			}
		default:
			at++
		}
	}
	t.n++
	t.slots[i%uint64(len(t.slots))].Store(l)
	return l
}

// Of returns the Layout of a record without a schema, or nil where it has none yet.
func (ls *Layouts) Of(r *Record) *Layout {
	if r.schema != nil {
		return nil
	}
	return ls.of(r)
}

// Layout returns the Layout of the record, or nil: for one without a schema, for one that
// has lost a field, and for one of a kind that has not come up before. It does not
// change the record.
func (r *Record) Layout() *Layout {
	if l := r.layout; l != nil && len(l.parts) == r.np && !r.holes {
		return l
	}
	if r.schema == nil || r.holes {
		return nil
	}
	return r.schema.layouts.of(r)
}

// Settle finds the Layout of the record and keeps it, so that it need not be found again
// until the record changes.
func (r *Record) Settle() *Layout {
	l := r.layout
	if r.schema == nil || r.holes {
		return nil
	}
	if l == nil {
		r.layout = r.schema.layouts.of(r)
		return r.layout
	}
	n := len(l.parts)
	if n == r.np {
		return l
	}
	next := l.next.Load()
	if next == nil || len(next.parts) != r.np || !slices.Equal(next.parts[n:], r.partRoom[n:r.np]) {
		if next = r.schema.layouts.of(r); next != nil {
			l.next.Store(next)
		}
	}
	r.layout = next
	return next
}

// Blocks is a family of constant blocks that a schema knows, of which a record takes one: the
// rows of a table. Layouts tell the blocks of a family apart, unless too many of them come
// up. It is safe for concurrent use.
type Blocks struct {
	schema *Schema
	used   atomic.Int32
	varied atomic.Bool // so many of them come up that a Layout for each is not worth while
}

// maxFamily is how many blocks of a family make layouts of their own.
const maxFamily = 12

// NewBlocks returns an empty family of the schema.
func (s *Schema) NewBlocks() *Blocks { return &Blocks{schema: s} }

// Add makes blocks part of the family, which must be done before records take them. A block
// that is part of a family already stays there.
func (f *Blocks) Add(blocks ...*Block) {
	s := f.schema
	s.layouts.mu.Lock()
	defer s.layouts.mu.Unlock()
	var all []*Block
	if old := s.blocks.Load(); old != nil {
		all = slices.Clone(*old)
	}
	for _, b := range blocks {
		if b.schema == nil {
			b.schema, b.family, b.part = s, f, partBlock|uint32(len(all))
			all = append(all, b)
		}
	}
	s.blocks.Store(&all)
}

// Adopt is Add to a new family.
func (s *Schema) Adopt(alternatives ...*Block) { s.NewBlocks().Add(alternatives...) }

// alone reports whether layouts tell the block from the others of its family.
func (b *Block) alone() bool {
	f := b.family
	if f.varied.Load() {
		return false
	}
	if !b.used.Load() && !b.used.Swap(true) && f.used.Add(1) > maxFamily {
		f.varied.Store(true)
		return false
	}
	return true
}
