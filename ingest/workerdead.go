package ingest

import (
	"errors"
	"strconv"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

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
	if taps := p.core.taps.Load(); taps != nil {
		text := errorText(err)
		for _, t := range *taps {
			t.offer(p.core, w.src.name, pack, &parse.Message{Raw: raw, Origin: m.Origin, Offset: m.Offset, Received: m.Received}, nil, text, cat)
		}
	}
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
		w.row(pack, stateDead, w.set.everything)
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
		component, stage = "stage "+strconv.Itoa(w.atStage), errcat.StageEnrich
	case inValidator:
		component, stage = "validator", errcat.StageValidate
	case inEncoder:
		component, stage = "encoder", errcat.StageBatch
	case inNaming:
		component = "PackOf"
	case inRefine:
		component = "Refine"
	case inTime:
		component = "TimeOf"
	case inRouter:
		component, stage = "router", errcat.StageRoute
	default:
		component = "pipeline"
	}
	w.p.core.panicked(component, v)
	if number := serviceOf(ph, w.atStage); !w.p.blame(w.set, number, component) {
		w.culpable = &culpable{number, component, w.msg}
	}
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
