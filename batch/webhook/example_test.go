package webhook_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/webhook"
	"github.com/penstock-dev/penstock/parse"
)

func Example() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(string(body))
	}))
	defer srv.Close()

	sink, err := webhook.New[parse.Record](webhook.Options{URLs: []string{srv.URL}, NoCompression: true}, webhook.Form{
		Event: `{"text":"{{.event.action}} from {{.source.ip}}"}`, Single: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sink.Close()
	line := []byte(`{"event":{"action":"\"login\""},"source":{"ip":"203.0.113.9"}}` + "\n")
	fmt.Println(sink.Write(context.Background(), &batch.Batch[parse.Record]{Lines: line, Ends: []int32{int32(len(line))}}))
	// Output:
	// {"text":"\"login\" from 203.0.113.9"}
	// <nil>
}
