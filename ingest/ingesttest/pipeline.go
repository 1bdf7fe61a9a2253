package ingesttest

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// Patience is how long a test waits for what should happen at once.
const Patience = 20 * time.Second

// Event is what the pipeline of this package makes of each message: its bytes.
type Event struct{ Raw []byte }

// Message is a copy of what arrived.
type Message struct {
	Text   string
	Origin parse.Origin
	Offset int64
}

// Pipeline runs a source into a sink that keeps what arrives, and that can be blocked
// or made to fail. Its methods are safe for concurrent use.
type Pipeline struct {
	t      testing.TB
	p      *ingest.Pipeline[Event]
	cancel context.CancelFunc
	ended  chan struct{}
	err    error

	mu   sync.Mutex
	cond *sync.Cond
	got  []Message
	dead []ingest.DeadLetter
	gate chan struct{} // closed while the sink is open
	fail error
	told bool // Fail was called: the pipeline's error is that of the sink
}

// Start runs src. The test ends with an error if the pipeline's ledger does not balance,
// if the source does not return soon after its context, or if it leaves goroutines
// behind.
func Start(t testing.TB, src ingest.Source) *Pipeline { return start(t, src, true) }

func start(t testing.TB, src ingest.Source, open bool) *Pipeline {
	t.Helper()
	before := runtime.NumGoroutine()
	p := &Pipeline{t: t, ended: make(chan struct{}), gate: make(chan struct{})}
	p.cond = sync.NewCond(&p.mu)
	if open {
		close(p.gate)
	}
	var err error
	p.p, err = ingest.New(ingest.Config[Event]{
		Sources: []ingest.Source{src},
		Parser: parse.ParserFunc[Event](func(m *parse.Message, out *parse.Events[Event]) error {
			out.Add().Raw = m.Raw
			return nil
		}),
		Outputs: []ingest.Output[Event]{{Sink: batch.SinkFunc[Event](p.write), Retry: batch.RetryOptions{Attempts: 1}}},
		DeadLetters: batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
			if d.Stage == errcat.StageDeliver {
				return errcat.SinkRejected // what the sink did not take has failed, as without dead letters
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.dead = append(p.dead, ingest.DeadLetter{Raw: bytes.Clone(d.Raw), Category: d.Category, Err: d.Err, Length: d.Length, Source: d.Source})
			p.cond.Broadcast()
			return nil
		}),
		ShutdownTimeout: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		p.err = p.p.Run(ctx)
		close(p.ended)
		p.mu.Lock()
		p.cond.Broadcast()
		p.mu.Unlock()
	}()
	t.Cleanup(func() {
		p.Stop()
		if s := p.p.Stats(); s.Check() != nil || s.InFlight != 0 {
			t.Errorf("the ledger of the source: %v, %+v", s.Check(), s.Ledger)
		}
		for range 400 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before the source ran, %d after it:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	})
	return p
}

func (p *Pipeline) write(ctx context.Context, b *batch.Batch[Event]) error {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	select {
	case <-gate:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	at := len(p.got)
	for i, e := range b.Events {
		m := b.Message(i)
		msg := Message{Text: string(e.Raw), Offset: m.Offset}
		if m.Origin == nil {
			p.t.Error("a message without an Origin")
		} else {
			msg.Origin = *m.Origin
		}
		if m.Received.IsZero() {
			p.t.Error("a message without a time of receipt")
		}
		p.got = append(p.got, msg)
	}
	runtime.Gosched()
	for i, e := range b.Events { // nobody may write to a chunk that was sent
		if string(e.Raw) != p.got[at+i].Text {
			p.t.Errorf("message %d was changed after the source sent it", at+i)
		}
	}
	p.cond.Broadcast()
	return nil
}

// Block makes the sink wait, so that the pipeline fills up; Release lets it go on.
func (p *Pipeline) Block() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
		p.gate = make(chan struct{})
	default:
	}
}

// Release ends Block.
func (p *Pipeline) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
	default:
		close(p.gate)
	}
}

// Fail makes the sink answer err from now on, and take everything again with nil.
func (p *Pipeline) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail, p.told = err, true
}

// Wait waits until n messages in all have arrived, and returns them. It fails the test
// after Patience.
func (p *Pipeline) Wait(n int) []Message {
	p.t.Helper()
	got, _ := p.wait(n, 0)
	return got
}

// WaitDead waits until n dead letters have arrived, and returns them.
func (p *Pipeline) WaitDead(n int) []ingest.DeadLetter {
	p.t.Helper()
	_, dead := p.wait(0, n)
	return dead
}

func (p *Pipeline) wait(n, dead int) ([]Message, []ingest.DeadLetter) {
	p.t.Helper()
	late := false
	timer := time.AfterFunc(Patience, func() {
		p.mu.Lock()
		late = true
		p.cond.Broadcast()
		p.mu.Unlock()
	})
	defer timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.got) < n || len(p.dead) < dead {
		select {
		case <-p.ended:
			p.t.Fatalf("the source ended (%v) after %d messages and %d dead letters, %d and %d were expected", p.err, len(p.got), len(p.dead), n, dead)
		default:
		}
		if late {
			p.t.Fatalf("after %s there are %d messages and %d dead letters, %d and %d were expected", Patience, len(p.got), len(p.dead), n, dead)
		}
		p.cond.Wait()
	}
	return append([]Message(nil), p.got...), append([]ingest.DeadLetter(nil), p.dead...)
}

// Messages are those that have arrived so far.
func (p *Pipeline) Messages() []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Message(nil), p.got...)
}

// Stats are the pipeline's counters.
func (p *Pipeline) Stats() ingest.Stats { return p.p.Stats() }

// Ended waits for a source that ends by itself and returns its error.
func (p *Pipeline) Ended() error {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(Patience):
		p.t.Fatal("the source does not end")
	}
	return p.err
}

// Stop ends the source's context and waits for the pipeline. A source that needs more
// than two seconds fails the test.
func (p *Pipeline) Stop() {
	p.t.Helper()
	p.cancel()
	p.Release()
	begin := time.Now()
	select {
	case <-p.ended:
	case <-time.After(Patience):
		p.t.Fatal("the pipeline does not end after its context")
	}
	if d := time.Since(begin); d > 4*time.Second {
		p.t.Errorf("the source took %s to return after the end of its context", d)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil && !p.told && !errors.Is(p.err, context.Canceled) {
		p.t.Errorf("the source ended with %v", p.err)
	}
}
