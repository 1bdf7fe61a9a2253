package ratelimit

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Advice is what a server's answer says about its limits.
type Advice struct {
	// RetryAfter is how long to wait before any further request, 0 if not said.
	RetryAfter time.Duration
	// Limit is the quota of the current window, Remaining what is left of it; -1 if
	// not said.
	Limit, Remaining int64
	// Reset is how long until the window ends, 0 if not said.
	Reset time.Duration
}

// Pause is how long to wait before the next request: what Retry-After says, or until
// the window ends if nothing is left of it.
func (a Advice) Pause() time.Duration {
	if a.RetryAfter == 0 && a.Remaining == 0 {
		return a.Reset
	}
	return a.RetryAfter
}

// Spread is the pause between requests that makes what is left last until the window
// ends; 0 where that is not known.
func (a Advice) Spread() time.Duration {
	if a.Remaining <= 0 || a.Reset <= 0 {
		return 0
	}
	return a.Reset / time.Duration(a.Remaining)
}

// ParseHeader reads the limits out of the header of an answer (an http.Header is such
// a map). now is when it came; no duration in the result is longer than most, as a
// server must not be able to stop its clients for a year. What cannot be read counts
// as not said. Of several that say the same the most careful one counts.
//
//   - Retry-After: seconds or a date (RFC 9110, section 10.2.3); fractions are read too
//   - retry-after-ms, x-ms-retry-after-ms: milliseconds (Azure)
//   - RateLimit: "name";r=REMAINING;t=SECONDS and RateLimit-Policy: "name";q=QUOTA
//     (draft-ietf-httpapi-ratelimit-headers-10)
//   - RateLimit-Limit, -Remaining, -Reset in seconds (the same draft up to 07)
//   - X-RateLimit-Limit, -Remaining, -Reset and X-Rate-Limit-…: Reset is in seconds from
//     now, or Unix time in seconds or milliseconds, told apart by its size
//   - X-RateLimit-Reset-After: seconds, with fractions
//   - X-RateLimit-RetryAfter: seconds from now, or Unix time (CrowdStrike)
func ParseHeader(header map[string][]string, now time.Time, most time.Duration) Advice {
	a := Advice{Limit: -1, Remaining: -1}
	for name, values := range header {
		if len(name) < len("RateLimit") || len(name) > len("X-RateLimit-Reset-After")+8 {
			continue
		}
		name = strings.ToLower(name)
		name = strings.Replace(name, "x-rate-limit", "x-ratelimit", 1)
		for _, v := range values {
			if len(v) > maxHeader {
				continue
			}
			a.read(name, strings.TrimSpace(v), now)
		}
	}
	a.RetryAfter = min(max(a.RetryAfter, 0), most)
	a.Reset = min(max(a.Reset, 0), most)
	return a
}

// maxHeader is the longest value that is looked at.
const maxHeader = 4096

func (a *Advice) read(name, v string, now time.Time) {
	switch name {
	case "retry-after":
		if d, ok := ParseRetryAfter(v, now); ok {
			a.RetryAfter = max(a.RetryAfter, d)
		}
	case "x-ratelimit-retryafter":
		if s, ok := number(v); ok {
			a.RetryAfter = max(a.RetryAfter, untilReset(s, now))
		}
	case "retry-after-ms", "x-ms-retry-after-ms":
		if ms, ok := number(v); ok {
			a.RetryAfter = max(a.RetryAfter, seconds(ms/1000))
		}
	case "ratelimit-limit", "x-ratelimit-limit":
		// Early drafts put policies behind the number: 100, 100;w=60
		v, _, _ = strings.Cut(v, ",")
		v, _, _ = strings.Cut(v, ";")
		a.Limit = least(a.Limit, v)
	case "ratelimit-remaining", "x-ratelimit-remaining":
		a.Remaining = least(a.Remaining, v)
	case "ratelimit-reset", "x-ratelimit-reset-after":
		if s, ok := number(v); ok {
			a.Reset = max(a.Reset, seconds(s))
		}
	case "x-ratelimit-reset":
		if s, ok := number(v); ok {
			a.Reset = max(a.Reset, untilReset(s, now))
		}
	case "ratelimit":
		eachPolicy(v, func(key, value string) {
			switch key {
			case "r":
				a.Remaining = least(a.Remaining, value)
			case "t":
				if s, ok := number(value); ok {
					a.Reset = max(a.Reset, seconds(s))
				}
			}
		})
	case "ratelimit-policy":
		eachPolicy(v, func(key, value string) {
			if key == "q" {
				a.Limit = least(a.Limit, value)
			}
		})
	}
}

// eachPolicy calls f for each parameter of each item of a structured-field list
// (RFC 9651): "name";r=50;t=30, "other";r=1
func eachPolicy(v string, f func(key, value string)) {
	quoted := false
	start := 0
	param := func(p string) {
		if key, value, ok := strings.Cut(p, "="); ok {
			f(strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value))
		}
	}
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ';' || c == ','):
			param(v[start:i])
			start = i + 1
		}
	}
	if !quoted {
		param(v[start:])
	}
}

// untilReset reads a reset in seconds from now or in Unix time.
func untilReset(s float64, now time.Time) time.Duration {
	const epoch = 1e9 // in 2001, and as an interval more than 30 years
	if s < epoch {
		return seconds(s)
	}
	if s >= 1000*epoch {
		s /= 1000
	}
	return seconds(s - float64(now.UnixMilli())/1000)
}

// number reads a number that is neither negative nor infinite.
func number(v string) (float64, bool) {
	n, err := strconv.ParseFloat(v, 64)
	return n, err == nil && n >= 0 && !math.IsInf(n, 0) && strings.Trim(v, "0123456789.") == ""
}

// least is the number in v if it is one and smaller than have, or have is not known.
func least(have int64, v string) int64 {
	n, ok := number(strings.TrimSpace(v))
	if !ok {
		return have
	}
	if n >= 1<<62 {
		n = 1 << 62
	}
	if have < 0 {
		return int64(n)
	}
	return min(have, int64(n))
}

// ParseRetryAfter reads the value of a Retry-After header, seconds or a date in one of
// the three forms of RFC 9110, section 5.6.7. A date that has passed gives 0.
func ParseRetryAfter(v string, now time.Time) (time.Duration, bool) {
	v = strings.TrimSpace(v)
	if s, ok := number(v); ok {
		return seconds(s), true
	}
	for _, layout := range [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC} {
		if t, err := time.Parse(layout, v); err == nil {
			return max(0, t.Sub(now)), true
		}
	}
	return 0, false
}
