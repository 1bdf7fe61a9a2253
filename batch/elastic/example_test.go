package elastic_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/elastic"
	"github.com/penstock-dev/penstock/parse"
)

func Example() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Print(string(body))
		io.WriteString(w, `{"errors":false}`)
	}))
	defer srv.Close()

	sink, err := elastic.New[parse.Record](elastic.Options{
		URLs: []string{srv.URL}, NoCompression: true,
		Auth: elastic.Auth{Scheme: "ApiKey", Secret: "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="},
	}, elastic.Index{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sink.Close()
	line := []byte(`{"message":"hello","event":{"dataset":"demo"}}` + "\n")
	fmt.Println(sink.Write(context.Background(), &batch.Batch[parse.Record]{Lines: line, Ends: []int32{int32(len(line))}}))
	// Output:
	// {"create":{"_index":"logs-demo-default"}}
	// {"message":"hello","event":{"dataset":"demo"}}
	// <nil>
}
