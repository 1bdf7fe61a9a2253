package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
)

// Everything that can happen to an event happens, panics in every component included,
// and the ledger says what the oracle counts.
func TestLedger(t *testing.T) {
	for _, linesOnly := range []bool{false, true} {
		for _, workers := range []int{1, 3, 8} {
			for _, ordered := range []bool{false, true} {
				t.Run(fmt.Sprintf("linesOnly=%t/workers=%d/ordered=%t", linesOnly, workers, ordered), func(t *testing.T) {
					noLeaks(t)
					o := newOracle(t)
					cfg := o.config(o.source("a", 3000, 1), o.source("b", 2000, 2))
					cfg.Workers, cfg.Ordered = workers, ordered
					if linesOnly {
						cfg.Sink = linesSink[oracleEvent]{cfg.Sink}
					}
					p := mustNew(t, cfg)
					if err := p.Run(context.Background()); err != nil {
						t.Fatal(err)
					}
					s := p.Stats()
					o.check(s, true)
					atRest(t, p)
					if s.Panics == 0 || s.DeadLetters[errcat.ParserPanic] != s.Panics {
						t.Errorf("%d panics, %d dead letters of them", s.Panics, s.DeadLetters[errcat.ParserPanic])
					}
					total := int64(0)
					for _, n := range s.DeadLetters {
						total += n
					}
					if total != s.DeadLettered {
						t.Errorf("dead letters by category add up to %d, the ledger has %d", total, s.DeadLettered)
					}
				})
			}
		}
	}
}

type linesSink[T any] struct{ batch.Sink[T] }

func (linesSink[T]) LinesOnly() {}

// A snapshot taken at any moment balances.
func TestLedgerWhileRunning(t *testing.T) {
	o := newOracle(t)
	p := mustNew(t, o.config(o.source("a", 20000, 3)))
	ended := make(chan struct{})
	checked := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-ended:
				checked <- n
				return
			default:
				s := p.Stats()
				if err := s.Check(); err != nil {
					t.Error(err)
				}
				n++
			}
		}
	}()
	if err := p.Run(context.Background()); err != nil {
		t.Error(err)
	}
	close(ended)
	t.Logf("%d snapshots", <-checked)
	o.check(p.Stats(), true)
}

// The sink fails as a whole now and then: what it may be asked again for arrives
// once more, what not goes to the dead letters, or has failed where there are none.
func TestLedgerSinkFailures(t *testing.T) {
	for _, letters := range []bool{true, false} {
		for _, fault := range []error{errcat.TransientNetwork, errcat.SinkRejected, errOops, nil} {
			t.Run(fmt.Sprintf("letters=%t/%v", letters, fault), func(t *testing.T) {
				o := newOracle(t)
				cfg := o.config(o.source("a", 3000, 4))
				n := 0
				inner := cfg.Sink
				cfg.Sink = nil
				cfg.Outputs = []ingest.Output[oracleEvent]{{Name: "main", Retry: batch.RetryOptions{MinDelay: 1},
					Sink: batch.SinkFunc[oracleEvent](func(ctx context.Context, b *batch.Batch[oracleEvent]) error {
						if n++; n%3 == 0 {
							if fault == nil {
								panic("sink")
							}
							return fault
						}
						return inner.Write(ctx, b)
					})}}
				if !letters {
					cfg.DeadLetters = nil
				}
				p := mustNew(t, cfg)
				err := p.Run(context.Background())
				s := p.Stats()
				atRest(t, p)
				retryable := fault == errcat.TransientNetwork
				o.check(s, retryable && letters)
				switch {
				case letters && err != nil:
					t.Errorf("nothing was lost, but Run says %v", err)
				case letters && s.Failed != 0:
					t.Errorf("%d failed although there is a sink of dead letters", s.Failed)
				case !letters && (s.Failed == 0 || err == nil):
					t.Errorf("%d failed, and Run says %v", s.Failed, err)
				}
				if fault != nil && !retryable && !letters && !errors.Is(err, fault) {
					t.Errorf("Run says %v, the sink said %v", err, fault)
				}
				if retryable && s.Sinks[0].Retries == 0 {
					t.Error("no retries were counted")
				}
			})
		}
	}
}

// The sink of dead letters fails: its rows have failed.
func TestLedgerDeadLettersFail(t *testing.T) {
	o := newOracle(t)
	cfg := o.config(o.source("a", 1000, 5))
	cfg.DeadLetters = batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
		if d.Category == errcat.ParserPanic {
			return errcat.SinkRejected
		}
		o.bury(d)
		return nil
	})
	p := mustNew(t, cfg)
	err := p.Run(context.Background())
	s := p.Stats()
	o.check(s, false)
	if s.Failed != s.Panics || s.Failed == 0 || !errors.Is(err, errcat.SinkRejected) {
		t.Errorf("%d failed, %d panics, Run says %v", s.Failed, s.Panics, err)
	}
}

// The context ends at any moment, with sinks of any speed: nothing is lost from the
// books, every Done is called once, no goroutine is left.
func TestLedgerCancel(t *testing.T) {
	noLeaks(t)
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		o := newOracle(t)
		cfg := o.config(o.source("a", 1<<30, seed), o.source("b", 1<<30, seed+100))
		cfg.Workers, cfg.Ordered = 1+r.IntN(4), r.IntN(2) == 0
		cfg.ShutdownTimeout = time.Duration(r.IntN(3)) * 5 * time.Millisecond
		if cfg.ShutdownTimeout == 0 {
			cfg.ShutdownTimeout = -1
		}
		inner := cfg.Sink
		slow := time.Duration(r.IntN(3)) * time.Millisecond
		cfg.Sink = nil
		cfg.Outputs = []ingest.Output[oracleEvent]{
			{Sink: batch.SinkFunc[oracleEvent](func(ctx context.Context, b *batch.Batch[oracleEvent]) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(slow):
				}
				return inner.Write(ctx, b)
			})},
			{BestEffort: true, Drop: seed%2 == 0, Sink: batch.SinkFunc[oracleEvent](func(ctx context.Context, b *batch.Batch[oracleEvent]) error {
				<-ctx.Done()
				return errcat.TransientNetwork
			}), QueueBatches: 2},
		}
		p := mustNew(t, cfg)
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+r.IntN(20))*time.Millisecond)
		err := p.Run(ctx)
		cancel()
		s := p.Stats()
		o.check(s, false)
		atRest(t, p)
		if (s.Failed > 0) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("seed %d: %d failed, Run says %v", seed, s.Failed, err)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A required sink that drops sheds; a best-effort one does not count.
func TestShed(t *testing.T) {
	for _, bestEffort := range []bool{false, true} {
		o := newOracle(t)
		release := make(chan struct{})
		cfg := o.config(o.source("a", 5000, 6))
		inner := cfg.Sink
		cfg.Sink = nil
		var rows atomic.Int64
		cfg.Outputs = []ingest.Output[oracleEvent]{
			{Name: "main", Sink: inner},
			{Name: "slow", BestEffort: bestEffort, Drop: true, QueueBatches: 2, Sink: batch.SinkFunc[oracleEvent](func(_ context.Context, b *batch.Batch[oracleEvent]) error {
				<-release
				rows.Add(int64(b.Len()))
				return nil
			})},
		}
		p := mustNew(t, cfg)
		ended := make(chan error)
		go func() { ended <- p.Run(context.Background()) }()
		// The main sink gets everything although the slow one takes nothing.
		deadline := time.Now().Add(10 * time.Second)
		for p.Stats().Sinks[0].Rows+p.Stats().Sinks[0].Failed < 1000 || p.Stats().Sources[0].Running {
			if time.Now().After(deadline) {
				t.Fatalf("a slow sink that drops stopped the others: %+v", p.Stats())
			}
			time.Sleep(time.Millisecond)
		}
		close(release)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		s := p.Stats()
		o.check(s, bestEffort)
		atRest(t, p)
		slow := s.Sinks[1]
		if slow.Dropped == 0 || slow.Rows != rows.Load() || slow.Rows+slow.Dropped != s.Sinks[0].Rows+s.Sinks[0].Failed {
			t.Errorf("the slow sink: %+v", slow)
		}
		if bestEffort != (s.Shed == 0) {
			t.Errorf("bestEffort %t: %d shed", bestEffort, s.Shed)
		}
	}
}
