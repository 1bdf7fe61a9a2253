package ingest

import (
	"bytes"
	"fmt"

	"github.com/penstock-dev/penstock/errcat"
)

// Framing says where the messages of a byte stream end: Lines, LinesAndBlanks, NUL,
// Whole, OctetCounting, JSONValues, EVTX, or a function of the host. It makes one Splitter
// for each stream.
type Framing func() Splitter

// Splitter cuts one stream into frames. It sees every byte once, in order, so that a
// frame of any length costs no more than its bytes and no memory.
type Splitter interface {
	// Scan looks in p, the bytes that follow those it has seen, for the end of the
	// current frame. It returns how many bytes of p belong to the frame, and whether
	// the frame ends with them; if not, n is len(p).
	Scan(p []byte) (n int, ended bool)
	// Message returns what of a frame is the message. The frame has all its bytes
	// (Complete), all that came before the stream ended (AtEOF; perhaps none), or, as
	// it is too long, only the first of them (TooLong). An error means that the
	// message is bad, as its category says. Message is called once for each frame, and
	// for what is left, perhaps nothing, when the stream ends.
	Message(frame []byte, how FrameEnd) (msg []byte, kind FrameKind, err error)
}

// FrameKind says what a frame is.
type FrameKind uint8

// The kinds of frames.
const (
	FrameMessage FrameKind = iota
	FrameBlank             // a message without bytes that is left out, and counted in Stats.Skipped
	FrameGap               // what stands between messages
)

// FrameEnd says how much of a frame there is.
type FrameEnd uint8

// How a frame ended.
const (
	Complete FrameEnd = iota
	AtEOF
	TooLong
)

// ParseFraming returns the Framing of a name: lines, nul, whole, octet, json or evtx.
func ParseFraming(name string) (Framing, error) {
	switch name {
	case "lines":
		return Lines, nil
	case "nul":
		return NUL, nil
	case "whole":
		return Whole, nil
	case "octet":
		return OctetCounting, nil
	case "json":
		return JSONValues, nil
	case "evtx":
		return EVTX, nil
	}
	return nil, fmt.Errorf("ingest: unknown framing %q: it is one of lines, nul, whole, octet, json, evtx", name)
}

// Lines ends messages with LF, which is taken off together with a CR before it. A last
// line needs no LF. Lines without any byte are skipped (and counted in Skipped).
func Lines() Splitter { return lines{skipBlank: true} }

// LinesAndBlanks is Lines where a line without any byte is a message too: an empty
// one, and so a dead letter.
func LinesAndBlanks() Splitter { return lines{} }

type lines struct{ skipBlank bool }

func (lines) Scan(p []byte) (int, bool) { return scanTo(p, '\n') }

func (l lines) Message(frame []byte, how FrameEnd) ([]byte, FrameKind, error) {
	if how == AtEOF && len(frame) == 0 {
		return nil, FrameGap, nil
	}
	msg := frame
	if n := len(msg); how == Complete && n > 0 && msg[n-1] == '\n' {
		msg = msg[:n-1]
	}
	if n := len(msg); how != TooLong && n > 0 && msg[n-1] == '\r' {
		msg = msg[:n-1]
	}
	if len(msg) == 0 && l.skipBlank {
		return nil, FrameBlank, nil
	}
	return msg, FrameMessage, nil
}

func scanTo(p []byte, end byte) (int, bool) {
	if i := bytes.IndexByte(p, end); i >= 0 {
		return i + 1, true
	}
	return len(p), false
}

// NUL ends messages with a zero byte, which is taken off. What follows the last one is
// a message if it is not empty.
func NUL() Splitter { return nul{} }

type nul struct{}

func (nul) Scan(p []byte) (int, bool) { return scanTo(p, 0) }

func (nul) Message(frame []byte, how FrameEnd) ([]byte, FrameKind, error) {
	switch {
	case how == Complete:
		frame = frame[:len(frame)-1]
	case how == AtEOF && len(frame) == 0:
		return nil, FrameGap, nil
	}
	return frame, FrameMessage, nil
}

// Whole makes one message of the whole stream, also of an empty one.
func Whole() Splitter { return whole{} }

type whole struct{}

func (whole) Scan(p []byte) (int, bool) { return len(p), false }

func (whole) Message(frame []byte, _ FrameEnd) ([]byte, FrameKind, error) {
	return frame, FrameMessage, nil
}

// OctetCounting reads RFC 6587: the length of the message in decimal, a space, the
// message. Line ends between messages are skipped. Where a length should be and is
// not, all bytes up to the next LF are one bad message (SCHEMA_VIOLATION), and the
// reading goes on behind it. A message that the stream ends in is TRUNCATED.
func OctetCounting() Splitter { return &octets{} }

// maxCountDigits bounds the length field: 10 digits are more than any limit allows.
const maxCountDigits = 10

type octets struct {
	mode   octetMode
	digits int
	count  int64 // of the message, while in the length field
	left   int64 // bytes to come, while in the message
}

type octetMode uint8

const (
	octetStart octetMode = iota // before the length field
	octetGap                    // in line ends before it
	octetCount                  // in it
	octetBody
	octetBad // up to the next LF
)

var (
	errOctetCount = errcat.New(errcat.SchemaViolation, errcat.StageBuffer, "octet counting: no length field (decimal number and a space) where a message should begin")
	errOctetShort = errcat.New(errcat.Truncated, errcat.StageBuffer, "octet counting: the stream ends before the message does")
)

func (o *octets) Scan(p []byte) (int, bool) {
	i := 0
	for i < len(p) {
		switch o.mode {
		case octetGap:
			if c := p[i]; c != '\n' && c != '\r' {
				return i, true
			}
			i++
		case octetStart:
			switch c := p[i]; {
			case c == '\n' || c == '\r':
				o.mode = octetGap
			case c >= '1' && c <= '9':
				o.mode, o.digits, o.count = octetCount, 1, int64(c-'0')
				i++
			default:
				o.mode = octetBad
			}
		case octetCount:
			switch c := p[i]; {
			case c >= '0' && c <= '9' && o.digits < maxCountDigits:
				o.digits++
				o.count = o.count*10 + int64(c-'0')
				i++
			case c == ' ':
				o.mode, o.left = octetBody, o.count
				i++
			default:
				o.mode = octetBad
			}
		case octetBody:
			n := min(o.left, int64(len(p)-i))
			i += int(n)
			if o.left -= n; o.left == 0 {
				return i, true
			}
		case octetBad:
			n, ended := scanTo(p[i:], '\n')
			i += n
			if ended {
				return i, true
			}
		}
	}
	return i, false
}

func (o *octets) Message(frame []byte, how FrameEnd) ([]byte, FrameKind, error) {
	mode, left := o.mode, o.left
	*o = octets{}
	switch mode {
	case octetBody:
		if i := bytes.IndexByte(frame, ' '); i >= 0 {
			frame = frame[i+1:]
		}
		if left > 0 {
			return frame, FrameMessage, errOctetShort
		}
		return frame, FrameMessage, nil
	case octetBad:
		if how == Complete {
			frame = bytes.TrimRight(frame, "\r\n")
		}
		return frame, FrameMessage, errOctetCount
	case octetCount:
		return frame, FrameMessage, errOctetShort
	}
	return nil, FrameGap, nil
}
