package leef

import (
	"bytes"
	"errors"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// notKey are the bytes that no key holds: blanks, controls, quotes, backslash, '='.
var notKey = func() (t [256]bool) {
	for c := range 0x21 {
		t[c] = true
	}
	for _, c := range []byte("\x7f\"'`\\=,;<>{}|^") {
		t[c] = true
	}
	return t
}()

// splitter finds attributes in b.
type splitter struct {
	b     []byte
	delim []byte
	keys  bool // the delimiter begins with a byte that keys may hold
	// escapes: the delimiter can be escaped. A tab cannot: nobody does, and Windows
	// paths end with backslashes.
	escapes bool
}

func newSplitter(b, delim []byte) splitter {
	if len(delim) == 0 {
		delim = byteText['\t' : '\t'+1]
	}
	return splitter{b, delim, !notKey[delim[0]], len(delim) == 1 && delim[0] != '\t'}
}

// keyAt returns the index of the '=' of the key that begins at i, or -1 where none
// begins there.
func (s *splitter) keyAt(i int) int {
	b := s.b
	k := i
	for k < len(b) && !notKey[b[k]] {
		if s.keys && b[k] == s.delim[0] && bytes.HasPrefix(b[k:], s.delim) {
			return -1
		}
		k++
	}
	if k == i || k == len(b) || b[k] != '=' {
		return -1
	}
	return k
}

// skip returns the index of the first byte from i on that is neither blank nor a
// delimiter.
func (s *splitter) skip(i int) int {
	for i < len(s.b) {
		if c := s.b[i]; c == ' ' || c == '\r' || c == '\n' || c == '\t' {
			i++
		} else if c == s.delim[0] && bytes.HasPrefix(s.b[i:], s.delim) {
			i += len(s.delim)
		} else {
			break
		}
	}
	return i
}

// next finds the end of the value (or of the stray text) that begins at lo: a
// delimiter that is followed by a key, or the end of the text. It returns where the
// next key begins and its '='; both are -1 at the end of the text.
func (s *splitter) next(lo int) (end, start, eq int) {
	b := s.b
	from := lo
	for {
		var k int
		if len(s.delim) == 1 {
			k = bytes.IndexByte(b[from:], s.delim[0])
		} else {
			k = bytes.Index(b[from:], s.delim)
		}
		if k < 0 {
			return len(b), -1, -1
		}
		end = from + k
		if s.escapes && oddBackslashes(b, lo, end) {
			from = end + len(s.delim)
			continue
		}
		start = s.skip(end)
		if eq = s.keyAt(start); eq >= 0 {
			return end, start, eq
		}
		from = start
		if start == len(b) {
			return end, -1, -1
		}
	}
}

// oddBackslashes reports whether an odd number of backslashes stands in b[lo:i]
// right before i.
func oddBackslashes(b []byte, lo, i int) bool {
	n := i
	for n > lo && b[n-1] == '\\' {
		n--
	}
	return (i-n)&1 == 1
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

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// first finds the first key. What stands before it, delimiters apart, is
// b[stray[0]:stray[1]]; eq is -1 where there is no key.
func (s *splitter) first() (stray [2]int, start, eq int) {
	start = s.skip(0)
	if eq = s.keyAt(start); eq >= 0 {
		return stray, start, eq
	}
	stray[0] = start
	stray[1], start, eq = s.next(start)
	stray[0], stray[1] = trim(s.b, stray[0], stray[1])
	return stray, start, eq
}

// Iterator walks over attributes:
//
//	for it := leef.Iterate(attributes, h.Delimiter); it.Next(); {
//		use(it.Key(), it.Value())
//	}
//
// It is the form for hosts that read attributes without a Frame. It allocates
// nothing and keeps nothing but the attributes and the delimiter.
type Iterator struct {
	s          splitter
	key, value []byte
	start, eq  int
	begun      bool
}

// Iterate returns an Iterator over attributes, the text behind the header. An empty
// delimiter means tab.
func Iterate(attributes, delimiter []byte) Iterator {
	return Iterator{s: newSplitter(attributes, delimiter)}
}

// Next goes to the next attribute and reports whether there is one.
func (it *Iterator) Next() bool {
	if !it.begun {
		it.begun = true
		_, it.start, it.eq = it.s.first()
	}
	if it.eq < 0 {
		it.key, it.value = nil, nil
		return false
	}
	it.key = it.s.b[it.start:it.eq:it.eq]
	lo := it.eq + 1
	var end int
	end, it.start, it.eq = it.s.next(lo)
	i, j := trim(it.s.b, lo, end)
	it.value = it.s.b[i:j:j]
	return true
}

// Key is the key of the current attribute, a slice of the text.
func (it *Iterator) Key() []byte { return it.key }

// Value is the value of the current attribute as it stands on the wire, blanks at
// its ends removed: a slice of the text. See Escaped.
func (it *Iterator) Value() []byte { return it.value }

// Escaped reports whether the value has a backslash, so that AppendValue may
// change it.
func (it *Iterator) Escaped() bool { return bytes.IndexByte(it.value, '\\') >= 0 }

// Reader puts attributes into Frames. It remembers the order in which a device
// sends its keys. One worker uses it; another uses its own (with a Clone of the
// Keys).
type Reader struct {
	order *parse.KeyOrder
	stray []byte
}

// NewReader returns a Reader that finds the slots of native keys in keys, which it
// uses alone from now on. With nil every key is without a slot.
func NewReader(keys *parse.Keys) *Reader {
	return &Reader{order: parse.NewKeyOrder(keys, '=')}
}

// Stray is the text before the first key of what was read last, which belongs to no
// attribute; usually empty. It is a slice of the attributes.
func (r *Reader) Stray() []byte { return r.stray }

// Read adds the attributes to f, values without escapes. The caller has reset f;
// values alias attributes and f.Text. An empty delimiter means tab.
//
// No attributes at all is no error. Text without a single key=value is
// SCHEMA_VIOLATION, a key longer than parse.MaxKeyLength or a full f.Rest is
// OVERSIZE; f then holds what stood before it. Offsets count from the start of
// attributes.
func (r *Reader) Read(attributes, delimiter []byte, f *parse.Frame) error {
	s := newSplitter(attributes, delimiter)
	b := attributes
	o := r.order
	o.Begin()
	stray, start, eq := s.first()
	r.stray = b[stray[0]:stray[1]:stray[1]]
	if eq < 0 {
		if len(r.stray) == 0 {
			return nil
		}
		return fail(errcat.SchemaViolation, stray[0], "", "the attributes have no key=value pair")
	}
	n, slot := o.Guess(b, start)
	if n == 0 {
		slot = o.Find(b[start:eq])
	}
	// esc is the first backslash at or after the current value.
	esc := indexFrom(b, 0, '\\')
	tab := len(s.delim) == 1 && s.delim[0] == '\t'
	for {
		if eq-start > parse.MaxKeyLength {
			return fail(errcat.Oversize, start, "", "a key is longer than the limit")
		}
		i := eq + 1
		j, next, nextEq, nextSlot := len(b), -1, -1, -1
		n = 0
		if tab {
			// The usual case: one tab and the key that is expected behind it.
			if k := bytes.IndexByte(b[i:], '\t'); k >= 0 {
				j = i + k
				next = j + 1
				if n, nextSlot = o.Guess(b, next); n > 0 {
					nextEq = next + n
				}
			} else {
				n, next = 1, -1
			}
		}
		if n == 0 {
			if j, next, nextEq = s.next(i); next >= 0 {
				if n, nextSlot = o.Guess(b, next); n == 0 {
					nextSlot = o.Find(b[next:nextEq])
				}
			}
		}
		if i < j && (b[j-1] <= ' ' || b[i] <= ' ') {
			i, j = trim(b, i, j)
		}
		v := b[i:j:j]
		if esc < j {
			if esc < i {
				esc = indexFrom(b, i, '\\')
			}
			if esc < j {
				v = unescape(v, s.delim, f)
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
func unescape(v, delim []byte, f *parse.Frame) []byte {
	if f.Text == nil {
		return AppendValue(nil, v, delim)
	}
	t := AppendValue(f.Text.Scratch(len(v)), v, delim)
	if len(t) == len(v) {
		return v // nothing but backslashes that stand for themselves
	}
	return f.Text.Keep(t)
}

// ReadEvent reads the whole event in raw: it finds the header, reads it into h and
// the attributes into f. A message that is not LEEF is UNKNOWN_FORMAT. Offsets
// count from the start of raw, and so does h.Attributes.
func (r *Reader) ReadEvent(raw []byte, h *Header, f *parse.Frame) error {
	at := Find(raw)
	if at < 0 {
		return fail(errcat.UnknownFormat, 0, "", "no LEEF header at the start or behind a syslog header")
	}
	attributes, err := ParseHeader(raw[at:], h)
	h.Attributes += at
	if err == nil {
		h.Unescape(f.Text)
		at = h.Attributes
		err = r.Read(attributes, h.Delimiter, f)
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
