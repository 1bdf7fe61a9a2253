package file_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/file"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
)

func appendLines(path string) ingesttest.Send {
	return func(_ context.Context, msgs []string) error {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(strings.Join(msgs, "\n") + "\n")
		return err
	}
}

func TestSourceConformance(t *testing.T) {
	ingesttest.Source(t, ingesttest.Config{Ends: true, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
		path := write(t, t.TempDir(), "a.log", "")
		return file.Paths(path), appendLines(path)
	}})
}

func TestFollowerConformance(t *testing.T) {
	ingesttest.Source(t, ingesttest.Config{Streams: true, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
		dir := t.TempDir()
		f, err := file.Follow(fast(dir))
		if err != nil {
			t.Fatal(err)
		}
		return f, appendLines(filepath.Join(dir, "a.log"))
	}})
}
