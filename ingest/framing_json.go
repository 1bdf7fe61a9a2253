package ingest

import (
	"bytes"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/scan"
)

// JSONValues reads JSON values one after the other, with or without white space (or
// the record separator of RFC 7464) between them. An object or array ends with its
// last bracket; arrays stay one message. The values are not checked beyond that. What
// cannot begin a value makes all bytes up to the next LF one bad message
// (SCHEMA_VIOLATION). A value that the stream ends in is TRUNCATED.
func JSONValues() Splitter { return &jsonValues{} }

type jsonValues struct {
	mode    jsonMode
	depth   int  // open brackets
	escaped bool // the last byte was a backslash in a string
}

type jsonMode uint8

const (
	jsonStart  jsonMode = iota
	jsonGap             // in white space before a value
	jsonNested          // within brackets, outside of strings
	jsonString          // in a string
	jsonScalar          // in a number or a literal
	jsonBad             // up to the next LF
)

var (
	errJSONStart = errcat.New(errcat.SchemaViolation, errcat.StageBuffer, "JSON: this does not begin a value")
	errJSONShort = errcat.New(errcat.Truncated, errcat.StageBuffer, "JSON: the stream ends before the value does")
)

// jsonClass sorts the bytes that matter outside of strings.
var jsonClass = func() (t [256]byte) {
	t['"'] = 1
	t['{'], t['['] = 2, 2
	t['}'], t[']'] = 3, 3
	return t
}()

func isJSONSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == 0x1e
}

func (j *jsonValues) Scan(p []byte) (int, bool) {
	i := 0
	for i < len(p) {
		switch j.mode {
		case jsonGap:
			if !isJSONSpace(p[i]) {
				return i, true
			}
			i++
		case jsonStart:
			switch c := p[i]; {
			case isJSONSpace(c):
				j.mode = jsonGap
			case c == '{' || c == '[':
				j.mode, j.depth = jsonNested, 1
				i++
			case c == '"':
				j.mode = jsonString
				i++
			case c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z':
				j.mode = jsonScalar
				i++
			default:
				j.mode = jsonBad
			}
		case jsonNested:
			for i < len(p) && jsonClass[p[i]] == 0 {
				i++
			}
			if i == len(p) {
				return i, false
			}
			switch jsonClass[p[i]] {
			case 1:
				j.mode = jsonString
			case 2:
				j.depth++
			case 3:
				if j.depth--; j.depth == 0 {
					return i + 1, true
				}
			}
			i++
		case jsonString:
			if j.escaped {
				j.escaped = false
				i++
				continue
			}
			n := scan.IndexAny2(p[i:], '"', '\\')
			if n < 0 {
				return len(p), false
			}
			i += n
			if p[i] == '\\' {
				j.escaped = true
				i++
				continue
			}
			i++
			if j.depth == 0 {
				return i, true
			}
			j.mode = jsonNested
		case jsonScalar:
			switch c := p[i]; {
			case c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
				i++
			default:
				return i, true
			}
		case jsonBad:
			n, ended := scanTo(p[i:], '\n')
			i += n
			if ended {
				return i, true
			}
		}
	}
	return i, false
}

func (j *jsonValues) Message(frame []byte, how FrameEnd) ([]byte, FrameKind, error) {
	mode := j.mode
	*j = jsonValues{}
	switch {
	case mode == jsonStart || mode == jsonGap:
		return nil, FrameGap, nil
	case mode == jsonBad:
		if how != TooLong {
			frame = bytes.TrimRight(frame, " \r\n\t\x1e")
		}
		return frame, FrameMessage, errJSONStart
	case how == AtEOF && mode != jsonScalar:
		return frame, FrameMessage, errJSONShort
	}
	return frame, FrameMessage, nil
}
