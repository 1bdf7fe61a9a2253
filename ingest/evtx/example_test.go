package evtx_test

import (
	"context"
	"fmt"
	"os"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/evtx"
	"github.com/penstock-dev/penstock/parse"
)

// A folder of event logs, read once; without Once it is followed.
func Example() {
	dir, err := os.MkdirTemp("", "evtx")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	src, err := evtx.New(evtx.Options{Dir: dir, Once: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := ingest.New(ingest.Config[parse.Record]{
		Sources: []ingest.Source{src},
		Parser:  parse.ParserFunc[parse.Record](func(*parse.Message, *parse.Events[parse.Record]) error { return nil }), // such as vendors.Auto
		Sink:    batch.SinkFunc[parse.Record](func(context.Context, *batch.Batch[parse.Record]) error { return nil }),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Run(context.Background()), src.Stats().Records)
	// Output: <nil> 0
}
