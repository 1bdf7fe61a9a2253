package csv

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-dev/penstock/internal/scan"
)

// Columns is what the header lines of one source say about the rows behind them. It is
// constant and safe for concurrent use.
type Columns struct {
	names     [][]byte // as JSON strings with a colon behind
	kinds     []kind
	path      []byte // of a Zeek log, or nil
	unset     string
	empty     string
	separator byte // of sets
	zeek      bool
	w3c       bool
	date      int // columns that tell a row from other text, or -1
	time      int
	stamp     int
	reader    *Reader
	size      int // bytes of memory, about
}

// kind is what the type of a Zeek column means for its value.
type kind uint8

const (
	kindText kind = iota
	kindNumber
	kindBool
	kindList = 1 << 2 // of one of those
)

func zeekKind(t string) kind {
	if inner, ok := strings.CutSuffix(t, "]"); ok {
		if _, inner, ok = strings.Cut(inner, "["); ok {
			return zeekKind(inner) | kindList
		}
	}
	switch t {
	case "count", "int", "double", "time", "interval", "port":
		return kindNumber
	case "bool":
		return kindBool
	}
	return kindText
}

// Columns returns what the lines so far say, or nil before the first one with names. A name
// that comes again gets _2, _3 and so on appended.
func (h *Header) Columns() (*Columns, error) {
	if len(h.Names) == 0 {
		return nil, nil
	}
	c := &Columns{unset: h.Unset, empty: h.Empty, separator: h.SetSeparator, zeek: h.zeek, w3c: !h.zeek, date: -1, time: -1, stamp: -1}
	if h.zeek && h.Path != "" {
		c.path = scan.AppendJSONString([]byte(`"_path":`), []byte(h.Path))
	}
	o := h.Options()
	o.Header, o.Unset, o.Empty = nil, "", ""
	return c, c.set(h.Names, h.Types, o)
}

// set completes c.
func (c *Columns) set(names, types []string, o Options) error {
	r, err := New(nil, o)
	if err != nil {
		return err
	}
	c.reader = r
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		if name == "" {
			name = "column_" + strconv.Itoa(i+1)
		}
		for n, unique := 2, name; seen[name]; n++ {
			name = fmt.Sprintf("%s_%d", unique, n)
		}
		seen[name] = true
		switch {
		case c.w3c && name == "date":
			c.date = i
		case c.w3c && name == "time":
			c.time = i
		case c.zeek && name == "ts" && i < len(types) && types[i] == "time":
			c.stamp = i
		}
		key := append(scan.AppendJSONString(nil, []byte(name)), ':')
		c.names = append(c.names, key)
		c.size += 2*len(key) + 64
		k := kindText
		if i < len(types) {
			k = zeekKind(types[i])
		}
		c.kinds = append(c.kinds, k)
	}
	return nil
}

// Len is the number of columns.
func (c *Columns) Len() int { return len(c.names) }

// Zeek reports whether the header was one of Zeek.
func (c *Columns) Zeek() bool { return c.zeek }

// AppendJSON appends row as a JSON object whose members are the columns, and of a Zeek log
// with its path as _path, and reports whether it is a row of these columns: it has as many
// fields as there are names, two at least, and a date and time, or a Zeek timestamp, where the names say
// so. If not, dst is returned as it was.
//
// Absent values are left out. Values are strings, but for those that Zeek gives a type:
// numbers, booleans, and lists of them.
func (c *Columns) AppendJSON(dst, row []byte) (out []byte, ok bool) {
	start := len(dst)
	dst = append(dst, '{')
	if c.path != nil {
		dst = append(append(dst, c.path...), ',')
	}
	n := 0
	var room [256]byte
	for f, err := range c.reader.Split(trimEnd(row)) {
		if err != nil || n >= len(c.names) || !c.fits(n, f.Raw) {
			return dst[:start], false
		}
		text := f.Raw
		if f.Escaped {
			text = f.Append(room[:0])
		}
		if f.Quoted || len(text) > 0 && string(text) != c.unset {
			dst = append(dst, c.names[n]...)
			dst = append(c.value(dst, n, text), ',')
		}
		n++
	}
	if n != len(c.names) || n < leastColumns && c.date < 0 && c.stamp < 0 {
		return dst[:start], false
	}
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, '}'), true
}

// leastColumns is how many columns a row must have that nothing but their number tells.
const leastColumns = 2

// fits reports whether text can be the value of column n.
func (c *Columns) fits(n int, text []byte) bool {
	switch {
	case n == c.date:
		return len(text) == 10 && text[4] == '-' && text[7] == '-' && digits(text[:4])
	case n == c.time:
		return len(text) >= 8 && text[2] == ':' && text[5] == ':' && digits(text[:2])
	case n == c.stamp:
		return number(text)
	}
	return true
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// value appends the value of column n.
func (c *Columns) value(dst []byte, n int, text []byte) []byte {
	k := c.kinds[n]
	if k&kindList == 0 {
		if c.empty != "" && string(text) == c.empty {
			return append(dst, `""`...)
		}
		return c.scalar(dst, k, text)
	}
	dst = append(dst, '[')
	if c.empty == "" || string(text) != c.empty {
		for more, first := true, true; more; first = false {
			var item []byte
			if i := bytes.IndexByte(text, c.separator); i >= 0 && c.separator != 0 {
				item, text = text[:i], text[i+1:]
			} else {
				item, more = text, false
			}
			if !first {
				dst = append(dst, ',')
			}
			if string(item) == c.unset {
				dst = append(dst, "null"...)
			} else {
				dst = c.scalar(dst, k&^kindList, item)
			}
		}
	}
	return append(dst, ']')
}

func (c *Columns) scalar(dst []byte, k kind, text []byte) []byte {
	switch {
	case k == kindNumber && number(text):
		return append(dst, text...)
	case k == kindBool && string(text) == "T":
		return append(dst, "true"...)
	case k == kindBool && string(text) == "F":
		return append(dst, "false"...)
	case c.zeek && bytes.Contains(text, []byte(`\x`)):
		return scan.AppendJSONString(dst, unescapeZeek(text))
	}
	return scan.AppendJSONString(dst, text)
}

// unescapeZeek takes out \xHH, by which Zeek writes separators and bytes that are no text.
func unescapeZeek(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) && b[i+1] == 'x' {
			if v, ok := scan.ParseHex(b[i+2 : i+4]); ok {
				out = append(out, byte(v))
				i += 3
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

// number reports whether b is a number as JSON writes them, with nothing around it.
func number(b []byte) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	whole, rest, dot := bytes.Cut(b, []byte("."))
	if len(whole) == 0 || !digits(whole) || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	if !dot {
		return true
	}
	return len(rest) > 0 && digits(rest)
}

// FirstRow returns the Columns that the first row of a table names, if it can be one: at
// least two names, none of them twice or a number; an empty one becomes column_N. The separator
// is the one of comma, tab, semicolon and bar that the row has most of.
func FirstRow(row []byte) (*Columns, error) {
	row = bytes.TrimPrefix(trimEnd(row), []byte("\ufeff"))
	o := Options{Comma: ','}
	most := 0
	for _, sep := range []byte{',', '\t', ';', '|'} {
		if n := bytes.Count(row, []byte{sep}); n > most {
			o.Comma, most = sep, n
		}
	}
	o.NoQuotes = o.Comma == '\t' && !bytes.Contains(row, []byte{'"'})
	r, err := New(nil, o)
	if err != nil {
		return nil, err
	}
	names, err := r.Names(row)
	if err != nil {
		return nil, err
	}
	if len(names) < 2 {
		return nil, nil
	}
	sorted := slices.Sorted(slices.Values(names))
	for i, name := range sorted {
		if number([]byte(name)) || i > 0 && sorted[i-1] == name {
			return nil, nil
		}
	}
	c := &Columns{date: -1, time: -1, stamp: -1}
	return c, c.set(names, nil, o)
}
