package ingest

import (
	"errors"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// slot is the room for what becomes of one chunk. There is a fixed number of them.
type slot[T any] struct {
	p      *Pipeline[T]
	batch  batch.Batch[T]
	events parse.Events[T] // where some sink reads events; else the worker's own are used
	items  []int32         // of each row
	dead   *deadBatch      // dead letters of this chunk; never nil
	chunk  *Chunk
	ack    *ack
	refs   atomic.Int32 // who still reads batch and chunk; the last one recycles
	held   int
}

func (s *slot[T]) rows() *batch.Batch[T] { return &s.batch }
func (s *slot[T]) itemOf(row int) int32  { return s.items[row] }
func (s *slot[T]) answerTo() *ack        { return s.ack }
func (s *slot[T]) size() int             { return s.held }

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
	s.events.Reset()
	c := s.chunk
	s.chunk, s.ack = nil, nil
	p.core.recycle(c)
	p.slots.put(s)
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
	inInline
)

type knownPack struct {
	name string // our own copy
	id   uint16
}

// worker turns chunks into batches. It has parser, stages, validator and encoder for
// itself where those are made per worker.
type worker[T any] struct {
	p         *Pipeline[T]
	parser    parse.Parser[T]
	stages    []Stage[T]
	validator Validator[T]
	encoder   Encoder[T]

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
	stage   int
}

// run works until there are no more chunks. It is the body of a worker's goroutine:
// Run starts it, closing the work channel stops it, Run waits.
func (w *worker[T]) run() {
	p := w.p
	w.renew()
	for {
		// The slot first: a worker that held a chunk and waited for a slot could wait
		// for ever, ordered output for its chunk and all slots for ordered output.
		s, _ := p.slots.get(nil, nil, p.core.aborted)
		c, ok := <-p.core.work
		if !ok {
			if s != nil {
				p.slots.put(s)
			}
			return
		}
		if s == nil || p.core.isAborted() {
			c.ack.finish(true) // nothing is delivered any more
			continue
		}
		w.chunk(s, c)
	}
}

// renew makes fresh instances of everything that is made per worker.
func (w *worker[T]) renew() {
	p := w.p
	defer func() {
		if v := recover(); v != nil {
			p.core.panicked("making a worker's parser, stage, validator or encoder", v)
		}
	}()
	cfg := &p.cfg
	w.parser = parse.ForWorker(cfg.Parser)
	w.stages = w.stages[:0]
	for _, s := range cfg.Stages {
		w.stages = append(w.stages, forWorker(s))
	}
	if cfg.Validator != nil {
		w.validator = forWorker(cfg.Validator)
	}
	if cfg.Encoder != nil {
		w.encoder = forWorker(cfg.Encoder)
	}
}

// chunk makes a batch of c in s and hands it on.
func (w *worker[T]) chunk(s *slot[T], c *Chunk) {
	s.chunk, s.ack = c, c.ack
	s.refs.Store(1)
	s.batch.Msgs = c.Msgs
	w.slot, w.src, w.msg, w.fault, w.begun = s, c.src, 0, 0, false
	w.events = &w.own
	if w.p.readEvents {
		w.events = &s.events
	}
	for !w.messages() {
		w.renew()
	}
	s.held = len(s.batch.Lines) + cap(c.Buf) + len(s.batch.Events)*w.p.eventSize
	w.items = c.ack.publish(w.items, &w.tally)
	w.tally.reset()
	w.slot, w.events = nil, nil
	w.p.order(s, c)
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
		w.message()
		w.begun = false
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
		if !w.p.readEvents {
			w.own.Reset()
		}
		w.base, w.rbase = w.events.Len(), len(w.events.Rejected())
		w.event, w.reject = w.base, w.rbase
		if !w.sound(m) {
			return
		}
		w.phase = inParser
		err := w.parser.Parse(m, w.events)
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
			w.dead(m, m.Raw, f.Length, errcat.StageBuffer, "", "", nil, f.Err)
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
	if p.cfg.Stamp != nil {
		w.phase = inStamp
		p.cfg.Stamp(m, w.event-w.base, e)
	}
	for i, s := range w.stages {
		w.phase, w.stage = inStage, i
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
	if w.validator != nil {
		w.phase = inValidator
		if err := w.validator.Validate(e); err != nil {
			w.deadEvent(m, e, errcat.StageValidate, err)
			return
		}
	}
	b := &w.slot.batch
	lines := b.Lines
	if w.encoder != nil {
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
	}
	w.phase = inNaming
	pack := w.packOf(e)
	w.phase = inPipeline
	b.Lines = lines
	w.row(pack, stateDelivered)
	if p.readEvents {
		b.Events = append(b.Events, e)
	}
}

// row appends a row whose line is in place, and its item.
func (w *worker[T]) row(pack uint16, s state) {
	b := &w.slot.batch
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

// deadEvent is dead for an event; e is nil where it cannot be encoded.
func (w *worker[T]) deadEvent(m *parse.Message, e *T, stage errcat.Stage, err error) {
	w.phase = inPipeline
	var name, version string
	if w.p.cfg.PackOf != nil {
		w.phase = inNaming
		name, version = w.p.cfg.PackOf(w.events.All()[w.event])
		w.phase = inPipeline
	}
	w.dead(m, m.Raw, 0, stage, name, version, e, err)
}

// dead makes a dead letter of a message or of one item of it. length is 0 for that of
// raw.
func (w *worker[T]) dead(m *parse.Message, raw []byte, length int64, stage errcat.Stage, name, version string, e *T, err error) {
	w.deadLetter(m, raw, length, stage, name, version, "", e, err)
}

func (w *worker[T]) deadLetter(m *parse.Message, raw []byte, length int64, stage errcat.Stage, name, version, component string, e *T, err error) {
	cat := categoryOf(err)
	detail := detailOf(err)
	if detail != nil {
		if detail.Stage != errcat.StageUnknown {
			stage = detail.Stage
		}
		if name == "" {
			name = detail.Parser
		}
	}
	pack := w.packID(name)
	w.tally.cats[cat%maxCategories]++
	w.tally.dead = true

	p := w.p
	if p.cfg.InlineDeadLetters == nil && p.dead == nil {
		w.item(pack, stateDead)
		w.written = true
		return
	}
	if length == 0 {
		length = int64(len(raw))
	}
	source := w.src.name
	if m.Origin != nil && m.Origin.Source != "" {
		source = m.Origin.Source
	}
	w.letter = DeadLetter{
		Raw: raw, Length: length, Category: cat, Err: err, Stage: stage, Parser: name, ParserVersion: version,
		Component: component, Source: source, Offset: m.Offset, Origin: m.Origin, Received: m.Received,
	}
	if e != nil && w.encoder != nil {
		w.letter.Partial = w.partial(e)
	}
	if p.cfg.InlineDeadLetters == nil {
		w.slot.dead.add(&w.letter, int32(len(w.items)))
		w.item(pack, stateDead)
		w.written = true
	} else {
		b := &w.slot.batch
		b.Lines = w.inline(b.Lines)
		w.row(pack, stateDead)
	}
	w.letter = DeadLetter{}
}

// detailOf finds the errcat.Error in err, or nil.
func detailOf(err error) (d *errcat.Error) {
	if d, ok := err.(*errcat.Error); ok {
		return d
	}
	defer func() {
		if recover() != nil { // a method of a host's error type
			d = nil
		}
	}()
	d, _ = errors.AsType[*errcat.Error](err)
	return d
}

// partial encodes e for a dead letter; a failure of that leaves it out.
func (w *worker[T]) partial(e *T) (line []byte) {
	defer func() {
		if v := recover(); v != nil {
			w.p.core.panicked("encoder", v)
			line = nil
		}
	}()
	line, err := w.encoder.Append(w.scratch[:0], e)
	if err != nil {
		return nil
	}
	if cap(line) <= w.p.core.limits.ChunkSize {
		w.scratch = line
	}
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	return line
}

// inline appends the letter at hand as a line; one that cannot be made by the host's
// function is written as AppendJSON does.
func (w *worker[T]) inline(lines []byte) (out []byte) {
	start := len(lines)
	defer func() {
		if v := recover(); v != nil {
			w.p.core.panicked("InlineDeadLetters", v)
			out = append(w.letter.AppendJSON(lines[:start]), '\n')
		}
	}()
	lines = w.p.cfg.InlineDeadLetters(lines, &w.letter)
	if n := len(lines); n == start || lines[n-1] != '\n' {
		lines = append(lines, '\n')
	}
	return lines
}

// contain makes a dead letter of what was at hand when a component panicked with v.
func (w *worker[T]) contain(v any) {
	component := ""
	stage := errcat.StageParse
	ph := w.phase
	w.phase = inPipeline
	switch ph {
	case inParser:
		component = "parser"
	case inStamp:
		component = "stamp"
	case inStage:
		component, stage = "stage "+strconv.Itoa(w.stage), errcat.StageEnrich
	case inValidator:
		component, stage = "validator", errcat.StageValidate
	case inEncoder:
		component, stage = "encoder", errcat.StageBatch
	case inNaming:
		component = "PackOf"
	default:
		component = "pipeline"
	}
	w.p.core.panicked(component, v)
	m := &w.slot.chunk.Msgs[w.msg]
	err := errcat.Newf(errcat.ParserPanic, stage, "panic in %s: %v", component, v)
	if ph == inPipeline {
		err.Category = errcat.Internal
	}
	switch ph {
	case inParser, inPipeline:
		// What the parser left behind is not trusted: its events are not used again.
		*w.events = parse.Events[T]{}
		w.base, w.rbase, w.event, w.reject = 0, 0, 0, 0
	}
	if w.event < w.events.Len() {
		w.event++ // this event is the dead letter; its siblings go on
	}
	if !w.written || !w.p.cfg.FirstEventOnly {
		w.deadLetter(m, m.Raw, 0, stage, "", "", component, nil, err)
	} else {
		w.filtered(0)
	}
	if ph == inParser || ph == inPipeline {
		w.begun = false
		w.msg++
	}
}
