package timeparse

import (
	"encoding/binary"
	"math/bits"
)

const (
	highs  = 0x8080808080808080
	zeros  = 0x3030303030303030 // "00000000"
	atMost = 0x7676767676767676 // carries a byte above 9 into its high bit
)

func isDigit(b []byte, i int) bool { return i < len(b) && b[i]-'0' < 10 }

// two reads exactly two digits at b[i:].
func two(b []byte, i int) (int, bool) {
	if i+2 > len(b) {
		return 0, false
	}
	x, y := b[i]-'0', b[i+1]-'0'
	return int(x)*10 + int(y), x < 10 && y < 10
}

// four reads exactly four digits at b[i:].
func four(b []byte, i int) (int, bool) {
	x, ok1 := two(b, i)
	y, ok2 := two(b, i+2)
	return x*100 + y, ok1 && ok2
}

// oneTwo reads one or two digits at b[i:] and returns where they end, or -1.
func oneTwo(b []byte, i int) (v, end int) {
	if !isDigit(b, i) {
		return 0, -1
	}
	if isDigit(b, i+1) {
		return int(b[i]-'0')*10 + int(b[i+1]-'0'), i + 2
	}
	return int(b[i] - '0'), i + 1
}

var pow10 = [10]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// fraction reads the digits at b[i:] as the nanoseconds of a fraction and returns
// where they end. Digits after the ninth are dropped.
func fraction(b []byte, i int) (nsec int64, end int) {
	var w uint64
	switch rest := len(b) - i; {
	case rest <= 0:
		return 0, i
	case rest >= 8:
		w = binary.LittleEndian.Uint64(b[i:])
	case len(b) >= 8:
		w = binary.LittleEndian.Uint64(b[len(b)-8:]) >> (64 - 8*uint(rest))
	default:
		for j, c := range b[i:] {
			w |= uint64(c) << (8 * uint(j))
		}
	}
	w ^= zeros
	n := bits.TrailingZeros64((w+atMost|w)&highs) >> 3
	if n == 0 {
		return 0, i
	}
	w <<= 64 - 8*uint(n)
	w = w*10 + w>>8
	const mask = 0x000000ff000000ff
	w = ((w&mask)*(100+1000000<<32) + (w>>16&mask)*(1+10000<<32)) >> 32
	nsec, end = int64(w)*pow10[9-n], i+n
	if n == 8 {
		if isDigit(b, end) {
			nsec += int64(b[end] - '0')
			end++
		}
		for isDigit(b, end) {
			end++
		}
	}
	return nsec, end
}

// optionalFraction reads a point or comma and digits at b[i:] if they are there,
// and returns where it stopped.
func (f *fields) optionalFraction(b []byte, i int) int {
	if i+1 >= len(b) || b[i] != '.' && b[i] != ',' {
		return i
	}
	nsec, end := fraction(b, i+1)
	if end == i+1 {
		return i
	}
	f.nsec, f.fracAt, f.fracEnd = nsec, i+1, end
	return end
}

// key3 folds three ASCII letters at b[i:]; 0 where there are not three bytes.
func key3(b []byte, i int) uint32 {
	if i+3 > len(b) {
		return 0
	}
	return uint32(b[i])<<16 | uint32(b[i+1])<<8 | uint32(b[i+2]) | 0x202020
}

// month returns the number of the month whose short name stands at b[i:], or 0.
func month(b []byte, i int) int {
	switch key3(b, i) {
	case 'j'<<16 | 'a'<<8 | 'n':
		return 1
	case 'f'<<16 | 'e'<<8 | 'b':
		return 2
	case 'm'<<16 | 'a'<<8 | 'r':
		return 3
	case 'a'<<16 | 'p'<<8 | 'r':
		return 4
	case 'm'<<16 | 'a'<<8 | 'y':
		return 5
	case 'j'<<16 | 'u'<<8 | 'n':
		return 6
	case 'j'<<16 | 'u'<<8 | 'l':
		return 7
	case 'a'<<16 | 'u'<<8 | 'g':
		return 8
	case 's'<<16 | 'e'<<8 | 'p':
		return 9
	case 'o'<<16 | 'c'<<8 | 't':
		return 10
	case 'n'<<16 | 'o'<<8 | 'v':
		return 11
	case 'd'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

// weekday returns 1 (Monday) to 7 for the short name at b[i:], or 0.
func weekday(b []byte, i int) int {
	switch key3(b, i) {
	case 'm'<<16 | 'o'<<8 | 'n':
		return 1
	case 't'<<16 | 'u'<<8 | 'e':
		return 2
	case 'w'<<16 | 'e'<<8 | 'd':
		return 3
	case 't'<<16 | 'h'<<8 | 'u':
		return 4
	case 'f'<<16 | 'r'<<8 | 'i':
		return 5
	case 's'<<16 | 'a'<<8 | 't':
		return 6
	case 's'<<16 | 'u'<<8 | 'n':
		return 7
	}
	return 0
}

var (
	monthTails = [13]string{"", "uary", "ruary", "ch", "il", "", "e", "y", "ust", "tember", "ober", "ember", "ember"}
	dayTails   = [8]string{"", "day", "sday", "nesday", "rsday", "day", "urday", "day"}
)

// tail returns where the rest of a name ends at b[i:], or -1.
func tail(b []byte, i int, s string) int {
	if i+len(s) > len(b) {
		return -1
	}
	for j := range len(s) {
		if b[i+j]|0x20 != s[j] {
			return -1
		}
	}
	return i + len(s)
}

// wall19 reads "2006-01-02?15:04:05" at the start of b, which has at least 19
// bytes, as wall-clock seconds. ok is false for any oddity, leap seconds too.
func wall19(b []byte) (wall int64, ok bool) {
	_ = b[18]
	// Digits become 0 to 9 and separators 0; a digit above 9 or a separator that
	// is not 0 sets its high bit in the sum.
	x := binary.LittleEndian.Uint64(b) ^ 0x2d30302d30303030
	y := binary.LittleEndian.Uint64(b[11:]) ^ 0x30303a30303a3030
	d1, d2 := b[8]-'0', b[9]-'0'
	bad := x | (x + 0x7f76767f76767676) | y | (y + 0x76767f76767f7676)
	if bad&highs != 0 || d1 > 9 || d2 > 9 {
		return 0, false
	}
	x = x*10 + x>>8
	y = y*10 + y>>8
	year := uint32(x&0xff)*100 + uint32(x>>16&0xff)
	mon := uint32(x >> 40 & 0xff)
	mday := uint32(d1)*10 + uint32(d2)
	h, m, s := uint32(y&0xff), uint32(y>>24&0xff), uint32(y>>48&0xff)
	if year-minYear > maxYear-minYear || mon-1 > 11 || h > 23 || m > 59 || s > 59 ||
		mday-1 >= uint32(monthDays[mon]) || mday == 29 && mon == 2 && !leap(int(year)) {
		return 0, false
	}
	return daysFromCivil(int(year), int(mon), int(mday))*day + int64(h*3600+m*60+s), true
}
