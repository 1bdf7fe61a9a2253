package errcat

import "errors"

// Category says what kind of failure an error is, from the view of whoever has
// to act on it. The zero value, None, is not a category: it means no error.
//
// A Category is itself an error, for paths where a text would say nothing more
// and for use as the target of [errors.Is]. None should never be returned as an
// error.
type Category uint8

// The categories. Their String forms are stable; their numbers are not.
const (
	// None is the zero value and not a category.
	None Category = iota
	// SchemaViolation: the bytes break the rules of their format, or an event
	// those of its schema (a missing required field, a value not allowed).
	SchemaViolation
	// TypeMismatch: a value cannot be read as the type its field has.
	TypeMismatch
	// EncodingError: bytes are not valid in the character set, compression or
	// transfer encoding that they should be in.
	EncodingError
	// VendorFormatDrift: the product is recognised, but this message has a
	// shape that its pack does not know.
	VendorFormatDrift
	// UnknownFormat: no parser recognises the message.
	UnknownFormat
	// Oversize: longer, deeper or with more parts than a limit allows.
	Oversize
	// Truncated: the data ends before it is complete.
	Truncated
	// Timeout: time ran out, or the host cancelled the work.
	Timeout
	// TransientNetwork: the connection or the peer failed in a way that passes.
	TransientNetwork
	// RateLimited: a quota or a shared resource is used up for now.
	RateLimited
	// AccessDenied: credentials, certificates, permissions or an allow-list
	// forbid it, on either side.
	AccessDenied
	// SinkRejected: the destination understood the data and did not take it.
	SinkRejected
	// ParserPanic: a parser or another plugin panicked on this input.
	ParserPanic
	// Internal: none of the others; a defect, or a failure that nothing has
	// classified.
	Internal

	numCategories // keep last
)

// Who acts on a category; the values of Owner.
const (
	ownerSource      = "owner of the log source"
	ownerPack        = "author of the pack or parser"
	ownerOperator    = "operator of the pipeline"
	ownerDestination = "operator of the destination"
	ownerMaintainer  = "maintainers of penstock"
)

// table is read-only.
var table = [numCategories]struct {
	name, meaning, owner string
	retryable            bool
}{
	None:              {"NONE", "no error", "", false},
	SchemaViolation:   {"SCHEMA_VIOLATION", "the bytes break the rules of their format, or the event those of its schema", ownerSource, false},
	TypeMismatch:      {"TYPE_MISMATCH", "a value cannot be read as the type that its field has", ownerPack, false},
	EncodingError:     {"ENCODING_ERROR", "bytes are not valid in the character set, compression or transfer encoding they should be in", ownerSource, false},
	VendorFormatDrift: {"VENDOR_FORMAT_DRIFT", "the product is recognised, but the message has a shape its pack does not know", ownerPack, false},
	UnknownFormat:     {"UNKNOWN_FORMAT", "no parser recognises the message", ownerOperator, false},
	Oversize:          {"OVERSIZE", "longer, deeper or with more parts than a limit allows", ownerOperator, false},
	Truncated:         {"TRUNCATED", "the data ends before it is complete", ownerSource, false},
	Timeout:           {"TIMEOUT", "time ran out, or the work was cancelled", ownerOperator, true},
	TransientNetwork:  {"TRANSIENT_NETWORK", "the connection or the peer failed in a way that passes", ownerOperator, true},
	RateLimited:       {"RATE_LIMITED", "a quota or a shared resource is used up for now", ownerOperator, true},
	AccessDenied:      {"ACCESS_DENIED", "credentials, certificates, permissions or an allow-list forbid it", ownerOperator, false},
	SinkRejected:      {"SINK_REJECTED", "the destination understood the data and did not take it", ownerDestination, false},
	ParserPanic:       {"PARSER_PANIC", "a parser or another plugin panicked on this input", ownerPack, false},
	Internal:          {"INTERNAL", "none of the others: a defect, or a failure that nothing has classified", ownerMaintainer, false},
}

// Valid reports whether c is one of the categories. None is not.
func (c Category) Valid() bool { return c > None && c < numCategories }

// String returns the stable upper-case name, NONE for None and INVALID for a
// number outside the set.
func (c Category) String() string {
	if c >= numCategories {
		return "INVALID"
	}
	return table[c].name
}

// Error returns the name, as String does.
func (c Category) Error() string { return c.String() }

// Meaning explains the category in one sentence without its full stop.
func (c Category) Meaning() string {
	if c >= numCategories {
		return "not a category"
	}
	return table[c].meaning
}

// Owner says who has to act when errors of this category appear. It is empty
// where c is not a category.
func (c Category) Owner() string {
	if c >= numCategories {
		return ""
	}
	return table[c].owner
}

// Retryable says whether trying again can help, knowing nothing but the
// category. Where the error is at hand ask the function [Retryable], which
// knows the exceptions.
func (c Category) Retryable() bool { return c < numCategories && table[c].retryable }

// All returns every category in the order of declaration. The slice is the
// caller's.
func All() []Category {
	all := make([]Category, 0, numCategories-1)
	for c := None + 1; c < numCategories; c++ {
		all = append(all, c)
	}
	return all
}

// Parse returns the category with exactly this upper-case name.
func Parse(name string) (Category, bool) {
	for c := None + 1; c < numCategories; c++ {
		if table[c].name == name {
			return c, true
		}
	}
	return None, false
}

// MarshalText returns the name; for None the empty text, so that a struct with
// an unset category can be written. A number outside the set is an error.
func (c Category) MarshalText() ([]byte, error) {
	switch {
	case c == None:
		return []byte{}, nil
	case c.Valid():
		return []byte(table[c].name), nil
	}
	return nil, errors.New("errcat: number outside the set of categories")
}

// UnmarshalText reads what MarshalText wrote. Any other text is an error and
// leaves c as it was. It keeps no reference to text.
func (c *Category) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = None
		return nil
	}
	got, ok := Parse(string(text))
	if !ok {
		return errors.New("errcat: unknown category (names are upper-case, such as SCHEMA_VIOLATION)")
	}
	*c = got
	return nil
}
