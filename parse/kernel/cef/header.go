package cef

import (
	"bytes"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// Header is the part of a CEF event before the extension.
//
// The values alias the raw text. One with the flag parse.Escaped still has its
// backslashes: Unescape takes them out, AppendHeader does so for one value.
// An empty field is a value with empty text; vendors do send them.
type Header struct {
	Version       int // 0 or 1 so far; the text after "CEF:"
	Vendor        parse.Value
	Product       parse.Value
	DeviceVersion parse.Value
	ClassID       parse.Value // Device Event Class ID, once called Signature ID
	Name          parse.Value
	Severity      parse.Value // see SeverityNumber
	// Extension is where the extension begins in the text that was read.
	Extension int
}

// headerFields names the six fields after the version in errors.
var headerFields = [6]string{"vendor", "product", "deviceVersion", "classId", "name", "severity"}

func fail(c errcat.Category, offset int, field, msg string) error {
	e := errcat.New(c, errcat.StageParse, msg)
	e.Parser, e.Offset, e.Field = "cef", int64(offset), field
	return e
}

// ParseHeader reads the header of raw, which must begin with "CEF:" (see Find),
// into h and returns the extension, a slice of raw. It overwrites all of h.
//
// A header that ends before its severity is TRUNCATED; one that does not begin
// with CEF and a version, or whose severity is an extension (a device left a
// field out), is SCHEMA_VIOLATION. The pipe after the severity may be missing
// where there is no extension. Offsets count from the start of raw.
func ParseHeader(raw []byte, h *Header) (extension []byte, err error) {
	*h = Header{}
	i, version, err := readVersion(raw)
	if err != nil {
		return nil, err
	}
	h.Version = version
	fields := [6]*parse.Value{&h.Vendor, &h.Product, &h.DeviceVersion, &h.ClassID, &h.Name, &h.Severity}
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
		if end == len(raw) {
			if n < len(fields)-1 {
				return nil, fail(errcat.Truncated, len(raw), headerFields[n], "the header ends early; a CEF header has seven fields, each closed by a pipe")
			}
			text = bytes.TrimRight(text, " \t\r\n")
		}
		if n == len(fields)-1 && bytes.IndexByte(text, '=') >= 0 {
			return nil, fail(errcat.SchemaViolation, i, headerFields[n], "an extension stands where the severity should; is a header field missing?")
		}
		*field = parse.BytesValue(text).WithFlags(flags)
		i = min(end+1, len(raw))
	}
	h.Extension = i
	return raw[i:], nil
}

// readVersion reads "CEF:", optional spaces, digits and the first pipe. A version
// with a minor part ("0.1") counts as its major part.
func readVersion(raw []byte) (next, version int, err error) {
	if len(raw) < len(magic) {
		if len(raw) > 0 && string(raw) == magic[:len(raw)] {
			return 0, 0, fail(errcat.Truncated, len(raw), "version", "the header ends within CEF:")
		}
		return 0, 0, fail(errcat.SchemaViolation, 0, "version", "the text does not begin with CEF:")
	}
	if string(raw[:len(magic)]) != magic {
		return 0, 0, fail(errcat.SchemaViolation, 0, "version", "the text does not begin with CEF:")
	}
	i := len(magic)
	for i < len(raw) && raw[i] == ' ' {
		i++
	}
	start := i
	for i < len(raw) && raw[i]-'0' < 10 && i-start < 3 {
		version = version*10 + int(raw[i]-'0')
		i++
	}
	digits := i - start
	if digits > 0 && i+1 < len(raw) && raw[i] == '.' && raw[i+1]-'0' < 10 {
		for i++; i < len(raw) && raw[i]-'0' < 10; i++ {
		}
	}
	if i == len(raw) {
		return 0, 0, fail(errcat.Truncated, i, "version", "the header ends within its version")
	}
	if digits == 0 || raw[i] != '|' {
		return 0, 0, fail(errcat.SchemaViolation, i, "version", "CEF: must be followed by a version number and a pipe")
	}
	return i + 1, version, nil
}

// Unescape replaces every value that still has escapes by one without. text is
// where the changed text goes, usually Record.Text; with nil it is allocated.
func (h *Header) Unescape(text *arena.Bytes) {
	for _, v := range [6]*parse.Value{&h.Vendor, &h.Product, &h.DeviceVersion, &h.ClassID, &h.Name, &h.Severity} {
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

// AppendHeader appends the header text v to dst with its escapes taken out: \|
// and \\. A backslash before anything else stands for itself.
func AppendHeader(dst, v []byte) []byte {
	for {
		k := bytes.IndexByte(v, '\\')
		if k < 0 || k+1 == len(v) {
			return append(dst, v...)
		}
		dst = append(dst, v[:k]...)
		if c := v[k+1]; c == '|' || c == '\\' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '\\', c)
		}
		v = v[k+2:]
	}
}

// SeverityNumber reads a header's severity: a number from 0 to 10, or a word, of
// which it returns the lower bound of the range that the standard gives it (Low 0,
// Medium 4, High 7, Very-High 9). Words may have any case. ok is false for Unknown,
// an empty severity and everything else.
func SeverityNumber(v []byte) (n int, ok bool) {
	switch {
	case len(v) == 1 && v[0]-'0' < 10:
		return int(v[0] - '0'), true
	case len(v) == 2 && v[0]-'0' < 10 && v[1]-'0' < 10:
		n = int(v[0]-'0')*10 + int(v[1]-'0')
		if n > 10 {
			return 0, false
		}
		return n, true
	case scan.EqualFoldASCII(v, "low"):
		return 0, true
	case scan.EqualFoldASCII(v, "medium"):
		return 4, true
	case scan.EqualFoldASCII(v, "high"):
		return 7, true
	case scan.EqualFoldASCII(v, "very-high"), scan.EqualFoldASCII(v, "very high"), scan.EqualFoldASCII(v, "veryhigh"):
		return 9, true
	}
	return 0, false
}
