package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/internal/fields"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// Column is a column of the table and what it is made of.
type Column struct {
	Name  string
	Field string // such as source.ip; empty: the whole line
}

// Options of a sink. Copy, Table and Columns are needed.
type Options struct {
	// Copy runs sql, which is COPY … FROM STDIN, with the data that r yields. It reads r
	// to its end, or returns an error; an error of the server has a method SQLState()
	// string, as that of pgx does. Where a connection is broken Copy makes a new one.
	Copy func(ctx context.Context, r io.Reader, sql string) error
	// Table is a name, or schema.name.
	Table   string
	Columns []Column
	// IDColumn is one more column, which gets the identity of the event
	// (ingest.AppendID) where the batch knows the message; a row that breaks its unique
	// constraint is a repetition, and taken.
	IDColumn string
}

// Sink writes lines to a table.
type Sink[T any] struct{ *core }

type core struct {
	opts Options
	sql  string

	mu     sync.Mutex
	reader *fields.Reader
	at     []int // place of each column's field in reader, -1 for the line
	body   []byte
	ends   []int // of the rows in body
}

// New returns a sink.
func New[T any](opts Options) (*Sink[T], error) {
	c := &core{opts: opts}
	fail := func(format string, args ...any) (*Sink[T], error) {
		return nil, fmt.Errorf("batch/postgres: "+format, args...)
	}
	switch {
	case opts.Copy == nil:
		return fail("Options has no Copy")
	case opts.Table == "":
		return fail("Options has no Table")
	case len(opts.Columns) == 0:
		return fail("Options has no Columns")
	}
	var names, columns []string
	for _, col := range opts.Columns {
		if col.Name == "" {
			return fail("a column without a name")
		}
		columns = append(columns, quote(col.Name))
		if col.Field == "" {
			c.at = append(c.at, -1)
			continue
		}
		c.at = append(c.at, len(names))
		names = append(names, col.Field)
	}
	if opts.IDColumn != "" {
		columns = append(columns, quote(opts.IDColumn))
	}
	var err error
	if c.reader, err = fields.NewShared(names...); err != nil {
		return fail("%w", err)
	}
	parts := strings.Split(opts.Table, ".")
	for i, p := range parts {
		if p == "" || len(parts) > 2 {
			return fail("Table %q: want a name, or schema.name", opts.Table)
		}
		parts[i] = quote(p)
	}
	c.sql = "COPY " + strings.Join(parts, ".") + " (" + strings.Join(columns, ", ") + ") FROM STDIN"
	return &Sink[T]{c}, nil
}

// quote makes an identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// LinesOnly marks the sink.
func (*core) LinesOnly() {}

// Write writes the lines of b.
func (s *Sink[T]) Write(ctx context.Context, b *batch.Batch[T]) error {
	if len(b.Ends) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body, s.ends = s.body[:0], s.ends[:0]
	split, last := 0, int32(-1)
	var id []byte
	for i := range b.Ends {
		id = id[:0]
		if m := b.Message(i); m != nil {
			if b.Msg[i] == last {
				split++
			} else {
				split, last = 0, b.Msg[i]
			}
			id = ingest.AppendID(id, m, split)
		}
		s.row(bytes.TrimSuffix(b.Line(i), []byte("\n")), id)
	}
	rows := make([]int, len(b.Ends))
	for i := range rows {
		rows[i] = i
	}
	var failed batch.Partial
	s.write(ctx, rows, &failed)
	if cap(s.body) > 16<<20 {
		s.body = nil
	}
	slices.SortFunc(failed.Failed, func(a, b batch.Failure) int { return a.Row - b.Row })
	return failed.Err()
}

// row appends a row in the text format of COPY.
func (c *core) row(line, id []byte) {
	known := c.reader.Read(line)
	for i, at := range c.at {
		if i > 0 {
			c.body = append(c.body, '\t')
		}
		switch {
		case at < 0:
			c.body = appendText(c.body, line)
		case !known:
			c.body = append(c.body, `\N`...)
		default:
			v := c.reader.Value(at)
			if k := v.Kind(); k == parse.KindNone || k == parse.KindNull {
				c.body = append(c.body, `\N`...)
			} else {
				c.body = appendText(c.body, v.AppendText(nil))
			}
		}
	}
	if c.opts.IDColumn != "" {
		c.body = append(c.body, '\t')
		if len(id) == 0 {
			c.body = append(c.body, `\N`...)
		} else {
			c.body = append(c.body, id...)
		}
	}
	c.body = append(c.body, '\n')
	c.ends = append(c.ends, len(c.body))
}

// appendText appends a value, in which nothing ends a column or a row.
func appendText(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			switch c {
			case '\\':
				dst = append(dst, `\\`...)
			case '\n':
				dst = append(dst, `\n`...)
			case '\r':
				dst = append(dst, `\r`...)
			case '\t':
				dst = append(dst, `\t`...)
			case 0:
				dst = append(dst, "\ufffd"...)
			default:
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return dst
}

// copy copies some of the rows.
func (c *core) copy(ctx context.Context, rows []int) error {
	var body []byte
	if first, last := rows[0], rows[len(rows)-1]; last-first == len(rows)-1 {
		start := 0
		if first > 0 {
			start = c.ends[first-1]
		}
		body = c.body[start:c.ends[last]]
	} else {
		for _, i := range rows {
			start := 0
			if i > 0 {
				start = c.ends[i-1]
			}
			body = append(body, c.body[start:c.ends[i]]...)
		}
	}
	return c.opts.Copy(ctx, bytes.NewReader(body), c.sql)
}

// class says what an error means.
type class uint8

const (
	passing class = iota
	badRow
	repeated
	denied
)

func classify(err error) class {
	var state interface{ SQLState() string }
	if !errors.As(err, &state) {
		return passing
	}
	switch s := state.SQLState(); {
	case s == "23505":
		return repeated
	case strings.HasPrefix(s, "22"), strings.HasPrefix(s, "23"), s == "54000":
		return badRow
	case strings.HasPrefix(s, "28"), s == "42501":
		return denied
	}
	return passing
}

// write writes rows until each has an end.
func (c *core) write(ctx context.Context, rows []int, failed *batch.Partial) {
	err := c.copy(ctx, rows)
	if err == nil {
		return
	}
	kind := classify(err)
	switch {
	case kind == badRow || kind == repeated:
		c.isolate(ctx, rows, err, failed)
	default:
		c.fail(ctx, rows, err, kind, failed)
	}
}

func (c *core) fail(ctx context.Context, rows []int, err error, kind class, failed *batch.Partial) {
	cat := errcat.TransientNetwork
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
		cat = errcat.Timeout
	case kind == badRow || kind == repeated:
		cat = errcat.SinkRejected
	case kind == denied:
		cat = errcat.AccessDenied
	}
	wrapped := errcat.Newf(cat, errcat.StageDeliver, "batch/postgres: %w", err)
	for _, i := range rows {
		failed.Fail(i, wrapped)
	}
}

// isolate finds a row for which COPY refuses many: halves are tried until it stands alone.
func (c *core) isolate(ctx context.Context, suspect []int, cause error, failed *batch.Partial) {
	var unknown []int
	proven := true
	for len(suspect) > 1 {
		half := len(suspect) / 2
		left, right := suspect[:half], suspect[half:]
		err := c.copy(ctx, left)
		switch {
		case err == nil:
			suspect, proven = right, false
		case classify(err) == passing || classify(err) == denied:
			c.fail(ctx, append(append(slices.Clone(left), right...), unknown...), err, classify(err), failed)
			return
		default:
			suspect, proven, cause = left, true, err
			unknown = append(slices.Clone(right), unknown...)
		}
	}
	if !proven {
		cause = c.copy(ctx, suspect)
	}
	switch kind := classify(cause); {
	case cause == nil, kind == repeated && c.opts.IDColumn != "":
	default:
		c.fail(ctx, suspect, cause, kind, failed)
	}
	if len(unknown) > 0 {
		c.write(ctx, unknown, failed)
	}
}
