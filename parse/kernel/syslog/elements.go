package syslog

import (
	"bytes"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// Param is one parameter of the structured data.
type Param struct {
	ID          []byte // of the element it stands in
	Name, Value []byte // both nil for an element without parameters
	Escaped     bool   // Value holds escapes: see [AppendUnescaped]
	First       bool   // first of its element; the same ID can be sent twice
	Slot        int    // of its name in the Names of the parser, or -1
}

// Elements walks over structured data, parameter by parameter, in the order
// sent and with repeats. It does not allocate.
//
//	var p syslog.Param
//	for e := m.Elements(); e.Next(&p); {
//		use(p.ID, p.Name, p.Value)
//	}
type Elements struct {
	rest []byte
	id   []byte
}

// Elements begins a walk over the structured data of m.
func (m *Message) Elements() Elements { return Elements{rest: m.StructuredData} }

// Next sets p to the next parameter and reports whether there was one. An
// element without parameters is reported once, with its ID only.
func (e *Elements) Next(p *Param) bool {
	b := e.rest
	*p = Param{Slot: -1}
	if e.id == nil {
		if len(b) == 0 || b[0] != '[' {
			return false
		}
		n := nameEnd(b, 1)
		e.id, b = b[1:n:n], b[n:]
		p.First = true
	}
	p.ID = e.id
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	if len(b) == 0 {
		e.rest = nil
		return false
	}
	if b[0] == ']' { // only for an element without parameters
		e.end(b)
		return true
	}
	n := bytes.IndexByte(b, '=')
	if n < 0 || n+1 >= len(b) || b[n+1] != '"' {
		e.rest = nil
		return false
	}
	q, escaped := closingQuote(b, n+2)
	if q < 0 {
		e.rest = nil
		return false
	}
	p.Name, p.Value = b[:n:n], b[n+2:q:q]
	p.Escaped = escaped
	b = b[q+1:]
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	if len(b) == 0 || b[0] == ']' {
		e.end(b)
	} else {
		e.rest = b
	}
	return true
}

// Names sets the names whose slots Params tells; the parser uses them alone from now on.
func (p *Parser) Names(names *parse.KeyOrder) { p.names, p.params = names, nil }

// Params walks over what [Elements] walks over. For the message that a parser with Names
// parsed last it is ready, noted while it was checked. It is valid until the next call of
// Parse or Params.
func (p *Parser) Params(m *Message) Params {
	sd := m.StructuredData
	if len(sd) == 0 {
		return Params{}
	}
	if m.noted != nil && m.noted == p.names && m.count == p.count {
		return Params{sd, p.params}
	}
	p.params = p.params[:0]
	p.count++
	if p.names != nil {
		p.names.Begin()
	}
	var a Param
	at := func(b []byte) uint32 { return uint32(scan.Offset(sd, b)) }
	for e := m.Elements(); e.Next(&a); {
		q := param{id: at(a.ID), idEnd: at(a.ID) + uint32(len(a.ID)), slot: -1, first: a.First, escaped: a.Escaped}
		if a.Name != nil {
			if p.names != nil {
				q.slot = int32(p.names.Find(a.Name))
			}
			q.name, q.nameEnd = at(a.Name), at(a.Name)+uint32(len(a.Name))
			q.value = q.nameEnd + 2
			q.valueEnd = q.value + uint32(len(a.Value))
		}
		p.params = append(p.params, q)
	}
	return Params{sd, p.params}
}

// ParamsOf is Params of a message that by has parsed, which is p or another parser of the same
// goroutine: what it noted (see Names) need not be looked for again.
func (p *Parser) ParamsOf(by *Parser, m *Message) Params {
	if by == p || m.noted == nil || m.noted != by.names || m.count != by.count {
		return p.Params(m)
	}
	p.count++
	p.params = append(p.params[:0], by.params...)
	if p.names != nil {
		p.names.Begin()
	}
	sd := m.StructuredData
	for i := range p.params {
		q := &p.params[i]
		q.slot = -1
		if q.nameEnd == 0 || p.names == nil {
			continue
		}
		n, slot := p.names.Guess(sd, int(q.name))
		if n == 0 {
			slot = p.names.Find(sd[q.name:q.nameEnd])
		}
		q.slot = int32(slot)
	}
	return Params{sd, p.params}
}

// Params are the parameters of the structured data of one message.
type Params struct {
	text []byte
	list []param
}

// param is where a parameter stands in the structured data; nameEnd is 0 for an element
// without parameters.
type param struct {
	id, idEnd, name, nameEnd, value, valueEnd uint32
	slot                                      int32
	first, escaped                            bool
}

// Len is the number of parameters, elements without any included.
func (p *Params) Len() int { return len(p.list) }

// Slot is the slot of the name of the i-th parameter in the Names of the parser, or -1.
func (p *Params) Slot(i int) int { return int(p.list[i].slot) }

// Value is the value of the i-th parameter and reports whether it holds escapes.
func (p *Params) Value(i int) (value []byte, escaped bool) {
	q := &p.list[i]
	return p.text[q.value:q.valueEnd:q.valueEnd], q.escaped
}

// Fill puts the values, without escapes, into those of f's slots that hold no value. For each
// parameter without such a slot it calls other, unless that is nil, and stops where that
// reports false, which Fill then does as well.
func (p *Params) Fill(f *parse.Frame, other func(i int) bool) bool {
	for i := range p.list {
		q := &p.list[i]
		if q.slot < 0 || f.Slots[q.slot].Kind() > parse.KindNull {
			if other != nil && !other(i) {
				return false
			}
			continue
		}
		if q.escaped {
			text := scan.Part(p.text, q.value, q.valueEnd)
			f.Fill(int(q.slot), f.Text.Keep(AppendUnescaped(f.Text.Scratch(len(text)), text)), 0)
		} else {
			f.FillText(int(q.slot), p.text, int(q.value), int(q.valueEnd), 0) // a quote is behind it
		}
	}
	return true
}

// At sets a to the i-th parameter.
func (p *Params) At(i int, a *Param) {
	q := &p.list[i]
	*a = Param{ID: p.text[q.id:q.idEnd:q.idEnd], First: q.first, Slot: int(q.slot)}
	if q.nameEnd > 0 {
		a.Name, a.Value, a.Escaped = p.text[q.name:q.nameEnd:q.nameEnd], p.text[q.value:q.valueEnd:q.valueEnd], q.escaped
	}
}

// end steps over the closing bracket of an element.
func (e *Elements) end(b []byte) {
	e.id = nil
	if len(b) > 0 {
		b = b[1:]
	}
	e.rest = b
}

// AppendUnescaped appends value to dst with \", \\ and \] replaced by what
// they stand for. Any other backslash is kept as it is, as RFC 5424 section
// 6.3.3 asks for.
func AppendUnescaped(dst, value []byte) []byte {
	for {
		i := bytes.IndexByte(value, '\\')
		if i < 0 || i+1 == len(value) {
			return append(dst, value...)
		}
		switch value[i+1] {
		case '"', '\\', ']':
			dst = append(append(dst, value[:i]...), value[i+1])
		default:
			dst = append(dst, value[:i+2]...)
		}
		value = value[i+2:]
	}
}
