package pack

import (
	"bytes"
	"testing"
)

var captureExpressions = []string{
	`user=(\S+)`, `^([^:]+)$`, `Start_time .?([0-9/]+:[0-9:]+)`, `[Dd]enied_by_policy[: ]+.?([^" ]+)`, `(?i)Host: ?([A-Za-z0-9.-]+)`,
	`\b(critical|error)\b`, `->([0-9.]+):[0-9]+\)->`, `a*(a+)b`, `a*?(a+?)b`, `(?:ab|a)(b?c)`, `(a)|(b)`, `x(?:(y))?z`, `é.(.)é`, `K(?i)k(.)s`, `((a)b)`, `a|b(c)`, ` ?( ?)x`,
}

// The short ways find the group that package regexp finds.
func FuzzCapture(f *testing.F) {
	for _, text := range []string{"user=bob x", "aaab", "abc", "abbc", "é1é2é", "xz xyz", "Start_time \"01/02:03:04\" x", "a->1.2.3.4:5)->b", "host: a.b", "an error", "Denied_by_policy: \"p q", "  x", "KKxS", "\xff\xfe"} {
		for i := range captureExpressions {
			f.Add(uint8(i), []byte(text))
		}
	}
	var all []*capture
	short := 0
	for _, e := range captureExpressions {
		c, err := newCapture(e)
		if err != nil {
			f.Fatal(err)
		}
		if c.after >= 0 && (c.before >= 0 || c.parts != nil) {
			short++
		}
		all = append(all, c)
	}
	if short < 10 {
		f.Fatalf("only %d of %d expressions have a short way", short, len(all))
	}
	f.Fuzz(func(t *testing.T, n uint8, b []byte) {
		c := all[int(n)%len(all)]
		got, want := c.find(b), c.slow(b)
		if !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%s in %q: %q, want %q", c.re, b, got, want)
		}
	})
}
