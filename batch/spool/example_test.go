package spool_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/parse"
)

// Lines are accepted when they are on disk, and delivered in the background.
func Example() {
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	destination := batch.NewWriter[parse.Record](os.Stdout)
	sink, err := spool.NewSink(batch.Sink[parse.Record](destination), spool.Options{Dir: filepath.Join(dir, "stdout")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sink.Close()
	err = sink.Write(context.Background(), &batch.Batch[parse.Record]{
		Lines: []byte("{\"n\":1}\n{\"n\":2}\n"), Ends: []int32{8, 16},
	})
	if err != nil {
		fmt.Println(err)
	}
	if err := sink.Drain(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(sink.Stats().Delivered, "delivered")
	// Output:
	// {"n":1}
	// {"n":2}
	// 2 delivered
}
