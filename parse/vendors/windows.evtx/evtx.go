// Package evtx makes events of Windows event log files (.evtx): a message is one chunk of
// 64 KiB, as ingest.EVTX cuts a file, and each of its records becomes the XML text that
// Windows would show, which another parser reads.
//
//	windows, err := set.Pack("windows.eventlog")
//	...
//	p, err := evtx.New(windows.Parser(pack.Options{}), evtx.Options{})
//
// A record or chunk that cannot be read is a dead letter; the records around it are
// events. event.original, where the other parser sets it, is the XML text. A Parser and what its
// Worker returns are for one goroutine each.
package evtx

import (
	"github.com/penstock-dev/penstock/parse"
	kernel "github.com/penstock-dev/penstock/parse/kernel/evtx"
)

// Options of a Parser are the limits of the kernel.
type Options = kernel.Options

// Parser parses chunks of event log files.
type Parser struct {
	o     Options
	inner parse.Parser[parse.Record] // shared
	own   parse.Parser[parse.Record] // for this worker
	chunk *kernel.Chunk
	room  []byte
	msg   parse.Message
}

// New returns a Parser that gives the XML text of each record to inner. The error says
// which option is wrong.
func New(inner parse.Parser[parse.Record], o Options) (*Parser, error) {
	c, err := kernel.NewChunk(o)
	return &Parser{o: o, inner: inner, chunk: c}, err
}

// Worker returns a Parser for another goroutine.
func (p *Parser) Worker() parse.Parser[parse.Record] {
	c, _ := kernel.NewChunk(p.o) // New has checked the options
	return &Parser{o: p.o, inner: p.inner, chunk: c}
}

// textBlock is how much memory the texts of several records share, and textRoom what of it
// must be left for another one.
const (
	textBlock = 256 << 10
	textRoom  = 16 << 10
)

// Parse adds the events of one chunk. A chunk that was never written has none.
func (p *Parser) Parse(m *parse.Message, out *parse.Events[parse.Record]) error {
	if zero(m.Raw) {
		return nil
	}
	if p.own == nil {
		p.own = parse.ForWorker(p.inner)
	}
	broken := p.chunk.Reset(m.Raw, m.Offset)
	any := false
	for rec, err := range p.chunk.Records() {
		any = true
		if err != nil {
			out.Reject(m.Raw, err)
			continue
		}
		if cap(p.room)-len(p.room) < textRoom {
			// The events refer to the text, and nobody says when they are done with it: the
			// collector does.
			p.room = make([]byte, 0, textBlock)
		}
		start := len(p.room)
		text, err := rec.AppendXML(p.room)
		if err != nil {
			out.Reject(m.Raw, err)
			continue
		}
		p.room = text
		p.msg = parse.Message{Raw: text[start:len(text):len(text)], Origin: m.Origin, Offset: m.Offset, Received: m.Received}
		n, r := out.Len(), len(out.Rejected())
		if err := p.own.Parse(&p.msg, out); err != nil {
			out.Truncate(n, r)
			out.Reject(p.msg.Raw, err)
		}
		p.msg = parse.Message{}
	}
	switch {
	case broken == nil:
	case any:
		out.Reject(m.Raw, broken)
	default:
		return broken
	}
	return nil
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
