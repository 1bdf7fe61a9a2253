package ingest

import (
	"sync"
	"sync/atomic"
	"time"
)

// queue is the way to one sink. It has a lane for each class, each bounded in entries
// and in bytes; a lane is first in, first out, and gets its share of the service. What
// was taken from it counts as held until it is released.
//
// With one lane a push waits for room. With several it does not: the feed gives a class
// no more batches while the lane is full, see feed.gate.
type queue[E any] struct {
	mu       sync.Mutex
	ready    sync.Cond // something to take, or the end
	freed    sync.Cond // room for a push
	lanes    []queueLane[E]
	depth    atomic.Int32 // entries in all lanes
	entries  int          // of each lane
	maxBytes int64
	clock    float64
	patience time.Duration // how long it may stand still while a push waits; 0: for ever
	moved    time.Time     // with a patience: when it last moved, or got something to do
	busy     bool          // what was taken last is still being written
	direct   bool          // somebody writes past the queue, see bypass
	closed   bool          // no more pushes
	aborted  bool          // pushes fail
}

type queueLane[E any] struct {
	ring    []queued[E]
	head, n int
	bytes   int64 // of entries in the ring, and of those taken and not released
	weight  float64
	pass    float64
}

type queued[E any] struct {
	e     E
	bytes int
}

func newQueue[E any](weights []float64, entries int, bytes int64, patience time.Duration) *queue[E] {
	q := &queue[E]{lanes: make([]queueLane[E], len(weights)), entries: entries, maxBytes: bytes, patience: patience, moved: time.Now()}
	for i, w := range weights {
		q.lanes[i].weight = w
	}
	q.ready.L, q.freed.L = &q.mu, &q.mu
	return q
}

// push appends e. While there is no room it blocks, or returns false if wait is not
// set, or the queue has stood still for longer than its patience (with several lanes: at
// once). It returns false after abort. One entry always has room, however large it is.
func (q *queue[E]) push(e E, class, bytes int, wait bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := &q.lanes[class]
	for {
		if q.closed || q.aborted {
			return false
		}
		if l.n < q.entries && (l.bytes == 0 || l.bytes+int64(bytes) <= q.maxBytes) {
			break
		}
		if !wait {
			return false
		}
		if q.patience > 0 {
			rest := q.patience - time.Since(q.moved)
			if len(q.lanes) > 1 || rest <= 0 {
				return false
			}
			wake := time.AfterFunc(rest, func() {
				q.mu.Lock()
				defer q.mu.Unlock()
				q.freed.Broadcast()
			})
			q.freed.Wait()
			wake.Stop()
			continue
		}
		if len(q.lanes) > 1 {
			break
		}
		q.freed.Wait()
	}
	if q.patience > 0 && q.depth.Load() == 0 && !q.busy && !q.direct {
		q.moved = time.Now() // an empty queue does not stand still
	}
	if l.n == len(l.ring) {
		larger := make([]queued[E], max(4, 2*len(l.ring)))
		for i := range l.n {
			larger[i] = l.ring[(l.head+i)%len(l.ring)]
		}
		l.ring, l.head = larger, 0
	}
	if l.n == 0 {
		l.pass = max(l.pass, q.clock)
	}
	l.ring[(l.head+l.n)%len(l.ring)] = queued[E]{e, bytes}
	l.n++
	q.depth.Add(1)
	l.bytes += int64(bytes)
	if !q.direct {
		q.ready.Signal()
	}
	return true
}

// bypass takes the turn of whoever pops, where nothing is queued and nothing is being
// written: the caller writes its entry itself and then calls giveWay.
func (q *queue[E]) bypass(class, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy || q.direct || q.closed || q.aborted {
		return false
	}
	for i := range q.lanes {
		if q.lanes[i].n > 0 {
			return false
		}
	}
	l := &q.lanes[class]
	l.pass = max(l.pass, q.clock)
	q.serve(l, bytes)
	l.bytes += int64(bytes)
	q.direct = true
	if q.patience > 0 {
		q.moved = time.Now()
	}
	return true
}

// giveWay ends what bypass began. It reports what release does.
func (q *queue[E]) giveWay(class, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.direct = false
	if q.closed {
		q.ready.Signal()
	}
	for i := range q.lanes {
		if q.lanes[i].n > 0 {
			q.ready.Signal()
		}
	}
	return q.free(class, bytes)
}

// serve notes that a lane is served. The caller holds mu.
func (q *queue[E]) serve(l *queueLane[E], bytes int) {
	q.clock = l.pass
	l.pass += float64(bytes+1) / l.weight
}

// pop takes the first entry of the lane whose turn it is; it blocks while there is
// none, and reports false when there will be no more.
func (q *queue[E]) pop() (e E, class int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var l *queueLane[E]
	q.busy = false
	for {
		for i := range q.lanes {
			if o := &q.lanes[i]; o.n > 0 && (l == nil || o.pass < l.pass) {
				l, class = o, i
			}
		}
		if l != nil && !q.direct {
			break
		}
		if q.closed && l == nil && !q.direct {
			return e, 0, false
		}
		l = nil
		q.ready.Wait()
	}
	first := &l.ring[l.head]
	e = first.e
	q.serve(l, first.bytes)
	q.busy = true
	*first = queued[E]{}
	l.head = (l.head + 1) % len(l.ring)
	l.n--
	q.depth.Add(-1)
	q.moves()
	return e, class, true
}

// release gives back the room of an entry that was taken. It reports whether that ends
// the state full of its lane.
func (q *queue[E]) release(class, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.free(class, bytes)
}

// free is release with mu held.
func (q *queue[E]) free(class, bytes int) bool {
	l := &q.lanes[class]
	was := l.bytes >= q.maxBytes
	l.bytes -= int64(bytes)
	q.moves()
	return was && l.bytes < q.maxBytes
}

// moves wakes who waits for room. The caller has the lock.
func (q *queue[E]) moves() {
	if q.patience > 0 {
		q.moved = time.Now()
	}
	q.freed.Broadcast()
}

// full reports whether a lane has all the bytes that it may have.
func (q *queue[E]) full(class int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lanes[class].bytes >= q.maxBytes
}

// resize sets the bounds.
func (q *queue[E]) resize(entries int, bytes int64) {
	q.mu.Lock()
	q.entries, q.maxBytes = entries, bytes
	q.freed.Broadcast()
	q.mu.Unlock()
}

// room is how many entries a lane may have.
func (q *queue[E]) room() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.entries
}

// close ends the queue: what is in it can still be taken.
func (q *queue[E]) close() {
	q.mu.Lock()
	q.closed = true
	q.ready.Broadcast()
	q.freed.Broadcast()
	q.mu.Unlock()
}

// abort makes all pushes fail, the waiting ones included.
func (q *queue[E]) abort() {
	q.mu.Lock()
	q.aborted = true
	q.freed.Broadcast()
	q.mu.Unlock()
}

// size returns the entries that wait and the bytes that are held.
func (q *queue[E]) size() (entries int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range q.lanes {
		entries += q.lanes[i].n
		bytes += q.lanes[i].bytes
	}
	return entries, bytes
}
