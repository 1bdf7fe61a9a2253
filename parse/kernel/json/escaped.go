package json

import (
	"math/bits"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// maxAtOnce is how much text may follow where a string is read and unescaped at once: as much
// room is needed, twice.
const maxAtOnce = 1 << 15

// textSlow is Reader.text for a string that is not plain ASCII up to a quote eight bytes
// before the end of data. What stands before i is.
func (r *Reader) textSlow(data []byte, from, i, slot int) int {
	if slot >= 0 && i < len(data) && data[i] == '\\' && len(data)-from <= maxAtOnce {
		if end := r.escaped(data, from, i, slot); end >= 0 {
			return end
		}
	}
	end, saw := r.strSlow(data, i)
	switch {
	case end < 0:
		return -1
	case slot < 0:
	case saw == 0:
		r.f.SetText(slot, data, from, end, parse.Clean)
	default:
		r.f.Set(slot, parse.BytesValue(r.unescape(data[from:end:end], saw)))
	}
	return end + 1
}

// escaped reads a string whose escapes are those that JSON would be written with, which is
// what there mostly is: the text then is kept together with its escapes, so that nobody need
// make them again. It returns the index behind the closing quote, or -1 for any other string.
func (r *Reader) escaped(data []byte, from, i, slot int) int {
	a := r.f.Text
	room := a.Scratch(2*(len(data)-from) + 8)
	dst := room[:cap(room)]
	n := copy(dst, data[from:i])
	var high uint64 // also of bytes behind the string: they cost a check, no more
	for i <= len(data)-8 {
		w := scan.Load64(data, i)
		scan.Store64(dst, n, w) // n <= i-from
		m := special(w)
		if m == 0 {
			high |= w
			i, n = i+8, n+8
			continue
		}
		high |= w
		k := bits.TrailingZeros64(m) >> 3
		i, n = i+k, n+k
		switch data[i] {
		case '\\':
			if i+1 >= len(data) {
				return -1
			}
			c := data[i+1]
			u := unescape[c]
			if u == 0 || c == '/' {
				return -1
			}
			dst[n] = u
			i, n = i+2, n+1
		case '"':
			src := data[from:i]
			if high&highs != 0 && !utf8.Valid(src) {
				return -1
			}
			end := n + copy(dst[n:], src)
			r.f.Set(slot, parse.EncodedValue(a.Keep(dst[:end]), n))
			return i + 1
		default:
			return -1
		}
	}
	return -1
}
