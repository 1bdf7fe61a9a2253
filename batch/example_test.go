package batch_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/penstock-dev/penstock/batch"
)

// A sink for one event at a time is a function.
func ExampleEach() {
	type login struct{ user string }
	sink := batch.Each(func(_ context.Context, e *login) error {
		fmt.Println(e.user)
		return nil
	})
	err := sink.Write(context.Background(), &batch.Batch[login]{Events: []*login{{"ada"}, {"grace"}}})
	fmt.Println(err)
	// Output:
	// ada
	// grace
	// <nil>
}

// Small batches become requests of the size that a destination likes, and what can be
// tried again is.
func ExampleNewWindow() {
	retry, err := batch.NewRetry(batch.Sink[event](batch.NewWriter[event](os.Stdout)), batch.RetryOptions{Attempts: 5})
	if err != nil {
		fmt.Println(err)
		return
	}
	window, err := batch.NewWindow(batch.Sink[event](retry), batch.WindowOptions{Rows: 500, Age: 200 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 3 {
		line := fmt.Appendf(nil, "{\"n\":%d}\n", i)
		window.Start(context.Background(), &batch.Batch[event]{Lines: line, Ends: []int32{int32(len(line))}}, func(err error) {})
	}
	window.Flush(context.Background())
	// Output:
	// {"n":0}
	// {"n":1}
	// {"n":2}
}
