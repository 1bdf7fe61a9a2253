package parsetest_test

import (
	"fmt"
	"log"

	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/parsetest"
)

const gate = `
name: acme.gate
vendor: Acme
product: Gate
version: 1.0.0
steps:
  - kv: {}
    map: {source.ip: src, event.action: action}
`

// In a test the whole of it is parsetest.Pack(t, p, "."). Check is the same without
// package testing.
func Example() {
	p, err := pack.Compile("pack.yaml", []byte(gate))
	if err != nil {
		log.Fatal(err)
	}
	report, err := parsetest.Check(p, "testdata/packs/acme.gate", parsetest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Records, "records,", report.Events, "events, ok:", report.Ok())
	// Output: 4 records, 4 events, ok: true
}
