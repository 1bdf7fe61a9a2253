package ratelimit_test

import (
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ratelimit"
)

var headerTime = time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)

func TestParseHeader(t *testing.T) {
	type h = map[string][]string
	for _, tc := range []struct {
		name   string
		header h
		want   ratelimit.Advice
		pause  time.Duration
	}{
		{"nothing", h{"Content-Type": {"text/html"}}, ratelimit.Advice{Limit: -1, Remaining: -1}, 0},
		{"seconds", h{"Retry-After": {"120"}}, ratelimit.Advice{RetryAfter: 2 * time.Minute, Limit: -1, Remaining: -1}, 2 * time.Minute},
		{"fraction", h{"retry-after": {" 1.5 "}}, ratelimit.Advice{RetryAfter: 1500 * time.Millisecond, Limit: -1, Remaining: -1}, 1500 * time.Millisecond},
		{"date", h{"Retry-After": {"Sat, 14 Mar 2026 15:10:26 GMT"}}, ratelimit.Advice{RetryAfter: time.Minute, Limit: -1, Remaining: -1}, time.Minute},
		{"date of RFC 850", h{"Retry-After": {"Saturday, 14-Mar-26 15:10:26 GMT"}}, ratelimit.Advice{RetryAfter: time.Minute, Limit: -1, Remaining: -1}, time.Minute},
		{"date of asctime", h{"Retry-After": {"Sat Mar 14 15:10:26 2026"}}, ratelimit.Advice{RetryAfter: time.Minute, Limit: -1, Remaining: -1}, time.Minute},
		{"date that has passed", h{"Retry-After": {"Sat, 14 Mar 2026 15:00:00 GMT"}}, ratelimit.Advice{Limit: -1, Remaining: -1}, 0},
		{"two", h{"Retry-After": {"1", "3"}}, ratelimit.Advice{RetryAfter: 3 * time.Second, Limit: -1, Remaining: -1}, 3 * time.Second},
		{"a year", h{"Retry-After": {"31536000"}}, ratelimit.Advice{RetryAfter: time.Hour, Limit: -1, Remaining: -1}, time.Hour},
		{"absurd", h{"Retry-After": {"99999999999999999999999999"}}, ratelimit.Advice{RetryAfter: time.Hour, Limit: -1, Remaining: -1}, time.Hour},
		{"nonsense", h{"Retry-After": {"-1", "soon", "1e9", "0x10", "NaN", "Inf", ""}}, ratelimit.Advice{Limit: -1, Remaining: -1}, 0},
		{"Azure", h{"X-Ms-Retry-After-Ms": {"250"}}, ratelimit.Advice{RetryAfter: 250 * time.Millisecond, Limit: -1, Remaining: -1}, 250 * time.Millisecond},
		{"CrowdStrike", h{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Retryafter": {"1773501026"}},
			ratelimit.Advice{Limit: -1, Remaining: 0, RetryAfter: resetAfter("1773501026")}, resetAfter("1773501026")},
		{"GitHub", h{"X-Ratelimit-Limit": {"5000"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"1773500966"}},
			ratelimit.Advice{Limit: 5000, Remaining: 0, Reset: resetAfter("1773500966")}, resetAfter("1773500966")},
		{"Okta", h{"X-Rate-Limit-Limit": {"600"}, "X-Rate-Limit-Remaining": {"7"}, "X-Rate-Limit-Reset": {"1773501026"}},
			ratelimit.Advice{Limit: 600, Remaining: 7, Reset: resetAfter("1773501026")}, 0},
		{"milliseconds", h{"X-RateLimit-Remaining": {"0"}, "X-RateLimit-Reset": {"1773501026000"}},
			ratelimit.Advice{Limit: -1, Remaining: 0, Reset: resetAfter("1773501026")}, resetAfter("1773501026")},
		{"old draft", h{"Ratelimit-Limit": {"100, 100;w=60"}, "Ratelimit-Remaining": {"0"}, "Ratelimit-Reset": {"30"}},
			ratelimit.Advice{Limit: 100, Remaining: 0, Reset: 30 * time.Second}, 30 * time.Second},
		{"new draft", h{"Ratelimit": {`"a;r=9,";r=50;t=30, "b";r=0;t=7`}, "Ratelimit-Policy": {`"a;r=9,";q=100;w=60,"b";q=10;w=10`}},
			ratelimit.Advice{Limit: 10, Remaining: 0, Reset: 30 * time.Second}, 30 * time.Second},
		{"draft that is torn", h{"Ratelimit": {`"a";r=5;t=3;"`}}, ratelimit.Advice{Limit: -1, Remaining: 5, Reset: 3 * time.Second}, 0},
		{"both", h{"Retry-After": {"2"}, "X-RateLimit-Remaining": {"0"}, "X-RateLimit-Reset": {"60"}},
			ratelimit.Advice{RetryAfter: 2 * time.Second, Limit: -1, Remaining: 0, Reset: time.Minute}, 2 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := ratelimit.ParseHeader(tc.header, headerTime, time.Hour)
			if got != tc.want || got.Pause() != tc.pause {
				t.Errorf("got %+v with a pause of %s, want %+v with %s", got, got.Pause(), tc.want, tc.pause)
			}
		})
	}
	if d := (ratelimit.Advice{Remaining: 4, Reset: 8 * time.Second}).Spread(); d != 2*time.Second {
		t.Errorf("4 requests in 8 s are spread by %s", d)
	}
}

// resetAfter is the time from headerTime to a Unix time, at most an hour.
func resetAfter(unix string) time.Duration {
	var s int64
	for _, c := range unix {
		s = 10*s + int64(c-'0')
	}
	return min(max(0, time.Unix(s, 0).Sub(headerTime)), time.Hour)
}

func FuzzParseHeader(f *testing.F) {
	for _, s := range []string{"120", "Sat, 14 Mar 2026 15:10:26 GMT", `"a;r=9,";r=50;t=30, "b\"";r=0`, "1e309", "1773501026000", "-0", `"\`} {
		f.Add("Retry-After", s)
		f.Add("RateLimit", s)
		f.Add("X-RateLimit-Reset", s)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		a := ratelimit.ParseHeader(map[string][]string{name: {value}, "X-RateLimit-Remaining": {value}}, headerTime, time.Hour)
		if a.RetryAfter < 0 || a.RetryAfter > time.Hour || a.Reset < 0 || a.Reset > time.Hour || a.Limit < -1 || a.Remaining < -1 || a.Pause() > time.Hour || a.Spread() < 0 {
			t.Errorf("%q: %q gives %+v", name, value, a)
		}
	})
}
