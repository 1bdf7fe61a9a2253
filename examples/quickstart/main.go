// Command quickstart runs a pipeline over a few lines of mixed devices, some of them
// broken, and prints what became of each: events, dead letters by category, the ledger.
// It needs no argument and no service.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/vendors"
	"github.com/penstock-dev/penstock/validate"
)

//go:embed samples.log
var samples []byte

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	packs, err := vendors.Packs()
	if err != nil {
		return err
	}
	// Times without a year are read as those of the samples.
	now := func() time.Time { return time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC) }
	auto, err := packs.Auto(pack.Options{Now: now})
	if err != nil {
		return err
	}

	fmt.Fprintf(out, "%d raw lines in; the events that they hold:\n\n", bytes.Count(samples, []byte("\n")))
	var lines bytes.Buffer
	var dead []string
	p, err := ingest.New(ingest.Config[parse.Record]{
		Sources:   []ingest.Source{ingest.FromReader("samples.log", bytes.NewReader(samples))},
		Parser:    auto,
		Validator: validate.ECS(),
		Encoder:   normalize.NewEncoder(normalize.EncoderOptions{ECSOnly: true}),
		Sink: batch.SinkFunc[parse.Record](func(_ context.Context, b *batch.Batch[parse.Record]) error {
			for _, e := range b.Events {
				fmt.Fprintln(out, "  "+describe(e))
			}
			lines.Write(b.Lines)
			return nil
		}),
		DeadLetters: batch.SinkFunc[ingest.DeadLetter](func(_ context.Context, b *batch.Batch[ingest.DeadLetter]) error {
			for _, d := range b.Events {
				dead = append(dead, fmt.Sprintf("%-16s %-40.40q… %v", d.Category, d.Raw, d.Err))
			}
			return nil
		}),
		Ordered: true,
	})
	if err != nil {
		return err
	}
	if err := p.Run(ctx); err != nil {
		return err
	}

	first, _, _ := strings.Cut(lines.String(), "\n")
	fmt.Fprintf(out, "\nthe first one whole, ECS fields only:\n\n  %s\n\ndead letters, with their raw bytes kept:\n\n", first)
	for _, d := range dead {
		fmt.Fprintln(out, "  "+d)
	}
	s := p.Stats()
	if err := s.Check(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nthe ledger: %d received + %d split = %d delivered + %d dead-lettered\n", s.Received, s.Split, s.Delivered, s.DeadLettered)
	var cats []errcat.Category
	for c := range s.DeadLetters {
		cats = append(cats, c)
	}
	slices.Sort(cats)
	for _, c := range cats {
		if n := s.DeadLetters[c]; n > 0 {
			fmt.Fprintf(out, "  %-20s %d   %s\n", c, n, c.Owner())
		}
	}
	return nil
}

// describe tells an event in one line.
func describe(r *parse.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-15s %s  %s", r.Get(ecs.EventDataset), r.Get(ecs.Timestamp), r.Get(ecs.EventAction))
	if v := r.Get(ecs.UserName); !v.IsZero() {
		fmt.Fprintf(&b, "  user %s", v)
	}
	if v := r.Get(ecs.SourceIP); !v.IsZero() {
		fmt.Fprintf(&b, "  %s", v)
		if d := r.Get(ecs.DestinationIP); !d.IsZero() {
			fmt.Fprintf(&b, " → %s", d)
		}
	}
	if v := r.Get(ecs.EventType); !v.IsZero() {
		fmt.Fprintf(&b, "  [%s]", v)
	}
	if v := r.Get(ecs.EventOutcome); !v.IsZero() {
		fmt.Fprintf(&b, "  %s", v)
	}
	return b.String()
}
