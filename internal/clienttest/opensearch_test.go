package clienttest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opensearch-project/opensearch-go/v4"
	"github.com/opensearch-project/opensearch-go/v4/opensearchapi"
	"github.com/opensearch-project/opensearch-go/v4/opensearchutil"

	"github.com/penstock-dev/penstock/ingest/elastic"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
)

// The bulk indexer of the official Go client.
func TestOpenSearchBulkIndexer(t *testing.T) {
	s, err := elastic.Listen(elastic.ServerOptions{Address: "127.0.0.1:0", Tokens: []string{"user:secret-1"}}, elastic.Options{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := opensearchapi.NewClient(opensearchapi.Config{Client: opensearch.Config{
		Addresses: []string{"http://" + s.Addr().String()}, Username: "user", Password: "secret-1", Transport: &http.Transport{DisableKeepAlives: true}, CompressRequestBody: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := ingesttest.Start(t, s) // after the client, which leaves goroutines of its own
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	indexer, err := opensearchutil.NewBulkIndexer(opensearchutil.BulkIndexerConfig{Client: client, Index: "logs", NumWorkers: 2, FlushBytes: 10_000, Context: ctx})
	if err != nil {
		t.Fatal(err)
	}
	const n = 500
	var done, failed atomic.Int64
	for i := range n {
		err := indexer.Add(ctx, opensearchutil.BulkIndexerItem{
			Action: "create", DocumentID: fmt.Sprint(i), Body: strings.NewReader(fmt.Sprintf(`{"message":"event %d"}`, i)),
			OnSuccess: func(context.Context, opensearchutil.BulkIndexerItem, opensearchapi.BulkRespItem) { done.Add(1) },
			OnFailure: func(_ context.Context, _ opensearchutil.BulkIndexerItem, r opensearchapi.BulkRespItem, err error) {
				failed.Add(1)
				t.Errorf("%+v %v", r, err)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := indexer.Close(ctx); err != nil {
		t.Error(err)
	}
	if done.Load() != n || failed.Load() != 0 {
		t.Errorf("%d items are done, %d failed", done.Load(), failed.Load())
	}
	seen := map[string]bool{}
	for _, m := range p.Wait(n) {
		seen[text(m.Text)] = true
	}
	if len(seen) != n {
		t.Errorf("%d documents", len(seen))
	}
	if st := s.Stats(); st.Unauthorized != 0 {
		t.Errorf("%+v", st)
	}
}
