package pack

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/penstock-dev/penstock/parse"
)

const includedPack = `
name: acme.wall
vendor: Acme
product: Wall
version: 1.0.0
lookups:
  action: {default: null, rows: {deny: denied, permit: allowed}}
groups:
  flow:
    - text: '<verb:word> <port_name:word> from <src:ip>'
      map: {event.type: verb | lookup(action), observer.ingress.interface.name: port_name | kept, source.ip: src}
steps:
  - use: flow
`

const includingPack = `
name: acme.gate
vendor: Acme
product: Gate
version: 1.0.0
include: [acme.wall]
lookups:
  other: {default: null, rows: {a: b}}
steps:
  - when: message startswith "gate "
    text: 'gate <letter>'
    map: {event.action: letter | lookup(other)}
    else: {use: flow}
`

func TestInclude(t *testing.T) {
	packs := fstest.MapFS{
		"acme.wall/pack.yaml": {Data: []byte(includedPack)},
		"acme.gate/pack.yaml": {Data: []byte(includingPack)},
	}
	p, err := Load(packs, "acme.gate")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		in   string
		want map[string]string
	}{
		{"deny eth0 from 192.0.2.1", map[string]string{
			"event.type": "denied", "event.dataset": "acme.gate", "source.ip": "192.0.2.1",
			"observer.ingress.interface.name": "eth0", "acme.gate.port_name": "eth0", "acme.gate.src": "", "acme.gate.verb": "deny",
		}},
		{"gate a", map[string]string{"event.action": "b", "message": "", "error.code": ""}},
		{"something else", map[string]string{"message": "something else", "error.code": "VENDOR_FORMAT_DRIFT"}},
	} {
		var out parse.Events[parse.Record]
		if err := p.Parser(Options{}).Worker().Parse(&parse.Message{Raw: []byte(tc.in)}, &out); err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		r := out.All()[0]
		for name, want := range tc.want {
			got := ""
			if k, ok := r.Lookup(name); ok {
				got = r.Get(k).String()
			}
			if got != want {
				t.Errorf("%s: %s is %q, want %q", tc.in, name, got, want)
			}
		}
	}
}

func TestIncludeFaults(t *testing.T) {
	const gate = "name: acme.gate\nvendor: A\nproduct: G\nversion: 1.0.0\ninclude: acme.wall\nsteps:\n  - use: flow\n"
	for _, tc := range []struct{ wall, want string }{
		{"", "acme.wall/pack.yaml"},
		{"groups: [a]\n", "acme.wall/pack.yaml:1:"},
		{"# a line\ngroups:\n  flow:\n    - texd: x\n", "acme.wall/pack.yaml:4:7: key \"texd\" is not known here"},
		{"groups:\n  other: []\n", "acme.gate/pack.yaml:7:10: group \"flow\" is not known"},
	} {
		packs := fstest.MapFS{"acme.gate/pack.yaml": {Data: []byte(gate)}}
		if tc.wall != "" {
			packs["acme.wall/pack.yaml"] = &fstest.MapFile{Data: []byte(tc.wall)}
		}
		_, err := Load(packs, "acme.gate")
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %s", tc.wall, err, tc.want)
		}
	}
	if _, err := Compile("pack.yaml", []byte(gate)); err == nil || !strings.Contains(err.Error(), "beside this one") {
		t.Errorf("without a folder: %v", err)
	}
}
