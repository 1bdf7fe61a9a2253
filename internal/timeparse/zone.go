package timeparse

import "time"

// unixFromWall turns wall-clock seconds in loc into Unix seconds as time.Date does.
func unixFromWall(wall int64, loc *time.Location, k *Cache) int64 {
	if loc == nil || loc == time.UTC {
		return wall
	}
	if k != nil && k.zone == loc && wall >= k.zoneFrom && wall < k.zoneTo {
		return wall - k.zoneOffset
	}
	// time.Date takes the offset at the wall time read as UTC, and where that offset
	// does not hold at the instant it leads to, the offset that does.
	t := time.Unix(wall, 0).In(loc)
	_, o1 := t.Zone()
	_, o2 := time.Unix(wall-int64(o1), 0).In(loc).Zone()
	if k != nil && o1 == o2 {
		k.keepZone(t, loc, wall, int64(o1))
	}
	return wall - int64(o2)
}

// zoneOffset returns the offset that a zone's name stands for.
func zoneOffset(name []byte, wall int64, loc *time.Location, rfc bool) (off int64, ok bool) {
	base := len(name)
	for i, c := range name {
		if c == '+' || c == '-' {
			base = i
			break
		}
	}
	if base < len(name) { // GMT+3, UTC-03:30, +03
		if base == 0 {
			off, n := numericOffset(name, 0)
			return off, n == len(name)
		}
		if s := string(name[:base]); s != "UTC" && s != "GMT" {
			return 0, false
		}
		off, n := shortOffset(name, base)
		return off, n == len(name)
	}
	switch string(name) {
	case "UTC", "Z", "UT":
		return 0, true
	}
	if rfc {
		switch string(name) {
		case "EDT":
			return -4 * 3600, true
		case "EST", "CDT":
			return -5 * 3600, true
		case "CST", "MDT":
			return -6 * 3600, true
		case "MST", "PDT":
			return -7 * 3600, true
		case "PST":
			return -8 * 3600, true
		}
	}
	if loc != nil && loc != time.UTC {
		if off, ok := contextOffset(name, wall, loc); ok {
			return off, true
		}
	}
	off, known := knownZone(name)
	return off, known && off != ambiguous
}

// contextOffset looks for an offset that loc uses under the name at the wall time.
func contextOffset(name []byte, wall int64, loc *time.Location) (int64, bool) {
	t := time.Unix(unixFromWall(wall, loc, nil), 0).In(loc)
	if n, off := t.Zone(); n == string(name) {
		return int64(off), true
	}
	// In an overlap the wall time comes twice; the other period may be the one.
	start, end := t.ZoneBounds()
	for _, edge := range [2]time.Time{start.Add(-time.Second), end} {
		if edge.Year() < minYear { // no bound, the zero time
			continue
		}
		n, off := edge.Zone()
		if n != string(name) {
			continue
		}
		if m, o := time.Unix(wall-int64(off), 0).In(loc).Zone(); o == off && m == n {
			return int64(off), true
		}
	}
	return 0, false
}

// usesName tells whether loc uses the name within half a year around now.
func usesName(name []byte, c *Context) bool {
	if c.Zone == nil || c.Zone == time.UTC {
		return false
	}
	t := c.Now.In(c.Zone)
	if n, _ := t.Zone(); n == string(name) {
		return true
	}
	n, _ := t.AddDate(0, 6, 0).Zone()
	return n == string(name)
}

// ambiguous is no offset: the name means several zones.
const ambiguous = 1 << 30

// knownZone returns the offset of a name; known also holds for names that mean
// several zones, whose offset is ambiguous.
func knownZone(name []byte) (off int64, known bool) {
	const h = 3600
	switch string(name) {
	case "UTC", "UT", "GMT", "Z", "WET":
		return 0, true
	case "WEST", "CET":
		return 1 * h, true
	case "CEST", "EET", "SAST", "CAT":
		return 2 * h, true
	case "EEST", "MSK", "EAT":
		return 3 * h, true
	case "PKT":
		return 5 * h, true
	case "WIB":
		return 7 * h, true
	case "HKT", "SGT", "AWST":
		return 8 * h, true
	case "JST", "KST":
		return 9 * h, true
	case "ACST":
		return 9*h + h/2, true
	case "AEST":
		return 10 * h, true
	case "ACDT":
		return 10*h + h/2, true
	case "AEDT":
		return 11 * h, true
	case "NZST":
		return 12 * h, true
	case "NZDT":
		return 13 * h, true
	case "EDT":
		return -4 * h, true
	case "EST":
		return -5 * h, true
	case "MDT":
		return -6 * h, true
	case "MST", "PDT":
		return -7 * h, true
	case "AKDT":
		return -8 * h, true
	case "AKST":
		return -9 * h, true
	case "HST":
		return -10 * h, true
	case "CST", "CDT", "IST", "BST", "PST", "AST", "ADT", "GST", "SST":
		return ambiguous, true
	}
	return 0, false
}

// numericOffset reads +hh:mm, +hhmm or +hh at b[i:] and returns where it ends, or
// -1 where none stands there.
func numericOffset(b []byte, i int) (off int64, end int) {
	if i+3 > len(b) || b[i] != '+' && b[i] != '-' {
		return 0, -1
	}
	h, ok := two(b, i+1)
	if !ok || h > 23 {
		return 0, -1
	}
	off, end = int64(h)*3600, i+3
	j := end
	if j < len(b) && b[j] == ':' {
		j++
	}
	if m, ok := two(b, j); ok {
		if m > 59 {
			return 0, -1
		}
		off, end = off+int64(m)*60, j+2
	}
	if isDigit(b, end) {
		return 0, -1
	}
	if b[i] == '-' {
		off = -off
	}
	return off, end
}

// shortOffset is numericOffset that also takes one digit for the hour.
func shortOffset(b []byte, i int) (off int64, end int) {
	if off, end = numericOffset(b, i); end >= 0 {
		return off, end
	}
	if i+2 > len(b) || b[i] != '+' && b[i] != '-' || b[i+1]-'0' > 9 || isDigit(b, i+2) {
		return 0, -1
	}
	off = int64(b[i+1]-'0') * 3600
	if b[i] == '-' {
		off = -off
	}
	return off, i + 2
}

// zoneName returns where the zone name at b[i:] ends, or -1: Z, or two to five
// capitals, after UTC and GMT an offset too, and no letter, digit, '_', '-' or '.'
// after it.
func zoneName(b []byte, i int) int {
	j := i
	for j < len(b) && j-i < 6 && b[j]-'A' < 26 {
		j++
	}
	switch {
	case j-i < 1 || j-i > 5 || j-i == 1 && b[i] != 'Z':
		return -1
	case j-i == 3 && j < len(b) && (b[j] == '+' || b[j] == '-'):
		if s := string(b[i:j]); s == "UTC" || s == "GMT" {
			if _, end := shortOffset(b, j); end > 0 {
				j = end
			}
		}
	}
	if j < len(b) {
		c := b[j]
		if c-'0' < 10 || c|0x20-'a' < 26 || c == '_' || c == '-' || c == '.' || c >= 0x80 {
			return -1
		}
	}
	return j
}

// optionalZone reads a zone at b[i:] where there may be none: an offset or a name
// that is known, ambiguous or in use in the context's zone. It returns where the
// zone ends, or i.
func (f *fields) optionalZone(b []byte, i int, c *Context) int {
	if i >= len(b) {
		return i
	}
	if b[i] == '+' || b[i] == '-' {
		if off, end := numericOffset(b, i); end > 0 {
			f.offset, f.hasOffset = off, true
			return end
		}
		return i
	}
	end := zoneName(b, i)
	if end < 0 {
		return i
	}
	name := b[i:end]
	base := name
	if len(name) > 3 && (name[3] == '+' || name[3] == '-') {
		base = name[:3]
	}
	if _, known := knownZone(base); !known && !usesName(name, c) {
		return i
	}
	f.zone = name
	return end
}
