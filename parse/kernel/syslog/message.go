package syslog

import (
	"errors"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/parse"
)

// TimeContext and TimeResult name types of an internal package: what a time in a
// header does not say, and a time that was read.
type (
	TimeContext = timeparse.Context
	TimeResult  = timeparse.Result
)

// Message is what the header said, and the payload behind it. Every byte slice
// is a part of the raw message that was parsed and lives as long as that does;
// none may be written to. A Message holds no resources and can be reused for
// any number of calls.
type Message struct {
	// Version is the VERSION of RFC 5424 (1 in practice), and 0 for the
	// RFC 3164 family and where there is no header at all.
	Version int

	// HasPriority tells whether a PRI between 0 and 191 was sent. Priority is
	// facility*8 + severity, see [OfPriority].
	HasPriority bool
	Priority    int

	// HasTime tells whether Time is set. TimeText without HasTime is a time
	// without a year while Options has no Now, or an RFC 5424 TIMESTAMP that
	// cannot be read.
	HasTime  bool
	Time     TimeResult
	TimeText []byte
	// ClockMark is Cisco's mark in front of the time: '*' where the clock was
	// never set, '.' where it was but has lost its reference, else 0.
	ClockMark byte

	// The header fields. The nil value "-" gives nil.
	Hostname, AppName, ProcID, MsgID []byte

	// Level is the severity word that some devices send in front of the tag
	// ("notice" in "bigip notice mcpd[1234]: …").
	Level []byte
	// Sequence is the Cisco sequence number; Counter is the message counter in
	// front of it, where both were sent ("45: 000123: …").
	Sequence, Counter []byte
	// Uptime is Cisco's uptime in the place of a time ("1d02h", "00:00:46").
	Uptime []byte

	// StructuredData is the text of all SD elements, brackets included, known
	// to be well formed; see [Message.Elements].
	StructuredData []byte

	// Payload is the MSG part: raw[HeaderLen:] without trailing CR, LF and NUL.
	// It is always a part of raw, and empty rather than nil.
	Payload []byte
	// HeaderLen is the number of bytes in front of Payload. It is 0 exactly
	// when there was no syslog header at all.
	HeaderLen int

	noted *parse.KeyOrder // of the parser that noted the parameters, when it counted
	count uint64
}

// Options are the limits and the context of times. The zero value works; it
// has no Now, so times without a year are then kept as text only.
type Options struct {
	// Time gives the moment to which a time without a year is the nearest, and
	// the zone of times without one.
	Time TimeContext
	// MaxLen is the longest message in bytes, without trailing CR, LF and NUL.
	// 0 means 1 MiB, below 0 no limit.
	MaxLen int
	// MaxField is the longest header field in bytes. 0 means 255, which is the
	// largest of RFC 5424. In the RFC 3164 family a longer word is no field, it
	// stays in the payload.
	MaxField int
	// MaxParams bounds the parameters and elements of the structured data of
	// one message, taken together. 0 means 1024, below 0 no limit.
	MaxParams int
}

const (
	defaultMaxLen    = 1 << 20
	defaultMaxField  = 255
	defaultMaxParams = 1024
)

// Parser parses messages one after another and remembers the last minute that
// it saw, which makes times cheap. The zero value works; fields of Options may
// be changed between calls. A Parser must not be used concurrently.
type Parser struct {
	Options
	cache  stampCache
	times  timeparse.Cache
	params []param // of noted
	count  uint64  // of the messages whose parameters were noted
	names  *parse.KeyOrder
	room   [32]parse.Parameter
}

// keepParams is how many parameters a Parser keeps room for between messages.
const keepParams = 4 * defaultMaxParams

// Parse is [Parser.Parse] with a new Parser; o may be nil.
func Parse(raw []byte, o *Options, m *Message) error {
	var p Parser
	if o != nil {
		p.Options = *o
	}
	return p.Parse(raw, m)
}

var (
	errEmpty     = errors.New("empty message")
	errTooLong   = errors.New("message is longer than Options.MaxLen")
	errField     = errors.New("header field is longer than Options.MaxField")
	errParams    = errors.New("more structured data than Options.MaxParams")
	errControl   = errors.New("control character in the header")
	errCutHeader = errors.New("message ends inside the RFC 5424 header")
	errCutSD     = errors.New("message ends inside the structured data")
)

func fail(cat errcat.Category, field string, offset int, err error) error {
	return &errcat.Error{Category: cat, Stage: errcat.StageParse, Parser: "syslog", Field: field, Offset: int64(offset), Err: err}
}

// Parse reads one message, without its framing, into m. It does not allocate
// unless it fails.
//
// It fails when raw is empty, when a limit is exceeded, and when raw begins
// with an RFC 5424 header that ends too soon (TRUNCATED) or holds control
// characters (SCHEMA_VIOLATION). Then m holds what was read up to there, and
// Payload the rest. Everything else is a message: what is no header stays in
// the payload.
func (p *Parser) Parse(raw []byte, m *Message) error {
	*m = Message{}
	if cap(p.params) > keepParams {
		p.params = nil
	}
	p.params = p.params[:0]
	p.count++
	end := len(raw)
	for end > 0 && (raw[end-1] == '\n' || raw[end-1] == '\r' || raw[end-1] == 0) {
		end--
	}
	i := 0
	for i < end && raw[i] <= ' ' && (raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\r' || raw[i] == '\n') {
		i++
	}
	m.Payload = raw[:end:end]
	if i == end {
		return fail(errcat.SchemaViolation, "", 0, errEmpty)
	}
	if max := limit(p.MaxLen, defaultMaxLen); end > max {
		return fail(errcat.Oversize, "", max, errTooLong)
	}
	if raw[i] == 0xEF && hasBOM(raw[i:end]) {
		i += 3
	}
	return p.message(raw[:end:end], i, m)
}

// message parses raw[i:], which has no trailing line end.
func (p *Parser) message(raw []byte, i int, m *Message) error {
	start := i
	i = priority(raw, i, m)
	hasPRI := i > start
	if i < len(raw) && '1' <= raw[i] && raw[i] <= '9' {
		if v, next := version(raw, i); next > 0 {
			switch startOfTime(raw, next) {
			case timeISO:
				return p.rfc5424(raw, next, v, m)
			case timeNil:
				if hasPRI {
					return p.rfc5424(raw, next, v, m)
				}
			case timeEpoch, timeBSD:
				// Meraki and others send a version and then a time of their own.
				if hasPRI || v == 1 {
					if p.rfc3164(raw, next, true, m) {
						return nil
					}
				}
			}
		}
	}
	if p.rfc3164(raw, i, hasPRI, m) {
		return nil
	}
	if hasPRI {
		i = skipBlank(raw, i)
		setPayload(raw, i, m)
	}
	return nil
}

// Relayed parses the payload of m, which must not be inner, as a message with a
// header of its own, as relays leave it when they put theirs in front
// ("<13>Jan  2 03:04:05 relay <189>…"). It reports whether there was one with a
// priority, time, uptime or sequence number that could be read; if not, inner
// is of no use. The inner message is from the device, the outer one from the
// relay. Call it again on inner for longer chains: each step is shorter.
func (p *Parser) Relayed(m, inner *Message) bool {
	if m.HeaderLen == 0 || len(m.Payload) == 0 {
		return false
	}
	err := p.Parse(m.Payload, inner)
	return err == nil && (inner.HasPriority || inner.TimeText != nil || inner.Uptime != nil || inner.Sequence != nil)
}

func limit(n, def int) int {
	switch {
	case n == 0:
		return def
	case n < 0:
		return int(^uint(0) >> 1)
	}
	return n
}

// setPayload makes raw[i:] the payload, without the byte order mark that
// RFC 5424 puts in front of UTF-8 text.
func setPayload(raw []byte, i int, m *Message) {
	if i < len(raw) && raw[i] == 0xEF && hasBOM(raw[i:]) {
		i += 3
	}
	m.Payload, m.HeaderLen = raw[i:], i
}

func hasBOM(b []byte) bool {
	return len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF
}

func skipBlank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	return i
}
