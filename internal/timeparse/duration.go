package timeparse

import "math/bits"

// ParseDuration reads an elapsed time in nanoseconds:
//
//	1h2m3s  15ms  1.5s  -2m  1d2h3m4s  2w3d   number and unit, as Go writes it, and
//	                                          d (24 h) and w (7 d)
//	0:00:30  123:04:05.678                    hours, minutes, seconds
//	1d 02:03:04  1d02:03:04                   the two joined
//
// Units are ns, us (µs, μs), ms, s, m, h, d, w. ok is false for any other text,
// for a number without a unit, for minutes or seconds above 59 in the colon form,
// and on overflow. Digits below a nanosecond are dropped.
func ParseDuration(text []byte) (nanos int64, ok bool) {
	b := text
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, false
	}
	var total uint64
	for len(b) > 0 {
		// Number.
		n := 0
		var v uint64
		for n < len(b) && b[n]-'0' < 10 {
			if v > (1<<63)/10 {
				return 0, false
			}
			v = v*10 + uint64(b[n]-'0')
			n++
		}
		if n > 0 && n < len(b) && b[n] == ':' {
			rest, ok := colons(b, n, v)
			if !ok || total+rest < total || total+rest > 1<<63 {
				return 0, false
			}
			total += rest
			break
		}
		// Fraction, of which 18 digits fit beside any unit.
		var frac, scale uint64 = 0, 1
		whole := n
		if n < len(b) && b[n] == '.' {
			n++
			for n < len(b) && b[n]-'0' < 10 {
				if scale < 1e18 {
					frac = frac*10 + uint64(b[n]-'0')
					scale *= 10
				}
				n++
			}
			if n == 1 && whole == 0 {
				return 0, false
			}
		}
		if n == 0 {
			return 0, false
		}
		unit, size := durationUnit(b[n:])
		if size == 0 {
			return 0, false
		}
		hi, lo := bits.Mul64(v, unit)
		if hi != 0 || lo > 1<<63 {
			return 0, false
		}
		if frac != 0 {
			fh, fl := bits.Mul64(frac, unit)
			q, _ := bits.Div64(fh, fl, scale) // frac < scale, so q < unit
			lo += q
		}
		if total += lo; total > 1<<63 || lo > 1<<63 {
			return 0, false
		}
		b = b[n+size:]
		if unit == dayNanos && len(b) > 1 && b[0] == ' ' {
			// Only a clock may follow the space.
			b = b[1:]
			n = 0
			for n < len(b) && b[n]-'0' < 10 {
				n++
			}
			if n == len(b) || b[n] != ':' {
				return 0, false
			}
		}
	}
	if neg {
		return -int64(total), true
	}
	if total > 1<<63-1 {
		return 0, false
	}
	return int64(total), true
}

const dayNanos = day * 1e9

func durationUnit(b []byte) (unit uint64, size int) {
	if len(b) == 0 {
		return 0, 0
	}
	second := byte(0)
	if len(b) > 1 {
		second = b[1]
	}
	switch b[0] {
	case 'n':
		if second == 's' {
			return 1, 2
		}
	case 'u':
		if second == 's' {
			return 1e3, 2
		}
	case 0xc2, 0xce: // µ (U+00B5), μ (U+03BC)
		if len(b) > 2 && (b[0] == 0xc2 && second == 0xb5 || b[0] == 0xce && second == 0xbc) && b[2] == 's' {
			return 1e3, 3
		}
	case 'm':
		if second == 's' {
			return 1e6, 2
		}
		return 60e9, 1
	case 's':
		return 1e9, 1
	case 'h':
		return 3600e9, 1
	case 'd':
		return dayNanos, 1
	case 'w':
		return 7 * dayNanos, 1
	}
	return 0, 0
}

// colons reads ":MM:SS" with an optional fraction at b[i:], to the end of b.
func colons(b []byte, i int, hours uint64) (uint64, bool) {
	const maxHours = 1 << 63 / uint64(3600e9)
	if i+6 > len(b) || b[i+3] != ':' || hours > maxHours {
		return 0, false
	}
	m, ok1 := two(b, i+1)
	s, ok2 := two(b, i+4)
	if !ok1 || !ok2 || m > 59 || s > 59 {
		return 0, false
	}
	v := (hours*3600 + uint64(m*60+s)) * 1e9
	i += 6
	if i < len(b) {
		if b[i] != '.' && b[i] != ',' {
			return 0, false
		}
		nsec, end := fraction(b, i+1)
		if end != len(b) || end == i+1 {
			return 0, false
		}
		v += uint64(nsec)
	}
	return v, v <= 1<<63
}
