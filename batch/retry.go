package batch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// RetryOptions say how a Retry tries again. The zero value works.
type RetryOptions struct {
	// Attempts is how often a row is written at most, the first time included.
	// 0 means: until the context ends. 1 means never again.
	Attempts int
	// MinDelay is the pause before the second attempt; it doubles up to MaxDelay.
	// Defaults: 100 ms and 30 s. An error with a method RetryAfter() time.Duration
	// makes the pause longer.
	MinDelay, MaxDelay time.Duration
	// Jitter returns a number in [0, 1): the pause is between half and all of the
	// computed one. nil means a random one.
	Jitter func() float64
	// OnRetry, if set, is called before each pause.
	OnRetry func(attempt, rows int, pause time.Duration, err error)
}

// Retry is a Sink that writes again what another Sink did not take, where
// errcat.Retryable allows it: after a Partial only the failed rows. It holds its
// caller back meanwhile.
type Retry[T any] struct {
	sink Sink[T]
	opts RetryOptions
}

// NewRetry wraps sink. It fails for options that make no sense.
func NewRetry[T any](sink Sink[T], opts RetryOptions) (*Retry[T], error) {
	if sink == nil {
		return nil, errors.New("batch: NewRetry without a sink")
	}
	if opts.MinDelay == 0 {
		opts.MinDelay = 100 * time.Millisecond
	}
	if opts.MaxDelay == 0 {
		opts.MaxDelay = max(30*time.Second, opts.MinDelay)
	}
	if opts.Attempts < 0 || opts.MinDelay < 0 || opts.MaxDelay < opts.MinDelay {
		return nil, fmt.Errorf("batch: RetryOptions{Attempts: %d, MinDelay: %s, MaxDelay: %s}: want no negative number and MinDelay ≤ MaxDelay",
			opts.Attempts, opts.MinDelay, opts.MaxDelay)
	}
	if opts.Jitter == nil {
		opts.Jitter = rand.Float64
	}
	return &Retry[T]{sink, opts}, nil
}

// Unwrap returns the wrapped sink.
func (r *Retry[T]) Unwrap() Sink[T] { return r.sink }

// Flush flushes the wrapped sink, if it can.
func (r *Retry[T]) Flush(ctx context.Context) error {
	if f, ok := r.sink.(Flusher); ok {
		return f.Flush(ctx)
	}
	return nil
}

// Write writes b, and again what may be written again.
func (r *Retry[T]) Write(ctx context.Context, b *Batch[T]) error {
	err := r.sink.Write(ctx, b)
	if err == nil || r.opts.Attempts == 1 {
		return err
	}
	return r.again(ctx, b, err)
}

// again is Write after the first attempt failed with err.
func (r *Retry[T]) again(ctx context.Context, b *Batch[T], err error) error {
	var given Partial  // rows that are given up, by their place in b
	part := b          // what is still to be written
	rows := []int(nil) // part's rows in b; nil means the same
	delay := r.opts.MinDelay
	at := func(i int) int {
		if rows == nil {
			return i
		}
		return rows[i]
	}
	for attempt := 1; err != nil; attempt++ {
		var next, local []int
		var last error
		failed := Failures(err, part.Len())
		for _, f := range failed {
			if !retryable(ctx, f.Err) || r.opts.Attempts > 0 && attempt >= r.opts.Attempts {
				given.Fail(at(f.Row), f.Err)
				continue
			}
			next, local, last = append(next, at(f.Row)), append(local, f.Row), f.Err
		}
		if len(next) == 0 {
			if len(given.Failed) == b.Len() && rows == nil {
				return err // as the sink said it
			}
			return given.sorted()
		}
		pause := delay/2 + time.Duration(float64(delay/2)*r.opts.Jitter())
		var after interface{ RetryAfter() time.Duration }
		if errors.As(last, &after) {
			pause = max(pause, after.RetryAfter())
		}
		if r.opts.OnRetry != nil {
			r.opts.OnRetry(attempt, len(next), pause, last)
		}
		if !sleep(ctx, pause) {
			for _, row := range next {
				given.Fail(row, fmt.Errorf("%w while waiting to write again after: %w", context.Cause(ctx), last))
			}
			return given.sorted()
		}
		delay = min(2*delay, r.opts.MaxDelay)
		if len(local) < part.Len() {
			part, rows = part.Select(local), next
		}
		err = r.sink.Write(ctx, part)
	}
	return given.sorted()
}

func (p *Partial) sorted() error {
	slices.SortFunc(p.Failed, func(a, b Failure) int { return a.Row - b.Row })
	return p.Err()
}

// retryable reports whether a row that failed with err may be written again while ctx
// lasts.
func retryable(ctx context.Context, err error) bool {
	return ctx.Err() == nil && errcat.Retryable(err)
}

// sleep waits for d on the monotonic clock; it reports false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
