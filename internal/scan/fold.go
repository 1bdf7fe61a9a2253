package scan

import "slices"

// lower8 lowers the eight ASCII letters A to Z of w; other bytes stay.
func lower8(w uint64) uint64 {
	h := w &^ highs
	// High bit of a byte: set by the first sum from 'A' up, by the second above 'Z'.
	up := (h + (0x80-'A')*ones) &^ (h + (0x7f-'Z')*ones) &^ w & highs
	return w | up>>2
}

func lower1(c byte) byte {
	if c-'A' < 26 {
		return c | 0x20
	}
	return c
}

// EqualFoldASCII reports whether a equals lower when the letters A to Z of a are
// lowered. lower must hold no upper-case ASCII letter; other bytes compare as
// they are.
func EqualFoldASCII(a []byte, lower string) bool {
	return len(a) == len(lower) && HasPrefixFold(a, lower)
}

// HasPrefixFold reports whether b begins with lower when the letters A to Z of b
// are lowered. lower must hold no upper-case ASCII letter.
func HasPrefixFold(b []byte, lower string) bool {
	n := len(lower)
	if len(b) < n {
		return false
	}
	b = b[:n]
	if n >= 8 {
		for i := 0; i <= n-8; i += 8 {
			if lower8(load64(b, i)) != load64s(lower, i) {
				return false
			}
		}
		return lower8(load64(b, n-8)) == load64s(lower, n-8)
	}
	if n >= 4 {
		return lower8(load32(b, 0)|load32(b, n-4)<<32) == load32s(lower, 0)|load32s(lower, n-4)<<32
	}
	for i, c := range b {
		if lower1(c) != lower[i] {
			return false
		}
	}
	return true
}

// AppendLower appends b to dst with the letters A to Z lowered.
func AppendLower(dst, b []byte) []byte {
	n, k := len(b), len(dst)
	if cap(dst)-k < n {
		dst = slices.Grow(dst, n)
	}
	dst = dst[:k+n]
	o := dst[k:]
	switch {
	case n >= 8:
		for i := 0; i < n-8; i += 8 {
			store64(o, i, lower8(load64(b, i)))
		}
		store64(o, n-8, lower8(load64(b, n-8)))
	case n >= 4:
		w := lower8(load32(b, 0) | load32(b, n-4)<<32)
		store32(o, 0, w)
		store32(o, n-4, w>>32)
	default:
		for i, c := range b {
			o[i] = lower1(c)
		}
	}
	return dst
}
