package ingest

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/internal/scan"
)

// AppendJSON appends d as one JSON object without line feed:
//
//	{"raw":…,"length":…,"category":…,"stage":…,"parser":…,"parser_version":…,"component":…,
//	 "source":…,"offset":…,"hint":…,"peer":…,"subject":…,"received":…,"error":…,"partial":…}
//
// Members without a value are left out; raw and length never are. Bytes that are not
// UTF-8 stand in base64 under raw_base64 instead of raw. Replay reads it back.
func (d *DeadLetter) AppendJSON(dst []byte) []byte {
	if utf8.Valid(d.Raw) {
		dst = append(dst, `{"raw":`...)
		dst = scan.AppendJSONString(dst, d.Raw)
	} else {
		dst = append(dst, `{"raw_base64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, d.Raw)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"length":`...)
	dst = strconv.AppendInt(dst, d.Length, 10)
	text := func(name, value string) {
		if value == "" {
			return
		}
		dst = append(dst, ',', '"')
		dst = append(dst, name...)
		dst = append(dst, '"', ':')
		dst = scan.AppendJSONString(dst, []byte(value))
	}
	if d.Category.Valid() {
		text("category", d.Category.String())
	}
	text("stage", d.Stage.String())
	text("parser", d.Parser)
	text("parser_version", d.ParserVersion)
	text("component", d.Component)
	text("source", d.Source)
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendInt(dst, d.Offset, 10)
	if o := d.Origin; o != nil {
		text("hint", o.Hint)
		if o.Peer.IsValid() {
			text("peer", o.Peer.String())
		}
		text("subject", o.Subject)
	}
	if !d.Received.IsZero() {
		dst = append(dst, `,"received":"`...)
		dst = d.Received.UTC().AppendFormat(dst, "2006-01-02T15:04:05.999999999Z07:00")
		dst = append(dst, '"')
	}
	text("error", errorText(d.Err))
	if len(d.Partial) > 0 {
		dst = append(dst, `,"partial":`...)
		dst = scan.AppendJSONString(dst, d.Partial)
	}
	return append(dst, '}')
}

// maxErrorText bounds what of an error's text is written out: a parser may have put
// the whole message into it.
const maxErrorText = 4096

// errorText is the text of err; a panic in its method becomes a text too.
func errorText(err error) (s string) {
	if err == nil {
		return ""
	}
	defer func() {
		if recover() != nil {
			s = "the error's own text cannot be made: its method panics"
		}
	}()
	if s = err.Error(); len(s) > maxErrorText {
		s = s[:maxErrorText]
	}
	return s
}
