package ingest_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// hanging is a component that blocks on messages that hold the word hang.
type hanging struct {
	entered chan struct{} // gets one for each that blocks
	release chan struct{}
}

func (h hanging) wait(b []byte) {
	if bytes.Contains(b, []byte("hang")) {
		h.entered <- struct{}{}
		<-h.release
	}
}

type (
	hangingParser    struct{ hanging }
	hangingStage     struct{ hanging }
	hangingValidator struct{ hanging }
	hangingEncoder   struct{ hanging }
)

func (h hangingParser) Parse(m *parse.Message, out *parse.Events[event]) error {
	h.wait(m.Raw)
	return rawParser(m, out)
}

func (h hangingStage) Process(_ *parse.Message, e *event) (bool, error) {
	h.wait(e.text)
	return true, nil
}

func (h hangingValidator) Validate(e *event) error {
	h.wait(e.text)
	return nil
}

func (h hangingEncoder) Append(dst []byte, e *event) ([]byte, error) {
	h.wait(e.text)
	return append(dst, e.text...), nil
}

// after is a reader that begins when begin is closed.
type after struct {
	begin <-chan struct{}
	r     io.Reader
}

func (a after) Read(b []byte) (int, error) {
	<-a.begin
	return a.r.Read(b)
}

// A component that blocks costs its message and nothing else: the worker is replaced,
// the message is a dead letter that names the component, all others arrive once and in
// order, and the goroutine counts as left behind until it returns.
func TestHang(t *testing.T) {
	for _, component := range []string{"parser", "stage 0", "validator", "encoder"} {
		t.Run(component, func(t *testing.T) {
			noLeaks(t)
			h := hanging{make(chan struct{}), make(chan struct{})}
			out := &kept{}
			var letters []ingest.DeadLetter
			cfg := ingest.Config[event]{
				Parser: rawParser, Encoder: rawEncoder{}, Sink: out, Workers: 2, ParseTimeout: 200 * time.Millisecond,
				Quarantine: ingest.Quarantine{SenderFaults: -1}, // the one sender would be shut out
				DeadLetters: batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
					letters = append(letters, *d)
					letters[len(letters)-1].Raw = bytes.Clone(d.Raw)
					return nil
				}),
			}
			var log lockedBuffer
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			switch component {
			case "parser":
				cfg.Parser = hangingParser{h}
			case "stage 0":
				cfg.Stages = []ingest.Stage[event]{hangingStage{h}}
			case "validator":
				cfg.Validator = hangingValidator{h}
			case "encoder":
				cfg.Encoder = hangingEncoder{h}
			}
			var in [2]strings.Builder
			var want strings.Builder
			for i := range 5000 {
				line := strings.Repeat("x", i%40+1)
				half := &in[i/2500]
				if i == 700 || i == 3000 {
					half.WriteString("a line to hang on\n")
				}
				half.WriteString(line + "\n")
				want.WriteString(line + " ")
			}
			// The second half comes when the first worker has been replaced: two do not hang at once.
			second := make(chan struct{})
			cfg.Sources = []ingest.Source{ingest.FromReader("r", io.MultiReader(strings.NewReader(in[0].String()), after{second, strings.NewReader(in[1].String())}))}
			cfg.ChunkSize = 4 << 10
			p := mustNew(t, cfg)
			// Time passes when the test says so: as long as one worker hangs and the other
			// has nothing more to do, so that no other message takes any of it.
			clock := newClock(p.SetClock)
			ended := make(chan error)
			go func() { ended <- p.Run(context.Background()) }()
			for hung := int64(1); hung <= 2; hung++ {
				<-h.entered
				looks := 0
				until(t, "the other worker is idle", func() bool { // and not between two chunks
					if looks++; p.Stats().Idle != 1 {
						looks = 0
					}
					return looks > 10
				})
				if clock.pass(150 * time.Millisecond); p.Stats().Replaced != hung-1 {
					t.Errorf("replaced %d after 150ms", p.Stats().Replaced)
				}
				clock.pass(100 * time.Millisecond)
				until(t, "the worker that hangs is replaced", func() bool { return p.Stats().Replaced == hung })
				if hung == 1 {
					close(second)
				}
			}
			if err := <-ended; err == nil || !strings.Contains(err.Error(), "2 workers hang") {
				t.Errorf("Run says %v", err)
			}
			atRest(t, p)
			s := p.Stats()
			if got := strings.Join(out.take(), " ") + " "; got != want.String() {
				t.Errorf("%d lines arrived in another order or number", len(out.take()))
			}
			if len(letters) != 2 || s.DeadLettered != 2 || s.Delivered != 5000 || s.Replaced != 2 || s.LeftBehind != 2 || s.Notices[ingest.WorkerHung] != 2 {
				t.Fatalf("%d letters, %+v", len(letters), s)
			}
			for _, d := range letters {
				if d.Category != errcat.Timeout || d.Component != component || string(d.Raw) != "a line to hang on" {
					t.Errorf("dead letter %+v", d)
				}
				if method := "ingest_test.hanging"; !strings.Contains(d.Err.Error(), method) {
					t.Errorf("the error does not name the function: %v", d.Err)
				}
			}
			if !strings.Contains(log.String(), "left behind") {
				t.Errorf("the log says nothing of it: %s", log.String())
			}
			close(h.release)
			for i := 0; p.Stats().LeftBehind > 0; i++ {
				if i > 1000 {
					t.Fatal("the goroutines have returned and still count as left behind")
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// clock is a monotonic clock that stands still but for pass.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	ticks chan time.Time
}

func newClock(set func(now func() time.Time, ticks <-chan time.Time)) *clock {
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), ticks: make(chan time.Time)}
	set(c.time, c.ticks)
	return c
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// advance lets time pass that nobody looks at.
func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// pass lets time pass with a look of the minder every 25 ms, and returns after the last one.
func (c *clock) pass(d time.Duration) {
	const step = 25 * time.Millisecond
	for ; d > 0; d -= step {
		c.advance(min(step, d))
		c.ticks <- c.time()
	}
	c.ticks <- c.time() // the one before it is done with
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A parser that is slow, and not hung, is left alone.
func TestSlowIsNotHung(t *testing.T) {
	out := &kept{}
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{ingest.FromReader("r", strings.NewReader(strings.Repeat("line\n", 100)))},
		Parser: parse.ParserFunc[event](func(m *parse.Message, o *parse.Events[event]) error {
			time.Sleep(4 * time.Millisecond)
			return rawParser(m, o)
		}),
		Encoder: rawEncoder{}, Sink: out, ParseTimeout: 200 * time.Millisecond,
	})
	mustRun(t, p) // 400 ms in one chunk
	if s := p.Stats(); s.Replaced != 0 || len(out.take()) != 100 {
		t.Errorf("%+v", s)
	}
}

// A component that fails again and again is taken out: all messages become dead
// letters, or an optional stage is left out; and it comes back.
func TestQuarantine(t *testing.T) {
	for _, optional := range []bool{false, true} {
		src := newNumbers()
		failing := make(chan struct{})
		stage := ingest.Stage[event](ingest.StageFunc[event](func(*parse.Message, *event) (bool, error) {
			select {
			case <-failing:
				return true, nil
			default:
				panic("always")
			}
		}))
		if optional {
			stage = ingest.Optional(stage)
		}
		out := &kept{}
		p := mustNew(t, ingest.Config[event]{
			Sources: []ingest.Source{src}, Parser: rawParser, Encoder: rawEncoder{}, Sink: out, Workers: 1,
			Stages:     []ingest.Stage[event]{stage},
			Quarantine: ingest.Quarantine{Faults: 10, Window: time.Minute, Pause: 100 * time.Millisecond},
		})
		ended := make(chan error)
		go func() { ended <- p.Run(context.Background()) }()
		until := func(what string, ok func(s ingest.Stats) bool) {
			t.Helper()
			for i := 0; !ok(p.Stats()); i++ {
				if i > 5000 {
					t.Fatalf("not reached: %s, %+v", what, p.Stats())
				}
				time.Sleep(time.Millisecond)
			}
		}
		until("out of service", func(s ingest.Stats) bool { return s.Notices[ingest.OutOfService] == 1 })
		if n := p.Stats().Panics; n != 10 {
			t.Errorf("taken out after %d panics, want 10", n)
		}
		if optional {
			until("events without the stage", func(s ingest.Stats) bool { return s.Delivered > 100 })
		} else {
			until("dead letters without a panic", func(s ingest.Stats) bool { return s.DeadLetters[errcat.ParserPanic] > 100 })
		}
		// On probation one more panic is enough.
		until("out of service again", func(s ingest.Stats) bool { return s.Notices[ingest.OutOfService] == 2 })
		if n := p.Stats().Panics; n != 11 {
			t.Errorf("taken out again after %d panics, want 11", n)
		}
		close(failing)
		until("back in service", func(s ingest.Stats) bool { return s.Notices[ingest.BackInService] == 2 })
		delivered := p.Stats().Delivered
		until("events", func(s ingest.Stats) bool { return s.Delivered > delivered+100 })
		close(src.stop)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		atRest(t, p)
	}
}
