package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// Pipeline carries messages from sources through a parser to sinks.
type Pipeline[T any] struct {
	cfg       Config[T]
	core      *core
	eventSize int                                  // about what an event in a batch takes
	ownChunks bool                                 // Config.Chunks was the default
	refine    func(m *parse.Message, event *T) int // Priorities.Refine, or nil

	swapState[T]
	slots struct {
		sync.Mutex
		free []*slot[T] // the feed hands out the right to one
	}

	dead    *output[DeadLetter] // nil if nobody takes them
	letters *pool[*deadBatch]
	deadTxt bool                  // the sink of dead letters reads lines
	orders  []sequencer[*slot[T]] // of each source and class, or one for all

	timed   bool          // times of events are compared
	hurry   chan struct{} // closed by Abort
	hurried sync.Once
	ended   chan struct{}    // closed when Run returns
	ticks   <-chan time.Time // of the minder; nil: those of a timer

	started atomic.Bool
	stop    context.CancelCauseFunc // ends the sources
	stopMu  sync.Mutex
	running sync.Map // names of components that have not returned
	workers workerList[T]
	srcErrs []error
}

// New checks cfg and returns a pipeline that is ready to run. The error names
// everything that is wrong.
func New[T any](cfg Config[T]) (*Pipeline[T], error) {
	cfg.Outputs = append([]Output[T](nil), cfg.Outputs...)
	ownChunks := cfg.Chunks == 0
	if err := cfg.prepare(); err != nil {
		return nil, err
	}
	p := &Pipeline[T]{cfg: cfg, eventSize: eventSize, ownChunks: ownChunks, hurry: make(chan struct{}), ended: make(chan struct{})}
	c := newCore(Limits{
		ChunkSize: cfg.ChunkSize, ChunkMsgs: cfg.ChunkMessages, MaxMessage: cfg.MaxMessage, KeepOversize: cfg.KeepOversize,
	}, cfg.Chunks)
	p.core = c
	c.now, c.log, c.global = cfg.Now, newLogger(cfg.Logger), cfg.Ordered
	for i, s := range cfg.Sources {
		name := fmt.Sprintf("source%d", i)
		if n, ok := s.(Named); ok && n.Name() != "" {
			name = n.Name()
		}
		c.sources = append(c.sources, &sourceState{index: i, name: name, patient: isPatient(s)})
	}
	weights := p.weights()
	if pr := cfg.Priorities; pr != nil {
		p.refine = pr.Refine
		c.ladder = newLadder(pr)
		c.ladder.apply = func(class int, s Step) { c.feed.pace(class, s >= Delay, s == Shed) }
		c.ladder.tell = p.stepNotice
	}
	c.classes = make([]classState, len(weights))
	c.extent = make([]histogram, len(weights))
	c.observer, c.notify = cfg.Observer, cfg.Notify
	c.senders = newSenders(c, cfg.Watch)
	p.timed = cfg.TimeOf != nil && c.senders != nil && cfg.Watch.Skew >= 0
	if c.keepNotices = cfg.NoticeEvent != nil; c.keepNotices {
		c.noticeOrigin = &parse.Origin{Source: NoticeSource}
		c.sources = append(c.sources, &sourceState{index: len(c.sources), name: NoticeSource})
	}
	p.orders = make([]sequencer[*slot[T]], len(c.sources)*len(weights))
	p.slotN = cfg.slotCount()
	c.feed = newFeed(weights, p.slotN)
	c.feed.free = c.putFree
	c.feed.least, c.feed.most, c.feed.spawn = cfg.MinWorkers, cfg.Workers, p.startWorker
	if cfg.Priorities != nil {
		c.feed.gate = p.sinksFull
	}
	first, writers, err := p.newSet(cfg.parts(), nil)
	if err != nil {
		return nil, err
	}
	for i, o := range first.outputs {
		o.writer = writers[o]
		o.drop.Store(first.Outputs[i].Drop)
	}
	p.set.Store(first)
	if cfg.DeadLetters != nil {
		p.dead = &output[DeadLetter]{core: c, name: "dead letters", required: true, queue: newQueue[cargo[DeadLetter]]([]float64{1}, deadQueueBatches, 16<<20, 0)}
		if p.dead.writer, err = p.dead.newWriter(cfg.DeadLetters, 0, batch.RetryOptions{}); err != nil {
			return nil, err
		}
		p.deadTxt = !batch.ReadsEvents(cfg.DeadLetters)
		p.letters = newPool(deadQueueBatches+2+len(first.outputs), func() *deadBatch { return &deadBatch{} })
	}
	return p, nil
}

// weights are the shares of the classes.
func (p *Pipeline[T]) weights() []float64 {
	if p.cfg.Priorities == nil {
		return []float64{1}
	}
	var weights []float64
	for i := range p.cfg.Priorities.Classes {
		weights = append(weights, float64(p.cfg.Priorities.Classes[i].Weight))
	}
	return weights
}

// addSlots makes n more batches for each class. They take memory when they are used.
func (p *Pipeline[T]) addSlots(n int) { p.core.feed.add(n) }

// takeSlot returns a batch for a worker, which has the right to one: the one that this worker
// filled last, since its lines are in the caches of the worker's processor; else one that
// nobody has filled for the longest time.
func (p *Pipeline[T]) takeSlot(worker int) *slot[T] {
	p.slots.Lock()
	defer p.slots.Unlock()
	free := p.slots.free
	if len(free) == 0 {
		return &slot[T]{p: p, dead: &deadBatch{}, worker: worker}
	}
	at := 0
	for i := len(free) - 1; i > 0; i-- {
		if free[i].worker == worker {
			at = i
			break
		}
	}
	s := free[at]
	s.worker = worker
	p.slots.free = slices.Delete(free, at, at+1)
	return s
}

func (p *Pipeline[T]) putSlot(s *slot[T], class uint8) {
	p.slots.Lock()
	p.slots.free = append(p.slots.free, s)
	p.slots.Unlock()
	p.core.feed.giveBack(class)
}

// sinksFull reports whether a sink that holds the pipeline back has as many bytes of a
// class as it may have.
func (p *Pipeline[T]) sinksFull(class int) bool {
	for _, o := range p.set.Load().outputs {
		if o.required && !o.drop.Load() && o.queue.full(class) {
			return true
		}
	}
	return false
}

// deadQueueBatches bounds the queue of the sink of dead letters.
const deadQueueBatches = 8

// eventSize stands for the memory of one event in the accounts of the queues, since
// what an event type refers to cannot be measured.
const eventSize = 1 << 10

// Abort ends Run without waiting for what is under way, as if the shutdown time were
// over: what was not delivered is acknowledged as failed. It is for the second signal
// that asks a program to end, see RunSignals. It may be called at any time and does not
// wait.
func (p *Pipeline[T]) Abort() { p.hurried.Do(func() { close(p.hurry) }) }

// errAbortCalled is the cause of the end after Abort.
var errAbortCalled = errors.New("ingest: Abort was called")

// ErrRunTwice is the answer to a second Run.
var ErrRunTwice = errors.New("ingest: a pipeline runs once; make another with New")

// Run runs the sources and returns when all of them have ended and everything that
// they sent has reached its end in every sink. It may be called once.
//
// When ctx ends the sources are told to stop, and what they have sent is still
// delivered, for at most Config.ShutdownTimeout. What is left then is acknowledged as
// failed. A source, sink or plugin that does not return even then is left behind with
// its goroutine, and the error says so; so is a best-effort sink that does not return at
// the end of the time that it gets when all else has ended.
//
// The error joins those of the sources, the first of each category of each required
// sink that lost rows, and the cause of ctx if rows failed because it ended. An end of
// ctx alone is no error.
func (p *Pipeline[T]) Run(ctx context.Context) error {
	if p.started.Swap(true) {
		return ErrRunTwice
	}
	defer close(p.ended)
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
	ended := make(chan struct{})
	go p.drain(sources, sinks, drained, abandoned)
	var minding sync.WaitGroup
	minding.Go(func() { p.mind(ended) })

	var errs []error
	inTime, cause := true, func() error { return context.Cause(ctx) }
	select {
	case <-drained:
	case <-ctx.Done():
		inTime = within(drained, p.cfg.ShutdownTimeout, p.hurry)
	case <-p.hurry:
		stop(errAbortCalled)
		inTime, cause = false, func() error { return errAbortCalled }
	}
	if !inTime {
		p.core.abortNow()
		abort(errAborted)
		for _, o := range p.allOutputs() {
			o.queue.abort()
		}
		if p.dead != nil {
			p.dead.queue.abort()
		}
		if !within(drained, shutdownGrace, nil) {
			close(abandoned)
			<-drained
		}
		if p.core.giveUpAll() > 0 || p.core.snapshot().Failed > 0 {
			errs = append(errs, fmt.Errorf("ingest: stopped before everything was delivered: %w", cause()))
		}
	}
	p.running.Range(func(name, _ any) bool {
		errs = append(errs, errcat.Newf(errcat.Timeout, errcat.StageUnknown,
			"%s did not return when it was told to stop: its goroutine is left behind", name))
		return true
	})
	for _, o := range p.allOutputs() {
		o.giveUp()
	}
	close(ended)
	minding.Wait()
	errs = append(errs, p.sourceErrors()...)
	errs = append(errs, p.outputErrors()...)
	if _, left := p.workers.leaks(); len(left) > 0 {
		errs = append(errs, errcat.Newf(errcat.Timeout, errcat.StageParse,
			"%d workers hang in a component that does not return: their goroutines are left behind", len(left)))
	}
	return errors.Join(errs...)
}

var errTooLate = errcat.New(errcat.Timeout, errcat.StageDeliver, "all else had ended when a best-effort sink had not delivered this")

// within waits for done, at most for d or until hurry is closed.
func within(done <-chan struct{}, d time.Duration, hurry <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
	case <-hurry:
	}
	return false
}

// drain starts everything and waits for it from the sources on: each part is told to
// end when all before it have ended. Run starts it and waits for drained; closing
// abandoned makes it stop waiting.
func (p *Pipeline[T]) drain(sourceCtx, sinkCtx context.Context, drained chan<- struct{}, abandoned <-chan struct{}) {
	defer close(drained)
	var dead, sources, sending group
	if p.dead != nil {
		p.dead.begin(sinkCtx)
		dead.start(&p.running, "the sink of dead letters", p.dead.run)
	}
	p.swapping.Lock()
	p.sinkCtx = sinkCtx
	besideCtx, leave := context.WithCancelCause(sinkCtx)
	defer leave(nil)
	p.besideCtx = besideCtx
	for _, o := range p.set.Load().outputs {
		p.startOutput(o)
	}
	p.swapping.Unlock()
	p.core.feed.start()
	for i, s := range p.cfg.Sources {
		sending.Add(1)
		sources.start(&p.running, "source "+p.core.sources[i].name, func() { p.source(sourceCtx, i, s, sending.Done) })
	}
	sending.wait(abandoned)
	p.core.gaps(time.Now(), 0)
	p.core.sendNotices()
	p.core.close()
	p.workers.wait(abandoned)
	p.endOutputs()
	p.sinks.wait(abandoned)
	// What best effort has not delivered by now keeps nobody waiting for ever.
	late := time.AfterFunc(p.cfg.ShutdownTimeout, func() { leave(errTooLate) })
	hangs := time.NewTimer(p.cfg.ShutdownTimeout + shutdownGrace)
	select {
	case <-p.beside.ended():
	case <-abandoned:
	case <-hangs.C:
	}
	late.Stop()
	hangs.Stop()
	if p.dead != nil {
		p.dead.queue.close()
	}
	dead.wait(abandoned)
	sources.wait(abandoned) // those that wait for the answers, see Emit.Settle
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

// ended returns a channel that is closed when all have ended. The goroutine that it starts
// ends with them.
func (g *group) ended() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		g.Wait()
		close(done)
	}()
	return done
}

// wait returns when all have ended or abandoned is closed.
func (g *group) wait(abandoned <-chan struct{}) {
	select {
	case <-g.ended():
	case <-abandoned:
	}
}

// source runs one source. It is the body of the source's goroutine. sent is called when the
// source sends no more.
func (p *Pipeline[T]) source(ctx context.Context, i int, s Source, sent func()) {
	state := p.core.sources[i]
	p.core.mu.Lock()
	state.running = true
	p.core.mu.Unlock()
	end := sync.OnceFunc(func() {
		p.core.end(state)
		sent()
	})
	err := func() (err error) {
		defer func() {
			if v := recover(); v != nil {
				p.core.panicked("source "+state.name, v)
				err = errcat.Newf(errcat.Internal, errcat.StageCollect, "panic: %v", v)
			}
		}()
		parser, generation := p.parser()
		emit := &Emit{core: p.core, src: state, ctx: ctx}
		emit.track = &tracking{current: p.parser, of: generation, tracker: p.core.newTracker(parser)}
		var flushed error
		flush := sync.OnceFunc(func() {
			rest := *emit
			rest.ctx = context.WithoutCancel(ctx) // what is held was received: it is not lost because the host stops
			flushed = emit.track.flush(&rest)
		})
		emit.settle = func() {
			flush()
			end()
			p.core.settle(state)
		}
		err = s.Run(ctx, emit)
		if flush(); flushed != nil {
			err = errors.Join(err, flushed)
		}
		return err
	}()
	end()
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
		o = &p.orders[c.src.index*len(p.core.classes)+int(c.class)]
	}
	o.put(c.seq, s, p.deliver)
}

// deliver hands a finished slot to the sinks; nil stands for a chunk that was shed. It
// runs in a worker, for one slot of an order at a time.
func (p *Pipeline[T]) deliver(s *slot[T]) {
	if s == nil {
		return
	}
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
		// All are counted before the first is handed out, which could be the last to
		// answer.
		required, readers := 0, 0
		for i, o := range s.set.outputs {
			if (s.all|s.some)>>i&1 == 0 {
				continue
			}
			readers++
			if o.required {
				required++
			}
		}
		a.add(required)
		s.refs.Add(int32(readers))
		// Those that have a goroutine at it first: others are written to here.
		var direct Routes
		for i, o := range s.set.outputs {
			if o.direct() {
				direct |= 1 << i
			} else if c := s.cargoFor(i); c != nil {
				o.offer(c, s.class)
			}
		}
		for i, o := range s.set.outputs {
			if direct>>i&1 == 0 {
				continue
			}
			if c := s.cargoFor(i); c != nil {
				o.offer(c, s.class)
			}
		}
	}
	s.set.release()
	s.set = nil
	a.answer()
	s.release()
}

// sendDead hands a filled batch of dead letters to their sink.
func (p *Pipeline[T]) sendDead(b *deadBatch, a *ack) {
	b.pool = p.letters
	b.seal(a, p.deadTxt)
	a.add(1)
	p.dead.offer(b, 0)
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
