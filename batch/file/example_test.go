package file_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/file"
	"github.com/penstock-dev/penstock/parse"
)

func Example() {
	dir, err := os.MkdirTemp("", "events")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	sink, err := file.New[parse.Record](file.Options{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	line := []byte(`{"message":"hello"}` + "\n")
	err = sink.Write(context.Background(), &batch.Batch[parse.Record]{Lines: line, Ends: []int32{int32(len(line))}})
	fmt.Println(err, sink.Close())

	names, _ := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	text, _ := os.ReadFile(names[0])
	fmt.Print(string(text))
	// Output:
	// <nil> <nil>
	// {"message":"hello"}
}
