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

// Pipeline carries messages from sources through a parser to sinks.
type Pipeline[T any] struct {
	cfg        Config[T]
	core       *core
	slots      *pool[*slot[T]]
	readEvents bool // some sink does
	eventSize  int  // about what an event in a batch takes

	outputs []*output[T]
	dead    *output[DeadLetter] // nil if nobody takes them
	letters *pool[*deadBatch]
	deadTxt bool // the sink of dead letters reads lines
	orders  []sequencer[*slot[T]]

	started atomic.Bool
	stop    context.CancelCauseFunc // ends the sources
	stopMu  sync.Mutex
	running sync.Map // names of components that have not returned
	srcErrs []error
}

// New checks cfg and returns a pipeline that is ready to run. The error names
// everything that is wrong.
func New[T any](cfg Config[T]) (*Pipeline[T], error) {
	cfg.Outputs = append([]Output[T](nil), cfg.Outputs...)
	if err := cfg.prepare(); err != nil {
		return nil, err
	}
	p := &Pipeline[T]{cfg: cfg, eventSize: eventSize}
	p.core = newCore(Limits{
		ChunkSize: cfg.ChunkSize, ChunkMsgs: cfg.ChunkMessages, MaxMessage: cfg.MaxMessage, KeepOversize: cfg.KeepOversize,
	}, cfg.Chunks)
	p.core.now, p.core.log, p.core.global = cfg.Now, newLogger(cfg.Logger), cfg.Ordered
	for i, s := range cfg.Sources {
		name := fmt.Sprintf("source%d", i)
		if n, ok := s.(Named); ok && n.Name() != "" {
			name = n.Name()
		}
		p.core.sources = append(p.core.sources, &sourceState{index: i, name: name})
	}
	p.orders = make([]sequencer[*slot[T]], len(cfg.Sources))
	for i := range p.orders {
		p.orders[i].ring = make([]slotted[*slot[T]], cfg.Chunks)
	}
	p.slots = newPool(cfg.slotCount(), func() *slot[T] { return &slot[T]{p: p, dead: &deadBatch{}} })
	for i := range cfg.Outputs {
		o := &cfg.Outputs[i]
		p.readEvents = p.readEvents || batch.ReadsEvents(o.Sink)
		out, err := newOutput(p.core, o.Name, o.Sink, !o.BestEffort, o.Drop, o.QueueBatches, o.QueueBytes, o.Retry)
		if err != nil {
			return nil, err
		}
		out.lost = p.lost
		if o.StopOnError {
			out.fatal = p.sinkFailed
		}
		p.outputs = append(p.outputs, out)
	}
	if cfg.DeadLetters != nil {
		out, err := newOutput(p.core, "dead letters", cfg.DeadLetters, true, false, deadQueueBatches, 16<<20, batch.RetryOptions{})
		if err != nil {
			return nil, err
		}
		p.dead = out
		p.deadTxt = !batch.ReadsEvents(cfg.DeadLetters)
		p.letters = newPool(deadQueueBatches+2+len(p.outputs), func() *deadBatch { return &deadBatch{} })
	}
	return p, nil
}

// deadQueueBatches bounds the queue of the sink of dead letters.
const deadQueueBatches = 8

// eventSize stands for the memory of one event in the accounts of the queues, since
// what an event type refers to cannot be measured.
const eventSize = 1 << 10

func newOutput[E any](c *core, name string, s batch.Sink[E], required, drop bool, batches int, bytes int64, retry batch.RetryOptions) (*output[E], error) {
	o := &output[E]{core: c, name: name, sink: s, required: required, drop: drop, queue: newQueue[cargo[E]](batches, bytes)}
	if a, ok := s.(batch.Async[E]); ok {
		o.async = a
		return o, nil
	}
	told := retry.OnRetry
	retry.OnRetry = func(attempt, rows int, pause time.Duration, err error) {
		o.retries.Add(1)
		o.mu.Lock()
		o.lastErr = err
		o.mu.Unlock()
		c.log.warn("a sink is tried again", "sink", name, "attempt", attempt, "rows", rows, "pause", pause, "error", err)
		if told != nil {
			told(attempt, rows, pause, err)
		}
	}
	r, err := batch.NewRetry(s, retry)
	if err != nil {
		return nil, fmt.Errorf("ingest: the sink %s: %w", name, err)
	}
	o.sink = r
	return o, nil
}

// ErrRunTwice is the answer to a second Run.
var ErrRunTwice = errors.New("ingest: a pipeline runs once; make another with New")

// Run runs the sources and returns when all of them have ended and everything that
// they sent has reached its end in every sink. It may be called once.
//
// When ctx ends the sources are told to stop, and what they have sent is still
// delivered, for at most Config.ShutdownTimeout. What is left then is acknowledged as
// failed. A source, sink or plugin that does not return even then is left behind with
// its goroutine, and the error says so.
//
// The error joins those of the sources, the first of each category of each required
// sink that lost rows, and the cause of ctx if rows failed because it ended. An end of
// ctx alone is no error.
func (p *Pipeline[T]) Run(ctx context.Context) error {
	if p.started.Swap(true) {
		return ErrRunTwice
	}
	begun := time.Now()
	p.core.mu.Lock()
	p.core.begun = begun
	p.core.mu.Unlock()
	defer func() {
		p.core.mu.Lock()
		p.core.elapsed = max(time.Since(begun), 1)
		p.core.mu.Unlock()
	}()

	sources, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	p.stopMu.Lock()
	p.stop = stop
	p.stopMu.Unlock()
	sinks, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(nil)

	drained := make(chan struct{})
	abandoned := make(chan struct{})
	go p.drain(sources, sinks, drained, abandoned)

	var errs []error
	select {
	case <-drained:
	case <-ctx.Done():
		if !within(drained, p.cfg.ShutdownTimeout) {
			p.core.abortNow()
			abort(errAborted)
			for _, o := range p.outputs {
				o.queue.abort()
			}
			if p.dead != nil {
				p.dead.queue.abort()
			}
			if !within(drained, shutdownGrace) {
				close(abandoned)
				<-drained
				p.running.Range(func(name, _ any) bool {
					errs = append(errs, errcat.Newf(errcat.Timeout, errcat.StageUnknown,
						"%s did not return when it was told to stop: its goroutine is left behind", name))
					return true
				})
			}
			if p.core.giveUpAll() > 0 || p.core.snapshot().Failed > 0 {
				errs = append(errs, fmt.Errorf("ingest: stopped before everything was delivered: %w", context.Cause(ctx)))
			}
		}
	}
	errs = append(errs, p.sourceErrors()...)
	for _, o := range p.outputs {
		errs = append(errs, o.firstErrors()...)
	}
	if p.dead != nil {
		errs = append(errs, p.dead.firstErrors()...)
	}
	return errors.Join(errs...)
}

// within waits for done, at most for d.
func within(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// drain starts everything and waits for it from the sources on: each part is told to
// end when all before it have ended. Run starts it and waits for drained; closing
// abandoned makes it stop waiting.
func (p *Pipeline[T]) drain(sourceCtx, sinkCtx context.Context, drained chan<- struct{}, abandoned <-chan struct{}) {
	defer close(drained)
	var dead, sinks, workers, sources group
	if p.dead != nil {
		dead.start(&p.running, "the sink of dead letters", func() { p.dead.run(sinkCtx) })
	}
	for _, o := range p.outputs {
		sinks.start(&p.running, "sink "+o.name, func() { o.run(sinkCtx) })
	}
	for i := range p.cfg.Workers {
		w := &worker[T]{p: p, packs: map[string]knownPack{"": {}}}
		workers.start(&p.running, fmt.Sprintf("worker %d", i), w.run)
	}
	for i, s := range p.cfg.Sources {
		sources.start(&p.running, "source "+p.core.sources[i].name, func() { p.source(sourceCtx, i, s) })
	}
	sources.wait(abandoned)
	p.core.close()
	workers.wait(abandoned)
	for _, o := range p.outputs {
		o.queue.close()
	}
	sinks.wait(abandoned)
	if p.dead != nil {
		p.dead.queue.close()
	}
	dead.wait(abandoned)
}

// group is a number of goroutines that are waited for together.
type group struct{ sync.WaitGroup }

func (g *group) start(running *sync.Map, name string, f func()) {
	running.Store(name, struct{}{})
	g.Add(1)
	go func() {
		defer g.Done()
		defer running.Delete(name)
		f()
	}()
}

// wait returns when all have ended or abandoned is closed. In the second case the
// goroutine that it starts ends with those that it waits for.
func (g *group) wait(abandoned <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		g.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-abandoned:
	}
}

// source runs one source. It is the body of the source's goroutine.
func (p *Pipeline[T]) source(ctx context.Context, i int, s Source) {
	state := p.core.sources[i]
	p.core.mu.Lock()
	state.running = true
	p.core.mu.Unlock()
	err := func() (err error) {
		defer func() {
			if v := recover(); v != nil {
				p.core.panicked("source "+state.name, v)
				err = errcat.Newf(errcat.Internal, errcat.StageCollect, "panic: %v", v)
			}
		}()
		emit := &Emit{core: p.core, src: state, ctx: ctx, track: p.core.newTracking(p.cfg.Parser)}
		err = s.Run(ctx, emit)
		if emit.track != nil {
			emit.ctx = context.WithoutCancel(ctx) // what is held was received: it is not lost because the host stops
			if flushed := emit.track.flush(emit); flushed != nil {
				err = errors.Join(err, flushed)
			}
		}
		return err
	}()
	p.core.end(state)
	if err == nil || ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)) || err == ErrClosed) {
		return
	}
	p.core.mu.Lock()
	p.srcErrs = append(p.srcErrs, fmt.Errorf("source %s: %w", state.name, err))
	p.core.mu.Unlock()
}

func (p *Pipeline[T]) sourceErrors() []error {
	p.core.mu.Lock()
	defer p.core.mu.Unlock()
	return append([]error(nil), p.srcErrs...)
}

// sinkFailed ends the sources after an error of a sink with StopOnError.
func (p *Pipeline[T]) sinkFailed(err error) {
	p.stopMu.Lock()
	defer p.stopMu.Unlock()
	p.stop(err)
}

// order hands s on in its turn.
func (p *Pipeline[T]) order(s *slot[T], c *Chunk) {
	o := &p.orders[0]
	if !p.core.global {
		o = &p.orders[c.src.index]
	}
	o.put(c.seq, s, p.deliver)
}

// deliver hands a finished slot to the sinks. It runs in a worker, for one slot of an
// order at a time.
func (p *Pipeline[T]) deliver(s *slot[T]) {
	a := s.ack
	if len(s.dead.letters) > 0 {
		full := s.dead
		if next, ok := p.letters.get(nil, nil, p.core.aborted); ok {
			s.dead = next
			p.sendDead(full, a)
		} else {
			for _, i := range full.items {
				a.mark(i, stateFailed, errAborted)
			}
			full.reset()
		}
	}
	if s.batch.Len() > 0 {
		required := 0
		for _, o := range p.outputs {
			if o.required {
				required++
			}
		}
		a.add(required)
		s.refs.Add(int32(len(p.outputs)))
		for _, o := range p.outputs {
			o.offer(s)
		}
	}
	a.answer()
	s.release()
}

// sendDead hands a filled batch of dead letters to their sink.
func (p *Pipeline[T]) sendDead(b *deadBatch, a *ack) {
	b.pool = p.letters
	b.seal(a, p.deadTxt)
	a.add(1)
	p.dead.offer(b)
}

// lost makes dead letters of rows that a sink did not take.
func (p *Pipeline[T]) lost(o *output[T], c lostCargo[T], failed []batch.Failure) bool {
	if p.dead == nil {
		return false
	}
	b, ok := p.letters.get(nil, nil, p.core.aborted)
	if !ok {
		return false
	}
	for _, f := range failed {
		i := c.items[f.Row]
		pack, source := c.ack.packOf(i)
		m := c.batch.Message(f.Row)
		d := DeadLetter{
			Raw: m.Raw, Length: int64(len(m.Raw)), Category: categoryOf(f.Err), Err: f.Err, Stage: errcat.StageDeliver,
			Parser: p.core.packName(pack), Component: "sink " + o.name,
			Source: source, Offset: m.Offset, Origin: m.Origin, Received: m.Received,
		}
		if m.Origin != nil && m.Origin.Source != "" {
			d.Source = m.Origin.Source
		}
		if line := c.batch.Line(f.Row); len(line) > 0 {
			d.Partial = line[:len(line)-1]
		}
		b.add(&d, i)
		c.ack.mark(i, stateDead, nil)
		p.core.countDead(d.Category)
	}
	p.sendDead(b, c.ack)
	return true
}

// Stats returns a snapshot of all counters. It may be called at any time.
func (p *Pipeline[T]) Stats() Stats {
	s := p.core.snapshot()
	for _, o := range p.outputs {
		s.Sinks = append(s.Sinks, o.stats())
	}
	if p.dead != nil {
		s.Sinks = append(s.Sinks, p.dead.stats())
	}
	return s
}
