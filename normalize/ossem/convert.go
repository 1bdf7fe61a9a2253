package ossem

import (
	"bytes"

	"github.com/penstock-dev/penstock/normalize/internal/translate"
	"github.com/penstock-dev/penstock/parse"
)

// seconds takes nanoseconds as the model's seconds.
func seconds(v parse.Value, _ *parse.Record) (parse.Value, bool) {
	return parse.FloatValue(float64(v.Int()) / 1e9), v.Kind() == parse.KindInt
}

// never takes nothing: the rule marks a value as taken where the attribute has it already.
func never(parse.Value, *parse.Record) (parse.Value, bool) { return parse.Value{}, false }

// hostname takes text that is not an address.
func hostname(v parse.Value, to *parse.Record) (parse.Value, bool) {
	v, ok := translate.Text(v, to)
	if !ok || len(v.Bytes()) == 0 {
		return v, false
	}
	_, isIP := parse.IPValue(v.Bytes(), to.Text())
	return v, !isIP
}

// dotted takes a name with its domain.
func dotted(v parse.Value, to *parse.Record) (parse.Value, bool) {
	v, ok := hostname(v, to)
	return v, ok && bytes.IndexByte(v.Bytes(), '.') > 0
}

// sid takes a Windows security identifier.
func sid(v parse.Value, to *parse.Record) (parse.Value, bool) {
	v, ok := translate.Text(v, to)
	return v, ok && bytes.HasPrefix(v.Bytes(), []byte("S-1-"))
}
