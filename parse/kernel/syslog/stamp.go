package syslog

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/penstock-dev/penstock/internal/timeparse"
)

// Kinds of time, by their first bytes.
const (
	timeNone = iota
	timeNil
	timeISO
	timeBSD
	timeEpoch
)

// startOfTime says which kind of time may begin at b[i:].
func startOfTime(b []byte, i int) int {
	if i >= len(b) {
		return timeNone
	}
	c := b[i]
	switch {
	case c == '-':
		if i+1 < len(b) && b[i+1] == ' ' {
			return timeNil
		}
	case isDigit(c):
		j := i
		for j < len(b) && j < i+11 && isDigit(b[j]) {
			j++
		}
		switch {
		case j == i+4 && j+1 < len(b) && (b[j] == '-' || b[j] == '/') && isDigit(b[j+1]):
			return timeISO
		case j == i+4 && j+1 < len(b) && b[j] == ' ' && class[b[j+1]]&cAlpha != 0:
			return timeBSD
		case j == i+10 && j < len(b) && (b[j] == '.' || b[j] == ' '):
			return timeEpoch
		}
	case class[c]&cAlpha != 0:
		if i+3 < len(b) && monthOrWeekday(b[i:]) {
			return timeBSD
		}
	}
	return timeNone
}

// monthOrWeekday reports whether b begins with the three letters of one, in
// English and any case.
func monthOrWeekday(b []byte) bool {
	switch uint32(b[0]|0x20)<<16 | uint32(b[1]|0x20)<<8 | uint32(b[2]|0x20) {
	case 'j'<<16 | 'a'<<8 | 'n', 'f'<<16 | 'e'<<8 | 'b', 'm'<<16 | 'a'<<8 | 'r', 'a'<<16 | 'p'<<8 | 'r',
		'm'<<16 | 'a'<<8 | 'y', 'j'<<16 | 'u'<<8 | 'n', 'j'<<16 | 'u'<<8 | 'l', 'a'<<16 | 'u'<<8 | 'g',
		's'<<16 | 'e'<<8 | 'p', 'o'<<16 | 'c'<<8 | 't', 'n'<<16 | 'o'<<8 | 'v', 'd'<<16 | 'e'<<8 | 'c',
		'm'<<16 | 'o'<<8 | 'n', 't'<<16 | 'u'<<8 | 'e', 'w'<<16 | 'e'<<8 | 'd', 't'<<16 | 'h'<<8 | 'u',
		'f'<<16 | 'r'<<8 | 'i', 's'<<16 | 'a'<<8 | 't', 's'<<16 | 'u'<<8 | 'n':
		return true
	}
	return false
}

// The layouts of headers; read-only.
var (
	layoutRFC3339 = mustCompile("rfc3339")
	layoutISO8601 = mustCompile("iso8601")
	layoutSyslog  = mustCompile("syslog")
	layoutUnix    = mustCompile("unix")
	layoutDashes  = mustCompile("2006-1-2 15:04:05")
	layoutSlashes = mustCompile("2006/1/2 15:04:05")
)

func mustCompile(s string) *timeparse.Layout {
	l, err := timeparse.Compile(s)
	if err != nil {
		panic(err) // a constant of this file
	}
	return l
}

// stampCache remembers the minute of the last RFC 3164 time: what stood before
// its seconds and behind its fraction.
type stampCache struct {
	buf      [32]byte // "Jan  2 03:04", then " UTC"
	pre, suf int      // lengths of the two; pre 0: nothing cached
	first    uint64   // first and last eight bytes of the former
	last     uint64
	zone     *time.Location
	minute   timeparse.Result // with second 0
}

// stamp reads the time of an RFC 3164 header at b[i:] into m and returns the
// offset behind it, or -1 with m untouched. An epoch time is taken only where
// epoch is set.
func (p *Parser) stamp(b []byte, i int, epoch bool, m *Message) int {
	var mark byte
	if i < len(b) && (b[i] == '*' || b[i] == '.') {
		mark = b[i]
		i++
	}
	if i+8 > len(b) {
		return -1
	}
	end := p.sameMinute(b, i, m)
	if end < 0 {
		switch startOfTime(b, i) {
		case timeBSD:
			end = p.bsdStamp(b, i, m)
		case timeISO:
			end = p.isoStamp(b, i, m)
		case timeEpoch:
			if epoch {
				end = p.epochStamp(b, i, m)
			}
		}
	}
	if end >= 0 {
		m.ClockMark = mark
	}
	return end
}

// sameMinute reads a time in the minute and of the form of the last one.
func (p *Parser) sameMinute(b []byte, i int, m *Message) int {
	k := &p.cache
	j := i + k.pre
	if j < i+12 || j+3 > len(b) || load64(b[i:]) != k.first || load64(b[j-8:]) != k.last || b[j] != ':' ||
		j > i+16 && string(b[i:j]) != string(k.buf[:k.pre]) {
		return -1
	}
	s1, s2 := b[j+1]-'0', b[j+2]-'0'
	if s1 > 5 || s2 > 9 {
		return -1
	}
	nanos := k.minute.Nanos + (int64(s1)*10+int64(s2))*1e9
	if end := fractionEnd(b, j+3); end > j+3 {
		nanos += fraction(b[j+4 : end])
		j = end
	} else {
		j += 3
	}
	if k.suf > 0 {
		if j+k.suf > len(b) || string(b[j:j+k.suf]) != string(k.buf[k.pre:k.pre+k.suf]) {
			return -1
		}
		j += k.suf
	}
	if !timeEnds(b, j) || moreTime(b, j) || k.zone != p.Time.Zone {
		return -1
	}
	if k.minute.YearAssumed {
		// Within half a year of now no other year is nearer.
		const half = 180 * 86400
		if d := nanos/1e9 - p.Time.Now.Unix(); d > half || d < -half || p.Time.Now.IsZero() {
			return -1
		}
	}
	m.HasTime = true
	m.Time = k.minute
	m.Time.Nanos = nanos
	m.TimeText = b[i:j:j]
	return j
}

// remember keeps the minute of text, which gave r.
func (p *Parser) remember(text []byte, r timeparse.Result) {
	pre := clockColon(text)
	if pre < 0 || text[pre+1] > '5' {
		return
	}
	sec := int64(text[pre+1]-'0')*10 + int64(text[pre+2]-'0')
	j, nanos := fractionEnd(text, pre+3), int64(0)
	if j > pre+3 {
		nanos = fraction(text[pre+4 : j])
	}
	k := &p.cache
	if pre < 12 || pre+len(text)-j > len(k.buf) {
		return
	}
	k.first, k.last = load64(text), load64(text[pre-8:])
	copy(k.buf[:], text[:pre])
	copy(k.buf[pre:], text[j:])
	k.pre, k.suf, k.zone = pre, len(text)-j, p.Time.Zone
	k.minute = r
	k.minute.Nanos -= sec*1e9 + nanos
}

// fractionEnd steps over ".678" or ",678" at b[j:].
func fractionEnd(b []byte, j int) int {
	if j+1 < len(b) && (b[j] == '.' || b[j] == ',') && isDigit(b[j+1]) {
		for j += 2; j < len(b) && isDigit(b[j]); j++ {
		}
	}
	return j
}

// fraction is the digits of a fraction in nanoseconds; what is smaller is cut off.
func fraction(digits []byte) (nanos int64) {
	scale := int64(100_000_000)
	for _, c := range digits {
		nanos += int64(c-'0') * scale
		scale /= 10
	}
	return nanos
}

// clockColon finds the colon in front of the seconds, with two digits behind it.
func clockColon(text []byte) int {
	for j := 0; j+6 <= len(text); j++ {
		if text[j] == ':' {
			if text[j+3] == ':' && isDigit(text[j+4]) && isDigit(text[j+5]) {
				return j + 3
			}
			return -1
		}
	}
	return -1
}

// moreTime reports whether a zone or a year may follow a time that ends at j.
func moreTime(b []byte, j int) bool {
	if j+1 >= len(b) || b[j] != ' ' {
		return false
	}
	k := j + 1
	switch c := b[k]; {
	case isDigit(c):
		return k+4 <= len(b) && isDigit(b[k+1]) && isDigit(b[k+2]) && isDigit(b[k+3]) && timeEnds(b, k+4)
	case c == '+' || c == '-':
		return k+1 < len(b) && isDigit(b[k+1])
	case 'A' <= c && c <= 'Z':
		for k < len(b) && k < j+7 && 'A' <= b[k] && b[k] <= 'Z' {
			k++
		}
		return k == len(b) || k < j+7 && (b[k] == ' ' || b[k] == '\t' || b[k] == ':' || b[k] == '+' || b[k] == '-')
	}
	return false
}

// aNow stands in for a missing Now where only the end of a time is asked for.
var aNow = time.Date(2000, 3, 1, 0, 0, 0, 0, time.UTC)

// bsdStamp reads "Jan  2 03:04:05" and its relatives, as timeparse's layout
// "syslog" has them.
func (p *Parser) bsdStamp(b []byte, i int, m *Message) int {
	text := b[i:min(len(b), i+64)]
	ctx, now := &p.Time, true
	if ctx.Now.IsZero() {
		ctx, now = &timeparse.Context{Now: aNow, Zone: p.Time.Zone}, false
	}
	r, n, err := p.times.ParsePrefix(layoutSyslog, text, ctx)
	if errors.Is(err, timeparse.ErrZone) || err == nil && !timeEnds(b, i+n) {
		// Read the clock alone. "CST" may be America or China: the time then
		// counts as without zone. "03:04:05 2001:db8::1" has no year.
		unknown := err != nil
		if n = clockColon(text); n < 0 {
			return -1
		}
		n = fractionEnd(text, n+3)
		r, err = p.times.Parse(layoutSyslog, text[:n], ctx)
		if unknown && n < len(text) && text[n] == ' ' {
			k := n + 1
			for k < len(text) && 'A' <= text[k] && text[k] <= 'Z' {
				k++
			}
			if timeEnds(b, i+k) {
				n = k
			}
		}
	}
	if err != nil || !timeEnds(b, i+n) {
		return -1
	}
	if now || !r.YearAssumed {
		m.HasTime, m.Time = true, r
		p.remember(text[:n], r)
	}
	m.TimeText = b[i : i+n : i+n]
	return i + n
}

// isoStamp reads "2026-01-02T03:04:05.678+01:00", also with a space in the
// place of the T, with slashes, with one-digit numbers, and without a zone or
// with the name of one.
func (p *Parser) isoStamp(b []byte, i int, m *Message) int {
	text := b[i:min(len(b), i+64)]
	r, n, err := p.times.ParsePrefix(layoutRFC3339, text, &p.Time)
	switch {
	case err != nil:
		if r, n, err = p.times.ParsePrefix(layoutDashes, text, &p.Time); err != nil {
			if r, n, err = p.times.ParsePrefix(layoutSlashes, text, &p.Time); err != nil {
				return -1
			}
		}
	case !r.Zoned && moreTime(b, i+n):
		if r2, n2, err := p.times.ParsePrefix(layoutISO8601, text, &p.Time); err == nil && n2 > n {
			r, n = r2, n2
		}
	}
	if !timeEnds(b, i+n) {
		return -1
	}
	m.HasTime, m.Time, m.TimeText = true, r, b[i:i+n:i+n]
	return i + n
}

// epochStamp reads "1700000000.123456" and "1700000000".
func (p *Parser) epochStamp(b []byte, i int, m *Message) int {
	j := i
	for j < len(b) && (isDigit(b[j]) || b[j] == '.') {
		j++
	}
	r, err := p.times.Parse(layoutUnix, b[i:j], &p.Time)
	if err != nil || j < len(b) && b[j] != ' ' {
		return -1
	}
	m.HasTime, m.Time, m.TimeText = true, r, b[i:j:j]
	return j
}

// timeEnds reports whether a time may end in front of b[j].
func timeEnds(b []byte, j int) bool {
	return j == len(b) || b[j] == ' ' || b[j] == '\t' || b[j] == ':' && (j+1 == len(b) || b[j+1] == ' ')
}

func load64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
