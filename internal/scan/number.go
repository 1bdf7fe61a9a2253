package scan

import (
	"math"
	"math/bits"
	"unsafe"
)

// digits8 reads eight decimal digits from w, the first one lowest.
func digits8(w uint64) (v uint64, ok bool) {
	return values8(w ^ 0x30*ones)
}

// values8 is digits8 of digits without their 0x30.
func values8(w uint64) (v uint64, ok bool) {
	if (w|(w+0x76*ones))&highs != 0 {
		return 0, false
	}
	w = w*10 + w>>8 // pairs in the even bytes
	const mask = 0x000000ff000000ff
	w = ((w&mask)*(100+1000000<<32) + (w>>16&mask)*(1+10000<<32)) >> 32
	return w & 0xffffffff, true
}

// ParseUint reads b, one to twenty decimal digits and nothing else, as a uint64.
// ok is false for other text and on overflow. Leading zeros are allowed within
// the twenty.
func ParseUint(b []byte) (v uint64, ok bool) {
	n := len(b)
	if n == 0 || n > 20 {
		return 0, false
	}
	if n >= 4 && n < 8 {
		// Two halves that overlap, shifted so that the number ends in the last byte.
		s := 64 - 8*uint(n)
		return values8((load32(b, n-4)<<32 | load32(b, 0)<<s) ^ 0x30*ones<<s)
	}
	if n >= 8 {
		if v, ok = digits8(load64(b, 0)); !ok {
			return 0, false
		}
		b = b[8:]
		if len(b) >= 8 {
			w, ok := digits8(load64(b, 0))
			if !ok {
				return 0, false
			}
			v = v*1e8 + w
			b = b[8:]
		}
	}
	// At most 19 digits fit without a check.
	if n == 20 {
		for _, c := range b {
			d := uint64(c - '0')
			if d > 9 || v > (math.MaxUint64-d)/10 {
				return 0, false
			}
			v = v*10 + d
		}
		return v, true
	}
	for _, c := range b {
		d := c - '0'
		if d > 9 {
			return 0, false
		}
		v = v*10 + uint64(d)
	}
	return v, true
}

// ParseInt reads b as a decimal int64: an optional '-' and one to twenty digits.
// ok is false for other text (a '+' too) and on overflow.
func ParseInt(b []byte) (v int64, ok bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	u, ok := ParseUint(b)
	if neg {
		if !ok || u > 1<<63 {
			return 0, false
		}
		return -int64(u), true
	}
	if !ok || u > math.MaxInt64 {
		return 0, false
	}
	return int64(u), true
}

// ParseHex reads b, one to sixteen hexadecimal digits of either case without a
// prefix, as a uint64.
func ParseHex(b []byte) (v uint64, ok bool) {
	if len(b) == 0 || len(b) > 16 {
		return 0, false
	}
	for _, c := range b {
		d := c - '0'
		if d > 9 {
			d = c | 0x20 - 'a'
			if d > 5 {
				return 0, false
			}
			d += 10
		}
		v = v<<4 | uint64(d)
	}
	return v, true
}

// DigitsPrefix reads the decimal digits that w begins with, the first one lowest: n of them, at
// most eight.
func DigitsPrefix(w uint64) (v uint64, n int) {
	w ^= 0x30 * ones
	n = bits.TrailingZeros64((w|(w+0x76*ones))&highs) >> 3 // of the bytes that it marks the lowest is right
	w <<= (64 - 8*uint(n)) & 63
	if n == 0 {
		return 0, 0
	}
	w = w*10 + w>>8 // as values8
	const mask = 0x000000ff000000ff
	return ((w&mask)*(100+1000000<<32) + (w>>16&mask)*(1+10000<<32)) >> 32 & 0xffffffff, n
}

// octet reads the octet that w begins with, the first digit lowest. end is where it ends, in bits and
// seven more, and d what is there, ^ '0'; ok is false where it is none.
func octet(w uint32) (x uint32, end uint, d byte, ok bool) {
	w ^= 0x30303030
	end = uint(bits.TrailingZeros32((w | (w + 0x76767676)) & 0x80808080))
	if end-15 > 16 { // no digit, or four
		return 0, 0, 0, false
	}
	digits := w << ((39 - end) & 31) // end in the highest byte
	if bits.ReverseBytes32(digits) > 0x020505 || w&0xFF == 0 && end > 15 {
		return 0, 0, 0, false
	}
	return digits * (1 + 10<<8 + 100<<16) >> 24, end, byte(w >> ((end - 7) & 31)), true
}

// IPv4Prefix reads the dotted quad without leading zeros that b begins with and that no digit
// follows, and returns how many bytes it has, or 0.
func IPv4Prefix(b *[16]byte) (v uint32, n int) {
	for at := uint(0); ; at++ {
		w := *(*uint32)(unsafe.Add(unsafe.Pointer(b), at)) // 12 is the most
		x, end, d, ok := octet(w)
		if !ok {
			return 0, 0
		}
		if v, at = v<<8|x, at+end>>3; n == 3 {
			return v, int(at)
		}
		if d != '.'^'0' {
			return 0, 0
		}
		n++
	}
}

// ParseIPv4 reads b as a dotted quad, the first octet highest in v: four decimal
// octets without leading zeros and nothing else.
func ParseIPv4(b []byte) (v uint32, ok bool) {
	n := len(b)
	if n < 7 || n > 15 {
		return 0, false
	}
	var lo, hi uint64
	if n >= 8 {
		lo, hi = load64(b, 0), load64(b, n-8)>>(8*(16-uint(n))) // of eight bytes nothing is left
	} else {
		lo = load32(b, 0) | load32(b, 3)<<24
	}
	for oct := 0; ; oct++ {
		x, end, d, ok := octet(uint32(lo))
		if !ok {
			return 0, false
		}
		v, n = v<<8|x, n-int(end>>3)
		if oct == 3 {
			return v, n == 0
		}
		if d != '.'^'0' {
			return 0, false
		}
		n--
		end++ // the digits and the dot
		lo, hi = lo>>(end&63)|hi<<((64-end)&63), hi>>(end&63)
	}
}
