package gather

import (
	"bytes"
	"io"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// Sizes of a Cutter's buffer. It grows beyond largeRead for one long message only.
const (
	firstRead = 4 << 10
	largeRead = 64 << 10
	headRoom  = 64 // of a frame, besides its message, before it is too long
)

// Cutter cuts one byte stream into messages, in a buffer of its own that starts at 4
// KiB and never holds more than the longest message and 64 KiB. Not safe for
// concurrent use.
//
//	buf: | frame at hand, scanned | not scanned | room |
//	     start                    scanned       end    len
type Cutter struct {
	Origin *parse.Origin

	splitter   ingest.Splitter
	maxMessage int
	keep       int
	buf        []byte
	start      int
	scanned    int
	end        int
	passed     int64 // bytes of the frame at hand that were thrown away
	now        time.Time
	block      Block
}

// NewCutter returns a Cutter for messages of at most l.MaxMessage bytes.
func NewCutter(f ingest.Framing, o *parse.Origin, l ingest.Limits) *Cutter {
	return &Cutter{Origin: o, splitter: f(), maxMessage: l.MaxMessage, keep: min(l.KeepOversize, l.MaxMessage)}
}

// Room returns where the next bytes are to be read to; it is never empty. It ends the
// life of the last Block.
func (c *Cutter) Room() []byte {
	if c.start > 0 {
		copy(c.buf, c.buf[c.start:c.end])
		c.end -= c.start
		c.scanned -= c.start
		c.start = 0
	}
	switch {
	case c.end < len(c.buf):
	case len(c.buf) == 0:
		c.buf = make([]byte, firstRead)
	default:
		limit := max(c.maxMessage+2*headRoom, largeRead)
		// In steps of four, the last of which is not a small one, so that all buffers of a
		// growing message take less than twice the longest.
		size := 4 * len(c.buf)
		if size > limit/2 {
			size = max(limit, len(c.buf)+headRoom)
		}
		larger := make([]byte, size)
		copy(larger, c.buf[:c.end])
		c.buf = larger
	}
	return c.buf[c.end:]
}

// Shrink gives a grown buffer back; to be called before a peer may be silent for long.
func (c *Cutter) Shrink() {
	if n := c.end - c.start; len(c.buf) > largeRead && n <= firstRead {
		small := make([]byte, firstRead)
		copy(small, c.buf[c.start:c.end])
		c.buf, c.end, c.scanned, c.start = small, n, c.scanned-c.start, 0
	}
}

// Cut takes the messages that are complete after n bytes were read into the Room. They
// are valid until the next call of Room.
func (c *Cutter) Cut(n int, now time.Time) *Block {
	c.block.Reset()
	c.now = now
	c.end += n
	for c.scanned < c.end {
		k, ended := c.splitter.Scan(c.buf[c.scanned:c.end])
		c.scanned += k
		if !ended {
			c.pass()
			break
		}
		c.frame(ingest.Complete)
	}
	if len(c.buf) < largeRead && n >= len(c.buf)/2 { // a peer with much to say
		larger := make([]byte, largeRead) // the messages stay in the old buffer
		copy(larger, c.buf[c.start:c.end])
		c.buf, c.end, c.scanned, c.start = larger, c.end-c.start, c.scanned-c.start, 0
	}
	return &c.block
}

// End takes what is left when the stream has ended with err.
func (c *Cutter) End(err error, now time.Time) *Block {
	c.block.Reset()
	c.now = now
	pending := c.scanned > c.start || c.passed > 0
	c.frame(ingest.AtEOF)
	if n := len(c.block.Msgs); pending && err != io.EOF && n > 0 && len(c.block.Faults) == 0 {
		c.block.Faults = append(c.block.Faults, ingest.Fault{Msg: n - 1, Err: errCutOff})
	}
	return &c.block
}

var (
	errCutOff   = errcat.New(errcat.Truncated, errcat.StageCollect, "the connection broke in the middle of this message")
	errOversize = errcat.New(errcat.Oversize, errcat.StageBuffer, "longer than the largest message allowed")
)

// pass throws away what is too much of a frame that has not ended yet.
func (c *Cutter) pass() {
	if c.passed == 0 && c.scanned-c.start <= c.maxMessage+headRoom {
		return
	}
	if over := c.scanned - (c.start + c.keep); over > 0 {
		c.passed += int64(over)
		c.scanned -= over
		c.end = c.scanned // all of it was scanned
	}
}

// frame makes a message of the frame at hand.
func (c *Cutter) frame(how ingest.FrameEnd) {
	frame := c.buf[c.start:c.scanned:c.scanned]
	length := int64(len(frame)) + c.passed
	if c.passed > 0 {
		how = ingest.TooLong
		frame = frame[:min(len(frame), c.keep)]
	}
	msg, kind, err := c.splitter.Message(frame, how)
	c.start, c.passed = c.scanned, 0
	switch {
	case kind == ingest.FrameBlank:
		c.block.Skipped++
		return
	case kind != ingest.FrameMessage:
		return
	case how == ingest.TooLong:
	case len(msg) > c.maxMessage:
		// As much as would have been kept if the frame had not fitted into the buffer.
		head := max(cap(frame)-cap(msg), 0)
		msg, how = msg[:min(max(c.keep-head, 0), len(msg))], ingest.TooLong
	case err != nil:
		length = 0
	default:
		c.block.Msgs = append(c.block.Msgs, parse.Message{Raw: msg, Origin: c.Origin, Received: c.now})
		return
	}
	if how == ingest.TooLong {
		err = errOversize
	}
	c.block.Faults = append(c.block.Faults, ingest.Fault{Msg: len(c.block.Msgs), Err: err, Length: length})
	c.block.Msgs = append(c.block.Msgs, parse.Message{Raw: msg, Origin: c.Origin, Received: c.now})
}

// Auto recognises for each frame whether it is counted in octets: it begins with at
// most ten digits (none of them a leading zero), a space and "<". All others end with
// LF, which is taken off together with a CR before it. Blank lines are skipped. A
// counted message that the stream ends in is TRUNCATED.
func Auto() ingest.Splitter { return &auto{octets: ingest.OctetCounting(), lines: ingest.Lines()} }

type auto struct {
	octets, lines ingest.Splitter
	mode          autoMode
	head          []byte // the digits seen so far
}

type autoMode uint8

const (
	autoStart autoMode = iota
	autoCount          // in what may be a length field
	autoOctets
	autoLines
)

const maxCountDigits = 10

func (a *auto) Scan(p []byte) (int, bool) {
	i := 0
	for a.mode <= autoCount && i < len(p) {
		ch := p[i]
		switch {
		case ch >= '0' && ch <= '9' && len(a.head) < maxCountDigits && (a.mode == autoCount || ch != '0'):
			a.mode = autoCount
		case ch == ' ' && len(a.head) > 0:
		case ch == '<' && len(a.head) > 1 && a.head[len(a.head)-1] == ' ':
			a.mode = autoOctets
			a.octets.Scan(a.head) // does not end the frame: it is a number and a space
		default:
			a.mode = autoLines
			continue
		}
		if a.mode == autoCount {
			if len(a.head) > 0 && a.head[len(a.head)-1] == ' ' {
				a.mode = autoLines
				continue
			}
			a.head = append(a.head, ch)
			i++
		}
	}
	switch a.mode {
	case autoOctets:
		n, ended := a.octets.Scan(p[i:])
		return i + n, ended
	case autoLines:
		n, ended := a.lines.Scan(p[i:])
		return i + n, ended
	}
	return i, false
}

func (a *auto) Message(frame []byte, how ingest.FrameEnd) ([]byte, ingest.FrameKind, error) {
	mode := a.mode
	a.mode, a.head = autoStart, a.head[:0]
	if mode == autoOctets {
		return a.octets.Message(frame, how)
	}
	if how == ingest.AtEOF && len(bytes.TrimRight(frame, "\r\n")) == 0 {
		return nil, ingest.FrameGap, nil
	}
	return a.lines.Message(frame, how)
}
