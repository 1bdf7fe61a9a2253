package evtx

import (
	"context"
	"errors"
	"sync"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
	kernel "github.com/penstock-dev/penstock/parse/kernel/evtx"
)

func errcatAs(err error, to **errcat.Error) bool { return errors.As(err, to) }

var errOversize = errcat.New(errcat.Oversize, errcat.StageBuffer, "longer than the largest message allowed")

// emitter fills chunks of the pipeline. Only the goroutine of Run uses it, but for the counts.
type emitter struct {
	s     *Source
	out   *ingest.Emit
	chunk *ingest.Chunk
	batch batch // what chunk holds

	mu      sync.Mutex
	pending int // chunks, of all files
	settled sync.Cond
	failed  error // why something was not delivered
}

// batch is the records of one file in a chunk.
type batch struct {
	gen   *generation
	spans ranges
	last  mark
	parts []int64 // offsets of those that cannot be read
}

// add sends a record; cause, if set, says why it cannot be read.
func (e *emitter) add(ctx context.Context, l *eventLog, rec *kernel.Record, raw []byte, cause error) error {
	l.gen.sent.add(span{rec.ID, rec.ID}) // where the set is full the record may be sent again
	if err := e.message(ctx, l, parse.Message{Raw: raw, Offset: int64(rec.ID)}, cause); err != nil {
		return err
	}
	e.batch.spans.add(span{rec.ID, rec.ID})
	if rec.ID >= e.batch.last.Record {
		e.batch.last = markOf(rec)
	}
	e.s.mu.Lock()
	e.s.stats.Records++
	e.s.mu.Unlock()
	return nil
}

// addBroken sends a part of a file that cannot be read. Its offset is below that of every
// record: they must not have the same identity.
func (e *emitter) addBroken(ctx context.Context, l *eventLog, offset int64, raw []byte, cause error) error {
	if err := e.message(ctx, l, parse.Message{Raw: raw, Offset: -1 - offset}, cause); err != nil {
		return err
	}
	e.batch.parts = append(e.batch.parts, offset)
	return nil
}

func (e *emitter) message(ctx context.Context, l *eventLog, m parse.Message, cause error) error {
	limits := e.out.Limits()
	length := int64(len(m.Raw))
	switch {
	case len(m.Raw) <= limits.MaxMessage:
		length = 0
	case cause == nil:
		cause = errOversize
		fallthrough
	default:
		m.Raw = m.Raw[:min(limits.KeepOversize, limits.MaxMessage)]
	}
	m.Origin, m.Received = l.origin, e.out.Now()
	if e.chunk != nil && (e.batch.gen != l.gen || e.chunk.Full() || !e.chunk.Add(m)) {
		if err := e.flush(); err != nil {
			return err
		}
	} else if e.chunk != nil {
		e.fault(cause, length)
		return nil
	}
	c, err := e.out.ChunkContext(ctx)
	if err != nil {
		return err
	}
	e.chunk, e.batch = c, batch{gen: l.gen}
	c.Add(m) // an empty chunk takes any message
	e.fault(cause, length)
	return nil
}

func (e *emitter) fault(cause error, length int64) {
	if cause != nil {
		e.chunk.Faults = append(e.chunk.Faults, ingest.Fault{Msg: len(e.chunk.Msgs) - 1, Err: cause, Length: length})
	}
}

// flush sends the chunk at hand.
func (e *emitter) flush() error {
	c, b := e.chunk, e.batch
	e.chunk, e.batch = nil, batch{}
	if c == nil {
		return nil
	}
	e.count(1, b.gen)
	c.Done = func(r ingest.Result) {
		s := e.s
		s.mu.Lock()
		if r.Failed > 0 { // what a policy shed is in the ledger: reading it again would not help
			b.gen.failed = true
			for _, at := range b.parts {
				delete(b.gen.broken, at)
			}
		} else {
			for _, sp := range b.spans {
				b.gen.delivered.add(sp)
			}
			if b.last.Record > b.gen.last.Record || b.gen.last == (mark{}) {
				b.gen.last = b.last
			}
		}
		s.mu.Unlock()
		e.answer(r, b.gen)
	}
	if err := e.out.Send(c); err != nil {
		e.out.Discard(c)
		e.answer(ingest.Result{Failed: 1, Err: err}, b.gen)
		return err
	}
	return nil
}

func (e *emitter) count(n int, g *generation) {
	e.s.mu.Lock()
	g.pending += n
	e.s.mu.Unlock()
	e.mu.Lock()
	e.settled.L = &e.mu
	e.pending += n
	e.mu.Unlock()
}

func (e *emitter) answer(r ingest.Result, g *generation) {
	e.s.mu.Lock()
	g.pending--
	e.s.mu.Unlock()
	e.mu.Lock()
	e.pending--
	if r.Failed > 0 && e.failed == nil {
		e.failed = r.Err
		if e.failed == nil {
			e.failed = errcat.New(errcat.SinkRejected, errcat.StageDeliver, "a sink has not taken it")
		}
	}
	e.settled.Broadcast()
	e.mu.Unlock()
}

// wait waits until everything has its result, and reports whether all of it was delivered.
func (e *emitter) wait(ctx context.Context) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settled.L = &e.mu
	defer context.AfterFunc(ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.settled.Broadcast()
	})()
	for e.pending > 0 && ctx.Err() == nil {
		e.settled.Wait()
	}
	return e.failed == nil && e.pending == 0
}

func (e *emitter) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}
