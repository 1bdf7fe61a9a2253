package ingest

import "sync"

// pool is a fixed free list. What was given back last is handed out first, while it is
// still in cache.
type pool[E any] struct {
	tokens chan struct{} // one for each element of free
	mu     sync.Mutex
	free   []E
}

// maxPool bounds the elements of a pool. The tokens have no size, so that their channel
// takes no memory for its room.
const maxPool = 1 << 30

func newPool[E any](n int, element func() E) *pool[E] {
	p := &pool[E]{tokens: make(chan struct{}, maxPool)}
	for range n {
		p.put(element())
	}
	return p
}

// take returns an element; the caller has received a token.
func (p *pool[E]) take() E {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	e := p.free[last]
	var none E
	p.free[last] = none
	p.free = p.free[:last]
	return e
}

// get waits for an element, or returns false when one of the channels is closed.
func (p *pool[E]) get(done, ended, aborted <-chan struct{}) (e E, ok bool) {
	select {
	case <-p.tokens:
		return p.take(), true
	default:
	}
	select {
	case <-p.tokens:
		return p.take(), true
	case <-done:
	case <-ended:
	case <-aborted:
	}
	return e, false
}

// put gives back an element that was taken.
func (p *pool[E]) put(e E) {
	p.mu.Lock()
	p.free = append(p.free, e)
	p.mu.Unlock()
	p.tokens <- struct{}{}
}
