package ingest

import (
	"sync"

	"github.com/penstock-dev/penstock/parse"
)

// classState is the account of one class; guarded by core.mu.
type classState struct {
	ledger  Ledger
	sampled int64 // shed by the step Sample
	shed    int64 // shed by the step Shed
}

// Marks of messages that are not to be parsed, in Chunk.classes: the class and one of
// these bits.
const (
	sampleNow = 0x40
	shedNow   = 0x80
	classBits = 0x0F
)

// classify finds the classes of the messages of ch, and which of them are shed.
func (c *core) classify(src *sourceState, ch *Chunk) {
	ch.classes, ch.mixed = ch.classes[:0], false
	fault := 0
	for i := range ch.Msgs {
		m := &ch.Msgs[i]
		class := c.classOf(m)
		mark := uint8(class)
		if fault < len(ch.Faults) && ch.Faults[fault].Msg == i {
			fault++ // a dead letter is not shed
		} else if !src.patient {
			if s, drop := c.ladder.drops(class, m); drop {
				if mark |= shedNow; s == Sample {
					mark |= sampleNow
				}
				ch.mixed = true
			}
		}
		if i > 0 && mark != ch.classes[0] {
			ch.mixed = true
		}
		ch.classes = append(ch.classes, mark)
	}
	if len(ch.classes) > 0 {
		ch.class = ch.classes[0] & classBits
	}
}

// classOf calls the host's function.
func (c *core) classOf(m *parse.Message) (class int) {
	defer func() {
		if v := recover(); v != nil {
			c.panicked("Classify", v)
			class = 0
		}
	}()
	return min(max(c.ladder.classify(m), 0), len(c.ladder.classes)-1)
}

// join puts the results of the views of one chunk together.
type join struct {
	core    *core
	next    *join // of the spare ones
	part    func(Result)
	mu      sync.Mutex
	pending int
	result  Result
	done    func(Result)
}

func (j *join) add(r Result) {
	j.mu.Lock()
	j.result.add(r)
	j.pending--
	last := j.pending == 0
	done, result := j.done, j.result
	j.mu.Unlock()
	if !last {
		return
	}
	j.done, j.result = nil, Result{}
	j.core.mu.Lock()
	j.next, j.core.joins = j.core.joins, j
	j.core.mu.Unlock()
	j.core.call(done, result)
}

// newJoin returns a join for n parts. The caller holds mu.
func (c *core) newJoin(done func(Result), n int) *join {
	j := c.joins
	if j != nil {
		c.joins = j.next
	} else {
		j = &join{core: c}
		j.part = j.add
	}
	j.done, j.pending = done, n
	return j
}

// parts are the messages of a chunk that has several classes: a view for each class, and how
// many messages of each are given up.
type parts struct {
	views         [maxClasses]*Chunk
	sampled, shed [maxClasses]int64
}

// divide makes the parts of ch, which is mixed. It looks at every message, which is too long
// for core.mu.
func (c *core) divide(ch *Chunk) (p parts) {
	fault := 0
	for i := range ch.Msgs {
		mark := ch.classes[i]
		class := mark & classBits
		if mark&shedNow != 0 {
			if mark&sampleNow != 0 {
				p.sampled[class]++
			} else {
				p.shed[class]++
			}
			continue
		}
		v := p.views[class]
		if v == nil {
			v = c.newView(ch, class)
			p.views[class] = v
		}
		for fault < len(ch.Faults) && ch.Faults[fault].Msg < i {
			fault++
		}
		if fault < len(ch.Faults) && ch.Faults[fault].Msg == i {
			f := ch.Faults[fault]
			f.Msg = len(v.Msgs)
			v.Faults = append(v.Faults, f)
		}
		v.Msgs = append(v.Msgs, ch.Msgs[i])
	}
	return p
}

// split queues the parts of ch, after it has shed what is to be shed. A view has its own
// acknowledgement; the chunk's buffer is free when the last view has been released. The
// caller holds mu, which split gives back.
func (c *core) split(src *sourceState, ch *Chunk, p *parts) {
	var queued [maxClasses]*Chunk
	views := queued[:0]
	given := int64(0)
	for class := range c.classes {
		st := &c.classes[class]
		gone, kept := p.sampled[class]+p.shed[class], int64(0)
		if v := p.views[class]; v != nil {
			v.src, v.state, v.sent = src, chunkSent, ch.sent
			kept = int64(len(v.Msgs))
			views = append(views, v)
		}
		st.ledger.Received += gone + kept
		st.ledger.Shed += gone
		st.ledger.InFlight += kept
		st.sampled += p.sampled[class]
		st.shed += p.shed[class]
		given += gone
	}
	if given > 0 {
		src.ledger.Shed += given
		src.ledger.InFlight -= given
		c.packs[0].ledger.Received += given
		c.packs[0].ledger.Shed += given
	}
	result := Result{Shed: int(given), ByClass: int(given)}
	if given > 0 {
		result.Err = errShedByClass
	}
	if len(views) == 0 {
		done := ch.Done
		c.mu.Unlock()
		c.recycle(ch)
		c.call(done, result)
		return
	}
	// One reference and one part are split's own, until everything is queued.
	ch.views.Store(int32(len(views)) + 1)
	j := c.newJoin(ch.Done, len(views)+1)
	for _, v := range views {
		v.Done = j.part
	}
	c.queue(src, views...)
	c.mu.Unlock()
	c.dropView(ch)
	j.add(result)
}

// spareViews are views that can be used again.
type spareViews struct {
	mu   sync.Mutex
	free []*Chunk
}

// newView returns a chunk without a buffer of its own.
func (c *core) newView(ch *Chunk, class uint8) *Chunk {
	var v *Chunk
	c.views.mu.Lock()
	if n := len(c.views.free); n > 0 {
		v = c.views.free[n-1]
		c.views.free[n-1] = nil
		c.views.free = c.views.free[:n-1]
	}
	c.views.mu.Unlock()
	if v == nil {
		v = &Chunk{}
	}
	v.Buf, v.whole, v.class = ch.Buf, ch, class
	return v
}

// spareView keeps a view that nobody uses any more.
func (c *core) spareView(v *Chunk) {
	msgs, faults := v.Msgs, v.Faults
	clear(msgs)
	clear(faults)
	*v = Chunk{Msgs: msgs[:0], Faults: faults[:0]}
	if cap(msgs) <= 2*c.limits.ChunkMsgs && cap(faults) <= 64 {
		c.views.mu.Lock()
		c.views.free = append(c.views.free, v)
		c.views.mu.Unlock()
	}
}

// recycleView gives back a view and its part of the chunk.
func (c *core) recycleView(v *Chunk) {
	whole := v.whole
	if v.lent.Load() {
		whole.lent.Store(true)
	} else {
		c.spareView(v)
	}
	c.dropView(whole)
}

// dropView gives up one reference to a chunk that was split.
func (c *core) dropView(whole *Chunk) {
	if whole.views.Add(-1) == 0 {
		c.recycle(whole)
	}
}
