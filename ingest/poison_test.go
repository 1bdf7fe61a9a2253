//go:build penstock_poison

package ingest_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
)

// Whoever keeps an event or a line past its batch reads nonsense.
func TestPoison(t *testing.T) {
	var event0, line0 []byte
	cfg := config(batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
		if event0 == nil {
			event0, line0 = b.Events[0].text, b.Line(0)
		}
		return nil
	}), ingest.FromReader("r", strings.NewReader(strings.Repeat("a line\n", 10_000))))
	cfg.Chunks, cfg.ChunkSize = 2, 1<<10
	p := mustNew(t, cfg)
	mustRun(t, p)
	if nonsense := bytes.Repeat([]byte{0xDB}, 6); !bytes.Equal(event0, nonsense) || !bytes.Equal(line0[:6], nonsense) {
		t.Errorf("kept past their batch: event %q, line %q", event0, line0)
	}
}
