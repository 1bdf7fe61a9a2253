package translate

import (
	"strconv"

	"github.com/penstock-dev/penstock/parse"
)

// First takes the first element of a list where the other schema has room for one only. A
// list of more is not taken, so that nothing of it is lost.
func First(v parse.Value, _ *parse.Record) (parse.Value, bool) {
	if v.Kind() != parse.KindList {
		return v, true
	}
	l := v.List()
	if len(l) != 1 {
		return parse.Value{}, false
	}
	return l[0], true
}

// List makes a list of a single value.
func List(v parse.Value, to *parse.Record) (parse.Value, bool) {
	if v.Kind() == parse.KindList {
		return v, true
	}
	l := to.Lists().Alloc(1)
	l[0] = v
	return parse.ListValue(l), true
}

// Text takes text and what can be written as text.
func Text(v parse.Value, to *parse.Record) (parse.Value, bool) {
	v, ok := First(v, to)
	if !ok {
		return v, false
	}
	switch v.Kind() {
	case parse.KindString:
		return v, true
	case parse.KindNone, parse.KindNull, parse.KindList, parse.KindObject, parse.KindArray:
		return parse.Value{}, false
	}
	return parse.BytesValue(to.Text().Keep(v.AppendText(to.Text().Scratch(48)))), true
}

// Integer takes numbers without a fraction.
func Integer(v parse.Value, to *parse.Record) (parse.Value, bool) {
	v, ok := First(v, to)
	if !ok {
		return v, false
	}
	switch v.Kind() {
	case parse.KindInt:
		return v, true
	case parse.KindString:
		if n, err := strconv.ParseInt(v.Str(), 10, 64); err == nil {
			return parse.IntValue(n), true
		}
	case parse.KindFloat:
		if f := v.Float(); f == float64(int64(f)) {
			return parse.IntValue(int64(f)), true
		}
	}
	return parse.Value{}, false
}

// Millis takes an instant as milliseconds since 1970 UTC.
func Millis(v parse.Value, _ *parse.Record) (parse.Value, bool) {
	if v.Kind() != parse.KindTime {
		return parse.Value{}, false
	}
	return parse.IntValue(floorDiv(v.Int(), 1e6)), true
}

// NanosToMillis takes a duration in nanoseconds as milliseconds.
func NanosToMillis(v parse.Value, _ *parse.Record) (parse.Value, bool) {
	if v.Kind() != parse.KindInt {
		return parse.Value{}, false
	}
	return parse.IntValue(v.Int() / 1e6), true
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
