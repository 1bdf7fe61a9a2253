package diskqueue

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Appending with a group fsync, as a share of what the same disk takes as one
// sequential file synced at the same intervals, measured in the same run:
//
//	go test ./internal/diskqueue -run xxx -bench AppendSynced
func BenchmarkAppendSynced(b *testing.B) {
	for _, size := range []int{300, 4096} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			const group = 1 << 20
			n := group / size
			entry := make([]byte, size)
			q, err := Open(Options{Dir: filepath.Join(b.TempDir(), "q"), MaxBytes: 64 << 30, SegmentBytes: 64 << 20})
			if err != nil {
				b.Fatal(err)
			}
			defer q.Close()
			f, err := os.Create(filepath.Join(b.TempDir(), "plain"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			plain := make([]byte, n*size)
			var ours, disk time.Duration
			b.SetBytes(int64(n * size))
			for b.Loop() {
				t0 := time.Now()
				if _, err := q.Append(b.Context(), n, func(int) []byte { return entry }); err != nil {
					b.Fatal(err)
				}
				t1 := time.Now()
				if _, err := f.Write(plain); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
				ours, disk = ours+t1.Sub(t0), disk+time.Since(t1)
			}
			b.ReportMetric(100*disk.Seconds()/ours.Seconds(), "%disk")
			b.ReportMetric(float64(b.N*n)/ours.Seconds(), "entries/s")
		})
	}
}

// Appending and reading small entries without fsync: entries a second.
//
//	go test ./internal/diskqueue -run xxx -bench Small
func BenchmarkSmall(b *testing.B) {
	const n = 1000
	entry := make([]byte, 100)
	open := func(b *testing.B) *Queue {
		q, err := Open(Options{Dir: filepath.Join(b.TempDir(), "q"), MaxBytes: 64 << 30, SegmentBytes: 64 << 20, Sync: SyncNever})
		if err != nil {
			b.Fatal(err)
		}
		return q
	}
	b.Run("append", func(b *testing.B) {
		q := open(b)
		defer q.Close()
		b.SetBytes(n * 100)
		b.ReportAllocs()
		var took time.Duration
		for b.Loop() {
			t := time.Now()
			if _, err := q.Append(b.Context(), n, func(int) []byte { return entry }); err != nil {
				b.Fatal(err)
			}
			took += time.Since(t)
		}
		b.ReportMetric(float64(b.N*n)/took.Seconds(), "entries/s")
	})
	b.Run("append, read and commit", func(b *testing.B) {
		q := open(b)
		defer q.Close()
		b.SetBytes(n * 100)
		b.ReportAllocs()
		var batch Batch
		for b.Loop() {
			if _, err := q.Append(b.Context(), n, func(int) []byte { return entry }); err != nil {
				b.Fatal(err)
			}
			for read := 0; read < n; read += batch.Len() {
				if err := q.Read(b.Context(), &batch, n, 1<<20); err != nil {
					b.Fatal(err)
				}
				q.Commit(batch.Next)
			}
		}
		b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "entries/s")
	})
}
