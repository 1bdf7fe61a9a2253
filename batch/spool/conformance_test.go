package spool_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
)

// A spooled sink in front of one that conforms conforms.
func TestSinkConformance(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{New: func(t testing.TB) *batchtest.Destination {
		var mu sync.Mutex
		var out bytes.Buffer
		inner := batch.LinesFunc[batchtest.Event](func(_ context.Context, lines []byte, _ int) error {
			mu.Lock()
			defer mu.Unlock()
			out.Write(lines)
			return nil
		})
		s, err := spool.NewSink[batchtest.Event](inner, spool.Options{Dir: "/s", FS: memfs.New()})
		if err != nil {
			t.Fatal(err)
		}
		return &batchtest.Destination{
			Sink: s, Close: s.Close,
			Received: func() (messages []string) {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				s.Drain(ctx) // closed already, or empty in the end
				mu.Lock()
				defer mu.Unlock()
				for line := range strings.Lines(out.String()) {
					var event struct{ Message string }
					if json.Unmarshal([]byte(line), &event) == nil {
						messages = append(messages, event.Message)
					}
				}
				return messages
			},
		}
	}})
}
