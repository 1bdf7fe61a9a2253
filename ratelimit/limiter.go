package ratelimit

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"
)

// LimiterOptions are the limits of a Limiter. A rate of zero means no limit of that
// kind; one of the two is needed.
type LimiterOptions struct {
	// EventsPerSecond is the lasting rate of events, EventBurst how many may pass at
	// once. Default burst: one second's worth, at least 1.
	EventsPerSecond float64
	EventBurst      float64
	// BytesPerSecond and ByteBurst are the same in bytes. Default burst: one second's
	// worth, at least 1 MiB, so that one large message passes.
	BytesPerSecond float64
	ByteBurst      float64
	Clock          Clock
}

func (o *LimiterOptions) prepare() error {
	for _, v := range []struct {
		name  string
		value float64
	}{{"EventsPerSecond", o.EventsPerSecond}, {"EventBurst", o.EventBurst}, {"BytesPerSecond", o.BytesPerSecond}, {"ByteBurst", o.ByteBurst}} {
		if !(v.value >= 0) || math.IsInf(v.value, 0) {
			return fmt.Errorf("ratelimit: %s is %v: want 0 or a positive number", v.name, v.value)
		}
	}
	if o.EventsPerSecond == 0 && o.BytesPerSecond == 0 {
		return fmt.Errorf("ratelimit: neither EventsPerSecond nor BytesPerSecond is set")
	}
	if o.EventBurst == 0 {
		o.EventBurst = max(1, o.EventsPerSecond)
	}
	if o.ByteBurst == 0 {
		o.ByteBurst = max(1<<20, o.BytesPerSecond)
	}
	return nil
}

// Limiter limits events and bytes together: what passes has passed both.
type Limiter struct {
	opts LimiterOptions
	mu   sync.Mutex
	pair pair
}

// pair is a level of events and one of bytes; a rate of zero does not limit.
type pair struct{ events, bytes level }

func (o *LimiterOptions) pair(now time.Time) pair {
	return pair{full(o.EventsPerSecond, o.EventBurst, now), full(o.BytesPerSecond, o.ByteBurst, now)}
}

// NewLimiter returns a limiter that lets a burst pass at once.
func NewLimiter(opts LimiterOptions) (*Limiter, error) {
	if err := opts.prepare(); err != nil {
		return nil, err
	}
	return &Limiter{opts: opts, pair: opts.pair(opts.Clock.now())}, nil
}

func (p *pair) advance(now time.Time) { p.events.advance(now); p.bytes.advance(now) }

// has reports whether the tokens are there, with reserve left over, as a part of the
// burst.
func (p *pair) has(events, bytes int, reserve float64) bool {
	return (p.events.rate == 0 || p.events.tokens-reserve*p.events.burst >= float64(events)) &&
		(p.bytes.rate == 0 || p.bytes.tokens-reserve*p.bytes.burst >= float64(bytes))
}

func (p *pair) take(events, bytes int) {
	p.events.tokens -= float64(max(events, 0))
	p.bytes.tokens -= float64(max(bytes, 0))
}

func (p *pair) giveBack(events, bytes int) {
	p.events.tokens = min(p.events.burst, p.events.tokens+float64(max(events, 0)))
	p.bytes.tokens = min(p.bytes.burst, p.bytes.tokens+float64(max(bytes, 0)))
}

// fits reports whether it can ever pass.
func (p *pair) fits(events, bytes int) bool {
	return (p.events.rate == 0 || float64(events) <= p.events.burst) && (p.bytes.rate == 0 || float64(bytes) <= p.bytes.burst)
}

func (p *pair) wait() (d time.Duration) {
	if p.events.rate != 0 {
		d = p.events.wait()
	}
	if p.bytes.rate != 0 {
		d = max(d, p.bytes.wait())
	}
	return d
}

func (p *pair) full() bool {
	return (p.events.rate == 0 || p.events.tokens >= p.events.burst) && (p.bytes.rate == 0 || p.bytes.tokens >= p.bytes.burst)
}

// Allow lets events of so many bytes in all pass if both limits allow it now; if not,
// nothing is taken.
func (l *Limiter) Allow(events, bytes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pair.advance(l.opts.Clock.now())
	if !l.pair.has(events, bytes, 0) {
		return false
	}
	l.pair.take(events, bytes)
	return true
}

// Reserve takes the tokens and returns after which time the events may pass. It fails
// with OVERSIZE, and takes none, where they are more than a burst.
func (l *Limiter) Reserve(events, bytes int) (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.pair.fits(events, bytes) {
		return 0, errOverBurst
	}
	l.pair.advance(l.opts.Clock.now())
	l.pair.take(events, bytes)
	return l.pair.wait(), nil
}

// GiveBack returns the tokens of a reservation that is not used.
func (l *Limiter) GiveBack(events, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pair.advance(l.opts.Clock.now())
	l.pair.giveBack(events, bytes)
}

// Wait returns when the events may pass. Its errors are those of Bucket.Wait.
func (l *Limiter) Wait(ctx context.Context, events, bytes int) error {
	d, err := l.Reserve(events, bytes)
	if err != nil || d == 0 {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(l.opts.Clock.now()) < d {
		l.GiveBack(events, bytes)
		return errDeadline
	}
	if err := l.opts.Clock.Pause(ctx, d); err != nil {
		l.GiveBack(events, bytes)
		return err
	}
	return nil
}
