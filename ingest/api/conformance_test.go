package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/api"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
)

// An interface whose cursor is a number of events.
const numbered = `
name: numbered
params: {base: }
base: "{base}"
request: {path: /events}
items: events
page: {cursor: next, into: after, more: more, keep: cursor}
interval: 1s
`

func TestConformance(t *testing.T) {
	def, err := api.ParseDefinition("numbered", []byte(numbered))
	if err != nil {
		t.Fatal(err)
	}
	text := func(message string) string {
		var e struct{ Message string }
		json.Unmarshal([]byte(message), &e)
		return e.Message
	}
	ingesttest.Source(t, ingesttest.Config{Streams: true, NoOffsets: true, Text: text, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
		var mu sync.Mutex
		var events []map[string]string
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			from, _ := strconv.Atoi(r.URL.Query().Get("after"))
			from = min(from, len(events))
			to := min(from+100, len(events))
			json.NewEncoder(w).Encode(map[string]any{"next": strconv.Itoa(to), "more": to < len(events), "events": events[from:to]})
		}))
		t.Cleanup(s.Close)
		src, err := api.New(api.Options{Endpoints: []api.Endpoint{{Definition: def, Params: map[string]string{"base": s.URL}}}, AllowPrivate: true})
		if err != nil {
			t.Fatal(err)
		}
		return src, func(_ context.Context, msgs []string) error {
			mu.Lock()
			defer mu.Unlock()
			for _, m := range msgs {
				events = append(events, map[string]string{"message": m})
			}
			return nil
		}
	}})
}
