package timeparse

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

var (
	berlin  = mustLoad("Europe/Berlin")
	newYork = mustLoad("America/New_York")
	kolkata = mustLoad("Asia/Kolkata")
	london  = mustLoad("Europe/London")
)

func mustLoad(name string) *time.Location {
	l, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return l
}

func mustCompile(t testing.TB, layout string) *Layout {
	t.Helper()
	l, err := Compile(layout)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var testNow = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func TestNamed(t *testing.T) {
	const ok, assumed, wall = 0, 1, 2 // flags: year assumed, no zone
	for _, row := range []struct {
		layout, text, want string
		flags              int
	}{
		{"rfc3339", "2026-01-02T15:04:05Z", "2026-01-02T15:04:05.000Z", ok},
		{"rfc3339", "2026-01-02t15:04:05z", "2026-01-02T15:04:05.000Z", ok},
		{"rfc3339", "2026-01-02 15:04:05.123456789Z", "2026-01-02T15:04:05.123456789Z", ok},
		{"rfc3339", "2026-01-02T15:04:05.1234567891234Z", "2026-01-02T15:04:05.123456789Z", ok},
		{"rfc3339", "2026-01-02T15:04:05,5+02:00", "2026-01-02T13:04:05.500Z", ok},
		{"rfc3339", "2026-01-02T15:04:05+0530", "2026-01-02T09:34:05.000Z", ok},
		{"rfc3339", "2026-01-02T15:04:05-05", "2026-01-02T20:04:05.000Z", ok},
		{"rfc3339", "2026-01-02T15:04:05", "2026-01-02T15:04:05.000Z", wall},
		{"rfc3339", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z", ok},
		{"rfc3339", "2026-01-02T24:00:00Z", "2026-01-03T00:00:00.000Z", ok},
		{"rfc3339", "2026-01-02T24:00:01Z", "ErrRange", 0},
		{"rfc3339", "2026-02-29T00:00:00Z", "ErrRange", 0},
		{"rfc3339", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z", ok},
		{"rfc3339", "1900-02-29T00:00:00Z", "ErrRange", 0},
		{"rfc3339", "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z", ok},
		{"rfc3339", "2026-01-02T15:60:05Z", "ErrRange", 0},
		{"rfc3339", "2026-01-02T15:04:61Z", "ErrRange", 0},
		{"rfc3339", "2026-13-02T15:04:05Z", "ErrRange", 0},
		{"rfc3339", "2026-00-02T15:04:05Z", "ErrRange", 0},
		{"rfc3339", "2026-01-00T15:04:05Z", "ErrRange", 0},
		{"rfc3339", "2026-01-02T15:04:05+24:00", "ErrSyntax", 0},
		{"rfc3339", "2026-01-02T15:04:05+053", "ErrSyntax", 0},
		{"rfc3339", "2026-01-02T15:04:05.Z", "ErrSyntax", 0},
		{"rfc3339", "2026-01-02T15:04:05 Z", "ErrSyntax", 0},
		{"rfc3339", "2026-01-02", "ErrSyntax", 0},
		{"rfc3339", "", "ErrSyntax", 0},
		{"rfc3339", "1600-01-01T00:00:00Z", "ErrRange", 0},
		{"rfc3339", "9999-12-31T23:59:59Z", "ErrRange", 0},
		{"rfc3339", "2262-04-11T23:47:15.999999999Z", "2262-04-11T23:47:15.999999999Z", ok},
		{"rfc3339", "2262-04-11T23:47:17Z", "ErrRange", 0},
		{"rfc3339", "1677-09-21T00:12:44Z", "1677-09-21T00:12:44.000Z", ok},
		{"rfc3339", "1677-09-21T00:12:43Z", "ErrRange", 0},

		{"iso8601", "20260102T150405Z", "2026-01-02T15:04:05.000Z", ok},
		{"iso8601", "20260102T150405.5+0200", "2026-01-02T13:04:05.500Z", ok},
		{"iso8601", "20260102150405", "2026-01-02T15:04:05.000Z", wall},
		{"iso8601", "2026-01-02T15:04", "2026-01-02T15:04:00.000Z", wall},
		{"iso8601", "2026-01-02T15:04Z", "2026-01-02T15:04:00.000Z", ok},
		{"iso8601", "2026-01-02", "2026-01-02T00:00:00.000Z", wall},
		{"iso8601", "20260102", "2026-01-02T00:00:00.000Z", wall},
		{"iso8601", "2026-01-02 15:04:05,123 +0100", "2026-01-02T14:04:05.123Z", ok},
		{"iso8601", "2026-01-02 15:04:05.123 UTC", "2026-01-02T15:04:05.123Z", ok},
		{"iso8601", "2026-01-02 15:04:05 CET", "2026-01-02T14:04:05.000Z", ok},
		{"iso8601", "2026-01-02 15:04:05 CST", "ErrZone", 0},
		{"iso8601", "2026-01-02 15:04:05 XYZ", "ErrSyntax", 0},
		{"iso8601", "2026-01-02T", "ErrSyntax", 0},
		{"iso8601", "2026-01-023", "ErrSyntax", 0},
		{"iso8601", "2026-0102", "ErrSyntax", 0},

		{"unix", "1700000000", "2023-11-14T22:13:20.000Z", ok},
		{"unix", "1700000000.123456", "2023-11-14T22:13:20.123456Z", ok},
		{"unix", "-1.5", "1969-12-31T23:59:58.500Z", ok},
		{"unix", "0", "1970-01-01T00:00:00.000Z", ok},
		{"unix", "99999999999", "ErrRange", 0},
		{"unix", "99999999999999999999999", "ErrRange", 0},
		{"unix", "1e9", "ErrSyntax", 0},
		{"unix", "-", "ErrSyntax", 0},
		{"unix_ms", "1700000000123", "2023-11-14T22:13:20.123Z", ok},
		{"unix_ms", "1700000000123.456789", "2023-11-14T22:13:20.123456789Z", ok},
		{"unix_ms", "-1", "1969-12-31T23:59:59.999Z", ok},
		{"unix_us", "1700000000123456", "2023-11-14T22:13:20.123456Z", ok},
		{"unix_ns", "1700000000123456789", "2023-11-14T22:13:20.123456789Z", ok},
		{"unix_auto", "1700000000", "2023-11-14T22:13:20.000Z", ok},
		{"unix_auto", "1700000000.123456", "2023-11-14T22:13:20.123456Z", ok},
		{"unix_auto", "1700000000123", "2023-11-14T22:13:20.123Z", ok},
		{"unix_auto", "1700000000123456", "2023-11-14T22:13:20.123456Z", ok},
		{"unix_auto", "1700000000123456789", "2023-11-14T22:13:20.123456789Z", ok},
		{"unix_auto", "20260102", "ErrRange", 0},
		{"unix_auto", "20260102150405", "ErrRange", 0},
		{"unix_auto", "0", "ErrRange", 0},
		{"win_filetime", "133444736000000000", "2023-11-14T22:13:20.000Z", ok},
		{"win_filetime", "133444736001234567", "2023-11-14T22:13:20.123456700Z", ok},
		{"win_filetime", "0x1da1747c66d0000", "2023-11-14T22:13:20.000Z", ok},
		{"win_filetime", "0", "ErrRange", 0},
		{"win_filetime", "9223372036854775807", "ErrRange", 0},
		{"ole", "45244.5", "2023-11-14T12:00:00.000Z", wall},
		{"ole", "45244.70833333", "2023-11-14T17:00:00.000Z", wall},
		{"ole", "45244.999999999", "2023-11-15T00:00:00.000Z", wall},
		{"ole", "1", "1899-12-31T00:00:00.000Z", wall},

		{"syslog", "Jan  2 15:04:05", "2026-01-02T15:04:05.000Z", assumed | wall},
		{"syslog", "Jan 2 15:04:05", "2026-01-02T15:04:05.000Z", assumed | wall},
		{"syslog", "Dec 31 23:59:59", "2025-12-31T23:59:59.000Z", assumed | wall},
		{"syslog", "Feb 29 23:59:59", "2028-02-29T23:59:59.000Z", assumed | wall},
		{"syslog", "Jan 2 2026 15:04:05", "2026-01-02T15:04:05.000Z", wall},
		{"syslog", "Jan 02 2024 15:04:05.5 UTC", "2024-01-02T15:04:05.500Z", ok},
		{"syslog", "Jan  2 15:04:05.123", "2026-01-02T15:04:05.123Z", assumed | wall},
		{"syslog", "Jan  2 15:04:05 2024", "2024-01-02T15:04:05.000Z", wall},
		{"syslog", "*Mar  1 18:46:11.123 UTC", "2026-03-01T18:46:11.123Z", assumed},
		{"syslog", ".Mar  1 18:46:11.123 EST", "2026-03-01T23:46:11.123Z", assumed},
		{"syslog", "*Mar  1 18:46:11.123 CST", "ErrZone", 0},
		{"syslog", ": Mar  1 18:46:11", "2026-03-01T18:46:11.000Z", assumed | wall},
		{"syslog", "Fri Jan  2 15:04:05 UTC 2024", "2024-01-02T15:04:05.000Z", ok},
		{"syslog", "Fri, Jan 2, 2024 15:04:05", "2024-01-02T15:04:05.000Z", wall},
		{"syslog", "2024 Jan  2 15:04:05.123 UTC", "2024-01-02T15:04:05.123Z", ok},
		{"syslog", "Jan  2 15:04:05 +0200", "2026-01-02T13:04:05.000Z", assumed},
		{"syslog", "Jan  2 15:04:05+02:00", "2026-01-02T13:04:05.000Z", assumed},
		{"syslog", "2026-01-02T15:04:05.25Z", "2026-01-02T15:04:05.250Z", ok},
		{"syslog", "JAN  2 15:04:05", "2026-01-02T15:04:05.000Z", assumed | wall},
		{"syslog", "Jan 32 15:04:05", "ErrRange", 0},
		{"syslog", "Feb 30 15:04:05", "ErrRange", 0},
		{"syslog", "Foo  2 15:04:05", "ErrSyntax", 0},
		{"syslog", "Jan  2 15:04", "ErrSyntax", 0},
		{"syslog", "Jan  2 15:04:05x", "ErrSyntax", 0},
		{"syslog", "Jan2 15:04:05", "ErrSyntax", 0},

		{"clf", "02/Jan/2006:15:04:05 -0700", "2006-01-02T22:04:05.000Z", ok},
		{"clf", "02/Jan/2006:15:04:05.123 +0000", "2006-01-02T15:04:05.123Z", ok},
		{"clf", "02/Jan/2006:15:04:05", "2006-01-02T15:04:05.000Z", wall},
		{"clf", "32/Jan/2006:15:04:05 -0700", "ErrRange", 0},
		{"clf", "2/Jan/2006:15:04:05 -0700", "ErrSyntax", 0},
		{"rfc1123", "Mon, 02 Jan 2006 15:04:05 GMT", "2006-01-02T15:04:05.000Z", ok},
		{"rfc2822", "Mon, 2 Jan 2006 15:04:05 -0700 (MST)", "2006-01-02T22:04:05.000Z", ok},
		{"rfc2822", "2 Jan 06 15:04 CST", "2006-01-02T21:04:00.000Z", ok},
		{"rfc2822", "Monday, 02-Jan-06 15:04:05 PST", "2006-01-02T23:04:05.000Z", ok},
		{"rfc2822", "2 Jan 99 15:04 +0000", "1999-01-02T15:04:00.000Z", ok},
		{"ansic", "Mon Jan  2 15:04:05 2006", "2006-01-02T15:04:05.000Z", wall},
		{"ansic", "Mon Jan 02 15:04:05.123456 2006", "2006-01-02T15:04:05.123456Z", wall},
		{"ansic", "Mon Jan  2 15:04:05 JST 2006", "2006-01-02T06:04:05.000Z", ok},
		{"ansic", "Mon Jan 02 15:04:05 -0700 2006", "2006-01-02T22:04:05.000Z", ok},
		{"ansic", "Mon Jan  2 15:04:05", "ErrSyntax", 0},

		{"02 Jan 2006 15:04:05.000 MST", "02 Jan 2006 15:04:05.250 MSK", "2006-01-02T12:04:05.250Z", ok},
		{"02 Jan 2006 15:04:05 MST", "02 Jan 2006 15:04:05 XYZ", "ErrZone", 0},
		{"02 Jan 2006 15:04:05 MST", "02 Jan 2006 15:04:05 GMT+3", "2006-01-02T12:04:05.000Z", ok},
		{"02 Jan 2006 15:04:05 MST", "02 Jan 2006 15:04:05 UTC-03:30", "2006-01-02T18:34:05.000Z", ok},
		{"1/2/2006 3:04:05 PM", "1/2/2006 12:04:05 am", "2006-01-02T00:04:05.000Z", wall},
		{"1/2/06 3:04 PM", "12/31/25 12:59 PM", "2025-12-31T12:59:00.000Z", wall},
		{"2006 002 15:04", "2024 366 15:04", "2024-12-31T15:04:00.000Z", wall},
		{"2006 002 15:04", "2023 366 15:04", "ErrRange", 0},
		{"2006-01-02 15:04:05", "2026-01-02 15:04:60", "2026-01-02T15:05:00.000Z", wall},
		{"Jan _2 15:04:05", "Dec 31 15:04:05", "2025-12-31T15:04:05.000Z", assumed | wall},
	} {
		c := &Context{Now: testNow}
		r, err := mustCompile(t, row.layout).Parse([]byte(row.text), c)
		got := string(AppendRFC3339(nil, r.Nanos))
		for name, e := range map[string]error{"ErrSyntax": ErrSyntax, "ErrRange": ErrRange, "ErrZone": ErrZone, "ErrNoNow": ErrNoNow} {
			if errors.Is(err, e) {
				got = name
			}
		}
		if got != row.want || err == nil && (r.YearAssumed != (row.flags&assumed != 0) || r.Zoned != (row.flags&wall == 0)) {
			t.Errorf("%s %q: got %s %+v, want %s %d", row.layout, row.text, got, r, row.want, row.flags)
		}
	}
}

func TestParsePrefix(t *testing.T) {
	for _, row := range []struct{ layout, text, rest string }{
		{"syslog", "Jan  2 15:04:05 host app: x", " host app: x"},
		{"syslog", "Jan  2 15:04:05 2024 host", " host"},
		{"syslog", "Jan  2 2024 15:04:05: %ASA-6", ": %ASA-6"},
		{"syslog", "Jan  2 15:04:05 UTC: %SYS", ": %SYS"},
		{"syslog", "Jan  2 15:04:05 ASA : x", " ASA : x"},
		{"syslog", "Jan  2 15:04:05 EST-FW1 x", " EST-FW1 x"},
		{"syslog", "Jan  2 15:04:05 1.2.3.4 x", " 1.2.3.4 x"},
		{"syslog", "Jan  2 15:04:05 2001:db8::1 x", " 2001:db8::1 x"},
		{"syslog", "Jan  2 15:04:05 -10 x", " -10 x"},
		{"syslog", "2026-01-02T15:04:05.25Z host", " host"},
		{"rfc3339", "2026-01-02T15:04:05.25Z host", " host"},
		{"rfc3339", "2026-01-02 15:04:05 host", " host"},
		{"rfc3339", "2026-01-02 15:04:05 - host", " - host"},
		{"iso8601", "2026-01-02 host", " host"},
		{"iso8601", "2026-01-02 15:04:05 UTC host", " host"},
		{"unix", "1700000000.5 host", " host"},
		{"clf", "02/Jan/2006:15:04:05 -0700] \"GET", "] \"GET"},
		{"2006-01-02 15:04", "2026-01-02 15:04:05", ":05"},
	} {
		_, n, err := mustCompile(t, row.layout).ParsePrefix([]byte(row.text), &Context{Now: testNow})
		if err != nil || row.text[n:] != row.rest {
			t.Errorf("%s %q: rest %q, %v, want %q", row.layout, row.text, row.text[n:], err, row.rest)
		}
	}
	if _, _, err := mustCompile(t, "rfc3339").ParsePrefix([]byte("2026-01-02T15:04:05+99:00"), nil); err != ErrSyntax {
		t.Errorf("a bad offset was left aside: %v", err)
	}
}

func TestNearestYear(t *testing.T) {
	l := mustCompile(t, "syslog")
	for _, row := range []struct{ now, text, want string }{
		{"2026-01-01T00:00:10Z", "Dec 31 23:59:59", "2025-12-31T23:59:59.000Z"},
		{"2025-12-31T23:59:59Z", "Jan  1 00:00:10", "2026-01-01T00:00:10.000Z"},
		{"2026-06-15T00:00:00Z", "Dec 14 00:00:00", "2026-12-14T00:00:00.000Z"},
		{"2026-06-15T00:00:00Z", "Dec 16 00:00:00", "2025-12-16T00:00:00.000Z"},
		{"2024-02-29T12:00:00Z", "Feb 29 11:00:00", "2024-02-29T11:00:00.000Z"},
		{"2025-03-01T12:00:00Z", "Feb 29 11:00:00", "2024-02-29T11:00:00.000Z"},
		{"2026-03-01T12:00:00Z", "Feb 29 11:00:00", "2028-02-29T11:00:00.000Z"},
		{"2026-02-28T12:00:00Z", "Feb 29 11:00:00", "2024-02-29T11:00:00.000Z"},
		{"2026-03-02T12:00:00Z", "Feb 29 11:00:00", "2028-02-29T11:00:00.000Z"},
		{"1900-02-01T12:00:00Z", "Feb 29 11:00:00", "1896-02-29T11:00:00.000Z"},
		{"1900-03-05T12:00:00Z", "Feb 29 11:00:00", "1904-02-29T11:00:00.000Z"},
	} {
		now, _ := time.Parse(time.RFC3339, row.now)
		r, err := l.Parse([]byte(row.text), &Context{Now: now})
		if got := string(AppendRFC3339(nil, r.Nanos)); err != nil || got != row.want || !r.YearAssumed {
			t.Errorf("%s at %s: %s, %v, want %s", row.text, row.now, got, err, row.want)
		}
	}
	if _, err := l.Parse([]byte("Jan  2 15:04:05"), nil); err != ErrNoNow {
		t.Errorf("no now: %v", err)
	}
	// Every day of the year against every day of five: nearest by brute force.
	var k Cache
	for now := time.Date(2023, 1, 1, 13, 0, 0, 0, time.UTC); now.Year() < 2028; now = now.AddDate(0, 0, 3) {
		c := &Context{Now: now}
		for d := time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC); d.Year() == 2024; d = d.AddDate(0, 0, 5) {
			var best time.Time
			for y := 2010; y < 2040; y++ {
				x := time.Date(y, d.Month(), d.Day(), 12, 0, 0, 0, time.UTC)
				if x.Month() == d.Month() && (best.IsZero() || x.Sub(now).Abs() < best.Sub(now).Abs()) {
					best = x
				}
			}
			text := []byte(d.Format(time.Stamp))
			r, err := l.Parse(text, c)
			if err != nil || r.Nanos != best.UnixNano() {
				t.Fatalf("%s at %v: %v, %v, want %v", text, now, r.Time(), err, best)
			}
			if rk, err := k.Parse(l, text, c); err != nil || rk != r {
				t.Fatalf("%s at %v: cache %v, want %v", text, now, rk, r)
			}
		}
	}
}

func TestZones(t *testing.T) {
	for _, row := range []struct {
		zone *time.Location
		text string
		want string
	}{
		{nil, "2026-01-02 15:04:05 CST", "ErrZone"},
		{mustLoad("America/Chicago"), "2026-01-02 15:04:05 CST", "2026-01-02T21:04:05.000Z"},
		{mustLoad("Asia/Shanghai"), "2026-01-02 15:04:05 CST", "2026-01-02T07:04:05.000Z"},
		{mustLoad("America/Chicago"), "2026-07-02 15:04:05 CST", "ErrZone"},
		{kolkata, "2026-01-02 15:04:05 IST", "2026-01-02T09:34:05.000Z"},
		{london, "2026-07-02 15:04:05 BST", "2026-07-02T14:04:05.000Z"},
		{london, "2026-01-02 15:04:05 BST", "ErrZone"},
		{london, "2026-07-02 15:04:05 GMT", "2026-07-02T15:04:05.000Z"},
		{mustLoad("Europe/Moscow"), "2012-01-02 15:04:05 MSK", "2012-01-02T11:04:05.000Z"},
		{nil, "2012-01-02 15:04:05 MSK", "2012-01-02T12:04:05.000Z"},
		// The hour that comes twice: the name tells which.
		{newYork, "2025-11-02 01:30:00 EDT", "2025-11-02T05:30:00.000Z"},
		{newYork, "2025-11-02 01:30:00 EST", "2025-11-02T06:30:00.000Z"},
		{mustLoad("America/Chicago"), "2025-11-02 01:30:00 CDT", "2025-11-02T06:30:00.000Z"},
		{mustLoad("America/Chicago"), "2025-11-02 01:30:00 CST", "2025-11-02T07:30:00.000Z"},
	} {
		r, err := mustCompile(t, "2006-01-02 15:04:05 MST").Parse([]byte(row.text), &Context{Zone: row.zone})
		got := string(AppendRFC3339(nil, r.Nanos))
		if err == ErrZone {
			got = "ErrZone"
		}
		if got != row.want {
			t.Errorf("%q in %v: %s, want %s", row.text, row.zone, got, row.want)
		}
	}
}

// TestWallTime compares with time.Date around every change of the clocks.
func TestWallTime(t *testing.T) {
	l := mustCompile(t, "2006-01-02 15:04:05")
	zones := []*time.Location{
		nil, time.UTC, berlin, newYork, kolkata, london, time.FixedZone("x", -3*3600-1800), mustLoad("Australia/Lord_Howe"),
		mustLoad("Pacific/Apia"), mustLoad("Africa/Casablanca"), mustLoad("America/St_Johns"), mustLoad("Africa/Monrovia"),
	}
	for _, z := range zones {
		loc := z
		if loc == nil {
			loc = time.UTC
		}
		var k, k3 Cache
		c := &Context{Zone: z}
		l3 := mustCompile(t, "rfc3339")
		check := func(wall time.Time) {
			t.Helper()
			text := []byte(wall.Format(time.DateTime))
			want := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, loc).UnixNano()
			r, err := l.Parse(text, c)
			rk, errk := k.Parse(l, text, c)
			r3, err3 := k3.Parse(l3, text, c)
			if err != nil || errk != nil || err3 != nil || r.Nanos != want || rk != r || r3 != r {
				t.Fatalf("%s in %v: %v %v, cache %v %v, rfc3339 %v %v, want %v", text, loc, r.Time(), err, rk.Time(), errk, r3.Time(), err3, time.Unix(0, want).UTC())
			}
		}
		for at := time.Date(1968, 1, 1, 0, 0, 0, 0, loc); at.Year() < 2040; {
			_, end := at.ZoneBounds()
			if end.IsZero() {
				break
			}
			_, o := end.Zone()
			w := end.UTC().Add(time.Duration(o) * time.Second)
			for d := -26 * time.Hour; d <= 26*time.Hour; d += 10 * time.Minute {
				check(w.Add(d))
				check(w.Add(d - time.Second))
			}
			at = end
		}
		for range 2000 {
			check(time.Unix(rand.Int64N(6e9)-2e9, 0).UTC())
		}
	}
}

var goLayouts = []string{
	time.ANSIC, time.UnixDate, time.RubyDate, time.RFC822, time.RFC822Z, time.RFC850, time.RFC1123, time.RFC1123Z,
	time.RFC3339, time.RFC3339Nano, time.DateTime, time.DateOnly,
	"2006-01-02 15:04:05.999 -0700 MST", "Jan _2 2006 15:04:05", "02/Jan/2006:15:04:05 -0700", "1/2/2006 3:04:05 PM",
	"01/02/06 03:04:05.000pm", "2006-01-02T15:04:05.000000Z0700", "20060102150405", "January 2, 2006 15:04", "Monday 2 January 2006",
	"2006 002 15:04:05", "2006 __2 15", "02.01.2006 15:04:05,000", "2006/1/2 15:4:5", "06-1-2 15:04:05.99 Z07", "_2006_01_02",
	"2006-01-02 15:04:05Z07:00:00", "2006-01-02 15:04:05-070000", "[2006-01-02  15:04:05]", "2006-01-02T15:04:05.00x",
	"Jan-Mon-2006 2 Janet", "2006-01-02 05:04:15",
}

// TestGoLayouts writes with time.Format and reads back.
func TestGoLayouts(t *testing.T) {
	var k Cache
	for _, layout := range goLayouts {
		l := mustCompile(t, layout)
		for range 300 {
			at := time.Unix(rand.Int64N(9e9)-4e9, rand.Int64N(1e9))
			switch rand.IntN(3) {
			case 0:
				at = at.UTC()
			case 1:
				at = at.In(time.FixedZone("UTC", (rand.IntN(27)-13)*1800))
				if strings.Contains(layout, "MST") {
					at = at.UTC()
				}
			case 2:
				at = at.Truncate(time.Millisecond).UTC()
			}
			compare(t, l, layout, at.Format(layout), &k, true)
		}
	}
}

// compare parses by l and by time.ParseInLocation.
func compare(t testing.TB, l *Layout, layout, text string, k *Cache, mustParse bool) {
	t.Helper()
	c := &Context{Zone: berlin, Now: testNow}
	r, err := l.Parse([]byte(text), c)
	if k != nil {
		if rk, errk := k.Parse(l, []byte(text), c); rk != r || errk != err {
			t.Fatalf("%s %q: cache %v %v, want %v %v", layout, text, rk, errk, r, err)
		}
	}
	want, werr := time.ParseInLocation(layout, text, berlin)
	if err != nil {
		if mustParse && (err != ErrRange || werr == nil && want.Unix() > minSec && want.Unix() < maxSec) {
			t.Fatalf("%s %q: %v, time.Parse %v %v", layout, text, err, want, werr)
		}
		return
	}
	if werr != nil || r.YearAssumed {
		return // forms that time.Parse does not know; tables test them
	}
	if z, _ := want.Zone(); strings.Contains(layout, "MST") && z != "UTC" && z != "CET" && z != "CEST" {
		return // time.Parse invents zones
	} else if strings.Contains(layout, "MST") && strings.Contains(layout, "-07") {
		return // the offset decides here, the name UTC there
	}
	if want.Unix() < minSec || want.Unix() > maxSec || want.UnixNano() != r.Nanos {
		t.Fatalf("%s %q: %v, time.Parse %v", layout, text, r.Time(), want)
	}
}

func TestCompileErrors(t *testing.T) {
	for _, layout := range []string{"", "x", "15:04:05", "2006", "Jan 2006", "rfc3340", "2006-01-02 .0000000000", "RFC3339"} {
		if l, err := Compile(layout); err == nil {
			t.Errorf("Compile(%q) = %v", layout, l)
		}
	}
}

func TestCivil(t *testing.T) {
	for d := int64(-106752); d <= 106752; d++ {
		y, m, md := civilFromDays(d)
		want := time.Unix(d*day, 0).UTC()
		if y != want.Year() || m != int(want.Month()) || md != want.Day() || daysFromCivil(y, m, md) != d {
			t.Fatalf("day %d: %d-%d-%d, %d, want %v", d, y, m, md, daysFromCivil(y, m, md), want)
		}
	}
}

func formatOracle(nanos int64) string {
	t := time.Unix(0, nanos).UTC()
	switch {
	case nanos%1e6 == 0:
		return t.Format("2006-01-02T15:04:05.000Z")
	case nanos%1e3 == 0:
		return t.Format("2006-01-02T15:04:05.000000Z")
	}
	return t.Format("2006-01-02T15:04:05.000000000Z")
}

func TestAppendRFC3339(t *testing.T) {
	var f Formatter
	check := func(nanos int64) {
		t.Helper()
		want := formatOracle(nanos)
		if got := string(AppendRFC3339([]byte("x"), nanos)); got != "x"+want {
			t.Fatalf("AppendRFC3339(%d) = %s, want %s", nanos, got, want)
		}
		if got := string(f.Append([]byte("x"), nanos)); got != "x"+want {
			t.Fatalf("Formatter %d = %s, want %s", nanos, got, want)
		}
	}
	for _, n := range []int64{0, -1, 1, 999, 1000, 1e6, 1e9, -1e9, 86400e9 - 1, 86400e9, math.MinInt64, math.MaxInt64, testNow.UnixNano()} {
		check(n)
	}
	for range 20000 {
		n := rand.Int64() - rand.Int64()
		check(n)
		check(n + rand.Int64N(2e9))
		check(n / 1e3 * 1e3)
		check(n / 1e6 * 1e6)
	}
}

func TestParseDuration(t *testing.T) {
	for _, row := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"1h2m3s", time.Hour + 2*time.Minute + 3*time.Second, true},
		{"15ms", 15 * time.Millisecond, true}, {"1.5s", 1500 * time.Millisecond, true}, {".5s", 500 * time.Millisecond, true},
		{"-2m", -2 * time.Minute, true}, {"+2m", 2 * time.Minute, true}, {"3us", 3000, true}, {"3µs", 3000, true}, {"3μs", 3000, true}, {"3ns", 3, true},
		{"1d2h3m4s", 26*time.Hour + 3*time.Minute + 4*time.Second, true}, {"2w3d", 17 * 24 * time.Hour, true},
		{"0:00:30", 30 * time.Second, true}, {"00:00:00", 0, true}, {"123:04:05.678", 123*time.Hour + 4*time.Minute + 5678*time.Millisecond, true},
		{"1d 02:03:04", 26*time.Hour + 3*time.Minute + 4*time.Second, true}, {"1d02:03:04", 26*time.Hour + 3*time.Minute + 4*time.Second, true},
		{"-0:00:01,5", -1500 * time.Millisecond, true},
		{"2562047h47m16.854775807s", math.MaxInt64, true}, {"-2562047h47m16.854775808s", math.MinInt64, true}, {"2562047h47m16.854775808s", 0, false},
		{"2562047:47:16.854775807", math.MaxInt64, true}, {"2562047:47:16.854775808", 0, false}, {"99999999999999999999:00:00", 0, false},
		{"", 0, false}, {"0", 0, false}, {"5", 0, false}, {"5:30", 0, false}, {"0:60:00", 0, false}, {"0:00:60", 0, false}, {"0:0:0", 0, false},
		{"1d ", 0, false}, {"1d x", 0, false}, {"1d 5", 0, false}, {"1d 5h", 0, false}, {"1h 2m", 0, false}, {"-", 0, false}, {".s", 0, false}, {"1y", 0, false},
		{"0:00:30x", 0, false}, {"0:00:30.", 0, false}, {"0:00:301", 0, false}, {"1.5:00:00", 0, false}, {"9999999999999w", 0, false}, {":00:00", 0, false},
	} {
		got, ok := ParseDuration([]byte(row.text))
		if ok != row.ok || got != int64(row.want) {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v, %v", row.text, time.Duration(got), ok, row.want, row.ok)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	c := &Context{Now: testNow, Zone: berlin}
	var k Cache
	var f Formatter
	dst := make([]byte, 0, 64)
	for _, row := range [][2]string{
		{"rfc3339", "2026-01-02T15:04:05.123Z"}, {"rfc3339", "2026-01-02 15:04:05"}, {"rfc3339", "bad"}, {"iso8601", "2026-01-02 15:04:05 CEST"},
		{"syslog", "Feb 29 15:04:05"}, {"syslog", "Jan  2 15:04:05 CST"}, {"2006-01-02 15:04:05 MST", "2026-01-02 15:04:05 EST"},
		{"Jan _2 2006 15:04:05", "Jan  2 2006 15:04:05"}, {"unix_auto", "1700000000.5"}, {"ole", "45000.25"},
	} {
		l, text := mustCompile(t, row[0]), []byte(row[1])
		if n := testing.AllocsPerRun(50, func() {
			r, _ := l.Parse(text, c)
			_, _ = k.Parse(l, text, c)
			_, _, _ = l.ParsePrefix(text, c)
			dst = AppendRFC3339(dst[:0], r.Nanos)
			dst = f.Append(dst[:0], r.Nanos)
			ParseDuration(text)
		}); n != 0 {
			t.Errorf("%s %q: %v allocations", row[0], row[1], n)
		}
	}
}

func FuzzRFC3339(f *testing.F) {
	for _, s := range []string{"2026-01-02T15:04:05Z", "2026-01-02T15:04:05.123456789+02:00", "2024-02-29T23:59:59-05:30", "0000-01-01T00:00:00Z"} {
		f.Add(s)
	}
	l, _ := Compile("rfc3339")
	iso, _ := Compile("iso8601")
	f.Fuzz(func(t *testing.T, s string) {
		c := &Context{Now: testNow, Zone: berlin}
		r, err := l.Parse([]byte(s), c)
		want, werr := time.Parse(time.RFC3339, s)
		if werr == nil && err != nil && want.Unix() > minSec && want.Unix() < maxSec && strings.Count(s, ":") > 1 &&
			len(s) > 13 && s[13] == ':' && s[10] == 'T' { // not the one-digit hour
			_, off := want.Zone()
			if off%3600/60 != 60 && off > -86400 && off < 86400 && !strings.HasSuffix(s, ":60") {
				t.Fatalf("%q: %v, want %v", s, err, want)
			}
		}
		if werr == nil && err == nil && r.Nanos != want.UnixNano() {
			t.Fatalf("%q: %v, want %v", s, r.Time(), want)
		}
		if err == nil {
			if ri, erri := iso.Parse([]byte(s), c); erri != nil || ri != r {
				t.Fatalf("%q: iso8601 %v %v, want %v", s, ri, erri, r)
			}
			// The general reader must agree with the fast path.
			g := fields{year: noYear}
			if n := g.iso([]byte(s), c, true); n != len(s) {
				t.Fatalf("%q: general reader stops at %d", s, n)
			}
			if rg, errg := g.resolve(c, nil); errg != nil || rg != r {
				t.Fatalf("%q: general reader %v %v, want %v", s, rg, errg, r)
			}
			again, err := l.Parse(AppendRFC3339(nil, r.Nanos), c)
			if err != nil || again.Nanos != r.Nanos {
				t.Fatalf("%q: written and read again %v, %v", s, again.Time(), err)
			}
		}
	})
}

func FuzzLayouts(f *testing.F) {
	at := time.Date(2026, 11, 2, 5, 4, 9, 123456789, time.UTC)
	var layouts []*Layout
	for i, s := range goLayouts {
		l := mustCompile(f, s)
		layouts = append(layouts, l)
		f.Add(uint8(i), at.Format(s), at.Add(time.Minute).Format(s))
	}
	n := len(layouts)
	for _, s := range []struct{ name, text string }{
		{"syslog", "Jan  2 15:04:05.5 2026 UTC"}, {"iso8601", "20260102T1504Z"}, {"unix_auto", "1700000000.5"}, {"unix_ms", "-17"},
		{"win_filetime", "0x1d"}, {"ole", "45000.001"}, {"clf", "02/Jan/2006:15:04:05 -0700"}, {"rfc2822", "Mon, 2 Jan 2006 15:04 EST (x)"},
		{"ansic", "Mon Jan  2 15:04:05 2006"}, {"rfc3339", "2026-01-02T15:04:05Z"},
	} {
		f.Add(uint8(len(layouts)), s.text, s.text)
		layouts = append(layouts, mustCompile(f, s.name))
	}
	f.Fuzz(func(t *testing.T, i uint8, s, s2 string) {
		j := int(i) % len(layouts)
		l := layouts[j]
		c := &Context{Now: testNow, Zone: berlin}
		var k Cache
		for _, s := range []string{s, s2, s, s + s2, s + " " + s2, s, s + s2} {
			r, err := l.Parse([]byte(s), c)
			if rk, errk := k.Parse(l, []byte(s), c); rk != r || errk != err {
				t.Fatalf("%v %q: cache %v %v, want %v %v", l, s, rk, errk, r, err)
			}
			rp, n, errp := l.ParsePrefix([]byte(s), c)
			if rk, nk, errk := k.ParsePrefix(l, []byte(s), c); rk != rp || nk != n || errk != errp {
				t.Fatalf("%v %q: cached prefix %v %d %v, want %v %d %v", l, s, rk, nk, errk, rp, n, errp)
			}
			if n < 0 || n > len(s) || err == nil && (errp != nil || rp != r || n != len(s)) {
				t.Fatalf("%v %q: prefix %v %d %v, want %v", l, s, rp, n, errp, r)
			}
			if errp == nil && n > 0 {
				// (A shorter text may take fewer optional parts, but must not fail to read.)
				if again, err := l.Parse([]byte(s[:n]), c); err != nil || again != rp {
					t.Fatalf("%v %q: prefix %v, alone %v %v", l, s[:n], rp, again, err)
				}
			}
		}
		if j < n {
			compare(t, l, goLayouts[j], s, nil, false)
		}
		ParseDuration([]byte(s))
	})
}

func FuzzAppend(f *testing.F) {
	f.Add(int64(0), int64(1))
	f.Add(int64(math.MinInt64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, a, b int64) {
		var fm Formatter
		for _, n := range []int64{a, b, a, a + 1} {
			want := formatOracle(n)
			if got := string(AppendRFC3339(nil, n)); got != want {
				t.Fatalf("%d: %s, want %s", n, got, want)
			}
			if got := string(fm.Append(nil, n)); got != want {
				t.Fatalf("Formatter %d: %s, want %s", n, got, want)
			}
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"1h2m3s", "1.5ms", "-3µs", "0:00:30", "1d 02:03:04.5", "2w"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseDuration([]byte(s))
		want, err := time.ParseDuration(s)
		if err != nil || s == "0" || s == "-0" || s == "+0" {
			return
		}
		if diff := got - int64(want); !ok || diff < -1 || diff > 1 || !strings.Contains(s, ".") && diff != 0 {
			t.Fatalf("%q: %d %v, want %d", s, got, ok, want)
		}
	})
}

var (
	sinkResult Result
	sinkTime   time.Time
	sinkNanos  int64
)

func BenchmarkParse(b *testing.B) {
	for _, row := range []struct{ layout, text, std string }{
		{"rfc3339", "2026-01-02T15:04:05Z", time.RFC3339},
		{"rfc3339", "2026-01-02T15:04:05.123Z", time.RFC3339},
		{"rfc3339", "2026-01-02T15:04:05.123456+02:00", time.RFC3339},
		{"iso8601", "2026-01-02 15:04:05.123 UTC", "2006-01-02 15:04:05 MST"},
		{"syslog", "Jan  2 15:04:05", time.Stamp},
		{"syslog", "Jan 02 2026 15:04:05", "Jan 02 2006 15:04:05"},
		{"clf", "02/Jan/2006:15:04:05 -0700", "02/Jan/2006:15:04:05 -0700"},
		{"rfc1123", "Mon, 02 Jan 2006 15:04:05 GMT", time.RFC1123},
		{"2006-01-02 15:04:05.000", "2026-01-02 15:04:05.123", "2006-01-02 15:04:05.000"},
		{"1/2/2006 3:04:05 PM", "12/31/2006 3:04:05 PM", "1/2/2006 3:04:05 PM"},
		{"unix_auto", "1700000000123", ""},
		{"unix", "1700000000.123456", ""},
	} {
		l, text := mustCompile(b, row.layout), []byte(row.text)
		name := row.layout + "/" + fmt.Sprint(len(row.text))
		if strings.Contains(row.layout, " ") {
			name = "go/" + fmt.Sprint(len(row.text))
		}
		c := &Context{Now: testNow}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				sinkResult, _ = l.Parse(text, c)
			}
		})
		b.Run(name+"/cache", func(b *testing.B) {
			var k Cache
			for range b.N {
				sinkResult, _ = k.Parse(l, text, c)
			}
		})
		if row.std != "" {
			b.Run(name+"/std", func(b *testing.B) {
				for range b.N {
					sinkTime, _ = time.Parse(row.std, row.text)
				}
			})
		}
	}
	text := []byte("2026-01-02 15:04:05.123")
	l := mustCompile(b, "rfc3339")
	c := &Context{Now: testNow, Zone: berlin}
	b.Run("berlin", func(b *testing.B) {
		for range b.N {
			sinkResult, _ = l.Parse(text, c)
		}
	})
	b.Run("berlin/cache", func(b *testing.B) {
		var k Cache
		for range b.N {
			sinkResult, _ = k.Parse(l, text, c)
		}
	})
	b.Run("berlin/std", func(b *testing.B) {
		for range b.N {
			sinkTime, _ = time.ParseInLocation(time.DateTime, "2026-01-02 15:04:05.123", berlin)
		}
	})
}

func BenchmarkPrefix(b *testing.B) {
	text := []byte("Jan  2 15:04:05 host app[1]: text")
	l := mustCompile(b, "syslog")
	c := &Context{Now: testNow}
	b.Run("syslog", func(b *testing.B) {
		for range b.N {
			sinkResult, _, _ = l.ParsePrefix(text, c)
		}
	})
	b.Run("syslog/cache", func(b *testing.B) {
		var k Cache
		for range b.N {
			sinkResult, _, _ = k.ParsePrefix(l, text, c)
		}
	})
	b.Run("syslog/miss", func(b *testing.B) {
		var k Cache
		for i := range b.N {
			text[14] = '0' + byte(i)&7
			sinkResult, _, _ = k.ParsePrefix(l, text, c)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	dst := make([]byte, 0, 64)
	n := testNow.UnixNano() + 123e6
	b.Run("plain", func(b *testing.B) {
		for i := range b.N {
			dst = AppendRFC3339(dst[:0], n+int64(i)*1e6)
		}
	})
	b.Run("nanos", func(b *testing.B) {
		for i := range b.N {
			dst = AppendRFC3339(dst[:0], n+int64(i))
		}
	})
	b.Run("formatter", func(b *testing.B) {
		var f Formatter
		for i := range b.N {
			dst = f.Append(dst[:0], n+int64(i)*1e6)
		}
	})
	b.Run("std", func(b *testing.B) {
		at := time.Unix(0, n).UTC()
		for range b.N {
			dst = at.AppendFormat(dst[:0], time.RFC3339Nano)
		}
	})
}

func BenchmarkDuration(b *testing.B) {
	for _, s := range []string{"0:00:30", "1h2m3s", "1.5ms"} {
		text := []byte(s)
		b.Run(s, func(b *testing.B) {
			for range b.N {
				sinkNanos, _ = ParseDuration(text)
			}
		})
	}
}
