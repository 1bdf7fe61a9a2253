package pack

import (
	"strings"
	"testing"
)

// Each thing that the language can say, on one small pack.
func TestLanguage(t *testing.T) {
	kv := func(what string) string { return "keep: false\nsteps:\n  - kv: {}\n    map: {" + what + "}\n" }
	for name, tc := range map[string]struct {
		body  string
		cases []packCase
	}{
		"dispatch on several fields": {`
keep: false
steps:
  - kv: {}
  - switch: [type, sub | lower, columns]
    cases:
      TRAFFIC/end/38|TRAFFIC/end/36: {set: {event.action: ended}}
      'TRAFFIC/*': {set: {event.action: traffic}}
      THREAT//: {set: {event.action: threat}}
    default: {set: {event.action: other}}
`, []packCase{
			{"type=TRAFFIC sub=END columns=38", `{"event":{"action":"ended"}}`},
			{"type=TRAFFIC sub=start columns=38", `{"event":{"action":"traffic"}}`},
			{"type=THREAT", `{"event":{"action":"threat"}}`},
			{"sub=end", `{"event":{"action":"other"}}`},
		}},
		"shared sub-patterns and field groups": {`
keep: false
groups:
  flow: {map: {source.ip: src, source.port: sport}}
steps:
  - text:
      - is: 'built <_x> from <src:ip>/<sport:int>'
        use: flow
        set: {event.action: built}
      - is: 'torn down <src:ip>/<sport:int>{ by <user>}'
        use: flow
        map: {user.name: user}
`, []packCase{
			{"built it from 192.0.2.1/7", `{"event":{"action":"built"},"related":{"ip":["192.0.2.1"]},"source":{"address":"192.0.2.1","ip":"192.0.2.1","port":7}}`},
			{"torn down 192.0.2.1/7 by ann", `{"related":{"ip":["192.0.2.1"],"user":["ann"]},"source":{"address":"192.0.2.1","ip":"192.0.2.1","port":7},"user":{"name":"ann"}}`},
		}},
		"members with a prefix, or that begin with a small letter": {`
keep: false
steps:
  - json: {as: got, prefix: _x_}
  - json: {as: win, initials: lower}
  - map: {user.name: got.user, event.code: win.EventID, event.action: win.Sub.name, process.title: win.user}
`, []packCase{
			{`{"_x_user":"ann","user":"bob","EventID":1,"eventID":2,"sub":{"name":"a","Name":"b"}}`, `{"event":{"action":"a","code":"2"},"process":{"title":"bob"},"related":{"user":["ann"]},"user":{"name":"ann"}}`},
			{`{"user_x_":"ann","_x_":"bob"}`, `{}`},
		}},
		"coalesce": {kv(`event.action: 'a ?? b ?? "none"', event.code: 'first(b, a)'`), []packCase{
			{"a=1 b=2", `{"event":{"action":"1","code":"2"}}`}, {"b=2", `{"event":{"action":"2","code":"2"}}`}, {"c=1", `{"event":{"action":"none"}}`}}},
		"conditions": {kv(`event.action: 'if(a == "x", "equal", if(a in ["y", "z"], "in", if(a startswith "p", "prefix", if(a within ["10.0.0.0/8", "private"], "cidr", if(a > 100, "above", if(exists(b), "exists"))))))'`), []packCase{
			{"a=x", `{"event":{"action":"equal"}}`}, {"a=z", `{"event":{"action":"in"}}`}, {"a=pre", `{"event":{"action":"prefix"}}`},
			{"a=10.1.2.3", `{"event":{"action":"cidr"}}`}, {"a=192.168.0.1", `{"event":{"action":"cidr"}}`}, {"a=101", `{"event":{"action":"above"}}`},
			{"b=1", `{"event":{"action":"exists"}}`}, {"c=1", `{}`}, {"a=192.0.2.1", `{}`}}},
		"a lookup with several outputs and a default": {`
keep: false
lookups:
  t:
    default: {event.outcome: unknown}
    rows:
      deny|drop: {event.type: [connection, denied], event.outcome: success}
      'allow*': {event.type: [connection, allowed], event.outcome: success}
steps:
  - kv: {}
    lookup: {table: t, key: act}
`, []packCase{
			{"act=drop", `{"event":{"outcome":"success","type":["connection","denied"]}}`},
			{"act=allow-all", `{"event":{"outcome":"success","type":["connection","allowed"]}}`},
			{"act=else", `{"event":{"outcome":"unknown"}}`},
		}},
		"append-unique, split, concat, trim, replace, case": {
			kv(`event.action: 'concat(a, "-", b)', event.code: 'c | trim("*") | upper | replace("X", "y")', process.args: 'a | split("+")'`), []packCase{
				{"a=x+y+x b=z c=**ax**", `{"event":{"action":"x+y+x-z","code":"Ay"},"process":{"args":["x","y","x"]}}`}, {"a=x", `{"process":{"args":["x"]}}`}}},
		"append, without repeats": {kv(`host.ip: a, host.ip+: 'b | split(";")', event.type+: '["info", "info"]'`), []packCase{
			{"a=192.0.2.1 b=192.0.2.2;192.0.2.1", `{"event":{"type":["info"]},"host":{"ip":["192.0.2.1","192.0.2.2"]},"related":{"ip":["192.0.2.1","192.0.2.2"]}}`}}},
		"pairs in a CSV column, behind a syslog header": {`
keep: false
steps:
  - syslog: {time: false}
  - csv: {columns: [kind, pairs]}
  - kv: {from: pairs, pairs: ';'}
    map: {event.action: kind, source.port: spt}
`, []packCase{{"<13>Mar  2 09:15:04 h app: deny,spt=7;x=y", `{"event":{"action":"deny"},"host":{"hostname":"h"},"log":{"syslog":{"appname":"app","facility":{"code":1,"name":"user"},"hostname":"h","priority":13,"severity":{"code":5,"name":"Notice"}}},"related":{"hosts":["h"]},"source":{"port":7}}`}}},
		"what lies below an object is renamed": {`
rename: {'payload.*': 'details.*', 'props.*': '*', 'tags.*': 'labels.*', 'Acme*': '*'}
steps: [{json: {}, map: {event.action: payload.act}}]
`, []packCase{
			{`{"payload":{"act":"go","a":1,"b":{"c":2}},"props":{"d":3},"tags":{"env":"prod"},"AcmeName":"n","plain":"p"}`,
				`{"acme":{"test":{"d":3,"Name":"n","plain":"p","details":{"a":1,"b":{"c":2}}}},"event":{"action":"go"},"labels":{"env":"prod"}}`},
			{`{"payload":"text"}`, `{"acme":{"test":{"payload":"text"}}}`},
		}},
		"a copy and a move": {`
steps: [{kv: {}, map: {event.action: a | kept, acme.test.other: b, event.code: c}}]
`, []packCase{{"a=1 b=2 c=3 d=4", `{"acme":{"test":{"d":"4","a":"1","other":"2"}},"event":{"action":"1","code":"3"}}`}}},
		"a CEF vendor's prefix is stripped": {`
steps:
  - cef: {strip: [AcmeWall]}
    map: {rule.id: policyid}
`, []packCase{{`CEF:0|a|b|1|2|n|3|AcmeWallpolicyid=7 AcmeWallother=x`, `{"acme":{"test":{"class_id":"2","device_version":"1","extensions":{"other":"x"},"name":"n","product":"b","severity":"3","vendor":"a","version":0}},"rule":{"id":"7"}}`}}},
		"arrays of names and values, of one type or of several": {`
steps:
  - json: {}
  - members: {from: params, key: name, value: [value, intValue, u.text]}
    map: {event.action: verb, event.severity: level, user.name: who}
`, []packCase{{`{"params":[{"name":"verb","value":"go"},{"name":"level","intValue":"7"},{"name":"who","u":{"text":"ann"}},{"name":"x","value":"y"}]}`,
			`{"acme":{"test":{"x":"y"}},"event":{"action":"go","severity":7},"related":{"user":["ann"]},"user":{"name":"ann"}}`}}},
		"an item of an array by a key": {`
keep: false
steps: [{json: {}, map: {user.name: 'list | pick("type", "user", "id")', event.action: 'list | at(-1) | get("type")', host.ip: 'ips | pluck("a")'}}]
`, []packCase{{`{"list":[{"type":"app","id":"x"},{"type":"User","id":"ann"}],"ips":[{"a":"192.0.2.1"},{"b":1}]}`,
			`{"event":{"action":"User"},"host":{"ip":["192.0.2.1"]},"related":{"ip":["192.0.2.1"],"user":["ann"]},"user":{"name":"ann"}}`}}},
		"JSON and pairs inside of a string": {`
keep: false
steps:
  - json: {}
  - json: {from: data, as: d}
  - kv: {from: extra, as: e}
    map: {event.action: d.act, event.code: e.code}
`, []packCase{{`{"data":"{\"act\":\"go\"}","extra":"code=7 x=y"}`, `{"event":{"action":"go","code":"7"}}`}}},
		"keys with the names of the text and of temporaries": {"keep: false\nsteps: [{json: {}, map: {message: '`\"message\"`', event.id: '`\"_id\"`'}}]\n", []packCase{{`{"message":"m","_id":"i"}`, `{"event":{"id":"i"},"message":"m"}`}}},
		"the same among pairs":                               {"keep: false\nsteps: [{kv: {}, map: {message: '`\"message\"`', event.id: '`\"_id\"`'}}]\n", []packCase{{`message=m _id=i`, `{"event":{"id":"i"},"message":"m"}`}}},
		"hosts with ports": {kv(`source.address: 'a | host', source.port: 'a | port'`), []packCase{
			{"a=192.0.2.1:80", `{"related":{"ip":["192.0.2.1"]},"source":{"address":"192.0.2.1","ip":"192.0.2.1","port":80}}`},
			{"a=[2001:db8::1]:443", `{"related":{"ip":["2001:db8::1"]},"source":{"address":"2001:db8::1","ip":"2001:db8::1","port":443}}`},
			{"a=2001:db8::1", `{"related":{"ip":["2001:db8::1"]},"source":{"address":"2001:db8::1","ip":"2001:db8::1"}}`},
			{"a=host.example:x", `{"related":{"hosts":["host.example"]},"source":{"address":"host.example","domain":"host.example"}}`}}},
		"sides are swapped by the direction": {kv(`source.ip: 'if(dir == "in", far, near)', destination.ip: 'if(dir == "in", near, far)'`), []packCase{
			{"dir=in near=10.0.0.1 far=192.0.2.1", `{"destination":{"address":"10.0.0.1","ip":"10.0.0.1"},"network":{"type":"ipv4"},"related":{"ip":["10.0.0.1","192.0.2.1"]},"source":{"address":"192.0.2.1","ip":"192.0.2.1"}}`},
			{"dir=out near=10.0.0.1 far=192.0.2.1", `{"destination":{"address":"192.0.2.1","ip":"192.0.2.1"},"network":{"type":"ipv4"},"related":{"ip":["192.0.2.1","10.0.0.1"]},"source":{"address":"10.0.0.1","ip":"10.0.0.1"}}`}}},
		"bits become labels": {"keep: false\nlookups: {bits: {default: null, rows: {'1': fin, '2': syn, '0x10': ack}}}\nsteps: [{kv: {}, map: {acme.test.flags: 'f | flags(bits)'}}]\n", []packCase{
			{"f=18", `{"acme":{"test":{"flags":["syn","ack"]}}}`}, {"f=0x2", `{"acme":{"test":{"flags":["syn"]}}}`}}},
		"arithmetic and units": {kv(`network.bytes: 'add(a, b)', source.bytes: 'mul(a, 8)', event.duration: 'd | duration', event.severity: 'sub(div(a, 2), 1)', event.risk_score: 'div(a, 4)', destination.bytes: 's | size'`), []packCase{
			{"a=10 b=5 d=1:02:03 s=1.5KB", `{"destination":{"bytes":1500},"event":{"duration":3723000000000,"risk_score":2.5,"severity":4},"network":{"bytes":15},"source":{"bytes":80}}`},
			{"a=9223372036854775807 b=1", `{"event":{"risk_score":2.305843009213694e+18}}`}}},
		"seconds, milliseconds, microseconds": {kv(`event.duration: 'a | seconds ?? (b | millis) ?? (c | micros)'`), []packCase{
			{"a=1.5", `{"event":{"duration":1500000000}}`}, {"b=7", `{"event":{"duration":7000000}}`}, {"c=7", `{"event":{"duration":7000}}`}}},
		"the end is the start and what it took": {kv(`event.start: s, event.end: 'add($event.start, d | seconds)'`), []packCase{
			{"s=2026-03-02T09:15:04Z d=2", `{"event":{"duration":2000000000,"end":"2026-03-02T09:15:06.000Z","start":"2026-03-02T09:15:04.000Z"}}`}}},
		"a time of several fields and zones": {kv(`timestamp: 'concat(d, " ", t) | time("2006-01-02 15:04:05", z)'`), []packCase{
			{"d=2026-03-02 t=09:15:04 z=+0200", `{"@timestamp":"2026-03-02T07:15:04.000Z"}`},
			{"d=2026-03-02 t=09:15:04 z=Europe/Berlin", `{"@timestamp":"2026-03-02T08:15:04.000Z"}`},
			{"d=2026-03-02 t=09:15:04", `{"@timestamp":"2026-03-02T09:15:04.000Z","event":{"timezone":"UTC"}}`}, {"d=2026-03-02", `{}`}}},
		"epochs are told by their digits": {kv(`timestamp: 't | epoch'`), []packCase{
			{"t=1772442904", `{"@timestamp":"2026-03-02T09:15:04.000Z"}`}, {"t=1772442904123", `{"@timestamp":"2026-03-02T09:15:04.123Z"}`},
			{"t=1772442904123456", `{"@timestamp":"2026-03-02T09:15:04.123456Z"}`}, {"t=1772442904123456789", `{"@timestamp":"2026-03-02T09:15:04.123456789Z"}`}, {"t=1772442904.5", `{"@timestamp":"2026-03-02T09:15:04.500Z"}`}}},
		"null values of one field": {kv(`user.name: 'u | unless("-", "n/a")', event.action: a`), []packCase{{"u=N/A a=n/a", `{"event":{"action":"n/a"}}`}}},
		"on error, for each field": {kv(`source.port: {value: p, on_error: drop}, destination.port: {value: q, on_error: tag}, client.port: {value: r, on_error: fail}`), []packCase{
			{"p=x", `{}`}, {"q=x", `{"error":{"code":"TYPE_MISMATCH","message":"destination.port does not fit"}}`}, {"r=x", "TYPE_MISMATCH"}}},
		"user@domain and DOMAIN\\user": {kv(`user.name: 'u | user_name | mail_name', user.domain: '(u | user_domain) ?? (u | mail_domain)'`), []packCase{
			{`u=CORP\ann`, `{"related":{"user":["ann"]},"user":{"domain":"CORP","name":"ann"}}`}, {"u=ann@example.net", `{"related":{"user":["ann"]},"user":{"domain":"example.net","name":"ann"}}`}, {"u=ann", `{"related":{"user":["ann"]},"user":{"name":"ann"}}`}}},
		"percent, hexadecimal, base64": {kv(`event.action: 'a | percent_decode', event.code: 'b | hex_decode', event.reason: 'c | base64_decode', process.pid: 'd | hex'`), []packCase{
			{"a=a%20b b=6162 c=aGk= d=0x1F", `{"event":{"action":"a b","code":"ab","reason":"hi"},"process":{"pid":31}}`}, {"a=%zz b=zz", `{"event":{"action":"%zz","code":"zz"}}`}}},
		"a regular expression as the last resort": {kv(`event.code: 'm | regex("id=([0-9]+)")'`), []packCase{{`m="x id=77 y"`, `{"event":{"code":"77"}}`}, {"m=x", `{}`}}},
		"one message of several events": {"keep: false\nsplit: {json: [rows], envelope: _around}\nsteps:\n  - json: {}\n  - json: {from: _around, as: w, on_error: skip}\n    map: {event.action: a, host.name: w.host}\n", []packCase{
			{`{"host":"h","rows":[{"a":1},{"a":2}]}`, `{"event":{"action":"1"},"host":{"name":"h"},"related":{"hosts":["h"]}}`}}},
	} {
		t.Run(name, func(t *testing.T) { tryPack(t, tc.body, tc.cases...) })
	}
}

// Wrong use is refused at load, with its place, the excerpt and what was probably meant.
func TestLanguageFaults(t *testing.T) {
	kv := func(what string) string { return "steps:\n  - kv: {}\n    map: {" + what + "}\n" }
	for _, tc := range []struct{ body, want string }{
		// an expression that can never be a value of its field
		{kv("source.ip: a | seconds"), "7:26: filter seconds makes a number, which does not fit source.ip, of type ip; a text needs no filter"},
		{kv("source.port: a | epoch"), "7:28: filter epoch makes a time, which does not fit source.port, of type long; a duration is made by seconds"},
		{kv("timestamp: a | millis"), "filter millis makes nanoseconds, which are no value of timestamp, a date; use epoch, epoch_ms or time"},
		{kv("event.duration: 'b ?? (a | time(\"iso8601\"))'"), "filter time makes a time, which does not fit event.duration"},
		{kv("timestamp: a | bool"), "filter bool makes true or false, which does not fit @timestamp, of type date; use time or epoch"},
		{kv("source.port: a | ip | kept"), "filter ip makes an IP address, which does not fit source.port"},
		{kv("source.ip: 'exists(a)'"), "exists makes true or false, which does not fit source.ip"},
		{kv("source.ip: 'a == \"b\"'"), "this makes true or false, which does not fit source.ip"},
		{kv("host.ip: 'mul(a, 2)'"), "mul makes a number, which does not fit host.ip"},
		{kv("source.port: 'a ?? \"http\"'"), `7:29: "http" does not fit source.port, which is of type long`},
		{kv("event.category+: 'if(a, \"netwrok\")'"), `"netwrok" is no allowed value of event.category; did you mean "network"?`},
		{kv("event.outcome: 'if(a, \"ok\", \"failure\")'"), `"ok" is no allowed value of event.outcome`},
		{"lookups: {t: {default: null, rows: {a: success, b: succes}}}\n" + kv("event.outcome: a | lookup(t)"), `table t gives "succes" for "b", which is no allowed value of event.outcome; did you mean "success"?`},
		{"lookups: {t: {default: none, rows: {a: 1}}}\n" + kv("event.severity: a | lookup(t)"), `table t gives "none" by default, which does not fit event.severity, which is of type long`},
		// what is not known
		{kv("source.adress: a"), `7:11: "source.adress" is no ECS field, and vendor fields of this pack begin with acme.; did you mean source.address`},
		{kv("source.ip: a | lowercase"), `filter "lowercase" is not known`},
		{kv("source.ip: 'uper(a)'"), `function "uper" is not known`},
		{kv("event.action: 'a | before()'"), "filter before takes 1 to 1 arguments, not 0"},
		{kv("event.action: 'a | regex(\"(\")'"), "7:35: regular expression: "},
		{kv("event.action: 'a | lookup(t)'"), `table "t" is not among the lookups of this pack`},
		{kv("event.action: 'a within [\"10.0.0.0/40\"]'"), "10.0.0.0/40"},
		{kv("timestamp: 'a | time(\"2006-13\")'"), "7:"},
		{kv("event.action: 'a |'"), "7:"},
		{kv("event.action: '(a'"), "7:"},
		{"lookups: {t: {default: null, rows: {a: {event.code: b}}}}\n" + kv("event.code: 'a | lookup(t, event.cod)'"), `table t has no column "event.cod"; did you mean "event.code"?`},
		{"steps:\n  - json: {}\n    map: {event.id: _id}\n", "7:21: nothing in this pack sets the temporary \"_id\"; a key of that name is written `\"_id\"`"},
		{"steps:\n  - json: {}\n    map: {_user: a, event.code: _usr}\n", `7:33: nothing in this pack sets the temporary "_usr"; did you mean "_user"?`},
		// dispatch
		{"steps:\n  - kv: {}\n    switch: [a]\n    cases: {b: []}\n", "7:13: a switch on several values takes 2 to 8 of them, not 1"},
		{"steps:\n  - kv: {}\n    switch: [a, 'b | lowr']\n    cases: {b: []}\n", `filter "lowr" is not known; did you mean "lower"?`},
		// wrong options
		{"steps:\n  - kv: {}\n    lookup: {table: t}\n", "7:13: lookup needs table and key"},
		{"steps:\n  - kv: {}\n    text: [[a]]\n", "7:12: a pattern is wanted here, not a list"},
		{"steps:\n  - text: ['a', '<b:nothing>']\n", "6:17: "},
		{"detect: [{contains: [a], sure: 7}]\nsteps: [{json: {}}]\n", `5:32: sure is true or false, not "7"`},
		{"detect: [{columns: {separator: ab, least: 2}}]\nsteps: [{json: {}}]\n", "separator is one byte"},
		{"detect: [{columns: {separator: ',', least: few}}]\nsteps: [{json: {}}]\n", "a number of columns is wanted"},
		{"steps: [{cef: {strip: ['']}}]\n", "an empty prefix stands before everything"},
		{"steps: [{outline: {from: a}}]\n", "outline needs names: a table of labels"},
		{"lookups: [a]\nsteps: [{json: {}}]\n", "5:10: lookups is a mapping of table names to tables, not a list"},
		{"steps: [{kv: {pairs: '=', keys: '='}}]\n", "5:"},
		{"steps: [{csv: {columns: [a], separator: ab}}]\n", "5:"},
		// renames
		{"rename: {payload: details}\nsteps: [{json: {}}]\n", `5:10: a prefix with a star behind it is wanted`},
		{"rename: {'payload.*': details}\nsteps: [{json: {}}]\n", `5:23: a prefix with a star behind it is wanted`},
		{"rename: {'payload.x*': '*'}\nsteps: [{json: {}}]\n", "the beginning of a key below an object cannot be renamed"},
		{"rename: {'payload.*': 'x*'}\nsteps: [{json: {}}]\n", "both name what lies below an object, or neither"},
		{"rename: [a]\nsteps: [{json: {}}]\n", "5:9: rename is a mapping of prefixes to prefixes, not a list"},
		// hardening
		{"steps: [{json: &x {}}]\n", "anchors (&name) are not allowed"},
		{"steps: [{json: *x}]\n", "aliases (*name) are not allowed"},
		{"set: {<<: {event.code: a}}\nsteps: []\n", "merge keys (<<) are not allowed"},
		{"steps: [{json: !x {}}]\n", "tags (!name) are not allowed"},
		{"lookups: {t: {default: null, file: ../secret.csv}}\n" + kv("event.code: a"), "5:36: "},
		{"set: {event.reason: " + strings.Repeat("[", 200) + "\nsteps: []\n", "5:"},
		{kv("event.code: '" + strings.Repeat("(", 100) + "a'"), "nested deeper than 64"},
		{kv("event.code: '" + strings.Repeat("a", 9<<10) + "'"), "the expression is longer than 8 KiB"},
	} {
		_, err := Compile("acme/pack.yaml", []byte(identity+tc.body))
		if err == nil {
			t.Errorf("%q: no error", tc.body)
			continue
		}
		text := err.Error()
		if !strings.Contains(text, tc.want) || !strings.HasPrefix(text, "acme/pack.yaml:") || !IsPackError(err) {
			t.Errorf("%q: %v\nwant %s", tc.body, err, tc.want)
		}
		// The line at fault, with a mark below the place.
		if lines := strings.Split(strings.TrimRight(text, "\n"), "\n"); len(lines) < 3 || strings.TrimSpace(lines[len(lines)-1]) != "^" {
			t.Errorf("%q: no excerpt in\n%s", tc.body, text)
		}
	}
}
