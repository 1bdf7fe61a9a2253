package timeparse

// plain3339 reads the RFC 3339 of well-behaved senders.
func plain3339(b []byte, c *Context, k *Cache) (r Result, n int, ok bool) {
	if len(b) < 19 || b[10] != 'T' && b[10] != ' ' {
		return r, 0, false
	}
	sec, ok := wall19(b)
	if !ok {
		return r, 0, false
	}
	i := 19
	var nsec int64
	if i+1 < len(b) && (b[i] == '.' || b[i] == ',') {
		ns, end := fraction(b, i+1)
		if end > i+1 {
			nsec, i = ns, end
		}
	}
	zoned := true
	switch {
	case i < len(b) && b[i] == 'Z':
		i++
	case i < len(b) && (b[i] == '+' || b[i] == '-'):
		off, end := numericOffset(b, i)
		if end < 0 {
			return r, 0, false
		}
		sec -= off
		i = end
	case i < len(b) && b[i] == 'z':
		return r, 0, false
	default:
		zoned = false
		sec = unixFromWall(sec, c.Zone, k)
	}
	if sec < minSec || sec > maxSec {
		return r, 0, false
	}
	return Result{Nanos: sec*1e9 + nsec, Zoned: zoned}, i, true
}

// iso reads ISO 8601, or RFC 3339 where strict.
func (f *fields) iso(b []byte, c *Context, strict bool) int {
	var ok bool
	if f.year, ok = four(b, 0); !ok {
		return badSyntax
	}
	i := 4
	dashes := i < len(b) && b[i] == '-'
	if dashes {
		i++
	} else if strict {
		return badSyntax
	}
	if f.month, ok = two(b, i); !ok {
		return badSyntax
	}
	i += 2
	if dashes {
		if i >= len(b) || b[i] != '-' {
			return badSyntax
		}
		i++
	}
	if f.day, ok = two(b, i); !ok {
		return badSyntax
	}
	i += 2

	switch {
	case i < len(b) && (b[i] == 'T' || b[i] == 't'):
		i++
	case i < len(b) && b[i] == ' ' && (strict || isDigit(b, i+1) && isDigit(b, i+2) && i+3 < len(b) && (b[i+3] == ':' || isDigit(b, i+3))):
		i++
	case strict:
		return badSyntax
	case !isDigit(b, i):
		return i // a date alone
	case dashes:
		return badSyntax
	}
	if f.hour, ok = two(b, i); !ok {
		return badSyntax
	}
	i += 2
	colons := i < len(b) && b[i] == ':'
	if colons {
		i++
	} else if strict {
		return badSyntax
	}
	if f.min, ok = two(b, i); !ok {
		return badSyntax
	}
	i += 2
	seconds := isDigit(b, i)
	if colons {
		seconds = i < len(b) && b[i] == ':'
		if seconds {
			i++
		}
	}
	if seconds {
		if f.sec, ok = two(b, i); !ok {
			return badSyntax
		}
		i = f.optionalFraction(b, i+2)
	} else if strict {
		return badSyntax
	}

	switch {
	case i >= len(b):
	case b[i] == 'Z' || b[i] == 'z':
		f.hasOffset = true
		return i + 1
	case (b[i] == '+' || b[i] == '-') && isDigit(b, i+1):
		// Not to be left aside: it would read as wall time.
		off, end := numericOffset(b, i)
		if end < 0 {
			return badSyntax
		}
		f.offset, f.hasOffset = off, true
		return end
	case strict:
	case b[i] == ' ':
		if end := f.optionalZone(b, i+1, c); end > i+1 {
			return end
		}
	default:
		return f.optionalZone(b, i, c)
	}
	return i
}

// clock reads "15:04:05", the hour of one or two digits, and an optional fraction.
func (f *fields) clock(b []byte, i int) int {
	if f.hour, i = oneTwo(b, i); i < 0 || i+6 > len(b) || b[i] != ':' || b[i+3] != ':' {
		return badSyntax
	}
	var ok1, ok2 bool
	f.min, ok1 = two(b, i+1)
	f.sec, ok2 = two(b, i+4)
	if !ok1 || !ok2 {
		return badSyntax
	}
	return f.optionalFraction(b, i+6)
}

func spaces(b []byte, i int) int {
	for i < len(b) && b[i] == ' ' {
		i++
	}
	return i
}

// syslog reads RFC 3164 and its relatives; ansic where needYear.
func (f *fields) syslog(b []byte, c *Context, needYear bool) int {
	i := 0
	if len(b) > 0 && (b[0] == '*' || b[0] == '.' || b[0] == ':') && !needYear {
		i = spaces(b, 1)
	}
	if isDigit(b, i) {
		y, ok := four(b, i)
		if !ok || i+4 >= len(b) || needYear {
			return badSyntax
		}
		switch b[i+4] {
		case '-':
			n := f.iso(b[i:], c, true)
			if n < 0 {
				return n
			}
			if f.fracAt > 0 {
				f.fracAt += i
				f.fracEnd += i
			}
			return n + i
		case ' ':
			f.year = y
			i = spaces(b, i+4)
		default:
			return badSyntax
		}
	}
	if f.month = month(b, i); f.month == 0 {
		if weekday(b, i) == 0 {
			return badSyntax
		}
		i += 3
		if i < len(b) && b[i] == ',' {
			i++
		}
		j := spaces(b, i)
		if j == i {
			return badSyntax
		}
		i = j
		if f.month = month(b, i); f.month == 0 {
			return badSyntax
		}
	}
	i += 3
	j := spaces(b, i)
	if j == i {
		return badSyntax
	}
	if f.day, i = oneTwo(b, j); i < 0 {
		return badSyntax
	}
	if i < len(b) && b[i] == ',' {
		i++
	}
	if j = spaces(b, i); j == i {
		return badSyntax
	}
	i = j
	if f.year == noYear {
		if y, ok := four(b, i); ok {
			if j = spaces(b, i+4); j == i+4 {
				return badSyntax
			}
			f.year, i = y, j
		}
	}
	if i = f.clock(b, i); i < 0 {
		return i
	}
	// A zone and a year may follow, in either order.
	zone := false
	for range 2 {
		if i >= len(b) {
			break
		}
		j := i
		if b[j] == ' ' {
			j++
		}
		if f.year == noYear && j > i {
			if y, ok := trailingYear(b, j); ok {
				f.year, i = y, j+4
				continue
			}
		}
		if zone {
			break
		}
		end := f.optionalZone(b, j, c)
		if end == j {
			break
		}
		if f.hasOffset && j > i && end-j < 5 {
			f.offset, f.hasOffset = 0, false // " -10": not a zone
			break
		}
		if f.zone != nil && j == i && b[j] != 'Z' {
			f.zone = nil // a word that touches the time
			break
		}
		zone, i = true, end
	}
	if needYear && f.year == noYear {
		return badSyntax
	}
	return i
}

// trailingYear reads a year after the time, where a host name might stand too.
func trailingYear(b []byte, i int) (int, bool) {
	y, ok := four(b, i)
	if !ok || y < 1970 || y > 2100 {
		return 0, false
	}
	if i += 4; i < len(b) && (b[i] == ':' || b[i] == ',' || b[i] == ']') {
		i++ // "2026: text", but not "2026::1"
	}
	return y, i == len(b) || b[i] == ' '
}

// clf reads the time of the Common Log Format, without its brackets.
func (f *fields) clf(b []byte) int {
	var ok bool
	if len(b) < 20 || b[2] != '/' || b[6] != '/' || b[11] != ':' {
		return badSyntax
	}
	if f.day, ok = two(b, 0); !ok {
		return badSyntax
	}
	if f.month = month(b, 3); f.month == 0 {
		return badSyntax
	}
	if f.year, ok = four(b, 7); !ok {
		return badSyntax
	}
	i := f.clock(b, 12)
	if i < 0 || b[14] != ':' {
		return badSyntax
	}
	if i+1 < len(b) && b[i] == ' ' && (b[i+1] == '+' || b[i+1] == '-') {
		off, end := numericOffset(b, i+1)
		if end < 0 {
			return badSyntax
		}
		f.offset, f.hasOffset = off, true
		return end
	}
	return i
}

// rfc2822 reads the date of a message header.
func (f *fields) rfc2822(b []byte) int {
	f.rfcZones = true
	i := 0
	if d := weekday(b, 0); d != 0 {
		i = 3
		if end := tail(b, i, dayTails[d]); end > 0 {
			i = end
		}
		if i < len(b) && b[i] == ',' {
			i++
		}
		i = spaces(b, i)
	}
	if f.day, i = oneTwo(b, i); i < 0 {
		return badSyntax
	}
	if i >= len(b) || b[i] != ' ' && b[i] != '-' {
		return badSyntax
	}
	sep := b[i]
	i = spaces(b, i+1)
	if f.month = month(b, i); f.month == 0 {
		return badSyntax
	}
	i += 3
	if i >= len(b) || b[i] != sep {
		return badSyntax
	}
	i = spaces(b, i+1)
	y, n := 0, 0
	for ; n < 4 && isDigit(b, i); i++ {
		y = y*10 + int(b[i]-'0')
		n++
	}
	switch {
	case n < 2 || isDigit(b, i):
		return badSyntax
	case n == 2 && y < 50:
		y += 2000
	case n < 4:
		y += 1900
	}
	f.year = y
	j := spaces(b, i)
	if j == i {
		return badSyntax
	}
	if f.hour, i = oneTwo(b, j); i < 0 || i >= len(b) || b[i] != ':' {
		return badSyntax
	}
	var ok bool
	if f.min, ok = two(b, i+1); !ok {
		return badSyntax
	}
	i += 3
	if i < len(b) && b[i] == ':' {
		if f.sec, ok = two(b, i+1); !ok {
			return badSyntax
		}
		i = f.optionalFraction(b, i+3)
	}
	if j = spaces(b, i); j == i || j == len(b) {
		return i
	}
	if b[j] == '+' || b[j] == '-' {
		off, end := numericOffset(b, j)
		if end < 0 {
			return badSyntax
		}
		f.offset, f.hasOffset = off, true
		i = end
	} else if end := zoneName(b, j); end > 0 {
		f.zone = b[j:end]
		i = end
	} else {
		return i
	}
	// The comment, usually the zone's name.
	if j = spaces(b, i); j < len(b) && b[j] == '(' {
		for end := j + 1; end < len(b) && end-j < 64; end++ {
			if b[end] == ')' {
				return end + 1
			}
		}
	}
	return i
}

// number reads up to 19 digits at b[i:]; badRange where there are more.
func number(b []byte, i int) (v uint64, end int) {
	j := i
	for ; isDigit(b, j); j++ {
		if j-i == 19 {
			return 0, badRange
		}
		v = v*10 + uint64(b[j]-'0')
	}
	if j == i {
		return 0, badSyntax
	}
	return v, j
}

// epoch reads a count of units since 1970.
func (f *fields) epoch(b []byte, unit kind) int {
	i := 0
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		i++
	}
	v, end := number(b, i)
	if end < 0 {
		return end
	}
	if unit == kindUnixAuto {
		if neg || b[0] == '0' {
			return badRange
		}
		switch n := end; {
		case n < 9:
			return badRange
		case n <= 11:
			unit = kindUnix
		case n <= 14:
			unit = kindUnixMilli
		case n <= 17:
			unit = kindUnixMicro
		default:
			unit = kindUnixNano
		}
	}
	var per uint64 // units in a second
	switch unit {
	case kindUnix:
		per = 1
	case kindUnixMilli:
		per = 1e3
	case kindUnixMicro:
		per = 1e6
	case kindUnixNano:
		per = 1e9
	}
	nanos := 1e9 / per
	sec := v / per
	if sec > maxSec {
		return badRange
	}
	nsec := int64((v - sec*per) * nanos)
	if end+1 < len(b) && b[end] == '.' {
		frac, e := fraction(b, end+1)
		if e > end+1 {
			nsec += int64(uint64(frac) * nanos / 1e9)
			end = e
		}
	}
	f.abs, f.nsec, f.hasAbs = int64(sec), nsec, true
	if neg {
		f.abs, f.nsec = -f.abs, -nsec
		if f.nsec < 0 {
			f.nsec += 1e9
			f.abs--
		}
	}
	return end
}

// filetime reads a count of 100 ns since 1601.
func (f *fields) filetime(b []byte) int {
	var v uint64
	end := 0
	if len(b) > 2 && b[0] == '0' && b[1]|0x20 == 'x' {
		for end = 2; end < len(b); end++ {
			d := b[end] - '0'
			if d > 9 {
				if d = b[end] | 0x20 - 'a'; d > 5 {
					break
				}
				d += 10
			}
			if end == 18 {
				return badRange
			}
			v = v<<4 | uint64(d)
		}
		if end == 2 {
			return badSyntax
		}
	} else if v, end = number(b, 0); end < 0 {
		return end
	}
	const epoch = 11644473600 // seconds from 1601 to 1970
	sec := v / 1e7
	f.abs, f.nsec, f.hasAbs = int64(sec)-epoch, int64(v-sec*1e7)*100, true
	return end
}

// ole reads days since 1899-12-30 with a fraction, rounded to the millisecond as
// the format's own readers do: its numbers are no finer.
func (f *fields) ole(b []byte) int {
	v, end := number(b, 0)
	if end < 0 {
		return end
	}
	if v > 200000 {
		return badRange
	}
	const epoch = -25569 // 1899-12-30
	days := int64(v) + epoch
	ms := int64(0)
	if end+1 < len(b) && b[end] == '.' {
		frac, e := fraction(b, end+1) // in 1e-9 days, 86 µs
		if e > end+1 {
			ms = (frac*86400 + 500000) / 1e6
			end = e
		}
	}
	if ms >= 86400e3 {
		ms -= 86400e3
		days++
	}
	f.year, f.month, f.day = civilFromDays(days)
	f.sec = 0
	f.hour, f.min, f.sec = int(ms/3600e3), int(ms/60e3%60), int(ms/1e3%60)
	f.nsec = ms % 1e3 * 1e6
	return end
}
