package httpbulk

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/internal/fields"
	"github.com/penstock-dev/penstock/errcat"
)

// Stats are the counters of a sink.
type Stats struct {
	Requests  int64 // sent, repetitions included
	Retries   int64 // of them, those with rows that had been sent before
	Rows      int64 // taken by the server
	Rejected  int64 // rows that were given up
	Splits    int64 // requests that were divided since the server found them too large
	Bytes     int64 // of bodies as they were sent
	LastError error // of the last request, nil if it was taken
}

// Sink sends lines. Safe for concurrent use.
type Sink[T any] struct {
	*core
	id     IDFunc
	fields *fields.Reader // guarded by mu
}

// core is the part of a Sink that does not depend on the type of its events.
type core struct {
	opts      Options
	proto     Protocol
	client    http.RoundTripper
	closeIdle func()
	secrets   *secrets
	slots     chan struct{} // one for each group that exists, besides spare ones
	sending   chan struct{} // one for each request on its way
	maxBytes  atomic.Int64  // shrinks with answers of 413
	url       atomic.Int64  // which of the URLs
	scratch   sync.Pool     // *scratch

	requests, retries, rows, rejected, splits, sent atomic.Int64

	mu     sync.Mutex
	group  *group // being filled, or nil
	spare  []*group
	ctx    context.Context // of the first row of group
	turn   chan struct{}   // closed when the group before has its place
	timer  *time.Timer
	closed bool
	last   error
	busy   sync.WaitGroup
	stop   context.CancelCauseFunc
	ended  context.Context
}

// New returns a sink of a protocol.
func New[T any](opts Options, proto Protocol, d Defaults, id IDFunc) (*Sink[T], error) {
	fail := func(err error) (*Sink[T], error) { return nil, fmt.Errorf("%s: %w", proto.Name(), err) }
	if err := opts.prepare(d); err != nil {
		return fail(err)
	}
	client, closeIdle, err := opts.transport()
	if err != nil {
		return fail(err)
	}
	sec, err := newSecrets(opts.Auth, opts.Header)
	if err != nil {
		return fail(err)
	}
	c := &core{
		opts: opts, proto: proto, client: client, closeIdle: closeIdle, secrets: sec,
		slots: make(chan struct{}, opts.Concurrency+1), sending: make(chan struct{}, opts.Concurrency),
	}
	c.maxBytes.Store(int64(opts.MaxBytes))
	c.ended, c.stop = context.WithCancelCause(context.Background())
	s := &Sink[T]{core: c, id: id}
	if opts.NoIDs {
		s.id = nil
	}
	if opts.IDField != "" && !opts.NoIDs {
		if s.fields, err = fields.New(opts.IDField); err != nil {
			return fail(err)
		}
	}
	return s, nil
}

// LinesOnly marks the sink.
func (*Sink[T]) LinesOnly() {}

// ErrClosed is the answer to rows after Close.
var ErrClosed = errcat.New(errcat.Timeout, errcat.StageDeliver, "the sink is closed")

// Write adds the lines of b, sends them at once with what is waiting, and waits for the
// answer. What may be sent again has been, see batch.Retry for what that means.
func (s *Sink[T]) Write(ctx context.Context, b *batch.Batch[T]) error {
	answer := make(chan error, 1)
	s.Start(ctx, b, func(err error) { answer <- err })
	_ = s.Flush(ctx) // each batch has its own answer
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Start adds the lines of b; see batch.Async. It blocks while as many requests as may
// be are on their way and the next one is full.
func (s *Sink[T]) Start(ctx context.Context, b *batch.Batch[T], done func(error)) {
	c := &call{done: done, pending: 1}
	split, last := 0, int32(-1)
	var id []byte
	for row := 0; row < len(b.Ends); row++ {
		line := b.Line(row)
		if row < len(b.Msg) {
			if b.Msg[row] == last {
				split++
			} else {
				split, last = 0, b.Msg[row]
			}
		}
		g, err := s.room(ctx, len(line))
		if err != nil {
			var failed []batch.Failure
			for ; row < len(b.Ends); row++ {
				failed = append(failed, batch.Failure{Row: row, Err: err})
			}
			c.answer(failed)
			return
		}
		// room returned with mu held.
		id = id[:0]
		if s.fields != nil && s.fields.Read(line) {
			id = s.fields.Append(id, 0)
		}
		if m := b.Message(row); len(id) == 0 && m != nil && s.id != nil {
			id = s.id(id, m, split)
		}
		s.add(g, c, row, line, id)
		s.mu.Unlock()
	}
	c.answer(nil)
}

// room returns the group at hand, with room for a line of n bytes, and mu held.
func (c *core) room(ctx context.Context, n int) (*group, error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, ErrClosed
		}
		if g := c.group; g != nil {
			if len(g.ends) < c.opts.MaxRows && int64(len(g.lines)+n) <= c.maxBytes.Load() {
				return g, nil
			}
			c.dispatch()
		}
		select {
		case c.slots <- struct{}{}:
			c.begin(ctx)
			return c.group, nil
		default:
		}
		c.mu.Unlock()
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-c.ended.Done():
			return nil, ErrClosed
		}
		c.mu.Lock()
		if c.closed || c.group != nil { // somebody else began one meanwhile
			<-c.slots
			c.mu.Unlock()
			continue
		}
		c.begin(ctx)
		return c.group, nil
	}
}

// begin makes an empty group. The caller holds mu and a slot.
func (c *core) begin(ctx context.Context) {
	g := &group{}
	if n := len(c.spare); n > 0 {
		g, c.spare = c.spare[n-1], c.spare[:n-1]
	}
	c.group, c.ctx = g, ctx
	// The timer's goroutine ends when it has handed the group on, or found it gone.
	c.timer = time.AfterFunc(c.opts.MaxAge, func() {
		c.mu.Lock()
		if c.group == g {
			c.dispatch()
		}
		c.mu.Unlock()
	})
}

func (c *core) add(g *group, call *call, row int, line, id []byte) {
	n := len(g.ends)
	if k := len(g.parts); k > 0 && g.parts[k-1].call == call && g.parts[k-1].to == n {
		g.parts[k-1].to++
	} else {
		call.mu.Lock()
		call.pending++
		call.mu.Unlock()
		g.parts = append(g.parts, part{call, n, n + 1, row})
	}
	g.lines = append(g.lines, line...)
	g.ends = append(g.ends, int32(len(g.lines)))
	g.ids = append(g.ids, id...)
	g.idEnds = append(g.idEnds, int32(len(g.ids)))
	if len(g.ends) >= c.opts.MaxRows || int64(len(g.lines)) >= c.maxBytes.Load() {
		c.dispatch()
	}
}

// dispatch hands the group at hand to a goroutine that sends it, and ends when the group
// has been answered; Close waits for it. The caller holds mu.
func (c *core) dispatch() {
	g, ctx := c.group, c.ctx
	if g == nil {
		return
	}
	c.group, c.ctx = nil, nil
	c.timer.Stop()
	before, turn := c.turn, make(chan struct{})
	c.turn = turn
	c.busy.Go(func() {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(c.ended, func() { cancel(ErrClosed) })()
		if before != nil {
			<-before
		}
		var failed []error
		select {
		case c.sending <- struct{}{}:
			close(turn)
			failed = c.deliver(ctx, g)
			<-c.sending
		case <-ctx.Done():
			close(turn)
			failed = make([]error, len(g.ends))
			for i := range failed {
				failed[i] = context.Cause(ctx)
			}
		}
		parts := g.parts
		for _, p := range parts {
			var rows []batch.Failure
			for i := p.from; i < p.to; i++ {
				if failed[i] != nil {
					rows = append(rows, batch.Failure{Row: i - p.from + p.first, Err: failed[i]})
				}
			}
			p.call.answer(rows)
		}
		g.reset()
		c.mu.Lock()
		if cap(g.lines) <= 2*c.opts.MaxBytes && !c.closed {
			c.spare = append(c.spare, g)
		}
		c.mu.Unlock()
		<-c.slots
	})
}

// Flush sends what is waiting, and does not wait for the answer.
func (c *core) Flush(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dispatch()
	return nil
}

// Close ends the sink: what is waiting or on its way fails. It returns when nothing runs
// any more.
func (c *core) Close() error {
	c.mu.Lock()
	c.closed = true
	c.dispatch()
	c.mu.Unlock()
	c.stop(ErrClosed)
	c.busy.Wait()
	c.closeIdle()
	return nil
}

// Stats returns the counters.
func (c *core) Stats() Stats {
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	return Stats{c.requests.Load(), c.retries.Load(), c.rows.Load(), c.rejected.Load(), c.splits.Load(), c.sent.Load(), last}
}

func (c *core) note(err error) {
	c.mu.Lock()
	c.last = err
	c.mu.Unlock()
}
