package json

import (
	"math/bits"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// Iter walks over the members of an object or the elements of an array that a Reader
// kept as raw text, or that Valid accepts. On other text it stops early or returns
// nonsense, but stays within the text. Not safe for concurrent use.
type Iter struct {
	raw   []byte
	text  *arena.Bytes
	i     int
	array bool
}

// Object returns an Iter over the members of the object raw. Keys and values alias
// raw or, where they had escapes, live in text. Anything but an object has no members.
func Object(raw []byte, text *arena.Bytes) Iter { return newIter(raw, text, '{') }

// Array returns an Iter over the elements of the array raw; keys are nil.
func Array(raw []byte, text *arena.Bytes) Iter { return newIter(raw, text, '[') }

func newIter(raw []byte, text *arena.Bytes, open byte) Iter {
	i, _ := space(raw, 0)
	if i >= len(raw) || raw[i] != open {
		return Iter{}
	}
	return Iter{raw: raw, text: text, i: i + 1, array: open == '['}
}

// Next sets key and value to the next member; it returns false at the end. Objects
// and arrays are raw text (KindObject, KindArray).
func (it *Iter) Next(key *[]byte, value *parse.Value) bool {
	i, _ := space(it.raw, it.i)
	if i < len(it.raw) && it.raw[i] == ',' {
		i, _ = space(it.raw, i+1)
	}
	if i >= len(it.raw) {
		return false
	}
	*key = nil
	if !it.array {
		if it.raw[i] != '"' {
			return false
		}
		end, escaped := closingQuote(it.raw, i+1, false)
		if end < 0 {
			return false
		}
		*key = it.unescaped(i+1, end, escaped)
		i, _ = space(it.raw, end+1)
		if i >= len(it.raw) || it.raw[i] != ':' {
			return false
		}
		if i, _ = space(it.raw, i+1); i >= len(it.raw) {
			return false
		}
	}
	var end int
	switch c := it.raw[i]; {
	case c == '"':
		var escaped bool
		if end, escaped = closingQuote(it.raw, i+1, false); end >= 0 {
			*value = parse.BytesValue(it.unescaped(i+1, end, escaped))
			end++
		}
	case c == '{' || c == '[':
		if end = closingBracket(it.raw, i, false); end >= 0 {
			k := parse.KindObject
			if c == '[' {
				k = parse.KindArray
			}
			*value = parse.RawValue(k, it.raw[i:end:end])
		}
	case c == ']' || c == '}':
		return false
	default:
		end = tokenEnd(it.raw, i)
		*value = scalar(it.raw[i:end:end])
	}
	if end < 0 {
		it.i = len(it.raw)
		return false
	}
	it.i = end
	return true
}

func (it *Iter) unescaped(from, to int, escaped bool) []byte {
	src := it.raw[from:to:to]
	if !escaped {
		return src
	}
	out, _ := appendUnescaped(it.text.Scratch(len(src)), src, sawEscape)
	return it.text.Keep(out)
}

// scalar is the value of a token that has been checked.
func scalar(b []byte) parse.Value {
	if len(b) == 0 {
		return parse.NullValue()
	}
	switch b[0] {
	case 'n':
		return parse.NullValue()
	case 't', 'f':
		return parse.BoolValue(b[0] == 't')
	}
	return number(b)
}

// number is the value of a checked number: an integer only in its canonical form.
func number(b []byte) parse.Value {
	if !(b[0] == '-' && len(b) > 1 && b[1] == '0') {
		if n, ok := scan.ParseInt(b); ok {
			return parse.IntText(n, b)
		}
	}
	return parse.RawValue(parse.KindFloat, b)
}

// tokenEnd returns the index behind the number or literal at i.
func tokenEnd(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return i
		}
		i++
	}
	return i
}

// closingQuote returns the index of the quote that ends the string from i on, or -1 if
// there is none, or if line is set and a line break comes first.
func closingQuote(b []byte, i int, line bool) (end int, escaped bool) {
	for {
		for i <= len(b)-8 {
			m := special(load64(b, i))
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for i < len(b) && b[i] >= 0x20 && b[i] != '"' && b[i] != '\\' {
			i++
		}
		switch {
		case i >= len(b) || b[i] == '\n' && line:
			return -1, false
		case b[i] == '"':
			return i, escaped
		case b[i] == '\\':
			escaped = true
			i++
		}
		i++
	}
}

// closingBracket returns the index behind the bracket that closes the one at i,
// whatever their kinds, or -1. With line no string goes over a line break.
func closingBracket(b []byte, i int, line bool) int {
	level := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			end, _ := closingQuote(b, i+1, line)
			if end < 0 {
				return -1
			}
			i = end
		case '{', '[':
			level++
		case '}', ']':
			if level--; level == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}
