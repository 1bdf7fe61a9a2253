package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
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

// endless sends one message in each chunk until it is stopped.
func endless(text string) ingest.Source {
	return ingest.WithName("endless", ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		for {
			c, err := out.Chunk()
			if err != nil {
				return err
			}
			c.Add(parse.Message{Raw: []byte(text)})
			if err := out.Send(c); err != nil {
				return err
			}
		}
	}))
}

func config(sink batch.Sink[event], sources ...ingest.Source) ingest.Config[event] {
	return ingest.Config[event]{Sources: sources, Parser: rawParser, Encoder: rawEncoder{}, Sink: sink, Workers: 2}
}

func discard() batch.Sink[event] { return batch.NewWriter[event](io.Discard) }

// A sink that hangs and hears its context: Run ends right after the shutdown time.
func TestStopSlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(batch.SinkFunc[event](func(ctx context.Context, _ *batch.Batch[event]) error {
			<-ctx.Done()
			return ctx.Err()
		}), endless("x"))
		cfg.ShutdownTimeout = 5 * time.Second
		p := mustNew(t, cfg)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begin := time.Now()
		err := p.Run(ctx)
		if d := time.Since(begin); d != 6*time.Second {
			t.Errorf("Run returned after %s, want 1 s and the shutdown time of 5 s", d)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run says %v", err)
		}
		atRest(t, p)
		if s := p.Stats(); s.Failed == 0 || s.Delivered != 0 {
			t.Errorf("%+v", s.Ledger)
		}
	})
}

// A healthy sink: what was read is delivered, and Run says nothing.
func TestStopDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(batch.SinkFunc[event](func(ctx context.Context, _ *batch.Batch[event]) error {
			time.Sleep(10 * time.Millisecond)
			return ctx.Err()
		}), endless("x"))
		p := mustNew(t, cfg)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
		atRest(t, p)
		if s := p.Stats(); s.Failed != 0 || s.Delivered != s.Received || s.Delivered < 90 {
			t.Errorf("%+v", s.Ledger)
		}
	})
}

// Components that hang and hear nothing are left behind: Run returns a second after
// the shutdown time, names them, and the ledger is at rest. When they wake up they
// change nothing any more.
func TestStopHung(t *testing.T) {
	for _, who := range []string{"sink", "the sink of dead letters", "worker", "source"} {
		t.Run(who, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				hang := func(name string) {
					if name == who {
						<-release
					}
				}
				dones := map[int]int{}
				var mu sync.Mutex
				cfg := config(batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error {
					hang("sink")
					return nil
				}), ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
					for i := range 100 {
						c, err := out.Chunk()
						if err != nil {
							return err
						}
						c.Add(parse.Message{Raw: []byte("x")})
						c.Add(parse.Message{Raw: []byte("bad")})
						c.Done = func(ingest.Result) {
							mu.Lock()
							dones[i]++
							mu.Unlock()
						}
						mu.Lock()
						dones[i] = 0
						mu.Unlock()
						if err := out.Send(c); err != nil {
							mu.Lock()
							delete(dones, i)
							mu.Unlock()
							return err
						}
						if i == 50 {
							hang("source")
						}
					}
					<-ctx.Done()
					return nil
				}))
				cfg.Parser = parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
					hang("worker")
					if string(m.Raw) == "bad" {
						return errcat.UnknownFormat
					}
					return rawParser(m, out)
				})
				cfg.DeadLetters = batch.Each(func(context.Context, *ingest.DeadLetter) error {
					hang("the sink of dead letters")
					return nil
				})
				cfg.ShutdownTimeout = 3 * time.Second
				cfg.Ordered = true
				p := mustNew(t, cfg)
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				begin := time.Now()
				err := p.Run(ctx)
				if d := time.Since(begin); d != 4800*time.Millisecond {
					t.Errorf("Run returned after %s, want 1 s, the shutdown time of 3 s and 0.8 s of grace", d)
				}
				if err == nil || !strings.Contains(err.Error(), who) || !strings.Contains(err.Error(), "left behind") {
					t.Errorf("Run says %v", err)
				}
				check := func() {
					s := p.Stats()
					if err := s.Check(); err != nil || s.InFlight != 0 {
						t.Errorf("%v, %+v", err, s.Ledger)
					}
					mu.Lock()
					defer mu.Unlock()
					for i, n := range dones {
						if n != 1 {
							t.Errorf("Done of chunk %d was called %d times", i, n)
						}
					}
				}
				check()
				before := p.Stats().Ledger
				close(release)
				synctest.Wait()
				check()
				if after := p.Stats().Ledger; after != before {
					t.Errorf("the ledger changed after the end from\n%+v to\n%+v", before, after)
				}
			})
		})
	}
}

// A best-effort sink that hangs and hears nothing holds up no pipeline whose sources have
// ended: it is left behind, what it has not taken has failed, and it gets nothing more.
func TestEndBesideHung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		writes := 0
		cfg := config(nil, ingest.SourceFunc(func(_ context.Context, out *ingest.Emit) error {
			for range 3 {
				c, err := out.Chunk()
				if err != nil {
					return err
				}
				c.Add(parse.Message{Raw: []byte("x")})
				if err := out.Send(c); err != nil {
					return err
				}
			}
			return nil
		}))
		cfg.Outputs = []ingest.Output[event]{{Name: "good", Sink: discard()}, {Name: "hung", BestEffort: true, Sink: batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error {
			writes++
			<-release
			return nil
		})}}
		cfg.ShutdownTimeout = 3 * time.Second
		p := mustNew(t, cfg)
		begin := time.Now()
		err := p.Run(context.Background())
		if d := time.Since(begin); d != 3800*time.Millisecond {
			t.Errorf("Run returned after %s, want the shutdown time of 3 s and 0.8 s of grace", d)
		}
		if err == nil || !strings.Contains(err.Error(), "sink hung") || !strings.Contains(err.Error(), "left behind") {
			t.Errorf("Run says %v", err)
		}
		check := func(when string) {
			s := p.Stats()
			good, hung := s.Sinks[0], s.Sinks[1]
			if err := s.Check(); err != nil || s.Delivered != 3 || good.Rows != 3 || hung.Failed != 3 || hung.InFlight != 0 || hung.Rows != 0 {
				t.Errorf("%s: %v, %d delivered, the good sink %+v, the other one %+v", when, err, s.Delivered, good, hung)
			}
		}
		check("at the end of Run")
		close(release)
		synctest.Wait()
		check("after the sink has returned")
		if writes != 1 {
			t.Errorf("the sink that was left behind was called %d times, want 1", writes)
		}
	})
}

// StopOnError: the sink's error ends the sources, and Run returns it.
func TestStopOnError(t *testing.T) {
	noLeaks(t)
	n := 0
	var other bytes.Buffer
	cfg := config(nil, endless("x"))
	cfg.Outputs = []ingest.Output[event]{
		{Name: "gone", StopOnError: true, Sink: batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error {
			if n++; n > 10 {
				return errcat.New(errcat.SinkRejected, errcat.StageDeliver, "closed")
			}
			return nil
		})},
		{Name: "other", Sink: batch.NewWriter[event](&other)},
	}
	p := mustNew(t, cfg)
	err := p.Run(context.Background())
	if !errors.Is(err, errcat.SinkRejected) || !strings.Contains(err.Error(), "sink gone") {
		t.Errorf("Run says %v", err)
	}
	atRest(t, p)
	if s := p.Stats(); s.Delivered != 10 || int64(other.Len()) != 2*s.Received {
		t.Errorf("%+v, the other sink has %d bytes", s.Ledger, other.Len())
	}
}

func TestRunTwice(t *testing.T) {
	p := mustNew(t, config(discard(), ingest.FromReader("r", strings.NewReader("a\n"))))
	mustRun(t, p)
	if err := p.Run(context.Background()); err != ingest.ErrRunTwice {
		t.Errorf("the second Run says %v", err)
	}
}

// A source that goes on after its Run, or sends what is not its own, is refused.
func TestEmitMisuse(t *testing.T) {
	var kept *ingest.Emit
	var chunk *ingest.Chunk
	p := mustNew(t, config(discard(), ingest.SourceFunc(func(_ context.Context, out *ingest.Emit) error {
		kept = out
		c, err := out.Chunk()
		if err != nil {
			return err
		}
		c.Add(parse.Message{Raw: []byte("a")})
		if err := out.Send(c); err != nil {
			t.Error(err)
		}
		if err := out.Send(&ingest.Chunk{}); err == nil {
			t.Error("a chunk of the host's own was taken")
		}
		if err := out.Send(nil); err == nil {
			t.Error("no chunk was taken")
		}
		out.Discard(nil)
		chunk, err = out.Chunk()
		return err
	})))
	mustRun(t, p)
	chunk.Add(parse.Message{Raw: []byte("late")})
	if err := kept.Send(chunk); err != ingest.ErrClosed {
		t.Errorf("a late chunk: %v", err)
	}
	kept.Discard(chunk)
	if s := p.Stats(); s.Received != 1 {
		t.Errorf("%+v", s.Ledger)
	}
}

// Errors and panics of sources: the others go on, Run returns them.
func TestSourceErrors(t *testing.T) {
	noLeaks(t)
	var out bytes.Buffer
	p := mustNew(t, config(batch.NewWriter[event](&out),
		ingest.WithName("broken", ingest.SourceFunc(func(context.Context, *ingest.Emit) error { return io.ErrUnexpectedEOF })),
		ingest.SourceFunc(func(context.Context, *ingest.Emit) error { panic("source") }),
		ingest.FromReader("good", strings.NewReader("a\nb\n")),
	))
	err := p.Run(context.Background())
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "source broken") || !errors.Is(err, errcat.Internal) {
		t.Errorf("Run says %v", err)
	}
	atRest(t, p)
	if out.String() != "a\nb\n" {
		t.Errorf("the good source brought %q", out.String())
	}
}

// What was read is written out before the next Read blocks.
func TestLatency(t *testing.T) {
	noLeaks(t)
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	cfg := config(batch.NewWriter[event](outW), ingest.FromReader("pipe", inR))
	cfg.Ordered = true
	p := mustNew(t, cfg)
	ended := make(chan error)
	go func() { ended <- p.Run(context.Background()) }()
	buf := make([]byte, 100)
	for _, step := range []struct{ in, out string }{
		{"one\n", "one\n"}, {"two\nthr", "two\n"}, {"ee\nfour\nfi", "three\nfour\n"}, {"ve\n", "five\n"},
	} {
		inW.Write([]byte(step.in))
		n, err := outR.Read(buf)
		if got := string(buf[:n]); got != step.out || err != nil {
			t.Fatalf("after %q came %q, %v; want %q", step.in, got, err, step.out)
		}
	}
	inW.Write([]byte("last"))
	inW.Close()
	if n, _ := outR.Read(buf); string(buf[:n]) != "last\n" {
		t.Errorf("the last line came as %q", buf[:n])
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A window in front of a sink holds no batches back, and what its sink refuses has
// its raw message among the dead letters.
func TestWindowInPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups := 0
		window, err := batch.NewWindow[event](batch.LinesFunc[event](func(_ context.Context, lines []byte, n int) error {
			groups++
			var p batch.Partial
			for i, l := range bytes.Split(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n")) {
				if bytes.HasSuffix(l, []byte("7")) {
					p.Fail(i, errcat.SinkRejected)
				}
			}
			return p.Err()
		}), batch.WindowOptions{Rows: 100, Age: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		results := ingest.Result{}
		var mu sync.Mutex
		cfg := config(window, ingest.SourceFunc(func(_ context.Context, out *ingest.Emit) error {
			for i := range 1000 {
				c, err := out.Chunk()
				if err != nil {
					return err
				}
				c.Add(parse.Message{Raw: []byte{'a' + byte(i%26), '0' + byte(i%10)}})
				c.Done = func(r ingest.Result) {
					mu.Lock()
					results.Delivered += r.Delivered
					results.DeadLettered += r.DeadLettered
					mu.Unlock()
				}
				if err := out.Send(c); err != nil {
					return err
				}
			}
			return nil
		}))
		var dead []string
		cfg.DeadLetters = batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
			dead = append(dead, string(d.Raw)+string(d.Partial))
			return nil
		})
		p := mustNew(t, cfg)
		begin := time.Now()
		mustRun(t, p)
		if groups != 10 || time.Since(begin) != 0 {
			t.Errorf("%d groups of 100 rows in %s, want 10 at once", groups, time.Since(begin))
		}
		if len(dead) != 100 || len(dead[0]) != 4 || dead[0][:2] != dead[0][2:] || dead[0][1] != '7' {
			t.Errorf("%d dead letters: %.5q", len(dead), dead)
		}
		if results.Delivered != 900 || results.DeadLettered != 100 {
			t.Errorf("the source was told %+v", results)
		}
	})
}
