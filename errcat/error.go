package errcat

import (
	"fmt"
	"strconv"
)

// Error is a failure with its category and its place. The zero value of every
// field means "not known"; the zero Error is usable and counts as Internal.
//
// Fill it by a literal or by [New] and then set the rest:
//
//	err := errcat.New(errcat.TypeMismatch, errcat.StageNormalize, "not an IP address")
//	err.Parser, err.Field, err.Offset = "cisco.asa", "source.ip", 31
//	return err
//
// An Error is kept (dead letters, logs) longer than the event that caused it:
// Parser, Field and Err must not refer to memory of a batch or of a chunk. A
// Field that came from the wire is cloned by whoever sets it.
type Error struct {
	// Category is what kind of failure this is. None counts as Internal.
	Category Category
	// Stage is the gate at which it happened.
	Stage Stage
	// Parser is the name of the parser or pack, such as cisco.asa.
	Parser string
	// Offset is the byte in the raw message at which the fault was seen,
	// counted from 0. Zero also stands for the message as a whole, and a
	// negative number for "not known"; both are left out of the text.
	Offset int64
	// Field is the schema field or the vendor's key that is concerned.
	Field string
	// Err is the cause, or nil.
	Err error
}

// withText is an Error and the text of its cause in one allocation.
type withText struct {
	Error
	text text
}

type text string

func (t *text) Error() string { return string(*t) }

// New returns an Error whose cause has the text msg. It costs one allocation:
// prefer it, with a constant msg, wherever input decides how often it runs.
func New(c Category, s Stage, msg string) *Error {
	e := &withText{Error: Error{Category: c, Stage: s}, text: text(msg)}
	e.Err = &e.text
	return &e.Error
}

// Newf is New with a formatted text; %w works as in [fmt.Errorf].
func Newf(c Category, s Stage, format string, args ...any) *Error {
	return &Error{Category: c, Stage: s, Err: fmt.Errorf(format, args...)}
}

// category is the category, None read as Internal.
func (e *Error) category() Category {
	if !e.Category.Valid() {
		return Internal
	}
	return e.Category
}

// Error returns, leaving out what is not known,
//
//	CATEGORY stage parser field at byte N: cause
//
// such as "TYPE_MISMATCH normalize cisco.asa source.ip at byte 31: not an IP
// address". Control characters that the wire may have put into Field or the
// cause are not escaped here; encoders and loggers do that.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	b := make([]byte, 0, 128)
	b = append(b, e.category().String()...)
	for _, s := range [...]string{e.Stage.String(), e.Parser, e.Field} {
		if s != "" {
			b = append(b, ' ')
			b = append(b, s...)
		}
	}
	if e.Offset > 0 {
		b = append(b, " at byte "...)
		b = strconv.AppendInt(b, e.Offset, 10)
	}
	if e.Err != nil {
		b = append(b, ": "...)
		b = append(b, e.Err.Error()...)
	}
	return string(b)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// Is reports whether target is the category of e, so that
// errors.Is(err, errcat.Oversize) works.
func (e *Error) Is(target error) bool {
	c, ok := target.(Category)
	return ok && e != nil && c == e.category()
}
