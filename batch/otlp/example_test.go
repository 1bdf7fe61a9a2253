package otlp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/otlp"
	"github.com/penstock-dev/penstock/parse"
)

func Example() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.URL.Path, r.Header.Get("Content-Type"))
	}))
	defer srv.Close()

	sink, err := otlp.New[parse.Record](otlp.Options{URLs: []string{srv.URL}}, otlp.Resource{Fields: map[string]string{"event.dataset": "event.dataset"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sink.Close()
	line := []byte(`{"message":"hello"}` + "\n")
	fmt.Println(sink.Write(context.Background(), &batch.Batch[parse.Record]{Lines: line, Ends: []int32{int32(len(line))}}))
	// Output:
	// /v1/logs application/x-protobuf
	// <nil>
}
