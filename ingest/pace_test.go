package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// paced runs a pipeline whose parser takes its time, until stop is closed. write is the
// sink, and is told whether a worker calls it.
func paced(t *testing.T, stop <-chan struct{}, write func(ctx context.Context, byWorker bool, lines []byte) error) ingest.Config[event] {
	return ingest.Config[event]{
		Sources: []ingest.Source{ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return nil
				case <-ctx.Done():
					return nil
				default:
				}
				c, err := out.Chunk()
				if err != nil {
					return err
				}
				c.Add(parse.Message{Raw: fmt.Appendf(nil, "%d", i)})
				if err := out.Send(c); err != nil {
					return err
				}
			}
		})},
		Parser: parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
			time.Sleep(time.Millisecond)
			out.Add().text = m.Raw
			return nil
		}),
		Encoder: rawEncoder{}, Workers: 2,
		Sink: batch.LinesFunc[event](func(ctx context.Context, lines []byte, n int) error {
			stack := make([]byte, 8<<10)
			stack = stack[:runtime.Stack(stack, false)]
			return write(ctx, bytes.Contains(stack, []byte("ingest.(*worker[")), lines)
		}),
	}
}

// TestQuickSink sees workers write themselves to a sink that is quick, and a goroutine of its
// own again when it is slow, all in order.
func TestQuickSink(t *testing.T) {
	noLeaks(t)
	stop := make(chan struct{})
	next, quick, slow := 0, false, false
	p := mustNew(t, paced(t, stop, func(_ context.Context, byWorker bool, lines []byte) error {
		if want := fmt.Sprintf("%d\n", next); string(lines) != want {
			t.Errorf("got %q, want %q", lines, want)
		}
		next++
		if quick = quick || byWorker; !quick {
			return nil
		}
		if !byWorker && !slow {
			slow = true
			close(stop)
		}
		time.Sleep(5 * time.Millisecond)
		return nil
	}))
	mustRun(t, p)
	if s := p.Stats(); !quick || !slow || s.Delivered != int64(next) {
		t.Errorf("written by workers: %t; by a goroutine of its own afterwards: %t; %d of %d", quick, slow, s.Delivered, next)
	}
}

// TestQuickSinkHangs stops a pipeline whose worker hangs in a sink that was quick.
func TestQuickSinkHangs(t *testing.T) {
	noLeaks(t)
	free, hangs := make(chan struct{}), make(chan struct{})
	defer close(free)
	var hung atomic.Bool
	cfg := paced(t, nil, func(_ context.Context, byWorker bool, lines []byte) error {
		if byWorker && !hung.Swap(true) {
			close(hangs)
			<-free // whatever becomes of ctx
		}
		return nil
	})
	cfg.ShutdownTimeout = 50 * time.Millisecond
	p := mustNew(t, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- p.Run(ctx) }()
	<-hangs
	cancel()
	err := <-ended
	if err == nil || !strings.Contains(err.Error(), "sink0 did not return") || !strings.Contains(err.Error(), "stopped before everything was delivered") {
		t.Errorf("Run says: %v", err)
	}
	atRest := p.Stats()
	if err := atRest.Check(); err != nil || atRest.InFlight != 0 || atRest.Failed == 0 {
		t.Errorf("%v: %+v", err, atRest.Ledger)
	}
}
