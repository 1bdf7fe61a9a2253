package pack_test

import (
	"fmt"
	"log"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
)

// A vendor's key=value log needs no Go: a pack says what its keys mean.
func Example() {
	p, err := pack.Compile("pack.yaml", []byte(`
name: acme.wall
vendor: Acme
product: Wall
version: 1.0.0
steps:
  - kv: {}
    set: {event.category: network}
    map:
      source.ip: src
      destination.port: dpt
      event.action: action | lower
`))
	if err != nil {
		log.Fatal(err)
	}
	var events parse.Events[parse.Record]
	if err := p.Parser(pack.Options{}).Worker().Parse(&parse.Message{Raw: []byte("src=192.0.2.1 dpt=443 action=DENY zone=dmz")}, &events); err != nil {
		log.Fatal(err)
	}
	line, err := normalize.NewEncoder(normalize.EncoderOptions{Flat: true}).Append(nil, events.At(0))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
	// Output: {"acme.wall.zone":"dmz","destination.port":443,"ecs.version":"9.4.0","event.action":"deny","event.category":["network"],"event.dataset":"acme.wall","event.kind":"event","event.module":"acme","related.ip":["192.0.2.1"],"source.address":"192.0.2.1","source.ip":"192.0.2.1"}
}

// A wrong pack is refused with the place of the fault.
func ExampleCompile() {
	_, err := pack.Compile("pack.yaml", []byte(`name: acme.wall
vendor: Acme
product: Wall
version: 1.0.0
steps:
  - kv: {}
    map: {sorce.ip: src}
`))
	fmt.Println(err)
	// Output:
	// pack.yaml:7:11: "sorce.ip" is no ECS field, and vendor fields of this pack begin with acme.; did you mean source.ip?
	//       map: {sorce.ip: src}
	//             ^
}

// Explain says where each field is from.
func ExamplePack_Explain() {
	p, err := pack.Compile("wall.yaml", []byte("name: acme.wall\nvendor: Acme\nproduct: Wall\nversion: 1.0.0\nsteps:\n  - kv: {}\n    map:\n      source.ip: src\n"))
	if err != nil {
		log.Fatal(err)
	}
	list, err := p.Explain(pack.Options{}, &parse.Message{Raw: []byte("src=192.0.2.1 zone=dmz")})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range list {
		if e.How == pack.HowRaw || e.How == pack.HowKept {
			fmt.Println(e.String())
		}
	}
	// Output:
	// acme.wall.zone = dmz (kept, bytes at 19+3)
	// source.ip = 192.0.2.1 (raw, src at 4+9, wall.yaml:8)
}
