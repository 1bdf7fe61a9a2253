package pack

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// A pack that reads JSON and knows of no syslog header takes JSON behind one.
func TestJSONBehindHeader(t *testing.T) {
	const top = "name: acme.api\nvendor: A\nproduct: B\nversion: 1.0.0\n"
	const steps = "steps:\n  - json: {}\n    map: {timestamp: at, event.action: act, source.ip: ip}\n"
	now := func() time.Time { return time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC) }
	headers := map[string]string{ // and the time that they tell
		"<14>Mar  4 10:20:30 relay app[7]: ":                             "2026-03-04T10:20:30Z",
		"<14>1 2026-03-04T10:20:30Z relay app 7 - - ":                    "2026-03-04T10:20:30Z",
		"Mar  4 10:20:30 relay app: ":                                    "2026-03-04T10:20:30Z",
		"<14>Mar  4 10:20:31 hub <14>Mar  4 10:20:30 relay app[7]: ":     "2026-03-04T10:20:30Z",
		"<14>1 2026-03-04T10:20:30Z relay app - - [x@1 a=\"{\" b=\"\"] ": "2026-03-04T10:20:30Z",
	}
	for head, at := range headers {
		for _, split := range []string{"", "split: {json: [records]}\n"} {
			p, err := Compile("pack.yaml", []byte(top+split+steps))
			if err != nil {
				t.Fatal(err)
			}
			for body, want := range map[string]struct {
				n    int
				time string
			}{
				`{"act":"go","ip":"192.0.2.1"}`:                                             {1, at},
				`{"act":"go","ip":"192.0.2.1","at":"2026-01-02T03:04:05Z"}`:                 {1, "2026-01-02T03:04:05Z"},
				`{"records":[{"act":"go","ip":"192.0.2.1"},{"act":"go","ip":"192.0.2.1"}]}`: {2, at},
				`[{"act":"go","ip":"192.0.2.1"},{"act":"go","ip":"192.0.2.1"}]`:             {2, at},
			} {
				if want.n > 1 && split == "" {
					continue
				}
				raw := head + body
				var out parse.Events[parse.Record]
				if err := p.Parser(Options{Now: now, Original: true}).Parse(&parse.Message{Raw: []byte(raw)}, &out); err != nil {
					t.Errorf("%q: %v", raw, err)
					continue
				}
				if out.Len() != want.n {
					t.Errorf("%q: %d events, want %d", raw, out.Len(), want.n)
					continue
				}
				for i := range out.Len() {
					r := out.At(i)
					if got := r.Get(ecs.EventAction); string(got.Bytes()) != "go" {
						t.Errorf("%q: event.action %v", raw, got)
					}
					if got := r.Get(ecs.LogSyslogHostname); string(got.Bytes()) != "relay" {
						t.Errorf("%q: log.syslog.hostname %v", raw, got)
					}
					if got := time.Unix(0, r.Get(ecs.Timestamp).Int()).UTC().Format(time.RFC3339); got != want.time {
						t.Errorf("%q: @timestamp %s, want %s", raw, got, want.time)
					}
					if got := string(r.Get(ecs.EventOriginal).Bytes()); want.n == 1 && got != raw {
						t.Errorf("%q: event.original %q", raw, got)
					} else if want.n > 1 && !json.Valid([]byte(got)) {
						t.Errorf("%q: event.original of an element: %q", raw, got)
					}
				}
			}
		}
	}
	// Text that only looks like it stays as it was: JSON that cannot be read.
	p, err := Compile("pack.yaml", []byte(top+steps))
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{"<14>Mar  4 10:20:30 relay app[7]: text", "<14>Mar  4 10:20:30 relay app[7]: [x] {", "", "<14>"} {
		var out parse.Events[parse.Record]
		if err := p.Parser(Options{Now: now}).Parse(&parse.Message{Raw: []byte(raw)}, &out); err == nil {
			t.Errorf("%q: taken for JSON", raw)
		}
	}
}
