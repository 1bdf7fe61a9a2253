package ecs_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/normalize/ecs"
)

func Example() {
	k, ok := ecs.Lookup("host.ip")
	fmt.Println(ok, k == ecs.HostIP, k, k.Type(), k.Array(), k.Level())

	fmt.Println(ecs.EventOutcome.Allowed())
	fmt.Println(ecs.EventOutcome.Allows("failure"), ecs.EventOutcome.Allows("failed"))
	fmt.Println(ecs.ExpectedTypes("authentication"))
	// Output:
	// true true host.ip ip true core
	// [failure success unknown]
	// true false
	// [start end info]
}

func ExampleNearest() {
	if _, ok := ecs.Lookup("http.status_code"); !ok {
		fmt.Println("did you mean", ecs.Nearest("http.status_code", 1))
	}
	// Output:
	// did you mean [http.response.status_code]
}

func ExampleAll() {
	for k := range ecs.All() {
		if k.Type() == ecs.TypeMatchOnlyText {
			fmt.Println(k)
		}
	}
	// Output:
	// error.message
	// message
}
