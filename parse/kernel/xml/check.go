package xml

import (
	"math/bits"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/internal/scan"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// What checkBytes found.
type content uint8

const (
	hasReturn   content = 1 << iota // a carriage return
	hasNonASCII                     // a byte from 0x80 up
	hasControl                      // a control character that XML forbids, U+FFFE or U+FFFF
)

// checkBytes reads b from i on until a byte that is no part of valid UTF-8 or, unless
// controls, a character that XML 1.0 forbids. It returns len(b) where there is none.
func checkBytes(b []byte, i int, controls bool) (int, content) {
	var found content
	n := len(b)
	for {
		for i+32 <= n {
			v, w, x, y := scan.Load64(b, i), scan.Load64(b, i+8), scan.Load64(b, i+16), scan.Load64(b, i+24)
			// A byte below 0x20 borrows into its high bit; one from 0x80 up has it.
			if (v|(v-0x20*ones)|w|(w-0x20*ones)|x|(x-0x20*ones)|y|(y-0x20*ones))&highs != 0 {
				break
			}
			i += 32
		}
		if i+8 <= n {
			w := scan.Load64(b, i)
			m := (w | (w - 0x20*ones)) & highs
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		}
		if i >= n {
			return n, found
		}
		switch c := b[i]; {
		case c >= 0x80:
			found |= hasNonASCII
			r, size := utf8.DecodeRune(b[i:])
			if size == 1 {
				return i, found
			}
			if r >= 0xFFFE && r <= 0xFFFF {
				found |= hasControl
				if !controls {
					return i, found
				}
			}
			i += size
		case c >= 0x20 || c == '\n' || c == '\t':
			i++
		case c == '\r':
			found |= hasReturn
			i++
		default:
			found |= hasControl
			if !controls {
				return i, found
			}
			i++
		}
	}
}

func zeroBytes(x uint64) uint64 { return (x - ones) &^ x & highs }

// indexText returns the index from i on of the first '<' or '&', or len(b).
func indexText(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := scan.Load64(b, i)
		if m := zeroBytes(w^'<'*ones) | zeroBytes(w^'&'*ones); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(b); i++ {
		if b[i] == '<' || b[i] == '&' {
			return i
		}
	}
	return len(b)
}

// indexValue returns the index from i on of the first quote, '<' or '&', or len(b).
func indexValue(b []byte, i int, quote byte) int {
	q := uint64(quote) * ones
	for ; i+8 <= len(b); i += 8 {
		w := scan.Load64(b, i)
		if m := zeroBytes(w^q) | zeroBytes(w^'<'*ones) | zeroBytes(w^'&'*ones); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == quote || c == '<' || c == '&' {
			return i
		}
	}
	return len(b)
}

// The classes of bytes.
const (
	cSpace = 1 << iota
	cFirst // may begin a name
	cName  // may stand in a name
	cColon
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			t[c] = cSpace
		case c == ':':
			t[c] = cFirst | cName | cColon
		case c|0x20 >= 'a' && c|0x20 <= 'z' && c < 0x80, c == '_', c >= 0x80:
			t[c] = cFirst | cName
		case c >= '0' && c <= '9', c == '-', c == '.':
			t[c] = cName
		}
	}
	return t
}()

func skipSpace(b []byte, i int) int {
	for i < len(b) && class[b[i]]&cSpace != 0 {
		i++
	}
	return i
}

func isSpace(b []byte) bool { return skipSpace(b, 0) == len(b) }
