package scan

import "math/bits"

// any2 and any3 flag the bytes of w that are in one of the masks; only the lowest
// flag is exact.

func any2(w, m1, m2 uint64) uint64 {
	x, y := w^m1, w^m2
	return ((x-ones)&^x | (y-ones)&^y) & highs
}

func any3(w, m1, m2, m3 uint64) uint64 {
	x, y, z := w^m1, w^m2, w^m3
	return ((x-ones)&^x | (y-ones)&^y | (z-ones)&^z) & highs
}

// From returns the index of the first byte of b at or after i that is c, or len(b). It is
// made for texts in which c is near: bytes.IndexByte is quicker over some dozen bytes.
func From(b []byte, i int, c byte) int {
	m := uint64(c) * ones
	for ; i+8 <= len(b); i += 8 {
		x := load64(b, i) ^ m
		if t := (x - ones) &^ x & highs; t != 0 {
			return i + bits.TrailingZeros64(t)>>3
		}
	}
	for ; i < len(b) && b[i] != c; i++ {
	}
	return i
}

// From2 is From for the first byte that is c1 or c2.
func From2(b []byte, i int, c1, c2 byte) int {
	m1, m2 := uint64(c1)*ones, uint64(c2)*ones
	for ; i+8 <= len(b); i += 8 {
		if t := any2(load64(b, i), m1, m2); t != 0 {
			return i + bits.TrailingZeros64(t)>>3
		}
	}
	for ; i < len(b) && b[i] != c1 && b[i] != c2; i++ {
	}
	return i
}

// IndexAny2 returns the index of the first byte of b that is c1 or c2, or -1.
func IndexAny2(b []byte, c1, c2 byte) int {
	n := len(b)
	m1, m2 := uint64(c1)*ones, uint64(c2)*ones
	if n >= 8 {
		for i := 0; i < n-8; i += 8 {
			if m := any2(load64(b, i), m1, m2); m != 0 {
				return i + bits.TrailingZeros64(m)>>3
			}
		}
		// The last word may overlap bytes that are known to be clean.
		if m := any2(load64(b, n-8), m1, m2); m != 0 {
			return n - 8 + bits.TrailingZeros64(m)>>3
		}
		return -1
	}
	if n == 0 {
		return -1
	}
	if m := any2(short(b), m1, m2); m != 0 {
		return place(bits.TrailingZeros64(m)>>3, n)
	}
	return -1
}

// IndexAny3 returns the index of the first byte of b that is c1, c2 or c3, or -1.
func IndexAny3(b []byte, c1, c2, c3 byte) int {
	n := len(b)
	m1, m2, m3 := uint64(c1)*ones, uint64(c2)*ones, uint64(c3)*ones
	if n >= 8 {
		for i := 0; i < n-8; i += 8 {
			if m := any3(load64(b, i), m1, m2, m3); m != 0 {
				return i + bits.TrailingZeros64(m)>>3
			}
		}
		// The last word may overlap bytes that are known to be clean.
		if m := any3(load64(b, n-8), m1, m2, m3); m != 0 {
			return n - 8 + bits.TrailingZeros64(m)>>3
		}
		return -1
	}
	if n == 0 {
		return -1
	}
	if m := any3(short(b), m1, m2, m3); m != 0 {
		return place(bits.TrailingZeros64(m)>>3, n)
	}
	return -1
}

// SkipSpaces returns how many spaces and tabs b begins with.
func SkipSpaces(b []byte) int {
	for i, c := range b {
		if c != ' ' && c != '\t' {
			return i
		}
	}
	return len(b)
}

// IsASCII reports whether b holds no byte from 0x80 up.
func IsASCII(b []byte) bool {
	n := len(b)
	if n >= 8 {
		i := 0
		for ; i <= n-16; i += 16 {
			if (load64(b, i)|load64(b, i+8))&highs != 0 {
				return false
			}
		}
		if i <= n-8 && load64(b, i)&highs != 0 {
			return false
		}
		return load64(b, n-8)&highs == 0
	}
	return n == 0 || short(b)&highs == 0
}
