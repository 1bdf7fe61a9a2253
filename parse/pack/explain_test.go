package pack

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/parse"
)

const explainedPack = `name: acme.wall
vendor: Acme
product: Wall
version: 1.0.0
set: {observer.vendor: Acme}
lookups:
  verb:
    default: null
    fold: true
    rows:
      deny|drop: {event.type: [denied], event.outcome: success}
steps:
  - syslog: {}
  - kv: {}
    lookup: {table: verb, key: action}
    map:
      source.ip: src
      source.port: spt | int
      event.action: action | lower
      network.transport: if(proto == 6, "tcp", "udp")
      destination.domain: concat(host, ".example")
      user.name: $host.hostname | before("-")
      rule.name: missing ?? rule
      _path: path | before("?")
      url.path: _path
  - json: {from: details, on_error: skip, as: d}
    map:
      file.path: d.path
      file.name: d.file.name
`

func TestExplain(t *testing.T) {
	p, err := Compile("wall.yaml", []byte(explainedPack))
	if err != nil {
		t.Fatal(err)
	}
	raw := `<134>Mar  2 09:15:04 fw-7 src=192.0.2.1 spt=00443 action=DENY proto=6 host=a rule=block path=/x?y=1 details="{\"path\":\"C:\\\\t\",\"file\":{\"name\":\"t1\"}}" extra=more`
	got := map[string]string{}
	list, err := p.Explain(Options{Now: func() time.Time { return time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC) }}, &parse.Message{Raw: []byte(raw)})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		var parts []string
		for _, f := range e.From {
			text := "?"
			if f.Length >= 0 {
				text = raw[f.Offset : f.Offset+f.Length]
			}
			parts = append(parts, f.Name+"="+text)
		}
		place := ""
		if e.Line > 0 {
			place = fmt.Sprintf(" %s:%d", e.File, e.Line)
		}
		got[e.Field] = fmt.Sprintf("%s %s [%s]%s", e.Value, e.How, strings.Join(parts, " "), place)
	}
	for field, want := range map[string]string{
		"event.kind":          "event constant [] wall.yaml:1",
		"observer.vendor":     "Acme constant [] wall.yaml:5",
		"event.type":          "[denied] constant [] wall.yaml:11",
		"event.outcome":       "success constant [] wall.yaml:11",
		"host.hostname":       "fw-7 raw [=fw-7] wall.yaml:13",
		"log.syslog.priority": "134 converted [syslog.header=<134>Mar  2 09:15:04 fw-7 ] wall.yaml:13",
		"source.ip":           "192.0.2.1 raw [src=192.0.2.1] wall.yaml:17",
		"source.port":         "443 converted [spt=00443] wall.yaml:18",
		"event.action":        "deny converted [action=DENY] wall.yaml:19",
		"network.transport":   "tcp converted [proto=6] wall.yaml:20",
		"destination.domain":  "a.example converted [host=a] wall.yaml:21",
		"user.name":           "fw raw [$host.hostname=fw] wall.yaml:22",
		"rule.name":           "block raw [rule=block] wall.yaml:23",
		"url.path":            "/x raw [_path=/x] wall.yaml:25",
		"acme.wall.path":      "/x?y=1 kept [=/x?y=1]",
		"file.name":           "t1 converted [d.file.name=t1] wall.yaml:29",
		"acme.wall.extra":     "more kept [=more]",
		"source.address":      "192.0.2.1 derived [=192.0.2.1]",
	} {
		if got[field] != want {
			t.Errorf("%s: %s\nwant %s", field, got[field], want)
		}
	}
	if t.Failed() {
		for _, e := range list {
			t.Log(e.String())
		}
	}
}
