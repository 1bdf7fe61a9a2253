package ratelimit

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// BudgetOptions are the bounds of a Budget. The zero value works.
type BudgetOptions struct {
	// Ratio is how many retries each request allows. Default: 0.2.
	Ratio float64
	// PerSecond is how many retries are allowed each second however few requests
	// there are. Default: 1.
	PerSecond float64
	// Burst is how many unused retries are kept. Default: 100.
	Burst float64
	Clock Clock
}

// Budget keeps retries a part of the requests, so that a destination that is down
// or overloaded gets hardly more requests than one that works. It is shared
// by all who talk to one destination.
type Budget struct {
	opts BudgetOptions
	mu   sync.Mutex
	l    level
}

// NewBudget returns a budget that is full.
func NewBudget(opts BudgetOptions) (*Budget, error) {
	if opts.Ratio == 0 {
		opts.Ratio = 0.2
	}
	if opts.PerSecond == 0 {
		opts.PerSecond = 1
	}
	if opts.Burst == 0 {
		opts.Burst = 100
	}
	for _, v := range []float64{opts.Ratio, opts.PerSecond, opts.Burst} {
		if !(v > 0) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("ratelimit: BudgetOptions{Ratio: %v, PerSecond: %v, Burst: %v}: want positive numbers", opts.Ratio, opts.PerSecond, opts.Burst)
		}
	}
	if opts.Burst < 1 {
		return nil, fmt.Errorf("ratelimit: BudgetOptions.Burst is %v: less than one retry", opts.Burst)
	}
	return &Budget{opts: opts, l: full(opts.PerSecond, opts.Burst, opts.Clock.now())}, nil
}

// Request notes a request that is not a retry.
func (b *Budget) Request() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.l.advance(b.opts.Clock.now())
	b.l.tokens = min(b.l.burst, b.l.tokens+b.opts.Ratio)
}

// Retry takes one retry from the budget. It reports false, and takes none, if there
// is none left; then the work is given up or postponed.
func (b *Budget) Retry() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.l.advance(b.opts.Clock.now())
	if b.l.tokens < 1 {
		return false
	}
	b.l.tokens--
	return true
}

// Postpone takes one retry that may be made after the time that it returns. It is for
// those who cannot give up.
func (b *Budget) Postpone() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.l.advance(b.opts.Clock.now())
	b.l.tokens--
	return b.l.wait()
}
