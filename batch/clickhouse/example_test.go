package clickhouse_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/clickhouse"
	"github.com/penstock-dev/penstock/parse"
)

func Example() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.URL.Query().Get("query"))
		fmt.Print(string(body))
	}))
	defer srv.Close()

	sink, err := clickhouse.New[parse.Record](clickhouse.Options{URLs: []string{srv.URL}, NoCompression: true}, clickhouse.Table{Database: "logs", Name: "events"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sink.Close()
	line := []byte(`{"message":"hello"}` + "\n")
	fmt.Println(sink.Write(context.Background(), &batch.Batch[parse.Record]{Lines: line, Ends: []int32{int32(len(line))}}))
	// Output:
	// INSERT INTO `logs`.`events` FORMAT JSONEachRow
	// {"message":"hello"}
	// <nil>
}
