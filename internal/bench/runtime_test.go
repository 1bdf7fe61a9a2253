package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
)

// BenchmarkRuntime says what the pipeline costs beside the core. The core alone is a loop
// that finds the lines, parses each with the pack and encodes the event. The pipeline does
// the same with all that it has: chunks, channels, ledger, acknowledgement; and, as classes,
// with priorities. They take turns over the same bytes in the same run, warm; what is
// reported is the processor time of each, the least of all turns, which other load disturbs
// little:
//
//	go test ./internal/bench -run '^$' -bench Runtime -cpu 1 -benchtime 30x
func BenchmarkRuntime(b *testing.B) {
	for _, c := range corpora {
		b.Run(c.name, func(b *testing.B) { benchRuntime(b, c) })
	}
}

// runtimeRecords is how many records there are, turnReads how often a turn reads them.
const runtimeRecords, turnReads = 2000, 3

func benchRuntime(b *testing.B, c *corpus) {
	p, err := findPack(c)
	if errors.Is(err, errSkip) {
		b.Skip(err)
	} else if err != nil {
		b.Fatal(err)
	}
	lines := c.take(runtimeRecords)
	parser := p.Parser(pack.Options{ECSOnly: true})
	encoder := normalize.NewEncoder(normalize.EncoderOptions{ECSOnly: true})
	runs := []struct {
		name string
		turn func()
	}{
		{"core", coreLoop(b, lines, parser.Worker(), encoder.Worker())},
		{"lines", warmPipeline(b, lines, func(rows func(int)) ingest.Config[parse.Record] {
			return ingest.Config[parse.Record]{Parser: parser, Encoder: encoder, Sink: countedLines(rows)}
		})},
		{"events", warmPipeline(b, lines, func(rows func(int)) ingest.Config[parse.Record] {
			return ingest.Config[parse.Record]{Parser: parser, Encoder: encoder, Sink: batch.SinkFunc[parse.Record](func(_ context.Context, b *batch.Batch[parse.Record]) error {
				io.Discard.Write(b.Lines)
				rows(b.Len())
				return nil
			})}
		})},
		{"classes", warmPipeline(b, lines, func(rows func(int)) ingest.Config[parse.Record] {
			n := 0
			return ingest.Config[parse.Record]{Parser: parser, Encoder: encoder, Sink: countedLines(rows), Priorities: &ingest.Priorities[parse.Record]{
				Classes: []ingest.Class{{}, {}, {}},
				Classify: func(*parse.Message) int { // one message in sixteen is of the first class, half of the rest of each of the others
					if n++; n&15 == 0 {
						return 0
					}
					return 1 + n>>4&1
				},
			}}
		})},
	}
	least := make([]time.Duration, len(runs))
	for i := range b.N + 2 {
		for j := range runs {
			before := cpuTime()
			runs[j].turn()
			if used := cpuTime() - before; i > 1 && (least[j] == 0 || used < least[j]) {
				least[j] = used
			}
		}
	}
	for i := range runs {
		if i > 0 {
			b.ReportMetric(100*(float64(least[i])/float64(least[0])-1), "%-for-"+runs[i].name)
		}
		b.ReportMetric(float64(least[i].Nanoseconds())/(runtimeRecords*turnReads), "ns/"+runs[i].name)
	}
	b.ReportMetric(0, "ns/op")
}

func countedLines(rows func(int)) batch.Sink[parse.Record] {
	return batch.LinesFunc[parse.Record](func(_ context.Context, lines []byte, n int) error {
		io.Discard.Write(lines)
		rows(n)
		return nil
	})
}

// warmPipeline starts a pipeline, and returns what lets it read the lines turnReads times
// and waits until the sink has all of that. The pipeline ends with the benchmark.
func warmPipeline(b *testing.B, lines []byte, config func(rows func(int)) ingest.Config[parse.Record]) func() {
	begin, done := make(chan struct{}), make(chan struct{})
	got := 0
	cfg := config(func(n int) {
		if got += n; got%(runtimeRecords*turnReads) == 0 {
			done <- struct{}{}
		}
	})
	left := 0
	cfg.Workers = 1
	cfg.Sources = []ingest.Source{ingest.Patient(ingest.FromReader("bench", &looped{data: lines, off: len(lines), next: func() bool {
		if left == 0 {
			if _, ok := <-begin; !ok {
				return false
			}
			left = turnReads
		}
		left--
		return true
	}}))}
	pipe, err := ingest.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- pipe.Run(context.Background()) }()
	b.Cleanup(func() {
		close(begin)
		if err := <-ended; err != nil {
			b.Error(err)
		}
		if s := pipe.Stats(); s.Delivered != s.Received || s.Check() != nil {
			b.Errorf("%+v", s.Ledger)
		}
	})
	return func() {
		begin <- struct{}{}
		<-done
	}
}

// coreLoop is what is left of a pipeline when it has no runtime.
func coreLoop(b *testing.B, lines []byte, parser parse.Parser[parse.Record], encoder *normalize.Encoder) func() {
	var events parse.Events[parse.Record]
	buf := make([]byte, 64<<10)
	var out []byte
	return func() {
		n := 0
		r := &looped{data: lines, off: len(lines), next: func() bool { n++; return n <= turnReads }}
		for tail := 0; ; {
			n, err := r.Read(buf[tail:])
			if err != nil {
				return
			}
			rest := buf[:tail+n]
			for {
				n := bytes.IndexByte(rest, '\n')
				if n < 0 {
					break
				}
				m := parse.Message{Raw: rest[:n:n]}
				rest = rest[n+1:]
				events.Reset()
				if err := parser.Parse(&m, &events); err != nil {
					b.Fatal(err)
				}
				for _, e := range events.All() {
					if out, err = encoder.Append(out, e); err != nil {
						b.Fatal(err)
					}
					if out[len(out)-1] != '\n' {
						out = append(out, '\n')
					}
				}
			}
			tail = copy(buf, rest)
			io.Discard.Write(out)
			out = out[:0]
		}
	}
}
