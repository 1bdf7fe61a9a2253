package spool_test

import (
	"context"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/spool"
)

// Small rows through a spooled sink, in and out, without fsync: rows a second.
//
//	go test ./batch/spool -run xxx -bench Sink
func BenchmarkSink(b *testing.B) {
	s, err := spool.NewSink[event](batch.LinesFunc[event](func(context.Context, []byte, int) error { return nil }),
		spool.Options{Dir: b.TempDir() + "/s", Sync: spool.SyncNever, BatchRows: 10_000, MaxBytes: 8 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	rows := &batch.Batch[event]{}
	for range 1000 {
		rows.Lines = append(rows.Lines, make([]byte, 99)...)
		rows.Lines = append(rows.Lines, '\n')
		rows.Ends = append(rows.Ends, int32(len(rows.Lines)))
	}
	b.SetBytes(int64(len(rows.Lines)))
	b.ReportAllocs()
	begin := time.Now()
	for b.Loop() {
		if err := s.Write(b.Context(), rows); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Drain(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N*rows.Len())/time.Since(begin).Seconds(), "rows/s")
}
