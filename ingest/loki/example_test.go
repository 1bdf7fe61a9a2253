package loki_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/ingest/loki"
)

func Example() {
	src, err := loki.Listen(loki.ServerOptions{Address: "127.0.0.1:0"}, loki.Options{LineOnly: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close() // a pipeline that runs the source closes it
	fmt.Println(src.Name())
	// Output: loki
}
