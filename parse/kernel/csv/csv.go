package csv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"
	"strconv"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

// Escape is how a quote is written inside quotes.
type Escape uint8

const (
	Doubled   Escape = iota // "a ""b"" c", as RFC 4180 has it
	Backslash               // "a \"b\" c"; other backslashes stay as they are
)

// DefaultMaxColumns is how many columns a row may have.
const DefaultMaxColumns = 4096

// Options describe a format. The zero Options are RFC 4180.
type Options struct {
	// Comma separates fields; 0 means a comma. It may be any byte but the quote and
	// line ends.
	Comma byte
	// Quote begins and ends quoted fields; 0 means ".
	Quote byte
	// NoQuotes makes Quote an ordinary byte, as in TSV.
	NoQuotes bool
	// Escape is how Quote is written inside quotes.
	Escape Escape
	// Lazy takes quotes in wrong places as text.
	Lazy bool
	// Brackets takes [a b] as one field, a b.
	Brackets bool
	// Collapse takes several delimiters in a row as one, and ignores those around the row.
	Collapse bool
	// TrimSpace removes spaces and tabs around fields, not inside quotes.
	TrimSpace bool
	// Unset is the unquoted text that means no value, such as "-".
	Unset string
	// Empty is the unquoted text that means an empty text, such as "(empty)".
	Empty string
	// Header names the columns without a slot for Frame.Rest.
	Header []string
	// MaxColumns is how many columns a row may have; 0 means DefaultMaxColumns.
	MaxColumns int
}

// Column says that the column with the given index, counted from 0, is wanted.
type Column struct{ Index, Slot int }

// Reader reads rows of one format. It never changes and is safe for concurrent use.
type Reader struct {
	o       Options
	slots   []int32 // by column
	names   [][]byte
	quote   int  // the byte that begins a quoted field, or -1
	bracket int  // likewise
	plain   bool // what begins a field stands right behind a delimiter
}

// New returns a Reader that puts the given columns into their slots. A column with a
// negative slot is put nowhere, not even into Rest.
func New(columns []Column, o Options) (*Reader, error) {
	if o.Comma == 0 {
		o.Comma = ','
	}
	if o.Quote == 0 {
		o.Quote = '"'
	}
	if o.MaxColumns == 0 {
		o.MaxColumns = DefaultMaxColumns
	}
	r := &Reader{o: o, quote: int(o.Quote)}
	if o.NoQuotes {
		r.quote = -1
	}
	r.plain = !o.Collapse && !o.TrimSpace
	r.bracket = -1
	if o.Brackets {
		r.bracket = '['
	}
	bad := func(format string, args ...any) (*Reader, error) {
		return nil, errcat.Newf(errcat.SchemaViolation, errcat.StageParse, "csv: "+format, args...)
	}
	switch {
	case o.Comma == '\n' || o.Comma == '\r' || o.Comma == o.Quote && !o.NoQuotes:
		return bad("the delimiter %q cannot be told from a quote or line end", o.Comma)
	case o.Quote == '\n' || o.Quote == '\r':
		return bad("the quote %q is a line end", o.Quote)
	case o.Escape > Backslash:
		return bad("unknown escape style %d", o.Escape)
	case o.Escape == Backslash && (o.Comma == '\\' || o.Quote == '\\'):
		return bad("a backslash cannot be delimiter or quote where it is the escape")
	case o.Brackets && (o.Comma == '[' || o.Comma == ']' || !o.NoQuotes && (o.Quote == '[' || o.Quote == ']')):
		return bad("a bracket cannot be delimiter or quote where it holds fields")
	case o.MaxColumns < 0:
		return bad("MaxColumns is %d", o.MaxColumns)
	case len(o.Header) > o.MaxColumns:
		return bad("%d names for at most %d columns", len(o.Header), o.MaxColumns)
	}
	for _, c := range columns {
		if c.Index < 0 || c.Index >= o.MaxColumns {
			return bad("column %d is not in 0 to %d", c.Index, o.MaxColumns-1)
		}
		for len(r.slots) <= c.Index {
			r.slots = append(r.slots, rest)
		}
		if r.slots[c.Index] != rest {
			return bad("column %d is wanted twice", c.Index)
		}
		r.slots[c.Index] = int32(max(c.Slot, skip))
	}
	for _, name := range o.Header {
		r.names = append(r.names, []byte(name))
	}
	for i := len(r.names); i < max(len(r.slots), 64); i++ {
		r.names = append(r.names, appendColumn(nil, i))
	}
	return r, nil
}

// Columns that have no slot.
const (
	rest = -2 // goes to Frame.Rest
	skip = -1 // goes nowhere
)

func appendColumn(dst []byte, i int) []byte {
	return strconv.AppendInt(append(dst, "column_"...), int64(i+1), 10)
}

// Field is one field of a row.
type Field struct {
	// Raw is the text without quotes, brackets and trimmed spaces. It aliases the row.
	Raw    []byte
	Quoted bool
	// Escaped tells that Raw has escapes that Append takes out.
	Escaped bool

	quote  byte
	escape Escape
}

// Append appends the field's text to dst.
func (f Field) Append(dst []byte) []byte {
	if !f.Escaped {
		return append(dst, f.Raw...)
	}
	b := f.Raw
	esc := f.quote
	if f.escape == Backslash {
		esc = '\\'
	}
	for {
		i := bytes.IndexByte(b, esc)
		if i < 0 || i+1 >= len(b) {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		next := b[i+1]
		if next != f.quote && next != esc {
			dst = append(dst, esc)
			b = b[i+1:]
			continue
		}
		dst = append(dst, next)
		b = b[i+2:]
	}
}

// cursor walks over a row. It finds delimiters eight bytes at a time.
type cursor struct {
	row     []byte
	pos     int
	base    int    // of the word that mask belongs to
	bracket int    // the first ] from some earlier pos on, or len(row)
	mask    uint64 // delimiters in that word that were not handed out
}

// delimiter returns the index of the first comma from c.pos on, or len(row).
func (c *cursor) delimiter(commas uint64) int {
	for {
		for c.mask != 0 {
			i := c.base + bits.TrailingZeros64(c.mask)>>3
			c.mask &= c.mask - 1
			if i >= c.pos {
				return i
			}
		}
		c.base = max(c.base+8, c.pos)
		if c.base+8 > len(c.row) {
			break
		}
		const low = 0x7f7f7f7f7f7f7f7f
		x := binary.LittleEndian.Uint64(c.row[c.base:c.base+8]) ^ commas
		c.mask = ^(x&low + low | x | low)
	}
	i := c.base
	for i < len(c.row) && c.row[i] != byte(commas) {
		i++
	}
	c.base = i - 7 // the next search begins behind i
	return i
}

// jump moves the cursor; delimiters found before are forgotten.
func (c *cursor) jump(pos int) {
	c.pos, c.base, c.mask = pos, pos-8, 0
}

// next reads the field at c.pos and moves behind its delimiter. more is false for the
// last field.
func (r *Reader) next(c *cursor, commas uint64) (f Field, more bool, err error) {
	row := c.row
	if !r.plain {
		return r.nextSpecial(c, commas)
	}
	if c.pos < len(row) {
		switch int(row[c.pos]) {
		case r.quote:
			return r.nextQuoted(c)
		case r.bracket:
			if f, more, ok := r.nextBracket(c); ok {
				return f, more, nil
			}
		}
	}
	end := c.delimiter(commas)
	f.Raw = row[c.pos:end]
	c.pos = end + 1
	return f, end < len(row), nil
}

// nextSpecial is next for formats with collapsed delimiters or trimmed space.
func (r *Reader) nextSpecial(c *cursor, commas uint64) (f Field, more bool, err error) {
	row := c.row
	if r.o.Collapse {
		for c.pos < len(row) && row[c.pos] == r.o.Comma {
			c.pos++
		}
	}
	if r.o.TrimSpace {
		for c.pos < len(row) && r.space(row[c.pos]) {
			c.pos++
		}
	}
	if c.pos < len(row) {
		switch int(row[c.pos]) {
		case r.quote:
			return r.nextQuoted(c)
		case r.bracket:
			if f, more, ok := r.nextBracket(c); ok {
				return f, more, nil
			}
		}
	}
	end := c.delimiter(commas)
	f.Raw = row[c.pos:end]
	if r.o.TrimSpace {
		for len(f.Raw) > 0 && r.space(f.Raw[len(f.Raw)-1]) {
			f.Raw = f.Raw[:len(f.Raw)-1]
		}
	}
	c.pos = end
	return f, r.leave(c), nil
}

// nextBracket reads a field that begins with [, unless the bracket is text.
func (r *Reader) nextBracket(c *cursor) (f Field, more, ok bool) {
	row := c.row
	if c.bracket < c.pos {
		if n := bytes.IndexByte(row[c.pos:], ']'); n >= 0 {
			c.bracket = c.pos + n
		} else {
			c.bracket = len(row)
		}
	}
	if c.bracket == len(row) {
		return f, false, false
	}
	end, ok := r.closes(row, c.bracket+1)
	if !ok {
		return f, false, false
	}
	f.Raw = row[c.pos+1 : c.bracket]
	c.jump(end)
	return f, r.leave(c), true
}

// space reports whether TrimSpace removes b.
func (r *Reader) space(b byte) bool { return (b == ' ' || b == '\t') && b != r.o.Comma }

// leave moves from a delimiter or the end of the row to the next field, and reports
// whether there is one.
func (r *Reader) leave(c *cursor) bool {
	if r.o.Collapse {
		for c.pos+1 < len(c.row) && c.row[c.pos+1] == r.o.Comma {
			c.pos++
		}
		if c.pos+1 >= len(c.row) {
			return false
		}
	}
	c.pos++
	return c.pos <= len(c.row)
}

// closes reports whether a field ends at i, and where its delimiter is.
func (r *Reader) closes(row []byte, i int) (int, bool) {
	if r.o.TrimSpace {
		for i < len(row) && r.space(row[i]) {
			i++
		}
	}
	return i, i >= len(row) || row[i] == r.o.Comma
}

// nextQuoted reads a field that begins with a quote.
func (r *Reader) nextQuoted(c *cursor) (f Field, more bool, err error) {
	row := c.row
	start := c.pos + 1
	i := start
	f.Quoted = true
	f.quote, f.escape = r.o.Quote, r.o.Escape
	for {
		n := bytes.IndexByte(row[i:], r.o.Quote)
		if n < 0 {
			if !r.o.Lazy {
				return f, false, failure(errcat.Truncated, c.pos, "a quoted field has no closing quote")
			}
			f.Raw = row[start:]
			c.pos = len(row) + 1
			return f, false, nil
		}
		i += n
		if r.o.Escape == Backslash {
			slashes := 0
			for i-slashes > start && row[i-slashes-1] == '\\' {
				slashes++
			}
			if slashes%2 == 1 {
				f.Escaped = true
				i++
				continue
			}
		} else if i+1 < len(row) && row[i+1] == r.o.Quote {
			f.Escaped = true
			i += 2
			continue
		}
		end, ok := r.closes(row, i+1)
		if ok {
			f.Raw = row[start:i]
			if r.o.Escape == Backslash && !f.Escaped {
				f.Escaped = bytes.IndexByte(f.Raw, '\\') >= 0
			}
			c.jump(end)
			return f, r.leave(c), nil
		}
		if !r.o.Lazy {
			return f, false, failure(errcat.SchemaViolation, i+1, "text follows a closing quote")
		}
		i++
	}
}

func failure(c errcat.Category, offset int, problem string) error {
	err := errcat.New(c, errcat.StageParse, problem)
	err.Parser, err.Offset = "csv", int64(offset)
	return err
}

// trimEnd cuts one line end off.
func trimEnd(row []byte) []byte {
	if n := len(row); n > 0 && row[n-1] == '\n' {
		row = row[:n-1]
	}
	if n := len(row); n > 0 && row[n-1] == '\r' {
		row = row[:n-1]
	}
	return row
}

func (r *Reader) begin(row []byte) (c cursor, commas uint64) {
	c.row = trimEnd(row)
	c.bracket = -1
	c.jump(0)
	return c, uint64(r.o.Comma) * 0x0101010101010101
}

// Read puts the wanted columns of row into f and returns how many columns row has. An
// empty row has none. After an error n counts the columns before it, and what they put into f
// is there.
func (r *Reader) Read(row []byte, f *parse.Frame) (n int, err error) {
	c, commas := r.begin(row)
	if len(c.row) == 0 {
		return 0, nil
	}
	if r.plain {
		return r.readPlain(&c, commas, f)
	}
	for {
		field, more, err := r.next(&c, commas)
		if err != nil {
			return n, err
		}
		if n == r.o.MaxColumns {
			return n, failure(errcat.Oversize, min(c.pos, len(c.row)), "more columns than MaxColumns")
		}
		slot := int32(rest)
		if n < len(r.slots) {
			slot = r.slots[n]
		}
		if slot >= 0 || slot == rest && f.KeepRest {
			if !r.put(f, int(slot), n, &field) {
				return n, failure(errcat.Oversize, min(c.pos, len(c.row)), "more fields than the frame takes")
			}
		}
		n++
		if !more {
			return n, nil
		}
	}
}

// readPlain is Read for formats without collapsed delimiters and trimmed space.
// It finds the delimiters of eight bytes at a time, those inside quotes included, which
// it then passes over.
func (r *Reader) readPlain(c *cursor, commas uint64, f *parse.Frame) (n int, err error) {
	row := c.row
	slots := r.slots
	others := int32(skip) // where columns go that slots does not have
	if f.KeepRest {
		others = rest
	}
	most := r.o.MaxColumns
	quote, bracket := r.quote, r.bracket
	unset := r.o.Unset
	pos := 0
	for base := 0; base <= len(row); base += 8 {
		var mask uint64
		if base+8 <= len(row) {
			const low = 0x7f7f7f7f7f7f7f7f
			x := binary.LittleEndian.Uint64(row[base:base+8]) ^ commas
			mask = ^(x&low + low | x | low)
		} else {
			for i, b := range row[base:] {
				if b == byte(commas) {
					mask |= 0x80 << (8 * i)
				}
			}
			mask |= 0x80 << (8 * (len(row) - base)) // the end of the row
		}
		for ; mask != 0; mask &= mask - 1 {
			end := base + bits.TrailingZeros64(mask)>>3
			if end < pos {
				continue // inside quotes
			}
			if n == most {
				return n, failure(errcat.Oversize, end, "more columns than MaxColumns")
			}
			slot := others
			if n < len(slots) {
				if slot = slots[n]; slot == rest {
					slot = others
				}
			}
			if pos < end && (int(row[pos]) == quote || int(row[pos]) == bracket) {
				c.pos = pos
				field, more, err := r.next(c, commas)
				if err != nil {
					return n, err
				}
				if slot != skip && !r.put(f, int(slot), n, &field) {
					return n, failure(errcat.Oversize, end, "more fields than the frame takes")
				}
				n++
				if !more {
					return n, nil
				}
				pos = c.pos
				continue
			}
			if slot != skip && pos < end {
				b := row[pos:end]
				switch {
				case string(b) == unset:
				case string(b) == r.o.Empty:
					if !r.put(f, int(slot), n, &Field{Raw: b}) {
						return n, failure(errcat.Oversize, end, "more fields than the frame takes")
					}
				case slot >= 0:
					f.Put(int(slot), 0, nil, parse.BytesValue(b))
				default:
					if !f.Put(-1, 0, r.name(n, f.Text), parse.BytesValue(b)) {
						return n, failure(errcat.Oversize, end, "more fields than the frame takes")
					}
				}
			}
			n++
			pos = end + 1
		}
	}
	return n, nil
}

// put stores one field, unless it is empty or unset.
func (r *Reader) put(f *parse.Frame, slot, column int, field *Field) bool {
	b := field.Raw
	var v parse.Value
	switch {
	case field.Quoted:
		if field.Escaped {
			b = f.Text.Keep(field.Append(f.Text.Scratch(len(b))))
		}
		v = parse.BytesValue(b).WithFlags(parse.Quoted)
	case len(b) == 0 || string(b) == r.o.Unset:
		return true
	case string(b) == r.o.Empty:
		v = parse.BytesValue(b[:0]).WithFlags(parse.Quoted)
	default:
		v = parse.BytesValue(b)
	}
	if slot >= 0 {
		return f.Put(slot, 0, nil, v)
	}
	return f.Put(-1, 0, r.name(column, f.Text), v)
}

func (r *Reader) name(column int, text *arena.Bytes) []byte {
	if column < len(r.names) {
		return r.names[column]
	}
	return text.Keep(appendColumn(text.Scratch(24), column))
}

// Split yields the fields of row, or an error after the fields before it. It has no limit
// of columns and gives no meaning to Unset and Empty.
func (r *Reader) Split(row []byte) iter.Seq2[Field, error] {
	return func(yield func(Field, error) bool) {
		c, commas := r.begin(row)
		if len(c.row) == 0 {
			return
		}
		for {
			field, more, err := r.next(&c, commas)
			if !yield(field, err) || err != nil || !more {
				return
			}
		}
	}
}

// Names reads a row of column names, such as the first one of a CSV file. The strings are
// copies. An empty name becomes column_N.
func (r *Reader) Names(row []byte) ([]string, error) {
	var names []string
	for field, err := range r.Split(row) {
		if err != nil {
			return nil, err
		}
		if len(names) == r.o.MaxColumns {
			return nil, failure(errcat.Oversize, 0, "more column names than MaxColumns")
		}
		name := field.Append(nil)
		if len(name) > parse.MaxKeyLength {
			return nil, failure(errcat.Oversize, 0, fmt.Sprintf("a column name of %d bytes", len(name)))
		}
		if len(name) == 0 {
			name = appendColumn(nil, len(names))
		}
		names = append(names, string(name))
	}
	return names, nil
}
