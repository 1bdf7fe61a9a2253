package scan

import "math"

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

// ParseIPv4 reads b as a dotted quad, the first octet highest in v: four decimal
// octets without leading zeros and nothing else.
func ParseIPv4(b []byte) (v uint32, ok bool) {
	n := len(b)
	if n < 7 || n > 15 {
		return 0, false
	}
	i := 0
	for oct := 0; ; oct++ {
		if i >= n {
			return 0, false
		}
		x := uint32(b[i] - '0')
		if x > 9 {
			return 0, false
		}
		i++
		if x != 0 && i < n {
			if d := uint32(b[i] - '0'); d <= 9 {
				x = x*10 + d
				i++
				if i < n {
					if d := uint32(b[i] - '0'); d <= 9 {
						x = x*10 + d
						i++
					}
				}
			}
		}
		if x > 255 {
			return 0, false
		}
		v = v<<8 | x
		if oct == 3 {
			return v, i == n
		}
		if i >= n || b[i] != '.' {
			return 0, false
		}
		i++
	}
}
