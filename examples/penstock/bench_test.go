package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"
)

// BenchmarkParse runs the whole path over the file in PENSTOCK_CORPUS with the pack in
// PENSTOCK_PACK, on one worker.
//
//	PENSTOCK_CORPUS=asa.log PENSTOCK_PACK=cisco.asa go test -run - -bench Parse ./examples/penstock
func BenchmarkParse(b *testing.B) {
	path := os.Getenv("PENSTOCK_CORPUS")
	if path == "" {
		b.Skip("PENSTOCK_CORPUS is not set")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		args := []string{"parse", "-p", os.Getenv("PENSTOCK_PACK"), "-fields", "ecs", "-workers", "1"}
		if code := run(context.Background(), args, stdio{bytes.NewReader(data), io.Discard, io.Discard}); code != 0 {
			b.Fatal(code)
		}
	}
}
