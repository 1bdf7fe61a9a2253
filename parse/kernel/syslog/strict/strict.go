// Package strict reads syslog by the letter of RFC 5424 and RFC 3164, with
// github.com/leodido/go-syslog. Use it to check senders, or where a message that
// deviates must be refused. Package syslog reads all that this one accepts with
// the same outcome (a fuzz test compares them), is faster and does not allocate,
// and reads what devices really send.
//
// The smallest use:
//
//	m, err := strict.Parse5424(raw)
//
// An error is an [errcat.Error] of category SCHEMA_VIOLATION; its cause is that
// of go-syslog and names the column. A [Parser] belongs to one goroutine at a
// time. A Message owns its memory.
package strict

import (
	"time"

	gosyslog "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/penstock-dev/penstock/errcat"
)

// Message is a message that keeps to its RFC. It does not refer to the raw
// message.
type Message struct {
	Version                                   int // 1 = RFC 5424, 0 = RFC 3164
	Priority                                  int
	HasTime                                   bool
	Time                                      time.Time
	Hostname, AppName, ProcID, MsgID, Payload string
	// StructuredData has the parameters of each SD-ID, unescaped. Of a parameter
	// that is sent twice the last one stays.
	StructuredData map[string]map[string]string
}

// Parser parses messages of one RFC, one after another. Make it with [New5424]
// or [New3164].
type Parser struct{ machine gosyslog.Machine }

// New5424 makes a Parser for RFC 5424. The BOM of the message is kept.
func New5424() *Parser { return &Parser{rfc5424.NewMachine()} }

// New3164 makes a Parser for RFC 3164, whose times have neither year nor zone:
// they get those given here. A nil zone is UTC.
func New3164(year int, zone *time.Location) *Parser {
	if zone == nil {
		zone = time.UTC
	}
	return &Parser{rfc3164.NewMachine(rfc3164.WithYear(rfc3164.Year{YYYY: year}), rfc3164.WithLocaleTimezone(zone))}
}

// Parse5424 parses one RFC 5424 message.
func Parse5424(raw []byte) (*Message, error) { return New5424().Parse(raw) }

// Parse3164 parses one RFC 3164 message; see [New3164].
func Parse3164(raw []byte, year int, zone *time.Location) (*Message, error) {
	return New3164(year, zone).Parse(raw)
}

// Parse parses one message, without its framing. It keeps no reference to raw.
func (p *Parser) Parse(raw []byte) (*Message, error) {
	got, err := p.machine.Parse(raw)
	if err != nil {
		return nil, &errcat.Error{Category: errcat.SchemaViolation, Stage: errcat.StageParse, Parser: "syslog.strict", Err: err}
	}
	var m Message
	switch g := got.(type) {
	case *rfc5424.SyslogMessage:
		m.fill(&g.Base)
		m.Version = int(g.Version)
		if g.StructuredData != nil {
			m.StructuredData = *g.StructuredData
		}
	case *rfc3164.SyslogMessage:
		m.fill(&g.Base)
	}
	return &m, nil
}

func (m *Message) fill(b *gosyslog.Base) {
	if b.Priority != nil {
		m.Priority = int(*b.Priority)
	}
	if b.Timestamp != nil {
		m.HasTime, m.Time = true, *b.Timestamp
	}
	for _, f := range [...]struct {
		from *string
		to   *string
	}{{b.Hostname, &m.Hostname}, {b.Appname, &m.AppName}, {b.ProcID, &m.ProcID}, {b.MsgID, &m.MsgID}, {b.Message, &m.Payload}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
}
