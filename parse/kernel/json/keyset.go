package json

import (
	"bytes"
	"hash/maphash"
)

// keySet finds equal keys within one object, for a stack of open objects.
//
// Up to smallSet keys are compared one by one, and only if a filter of 64 bits says
// that there may be an equal one; more go to a hash table whose seed nobody outside
// knows, so that no sender can make it slow.
type keySet struct {
	frames []keyFrame
	keys   []keyRef
	text   []byte // unescaped keys
	table  []keyEntry
	used   int // of table, stale entries included
	serial uint32
	seed   maphash.Seed
	seeded bool
}

type keyFrame struct {
	first  int // into keys
	text   int // into text
	filter uint64
	serial uint32 // not 0 if the keys of this object are in the table
}

type keyRef struct {
	off  int // into data, or ^off into text
	len  int
	hash uint32
}

type keyEntry struct {
	hash   uint64
	serial uint32 // 0: free
	key    uint32
}

const (
	smallSet  = 16
	keepTable = 1 << 12 // larger memory is let go after the value
)

// reset prepares for a new text.
func (t *keySet) reset() {
	t.frames, t.keys, t.text = t.frames[:0], t.keys[:0], t.text[:0]
	if t.used > 0 {
		t.used, t.serial = 0, 0
		clear(t.table)
	}
	if cap(t.keys) > keepTable {
		t.keys, t.table = nil, nil
	}
	if cap(t.text) > 16*keepTable {
		t.text = nil
	}
}

func (t *keySet) open() {
	t.frames = append(t.frames, keyFrame{first: len(t.keys), text: len(t.text)})
}

func (t *keySet) close() {
	f := t.frames[len(t.frames)-1]
	t.frames = t.frames[:len(t.frames)-1]
	t.keys, t.text = t.keys[:f.first], t.text[:f.text]
}

// add notes the key data[from:to], as str read it, and reports whether it is new in
// the innermost object.
func (t *keySet) add(data []byte, from, to int, saw uint8) bool {
	if saw&(sawEscape|sawBadUTF8) == 0 {
		return t.addHashed(data, from, to, hashKey(data[from:to]))
	}
	k := keyRef{off: ^len(t.text)}
	t.text, _ = appendUnescaped(t.text, data[from:to], saw)
	text := t.text[^k.off:]
	k.len, k.hash = len(text), hashKey(text)
	return t.addRef(data, k, text)
}

// addHashed is add for a key without escapes whose hash is known.
func (t *keySet) addHashed(data []byte, from, to int, hash uint32) bool {
	return t.addRef(data, keyRef{from, to - from, hash}, data[from:to])
}

func (t *keySet) addRef(data []byte, k keyRef, text []byte) bool {
	f := &t.frames[len(t.frames)-1]
	n := len(t.keys) - f.first
	if n < smallSet {
		bit := uint64(1) << (k.hash >> 26)
		if f.filter&bit != 0 {
			for _, o := range t.keys[f.first:] {
				if o.hash == k.hash && bytes.Equal(t.bytes(data, o), text) {
					return false
				}
			}
		}
		f.filter |= bit
		t.keys = append(t.keys, k)
		return true
	}
	if f.serial == 0 {
		if !t.seeded {
			t.seed, t.seeded = maphash.MakeSeed(), true
		}
		t.serial++
		f.serial = t.serial
		for i := f.first; i < len(t.keys); i++ {
			t.insert(data, f.serial, i, t.bytes(data, t.keys[i]))
		}
	}
	t.keys = append(t.keys, k)
	if !t.insert(data, f.serial, len(t.keys)-1, text) {
		t.keys = t.keys[:len(t.keys)-1]
		return false
	}
	return true
}

func (t *keySet) bytes(data []byte, k keyRef) []byte {
	if k.off < 0 {
		return t.text[^k.off : ^k.off+k.len]
	}
	return data[k.off : k.off+k.len]
}

func (t *keySet) insert(data []byte, serial uint32, key int, text []byte) bool {
	if 2*t.used >= len(t.table) {
		t.grow()
	}
	h := maphash.Bytes(t.seed, text) ^ uint64(serial)*0x9E3779B97F4A7C15
	mask := uint64(len(t.table) - 1)
	for p := h & mask; ; p = (p + 1) & mask {
		e := &t.table[p]
		if e.serial == 0 {
			*e = keyEntry{h, serial, uint32(key)}
			t.used++
			return true
		}
		if e.hash == h && e.serial == serial && bytes.Equal(t.bytes(data, t.keys[e.key]), text) {
			return false
		}
	}
}

func (t *keySet) grow() {
	old := t.table
	t.table = make([]keyEntry, max(64, 2*len(old)))
	mask := uint64(len(t.table) - 1)
	for _, e := range old {
		if e.serial == 0 {
			continue
		}
		p := e.hash & mask
		for t.table[p].serial != 0 {
			p = (p + 1) & mask
		}
		t.table[p] = e
	}
}

// hashKey mixes length, first and last eight bytes. It decides about speed only
// where few keys are compared.
func hashKey(b []byte) uint32 {
	n := len(b)
	var x, y uint64
	switch {
	case n >= 8:
		x, y = load64(b, 0), load64(b, n-8)
	case n >= 4:
		x = uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24
		y = uint64(b[n-4]) | uint64(b[n-3])<<8 | uint64(b[n-2])<<16 | uint64(b[n-1])<<24
	case n > 0:
		x = uint64(b[0])<<16 | uint64(b[n/2])<<8 | uint64(b[n-1])
	}
	h := (x ^ uint64(n)) * 0x9E3779B97F4A7C15
	h ^= (y + h>>29) * 0xBF58476D1CE4E5B9
	return uint32(h >> 32)
}
