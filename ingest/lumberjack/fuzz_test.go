package lumberjack

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/penstock-dev/penstock/ingest"
)

func FuzzWindow(f *testing.F) {
	f.Add([]byte("2W\x00\x00\x00\x012J\x00\x00\x00\x01\x00\x00\x00\x02{}"))
	f.Add([]byte("2W\x00\x00\x00\x012C\x00\x00\x00\x08\x78\x9c\x03\x00\x00\x00\x00\x01"))
	f.Add([]byte("2W\xff\xff\xff\xff"))
	opts := Options{MaxWindow: 100, MaxInflated: 10_000}
	f.Fuzz(func(t *testing.T, in []byte) {
		w := window{opts: &opts, limits: ingest.Limits{MaxMessage: 1000, KeepOversize: 100}, r: bufio.NewReader(bytes.NewReader(in))}
		for w.read() == nil {
			if len(w.ends) > 100 || len(w.text) > 10_000 {
				t.Fatalf("%d events, %d bytes", len(w.ends), len(w.text))
			}
			w.reset()
		}
	})
}
