package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

func TestCommits(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		var got []int64
		c := ingest.NewCommits(100, func(pos int64) { got = append(got, pos) })
		type span struct{ start, end int64 }
		var spans []span
		for at := int64(100); len(spans) < 30; {
			n := 1 + int64(r.IntN(3))
			spans = append(spans, span{at, at + n})
			at += n
		}
		bad := r.IntN(len(spans) + 5)
		limit := spans[len(spans)-1].end
		for _, i := range r.Perm(len(spans)) {
			res := ingest.Result{Delivered: 1}
			if i == bad {
				res = ingest.Result{Failed: 1, Err: errOops}
			}
			c.Done(spans[i].start, spans[i].end, res)
		}
		if bad < len(spans) {
			limit = spans[bad].start
		}
		pos, stuck, cause := c.Position()
		if pos != limit || stuck != (bad < len(spans)) || stuck != (cause == errOops) {
			t.Errorf("seed %d: position %d, stuck %t (%v); want %d", seed, pos, stuck, cause, limit)
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("seed %d: committed %v", seed, got)
		}
	}
}

func TestFromSeq(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		buf := make([]byte, 0, 10)
		seq := iter.Seq2[[]byte, error](func(yield func([]byte, error) bool) {
			for i := range 1000 {
				if i == 500 {
					time.Sleep(time.Hour)
				}
				buf = fmt.Append(buf[:0], i) // the iterator uses its buffer again
				if !yield(buf, nil) {
					return
				}
			}
			yield(nil, errOops)
		})
		var mu sync.Mutex
		var out bytes.Buffer
		var when []time.Duration
		p := mustNew(t, config(batch.LinesFunc[event](func(_ context.Context, lines []byte, _ int) error {
			mu.Lock()
			defer mu.Unlock()
			out.Write(lines)
			when = append(when, time.Since(begin))
			return nil
		}), ingest.FromSeq("seq", seq)))
		if err := p.Run(context.Background()); !errors.Is(err, errOops) {
			t.Errorf("Run says %v", err)
		}
		atRest(t, p)
		var want bytes.Buffer
		for i := range 1000 {
			fmt.Fprintln(&want, i)
		}
		if out.String() != want.String() {
			t.Errorf("%d bytes, want %d", out.Len(), want.Len())
		}
		if when[0] > 50*time.Millisecond {
			t.Errorf("a slow iterator's first elements came after %s", when[0])
		}
	})
}

func TestAppendID(t *testing.T) {
	base := parse.Message{Raw: []byte("a"), Offset: 1, Origin: &parse.Origin{Source: "s"}}
	id := func(change func(*parse.Message), split int) string {
		m := base
		o := *base.Origin
		m.Origin = &o
		if change != nil {
			change(&m)
		}
		return string(ingest.AppendID(nil, &m, split))
	}
	first := id(nil, 0)
	// An id that changes makes every destination keep repeats.
	if want := "c8257974cc46132c006de185d63c2a51"; first != want {
		t.Errorf("id %s, want %s", first, want)
	}
	if id(func(m *parse.Message) { m.Received = time.Now(); m.Origin.Hint = "h" }, 0) != first {
		t.Error("time of reception or hint change the id")
	}
	seen := map[string]bool{first: true}
	for _, other := range []string{
		id(nil, 1), id(func(m *parse.Message) { m.Raw = []byte("b") }, 0), id(func(m *parse.Message) { m.Offset = 2 }, 0),
		id(func(m *parse.Message) { m.Origin.Source = "t" }, 0),
		id(func(m *parse.Message) { m.Origin.Source, m.Raw = "sa", []byte{} }, 0), id(func(m *parse.Message) { m.Raw = make([]byte, 600) }, 0),
		id(func(m *parse.Message) { m.Raw = make([]byte, 601) }, 0), id(func(m *parse.Message) { m.Origin = nil }, 0),
	} {
		if seen[other] {
			t.Error("two different events have the same id")
		}
		seen[other] = true
	}
	dst := make([]byte, 0, 32)
	if n := testing.AllocsPerRun(100, func() { ingest.AppendID(dst, &base, 0) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendID(b *testing.B) {
	m := parse.Message{Raw: bytes.Repeat([]byte("x"), 180), Origin: &parse.Origin{Source: "/var/log/fw.log"}}
	dst := make([]byte, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		ingest.AppendID(dst, &m, 0)
	}
}

// A best-effort sink that stands still holds nobody up, with and without classes; one that is slow gets
// everything. Each has counted what it did not take.
func TestBestEffort(t *testing.T) {
	const n = 400
	for name, c := range map[string]struct {
		write      func(context.Context) error
		priorities bool
		drops      bool
	}{
		"hangs":                         {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, false, true},
		"hangs, with classes":           {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, true, true},
		"fails, and is tried again":     {func(context.Context) error { return errcat.New(errcat.TransientNetwork, errcat.StageDeliver, "down") }, false, true},
		"slow":                          {func(context.Context) error { time.Sleep(100 * time.Millisecond); return nil }, false, false},
		"slow, now and then for longer": {slowNowAndThen(), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				src := ingest.SourceFunc(func(_ context.Context, out *ingest.Emit) error {
					for i := range n { // a chunk each
						c, err := out.Chunk()
						if err != nil {
							return err
						}
						c.Add(parse.Message{Raw: fmt.Appendf(nil, "message %d", i)})
						if err := out.Send(c); err != nil {
							return err
						}
					}
					return nil
				})
				main := 0
				cfg := ingest.Config[event]{
					Sources: []ingest.Source{src}, Parser: rawParser, Encoder: rawEncoder{}, Workers: 2,
					Outputs: []ingest.Output[event]{
						{Name: "main", Sink: batch.LinesFunc[event](func(_ context.Context, _ []byte, rows int) error { main += rows; return nil })},
						{Name: "beside", BestEffort: true, Sink: batch.LinesFunc[event](func(ctx context.Context, _ []byte, _ int) error { return c.write(ctx) })},
					},
				}
				if c.priorities {
					cfg.Priorities = &ingest.Priorities[event]{Classes: []ingest.Class{{Name: "high", Weight: 3}, {Name: "low", Weight: 1}}, Classify: func(*parse.Message) int { return 1 }}
				}
				ctx, cancel := context.WithCancel(t.Context())
				p := mustNew(t, cfg)
				ended := make(chan error, 1)
				go func() { ended <- p.Run(ctx) }()
				for range 600 { // of 100 ms
					time.Sleep(100 * time.Millisecond)
					if s := p.Stats(); s.Delivered == n {
						break
					}
				}
				passed := time.Since(begin)
				cancel()
				<-ended
				s := p.Stats()
				beside := s.Sinks[1]
				if main != n || s.Delivered != n {
					t.Errorf("%d of %d messages have passed, %d delivered", main, n, s.Delivered)
				}
				if c.drops && (beside.Dropped == 0 || passed > 3*time.Second) || !c.drops && beside.Dropped != 0 {
					t.Errorf("after %s the sink beside has %+v", passed, beside)
				}
				if beside.Rows+beside.Failed+beside.Dropped != n {
					t.Errorf("%d messages, the sink beside has %+v", n, beside)
				}
				if err := s.Check(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A pipeline whose sources end does not wait for ever for a best-effort sink that is away: what was meant for it
// is counted there, and Run reports nothing.
func TestBestEffortAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		p := mustNew(t, ingest.Config[event]{
			Sources: []ingest.Source{ingest.FromReader("in", strings.NewReader("a\nb\nc\n"))}, Parser: rawParser, Encoder: rawEncoder{},
			Outputs: []ingest.Output[event]{
				{Name: "main", Sink: batch.LinesFunc[event](func(context.Context, []byte, int) error { time.Sleep(time.Second); return nil })},
				{Name: "away", BestEffort: true, Sink: batch.LinesFunc[event](func(context.Context, []byte, int) error {
					return errcat.New(errcat.TransientNetwork, errcat.StageDeliver, "away")
				})},
			},
			ShutdownTimeout: 5 * time.Second,
		})
		mustRun(t, p)
		s := p.Stats()
		if took := time.Since(begin); took < 6*time.Second || took > 7*time.Second || s.Delivered != 3 || s.Sinks[1].Failed != 3 || s.Sinks[1].InFlight != 0 {
			t.Errorf("after %s: %+v", took, s)
		}
	})
}

// slowNowAndThen takes 600 ms for every tenth batch.
func slowNowAndThen() func(context.Context) error {
	n := 0
	return func(context.Context) error {
		if n++; n%10 == 0 {
			time.Sleep(600 * time.Millisecond)
		}
		return nil
	}
}
