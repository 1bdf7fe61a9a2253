package xml

import (
	"bytes"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/internal/arena"
)

// reference reads the reference that begins with the '&' at b[i]. next is behind its
// ';'; it is 0 where b holds no reference and -1 where b ends within one.
func reference(b []byte, i int) (r rune, next int) {
	rest := b[i+1:]
	if len(rest) > 12 {
		rest = rest[:12] // room for leading zeros, no more
	}
	end := bytes.IndexByte(rest, ';')
	if end < 0 {
		if len(rest) < 12 {
			for _, c := range rest {
				if c != '#' && class[c]&cName == 0 {
					return 0, 0
				}
			}
			return 0, -1
		}
		return 0, 0
	}
	next = i + 1 + end + 1
	switch name := rest[:end]; string(name) {
	case "amp":
		return '&', next
	case "lt":
		return '<', next
	case "gt":
		return '>', next
	case "quot":
		return '"', next
	case "apos":
		return '\'', next
	default:
		if len(name) < 2 || name[0] != '#' {
			return 0, 0
		}
		digits, base := name[1:], rune(10)
		if digits[0] == 'x' {
			digits, base = digits[1:], 16
		}
		if len(digits) == 0 {
			return 0, 0
		}
		for _, c := range digits {
			d := rune(c - '0')
			if d > 9 {
				if d = rune(c|0x20-'a') + 10; d < 10 || d > 15 || base == 10 {
					return 0, 0
				}
			}
			if r = r*base + d; r > utf8.MaxRune {
				return 0, 0
			}
		}
		if !utf8.ValidRune(r) {
			return 0, 0
		}
		return r, next
	}
}

// allowed reports whether XML 1.0 has the character.
func allowed(r rune) bool {
	return r >= 0x20 && r != 0xFFFE && r != 0xFFFF || r == '\t' || r == '\n' || r == '\r'
}

// AppendUnescaped appends the text that b, which a Decoder flagged as escaped, stands
// for: references are replaced and line ends become a single line feed. A reference
// that a Decoder would have refused is copied as it is.
func AppendUnescaped(dst, b []byte) []byte {
	for i := 0; i < len(b); {
		j := i
		for j < len(b) && b[j] != '&' && b[j] != '\r' {
			j++
		}
		dst = append(dst, b[i:j]...)
		if i = j; i == len(b) {
			break
		}
		if b[i] == '\r' {
			if i++; i == len(b) || b[i] != '\n' {
				dst = append(dst, '\n')
			}
			continue
		}
		r, next := reference(b, i)
		if next <= 0 {
			dst = append(dst, '&')
			i++
			continue
		}
		dst = utf8.AppendRune(dst, r)
		i = next
	}
	return dst
}

// appendLines is AppendUnescaped for a CDATA section, which has no references.
func appendLines(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '\r')
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		if b = b[i+1:]; len(b) == 0 || b[0] != '\n' {
			dst = append(dst, '\n')
		}
	}
}

// Unescape is AppendUnescaped into memory of a; it is never longer than b.
func Unescape(b []byte, a *arena.Bytes) []byte {
	return a.Keep(AppendUnescaped(a.Scratch(len(b)), b))
}
