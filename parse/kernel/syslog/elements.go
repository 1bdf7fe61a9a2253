package syslog

import "bytes"

// Param is one parameter of the structured data.
type Param struct {
	ID          []byte // of the element it stands in
	Name, Value []byte // both nil for an element without parameters
	Escaped     bool   // Value holds escapes: see [AppendUnescaped]
	First       bool   // first of its element; the same ID can be sent twice
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
	*p = Param{}
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
	q := closingQuote(b, n+2)
	if q < 0 {
		e.rest = nil
		return false
	}
	p.Name, p.Value = b[:n:n], b[n+2:q:q]
	p.Escaped = bytes.IndexByte(p.Value, '\\') >= 0
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
