package parse

import (
	"sync/atomic"

	"github.com/penstock-dev/penstock/normalize/ecs"
)

// Block is a set of constant fields that belongs together: records take it as a whole.
// It is safe for concurrent use.
type Block struct {
	keys   []Key
	values []Value

	schema *Schema // that adopted it, or nil
	family *Blocks
	part   uint32
	used   atomic.Bool
}

// NewBlock returns a Block of the given fields. Its values get the flag Constant: their
// text must never change or move. Of two values for one key the last counts.
func NewBlock(keys []Key, values []Value) *Block {
	b := &Block{}
	at := map[Key]int{}
	for i, k := range keys {
		v := values[i].WithFlags(Constant)
		v.flags &^= grown
		if j, ok := at[k]; ok {
			b.values[j] = v
			continue
		}
		if k == ecs.None || v.kind == KindNone {
			continue
		}
		at[k] = len(b.keys)
		b.keys, b.values = append(b.keys, k), append(b.values, v)
	}
	return b
}

// SetBlock sets the fields of b, all of which must be keys of the record's schema.
func (r *Record) SetBlock(b *Block) {
	if l := r.layout; l != nil && b.schema == r.schema && b.alone() {
		next := l.next(b.part)
		if next == nil {
			next = l.growBlock(b)
		}
		if next != nil { // its values are known: nothing is to be stored
			if int(next.n) > len(r.roomFor) {
				r.more(int(next.n))
			}
			r.layout = next
			return
		}
	}
	for i, k := range b.keys {
		r.put(k, &b.values[i])
	}
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
	s.blocksMu.Lock()
	defer s.blocksMu.Unlock()
	for _, b := range blocks {
		if b.schema == nil {
			b.schema, b.family, b.part = s, f, partBlock|s.blocks
			s.blocks++
		}
	}
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
