package parse

import (
	"encoding/binary"
	"unsafe"

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
	prev    *ExpectedKey
	none    ExpectedKey            // what follows where nothing is known: it fits nowhere
	entries [orderSize]ExpectedKey // by hash
	start   ExpectedKey            // before the first key of an event
	spans   [maxSpans]span
}

// span is where a value stands.
type span struct{ from, to int32 }

const maxSpans = 64

const (
	orderSize  = 256 // a power of two
	orderProbe = 8
	longKey    = 47 // longer keys are not remembered
	wordsKey   = 31 // longer keys are not compared by words
	never      = 1 << 30
)

// ExpectedKey is a key that came once, the separator behind it included. It is valid and
// constant until KeyOrder.Find is called; then it may be another key.
type ExpectedKey struct {
	first, last   uint64             // the first eight bytes, or those there are, and the last eight
	mask          uint64             // of both: which bits count
	second, third uint64             // of more than two words, the others
	lastAt        int32              // where last stands
	thirdAt       int32              // where third stands
	n             int32              // length of the key; 0 is no entry
	span          int32              // how many bytes must be there to compare
	near          int32              // span, or never for keys of more than wordsKey bytes
	slot          int32              // or -1
	next          *ExpectedKey       // which followed last time
	mid           [longKey - 15]byte // what stands between first and last, of keys of more than wordsKey bytes
}

// MayBeAt and IsAt both report true if the key stands at b[s:], the separator behind it, and is
// no longer than 31 bytes. They are two so that the compiler inlines them: loops that read all of
// a text cannot afford a call for each key. IsAt must only be asked where MayBeAt said yes.
// s must not be negative.
func (e *ExpectedKey) MayBeAt(b []byte, s int) bool {
	return s+int(e.near) <= len(b) &&
		((scan.Load64(b, s)^e.first)|(scan.Load64(b, s+int(e.lastAt))^e.last))&e.mask == 0
}

// IsAt is the other half of MayBeAt.
func (e *ExpectedKey) IsAt(b []byte, s int) bool {
	return e.n <= 15 || (scan.Load64(b, s+8)^e.second)|(scan.Load64(b, s+int(e.thirdAt))^e.third) == 0
}

// at reports whether the key stands at b[s:], the separator behind it.
func (e *ExpectedKey) at(b []byte, s int) bool {
	if e.n <= wordsKey {
		return e.MayBeAt(b, s) && e.IsAt(b, s)
	}
	n := int(e.n)
	return s+int(e.span) <= len(b) && scan.Load64(b, s) == e.first && scan.Load64(b, s+n-7) == e.last &&
		string(b[s+8:s+n-7]) == string(e.mid[:n-15])
}

// Len is the length of the key, its separator not counted; 0 if there is no such key.
func (e *ExpectedKey) Len() int { return int(e.n) }

// Slot is the slot of the key, or -1.
func (e *ExpectedKey) Slot() int { return int(e.slot) }

// Next is the key that followed last time.
func (e *ExpectedKey) Next() *ExpectedKey { return e.next }

// NewKeyOrder returns a KeyOrder over keys, which it uses alone from now on. sep is the
// byte behind a key. With nil every key is without a slot.
func NewKeyOrder(keys *Keys, sep byte) *KeyOrder {
	if keys == nil {
		keys, _ = NewKeys(nil, nil)
	}
	o := &KeyOrder{keys: keys, sep: sep}
	o.none.span, o.none.near = never, never
	o.start.next = &o.none
	o.prev = &o.start
	return o
}

// Otherwise sets what finds the slot of a key that is none of the Keys, or -1. It must always
// give the same answer for a key.
func (o *KeyOrder) Otherwise(find func(key []byte) int) { o.other = find }

// Begin tells that an event starts.
func (o *KeyOrder) Begin() { o.prev = &o.start; o.keys.Begin() }

// Last is the key that came last.
func (o *KeyOrder) Last() *ExpectedKey { return o.prev }

// Found tells that the key e came, which the caller has seen.
func (o *KeyOrder) Found(e *ExpectedKey) { o.prev = e }

// Expected is the length of the key that should come next, or 0.
func (o *KeyOrder) Expected() int { return int(o.prev.next.n) }

// PassSpaced puts values into f that may hold blanks, as long as behind each of them there are a
// space and the key that should come next. The first is that of the last key, which stands at b[start:eq]
// and has the given slot; they return the same of the key whose value comes then. ok is false where
// f.Rest was full, for a value of the key that they return.
//
// PassSpaced stops before a value that has or may have a backslash, begins or ends with a blank, or has
// a '=' in it, and wherever it would have to look closely: that is the caller's to do.
func (o *KeyOrder) PassSpaced(b []byte, start, eq, slot int, f *Frame) (s, e, next int, ok bool) {
	if uint(eq+1) >= uint(len(b)) || len(b) > 1<<30 || o.sep != '=' {
		return start, eq, slot, true
	}
	return o.fill(b, o.spans[:followSpaced(b, eq+1, o.prev, o.spans[:])], start, eq, slot, f)
}

// PassQuoted is PassSpaced for values that either have no blanks or stand in double quotes; those have the
// flag Quoted. It stops before one that has a backslash in its quotes, is empty without quotes, or begins with '='.
func (o *KeyOrder) PassQuoted(b []byte, start, eq, slot int, f *Frame) (s, e, next int, ok bool) {
	if uint(eq+1) >= uint(len(b)) || len(b) > 1<<30 {
		return start, eq, slot, true
	}
	return o.fill(b, o.spans[:followQuoted(b, eq+1, o.prev, o.spans[:])], start, eq, slot, f)
}

// Parameter is where the value of a name="value" stands, without the quotes.
type Parameter struct {
	From, To int32
	Escaped  bool // there is a backslash in it
}

// Parameters finds values at b[at:], at most as many as to has room for, as long as each has a space and
// the name that should come next in front and something behind it. A backslash takes the byte behind it into
// the value. It returns how many it found; Found is to be told of the name of the last one, which
// is so many behind Last.
func (o *KeyOrder) Parameters(b []byte, at int, to []Parameter) int {
	if uint(at) >= uint(len(b)) || len(b) > 1<<30 {
		return 0
	}
	return followParameters(b, at, o.prev, to)
}

// fill stores values that follow each other.
func (o *KeyOrder) fill(b []byte, spans []span, start, eq, slot int, f *Frame) (s, e, next int, ok bool) {
	if len(spans) == 0 {
		return start, eq, slot, true
	}
	key := o.prev
	for i := 0; ; i++ {
		if i, key = f.fill(b, spans, i, slot, key); i == len(spans) {
			break
		}
		v := spans[i]
		quoted := isQuoted(b, v)
		if i > 0 {
			eq = int(v.from) - 1 - quoted
			start = eq - int(key.n)
		}
		if !f.Put(-1, 0, b[start:eq:eq], BytesValue(b[v.from:v.to:v.to]).WithFlags(Flags(quoted)*Quoted)) {
			return start, eq, -1, false
		}
		key = key.next
		slot = int(key.slot)
	}
	o.prev = key
	last := spans[len(spans)-1]
	start = int(last.to) + 1 + isQuoted(b, last)
	return start, start + int(key.n), int(key.slot), true
}

// isQuoted is 1 for a value in quotes, of whose span they are no part, else 0: then the byte before
// is a separator.
func isQuoted(b []byte, v span) int {
	if b[v.from-1] == '"' {
		return 1
	}
	return 0
}

// fill stores spans[i:], which lie in b, up to the first that belongs to Rest. slot is that of
// the first of them, key the key of that or, for the very first, the one before those that follow.
func (f *Frame) fill(b []byte, spans []span, i, slot int, key *ExpectedKey) (int, *ExpectedKey) {
	base := unsafe.Pointer(unsafe.SliceData(b))
	slots, used := f.Slots, f.used
	for ; i < len(spans); i++ {
		from, to := int(spans[i].from), int(spans[i].to)
		if slot >= 0 {
			if v := &slots[slot]; v.kind == KindNone {
				used[slot>>6] |= 1 << (slot & 63)
				v.ptr, v.len = unsafe.Add(base, from), to-from
				v.kind, v.flags = KindString, 0
				if *(*byte)(unsafe.Add(base, from-1)) == '"' {
					v.flags = Quoted
				}
			} else {
				f.Duplicates++
			}
		} else if f.KeepRest {
			break
		}
		key = key.next
		slot = int(key.slot)
	}
	return i, key
}

// Guess reports whether the key that should come next stands at b[s:], the
// separator behind it. n is then its length, else 0.
func (o *KeyOrder) Guess(b []byte, s int) (n, slot int) {
	e := o.prev.next
	if !e.at(b, s) {
		return 0, -1
	}
	o.prev = e
	return int(e.n), int(e.slot)
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
	e := ExpectedKey{n: int32(n), slot: int32(slot), mask: ^uint64(0), span: 8}
	e.first = binary.LittleEndian.Uint64(text[:])
	e.last = e.first
	if n >= 8 {
		e.span, e.lastAt = int32(n+1), int32(n-7)
		e.last = binary.LittleEndian.Uint64(text[n-7:])
	} else {
		e.mask >>= 56 - 8*n
	}
	switch e.near = e.span; {
	case n > wordsKey:
		e.near = never
		copy(e.mid[:], text[8:n-7])
	case n > 15:
		e.thirdAt = int32(min(16, n-7))
		e.second = binary.LittleEndian.Uint64(text[8:])
		e.third = binary.LittleEndian.Uint64(text[e.thirdAt:])
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

func (o *KeyOrder) follow(e *ExpectedKey, slot int) int {
	o.prev.next = e
	o.prev = e
	return slot
}
