package evtx

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// The types of values.
const (
	typeNull       = 0x00
	typeString     = 0x01
	typeANSI       = 0x02
	typeInt8       = 0x03
	typeUint8      = 0x04
	typeInt16      = 0x05
	typeUint16     = 0x06
	typeInt32      = 0x07
	typeUint32     = 0x08
	typeInt64      = 0x09
	typeUint64     = 0x0a
	typeFloat32    = 0x0b
	typeFloat64    = 0x0c
	typeBool       = 0x0d
	typeBinary     = 0x0e
	typeGUID       = 0x0f
	typeSize       = 0x10
	typeFileTime   = 0x11
	typeSystemTime = 0x12
	typeSID        = 0x13
	typeHex32      = 0x14
	typeHex64      = 0x15
	typeHandle     = 0x20
	typeBinXML     = 0x21
	typeXML        = 0x23
	arrayFlag      = 0x80
)

// width is the size of a value of the type, or 0 where it varies.
func width(typ byte) int {
	switch typ {
	case typeInt8, typeUint8:
		return 1
	case typeInt16, typeUint16:
		return 2
	case typeInt32, typeUint32, typeFloat32, typeBool, typeHex32:
		return 4
	case typeInt64, typeUint64, typeFloat64, typeFileTime, typeHex64:
		return 8
	case typeGUID, typeSystemTime:
		return 16
	}
	return 0
}

// appendValue appends the text of one value that is no array and no binary XML. It
// reports false where b is not a value of the type.
func appendValue(dst []byte, typ byte, b []byte) ([]byte, bool) {
	if w := width(typ); w > 0 && len(b) != w {
		return dst, false
	}
	le := binary.LittleEndian
	switch typ {
	case typeNull:
	case typeString, typeXML:
		return appendUTF16(dst, b)
	case typeANSI:
		for len(b) > 0 && b[len(b)-1] == 0 {
			b = b[:len(b)-1]
		}
		for _, c := range b {
			dst = utf8.AppendRune(dst, windows1252(c))
		}
	case typeInt8:
		dst = strconv.AppendInt(dst, int64(int8(b[0])), 10)
	case typeUint8:
		dst = strconv.AppendUint(dst, uint64(b[0]), 10)
	case typeInt16:
		dst = strconv.AppendInt(dst, int64(int16(le.Uint16(b))), 10)
	case typeUint16:
		dst = strconv.AppendUint(dst, uint64(le.Uint16(b)), 10)
	case typeInt32:
		dst = strconv.AppendInt(dst, int64(int32(le.Uint32(b))), 10)
	case typeUint32:
		dst = strconv.AppendUint(dst, uint64(le.Uint32(b)), 10)
	case typeInt64:
		dst = strconv.AppendInt(dst, int64(le.Uint64(b)), 10)
	case typeUint64:
		dst = strconv.AppendUint(dst, le.Uint64(b), 10)
	case typeFloat32:
		dst = strconv.AppendFloat(dst, float64(math.Float32frombits(le.Uint32(b))), 'g', -1, 32)
	case typeFloat64:
		dst = strconv.AppendFloat(dst, math.Float64frombits(le.Uint64(b)), 'g', -1, 64)
	case typeBool:
		dst = strconv.AppendBool(dst, le.Uint32(b) != 0)
	case typeBinary:
		dst = appendHex(dst, b)
	case typeGUID:
		dst = appendGUID(dst, b)
	case typeHex32:
		dst = strconv.AppendUint(append(dst, "0x"...), uint64(le.Uint32(b)), 16)
	case typeHex64:
		dst = strconv.AppendUint(append(dst, "0x"...), le.Uint64(b), 16)
	case typeSize, typeHandle:
		switch len(b) {
		case 4:
			dst = strconv.AppendUint(append(dst, "0x"...), uint64(le.Uint32(b)), 16)
		case 8:
			dst = strconv.AppendUint(append(dst, "0x"...), le.Uint64(b), 16)
		default:
			return dst, false
		}
	case typeFileTime:
		return appendFileTime(dst, le.Uint64(b)), true
	case typeSystemTime:
		return appendSystemTime(dst, b)
	case typeSID:
		n := sidSize(b)
		if n == 0 || n != len(b) {
			return dst, false
		}
		return appendSID(dst, b), true
	default:
		return dst, false
	}
	return dst, true
}

// appendUTF16 appends little-endian UTF-16 up to the NULs at its end. Half a surrogate
// pair becomes U+FFFD. It reports false for an odd length.
func appendUTF16(dst, b []byte) ([]byte, bool) {
	if len(b)&1 != 0 {
		return dst, false
	}
	for len(b) > 0 && b[len(b)-1] == 0 && b[len(b)-2] == 0 {
		b = b[:len(b)-2]
	}
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b)
		if w&0xff80ff80ff80ff80 != 0 {
			break
		}
		dst = append(dst, byte(w), byte(w>>16), byte(w>>32), byte(w>>48))
		b = b[8:]
	}
	for len(b) > 0 {
		u := rune(binary.LittleEndian.Uint16(b))
		b = b[2:]
		if u < 0x80 {
			dst = append(dst, byte(u))
			continue
		}
		if utf16.IsSurrogate(u) {
			second := rune(0)
			if len(b) > 0 {
				second = rune(binary.LittleEndian.Uint16(b))
			}
			if u = utf16.DecodeRune(u, second); u != utf8.RuneError {
				b = b[2:]
			}
		}
		dst = utf8.AppendRune(dst, u)
	}
	return dst, true
}

// windows1252 is the character of a byte in the code page that Windows uses for
// Western European text; ANSI strings do not say theirs.
func windows1252(c byte) rune {
	if c >= 0x80 && c < 0xa0 {
		return rune([32]uint16{
			0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D, 0x8F,
			0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178,
		}[c-0x80])
	}
	return rune(c)
}

const hexDigits = "0123456789ABCDEF"

func appendHex(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

func appendGUID(dst, b []byte) []byte {
	dst = append(dst, '{')
	for i, n := range [16]byte{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15} {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b[n]>>4], hexDigits[b[n]&15])
	}
	return append(dst, '}')
}

func sidSize(b []byte) int {
	if len(b) < 8 || len(b) < 8+4*int(b[1]) {
		return 0
	}
	return 8 + 4*int(b[1])
}

func appendSID(dst, b []byte) []byte {
	dst = strconv.AppendUint(append(dst, "S-"...), uint64(b[0]), 10)
	authority := uint64(binary.BigEndian.Uint16(b[2:]))<<32 | uint64(binary.BigEndian.Uint32(b[4:]))
	if dst = append(dst, '-'); authority < 1<<32 {
		dst = strconv.AppendUint(dst, authority, 10)
	} else {
		dst = append(dst, "0x"...)
		dst = append(dst, hexDigits[authority>>44&15], hexDigits[authority>>40&15], hexDigits[authority>>36&15], hexDigits[authority>>32&15])
		for s := 28; s >= 0; s -= 4 {
			dst = append(dst, hexDigits[authority>>s&15])
		}
	}
	for i := 8; i+4 <= 8+4*int(b[1]); i += 4 {
		dst = strconv.AppendUint(append(dst, '-'), uint64(binary.LittleEndian.Uint32(b[i:])), 10)
	}
	return dst
}

// appendFileTime writes units of 100 ns since 1601 as Windows does, with seven digits.
func appendFileTime(dst []byte, t uint64) []byte {
	days, rest := t/864000000000, t%864000000000
	// Days since 1601-01-01, which begins a cycle of 400 years.
	y, m, d := civil(days)
	dst = appendInt(dst, y, 4)
	dst = appendInt(append(dst, '-'), m, 2)
	dst = appendInt(append(dst, '-'), d, 2)
	sec := rest / 10000000
	dst = appendInt(append(dst, 'T'), sec/3600, 2)
	dst = appendInt(append(dst, ':'), sec/60%60, 2)
	dst = appendInt(append(dst, ':'), sec%60, 2)
	dst = appendInt(append(dst, '.'), rest%10000000, 7)
	return append(dst, 'Z')
}

// civil is the date of a number of days since 1601-01-01.
func civil(days uint64) (y, m, d uint64) {
	// Count from 1600-03-01, so that leap days end the years.
	days += 306
	era, doe := days/146097, days%146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	y = 1600 + era*400 + yoe
	if m > 12 {
		m -= 12
		y++
	}
	return y, m, d
}

func appendInt(dst []byte, n uint64, digits int) []byte {
	var room [20]byte
	i := len(room)
	for n > 0 || digits > 0 {
		i--
		room[i] = byte('0' + n%10)
		n /= 10
		digits--
	}
	return append(dst, room[i:]...)
}

// appendSystemTime writes a SYSTEMTIME: year, month, day of the week, day, hour,
// minute, second, milliseconds.
func appendSystemTime(dst, b []byte) ([]byte, bool) {
	at := func(i int) uint64 { return uint64(binary.LittleEndian.Uint16(b[2*i:])) }
	if at(1) > 12 || at(3) > 31 || at(4) > 23 || at(5) > 59 || at(6) > 60 || at(7) > 999 {
		return dst, false
	}
	dst = appendInt(dst, at(0), 4)
	dst = appendInt(append(dst, '-'), at(1), 2)
	dst = appendInt(append(dst, '-'), at(3), 2)
	dst = appendInt(append(dst, 'T'), at(4), 2)
	dst = appendInt(append(dst, ':'), at(5), 2)
	dst = appendInt(append(dst, ':'), at(6), 2)
	dst = appendInt(append(dst, '.'), at(7), 3)
	return append(dst, 'Z'), true
}

// item cuts the next element off an array value. It reports false where there is none
// that is whole.
func item(typ byte, b []byte) (one, rest []byte, ok bool) {
	switch typ {
	case typeString, typeXML:
		for i := 0; i+1 < len(b); i += 2 {
			if b[i] == 0 && b[i+1] == 0 {
				return b[:i], b[i+2:], true
			}
		}
		return b, nil, len(b)&1 == 0
	case typeANSI:
		for i, c := range b {
			if c == 0 {
				return b[:i], b[i+1:], true
			}
		}
		return b, nil, true
	case typeSID:
		if n := sidSize(b); n > 0 {
			return b[:n], b[n:], true
		}
		return nil, nil, false
	case typeSize, typeHandle:
		n := 8
		if len(b)%8 != 0 {
			n = 4
		}
		if len(b) < n {
			return nil, nil, false
		}
		return b[:n], b[n:], true
	}
	n := width(typ)
	if n == 0 || len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}
