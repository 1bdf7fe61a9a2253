package parse

import (
	"bytes"
	"iter"
	"math/bits"
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
	schema *Schema
	layout *Layout // which fields there are, and where; nil for a loose record
	// The values by position. Of a record with a layout they lack what that fixes, until
	// fill puts it there.
	roomFor []Value
	filled  *Layout // whose constants are in roomFor

	// A loose record keeps account of its fields itself: one without a schema, one that
	// lost a field, one of a kind that there is no room for among the layouts.
	n       int      // positions
	keyRoom []Key    // by position
	present []uint64 // one bit for each Key
	slot    []uint16 // Key → position, meaningful where present
	holes   bool     // a field was deleted

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
	n := r.Slots()
	if r.layout == nil {
		clear(r.present)
	}
	if len(r.roomFor) > keepFields {
		r.keyRoom, r.roomFor = nil, nil
	} else {
		clear(r.roomFor[:n])
	}
	r.n, r.holes, r.filled = 0, false, nil
	r.layout = r.schema.start()
	if len(r.dynamic) > 0 {
		if cap(r.dynamic) > keepFields {
			r.dynamic = nil
		}
		clear(r.dynamic)
		r.dynamic = r.dynamic[:0]
	}
	r.text.Reset()
	r.lists.Reset()
	r.seen.reset()
	r.Pack, r.PackVersion, r.Mismatched, r.Priority = "", "", 0, 0
}

// Use empties the record and makes s its schema. A nil s means ECS alone.
func (r *Record) Use(s *Schema) {
	if r.Slots() > 0 || len(r.dynamic) > 0 || r.text.Len() > 0 || r.lists.Len() > 0 || r.Mismatched > 0 {
		r.Reset()
	}
	r.Pack, r.PackVersion, r.Priority = "", "", 0
	r.schema, r.layout = s, s.start()
	if r.layout == nil {
		r.grow()
	}
}

// grow makes room for all keys of the schema in a loose record.
func (r *Record) grow() {
	n := int(ecs.Count)
	if r.schema != nil {
		n = r.schema.Len()
	}
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
	if l := r.layout; l != nil {
		return l.find(k) >= 0
	}
	w := int(k >> 6)
	return w < len(r.present) && r.present[w]&(1<<(k&63)) != 0
}

// Get returns the field's value, or the zero Value.
func (r *Record) Get(k Key) Value {
	if v := r.ref(k); v != nil {
		return *v
	}
	return Value{}
}

// Ref returns the place of the value of a field that is set; it panics for one that
// is not. The place is valid until the record changes, and read only.
func (r *Record) Ref(k Key) *Value {
	v := r.ref(k)
	if v == nil {
		panic("parse: the field is not set")
	}
	return v
}

// ref is Ref, or nil for a field that is not set.
func (r *Record) ref(k Key) *Value {
	l := r.layout
	if l == nil {
		if !r.Has(k) {
			return nil
		}
		return &r.roomFor[r.slot[k]]
	}
	at := l.find(k)
	if at < 0 {
		return nil
	}
	if v := l.facts().fixed[at]; v != nil {
		return v
	}
	return &r.roomFor[at]
}

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
	switch {
	case k == ecs.None:
		return false
	case r.layout != nil:
		return int(k) < r.schema.Len()
	case int(k) >= len(r.slot):
		if r.schema != nil || k >= ecs.Count || len(r.slot) > 0 {
			return false
		}
		r.grow()
	}
	return true
}

func (r *Record) set(k Key, v Value) { r.put(k, &v) }

// put stores v. Records of one kind go from layout to layout in the same order, so that
// hardly ever more is to be done than to see that it is so: 12 instructions in the place of
// 63 that keeping account of keys and places took.
func (r *Record) put(k Key, v *Value) {
	l := r.layout
	if l == nil {
		r.putLoose(k, v)
		return
	}
	next, n := l.first.Load(), int(l.n)
	if next == nil || next.part != uint32(k) || v.kind == KindNone || n >= len(r.roomFor) {
		r.putElse(k, v)
		return
	}
	r.roomFor[n] = *v
	r.layout = next
}

// putElse is put where the field is not the one that mostly follows.
func (r *Record) putElse(k Key, v *Value) {
	if v.kind == KindNone {
		r.Delete(k)
		return
	}
	if !r.room(k) {
		return
	}
	l := r.layout
	n := int(l.n)
	next := l.next(uint32(k))
	if next == nil {
		if at := l.find(k); at >= 0 {
			if l.facts().fixed[at] == nil {
				r.roomFor[at] = *v
				return
			}
			if next = l.next(uint32(k) | partReplaced); next == nil {
				next = l.grow(uint32(k)|partReplaced, 0, nil)
			}
			n = at
		} else {
			next = l.grow(uint32(k), 1, nil)
		}
	}
	if next == nil {
		r.loosen()
		r.putLoose(k, v)
		return
	}
	if n >= len(r.roomFor) {
		r.more(n + 1)
	}
	r.roomFor[n] = *v
	r.layout = next
}

// loosen makes the record keep account of its fields itself.
func (r *Record) loosen() {
	r.fill()
	x := r.layout.facts()
	r.layout, r.n = nil, len(x.keys)
	r.grow()
	copy(r.present, x.present)
	if len(r.keyRoom) < len(r.roomFor) {
		r.keyRoom = make([]Key, len(r.roomFor))
	}
	copy(r.keyRoom, x.keys)
	for i, k := range x.keys {
		r.slot[k] = uint16(i)
	}
}

// fill puts the constants of the layout where the other values are.
func (r *Record) fill() {
	if r.filled == r.layout {
		return
	}
	r.filled = r.layout
	for i, v := range r.layout.facts().fixed {
		if v != nil {
			r.roomFor[i] = *v
		}
	}
}

func (r *Record) putLoose(k Key, v *Value) {
	if v.kind == KindNone {
		r.Delete(k)
		return
	}
	if !r.room(k) {
		return
	}
	word, bit := &r.present[k>>6], uint64(1)<<(k&63)
	if *word&bit != 0 {
		r.roomFor[r.slot[k]] = *v
		return
	}
	if r.n >= len(r.keyRoom) || r.n >= len(r.roomFor) {
		value := *v
		v = &value
		if r.n == maxPositions {
			r.compact()
		} else {
			r.more(r.n + 1)
		}
	}
	*word |= bit
	r.slot[k] = uint16(r.n)
	r.keyRoom[r.n] = k
	r.roomFor[r.n] = *v
	r.n++
}

// more makes room for n fields and some more.
func (r *Record) more(n int) {
	size := min(max(2*n, 64), maxPositions)
	if len(r.roomFor) < size {
		values := make([]Value, size)
		copy(values, r.roomFor)
		r.roomFor = values
	}
	if r.layout == nil && len(r.keyRoom) < size {
		keys := make([]Key, size)
		copy(keys, r.keyRoom)
		r.keyRoom = keys
	}
}

// maxPositions is how many fields, deleted ones included, slot can tell apart.
const maxPositions = 1<<16 - 1

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
	r.n, r.holes = n, false
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
	if !r.Has(k) {
		return
	}
	if r.layout != nil {
		r.loosen()
	}
	r.present[k>>6] &^= 1 << (k & 63)
	r.holes = true
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
	if l := r.layout; l != nil {
		return n + int(l.n)
	}
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
func (r *Record) Slots() int {
	if l := r.layout; l != nil {
		return int(l.n)
	}
	return r.n
}

// At returns the field in position i, in the order in which fields were first set.
// ok is false for a position whose field was deleted.
func (r *Record) At(i int) (k Key, v Value, ok bool) {
	k, at := r.RefAt(i)
	if at == nil {
		return k, r.roomFor[i], false
	}
	return k, *at, true
}

// Fields are the keys and values in the order in which they were first set. ok is false
// if a field was deleted since, which leaves a hole in both. The slices are valid until
// the record changes, and read only.
func (r *Record) Fields() (keys []Key, values []Value, ok bool) {
	if l := r.layout; l != nil {
		r.fill()
		return l.facts().keys, r.roomFor[:l.n], true
	}
	return r.keyRoom[:r.n], r.roomFor[:r.n], !r.holes
}

// Values are the values that Fields returns, but for those that the Layout fixes: what
// stands in their places means nothing.
func (r *Record) Values() []Value { return r.roomFor[:r.Slots()] }

// RefAt is At with the value in place: what Ref is to Get. v is nil for a position whose
// field was deleted.
func (r *Record) RefAt(i int) (k Key, v *Value) {
	if l := r.layout; l != nil {
		x := l.facts()
		if v = x.fixed[i]; v == nil {
			v = &r.roomFor[i]
		}
		return x.keys[i], v
	}
	k = r.keyRoom[:r.n][i]
	if r.present[k>>6]&(1<<(k&63)) == 0 || int(r.slot[k]) != i {
		return k, nil
	}
	return k, &r.roomFor[i]
}

// words are the bits of the fields that are set.
func (r *Record) words() []uint64 {
	if l := r.layout; l != nil {
		return l.facts().present
	}
	return r.present
}

// Keys appends the keys of the fields to dst in the order of their paths and returns
// the result.
func (r *Record) Keys(dst []Key) []Key {
	words := r.words()
	ecsWords := (int(ecs.Count) + 63) / 64
	if len(words) < ecsWords {
		return dst
	}
	end := Key(ecs.Count)
	if r.schema != nil {
		end = Key(r.schema.Len())
	}
	// The word that ECS and vendor keys share is split by a mask.
	const shared = ecs.Count & 63
	vendor := nextVendor(words, ecs.Count, end)
	for w := 0; w < ecsWords; w++ {
		word := words[w]
		if shared != 0 && w == ecsWords-1 {
			word &= 1<<shared - 1
		}
		for word != 0 {
			k := Key(w<<6 + bits.TrailingZeros64(word))
			word &= word - 1
			for vendor < end && r.schema.before[vendor-ecs.Count] <= k {
				dst = append(dst, vendor)
				vendor = nextVendor(words, vendor+1, end)
			}
			dst = append(dst, k)
		}
	}
	for vendor < end {
		dst = append(dst, vendor)
		vendor = nextVendor(words, vendor+1, end)
	}
	return dst
}

// nextVendor returns the first present vendor key from k on, or end.
func nextVendor(words []uint64, k, end Key) Key {
	if k >= end {
		return end
	}
	w := int(k >> 6)
	word := words[w] & (^uint64(0) << (k & 63))
	for word == 0 {
		w++
		if w >= len(words) {
			return end
		}
		word = words[w]
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
	for i := range r.Slots() {
		if k, v, ok := r.At(i); ok {
			dst.Set(k, v.CloneInto(&dst.text, &dst.lists))
		}
	}
	for _, d := range r.dynamic {
		dst.dynamic = append(dst.dynamic, Dynamic{d.Container, dst.text.Copy(d.Name), d.Value.CloneInto(&dst.text, &dst.lists)})
	}
	dst.Pack, dst.PackVersion, dst.Mismatched, dst.Priority = r.Pack, r.PackVersion, r.Mismatched, r.Priority
}
