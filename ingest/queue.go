package ingest

import "sync"

// queue is the way to one sink: bounded in entries and in bytes, first in, first out.
// What was taken from it counts as held until it is released.
type queue[E any] struct {
	mu       sync.Mutex
	changed  sync.Cond
	ring     []queued[E]
	head, n  int
	bytes    int64 // of entries in the ring, and of those taken and not released
	maxBytes int64
	closed   bool // no more pushes
	aborted  bool // pushes fail
}

type queued[E any] struct {
	e     E
	bytes int
}

func newQueue[E any](entries int, bytes int64) *queue[E] {
	q := &queue[E]{ring: make([]queued[E], entries), maxBytes: bytes}
	q.changed.L = &q.mu
	return q
}

// push appends e. While there is no room it blocks, or returns false if wait is not
// set. It returns false after abort. One entry always has room, however large it is.
func (q *queue[E]) push(e E, bytes int, wait bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if q.closed || q.aborted {
			return false
		}
		if q.n < len(q.ring) && (q.bytes == 0 || q.bytes+int64(bytes) <= q.maxBytes) {
			break
		}
		if !wait {
			return false
		}
		q.changed.Wait()
	}
	q.ring[(q.head+q.n)%len(q.ring)] = queued[E]{e, bytes}
	q.n++
	q.bytes += int64(bytes)
	q.changed.Broadcast()
	return true
}

// pop takes the first entry; it blocks while there is none, and reports false when
// there will be no more.
func (q *queue[E]) pop() (E, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.n == 0 {
		if q.closed {
			var none E
			return none, false
		}
		q.changed.Wait()
	}
	first := &q.ring[q.head]
	e := first.e
	*first = queued[E]{}
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	q.changed.Broadcast()
	return e, true
}

// release gives back the room of an entry that was taken.
func (q *queue[E]) release(bytes int) {
	q.mu.Lock()
	q.bytes -= int64(bytes)
	q.changed.Broadcast()
	q.mu.Unlock()
}

// close ends the queue: what is in it can still be taken.
func (q *queue[E]) close() {
	q.mu.Lock()
	q.closed = true
	q.changed.Broadcast()
	q.mu.Unlock()
}

// abort makes all pushes fail, the waiting ones included.
func (q *queue[E]) abort() {
	q.mu.Lock()
	q.aborted = true
	q.changed.Broadcast()
	q.mu.Unlock()
}

// size returns the entries that wait and the bytes that are held.
func (q *queue[E]) size() (entries int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n, q.bytes
}
