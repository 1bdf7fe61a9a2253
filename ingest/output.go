package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
)

// cargo is a batch on its way through one sink's queue.
type cargo[E any] interface {
	rows() *batch.Batch[E]
	itemOf(row int) int32
	answerTo() *ack
	size() int
	release() // the sink no longer reads it
}

// output is one sink with its queue and its goroutine.
type output[E any] struct {
	core     *core
	name     string
	sink     batch.Sink[E]
	async    batch.Async[E] // sink, if it is one
	required bool
	drop     bool
	fatal    func(error) // called for an error that is not to be lived with, or nil
	queue    *queue[cargo[E]]
	// lost turns rows that the sink did not take into dead letters. It reports false
	// where there is nobody to take those. nil for the sink of dead letters itself.
	lost func(o *output[E], c lostCargo[E], failed []batch.Failure) bool

	late    sync.WaitGroup // batches of an Async sink without answer
	rowsN   atomic.Int64
	bytesN  atomic.Int64
	batches atomic.Int64
	failed  atomic.Int64
	dropped atomic.Int64
	retries atomic.Int64

	mu      sync.Mutex
	lastErr error
	errs    map[errcat.Category]error // the first of each category, for Run
}

// lostCargo is what a dead letter is made from.
type lostCargo[E any] struct {
	batch *batch.Batch[E]
	items []int32
	ack   *ack
}

// offer hands c to the queue, or settles it where the policy or the end of the
// pipeline says that it will not be written. The caller has counted c's answer and
// its reference.
func (o *output[E]) offer(c cargo[E]) {
	if o.queue.push(c, c.size(), !o.drop) {
		return
	}
	n := c.rows().Len()
	if o.core.isAborted() {
		o.failed.Add(int64(n))
		o.markAll(c, stateFailed, errAborted)
	} else {
		o.dropped.Add(int64(n))
		o.markAll(c, stateShed, errQueueFull)
		o.core.log.warn("the queue of a sink is full: batch dropped", "sink", o.name, "rows", n)
	}
	o.answer(c.answerTo())
	c.release()
}

var errQueueFull = errcat.New(errcat.RateLimited, errcat.StageBatch, "the queue of a sink is full")

func (o *output[E]) answer(a *ack) {
	if o.required {
		a.answer()
	}
}

func (o *output[E]) markAll(c cargo[E], s state, err error) {
	if !o.required {
		return
	}
	for i := range c.rows().Len() {
		c.answerTo().mark(c.itemOf(i), s, err)
	}
}

// run writes what is in the queue until the queue is closed and empty. It is the body
// of the sink's goroutine: Run starts it, closing the queue stops it, Run waits.
func (o *output[E]) run(ctx context.Context) {
	for {
		c, ok := o.queue.pop()
		if !ok {
			break
		}
		o.deliver(ctx, c)
	}
	if f, ok := o.sink.(batch.Flusher); ok && !o.core.isAborted() {
		if err := o.guard(func() error { return f.Flush(ctx) }); err != nil {
			o.note(err, o.required)
		}
	}
	o.late.Wait()
}

func (o *output[E]) deliver(ctx context.Context, c cargo[E]) {
	bytes := c.size()
	switch {
	case o.core.isAborted():
		o.failed.Add(int64(c.rows().Len()))
		o.markAll(c, stateFailed, errAborted)
		o.answer(c.answerTo())
	case o.async != nil:
		o.batches.Add(1)
		o.start(ctx, c)
	default:
		o.batches.Add(1)
		b := c.rows()
		err := o.guard(func() error { return o.sink.Write(ctx, b) })
		o.settle(lostCargo[E]{b, nil, c.answerTo()}, c, b.Len(), len(b.Lines), err)
	}
	o.queue.release(bytes)
	c.release()
}

// start hands c to a sink that answers later. Its memory is free when start returns,
// so what a dead letter would need is copied.
func (o *output[E]) start(ctx context.Context, c cargo[E]) {
	b := c.rows()
	n, bytes := b.Len(), len(b.Lines)
	kept := lostCargo[E]{ack: c.answerTo()}
	if o.required {
		kept.batch, kept.items = keep(c)
	}
	var answered atomic.Bool
	done := func(err error) {
		if answered.Swap(true) {
			return // the sink broke its contract
		}
		o.settle(kept, nil, n, bytes, err)
		o.late.Done()
	}
	o.late.Add(1)
	if err := o.guard(func() error { o.async.Start(ctx, b, done); return nil }); err != nil {
		done(err)
	}
}

// keep copies the messages and lines of a batch, without its events.
func keep[E any](c cargo[E]) (*batch.Batch[E], []int32) {
	b := c.rows()
	k := &batch.Batch[E]{
		Lines: append([]byte(nil), b.Lines...),
		Ends:  append([]int32(nil), b.Ends...),
		Msg:   append([]int32(nil), b.Msg...),
		Msgs:  append(b.Msgs[:0:0], b.Msgs...),
	}
	n := 0
	for i := range k.Msgs {
		n += len(k.Msgs[i].Raw)
	}
	raw := make([]byte, 0, n)
	for i := range k.Msgs {
		m := &k.Msgs[i]
		start := len(raw)
		raw = append(raw, m.Raw...)
		m.Raw = raw[start:len(raw):len(raw)]
	}
	items := make([]int32, b.Len())
	for i := range items {
		items[i] = c.itemOf(i)
	}
	return k, items
}

// settle notes the outcome of one batch.
func (o *output[E]) settle(kept lostCargo[E], c cargo[E], n, bytes int, err error) {
	if err == nil {
		o.rowsN.Add(int64(n))
		o.bytesN.Add(int64(bytes))
		o.mu.Lock()
		o.lastErr = nil
		o.mu.Unlock()
		o.answer(kept.ack)
		return
	}
	failed := batch.Failures(err, n)
	o.rowsN.Add(int64(n - len(failed)))
	o.failed.Add(int64(len(failed)))
	for _, f := range failed {
		if c != nil && f.Row < len(c.rows().Ends) {
			bytes -= len(c.rows().Line(f.Row))
		}
	}
	o.bytesN.Add(int64(bytes))
	gone := false
	if o.required {
		if kept.items == nil && c != nil {
			kept.items = make([]int32, n)
			for i := range kept.items {
				kept.items[i] = c.itemOf(i)
			}
		}
		gone = o.core.isAborted() || o.lost == nil || !o.lost(o, kept, failed)
		if gone {
			for _, f := range failed {
				kept.ack.mark(kept.items[f.Row], stateFailed, f.Err)
			}
		}
	}
	o.note(err, gone)
	o.answer(kept.ack)
	var partial *batch.Partial
	if o.fatal != nil && !errors.As(err, &partial) {
		o.fatal(err)
	}
}

// guard runs a call into the sink; a panic becomes an error.
func (o *output[E]) guard(call func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			o.core.panicked("sink "+o.name, v)
			err = errcat.Newf(errcat.Internal, errcat.StageDeliver, "panic in sink %s: %v", o.name, v)
		}
	}()
	return call()
}

// note remembers and logs an error of the sink; Run returns it if rows were lost.
func (o *output[E]) note(err error, lost bool) {
	cat := categoryOf(err)
	o.mu.Lock()
	o.lastErr = err
	if lost && o.errs[cat] == nil {
		if o.errs == nil {
			o.errs = map[errcat.Category]error{}
		}
		o.errs[cat] = fmt.Errorf("sink %s: %w", o.name, err)
	}
	o.mu.Unlock()
	o.core.log.warn("a sink did not take a batch", "sink", o.name, "category", cat.String(), "error", err)
}

// firstErrors are what Run reports: the first error of each category.
func (o *output[E]) firstErrors() []error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, c := range errcat.All() {
		if err := o.errs[c]; err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func (o *output[E]) stats() SinkStats {
	queued, bytes := o.queue.size()
	o.mu.Lock()
	last := o.lastErr
	o.mu.Unlock()
	return SinkStats{
		Name: o.name, Required: o.required, Rows: o.rowsN.Load(), Bytes: o.bytesN.Load(), Batches: o.batches.Load(),
		Failed: o.failed.Load(), Dropped: o.dropped.Load(), Retries: o.retries.Load(),
		Queued: queued, QueueBytes: bytes, LastError: last,
	}
}
