package pack

import (
	"testing"

	"github.com/penstock-dev/penstock/parse"
)

// The IDs are those of the specification's own examples, seed 0.
func TestCommunityID(t *testing.T) {
	p, err := Compile("pack.yaml", []byte(`
name: acme.wall
vendor: Acme
product: Wall
version: 1.0.0
steps:
  - text: '<proto:word> <from:word> <to:word>{ <type:word>{ <code:word>}}'
    map: {network.community_id: 'community_id(from, to, proto, type, code)'}
`))
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"icmp 192.168.0.89 192.168.0.1 8 0":                                 "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
		"1 192.168.0.89 192.168.0.1 8":                                      "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
		"ipv6-icmp fe80::200:86ff:fe05:80da fe80::260:97ff:fe07:69ea 135 0": "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
		"tcp 128.232.110.120 66.35.250.204 34855 80":                        "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
		"icmp 192.168.0.89 192.168.0.1":                                     "",
		"icmp 192.168.0.89 host 8 0":                                        "",
		"icmp 192.168.0.89 192.168.0.1 8 -1":                                "",
		"icmp 192.168.0.89 192.168.0.1 echo":                                "",
		"chaos 192.168.0.89 192.168.0.1 8 0":                                "",
		"icmp 192.168.0.89 fe80::1 8 0":                                     "",
	} {
		var out parse.Events[parse.Record]
		if err := p.Parser(Options{}).Worker().Parse(&parse.Message{Raw: []byte(in)}, &out); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		r := out.All()[0]
		k, _ := r.Lookup("network.community_id")
		if got := r.Get(k).Str(); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
