package ingest

import (
	"sync"
	"sync/atomic"
)

// feed is the way of the chunks to the workers. It has a lane for each class, and hands
// out a chunk together with the right to one of the class's batches: a worker that held
// one and waited for the other could wait for ever.
//
// A feed without priorities has one lane, which is first in, first out.
type feed struct {
	// gate says that a class must wait for its sinks; nil: never. It must not block.
	gate func(class int) bool
	// spawn starts one more worker. It is called with mu held.
	spawn func()

	mu      sync.Mutex
	ready   sync.Cond // a chunk, a batch, or the end
	lanes   []lane
	depth   atomic.Int32 // chunks in all lanes
	clock   float64      // of the lane that was served last, see lane.pass
	closed  bool         // no more chunks
	aborted bool         // batches are not waited for

	// The workers: how many there are and may be, how many wait, the least that waited
	// since the last look, and how many are to end.
	workers, least, most int
	waiting, spare, quit int

	// Chunks that are free, but of which nobody knows yet, see hold.
	held   []*Chunk
	wanted int          // sources that wait for one
	free   func(*Chunk) // makes one known
}

// lane is the queue of one class.
type lane struct {
	ring    []*Chunk
	head, n int
	batches int     // free ones of the class
	weight  float64 // share of the service
	pass    float64 // service it has had, by its weight: the least is served next
	delayed bool    // gets a fraction of its share
	drain   bool    // is being shed: goes first and needs no batch
}

// drains reports whether the next chunk of l is to be shed.
func (l *lane) drains() bool { return l.drain && !l.ring[l.head].src.patient }

// delayFactor is by how much the share of a delayed class shrinks.
const delayFactor = 16

func newFeed(weights []float64, batches int) *feed {
	f := &feed{lanes: make([]lane, len(weights))}
	f.ready.L = &f.mu
	for i, w := range weights {
		f.lanes[i].weight, f.lanes[i].batches = w, batches
	}
	return f
}

// push appends chunks to their lanes.
func (f *feed) push(chunks ...*Chunk) {
	f.mu.Lock()
	for _, c := range chunks {
		f.put(c, false)
	}
	f.mu.Unlock()
	for range chunks {
		f.ready.Signal()
	}
}

// put is push, also to the front of the lane, with mu held.
func (f *feed) put(c *Chunk, front bool) {
	l := &f.lanes[c.class]
	if l.n == len(l.ring) {
		larger := make([]*Chunk, max(16, 2*len(l.ring)))
		for i := range l.n {
			larger[i] = l.ring[(l.head+i)%len(l.ring)]
		}
		l.ring, l.head = larger, 0
	}
	if l.n == 0 {
		l.pass = max(l.pass, f.clock) // no credit for the time without chunks
	}
	if front {
		l.head = (l.head + len(l.ring) - 1) % len(l.ring)
		l.ring[l.head] = c
	} else {
		l.ring[(l.head+l.n)%len(l.ring)] = c
	}
	l.n++
	f.depth.Add(1)
	if f.waiting == 0 && f.workers < f.most {
		f.workers++
		f.spawn()
	}
}

// next waits for a chunk. With batch the caller owes a giveBack. ok is false when there
// are no more, or when the worker is to end.
func (f *feed) next() (c *Chunk, batch, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		if l := f.pick(); l != nil {
			drains := l.drains()
			c = l.ring[l.head]
			l.ring[l.head] = nil
			l.head = (l.head + 1) % len(l.ring)
			l.n--
			f.depth.Add(-1)
			f.clock = l.pass
			weight := l.weight
			if l.delayed {
				weight /= delayFactor
			}
			l.pass += float64(len(c.Buf)+1) / weight
			if batch = l.batches > 0 && !drains; batch {
				l.batches--
			}
			if f.closed && f.queued() == 0 {
				f.ready.Broadcast() // the others have nothing to wait for
			}
			if len(f.held) > 0 && !f.busy() {
				f.letGo()
			}
			return c, batch, true
		}
		if f.quit > 0 {
			f.quit--
			f.workers--
			return nil, false, false
		}
		if f.closed && f.queued() == 0 {
			f.workers--
			return nil, false, false
		}
		f.waiting++
		f.ready.Wait()
		f.waiting--
		f.spare = min(f.spare, f.waiting)
	}
}

// start starts the first workers.
func (f *feed) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.workers < f.least {
		f.workers++
		f.spawn()
	}
}

// lost replaces a worker that does not return; c is what it was working on. The batch
// that is lost with it is replaced in the same moment: if a later chunk could have it, all
// batches could come to wait for c, which has its turn before them.
func (f *feed) lost(c *Chunk) {
	f.mu.Lock()
	f.workers--
	f.lanes[c.class].batches++
	f.put(c, true)
	f.mu.Unlock()
	f.ready.Broadcast()
}

// pick returns the lane to be served, or nil.
func (f *feed) pick() *lane {
	var best *lane
	for i := range f.lanes {
		l := &f.lanes[i]
		if l.n == 0 {
			continue
		}
		if l.drains() {
			return l
		}
		if !f.aborted && (l.batches == 0 || f.gate != nil && f.gate(i)) {
			continue
		}
		if best == nil || l.pass < best.pass {
			best = l
		}
	}
	return best
}

func (f *feed) queued() (n int) {
	for i := range f.lanes {
		n += f.lanes[i].n
	}
	return n
}

// giveBack returns a batch of a class.
func (f *feed) giveBack(class uint8) {
	f.mu.Lock()
	f.lanes[class].batches++
	f.mu.Unlock()
	f.ready.Signal()
}

// behind reports whether the workers have fallen behind.
func (f *feed) behind() bool { return int(f.depth.Load()) >= runAhead*f.most }

// add makes n more batches for each class.
func (f *feed) add(n int) {
	f.mu.Lock()
	for i := range f.lanes {
		f.lanes[i].batches += n
	}
	f.mu.Unlock()
	f.ready.Broadcast()
}

// wake makes the workers look again, after something that gate depends on.
func (f *feed) wake() { f.ready.Broadcast() }

// close ends the input.
func (f *feed) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.ready.Broadcast()
}

// abort lets the workers take what is left without batches.
func (f *feed) abort() {
	f.mu.Lock()
	f.aborted = true
	f.mu.Unlock()
	f.ready.Broadcast()
}

// pace sets how a class is served.
func (f *feed) pace(class int, delayed, drain bool) {
	f.mu.Lock()
	f.lanes[class].delayed, f.lanes[class].drain = delayed, drain
	f.mu.Unlock()
	f.ready.Broadcast()
}

// shrink ends a worker if one had nothing to do since the last call.
func (f *feed) shrink() {
	f.mu.Lock()
	idle := f.spare
	f.spare = f.waiting
	if idle > 0 && f.workers-f.quit > f.least {
		f.quit++
	}
	f.mu.Unlock()
	f.ready.Signal()
}

// state returns the chunks that wait in each lane, appended to dst, and the workers
// that there are and that wait for work.
func (f *feed) state(dst []int) (depths []int, workers, waiting int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.lanes {
		dst = append(dst, f.lanes[i].n)
	}
	return dst, f.workers, f.waiting
}

// holdChunks is how many free chunks are held back at most.
const holdChunks = 8

// busy reports whether the workers have enough to do, for as long at least as a source takes
// to wake and to fill a chunk. The caller holds mu.
func (f *feed) busy() bool { return f.queued() > runAhead*f.workers }

// hold takes a chunk that has become free. A source that waits for one is woken as soon as
// the workers could run out of work, or there are a few: to wake its thread for each, which
// fills it in a moment and sleeps again, costs a large part of the time that the parser
// takes for a chunk.
func (f *feed) hold(c *Chunk) {
	f.mu.Lock()
	f.held = append(f.held, c)
	if f.wanted == 0 || len(f.held) >= holdChunks || !f.busy() {
		f.letGo()
	}
	f.mu.Unlock()
}

// letGo makes all chunks known that are held back. The caller holds mu.
func (f *feed) letGo() {
	for i, c := range f.held {
		f.held[i] = nil
		f.free(c)
	}
	f.held = f.held[:0]
}

// want says that n more sources wait for a chunk.
func (f *feed) want(n int) {
	f.mu.Lock()
	f.wanted += n
	if f.wanted == 0 {
		f.letGo()
	}
	f.mu.Unlock()
}

// release lets go of what is held back although the workers have enough to do: that may be
// chunks of a class whose sinks are full, while the source that waits has others.
func (f *feed) release() {
	f.mu.Lock()
	f.letGo()
	f.mu.Unlock()
}
