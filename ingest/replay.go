package ingest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// letterJSON is what AppendJSON writes.
type letterJSON struct {
	Raw           *string         `json:"raw"`
	RawBase64     *string         `json:"raw_base64"`
	Length        int64           `json:"length"`
	Category      errcat.Category `json:"category"`
	Stage         errcat.Stage    `json:"stage"`
	Parser        string          `json:"parser"`
	ParserVersion string          `json:"parser_version"`
	Component     string          `json:"component"`
	Source        string          `json:"source"`
	Offset        int64           `json:"offset"`
	Hint          string          `json:"hint"`
	Peer          netip.Addr      `json:"peer"`
	Subject       string          `json:"subject"`
	Received      time.Time       `json:"received"`
	Error         string          `json:"error"`
	Partial       string          `json:"partial"`
}

// ParseDeadLetter reads what AppendJSON wrote. Err has the text and the category of
// the error, not its type. The result shares no memory with line.
func ParseDeadLetter(line []byte) (*DeadLetter, error) {
	bad := func(err error) error {
		return errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "not a dead letter as AppendJSON writes it: %w", err)
	}
	var l letterJSON
	if err := json.Unmarshal(line, &l); err != nil {
		return nil, bad(err)
	}
	d := &DeadLetter{
		Length: l.Length, Category: l.Category, Stage: l.Stage, Parser: l.Parser, ParserVersion: l.ParserVersion,
		Component: l.Component, Source: l.Source, Offset: l.Offset, Received: l.Received, Partial: []byte(l.Partial),
		Origin: &parse.Origin{Source: l.Source, Hint: l.Hint, Peer: l.Peer, Subject: l.Subject},
		Err:    errcat.New(l.Category, l.Stage, l.Error),
	}
	switch {
	case l.Raw != nil:
		d.Raw = []byte(*l.Raw)
	case l.RawBase64 != nil:
		raw, err := base64.StdEncoding.DecodeString(*l.RawBase64)
		if err != nil {
			return nil, bad(err)
		}
		d.Raw = raw
	default:
		return nil, bad(errors.New("neither raw nor raw_base64"))
	}
	return d, nil
}

// Replay is a Source of dead letters, one a line as AppendJSON writes them: their raw
// messages go through the pipeline again, with the origin, offset and time of
// reception that they had. A line that is no dead letter is one itself, and so is one
// whose message was not kept whole. A line is longer than the message in it, up to six
// times where it is escaped: Config.MaxMessage has to allow for that.
func Replay(name string, r io.Reader) Source {
	return WithName(name, SourceFunc(func(ctx context.Context, out *Emit) error {
		// Lines are framed as those of any stream, and then exchanged for what they hold.
		own := *out
		own.replay = true
		_, err := Stream{Origin: &parse.Origin{Source: name}}.Copy(ctx, r, &own)
		return err
	}))
}

// unwrap exchanges the lines of a chunk for the messages that they hold. The new
// messages do not lie in the chunk's buffer, but in memory that nobody uses again.
func unwrap(c *Chunk) {
	var faults []Fault
	known := c.Faults
	for i := range c.Msgs {
		m := &c.Msgs[i]
		if len(known) > 0 && known[0].Msg == i {
			faults = append(faults, known[0])
			known = known[1:]
			continue
		}
		d, err := ParseDeadLetter(bytes.TrimSpace(m.Raw))
		if err != nil {
			faults = append(faults, Fault{Msg: i, Err: err})
			continue
		}
		*m = parse.Message{Raw: d.Raw, Origin: d.Origin, Offset: d.Offset, Received: d.Received}
		if d.Length > int64(len(d.Raw)) {
			faults = append(faults, Fault{Msg: i, Err: errNotWhole, Length: d.Length})
		}
	}
	c.Faults = faults
}

var errNotWhole = errcat.New(errcat.Oversize, errcat.StageCollect, "only the beginning of this message was kept: it cannot be replayed")
