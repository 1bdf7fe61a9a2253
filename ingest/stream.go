package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// Stream is a byte stream that is cut into messages.
type Stream struct {
	// Framing says where messages end. Default: Lines.
	Framing Framing
	// Decoding says how bytes become text before they are cut. Default: they are as they are.
	Decoding Decoding
	// Origin goes to every message.
	Origin *parse.Origin
	// Offset is the position of the stream's first byte. Positions count decoded bytes.
	Offset int64
	// Done, if set, is called once for each chunk when its messages have reached their
	// end, from any goroutine and in any order: see Commits. The chunk's bytes, those
	// between its messages included, stand at [start, end) of the stream.
	Done func(start, end int64, r Result)
}

// maxEmptyReads is how often a reader may return nothing, and no error, in a row.
const maxEmptyReads = 100

// Copy reads r until it ends and sends its messages to out. It returns the position
// behind the last byte that was sent, and nil at the end of the stream.
//
// What was read is sent before the next Read, unless no message in it is complete. A
// message in two reads is put together; one that is longer than the limit is a dead
// letter of category OVERSIZE with its first bytes, and the rest is passed over
// without being kept. An error of r ends the stream where it is; so does data that cannot
// be decoded, which is a dead letter and no error.
//
// A Read that blocks does not notice the end of ctx: Copy returns after it.
func (s Stream) Copy(ctx context.Context, r io.Reader, out *Emit) (int64, error) {
	c := newCopier(s, out)
	if err := s.Decoding.Check(); err != nil {
		return c.sent, err
	}
	if !s.Decoding.plain() {
		decoded, err := s.Decoding.Reader(r)
		if err != nil {
			return c.sent, err
		}
		defer decoded.Close()
		r = decoded
	}
	err := c.copy(ctx, r)
	out.Discard(c.chunk)
	return c.sent, err
}

func newCopier(s Stream, out *Emit) copier {
	framing := s.Framing
	if framing == nil {
		framing = Lines
	}
	c := copier{Stream: s, out: out, limits: out.Limits(), splitter: framing(), pos: s.Offset, sent: s.Offset, from: s.Offset}
	l, ok := c.splitter.(lines)
	c.plain = ok && l.skipBlank
	return c
}

// copier is the state of Copy. The buffer is the chunk's:
//
//	Buf:  | messages | frame at hand, scanned | not scanned | room |
//	      0          start                    scanned       len    cap
type copier struct {
	Stream
	out      *Emit
	limits   Limits
	splitter Splitter
	plain    bool // splitter is Lines, which has a shorter way
	chunk    *Chunk
	start    int    // of the frame at hand
	scanned  int    //
	pos      int64  // of the frame at hand in the stream
	passed   int64  // bytes of the frame at hand that were thrown away
	sent     int64  // what has been sent ends here
	from     int64  // what the chunk at hand stands for begins here
	carry    []byte // begin of the chunk to come, of it is scanned:
	carried  int
	fill     int // how far the chunk at hand is to be filled
	usual    int // bytes of a message, on the average of the recent ones
	now      time.Time
	grows    bool // the end of the reader is not that of the stream
}

func (c *copier) copy(ctx context.Context, r io.Reader) error {
	for empty := 0; ; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := c.room(); err != nil {
			return err
		}
		b := c.chunk.Buf
		n, err := r.Read(b[len(b):c.fill])
		if n < 0 || n > c.fill-len(b) {
			return errors.New("ingest: the reader says that it read more than it was asked to")
		}
		short := n < c.fill-len(b)
		if n > 0 {
			empty = 0
			c.chunk.Buf = b[:len(b)+n]
			c.now = c.out.Now()
			if err := c.cut(); err != nil {
				return err
			}
		} else if empty++; err == nil && empty > maxEmptyReads {
			err = io.ErrNoProgress
		}
		if err != nil {
			if c.grows {
				if err == io.EOF {
					err = nil
				}
				return errors.Join(err, c.suspend())
			}
			if end := c.end(err); end != nil {
				return end
			}
			if _, data := err.(*dataError); data || err == io.EOF {
				err = nil
			}
			return errors.Join(err, c.send())
		}
		if short && c.pending() {
			if err := c.send(); err != nil {
				return err
			}
		}
	}
}

// pending reports whether the chunk has something to be sent.
func (c *copier) pending() bool {
	return c.chunk != nil && (len(c.chunk.Msgs) > 0 || c.chunk.Skipped > 0)
}

// room sees to a chunk with room for a Read.
func (c *copier) room() error {
	if c.chunk != nil && len(c.chunk.Buf) >= c.fill {
		switch {
		case c.pending():
			if err := c.send(); err != nil {
				return err
			}
		case c.fill < cap(c.chunk.Buf):
			c.fill = cap(c.chunk.Buf)
		default:
			c.grow()
		}
	}
	return c.next()
}

// enough is to how many bytes a chunk is filled: about as many as its messages will take,
// since what is more would have to be carried from chunk to chunk.
func (c *copier) enough(ch *Chunk) int {
	if n := c.usual * c.limits.ChunkMsgs; n > len(ch.Buf) && n < cap(ch.Buf) {
		return max(n, min(leastFill, cap(ch.Buf)))
	}
	return cap(ch.Buf)
}

// leastFill keeps reads from getting small.
const leastFill = 8 << 10

// next sees to a chunk, which begins with what the last one carried over.
func (c *copier) next() error {
	if c.chunk != nil {
		return nil
	}
	ch, err := c.out.Chunk()
	if err != nil {
		return err
	}
	if need := len(c.carry) + 1; cap(ch.Buf) < need {
		ch.Buf = make([]byte, 0, max(need, 2*cap(ch.Buf)))
	}
	ch.Buf = append(ch.Buf, c.carry...)
	c.chunk, c.start, c.scanned, c.fill = ch, 0, c.carried, c.enough(ch)
	c.carry, c.carried = c.carry[:0], 0
	if cap(c.carry) > keptGrowth*c.limits.ChunkSize {
		c.carry = nil
	}
	return nil
}

// grow makes the chunk larger for one large message. Nothing refers to its bytes yet.
func (c *copier) grow() {
	b := c.chunk.Buf
	limit := c.limits.MaxMessage + headRoom + 4<<10
	size := max(min(2*cap(b), limit), cap(b)+1)
	larger := make([]byte, len(b), size)
	copy(larger, b)
	c.chunk.Buf, c.fill = larger, size
}

// headRoom is what a frame may have besides its message before it counts as too long:
// a length field, white space, a line end.
const headRoom = 64

// cut takes complete frames out of what is not scanned yet. Where the chunk gets full
// it sends it and goes on in the next one.
func (c *copier) cut() error {
	for c.scanned < len(c.chunk.Buf) {
		if c.plain && c.scanned == c.start {
			c.lines()
		}
		if !c.chunk.Full() {
			n, ended := c.splitter.Scan(c.chunk.Buf[c.scanned:])
			c.scanned += n
			if !ended {
				c.pass()
				return nil
			}
			c.frame(Complete)
		}
		if c.chunk.Full() {
			if err := c.send(); err != nil {
				return err
			}
			if len(c.carry) == 0 {
				return nil
			}
			if err := c.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// lines is cut and frame for complete lines of ordinary length, without a call for
// each of them. It stops at the first line that is not.
func (c *copier) lines() {
	ch := c.chunk
	buf, msgs, start := ch.Buf, ch.Msgs, c.start
	for len(msgs) < ch.maxMsg {
		n := bytes.IndexByte(buf[start:], '\n')
		if n < 0 || n > c.limits.MaxMessage {
			break
		}
		msg := buf[start : start+n : start+n]
		if n > 0 && msg[n-1] == '\r' {
			msg = msg[:n-1]
		}
		if len(msg) == 0 {
			ch.Skipped++
		} else {
			msgs = extended(msgs)
			m := &msgs[len(msgs)-1]
			m.Raw, m.Origin, m.Offset, m.Received, m.Context = msg, c.Origin, c.pos+int64(start-c.start), c.now, nil
		}
		start += n + 1
	}
	ch.Msgs = msgs
	c.pos += int64(start - c.start)
	c.start, c.scanned = start, start
}

// extended is msgs with one more, which is to be filled where it lies: a message that is put together elsewhere and then
// copied waits for its own parts to arrive in memory, which takes as long as to find the end of its line.
func extended(msgs []parse.Message) []parse.Message {
	if n := len(msgs); n < cap(msgs) {
		return msgs[:n+1]
	}
	return append(msgs, parse.Message{})
}

// pass throws away what is too much of a frame that has not ended yet.
func (c *copier) pass() {
	keep := min(c.limits.KeepOversize, c.limits.MaxMessage)
	if c.passed == 0 && c.scanned-c.start <= c.limits.MaxMessage+headRoom {
		return
	}
	if over := c.scanned - (c.start + keep); over > 0 {
		c.passed += int64(over)
		c.scanned -= over
		c.chunk.Buf = c.chunk.Buf[:c.scanned] // all of it was scanned
	}
}

// frame makes a message of the frame at hand.
func (c *copier) frame(how FrameEnd) {
	frame := c.chunk.Buf[c.start:c.scanned:c.scanned]
	length := int64(len(frame)) + c.passed
	keep := min(c.limits.KeepOversize, c.limits.MaxMessage)
	if c.passed > 0 {
		how = TooLong
		frame = frame[:min(len(frame), keep)]
	}
	msg, kind, err := c.splitter.Message(frame, how)
	switch {
	case kind != FrameMessage:
		if kind == FrameBlank {
			c.chunk.Skipped++
		}
	case how == TooLong:
		c.bad(msg, errOversize, length)
	case len(msg) > c.limits.MaxMessage:
		// As much as would have been kept if the frame had not fitted into the chunk.
		head := max(cap(frame)-cap(msg), 0)
		c.bad(msg[:min(max(keep-head, 0), len(msg))], errOversize, length)
	case err != nil:
		c.bad(msg, err, 0)
	default:
		c.chunk.Msgs = append(c.chunk.Msgs, parse.Message{Raw: msg, Origin: c.Origin, Offset: c.pos, Received: c.now})
	}
	c.pos += int64(c.scanned-c.start) + c.passed
	c.start, c.passed = c.scanned, 0
}

// bad adds a message that must not be parsed.
func (c *copier) bad(raw []byte, err error, length int64) {
	c.chunk.Faults = append(c.chunk.Faults, Fault{Msg: len(c.chunk.Msgs), Err: err, Length: length})
	c.chunk.Msgs = append(c.chunk.Msgs, parse.Message{Raw: raw, Origin: c.Origin, Offset: c.pos, Received: c.now})
}

// end takes what is left when the stream ends with err.
func (c *copier) end(err error) error {
	if err := c.next(); err != nil {
		return err
	}
	c.now = c.out.Now()
	if err == io.EOF {
		c.frame(AtEOF)
		return nil
	}
	data, bad := err.(*dataError)
	if c.start < c.scanned || bad {
		cause := errCutOff
		if bad {
			cause = data.err
		}
		at := len(c.chunk.Msgs)
		if c.start < c.scanned {
			c.frame(AtEOF)
		}
		switch {
		case len(c.chunk.Msgs) == at:
			if bad { // a dead letter all the same: it says that the stream has more
				c.bad(nil, cause, 0)
			}
		case len(c.chunk.Faults) == 0 || c.chunk.Faults[len(c.chunk.Faults)-1].Msg != at:
			c.chunk.Faults = append(c.chunk.Faults, Fault{Msg: at, Err: cause})
		case bad:
			c.chunk.Faults[len(c.chunk.Faults)-1].Err = cause
		}
	}
	return nil
}

var errCutOff error = errcat.New(errcat.Truncated, errcat.StageCollect, "reading failed in the middle of this message")

// send sends the chunk, if it has messages, and carries over what does not belong to
// one of them.
func (c *copier) send() error {
	ch := c.chunk
	if ch == nil {
		return nil
	}
	if n := len(ch.Msgs); n > 0 {
		c.usual += (c.start/n - c.usual) / 4
		if c.usual == 0 {
			c.usual = c.start / n
		}
	}
	c.carry = append(c.carry[:0], ch.Buf[c.start:]...)
	c.carried = c.scanned - c.start
	c.chunk = nil
	c.Decoding.Invalid.apply(ch)
	start, end := c.from, c.pos
	if done := c.Done; done != nil {
		ch.Done = func(r Result) { done(start, end, r) }
	}
	if err := c.out.Send(ch); err != nil {
		c.out.Discard(ch)
		return err
	}
	c.from, c.sent = end, end
	return nil
}
