package pack

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/penstock-dev/penstock/parse"
)

const spellingPack = `
name: acme.wall
vendor: Acme
product: Wall
version: 1.0.0
spellings:
  srcIp: [src, source_ip, client_ip]
  srcPort: [source_port]
  user: [user_name, actor.login]
  note: []
wrappers: [event, data]
nulls: ['-']
steps:
  - syslog: {}
  - when: message startswith "{"
    json: {}
    else:
      - when: message contains "="
        kv: {}
      - when: message startswith "<"
        xml: {}
  - map: {source.ip: srcIp, source.port: srcPort, user.name: user}
`

func TestSpellings(t *testing.T) {
	const header = "<13>1 2026-03-01T10:00:00Z h a 1 - "
	for _, tc := range []struct{ in, want, not string }{
		{`{"srcIp":"192.0.2.1"}`, `"ip":"192.0.2.1"`, `"wall":`},
		{`{"SRC_IP":"192.0.2.1"}`, `"ip":"192.0.2.1"`, `"wall":`},
		{`{"source.ip":"192.0.2.1","Source-Port":7}`, `"source":{"address":"192.0.2.1","ip":"192.0.2.1","port":7}`, `"wall":`},
		{`{"source":{"ip":"192.0.2.1","port":"7"}}`, `"source":{"address":"192.0.2.1","ip":"192.0.2.1","port":7}`, ``},
		{`{"source":{"ip":"192.0.2.1"}}`, `"acme":{"wall":{"source":{"ip":"192.0.2.1"}}}`, ``}, // kept whole
		{`{"user":{"name":"ada"},"srcIp":"192.0.2.1"}`, `"user":{"name":"ada"}`, ``},
		{`{"user":{"name":"ada","id":4}}`, `"acme":{"wall":{"user":{"name":"ada","id":4}}}`, ``},
		{`{"data":{"event":{"client":{"ip":"192.0.2.1"}}}}`, `"ip":"192.0.2.1"`, ``},
		{`{"other":{"client":{"ip":"192.0.2.1"}}}`, `"other"`, `"ip":["192`},
		{`{"client_ip":"192.0.2.1","src":"192.0.2.2"}`, `"acme":{"wall":{"src":"192.0.2.2"}}`, ``}, // the first has it
		{`{"src":"-","client_ip":"192.0.2.2"}`, `"ip":"192.0.2.2"`, ``},
		{`{"src":"x"}`, `"acme":{"wall":{"srcIp":"x"}}`, `"source"`},
		{`{"src":["192.0.2.1"]}`, `"acme":{"wall":{"src":["192.0.2.1"]}}`, `"source"`},
		{`Source.IP=192.0.2.1 b=2`, `"acme":{"wall":{"b":"2"}}`, `"Source`},
		{`<log><a><src>192.0.2.1</src></a><client port="7"><ip>192.0.2.9</ip></client></log>`, `"source":{"address":"192.0.2.1","ip":"192.0.2.1"}`, ``},
		{header + `[x@1 src="192.0.2.1" sourcePort="7" q="1"] b=2`, `"source":{"address":"192.0.2.1","ip":"192.0.2.1","port":7}`, ``},
		{header + `[x@1 src="192.0.2.1" q="1"][y@1 src="192.0.2.2"] b=2`, `"structured_data":{"x@1_q":"1","y@1_src":"192.0.2.2"}`, ``},
		{strings.Repeat(`{"data":`, 60) + `{"src":"192.0.2.1"}` + strings.Repeat(`}`, 60), `"acme"`, `"source"`}, // too deep
	} {
		got := encode(t, spellingPack, tc.in)
		if !strings.Contains(got, tc.want) || tc.not != "" && strings.Contains(got, tc.not) {
			t.Errorf("%s: %s, want %s and not %s", tc.in, got, tc.want, tc.not)
		}
	}
}

// Without the vendor's fields nothing is left of keys that have no slot.
func TestSpellingsECSOnly(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(spellingPack))
	if err != nil {
		t.Fatal(err)
	}
	var out parse.Events[parse.Record]
	w := p.Parser(Options{ECSOnly: true}).Worker()
	for range 2 {
		out.Reset()
		if err := w.Parse(&parse.Message{Raw: []byte(`{"a":1,"source":{"ip":"192.0.2.1"},"user":{"name":"ada"}}`)}, &out); err != nil {
			t.Fatal(err)
		}
		r := out.At(0)
		for name, want := range map[string]string{"source.ip": "192.0.2.1", "user.name": "ada", "acme.wall.user": ""} {
			if k, ok := r.Lookup(name); ok && r.Get(k).String() != want {
				t.Errorf("%s is %q, want %q", name, r.Get(k).String(), want)
			}
		}
	}
}

func TestSpellingFaults(t *testing.T) {
	const head, steps = "name: acme.gate\nvendor: A\nproduct: G\nversion: 1.0.0\n", "steps:\n  - kv: {}\n  - map: {source.ip: a}\n"
	for _, tc := range []struct{ in, want string }{
		{"spellings: [a]\n", "spellings is a mapping"},
		{"spellings: {a: [b], c: [B]}\n", `"B" is a spelling of a already`},
		{"spellings: {a: ['--']}\n", `"--" is no spelling`},
		{"spellings: {a: {b: c}}\n", "a text or a list of texts"},
	} {
		_, err := Load(fstest.MapFS{"pack.yaml": {Data: []byte(head + tc.in + steps)}}, ".")
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %s", tc.in, err, tc.want)
		}
	}
}
