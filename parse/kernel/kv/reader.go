package kv

import (
	"bytes"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// Reader puts pairs into Frames. It remembers the order in which a device sends its
// keys. One worker uses it; another uses its own (with a Clone of the Keys).
type Reader struct {
	format *Format
	order  *parse.KeyOrder
	words  int
	runs   [][2]int // stray text, as ranges of data
	stray  []byte
}

// maxKeptRuns bounds what a Reader keeps from one message to the next.
const maxKeptRuns = 1024

// NewReader returns a Reader that finds the slots of native keys in keys, which it
// uses alone from now on. With nil every key is without a slot.
func (f *Format) NewReader(keys *parse.Keys) *Reader {
	return &Reader{format: f, order: parse.NewKeyOrder(keys, f.opts.KeySeparators[0])}
}

// Stray returns what belonged to no pair in the text that was read last: how many
// words, and with KeepStray their text, runs of it joined by spaces. The text
// aliases data or f.Text.
func (r *Reader) Stray() (words int, text []byte) { return r.words, r.stray }

// Read adds the pairs in data to f, quotes and escapes taken off; values that stood
// in quotes have the flag parse.Quoted. The caller has reset f; values alias data
// and f.Text. Equal keys: see parse.Frame.Put.
//
// Text without a single pair, empty text included, is SCHEMA_VIOLATION. A quoted
// value without an end is TRUNCATED. A key longer than parse.MaxKeyLength or a full
// f.Rest is OVERSIZE. f then holds what stood before the offset, which counts from
// the start of data.
func (r *Reader) Read(data []byte, f *parse.Frame) error {
	r.words, r.stray = 0, nil
	if cap(r.runs) > maxKeptRuns {
		r.runs = nil
	}
	r.runs = r.runs[:0]
	r.order.Begin()
	s := newScanner(r.format, data)
	s.order = r.order
	pairs, err := 0, error(nil)
	if r.format.fast {
		pairs, err = r.fast(&s, f)
	} else {
		pairs, err = r.read(&s, f)
	}
	if len(r.runs) > 0 {
		r.join(data, f)
	}
	if err == nil && pairs == 0 {
		return fail(errcat.SchemaViolation, 0, "no key=value pair in the text")
	}
	return err
}

// read is Read with the general scanner.
func (r *Reader) read(s *scanner, f *parse.Frame) (pairs int, err error) {
	b := s.b
	for {
		var v parse.Value
		switch s.next() {
		case tokEnd:
			return pairs, nil
		case tokError:
			return pairs, s.err
		case tokStray:
			r.addStray(s.b, s.value)
			continue
		case tokBare:
			if r.format.opts.BareKeys == BareTrue {
				v = parse.BoolValue(true)
			} else {
				v = parse.BytesValue(b[s.key[1]:s.key[1]])
			}
			pairs-- // a flag alone makes no key=value text
		case tokPair:
			text := b[s.value[0]:s.value[1]:s.value[1]]
			if s.quoted != 0 {
				v = parse.BytesValue(r.format.unescape(text, s.quoted, f)).WithFlags(parse.Quoted)
			} else if null := r.format.opts.Null; null != "" && string(text) == null {
				v = parse.NullValue()
			} else {
				v = parse.BytesValue(text)
			}
		}
		pairs++
		key := b[s.key[0]:s.key[1]:s.key[1]]
		if len(key) > parse.MaxKeyLength {
			return pairs, fail(errcat.Oversize, s.keyStart, "a key is longer than the limit")
		}
		slot := s.slot
		if !s.known {
			slot = r.order.Find(key)
		}
		if !f.Put(slot, 0, key, v) {
			return pairs, fail(errcat.Oversize, s.keyStart, "more keys without a slot than the limit")
		}
	}
}

// addStray counts a stray word and remembers where it stood.
func (r *Reader) addStray(b []byte, at [2]int) {
	r.words++
	if !r.format.opts.KeepStray {
		return
	}
	if n := len(r.runs); n > 0 && onlySeparators(r.format, b[r.runs[n-1][1]:at[0]]) {
		r.runs[n-1][1] = at[1]
		return
	}
	r.runs = append(r.runs, at)
}

func onlySeparators(f *Format, b []byte) bool {
	for _, c := range b {
		if f.class[c]&(isSep|isBlank) == 0 {
			return false
		}
	}
	return true
}

// join makes one text of the stray runs.
func (r *Reader) join(data []byte, f *parse.Frame) {
	if len(r.runs) == 1 || f.Text == nil {
		r.stray = data[r.runs[0][0]:r.runs[0][1]:r.runs[0][1]]
		if len(r.runs) == 1 {
			return
		}
	}
	size := 0
	for _, x := range r.runs {
		size += x[1] - x[0] + 1
	}
	var t []byte
	if f.Text != nil {
		t = f.Text.Scratch(size)
	}
	for i, x := range r.runs {
		if i > 0 {
			t = append(t, ' ')
		}
		t = append(t, data[x[0]:x[1]]...)
	}
	if f.Text != nil {
		t = f.Text.Keep(t)
	}
	r.stray = t
}

// Iterator walks over the pairs of a text:
//
//	it := format.Iterate(data)
//	for it.Next() {
//		use(it.Key(), it.Value())
//	}
//	return it.Err()
//
// It is the form for hosts that read pairs without a Frame. It allocates nothing
// except for its error, and keeps nothing but the text.
type Iterator struct {
	s     scanner
	tok   token
	words int
}

// Iterate returns an Iterator over data.
func (f *Format) Iterate(data []byte) Iterator { return Iterator{s: newScanner(f, data)} }

// Next goes to the next pair and reports whether there is one.
func (it *Iterator) Next() bool {
	for {
		it.tok = it.s.next()
		switch it.tok {
		case tokPair, tokBare:
			return true
		case tokStray:
			it.words++
			continue
		}
		return false
	}
}

// Key is the key of the current pair, a slice of the text.
func (it *Iterator) Key() []byte { return it.s.b[it.s.key[0]:it.s.key[1]:it.s.key[1]] }

// Value is the value of the current pair without its quotes, escapes left in: a
// slice of the text. AppendValue takes the escapes out. It is empty for a bare key.
func (it *Iterator) Value() []byte {
	if it.tok != tokPair {
		return nil
	}
	return it.s.b[it.s.value[0]:it.s.value[1]:it.s.value[1]]
}

// Bare reports whether the current key stood without a separator.
func (it *Iterator) Bare() bool { return it.tok == tokBare }

// Quote is the quote around the current value, or 0.
func (it *Iterator) Quote() byte {
	if it.tok != tokPair {
		return 0
	}
	return it.s.quoted
}

// Stray is how many words so far belonged to no pair.
func (it *Iterator) Stray() int { return it.words }

// Err is why Next stopped before the end of the text, or nil.
func (it *Iterator) Err() error { return it.s.err }

// indexFrom is bytes.IndexByte from i on, len(b) where there is none.
func indexFrom(b []byte, i int, c byte) int {
	k := bytes.IndexByte(b[i:], c)
	if k < 0 {
		return len(b)
	}
	return i + k
}
