package timeparse

import (
	"math"
	"time"
)

// Cache makes runs of texts from the same second cheap, and wall times in a zone
// with daylight saving cheap all year. The zero Cache is ready. It belongs to its
// owner: calls on one Cache must not overlap. Results are those of [Layout.Parse]
// and [Layout.ParsePrefix].
type Cache struct {
	// The last text, without its fraction: buf[:pre] before, buf[pre:pre+suf] after.
	layout   *Layout
	textZone *time.Location
	buf      [48]byte
	pre, suf int
	digits   int // of the fraction; 0: the text had none
	// What followed: the end (ahead below its length) or text that the time could
	// have gone on into. A zone with an offset is the longest that is looked at.
	after  [12]byte
	ahead  int
	result Result
	base   int64 // result.Nanos without the fraction

	// Wall times from zoneFrom up to zoneTo are at zoneOffset in zone, beyond doubt.
	zone                         *time.Location
	zoneFrom, zoneTo, zoneOffset int64
}

// keepZone remembers the period around wall. t is wall read as UTC, in loc.
func (k *Cache) keepZone(t time.Time, loc *time.Location, wall, off int64) {
	start, end := t.ZoneBounds()
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	// Both the wall time read as UTC and the instant must lie within the period:
	// then time.Date takes this offset.
	if !start.IsZero() {
		from = max(start.Unix(), start.Unix()+off)
	}
	if !end.IsZero() {
		to = min(end.Unix(), end.Unix()+off)
	}
	if wall >= from && wall < to {
		k.zone, k.zoneFrom, k.zoneTo, k.zoneOffset = loc, from, to, off
	}
}

// Parse is l.Parse(text, c) with the cache.
func (k *Cache) Parse(l *Layout, text []byte, c *Context) (Result, error) {
	if c == nil {
		c = &noContext
	}
	if k.layout == l && k.textZone == c.Zone && k.ahead == 0 {
		if r, ok := k.hit(text, c); ok {
			return r, nil
		}
	}
	var f fields
	r, n, err := l.parse(text, c, k, &f)
	if err != nil {
		return Result{}, err
	}
	if n != len(text) {
		return Result{}, ErrSyntax
	}
	k.keepText(l, text, n, c, &f, r)
	return r, nil
}

// ParsePrefix is l.ParsePrefix(text, c) with the cache.
func (k *Cache) ParsePrefix(l *Layout, text []byte, c *Context) (Result, int, error) {
	if c == nil {
		c = &noContext
	}
	if k.layout == l && k.textZone == c.Zone {
		n := k.pre + k.digits + k.suf
		if rest := len(text) - n; rest == k.ahead || rest > k.ahead && k.ahead == len(k.after) {
			if string(text[n:n+k.ahead]) == string(k.after[:k.ahead]) {
				if r, ok := k.hit(text[:n], c); ok {
					return r, n, nil
				}
			}
		}
	}
	var f fields
	r, n, err := l.parse(text, c, k, &f)
	if err != nil {
		return Result{}, 0, err
	}
	if l.kind != kindRFC2822 || n == len(text) { // its comment may be long
		k.keepText(l, text, n, c, &f, r)
	}
	return r, n, nil
}

// keepText remembers the time that is text[:n].
func (k *Cache) keepText(l *Layout, text []byte, n int, c *Context, f *fields, r Result) {
	if f.year == 0 || f.hasAbs || f.hour > 23 {
		return // a fast path, an epoch, or an hour that the fraction may not follow
	}
	k.ahead = copy(k.after[:], text[n:])
	text = text[:n]
	pre, suf := len(text), 0
	if f.fracAt > 0 {
		pre, suf = f.fracAt, len(text)-f.fracEnd
	}
	if pre+suf > len(k.buf) {
		k.layout = nil
		return
	}
	copy(k.buf[:], text[:pre])
	copy(k.buf[pre:], text[len(text)-suf:])
	k.layout, k.textZone = l, c.Zone
	k.pre, k.suf, k.digits = pre, suf, f.fracEnd-f.fracAt
	k.result, k.base = r, r.Nanos
	if f.fracAt > 0 {
		k.base -= f.nsec
	}
}

func (k *Cache) hit(text []byte, c *Context) (Result, bool) {
	digits := len(text) - k.pre - k.suf
	if digits != k.digits || string(text[:k.pre]) != string(k.buf[:k.pre]) ||
		string(text[k.pre+digits:]) != string(k.buf[k.pre:k.pre+k.suf]) {
		return Result{}, false
	}
	r := k.result
	r.Nanos = k.base
	if digits > 0 {
		nsec, n := fraction(text[:k.pre+digits], k.pre)
		if n != k.pre+digits {
			return Result{}, false
		}
		r.Nanos += nsec
	}
	if r.YearAssumed {
		// Now moves; within half a year of it no other year is nearer.
		if c.Now.IsZero() || abs(c.Now.Unix()-r.Nanos/1e9) > 180*day {
			return Result{}, false
		}
	}
	return r, true
}
