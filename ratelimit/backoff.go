package ratelimit

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Backoff computes pauses between attempts: exponential with full jitter, that is a
// random part of a bound that doubles (Brooker, "Exponential Backoff and Jitter",
// AWS Architecture Blog, 2015). Many clients that failed at the same moment spread
// over the whole bound. The zero value works; it has no state.
type Backoff struct {
	// Min is the bound of the first pause, Max that of all. Defaults: 100 ms and 30 s.
	Min, Max time.Duration
	// Jitter returns a number in [0, 1): the part of the bound that is waited. Default:
	// a random one.
	Jitter func() float64
}

// Validate reports options that make no sense. Pauses of such a Backoff are still
// bounded.
func (b Backoff) Validate() error {
	if low, high := b.bounds(); b.Min < 0 || b.Max < 0 || high < low {
		return fmt.Errorf("ratelimit: Backoff{Min: %s, Max: %s}: want no negative number and Min ≤ Max", b.Min, b.Max)
	}
	return nil
}

func (b Backoff) bounds() (low, high time.Duration) {
	low, high = b.Min, b.Max
	if low == 0 {
		low = 100 * time.Millisecond
	}
	if high == 0 {
		high = max(30*time.Second, low)
	}
	return low, high
}

// Bound is the longest pause after the given number of failed attempts, from 1.
func (b Backoff) Bound(failed int) time.Duration {
	low, high := b.bounds()
	for range min(max(failed, 1)-1, 63) {
		if low >= high/2 {
			return high
		}
		low *= 2
	}
	return min(low, high)
}

// Pause is the pause after the given number of failed attempts, from 1. after is what
// the peer asked for, or 0: the pause is never shorter, and the jitter, of the first
// bound, comes on top, so that clients that were told the same time do not return in
// the same moment.
func (b Backoff) Pause(failed int, after time.Duration) time.Duration {
	jitter := b.Jitter
	if jitter == nil {
		jitter = rand.Float64
	}
	part := min(max(jitter(), 0), 1)
	pause := time.Duration(part * float64(b.Bound(failed)))
	if after > 0 {
		pause = max(pause, after+time.Duration(part*float64(b.Bound(1))))
	}
	return pause
}
