package pack

import (
	"encoding/base64"
	"time"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// base64Marker begins an event.original that is base64, because the raw bytes are not
// UTF-8.
const base64Marker = "base64:"

// keepOriginal stores the raw bytes in event.original.
func keepOriginal(r *parse.Record, raw []byte) {
	if utf8.Valid(raw) {
		r.Set(ecs.EventOriginal, parse.BytesValue(raw))
		return
	}
	b := r.Text().Scratch(len(base64Marker) + base64.StdEncoding.EncodedLen(len(raw)))
	b = append(b, base64Marker...)
	b = base64.StdEncoding.AppendEncode(b, raw)
	r.Set(ecs.EventOriginal, parse.BytesValue(r.Text().Keep(b)))
}

// zoneName says how event.timezone names the zone that was assumed: its IANA name, or
// the offset that it had.
func (s *state) zoneName(nanos int64) string {
	loc := s.time.Zone
	if loc == nil || loc == time.UTC {
		return "UTC"
	}
	if t, ok := s.zoneText[loc]; ok {
		return t
	}
	t := loc.String()
	if t == "" || t == "Local" {
		t = time.Unix(0, nanos).In(loc).Format("-07:00")
	}
	if len(s.zoneText) < maxZones {
		if s.zoneText == nil {
			s.zoneText = map[*time.Location]string{}
		}
		s.zoneText[loc] = t
	}
	return t
}
