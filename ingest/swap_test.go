package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// numbers is a source that sends numbered messages until it is told to stop. It notes
// the longest pause between two of them.
type numbers struct {
	stop  chan struct{}
	n     atomic.Int64
	pause atomic.Int64
}

func newNumbers() *numbers { return &numbers{stop: make(chan struct{})} }

func (e *numbers) Run(ctx context.Context, out *ingest.Emit) error {
	last := time.Now()
	for i := int64(0); ; {
		select {
		case <-e.stop:
			return nil
		case <-ctx.Done():
			return nil
		default:
		}
		c, err := out.Chunk()
		if err != nil {
			return err
		}
		for range 20 {
			if !c.Add(parse.Message{Raw: fmt.Appendf(nil, "%d", i), Offset: i}) {
				break
			}
			i++
		}
		now := time.Now()
		e.pause.Store(max(e.pause.Load(), int64(now.Sub(last))))
		last = now
		if err := out.Send(c); err != nil {
			out.Discard(c)
			return err
		}
		e.n.Store(i)
		time.Sleep(200 * time.Microsecond)
	}
}

// counting counts how often each line reaches one of the sinks that it makes.
type counting struct {
	mu    sync.Mutex
	seen  map[string]int
	marks map[byte]int // by the first byte, which says which encoder made the line
}

// sink takes batches at once, or, while block is not closed, waits until its context
// ends and takes nothing.
func (c *counting) sink(block <-chan struct{}) batch.Sink[event] {
	return &countingSink{c, block}
}

type countingSink struct {
	c     *counting
	block <-chan struct{}
}

func (s *countingSink) Write(ctx context.Context, b *batch.Batch[event]) error {
	if s.block != nil {
		select {
		case <-s.block:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	for i := range b.Len() {
		line := strings.TrimSuffix(string(b.Line(i)), "\n")
		s.c.marks[line[0]]++
		s.c.seen[line[1:]]++
	}
	return nil
}

type markEncoder struct{ mark byte }

func (m markEncoder) Append(dst []byte, e *event) ([]byte, error) {
	return append(append(dst, m.mark), e.text...), nil
}

// Parts are exchanged a hundred times under load, every tenth time for ones that are
// refused, five times while the sink hangs: nothing is lost or doubled, and no
// goroutine is left.
func TestSwapUnderLoad(t *testing.T) {
	noLeaks(t)
	src := newNumbers()
	c := &counting{seen: map[string]int{}, marks: map[byte]int{}}
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{ingest.WithName("numbers", src)}, Parser: rawParser, Encoder: markEncoder{'a'},
		Outputs:     []ingest.Output[event]{{Name: "main", Sink: c.sink(nil)}},
		SwapTimeout: 20 * time.Millisecond, Workers: 2,
	})
	ended := make(chan error)
	go func() { ended <- p.Run(context.Background()) }()
	goroutines := 0
	for i := range 100 {
		parts := p.Parts()
		switch {
		case i%10 == 9: // not valid: everything stays as it is
			parts.Parser = nil
			if err := p.Swap(parts); err == nil || !strings.Contains(err.Error(), "no Parser") {
				t.Fatalf("Swap without a parser: %v", err)
			}
			continue
		case i%20 == 5: // the sink hangs and is exchanged
			parts.Outputs[0].Sink = c.sink(make(chan struct{}))
			if err := p.Swap(parts); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Millisecond)
			parts = p.Parts()
			parts.Outputs[0].Sink = c.sink(nil)
		case i%20 == 6: // a second sink comes
			parts.Outputs = append(parts.Outputs, ingest.Output[event]{Name: "second", BestEffort: true,
				Sink: batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil })})
		case i%20 == 16: // and goes
			parts.Outputs = parts.Outputs[:1]
		}
		parts.Encoder = markEncoder{"ab"[i%2]}
		if err := p.Swap(parts); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
		if i == 0 {
			goroutines = runtime.NumGoroutine()
		}
	}
	for i := 0; runtime.NumGoroutine() > goroutines+2; i++ {
		if i > 200 {
			t.Errorf("%d goroutines after the first exchange, %d after the last", goroutines, runtime.NumGoroutine())
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	close(src.stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	atRest(t, p)
	n := int(src.n.Load())
	for i := range n {
		if times := c.seen[fmt.Sprint(i)]; times != 1 {
			t.Fatalf("message %d of %d was delivered %d times", i, n, times)
		}
	}
	if s := p.Stats(); s.Delivered != int64(n) || c.marks['a'] == 0 || c.marks['b'] == 0 {
		t.Errorf("%d delivered of %d; by encoder %v", s.Delivered, n, c.marks)
	}
	t.Logf("%d messages, longest pause of the source %s", n, time.Duration(src.pause.Load()))
	if err := p.Swap(p.Parts()); !errors.Is(err, ingest.ErrClosed) {
		t.Errorf("Swap after the end: %v", err)
	}
}

// An output that is taken out still writes what it has, and is counted until then.
func TestSwapTakesOut(t *testing.T) {
	src := newNumbers()
	release := make(chan struct{})
	c := &counting{seen: map[string]int{}, marks: map[byte]int{}}
	old := &counting{seen: map[string]int{}, marks: map[byte]int{}}
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: rawParser, Encoder: markEncoder{'a'},
		Outputs: []ingest.Output[event]{{Name: "main", Sink: c.sink(nil)}, {Name: "old", Sink: old.sink(release), QueueBatches: 50}},
	})
	ended := make(chan error)
	go func() { ended <- p.Run(context.Background()) }()
	for p.Stats().Sinks[1].Queued < 3 {
		time.Sleep(time.Millisecond)
	}
	parts := p.Parts()
	parts.Outputs = parts.Outputs[:1]
	if err := p.Swap(parts); err != nil {
		t.Fatal(err)
	}
	before := p.Stats().Sinks[0].Rows
	for p.Stats().Sinks[0].Rows < before+500 {
		time.Sleep(time.Millisecond)
	}
	if s := p.Stats(); len(s.Sinks) != 2 || s.Sinks[1].Name != "old" || s.Sinks[1].InFlight == 0 {
		t.Errorf("the sink that is on its way out: %+v", s.Sinks)
	}
	close(release)
	close(src.stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	atRest(t, p)
	if len(old.seen) == 0 || len(old.seen) >= len(c.seen) || len(c.seen) != int(src.n.Load()) {
		t.Errorf("%d messages, the new sink has %d, the old one %d", src.n.Load(), len(c.seen), len(old.seen))
	}
}

// What cannot be exchanged is refused.
func TestSwapRefuses(t *testing.T) {
	lines := linesSink[event]{&countingSink{}}
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{newNumbers()}, Parser: rawParser, Encoder: rawEncoder{},
		Outputs: []ingest.Output[event]{{Name: "main", Sink: lines}, {Name: "other", Sink: lines}},
	})
	for want, change := range map[string]func(*ingest.Parts[event]){
		"BestEffort of other cannot be changed": func(p *ingest.Parts[event]) { p.Outputs[1].BestEffort = true },
		"main cannot change to a sink that reads events": func(p *ingest.Parts[event]) {
			p.Outputs[0].Sink = &countingSink{}
		},
		"two outputs have the name other": func(p *ingest.Parts[event]) { p.Outputs[0].Name = "other" },
		"no Encoder":                      func(p *ingest.Parts[event]) { p.Encoder = nil },
	} {
		parts := p.Parts()
		change(&parts)
		if err := p.Swap(parts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := p.Swap(p.Parts()); err != nil {
		t.Error(err)
	}
}

// Events and their lines are of one generation of parts, whatever is exchanged when.
func TestSwapIsWholeForABatch(t *testing.T) {
	src := newNumbers()
	var bad atomic.Int64
	parser := func(mark byte) parse.Parser[event] {
		return parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
			out.Add().text = append([]byte{mark}, m.Raw...)
			return nil
		})
	}
	check := func(mark byte) ingest.Validator[event] {
		return validatorFunc(func(e *event) error {
			if e.text[0] != mark {
				bad.Add(1)
				return errcat.SchemaViolation
			}
			return nil
		})
	}
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: parser('a'), Validator: check('a'), Encoder: rawEncoder{},
		Sink: batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
			for i := range b.Len() {
				if !bytes.Equal(b.Line(i)[:1], b.Lines[:1]) {
					bad.Add(1)
				}
			}
			return nil
		}),
	})
	ended := make(chan error)
	go func() { ended <- p.Run(context.Background()) }()
	for i := range 50 {
		parts := p.Parts()
		mark := byte('a' + i%2)
		parts.Parser, parts.Validator = parser(mark), check(mark)
		if err := p.Swap(parts); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	close(src.stop)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	atRest(t, p)
	if bad.Load() > 0 {
		t.Errorf("%d events met parts of another generation", bad.Load())
	}
}

type validatorFunc func(*event) error

func (f validatorFunc) Validate(e *event) error { return f(e) }
