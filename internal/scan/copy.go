package scan

import "encoding/binary"

// Slack is the room behind the end of a text that the functions of this file may write
// rubbish to, or read.
const Slack = 16

// CopyJSON copies s to o, which has room for Slack bytes more, and reports whether s can
// stand in a JSON string as it is. If not, o holds rubbish.
func CopyJSON(o, s []byte) bool {
	n := len(s)
	if n+Slack > len(o) {
		panic("scan: no room")
	}
	var bad uint64
	if n >= 8 {
		if n > 16 {
			for i := 8; i < n-8; i += 8 {
				w := load64(s, i)
				store64(o, i, w)
				bad |= rawUnsafe(w)
			}
		}
		w, v := load64(s, 0), load64(s, n-8)
		store64(o, 0, w)
		store64(o, n-8, v)
		bad |= rawUnsafe(w) | rawUnsafe(v)
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
	return bad&highs == 0
}

// Copy copies s to o, which has room for Slack bytes more. It is for short texts.
func Copy(o, s []byte) {
	n := len(s)
	if n+Slack > len(o) {
		panic("scan: no room")
	}
	switch {
	case n > 32:
		copy(o, s)
	case n >= 8:
		if n > 16 {
			w, v := load64(s, 8), load64(s, n-16)
			store64(o, 8, w)
			store64(o, n-16, v)
		}
		w, v := load64(s, 0), load64(s, n-8)
		store64(o, 0, w)
		store64(o, n-8, v)
	case n >= 4:
		w, v := load32(s, 0), load32(s, n-4)
		store32(o, 0, w)
		store32(o, n-4, v)
	case n > 0:
		w := short(s)
		o[0] = byte(w)
		o[n>>1] = byte(w >> 8)
		o[n-1] = byte(w >> 16)
	}
}

// PutUint writes n in decimal to o, which has room for 20 bytes and Slack, and returns how many
// bytes it took.
func PutUint(o []byte, n uint64) int {
	if len(o) < 20+Slack {
		panic("scan: no room")
	}
	if n < 10 {
		o[0] = byte('0' + n)
		return 1
	}
	var b [20]byte
	i := len(b)
	for n >= 100 {
		q := n / 100
		i -= 2
		binary.LittleEndian.PutUint16(b[i:], digits2(n-q*100))
		n = q
	}
	if n >= 10 {
		i -= 2
		binary.LittleEndian.PutUint16(b[i:], digits2(n))
	} else {
		i--
		b[i] = byte('0' + n)
	}
	return copy(o, b[i:])
}

func digits2(n uint64) uint16 { return uint16('0'+n/10) | uint16('0'+n%10)<<8 }
