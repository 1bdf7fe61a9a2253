package cef

import (
	"bytes"
	"errors"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// keyBytes are the bytes of a key: letters, digits and the marks that vendors use.
// The standard allows letters and digits only.
var keyBytes = [256]bool{
	'_': true, '.': true, '-': true, '[': true, ']': true, '@': true,
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true,
	'A': true, 'B': true, 'C': true, 'D': true, 'E': true, 'F': true, 'G': true, 'H': true, 'I': true, 'J': true, 'K': true, 'L': true, 'M': true,
	'N': true, 'O': true, 'P': true, 'Q': true, 'R': true, 'S': true, 'T': true, 'U': true, 'V': true, 'W': true, 'X': true, 'Y': true, 'Z': true,
	'a': true, 'b': true, 'c': true, 'd': true, 'e': true, 'f': true, 'g': true, 'h': true, 'i': true, 'j': true, 'k': true, 'l': true, 'm': true,
	'n': true, 'o': true, 'p': true, 'q': true, 'r': true, 's': true, 't': true, 'u': true, 'v': true, 'w': true, 'x': true, 'y': true, 'z': true,
}

// startsKey reports whether a key may begin with c.
func startsKey(c byte) bool {
	return keyBytes[c] && c != '.' && c != '-' && c != '[' && c != ']' && c != '@'
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// nextKey finds the next key in b at or after from: a run of key bytes that begins
// at lo or after a blank and ends before '='. It returns where the key begins and
// the index of its '=', or -1.
func nextKey(b []byte, lo, from int) (start, eq int) {
	for {
		k := bytes.IndexByte(b[from:], '=')
		if k < 0 {
			return -1, -1
		}
		eq = from + k
		s := eq
		for s > lo && keyBytes[b[s-1]] {
			s--
		}
		if s < eq && (s == 0 || isBlank(b[s-1])) && startsKey(b[s]) {
			return s, eq
		}
		from = eq + 1
	}
}

// trim takes blanks from both ends of b[i:j].
func trim(b []byte, i, j int) (int, int) {
	for j > i && isBlank(b[j-1]) {
		j--
	}
	for i < j && isBlank(b[i]) {
		i++
	}
	return i, j
}

// Iterator walks over the pairs of an extension:
//
//	for it := cef.Iterate(extension); it.Next(); {
//		use(it.Key(), it.Value())
//	}
//
// It is the form for hosts that read extensions without a Frame. It allocates
// nothing and keeps nothing but the extension.
type Iterator struct {
	ext        []byte
	key, value []byte
	start, eq  int // the key that Next will return
	begun      bool
}

// Iterate returns an Iterator over extension, the text behind the header.
func Iterate(extension []byte) Iterator { return Iterator{ext: extension} }

// Next goes to the next pair and reports whether there is one.
func (it *Iterator) Next() bool {
	if !it.begun {
		it.begun = true
		it.start, it.eq = nextKey(it.ext, 0, 0)
	}
	if it.start < 0 {
		it.key, it.value = nil, nil
		return false
	}
	it.key = it.ext[it.start:it.eq:it.eq]
	lo := it.eq + 1
	end := len(it.ext)
	it.start, it.eq = nextKey(it.ext, lo, lo)
	if it.start >= 0 {
		end = it.start
	}
	i, j := trim(it.ext, lo, end)
	it.value = it.ext[i:j:j]
	return true
}

// Key is the key of the current pair, a slice of the extension.
func (it *Iterator) Key() []byte { return it.key }

// Value is the value of the current pair as it stands on the wire, blanks at its
// ends removed: a slice of the extension. See Escaped.
func (it *Iterator) Value() []byte { return it.value }

// Escaped reports whether the value has a backslash, so that AppendValue may
// change it.
func (it *Iterator) Escaped() bool { return bytes.IndexByte(it.value, '\\') >= 0 }

// Reader puts the pairs of extensions into Frames. It remembers the order in which
// a device sends its keys. One worker uses it; another uses its own (with a Clone
// of the Keys).
type Reader struct {
	order *parse.KeyOrder
	stray []byte
}

// NewReader returns a Reader that finds the slots of native keys in keys, which it
// uses alone from now on. With nil every key is without a slot.
func NewReader(keys *parse.Keys) *Reader {
	return &Reader{order: parse.NewKeyOrder(keys, '=')}
}

// Stray is the text before the first key of the extension that was read last,
// which belongs to no pair; usually empty. It is a slice of the extension.
func (r *Reader) Stray() []byte { return r.stray }

// Read adds the pairs of extension to f, values without escapes. The caller has
// reset f; values alias extension and f.Text.
//
// An empty extension is no error. One without a single pair is SCHEMA_VIOLATION,
// a key longer than parse.MaxKeyLength or a full f.Rest is OVERSIZE; f then holds
// what stood before it. Offsets count from the start of extension.
func (r *Reader) Read(extension []byte, f *parse.Frame) error {
	b := extension
	o := r.order
	o.Begin()
	r.stray = nil
	start, eq := nextKey(b, 0, 0)
	if start != 0 {
		end := len(b)
		if start > 0 {
			end = start
		}
		i, j := trim(b, 0, end)
		r.stray = b[i:j:j]
		if start < 0 {
			if i == j {
				return nil
			}
			return fail(errcat.SchemaViolation, i, "", "the extension has no key=value pair")
		}
	}
	n, slot := o.Guess(b, start)
	if n == 0 {
		slot = o.Find(b[start:eq])
	}
	// esc is the first backslash at or after the current value.
	esc := indexFrom(b, 0, '\\')
	for {
		var room bool
		if start, eq, slot, room = o.PassSpaced(b, start, eq, slot, f); !room {
			return fail(errcat.Oversize, start, "", "more keys without a slot than the limit")
		}
		if eq-start > parse.MaxKeyLength {
			return fail(errcat.Oversize, start, "", "a key is longer than the limit")
		}
		// The value ends before the next key. The one that is expected is compared
		// where it would stand; only others are looked at byte by byte.
		i, j := eq+1, len(b)
		next, nextEq, nextSlot := -1, -1, -1
		if k := bytes.IndexByte(b[i:], '='); k >= 0 {
			nextEq = i + k
			next = nextEq - o.Expected()
			n = 0
			if next > i && isBlank(b[next-1]) {
				n, nextSlot = o.Guess(b, next)
			}
			if n == 0 {
				if next, nextEq = nextKey(b, i, nextEq); next >= 0 {
					nextSlot = o.Find(b[next:nextEq])
				}
			}
			if next >= 0 {
				j = next - 1
			}
		}
		if i < j && (b[j-1] <= ' ' || b[i] <= ' ') {
			i, j = trim(b, i, j)
		}
		if i > j {
			i = j
		}
		v := b[i:j:j]
		if esc < j {
			if esc < i {
				esc = indexFrom(b, i, '\\')
			}
			if esc < j {
				v = unescape(v, f)
			}
		}
		if slot >= 0 {
			f.Fill(slot, v, 0)
		} else if f.KeepRest && !f.Put(slot, 0, b[start:eq:eq], parse.BytesValue(v)) {
			return fail(errcat.Oversize, start, "", "more keys without a slot than the limit")
		}
		if next < 0 {
			return nil
		}
		start, eq, slot = next, nextEq, nextSlot
	}
}

// indexFrom is bytes.IndexByte from i on, len(b) where there is none.
func indexFrom(b []byte, i int, c byte) int {
	k := bytes.IndexByte(b[i:], c)
	if k < 0 {
		return len(b)
	}
	return i + k
}

// unescape returns v without escapes, in f.Text where that changes it.
func unescape(v []byte, f *parse.Frame) []byte {
	if f.Text == nil {
		return AppendValue(nil, v)
	}
	t := AppendValue(f.Text.Scratch(len(v)), v)
	if len(t) == len(v) && bytes.Equal(t, v) {
		return v // nothing but backslashes that stand for themselves
	}
	return f.Text.Keep(t)
}

// ReadEvent reads the whole event in raw: it finds the header, reads it into h and the
// extension into f. A message that is not CEF is UNKNOWN_FORMAT. Offsets count
// from the start of raw, and so does h.Extension.
func (r *Reader) ReadEvent(raw []byte, h *Header, f *parse.Frame) error {
	at := Find(raw)
	if at < 0 {
		return fail(errcat.UnknownFormat, 0, "", "no CEF header at the start or behind a syslog header")
	}
	ext, err := ParseHeader(raw[at:], h)
	h.Extension += at
	if err == nil {
		h.Unescape(f.Text)
		at = h.Extension
		err = r.Read(ext, f)
	}
	if err == nil {
		return nil
	}
	var e *errcat.Error
	if errors.As(err, &e) {
		e.Offset += int64(at)
	}
	return err
}
