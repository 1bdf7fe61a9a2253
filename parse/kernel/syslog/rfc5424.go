package syslog

import (
	"math/bits"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/timeparse"
)

// rfc5424 reads from the TIMESTAMP on.
func (p *Parser) rfc5424(raw []byte, i, version int, m *Message) error {
	m.Version = version
	j := p.isoStamp(raw, i, m)
	if j > 0 && j < len(raw) && raw[j] == ' ' {
		j++
	} else {
		// The nil value, or a time that cannot be read.
		m.HasTime, m.Time = false, timeparse.Result{}
		var bad errcat.Category
		if j, m.TimeText, bad = p.field(raw, i); bad != errcat.None {
			return failField(raw, i, "timestamp", bad, j, m)
		}
	}
	host := j
	var bad errcat.Category
	if j, m.Hostname, bad = p.field(raw, j); bad != errcat.None {
		return failField(raw, host, "hostname", bad, j, m)
	}
	app, name, begin := j, "appname", j
	if j, m.AppName, bad = p.field(raw, j); bad == errcat.None {
		name, begin = "procid", j
		if j, m.ProcID, bad = p.field(raw, j); bad == errcat.None {
			name, begin = "msgid", j
			j, m.MsgID, bad = p.field(raw, j)
		}
	}
	if bad == errcat.None && j < len(raw) {
		switch c := raw[j]; {
		case c == '-' && (j+1 == len(raw) || raw[j+1] == ' '):
			setPayload(raw, min(j+2, len(raw)), m)
			return nil
		case c == '[':
			sd, err := p.structuredData(raw, j)
			if err != nil {
				setPayload(raw, j, m)
				return err
			}
			if sd > 0 {
				m.StructuredData = raw[j:sd:sd]
				if p.names != nil {
					m.noted, m.count = p.names, p.count
				}
				if sd < len(raw) && raw[sd] == ' ' {
					sd++
				}
				setPayload(raw, sd, m)
				return nil
			}
		}
	}
	// No structured data. Some devices put an RFC 3164 tag behind the host:
	// "<14>1 2026-01-02T03:04:05Z host app[1]: text".
	if p.oldTag(raw, app, m) {
		return nil
	}
	if bad != errcat.None {
		return failField(raw, begin, name, bad, j, m)
	}
	setPayload(raw, j, m)
	return nil
}

// field reads one header field and the space behind it; the message must not
// end before that. If it is no field, bad says why and next where.
func (p *Parser) field(raw []byte, i int) (next int, value []byte, bad errcat.Category) {
	j := fieldEnd(raw, i)
	if max := limit(p.MaxField, defaultMaxField); j-i > max {
		return i + max, nil, errcat.Oversize
	}
	if j == len(raw) {
		return j, nil, errcat.Truncated
	}
	if raw[j] != ' ' {
		return j, nil, errcat.SchemaViolation
	}
	if j == i || j == i+1 && raw[i] == '-' {
		return j + 1, nil, errcat.None
	}
	return j + 1, raw[i:j:j], errcat.None
}

// failField makes the error of a field that begins at raw[begin:], which becomes
// the payload.
func failField(raw []byte, begin int, name string, bad errcat.Category, offset int, m *Message) error {
	setPayload(raw, begin, m)
	err := errControl
	switch bad {
	case errcat.Oversize:
		err = errField
	case errcat.Truncated:
		err = errCutHeader
	}
	return fail(bad, name, offset, err)
}

// structuredData checks the elements at raw[i:] and returns the offset behind
// the last one; 0 where this is no structured data, so belongs to the message.
// A message that ends inside of an element is an error.
//
// More is taken than RFC 5424 allows: names of any length, more than one space
// between parameters and in front of "]", and "]" inside of values.
//
// Where the parser has Names, it compares the name that should come next before it looks for
// the end of one, and notes the parameters for Params.
func (p *Parser) structuredData(raw []byte, start int) (int, error) {
	left := limit(p.MaxParams, defaultMaxParams)
	p.params = p.params[:0]
	if p.names != nil {
		p.names.Begin()
	}
	b := raw[start:]
	i, params := 0, false
	for i < len(b) && b[i] == '[' {
		if left--; left < 0 {
			return 0, fail(errcat.Oversize, "structured_data", start+i, errParams)
		}
		j := nameEnd(b, i+1)
		if j == len(b) {
			return 0, fail(errcat.Truncated, "structured_data", len(raw), errCutSD)
		}
		if j == i+1 {
			return 0, nil
		}
		id, idEnd, first := i+1, j, true
		if p.names != nil {
			had := len(p.params)
			j = p.expected(b, j, id, left)
			if n := len(p.params) - had; n > 0 {
				left, params, first = left-n, true, false
			}
		}
		for b[j] == ' ' {
			for j < len(b) && b[j] == ' ' {
				j++
			}
			if j < len(b) && b[j] == ']' {
				break
			}
			name := j
			j = nameEnd(b, j)
			if j == len(b) || b[j] == '=' && j+1 == len(b) {
				return 0, fail(errcat.Truncated, "structured_data", len(raw), errCutSD)
			}
			if j == name || b[j] != '=' || b[j+1] != '"' {
				return 0, nil
			}
			if left--; left < 0 {
				return 0, fail(errcat.Oversize, "structured_data", start+name, errParams)
			}
			end, escaped := closingQuote(b, j+2)
			if end < 0 || end+1 == len(b) {
				return 0, fail(errcat.Truncated, "structured_data", len(raw), errCutSD)
			}
			params = true
			if p.names == nil {
				j = end + 1
				continue
			}
			slot := p.names.Find(b[name:j])
			p.params = append(p.params, param{uint32(id), uint32(idEnd), uint32(name), uint32(j), uint32(j + 2), uint32(end), int32(slot), first, escaped})
			first = false
			had := len(p.params)
			j = p.expected(b, end+1, id, left)
			left -= len(p.params) - had
		}
		if b[j] != ']' {
			return 0, nil
		}
		if first && p.names != nil {
			p.params = append(p.params, param{id: uint32(id), idEnd: uint32(idEnd), slot: -1, first: true})
		}
		i = j + 1
	}
	if i < len(b) && b[i] != ' ' && !params {
		return 0, nil // "[text]more" is no element
	}
	return start + i, nil
}

// expected notes the parameters at b[j:] of the element whose SD-ID stands at b[id:], at most
// max, as long as each is one space, the name that should come next, and a value. It returns the offset behind the
// last one, where b goes on.
//
// Measured: 90 instructions for each where KeyOrder.Parameters finds it, else 205.
func (p *Parser) expected(b []byte, j, id, max int) int {
	list, names := p.params, p.names
	idEnd, before := uint32(j), len(list)
	if before > 0 && int(list[before-1].id) == id {
		idEnd = list[before-1].idEnd
	}
	for len(list) < cap(list) && len(list)-before < max && j < len(b) && b[j] == ' ' {
		room := p.room[:min(len(p.room), cap(list)-len(list), max-len(list)+before)]
		if n := names.Parameters(b, j, room); n > 0 {
			first, name := len(list), names.Last()
			list = list[:first+n]
			for i := range room[:n] {
				name = name.Next()
				v, q := &room[i], &list[first+i]
				at := uint32(v.From) - 2
				q.id, q.idEnd, q.name, q.nameEnd = uint32(id), idEnd, at-uint32(name.Len()), at
				q.value, q.valueEnd, q.slot = at+2, uint32(v.To), int32(name.Slot())
				q.first, q.escaped = false, v.Escaped
			}
			list[first].first = first == before && int(idEnd) == j
			names.Found(name)
			j = int(room[n-1].To) + 1
			continue
		}
		n, slot := names.Guess(b, j+1)
		at := j + n + 2
		if n == 0 || at >= len(b) || b[at] != '"' {
			break
		}
		end, escaped := closingQuote(b, at+1)
		if end < 0 || end+1 >= len(b) {
			break
		}
		list = append(list, param{uint32(id), idEnd, uint32(j + 1), uint32(at - 1), uint32(at + 1), uint32(end), int32(slot), len(list) == before && int(idEnd) == j, escaped})
		j = end + 1
	}
	p.params = list
	return j
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// fieldEnd is where the run of printable bytes at raw[i:] ends: at a space or
// another control character. It looks at eight bytes at a time; of the bytes
// that it marks the lowest is always right.
func fieldEnd(raw []byte, i int) int {
	for ; i+8 <= len(raw); i += 8 {
		x := load64(raw[i:])
		del := x ^ 0x7F*ones
		if hit := ((x-0x21*ones)&^x | (del-ones)&^del) & highs; hit != 0 {
			return i + bits.TrailingZeros64(hit)>>3
		}
	}
	for ; i < len(raw) && class[raw[i]]&cPrint != 0; i++ {
	}
	return i
}

// nameEnd is where the SD-ID or PARAM-NAME at raw[i:] ends. Eight bytes at a
// time it looks for what is below '#' and for '=' and ']', which are the same
// without two of their bits; '!', '}' and 0x1D make it look closer.
func nameEnd(raw []byte, i int) int {
	for i+8 <= len(raw) {
		x := load64(raw[i:])
		y := x&^(0x60*ones) ^ 0x1D*ones
		hit := ((x-0x23*ones)&^x | (y-ones)&^y) & highs
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) >> 3
		if class[raw[i]]&cSDName == 0 {
			return i
		}
		i++
	}
	for ; i < len(raw) && class[raw[i]]&cSDName != 0; i++ {
	}
	return i
}

// closingQuote finds the first quote at or behind i that no backslash escapes,
// or -1, and reports whether there are backslashes in front of it.
func closingQuote(raw []byte, i int) (end int, escaped bool) {
	for i+8 <= len(raw) {
		x := scan.Load64(raw, i)
		quote, slash := x^'"'*ones, x^'\\'*ones
		hit := ((quote-ones)&^quote | (slash-ones)&^slash) & highs
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) >> 3
		if raw[i] == '"' {
			return i, escaped
		}
		escaped = true
		i += 2
	}
	return restOfValue(raw, i, escaped)
}

// restOfValue is closingQuote byte by byte.
func restOfValue(raw []byte, i int, escaped bool) (int, bool) {
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return i, escaped
		case '\\':
			escaped = true
			i++
		}
	}
	return -1, escaped
}
