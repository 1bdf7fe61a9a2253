package json

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/internal/scan"
)

// What a scan found besides validity.
const (
	sawEscape  uint8 = 1 << iota // a backslash
	sawLone                      // an escaped surrogate without its other half
	sawBadUTF8                   // bytes to be repaired
	sawNewline                   // a line break between tokens
	sawTwice                     // two equal keys in one object

	mustRewrite = sawLone | sawBadUTF8 | sawNewline | sawTwice
)

// scanner checks JSON text against RFC 8259 and remembers the first fault.
// Its functions take the index of the first byte to look at and return the index
// behind what they read, or -1 after a fault.
type scanner struct {
	code     code
	repair   bool
	at       int // offset of the fault
	maxDepth int
	maxKeys  int
	keys     int
	spill    []uint64 // container kinds below the innermost 64
	set      keySet
}

func (s *scanner) fail(c code, at int) int {
	s.code, s.at = c, at
	return -1
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// load64 reads the eight bytes at i, which the compiler checks to be there. Loops that
// have compared i themselves use scan.Load64.
func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// special flags quotes, backslashes and controls of w; only the lowest flag is exact.
func special(w uint64) uint64 {
	return (((w ^ 0x02*ones) - 0x21*ones) | ((w ^ 0x5c*ones) - ones)) &^ w & highs
}

// unusual is special that flags bytes from 0x80 up as well.
func unusual(w uint64) uint64 {
	return (((w ^ 0x02*ones) - 0x21*ones) | ((w ^ 0x5c*ones) - ones) | w) & highs
}

// backslash flags backslashes of w; only the lowest flag is exact.
func backslash(w uint64) uint64 {
	w ^= 0x5c * ones
	return (w - ones) &^ w & highs
}

// space skips white space from i on; it returns sawNewline if a line broke.
func space(data []byte, i int) (int, uint8) {
	var saw uint8
	for ; i < len(data); i++ {
		switch data[i] {
		case ' ', '\t':
		case '\n', '\r':
			saw = sawNewline
		default:
			return i, saw
		}
	}
	return i, saw
}

// str reads a string from behind its opening quote and returns the index of the
// closing one.
func (s *scanner) str(data []byte, i int) (end int, saw uint8) {
	for i <= len(data)-8 {
		if m := unusual(scan.Load64(data, i)); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			if data[i] == '"' {
				return i, 0
			}
			return s.strSlow(data, i)
		}
		i += 8
	}
	return s.strSlow(data, i)
}

// strSlow is str for text that is not plain ASCII up to a quote eight bytes before
// the end of data. What stands before i is.
func (s *scanner) strSlow(data []byte, i int) (end int, saw uint8) {
	from := i
	var high uint64 // also of bytes behind the string: they cost a check, no more
	for {
		var c byte
		if i <= len(data)-8 {
			w := scan.Load64(data, i)
			high |= w
			m := special(w)
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
			c = data[i]
		} else {
			if i >= len(data) {
				return s.fail(errTruncated, i), 0
			}
			if c = data[i]; c >= 0x20 && c != '"' && c != '\\' {
				high |= uint64(c)
				i++
				continue
			}
		}
		switch c {
		case '\\':
			if i+1 < len(data) && unescape[data[i+1]] != 0 {
				i, saw = i+2, saw|sawEscape
				continue
			}
			var lone uint8
			if i, lone = s.escape(data, i); i < 0 {
				return -1, 0
			}
			saw |= sawEscape | lone
		case '"':
			if high&highs != 0 && !utf8.Valid(data[from:i]) {
				if !s.repair {
					return s.fail(errUTF8, from+invalidAt(data[from:i])), 0
				}
				saw |= sawBadUTF8
			}
			return i, saw
		default:
			return s.fail(errControl, i), 0
		}
	}
}

// escape reads the escape at i, both halves of a surrogate pair together.
func (s *scanner) escape(data []byte, i int) (end int, saw uint8) {
	if i+1 >= len(data) {
		return s.fail(errTruncated, len(data)), 0
	}
	switch data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, 0
	case 'u':
		r := hex4(data, i+2)
		if r < 0 {
			return s.badHex(data, i), 0
		}
		switch {
		case r&0xfc00 == 0xd800:
			if i+7 < len(data) && data[i+6] == '\\' && data[i+7] == 'u' {
				if r = hex4(data, i+8); r < 0 {
					return s.badHex(data, i+6), 0
				}
				if r&0xfc00 == 0xdc00 {
					return i + 12, 0
				}
			}
			saw = sawLone
		case r&0xfc00 == 0xdc00:
			saw = sawLone
		}
		return i + 6, saw
	}
	return s.fail(errEscape, i), 0
}

// badHex tells a cut \uXXXX from a wrong one.
func (s *scanner) badHex(data []byte, i int) int {
	for j := i + 2; j < i+6; j++ {
		if j >= len(data) {
			return s.fail(errTruncated, j)
		}
		if unhex[data[j]] < 0 {
			break
		}
	}
	return s.fail(errEscape, i)
}

// unhex is read-only.
var unhex = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i := range 10 {
		t['0'+i] = int8(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = int8(10+i), int8(10+i)
	}
	return t
}()

// hex4 reads four hexadecimal digits at i, or returns a negative number.
func hex4(data []byte, i int) int {
	if i+4 > len(data) {
		return -1
	}
	d := data[i : i+4 : i+4]
	a, b, c, e := int(unhex[d[0]]), int(unhex[d[1]]), int(unhex[d[2]]), int(unhex[d[3]])
	if a|b|c|e < 0 {
		return -1
	}
	return a<<12 | b<<8 | c<<4 | e
}

// runeLen is the length of the valid rune that b begins with, or 0.
func runeLen(b []byte) int {
	r, size := utf8.DecodeRune(b)
	if r == utf8.RuneError && size <= 1 {
		return 0
	}
	return size
}

func invalidAt(b []byte) int {
	for i := 0; i < len(b); {
		n := runeLen(b[i:])
		if n == 0 {
			return i
		}
		i += n
	}
	return len(b)
}

// appendUnescaped appends the text of the string whose raw inside is src, which str
// has read and answered with saw. Lone surrogates and, if saw says that there are any,
// bytes that are not UTF-8 become U+FFFD; bad counts the bytes.
func appendUnescaped(dst, src []byte, saw uint8) (out []byte, bad int) {
	if saw&sawBadUTF8 == 0 {
		n := len(dst)
		dst = slices.Grow(dst, len(src))
		return dst[:n+unescapeTo(dst[n:n+len(src)], src)], 0
	}
	for i := 0; ; {
		from := i
		for i <= len(src)-8 {
			if m := backslash(load64(src, i)); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for i < len(src) && src[i] != '\\' {
			i++
		}
		for from < i {
			n := runeLen(src[from:i])
			if n == 0 {
				dst = append(dst, "\uFFFD"...)
				bad++
				from++
				continue
			}
			dst = append(dst, src[from:from+n]...)
			from += n
		}
		if i+1 >= len(src) {
			return dst, bad
		}
		c := src[i+1]
		if c != 'u' {
			dst = append(dst, unescape[c])
			i += 2
			continue
		}
		var r rune
		r, i = unescapeRune(src, i)
		dst = utf8.AppendRune(dst, r)
	}
}

// unescapeTo is appendUnescaped for valid UTF-8. dst is as long as src: no escape is
// shorter than what it stands for.
func unescapeTo(dst, src []byte) int {
	i, n := 0, 0
	for i < len(src) {
		if i <= len(src)-8 {
			w := scan.Load64(src, i)
			scan.Store64(dst, n, w) // n <= i
			m := backslash(w)
			if m == 0 {
				i, n = i+8, n+8
				continue
			}
			k := bits.TrailingZeros64(m) >> 3
			i, n = i+k, n+k
		} else if src[i] != '\\' {
			dst[n] = src[i]
			i, n = i+1, n+1
			continue
		}
		if i+1 >= len(src) {
			break
		}
		c := src[i+1]
		if c == 'u' {
			var r rune
			r, i = unescapeRune(src, i)
			n += utf8.EncodeRune(dst[n:], r)
			continue
		}
		dst[n] = unescape[c]
		i, n = i+2, n+1
	}
	return n
}

// unescapeRune returns what the \u escape at i, with the other half of its pair, stands
// for, and the index behind it.
func unescapeRune(src []byte, i int) (rune, int) {
	r := hex4(src, i+2)
	i += 6
	if r&0xf800 == 0xd800 {
		low := -1
		if r&0x400 == 0 && i+1 < len(src) && src[i] == '\\' && src[i+1] == 'u' {
			low = hex4(src, i+2)
		}
		if low >= 0 && low&0xfc00 == 0xdc00 {
			r = 0x10000 + r&0x3ff<<10 + low&0x3ff
			i += 6
		} else {
			r = utf8.RuneError
		}
	}
	return rune(r), min(i, len(src))
}

// unescape is what stands for the byte behind a backslash. It is read-only.
var unescape = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// number reads a number. integer is false if it has a fraction or an exponent.
func (s *scanner) number(data []byte, i int) (end int, integer bool) {
	start := i
	if i < len(data) && data[i] == '-' {
		i++
	}
	switch {
	case i >= len(data):
		return s.fail(errTruncated, i), false
	case data[i] == '0':
		i++
		if i < len(data) && data[i]-'0' <= 9 {
			return s.fail(errNumber, start), false
		}
	case data[i]-'0' <= 9:
		for i++; i < len(data) && data[i]-'0' <= 9; i++ {
		}
	default:
		return s.fail(errNumber, start), false
	}
	if i >= len(data) || (data[i] != '.' && data[i]|0x20 != 'e') {
		return i, true
	}
	if data[i] == '.' {
		i++
		from := i
		for ; i < len(data) && data[i]-'0' <= 9; i++ {
		}
		if i == from {
			return s.wrongOrCut(data, i, start), false
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		from := i
		for ; i < len(data) && data[i]-'0' <= 9; i++ {
		}
		if i == from {
			return s.wrongOrCut(data, i, start), false
		}
	}
	return i, false
}

func (s *scanner) wrongOrCut(data []byte, i, start int) int {
	if i >= len(data) {
		return s.fail(errTruncated, i)
	}
	return s.fail(errNumber, start)
}

// literal reads true, false, null or fails, also for everything that begins no value.
func (s *scanner) literal(data []byte, i int) int {
	if i >= len(data) {
		return s.fail(errTruncated, i)
	}
	var want string
	switch data[i] {
	case 't':
		want = "true"
	case 'f':
		want = "false"
	case 'n':
		want = "null"
	default:
		return s.fail(errValue, i)
	}
	if len(data)-i < len(want) {
		if string(data[i:]) == want[:len(data)-i] {
			return s.fail(errTruncated, len(data))
		}
		return s.fail(errLiteral, i)
	}
	if string(data[i:i+len(want)]) != want {
		return s.fail(errLiteral, i)
	}
	return i + len(want)
}

// skip reads the value at i, which stands in depth containers, and checks it. With
// keep it also looks for equal keys within one object.
func (s *scanner) skip(data []byte, i, depth int, keep bool) (end int, saw uint8) {
	var (
		stack uint64 // the innermost 64 containers, 1 for an object, innermost lowest
		level int    // containers opened here
		c     byte
		w     uint8
	)
value:
	if i >= len(data) {
		return s.fail(errTruncated, i), 0
	}
	c = data[i]
	switch {
	case c == '"':
		if i, w = s.str(data, i+1); i < 0 {
			return -1, 0
		}
		saw |= w
		i++
	case c == '{' || c == '[':
		if depth+level >= s.maxDepth {
			return s.fail(errDepth, i), 0
		}
		if level&63 == 0 && level > 0 {
			s.spill = append(s.spill[:level>>6-1], stack)
		}
		level++
		stack <<= 1
		if i++; i < len(data) && data[i] <= ' ' {
			i, w = space(data, i)
			saw |= w
		}
		if c == '{' {
			stack |= 1
			if keep {
				s.set.open()
			}
			if i < len(data) && data[i] == '}' {
				goto closed
			}
			goto key
		}
		if i < len(data) && data[i] == ']' {
			goto closed
		}
		goto value
	case c == '-' || c-'0' <= 9:
		if i, _ = s.number(data, i); i < 0 {
			return -1, 0
		}
	case c <= ' ':
		// Only before the first token of a caller that has not skipped it.
		j, nl := space(data, i)
		if j == i {
			return s.fail(errValue, i), 0
		}
		i = j
		saw |= nl
		goto value
	default:
		if i = s.literal(data, i); i < 0 {
			return -1, 0
		}
	}
after:
	if level == 0 {
		return i, saw
	}
	if i < len(data) && data[i] <= ' ' {
		i, w = space(data, i)
		saw |= w
	}
	if i >= len(data) {
		return s.fail(errTruncated, i), 0
	}
	c = data[i]
	if c == ',' {
		if i++; i < len(data) && data[i] <= ' ' {
			i, w = space(data, i)
			saw |= w
		}
		if stack&1 == 0 {
			goto value
		}
		goto key
	}
	if stack&1 == 0 {
		if c != ']' {
			return s.fail(errCommaArray, i), 0
		}
	} else if c != '}' {
		return s.fail(errComma, i), 0
	}
closed:
	i++
	if stack&1 != 0 && keep {
		s.set.close()
	}
	level--
	stack >>= 1
	if level&63 == 0 && level > 0 {
		stack = s.spill[level>>6-1]
	}
	goto after
key:
	if i >= len(data) {
		return s.fail(errTruncated, i), 0
	}
	if data[i] != '"' {
		return s.fail(errKey, i), 0
	}
	{
		from := i + 1
		if i, w = s.str(data, from); i < 0 {
			return -1, 0
		}
		saw |= w
		if s.keys++; s.keys > s.maxKeys {
			return s.fail(errKeys, from-1), 0
		}
		if keep && !s.set.add(data, from, i, w) {
			saw |= sawTwice
		}
	}
	if i++; i < len(data) && data[i] <= ' ' {
		i, w = space(data, i)
		saw |= w
	}
	if i >= len(data) {
		return s.fail(errTruncated, i), 0
	}
	if data[i] != ':' {
		return s.fail(errColon, i), 0
	}
	if i++; i < len(data) && data[i] <= ' ' {
		i, w = space(data, i)
		saw |= w
	}
	goto value
}
