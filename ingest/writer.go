package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
)

// writer is what an output writes with until Swap gives it another sink.
type writer[E any] struct {
	given  batch.Sink[E]
	sink   batch.Sink[E]  // given, with its retries
	async  batch.Async[E] // given, if it is one
	fatal  func(error)    // called for an error that is not to be lived with, or nil
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// errReplaced is the cause of the end of a sink's context after Swap has replaced it.
var errReplaced = errcat.Newf(errcat.Timeout, errcat.StageDeliver, "the sink was replaced before it answered: %w", context.Canceled)

func (w *writer[E]) replaced() bool { return context.Cause(w.ctx) == errReplaced }

// newWriter prepares a sink for o.
func (o *output[E]) newWriter(s batch.Sink[E], timeout time.Duration, retry batch.RetryOptions) (*writer[E], error) {
	w := &writer[E]{given: s, sink: s}
	if a, ok := s.(batch.Async[E]); ok {
		w.async = a
		return w, nil
	}
	told := retry.OnRetry
	retry.OnRetry = func(attempt, rows int, pause time.Duration, err error) {
		o.mu.Lock()
		o.counts.Retries++
		o.lastErr = err
		o.mu.Unlock()
		o.core.log.say(levelWarn, "a sink is tried again", o.name, "sink", o.name, "attempt", attempt, "rows", rows, "pause", pause, "error", err)
		if told != nil {
			_ = o.guard(func() error { told(attempt, rows, pause, err); return nil })
		}
	}
	r, err := batch.NewRetry(guardedSink[E]{s, o, timeout}, retry)
	if err != nil {
		return nil, fmt.Errorf("ingest: the sink %s: %w", o.name, err)
	}
	w.sink = r
	return w, nil
}

// guardedSink bounds the time of each Write, where there is a limit, and makes an error
// of a panic. It stands below the retries: what they know of the rows that were taken
// before must outlive one write among several.
type guardedSink[E any] struct {
	batch.Sink[E]
	output *output[E]
	limit  time.Duration
}

var errSinkTimeout = errcat.Newf(errcat.Timeout, errcat.StageDeliver, "the sink did not answer in time: %w", context.DeadlineExceeded)

func (s guardedSink[E]) Unwrap() batch.Sink[E] { return s.Sink }

func (s guardedSink[E]) Write(ctx context.Context, b *batch.Batch[E]) error {
	return s.output.guard(func() error { return s.write(ctx, b) })
}

func (s guardedSink[E]) write(ctx context.Context, b *batch.Batch[E]) error {
	if s.limit <= 0 {
		return s.Sink.Write(ctx, b)
	}
	limited, cancel := context.WithTimeoutCause(ctx, s.limit, errSinkTimeout)
	defer cancel()
	err := s.Sink.Write(limited, b)
	if err != nil && ctx.Err() == nil && context.Cause(limited) == errSinkTimeout {
		var partial *batch.Partial
		if !errors.As(err, &partial) {
			return fmt.Errorf("%w (%w)", errSinkTimeout, err)
		}
	}
	return err
}

// Flush flushes the sink, if it can.
func (s guardedSink[E]) Flush(ctx context.Context) error {
	if f, ok := s.Sink.(batch.Flusher); ok {
		return f.Flush(ctx)
	}
	return nil
}

// begin gives the output the context that its sinks live in. It is called before run.
func (o *output[E]) begin(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ctx = ctx
	o.writer.ctx, o.writer.cancel = context.WithCancelCause(ctx)
}

// current returns what the next batch is written with, after it has flushed one that
// was replaced. Only the output's goroutine calls it.
func (o *output[E]) current() *writer[E] {
	o.mu.Lock()
	w, last := o.writer, o.used
	o.used = w
	o.mu.Unlock()
	if last != nil && last != w {
		o.flush(last)
		last.cancel(errReplaced)
	}
	return w
}

// leastGrace is what a Write gets at least from the moment in which its sink is replaced,
// however long it has been under way. It bounds what a reload adds to the time for which a
// hanging sink holds its sources back.
const leastGrace = 50 * time.Millisecond

// replace exchanges the sink. What is in the queue goes to the new one; the batch that
// the old one is writing too, if it has not been written grace after its begin.
func (o *output[E]) replace(w *writer[E], grace time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	old := o.writer
	o.writer = w
	if o.ctx == nil {
		return // not begun
	}
	w.ctx, w.cancel = context.WithCancelCause(o.ctx)
	if !o.writing.IsZero() {
		grace = min(grace, max(grace-time.Since(o.writing), leastGrace))
	}
	// The timer holds nothing but the old sink's context.
	time.AfterFunc(grace, func() { old.cancel(errReplaced) })
}

// rewrite writes with the present sink what a replaced one failed to write with err,
// as far as it did not refuse it for good. It reports what failed in the end.
func (o *output[E]) rewrite(b *batch.Batch[E], err error) error {
	var given batch.Partial
	rows := []int(nil) // of b, that part has
	part := b
	for err != nil {
		o.mu.Lock()
		w := o.writer
		o.mu.Unlock()
		var next, local []int
		for _, f := range batch.Failures(err, part.Len()) {
			row := f.Row
			if rows != nil {
				row = rows[row]
			}
			if o.core.isAborted() || !errors.Is(f.Err, context.Canceled) && !errcat.Retryable(f.Err) {
				given.Fail(row, f.Err)
				continue
			}
			next, local = append(next, row), append(local, f.Row)
		}
		if len(next) == 0 {
			break
		}
		if len(local) < part.Len() {
			part = part.Select(local)
		}
		rows = next
		o.mu.Lock()
		o.counts.Retries++
		o.mu.Unlock()
		o.turn.Lock()
		err = o.guard(func() error { return w.sink.Write(w.ctx, part) })
		o.turn.Unlock()
		if err != nil && !w.replaced() {
			for _, f := range batch.Failures(err, part.Len()) {
				given.Fail(rows[f.Row], f.Err)
			}
			break
		}
	}
	slices.SortFunc(given.Failed, func(a, b batch.Failure) int { return a.Row - b.Row })
	return given.Err()
}
