package spool_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
	"github.com/penstock-dev/penstock/parse"
)

func TestConformance(t *testing.T) {
	ingesttest.Source(t, ingesttest.Config{
		New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
			b, err := spool.NewBuffer(spool.Options{Dir: "/b", FS: memfs.New()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { b.Close() })
			// An inner source that never ends and brings nothing.
			idle := ingest.WithName("test", ingest.SourceFunc(func(ctx context.Context, _ *ingest.Emit) error { <-ctx.Done(); return nil }))
			offset := int64(0)
			return b.Source(idle), func(ctx context.Context, msgs []string) error {
				var all []parse.Message
				for _, m := range msgs {
					all = append(all, parse.Message{Raw: []byte(m), Origin: &parse.Origin{Source: "test"}, Offset: offset})
					offset++
				}
				_, err := b.Put(ctx, all...)
				return err
			}
		},
	})
}

// A source in front of a buffer ends at once, whatever the sink does, and nothing is
// lost when the pipeline is stopped in the middle.
func TestBufferSurvivesItsPipeline(t *testing.T) {
	m := memfs.New()
	opts := spool.Options{Dir: "/b", FS: m, BatchRows: 10}
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "message %d\n", i)
	}
	text.WriteString(strings.Repeat("y", 3000) + "\n") // longer than MaxMessage
	got := map[string]int{}
	var oversize atomic.Int64
	run := func(ctx context.Context, src ingest.Source, stopAfter int, cancel func()) error {
		p, err := ingest.New(ingest.Config[event]{
			Sources: []ingest.Source{src}, MaxMessage: 2000, KeepOversize: 100, ShutdownTimeout: -1,
			Parser: parse.ParserFunc[event](func(_ *parse.Message, out *parse.Events[event]) error { out.Add(); return nil }),
			Sink: batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
				for i := range b.Len() {
					m := b.Message(i)
					if m.Origin == nil || m.Origin.Source != "lines" {
						t.Errorf("origin %+v", m.Origin)
					}
					got[string(m.Raw)]++
				}
				if len(got) >= stopAfter {
					cancel()
				}
				return nil
			}),
			DeadLetters: batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
				if d.Category != errcat.Oversize || d.Length != 3001 && d.Length != 3000 || len(d.Raw) != 100 {
					t.Errorf("letter %+v", d)
				}
				oversize.Add(1)
				return nil
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		err = p.Run(ctx)
		s := p.Stats()
		if check := s.Check(); check != nil {
			t.Error(check)
		}
		return err
	}
	b, err := spool.NewBuffer(opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	run(ctx, b.Source(ingest.FromReader("lines", strings.NewReader(text.String()))), 300, cancel)
	cancel()
	stored := b.Stats().Appended
	b.Close()
	if b, err = spool.NewBuffer(opts); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := run(ctx, b.Source(nil), 1<<30, cancel); err != nil {
		t.Error(err)
	}
	if uint64(len(got))+uint64(oversize.Load()) < stored {
		t.Errorf("%d messages and %d dead letters of %d that were stored", len(got), oversize.Load(), stored)
	}
	twice := 0
	for _, n := range got {
		twice += n - 1
	}
	if twice > 600 {
		t.Errorf("%d messages came twice", twice)
	}
}

// What the pipeline does not deliver is emitted again.
func TestBufferEmitsAgain(t *testing.T) {
	b, err := spool.NewBuffer(spool.Options{Dir: "/b", FS: memfs.New()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for i := range 100 {
		if _, err := b.Put(t.Context(), parse.Message{Raw: fmt.Appendf(nil, "m%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	calls := 0
	got := map[string]int{}
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{b.Source(nil)}, ChunkMessages: 10,
		Parser: parse.ParserFunc[event](func(_ *parse.Message, out *parse.Events[event]) error { out.Add(); return nil }),
		Sink: batch.SinkFunc[event](func(_ context.Context, rows *batch.Batch[event]) error {
			if calls++; calls == 3 {
				return errcat.SinkRejected
			}
			for i := range rows.Len() {
				got[string(rows.Message(i).Raw)]++
			}
			return nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Run(t.Context())
	if len(got) != 100 {
		t.Errorf("%d of 100 messages were delivered in the end", len(got))
	}
	for deadline := time.Now().Add(5 * time.Second); b.Stats().Entries > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", b.Stats())
		}
	}
}
