package spool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/diskqueue"
	"github.com/penstock-dev/penstock/parse"
)

// Sink is a sink that writes lines to disk, and from there to another sink.
type Sink[T any] struct {
	opts  Options
	log   logger
	queue *diskqueue.Queue
	retry *batch.Retry[T]
	dead  *batch.Retry[ingest.DeadLetter]

	stop   context.CancelCauseFunc
	ended  chan struct{}
	pool   sync.Pool // of *[]byte, for entries
	closed sync.Once
	err    error // of Close

	delivered, rejected, failed, retries atomic.Int64

	mu      sync.Mutex
	lastErr error
}

// SinkStats are the counts of a Sink since it was opened.
type SinkStats struct {
	// Stats is the state of the files; Stats.Entries is how many rows wait.
	Stats
	// Delivered counts rows that the destination took, Rejected those that it did not
	// and that are dead letters, Failed those that are lost because nobody takes dead
	// letters, or they were refused too. Retries counts pauses.
	Delivered, Rejected, Failed, Retries int64
	// LastError is why the last batch was not taken, nil after one that was.
	LastError error
}

// NewSink opens a spool in front of sink, which must read lines only, and begins to
// deliver what is in it.
func NewSink[T any](sink batch.Sink[T], opts Options) (*Sink[T], error) {
	if sink == nil {
		return nil, errors.New("spool: NewSink without a sink")
	}
	if batch.ReadsEvents(sink) {
		return nil, errors.New("spool: NewSink in front of a sink that is not LinesOnly: events cannot be stored, lines can")
	}
	if err := opts.prepare(); err != nil {
		return nil, err
	}
	s := &Sink[T]{opts: opts, log: logger{to: opts.Logger}, ended: make(chan struct{})}
	s.pool.New = func() any { return new([]byte) }
	retry := opts.Retry
	retry.OnRetry = func(attempt, rows int, pause time.Duration, err error) {
		s.retries.Add(1)
		s.note(err)
		if opts.Retry.OnRetry != nil {
			opts.Retry.OnRetry(attempt, rows, pause, err)
		}
	}
	var err error
	if s.retry, err = batch.NewRetry(contained[T]{sink}, retry); err != nil {
		return nil, err
	}
	if opts.DeadLetters != nil {
		if s.dead, err = batch.NewRetry(contained[ingest.DeadLetter]{opts.DeadLetters}, batch.RetryOptions{}); err != nil {
			return nil, err
		}
	}
	if s.queue, err = opts.open(&s.log); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(context.Background())
	s.stop = stop
	// Started here, stopped by Close, which waits for it.
	go s.drain(ctx)
	return s, nil
}

// contained makes an error of a panic: the spool's own goroutine must survive it.
type contained[T any] struct{ batch.Sink[T] }

func (c contained[T]) Write(ctx context.Context, b *batch.Batch[T]) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errcat.Newf(errcat.Internal, errcat.StageDeliver, "panic in the sink behind a spool: %v", v)
		}
	}()
	return c.Sink.Write(ctx, b)
}

// LinesOnly marks the sink.
func (*Sink[T]) LinesOnly() {}

// Write stores the lines of b and returns when they are as durable as Options.Sync
// says. A *batch.Partial names rows that do not fit into a segment (OVERSIZE) and those
// that the policy DropNew refuses. After any other error, a failure of the disk, the
// same rows may be written again, and then may come twice.
func (s *Sink[T]) Write(ctx context.Context, b *batch.Batch[T]) error {
	scratch := s.pool.Get().(*[]byte)
	defer s.pool.Put(scratch)
	var p batch.Partial
	for start := 0; start < len(b.Ends); {
		taken, err := s.queue.Append(ctx, len(b.Ends)-start, func(i int) []byte {
			e := entry{kind: kindLine, line: b.Line(start + i)}
			if s.opts.KeepRaw {
				if m := b.Message(start + i); m != nil {
					e.kind, e.msg = kindRow, *m
				}
			}
			*scratch = appendEntry((*scratch)[:0], &e)
			return *scratch
		})
		start += taken
		switch {
		case err == nil:
		case errors.Is(err, ErrTooLarge):
			p.Fail(start, err)
			start++
		case start == 0:
			return err
		default:
			for ; start < len(b.Ends); start++ {
				p.Fail(start, err)
			}
		}
	}
	if cap(*scratch) > 1<<20 {
		*scratch = nil
	}
	return p.Err()
}

// Flush makes what was written durable, whatever Options.Sync says. It does not wait
// for delivery: see Drain.
func (s *Sink[T]) Flush(context.Context) error { return s.queue.Flush() }

// Drain waits until everything that was written has been delivered, or ctx ends.
func (s *Sink[T]) Drain(ctx context.Context) error { return s.queue.Drained(ctx) }

var errClosed = errcat.New(errcat.Internal, errcat.StageDeliver, "the spool is closed")

// Close stops delivering, waits for the batch at hand to be taken back, and closes the
// files: what was not delivered stays there for the next time. The destination is not
// closed. A second Close does nothing.
func (s *Sink[T]) Close() error {
	s.closed.Do(func() {
		s.stop(errClosed)
		<-s.ended
		s.err = s.queue.Close()
	})
	return s.err
}

// Stats returns the counts.
func (s *Sink[T]) Stats() SinkStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return SinkStats{s.queue.Stats(), s.delivered.Load(), s.rejected.Load(), s.failed.Load(), s.retries.Load(), s.lastErr}
}

func (s *Sink[T]) note(err error) {
	s.mu.Lock()
	s.lastErr = err
	s.mu.Unlock()
	if err != nil {
		s.log.warn("deliver", "a spooled sink did not take a batch", "dir", s.opts.Dir, "category", errcat.Of(err).String(), "error", err)
	}
}

// pause is how long the spool's goroutine leaves a failing disk alone.
const pause = time.Second

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// drain delivers until ctx ends.
func (s *Sink[T]) drain(ctx context.Context) {
	defer close(s.ended)
	var in diskqueue.Batch
	var out outgoing[T]
	for ctx.Err() == nil {
		if err := s.queue.Read(ctx, &in, s.opts.BatchRows, s.opts.BatchBytes); err != nil {
			if ctx.Err() == nil {
				s.log.warn("read", "a spool cannot be read", "dir", s.opts.Dir, "error", err)
				wait(ctx, pause)
			}
			continue
		}
		if !s.deliver(ctx, &in, &out) {
			return // called off: it is read again next time
		}
		if err := s.queue.Commit(in.Next); err != nil && ctx.Err() == nil {
			s.log.warn("commit", "the position of a spool cannot be stored: rows may come twice after a crash", "dir", s.opts.Dir, "error", err)
		}
	}
}

// outgoing is the batch that is delivered.
type outgoing[T any] struct {
	batch   batch.Batch[T]
	origins origins
	strange []int // entries that are no rows
}

// fill makes a batch of what was read.
func (o *outgoing[T]) fill(in *diskqueue.Batch) {
	b := &o.batch
	b.Lines, b.Ends, b.Msg, b.Msgs = b.Lines[:0], b.Ends[:0], b.Msg[:0], b.Msgs[:0]
	o.strange = o.strange[:0]
	for i := range in.Len() {
		var e entry
		if err := e.parse(in.Entry(i)); err != nil || e.kind != kindLine && e.kind != kindRow {
			o.strange = append(o.strange, i)
			continue
		}
		if e.kind == kindRow {
			e.msg.Origin = o.origins.of(e.origin)
		}
		b.Lines = append(b.Lines, e.line...)
		b.Ends = append(b.Ends, int32(len(b.Lines)))
		b.Msg = append(b.Msg, int32(len(b.Msgs)))
		b.Msgs = append(b.Msgs, e.msg)
	}
}

// deliver writes one batch. It reports false if it was called off before every row had
// its end.
func (s *Sink[T]) deliver(ctx context.Context, in *diskqueue.Batch, out *outgoing[T]) bool {
	out.fill(in)
	var letters []ingest.DeadLetter
	for _, i := range out.strange {
		letters = append(letters, ingest.DeadLetter{Raw: in.Entry(i), Err: errEntry})
	}
	b := &out.batch
	if b.Len() > 0 {
		err := s.retry.Write(ctx, b)
		if err != nil && ctx.Err() != nil {
			return false
		}
		failed := batch.Failures(err, b.Len())
		s.delivered.Add(int64(b.Len() - len(failed)))
		s.note(err)
		for _, f := range failed {
			letters = append(letters, letterOf(b.Line(f.Row), &b.Msgs[b.Msg[f.Row]], f.Err))
		}
	}
	if len(letters) == 0 {
		return true
	}
	return s.bury(ctx, letters)
}

// letterOf is the dead letter of a row that was not taken.
func letterOf(line []byte, m *parse.Message, err error) ingest.DeadLetter {
	d := ingest.DeadLetter{Raw: line, Err: err, Partial: line}
	if n := len(line); n > 0 && line[n-1] == '\n' {
		d.Partial = line[:n-1]
		d.Raw = d.Partial
	}
	if m.Raw != nil {
		d.Raw, d.Offset, d.Origin, d.Received = m.Raw, m.Offset, m.Origin, m.Received
	}
	return d
}

// bury hands dead letters on; false means that it was called off.
func (s *Sink[T]) bury(ctx context.Context, letters []ingest.DeadLetter) bool {
	if s.dead == nil {
		s.failed.Add(int64(len(letters)))
		return true
	}
	var b batch.Batch[ingest.DeadLetter]
	for i := range letters {
		d := &letters[i]
		d.Length, d.Category, d.Stage, d.Component = int64(len(d.Raw)), errcat.Of(d.Err), errcat.StageDeliver, "spool "+s.opts.Dir
		if d.Origin != nil {
			d.Source = d.Origin.Source
		}
		b.Events = append(b.Events, d)
		b.Lines = append(d.AppendJSON(b.Lines), '\n')
		b.Ends = append(b.Ends, int32(len(b.Lines)))
	}
	err := s.dead.Write(ctx, &b)
	if err != nil && ctx.Err() != nil {
		return false
	}
	failed := len(batch.Failures(err, len(letters)))
	s.rejected.Add(int64(len(letters) - failed))
	s.failed.Add(int64(failed))
	if err != nil {
		s.log.warn("bury", "dead letters were not taken", "dir", s.opts.Dir, "rows", failed, "error", fmt.Sprint(err))
	}
	return true
}
