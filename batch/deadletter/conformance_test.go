package deadletter_test

import (
	"context"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/deadletter"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/peertest"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
	"github.com/penstock-dev/penstock/parse"
)

// letters turns the rows of the suite into dead letters with their messages, as a pipeline does.
type letters struct{ store *deadletter.Store }

func (letters) LinesOnly() {}

func (l letters) Write(ctx context.Context, b *batch.Batch[batchtest.Event]) error {
	dead := &batch.Batch[ingest.DeadLetter]{}
	for i := range b.Ends {
		d := ingest.DeadLetter{Raw: []byte(peertest.MessageOf(b.Line(i)))}
		d.Length = int64(len(d.Raw))
		dead.Lines = append(d.AppendJSON(dead.Lines), '\n')
		dead.Ends = append(dead.Ends, int32(len(dead.Lines)))
	}
	err := l.store.Write(ctx, dead)
	for i := range dead.Lines {
		dead.Lines[i] = 'X'
	}
	return err
}

var parseAll = parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
	out.Add().text = string(m.Raw)
	return nil
})

// The store as the sink, its replay as the other side; a disk that does not write as what fails.
func TestConformance(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{Repeats: true, New: func(t testing.TB) *batchtest.Destination {
		disk := memfs.New()
		s, err := deadletter.New(deadletter.Options{Dir: "/dead", FS: disk})
		if err != nil {
			t.Fatal(err)
		}
		var arrived []string
		return &batchtest.Destination{
			Sink: letters{s}, Close: s.Close,
			Received: func() []string {
				p, err := ingest.New(ingest.Config[event]{
					Sources: []ingest.Source{s.Replay()},
					Parser:  parseAll,
					Sink: batch.Each(func(_ context.Context, e *event) error {
						arrived = append(arrived, e.text)
						return nil
					}),
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Run(t.Context()); err != nil {
					t.Error(err)
				}
				return arrived
			},
			Down: func(on bool) {
				n := 0
				if on {
					n = 1 << 30
				}
				disk.FailSyncs(n)
			},
		}
	}})
}
