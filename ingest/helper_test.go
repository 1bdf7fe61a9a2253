package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// event is the smallest event type: a text that aliases the message.
type event struct{ text []byte }

func (e *event) PackName() string {
	name, _, _ := bytes.Cut(e.text, []byte(" "))
	return string(name)
}

var rawParser = parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
	out.Add().text = m.Raw
	return nil
})

type rawEncoder struct{}

func (rawEncoder) Append(dst []byte, e *event) ([]byte, error) { return append(dst, e.text...), nil }

func mustNew[T any](t testing.TB, cfg ingest.Config[T]) *ingest.Pipeline[T] {
	t.Helper()
	p, err := ingest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// mustRun runs p to its end, which must be without an error and with a ledger that
// balances and has nothing in flight.
func mustRun[T any](t testing.TB, p *ingest.Pipeline[T]) {
	t.Helper()
	if err := p.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	atRest(t, p)
}

func atRest[T any](t testing.TB, p *ingest.Pipeline[T]) {
	t.Helper()
	s := p.Stats()
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if s.InFlight != 0 {
		t.Errorf("at rest %d are in flight: %+v", s.InFlight, s.Ledger)
	}
	for _, x := range s.Sinks {
		if x.Queued != 0 || x.QueueBytes != 0 {
			t.Errorf("at rest the queue of %s holds %d batches and %d bytes", x.Name, x.Queued, x.QueueBytes)
		}
	}
}

// noLeaks fails if more goroutines run at the end of the test than now.
func noLeaks(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 200 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	})
}

// The oracle hands out messages whose text says what has to become of them:
//
//	ID KIND…   KIND is one letter for each thing that the message is made into
//
//	d  an event that is delivered
//	f  an event that a stage filters out
//	s  an event that a stage refuses          S  that a stage panics on
//	v  an event that the validator refuses    V  that the validator panics on
//	e  an event that the encoder refuses      E  that the encoder panics on
//	x  an event that the sink refuses
//	r  a rejected item
//	p  the parser fails                       P  the parser panics, after an event
//	   (alone; both take back what was added)
//
// No letter: the message has no event. It keeps what arrives where, and computes by
// itself what the ledger must say.
type oracle struct {
	t  *testing.T
	mu sync.Mutex

	issued    map[string]string // id → kinds
	delivered map[string]int    // "id#index" → times
	dead      map[string]int    // id → letters
	done      map[int]int       // chunk → times
	results   ingest.Result
	chunks    int
}

func newOracle(t *testing.T) *oracle {
	return &oracle{t: t, issued: map[string]string{}, delivered: map[string]int{}, dead: map[string]int{}, done: map[int]int{}}
}

const kinds = "ddddddddfsSvVeExr"

func randomKinds(r *rand.Rand) string {
	switch r.IntN(20) {
	case 0:
		return "p"
	case 1:
		return "P"
	case 2:
		return ""
	case 3, 4, 5:
		var b strings.Builder
		for range 1 + r.IntN(6) {
			b.WriteByte(kinds[r.IntN(len(kinds))])
		}
		return b.String()
	}
	return string(kinds[r.IntN(len(kinds))])
}

// source issues n messages in chunks of random sizes.
func (o *oracle) source(name string, n int, seed uint64) ingest.Source {
	return ingest.WithName(name, ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		r := rand.New(rand.NewPCG(seed, 1))
		for i := 0; i < n; {
			c, err := out.Chunk()
			if err != nil {
				return err
			}
			ids := map[string]string{}
			for size := 1 + r.IntN(50); size > 0 && i < n; size-- {
				id, kinds := fmt.Sprintf("%s-%d", name, i), randomKinds(r)
				if !c.Add(parse.Message{Raw: []byte(id + " " + kinds), Offset: int64(i)}) {
					break
				}
				ids[id] = kinds
				i++
			}
			o.mu.Lock()
			number := o.chunks
			o.chunks++
			o.mu.Unlock()
			c.Done = func(res ingest.Result) {
				o.mu.Lock()
				defer o.mu.Unlock()
				o.done[number]++
				o.results.Delivered += res.Delivered
				o.results.Filtered += res.Filtered
				o.results.Shed += res.Shed
				o.results.DeadLettered += res.DeadLettered
				o.results.Failed += res.Failed
				if (res.Failed > 0 || res.Shed > 0) != (res.Err != nil) {
					o.t.Errorf("result %+v", res)
				}
			}
			o.mu.Lock()
			err = out.Send(c)
			if err == nil {
				for id, k := range ids {
					o.issued[id] = k
				}
			} else {
				o.chunks--
			}
			o.mu.Unlock()
			if err != nil {
				out.Discard(c)
				return err
			}
		}
		return nil
	}))
}

type oracleEvent struct {
	id    []byte
	index int
	kind  byte
}

func (o *oracle) parser() parse.Parser[oracleEvent] {
	return parse.ParserFunc[oracleEvent](func(m *parse.Message, out *parse.Events[oracleEvent]) error {
		id, kinds, _ := bytes.Cut(m.Raw, []byte(" "))
		for i, k := range kinds {
			switch k {
			case 'r':
				out.Reject(m.Raw, errcat.New(errcat.TypeMismatch, errcat.StageParse, "rejected"))
				continue
			case 'p', 'P':
				out.Add()
				out.Reject(id, errcat.Internal)
				if k == 'P' {
					panic("parser")
				}
				return errcat.New(errcat.SchemaViolation, errcat.StageParse, "not parsed")
			}
			e := out.Add()
			if e.id != nil || e.kind != 0 {
				o.t.Errorf("an event was not reset: %+v", e)
			}
			*e = oracleEvent{id, i, k}
		}
		return nil
	})
}

var errRefused = errcat.New(errcat.SchemaViolation, errcat.StageUnknown, "refused")

func act(e *oracleEvent, refuse, panics byte) error {
	switch e.kind {
	case refuse:
		return errRefused
	case panics:
		panic(e.kind)
	}
	return nil
}

type oracleStage struct{}

func (oracleStage) Process(_ *parse.Message, e *oracleEvent) (bool, error) {
	return e.kind != 'f', act(e, 's', 'S')
}

type oracleValidator struct{}

func (oracleValidator) Validate(e *oracleEvent) error { return act(e, 'v', 'V') }

type oracleEncoder struct{}

func (oracleEncoder) Append(dst []byte, e *oracleEvent) ([]byte, error) {
	dst = append(dst, "this must not be seen"...)
	if err := act(e, 'e', 'E'); err != nil {
		return nil, err
	}
	dst = dst[:len(dst)-len("this must not be seen")]
	return fmt.Appendf(dst, "%s#%d %c", e.id, e.index, e.kind), nil
}

// sink takes rows by their lines and refuses those of kind x.
func (o *oracle) write(b *batch.Batch[oracleEvent]) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var p batch.Partial
	for i := range b.Len() {
		line := strings.TrimSuffix(string(b.Line(i)), "\n")
		id, kind, _ := strings.Cut(line, " ")
		if b.Events != nil {
			if e := b.Events[i]; fmt.Sprintf("%s#%d", e.id, e.index) != id {
				o.t.Errorf("event %s#%d stands beside line %s", e.id, e.index, line)
			}
		}
		if m := b.Message(i); !strings.HasPrefix(id, string(m.Raw[:bytes.IndexByte(m.Raw, ' ')])+"#") {
			o.t.Errorf("message %q stands beside line %s", m.Raw, line)
		}
		if kind == "x" {
			p.Fail(i, errcat.SinkRejected)
			continue
		}
		o.delivered[id]++
	}
	return p.Err()
}

func (o *oracle) bury(d *ingest.DeadLetter) {
	id, _, _ := strings.Cut(string(d.Raw), " ")
	o.mu.Lock()
	defer o.mu.Unlock()
	if !d.Category.Valid() || d.Err == nil || d.Source == "" || d.Length != int64(len(d.Raw)) {
		o.t.Errorf("dead letter %+v", d)
	}
	if (d.Category == errcat.ParserPanic || d.Stage == errcat.StageDeliver) != (d.Component != "") {
		o.t.Errorf("component %q of a dead letter of category %s", d.Component, d.Category)
	}
	o.dead[id]++
}

// config is a pipeline of the oracle's parts.
func (o *oracle) config(sources ...ingest.Source) ingest.Config[oracleEvent] {
	return ingest.Config[oracleEvent]{
		Sources: sources, Parser: o.parser(), Stages: []ingest.Stage[oracleEvent]{oracleStage{}}, Validator: oracleValidator{},
		Encoder: oracleEncoder{}, ChunkSize: 1 << 10, ChunkMessages: 40,
		Sink: batch.SinkFunc[oracleEvent](func(_ context.Context, b *batch.Batch[oracleEvent]) error { return o.write(b) }),
		DeadLetters: batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
			o.bury(d)
			return nil
		}),
	}
}

// expect computes the ledger from what was issued.
func (o *oracle) expect() (l ingest.Ledger) {
	for _, kinds := range o.issued {
		l.Received++
		l.Split += max(0, int64(len(kinds)-1))
		if kinds == "" {
			l.Filtered++
		}
		for _, k := range kinds {
			switch k {
			case 'd':
				l.Delivered++
			case 'f':
				l.Filtered++
			default:
				l.DeadLettered++
			}
		}
	}
	return l
}

// check compares what arrived with what had to.
func (o *oracle) check(s ingest.Stats, exact bool) {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := s.Check(); err != nil {
		o.t.Error(err)
	}
	want := o.expect()
	if exact && s.Ledger != want {
		o.t.Errorf("the ledger is\n%+v, the oracle counts\n%+v", s.Ledger, want)
	}
	if s.Received != want.Received || s.InFlight != 0 {
		o.t.Errorf("received %d and %d in flight, the oracle issued %d", s.Received, s.InFlight, want.Received)
	}
	r := o.results
	if int64(r.Delivered) != s.Delivered || int64(r.Filtered) != s.Filtered || int64(r.Shed) != s.Shed ||
		int64(r.DeadLettered) != s.DeadLettered || int64(r.Failed) != s.Failed {
		o.t.Errorf("the sources were told %+v, the ledger is %+v", r, s.Ledger)
	}
	for i := range o.chunks {
		if o.done[i] != 1 {
			o.t.Errorf("Done of chunk %d was called %d times", i, o.done[i])
		}
	}
	for id := range o.delivered {
		if msg, _, _ := strings.Cut(id, "#"); o.issued[msg] == "" {
			o.t.Errorf("%s was delivered and never issued", id)
		}
	}
	if !exact {
		return
	}
	for id, kinds := range o.issued {
		letters := 0
		for i, k := range kinds {
			n := o.delivered[fmt.Sprintf("%s#%d", id, i)]
			if (n == 1) != (k == 'd') || n > 1 {
				o.t.Errorf("event %d of %s %s was delivered %d times", i, id, kinds, n)
			}
			if k != 'd' && k != 'f' {
				letters++
			}
		}
		if o.dead[id] != letters {
			o.t.Errorf("%s %s has %d dead letters, want %d", id, kinds, o.dead[id], letters)
		}
	}
}

var errOops = errors.New("oops")
