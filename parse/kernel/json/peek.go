package json

import (
	"bytes"
	"math/bits"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// Found is a wanted member that Peeker met: the value that Read would put in the slot, or
// the elements of one with [] in its path, each by itself.
type Found struct {
	Slot int
	Kind parse.Kind // KindString, KindObject, KindArray, KindNull, KindBool, KindInt or KindFloat
	// Text is the value as it stands in the text, of a string what is between the quotes.
	Text []byte
}

// Escaped reports whether it is a string that holds escapes; see Plain.
func (f *Found) Escaped() bool {
	return f.Kind == parse.KindString && bytes.IndexByte(f.Text, '\\') >= 0
}

// unchecked is what may be in a string of which only the end was looked for: escapes that
// are none, and bytes that are not UTF-8.
const unchecked = sawEscape | sawBadUTF8

// Plain appends the text of a string with its escapes resolved to dst, and any other
// value as it stands.
func (f *Found) Plain(dst []byte) []byte {
	if !f.Escaped() {
		return append(dst, f.Text...)
	}
	dst, _ = appendUnescaped(dst, f.Text, unchecked)
	return dst
}

// Peeker looks for the wanted members of an object without checking the text: what it
// passes over need not be JSON. It serves to tell what a text is; who reads it then
// checks it. Its time and memory are linear in the text. One goroutine uses it.
type Peeker struct {
	tree  *Tree
	order []order // by node, as in Reader
	visit uint64
	found []Found
	key   []byte
	// Watch, if it is set, is given what was found so far with each member that is, the last of
	// them, and ends the search by true.
	Watch func([]Found) bool
	done  bool
}

// Peeker returns a Peeker for one worker.
func (t *Tree) Peeker() *Peeker {
	return &Peeker{tree: t, order: t.Reader().order}
}

// Peek returns what it finds of the object that data begins with, white space aside, in
// the order of the text. It is false if that is no object or does not end, unless Watch
// ended the search before. The result is valid until the next call and aliases data.
func (p *Peeker) Peek(data []byte) ([]Found, bool) {
	p.found, p.done = p.found[:0], false
	i, cut := begin(data)
	if cut || data[i] != '{' {
		return nil, false
	}
	end := p.object(data, i+1, p.tree.nodes[0])
	return p.found, end >= 0 || p.done
}

// object passes over the members of an object from behind its brace. Its recursion is
// bounded by the depth of the wanted paths.
func (p *Peeker) object(data []byte, i int, n *node) int {
	p.visit++
	var (
		visit = p.visit
		o     = &p.order[n.id]
		prev  = &o.start
	)
	i, _ = space(data, i)
	if i < len(data) && data[i] == '}' {
		return i + 1
	}
	for i < len(data) {
		e := prev.next
		if q := e.length; len(data)-i >= e.need && (scan.Load64(data, i)^e.first)&e.mask == 0 &&
			(q <= 8 || scan.Load64(data, i+q-8) == e.last &&
				(q <= 16 || scan.Load64(data, i+8) == e.second &&
					(q <= 24 || string(data[i+16:i+q-8]) == string(e.quoted[16:q-8])))) {
			i += q
		} else {
			if data[i] != '"' {
				return -1
			}
			end := stringEnd(data, i+1)
			if end < 0 || end-i > parse.MaxKeyLength {
				return -1
			}
			key, saw := data[i+1:end], uint8(0)
			if bytes.IndexByte(key, '\\') >= 0 {
				saw = sawEscape
				p.key, _ = appendUnescaped(p.key[:0], key, unchecked)
				key = p.key
			}
			e = o.find(n, key, saw)
			prev.next = e
			if i, _ = space(data, end+1); i >= len(data) || data[i] != ':' {
				return -1
			}
			i++
		}
		prev = e
		if i < len(data) && data[i] <= ' ' {
			i, _ = space(data, i)
		}
		if e.id < 0 || e.seen == visit {
			i = skipValue(data, i)
		} else {
			e.seen = visit
			i = p.value(data, i, &e.entry)
		}
		if i < 0 {
			return -1
		}
		if i < len(data) && data[i] <= ' ' {
			i, _ = space(data, i)
		}
		if i >= len(data) {
			return -1
		}
		if data[i] == '}' {
			return i + 1
		}
		if data[i] != ',' {
			return -1
		}
		if i++; i < len(data) && data[i] <= ' ' {
			i, _ = space(data, i)
		}
	}
	return -1
}

// value passes over the value of a wanted member and notes it.
func (p *Peeker) value(data []byte, i int, e *entry) int {
	if i >= len(data) {
		return -1
	}
	f := Found{Slot: int(e.slot)}
	var end int
	switch c := data[i]; c {
	case '"':
		quote := stringEnd(data, i+1)
		if quote < 0 {
			return -1
		}
		f.Kind, f.Text, end = parse.KindString, data[i+1:quote:quote], quote+1
	case '{', '[':
		switch {
		case c == '{' && e.obj != nil:
			end = p.object(data, i+1, e.obj)
		case c == '[' && e.arr != nil:
			end = p.array(data, i+1, e.arr)
		default:
			end = containerEnd(data, i)
		}
		if end < 0 {
			return -1
		}
		f.Kind, f.Text = parse.KindObject, data[i:end:end]
		if c == '[' {
			f.Kind = parse.KindArray
		}
	default:
		if end = skipValue(data, i); end < 0 {
			return -1
		}
		f.Text = data[i:end:end]
		switch {
		case c == 'n':
			f.Kind = parse.KindNull
		case c == 't' || c == 'f':
			f.Kind = parse.KindBool
		case c == '-' || c-'0' <= 9:
			f.Kind = number(f.Text).Kind()
		default:
			return -1
		}
	}
	if e.slot >= 0 {
		p.found = append(p.found, f)
		if p.Watch != nil && p.Watch(p.found) {
			p.done = true
			return -1
		}
	}
	return end
}

// array passes over the elements of an array from behind its bracket.
func (p *Peeker) array(data []byte, i int, a *array) int {
	at := a.at
	if i, _ = space(data, i); i < len(data) && data[i] == ']' {
		return i + 1
	}
	for index := 0; ; index++ {
		start, end := i, -1
		if len(at) > 0 && at[0].index == index {
			if end = p.value(data, start, at[0].entry); end < 0 {
				return -1
			}
			at = at[1:]
		}
		if a.all != nil {
			if end = p.value(data, start, a.all); end < 0 {
				return -1
			}
		}
		if end < 0 {
			if end = skipValue(data, start); end < 0 {
				return -1
			}
		}
		if i, _ = space(data, end); i >= len(data) {
			return -1
		}
		if data[i] == ']' {
			return i + 1
		}
		if data[i] != ',' {
			return -1
		}
		i, _ = space(data, i+1)
	}
}

// skipValue returns the index behind the value that begins at i, or -1.
func skipValue(data []byte, i int) int {
	if i >= len(data) {
		return -1
	}
	switch data[i] {
	case '"':
		end := stringEnd(data, i+1)
		if end < 0 {
			return -1
		}
		return end + 1
	case '{', '[':
		return containerEnd(data, i)
	}
	if end := tokenEnd(data, i); end > i {
		return end
	}
	return -1
}

// stringEnd returns the index of the quote that ends the string whose inside begins at
// from, or -1. A quote is escaped where an odd number of backslashes stands before it, so
// that nothing but quotes need be looked for.
func stringEnd(data []byte, from int) int {
	for i := from; ; i++ {
		// Most strings are short.
		for short := min(i+40, len(data)) - 8; i <= short; i += 8 {
			w := scan.Load64(data, i) ^ 0x22*ones
			if m := (w - ones) &^ w & highs; m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				goto found
			}
		}
		if k := bytes.IndexByte(data[i:], '"'); k < 0 {
			return -1
		} else {
			i += k
		}
	found:
		if i == from || data[i-1] != '\\' {
			return i
		}
		k := i - 1
		for k >= from && data[k] == '\\' {
			k--
		}
		if (i-k)%2 == 1 {
			return i
		}
	}
}

// containerEnd returns the index behind the object or array that begins at i, whatever the
// kinds of its brackets, or -1.
func containerEnd(data []byte, i int) int {
	level := 0
	for ; i < len(data); i++ {
		switch data[i] {
		case '"':
			if i = stringEnd(data, i+1); i < 0 {
				return -1
			}
		case '{', '[':
			level++
		case '}', ']':
			if level--; level == 0 {
				return i + 1
			}
		}
	}
	return -1
}
