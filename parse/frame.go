package parse

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"
	"unsafe"

	"github.com/penstock-dev/penstock/internal/arena"
)

// Frame is where a format kernel puts what it found in one event: values by slot for
// the native keys that the caller asked for, and, on request, everything else.
//
// Values alias the raw message or Text. A Frame is not safe for concurrent use; it is
// filled again and again by one worker.
type Frame struct {
	// Slots holds the values of the wanted native keys, absent ones as the zero Value.
	// The first of two equal keys wins; Duplicates counts the others. They are written
	// by Put, Fill and Set alone, or Reset would not know what to clear.
	Slots []Value
	used  []uint64 // one bit for each slot that was written
	// Rest holds what had no slot, in the order of the wire, if KeepRest is set.
	Rest     []Pair
	KeepRest bool
	// Text is where kernels write text that they had to change (escapes removed).
	// It belongs to the record that the event goes to.
	Text *arena.Bytes
	// Duplicates counts native keys that came twice.
	Duplicates int
	// MaxRest bounds len(Rest); 0 means DefaultMaxRest. A kernel that meets more
	// answers with category OVERSIZE.
	MaxRest int
}

// DefaultMaxRest is how many native fields without a slot an event may have.
const DefaultMaxRest = 4096

// MaxKeyLength is the longest native key, in bytes, that a kernel takes.
const MaxKeyLength = 1024

// Pair is one native field that has no slot.
type Pair struct {
	Parent int32 // where it was found: 0 is the top, others as the kernel numbers its nodes
	Key    []byte
	Value  Value
}

// Reset prepares the frame for the next event: slots absent, nothing kept.
func (f *Frame) Reset(slots int, text *arena.Bytes) {
	if cap(f.Slots) < slots {
		f.Slots, f.used = make([]Value, slots), make([]uint64, (slots+63)/64)
	} else {
		f.Slots = f.Slots[:cap(f.Slots)]
		for w, word := range f.used {
			if bits.OnesCount64(word) > 8 { // from here on it is quicker than one by one
				clear(f.Slots[w<<6 : min(len(f.Slots), w<<6+64)])
				word = 0
			}
			for ; word != 0; word &= word - 1 {
				f.Slots[w<<6+bits.TrailingZeros64(word)] = Value{}
			}
			f.used[w] = 0
		}
		f.checkClear()
		f.Slots = f.Slots[:slots]
	}
	clear(f.Rest)
	f.Rest = f.Rest[:0]
	if cap(f.Rest) > 2*DefaultMaxRest {
		f.Rest = nil
	}
	f.Text, f.Duplicates = text, 0
}

// Put stores v in slot unless the slot is taken; a negative slot keeps the pair in
// Rest instead, if that is wanted. It reports false when Rest is full.
func (f *Frame) Put(slot int, parent int32, key []byte, v Value) bool {
	if slot >= 0 {
		if f.Slots[slot].kind != KindNone {
			f.Duplicates++
			return true
		}
		f.Set(slot, v)
		return true
	}
	if !f.KeepRest {
		return true
	}
	limit := f.MaxRest
	if limit == 0 {
		limit = DefaultMaxRest
	}
	if len(f.Rest) >= limit {
		return false
	}
	f.Rest = append(f.Rest, Pair{parent, key, v})
	return true
}

// Fill is Put for a text and a slot, which must not be negative.
func (f *Frame) Fill(slot int, text []byte, flags Flags) {
	if v := &f.Slots[slot]; v.kind == KindNone {
		f.used[slot>>6] |= 1 << (slot & 63)
		v.ptr, v.len, v.kind, v.flags = unsafe.Pointer(unsafe.SliceData(text)), len(text), KindString, flags
	} else {
		f.Duplicates++
	}
}

// FillText is Fill of the text b[from:to], behind which b must go on.
func (f *Frame) FillText(slot int, b []byte, from, to int, flags Flags) {
	if uint(from) > uint(to) || to >= len(b) { // a pointer behind the last byte is no pointer into b
		panic("parse: the text is out of range")
	}
	if v := &f.Slots[slot]; v.kind == KindNone {
		f.used[slot>>6] |= 1 << (slot & 63)
		v.ptr, v.len = unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), from), to-from
		v.kind, v.flags = KindString, flags
	} else {
		f.Duplicates++
	}
}

// Set stores v in slot, whatever that holds. An absent v empties it.
func (f *Frame) Set(slot int, v Value) {
	f.Slots[slot] = v
	f.used[slot>>6] |= 1 << (slot & 63)
}

// SetText is Set of the text b[from:to], behind which b must go on, with the given flags.
func (f *Frame) SetText(slot int, b []byte, from, to int, flags Flags) {
	if uint(from) > uint(to) || to >= len(b) { // a pointer behind the last byte is no pointer into b
		panic("parse: the text is out of range")
	}
	v := &f.Slots[slot]
	v.ptr, v.len, v.num = unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), from), to-from, 0
	v.kind, v.flags = KindString, flags
	f.used[slot>>6] |= 1 << (slot & 63)
}

// IsFilled reports whether slot was written into. It then may hold an absent value all the same; if
// not it does.
func (f *Frame) IsFilled(slot int) bool { return f.used[slot>>6]&(1<<(slot&63)) != 0 }

// Filled are the bits of the slots for which IsFilled reports true: bit n&63 of the word n>>6 is
// that of slot n. They are valid until the frame changes, and read only.
func (f *Frame) Filled() []uint64 { return f.used }

// Written yields the slots that hold something, in their order.
func (f *Frame) Written() iter.Seq[int] {
	return func(yield func(int) bool) {
		for w, word := range f.used {
			for ; word != 0; word &= word - 1 {
				i := w<<6 + bits.TrailingZeros64(word)
				if i < len(f.Slots) && f.Slots[i].kind != KindNone && !yield(i) {
					return
				}
			}
		}
	}
}

// Keys finds the slot of a native key. Devices print their keys in a stable order, so
// it remembers which key came after which and compares that one before it hashes.
//
// The names are shared and constant; the memory of the order is not: each worker
// uses its own Clone. A Keys is not safe for concurrent use.
type Keys struct {
	table *keyTable
	next  []int32 // by previous entry + 1: the entry that followed it last time
	prev  int32
}

type keyTable struct {
	names []string
	slots []int
	hash  []int32 // open addressing, entry+1
	mask  uint32
}

// NewKeys returns the lookup of names[i] → slots[i]. Names must be unique.
func NewKeys(names []string, slots []int) (*Keys, error) {
	if len(names) != len(slots) {
		return nil, fmt.Errorf("parse: %d names for %d slots", len(names), len(slots))
	}
	size := 8
	for size < 3*len(names) {
		size *= 2
	}
	t := &keyTable{names: names, slots: slots, hash: make([]int32, size), mask: uint32(size - 1)}
	for i, n := range names {
		h := hashKey([]byte(n)) & t.mask
		for t.hash[h] != 0 {
			if names[t.hash[h]-1] == n {
				return nil, fmt.Errorf("parse: native key %q twice", n)
			}
			h = (h + 1) & t.mask
		}
		t.hash[h] = int32(i + 1)
	}
	return (&Keys{table: t}).Clone(), nil
}

// Clone returns a Keys for another worker.
func (k *Keys) Clone() *Keys {
	c := &Keys{table: k.table, next: make([]int32, len(k.table.names)+1), prev: -1}
	for i := range c.next {
		c.next[i] = int32(i) // until told otherwise: the order of the names
	}
	return c
}

// Len is the number of names.
func (k *Keys) Len() int { return len(k.table.names) }

// Name returns the i-th name.
func (k *Keys) Name(i int) string { return k.table.names[i] }

// Begin tells that an event starts.
func (k *Keys) Begin() { k.prev = -1 }

// Slot returns the slot of key, or -1.
func (k *Keys) Slot(key []byte) int {
	t := k.table
	if guess := k.next[k.prev+1]; int(guess) < len(t.names) && t.names[guess] == string(key) {
		k.prev = guess
		return t.slots[guess]
	}
	if i := t.find(key); i >= 0 {
		k.next[k.prev+1] = i
		k.prev = i
		return t.slots[i]
	}
	return -1
}

func (t *keyTable) find(key []byte) int32 {
	for h := hashKey(key) & t.mask; ; h = (h + 1) & t.mask {
		i := t.hash[h]
		if i == 0 {
			return -1
		}
		if t.names[i-1] == string(key) {
			return i - 1
		}
	}
}

// hashKey mixes length, first and last eight bytes. The table is filled from a pack
// only, never from the wire, so nobody can make it collide.
func hashKey(b []byte) uint32 {
	n := len(b)
	var x, y uint64
	switch {
	case n >= 8:
		x = binary.LittleEndian.Uint64(b)
		y = binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		x = uint64(binary.LittleEndian.Uint32(b))
		y = uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		x = uint64(b[0])<<16 | uint64(b[n/2])<<8 | uint64(b[n-1])
	}
	h := (x ^ uint64(n)) * 0x9E3779B97F4A7C15
	h ^= (y + h>>29) * 0xBF58476D1CE4E5B9
	return uint32(h >> 32)
}
