//go:build unix

package ingest_test

import (
	"bytes"
	"context"
	"io"
	"syscall"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

// turns is how often the 4 MiB of input are read in one turn.
const turns = 4

func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOverheadCPU runs the bare loop and the pipeline in turns and reports the
// processor time of each, the least of all turns, which other load disturbs little. On
// more than one processor the time includes threads that look for work:
//
//	go test ./ingest -run '^$' -bench OverheadCPU -cpu 1 -benchtime 60x
//
// The parser is far faster than any pack, so that what the pipeline adds shows; each turn
// starts a pipeline of its own, whose memory is new to it. On a shared, busy two-core Xeon 510
// to 540 ns an event bare; lines 20 to 29 % more, events 31 to 38 % more, lines in three mixed
// classes 23 to 33 % more. BenchmarkRuntime of internal/bench compares with the packs, in
// pipelines that are warm.
func BenchmarkOverheadCPU(b *testing.B) {
	in := benchInput()
	enc := normalize.NewEncoder(normalize.EncoderOptions{})
	reader := func() io.Reader {
		n := 0
		return &repeat{in, len(in), func() bool { n++; return n <= turns }}
	}
	bare := func() {
		var events parse.Events[parse.Record]
		lines := make([]byte, 0, 1<<20)
		buf := make([]byte, 64<<10)
		r := reader()
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
				m := parse.Message{Raw: rest[:n]}
				rest = rest[n+1:]
				events.Reset()
				if err := parseKV(&m, &events); err != nil {
					b.Fatal(err)
				}
				for _, e := range events.All() {
					lines, _ = enc.Append(lines, e)
					lines = append(lines, '\n')
				}
			}
			tail = copy(buf, rest)
			io.Discard.Write(lines)
			lines = lines[:0]
		}
	}
	piped := func(sink batch.Sink[parse.Record], classes bool) func() {
		return func() {
			cfg := ingest.Config[parse.Record]{
				Sources: []ingest.Source{ingest.FromReader("bench", reader())},
				Parser:  parse.ParserFunc[parse.Record](parseKV), Encoder: enc, Sink: sink, Workers: 1, Ordered: !classes,
			}
			if classes { // one message in sixteen is of the first class, half of the rest of each of the others
				cfg.Sources[0] = ingest.Patient(cfg.Sources[0])
				cfg.Priorities = &ingest.Priorities[parse.Record]{
					Classes: []ingest.Class{{}, {}, {}},
					Classify: func(m *parse.Message) int {
						if m.Offset&15 == 0 {
							return 0
						}
						return 1 + int(m.Offset>>4&1)
					},
				}
			}
			p := mustNew(b, cfg)
			if err := p.Run(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	}
	names := []string{"bare", "lines", "events", "classes"}
	least := make([]float64, len(names))
	lines := batch.NewWriter[parse.Record](io.Discard)
	for range b.N {
		for i, run := range []func(){bare, piped(lines, false),
			piped(batch.SinkFunc[parse.Record](func(context.Context, *batch.Batch[parse.Record]) error { return nil }), false), piped(lines, true)} {
			before := cpu()
			run()
			if used := cpu() - before; least[i] == 0 || used < least[i] {
				least[i] = used
			}
		}
	}
	events := float64(turns * bytes.Count(in, []byte("\n")))
	for i, name := range names {
		b.ReportMetric(least[i]/events, name+"-cpu-ns/event")
	}
	b.ReportMetric(least[1]/least[0], "lines/bare")
	b.ReportMetric(least[2]/least[0], "events/bare")
	b.ReportMetric(least[3]/least[0], "classes/bare")
	b.ReportMetric(0, "ns/op")
}
