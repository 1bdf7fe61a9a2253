package deadletter_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/deadletter"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
)

// A store is the DeadLetters of a pipeline, and later its source.
func Example() {
	dir, err := os.MkdirTemp("", "dead")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := deadletter.New(deadletter.Options{Dir: filepath.Join(dir, "dead")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	// A pipeline does this for Config.DeadLetters.
	err = store.Write(context.Background(), &batch.Batch[ingest.DeadLetter]{Events: []*ingest.DeadLetter{{
		Raw: []byte("<13>strange"), Length: 11, Category: errcat.UnknownFormat, Source: "udp",
	}}})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(store.Stats().Letters, "letter")
	sources := []ingest.Source{store.Replay()} // for Config.Sources
	_ = sources
	// Output: 1 letter
}
