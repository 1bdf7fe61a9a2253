package xml

import (
	"encoding/binary"

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

// plainData reads an element that is exactly <Data Name="key">text</Data>, in either
// quotes, without references: what almost every element of EventData looks like.
func (d *Decoder) plainData() (key []byte, v parse.Value, ok bool) {
	data, i := d.data, d.pos
	if d.pop {
		d.pop = false
		d.stack = d.stack[:len(d.stack)-1]
	}
	i = skipSpace(data, i)
	if len(data)-i < 24 || len(d.stack) >= d.opts.MaxDepth ||
		load64(data, i) != dataOpen || binary.LittleEndian.Uint32(data[i+8:])&0xffffff != dataOpen2 {
		return nil, v, false
	}
	quote := data[i+11]
	if quote != '\'' && quote != '"' {
		return nil, v, false
	}
	i += 12
	j := indexValue(data, i, quote)
	if len(data)-j < 10 || data[j] != quote || data[j+1] != '>' {
		return nil, v, false
	}
	k := indexText(data, j+2)
	if k == j+2 || len(data)-k < 8 || load64(data, k)&0xffffffffffffff != dataClose || j == i || d.returns(i, k) {
		return nil, v, false
	}
	d.from, d.pos = k, k+7
	return data[i:j:j], parse.BytesValue(data[j+2 : k]), true
}

// systemStep is an element of System; index numbers those of winevent's tables.
type systemStep struct {
	open, close string // <EventID and </EventID>
	text        int    // in SystemKeys, or -1
	attrs       []systemStepAttr
}

type systemStepAttr struct {
	text string // space, name and equals sign
	key  int    // in SystemAttrKeys
}

const maxStepAttrs = 7

// systemSteps are the elements in the order of the schema of Windows events; read-only.
var systemSteps = func() (steps []systemStep) {
	for _, name := range []string{
		"Provider", "EventID", "Version", "Level", "Task", "Opcode", "Keywords", "TimeCreated", "EventRecordID",
		"Correlation", "Execution", "Channel", "Computer", "Security",
	} {
		s := systemStep{open: "<" + name, close: "</" + name + ">", text: -1}
		for i, e := range winevent.SystemElements {
			if e == name {
				s.text = i
			}
		}
		for i, a := range winevent.SystemAttrs {
			if len(a) > len(name) && a[:len(name)] == name && a[len(name)] == '@' {
				s.attrs = append(s.attrs, systemStepAttr{" " + a[len(name)+1:] + "=", i})
			}
		}
		steps = append(steps, s)
	}
	return steps
}()

func hasPrefixAt(b []byte, i int, s string) bool {
	return len(b)-i >= len(s) && string(b[i:i+len(s)]) == s
}

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
	for next < len(systemSteps) && !hasPrefixAt(data, i, systemSteps[next].open) {
		next++
	}
	if next == len(systemSteps) || r.slow || len(d.stack) >= d.opts.MaxDepth || d.opts.MaxAttrs < maxStepAttrs || d.opts.MaxName < 16 {
		return step, false, nil
	}
	s := &systemSteps[next]
	j := i + len(s.open)
	var found [maxStepAttrs]struct{ key, from, to int }
	n := 0
	for k := range s.attrs {
		a := &s.attrs[k]
		if !hasPrefixAt(data, j, a.text) {
			continue
		}
		from := j + len(a.text) + 1
		if from >= len(data) || data[from-1] != '\'' && data[from-1] != '"' {
			return step, false, nil
		}
		to := indexValue(data, from, data[from-1])
		if to >= len(data) || data[to] != data[from-1] {
			return step, false, nil
		}
		found[n] = struct{ key, from, to int }{a.key, from, to}
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
		if !hasPrefixAt(data, to, s.close) {
			return step, false, nil
		}
		j = to + len(s.close)
	default:
		return step, false, nil
	}
	if d.returns(i, j) {
		return step, false, nil
	}
	d.from, d.pos = i, j
	w := &r.win
	for _, a := range found[:n] {
		if err := r.keep(f, w.attrSlots[a.key], ParentSystem, constant(winevent.SystemAttrKeys[a.key]), parse.BytesValue(data[a.from:a.to])); err != nil {
			return step, false, err
		}
	}
	if from >= 0 {
		if err := r.keep(f, w.elementSlots[s.text], ParentSystem, constant(winevent.SystemKeys[s.text]), parse.BytesValue(data[from:to])); err != nil {
			return step, false, err
		}
	}
	return next + 1, true, nil
}
