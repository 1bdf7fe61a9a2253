//go:build unix

package ingest_test

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/validate"
)

// hangingSink takes rows and does not return before its context ends.
func hangingSink(n *atomic.Int64) batch.Sink[event] {
	return batch.SinkFunc[event](func(ctx context.Context, b *batch.Batch[event]) error {
		n.Add(1)
		<-ctx.Done()
		return context.Cause(ctx)
	})
}

// signalsBegun starts the goroutine of package signal, which never ends.
func signalsBegun() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	signal.Stop(c)
}

func signalSelf(t *testing.T) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
}

// The first signal lets everything be delivered.
func TestFirstSignal(t *testing.T) {
	signalsBegun()
	noLeaks(t)
	src := newNumbers()
	out := &kept{}
	p := mustNew(t, ingest.Config[event]{Sources: []ingest.Source{src}, Parser: rawParser, Encoder: rawEncoder{}, Sink: out})
	ended := make(chan error)
	go func() { ended <- p.RunSignals(context.Background(), syscall.SIGUSR1) }()
	for src.n.Load() < 1000 {
		time.Sleep(time.Millisecond)
	}
	signalSelf(t)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	atRest(t, p)
	if n := len(out.take()); n != int(p.Stats().Received) {
		t.Errorf("%d received, %d delivered", p.Stats().Received, n)
	}
}

// The second one ends a pipeline whose sink hangs, long before the shutdown time.
func TestSecondSignal(t *testing.T) {
	signalsBegun()
	noLeaks(t)
	var calls atomic.Int64
	p := mustNew(t, ingest.Config[event]{Sources: []ingest.Source{newNumbers()}, Parser: rawParser, Sink: hangingSink(&calls), ShutdownTimeout: time.Hour})
	ended := make(chan error)
	go func() { ended <- p.RunSignals(context.Background(), syscall.SIGUSR1) }()
	for calls.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	signalSelf(t)
	select {
	case err := <-ended:
		t.Fatalf("one signal was enough: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	signalSelf(t)
	if err := <-ended; !errors.Is(err, ingest.ErrSecondSignal) {
		t.Error(err)
	}
	atRest(t, p)
	if s := p.Stats(); s.Failed == 0 || s.Failed != s.Received {
		t.Errorf("%+v", s.Ledger)
	}
}

// Abort ends Run even if nobody else has asked it to.
func TestAbort(t *testing.T) {
	noLeaks(t)
	var calls atomic.Int64
	p := mustNew(t, ingest.Config[event]{Sources: []ingest.Source{newNumbers()}, Parser: rawParser, Sink: hangingSink(&calls)})
	time.AfterFunc(20*time.Millisecond, p.Abort)
	if err := p.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "Abort") {
		t.Error(err)
	}
	atRest(t, p)
	p.Abort()
}

// The number of workers follows the load between its bounds.
func TestWorkersFollowTheLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for idle workers to end")
	}
	noLeaks(t)
	messages := make(chan *parse.Origin)
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{say("net", messages)}, Workers: 6, MinWorkers: 1,
		Parser: parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
			time.Sleep(20 * time.Millisecond)
			return rawParser(m, out)
		}),
		Sink: batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil }),
	})
	ended := make(chan error)
	go func() { ended <- p.Run(context.Background()) }()
	messages <- nil
	time.Sleep(50 * time.Millisecond)
	messages <- nil
	if n := p.Stats().Workers; n > 2 {
		t.Errorf("%d workers for one chunk at a time", n)
	}
	for range 30 {
		messages <- nil
	}
	if n := p.Stats().Workers; n != 6 {
		t.Errorf("%d workers under load, want 6", n)
	}
	for i := 0; p.Stats().Workers > 1; i++ {
		if i > 200 {
			t.Fatalf("%d workers after the load", p.Stats().Workers)
		}
		time.Sleep(100 * time.Millisecond)
	}
	messages <- nil
	close(messages)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	atRest(t, p)
}

// A notice makes a valid ECS event.
func TestRecordNotice(t *testing.T) {
	var r parse.Record
	n := ingest.Notice{Kind: ingest.Gap, Time: time.Unix(1_700_000_000, 0), Source: "net", Count: 7, Since: time.Unix(1_699_999_990, 0)}
	if err := ingest.RecordNotice(&n, &r); err != nil {
		t.Fatal(err)
	}
	if err := validate.ECS().Validate(&r); err != nil {
		t.Error(err)
	}
	line, err := normalize.NewEncoder(normalize.EncoderOptions{}).Append(nil, &r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"kind":"pipeline_error"`, `"action":"gap"`, "7 events of source net were shed since 2023-11-14T22:13:10Z"} {
		if !strings.Contains(string(line), want) {
			t.Errorf("%s is not in %s", want, line)
		}
	}
}

// What a sink's Timeout cuts off is tried again.
func TestOutputTimeout(t *testing.T) {
	out := &kept{}
	calls := 0
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{ingest.FromReader("r", strings.NewReader("a\nb\n"))}, Parser: rawParser, Encoder: rawEncoder{},
		Outputs: []ingest.Output[event]{{
			Name: "slow", Timeout: 30 * time.Millisecond, Retry: batch.RetryOptions{MinDelay: time.Millisecond},
			Sink: batch.SinkFunc[event](func(ctx context.Context, b *batch.Batch[event]) error {
				if calls++; calls < 3 {
					<-ctx.Done()
					return ctx.Err()
				}
				return out.Write(ctx, b)
			})}},
	})
	mustRun(t, p)
	if s := p.Stats().Sinks[0]; calls != 3 || s.Retries != 2 || len(out.take()) != 2 {
		t.Errorf("%d calls, %+v", calls, s)
	}
}
