package ingest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
)

// A source that found no free chunk in the time of its own context goes on, and gets
// one later.
func TestChunkContext(t *testing.T) {
	hold := make(chan struct{})
	src := ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		var held []*ingest.Chunk
		for {
			short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			c, err := out.ChunkContext(short)
			cancel()
			if err != nil {
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("without a free chunk: %v", err)
				}
				break
			}
			held = append(held, c)
		}
		if len(held) == 0 {
			t.Error("no chunk at all")
		}
		for _, c := range held {
			out.Discard(c)
		}
		c, err := out.ChunkContext(ctx)
		if err != nil {
			return err
		}
		out.Discard(c)
		close(hold)
		return nil
	})
	p := mustNew(t, ingest.Config[event]{Sources: []ingest.Source{src}, Parser: rawParser, Sink: batch.SinkFunc[event](
		func(context.Context, *batch.Batch[event]) error { return nil })})
	mustRun(t, p)
	<-hold
}
