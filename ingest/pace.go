package ingest

import (
	"sync/atomic"
	"time"
)

// pace compares how long a sink takes for a batch with how long a worker took to make it.
// To hand a batch to another goroutine costs two thread switches and, on another
// processor, caches that have none of it: more than a quick sink takes to write it. So a
// worker writes itself, past the queue, what would be written in a small part of the time
// that it worked; a sink that takes longer, or stops, has its own goroutine and its queue.
type pace struct {
	writes     int // up to paceKnown
	work, took time.Duration
	known      atomic.Bool
}

const (
	// paceKnown is how many writes are needed to know a sink.
	paceKnown = 8
	// paceMemory is about how many writes count.
	paceMemory = 8
	// paceShare is the part of the work that the writing may take, and
	// handover what it may take in any case.
	paceShare = 8
	handover  = 5 * time.Microsecond
)

// quick reports whether workers should write themselves.
func (p *pace) quick() bool { return p.known.Load() }

// note enters one write. Its caller has the turn to write.
func (p *pace) note(work, took time.Duration) {
	if work <= 0 {
		return
	}
	p.work += work - p.work/paceMemory
	p.took += took - p.took/paceMemory
	if p.writes < paceKnown {
		p.writes++
		return
	}
	if quick := p.took <= p.work/paceShare+paceMemory*handover; quick != p.known.Load() {
		p.known.Store(quick)
	}
}
