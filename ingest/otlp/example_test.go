package otlp_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/ingest/otlp"
)

func Example() {
	src, err := otlp.Listen(otlp.ServerOptions{Address: "127.0.0.1:0"}, otlp.Options{BodyOnly: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close() // a pipeline that runs the source closes it
	fmt.Println(src.Name())
	// Output: otlp
}
