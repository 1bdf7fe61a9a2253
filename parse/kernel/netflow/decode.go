package netflow

import (
	"github.com/penstock-dev/penstock/errcat"
)

// Record is one flow, or one record of options.
type Record struct {
	Header   *Header
	Template *Template
	// Values are the bytes of the template's fields.
	Values [][]byte
}

// Visitor takes what Decode finds. What it is given is valid until the method returns,
// but for the bytes, which alias the datagram or what the Context holds.
type Visitor interface {
	// Record takes a flow or a record of options. An error ends the decoding.
	Record(r *Record) error
	// Reject takes a part of a datagram that cannot be read, as a datagram of its own, and
	// why.
	Reject(raw []byte, err error)
}

// Decoder reads datagrams. The zero Decoder is ready. It is not safe for concurrent use.
type Decoder struct {
	// MaxRecords is how many records a datagram may have; 0 means the default of Options.
	MaxRecords int

	header Header
	record Record
	values [][]byte
	left   int
}

// Decode reads a datagram. Its Context comes from a Tracker that saw it; NetFlow 5 needs
// none. Data that was held and can be read now comes first.
//
// The error is for a datagram of which nothing can be read; what is wrong with a part of
// it goes to Reject, and the rest is read.
func (d *Decoder) Decode(raw []byte, c *Context, v Visitor) error {
	if c == nil {
		c = &noContext
	}
	d.left = d.MaxRecords
	if d.left == 0 {
		d.left = 8192
	}
	for _, h := range c.release {
		if err := d.datagram(h, c, nil, v); err != nil {
			v.Reject(h, err)
		}
	}
	for _, h := range c.expire {
		v.Reject(h, errNoTemplate)
	}
	for i := range c.faults {
		v.Reject(c.faults[i].raw, c.faults[i].err)
	}
	return d.datagram(raw, c, c.held, v)
}

var noContext Context

func (d *Decoder) datagram(raw []byte, c *Context, held []int, v Visitor) error {
	h, cut, err := readHeader(raw)
	if err != nil {
		return err
	}
	h.Started = c.started
	d.header = h
	d.record.Header = &d.header
	if h.Version == 5 {
		return d.version5(raw, cut, v)
	}
	s := sets{b: raw[h.size:h.end]}
	any := false
	for x, ok := s.next(); ok; x, ok = s.next() {
		any = true
		if templatesSet, _ := x.kind(h.Version); templatesSet {
			if x.cut {
				v.Reject(alone(&h, raw, x.raw), errCutSet)
			}
			continue
		}
		if x.id < 256 {
			v.Reject(alone(&h, raw, x.raw), fail(errcat.SchemaViolation, "a set with an ID that no kind of set has"))
			continue
		}
		t := c.templates.get(x.id)
		if t == nil {
			if len(held) > 0 && held[0] == s.num-1 {
				held = held[1:]
				continue
			}
			err := errNoTemplate
			if x.cut {
				err = errCutSet
			}
			v.Reject(alone(&h, raw, x.raw), err)
			continue
		}
		body, err := d.records(t, x.body, v)
		if err != nil {
			return err
		}
		switch {
		case x.cut:
			v.Reject(alone(&h, raw, setOf(x.id, body)), errCutSet)
		case len(body) >= t.size && len(body) > 3:
			v.Reject(alone(&h, raw, setOf(x.id, body)), fail(errcat.SchemaViolation, "a length within the last record of a set reaches beyond it"))
		}
	}
	switch {
	case s.err != nil:
		v.Reject(alone(&h, raw, s.b[s.at:]), s.err)
	case !any && cut:
		return fail(errcat.Truncated, "the message is shorter than its header says, and holds no set")
	case h.end < len(raw):
		v.Reject(alone(&h, raw, raw[h.end:]), fail(errcat.SchemaViolation, "bytes behind the end of the message"))
	}
	return nil
}

// setOf is a set of the given content.
func setOf(id uint16, body []byte) []byte {
	b := be.AppendUint16(make([]byte, 0, setHeader+len(body)), id)
	return append(be.AppendUint16(b, uint16(setHeader+len(body))), body...)
}

var (
	errCutSet  = fail(errcat.Truncated, "the datagram ends within a set")
	errTooMany = fail(errcat.Oversize, "a datagram with more records than MaxRecords")
)

// records hands on the records of a data set and returns what is left of it.
func (d *Decoder) records(t *Template, body []byte, v Visitor) ([]byte, error) {
	if cap(d.values) < len(t.Fields) {
		d.values = make([][]byte, len(t.Fields)+16)
	}
	d.record.Template, d.record.Values = t, d.values[:len(t.Fields)]
	for {
		n := t.read(body, d.record.Values)
		if n == 0 {
			return body, nil
		}
		if d.left--; d.left < 0 {
			return nil, errTooMany
		}
		if err := v.Record(&d.record); err != nil {
			return nil, err
		}
		body = body[n:]
	}
}

// version5 reads the records of NetFlow 5, whose layout is fixed.
func (d *Decoder) version5(raw []byte, cut bool, v Visitor) error {
	h := &d.header
	if h.count == 0 {
		return fail(errcat.SchemaViolation, "a datagram of NetFlow 5 without flows")
	}
	body, err := d.records(fixed(), raw[h.size:h.end], v)
	if err != nil {
		return err
	}
	whole := h.end - h.size - len(body)
	switch {
	case cut && whole == 0:
		return fail(errcat.Truncated, "the datagram ends before its first flow does")
	case cut:
		v.Reject(alone(h, raw, body), fail(errcat.Truncated, "the datagram has fewer flows than its header says"))
	case h.end < len(raw):
		v.Reject(alone(h, raw, raw[h.end:]), fail(errcat.SchemaViolation, "bytes behind the last flow"))
	}
	return nil
}
