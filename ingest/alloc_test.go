package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// Ten times the events allocate no more than the same number of events once did: in
// steady state there is none for an event.
func TestSteadyStateAllocations(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("counts allocations over many events")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	in := benchInput()
	bad := bytes.ReplaceAll(in, []byte("srcip"), []byte("SRCIP"))
	lines := batch.NewWriter[parse.Record](io.Discard)
	failed := errcat.New(errcat.SchemaViolation, errcat.StageParse, "no")
	parser := parse.ParserFunc[parse.Record](func(m *parse.Message, out *parse.Events[parse.Record]) error {
		if m.Raw[0] == 'S' {
			return failed
		}
		return parseKV(m, out)
	})
	for name, c := range map[string]struct {
		in   []byte
		sink batch.Sink[parse.Record]
		set  func(*ingest.Config[parse.Record])
	}{
		"lines":  {in, lines, func(*ingest.Config[parse.Record]) {}},
		"events": {in, batch.SinkFunc[parse.Record](func(context.Context, *batch.Batch[parse.Record]) error { return nil }), func(*ingest.Config[parse.Record]) {}},
		"dead letters": {bad, lines, func(c *ingest.Config[parse.Record]) {
			c.DeadLetters = batch.SinkFunc[ingest.DeadLetter](func(context.Context, *batch.Batch[ingest.DeadLetter]) error { return nil })
		}},
		"inline dead letters": {bad, lines, func(c *ingest.Config[parse.Record]) {
			c.InlineDeadLetters = func(dst []byte, d *ingest.DeadLetter) []byte {
				return append(append(dst, d.Category.String()...), d.Raw...)
			}
		}},
	} {
		run := func(times int) (mallocs, events uint64) {
			n := 0
			cfg := ingest.Config[parse.Record]{
				Sources: []ingest.Source{ingest.FromReader("r", &repeat{c.in, len(c.in), func() bool { n++; return n <= times }})},
				Parser:  parser, Encoder: normalize.NewEncoder(normalize.EncoderOptions{}), Workers: 1, ChunkSize: 8 << 10,
				Outputs: []ingest.Output[parse.Record]{{Sink: c.sink, QueueBatches: 1}}, // few batches, soon all of them used
			}
			c.set(&cfg)
			p := mustNew(t, cfg)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := p.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			s := p.Stats()
			return after.Mallocs - before.Mallocs, uint64(s.Delivered + s.DeadLettered)
		}
		once, n := run(4)
		more, m := run(14)
		perEvent := (float64(more) - float64(once)) / float64(m-n)
		t.Logf("%s: %d allocations for %d events, %d for %d: %.5f an event", name, once, n, more, m, perEvent)
		if perEvent > 0.002 { // a chunk of 370 events may still have something once in a while
			t.Errorf("%s: %.4f allocations an event", name, perEvent)
		}
	}
}

// The pool forgets what one large message made it grow, and events that nobody needs.
func TestPoolsForget(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("moves 90 MB")
	}
	var in bytes.Buffer
	for i := range 200 {
		if i%2 == 0 {
			in.Write(bytes.Repeat([]byte("x"), 900<<10))
		}
		fmt.Fprintf(&in, "%d\n", i)
	}
	p := mustNew(t, ingest.Config[parse.Record]{
		Sources: []ingest.Source{ingest.FromReader("r", &in)},
		Parser: parse.ParserFunc[parse.Record](func(m *parse.Message, out *parse.Events[parse.Record]) error {
			out.Add().Set(ecs.Message, parse.BytesValue(m.Raw))
			return nil
		}),
		Encoder: normalize.NewEncoder(normalize.EncoderOptions{}),
		Sink:    batch.SinkFunc[parse.Record](func(context.Context, *batch.Batch[parse.Record]) error { return nil }),
	})
	mustRun(t, p)
	runtime.GC()
	in = bytes.Buffer{}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 64<<20 {
		t.Errorf("the heap holds %d MB after large messages", m.HeapAlloc>>20)
	}
	runtime.KeepAlive(p)
}
