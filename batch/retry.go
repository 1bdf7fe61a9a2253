package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ratelimit"
)

// RetryOptions say how a Retry tries again. The zero value works.
type RetryOptions struct {
	// Attempts is how often a row is written at most, the first time included.
	// 0 means: until the context ends. 1 means never again. The writes of the search for
	// Poison do not count.
	Attempts int
	// MinDelay bounds the pause before the second attempt; the bound doubles up to
	// MaxDelay. Defaults: 100 ms and 30 s. The pause is a random part of its bound
	// (full jitter, see ratelimit.Backoff). An error with a method
	// RetryAfter() time.Duration makes it longer, by up to MaxRetryAfter.
	MinDelay, MaxDelay time.Duration
	// MaxRetryAfter is the longest RetryAfter that is honoured. Default: 1 hour.
	MaxRetryAfter time.Duration
	// Jitter returns a number in [0, 1): the part of the bound that is waited. nil
	// means a random one.
	Jitter func() float64
	// Budget, if set, keeps retries a part of the writes, together with all others who
	// share it: where it is used up the pause is longer. Nothing is given up for it.
	Budget *ratelimit.Budget
	// Breaker, if set, stands before every write, the first included, and is told the
	// outcome: while it is open Write waits. A retryable error that is not a *Partial
	// is a failure; whatever else the sink says is the answer of one that works.
	Breaker *ratelimit.Breaker
	// Poison is how many rows of one batch are looked for when the sink refuses the
	// batch as a whole because of what is in it (SINK_REJECTED, OVERSIZE and the like):
	// parts of it are written until these rows are known and all others are taken. For
	// one row among n that takes at most log2 n + 2 writes. Default: 8. Negative: the
	// whole batch is given up.
	Poison int
	// Clock is what the pauses run on. The zero value is the real one.
	Clock ratelimit.Clock
	// OnRetry, if set, is called before each pause.
	OnRetry func(attempt, rows int, pause time.Duration, err error)
}

// Retry is a Sink that writes again what another Sink did not take, where
// errcat.Retryable allows it: after a Partial only the failed rows. Of a batch that is
// refused as a whole it finds the rows that are to blame. It holds its caller back
// meanwhile.
//
// A panic of the wrapped sink passes through Write, and with it goes what is known of the
// rows that were taken before: wrap a sink that may panic in one that makes an error of
// it, as the outputs of a pipeline and the spool do.
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
	if opts.MaxRetryAfter == 0 {
		opts.MaxRetryAfter = time.Hour
	}
	if opts.Poison == 0 {
		opts.Poison = defaultPoison
	}
	if opts.Attempts < 0 || opts.MinDelay < 0 || opts.MaxDelay < opts.MinDelay || opts.MaxRetryAfter < 0 {
		return nil, fmt.Errorf("batch: RetryOptions{Attempts: %d, MinDelay: %s, MaxDelay: %s, MaxRetryAfter: %s}: want no negative number and MinDelay ≤ MaxDelay",
			opts.Attempts, opts.MinDelay, opts.MaxDelay, opts.MaxRetryAfter)
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
	if r.opts.Budget != nil {
		r.opts.Budget.Request()
	}
	err := r.once(ctx, b)
	if err == nil || r.opts.Attempts == 1 && !r.splits(b, err) {
		return err
	}
	return r.again(ctx, b, err)
}

// once writes b when the breaker allows it.
func (r *Retry[T]) once(ctx context.Context, b *Batch[T]) error {
	breaker := r.opts.Breaker
	if breaker == nil {
		return r.sink.Write(ctx, b)
	}
	for {
		done, wait := breaker.Allow()
		if done == nil {
			if err := r.opts.Clock.Pause(ctx, wait); err != nil {
				return fmt.Errorf("%w while waiting for a destination that keeps failing", err)
			}
			continue
		}
		ok := false // a panic is a failure too
		defer func() { done(ok) }()
		err := r.sink.Write(ctx, b)
		var partial *Partial
		ok = err == nil || errors.As(err, &partial) || !errcat.Retryable(err)
		return err
	}
}

// again is Write after the first attempt failed with err.
func (r *Retry[T]) again(ctx context.Context, b *Batch[T], err error) error {
	var given Partial  // rows that are given up, by their place in b
	part := b          // what is still to be written
	rows := []int(nil) // part's rows in b; nil means the same
	backoff := ratelimit.Backoff{Min: r.opts.MinDelay, Max: r.opts.MaxDelay, Jitter: r.opts.Jitter}
	at := func(i int) int {
		if rows == nil {
			return i
		}
		return rows[i]
	}
	for attempt := 1; err != nil; attempt++ {
		if r.splits(part, err) {
			if err = r.bisect(ctx, part, err); err == nil {
				break
			}
		}
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
		pause := backoff.Pause(attempt, r.after(last))
		if r.opts.Budget != nil {
			pause = max(pause, r.opts.Budget.Postpone())
		}
		if r.opts.OnRetry != nil {
			r.opts.OnRetry(attempt, len(next), pause, last)
		}
		if cause := r.opts.Clock.Pause(ctx, pause); cause != nil {
			for _, row := range next {
				given.Fail(row, fmt.Errorf("%w while waiting to write again after: %w", cause, last))
			}
			return given.sorted()
		}
		if len(local) < part.Len() {
			part, rows = part.Select(local), next
		}
		err = r.once(ctx, part)
	}
	return given.sorted()
}

// splits reports whether the rows are to be found for which b was refused with err.
func (r *Retry[T]) splits(b *Batch[T], err error) bool {
	return r.opts.Poison > 0 && b.Len() > 1 && refused(err)
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

// after is the pause that an error asks for, 0 if none.
func (r *Retry[T]) after(err error) time.Duration {
	var after interface{ RetryAfter() time.Duration }
	if !errors.As(err, &after) {
		return 0
	}
	return min(max(after.RetryAfter(), 0), r.opts.MaxRetryAfter)
}
