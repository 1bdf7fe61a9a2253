package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/reader"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// titled gives each message the last line before it that begins with #, and holds lines
// that begin with a question mark for ever.
type titled struct{ panics bool }

func (p titled) Tracker() parse.Tracker { return &titleTracker{panics: p.panics} }

func (titled) Parse(m *parse.Message, out *parse.Events[parse.Record]) error {
	if m.Raw[0] == '#' || m.Raw[0] == '?' {
		return nil
	}
	title, _ := m.Context.(string)
	out.Add().SetString(ecs.Message, title+" "+string(m.Raw))
	return nil
}

type titleTracker struct {
	panics bool
	title  any
	held   []string
}

func (t *titleTracker) Track(msgs []parse.Message) {
	for i := range msgs {
		switch m := &msgs[i]; {
		case t.panics && len(m.Raw) == 3:
			panic("three")
		case m.Raw[0] == '#':
			t.title = string(m.Raw)
		case m.Raw[0] == '?':
			t.held = append(t.held, string(m.Raw))
		default:
			m.Context = t.title
		}
	}
}

func (t *titleTracker) Flush(yield func(parse.Message, error) bool) {
	for _, h := range t.held {
		if !yield(parse.Message{Raw: []byte(h)}, errcat.New(errcat.UnknownFormat, errcat.StageParse, "never explained")) {
			return
		}
	}
}

// What a message means does not depend on the number of workers nor on other sources, and
// what a tracker held to the end is not lost.
func TestTracker(t *testing.T) {
	var in, want strings.Builder
	for i := range 5000 {
		if i%7 == 0 {
			fmt.Fprintf(&in, "#%d\n", i/7)
		}
		if i == 4000 {
			in.WriteString("?what\n")
		}
		fmt.Fprintf(&in, "row %d\n", i)
		fmt.Fprintf(&want, "{\"message\":\"#%d row %d\"}\n", i/7, i)
	}
	want.WriteString("dead letter UNKNOWN_FORMAT ?what\n")
	for workers := 1; workers <= 4; workers++ {
		var out bytes.Buffer
		p := mustNew(t, ingest.Config[parse.Record]{
			Sources: []ingest.Source{
				reader.New(strings.NewReader(in.String()), reader.Options{Name: "titled"}),
				reader.New(strings.NewReader(strings.Repeat("#other\n", 999)), reader.Options{Name: "other"}),
			},
			Parser:            titled{},
			Encoder:           normalize.NewEncoder(normalize.EncoderOptions{}),
			Sink:              batch.NewWriter[parse.Record](&out),
			InlineDeadLetters: inline,
			Ordered:           true,
			Workers:           workers,
			ChunkSize:         1 << 10,
		})
		mustRun(t, p)
		if got := out.String(); got != want.String() {
			t.Fatalf("%d workers: got %d bytes, want %d; ends with %q", workers, len(got), want.Len(), got[max(0, len(got)-200):])
		}
	}
}

// A tracker that panics is left out; nothing is lost.
func TestTrackerPanics(t *testing.T) {
	var out bytes.Buffer
	p := mustNew(t, ingest.Config[parse.Record]{
		Sources: []ingest.Source{reader.New(strings.NewReader("#1\nrow a\n123\nrow b\n"), reader.Options{})},
		Parser:  titled{panics: true},
		Encoder: normalize.NewEncoder(normalize.EncoderOptions{}),
		Sink:    batch.NewWriter[parse.Record](&out),
	})
	mustRun(t, p)
	if n := strings.Count(out.String(), "\n"); n != 3 || p.Stats().Panics != 1 {
		t.Errorf("%d lines, %d panics: %s", n, p.Stats().Panics, out.String())
	}
}

// What a source sends through an inner Emit comes to the function that stands around it.
func TestThrough(t *testing.T) {
	inner := reader.New(strings.NewReader("a\nb\nc\n"), reader.Options{})
	outer := ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		return inner.Run(ctx, out.Through(func(c *ingest.Chunk) error {
			for i := range c.Msgs {
				c.Msgs[i].Raw = bytes.ToUpper(c.Msgs[i].Raw)
			}
			return out.Send(c)
		}, nil))
	})
	var out bytes.Buffer
	mustRun(t, mustNew(t, ingest.Config[event]{Sources: []ingest.Source{outer}, Parser: rawParser, Encoder: rawEncoder{}, Sink: batch.NewWriter[event](&out)}))
	if out.String() != "A\nB\nC\n" {
		t.Errorf("%q", out.String())
	}
}
