package leef

import (
	"bytes"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// Header is the part of a LEEF event before the attributes.
//
// The values alias the raw text. One with the flag parse.Escaped still has its
// backslashes: Unescape takes them out, AppendHeader does so for one value.
type Header struct {
	Major, Minor   int // 1.0 or 2.0
	Vendor         parse.Value
	Product        parse.Value
	ProductVersion parse.Value
	EventID        parse.Value
	// Delimiter stands between attributes: usually one byte, a tab unless the header
	// says otherwise. It aliases the raw text or constant memory.
	Delimiter []byte
	// Attributes is where the attributes begin in the text that was read.
	Attributes int
}

// headerFields names the four fields after the version in errors.
var headerFields = [4]string{"vendor", "product", "productVersion", "eventId"}

func fail(c errcat.Category, offset int, field, msg string) error {
	e := errcat.New(c, errcat.StageParse, msg)
	e.Parser, e.Offset, e.Field = "leef", int64(offset), field
	return e
}

// ParseHeader reads the header of raw, which must begin with "LEEF:" (see Find),
// into h and returns the attributes, a slice of raw. It overwrites all of h.
//
// A header that ends before its event id is TRUNCATED; one that does not begin
// with LEEF and a version, whose event id is an attribute (a device left a field
// out), or whose delimiter is none, is SCHEMA_VIOLATION. The pipe after the event id
// may be missing where there are no attributes. Offsets count from the start of raw.
//
// The delimiter of LEEF 2 may be written as the character itself, in hexadecimal
// (0x5e, x5E), or as the word tab, caret or pipe; empty means tab. A LEEF 2 header
// without that field, whose attributes begin at once, is read as if it were empty.
// Where no tab is left but its escape #011, as rsyslog writes it, that delimits.
func ParseHeader(raw []byte, h *Header) (attributes []byte, err error) {
	*h = Header{}
	i, err := h.readVersion(raw)
	if err != nil {
		return nil, err
	}
	fields := [4]*parse.Value{&h.Vendor, &h.Product, &h.ProductVersion, &h.EventID}
	for n, field := range fields {
		end := i
		var flags parse.Flags
		for {
			k := scan.IndexAny2(raw[end:], '|', '\\')
			if k < 0 {
				end = len(raw)
				break
			}
			end += k
			if raw[end] == '|' {
				break
			}
			flags = parse.Escaped
			if end += 2; end > len(raw) {
				end = len(raw)
				break
			}
		}
		text := raw[i:end]
		last := n == len(fields)-1
		if end == len(raw) {
			if !last {
				return nil, fail(errcat.Truncated, len(raw), headerFields[n], "the header ends early; a LEEF header has five fields, each closed by a pipe")
			}
			text = bytes.TrimRight(text, " \t\r\n")
		}
		if last && bytes.IndexByte(text, '=') >= 0 && bytes.IndexByte(text, '\t') >= 0 {
			return nil, fail(errcat.SchemaViolation, i, headerFields[n], "attributes stand where the event id should; is a header field missing?")
		}
		*field = parse.BytesValue(text).WithFlags(flags)
		i = min(end+1, len(raw))
	}
	h.Delimiter = byteText['\t' : '\t'+1]
	if h.Major >= 2 {
		if i, err = h.readDelimiter(raw, i); err != nil {
			return nil, err
		}
	}
	h.Attributes = i
	attributes = raw[i:]
	if h.Delimiter[0] == '\t' && bytes.IndexByte(attributes, '\t') < 0 && bytes.Contains(attributes, escapedTab) {
		h.Delimiter = escapedTab
	}
	return attributes, nil
}

// escapedTab is how rsyslog writes a tab unless it is told not to. Read-only.
var escapedTab = []byte("#011")

// byteText[c:c+1] is the byte c; latinText[2*(c-0x80):][:2] the rune c from 0x80 up
// in UTF-8. Read-only.
var byteText, latinText = func() (b, l []byte) {
	for c := range 256 {
		b = append(b, byte(c))
		if c >= 0x80 {
			l = utf8.AppendRune(l, rune(c))
		}
	}
	return b, l
}()

// readVersion reads "LEEF:", optional spaces, a version and the first pipe.
func (h *Header) readVersion(raw []byte) (next int, err error) {
	if n := min(len(raw), len(magic)); string(raw[:n]) != magic[:n] || n == 0 {
		return 0, fail(errcat.SchemaViolation, 0, "version", "the text does not begin with LEEF:")
	} else if n < len(magic) {
		return 0, fail(errcat.Truncated, n, "version", "the header ends within LEEF:")
	}
	i := len(magic)
	for i < len(raw) && raw[i] == ' ' {
		i++
	}
	i, h.Major = digits(raw, i)
	ok := h.Major > 0
	if ok && i < len(raw) && raw[i] == '.' {
		i, h.Minor = digits(raw, i+1)
	}
	if i == len(raw) {
		return 0, fail(errcat.Truncated, i, "version", "the header ends within its version")
	}
	if !ok || raw[i] != '|' {
		return 0, fail(errcat.SchemaViolation, i, "version", "LEEF: must be followed by a version number and a pipe")
	}
	return i + 1, nil
}

// digits reads up to three decimal digits.
func digits(b []byte, i int) (next, v int) {
	for n := 0; i < len(b) && b[i]-'0' < 10 && n < 3; n++ {
		v = v*10 + int(b[i]-'0')
		i++
	}
	return i, v
}

// readDelimiter reads the field between the event id and the attributes, which
// begins at i, and returns where the attributes begin.
func (h *Header) readDelimiter(raw []byte, i int) (next int, err error) {
	rest := raw[i:]
	if len(rest) == 0 {
		return i, nil
	}
	// "||" is an empty field, "|||" the delimiter '|' as a character.
	if rest[0] == '|' {
		if len(rest) > 1 && rest[1] == '|' {
			h.Delimiter = byteText['|' : '|'+1]
			return i + 2, nil
		}
		return i + 1, nil
	}
	const longest = 8
	end := bytes.IndexByte(rest[:min(len(rest), longest)], '|')
	if end < 0 {
		return i, nil // the field is missing: these are attributes
	}
	text := rest[:end]
	next = i + end + 1
	if _, size := utf8.DecodeRune(text); size == len(text) {
		if c := text[0]; c == '=' || c == '\\' || c == ' ' || c-'0' < 10 || c|0x20-'a' < 26 {
			return 0, fail(errcat.SchemaViolation, i, "delimiter", "a letter, a digit, a blank, '=' or a backslash cannot delimit attributes")
		}
		h.Delimiter = text
		return next, nil
	}
	switch {
	case scan.EqualFoldASCII(text, "tab"), scan.EqualFoldASCII(text, `\t`):
		return next, nil
	case scan.EqualFoldASCII(text, "caret"):
		h.Delimiter = byteText['^' : '^'+1]
		return next, nil
	case scan.EqualFoldASCII(text, "pipe"):
		h.Delimiter = byteText['|' : '|'+1]
		return next, nil
	}
	hex := text
	if hex[0] == '0' {
		hex = hex[1:]
	}
	if hex[0]|0x20 == 'x' {
		if c, ok := scan.ParseHex(hex[1:]); ok && c < 0x100 {
			if c == '=' || c == '\\' || c == ' ' || c-'0' < 10 || c|0x20-'a' < 26 {
				return 0, fail(errcat.SchemaViolation, i, "delimiter", "a letter, a digit, a blank, '=' or a backslash cannot delimit attributes")
			}
			h.Delimiter = byteText[c : c+1]
			if c >= 0x80 {
				if u := latinText[2*(c-0x80) : 2*(c-0x80)+2]; bytes.Contains(raw[next:], u) {
					h.Delimiter = u // the text is UTF-8
				}
			}
			return next, nil
		}
	}
	if bytes.IndexByte(text, '=') >= 0 {
		return i, nil // the field is missing: a short attribute with a pipe in it
	}
	return 0, fail(errcat.SchemaViolation, i, "delimiter", "the delimiter must be one character or its hexadecimal code")
}

// Unescape replaces every value that still has escapes by one without. text is
// where the changed text goes, usually Record.Text; with nil it is allocated.
func (h *Header) Unescape(text *arena.Bytes) {
	for _, v := range [4]*parse.Value{&h.Vendor, &h.Product, &h.ProductVersion, &h.EventID} {
		if v.Flags()&parse.Escaped == 0 {
			continue
		}
		raw := v.Bytes()
		if text == nil {
			*v = parse.BytesValue(AppendHeader(nil, raw))
			continue
		}
		*v = parse.BytesValue(text.Keep(AppendHeader(text.Scratch(len(raw)), raw)))
	}
}
