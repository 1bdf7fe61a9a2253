package pack

import (
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/errcat"
)

type packCase struct {
	in   string
	want string // of the event as encoded writes it; "" for none, or the category of the error
}

func tryPack(t *testing.T, body string, cases ...packCase) {
	t.Helper()
	p := compileBody(t, body)
	for _, tc := range cases {
		events, err := runPack(t, p, Options{}, tc.in)
		got := ""
		switch {
		case err != nil:
			got = errcat.Of(err).String()
		case len(events) > 0:
			got = encoded(t, events[0])
		}
		if got != tc.want {
			t.Errorf("%s: %s\nwant %s", tc.in, got, tc.want)
		}
	}
}

func TestSteps(t *testing.T) {
	for name, tc := range map[string]struct {
		body  string
		cases []packCase
	}{
		"when and else": {`
keep: false
steps:
  - kv: {}
  - when: a == "1"
    set: {event.action: one}
    else:
      - when: exists(b)
        map: {event.action: b}
        else: {set: {event.action: none}}
`, []packCase{
			{"a=1 b=2", `{"event":{"action":"one"}}`},
			{"a=2 b=2", `{"event":{"action":"2"}}`},
			{"a=2", `{"event":{"action":"none"}}`},
		}},
		"switch": {`
keep: false
steps:
  - kv: {}
  - switch: id
    cases:
      1|2: {set: {event.action: low}}
      '10*': {set: {event.action: ten}}
      '100*': {set: {event.action: hundred}}
      3: [{set: {event.action: three}}, {set: {event.code: c}}]
      4:
    default: {set: {event.action: other}}
`, []packCase{
			{"id=1", `{"event":{"action":"low"}}`},
			{"id=2", `{"event":{"action":"low"}}`},
			{"id=3", `{"event":{"action":"three","code":"c"}}`},
			{"id=101", `{"event":{"action":"ten"}}`},
			{"id=1001", `{"event":{"action":"hundred"}}`},
			{"id=4", `{}`},
			{"id=9", `{"event":{"action":"other"}}`},
			{"x=9", `{"event":{"action":"other"}}`},
		}},
		"lookup": {`
keep: false
lookups:
  t:
    default: {event.outcome: unknown}
    fold: true
    rows:
      ok|fine: {event.outcome: success, event.type: [start]}
      bad: {event.outcome: failure}
steps:
  - kv: {}
  - lookup: {table: t, key: r}
`, []packCase{
			{"r=OK", `{"event":{"outcome":"success","type":["start"]}}`},
			{"r=bad", `{"event":{"outcome":"failure"}}`},
			{"r=else", `{"event":{"outcome":"unknown"}}`},
			{"x=1", `{}`},
		}},
		"text": {`
steps:
  - text:
      - is: 'login <user> from <src:ip>'
        map: {user.name: user, source.ip: src}
        set: {event.action: login}
      - is: 'drop me'
        drop: true
      - is: 'fail me'
        fail: not wanted
      - 'other <_x>'
    map: {event.reason: _x}
    set: {event.code: read}
`, []packCase{
			{"login bob from 192.0.2.1", `{"event":{"action":"login","code":"read"},"related":{"ip":["192.0.2.1"],"user":["bob"]},"source":{"address":"192.0.2.1","ip":"192.0.2.1"},"user":{"name":"bob"}}`},
			{"drop me", ""},
			{"fail me", "SCHEMA_VIOLATION"},
			{"other thing", `{"event":{"code":"read","reason":"thing"}}`},
			{"unknown text", `{"error":{"code":"VENDOR_FORMAT_DRIFT","message":"no pattern of the pack matches the text"},"message":"unknown text"}`},
		}},
		"text must match": {`
steps:
  - text: {patterns: ['a <b>'], on_error: fail}
    map: {event.action: b}
`, []packCase{{"a x", `{"event":{"action":"x"}}`}, {"b x", "VENDOR_FORMAT_DRIFT"}}},
		"text may match": {`
steps:
  - text: {patterns: ['a <b>'], on_error: skip}
    map: {event.action: b}
  - set: {event.code: after}
`, []packCase{{"a x", `{"event":{"action":"x","code":"after"}}`}, {"b x", `{"event":{"code":"after"}}`}}},
		"groups": {`
keep: false
groups:
  user: {map: {user.name: u}}
  both: [{use: user}, {set: {event.action: both}}]
steps:
  - kv: {}
  - use: [both]
`, []packCase{{"u=bob", `{"event":{"action":"both"},"related":{"user":["bob"]},"user":{"name":"bob"}}`}}},
		"drop and fail": {`
steps:
  - kv: {}
  - {when: a == "drop", drop: true}
  - {when: a == "fail", fail: because}
  - {set: {event.action: stays}, map: {event.code: a}}
`, []packCase{{"a=drop", ""}, {"a=fail", "SCHEMA_VIOLATION"}, {"a=x", `{"event":{"action":"stays","code":"x"}}`}}},
		"destinations": {`
keep: false
steps:
  - kv: {}
    map:
      event.category+: if(a, "network")
      event.action: a
      event.action?: b
      event.code?: b
      _t: a | upper
      event.reason: _t
      timestamp: time
      process.args+: c | split(",")
  - map:
      event.category+: if(b, "web")
      process.args+: c | split(",")
`, []packCase{
			{"a=x b=y time=2026-03-02T09:15:04Z c=1,2,1", `{"@timestamp":"2026-03-02T09:15:04.000Z","event":{"action":"x","category":["network","web"],"code":"y","reason":"X"},"process":{"args":["1","2"]}}`},
			{"b=y", `{"event":{"action":"y","category":["web"],"code":"y"}}`},
		}},
		"on_error": {`
keep: false
steps:
  - kv: {}
    map:
      source.port: p
      destination.port: {value: q, on_error: tag}
      client.port: {value: r, on_error: fail}
      event.severity: {value: s, when: t == "1"}
`, []packCase{
			{"p=http", `{}`},
			{"p=80", `{"source":{"port":80}}`},
			{"q=http", `{"error":{"code":"TYPE_MISMATCH","message":"destination.port does not fit"}}`},
			{"r=http", "TYPE_MISMATCH"},
			{"s=5", `{}`},
			{"s=5 t=1", `{"event":{"severity":5}}`},
		}},
		"layers inside layers": {`
steps:
  - syslog: {host: none}
  - kv: {}
  - json: {from: data, as: d, on_error: skip}
    map: {event.action: d.act, event.code: d.in.code}
  - csv: {from: row, columns: [x, _, y], on_error: drift}
    map: {user.name: x, user.id: y}
`, []packCase{
			{`<13>1 2026-03-02T09:15:04Z h app - - - data="{\"act\":\"go\",\"in\":{\"code\":7},\"more\":1}" row="a,b,c"`, `{"@timestamp":"2026-03-02T09:15:04.000Z","acme":{"test":{"d":{"more":1}}},"event":{"action":"go","code":"7"},"log":{"syslog":{"appname":"app","facility":{"code":1,"name":"user"},"hostname":"h","priority":13,"severity":{"code":5,"name":"Notice"},"version":"1"}},"related":{"user":["a"]},"user":{"id":"c","name":"a"}}`},
			{`a=1 data=broken`, `{"acme":{"test":{"a":"1","data":"broken"}}}`},
		}},
		"message of the next format": {`
steps:
  - text: '<_head>: <_rest:rest>'
    map: {message~: _rest}
  - kv: {}
    map: {event.action: a}
`, []packCase{{"head: a=1", `{"event":{"action":"1"}}`}}},
		"nulls": {`
nulls: ['-', 'N/A']
steps:
  - kv: {}
    map: {event.action: a ?? b, event.code: a}
`, []packCase{{"a=- b=x c=N/A d=n/a", `{"acme":{"test":{"d":"n/a"}},"event":{"action":"x"}}`}}},
		"required": {`
steps:
  - kv: {}
    map: {event.action: a, event.code: b}
required: [event.action, event.code]
`, []packCase{{"a=1 b=2", `{"event":{"action":"1","code":"2"}}`}, {"a=1", "SCHEMA_VIOLATION"}, {"b=1", "SCHEMA_VIOLATION"}}},
		"derive off": {`
derive: {address: false, related: false, community_id: false, url: false, file: false}
steps:
  - kv: {}
    map: {source.ip: a, destination.ip: b, url.original: u, network.transport: t, source.port: p, destination.port: q}
`, []packCase{{"a=192.0.2.1 b=192.0.2.2 p=1 q=2 t=tcp u=http://h/x", `{"destination":{"ip":"192.0.2.2","port":2},"network":{"iana_number":"6","transport":"tcp","type":"ipv4"},"source":{"ip":"192.0.2.1","port":1},"url":{"original":"http://h/x"}}`}}},
	} {
		t.Run(name, func(t *testing.T) { tryPack(t, tc.body, tc.cases...) })
	}
}

// What no field took is kept as the vendor named it; what a field took whole is not.
func TestKeep(t *testing.T) {
	for name, tc := range map[string]struct {
		body  string
		cases []packCase
	}{
		"unmapped keys": {`
steps: [{kv: {}, map: {event.action: a}}]
`, []packCase{{"a=1 b=2 c=", `{"acme":{"test":{"b":"2"}},"event":{"action":"1"}}`}}},
		"lossy filters, conditions and lookups keep": {`
lookups: {t: {default: null, rows: {x: event}}}
steps:
  - kv: {}
    when: message
  - when: c == "1"
    map:
      event.action: a | before("/")
      event.code: b | trim
      event.kind: k | lookup(t)
`, []packCase{{"a=x/y b=z c=1 k=x", `{"acme":{"test":{"a":"x/y","c":"1","k":"x"}},"event":{"action":"x","code":"z"}}`}}},
		"what does not fit is kept": {`
steps: [{kv: {}, map: {source.port: p, source.ip: i}}]
`, []packCase{{"p=http i=none", `{"acme":{"test":{"i":"none","p":"http"}}}`}}},
		"kept": {`
steps: [{kv: {}, map: {event.action: a | kept, event.code: b}}]
`, []packCase{{"a=1 b=2", `{"acme":{"test":{"a":"1"}},"event":{"action":"1","code":"2"}}`}}},
		"the first that is there": {`
steps: [{kv: {}, map: {event.action: a ?? b}}]
`, []packCase{{"a=1 b=2", `{"acme":{"test":{"b":"2"}},"event":{"action":"1"}}`}, {"b=2", `{"event":{"action":"2"}}`}}},
		"a temporary takes what it reads": {`
steps: [{kv: {}, map: {_x: a | upper, event.action: _x}}]
`, []packCase{{"a=x", `{"event":{"action":"X"}}`}}},
		"namespace": {`
namespace: acme.other
steps: [{kv: {}, map: {acme.other.b: a}}]
`, []packCase{{"a=x c=y", `{"acme":{"other":{"c":"y","b":"x"}}}`}}},
		"no keeping": {`
keep: false
steps: [{kv: {}, map: {event.action: a}}]
`, []packCase{{"a=x c=y", `{"event":{"action":"x"}}`}}},
		"json": {`
steps: [{json: {}, map: {event.action: a.b, user.name: 'users[0].name'}}]
`, []packCase{
			{`{"a":{"b":"x","c":1},"d":[1,{"e":2}],"n":null,"users":[{"name":"u"},{"name":"v"}]}`, `{"acme":{"test":{"d":[1,{"e":2}],"users_":[{"name":"u"},{"name":"v"}],"a":{"c":1}}},"event":{"action":"x"},"related":{"user":["u"]},"user":{"name":"u"}}`},
			{`{"a":"scalar"}`, `{"acme":{"test":{"a_":"scalar"}}}`}, // a is an object elsewhere
		}},
		"forged names stay below the namespace": {`
steps: [{json: {}, map: {event.action: a}}]
`, []packCase{{`{"a":"x","@timestamp":"2020","event":{"kind":"alert"},"event.kind":"alert"}`, `{"acme":{"test":{"@timestamp":"2020","event":{"kind":"alert"},"event_kind":"alert"}},"event":{"action":"x"}}`}}},
	} {
		t.Run(name, func(t *testing.T) { tryPack(t, tc.body, tc.cases...) })
	}
	p := compileBody(t, "steps: [{kv: {}, map: {event.action: a, acme.test.own: b}}]\n")
	events, err := runPack(t, p, Options{ECSOnly: true}, "a=1 b=2 c=3")
	if err != nil {
		t.Fatal(err)
	}
	if got := encoded(t, events[0]); got != `{"event":{"action":"1"}}` {
		t.Errorf("ECSOnly: %s", got)
	}
	if events[0].Mismatched != 0 {
		t.Errorf("mismatched %d", events[0].Mismatched)
	}
}

func TestPriority(t *testing.T) {
	p := compileBody(t, `
priority: {low: level == "debug", critical: act == "edr", high: act == "fail" or level == "debug" and act == "x"}
steps: [{kv: {}}]
`)
	for in, want := range map[string]int8{
		"act=edr level=debug": PriorityCritical, "act=fail": PriorityHigh, "act=x level=debug": PriorityHigh,
		"level=debug": PriorityLow, "level=info": PriorityOrdinary,
	} {
		events, err := runPack(t, p, Options{}, in)
		if err != nil || events[0].Priority != want {
			t.Errorf("%s: %d %v, want %d", in, events[0].Priority, err, want)
		}
	}
}

func TestOriginal(t *testing.T) {
	p := compileBody(t, "keep: false\nsteps: [{text: '<_all:rest>'}]\n")
	for in, want := range map[string]string{
		"a \"b\"":  `{"event":{"original":"a \"b\""}}`,
		"a\xff":    `{"event":{"original":"base64:Yf8="}}`,
		"a\x00b\n": "{\"event\":{\"original\":\"a\\u0000b\\n\"}}",
	} {
		events, err := runPack(t, p, Options{Original: true}, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Replace(encoded(t, events[0]), `"kind":"event",`, "", 1); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
