package scan

import "math/bits"

// zeroBytes flags the zero bytes of x; only the lowest flag is exact.
func zeroBytes(x uint64) uint64 { return (x - ones) &^ x & highs }

// IndexAny2 returns the index of the first byte of b that is c1 or c2, or -1.
func IndexAny2(b []byte, c1, c2 byte) int {
	n := len(b)
	i := 0
	if n >= 8 {
		m1, m2 := uint64(c1)*ones, uint64(c2)*ones
		for ; i <= n-8; i += 8 {
			w := load64(b, i)
			if m := zeroBytes(w^m1) | zeroBytes(w^m2); m != 0 {
				return i + bits.TrailingZeros64(m)>>3
			}
		}
		if i == n {
			return -1
		}
		w := load64(b, n-8)
		if m := zeroBytes(w^m1) | zeroBytes(w^m2); m != 0 {
			return n - 8 + bits.TrailingZeros64(m)>>3
		}
		return -1
	}
	for i, c := range b {
		if c == c1 || c == c2 {
			return i
		}
	}
	return -1
}

// IndexAny3 returns the index of the first byte of b that is c1, c2 or c3, or -1.
func IndexAny3(b []byte, c1, c2, c3 byte) int {
	n := len(b)
	i := 0
	if n >= 8 {
		m1, m2, m3 := uint64(c1)*ones, uint64(c2)*ones, uint64(c3)*ones
		for ; i <= n-8; i += 8 {
			w := load64(b, i)
			if m := zeroBytes(w^m1) | zeroBytes(w^m2) | zeroBytes(w^m3); m != 0 {
				return i + bits.TrailingZeros64(m)>>3
			}
		}
		if i == n {
			return -1
		}
		w := load64(b, n-8)
		if m := zeroBytes(w^m1) | zeroBytes(w^m2) | zeroBytes(w^m3); m != 0 {
			return n - 8 + bits.TrailingZeros64(m)>>3
		}
		return -1
	}
	for i, c := range b {
		if c == c1 || c == c2 || c == c3 {
			return i
		}
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
	var or byte
	for _, c := range b {
		or |= c
	}
	return or < 0x80
}
