package ingest_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// settling sends "x" n times, or until its context ends, and settles.
type settling struct {
	n          int
	sent, safe atomic.Int64 // chunks
	settled    atomic.Bool
	refused    error // the answer to a Send after that
}

func (s *settling) Run(ctx context.Context, out *ingest.Emit) error {
	for i := 0; i < s.n; i++ {
		c, err := out.Chunk()
		if err != nil {
			break
		}
		c.Add(parse.Message{Raw: []byte("x")})
		c.Done = func(r ingest.Result) {
			if r.OK() {
				s.safe.Add(1)
			}
		}
		if err := out.Send(c); err != nil {
			out.Discard(c)
			break
		}
		s.sent.Add(1)
	}
	if s.n > 1<<20 {
		<-ctx.Done()
	}
	last, err := out.Chunk()
	out.Settle()
	s.settled.Store(true)
	if s.refused = ingest.ErrClosed; err == nil {
		s.refused = out.Send(last)
		out.Discard(last)
	}
	return nil
}

// Settle returns when everything is answered, though the sinks are slow, and other sources
// still run or hear of the end at the same time.
func TestSettle(t *testing.T) {
	for _, end := range []string{"the source's", "the context's"} {
		t.Run(end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &settling{n: 100}
				other := ingest.SourceFunc(func(ctx context.Context, _ *ingest.Emit) error { <-ctx.Done(); return nil })
				sources, timeout := []ingest.Source{src}, 20*time.Minute
				if end == "the context's" {
					src.n, timeout = 1<<30, time.Second
					sources = append(sources, other)
				}
				cfg := config(batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error {
					time.Sleep(3 * time.Second)
					return nil
				}), sources...)
				cfg.ShutdownTimeout = time.Hour
				p := mustNew(t, cfg)
				ctx, cancel := context.WithTimeout(context.Background(), timeout)
				defer cancel()
				if err := p.Run(ctx); err != nil {
					t.Error(err)
				}
				atRest(t, p)
				if sent := src.sent.Load(); !src.settled.Load() || sent == 0 || src.safe.Load() != sent || src.refused != ingest.ErrClosed {
					t.Errorf("settled %t, %d chunks sent, %d safe, then %v", src.settled.Load(), sent, src.safe.Load(), src.refused)
				}
			})
		})
	}
}

// A sink that hangs does not keep Settle beyond the shutdown time.
func TestSettleGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &settling{n: 10}
		cfg := config(batch.SinkFunc[event](func(ctx context.Context, _ *batch.Batch[event]) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}), src)
		cfg.ShutdownTimeout = 3 * time.Second
		p := mustNew(t, cfg)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begin := time.Now()
		if err := p.Run(ctx); err == nil {
			t.Error("what was not delivered is no error")
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("Run took %s", d)
		}
		atRest(t, p)
		if s := p.Stats(); !src.settled.Load() || src.safe.Load() != 0 || s.Failed != 10 {
			t.Errorf("settled %t, %d safe: %+v", src.settled.Load(), src.safe.Load(), s.Ledger)
		}
	})
}

// Settle of an inner source comes first to what stands around it, which may still send.
func TestSettleThrough(t *testing.T) {
	src := &settling{n: 10}
	var kept []*ingest.Chunk
	outer := ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		return src.Run(ctx, out.Through(func(c *ingest.Chunk) error {
			if src.settled.Load() {
				return out.Send(c)
			}
			kept = append(kept, c)
			return nil
		}, func() {
			for _, c := range kept {
				if err := out.Send(c); err != nil {
					t.Error(err)
				}
			}
		}))
	})
	p := mustNew(t, config(discard(), outer))
	mustRun(t, p)
	if src.safe.Load() != 10 || src.refused != ingest.ErrClosed {
		t.Errorf("%d safe, then %v", src.safe.Load(), src.refused)
	}
}
