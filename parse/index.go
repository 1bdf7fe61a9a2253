package parse

import (
	"bytes"
	"hash/maphash"
	"math"
	"unsafe"
)

// longList is the number of values, or of dynamic fields, from which on equal ones are
// found by a hash instead of by comparing with each: the wire decides how many there are.
const longList = 32

// hashIndex finds positions by a hash. The zero value is empty.
type hashIndex struct {
	slots []uint64 // open addressing: the hash's upper half and position+1; 0 is free
	n     int
}

// keepIndex bounds the slots that clear keeps.
const keepIndex = 1 << 14

func (x *hashIndex) clear() {
	if len(x.slots) > keepIndex {
		x.slots = nil
	}
	clear(x.slots)
	x.n = 0
}

// has reports whether a position with this hash is equal.
func (x *hashIndex) has(hash uint64, equal func(at int) bool) bool {
	if len(x.slots) == 0 {
		return false
	}
	mask := uint64(len(x.slots) - 1)
	for i := hash & mask; x.slots[i] != 0; i = (i + 1) & mask {
		if s := x.slots[i]; s>>32 == hash>>32 && equal(int(uint32(s))-1) {
			return true
		}
	}
	return false
}

// add stores a position. rehash gives the hash of a stored position.
func (x *hashIndex) add(hash uint64, at int, rehash func(at int) uint64) {
	if 2*(x.n+1) > len(x.slots) {
		old := x.slots
		x.slots = make([]uint64, max(4*longList, 2*len(old)))
		for _, s := range old {
			if s != 0 {
				x.put(rehash(int(uint32(s))-1), s)
			}
		}
	}
	x.put(hash, hash>>32<<32|uint64(uint32(at+1)))
	x.n++
}

func (x *hashIndex) put(hash, s uint64) {
	mask := uint64(len(x.slots) - 1)
	i := hash & mask
	for x.slots[i] != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = s
}

// seen is what a Record remembers to keep long lists and many dynamic fields free of
// repeats. It is empty for ordinary events.
type seen struct {
	seed    maphash.Seed
	seeded  bool
	dynamic hashIndex
	lists   []listIndex // of the long lists that Append grew; the first used are in use
	used    int
}

// listIndex is the index of one list.
type listIndex struct {
	key  Key
	at   unsafe.Pointer // the list that is indexed
	n    int
	hash hashIndex
}

func (s *seen) reset() {
	if s.dynamic.n > 0 {
		s.dynamic.clear()
	}
	for i := range s.lists[:s.used] {
		l := &s.lists[i]
		l.hash.clear()
		l.at, l.n = nil, 0
	}
	s.used = 0
}

func (s *seen) start() {
	if !s.seeded {
		s.seed, s.seeded = maphash.MakeSeed(), true
	}
}

// list returns the index of the list field k, whose values are now l.
func (s *seen) list(k Key, l []Value) *listIndex {
	s.start()
	var x *listIndex
	for i := range s.lists[:s.used] {
		if s.lists[i].key == k {
			x = &s.lists[i]
			break
		}
	}
	if x == nil {
		if s.used == len(s.lists) {
			s.lists = append(s.lists, listIndex{})
		}
		x = &s.lists[s.used]
		s.used++
		x.key = k
	}
	if x.at != unsafe.Pointer(unsafe.SliceData(l)) || x.n != len(l) {
		x.hash.clear()
		for i := range l {
			s.added(x, l[:i+1])
		}
	}
	return x
}

// added notes that l got its last value.
func (s *seen) added(x *listIndex, l []Value) {
	n := len(l) - 1
	x.hash.add(s.value(l[n]), n, func(at int) uint64 { return s.value(l[at]) })
	x.at, x.n = unsafe.Pointer(unsafe.SliceData(l)), len(l)
}

func (s *seen) has(x *listIndex, l []Value, v Value) bool {
	return x.hash.has(s.value(v), func(at int) bool { return l[at].Equal(v) })
}

// value is a hash that agrees with Value.Equal.
func (s *seen) value(v Value) uint64 {
	h := uint64(v.kind) * 0x9E3779B97F4A7C15
	switch v.kind {
	case KindInt, KindBool, KindTime:
		h ^= maphash.Comparable(s.seed, v.num)
	case KindFloat:
		if f := v.Float(); f != 0 {
			h ^= maphash.Comparable(s.seed, math.Float64bits(f))
		}
	case KindList:
	default:
		h ^= maphash.Bytes(s.seed, v.Bytes())
	}
	return h
}

// name is the hash of a dynamic field's place.
func (s *seen) name(container Key, name []byte) uint64 {
	return maphash.Bytes(s.seed, name) ^ uint64(container)*0x9E3779B97F4A7C15
}

// hasDynamic reports whether the record has a dynamic field of that name.
func (r *Record) hasDynamic(container Key, name []byte) bool {
	if len(r.dynamic) < longList {
		for i := range r.dynamic {
			if d := &r.dynamic[i]; d.Container == container && bytes.Equal(d.Name, name) {
				return true
			}
		}
		return false
	}
	s := &r.seen
	s.start()
	rehash := func(at int) uint64 { return s.name(r.dynamic[at].Container, r.dynamic[at].Name) }
	for i := s.dynamic.n; i < len(r.dynamic); i++ {
		s.dynamic.add(rehash(i), i, rehash)
	}
	return s.dynamic.has(s.name(container, name), func(at int) bool {
		d := &r.dynamic[at]
		return d.Container == container && bytes.Equal(d.Name, name)
	})
}
