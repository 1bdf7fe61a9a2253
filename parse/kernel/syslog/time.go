package syslog

import "time"

// TimeContext is what a time needs that does not say everything.
type TimeContext struct {
	// Now decides the year of times without one.
	Now time.Time
	// Zone is that of times without one; nil is UTC.
	Zone *time.Location
}

// TimeResult is a time that was read.
type TimeResult struct {
	Nanos       int64 // since 1970
	Zoned       bool  // the text named its zone
	YearAssumed bool  // the text had no year
}

var noTime TimeResult

func zonedTime(nanos int64) TimeResult { return TimeResult{Nanos: nanos, Zoned: true} }

const halfYear = 182 * 86400

// cacheValid reports whether the year of the cached minute is still the nearest.
func (p *Parser) cacheValid() bool {
	d := p.cache.minute - p.Time.Now.Unix()
	return -halfYear < d && d < halfYear && p.cache.zone == p.Time.Zone
}

func (p *Parser) cached(sec int64) TimeResult {
	return TimeResult{Nanos: (p.cache.minute + sec) * 1e9, YearAssumed: true}
}

// remember keeps the minute of c, which was read from the 12 bytes at b.
func (p *Parser) remember(b []byte, c *civil, m *Message) {
	p.cache = stampCache{ok: true, zone: p.Time.Zone, minute: (m.Time.Nanos-int64(c.nanos))/1e9 - int64(c.sec)}
	p.cache.key[0], p.cache.key[1] = load64(b), uint64(load32(b[8:]))
}

// resolve sets the time of m from c.
func (p *Parser) resolve(c *civil, m *Message) bool {
	year, assumed := c.year, false
	if year == 0 {
		if year = p.nearest(c); year == 0 {
			return false
		}
		assumed = true
	}
	m.HasTime = true
	m.Time = TimeResult{Nanos: p.unix(c, year)*1e9 + int64(c.nanos), Zoned: c.zoned, YearAssumed: assumed}
	return true
}

func (p *Parser) unix(c *civil, year int) int64 {
	if c.zoned {
		return unixUTC(c, year) - int64(c.offset)
	}
	if p.Time.Zone == nil || p.Time.Zone == time.UTC {
		return unixUTC(c, year)
	}
	return time.Date(year, time.Month(c.month), c.day, c.hour, c.min, c.sec, 0, p.Time.Zone).Unix()
}

// nearest is the year that puts c nearest to now, 0 if there is none.
func (p *Parser) nearest(c *civil) int {
	if p.Time.Now.IsZero() {
		return 0
	}
	now, best, year := p.Time.Now.Unix(), int64(1)<<62, 0
	this := p.Time.Now.Year()
	for y := this - 8; y <= this+8; y++ {
		if c.month == 2 && c.day == 29 {
			if !leap(y) {
				continue
			}
		} else if y < this-1 || y > this+1 {
			continue
		}
		d := p.unix(c, y) - now
		if d < 0 {
			d = -d
		}
		if d < best {
			best, year = d, y
		}
	}
	return year
}

// unixUTC is c in seconds since 1970, taken as UTC.
func unixUTC(c *civil, year int) int64 {
	y, mo := int64(year), int64(c.month)
	if mo <= 2 {
		y--
		mo += 12
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*(mo-3)+2)/5 + int64(c.day) - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return (era*146097+doe-719468)*86400 + int64(c.hour*3600+c.min*60+c.sec)
}

// zoneName reads a zone by its name. Names that mean different zones in
// different places (CST, IST, BST) are known and give no offset, unless the
// context's zone goes by that name: then the time counts as without zone.
func (p *Parser) zoneName(name []byte, c *civil) (known, zoned bool, offset int) {
	switch string(name) {
	case "UTC", "GMT", "UT", "Z", "WET":
		return true, true, 0
	case "EST":
		return true, true, -5 * 3600
	case "EDT":
		return true, true, -4 * 3600
	case "CDT":
		return true, true, -5 * 3600
	case "MST":
		return true, true, -7 * 3600
	case "MDT":
		return true, true, -6 * 3600
	case "PST":
		return true, true, -8 * 3600
	case "PDT":
		return true, true, -7 * 3600
	case "AKST":
		return true, true, -9 * 3600
	case "AKDT":
		return true, true, -8 * 3600
	case "HST":
		return true, true, -10 * 3600
	case "CET", "WEST", "MEZ":
		return true, true, 3600
	case "CEST", "EET", "MEST", "MESZ", "SAST":
		return true, true, 2 * 3600
	case "EEST", "MSK":
		return true, true, 3 * 3600
	case "SGT", "HKT", "AWST":
		return true, true, 8 * 3600
	case "JST", "KST":
		return true, true, 9 * 3600
	case "AEST":
		return true, true, 10 * 3600
	case "AEDT":
		return true, true, 11 * 3600
	case "NZST":
		return true, true, 12 * 3600
	case "NZDT":
		return true, true, 13 * 3600
	case "CST", "IST", "BST":
		return true, false, 0
	}
	return false, false, 0
}
