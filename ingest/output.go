package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
)

// cargo is a batch on its way through one sink's queue.
type cargo[E any] interface {
	rows() *batch.Batch[E]
	itemOf(row int) int32
	answerTo() *ack
	size() int
	work() time.Duration // what a worker took to make it, 0 if that is not known
	release()            // the sink no longer reads it
}

// output is one sink with its queue and its goroutine.
type output[E any] struct {
	core     *core
	name     string
	required bool
	drop     atomic.Bool
	queue    *queue[cargo[E]]
	// lost turns rows that the sink did not take into dead letters. It reports false
	// where there is nobody to take those. nil for the sink of dead letters itself.
	lost func(o *output[E], c lostCargo[E], failed []batch.Failure) bool

	pace pace           // whether workers write themselves
	late sync.WaitGroup // batches of an Async sink without answer
	turn sync.Mutex     // held while the sink writes
	took histogram

	mu       sync.Mutex // guards what follows
	writer   *writer[E] // what writes the next batch
	used     *writer[E] // what wrote the last one
	writing  time.Time  // since when a batch is being written; zero: none is
	ctx      context.Context
	counts   SinkStats
	lastErr  error
	errs     map[errcat.Category]error // the first of each category, for Run
	gaveUp   atomic.Bool               // counts are final, see giveUp
	finished atomic.Bool               // run has returned
}

// lostCargo is what a dead letter is made from.
type lostCargo[E any] struct {
	batch *batch.Batch[E]
	items []int32
	ack   *ack
}

// offer hands c to the queue, or settles it where the policy or the end of the
// pipeline says that it will not be written, or writes it at once, see pace. The caller has
// counted c's answer and its reference.
func (o *output[E]) offer(c cargo[E], class uint8) {
	n := int64(c.rows().Len())
	o.mu.Lock()
	o.counts.Offered += n
	o.counts.InFlight += n
	o.mu.Unlock()
	if size := c.size(); o.direct() && o.queue.bypass(int(class), size) {
		o.deliver(c)
		if o.queue.giveWay(int(class), size) {
			o.core.feed.wake()
		}
		c.release()
		return
	}
	if o.queue.push(c, int(class), c.size(), !o.drop.Load()) {
		return
	}
	aborted := o.core.isAborted()
	o.mu.Lock()
	o.counts.InFlight -= n
	if aborted {
		o.counts.Failed += n
	} else {
		o.counts.Dropped += n
	}
	o.mu.Unlock()
	if aborted {
		o.markAll(c, stateFailed, errAborted)
	} else {
		o.markAll(c, stateShed, errQueueFull)
		o.core.log.say(levelWarn, "the queue of a sink is full: batch dropped", o.name, "sink", o.name, "rows", n)
	}
	o.answer(c.answerTo())
	c.release()
}

// standstill is how long the queue of a best-effort sink may stand still before what finds it
// full is dropped: such a sink holds nobody up.
const standstill = time.Second

var errQueueFull = errcat.New(errcat.RateLimited, errcat.StageBatch, "the queue of a sink is full")

// direct reports whether workers write themselves what they can. Never to a sink that must
// hold nobody up, however quick it was so far.
func (o *output[E]) direct() bool { return o.pace.quick() && o.required && !o.drop.Load() }

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
// of the sink's goroutine: Run or Swap starts it, closing the queue stops it, Run waits.
func (o *output[E]) run() {
	for {
		c, class, ok := o.queue.pop()
		if !ok {
			break
		}
		size := c.size()
		o.deliver(c)
		if o.queue.release(class, size) {
			o.core.feed.wake()
		}
		c.release()
	}
	if w := o.current(); !o.core.isAborted() && !o.gaveUp.Load() {
		o.flush(w)
	}
	o.late.Wait()
}

// giveUp ends the account of a sink that has not returned at the end of Run: what it has not
// taken has failed, it gets nothing more, and what it does later changes nothing.
func (o *output[E]) giveUp() {
	if o.finished.Load() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gaveUp.Store(true)
	o.counts.Failed += o.counts.InFlight
	o.counts.InFlight = 0
}

// flush flushes a sink that holds rows back.
func (o *output[E]) flush(w *writer[E]) {
	f, ok := w.sink.(batch.Flusher)
	if !ok {
		return
	}
	if err := o.guard(func() error { return f.Flush(w.ctx) }); err != nil {
		o.note(err, o.required)
	}
}

func (o *output[E]) deliver(c cargo[E]) {
	b := c.rows()
	if o.core.isAborted() || o.gaveUp.Load() {
		o.mu.Lock()
		if !o.gaveUp.Load() {
			o.counts.Failed += int64(b.Len())
			o.counts.InFlight -= int64(b.Len())
		}
		o.mu.Unlock()
		o.markAll(c, stateFailed, errAborted)
		o.answer(c.answerTo())
	} else {
		w := o.current()
		begun := o.begins(w.async == nil)
		if w.async != nil {
			o.start(w, c, begun)
		} else {
			n, size := b.Len(), len(b.Lines)
			err := o.write(w, b)
			o.pace.note(c.work(), o.answered(n, size, begun, err))
			o.settle(w, lostCargo[E]{b, nil, c.answerTo()}, c, n, size, err)
		}
	}
}

// begins counts a batch and notes since when it is being written.
func (o *output[E]) begins(blocks bool) time.Time {
	now := time.Now()
	o.mu.Lock()
	o.counts.Batches++
	if blocks {
		o.writing = now
	}
	o.mu.Unlock()
	return now
}

// write writes b, and again what a sink that was replaced meanwhile did not take.
func (o *output[E]) write(w *writer[E], b *batch.Batch[E]) error {
	o.turn.Lock()
	err := o.guard(func() error { return w.sink.Write(w.ctx, b) })
	o.turn.Unlock()
	if err != nil && w.replaced() {
		err = o.rewrite(b, err)
	}
	return err
}

// start hands c to a sink that answers later. Its memory is free when start returns,
// so what a dead letter would need is copied.
func (o *output[E]) start(w *writer[E], c cargo[E], begun time.Time) {
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
		if err != nil && kept.batch != nil && w.replaced() {
			// Another sink has its turn, which may block: done must not.
			go func() {
				defer o.late.Done()
				err := o.rewrite(kept.batch, err)
				o.answered(n, bytes, begun, err)
				o.settle(w, kept, nil, n, bytes, err)
			}()
			return
		}
		o.answered(n, bytes, begun, err)
		o.settle(w, kept, nil, n, bytes, err)
		o.late.Done()
	}
	o.late.Add(1)
	if err := o.guard(func() error { w.async.Start(w.ctx, b, done); return nil }); err != nil {
		done(err)
	}
}

// answered notes how long the sink took for a batch.
func (o *output[E]) answered(rows, bytes int, begun time.Time, err error) time.Duration {
	took := time.Since(begun)
	o.took.add(took)
	if o.core.observer == nil {
		return took
	}
	queued, _ := o.queue.size()
	r := WriteReport{Sink: o.name, Rows: rows, Bytes: bytes, Took: took, Err: err, Queued: queued}
	o.core.observe(func(ob Observer) { ob.Write(&r) })
	return took
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
func (o *output[E]) settle(w *writer[E], kept lostCargo[E], c cargo[E], n, bytes int, err error) {
	if err == nil {
		o.mu.Lock()
		if !o.gaveUp.Load() {
			o.counts.Rows += int64(n)
			o.counts.Bytes += int64(bytes)
			o.counts.InFlight -= int64(n)
			o.lastErr, o.writing = nil, time.Time{}
		}
		o.mu.Unlock()
		o.answer(kept.ack)
		return
	}
	failed := batch.Failures(err, n)
	for _, f := range failed {
		if c != nil && f.Row < len(c.rows().Ends) {
			bytes -= len(c.rows().Line(f.Row))
		}
	}
	gone, buried := false, 0
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
		} else {
			buried = len(failed)
		}
	}
	o.mu.Lock()
	if !o.gaveUp.Load() {
		o.counts.Rows += int64(n - len(failed))
		o.counts.Failed += int64(len(failed))
		o.counts.DeadLettered += int64(buried)
		o.counts.Bytes += int64(bytes)
		o.counts.InFlight -= int64(n)
		o.writing = time.Time{}
	}
	o.mu.Unlock()
	o.note(err, gone)
	o.answer(kept.ack)
	var partial *batch.Partial
	if w.fatal != nil && !errors.As(err, &partial) {
		w.fatal(err)
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
	o.core.log.say(levelWarn, "a sink did not take a batch", o.name, "sink", o.name, "category", cat.String(), "error", err)
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
	defer o.mu.Unlock()
	s := o.counts
	s.Name, s.Required, s.LastError = o.name, o.required, o.lastErr
	s.Queued, s.QueueBytes, s.Took = queued, bytes, o.took.snapshot()
	return s
}
