package ingest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// core is the part of a pipeline that does not depend on the event type: chunks, the
// way to the workers, and the ledger.
type core struct {
	limits       Limits
	free         *pool[*Chunk]
	feed         *feed         // the way to the workers
	patient      chan struct{} // one for each chunk that patient sources may still take
	abort        sync.Once     //
	aborted      chan struct{} // closed: nothing is delivered any more
	now          func() time.Time
	mono         func() time.Time // the monotonic clock of silence, of latencies and of what the minder does
	log          *logger
	global       bool     // one order over all sources
	ladder       *ladder  // nil without Priorities
	senders      *senders // nil where none are watched
	observer     Observer // or nil
	taps         atomic.Pointer[[]*tap]
	notify       func(*Notice) // or nil
	times        latencies
	extent       []histogram // total time by class
	noticeOrigin *parse.Origin
	noticeCount  int64        // of the minder
	keepNotices  bool         // they become events
	chunks       atomic.Int64 // how many there are
	views        spareViews

	mu        sync.Mutex // guards what follows
	closed    bool       // feed is closed
	seq       uint64
	sources   []*sourceState
	packs     []packState
	packIDs   map[string]uint16
	cats      [maxCategories]int64
	panics    int64
	begun     time.Time
	elapsed   time.Duration // set when Run has returned
	live      ack           // ring of acknowledgements that are not finished
	spare     *ack
	classes   []classState // one, or one for each class
	joins     *join        // spare ones
	notices   []Notice     // to become events
	noticed   [numNotices]int64
	unnoticed int64 // notices that did not become events
}

// sourceState is what the pipeline knows of one source; guarded by core.mu.
type sourceState struct {
	index    int
	name     string
	patient  bool
	seq      [maxClasses]uint64
	ledger   Ledger
	bytes    int64
	chunks   int64
	skipped  int64
	repaired int64
	missed   int64
	running  bool
	ended    bool
	open     int           // chunks that were sent and not answered
	settled  chan struct{} // if set, closed when open is 0 after the end
	gapShed  int64         // of the ledger, when the last Gap was raised
	gapSince time.Time     // since when there may be another
}

// monotonic returns a clock that only the monotonic one moves, which takes half the time of
// time.Now.
func monotonic() func() time.Time {
	begun := time.Now()
	return func() time.Time { return begun.Add(time.Since(begun)) }
}

func newCore(l Limits, chunks int) *core {
	c := &core{
		limits:  l,
		free:    newPool[*Chunk](0, nil),
		patient: make(chan struct{}, maxPool),
		aborted: make(chan struct{}),
		mono:    monotonic(),
		packIDs: map[string]uint16{"": 0},
		packs:   []packState{{}},
	}
	c.live.prev, c.live.next = &c.live, &c.live
	c.addChunks(chunks)
	return c
}

// addChunks makes n more chunks. Every second one may be taken by patient sources.
func (c *core) addChunks(n int) {
	for range n {
		if c.chunks.Add(1)%2 == 0 {
			c.patient <- struct{}{}
		}
		c.free.put(&Chunk{})
	}
}

// pressure is the part of the chunks in use, those of patient sources left out.
func (c *core) pressure() float64 {
	all := int(c.chunks.Load())
	byPatient := all/2 - len(c.patient)
	return float64(all-len(c.free.tokens)-byPatient) / float64(all-byPatient)
}

// fill prepares a free chunk for a source. Buffers are made here and not in newCore,
// so that chunks that are never needed take no memory.
func (c *core) fill(ch *Chunk) *Chunk {
	if ch.home == nil {
		ch.home = make([]byte, 0, c.limits.ChunkSize)
	}
	ch.Buf = ch.home[:0]
	ch.maxMsg = c.limits.ChunkMsgs
	ch.state = chunkFilling
	return ch
}

// keptGrowth is how many times its size a chunk's buffer may have and still be kept.
const keptGrowth = 4

// recycle makes ch free again. Whoever calls it is the last who holds the chunk.
func (c *core) recycle(ch *Chunk) {
	switch {
	case ch.whole != nil:
		c.recycleView(ch)
		return
	case ch.extra:
		return
	case ch.lent.Load(): // somebody who was left behind still reads it
		taken := ch.patient
		c.free.put(&Chunk{})
		if taken {
			c.patient <- struct{}{}
		}
		return
	}
	poison(ch.Buf[:cap(ch.Buf)])
	poison(ch.home[:cap(ch.home)])
	if n := cap(ch.Buf); n > cap(ch.home) && n <= keptGrowth*c.limits.ChunkSize {
		ch.home = ch.Buf
	}
	msgs, faults := ch.Msgs, ch.Faults
	clear(msgs)
	clear(faults)
	if cap(msgs) > 2*c.limits.ChunkMsgs {
		msgs = nil
	}
	if cap(faults) > 64 {
		faults = nil
	}
	*ch = Chunk{home: ch.home[:0], Msgs: msgs[:0], Faults: faults[:0], classes: ch.classes[:0], patient: ch.patient}
	c.feed.hold(ch)
}

// putFree makes a chunk known that is free.
func (c *core) putFree(ch *Chunk) {
	taken := ch.patient
	ch.patient = false
	c.free.put(ch)
	if taken {
		c.patient <- struct{}{}
	}
}

// send counts the messages of ch as received and queues it. The order of the queue is
// the order of the numbers, which is what ordered output needs to make progress.
func (c *core) send(src *sourceState, ch *Chunk) error {
	if ch == nil || ch.state != chunkFilling {
		return errNotFilling
	}
	received := time.Time{}
	bytes := 0
	for i := range ch.Msgs {
		m := &ch.Msgs[i]
		bytes += len(m.Raw)
		if m.Received.IsZero() {
			if received.IsZero() {
				received = c.now()
			}
			m.Received = received
		}
	}
	if c.ladder != nil && !ch.extra {
		c.classify(src, ch)
	}
	now := c.mono()
	if c.senders != nil && !ch.extra {
		c.senders.sent(src, ch.Msgs, now)
	}
	mixed := c.ladder != nil && ch.mixed
	var p parts
	if mixed {
		p = c.divide(ch)
	}
	c.mu.Lock()
	if c.closed || src.ended {
		c.mu.Unlock()
		for _, v := range p.views {
			if v != nil {
				c.spareView(v)
			}
		}
		return ErrClosed
	}
	src.bytes += int64(bytes)
	src.skipped += int64(ch.Skipped)
	src.repaired += int64(ch.Repaired)
	src.ledger.Received += int64(len(ch.Msgs) + ch.Joined)
	src.ledger.Joined += int64(ch.Joined)
	if len(ch.Msgs) == 0 {
		c.mu.Unlock()
		done := ch.Done
		c.recycle(ch)
		c.call(done, Result{})
		return nil
	}
	src.ledger.InFlight += int64(len(ch.Msgs))
	src.chunks++
	ch.src, ch.state, ch.sent = src, chunkSent, now
	if mixed {
		c.split(src, ch, &p) // unlocks
		return nil
	}
	c.classes[ch.class].ledger.Received += int64(len(ch.Msgs))
	c.classes[ch.class].ledger.InFlight += int64(len(ch.Msgs))
	c.queue(src, ch)
	c.mu.Unlock()
	return nil
}

// queue numbers chunks and hands them to the workers. The caller holds mu.
func (c *core) queue(src *sourceState, chunks ...*Chunk) {
	for _, ch := range chunks {
		ch.ack = c.newAck(src, ch)
		if c.global {
			ch.seq = c.seq
			c.seq++
		} else {
			ch.seq = src.seq[ch.class]
			src.seq[ch.class]++
		}
	}
	c.feed.push(chunks...)
}

// close ends the input of the workers.
func (c *core) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.feed.close()
	}
}

// end refuses further chunks of src.
func (c *core) end(src *sourceState) {
	c.mu.Lock()
	src.ended, src.running = true, false
	c.mu.Unlock()
}

// settle waits for the answers to what src sent, which has ended.
func (c *core) settle(src *sourceState) {
	c.mu.Lock()
	if src.open == 0 {
		c.mu.Unlock()
		return
	}
	if src.settled == nil {
		src.settled = make(chan struct{})
	}
	settled := src.settled
	c.mu.Unlock()
	select {
	case <-settled:
	case <-c.aborted:
	}
}

// answered notes that Done of a chunk of src has returned. The caller holds mu.
func (src *sourceState) answered() {
	if src.open--; src.open == 0 && src.settled != nil {
		close(src.settled)
		src.settled = nil
	}
}

func (c *core) abortNow() {
	c.abort.Do(func() {
		close(c.aborted)
		c.feed.abort()
	})
}

func (c *core) isAborted() bool {
	select {
	case <-c.aborted:
		return true
	default:
		return false
	}
}

// errAborted is the cause of what was given up at the end of the shutdown time.
var errAborted = errcat.Newf(errcat.Timeout, errcat.StageDeliver, "the pipeline was stopped before this was delivered: %w", context.Canceled)

// call runs a source's Done.
func (c *core) call(done func(Result), r Result) {
	if done == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			c.panicked("a source's Done", v)
		}
	}()
	done(r)
}
