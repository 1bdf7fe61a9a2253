package pack

import (
	"strings"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/csv"
)

// rows reads rows whose columns a header line of their source named: W3C extended logs, Zeek
// logs, tables with a header. Such a row becomes a JSON object, which packs read like any
// other; header lines are no events.
type rows struct {
	room []byte
	msg  parse.Message
}

// rowBlock is how much memory the objects of many rows share, and rowFactor what a row may
// grow to.
const (
	rowBlock  = 64 << 10
	rowFactor = 2
)

// object returns the message that m, a row, becomes. ok is false where m is no row of its
// source's header. The object lives until the collector sees that no event refers to it.
func (r *rows) object(m *parse.Message, c *csv.Columns) (*parse.Message, bool) {
	need := rowFactor*len(m.Raw) + 32*c.Len()
	if cap(r.room)-len(r.room) < need {
		r.room = make([]byte, 0, max(rowBlock, need))
	}
	start := len(r.room)
	out, ok := c.AppendJSON(r.room, m.Raw)
	if !ok {
		return nil, false
	}
	r.room = out
	r.msg = *m
	r.msg.Raw, r.msg.Context = out[start:len(out):len(out)], nil
	return &r.msg, true
}

// original gives events that were made of an object the row that it was.
func (r *rows) original(m *parse.Message, out *parse.Events[parse.Record], from int) {
	for i := from; i < out.Len(); i++ {
		keepOriginal(out.At(i), m.Raw)
	}
}

// generic reports whether a pack is one for a format, not a product.
func generic(name string) bool { return strings.HasPrefix(name, "generic.") }

// tracker follows the headers of a source.
func tracker(o Options) parse.Tracker {
	return csv.NewTracker(csv.TrackerOptions{FirstRow: o.HeaderRow})
}

// Tracker follows the column headers of a source for the packs (see parse.PerSource).
func (a *Auto) Tracker() parse.Tracker { return tracker(a.opts) }

// Tracker follows the column headers of a source (see parse.PerSource).
func (q *Parser) Tracker() parse.Tracker { return tracker(q.opts) }

// row parses a message that has a Context. ok is false where that says nothing about it.
func (q *Parser) row(m *parse.Message, out *parse.Events[parse.Record]) (ok bool, err error) {
	switch c := m.Context.(type) {
	case csv.HeaderLine:
		return true, nil
	case *csv.Columns:
		if !q.pack.readsJSON {
			return false, nil
		}
		object, ok := q.rows.object(m, c)
		if !ok {
			return false, nil
		}
		n := out.Len()
		if err := q.pack.parse(q.state, q.opts, object, out); err != nil {
			return true, err
		}
		if q.opts.Original {
			q.rows.original(m, out, n)
		}
		return true, nil
	}
	return false, nil
}

// row parses a message that has a Context. A product's pack that knows the object comes first,
// then one that knows the row as it is.
func (a *Auto) row(m *parse.Message, out *parse.Events[parse.Record]) (ok bool, err error) {
	switch c := m.Context.(type) {
	case csv.HeaderLine:
		return true, nil
	case *csv.Columns:
		object, ok := a.rows.object(m, c)
		if !ok {
			return false, nil
		}
		i := a.Detect(object)
		if i < 0 || generic(a.detector.packs[i].name) {
			if plain := a.Detect(m); plain >= 0 && !generic(a.detector.packs[plain].name) {
				return false, nil
			}
			i = a.Detect(object)
		}
		if i < 0 {
			return false, nil
		}
		n := out.Len()
		if err := a.with(i, object, out); err != nil {
			return true, err
		}
		if a.opts.Original {
			a.rows.original(m, out, n)
		}
		return true, nil
	}
	return false, nil
}
