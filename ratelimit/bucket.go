package ratelimit

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// Bucket is a token bucket: it holds up to Burst tokens and gets PerSecond new ones
// each second, also in fractions. It starts full.
//
// A reservation may take more than there is: the bucket goes into debt and whoever
// reserved waits until it is paid. So waiters are served in the order in which they
// came, and none starves.
type Bucket struct {
	clock Clock
	mu    sync.Mutex
	level level
}

// level is a bucket without lock and clock.
type level struct {
	rate, burst float64
	tokens      float64 // at last; negative is debt
	last        time.Time
}

// NewBucket returns a bucket that is full. perSecond and burst are positive, numbers
// of whatever is counted; burst is the most that can be taken at once.
func NewBucket(perSecond, burst float64, clock Clock) (*Bucket, error) {
	if !(perSecond > 0) || !(burst > 0) || math.IsInf(perSecond, 0) || math.IsInf(burst, 0) {
		return nil, fmt.Errorf("ratelimit: a bucket of %v tokens a second and a burst of %v: want positive numbers", perSecond, burst)
	}
	return &Bucket{clock: clock, level: full(perSecond, burst, clock.now())}, nil
}

func full(rate, burst float64, now time.Time) level { return level{rate, burst, burst, now} }

// advance adds what has come in since. A clock that goes back stands still.
func (l *level) advance(now time.Time) {
	if d := now.Sub(l.last); d > 0 {
		l.tokens = min(l.burst, l.tokens+d.Seconds()*l.rate)
		l.last = now
	}
}

// setRate changes the rate from now on.
func (l *level) setRate(now time.Time, rate, burst float64) {
	l.advance(now)
	l.rate, l.burst = rate, burst
	l.tokens = min(l.tokens, burst)
}

// wait is how long until the debt is paid.
func (l *level) wait() time.Duration {
	if l.tokens >= 0 {
		return 0
	}
	// Rounded up: a waiter that wakes too early would find a debt left.
	return seconds(-l.tokens/l.rate) + time.Nanosecond
}

// Allow takes n tokens if there are as many now, else none.
func (b *Bucket) Allow(n float64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.level.advance(b.clock.now())
	if !(n <= b.level.tokens) {
		return false
	}
	b.level.tokens -= max(n, 0)
	return true
}

// Reserve takes n tokens and returns after which time they may be used. It fails if n
// is more than the burst, which would never be there.
func (b *Bucket) Reserve(n float64) (time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !(n <= b.level.burst) {
		return 0, errOverBurst
	}
	b.level.advance(b.clock.now())
	b.level.tokens -= max(n, 0)
	return b.level.wait(), nil
}

// GiveBack returns n tokens of a reservation that is not used. Who reserved behind it
// still waits as long as was said.
func (b *Bucket) GiveBack(n float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.level.advance(b.clock.now())
	b.level.tokens = min(b.level.burst, b.level.tokens+max(n, 0))
}

// Wait takes n tokens when they are there. It fails at once, and takes none, if n is
// more than the burst (OVERSIZE), or ctx has a deadline before that time (TIMEOUT);
// or with the cause if ctx ends while it waits, and then gives the tokens back.
func (b *Bucket) Wait(ctx context.Context, n float64) error {
	d, err := b.Reserve(n)
	if err != nil {
		return err
	}
	if d == 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(b.clock.now()) < d {
		b.GiveBack(n)
		return errDeadline
	}
	if err := b.clock.Pause(ctx, d); err != nil {
		b.GiveBack(n)
		return err
	}
	return nil
}

// Tokens is how many tokens there are; negative while there is debt.
func (b *Bucket) Tokens() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.level.advance(b.clock.now())
	return b.level.tokens
}

// SetRate changes rate and burst from now on, as when a server has named its limit.
// Numbers that NewBucket would refuse are an error and change nothing.
func (b *Bucket) SetRate(perSecond, burst float64) error {
	if _, err := NewBucket(perSecond, burst, b.clock); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.level.setRate(b.clock.now(), perSecond, burst)
	return nil
}

var (
	errOverBurst = errcat.New(errcat.Oversize, errcat.StageBuffer, "ratelimit: more at once than the burst allows: it could never pass")
	errDeadline  = errcat.New(errcat.Timeout, errcat.StageBuffer, "ratelimit: the context ends before the rate allows this")
)
