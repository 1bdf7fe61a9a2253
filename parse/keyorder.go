package parse

import (
	"encoding/binary"

	"github.com/penstock-dev/penstock/internal/scan"
)

// KeyOrder finds slots faster than Keys alone: it remembers the text of the last
// keys seen, keys without a slot included, and which followed which, and compares
// the one that it expects with whole words in place, before anybody has looked for
// its end. Its answers are those of the Keys; what it remembers is bounded
// and only makes them come sooner. The readers of key=value formats use it.
//
// A KeyOrder is not safe for concurrent use; each worker has its own, with a Clone of
// the Keys.
type KeyOrder struct {
	keys    *Keys
	sep     byte // stands behind a key
	other   func(key []byte) int
	prev    *orderEntry
	none    orderEntry            // what follows where nothing is known: it fits nowhere
	entries [orderSize]orderEntry // by hash
	start   orderEntry            // before the first key of an event
}

const (
	orderSize  = 256 // a power of two
	orderProbe = 8
	longKey    = 47 // longer keys are not remembered
)

// orderEntry is a key and the separator behind it as words.
type orderEntry struct {
	first, mask uint64             // the first eight bytes, or those there are
	last        uint64             // the last eight bytes of more
	mid         [longKey - 15]byte // what stands between them
	n           int32              // length of the key; 0 is no entry
	span        int32              // how many bytes must be there to compare
	slot        int32
	next        *orderEntry // which followed last time
}

// NewKeyOrder returns a KeyOrder over keys, which it uses alone from now on. sep is the
// byte behind a key. With nil every key is without a slot.
func NewKeyOrder(keys *Keys, sep byte) *KeyOrder {
	if keys == nil {
		keys, _ = NewKeys(nil, nil)
	}
	o := &KeyOrder{keys: keys, sep: sep}
	o.none.span = 1<<31 - 1
	o.start.next = &o.none
	o.prev = &o.start
	return o
}

// Otherwise sets what finds the slot of a key that is none of the Keys, or -1. It must always
// give the same answer for a key.
func (o *KeyOrder) Otherwise(find func(key []byte) int) { o.other = find }

// Begin tells that an event starts.
func (o *KeyOrder) Begin() { o.prev = &o.start; o.keys.Begin() }

// Expected is the length of the key that should come next, or 0.
func (o *KeyOrder) Expected() int { return int(o.prev.next.n) }

// Guess reports whether the key that should come next stands at b[s:], the
// separator behind it. n is then its length, else 0.
func (o *KeyOrder) Guess(b []byte, s int) (n, slot int) {
	e := o.prev.next
	if s+int(e.span) > len(b) {
		return 0, -1
	}
	if (scan.Load64(b, s)^e.first)&e.mask != 0 {
		return 0, -1
	}
	n = int(e.n)
	if n >= 8 {
		if scan.Load64(b, s+n-7) != e.last || n > 15 && string(b[s+8:s+n-7]) != string(e.mid[:n-15]) {
			return 0, -1
		}
	}
	o.prev = e
	return n, int(e.slot)
}

// Find returns the slot of key, or -1, and remembers it.
func (o *KeyOrder) Find(key []byte) int {
	slot := o.keys.Slot(key)
	if slot < 0 && o.other != nil {
		slot = o.other(key)
	}
	n := len(key)
	if n == 0 || n > longKey {
		return slot
	}
	var text [longKey + 1]byte
	text[copy(text[:], key)] = o.sep
	e := orderEntry{n: int32(n), slot: int32(slot), mask: ^uint64(0), span: 8}
	e.first = binary.LittleEndian.Uint64(text[:])
	if n >= 8 {
		e.span = int32(n + 1)
		e.last = binary.LittleEndian.Uint64(text[n-7:])
		if n > 15 {
			copy(e.mid[:], text[8:n-7])
		}
	} else {
		e.mask >>= 56 - 8*n
	}
	h := (e.first ^ e.last>>7 ^ uint64(n)) * 0x9E3779B97F4A7C15
	at := int(h >> 56)
	for i := range orderProbe {
		old := &o.entries[(at+i)&(orderSize-1)]
		if old.n == 0 {
			e.next = &o.none
			*old = e
			return o.follow(old, slot)
		}
		if e.next = old.next; *old == e {
			return o.follow(old, slot)
		}
	}
	// All taken: the newest replaces the first.
	e.next = &o.none
	o.entries[at&(orderSize-1)] = e
	return o.follow(&o.entries[at&(orderSize-1)], slot)
}

func (o *KeyOrder) follow(e *orderEntry, slot int) int {
	o.prev.next = e
	o.prev = e
	return slot
}
