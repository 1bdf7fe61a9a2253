package batch

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// Batch is a number of rows: events, their encoded lines, or both.
//
// It is read-only, and everything in it is valid until Write returns: events and raw
// messages alias buffers that are used again. To keep an event, clone it; to keep a
// line, copy it.
type Batch[T any] struct {
	// Events are the events, in order; nil where every sink of the pipeline reads
	// lines only.
	Events []*T
	// Lines are the encoded events, each with its line feed; empty where the pipeline
	// has no encoder. All sinks share them.
	Lines []byte
	// Ends[i] is the end of row i in Lines.
	Ends []int32
	// Msg[i] is the index in Msgs of the message that row i came from. Both are nil
	// in a batch that did not come from a pipeline.
	Msg  []int32
	Msgs []parse.Message
}

// Len is the number of rows.
func (b *Batch[T]) Len() int { return max(len(b.Events), len(b.Ends)) }

// Line is row i with its line feed, nil if there are no lines.
func (b *Batch[T]) Line(i int) []byte {
	if i >= len(b.Ends) {
		return nil
	}
	var start int32
	if i > 0 {
		start = b.Ends[i-1]
	}
	return b.Lines[start:b.Ends[i]:b.Ends[i]]
}

// Message is the raw message that row i came from, or nil.
func (b *Batch[T]) Message(i int) *parse.Message {
	if i >= len(b.Msg) {
		return nil
	}
	return &b.Msgs[b.Msg[i]]
}

// Select returns a batch of the given rows of b, for a second attempt at a part of it.
// Events and messages are shared with b; lines are copied.
func (b *Batch[T]) Select(rows []int) *Batch[T] {
	s := &Batch[T]{Msgs: b.Msgs}
	for _, i := range rows {
		if b.Events != nil {
			s.Events = append(s.Events, b.Events[i])
		}
		if i < len(b.Ends) {
			s.Lines = append(s.Lines, b.Line(i)...)
			s.Ends = append(s.Ends, int32(len(s.Lines)))
		}
		if i < len(b.Msg) {
			s.Msg = append(s.Msg, b.Msg[i])
		}
	}
	return s
}

// Sink takes batches to their destination.
//
// A nil error means that every row is as safe as this destination can make it: the
// source then forgets them. A [*Partial] names the rows that were not taken; any other
// error means that none was, or that the sink does not know. errcat.Retryable
// decides whether the same rows are written again, so rows may come twice. Write
// returns soon after ctx ends. It must not change b nor keep any part of it.
//
// The pipeline calls Write from one goroutine at a time, not always the same, and does not
// close the sink: whoever made it does, after the pipeline's Run has returned.
type Sink[T any] interface {
	Write(ctx context.Context, b *Batch[T]) error
}

// LinesOnly is an optional interface of a Sink that never reads Events, only Lines.
// Where all sinks of a pipeline are such, events never leave the worker's cache.
type LinesOnly interface{ LinesOnly() }

// ReadsEvents reports whether s may read Events. It looks through sinks that wrap
// another one and have a method Unwrap() Sink[T].
func ReadsEvents[T any](s Sink[T]) bool {
	for s != nil {
		if _, ok := s.(LinesOnly); ok {
			return false
		}
		u, ok := s.(interface{ Unwrap() Sink[T] })
		if !ok {
			return true
		}
		s = u.Unwrap()
	}
	return true
}

// Async is an optional interface of a Sink that knows the outcome of a batch later
// than it needs its memory, such as a Window.
type Async[T any] interface {
	Sink[T]
	// Start takes over b, which is valid until Start returns; Start may block to hold
	// its caller back. done is called exactly once, from any goroutine and perhaps
	// before Start returns, with what Write would have returned. done does not block.
	Start(ctx context.Context, b *Batch[T], done func(error))
}

// Flusher is an optional interface of a Sink that holds rows back. Flush delivers
// them; the pipeline calls it once, after the last batch.
type Flusher interface {
	Flush(ctx context.Context) error
}

// Failure is one row of a batch that a sink did not take.
type Failure struct {
	Row int
	Err error
}

// Partial is the error of a Sink that took some rows and not others. Failed is in
// ascending order of rows, each row once.
type Partial struct{ Failed []Failure }

// Fail adds a row, which must be greater than those before.
func (p *Partial) Fail(row int, err error) { p.Failed = append(p.Failed, Failure{row, err}) }

// Err returns p, or nil if no row failed.
func (p *Partial) Err() error {
	if p == nil || len(p.Failed) == 0 {
		return nil
	}
	return p
}

// Error says how many rows failed, and why the first one did.
func (p *Partial) Error() string {
	if len(p.Failed) == 0 {
		return "batch: no row failed"
	}
	return "batch: " + strconv.Itoa(len(p.Failed)) + " rows not taken, the first: " + p.Failed[0].Err.Error()
}

// Unwrap returns the reasons.
func (p *Partial) Unwrap() []error {
	errs := make([]error, len(p.Failed))
	for i, f := range p.Failed {
		errs[i] = f.Err
	}
	return errs
}

// Failures returns for an error of Write on a batch of n rows which rows failed and
// why: none for nil, those of a Partial, else all of them.
func Failures(err error, n int) []Failure {
	if err == nil {
		return nil
	}
	var p *Partial
	if errors.As(err, &p) {
		ok, last := len(p.Failed) > 0, -1
		for _, f := range p.Failed {
			ok = ok && f.Row > last && f.Row < n && f.Err != nil
			last = f.Row
		}
		if ok {
			return p.Failed
		}
		err = errcat.Newf(errcat.Internal, errcat.StageDeliver, "the sink's Partial is empty, out of order or beyond the %d rows of the batch: %w", n, err)
	}
	all := make([]Failure, n)
	for i := range all {
		all[i] = Failure{i, err}
	}
	return all
}

// SinkFunc is a Sink made of a function.
type SinkFunc[T any] func(ctx context.Context, b *Batch[T]) error

// Write calls f.
func (f SinkFunc[T]) Write(ctx context.Context, b *Batch[T]) error { return f(ctx, b) }

// LinesFunc is a Sink made of a function that gets the lines of a batch, all in one
// slice that is valid during the call, and how many there are.
type LinesFunc[T any] func(ctx context.Context, lines []byte, n int) error

// Write calls f.
func (f LinesFunc[T]) Write(ctx context.Context, b *Batch[T]) error {
	return f(ctx, b.Lines, len(b.Ends))
}

// LinesOnly marks f.
func (LinesFunc[T]) LinesOnly() {}

// Each is a Sink made of a function for one event, which is valid during the call.
// Where f fails the other events of the batch still have their turn.
func Each[T any](f func(ctx context.Context, event *T) error) Sink[T] {
	return SinkFunc[T](func(ctx context.Context, b *Batch[T]) error {
		var p Partial
		for i, e := range b.Events {
			err := f(ctx, e)
			if err == nil {
				continue
			}
			if ctx.Err() != nil {
				for ; i < len(b.Events); i++ {
					p.Fail(i, fmt.Errorf("%w (%w)", ctx.Err(), err))
				}
				break
			}
			p.Fail(i, err)
		}
		return p.Err()
	})
}
