package csv

import (
	"bytes"
	"net/netip"

	"github.com/penstock-dev/penstock/parse"
)

// HeaderLine is the Context of a message that is a header line: it has been read and says
// nothing more.
type HeaderLine struct{}

var headerLine any = HeaderLine{}

// TrackerOptions of a Tracker. The zero TrackerOptions work.
type TrackerOptions struct {
	// FirstRow: the first message of each stream (its Offset is 0) names the columns of the
	// others, if it can (see FirstRow).
	FirstRow bool
	// MaxStreams is how many streams (origins) are followed; the one that was silent for the
	// longest time is forgotten. Default 4096.
	MaxStreams int
	// MaxBytes bounds the memory for the headers of all of them. Default 16 MiB.
	MaxBytes int
}

// Tracker remembers the header lines of W3C extended and Zeek logs, and by option the first
// row of tables, for each stream of a source. It is a parse.Tracker: header lines get the
// Context HeaderLine, what follows them the *Columns that they name. Streams without a header
// cost a look at the first byte of each message.
type Tracker struct {
	o       TrackerOptions
	streams map[stream]*headed
	size    int
	clock   uint64
	origin  *parse.Origin // of the message before
	last    *headed       // its stream, or nil
	none    *parse.Origin // the last one that had no header
	missed  bool          // none is valid
}

type stream struct {
	source string
	peer   netip.Addr
}

// headed is a stream with a header.
type headed struct {
	header  Header
	columns any // *Columns, or nil while there are no names
	size    int
	used    uint64
}

// NewTracker returns a Tracker.
func NewTracker(o TrackerOptions) *Tracker {
	if o.MaxStreams <= 0 {
		o.MaxStreams = 4096
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 16 << 20
	}
	return &Tracker{o: o, streams: map[stream]*headed{}}
}

// Track gives header lines and the rows behind them their Context.
func (t *Tracker) Track(msgs []parse.Message) {
	for i := range msgs {
		m := &msgs[i]
		switch {
		case len(m.Raw) == 0:
		case m.Raw[0] == '#' && directive(m.Raw):
			t.line(m)
		case t.o.FirstRow && m.Offset == 0:
			t.first(m)
		case len(t.streams) > 0 && (m.Raw[0] != '#' || t.o.FirstRow):
			if s := t.find(m.Origin, false); s != nil && s.columns != nil {
				m.Context = s.columns
			}
		}
	}
}

// directives are the names of header lines.
var directives = [][]byte{
	[]byte("#Fields:"), []byte("#Version:"), []byte("#Software:"), []byte("#Date:"), []byte("#Start-Date:"), []byte("#End-Date:"), []byte("#Remark:"), []byte("#System:"),
	[]byte("#Log-type:"), []byte("#separator "), []byte("#set_separator"), []byte("#empty_field"), []byte("#unset_field"), []byte("#path"), []byte("#open"), []byte("#close"),
	[]byte("#fields"), []byte("#types"),
}

func directive(row []byte) bool {
	for _, d := range directives {
		if len(row) >= len(d) && row[1] == d[1] && bytes.HasPrefix(row, d) {
			return true
		}
	}
	return false
}

func (t *Tracker) key(o *parse.Origin) stream {
	if o == nil {
		return stream{}
	}
	return stream{o.Source, o.Peer}
}

// find returns the stream of an origin, nil where it has no header.
func (t *Tracker) find(o *parse.Origin, make bool) *headed {
	t.clock++
	if o == t.origin && t.last != nil {
		t.last.used = t.clock
		return t.last
	}
	if t.missed && o == t.none && !make {
		return nil
	}
	k := t.key(o)
	s := t.streams[k]
	if s == nil && make {
		t.missed = false
		for len(t.streams) >= t.o.MaxStreams {
			t.forget(nil)
		}
		s = &headed{}
		t.streams[k] = s
	}
	if s == nil {
		t.none, t.missed = o, true
		return nil
	}
	s.used = t.clock
	t.origin, t.last = o, s
	return s
}

// forget drops the stream that was silent for the longest time, but not keep.
func (t *Tracker) forget(keep *headed) bool {
	var oldest *headed
	var key stream
	for k, s := range t.streams {
		if s != keep && (oldest == nil || s.used < oldest.used) {
			oldest, key = s, k
		}
	}
	if oldest == nil {
		return false
	}
	t.size -= oldest.size
	delete(t.streams, key)
	if t.last == oldest {
		t.last = nil
	}
	return true
}

// line takes a header line. One that cannot be read is left to the parser, and the header as
// it was.
func (t *Tracker) line(m *parse.Message) {
	s := t.find(m.Origin, true)
	before := s.header.Version()
	path := s.header.Path
	if ok, err := s.header.Line(m.Raw); !ok || err != nil {
		return
	}
	m.Context = headerLine
	if s.header.Version() == before && s.header.Path == path {
		return
	}
	if c, err := s.header.Columns(); err == nil {
		t.adopt(s, c)
	}
}

// first takes the first row of a table.
func (t *Tracker) first(m *parse.Message) {
	c, err := FirstRow(m.Raw)
	s := t.find(m.Origin, true)
	s.header = Header{}
	if err != nil || c == nil {
		t.adopt(s, nil)
		return
	}
	m.Context = headerLine
	t.adopt(s, c)
}

func (t *Tracker) adopt(s *headed, c *Columns) {
	t.size -= s.size
	s.columns, s.size = nil, 0
	if c == nil {
		return
	}
	s.columns, s.size = c, c.size
	t.size += s.size
	for t.size > t.o.MaxBytes && t.forget(s) {
	}
	if t.size > t.o.MaxBytes { // it alone has too much
		t.size -= s.size
		s.columns, s.size = nil, 0
	}
}
