package faulttest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// rawLine is the event of the runtime's tests: the record as it came.
type rawLine struct{ text []byte }

type rawLineEncoder struct{}

func (rawLineEncoder) Append(dst []byte, e *rawLine) ([]byte, error) {
	return append(dst, e.text...), nil
}

var rawLineParser = parse.ParserFunc[rawLine](func(m *parse.Message, out *parse.Events[rawLine]) error {
	out.Add().text = m.Raw
	return nil
})

// issuing is a source of records of an oracle. What the pipeline answers for as safe is
// accepted.
type issuing struct {
	oracle *Oracle
	until  func(sent int) bool // false ends it
	every  time.Duration       // between chunks; 0: as fast as it can
	chunk  int                 // records in a chunk; 0: 20

	held func(from, to time.Time) // told of each time for which the pipeline held it back
	done atomic.Int64             // chunks whose Done was called
	sent atomic.Int64             // chunks
}

func (s *issuing) Run(ctx context.Context, out *ingest.Emit) error {
	for n := 0; s.until(n) && ctx.Err() == nil; {
		asked := time.Now()
		c, err := out.Chunk()
		if err != nil {
			return err
		}
		var ids []uint64
		for range cmp.Or(s.chunk, 20) {
			if !s.until(n) {
				break
			}
			r := s.oracle.Issue()
			if !c.Add(parse.Message{Raw: r.Line, Offset: int64(n)}) {
				panic("a chunk does not hold that many records")
			}
			ids = append(ids, r.ID)
			n++
		}
		var once atomic.Bool
		c.Done = func(r ingest.Result) {
			if once.Swap(true) {
				panic("Done was called twice")
			}
			s.done.Add(1)
			if r.OK() {
				s.oracle.Accept(ids...)
			}
		}
		s.sent.Add(1)
		if err := out.Send(c); err != nil {
			s.sent.Add(-1)
			out.Discard(c)
			return err
		}
		if s.held != nil {
			s.held(asked, time.Now())
		}
		if s.every > 0 {
			time.Sleep(s.every)
		}
	}
	return nil
}

// seconds ends a source after a time.
func seconds(d time.Duration) func(int) bool {
	end := time.Now().Add(d)
	return func(int) bool { return time.Now().Before(end) }
}

// records ends a source after a number.
func records(n int) func(int) bool { return func(sent int) bool { return sent < n } }

func receive(o *Oracle) batch.Sink[rawLine] {
	return batch.LinesFunc[rawLine](func(_ context.Context, lines []byte, _ int) error {
		o.ReceiveAll(lines)
		return nil
	})
}

func bury(o *Oracle) batch.Sink[ingest.DeadLetter] {
	return batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
		o.Bury(d.Raw)
		return nil
	})
}

func rawLineConfig(src ingest.Source, o *Oracle) ingest.Config[rawLine] {
	return ingest.Config[rawLine]{
		Sources: []ingest.Source{src}, Parser: rawLineParser, Encoder: rawLineEncoder{}, DeadLetters: bury(o), Workers: 2,
		Outputs: []ingest.Output[rawLine]{{Name: "main", Sink: receive(o)}},
	}
}

// runLines runs p and compares ledger and oracle. It returns the error of Run.
func runLines(t *testing.T, p *ingest.Pipeline[rawLine], src *issuing, o *Oracle, l Limits, ctx context.Context) (ingest.Stats, Report, error) {
	t.Helper()
	err := p.Run(ctx)
	s := p.Stats()
	if e := s.Check(); e != nil {
		t.Error(e)
	}
	if s.InFlight != 0 || src.done.Load() != src.sent.Load() {
		t.Errorf("%d in flight, %d chunks sent, %d answered", s.InFlight, src.sent.Load(), src.done.Load())
	}
	r := o.Check(t, l)
	if int(s.Received) != r.Issued && err == nil {
		t.Errorf("the ledger has %d received, the oracle issued %d", s.Received, r.Issued)
	}
	return s, r, err
}

func newLines(t *testing.T, cfg ingest.Config[rawLine]) *ingest.Pipeline[rawLine] {
	t.Helper()
	p, err := ingest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// quiet waits until no more goroutines run and no more descriptors are open than before.
func quiet(t *testing.T) {
	t.Helper()
	// The first timer, or file that can be polled, makes the runtime open its poller, which
	// stays: two descriptors that are nobody's leak. Under "go test" the timeout is that timer.
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		for range 300 {
			if runtime.NumGoroutine() <= goroutines && descriptors() <= len(files) {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Errorf("%d goroutines before, %d after; descriptors %v before, %v after", goroutines, runtime.NumGoroutine(), files, openFiles())
	})
}

// descriptors is how many are open.
func descriptors() int { return len(openFiles()) }

// openFiles are what the open descriptors stand for.
func openFiles() (open []string) {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	for _, e := range list {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil { // that of the folder is closed
			open = append(open, e.Name()+"="+to)
		}
	}
	return open
}

// A sink hangs, then heals: its writes are cut off in time, the other sink gets
// everything meanwhile, memory stays within its bound, and nothing is lost.
func TestF16(t *testing.T) {
	quiet(t)
	hang := time.Duration(Pick(2, 60)) * time.Second
	const limit = 200 * time.Millisecond
	o, other := NewOracle(1), NewOracle(1)
	src := &issuing{oracle: o, until: seconds(hang + time.Second), every: time.Millisecond}
	var calls, late atomic.Int64
	heal := time.Now().Add(hang)
	var whileHung, issued atomic.Int64
	cfg := rawLineConfig(src, o)
	inner := cfg.Outputs[0].Sink
	cfg.Outputs[0].Sink = batch.SinkFunc[rawLine](func(ctx context.Context, b *batch.Batch[rawLine]) error {
		if time.Now().After(heal) {
			return inner.Write(ctx, b)
		}
		begun := time.Now()
		<-ctx.Done()
		calls.Add(1)
		late.Store(max(late.Load(), int64(time.Since(begun)-limit)))
		return ctx.Err()
	})
	cfg.Outputs[0].Timeout = limit
	cfg.Outputs[0].Retry = batch.RetryOptions{MinDelay: 10 * time.Millisecond, MaxDelay: 100 * time.Millisecond}
	cfg.Outputs[0].QueueBatches, cfg.Outputs[0].QueueBytes = 1<<14, 1<<30
	cfg.Outputs = append(cfg.Outputs, ingest.Output[rawLine]{Name: "other", BestEffort: true, Sink: batch.LinesFunc[rawLine](func(_ context.Context, lines []byte, n int) error {
		other.ReceiveAll(lines)
		if time.Now().Before(heal) {
			whileHung.Add(int64(n))
			issued.Store(int64(o.Issued()))
		}
		return nil
	})})
	p := newLines(t, cfg)
	var s ingest.Stats
	var r Report
	record(t, "F16", fmt.Sprintf("one of two sinks answers nothing for %s", hang),
		"writes cut off in time; the other sink keeps ≥ 95 % of its rate; 0 lost", func() string {
			return fmt.Sprintf("%d writes cut off, the latest %s after its limit of %s; %d of %d rows to the other sink meanwhile; %s; %d retries",
				calls.Load(), time.Duration(late.Load()).Round(time.Millisecond), limit, whileHung.Load(), issued.Load(), r, s.Sinks[0].Retries)
		})
	var err error
	if s, r, err = runLines(t, p, src, o, Limits{}, context.Background()); err != nil {
		t.Error(err)
	}
	if len(r.Missing) > 0 || other.Report().Delivered != r.Issued {
		t.Errorf("%d missing; the other sink has %d of %d", len(r.Missing), other.Report().Delivered, r.Issued)
	}
	if calls.Load() < 2 || time.Duration(late.Load()) > 10*limit {
		t.Errorf("%d writes cut off, up to %s late", calls.Load(), time.Duration(late.Load()))
	}
	if whileHung.Load() < issued.Load()*95/100 {
		t.Errorf("%d of %d rows reached the other sink while one hung", whileHung.Load(), issued.Load())
	}
}

// A source ten times faster than the sink: memory stays within the documented bound
// and flat, order is kept, nothing is lost.
func TestF22(t *testing.T) {
	quiet(t)
	o := NewOracle(2)
	src := &issuing{oracle: o, until: seconds(time.Duration(Pick(3, 60)) * time.Second)}
	cfg := rawLineConfig(src, o)
	var last, disorder, most, first int64
	before := memory()
	begun := time.Now()
	inner := cfg.Outputs[0].Sink
	cfg.Outputs[0].Sink = batch.SinkFunc[rawLine](func(ctx context.Context, b *batch.Batch[rawLine]) error {
		time.Sleep(time.Duration(b.Len()) * 200 * time.Microsecond) // 5,000 a second
		for i := range b.Len() {
			if offset := b.Message(i).Offset; offset < last {
				disorder++
			} else {
				last = offset
			}
		}
		if err := inner.Write(ctx, b); err != nil {
			return err
		}
		if b.Message(0).Offset%2000 < 20 {
			// The oracle itself grows with each record: an entry in each of two maps.
			grown := memory() - before - o.bytes()
			if most = max(most, grown); first == 0 && time.Since(begun) > 500*time.Millisecond {
				first = grown
			}
		}
		return nil
	})
	bound := cfg.MemoryBound()
	var r Report
	record(t, "F22", "source as fast as it can, sink 5,000 a second", "heap within the bound of the options and flat; 0 lost; order kept", func() string {
		return fmt.Sprintf("heap at most %.1f MB, %.1f MB at the begin, bound %.1f MB; out of order %d; %s", float64(most)/1e6, float64(first)/1e6, float64(bound)/1e6, disorder, r)
	})
	p := newLines(t, cfg)
	_, r, err := runLines(t, p, src, o, Limits{}, context.Background())
	if err != nil {
		t.Error(err)
	}
	if len(r.Missing) > 0 || disorder > 0 {
		t.Errorf("%d missing, %d out of order", len(r.Missing), disorder)
	}
	if most > bound+4<<20 || most > first+8<<20 {
		t.Errorf("the heap grew to %d bytes, from %d at the begin; the bound is %d", most, first, bound)
	}
	if bound > 64<<20 {
		t.Errorf("the bound is %d bytes", bound)
	}
}

// One of three sinks refuses everything for a while: the others get all of it at once;
// the dead one loses exactly what is counted as dropped, or nothing where it has a queue on
// disk.
func TestF23(t *testing.T) {
	quiet(t)
	dead := time.Duration(Pick(2, 300)) * time.Second
	most := dead / time.Duration(Pick(5, 20)) // two seconds of a busy machine have pauses of their own; a source that waits for the dead sink is held all the time
	for _, drop := range []bool{true, false} {
		oracles := []*Oracle{NewOracle(3), NewOracle(3), NewOracle(3)}
		src := &issuing{oracle: oracles[0], until: seconds(dead + time.Second), every: 2 * time.Millisecond}
		heal := time.Now().Add(dead)
		var pauses []interval
		src.held = func(from, to time.Time) {
			if to.Sub(from) > 5*time.Millisecond && to.Before(heal) {
				pauses = append(pauses, interval{from, to})
			}
		}
		cfg := rawLineConfig(src, oracles[0])
		var last batch.Sink[rawLine] = batch.LinesFunc[rawLine](func(_ context.Context, lines []byte, _ int) error {
			if time.Now().Before(heal) {
				return errcat.TransientNetwork
			}
			oracles[2].ReceiveAll(lines)
			return nil
		})
		out := ingest.Output[rawLine]{Name: "dead", BestEffort: true, Drop: true, Retry: batch.RetryOptions{MaxDelay: 200 * time.Millisecond}}
		var queue *spool.Sink[rawLine]
		if !drop {
			var err error
			if queue, err = spool.NewSink(last, spool.Options{Dir: filepath.Join(t.TempDir(), "spool"), MaxBytes: 4 << 30, Sync: spool.SyncInterval, Retry: out.Retry}); err != nil {
				t.Fatal(err)
			}
			last, out.Drop = queue, false
		}
		out.Sink = last
		cfg.Outputs = append(cfg.Outputs, ingest.Output[rawLine]{Name: "second", Sink: receive(oracles[1])}, out)
		p := newLines(t, cfg)
		var atHeal ingest.Stats
		looked := make(chan struct{})
		time.AfterFunc(dead-100*time.Millisecond, func() { atHeal = p.Stats(); close(looked) })
		machine := watchStalls()
		s, r, err := runLines(t, p, src, oracles[0], Limits{}, context.Background())
		if err != nil {
			t.Error(err)
		}
		machine.end()
		<-looked
		held := time.Duration(0)
		for _, x := range pauses {
			held += machine.rest(x.from, x.to)
		}
		inQueue := int64(0)
		if queue != nil {
			inQueue = int64(queue.Stats().Entries)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			if err := errors.Join(queue.Drain(ctx), queue.Close()); err != nil {
				t.Errorf("the queue of the dead sink: %v, %+v", err, queue.Stats())
			}
			cancel()
		}
		record(t, "F23", fmt.Sprintf("one of three sinks refuses for %s, drop %t", dead, drop), "the others keep ≥ 95 % of the rate; 0 lost with a queue on disk, or exactly the counted drops", func() string {
			return fmt.Sprintf("before it healed the others had %d and %d of %d rows, the source was held back for %.1f %% of the time; the dead one has %d, of which %d were in its queue at the end, dropped %d; %s",
				atHeal.Sinks[0].Rows, atHeal.Sinks[1].Rows, atHeal.Received, 100*held.Seconds()/dead.Seconds(), oracles[2].Report().Delivered, inQueue, s.Sinks[2].Dropped, r)
		})
		if oracles[1].Report().Delivered != r.Issued || len(r.Missing) > 0 {
			t.Errorf("the healthy sinks have %d and %d of %d", r.Delivered, oracles[1].Report().Delivered, r.Issued)
		}
		if got := oracles[2].Report().Delivered + int(s.Sinks[2].Dropped); got != r.Issued || (s.Sinks[2].Dropped > 0) != drop {
			t.Errorf("drop %t: the dead sink has %d and dropped %d of %d", drop, oracles[2].Report().Delivered, s.Sinks[2].Dropped, r.Issued)
		}
		if atHeal.Sinks[0].Rows < atHeal.Received*95/100 || atHeal.Sinks[1].Rows < atHeal.Received*95/100 || held > most {
			t.Errorf("drop %t: while one was dead the others had %d and %d of %d, and the source was held back for %s", drop, atHeal.Sinks[0].Rows, atHeal.Sinks[1].Rows, atHeal.Received, held)
		}
	}
}

// The wall clock jumps to anywhere while records flow.
func TestF44(t *testing.T) {
	quiet(t)
	o := NewOracle(4)
	took := time.Duration(Pick(2, 20)) * time.Second
	src := &issuing{oracle: o, until: seconds(took), every: time.Millisecond}
	cfg := rawLineConfig(src, o)
	jumps := []time.Duration{0, time.Second, -time.Second, time.Hour, -time.Hour, -56 * 365 * 24 * time.Hour, 74 * 365 * 24 * time.Hour}
	var calls, longest, calm, jumping atomic.Int64 // the last two: rows before the first jump, and after it
	first := time.Now().Add(took / 4)
	cfg.Now = func() time.Time {
		if time.Now().Before(first) {
			return time.Now()
		}
		return time.Now().Add(jumps[int(calls.Add(1)/50)%len(jumps)])
	}
	cfg.Notify = func(n *ingest.Notice) {
		if n.Kind == ingest.SenderSilent || n.Kind == ingest.StepEntered {
			t.Errorf("the clock made a notice: %s", n)
		}
	}
	ids := map[string]bool{}
	var id []byte
	lastWrite := time.Now()
	inner := cfg.Outputs[0].Sink
	cfg.Outputs[0].Sink = batch.SinkFunc[rawLine](func(ctx context.Context, b *batch.Batch[rawLine]) error {
		longest.Store(max(longest.Load(), int64(time.Since(lastWrite))))
		lastWrite = time.Now()
		if lastWrite.Before(first) {
			calm.Add(int64(b.Len()))
		} else {
			jumping.Add(int64(b.Len()))
		}
		for i := range b.Len() {
			id = ingest.AppendID(id[:0], b.Message(i), 0)
			if ids[string(id)] {
				t.Errorf("the id %s comes twice", id)
			}
			ids[string(id)] = true
		}
		return inner.Write(ctx, b)
	})
	p := newLines(t, cfg)
	s, r, err := runLines(t, p, src, o, Limits{}, context.Background())
	rate := float64(jumping.Load()) / 3 / float64(calm.Load())
	record(t, "F44", "wall clock ±1 s, ±1 h, to 1970, to 2100, under load", "no stall; rate ≥ 90 % of that before the first jump; 0 lost; ids unique", func() string {
		return fmt.Sprintf("%d jumps, longest pause at the sink %s, %.0f %% of the rate, %d ids; %s", calls.Load()/50, time.Duration(longest.Load()).Round(time.Millisecond), 100*rate, len(ids), r)
	})
	if err != nil || len(r.Missing) > 0 || s.Delivered != s.Received {
		t.Errorf("%v, %s", err, r)
	}
	if d := time.Duration(longest.Load()); d > 2*time.Second {
		t.Errorf("nothing arrived for %s", d)
	}
	if took >= 10*time.Second && rate < 0.9 { // other programs decide the rate of a second
		t.Errorf("%.2f of the rate before the first jump", rate)
	}
}

// stalls notes when the machine lets this process stand: what a goroutine that only sleeps
// sees of it is nothing that a pipeline could help.
type stalls struct {
	mu   sync.Mutex
	from []time.Time
	to   []time.Time
	stop chan struct{}
	done chan struct{}
}

func watchStalls() *stalls {
	s := &stalls{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for last := time.Now(); ; {
			select {
			case <-s.stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			now := time.Now()
			if now.Sub(last) > 20*time.Millisecond {
				s.mu.Lock()
				s.from, s.to = append(s.from, last), append(s.to, now)
				s.mu.Unlock()
			}
			last = now
		}
	}()
	return s
}

func (s *stalls) end() { close(s.stop); <-s.done }

// rest is the time from one moment to another without the stalls in it.
func (s *stalls) rest(from, to time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := to.Sub(from)
	for i := range s.from {
		a, b := s.from[i], s.to[i]
		if a.Before(from) {
			a = from
		}
		if b.After(to) {
			b = to
		}
		d -= max(b.Sub(a), 0)
	}
	return d
}

// interval is a time for which a source was held back.
type interval struct{ from, to time.Time }

// mostPause is what a reload may hold a source back.
const mostPause = 200 * time.Millisecond

// Parts are exchanged under load, some invalid, some while the sink hangs. The sink that
// hangs does so until the next reload, and its queue has room for that time: whatever holds
// the source back is the reload's doing.
func TestF45(t *testing.T) {
	quiet(t)
	o := NewOracle(5)
	reloads := 100
	var stop atomic.Bool
	src := &issuing{oracle: o, until: func(int) bool { return !stop.Load() }, every: time.Millisecond}
	var pauses []interval
	src.held = func(from, to time.Time) {
		if to.Sub(from) > mostPause/4 {
			pauses = append(pauses, interval{from, to})
		}
	}
	cfg := rawLineConfig(src, o)
	cfg.SwapTimeout = 50 * time.Millisecond
	cfg.Outputs[0].QueueBatches, cfg.Outputs[0].QueueBytes = 4096, 256<<20
	p := newLines(t, cfg)
	healthy := func() batch.Sink[rawLine] { return receive(o) }
	refused, changed := 0, 0
	reloaded := make(chan struct{})
	go func() {
		defer close(reloaded)
		defer stop.Store(true)
		for i := range reloads {
			time.Sleep(time.Duration(Pick(15, 600)) * time.Millisecond)
			parts := p.Parts()
			switch {
			case i%10 == 9:
				parts.Outputs = nil
				if p.Swap(parts) != nil {
					refused++
				}
				continue
			case i%20 == 3:
				parts.Outputs[0].Sink = blocked
			default:
				parts.Outputs[0].Sink = healthy()
			}
			parts.Parser = parse.ParserFunc[rawLine](rawLineParser)
			if err := p.Swap(parts); err != nil {
				t.Error(err)
			}
			changed++
		}
	}()
	machine := watchStalls()
	_, r, err := runLines(t, p, src, o, Limits{}, context.Background())
	machine.end()
	<-reloaded
	longest := time.Duration(0)
	for _, x := range pauses {
		longest = max(longest, machine.rest(x.from, x.to))
	}
	record(t, "F45", fmt.Sprintf("%d reloads under load, every tenth invalid, five of a blocked sink", reloads), "0 lost; 0 duplicates; sources pause ≤ 200 ms; goroutines and descriptors back", func() string {
		what := "never held back for more than 50ms"
		if longest > 0 {
			what = "held back for " + longest.Round(time.Millisecond).String() + " at most"
		}
		return fmt.Sprintf("%d done, %d refused; the source was %s; %s", changed, refused, what, r)
	})
	if err != nil || len(r.Missing) > 0 || refused != reloads/10 || longest > mostPause {
		t.Errorf("%v, %d refused, %s; the source was held back for %s", err, refused, r, longest)
	}
}

// blocked is a sink that hangs until it is told to stop.
var blocked = batch.LinesFunc[rawLine](func(ctx context.Context, _ []byte, _ int) error {
	<-ctx.Done()
	return context.Cause(ctx)
})

// A sink has hung for so long that its queue is full and the source stands still. From the
// reload on that changes it, the source waits no longer than for any other one. The time that
// the old sink is given is the default.
func TestF45FullQueue(t *testing.T) {
	quiet(t)
	o := NewOracle(45)
	var stop atomic.Bool
	src := &issuing{oracle: o, until: func(int) bool { return !stop.Load() }}
	back := make(chan time.Time, 1)
	src.held = func(from, to time.Time) {
		if to.Sub(from) > time.Second {
			back <- to
		}
	}
	cfg := rawLineConfig(src, o)
	cfg.Outputs[0].Sink = blocked
	p := newLines(t, cfg)
	var waits []time.Duration
	changes := Pick(1, 5)
	go func() {
		defer stop.Store(true)
		for range changes {
			time.Sleep(1500 * time.Millisecond)
			parts := p.Parts()
			parts.Outputs[0].Sink = receive(o)
			machine := watchStalls()
			told := time.Now()
			if err := p.Swap(parts); err != nil {
				t.Error(err)
			}
			at := <-back
			machine.end()
			waits = append(waits, machine.rest(told, at))
			parts = p.Parts()
			parts.Outputs[0].Sink = blocked
			if err := p.Swap(parts); err != nil {
				t.Error(err)
			}
		}
		parts := p.Parts()
		parts.Outputs[0].Sink = receive(o)
		if err := p.Swap(parts); err != nil {
			t.Error(err)
		}
	}()
	_, r, err := runLines(t, p, src, o, Limits{}, context.Background())
	record(t, "F45", fmt.Sprintf("%d reloads of a sink that hangs with a full queue", changes), "0 lost; 0 duplicates; sources go on ≤ 200 ms after the reload", func() string {
		return fmt.Sprintf("the source went on after %v; %s", waits, r)
	})
	if err != nil || len(r.Missing) > 0 || len(waits) != changes || slices.Max(waits) > mostPause {
		t.Errorf("%v; the source went on after %v; %s", err, waits, r)
	}
}

// The pipeline is told to stop under load, with a healthy, a slow and a hung sink.
func TestF46(t *testing.T) {
	const grace = 500 * time.Millisecond
	for _, kind := range []string{"healthy", "slow", "hung", "second signal"} {
		t.Run(strings.ReplaceAll(kind, " ", "_"), func(t *testing.T) {
			quiet(t)
			o := NewOracle(6)
			src := &issuing{oracle: o, until: func(int) bool { return true }, every: time.Millisecond}
			cfg := rawLineConfig(src, o)
			cfg.ShutdownTimeout = grace
			inner := cfg.Outputs[0].Sink
			never := make(chan struct{})
			switch kind {
			case "slow":
				cfg.Outputs[0].Sink = batch.SinkFunc[rawLine](func(ctx context.Context, b *batch.Batch[rawLine]) error {
					time.Sleep(2 * time.Millisecond)
					return inner.Write(ctx, b)
				})
			case "hung", "second signal":
				cfg.Outputs[0].Sink = batch.SinkFunc[rawLine](func(context.Context, *batch.Batch[rawLine]) error {
					<-never // not even when it is told to
					return errors.New("never")
				})
			}
			if kind == "second signal" {
				cfg.ShutdownTimeout = time.Hour
			}
			p := newLines(t, cfg)
			ctx, cancel := context.WithCancel(context.Background())
			var told time.Time
			time.AfterFunc(300*time.Millisecond, func() {
				told = time.Now()
				cancel()
				if kind == "second signal" {
					time.AfterFunc(100*time.Millisecond, p.Abort)
				}
			})
			_, r, err := runLines(t, p, src, o, Limits{}, ctx)
			took := time.Since(told)
			close(never)
			record(t, "F46", "told to stop, "+kind+" sink", "healthy: all delivered; hung: within grace + 1 s; 0 lost (what was not delivered was not acknowledged)", func() string {
				return fmt.Sprintf("%s after %s of grace: %s", took.Round(time.Millisecond), grace, r)
			})
			if hung := kind == "hung" || kind == "second signal"; hung != (err != nil) || !hung && len(r.Missing) > 0 {
				t.Errorf("%v; %s", err, r)
			}
			limit := 5 * time.Second
			if kind == "hung" && Long() { // a machine that does other things may stand still for a fifth of a second
				limit = grace + time.Second
			}
			if took > limit {
				t.Errorf("took %s", took)
			}
		})
	}
}
