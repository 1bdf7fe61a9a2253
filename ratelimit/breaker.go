package ratelimit

import (
	"fmt"
	"sync"
	"time"
)

// BreakerOptions say when a Breaker opens and closes. The zero value works.
type BreakerOptions struct {
	// Failures opens it: so many in a row. Default: 5.
	Failures int
	// Ratio and Requests open it too: where of at least Requests requests within
	// Window at least this part has failed. Defaults: 0.5, 20 and 10 s.
	Ratio    float64
	Requests int
	Window   time.Duration
	// Open is how long it stays open; it doubles each time that the probes fail, up to
	// MaxOpen. Defaults: 1 s and 1 min. Between half and all of it is waited, as Jitter
	// says.
	Open, MaxOpen time.Duration
	// Probes is how many requests are let through at once, and have to succeed, before
	// it closes again. Default: 1.
	Probes int
	// Jitter returns a number in [0, 1). Default: a random one.
	Jitter func() float64
	// OnChange, if set, is called at each change of state, one call at a time. It must
	// not call the Breaker.
	OnChange func(from, to BreakerState)
	Clock    Clock
}

// BreakerState is the state of a Breaker.
type BreakerState uint8

// Closed lets requests through, Open refuses them, HalfOpen lets some probes through.
const (
	Closed BreakerState = iota
	Open
	HalfOpen
)

// String returns closed, open or half-open.
func (s BreakerState) String() string {
	switch s {
	case Closed:
		return "closed"
	case Open:
		return "open"
	case HalfOpen:
		return "half-open"
	}
	return "invalid"
}

// Breaker is a circuit breaker: after many failures it refuses requests for a while,
// then tries a few.
type Breaker struct {
	opts BreakerOptions

	mu       sync.Mutex
	state    BreakerState
	round    uint64 // counts changes of state: answers to requests of an earlier one do not count
	row      int    // failures in a row
	requests int    // within the window
	failures int
	window   time.Time // when it began
	opened   int       // how often in a row
	until    time.Time // Open ends
	probes   int       // under way
	passed   int       // probes that have succeeded
	granted  time.Time // when the last probe was let through
}

// NewBreaker returns a breaker that is closed.
func NewBreaker(opts BreakerOptions) (*Breaker, error) {
	bad := opts.Failures < 0 || !(opts.Ratio >= 0 && opts.Ratio <= 1) || opts.Requests < 0 || opts.Window < 0 || opts.Open < 0 || opts.MaxOpen < 0 || opts.Probes < 0
	if opts.Failures == 0 {
		opts.Failures = 5
	}
	if opts.Ratio == 0 {
		opts.Ratio = 0.5
	}
	if opts.Requests == 0 {
		opts.Requests = 20
	}
	if opts.Window == 0 {
		opts.Window = 10 * time.Second
	}
	if opts.Open == 0 {
		opts.Open = time.Second
	}
	if opts.MaxOpen == 0 {
		opts.MaxOpen = max(time.Minute, opts.Open)
	}
	if opts.Probes == 0 {
		opts.Probes = 1
	}
	if bad || opts.MaxOpen < opts.Open {
		return nil, fmt.Errorf("ratelimit: BreakerOptions{Failures: %d, Ratio: %v, Requests: %d, Window: %s, Open: %s, MaxOpen: %s, Probes: %d}: want no negative number, Ratio ≤ 1, Open ≤ MaxOpen",
			opts.Failures, opts.Ratio, opts.Requests, opts.Window, opts.Open, opts.MaxOpen, opts.Probes)
	}
	return &Breaker{opts: opts, window: opts.Clock.now()}, nil
}

// Allow asks for one request. Where wait is 0 it may be made, and done has to be
// called once with its outcome (later calls do nothing); else it may be asked for
// again after wait, and done is nil. A probe without an answer for as long as MaxOpen
// is taken as failed.
func (b *Breaker) Allow() (done func(ok bool), wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.opts.Clock.now()
	if b.state == Open {
		if d := b.until.Sub(now); d > 0 {
			return nil, d
		}
		b.change(HalfOpen)
		b.probes, b.passed = 0, 0
	}
	if b.state == HalfOpen {
		if b.probes >= b.opts.Probes {
			if lost := b.opts.MaxOpen - now.Sub(b.granted); lost > 0 {
				return nil, min(lost, b.opts.Open)
			}
			b.open(now)
			return nil, b.until.Sub(now)
		}
		b.probes++
		b.granted = now
	}
	round := b.round
	var once sync.Once
	return func(ok bool) { once.Do(func() { b.answer(round, ok) }) }, 0
}

func (b *Breaker) answer(round uint64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if round != b.round {
		return
	}
	now := b.opts.Clock.now()
	switch {
	case b.state == HalfOpen && !ok:
		b.open(now)
	case b.state == HalfOpen:
		if b.passed++; b.passed == b.opts.Probes {
			b.row, b.requests, b.failures, b.window, b.opened = 0, 0, 0, now, 0
			b.change(Closed)
		}
	default:
		if now.Sub(b.window) > b.opts.Window {
			b.requests, b.failures, b.window = 0, 0, now
		}
		b.requests++
		if ok {
			b.row = 0
			return
		}
		b.row++
		b.failures++
		if b.row >= b.opts.Failures || b.requests >= b.opts.Requests && float64(b.failures) >= b.opts.Ratio*float64(b.requests) {
			b.open(now)
		}
	}
}

func (b *Breaker) open(now time.Time) {
	b.opened++
	backoff := Backoff{Min: b.opts.Open, Max: b.opts.MaxOpen, Jitter: b.opts.Jitter}
	half := backoff.Bound(b.opened) / 2
	b.until = now.Add(half + min(half, backoff.Pause(b.opened, 0)/2))
	b.change(Open)
}

func (b *Breaker) change(to BreakerState) {
	from := b.state
	b.state = to
	b.round++
	if b.opts.OnChange != nil && from != to {
		b.opts.OnChange(from, to)
	}
}

// State returns the state. An open breaker whose time is over is open until somebody
// asks.
func (b *Breaker) State() BreakerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}
