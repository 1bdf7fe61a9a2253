package http_test

import (
	"fmt"

	penhttp "github.com/penstock-dev/penstock/ingest/http"
)

func Example() {
	lines, err := penhttp.NewHandler(penhttp.Options{Format: "lines"})
	if err != nil {
		fmt.Println(err)
		return
	}
	anything, err := penhttp.NewHandler(penhttp.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	src, err := penhttp.Serve(
		penhttp.ServerOptions{Name: "intake", Address: "127.0.0.1:0", Tokens: []string{"s3cret"}},
		map[string]penhttp.Handler{"/lines": lines, "/": anything},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close() // a pipeline that runs the source closes it
	fmt.Println(src.Name())
	// Output: intake
}
