package parse

import (
	"bytes"
	"iter"
	"math/bits"
	"sync/atomic"
	"unicode/utf8"
	"unsafe"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/normalize/ecs"
)

// Record is the built-in event: typed fields under ECS and vendor names.
//
// The zero Record is empty and uses ECS names only. A Record is not safe for
// concurrent use. Text that it holds belongs to the raw message or to the record's
// arena and is valid until Reset; Clone is the one way to keep an event longer.
// In steady state a Record that is reset and filled again allocates nothing.
type Record struct {
	schema  *Schema
	present []uint64 // one bit for each Key
	slot    []uint16 // Key → index into keyRoom and roomFor, meaningful where present

	// The fields in the order in which they were first set: the first n of each.
	n       int
	keyRoom []Key
	roomFor []Value
	holes   bool // a field was deleted

	np       int // how the fields came, see Layout: the first np
	partRoom []uint32
	layout   *Layout // of the parts that were there when it was found

	dynamic []Dynamic

	text  arena.Bytes
	lists arena.Slices[Value]
	seen  seen

	// Pack and PackVersion name the parser that made the event.
	Pack, PackVersion string
	// Mismatched counts values that were left out of their ECS field because they did
	// not have its type; the raw text stays in the vendor's fields.
	Mismatched int
	// Priority is the class of the event, set by its pack: 0 is ordinary.
	Priority int8
}

// Dynamic is a field whose name came from the wire. It stands below a container
// field and so can never overwrite a field that the parser owns.
type Dynamic struct {
	Container Key
	Name      []byte // without dots
	Value     Value
}

// keepFields bounds the room for fields that Reset keeps.
const keepFields = 1 << 13

// Reset empties the record. What its accessors returned before is invalid. It keeps the
// schema, and its memory for the next event unless this one was unusually large.
func (r *Record) Reset() {
	clear(r.present)
	if len(r.roomFor) > keepFields || len(r.partRoom) > keepFields {
		r.n, r.keyRoom, r.roomFor, r.partRoom = 0, nil, nil, nil
	}
	clear(r.roomFor[:r.n])
	r.n, r.np, r.layout, r.holes = 0, 0, nil, false
	if cap(r.dynamic) > keepFields {
		r.dynamic = nil
	}
	clear(r.dynamic)
	r.dynamic = r.dynamic[:0]
	r.text.Reset()
	r.lists.Reset()
	r.seen.reset()
	r.Pack, r.PackVersion, r.Mismatched, r.Priority = "", "", 0, 0
}

// Use empties the record and makes s its schema. A nil s means ECS alone.
func (r *Record) Use(s *Schema) {
	if r.n > 0 || len(r.dynamic) > 0 || r.text.Len() > 0 || r.lists.Len() > 0 || r.Mismatched > 0 {
		r.Reset()
	}
	r.Pack, r.PackVersion, r.Priority = "", "", 0
	r.schema = s
	n := int(ecs.Count)
	if s != nil {
		n = s.Len()
	}
	r.grow(n)
}

func (r *Record) grow(n int) {
	if n > cap(r.slot) {
		r.slot = make([]uint16, n)
		r.present = make([]uint64, (n+63)/64)
	}
	r.slot = r.slot[:n]
	r.present = r.present[:cap(r.present)][:(n+63)/64]
}

// Schema is the set of names that the record's keys refer to; nil means ECS alone.
func (r *Record) Schema() *Schema { return r.schema }

// Text is the arena that values made for this record must live in. Reset empties it.
func (r *Record) Text() *arena.Bytes { return &r.text }

// Lists is the arena for the elements of this record's lists.
func (r *Record) Lists() *arena.Slices[Value] { return &r.lists }

// Name is the dotted name of k.
func (r *Record) Name(k Key) string {
	if r.schema != nil {
		return r.schema.Name(k)
	}
	if k < ecs.Count {
		return k.Name()
	}
	return ""
}

// Lookup finds a key of the record's schema by its dotted name.
func (r *Record) Lookup(name string) (Key, bool) {
	if r.schema != nil {
		return r.schema.Lookup(name)
	}
	return ecs.Lookup(name)
}

// Has reports whether the field is set.
func (r *Record) Has(k Key) bool {
	w := int(k >> 6)
	return w < len(r.present) && r.present[w]&(1<<(k&63)) != 0
}

// Get returns the field's value, or the zero Value.
func (r *Record) Get(k Key) Value {
	if !r.Has(k) {
		return Value{}
	}
	return r.roomFor[r.slot[k]]
}

// Ref returns the place of the value of a field that is set; it panics for one that
// is not. The place is valid until the record changes, and read only.
func (r *Record) Ref(k Key) *Value { return &r.roomFor[r.slot[k]] }

// Set stores v, which must live as long as the record does (see Text). An absent v
// deletes the field. A key that the schema does not have is ignored.
func (r *Record) Set(k Key, v Value) {
	v.flags &^= grown // the room behind a list belongs to the field that Append grew
	r.put(k, &v)
}

// SetFrom is Set of *v, which is read at once.
func (r *Record) SetFrom(k Key, v *Value) {
	if v.flags&grown != 0 {
		r.Set(k, *v)
		return
	}
	r.put(k, v)
}

// room reports whether k is a key of the record's schema, and makes room for it.
func (r *Record) room(k Key) bool {
	if int(k) >= len(r.slot) {
		if r.schema != nil || k >= ecs.Count || len(r.slot) > 0 {
			return false
		}
		r.grow(int(ecs.Count))
	}
	return k != ecs.None
}

func (r *Record) set(k Key, v Value) { r.put(k, &v) }

func (r *Record) put(k Key, v *Value) {
	n, np := r.n, r.np
	keys, values, parts, words, slots := r.keyRoom, r.roomFor, r.partRoom, r.present, r.slot
	if v.kind == KindNone || k == ecs.None || int(k) >= len(slots) || int(k>>6) >= len(words) ||
		n >= len(values) || n >= len(keys) || np >= len(parts) {
		r.putSlow(k, *v)
		return
	}
	word, bit := &words[k>>6], uint64(1)<<(k&63)
	if *word&bit != 0 {
		old := &values[slots[k]]
		if old.flags&Constant != 0 {
			parts[np] = uint32(k) | partReplaced
			r.np = np + 1
		}
		*old = *v
		return
	}
	*word |= bit
	slots[k] = uint16(n)
	keys[n] = k
	parts[np] = uint32(k)
	values[n] = *v
	r.n, r.np = n+1, np+1
}

// putSlow is put where something has to be seen to before.
func (r *Record) putSlow(k Key, v Value) {
	if v.kind == KindNone {
		r.Delete(k)
		return
	}
	if !r.room(k) {
		return
	}
	if r.n >= len(r.roomFor) {
		r.more()
	}
	r.moreParts(1)
	r.put(k, &v)
}

// more makes room for another field.
func (r *Record) more() {
	if r.n == maxPositions {
		r.compact()
		return
	}
	size := min(max(2*r.n, 64), maxPositions)
	keys, values := make([]Key, size), make([]Value, size)
	copy(keys, r.keyRoom)
	copy(values, r.roomFor)
	r.keyRoom, r.roomFor = keys, values
}

// moreParts makes room for n more parts.
func (r *Record) moreParts(n int) {
	if r.np+n > len(r.partRoom) {
		parts := make([]uint32, max(2*len(r.partRoom), r.np+n, 64))
		copy(parts, r.partRoom)
		r.partRoom = parts
	}
}

// maxPositions is how many fields, deleted ones included, slot can tell apart.
const maxPositions = 1<<16 - 1

// Block is a set of constant fields that belongs together: records take it as a whole.
// It is safe for concurrent use.
type Block struct {
	keys   []Key
	values []Value
	words  []keyWord

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
	b.words = NewKeySet(b.keys...).words
	return b
}

// SetBlock sets the fields of b, all of which must be keys of the record's schema.
func (r *Record) SetBlock(b *Block) {
	n := r.n
	end := n + len(b.keys)
	fits := end <= len(r.roomFor)
	for i := range b.words {
		w := &b.words[i]
		fits = fits && w.index < len(r.present) && r.present[w.index]&w.mask == 0
	}
	if !fits { // some are set already
		for i, k := range b.keys {
			r.put(k, &b.values[i])
		}
		return
	}
	for i := range b.words {
		r.present[b.words[i].index] |= b.words[i].mask
	}
	keys, values := r.keyRoom[n:end], r.roomFor[n:end]
	for i, k := range b.keys {
		keys[i] = k
		values[i] = b.values[i]
		r.slot[k] = uint16(n + i)
	}
	r.n = end
	if r.np+len(b.keys) > len(r.partRoom) {
		r.moreParts(len(b.keys))
	}
	if b.schema == r.schema && b.schema != nil && b.alone() {
		r.partRoom[r.np] = b.part
		r.np++
		return
	}
	for i, k := range b.keys {
		r.partRoom[r.np+i] = uint32(k)
	}
	r.np += len(b.keys)
}

// compact gives up the positions of deleted fields. There are fewer keys than positions,
// so that it always makes room.
func (r *Record) compact() {
	n := 0
	for i := range r.n {
		k, v, ok := r.At(i)
		if !ok {
			continue
		}
		r.keyRoom[n], r.roomFor[n], r.slot[k] = k, v, uint16(n)
		n++
	}
	clear(r.roomFor[n:r.n])
	r.n, r.np, r.layout, r.holes = n, 0, nil, false
	r.moreParts(n)
	for _, k := range r.keyRoom[:n] {
		r.partRoom[r.np] = uint32(k)
		r.np++
	}
}

// SetString stores a copy of s.
func (r *Record) SetString(k Key, s string) { r.Set(k, BytesValue(r.text.CopyString(s))) }

// SetConst stores s without a copy; s must never change or move, as constants do not.
func (r *Record) SetConst(k Key, s string) { r.Set(k, StringValue(s).WithFlags(Constant)) }

// SetInt stores an integer.
func (r *Record) SetInt(k Key, n int64) { r.Set(k, IntValue(n)) }

// SetBool stores a boolean.
func (r *Record) SetBool(k Key, b bool) { r.Set(k, BoolValue(b)) }

// Delete removes a field.
func (r *Record) Delete(k Key) {
	if w := int(k >> 6); w < len(r.present) && r.present[w]&(1<<(k&63)) != 0 {
		r.present[w] &^= 1 << (k & 63)
		r.holes = true
	}
}

// Append adds v to the list field k, unless the list has it already: every element where
// v is a list. A single value becomes the first element of the list. Null is left out.
// v must live as long as the record.
func (r *Record) Append(k Key, v Value) {
	if v.kind == KindNone || v.kind == KindNull {
		return
	}
	if v.kind == KindList {
		for _, e := range v.List() {
			r.Append(k, e)
		}
		return
	}
	old := r.Get(k)
	if old.kind == KindNone {
		if r.room(k) {
			l := r.lists.Alloc(listStep)
			l[0] = v
			r.set(k, grownList(l[:1]))
		}
		return
	}
	if old.kind != KindList {
		if old.Equal(v) {
			return
		}
		l := r.lists.Alloc(listStep)
		l[0], l[1] = old, v
		r.set(k, grownList(l[:2]))
		return
	}
	l := old.List()
	var long *listIndex
	if len(l) >= longList {
		long = r.seen.list(k, l)
		if r.seen.has(long, l, v) {
			return
		}
	} else {
		for i := range l {
			if l[i].Equal(v) {
				return
			}
		}
	}
	n := len(l)
	if old.flags&grown != 0 && (n < listStep || n&(n-1) != 0) {
		l = unsafe.Slice(unsafe.SliceData(l), n+1) // room that an earlier Append left
	} else {
		size := listStep
		for size <= n {
			size *= 2
		}
		d := r.lists.Alloc(size)[:n+1]
		copy(d, l)
		l = d
	}
	l[n] = v
	if long != nil {
		r.seen.added(long, l)
	}
	r.set(k, grownList(l))
}

// listStep is the least room of a list made by Append. Such a list has room up to the
// next power of two, which its grown flag tells; other lists have none.
const listStep = 4

func grownList(l []Value) Value { return ListValue(l).WithFlags(grown) }

// AddDynamic stores a field named by the wire below container. So that it stays one path
// segment and can be written as a JSON key, dots in the name become underscores, each byte
// that is not UTF-8 becomes U+FFFD, and an empty name becomes an underscore; a name that
// the schema itself uses below container gets underscores appended. v and name must live
// as long as the record.
//
// It reports whether the field is stored: the first of two equal names wins, and a
// container that the schema does not have takes nothing. An absent v is not stored.
func (r *Record) AddDynamic(container Key, name []byte, v Value) bool {
	if v.kind == KindNone || !r.room(container) {
		return false
	}
	if len(name) == 0 || bytes.IndexByte(name, '.') >= 0 || !utf8.Valid(name) || r.hasStatic(container, name) {
		name = r.cleanName(container, name)
	}
	if r.hasDynamic(container, name) {
		return false
	}
	r.dynamic = append(r.dynamic, Dynamic{container, name, v})
	return true
}

func (r *Record) hasStatic(container Key, name []byte) bool {
	return r.schema != nil && r.schema.hasStatic(container, name) ||
		container < ecs.Count && ecsHasStatic(container, name)
}

func (r *Record) cleanName(container Key, name []byte) []byte {
	clean := r.text.Scratch(len(name) + 1)
	for i := 0; i < len(name); {
		c, n := utf8.DecodeRune(name[i:])
		switch {
		case c == '.':
			clean = append(clean, '_')
		case c == utf8.RuneError && n == 1:
			clean = utf8.AppendRune(clean, c)
		default:
			clean = append(clean, name[i:i+n]...)
		}
		i += n
	}
	for len(clean) == 0 || r.hasStatic(container, clean) {
		clean = append(clean, '_')
	}
	return r.text.Keep(clean)
}

// Dynamics are the fields named by the wire, in the order they came. The caller must
// not change them.
func (r *Record) Dynamics() []Dynamic { return r.dynamic }

// Len is the number of fields.
func (r *Record) Len() int {
	n := len(r.dynamic)
	for _, w := range r.present {
		n += bits.OnesCount64(w)
	}
	return n
}

// All yields the fields in the order of their paths, dynamic ones excepted. The order
// is the same for equal records. Fields added during the iteration are not seen.
func (r *Record) All() iter.Seq2[Key, Value] {
	return func(yield func(Key, Value) bool) {
		var room [96]Key
		for _, k := range r.Keys(room[:0]) {
			if !yield(k, r.Get(k)) {
				return
			}
		}
	}
}

// Slots is the number of positions that At knows: at least the number of fields that
// are not dynamic.
func (r *Record) Slots() int { return r.n }

// At returns the field in position i, in the order in which fields were first set.
// ok is false for a position whose field was deleted.
func (r *Record) At(i int) (k Key, v Value, ok bool) {
	k = r.keyRoom[:r.n][i]
	return k, r.roomFor[i], r.Has(k) && int(r.slot[k]) == i
}

// Fields are the keys and values in the order in which they were first set. ok is false
// if a field was deleted since, which leaves a hole in both. The slices are valid until
// the record changes, and read only.
func (r *Record) Fields() (keys []Key, values []Value, ok bool) {
	return r.keyRoom[:r.n], r.roomFor[:r.n], !r.holes
}

// RefAt is At with the value in place: what Ref is to Get. v is nil for a position whose
// field was deleted.
func (r *Record) RefAt(i int) (k Key, v *Value) {
	k = r.keyRoom[:r.n][i]
	if r.present[k>>6]&(1<<(k&63)) == 0 || int(r.slot[k]) != i {
		return k, nil
	}
	return k, &r.roomFor[i]
}

// Keys appends the keys of the fields to dst in the order of their paths and returns
// the result.
func (r *Record) Keys(dst []Key) []Key {
	ecsWords := (int(ecs.Count) + 63) / 64
	if len(r.present) < ecsWords {
		return dst
	}
	// The word that ECS and vendor keys share is split by a mask.
	const shared = ecs.Count & 63
	vendor := r.nextVendor(ecs.Count)
	for w := 0; w < ecsWords; w++ {
		word := r.present[w]
		if shared != 0 && w == ecsWords-1 {
			word &= 1<<shared - 1
		}
		for word != 0 {
			k := Key(w<<6 + bits.TrailingZeros64(word))
			word &= word - 1
			for int(vendor) < len(r.slot) && r.schema.before[vendor-ecs.Count] <= k {
				dst = append(dst, vendor)
				vendor = r.nextVendor(vendor + 1)
			}
			dst = append(dst, k)
		}
	}
	for int(vendor) < len(r.slot) {
		dst = append(dst, vendor)
		vendor = r.nextVendor(vendor + 1)
	}
	return dst
}

// nextVendor returns the first present vendor key from k on, or len(r.slot).
func (r *Record) nextVendor(k Key) Key {
	end := Key(len(r.slot))
	if k >= end {
		return end
	}
	w := int(k >> 6)
	word := r.present[w] & (^uint64(0) << (k & 63))
	for word == 0 {
		w++
		if w >= len(r.present) {
			return end
		}
		word = r.present[w]
	}
	return Key(w<<6 + bits.TrailingZeros64(word))
}

// Clone returns a copy that shares no memory with r or its raw message.
func (r *Record) Clone() *Record {
	c := &Record{}
	r.CloneTo(c)
	return c
}

// CloneTo makes dst, another record, a copy of r that shares no memory with r or its raw
// message.
func (r *Record) CloneTo(dst *Record) {
	dst.Use(r.schema)
	for i := range r.n {
		if k, v, ok := r.At(i); ok {
			dst.Set(k, v.CloneInto(&dst.text, &dst.lists))
		}
	}
	for _, d := range r.dynamic {
		dst.dynamic = append(dst.dynamic, Dynamic{d.Container, dst.text.Copy(d.Name), d.Value.CloneInto(&dst.text, &dst.lists)})
	}
	dst.Pack, dst.PackVersion, dst.Mismatched, dst.Priority = r.Pack, r.PackVersion, r.Mismatched, r.Priority
}
