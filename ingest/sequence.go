package ingest

import "sync"

// sequencer hands on what workers finish in the order of its numbers. It never holds
// more than there are chunks, since every number that was given out and not handed on
// holds one. The zero value is ready.
type sequencer[E any] struct {
	mu   sync.Mutex
	next uint64
	ring []slotted[E]
	busy bool // somebody hands on
}

type slotted[E any] struct {
	e    E
	full bool
}

// put takes number seq. Whoever brings the number that is due hands on, with deliver,
// all that have become due; the others leave theirs and go on working.
func (s *sequencer[E]) put(seq uint64, e E, deliver func(E)) {
	s.mu.Lock()
	if n := uint64(len(s.ring)); seq-s.next >= n {
		larger := make([]slotted[E], max(16, 2*(seq-s.next)))
		for i := range n {
			larger[(s.next+i)%uint64(len(larger))] = s.ring[(s.next+i)%n]
		}
		s.ring = larger
	}
	s.ring[seq%uint64(len(s.ring))] = slotted[E]{e, true}
	if s.busy {
		s.mu.Unlock()
		return
	}
	s.busy = true
	for {
		first := &s.ring[s.next%uint64(len(s.ring))]
		if !first.full {
			break
		}
		e := first.e
		*first = slotted[E]{}
		s.next++
		s.mu.Unlock()
		deliver(e)
		s.mu.Lock()
	}
	s.busy = false
	s.mu.Unlock()
}
