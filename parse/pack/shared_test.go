package pack

import (
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

// A name that a text pattern captures is a key of json, kv and cef layers too. What came
// first stays: a payload does not change what stood in front of it.
func TestSharedNames(t *testing.T) {
	p := compileBody(t, `
steps:
  - when: message startswith "{"
    json: {}
    else:
      - when: message startswith "CEF"
        cef: {}
        else:
          - when: message startswith "host"
            text: 'host <host:word> <_rest:rest>'
            map: {message~: _rest}
          - when: message contains "="
            kv: {}
            else:
              - text: 'user <user:word> from <src:ip>'
  - map:
      host.name: host
      user.name: user
      source.address: src
`)
	w := p.Parser(Options{}).Worker()
	var out parse.Events[parse.Record]
	enc := normalize.NewEncoder(normalize.EncoderOptions{Flat: true})
	for raw, want := range map[string]string{
		`{"user":"u1","src":"192.0.2.1"}`:              `"user.name":"u1"`,
		`user=u2 src=192.0.2.2`:                        `"user.name":"u2"`,
		`CEF:0|A|B|1|1|n|1|src=192.0.2.3 user=u3`:      `"user.name":"u3"`,
		`user u4 from 192.0.2.4`:                       `"user.name":"u4"`,
		`host gate user=u5 src=192.0.2.5 host=forged`:  `"host.name":"gate"`,
		`host gate  user=u6 src=192.0.2.5 host=forged`: `host_":"forged"`,
	} {
		out.Reset()
		if err := w.Parse(&parse.Message{Raw: []byte(raw)}, &out); err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		line, err := enc.Append(nil, out.At(0))
		if err != nil || !strings.Contains(string(line), want) {
			t.Errorf("%s: %s, %v: want %s", raw, line, err, want)
		}
	}
}
