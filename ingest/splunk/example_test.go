package splunk_test

import (
	"fmt"

	"github.com/penstock-dev/penstock/ingest/splunk"
)

func Example() {
	src, err := splunk.Listen(
		splunk.ServerOptions{Address: "127.0.0.1:0", Tokens: []string{"12345678-1234-1234-1234-1234567890ab"}},
		splunk.Options{EventOnly: true, Acks: true},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close() // a pipeline that runs the source closes it
	fmt.Println(src.Name())
	// Output: splunk
}
