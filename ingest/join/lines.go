package join

import (
	"errors"
	"regexp"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// LineOptions say which lines belong to the line before them. One of Indented, Start,
// Continue, End and Gap is needed; of several of the first three each makes a line go on.
type LineOptions struct {
	// Indented: lines that begin with a space or tab go on.
	Indented bool
	// Start: lines that it does not match go on; one that it matches begins a message.
	Start *regexp.Regexp
	// Continue: lines that it matches go on.
	Continue *regexp.Regexp
	// End: a line that it matches is the last one of its message. Alone, all lines go on.
	End *regexp.Regexp
	// Gap: lines that were received later than that after the one before begin a message.
	// Alone, all others go on.
	Gap time.Duration

	Limits
}

// Lines returns a source whose lines are joined. The error says which option is wrong.
//
// Patterns are matched against the whole line; that costs much more than Indented.
func Lines(src ingest.Source, o LineOptions) (*Source, error) {
	switch {
	case src == nil:
		return nil, errors.New("join: the source is nil")
	case !o.Indented && o.Start == nil && o.Continue == nil && o.End == nil && o.Gap == 0:
		return nil, errors.New("join: LineOptions need one of Indented, Start, Continue, End and Gap")
	case o.Gap < 0:
		return nil, errors.New("join: LineOptions.Gap is negative")
	}
	if err := o.Limits.check(); err != nil {
		return nil, err
	}
	return &Source{inner: src, limits: o.Limits, rule: &lineRule{o, !o.Indented && o.Start == nil && o.Continue == nil}}, nil
}

type lineRule struct {
	o   LineOptions
	all bool // lines go on unless End or Gap says otherwise
}

// key is the origin: each stream has one message that is not complete.
func (r *lineRule) key(m *parse.Message) (any, bool) { return m.Origin, true }

func (r *lineRule) goesOn(m *parse.Message, g *group) bool {
	if r.o.Gap > 0 && m.Received.Sub(g.got) > r.o.Gap {
		return false
	}
	switch {
	case r.all:
		return true
	case r.o.Indented && len(m.Raw) > 0 && (m.Raw[0] == ' ' || m.Raw[0] == '\t'):
		return true
	case r.o.Continue != nil && r.o.Continue.Match(m.Raw):
		return true
	}
	return r.o.Start != nil && !r.o.Start.Match(m.Raw)
}

func (r *lineRule) ends(m *parse.Message, _ *group) bool {
	return r.o.End != nil && r.o.End.Match(m.Raw)
}

func (r *lineRule) outdated(*parse.Message, *group) bool { return false }
func (r *lineRule) flushes() bool                        { return true }
