package ratelimit

import (
	"container/list"
	"context"
	"fmt"
	"math"
	"sync"
	"time"
)

// Algorithm says how a Concurrency finds its limit.
type Algorithm uint8

const (
	// AIMD adds one for each limit's worth of successes while the limit is in use, and
	// takes a part of it away at an overload.
	AIMD Algorithm = iota
	// Gradient compares recent latencies with the shortest ones and shrinks before
	// requests fail: a destination that queues answers later. (Netflix, "Performance
	// Under Load", 2018.) Every 500 successes it halves the limit for a moment, to see
	// the latency without a queue of its own making. Overload counts as for AIMD.
	Gradient
)

// ConcurrencyOptions are the bounds of a Concurrency. The zero value works.
type ConcurrencyOptions struct {
	Algorithm Algorithm
	// Min, Initial and Max bound the requests under way at once. Defaults: 1, 4, 64.
	Min, Initial, Max int
	// Backoff is what is left of the limit after an overload. Default: 0.7. Between 0
	// and 1. It is applied once for all requests that were under way together.
	Backoff float64
	// Tolerance is by how much latency may exceed the shortest before Gradient
	// shrinks. Default: 1.5. At least 1.
	Tolerance float64
	Clock     Clock
}

// Concurrency bounds the requests under way to one destination by what it turns out
// to bear. Those who wait are served in the order in which they came.
type Concurrency struct {
	opts ConcurrencyOptions

	mu      sync.Mutex
	limit   float64
	flying  int
	waiters list.List  // of chan struct{}, the first to come first
	recent  float64    // smoothed latency in seconds, 0 before the first
	least   [2]float64 // the shortest of the epoch at hand and of the one before
	samples int        // in the epoch at hand
	cut     time.Time  // when the limit was last cut: requests begun before do not cut again
}

// Outcome is how a request ended, for a Concurrency.
type Outcome uint8

const (
	// Success is an answer, whatever it says, of a destination at ease.
	Success Outcome = iota
	// Overload is a sign that there was too much: time-out, 429, 503, no connection.
	Overload
	// Ignore is an end that says nothing about the destination, such as a request
	// that was called off.
	Ignore
)

// NewConcurrency returns a Concurrency at its initial limit.
func NewConcurrency(opts ConcurrencyOptions) (*Concurrency, error) {
	if opts.Min == 0 {
		opts.Min = 1
	}
	if opts.Max == 0 {
		opts.Max = max(64, opts.Min, opts.Initial)
	}
	if opts.Initial == 0 {
		opts.Initial = min(max(4, opts.Min), opts.Max)
	}
	if opts.Backoff == 0 {
		opts.Backoff = 0.7
	}
	if opts.Tolerance == 0 {
		opts.Tolerance = 1.5
	}
	if opts.Algorithm > Gradient || opts.Min < 1 || opts.Initial < opts.Min || opts.Max < opts.Initial ||
		!(opts.Backoff > 0 && opts.Backoff < 1) || !(opts.Tolerance >= 1) || math.IsInf(opts.Tolerance, 0) {
		return nil, fmt.Errorf("ratelimit: ConcurrencyOptions{Algorithm: %d, Min: %d, Initial: %d, Max: %d, Backoff: %v, Tolerance: %v}: want 1 ≤ Min ≤ Initial ≤ Max, 0 < Backoff < 1, Tolerance ≥ 1",
			opts.Algorithm, opts.Min, opts.Initial, opts.Max, opts.Backoff, opts.Tolerance)
	}
	return &Concurrency{opts: opts, limit: float64(opts.Initial)}, nil
}

// TryAcquire begins a request if the limit allows it now. done has to be called once
// with its outcome; later calls do nothing.
func (c *Concurrency) TryAcquire() (done func(Outcome), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiters.Len() > 0 || c.flying >= int(c.limit) {
		return nil, false
	}
	c.flying++
	return c.begin(), true
}

// Acquire waits until the limit allows a request and begins it. done has to be called
// once with its outcome; later calls do nothing. It fails with the cause if ctx ends
// before.
func (c *Concurrency) Acquire(ctx context.Context) (done func(Outcome), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c.mu.Lock()
	if c.waiters.Len() == 0 && c.flying < int(c.limit) {
		c.flying++
		defer c.mu.Unlock()
		return c.begin(), nil
	}
	turn := make(chan struct{})
	e := c.waiters.PushBack(turn)
	c.mu.Unlock()
	select {
	case <-turn:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.begin(), nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-turn: // the turn came together with the end
		c.flying--
		c.admit()
	default:
		c.waiters.Remove(e)
	}
	return nil, context.Cause(ctx)
}

// begin returns the answer of a request that counts as flying. The caller holds mu.
func (c *Concurrency) begin() func(Outcome) {
	start := c.opts.Clock.now()
	var once sync.Once
	return func(o Outcome) { once.Do(func() { c.done(start, o) }) }
}

func (c *Concurrency) done(start time.Time, o Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.opts.Clock.now()
	inUse := 2*c.flying >= int(c.limit) // else success says nothing about more
	c.flying--
	switch o {
	case Overload:
		if !start.Before(c.cut) {
			c.limit *= c.opts.Backoff
			c.cut = now
		}
	case Success:
		if c.opts.Algorithm == Gradient {
			c.gradient(max(now.Sub(start), 0).Seconds(), inUse)
		} else if inUse {
			c.limit += 1 / c.limit
		}
	}
	c.limit = min(max(c.limit, float64(c.opts.Min)), float64(c.opts.Max))
	c.admit()
}

// gradient moves the limit after a success that took so many seconds.
func (c *Concurrency) gradient(took float64, inUse bool) {
	took = max(took, 1e-9)
	if c.recent == 0 {
		c.recent, c.least = took, [2]float64{took, took}
	}
	c.recent += (took - c.recent) / 10
	c.least[0] = min(c.least[0], took)
	if c.samples++; c.samples == epoch {
		c.samples, c.least = 0, [2]float64{took, c.least[0]}
		c.limit /= 2
		return
	}
	if !inUse {
		return
	}
	g := min(max(c.opts.Tolerance*min(c.least[0], c.least[1])/c.recent, 0.5), 1)
	want := g*c.limit + math.Sqrt(c.limit) // room for a queue
	c.limit += (want - c.limit) / (5 * max(c.limit, 1))
}

// epoch is after how many successes the shortest latency is looked for anew.
const epoch = 500

// admit lets those in that there is room for. The caller holds mu.
func (c *Concurrency) admit() {
	for c.waiters.Len() > 0 && c.flying < int(c.limit) {
		c.flying++
		close(c.waiters.Remove(c.waiters.Front()).(chan struct{}))
	}
}

// Limit is how many requests may be under way now.
func (c *Concurrency) Limit() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int(c.limit)
}

// InFlight is how many requests are under way.
func (c *Concurrency) InFlight() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flying
}
