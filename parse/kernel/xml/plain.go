package xml

import (
	"encoding/binary"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/winevent"
	"github.com/penstock-dev/penstock/parse"
)

// What stands here reads the forms that nearly every event has, by comparing with what
// comes next in them. Whatever differs is left to the Decoder: the result is the same.

const (
	dataOpen  = 'a'<<56 | 'N'<<48 | ' '<<40 | 'a'<<32 | 't'<<24 | 'a'<<16 | 'D'<<8 | '<' // the text <Data Na
	dataOpen2 = '='<<16 | 'e'<<8 | 'm'                                                   // me=
	dataClose = '>'<<48 | 'a'<<40 | 't'<<32 | 'a'<<24 | 'D'<<16 | '/'<<8 | '<'           // </Data>
)

// plainData reads elements of EventData as long as they are exactly
// <Data Name="key">text</Data>, in either quotes, with a text and without references:
// what almost all of them look like. It returns how many it read.
func (r *Reader) plainData(f *parse.Frame) (n int, err error) {
	d := &r.d
	if d.pop {
		d.pop = false
		d.stack = d.stack[:len(d.stack)-1]
	}
	if len(d.stack) >= d.opts.MaxDepth {
		return 0, nil
	}
	data := d.data
	for i := d.pos; ; n++ {
		if i < len(data) && data[i] <= ' ' {
			i = skipSpace(data, i)
		}
		if len(data)-i < 24 || scan.Load64(data, i) != dataOpen || scan.Load64(data, i+8)&0xffffff != dataOpen2 {
			return n, nil
		}
		quote, from := data[i+11], i+12
		if quote != '\'' && quote != '"' {
			return n, nil
		}
		order := r.win.dataOrder(quote)
		length, slot := order.Guess(data, from)
		j := from + length // of the quote
		if length == 0 {
			j = indexValue(data, from, quote)
			if j == from || j-from > parse.MaxKeyLength || j == len(data) || data[j] != quote {
				return n, nil
			}
			slot = order.Find(data[from:j])
		}
		if len(data)-j < 10 || data[j+1] != '>' {
			return n, nil
		}
		k := indexText(data, j+2)
		if k == j+2 || len(data)-k < 8 || scan.Load64(data, k)&0xffffffffffffff != dataClose || d.returns(i, k) {
			return n, nil
		}
		r.forms.note(slot, ParentEventData, nil, from, j-from, valueText, j+2, k)
		if slot >= 0 {
			f.Fill(slot, data[j+2:k], 0)
		} else if err := r.store(f, slot, ParentEventData, data[from:j:j], parse.BytesValue(data[j+2:k])); err != nil {
			return n, err
		}
		i = k + 7
		d.from, d.pos = k, i
	}
}

// dataOrder finds the slots of the names in EventData that stand in the given quotes.
func (w *windows) dataOrder(quote byte) *parse.KeyOrder {
	o := &w.order[0]
	if quote == '"' {
		o = &w.order[1]
	}
	if *o == nil {
		*o = parse.NewKeyOrder(w.keys[ParentEventData].Clone(), quote)
	}
	return *o
}

// systemStep is an element of System; index numbers those of winevent's tables.
type systemStep struct {
	open, close literal // <EventID and </EventID>
	text        int     // in SystemKeys, or -1
	attrs       []systemStepAttr
}

type systemStepAttr struct {
	text literal // space, name and equals sign
	key  int     // in SystemAttrKeys
}

const maxStepAttrs = 7

// systemSteps are the elements in the order of the schema of Windows events; read-only.
var systemSteps = func() (steps []systemStep) {
	for _, name := range []string{
		"Provider", "EventID", "Version", "Level", "Task", "Opcode", "Keywords", "TimeCreated", "EventRecordID",
		"Correlation", "Execution", "Channel", "Computer", "Security",
	} {
		s := systemStep{open: newLiteral("<" + name), close: newLiteral("</" + name + ">"), text: -1}
		for i, e := range winevent.SystemElements {
			if e == name {
				s.text = i
			}
		}
		for i, a := range winevent.SystemAttrs {
			if len(a) > len(name) && a[:len(name)] == name && a[len(name)] == '@' {
				s.attrs = append(s.attrs, systemStepAttr{newLiteral(" " + a[len(name)+1:] + "="), i})
			}
		}
		steps = append(steps, s)
	}
	return steps
}()

// literal is a text as words, to be looked for in a place.
type literal struct {
	first, mask, last uint64 // the first eight bytes or those there are, the last eight of more
	text              string
}

func newLiteral(text string) literal {
	l := literal{text: text, mask: ^uint64(0)}
	words := append([]byte(text), make([]byte, 8)...)
	l.first = binary.LittleEndian.Uint64(words)
	if n := len(text); n < 8 {
		l.mask >>= 64 - 8*n
	} else {
		l.last = binary.LittleEndian.Uint64(words[n-8:])
	}
	return l
}

// at reports whether the text stands at b[i:].
func (l *literal) at(b []byte, i int) bool {
	n := len(l.text)
	if i+max(n, 8) > len(b) {
		return len(b)-i >= n && string(b[i:i+n]) == l.text
	}
	return (scan.Load64(b, i)^l.first)&l.mask == 0 &&
		(n <= 8 || scan.Load64(b, i+n-8) == l.last && (n <= 16 || string(b[i+8:i+n-8]) == l.text[8:n-8]))
}

type foundAttr struct{ key, from, to int }

// plainSystem reads the next element of System if it is one of systemSteps from the
// given one on, with no other attributes than those and in their order, and without
// references. It returns the step to go on with, and whether it read one.
func (r *Reader) plainSystem(f *parse.Frame, step int) (int, bool, error) {
	d := &r.d
	if d.pop {
		d.pop = false
		d.stack = d.stack[:len(d.stack)-1]
	}
	data := d.data
	i := skipSpace(data, d.pos)
	next := step
	for next < len(systemSteps) && !systemSteps[next].open.at(data, i) {
		next++
	}
	if next == len(systemSteps) || r.slow || len(d.stack) >= d.opts.MaxDepth || d.opts.MaxAttrs < maxStepAttrs || d.opts.MaxName < 16 {
		return step, false, nil
	}
	s := &systemSteps[next]
	j := i + len(s.open.text)
	n := 0
	for k := range s.attrs {
		a := &s.attrs[k]
		if !a.text.at(data, j) {
			continue
		}
		from := j + len(a.text.text) + 1
		if from >= len(data) || data[from-1] != '\'' && data[from-1] != '"' {
			return step, false, nil
		}
		to := indexValue(data, from, data[from-1])
		if to >= len(data) || data[to] != data[from-1] {
			return step, false, nil
		}
		r.found[n] = foundAttr{a.key, from, to}
		n++
		j = to + 1
	}
	if len(data)-j < 2 {
		return step, false, nil
	}
	from, to := -1, -1
	switch {
	case data[j] == '/' && data[j+1] == '>':
		j += 2
	case data[j] == '>' && s.text >= 0:
		from = j + 1
		to = indexText(data, from)
		if !s.close.at(data, to) {
			return step, false, nil
		}
		j = to + len(s.close.text)
	default:
		return step, false, nil
	}
	if d.returns(i, j) {
		return step, false, nil
	}
	d.from, d.pos = i, j
	w := &r.win
	for _, a := range r.found[:n] {
		kind := valueSingle
		if data[a.to] == '"' {
			kind = valueDouble
		}
		slot := w.attrSlots[a.key]
		r.forms.note(slot, ParentSystem, scan.Bytes(winevent.SystemAttrKeys[a.key]), 0, 0, kind, a.from, a.to)
		if slot >= 0 {
			f.Fill(slot, data[a.from:a.to], 0)
		} else if err := r.store(f, slot, ParentSystem, scan.Bytes(winevent.SystemAttrKeys[a.key]), parse.BytesValue(data[a.from:a.to])); err != nil {
			return step, false, err
		}
	}
	if from >= 0 {
		slot := w.elementSlots[s.text]
		r.forms.note(slot, ParentSystem, scan.Bytes(winevent.SystemKeys[s.text]), 0, 0, valueText, from, to)
		if slot >= 0 {
			f.Fill(slot, data[from:to], 0)
		} else if err := r.store(f, slot, ParentSystem, scan.Bytes(winevent.SystemKeys[s.text]), parse.BytesValue(data[from:to])); err != nil {
			return step, false, err
		}
	}
	return next + 1, true, nil
}
