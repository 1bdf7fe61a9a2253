package json

import "github.com/penstock-dev/penstock/errcat"

// code numbers what can be wrong with a text.
type code uint8

const (
	errNone code = iota
	errTruncated
	errValue
	errKey
	errColon
	errComma
	errCommaArray
	errLiteral
	errNumber
	errEscape
	errControl
	errTrailing
	errNotObject
	errUTF8
	errDepth
	errKeys
	errKeyLength
	errRest
	errSlots
)

// failures is read-only. Its texts name the likely mistake, since an owner of a log
// source reads them.
var failures = [...]struct {
	category errcat.Category
	text     string
}{
	errNone:       {errcat.Internal, "json: no error"},
	errTruncated:  {errcat.Truncated, "json: ends inside a value"},
	errValue:      {errcat.SchemaViolation, "json: expected a value"},
	errKey:        {errcat.SchemaViolation, "json: expected a key in double quotes"},
	errColon:      {errcat.SchemaViolation, "json: expected ':' after a key"},
	errComma:      {errcat.SchemaViolation, "json: expected ',' or '}' after a member"},
	errCommaArray: {errcat.SchemaViolation, "json: expected ',' or ']' after an element"},
	errLiteral:    {errcat.SchemaViolation, "json: not a value (true, false and null are lower-case)"},
	errNumber:     {errcat.SchemaViolation, "json: not a number (no leading zero or plus, digits around the point)"},
	errEscape:     {errcat.SchemaViolation, "json: unknown escape in a string (a backslash stands as \\\\)"},
	errControl:    {errcat.SchemaViolation, "json: control character in a string, must be escaped"},
	errTrailing:   {errcat.SchemaViolation, "json: more data after the value"},
	errNotObject:  {errcat.SchemaViolation, "json: not an object"},
	errUTF8:       {errcat.EncodingError, "json: string is not valid UTF-8"},
	errDepth:      {errcat.Oversize, "json: nested deeper than Options.MaxDepth"},
	errKeys:       {errcat.Oversize, "json: more keys than Options.MaxKeys"},
	errKeyLength:  {errcat.Oversize, "json: key longer than parse.MaxKeyLength"},
	errRest:       {errcat.Oversize, "json: more fields without a slot than Frame.MaxRest"},
	errSlots:      {errcat.Internal, "json: the frame has fewer slots than the tree, call Frame.Reset(tree.Slots(), …)"},
}

func newError(c code, at int) error {
	e := errcat.New(failures[c].category, errcat.StageParse, failures[c].text)
	e.Offset = int64(at)
	return e
}
