package spool

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// An entry begins with what it is.
const (
	kindLine    = 1 // a line
	kindRow     = 2 // a message, and the line that was made of it
	kindMessage = 3 // a message
	kindFault   = 4 // a message that its source knows to be bad
)

// entry is what a queue holds.
type entry struct {
	kind   byte
	line   []byte
	msg    parse.Message
	origin []byte // as it is encoded
	fault  fault
}

type fault struct {
	category errcat.Category
	text     string
	length   int64
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// appendEntry appends e as it is stored.
func appendEntry(dst []byte, e *entry) []byte {
	dst = append(dst, e.kind)
	if e.kind == kindLine {
		return append(dst, e.line...)
	}
	m := &e.msg
	dst = binary.AppendVarint(dst, m.Offset)
	if m.Received.IsZero() {
		dst = append(dst, 0)
	} else {
		dst = append(dst, 1)
		dst = binary.AppendVarint(dst, m.Received.UnixNano())
	}
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if o := m.Origin; o != nil {
		dst = appendText(dst, o.Source)
		peer, _ := o.Peer.MarshalBinary()
		dst = appendText(dst, string(peer))
		dst = appendText(dst, o.Subject)
		dst = appendText(dst, o.Hint)
		zone := ""
		if o.Zone != nil {
			zone = o.Zone.String()
		}
		dst = appendText(dst, zone)
	}
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	if e.kind == kindFault {
		dst = appendText(dst, e.fault.category.String())
		dst = appendText(dst, e.fault.text)
		dst = binary.AppendVarint(dst, e.fault.length)
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.Raw)))
	dst = append(dst, m.Raw...)
	return append(dst, e.line...)
}

var errEntry = errcat.New(errcat.Internal, errcat.StageBuffer, "not an entry of a spool, or one of a later version")

// textReader reads what appendEntry wrote; bad once something is not there.
type textReader struct {
	b   []byte
	bad bool
}

func (r *textReader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *textReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *textReader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *textReader) text() []byte { return r.take(r.uvarint()) }

// parse reads an entry. What it finds aliases b.
func (e *entry) parse(b []byte) error {
	*e = entry{}
	if len(b) == 0 {
		return errEntry
	}
	e.kind = b[0]
	r := textReader{b: b[1:]}
	switch e.kind {
	case kindLine:
		e.line = r.b
		return nil
	case kindRow, kindMessage, kindFault:
	default:
		return errEntry
	}
	e.msg.Offset = r.varint()
	if known := r.take(1); !r.bad && known[0] == 1 {
		e.msg.Received = time.Unix(0, r.varint())
	}
	if size := r.take(4); !r.bad {
		e.origin = r.take(uint64(binary.LittleEndian.Uint32(size)))
	}
	if e.kind == kindFault {
		e.fault.category, _ = errcat.Parse(string(r.text()))
		e.fault.text = string(r.text())
		e.fault.length = r.varint()
	}
	e.msg.Raw = r.text()
	if e.line = r.b; r.bad || e.kind != kindRow && len(e.line) > 0 {
		return errEntry
	}
	return nil
}

// origins makes Origins, the same one for the same bytes where they come in a row.
type origins struct {
	last string
	made *parse.Origin
}

func (o *origins) of(b []byte) *parse.Origin {
	if len(b) == 0 {
		return nil
	}
	if o.made != nil && o.last == string(b) {
		return o.made
	}
	r := textReader{b: b}
	made := &parse.Origin{Source: string(r.text())}
	var peer netip.Addr
	if peer.UnmarshalBinary(r.text()) == nil {
		made.Peer = peer
	}
	made.Subject, made.Hint = string(r.text()), string(r.text())
	if name := string(r.text()); name != "" {
		if zone, err := time.LoadLocation(name); err == nil {
			made.Zone = zone
		}
	}
	o.last, o.made = string(b), made
	return made
}
