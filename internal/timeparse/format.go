package timeparse

import "encoding/binary"

// pairs holds the two digits of 0 to 99, the first one lowest.
var pairs = func() (t [100]uint16) {
	for i := range t {
		t[i] = uint16('0'+i/10) | uint16('0'+i%10)<<8
	}
	return t
}()

const (
	prefixLen = len("2006-01-02T15:04:05.")
	maxLen    = prefixLen + len("000000000Z")
)

func put2(b []byte, v uint32) { binary.LittleEndian.PutUint16(b, pairs[v]) }

func putDate(b *[prefixLen]byte, days int64) {
	y, m, d := civilFromDays(days)
	put2(b[0:], uint32(y)/100)
	put2(b[2:], uint32(y)%100)
	b[4] = '-'
	put2(b[5:], uint32(m))
	b[7] = '-'
	put2(b[8:], uint32(d))
	b[10] = 'T'
}

func putClock(b *[prefixLen]byte, sod uint32) {
	m := sod / 60
	put2(b[11:], m/60)
	b[13] = ':'
	put2(b[14:], m%60)
	b[16] = ':'
	put2(b[17:], sod-m*60)
	b[19] = '.'
}

// appendPrefix appends the time up to the point, then the fraction and the Z.
func appendPrefix(dst []byte, prefix *[prefixLen]byte, nsec uint32) []byte {
	var b [maxLen]byte
	*(*[prefixLen]byte)(b[:]) = *prefix
	n := prefixLen + 3
	ms := nsec / 1e6
	b[prefixLen] = byte('0' + ms/100)
	put2(b[prefixLen+1:], ms%100)
	if rest := nsec - ms*1e6; rest != 0 {
		us := rest / 1e3
		b[prefixLen+3] = byte('0' + us/100)
		put2(b[prefixLen+4:], us%100)
		n += 3
		if ns := rest - us*1e3; ns != 0 {
			b[prefixLen+6] = byte('0' + ns/100)
			put2(b[prefixLen+7:], ns%100)
			n += 3
		}
	}
	b[n] = 'Z'
	return append(dst, b[:n+1]...)
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
	var p [prefixLen]byte
	putDate(&p, days)
	putClock(&p, uint32(sec-days*day))
	return appendPrefix(dst, &p, nsec)
}

// Formatter is [AppendRFC3339] that remembers the last second. The zero Formatter
// is ready. It belongs to its owner: calls on one Formatter must not overlap.
type Formatter struct {
	sec    int64
	days   int64
	prefix [prefixLen]byte // empty (zero) until the first call
}

// Append is [AppendRFC3339].
func (f *Formatter) Append(dst []byte, nanos int64) []byte {
	sec, nsec := split(nanos)
	if sec != f.sec || f.prefix[0] == 0 {
		days := floorDiv(sec, day)
		if days != f.days || f.prefix[0] == 0 {
			putDate(&f.prefix, days)
			f.days = days
		}
		putClock(&f.prefix, uint32(sec-days*day))
		f.sec = sec
	}
	return appendPrefix(dst, &f.prefix, nsec)
}
