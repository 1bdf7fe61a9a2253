package parse

import (
	"iter"
	"math/bits"
)

// KeySet is a small constant set of keys that records are asked for as a whole. It is
// safe for concurrent use.
type KeySet struct {
	words []keyWord
}

type keyWord struct {
	index int
	mask  uint64
}

// NewKeySet returns the set of the given keys.
func NewKeySet(keys ...Key) *KeySet {
	s := &KeySet{}
next:
	for _, k := range keys {
		w, bit := int(k>>6), uint64(1)<<(k&63)
		for i := range s.words {
			if s.words[i].index == w {
				s.words[i].mask |= bit
				continue next
			}
		}
		s.words = append(s.words, keyWord{w, bit})
	}
	return s
}

// HasAny reports whether a field of the set is set.
func (r *Record) HasAny(s *KeySet) bool {
	words := r.words()
	for i := range s.words {
		if w := &s.words[i]; w.index < len(words) && words[w.index]&w.mask != 0 {
			return true
		}
	}
	return false
}

// Each yields the keys of the set that the record has, in path order if
// the set was made of keys in that order. The record may be changed meanwhile, but for deleting them.
func (r *Record) Each(s *KeySet) iter.Seq[Key] {
	return func(yield func(Key) bool) {
		words := r.words()
		for i := range s.words {
			w := &s.words[i]
			if w.index >= len(words) {
				continue
			}
			for word := words[w.index] & w.mask; word != 0; word &= word - 1 {
				if !yield(Key(w.index<<6 + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}
