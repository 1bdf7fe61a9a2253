package faulttest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
)

// event is what the spooled sinks of these tests carry: lines only.
type event struct{}

// batchRows is B of the criteria, the rows of a batch.
const batchRows = 20

// rig is a spooled sink between the oracle, which plays the source, and a destination
// that the oracle watches.
type rig struct {
	t    testing.TB
	o    *Oracle
	opts spool.Options
	sink *spool.Sink[event]

	mu     sync.Mutex
	rnd    *rand.Rand
	failed float64 // part of the requests that the destination fails
	down   bool
	times  []time.Time // of deliveries, a row each
}

func newRig(t testing.TB, seed uint64, opts spool.Options) *rig {
	if opts.Dir == "" {
		opts.Dir = "/state/spool"
	}
	opts.BatchRows = batchRows
	opts.Retry = batch.RetryOptions{MinDelay: time.Millisecond, MaxDelay: 5 * time.Millisecond}
	return &rig{t: t, o: NewOracle(seed), opts: opts, rnd: Rand(seed + 1)}
}

// LinesOnly marks the destination.
func (r *rig) LinesOnly() {}

// Write is the destination.
func (r *rig) Write(_ context.Context, b *batch.Batch[event]) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down || r.rnd.Float64() < r.failed {
		return errcat.TransientNetwork
	}
	r.o.ReceiveAll(b.Lines)
	now := time.Now()
	for range b.Len() {
		r.times = append(r.times, now)
	}
	return nil
}

func (r *rig) set(down bool) { r.mu.Lock(); r.down = down; r.mu.Unlock() }

// start opens the spool.
func (r *rig) start() error {
	s, err := spool.NewSink[event](r, r.opts)
	if err == nil {
		r.sink = s
	}
	return err
}

// mustStart opens the spool, within most.
func (r *rig) mustStart(most time.Duration) {
	r.t.Helper()
	begin := time.Now()
	if err := r.start(); err != nil {
		r.t.Fatalf("does not start: %v", err)
	}
	if d := time.Since(begin); d > most {
		r.t.Errorf("started after %s, at most %s", d, most)
	}
}

// rows makes a batch of n new records.
func (r *rig) rows(n int) (*batch.Batch[event], []uint64) {
	b := &batch.Batch[event]{}
	var ids []uint64
	for range n {
		rec := r.o.Issue()
		b.Lines = append(append(b.Lines, rec.Line...), '\n')
		b.Ends = append(b.Ends, int32(len(b.Lines)))
		ids = append(ids, rec.ID)
	}
	return b, ids
}

// offer writes n new records once, and tells the oracle which were accepted.
func (r *rig) offer(ctx context.Context, n int) error {
	b, ids := r.rows(n)
	return r.again(ctx, b, ids)
}

func (r *rig) again(ctx context.Context, b *batch.Batch[event], ids []uint64) error {
	err := r.sink.Write(ctx, b)
	bad := map[int]bool{}
	for _, f := range batch.Failures(err, len(ids)) {
		bad[f.Row] = true
	}
	for i, id := range ids {
		if !bad[i] {
			r.o.Accept(id)
		}
	}
	return err
}

// insist writes n new records until they are accepted, as a source does that is not
// acknowledged, or until the file system is dead.
func (r *rig) insist(ctx context.Context, n int) error {
	b, ids := r.rows(n)
	for try := 0; ; try++ {
		err := r.again(ctx, b, ids)
		if err == nil || IsKilled(err) || ctx.Err() != nil {
			return err
		}
		if !errcat.Retryable(err) {
			return fmt.Errorf("not to be tried again: %w", err)
		}
		if try == 200 {
			return fmt.Errorf("tried 200 times: %w", err)
		}
		time.Sleep(time.Millisecond)
	}
}

// end is the end of every test: without faults everything drains within 30 s, and ten
// fresh records arrive within 5 s.
func (r *rig) end() {
	r.t.Helper()
	r.set(false)
	r.mu.Lock()
	r.failed = 0
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := r.sink.Drain(ctx); err != nil {
		r.t.Errorf("does not drain: %v (%+v)", err, r.sink.Stats())
		return
	}
	fresh, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := r.insist(fresh, 10); err != nil {
		r.t.Errorf("takes no fresh records: %v", err)
	}
	if err := r.sink.Drain(fresh); err != nil {
		r.t.Errorf("fresh records do not arrive: %v", err)
	}
	if s := r.sink.Stats(); s.Entries != 0 || s.Failed != 0 {
		r.t.Errorf("at the end %+v", s)
	}
}

// since is how many rows were delivered in the last d before now.
func (r *rig) since(d time.Duration) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, from := 0, time.Now().Add(-d)
	for i := len(r.times) - 1; i >= 0 && r.times[i].After(from); i-- {
		n++
	}
	return n
}

// stats are those of the spool, if there is one.
func stats(r *rig) spool.Stats {
	if r.sink == nil {
		return spool.Stats{}
	}
	return r.sink.Stats().Stats
}

// dead closes a spool whose file system was killed. What it says does not matter.
func (r *rig) dead() {
	if r.sink != nil {
		r.sink.Close()
		r.sink = nil
	}
}

// cpu is the processor time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// files reads all files of a folder of a memfs.
func files(t testing.TB, m *memfs.FS, dir string) map[string][]byte {
	t.Helper()
	list, err := m.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range list {
		out[e.Name()] = readFile(t, m, dir+"/"+e.Name())
	}
	return out
}

// worst keeps the largest of some figures.
type worst struct {
	mu sync.Mutex
	n  int
	d  time.Duration
}

func (w *worst) count(n int)          { w.mu.Lock(); w.n = max(w.n, n); w.mu.Unlock() }
func (w *worst) took(d time.Duration) { w.mu.Lock(); w.d = max(w.d, d); w.mu.Unlock() }
