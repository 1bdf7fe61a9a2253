// Package timeparse reads the timestamps of security logs and writes RFC 3339,
// without allocating.
//
//	layout, err := timeparse.Compile("syslog")
//	...
//	r, err := layout.Parse(text, &timeparse.Context{Now: now, Zone: berlin})
//
// A layout is either a Go reference layout or one of the names below. Results are
// nanoseconds since 1970 and so lie between 1677-09-21 and 2262-04-11; a time
// outside is [ErrRange]. A parser never guesses: a date that no calendar has, an
// hour of 25 or a zone name that means several zones is an error.
//
// # Named layouts
//
//	rfc3339       2006-01-02T15:04:05.999Z; also a space for the T, any number of
//	              fraction digits after a point or comma, +hh:mm, +hhmm, +hh or no zone
//	iso8601       rfc3339 and 20060102T150405, 2006-01-02T15:04, 2006-01-02, and a
//	              space before the zone, which may be a name
//	unix          seconds since 1970, with an optional sign and fraction; unix_ms,
//	              unix_us and unix_ns count in their unit
//	unix_auto     the unit told by the number of digits before the point: 9 to 11
//	              seconds, 12 to 14 ms, 15 to 17 µs, 18 and 19 ns; no other number
//	win_filetime  100 ns since 1601, decimal or 0x hexadecimal
//	ole           days since 1899-12-30 with a fraction, in wall time
//	syslog        Jan _2 15:04:05 as RFC 3164 and as Cisco and others write it: an
//	              optional *, . or : before it, a weekday, the year before the month,
//	              after the day or after the time, a fraction, a zone; also rfc3339
//	clf           02/Jan/2006:15:04:05 -0700
//	rfc2822       Mon, 02 Jan 2006 15:04:05 -0700 with the liberties of that RFC;
//	              rfc1123 is the same
//	ansic         Mon Jan _2 15:04:05 2006, with an optional fraction and zone
//
// # Go layouts
//
// They mean what they mean to time.Parse, with these differences. Zone names are
// looked up (see below), never invented; offsets stop at 23:59. Second 60 is the
// next minute's second 0, and 24:00:00 is the next day's midnight. AM and PM may
// be in either case. A layout needs a date: month and day, or day of year.
//
// # Zones
//
// A time without a zone is wall time in Context.Zone, and Result.Zoned is false.
// Within a gap or an overlap of daylight saving it means what time.Date makes of
// it. A zone name is first looked for in Context.Zone, which may use it at that
// instant, then among those which mean one offset everywhere:
//
//	UTC UT GMT Z WET 0, WEST CET +1, CEST EET SAST CAT +2, EEST MSK EAT +3,
//	PKT +5, WIB +7, HKT SGT AWST +8, JST KST +9, ACST +9:30, AEST +10, ACDT +10:30,
//	AEDT +11, NZST +12, NZDT +13,
//	EDT -4, EST -5, MDT -6, MST PDT -7, AKDT -8, AKST -9, HST -10
//
// Any other is [ErrZone], above all CST, CDT, IST, BST, PST, AST, ADT, GST and SST,
// which mean several zones. In rfc2822, EST, EDT, CST, CDT, MST, MDT, PST and PDT
// are those of North America, as that RFC says. UTC and GMT may carry an offset
// (GMT+3, UTC-03:30).
//
// # Years
//
// A time without a year gets the year that puts it nearest to Context.Now (the
// earlier one of two equally near), Feb 29 the nearest leap year.
//
// # Concurrency
//
// A [Layout] may be used by any number of goroutines. A [Cache] and a [Formatter]
// belong to one goroutine at a time. Nothing here retains the text it is given
// (a Cache copies).
package timeparse
