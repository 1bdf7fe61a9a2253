package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// A stream that is read as it grows gives the same messages at the same offsets as one that
// is read at once.
func TestCopierAgreesWithCopy(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var text strings.Builder
		for range rnd.IntN(60) {
			text.WriteString(strings.Repeat("x", rnd.IntN(30)))
			if rnd.IntN(10) == 0 {
				text.WriteString(strings.Repeat("long", 1000))
			}
			text.WriteString([]string{"\n", "\r\n", "\n\n", ""}[rnd.IntN(4)])
		}
		whole := copied(t, func(ctx context.Context, out *ingest.Emit) error {
			_, err := ingest.Stream{Offset: 7}.Copy(ctx, strings.NewReader(text.String()), out)
			return err
		})
		grown := copied(t, func(ctx context.Context, out *ingest.Emit) error {
			c := ingest.Stream{Offset: 7}.Grow(out)
			read := int64(7)
			for rest := text.String(); rest != ""; {
				n := 1 + rnd.IntN(min(len(rest), 1+rnd.IntN(5000)))
				if err := c.More(ctx, strings.NewReader(rest[:n])); err != nil {
					return err
				}
				rest = rest[n:]
				read += int64(n)
				if at, held := c.Position(); at+held != read {
					return fmt.Errorf("at %d with %d held after %d bytes", at, held, read)
				}
			}
			return c.End()
		})
		if whole != grown {
			t.Fatalf("seed %d: at once\n%q\nas it grows\n%q", seed, whole, grown)
		}
	}
}

func copied(t *testing.T, run func(context.Context, *ingest.Emit) error) string {
	t.Helper()
	var out, dead bytes.Buffer
	p, err := ingest.New(ingest.Config[struct{}]{
		Sources: []ingest.Source{ingest.SourceFunc(run)},
		Parser: parse.ParserFunc[struct{}](func(m *parse.Message, e *parse.Events[struct{}]) error {
			e.Add()
			return nil
		}),
		Sink: batch.SinkFunc[struct{}](func(_ context.Context, b *batch.Batch[struct{}]) error {
			for i := range b.Len() {
				m := b.Message(i)
				fmt.Fprintf(&out, "%d:%s|", m.Offset, m.Raw)
			}
			return nil
		}),
		DeadLetters: batch.SinkFunc[ingest.DeadLetter](func(_ context.Context, b *batch.Batch[ingest.DeadLetter]) error {
			for _, d := range b.Events {
				fmt.Fprintf(&dead, "dead %d %d %s:%s|", d.Offset, d.Length, d.Category, d.Raw)
			}
			return nil
		}),
		Workers: 1, ChunkSize: 1 << 10, MaxMessage: 3000, KeepOversize: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background()); err != nil {
		t.Error(err)
	}
	s := p.Stats()
	if err := s.Check(); err != nil || s.InFlight != 0 {
		t.Errorf("%v, %+v", err, s.Ledger)
	}
	return out.String() + dead.String()
}
