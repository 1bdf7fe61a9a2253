package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/penstock-dev/penstock/ratelimit"
)

// The bucket of ratelimit and that of x/time/rate answer a random history alike.
func TestBucketAgreesWithTimeRate(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range 300 {
		rnd := rand.New(rand.NewPCG(seed, uint64(round)))
		perSecond, burst := 0.1+1000*rnd.Float64(), 1+rnd.IntN(200)
		now := time.Unix(1_700_000_000, 0)
		ours, err := ratelimit.NewBucket(perSecond, float64(burst), ratelimit.Clock{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		theirs := rate.NewLimiter(rate.Limit(perSecond), burst)
		theirs.AllowN(now, 0)
		for step := range 200 {
			now = now.Add(time.Duration(rnd.ExpFloat64() * float64(time.Second) / perSecond * 3))
			n := rnd.IntN(burst + 2)
			have := theirs.TokensAt(now)
			if diff := math.Abs(ours.Tokens() - have); diff > 1e-3 {
				t.Fatalf("round %d, step %d: %v tokens, want %v", round, step, ours.Tokens(), have)
			}
			if math.Abs(have-float64(n)) < 1e-6 {
				continue // decided by the last bit
			}
			if rnd.IntN(2) == 0 {
				if got, want := ours.Allow(float64(n)), theirs.AllowN(now, n); got != want {
					t.Fatalf("round %d, step %d: Allow(%d) = %v with %v tokens, want %v", round, step, n, got, have, want)
				}
				continue
			}
			wait, err := ours.Reserve(float64(n))
			r := theirs.ReserveN(now, n)
			if (err == nil) != r.OK() {
				t.Fatalf("round %d, step %d: Reserve(%d) of a burst of %d: %v, want OK %v", round, step, n, burst, err, r.OK())
			}
			if err == nil && (wait-r.DelayFrom(now)).Abs() > 10*time.Microsecond+time.Duration(1e-9*float64(wait)) {
				t.Fatalf("round %d, step %d: Reserve(%d) waits %s, want %s", round, step, n, wait, r.DelayFrom(now))
			}
		}
	}
}
