package syslog

import (
	"bytes"

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

// Params returns what [Elements] walks over, all at once. For the message that a parser with
// Names parsed last it is ready, noted while it was checked. The slice is valid until the next
// call of Parse or Params.
func (p *Parser) Params(m *Message) []Param {
	if len(m.StructuredData) == 0 {
		return nil
	}
	if len(p.params) > 0 && len(p.params[0].ID) > 0 && &p.params[0].ID[0] == &m.StructuredData[1] {
		return p.params
	}
	p.params = p.params[:0]
	if p.names != nil {
		p.names.Begin()
	}
	var a Param
	for e := m.Elements(); e.Next(&a); {
		if p.names != nil && a.Name != nil {
			a.Slot = p.names.Find(a.Name)
		}
		p.params = append(p.params, a)
	}
	return p.params
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
