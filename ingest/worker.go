package ingest

import (
	"math/bits"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// slot is the room for what becomes of one chunk. There is a fixed number of them.
type slot[T any] struct {
	p      *Pipeline[T]
	set    *set[T] // what it was made with, until it is handed to the outputs
	class  uint8
	worker int // number of the one that filled it last
	batch  batch.Batch[T]
	events parse.Events[T] // where some sink reads events; else the worker's own are used
	items  []int32         // of each row
	dead   *deadBatch      // dead letters of this chunk; never nil
	chunk  *Chunk
	ack    *ack
	refs   atomic.Int32 // who still reads batch and chunk; the last one recycles
	held   int
	worked time.Duration // parse to encode

	all, some Routes      // outputs that get all rows, and that get any
	routes    []Routes    // of each row, where there is a Router
	shares    []*share[T] // by output; kept for the next time
}

func (s *slot[T]) rows() *batch.Batch[T] { return &s.batch }
func (s *slot[T]) itemOf(row int) int32  { return s.items[row] }
func (s *slot[T]) answerTo() *ack        { return s.ack }
func (s *slot[T]) size() int             { return s.held }
func (s *slot[T]) work() time.Duration   { return s.worked }

// keptLineFactor is how many chunk sizes of line buffer a released slot keeps.
const keptLineFactor = 16

func (s *slot[T]) release() {
	if s.refs.Add(-1) > 0 {
		return
	}
	p, b := s.p, &s.batch
	poison(b.Lines)
	clear(b.Events)
	b.Events, b.Lines, b.Ends, b.Msg, b.Msgs = b.Events[:0], b.Lines[:0], b.Ends[:0], b.Msg[:0], nil
	s.items = s.items[:0]
	if cap(b.Lines) > keptLineFactor*p.core.limits.ChunkSize {
		b.Lines = nil
	}
	if cap(b.Ends) > 4*parse.DefaultKeptEvents {
		b.Events, b.Ends, b.Msg, s.items = nil, nil, nil, nil
	}
	if s.some != 0 {
		for i, sh := range s.shares {
			if sh != nil && s.some>>i&1 == 1 {
				sh.reset(keptLineFactor * p.core.limits.ChunkSize)
			}
		}
		s.routes = s.routes[:0]
	}
	s.events.Reset()
	c, class := s.chunk, s.class
	s.chunk, s.ack = nil, nil
	p.core.recycle(c)
	p.putSlot(s, class)
}

// phase says which component is at work, for the case that it panics.
type phase uint8

const (
	inPipeline phase = iota
	inParser
	inStamp
	inStage
	inValidator
	inEncoder
	inNaming
	inRefine
	inRouter
	inTime
)

type knownPack struct {
	name string // our own copy
	id   uint16
}

// worker turns chunks into batches. It has parser, stages, validator and encoder for
// itself where those are made per worker.
type worker[T any] struct {
	p         *Pipeline[T]
	set       *set[T] // what the following were made of
	parser    parse.Parser[T]
	raw       parse.Parser[T] // Priorities.Raw
	stages    []Stage[T]
	validator Validator[T]
	encoder   Encoder[T]
	router    Router[T]
	required  uint64                  // components without which nothing works, see service
	optional  uint64                  // stages that may be left out
	watch                             // for those who look whether it hangs
	current   atomic.Pointer[slot[T]] // the slot at hand, for the same

	own     parse.Events[T] // reused for each message where no sink reads events
	packs   map[string]knownPack
	last    knownPack // the one that was asked for last
	tally   tally
	items   []item
	scratch []byte     // the encoded part of a dead letter
	letter  DeadLetter // the one at hand

	// Where the worker stands, so that it can go on after a panic.
	slot    *slot[T]
	events  *parse.Events[T]
	src     *sourceState
	fault   int  // next of the chunk's faults
	msg     int  // current message
	begun   bool // it has been parsed
	counted bool // one of its items has been counted
	written bool // one of its items has been written
	base    int  // its first event
	rbase   int  // its first reject
	event   int  // the event at hand
	reject  int  // next reject
	phase   phase
	atStage int
	skip    uint64 // stages to be left out, bits as in service
	degrade bool   // optional stages are left out for this batch
	pass    bool   // raw parses this batch
	timed   int    // events whose times were compared
	timedOf *parse.Origin
	clock   sampler

	culpable *culpable
	accused  int // the message that the sender was last blamed for
}

// run works until there are no more chunks, or until it has been replaced because it
// hung. It is the body of a worker's goroutine: the feed starts it, closing the feed
// stops it, Run waits for it unless it was replaced.
func (w *worker[T]) run() {
	p := w.p
	w.set = p.set.Load()
	w.renew()
	for {
		c, batch, ok := p.core.feed.next()
		switch {
		case !ok:
			return
		case p.core.isAborted():
			if batch {
				p.core.feed.giveBack(c.class)
			}
			c.ack.finish(true) // nothing is delivered any more
		case !batch:
			p.shed(c)
		default:
			if !w.chunk(p.takeSlot(w.number), c) {
				return
			}
		}
	}
}

// shed ends a chunk whose class is shed.
func (p *Pipeline[T]) shed(c *Chunk) {
	a, src, class, seq := c.ack, c.src, c.class, c.seq
	p.core.recycle(c)
	a.shedAll()
	p.orders[src.index*len(p.core.classes)+int(class)].put(seq, nil, p.deliver)
}

// renew makes fresh instances of everything that is made per worker.
func (w *worker[T]) renew() {
	p := w.p
	defer func() {
		if v := recover(); v != nil {
			p.core.panicked("making a worker's parser, stage, validator, encoder or router", v)
		}
	}()
	set := w.set
	w.parser, w.raw, w.stages, w.validator, w.encoder, w.router = nil, nil, w.stages[:0], nil, nil, nil
	w.required, w.optional = ^uint64(0), 0
	w.parser = parse.ForWorker(set.Parser)
	for i, s := range set.Stages {
		if _, ok := s.(optional[T]); ok && i < maxServices-firstStage {
			w.optional |= 1 << (firstStage + i)
		}
		w.stages = append(w.stages, forWorker(s))
	}
	w.required = ^w.optional
	if set.Validator != nil {
		w.validator = forWorker(set.Validator)
	}
	if set.Encoder != nil {
		w.encoder = forWorker(set.Encoder)
	}
	if set.Router != nil {
		w.router = forWorker(set.Router)
	}
	if pr := p.cfg.Priorities; pr != nil && pr.Raw != nil {
		w.raw = parse.ForWorker(pr.Raw)
	}
}

// chunk makes a batch of c in s and hands it on. It returns false if the worker was
// given up meanwhile: then somebody else has the chunk.
func (w *worker[T]) chunk(s *slot[T], c *Chunk) bool {
	s.set = w.p.acquire()
	if w.set != s.set {
		w.set = s.set
		w.renew()
	}
	s.chunk, s.ack, s.class = c, c.ack, c.class
	s.refs.Store(1)
	s.all, s.some = w.set.everything, 0
	s.batch.Msgs = c.Msgs
	w.slot, w.src, w.msg, w.fault, w.begun = s, c.src, 0, 0, false
	w.events = &w.own
	if w.set.readEvents {
		w.events = &s.events
	}
	w.degrade, w.pass = false, false
	if l := w.p.core.ladder; l != nil {
		step := l.step(int(c.class))
		w.degrade = step == SkipOptional || step == Unparsed
		w.pass = step == Unparsed && w.raw != nil
	}
	w.timed, w.timedOf, w.accused = 0, nil, -1
	begun := w.p.core.mono()
	w.clock.on, w.clock.begun = true, begun
	w.begin()
	for !w.messages() {
		w.renew()
		w.accuse()
	}
	if !w.end() {
		return false
	}
	w.report(c, begun)
	if taps := w.p.core.taps.Load(); taps != nil {
		w.tap(*taps)
	}
	s.held = len(s.batch.Lines) + cap(c.Buf) + len(s.batch.Events)*w.p.eventSize
	w.items = c.ack.publish(w.items, &w.tally)
	w.tally.reset()
	w.slot, w.events = nil, nil
	w.p.order(s, c)
	if w.set.behind() {
		runtime.Gosched()
	}
	return true
}

// messages works on the chunk from where it stands. It returns false after a panic:
// the message or event at hand is a dead letter then, and the rest is still to be done.
func (w *worker[T]) messages() (finished bool) {
	defer func() {
		if finished {
			return
		}
		if v := recover(); v != nil {
			w.contain(v)
		}
	}()
	for n := len(w.slot.chunk.Msgs); w.msg < n; w.msg++ {
		if !w.at(w.msg) {
			return true // given up
		}
		w.message()
		w.begun, w.clock.on = false, false
	}
	return true
}

// message works on one message.
func (w *worker[T]) message() {
	c := w.slot.chunk
	m := &c.Msgs[w.msg]
	if !w.begun {
		w.begun, w.counted, w.written = true, false, false
		w.event, w.reject, w.base, w.rbase = 0, 0, 0, 0
		if !w.set.readEvents {
			w.own.Reset()
		}
		w.base, w.rbase = w.events.Len(), len(w.events.Rejected())
		w.event, w.reject = w.base, w.rbase
		if !w.sound(m) {
			return
		}
		out := w.set.out.Load()
		if out&w.required != 0 {
			w.outOfService(m, out&w.required)
			return
		}
		if w.set.wards.senders.Load() > 0 {
			w.set.wards.see(senderOf(w.src, m))
		}
		if shut := w.set.shutOut.Load(); shut != nil {
			if list := (*shut)[senderOf(w.src, m)]; list != nil {
				barred := w.barred(list, m)
				if barred&w.required != 0 {
					w.barredLetter(m, serviceName(bits.TrailingZeros64(barred&w.required)))
					return
				}
				out |= barred
			}
		}
		if w.skip = out; w.degrade {
			w.skip |= w.optional
		}
		parser := w.parser
		if w.pass {
			parser = w.raw
		}
		w.phase = inParser
		var err error
		switch {
		case w.slot.chunk.notices != nil:
			err = w.p.cfg.NoticeEvent(&w.slot.chunk.notices[w.msg], w.events.Add())
		case w.clock.on:
			err = parser.Parse(m, w.events) // the clock runs since the chunk was begun
			w.clock.stop(w.p.core, &w.p.core.times.parse)
		default:
			err = parser.Parse(m, w.events)
		}
		w.phase = inPipeline
		if err == nil && w.events.Len()-w.base+len(w.events.Rejected())-w.rbase > w.p.cfg.MaxEvents {
			err = errTooManyEvents
		}
		if err != nil {
			w.events.Truncate(w.base, w.rbase)
			w.dead(m, m.Raw, 0, errcat.StageParse, "", "", nil, err)
			return
		}
	}
	events, rejects := w.events.All(), w.events.Rejected()
	for {
		if w.written && w.p.cfg.FirstEventOnly {
			w.rest(len(events)-w.event, len(rejects)-w.reject)
			return
		}
		if w.reject < len(rejects) && rejects[w.reject].After <= w.event {
			r := &rejects[w.reject]
			w.reject++
			w.dead(m, r.Raw, 0, errcat.StageParse, "", "", nil, r.Err)
			continue
		}
		if w.event >= len(events) {
			break
		}
		w.oneEvent(m, events[w.event])
		w.event++
	}
	if w.counted {
		return
	}
	if w.p.cfg.FirstEventOnly && w.p.cfg.InlineDeadLetters != nil {
		w.dead(m, m.Raw, 0, errcat.StageParse, "", "", nil, errNoEvent)
		return
	}
	w.filtered(0)
}

var (
	errEmpty         = errcat.New(errcat.SchemaViolation, errcat.StageBuffer, "empty message")
	errOversize      = errcat.New(errcat.Oversize, errcat.StageBuffer, "message longer than the limit")
	errTooManyEvents = errcat.New(errcat.Oversize, errcat.StageParse, "message with more events than the limit")
	errTooLargeBatch = errcat.New(errcat.Oversize, errcat.StageBatch, "the encoded events of a chunk exceed the limit")
	errNoEvent       = errcat.New(errcat.SchemaViolation, errcat.StageParse, "message holds no event")
)

// sound reports whether m should be parsed; if not it is a dead letter now.
func (w *worker[T]) sound(m *parse.Message) bool {
	c := w.slot.chunk
	if w.fault < len(c.Faults) && c.Faults[w.fault].Msg <= w.msg {
		f := &c.Faults[w.fault]
		w.fault++
		if f.Msg == w.msg {
			w.deadLetter(m, m.Raw, f.Length, errcat.StageBuffer, "", "", f.component, nil, f.Err)
			return false
		}
	}
	switch limits := &w.p.core.limits; {
	case len(m.Raw) == 0:
		w.dead(m, nil, 0, errcat.StageBuffer, "", "", nil, errEmpty)
		return false
	case len(m.Raw) > limits.MaxMessage:
		w.dead(m, m.Raw[:min(len(m.Raw), limits.KeepOversize)], int64(len(m.Raw)), errcat.StageBuffer, "", "", nil, errOversize)
		return false
	}
	return true
}

// oneEvent takes one event to its row.
func (w *worker[T]) oneEvent(m *parse.Message, e *T) {
	p := w.p
	if p.refine != nil && w.refined(m, e) {
		return
	}
	if p.cfg.Stamp != nil {
		w.phase = inStamp
		p.cfg.Stamp(m, w.event-w.base, e)
	}
	if len(w.stages) > 0 {
		w.clock.start(p.core)
	}
	for i, s := range w.stages {
		if w.skip != 0 && w.skip>>(firstStage+i)&1 == 1 {
			continue
		}
		w.phase, w.atStage = inStage, i
		w.stage.Store(int32(i))
		keep, err := s.Process(m, e)
		if err != nil {
			w.deadEvent(m, e, errcat.StageEnrich, err)
			return
		}
		if !keep {
			w.phase = inNaming
			w.filtered(w.packOf(e))
			w.phase = inPipeline
			return
		}
	}
	if len(w.stages) > 0 {
		w.clock.stop(p.core, &p.core.times.enrich)
	}
	if p.timed && w.timed < maxTimed {
		w.compareTime(m, e)
	}
	if w.validator != nil {
		w.clock.start(p.core)
		w.phase = inValidator
		if err := w.validator.Validate(e); err != nil {
			w.deadEvent(m, e, errcat.StageValidate, err)
			return
		}
		w.clock.stop(p.core, &p.core.times.validate)
	}
	to := w.set.everything
	if w.router != nil {
		w.phase = inRouter
		if to &= w.router.Route(m, e); to == 0 {
			w.phase = inNaming
			w.filtered(w.packOf(e))
			w.phase = inPipeline
			return
		}
	}
	b := &w.slot.batch
	lines := b.Lines
	if w.encoder != nil {
		w.clock.start(p.core)
		w.phase = inEncoder
		var err error
		lines, err = w.encoder.Append(lines, e)
		if err != nil {
			w.deadEvent(m, nil, errcat.StageBatch, err)
			return
		}
		if n := len(lines); n == 0 || lines[n-1] != '\n' {
			lines = append(lines, '\n')
		}
		if len(lines) > p.cfg.MaxBatchBytes {
			w.deadEvent(m, nil, errcat.StageBatch, errTooLargeBatch)
			return
		}
		w.clock.stop(p.core, &p.core.times.encode)
		w.clock.on = false // the first event is enough
	}
	w.phase = inNaming
	pack := w.packOf(e)
	w.phase = inPipeline
	b.Lines = lines
	w.row(pack, stateDelivered, to)
	if w.set.readEvents {
		b.Events = append(b.Events, e)
	}
}

// row appends a row whose line is in place, and its item.
func (w *worker[T]) row(pack uint16, s state, to Routes) {
	b := &w.slot.batch
	if w.router != nil {
		w.slot.all &= to
		w.slot.some |= to
		w.slot.routes = append(w.slot.routes, to)
	}
	if w.encoder != nil || s == stateDead {
		b.Ends = append(b.Ends, int32(len(b.Lines)))
	}
	b.Msg = append(b.Msg, int32(w.msg))
	w.slot.items = append(w.slot.items, int32(len(w.items)))
	w.item(pack, s)
	w.written = true
}

// item counts one more thing that the message became.
func (w *worker[T]) item(pack uint16, s state) {
	w.count(pack)
	w.items = append(w.items, item{pack, s})
}

// count enters the message itself, or what it was split into.
func (w *worker[T]) count(pack uint16) *packTally {
	t := w.tally.pack(pack)
	if w.counted {
		t.split++
		w.tally.split++
	} else {
		t.received++
		w.counted = true
	}
	return t
}

// filtered counts an item that ends here on purpose.
func (w *worker[T]) filtered(pack uint16) {
	w.count(pack).filtered++
	w.tally.filtered++
}

// rest counts what FirstEventOnly leaves out.
func (w *worker[T]) rest(events, rejects int) {
	all := w.events.All()
	for _, e := range all[len(all)-events:] {
		w.phase = inNaming
		pack := w.packOf(e)
		w.phase = inPipeline
		w.event++
		w.filtered(pack)
	}
	for ; rejects > 0; rejects-- {
		w.reject++
		w.filtered(0)
	}
}

// packOf returns the number of the pack that made e.
func (w *worker[T]) packOf(e *T) uint16 {
	if w.p.cfg.PackOf == nil {
		return 0
	}
	name, _ := w.p.cfg.PackOf(e)
	return w.packID(name)
}

func (w *worker[T]) packID(name string) uint16 {
	if name == w.last.name {
		return w.last.id
	}
	known, ok := w.packs[name]
	if !ok {
		known = knownPack{strings.Clone(name), w.p.core.packID(name)} // name may alias a chunk
		if len(w.packs) < maxPacks {
			w.packs[known.name] = known
		}
	}
	w.last = known
	return known.id
}
