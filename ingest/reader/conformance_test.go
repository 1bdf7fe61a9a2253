package reader_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/reader"
)

func TestConformance(t *testing.T) {
	ingesttest.Source(t, ingesttest.Config{Ends: true, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
		var in bytes.Buffer
		return reader.New(&in, reader.Options{}), func(_ context.Context, msgs []string) error {
			in.WriteString(strings.Join(msgs, "\n") + "\n")
			return nil
		}
	}})
}
