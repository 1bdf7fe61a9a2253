package splunk_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/splunk"
	"github.com/penstock-dev/penstock/parse"
)

func Example() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.Header.Get("Authorization"), string(body))
		io.WriteString(w, `{"text":"Success","code":0}`)
	}))
	defer srv.Close()

	sink, err := splunk.New[parse.Record](splunk.Options{
		URLs: []string{srv.URL}, Auth: splunk.Auth{Secret: "12345678-…"}, NoCompression: true,
	}, splunk.Event{SourceType: "_json"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sink.Close()
	line := []byte(`{"@timestamp":"2026-11-29T10:00:00Z","message":"hello"}` + "\n")
	fmt.Println(sink.Write(context.Background(), &batch.Batch[parse.Record]{Lines: line, Ends: []int32{int32(len(line))}}))
	// Output:
	// Splunk 12345678-… {"sourcetype":"_json","time":1795946400.000000000,"event":{"@timestamp":"2026-11-29T10:00:00Z","message":"hello"}}
	// <nil>
}
