package parse

import "encoding/binary"

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
	prev    int32
	entries [orderSize + 1]orderEntry // 0 is the start of an event
}

const (
	orderSize  = 256 // a power of two
	orderProbe = 8
	longKey    = 48 // longer keys are not remembered
)

type orderEntry struct {
	first, last uint64 // the first and last eight bytes; first under mask in a shorter key
	mask        uint64
	mid         [longKey - 16]byte // what stands between them
	n           int32              // length; 0 is no entry
	slot        int32
	next        int32 // which followed last time
}

// NewKeyOrder returns a KeyOrder over keys, which it uses alone from now on. sep is the
// byte behind a key. With nil every key is without a slot.
func NewKeyOrder(keys *Keys, sep byte) *KeyOrder {
	if keys == nil {
		keys, _ = NewKeys(nil, nil)
	}
	return &KeyOrder{keys: keys, sep: sep}
}

// Begin tells that an event starts.
func (o *KeyOrder) Begin() { o.prev = 0; o.keys.Begin() }

// Expected is the length of the key that should come next, or 0.
func (o *KeyOrder) Expected() int { return int(o.entries[o.entries[o.prev].next].n) }

// Guess reports whether the key that should come next stands at b[s:], the
// separator behind it. n is then its length, else 0.
func (o *KeyOrder) Guess(b []byte, s int) (n, slot int) {
	g := o.entries[o.prev].next
	e := &o.entries[g]
	n = int(e.n)
	if s+8 > len(b) || s+n >= len(b) || b[s+n] != o.sep {
		return 0, -1
	}
	w := binary.LittleEndian.Uint64(b[s:])
	if n <= 8 {
		if w&e.mask != e.first || n == 0 {
			return 0, -1
		}
	} else {
		if w != e.first || binary.LittleEndian.Uint64(b[s+n-8:]) != e.last {
			return 0, -1
		}
		if n > 16 && string(b[s+8:s+n-8]) != string(e.mid[:n-16]) {
			return 0, -1
		}
	}
	o.prev = g
	return n, int(e.slot)
}

// Find returns the slot of key, or -1, and remembers it.
func (o *KeyOrder) Find(key []byte) int {
	slot := o.keys.Slot(key)
	n := len(key)
	if n == 0 || n > longKey {
		return slot
	}
	var e orderEntry
	e.n, e.slot, e.mask = int32(n), int32(slot), ^uint64(0)
	if n >= 8 {
		e.first = binary.LittleEndian.Uint64(key)
		e.last = binary.LittleEndian.Uint64(key[n-8:])
		if n > 16 {
			copy(e.mid[:], key[8:n-8])
		}
	} else {
		var w [8]byte
		copy(w[:], key)
		e.first = binary.LittleEndian.Uint64(w[:])
		e.mask >>= 64 - 8*n
	}
	h := (e.first ^ e.last>>7 ^ uint64(n)) * 0x9E3779B97F4A7C15
	at := int32(h>>56) & (orderSize - 1)
	for i := int32(0); i < orderProbe; i++ {
		k := 1 + (at+i)&(orderSize-1)
		old := &o.entries[k]
		e.next = old.next
		if old.n == 0 || *old == e {
			*old = e
			o.entries[o.prev].next = k
			o.prev = k
			return slot
		}
	}
	// All taken: the newest replaces the first.
	k := 1 + at
	e.next = 0
	o.entries[k] = e
	o.entries[o.prev].next = k
	o.prev = k
	return slot
}
