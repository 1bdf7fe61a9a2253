package pack

// byKey is a constant map of texts. It finds short ones, as most keys that vendors use
// are, without hashing bytes: a text of up to seven is one word.
type byKey[T any] struct {
	all    map[string]T
	words  []uint64 // of the short texts, by a hash; 0 is free
	values []T
	shift  uint8
}

const (
	shortKey     = 7
	maxShortKeys = 1 << 12
)

// newByKey returns a byKey of all, which must not change any more.
func newByKey[T any](all map[string]T) byKey[T] {
	t := byKey[T]{all: all, shift: 63}
	n := 0
	for k := range all {
		if len(k) > 0 && len(k) <= shortKey {
			n++
		}
	}
	if n > maxShortKeys {
		return t
	}
	for 1<<(64-t.shift) <= 2*n {
		t.shift--
	}
	t.words, t.values = make([]uint64, 1<<(64-t.shift)), make([]T, 1<<(64-t.shift))
	for k, v := range all {
		if len(k) == 0 || len(k) > shortKey {
			continue
		}
		w := shortWord([]byte(k))
		at := t.place(w)
		for t.words[at] != 0 {
			at = (at + 1) & (len(t.words) - 1)
		}
		t.words[at], t.values[at] = w, v
	}
	return t
}

func (t *byKey[T]) place(w uint64) int { return int(w * 0x9E3779B97F4A7C15 >> (t.shift & 63)) }

// shortWord makes a word of one to seven bytes.
func shortWord(b []byte) uint64 {
	w := uint64(len(b)) << 56
	for i, c := range b {
		w |= uint64(c) << (8 * uint(i) & 63)
	}
	return w
}

// get returns what belongs to b.
func (t *byKey[T]) get(b []byte) (v T, ok bool) {
	if uint(len(b)-1) >= shortKey || len(t.words) == 0 {
		v, ok = t.all[string(b)]
		return v, ok
	}
	w := shortWord(b)
	for at := t.place(w); ; at++ {
		at &= len(t.words) - 1
		switch t.words[at] {
		case w:
			return t.values[at], true
		case 0:
			return v, false
		}
	}
}
