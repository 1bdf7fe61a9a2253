//go:build !race

package pack

import (
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

// In steady state an event costs no allocation, from bytes to a line of JSON.
func TestNoAllocations(t *testing.T) {
	for name, tc := range map[string]struct{ body, raw string }{
		"kv": {`
nulls: ['-']
lookups: {t: {default: null, fold: true, rows: {deny: {event.type: [denied], event.outcome: success}}}}
steps:
  - syslog: {host: 'host.hostname, observer.hostname'}
  - kv: {}
    lookup: {table: t, key: action}
    map:
      timestamp: time
      source.ip: src
      source.port: spt
      destination.ip: dst
      user.name: user | user_name
      event.action: action | lower
      event.duration: dur | seconds
      url.original: url
      rule.name: concat(policy, "-", id)
      event.reason: if(id > 5, "big", "small")
      process.args: args | split(",")
`, `<134>Mar  2 09:15:04 fw-7 time=2026-03-02T09:15:04Z src=192.0.2.1 spt=4040 dst=2001:db8::1 user=CORP\bob action=DENY dur=5 url=https://a.example/x?y=1 policy=p id=7 args=a,b extra="more words" empty=- n=12`},
		"json": {`
steps:
  - json: {}
    map:
      timestamp: time
      source.ip: src.ip
      user.name: 'user.name ?? user.mail'
      event.id: ids[0]
`, `{"time":"2026-03-02T09:15:04.123Z","src":{"ip":"192.0.2.1","port":5},"user":{"mail":"a@b.example"},"ids":["x","y"],"more":{"a":[1,2,{"b":"c"}]},"text":"a\\b\u00e9"}`},
		"text": {`
steps:
  - syslog: {}
  - text: ['Accepted <m:word> for <user> from <src:ip> port <port:port>...', 'other <x>']
    map: {user.name: user, source.ip: src, source.port: port, event.action: m}
`, `<38>Mar  2 09:15:04 h sshd[100]: Accepted publickey for bob from 192.0.2.1 port 50022 ssh2`},
		"csv": {`
steps:
  - csv: {columns: [time, src, dst, action, _, note]}
    map: {timestamp: time, source.ip: src, destination.ip: dst, event.action: action}
`, `2026-03-02T09:15:04Z,192.0.2.1,192.0.2.2,allow,x,"a ""note"""`},
		"cef": {`
steps:
  - cef: {}
    map: {source.ip: src, event.code: cef.class_id, rule.name: label("Rule Name"), message: msg}
`, `CEF:0|Acme|Wall|1|100|Name|5|src=192.0.2.1 cs1Label=Rule Name cs1=block all msg=a\=b other=1`},
	} {
		p := compileBody(t, tc.body)
		parser := p.Parser(Options{Now: testNow}).Worker()
		enc := normalize.NewEncoder(normalize.EncoderOptions{})
		var out parse.Events[parse.Record]
		m := parse.Message{Raw: []byte(tc.raw)}
		var line []byte
		n := testing.AllocsPerRun(200, func() {
			out.Reset()
			if err := parser.Parse(&m, &out); err != nil {
				t.Fatal(err)
			}
			line, _ = enc.Append(line[:0], out.At(0))
		})
		if n > 0 {
			t.Errorf("%s: %g allocations an event", name, n)
		}
		if out.At(0).Mismatched > 0 {
			t.Errorf("%s: %d values do not fit: %s", name, out.At(0).Mismatched, line)
		}
	}
}
