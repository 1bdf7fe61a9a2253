package loki_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/loki"
	"github.com/penstock-dev/penstock/parse"
)

func Example() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(string(body))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer srv.Close()

	sink, err := loki.New[parse.Record](loki.Options{URLs: []string{srv.URL}, NoCompression: true}, loki.Stream{
		Labels: map[string]string{"job": "penstock"}, Fields: map[string]string{"host": "host.name"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sink.Close()
	line := []byte(`{"@timestamp":"2026-11-29T10:00:00Z","host":{"name":"fw1"}}` + "\n")
	fmt.Println(sink.Write(context.Background(), &batch.Batch[parse.Record]{Lines: line, Ends: []int32{int32(len(line))}}))
	// Output:
	// {"streams":[{"stream":{"job":"penstock","host":"fw1"},"values":[["1795946400000000000","{\"@timestamp\":\"2026-11-29T10:00:00Z\",\"host\":{\"name\":\"fw1\"}}"]]}]}
	// <nil>
}
