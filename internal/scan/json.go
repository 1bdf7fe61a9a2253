package scan

import (
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
func jsonUnsafe(w uint64) uint64 { return rawUnsafe(w) & highs }

// rawUnsafe is jsonUnsafe with rubbish in the low bits, for joining several words.
func rawUnsafe(w uint64) uint64 {
	return ((w ^ 0x02*ones) - 0x21*ones) | ((w ^ 0x5c*ones) - ones) | w
}

// RawUnsafe flags the bytes of a word that can't be copied into a JSON string as they are, or that are not
// ASCII, in the bits of Highs; the other bits are rubbish.
func RawUnsafe(w uint64) uint64 { return rawUnsafe(w) }

// Highs are the highest bits of all bytes.
const Highs = highs

// firstOf returns the index of the first flagged byte of two words, one of which
// has one.
func firstOf(m1, m2 uint64) int {
	if m1 != 0 {
		return bits.TrailingZeros64(m1) >> 3
	}
	return 8 + bits.TrailingZeros64(m2)>>3
}

// JSONSpecial returns the index of the first byte that ends a JSON string or
// needs an escape in one (a quote, a backslash, a byte below 0x20), or len(b).
func JSONSpecial(b []byte) int {
	n := len(b)
	if n >= 8 {
		i := 0
		for ; i < n-16; i += 16 {
			w, v := load64(b, i), load64(b, i+8)
			if jsonSpecial(w)|jsonSpecial(v) != 0 {
				return i + firstOf(jsonSpecial(w), jsonSpecial(v))
			}
		}
		if i < n-8 {
			if m := jsonSpecial(load64(b, i)); m != 0 {
				return i + bits.TrailingZeros64(m)>>3
			}
		}
		// The last word may overlap bytes that are known to be clean.
		if m := jsonSpecial(load64(b, n-8)); m != 0 {
			return n - 8 + bits.TrailingZeros64(m)>>3
		}
		return n
	}
	if n == 0 {
		return n
	}
	if m := jsonSpecial(short(b)); m != 0 {
		return place(bits.TrailingZeros64(m)>>3, n)
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
		for ; i < n-16; i += 16 {
			w, v := load64(b, i), load64(b, i+8)
			if (rawUnsafe(w)|rawUnsafe(v))&highs != 0 {
				return i + firstOf(jsonUnsafe(w), jsonUnsafe(v))
			}
		}
		if i < n-8 {
			if m := jsonUnsafe(load64(b, i)); m != 0 {
				return i + bits.TrailingZeros64(m)>>3
			}
		}
		// The last word may overlap bytes that are known to be clean.
		if m := jsonUnsafe(load64(b, n-8)); m != 0 {
			return n - 8 + bits.TrailingZeros64(m)>>3
		}
		return n
	}
	if n == 0 {
		return n
	}
	if m := jsonUnsafe(short(b)); m != 0 {
		return place(bits.TrailingZeros64(m)>>3, n)
	}
	return n
}

// AppendJSONString appends s to dst as a JSON string with its quotes. Quote,
// backslash and controls below 0x20 are escaped; each byte that is no part of
// valid UTF-8 becomes U+FFFD; everything else (DEL, C1 controls, U+2028, '<')
// stands as it is.
func AppendJSONString(dst, s []byte) []byte {
	n, k := len(s), len(dst)
	if n > 64 || cap(dst)-k < n+2 {
		return appendJSONLong(dst, s)
	}
	// Test and copy in one pass; where the test fails the copy is void.
	out := dst[:k+n+2]
	out[k] = '"'
	out[k+n+1] = '"'
	o := out[k+1:]
	var bad uint64
	if n >= 8 {
		for i := 0; i < n-8; i += 8 {
			w := load64(s, i)
			store64(o, i, w)
			bad |= rawUnsafe(w)
		}
		w := load64(s, n-8)
		store64(o, n-8, w)
		bad |= rawUnsafe(w)
	} else if n >= 4 {
		w, v := load32(s, 0), load32(s, n-4)
		store32(o, 0, w)
		store32(o, n-4, v)
		bad = rawUnsafe(w | v<<32)
	} else if n > 0 {
		w := short(s)
		o[0] = byte(w)
		o[n>>1] = byte(w >> 8)
		o[n-1] = byte(w >> 16)
		bad = rawUnsafe(w)
	}
	if bad&highs != 0 {
		return appendJSONLong(dst, s)
	}
	return out
}

// appendJSONLong appends any string.
func appendJSONLong(dst, s []byte) []byte {
	if JSONUnsafe(s) != len(s) {
		dst, _ = appendJSONEscaped(dst, s)
		return dst
	}
	n, k := len(s), len(dst)
	if cap(dst)-k < n+2 {
		dst = slices.Grow(dst, n+2)
	}
	dst = dst[:k+n+2]
	dst[k] = '"'
	copy(dst[k+1:], s)
	dst[k+n+1] = '"'
	return dst
}

// AppendJSONStringCount is [AppendJSONString] that also returns how many bytes
// were replaced by U+FFFD.
func AppendJSONStringCount(dst, s []byte) ([]byte, int) {
	if JSONUnsafe(s) != len(s) {
		return appendJSONEscaped(dst, s)
	}
	return AppendJSONString(dst, s), 0
}

const hexDigits = "0123456789abcdef"

// shortEscape holds the letter of a two-byte escape, or 0.
var shortEscape = [0x60]byte{'"': '"', '\\': '\\', '\n': 'n', '\r': 'r', '\t': 't', '\b': 'b', '\f': 'f'}

// appendJSONEscaped appends a string that holds something to escape or bytes from
// 0x80 up.
func appendJSONEscaped(dst, s []byte) ([]byte, int) {
	if !IsASCII(s) && !utf8.Valid(s) {
		return appendJSONInvalid(dst, s)
	}
	n, k := len(s), len(dst)
	// Room for s, the quotes, a word that is written whole and not all used, and
	// one escape; more escapes check for theirs.
	const slack = 24
	if cap(dst)-k < n+n/8+slack {
		dst = slices.Grow(dst, n+n/8+slack)
	}
	o := dst[:cap(dst)]
	o[k] = '"'
	k++
	for i := 0; i < n; {
		var c byte
		if i <= n-8 {
			w := load64(s, i)
			if k+8 > len(o) {
				panic("scan: no room") // cannot be: slack
			}
			store64(o, k, w)
			m := jsonSpecial(w)
			if m == 0 {
				i += 8
				k += 8
				continue
			}
			clean := bits.TrailingZeros64(m) >> 3
			i += clean
			k += clean
			c = s[i]
		} else {
			c = s[i]
			if c >= 0x20 && c != '"' && c != '\\' {
				o[k] = c
				i++
				k++
				continue
			}
		}
		i++
		if e := shortEscape[c]; e != 0 {
			o[k], o[k+1] = '\\', e
			k += 2
		} else {
			o[k], o[k+1], o[k+2], o[k+3] = '\\', 'u', '0', '0'
			o[k+4], o[k+5] = hexDigits[c>>4], hexDigits[c&15]
			k += 6
		}
		if len(o)-k < n-i+slack/2 {
			o = slices.Grow(o[:k], n-i+(n-i)/2+slack)
			o = o[:cap(o)]
		}
	}
	o[k] = '"'
	return o[:k+1], 0
}

// appendJSONInvalid appends a string that is not valid UTF-8.
func appendJSONInvalid(dst, s []byte) ([]byte, int) {
	dst = append(dst, '"')
	replaced := 0
	for {
		n := JSONUnsafe(s)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return append(dst, '"'), replaced
		}
		c := s[n]
		if c >= 0x80 {
			if r, size := utf8.DecodeRune(s[n:]); r == utf8.RuneError && size == 1 {
				dst = append(dst, "\uFFFD"...)
				replaced++
				s = s[n+1:]
			} else {
				dst = append(dst, s[n:n+size]...)
				s = s[n+size:]
			}
			continue
		}
		s = s[n+1:]
		if e := shortEscape[c]; e != 0 {
			dst = append(dst, '\\', e)
		} else {
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
}
