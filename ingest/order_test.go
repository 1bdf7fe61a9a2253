package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/reader"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// recordParser makes one record of a line, none of "bad…".
var recordParser = parse.ParserFunc[parse.Record](func(m *parse.Message, out *parse.Events[parse.Record]) error {
	if bytes.HasPrefix(m.Raw, []byte("bad")) {
		return errcat.New(errcat.UnknownFormat, errcat.StageParse, "bad")
	}
	out.Add().Set(ecs.Message, parse.BytesValue(m.Raw))
	return nil
})

func inline(dst []byte, d *ingest.DeadLetter) []byte {
	return fmt.Appendf(dst, "dead letter %s %s", d.Category, d.Raw)
}

// With inline dead letters there is one line for each record, in order, the same for
// any number of workers.
func TestOrderedOutput(t *testing.T) {
	var in, want strings.Builder
	for i := range 20000 {
		if i%10 == 3 {
			fmt.Fprintf(&in, "bad %d\n\n", i)
			fmt.Fprintf(&want, "dead letter UNKNOWN_FORMAT bad %d\n", i)
		} else {
			fmt.Fprintf(&in, "good %d\r\n", i)
			fmt.Fprintf(&want, "{\"message\":\"good %d\"}\n", i)
		}
	}
	for workers := 1; workers <= 8; workers++ {
		for _, ordered := range []bool{true, false} {
			var out bytes.Buffer
			p := mustNew(t, ingest.Config[parse.Record]{
				Sources:           []ingest.Source{reader.New(strings.NewReader(in.String()), reader.Options{Name: "stdin"})},
				Parser:            recordParser,
				Encoder:           normalize.NewEncoder(normalize.EncoderOptions{}),
				Sink:              batch.NewWriter[parse.Record](&out),
				InlineDeadLetters: inline,
				Ordered:           ordered,
				Workers:           workers,
				ChunkSize:         1 << 10,
			})
			mustRun(t, p)
			if out.String() != want.String() {
				t.Fatalf("%d workers, Ordered %t: %d bytes of output differ from the %d that are due", workers, ordered, out.Len(), want.Len())
			}
			s := p.Stats()
			if s.Skipped != 2000 || s.DeadLetters[errcat.UnknownFormat] != 2000 || s.Delivered != 18000 || s.DeadLettered != 2000 {
				t.Errorf("%d workers: %+v", workers, s)
			}
		}
	}
}

// Several sources: each one's order is kept, and with Ordered that of the sends.
func TestOrderOfSources(t *testing.T) {
	for _, ordered := range []bool{true, false} {
		var mu sync.Mutex
		var sends []string
		var sources []ingest.Source
		for s := range 4 {
			sources = append(sources, ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
				for i := range 200 {
					c, err := out.Chunk()
					if err != nil {
						return err
					}
					text := fmt.Sprintf("%d %d", s, i)
					c.Add(parse.Message{Raw: []byte(text)})
					mu.Lock()
					err = out.Send(c)
					sends = append(sends, text)
					mu.Unlock()
					if err != nil {
						return err
					}
				}
				return nil
			}))
		}
		var out bytes.Buffer
		mustRun(t, mustNew(t, ingest.Config[event]{
			Sources: sources, Parser: rawParser, Encoder: rawEncoder{}, Sink: batch.NewWriter[event](&out), Ordered: ordered, Workers: 8,
		}))
		got := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(got) != 800 {
			t.Fatalf("%d lines, want 800", len(got))
		}
		next := make([]int, 4)
		for i, l := range got {
			if ordered && l != sends[i] {
				t.Fatalf("line %d is %q, sent was %q", i, l, sends[i])
			}
			var s, n int
			fmt.Sscan(l, &s, &n)
			if n != next[s] {
				t.Fatalf("source %d: %d comes where %d is due", s, n, next[s])
			}
			next[s]++
		}
	}
}
