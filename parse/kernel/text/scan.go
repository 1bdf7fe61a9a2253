package text

import (
	"encoding/binary"
	"net/netip"

	"github.com/penstock-dev/penstock/internal/scan"
)

// The scanners read one value at the start of b and return how many bytes it takes, or
// 0. Each reads as far as it can, in one pass.

// scanIPv4 reads a dotted quad without leading zeros that no digit follows.
func scanIPv4(b []byte) (addr uint32, n int) {
	if len(b) < 16 {
		return scanShortIPv4(b)
	}
	return scan.IPv4Prefix((*[16]byte)(b))
}

func scanShortIPv4(b []byte) (addr uint32, n int) {
	i := 0
	for oct := 0; ; oct++ {
		if i >= len(b) {
			return 0, 0
		}
		x := uint32(b[i] - '0')
		if x > 9 {
			return 0, 0
		}
		i++
		if i < len(b) {
			if d := uint32(b[i] - '0'); d <= 9 {
				if x == 0 {
					return 0, 0
				}
				x = x*10 + d
				i++
				if i < len(b) {
					if d := uint32(b[i] - '0'); d <= 9 {
						x = x*10 + d
						i++
						if x > 255 || i < len(b) && b[i]-'0' <= 9 {
							return 0, 0
						}
					}
				}
			}
		}
		addr = addr<<8 | x
		if oct == 3 {
			return addr, i
		}
		if i >= len(b) || b[i] != '.' {
			return 0, 0
		}
		i++
	}
}

func hexDigit(c byte) int {
	switch {
	case c-'0' <= 9:
		return int(c - '0')
	case c|0x20-'a' <= 5:
		return int(c|0x20-'a') + 10
	}
	return -1
}

// scanIPv6 reads the longest IPv6 address, with a zone if there is one. canonical tells
// whether it is written as RFC 5952 has it and without a zone.
func scanIPv6(b []byte) (n int, canonical bool) {
	var a [16]byte
	groups, gap, i, end := 0, -1, 0, 0
	if len(b) >= 2 && b[0] == ':' && b[1] == ':' {
		gap, i, end = 0, 2, 2
	}
	for limit := 8; ; {
		if gap >= 0 {
			limit = 7 // the gap stands for one group at least
		}
		if groups >= limit {
			break
		}
		v, k := 0, i
		for k < len(b) && k < i+4 {
			d := hexDigit(b[k])
			if d < 0 {
				break
			}
			v = v<<4 | d
			k++
		}
		if k == i {
			break
		}
		if k < len(b) {
			if b[k] == '.' && groups+2 <= limit {
				if v4, m := scanIPv4(b[i:]); m > 0 {
					binary.BigEndian.PutUint32(a[2*groups:], v4)
					groups += 2
					end = i + m
					break
				}
			}
			if hexDigit(b[k]) >= 0 {
				return 0, false
			}
		}
		binary.BigEndian.PutUint16(a[2*groups:], uint16(v))
		groups++
		i, end = k, k
		if i+1 >= len(b) || b[i] != ':' {
			break
		}
		if b[i+1] != ':' {
			i++
			continue
		}
		if gap >= 0 || groups == 8 {
			break
		}
		gap = groups
		i += 2
		end = i
	}
	if groups < 8 {
		if gap < 0 {
			return 0, false
		}
		copy(a[16-2*(groups-gap):], a[2*gap:2*groups])
		clear(a[2*gap : 16-2*(groups-gap)])
	}
	if end+1 < len(b) && b[end] == '%' {
		z := end + 1
		for z < len(b) && hostByte[b[z]] {
			z++
		}
		if z > end+1 {
			return z, false
		}
	}
	var room [48]byte
	text := netip.AddrFrom16(a).AppendTo(room[:0])
	return end, string(text) == string(b[:end])
}

// hostByte are letters, digits and . - _.
var hostByte = func() (t [256]bool) {
	for c := range t {
		b := byte(c)
		t[c] = b-'0' <= 9 || b|0x20-'a' < 26 || b == '.' || b == '-' || b == '_'
	}
	return t
}()

// scanHost reads a host name or an address. A name's last byte is no dot or dash.
func scanHost(b []byte) int {
	i := 0
	for i < len(b) && hostByte[b[i]] {
		i++
	}
	if i < len(b) && b[i] == ':' && i <= 4 {
		if n, _ := scanIPv6(b); n > 0 {
			return n
		}
	}
	for i > 0 && (b[i-1] == '.' || b[i-1] == '-') {
		i--
	}
	if i > 0 && (b[0] == '.' || b[0] == '-') {
		return 0
	}
	return i
}

func scanDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// scanNumber reads a decimal number with an optional fraction and exponent.
func scanNumber(b []byte) int {
	i := 0
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		i = 1
	}
	n := scanDigits(b, i)
	digits := n - i
	if n+1 < len(b) && b[n] == '.' && b[n+1]-'0' <= 9 {
		m := scanDigits(b, n+1)
		digits += m - n - 1
		n = m
	}
	if digits == 0 {
		return 0
	}
	if n+1 < len(b) && b[n]|0x20 == 'e' {
		e := n + 1
		if b[e] == '-' || b[e] == '+' {
			e++
		}
		if m := scanDigits(b, e); m > e {
			n = m
		}
	}
	return n
}

// scanHex reads hexadecimal digits, with or without 0x.
func scanHex(b []byte) int {
	i := 0
	if len(b) > 2 && b[0] == '0' && b[1]|0x20 == 'x' && hexDigit(b[2]) >= 0 {
		i = 2
	}
	for i < len(b) && hexDigit(b[i]) >= 0 {
		i++
	}
	return i
}

// scanMAC reads six pairs joined by : or -, three quads joined by dots, or twelve
// hexadecimal digits.
func scanMAC(b []byte) int {
	step, sep := 0, byte(0)
	switch {
	case len(b) >= 17 && (b[2] == ':' || b[2] == '-'):
		step, sep = 2, b[2]
	case len(b) >= 14 && b[4] == '.':
		step, sep = 4, '.'
	}
	i := 0
	for n := 0; n < 12; n++ {
		if step > 0 && n > 0 && n%step == 0 {
			if b[i] != sep {
				return 0
			}
			i++
		}
		if i >= len(b) || hexDigit(b[i]) < 0 {
			return 0
		}
		i++
	}
	if i < len(b) && hexDigit(b[i]) >= 0 {
		return 0
	}
	return i
}

// scanQuoted reads a text in " or ', in which a backslash takes the next byte's
// meaning away.
func scanQuoted(b []byte) int {
	if len(b) < 2 || b[0] != '"' && b[0] != '\'' {
		return 0
	}
	q := b[0]
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case q:
			return i + 1
		case '\\':
			i++
		}
	}
	return 0
}
