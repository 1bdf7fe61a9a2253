package pack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

// routePack has all kinds of steps and assignments.
const routePack = `
nulls: ['-']
lookups:
  t: {default: null, rows: {deny: {event.type: [denied], event.outcome: success}, allow: {event.type: [allowed]}}}
  many: {default: {event.reason: none}, rows: {a: {event.reason: x}, b: {event.reason: y, event.code: z}}}
steps:
  - kv: {}
  - lookup: {table: t, key: action}
    map:
      timestamp: time
      source.ip: src
      source.port: spt
      source.bytes: {value: sent, on_error: tag}
      destination.ip: dst
      user.name: user | user_name
      event.action: action | lower
      acme.test.zone: zone
      rule.name: concat(policy, "-", id)
  - when: src and not dst
    set: {network.direction: outbound}
    else:
      - set: {network.direction: inbound}
        map: {_side: dst | kept}
  - when: $event.action == "deny" or _side
    map: {event.reason: _side, related.ip+: src, related.hosts+: dst}
  - switch: kind
    cases:
      a: [{lookup: {table: many, key: kind}}]
      b*: [{map: {message: {value: text, when: id > 5}, process.pid: id}}]
      out: [{drop: true}]
      bad: [{fail: 'of a bad kind'}]
    default: [{set: {event.kind: alert}}]
  - text:
      from: text
      patterns:
        - is: 'login of <user_:word> from <from:ip>{ port <port:port>}'
          map: {user.name: user_, client.ip: from, client.port: port}
        - 'logout of <user_:word>'
      on_error: skip
    map: {user.target.name: user_}
  - when: not exists(user_)
    map: {event.id?: id, event.code?: id, source.domain: label("Host")}
  - map: {message?: text, url.original: url}
`

var routeValues = map[string][]string{
	"time": {"2026-03-02T09:15:04Z", "2026-03-02 09:15:04", "never"}, "src": {"192.0.2.1", "2001:db8::1", "nobody", "-"}, "spt": {"80", "080", "99999", "x"},
	"sent": {"5", "-7", "much"}, "dst": {"192.0.2.2", "host"}, "user": {`CORP\\bob`, "bob"}, "action": {"deny", "DENY", "allow", "-", ""}, "zone": {"in", "7"},
	"policy": {"p"}, "id": {"4", "6", "x"}, "kind": {"a", "b", "b2", "out", "bad", "c"}, "text": {`"login of eve from 192.0.2.9 port 5"`, `"login of eve from 192.0.2.9"`, `"logout of adam"`, "hello"},
	"url": {"https://a.example/x?y=1"}, "cs1": {"h.example"}, "cs1Label": {"Host", "Other"}, "other": {"1"},
}

// routeRecord is a message that depends on n alone: which of the pack's keys it has, in which
// form.
func routeRecord(n uint64) []byte {
	rnd := rand.New(rand.NewPCG(n, n))
	var b strings.Builder
	most := 1 + rnd.IntN(4) // of so many one is there
	for _, key := range []string{"time", "src", "spt", "sent", "dst", "user", "action", "zone", "policy", "id", "kind", "text", "url", "cs1", "cs1Label", "other"} {
		if rnd.IntN(most) == 0 {
			v := routeValues[key]
			fmt.Fprintf(&b, "%s=%s ", key, v[rnd.IntN(len(v))])
		}
	}
	return []byte(b.String())
}

// FuzzRoutes compares a worker that learns routes with one that has none.
func FuzzRoutes(f *testing.F) {
	p := compileBody(f, routePack)
	f.Add([]byte{1, 2, 3, 1, 2, 3, 1, 2, 3, 200, 201, 202, 200}, true)
	long := make([]byte, 4000)
	for i := range long {
		long[i] = byte(i * i >> 4)
	}
	f.Add(long, false)
	f.Fuzz(func(t *testing.T, picks []byte, wide bool) {
		checkRoutes(t, p, wide, func(yield func([]byte) bool) {
			for _, n := range picks {
				if !yield(routeRecord(uint64(n))) {
					return
				}
			}
		})
	})
}

// Where too many ways come up the routes are given up, and nothing else changes.
func TestManyRoutes(t *testing.T) {
	p := compileBody(t, routePack)
	q := checkRoutes(t, p, true, func(yield func([]byte) bool) {
		for n := range uint64(20000) {
			if !yield(routeRecord(n % 15000)) {
				return
			}
		}
	})
	if r := &q.state.routes[0]; r.nodes > maxRouteNodes+64 || r.rest == 0 {
		t.Errorf("%d nodes, rest for %d events", r.nodes, r.rest)
	}
}

func checkRoutes(t *testing.T, p *Pack, wide bool, records func(func([]byte) bool)) *Parser {
	t.Helper()
	make := func(rest int) *Parser {
		q := p.Parser(Options{Now: testNow, ECSOnly: !wide}).Worker().(*Parser)
		q.state = newState(p, q.opts)
		q.state.routes[0].rest = rest
		return q
	}
	learns, plain := make(0), make(1<<40)
	var a, b parse.Events[parse.Record]
	enc := normalize.NewEncoder(normalize.EncoderOptions{})
	answer := func(q *Parser, out *parse.Events[parse.Record], raw []byte) []byte {
		out.Reset()
		err := q.Parse(&parse.Message{Raw: raw}, out)
		line := fmt.Appendf(nil, "%v ", err)
		for _, r := range out.All() {
			line, _ = enc.Append(fmt.Appendf(line, "%d %d ", r.Mismatched, len(r.Dynamics())), r)
		}
		return line
	}
	for raw := range records {
		if got, want := answer(learns, &a, raw), answer(plain, &b, raw); !bytes.Equal(got, want) {
			t.Fatalf("%s\ngives %s\nwant  %s", raw, got, want)
		}
	}
	return learns
}
