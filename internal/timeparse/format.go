package timeparse

import (
	"encoding/binary"
	"slices"
)

// pairs holds the two digits of 0 to 99, the first one lowest.
var pairs = func() (t [100]uint16) {
	for i := range t {
		t[i] = uint16('0'+i/10) | uint16('0'+i%10)<<8
	}
	return t
}()

const maxLen = len("2006-01-02T15:04:05.000000000Z")

func put2(b []byte, v uint32) { binary.LittleEndian.PutUint16(b, pairs[v]) }

// date returns "2006-01-02T" as eight bytes and the two lowest of the next eight.
func date(days int64) (w0, w1 uint64) {
	y, m, d := civilFromDays(days)
	c := uint32(y) / 100
	w0 = uint64(pairs[c]) | uint64(pairs[uint32(y)-c*100])<<16 | '-'<<32 | uint64(pairs[m])<<40 | '-'<<56
	return w0, uint64(pairs[d]) | 'T'<<16
}

// clock returns "15:04" as the five highest bytes of the second eight, and ":05." as
// the next four.
func clock(sod uint32) (w1, w2 uint64) {
	m := sod / 60
	h := m / 60
	w1 = uint64(pairs[h])<<24 | ':'<<40 | uint64(pairs[m-h*60])<<48
	return w1, ':' | uint64(pairs[sod-m*60])<<8 | '.'<<24
}

// appendWords appends the twenty bytes of w0, w1 and w2, the fraction and the Z.
func appendWords(dst []byte, w0, w1, w2 uint64, nsec uint32) []byte {
	k := len(dst)
	if cap(dst)-k < maxLen {
		dst = slices.Grow(dst, maxLen)
	}
	b := dst[k : k+maxLen]
	ms := nsec / 1e6
	x := ms / 100
	w2 |= uint64('0'+x)<<32 | uint64(pairs[ms-x*100])<<40 | 'Z'<<56
	binary.LittleEndian.PutUint64(b, w0)
	binary.LittleEndian.PutUint64(b[8:], w1)
	binary.LittleEndian.PutUint64(b[16:], w2)
	if nsec == ms*1e6 {
		return dst[:k+24]
	}
	us := nsec/1e3 - ms*1e3
	x = us / 100
	b[23] = byte('0' + x)
	put2(b[24:], us-x*100)
	n := 26
	if ns := nsec % 1e3; ns != 0 {
		x = ns / 100
		b[26] = byte('0' + x)
		put2(b[27:], ns-x*100)
		n = 29
	}
	b[n] = 'Z'
	return dst[:k+n+1]
}

func split(nanos int64) (sec int64, nsec uint32) {
	sec = nanos / 1e9
	r := nanos - sec*1e9
	if r < 0 {
		r += 1e9
		sec--
	}
	return sec, uint32(r)
}

// AppendRFC3339 appends the time in UTC as RFC 3339 with three fraction digits, or
// six or nine where the rest is not zero: 2006-01-02T15:04:05.000Z.
func AppendRFC3339(dst []byte, nanos int64) []byte {
	sec, nsec := split(nanos)
	days := floorDiv(sec, day)
	w0, d1 := date(days)
	w1, w2 := clock(uint32(sec - days*day))
	return appendWords(dst, w0, d1|w1, w2, nsec)
}

// Formatter is [AppendRFC3339] that remembers the last second. The zero Formatter
// is ready. It belongs to its owner: calls on one Formatter must not overlap.
type Formatter struct {
	sec, days  int64
	w0, w1, w2 uint64 // w0 is zero until the first call
}

// Append is [AppendRFC3339].
func (f *Formatter) Append(dst []byte, nanos int64) []byte {
	sec, nsec := split(nanos)
	if sec != f.sec || f.w0 == 0 {
		days := floorDiv(sec, day)
		d1 := f.w1 & 0xffffff
		if days != f.days || f.w0 == 0 {
			f.w0, d1 = date(days)
			f.days = days
		}
		f.w1, f.w2 = clock(uint32(sec - days*day))
		f.w1 |= d1
		f.sec = sec
	}
	return appendWords(dst, f.w0, f.w1, f.w2, nsec)
}
