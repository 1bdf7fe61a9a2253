package scan

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// jsonSpecial flags (high bit of each byte) quote, backslash and controls in w.
// Only the lowest flag is exact; higher ones may be a borrow's echo.
func jsonSpecial(w uint64) uint64 {
	// XOR with 2 swaps bytes below 0x20 among themselves and moves the quote
	// (0x22) to 0x20, so that one compare with 0x21 finds both.
	return (((w ^ 0x02*ones) - 0x21*ones) | ((w ^ 0x5c*ones) - ones)) &^ w & highs
}

// jsonUnsafe is jsonSpecial that flags bytes from 0x80 up as well.
func jsonUnsafe(w uint64) uint64 {
	return (((w ^ 0x02*ones) - 0x21*ones) | ((w ^ 0x5c*ones) - ones) | w) & highs
}

// JSONSpecial returns the index of the first byte that ends a JSON string or
// needs an escape in one (a quote, a backslash, a byte below 0x20), or len(b).
func JSONSpecial(b []byte) int {
	n := len(b)
	if n >= 8 {
		i := 0
		for ; i <= n-8; i += 8 {
			if m := jsonSpecial(load64(b, i)); m != 0 {
				return i + bits.TrailingZeros64(m)>>3
			}
		}
		if i == n {
			return n
		}
		// The last word overlaps bytes that are known to be clean.
		if m := jsonSpecial(load64(b, n-8)); m != 0 {
			return n - 8 + bits.TrailingZeros64(m)>>3
		}
		return n
	}
	for i, c := range b {
		if c < 0x20 || c == '"' || c == '\\' {
			return i
		}
	}
	return n
}

// JSONUnsafe returns the index of the first byte that cannot stand in a JSON
// string unseen: those of [JSONSpecial] and every byte from 0x80 up (which needs
// a UTF-8 check), or len(b).
func JSONUnsafe(b []byte) int {
	n := len(b)
	if n >= 8 {
		i := 0
		for ; i <= n-8; i += 8 {
			if m := jsonUnsafe(load64(b, i)); m != 0 {
				return i + bits.TrailingZeros64(m)>>3
			}
		}
		if i == n {
			return n
		}
		if m := jsonUnsafe(load64(b, n-8)); m != 0 {
			return n - 8 + bits.TrailingZeros64(m)>>3
		}
		return n
	}
	for i, c := range b {
		if c-0x20 >= 0x60 || c == '"' || c == '\\' {
			return i
		}
	}
	return n
}

// AppendJSONString appends s to dst as a JSON string with its quotes. Quote,
// backslash and controls below 0x20 are escaped; each byte that is no part of
// valid UTF-8 becomes U+FFFD; everything else (DEL, C1 controls, U+2028, '<')
// stands as it is.
func AppendJSONString(dst, s []byte) []byte {
	n, k := len(s), len(dst)
	if cap(dst)-k < n+2 {
		dst = slices.Grow(dst, n+2)
	}
	if n > 64 {
		if JSONUnsafe(s) != n {
			dst, _ = appendJSONSlow(dst, s)
			return dst
		}
		out := dst[:k+n+2]
		out[k] = '"'
		copy(out[k+1:], s)
		out[k+n+1] = '"'
		return out
	}
	// Short strings: test and copy word by word in one pass.
	out := dst[:k+n+2]
	o := out[k : k+n+2]
	o[0] = '"'
	o[n+1] = '"'
	body := o[1 : n+1]
	var bad uint64
	if n >= 8 {
		for i := 0; i <= n-8; i += 8 {
			w := load64(s, i)
			bad |= jsonUnsafe(w)
			binary.LittleEndian.PutUint64(body[i:], w)
		}
		w := load64(s, n-8)
		bad |= jsonUnsafe(w)
		binary.LittleEndian.PutUint64(body[n-8:], w)
	} else if n >= 4 {
		lo, hi := load32(s, 0), load32(s, n-4)
		bad = jsonUnsafe(uint64(lo) | uint64(hi)<<32)
		binary.LittleEndian.PutUint32(body, lo)
		binary.LittleEndian.PutUint32(body[n-4:], hi)
	} else {
		for i, c := range s {
			if c-0x20 >= 0x60 || c == '"' || c == '\\' {
				bad = 1
				break
			}
			body[i] = c
		}
	}
	if bad != 0 {
		dst, _ = appendJSONSlow(dst[:k], s)
		return dst
	}
	return out
}

// AppendJSONStringCount is [AppendJSONString] that also returns how many bytes
// were replaced by U+FFFD.
func AppendJSONStringCount(dst, s []byte) ([]byte, int) {
	if JSONUnsafe(s) != len(s) {
		return appendJSONSlow(dst, s)
	}
	return AppendJSONString(dst, s), 0
}

const hexDigits = "0123456789abcdef"

func appendJSONSlow(dst, s []byte) ([]byte, int) {
	dst = slices.Grow(dst, len(s)+16)
	dst = append(dst, '"')
	replaced := 0
	// Valid text, the usual case, needs to stop at specials only.
	valid := utf8.Valid(s)
	for {
		var n int
		if valid {
			n = JSONSpecial(s)
		} else {
			n = JSONUnsafe(s)
		}
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return append(dst, '"'), replaced
		}
		c := s[n]
		s = s[n+1:]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			// Not valid as a whole: take the rune if it is, else one byte.
			if size := runeSize(c, s); size > 0 {
				dst = append(dst, c)
				dst = append(dst, s[:size]...)
				s = s[size:]
			} else {
				dst = append(dst, "\uFFFD"...)
				replaced++
			}
		}
	}
}

// runeSize returns how many bytes of rest complete the rune that c begins, or 0
// where c begins none. c is at least 0x80.
func runeSize(c byte, rest []byte) int {
	var p [utf8.UTFMax]byte
	p[0] = c
	n := copy(p[1:], rest)
	r, size := utf8.DecodeRune(p[:1+n])
	if r == utf8.RuneError && size <= 1 {
		return 0
	}
	return size - 1
}
