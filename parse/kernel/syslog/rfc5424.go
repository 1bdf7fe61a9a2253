package syslog

import (
	"math/bits"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/timeparse"
)

// rfc5424 reads from the TIMESTAMP on.
func (p *Parser) rfc5424(raw []byte, i, version int, m *Message) error {
	m.Version = version
	j := p.isoStamp(raw, i, m)
	if j < 0 || j < len(raw) && raw[j] != ' ' {
		m.HasTime, m.Time = false, timeparse.Result{}
		next, text, err := p.field(raw, i, "timestamp", m)
		if err != nil {
			return err
		}
		m.TimeText, j = text, next
	} else if j == len(raw) {
		setPayload(raw, j, m)
		return fail(errcat.Truncated, "timestamp", j, errCutHeader)
	} else {
		j++
	}
	var err error
	if j, m.Hostname, err = p.field(raw, j, "hostname", m); err != nil {
		return err
	}
	app := j
	if j, m.AppName, err = p.field(raw, j, "appname", m); err == nil {
		if j, m.ProcID, err = p.field(raw, j, "procid", m); err == nil {
			j, m.MsgID, err = p.field(raw, j, "msgid", m)
		}
	}
	if err == nil && j < len(raw) {
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
	setPayload(raw, j, m)
	return err
}

// field reads one header field and the space behind it. The message must not
// end before that space.
func (p *Parser) field(raw []byte, i int, name string, m *Message) (next int, value []byte, err error) {
	j := fieldEnd(raw, i)
	if max := limit(p.MaxField, defaultMaxField); j-i > max {
		setPayload(raw, i, m)
		return i, nil, fail(errcat.Oversize, name, i+max, errField)
	}
	if j == len(raw) {
		setPayload(raw, i, m)
		return i, nil, fail(errcat.Truncated, name, j, errCutHeader)
	}
	if raw[j] != ' ' {
		setPayload(raw, i, m)
		return i, nil, fail(errcat.SchemaViolation, name, j, errControl)
	}
	if j == i || j == i+1 && raw[i] == '-' {
		return j + 1, nil, nil
	}
	return j + 1, raw[i:j:j], nil
}

// structuredData checks the elements at raw[i:] and returns the offset behind
// the last one; 0 where this is no structured data, so belongs to the message.
// A message that ends inside of an element is an error.
//
// More is taken than RFC 5424 allows: names of any length, more than one space
// between parameters and in front of "]", and "]" inside of values.
func (p *Parser) structuredData(raw []byte, i int) (int, error) {
	left := limit(p.MaxParams, defaultMaxParams)
	params := false
	for i < len(raw) && raw[i] == '[' {
		if left--; left < 0 {
			return 0, fail(errcat.Oversize, "structured_data", i, errParams)
		}
		j := i + 1
		j = nameEnd(raw, j)
		if j == len(raw) {
			return 0, fail(errcat.Truncated, "structured_data", j, errCutSD)
		}
		if j == i+1 {
			return 0, nil
		}
		for raw[j] == ' ' {
			for j < len(raw) && raw[j] == ' ' {
				j++
			}
			if j < len(raw) && raw[j] == ']' {
				break
			}
			name := j
			j = nameEnd(raw, j)
			if j == len(raw) || raw[j] == '=' && j+1 == len(raw) {
				return 0, fail(errcat.Truncated, "structured_data", len(raw), errCutSD)
			}
			if j == name || raw[j] != '=' || raw[j+1] != '"' {
				return 0, nil
			}
			if left--; left < 0 {
				return 0, fail(errcat.Oversize, "structured_data", name, errParams)
			}
			value := j + 2
			if j = closingQuote(raw, value); j < 0 || j+1 == len(raw) {
				return 0, fail(errcat.Truncated, "structured_data", len(raw), errCutSD)
			}
			params = true
			j++
		}
		if raw[j] != ']' {
			return 0, nil
		}
		i = j + 1
	}
	if i < len(raw) && raw[i] != ' ' && !params {
		return 0, nil // "[text]more" is no element
	}
	return i, nil
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

// nameEnd is where the SD-ID or PARAM-NAME at raw[i:] ends.
func nameEnd(raw []byte, i int) int {
	for n, c := range raw[i:] {
		if class[c]&cSDName == 0 {
			return i + n
		}
	}
	return len(raw)
}

// closingQuote finds the first quote at or behind i that no backslash escapes,
// or -1.
func closingQuote(raw []byte, i int) int {
	for i+8 <= len(raw) {
		x := load64(raw[i:])
		quote, slash := x^'"'*ones, x^'\\'*ones
		hit := ((quote-ones)&^quote | (slash-ones)&^slash) & highs
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) >> 3
		if raw[i] == '"' {
			return i
		}
		i += 2
	}
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}
