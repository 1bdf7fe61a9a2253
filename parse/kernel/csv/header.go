package csv

import (
	"bytes"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// Header follows the # lines of one source that writes W3C extended or Zeek logs. The
// zero Header is ready. It is not safe for concurrent use.
//
//	isHeader, err := header.Line(row)
//	if isHeader || err != nil { … }
//	r, err := header.Reader(slotOf) // the same one until the columns change
//	n, err := r.Read(row, &frame)
type Header struct {
	// Names are the columns' names, Types their Zeek types, if there are any.
	Names, Types []string
	// Separator is the delimiter of the rows. #separator sets it; a #Fields line sets a
	// space, a tab if it has tabs itself, or a comma if it has commas and no spaces. A caller that knows better sets it between
	// Line and Reader.
	Separator byte
	// SetSeparator is what Zeek joins the elements of sets and vectors by.
	SetSeparator byte
	// Empty and Unset are the texts of empty and absent values.
	Empty, Unset string
	// Path is the kind of Zeek log, Software the writer of a W3C log.
	Path, Software string

	zeek    bool
	changed bool
	reader  *Reader
	version int
}

// Version grows with each change of what the rows mean.
func (h *Header) Version() int { return h.version }

// Zeek reports whether the lines so far were those of Zeek.
func (h *Header) Zeek() bool { return h.zeek }

// Line takes row if it begins with # and reports whether it did; unknown # lines are
// taken too. The Header keeps copies. After an error it is as it was.
func (h *Header) Line(row []byte) (isHeader bool, err error) {
	row = trimEnd(row)
	if len(row) == 0 || row[0] != '#' {
		return false, nil
	}
	n := 1
	for n < len(row) && row[n] > ' ' && row[n] != ':' {
		n++
	}
	key, text := row[1:n], row[n:]
	if len(text) > 0 && text[0] == ':' {
		return true, h.w3c(key, bytes.TrimSpace(text[1:]))
	}
	return true, h.zeekLine(key, text)
}

func (h *Header) w3c(key, text []byte) error {
	switch {
	case scan.EqualFoldASCII(key, "fields"):
		sep := byte(' ')
		switch {
		case bytes.IndexByte(text, '\t') >= 0:
			sep = '\t'
		case bytes.IndexByte(text, ' ') < 0 && bytes.IndexByte(text, ',') >= 0:
			sep = ','
		}
		names, err := split(text, sep, true)
		if err != nil {
			return err
		}
		h.set(&h.Names, names)
		if h.Separator != sep || h.Unset != "-" || h.zeek {
			h.Separator, h.Unset, h.Empty, h.zeek, h.Types = sep, "-", "", false, nil
			h.change()
		}
	case scan.EqualFoldASCII(key, "software"):
		if len(text) > parse.MaxKeyLength {
			return tooLong()
		}
		h.Software = string(text)
	}
	return nil
}

func (h *Header) zeekLine(key, text []byte) error {
	switch string(key) {
	case "separator": // the one line whose own separator is a space
		sep := bytes.TrimSpace(text)
		if len(sep) == 4 && sep[0] == '\\' && sep[1] == 'x' {
			v, ok := scan.ParseHex(sep[2:])
			if !ok {
				return failure(errcat.SchemaViolation, len(key)+2, "#separator is no \\x and two hexadecimal digits")
			}
			sep = []byte{byte(v)}
		}
		if len(sep) != 1 || sep[0] == '\n' || sep[0] == '\r' || sep[0] == '"' {
			return failure(errcat.SchemaViolation, len(key)+2, "#separator is not one byte")
		}
		h.zeek = true
		if h.Separator != sep[0] {
			h.Separator = sep[0]
			h.change()
		}
		return nil
	case "set_separator", "empty_field", "unset_field", "path", "fields", "types":
	default:
		return nil // open, close and whatever comes
	}
	sep := byte('\t')
	if h.zeek {
		sep = h.Separator
	}
	if len(text) == 0 || text[0] != sep {
		return failure(errcat.SchemaViolation, len(key)+1, "no separator behind the name of a # line")
	}
	text = text[1:]
	adopt := func() {
		if !h.zeek {
			h.zeek, h.Separator = true, sep
			h.change()
		}
	}
	if string(key) == "fields" || string(key) == "types" {
		names, err := split(text, sep, false)
		if err != nil {
			return err
		}
		adopt()
		if string(key) == "fields" {
			h.set(&h.Names, names)
		} else {
			h.set(&h.Types, names)
		}
		return nil
	}
	if len(text) > parse.MaxKeyLength {
		return tooLong()
	}
	adopt()
	switch string(key) {
	case "set_separator":
		if len(text) == 1 && h.SetSeparator != text[0] {
			h.SetSeparator = text[0]
			h.change()
		}
	case "empty_field":
		if h.Empty != string(text) {
			h.Empty = string(text)
			h.change()
		}
	case "unset_field":
		if h.Unset != string(text) {
			h.Unset = string(text)
			h.change()
		}
	case "path":
		h.Path = string(text)
	}
	return nil
}

func (h *Header) change() { h.changed = true; h.version++ }

// set replaces a list, if it differs.
func (h *Header) set(list *[]string, fields [][]byte) {
	same := len(*list) == len(fields)
	for i := 0; same && i < len(fields); i++ {
		same = (*list)[i] == string(fields[i])
	}
	if same {
		return
	}
	*list = make([]string, len(fields))
	for i, f := range fields {
		(*list)[i] = string(f)
	}
	h.change()
}

// split cuts names apart; runs of separators count as one if collapse is set.
func split(text []byte, sep byte, collapse bool) ([][]byte, error) {
	var out [][]byte
	for more := len(text) > 0; more; {
		var name []byte
		if i := bytes.IndexByte(text, sep); i >= 0 {
			name, text = text[:i], text[i+1:]
		} else {
			name, more = text, false
		}
		if len(name) == 0 && collapse {
			continue
		}
		if len(name) > parse.MaxKeyLength {
			return nil, tooLong()
		}
		if len(out) == DefaultMaxColumns {
			return nil, failure(errcat.Oversize, 0, "more column names than DefaultMaxColumns")
		}
		out = append(out, name)
	}
	return out, nil
}

func tooLong() error {
	return failure(errcat.Oversize, 0, "a name in a # line is longer than parse.MaxKeyLength")
}

// Options are those of a Reader of the rows.
func (h *Header) Options() Options {
	o := Options{Comma: h.Separator, Unset: h.Unset, Empty: h.Empty, NoQuotes: h.zeek, Header: h.Names}
	if o.Comma == 0 {
		o.Comma = ' '
	}
	return o
}

// Reader returns a Reader of the rows that puts the columns into the slots that slotOf
// tells by name. For names that it gives a negative slot the column goes to Rest. Of two
// columns with one slot the first counts. The same Reader is returned until a # line
// changes something, slotOf must not change either; without columns, before the first
// header, there is an error of category UNKNOWN_FORMAT.
func (h *Header) Reader(slotOf func(name string) int) (*Reader, error) {
	if h.reader != nil && !h.changed && h.reader.o.Comma == h.Options().Comma {
		return h.reader, nil
	}
	if len(h.Names) == 0 {
		return nil, failure(errcat.UnknownFormat, 0, "a row before the line with the columns' names")
	}
	var columns []Column
	for i, name := range h.Names {
		if slot := slotOf(name); slot >= 0 {
			columns = append(columns, Column{i, slot})
		}
	}
	r, err := New(columns, h.Options())
	if err != nil {
		return nil, err
	}
	h.reader, h.changed = r, false
	return r, nil
}
