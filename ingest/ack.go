package ingest

import (
	"sync"
	"sync/atomic"
	"time"
)

// state is the end that an item has reached. Of several ends the largest counts.
type state uint8

const (
	stateDelivered state = iota
	stateByClass         // shed by Priorities
	stateShed
	stateDead
	stateFailed
)

// item is one event, reject or dead message on its way to its end.
type item struct {
	pack  uint16 // index in core.packs
	state state
}

// ack is the acknowledgement of one chunk: who still has to answer, and how its items
// ended. It lives longer than the chunk's memory where a sink answers late.
type ack struct {
	core       *core
	prev, next *ack // ring of live ones, guarded by core.mu; next also links spare ones

	// pending counts who still has to answer: the worker, each required sink, each
	// batch of dead letters. Who brings it to zero finishes.
	pending atomic.Int32

	mu       sync.Mutex // guards what follows
	src      *sourceState
	class    uint8
	born     time.Time // with of guarded by core.mu
	of       int       // number of the source
	done     func(Result)
	messages int // what is in flight until the worker has published
	items    []item
	counted  bool // the worker has published
	finished bool
	shed     bool // instead of being parsed
	filtered int
	err      error
}

// newAck returns an ack for ch with one answer pending, the worker's. The caller holds
// core.mu.
func (c *core) newAck(src *sourceState, ch *Chunk) *ack {
	a := c.spare
	if a != nil {
		c.spare = a.next
	} else {
		a = &ack{core: c}
	}
	a.src, a.class, a.done, a.messages = src, ch.class, ch.Done, len(ch.Msgs)
	a.born, a.of = ch.sent, src.index
	a.counted, a.finished, a.shed, a.filtered, a.err = false, false, false, 0, nil
	a.pending.Store(1)
	src.open++
	a.prev, a.next = c.live.prev, &c.live
	a.prev.next, a.next.prev = a, a
	return a
}

// publish is the worker's report: the items that the chunk became, which are now in
// flight instead of its messages. It returns a slice for the next report.
func (a *ack) publish(items []item, t *tally) []item {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.finished {
		return items // given up meanwhile
	}
	room := a.items[:0]
	a.items, a.counted, a.filtered = items, true, t.filtered
	a.core.count(a.src, a.class, t)
	return room
}

// mark notes that an item came to a worse end than delivered.
func (a *ack) mark(i int32, s state, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.finished {
		return
	}
	if it := &a.items[i]; it.state < s {
		it.state = s
	}
	if a.err == nil && (s == stateFailed || s == stateShed) {
		a.err = err
	}
}

// packOf returns the pack of item i and the name of the source, as long as the account
// is open.
func (a *ack) packOf(i int32) (pack uint16, source string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.finished {
		return 0, ""
	}
	return a.items[i].pack, a.src.name
}

// add announces n more answers. The caller has one pending itself.
func (a *ack) add(n int) { a.pending.Add(int32(n)) }

// answer is one of the pending answers.
func (a *ack) answer() {
	if a.pending.Add(-1) == 0 {
		a.finish(false)
	}
}

// finish settles the account. With giveUp everything that is not filtered has failed;
// answers that come later find it finished.
func (a *ack) finish(giveUp bool) {
	a.mu.Lock()
	if a.finished {
		a.mu.Unlock()
		return
	}
	a.finished = true
	var r Result
	c := a.core
	c.mu.Lock()
	var end Ledger // what changes in the ledgers of the source and the class
	switch {
	case !a.counted && a.shed: // not worth a worker's time
		r.Shed, r.ByClass = a.messages, a.messages
		end.InFlight, end.Shed = -int64(a.messages), int64(a.messages)
		c.packs[0].ledger.add(Ledger{Received: end.Shed, Shed: end.Shed})
		c.classes[a.class].shed += end.Shed
	case !a.counted: // the worker never reported: the messages as such have failed
		r.Failed = a.messages
		end.InFlight, end.Failed = -int64(a.messages), int64(a.messages)
	default:
		r.Filtered = a.filtered
		end.InFlight = -int64(len(a.items))
		for i := range a.items {
			it := a.items[i]
			s := it.state
			if giveUp {
				s = stateFailed
			}
			pl := &c.packs[it.pack].ledger
			pl.InFlight--
			switch s {
			case stateDelivered:
				r.Delivered++
				pl.Delivered++
			case stateByClass:
				r.ByClass++
				r.Shed++
				pl.Shed++
			case stateShed:
				r.Shed++
				pl.Shed++
			case stateDead:
				r.DeadLettered++
				pl.DeadLettered++
			case stateFailed:
				r.Failed++
				pl.Failed++
			}
		}
		end.Delivered = int64(r.Delivered)
		end.Shed = int64(r.Shed)
		end.DeadLettered = int64(r.DeadLettered)
		end.Failed = int64(r.Failed)
	}
	a.src.ledger.add(end)
	c.classes[a.class].ledger.add(end)
	a.prev.next, a.next.prev = a.next, a.prev
	a.prev, a.next = nil, nil
	c.mu.Unlock()
	switch r.Err = a.err; {
	case r.Err != nil:
	case giveUp:
		r.Err = errAborted
	case r.ByClass > 0:
		r.Err = errShedByClass
	}
	took := c.mono().Sub(a.born)
	c.times.total.add(took)
	if c.ladder != nil {
		c.extent[a.class].add(took)
	}
	done, src := a.done, a.src
	a.done, a.src, a.err = nil, nil, nil
	if cap(a.items) > 1<<14 {
		a.items = nil
	}
	a.mu.Unlock()

	c.call(done, r)
	c.mu.Lock()
	src.answered()
	if !giveUp {
		a.next, c.spare = c.spare, a
	}
	c.mu.Unlock()
}

// shedAll settles an account whose chunk is shed before a worker has parsed it.
func (a *ack) shedAll() {
	a.mu.Lock()
	a.shed = true
	a.mu.Unlock()
	a.answer()
}

// giveUpAll settles everything that is still open.
func (c *core) giveUpAll() int {
	n := 0
	for {
		c.mu.Lock()
		a := c.live.next
		c.mu.Unlock()
		if a == &c.live {
			return n
		}
		a.finish(true)
		n++
	}
}
