package timeparse

import (
	"errors"
	"time"
)

// Errors of Parse and ParsePrefix. They carry no text from the input, so that
// hostile input costs nothing.
var (
	// ErrSyntax: the text does not have the layout's form.
	ErrSyntax = errors.New("timeparse: text does not match the layout")
	// ErrRange: the form is right, but a field or the time as a whole is out of range.
	ErrRange = errors.New("timeparse: value out of range")
	// ErrZone: the zone's name is unknown, or means several zones and the context's
	// zone does not tell which.
	ErrZone = errors.New("timeparse: unknown or ambiguous zone name; set the zone")
	// ErrNoNow: the text has no year and the context no Now to tell it by.
	ErrNoNow = errors.New("timeparse: text has no year and the context has no Now")
)

// Context is what a text does not say. Parse does not change it.
type Context struct {
	// Now gives a time without a year its year. The zero Now makes such a time an
	// error ([ErrNoNow]); the clock is never asked.
	Now time.Time
	// Zone is where a time without a zone was written. Nil is UTC.
	Zone *time.Location
}

// Result is a time that was read.
type Result struct {
	// Nanos is the time in nanoseconds since 1970-01-01 UTC.
	Nanos int64
	// Zoned tells that the text carried its zone (as an epoch does); where it is
	// false, Context.Zone was assumed.
	Zoned bool
	// YearAssumed tells that the text had no year and got the nearest.
	YearAssumed bool
}

// Time returns r as a time.Time in UTC.
func (r Result) Time() time.Time { return time.Unix(0, r.Nanos).UTC() }

// fields is what a text says, before it becomes an instant.
type fields struct {
	year             int // noYear where the text has none
	month, day, yday int // 0: none
	hour, min, sec   int
	nsec             int64
	fracAt, fracEnd  int // the fraction's digits in the text; fracAt 0: none
	abs              int64
	offset           int64
	zone             []byte // a zone's name, where it decides
	hasAbs           bool   // abs is the instant in seconds
	hasOffset        bool
	rfcZones         bool // North American names as in RFC 2822
	am, pm           bool
}

const noYear = -1

const (
	day = 24 * 3600
	// Every nanosecond of these seconds fits an int64.
	minSec = -9223372036
	maxSec = 9223372035
)

// resolve turns fields into an instant.
func (f *fields) resolve(c *Context, k *Cache) (Result, error) {
	if f.hasAbs {
		return result(f.abs, f.nsec, true, false)
	}
	hour := f.hour
	switch {
	case f.pm && hour < 12:
		hour += 12
	case f.am && hour == 12:
		hour = 0
	}
	if hour > 23 && (hour > 24 || f.min|f.sec != 0 || f.nsec != 0) || f.min > 59 || f.sec > 60 {
		return Result{}, ErrRange
	}
	sod := int64(hour*3600 + f.min*60 + f.sec)
	if f.year != noYear {
		days, ok := f.days(f.year)
		if !ok {
			return Result{}, ErrRange
		}
		sec, zoned, err := f.instant(days*day+sod, c, k)
		if err != nil {
			return Result{}, err
		}
		return result(sec, f.nsec, zoned, false)
	}
	sec, zoned, err := f.nearest(sod, c, k)
	if err != nil {
		return Result{}, err
	}
	return result(sec, f.nsec, zoned, true)
}

func result(sec, nsec int64, zoned, assumed bool) (Result, error) {
	if sec < minSec || sec > maxSec {
		return Result{}, ErrRange
	}
	return Result{Nanos: sec*1e9 + nsec, Zoned: zoned, YearAssumed: assumed}, nil
}

// days returns the day of f in the year, counted from 1970-01-01.
func (f *fields) days(year int) (int64, bool) {
	if uint(year-minYear) > maxYear-minYear {
		return 0, false
	}
	month, mday := f.month, f.day
	if f.yday != 0 {
		n := 365
		if leap(year) {
			n++
		}
		if f.yday < 1 || f.yday > n {
			return 0, false
		}
		d := daysFromCivil(year, 1, 1) + int64(f.yday-1)
		if month != 0 || mday != 0 {
			_, m, md := civilFromDays(d)
			if month != 0 && month != m || mday != 0 && mday != md {
				return 0, false
			}
		}
		return d, true
	}
	if month < 1 || month > 12 || mday < 1 || mday > int(monthDays[month]) || month == 2 && mday == 29 && !leap(year) {
		return 0, false
	}
	return daysFromCivil(year, month, mday), true
}

// instant turns wall-clock seconds into Unix seconds.
func (f *fields) instant(wall int64, c *Context, k *Cache) (sec int64, zoned bool, err error) {
	switch {
	case f.hasOffset:
		return wall - f.offset, true, nil
	case f.zone != nil:
		off, ok := zoneOffset(f.zone, wall, c.Zone, f.rfcZones)
		if !ok {
			return 0, false, ErrZone
		}
		return wall - off, true, nil
	}
	return unixFromWall(wall, c.Zone, k), false, nil
}

// nearest finds the year that puts f nearest to now.
func (f *fields) nearest(sod int64, c *Context, k *Cache) (sec int64, zoned bool, err error) {
	if c.Now.IsZero() {
		return 0, false, ErrNoNow
	}
	now := c.Now.Unix()
	if now < minSec || now > maxSec {
		return 0, false, ErrRange
	}
	year, _, _ := civilFromDays(floorDiv(now, day))
	const half = 180 * day // nearer than this, no other year is nearer
	if days, ok := f.days(year); ok {
		sec, zoned, err = f.instant(days*day+sod, c, k)
		if err != nil || abs(sec-now) < half {
			return sec, zoned, err
		}
	}
	reach := 1
	if f.month == 2 && f.day == 29 || f.yday == 366 {
		reach = 8 // 1896 to 1904 is the longest way between leap years
	}
	found := false
	for y := year - reach; y <= year+reach; y++ {
		days, ok := f.days(y)
		if !ok {
			continue
		}
		s, z, err := f.instant(days*day+sod, c, k)
		if err != nil {
			return 0, false, err
		}
		if !found || abs(s-now) < abs(sec-now) {
			sec, zoned, found = s, z, true
		}
	}
	if !found {
		return 0, false, ErrRange
	}
	return sec, zoned, nil
}

func abs(x int64) int64 {
	if x < 0 {
		return -x
	}
	return x
}
