package pack

import (
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

func TestCEFNames(t *testing.T) {
	const src = `
name: acme.cef
vendor: Acme
product: Wall
version: 1.0.0
namespace: acme
steps:
  - cef: {names: NAMES}
    map:
      source.ip: src
      event.reason: cs2
`
	for _, tc := range []struct{ names, in, want string }{
		{"long", "src=192.0.2.1 cs1=a own=b dst=192.0.2.2", `"extensions":{"deviceCustomString1":"a","own":"b","destinationAddress":"192.0.2.2"}`},
		{"long", "sourceAddress=192.0.2.1", `"source":{"address":"192.0.2.1","ip":"192.0.2.1"}`},
		{"long", "deviceCustomString2=x", `"reason":"x"`},
		{"long", "src=192.0.2.1 sourceAddress=192.0.2.9", `"ip":"192.0.2.1"`}, // the first wins
		{"long", "src=nobody", `"extensions":{"sourceAddress":"nobody"}`},
		{"wire", "src=192.0.2.1 cs1=a", `"extensions":{"cs1":"a"}`},
		{"wire", "sourceAddress=192.0.2.1", `"extensions":{"sourceAddress":"192.0.2.1"}`},
		{"wire", "src=nobody", `"extensions":{"src":"nobody"}`},
	} {
		p, err := Compile("pack.yaml", []byte(strings.Replace(src, "NAMES", tc.names, 1)))
		if err != nil {
			t.Fatal(err)
		}
		var out parse.Events[parse.Record]
		if err := p.Parser(Options{}).Worker().Parse(&parse.Message{Raw: []byte("CEF:0|Acme|Wall|1|7|x|3|" + tc.in)}, &out); err != nil {
			t.Errorf("%s, %s: %v", tc.names, tc.in, err)
			continue
		}
		got, err := normalize.NewEncoder(normalize.EncoderOptions{}).Append(nil, out.At(0))
		if err != nil || !strings.Contains(string(got), tc.want) {
			t.Errorf("%s, %s: %s %v, want %s in it", tc.names, tc.in, got, err, tc.want)
		}
	}
	if _, err := Compile("pack.yaml", []byte(strings.Replace(src, "NAMES", "short", 1))); err == nil {
		t.Error("names: short compiles")
	}
}
