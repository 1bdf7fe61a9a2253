package syslog

import (
	"encoding/binary"
	"time"
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
		case j == i+4 && j+1 < len(b) && b[j] == '-' && isDigit(b[j+1]):
			return timeISO
		case j == i+4 && j < len(b) && (b[j] == ' ' || b[j] == '/'):
			return timeBSD
		case j == i+10 && j < len(b) && (b[j] == '.' || b[j] == ' '):
			return timeEpoch
		}
	case class[c]&cAlpha != 0:
		if i+3 < len(b) && (month(b[i:]) > 0 || weekday(b[i:])) {
			return timeBSD
		}
	}
	return timeNone
}

// month reads the three letters of an English month, in any case; 0 for none.
func month(b []byte) int {
	if len(b) < 3 {
		return 0
	}
	switch uint32(b[0]|0x20)<<16 | uint32(b[1]|0x20)<<8 | uint32(b[2]|0x20) {
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

func weekday(b []byte) bool {
	switch string(b[:3]) {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}

// civil is a time as it was written.
type civil struct {
	year, month, day, hour, min, sec, nanos int // year 0: none
	offset                                  int // seconds east, if zoned
	zoned                                   bool
}

// stampCache remembers the last minute of an RFC 3164 time without year and
// zone, and the offset of the default zone in the last minute of other times.
type stampCache struct {
	key    [2]uint64 // "Jan  2 0", "3:04"
	minute int64     // seconds since 1970 of the minute
	zone   *time.Location
	ok     bool
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
	var end int
	switch startOfTime(b, i) {
	case timeBSD:
		end = p.bsdStamp(b, i, m)
	case timeISO:
		end = p.isoStamp(b, i, m)
	case timeEpoch:
		if !epoch {
			return -1
		}
		end = epochStamp(b, i, m)
	default:
		return -1
	}
	if end < 0 {
		return -1
	}
	m.ClockMark = mark
	return end
}

// bsdStamp reads "Jan  2 03:04:05" and its relatives.
func (p *Parser) bsdStamp(b []byte, i int, m *Message) int {
	if len(b)-i >= 15 && p.cache.ok && b[i+12] == ':' &&
		load64(b[i:]) == p.cache.key[0] &&
		uint64(load32(b[i+8:])) == p.cache.key[1] &&
		p.cacheValid() {
		s1, s2 := b[i+13]-'0', b[i+14]-'0'
		if s1 < 6 && s2 < 10 && (i+15 == len(b) || b[i+15] == ':' || b[i+15] == ' ' && !p.moreTime(b, i+15)) {
			m.HasTime = true
			m.TimeText = b[i : i+15 : i+15]
			m.Time = p.cached(int64(s1)*10 + int64(s2))
			return i + 15
		}
	}
	return p.bsdSlow(b, i, m)
}

// moreTime reports whether a zone or a year follows the clock at b[j:].
func (p *Parser) moreTime(b []byte, j int) bool {
	if j+1 >= len(b) || b[j+1] >= 'a' {
		return false
	}
	var c civil
	return p.zoneAndYear(b, j, &c) != j
}

func (p *Parser) bsdSlow(b []byte, i int, m *Message) int {
	var c civil
	j := i
	if class[b[j]]&cAlpha != 0 && month(b[j:]) == 0 {
		j += 3 // the weekday that startOfTime saw
		if j < len(b) && b[j] == ',' {
			j++
		}
		j = skipSpace(b, j, 2)
	}
	if j < len(b) && isDigit(b[j]) {
		n, k := digits(b, j, 4)
		if k != j+4 {
			return -1
		}
		if k < len(b) && b[k] == '/' {
			return p.isoStamp(b, i, m)
		}
		c.year, j = n, skipSpace(b, k, 2)
	}
	if j >= len(b) || month(b[j:]) == 0 {
		return -1
	}
	c.month = month(b[j:])
	k := skipSpace(b, j+3, 2)
	if k == j+3 {
		return -1
	}
	if c.day, j = digits(b, k, 2); j == k {
		return -1
	}
	if j < len(b) && b[j] == ',' {
		j++
	}
	if k = skipSpace(b, j, 2); k == j {
		return -1
	}
	j = k
	if c.year == 0 {
		if n, k := digits(b, j, 4); k == j+4 && k < len(b) && b[k] == ' ' {
			c.year, j = n, skipSpace(b, k, 2)
		}
	}
	plain := c.year == 0 && j == i+7
	if j = c.clock(b, j); j < 0 {
		return -1
	}
	plain = plain && j >= i+15
	before := j
	j = p.zoneAndYear(b, j, &c)
	if !timeEnds(b, j) || !c.valid() {
		return -1
	}
	m.TimeText = b[i:j:j]
	if p.resolve(&c, m) && plain && before == j && c.year == 0 {
		p.remember(b[i:], &c, m)
	}
	return j
}

// isoStamp reads "2026-01-02T03:04:05.678+01:00", also with a space in the
// place of the T, with slashes, without a zone, and with one-digit numbers.
func (p *Parser) isoStamp(b []byte, i int, m *Message) int {
	var c civil
	j := i
	if len(b)-i >= 19 && b[i+4] == '-' && b[i+7] == '-' && b[i+10]|0x20 == 't' {
		// The usual shape at a fixed place.
		c.year = four(b[i:])
		c.month, c.day = two(b[i+5:]), two(b[i+8:])
		if c.year < 0 || c.month < 0 || c.day < 0 {
			return -1
		}
		j = i + 11
	} else {
		var k int
		if c.year, k = digits(b, j, 4); k != j+4 || k >= len(b) || b[k] != '-' && b[k] != '/' {
			return -1
		}
		sep := b[k]
		j = k + 1
		if c.month, k = digits(b, j, 2); k == j || k >= len(b) || b[k] != sep {
			return -1
		}
		j = k + 1
		if c.day, k = digits(b, j, 2); k == j || k >= len(b) || b[k] != ' ' && b[k]|0x20 != 't' {
			return -1
		}
		if j = k + 1; b[k] == ' ' {
			j = skipSpace(b, j, 1)
		}
	}
	if j = c.clock(b, j); j < 0 {
		return -1
	}
	if j < len(b) {
		switch b[j] {
		case 'Z', 'z':
			c.zoned = true
			j++
		case '+', '-':
			if k := c.numericZone(b, j); k > 0 {
				j = k
			} else {
				return -1
			}
		case ' ':
			j = p.zoneAndYear(b, j, &c)
		}
	}
	if !timeEnds(b, j) || c.year == 0 || !c.valid() || !p.resolve(&c, m) {
		return -1
	}
	m.TimeText = b[i:j:j]
	return j
}

// epochStamp reads "1700000000.123456" and "1700000000".
func epochStamp(b []byte, i int, m *Message) int {
	var sec int64
	j := i
	for ; j < i+10; j++ {
		sec = sec*10 + int64(b[j]-'0')
	}
	var nanos int
	if b[j] == '.' {
		var c civil
		k := c.fraction(b, j)
		if k == j {
			return -1
		}
		nanos, j = c.nanos, k
	}
	if j < len(b) && b[j] != ' ' {
		return -1
	}
	m.HasTime = true
	m.Time = zonedTime(sec*1e9 + int64(nanos))
	m.TimeText = b[i:j:j]
	return j
}

// timeEnds reports whether a time may end in front of b[j].
func timeEnds(b []byte, j int) bool {
	return j == len(b) || b[j] == ' ' || b[j] == '\t' || b[j] == ':'
}

// clock reads "03:04:05.678" at b[j:] and returns the offset behind it, or -1.
func (c *civil) clock(b []byte, j int) int {
	if j+8 <= len(b) && b[j+2] == ':' && b[j+5] == ':' {
		c.hour, c.min, c.sec = two(b[j:]), two(b[j+3:]), two(b[j+6:])
		if c.hour < 0 || c.min < 0 || c.sec < 0 {
			return -1
		}
		return c.fraction(b, j+8)
	}
	if j+7 <= len(b) && b[j+1] == ':' && b[j+4] == ':' && isDigit(b[j]) {
		c.hour, c.min, c.sec = int(b[j]-'0'), two(b[j+2:]), two(b[j+5:])
		if c.min < 0 || c.sec < 0 {
			return -1
		}
		return c.fraction(b, j+7)
	}
	return -1
}

// fraction reads ".678" or ",678" if digits follow; beyond nanoseconds they
// are cut off.
func (c *civil) fraction(b []byte, j int) int {
	if j+1 >= len(b) || b[j] != '.' && b[j] != ',' || !isDigit(b[j+1]) {
		return j
	}
	scale := 100_000_000
	for j++; j < len(b) && isDigit(b[j]); j++ {
		c.nanos += int(b[j]-'0') * scale
		scale /= 10
	}
	return j
}

// numericZone reads "+01:00", "+0100" and "+01" at b[j:] and returns the offset
// behind it, or 0.
func (c *civil) numericZone(b []byte, j int) int {
	if j+3 > len(b) || b[j] != '+' && b[j] != '-' {
		return 0
	}
	h, mi, end := two(b[j+1:]), 0, j+3
	if h < 0 {
		return 0
	}
	if end < len(b) && b[end] == ':' && end+3 <= len(b) && two(b[end+1:]) >= 0 {
		mi, end = two(b[end+1:]), end+3
	} else if end+2 <= len(b) && two(b[end:]) >= 0 {
		mi, end = two(b[end:]), end+2
	}
	if h > 23 || mi > 59 || end < len(b) && isDigit(b[end]) {
		return 0
	}
	c.offset, c.zoned = h*3600+mi*60, true
	if b[j] == '-' {
		c.offset = -c.offset
	}
	return end
}

// zoneAndYear reads what may follow the clock: a zone name or offset and a
// year, in either order. It returns the offset behind what it understood.
func (p *Parser) zoneAndYear(b []byte, j int, c *civil) int {
	if k := c.numericZone(b, j); k > 0 {
		j = k
	}
	for n := 0; n < 2 && j+1 < len(b) && b[j] == ' '; n++ {
		k := j + 1
		switch ch := b[k]; {
		case isDigit(ch):
			y, e := digits(b, k, 4)
			if c.year != 0 || e != k+4 || e < len(b) && b[e] != ' ' && b[e] != ':' || y < 1970 || y > 2199 {
				return j
			}
			c.year, j = y, e
		case ch == '+' || ch == '-':
			if c.zoned {
				return j
			}
			e := c.numericZone(b, k)
			if e == 0 || !timeEnds(b, e) {
				c.zoned, c.offset = false, 0
				return j
			}
			j = e
		case 'A' <= ch && ch <= 'Z':
			e := k
			for e < len(b) && e < k+6 && 'A' <= b[e] && b[e] <= 'Z' {
				e++
			}
			if c.zoned || e < len(b) && b[e] != ' ' && b[e] != ':' {
				return j
			}
			known, zoned, offset := p.zoneName(b[k:e], c)
			if !known {
				return j
			}
			c.zoned, c.offset, j = zoned, offset, e
		default:
			return j
		}
	}
	return j
}

func (c *civil) valid() bool {
	if c.month < 1 || c.month > 12 || c.day < 1 || c.hour > 23 || c.min > 59 || c.sec > 60 {
		return false
	}
	if c.year != 0 && (c.year < 1678 || c.year > 2261) {
		return false // outside of what nanoseconds since 1970 can say
	}
	d := int(monthDays[c.month])
	if c.month == 2 && (c.year == 0 || leap(c.year)) {
		d = 29
	}
	return c.day <= d
}

var monthDays = [13]uint8{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func leap(y int) bool { return y&3 == 0 && (y%100 != 0 || y%400 == 0) }

// two reads two digits, or gives -1.
func two(b []byte) int {
	h, l := b[0]-'0', b[1]-'0'
	if h > 9 || l > 9 {
		return -1
	}
	return int(h)*10 + int(l)
}

func four(b []byte) int {
	h, l := two(b), two(b[2:])
	if h < 0 || l < 0 {
		return -1
	}
	return h*100 + l
}

// digits reads up to max digits at b[i:].
func digits(b []byte, i, max int) (n, end int) {
	for end = i; end < len(b) && end < i+max && isDigit(b[end]); end++ {
		n = n*10 + int(b[end]-'0')
	}
	return n, end
}

// skipSpace steps over at most max spaces.
func skipSpace(b []byte, i, max int) int {
	for n := 0; n < max && i < len(b) && b[i] == ' '; n++ {
		i++
	}
	return i
}

func load64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
func load32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
