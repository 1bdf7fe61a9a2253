package clienttest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/elastic/go-elasticsearch/v7/esutil"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/elastic"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
)

// The bulk indexer of Elastic's own Go client. It is of version 7, whose packages compile in
// seconds; 8 and 9 have the same indexer, and take minutes. The client talks to nobody
// who does not say that it is Elasticsearch, and reads the verdict on each item.
func TestElasticsearchBulkIndexer(t *testing.T) {
	s, err := elastic.Listen(elastic.ServerOptions{Address: "127.0.0.1:0", Tokens: []string{"user:secret-1"}}, elastic.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := ingesttest.Start(t, s)
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses: []string{"http://" + s.Addr().String()}, Username: "user", Password: "secret-1", Transport: &http.Transport{DisableKeepAlives: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	send := func(from, n int) (done, later int64) {
		t.Helper()
		ctx := context.Background()
		indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{Client: client, Index: "logs", NumWorkers: 2, FlushBytes: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		var ok, busy atomic.Int64
		for i := from; i < from+n; i++ {
			err := indexer.Add(ctx, esutil.BulkIndexerItem{
				Action: "create", DocumentID: fmt.Sprint(i), Body: strings.NewReader(fmt.Sprintf(`{"message":"event %d"}`, i)),
				OnSuccess: func(context.Context, esutil.BulkIndexerItem, esutil.BulkIndexerResponseItem) { ok.Add(1) },
				OnFailure: func(_ context.Context, _ esutil.BulkIndexerItem, r esutil.BulkIndexerResponseItem, err error) {
					if r.Status != http.StatusTooManyRequests || r.Error.Type == "" {
						t.Errorf("an item has failed: %+v %v", r, err)
					}
					busy.Add(1)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := indexer.Close(ctx); err != nil {
			t.Error(err)
		}
		return ok.Load(), busy.Load()
	}
	const n = 500
	p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
	if done, later := send(0, 100); done != 0 || later != 100 {
		t.Errorf("while nothing is taken %d items are done, %d to be sent later", done, later)
	}
	p.Fail(nil)
	if done, later := send(0, n); done != n || later != 0 {
		t.Errorf("%d items are done, %d to be sent later", done, later)
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
