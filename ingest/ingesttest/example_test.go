package ingesttest_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
)

// newSource is a source of a pipe, and the end of it that a peer writes to.
func newSource(t testing.TB) (ingest.Source, ingesttest.Send) {
	r, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	send := func(_ context.Context, msgs []string) error {
		_, err := io.WriteString(w, strings.Join(msgs, "\n")+"\n")
		return err
	}
	return ingest.WithName("pipe", ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		defer context.AfterFunc(ctx, func() { r.Close() })()
		err := ingest.FromReader("pipe", r).Run(ctx, out)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	})), send
}

// In a test file of your own:
//
//	func TestConformance(t *testing.T) {
//		ingesttest.Source(t, ingesttest.Config{New: newSource})
//	}
func Example() {}

func TestConformance(t *testing.T) {
	ingesttest.Source(t, ingesttest.Config{New: newSource})
}
