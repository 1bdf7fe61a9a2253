package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
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
// the same with all that it has: chunks, channels, ledger, acknowledgement; to a sink that
// reads lines, to one that reads events, and, as classes, with priorities. In each round each
// of them has one turn over the same bytes, warm, in an order by chance, and the core two.
// What is reported is the median over the rounds of what a turn took more than those of the
// core in its round, in per cent: by the processor time of the whole process, threads that
// look for work included, and by the clock on the wall. What is reported as again is how far
// the core's second turn was from its first, which is what such a figure is worth:
//
//	go test ./internal/bench -run '^$' -bench Runtime -cpu 1,2 -benchtime 60x
//
// With one processor both are the cost of the runtime. With two the source works on the
// other one, which shortens the time on the wall and takes processor time to wake it.
// Other load changes the time on the wall most.
func BenchmarkRuntime(b *testing.B) {
	for _, c := range corpora {
		b.Run(c.name, func(b *testing.B) { benchRuntime(b, c) })
	}
}

// BenchmarkScaling says what a second worker is good for: in each round one pipeline with
// one worker on one processor and one with two workers on two have a turn over the same
// bytes, warm. What is reported is the median over the rounds of how many times faster the
// second is by the clock, and how much more processor time it takes, in per cent:
//
//	go test ./internal/bench -run '^$' -bench Scaling -benchtime 20x
//
// A turn is ten times as long as one of BenchmarkRuntime, since a system that has other work
// takes some time to give the second worker a processor of its own.
func BenchmarkScaling(b *testing.B) {
	if runtime.NumCPU() < 2 {
		b.Skip("there is one processor")
	}
	for _, c := range corpora {
		b.Run(c.name, func(b *testing.B) { benchScaling(b, c) })
	}
}

func benchScaling(b *testing.B, c *corpus) {
	p, err := findPack(c)
	if errors.Is(err, errSkip) {
		b.Skip(err)
	} else if err != nil {
		b.Fatal(err)
	}
	lines := c.take(runtimeRecords)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var turns [2]func()
	for i := range turns {
		turns[i] = warmPipeline(b, lines, 10*turnReads, func(rows func(int)) ingest.Config[parse.Record] {
			return ingest.Config[parse.Record]{
				Parser: p.Parser(pack.Options{ECSOnly: true}), Encoder: normalize.NewEncoder(normalize.EncoderOptions{ECSOnly: true}),
				Sink: countedLines(rows), Workers: i + 1,
			}
		})
	}
	var rounds [][2]spent
	for i := range b.N + 2 {
		var round [2]spent
		for j := range turns {
			runtime.GOMAXPROCS(j + 1)
			cpu, wall := cpuTime(), time.Now()
			turns[j]()
			round[j] = spent{float64(cpuTime() - cpu), float64(time.Since(wall))}
		}
		if i > 1 { // the first two warm up
			rounds = append(rounds, round)
		}
	}
	b.ReportMetric(medianOf(b.N, func(i int) float64 { return rounds[i][0].wall / rounds[i][1].wall }), "two/one")
	b.ReportMetric(100*(medianOf(b.N, func(i int) float64 { return rounds[i][1].cpu / rounds[i][0].cpu })-1), "more-cpu-%")
	b.ReportMetric(0, "ns/op")
}

// runtimeRecords is how many records there are, turnReads how often a turn reads them.
const runtimeRecords, turnReads = 2000, 3

// spent is what one turn took.
type spent struct{ cpu, wall float64 }

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
		{"again", coreLoop(b, lines, parser.Worker(), encoder.Worker())},
		{"lines", warmPipeline(b, lines, turnReads, func(rows func(int)) ingest.Config[parse.Record] {
			return ingest.Config[parse.Record]{Parser: parser, Encoder: encoder, Sink: countedLines(rows)}
		})},
		{"events", warmPipeline(b, lines, turnReads, func(rows func(int)) ingest.Config[parse.Record] {
			return ingest.Config[parse.Record]{Parser: parser, Encoder: encoder, Sink: batch.SinkFunc[parse.Record](func(_ context.Context, b *batch.Batch[parse.Record]) error {
				io.Discard.Write(b.Lines)
				rows(b.Len())
				return nil
			})}
		})},
		{"classes", warmPipeline(b, lines, turnReads, func(rows func(int)) ingest.Config[parse.Record] {
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
	turns := make([][]spent, len(runs))
	chance := rand.New(rand.NewPCG(1, 2))
	for i := range b.N + 2 {
		for _, j := range chance.Perm(len(runs)) {
			cpu, wall := cpuTime(), time.Now()
			runs[j].turn()
			if i > 1 { // the first two warm up
				turns[j] = append(turns[j], spent{float64(cpuTime() - cpu), float64(time.Since(wall))})
			}
		}
	}
	more := func(turn []spent, base func(i int) spent) (cpu, wall float64) {
		cpu = medianOf(b.N, func(i int) float64 { return turn[i].cpu / base(i).cpu })
		wall = medianOf(b.N, func(i int) float64 { return turn[i].wall / base(i).wall })
		return 100 * (cpu - 1), 100 * (wall - 1)
	}
	first, again := turns[0], turns[1]
	both := func(i int) spent {
		return spent{(first[i].cpu + again[i].cpu) / 2, (first[i].wall + again[i].wall) / 2}
	}
	b.ReportMetric(medianOf(b.N, func(i int) float64 { return both(i).cpu })/(runtimeRecords*turnReads), "core-ns/event")
	for j, r := range runs[1:] {
		base := both
		if j == 0 {
			base = func(i int) spent { return first[i] }
		}
		cpu, wall := more(turns[j+1], base)
		b.ReportMetric(cpu, r.name+"-cpu-%")
		b.ReportMetric(wall, r.name+"-wall-%")
	}
	b.ReportMetric(0, "ns/op")
}

// medianOf is the median of the values for 0 to n-1.
func medianOf(n int, value func(i int) float64) float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = value(i)
	}
	return median(v)
}

func countedLines(rows func(int)) batch.Sink[parse.Record] {
	return batch.LinesFunc[parse.Record](func(_ context.Context, lines []byte, n int) error {
		io.Discard.Write(lines)
		rows(n)
		return nil
	})
}

// warmPipeline starts a pipeline, and returns what lets it read the lines reads times and
// waits until the sink has all of that. The pipeline ends with the benchmark.
func warmPipeline(b *testing.B, lines []byte, reads int, config func(rows func(int)) ingest.Config[parse.Record]) func() {
	begin, done := make(chan struct{}), make(chan struct{})
	got := 0
	cfg := config(func(n int) {
		if got += n; got%(runtimeRecords*reads) == 0 {
			done <- struct{}{}
		}
	})
	left := 0
	if cfg.Workers == 0 {
		cfg.Workers = 1
	}
	cfg.Sources = []ingest.Source{ingest.Patient(ingest.FromReader("bench", &looped{data: lines, off: len(lines), next: func() bool {
		if left == 0 {
			if _, ok := <-begin; !ok {
				return false
			}
			left = reads
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
