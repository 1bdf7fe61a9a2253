package vendors_test

import (
	"fmt"
	"log"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/vendors"
)

// All built-in packs as one Parser, which tells the product by the bytes.
func Example() {
	packs, err := vendors.Packs()
	if err != nil {
		log.Fatal(err)
	}
	auto, err := packs.Auto(pack.Options{})
	if err != nil {
		log.Fatal(err)
	}
	var events parse.Events[parse.Record]
	line := `CEF:0|Example Corp|NetSensor|4.2|1001|Port scan|8|src=203.0.113.9 dst=192.0.2.10 dpt=22`
	if err := auto.Worker().Parse(&parse.Message{Raw: []byte(line)}, &events); err != nil {
		log.Fatal(err)
	}
	e := events.At(0)
	fmt.Println(e.Pack, e.Get(ecs.SourceIP), e.Get(ecs.DestinationPort))
	// Output: cef.log 203.0.113.9 22
}
