//go:build unix

package file_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/file"
	"github.com/penstock-dev/penstock/parse"
)

// benchFile writes a file of lines of about n bytes, size in all, which is in the page cache
// then.
func benchFile(b *testing.B, n, size int) string {
	b.Helper()
	var text []byte
	for i := 0; len(text) < size; i++ {
		text = fmt.Appendf(text, "<134>1 2026-11-29T10:00:%02d.%06dZ fw1 asa %d 106023 - Deny tcp src inside:10.0.0.%d/%d dst outside:203.0.113.9/443 ", i%60, i, i%999, i%250, i%65000)
		for pad := n - 120 - i*7%41 + 20; pad > 0; pad -= 8 {
			text = append(text, "[0x0, a]"...)
		}
		text = append(text, '\n')
	}
	path := filepath.Join(b.TempDir(), "bench.log")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// cpu is the processor time of this process, or of its children that have ended.
func cpu(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// chunks reads a file by the source, and gives back the chunks that it sends.
func chunks(b *testing.B, path string) (lines int) {
	src := file.Paths(path)
	p, err := ingest.New(ingest.Config[struct{}]{
		Sources: []ingest.Source{ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
			return src.Run(ctx, out.Through(func(c *ingest.Chunk) error {
				lines += len(c.Msgs)
				out.Discard(c)
				return nil
			}, nil))
		})},
		Parser: parse.ParserFunc[struct{}](func(*parse.Message, *parse.Events[struct{}]) error { return nil }),
		Sink:   batch.SinkFunc[struct{}](func(context.Context, *batch.Batch[struct{}]) error { return nil }),
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Run(context.Background()); err != nil {
		b.Fatal(err)
	}
	return lines
}

// BenchmarkMaxUncommitted says what the bound costs: a follower reads a file of lines of
// about 180 bytes that is in the page cache, without a bound and with several, in turns in one
// run. Reported are lines a second and by how many times the least processor time is that
// without.
//
//	go test ./ingest/file -run '^$' -bench MaxUncommitted -benchtime 10x
func BenchmarkMaxUncommitted(b *testing.B) {
	path := benchFile(b, 180, 16<<20)
	bounds := []int{0, 100_000, 10_000, 1000, 100}
	least, elapsed := make([]time.Duration, len(bounds)), make([]time.Duration, len(bounds))
	lines := 0
	for b.Loop() {
		for i, most := range bounds {
			opts := file.FollowOptions{Include: []string{path}, Checkpoint: filepath.Join(b.TempDir(), "state"), MaxUncommitted: most}
			src, err := file.Follow(opts)
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			rows := 0
			cfg := ingest.Config[struct{}]{
				Sources: []ingest.Source{src}, Workers: 1,
				Parser: parse.ParserFunc[struct{}](func(_ *parse.Message, out *parse.Events[struct{}]) error { out.Add(); return nil }),
				Sink: batch.SinkFunc[struct{}](func(_ context.Context, b *batch.Batch[struct{}]) error {
					if rows += b.Len(); rows == lines {
						cancel()
					}
					return nil
				}),
			}
			if most > 0 && most < 1000 {
				cfg.ChunkMessages = most
			}
			if lines == 0 {
				lines = chunks(b, path)
			}
			p, err := ingest.New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			before, begin := cpu(syscall.RUSAGE_SELF), time.Now()
			if err := p.Run(ctx); err != nil {
				b.Fatal(err)
			}
			used, took := cpu(syscall.RUSAGE_SELF)-before, time.Since(begin)
			if least[i] == 0 || used < least[i] {
				least[i] = used
			}
			if elapsed[i] == 0 || took < elapsed[i] {
				elapsed[i] = took
			}
		}
	}
	for i, most := range bounds {
		b.ReportMetric(float64(lines)/elapsed[i].Seconds()/1e6, fmt.Sprintf("M/s-%d", most))
		b.ReportMetric(float64(least[i])/float64(least[0]), fmt.Sprintf("cpu-x-%d", most))
	}
	b.ReportMetric(0, "ns/op")
}
