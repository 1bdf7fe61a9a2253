package faulttest

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/internal/vfs/errorfs"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
)

// F2: the power fails at random points, on a file system that forgets what was not
// synced.
func TestF2PowerCut(t *testing.T) {
	var dup, start worst
	obligations, cuts := 0, 0
	seeds := Seeds(t, Pick(100, 500))
	record(t, "F2", fmt.Sprintf("%d seeds, up to 3 power cuts each at a random operation; unsynced bytes and names lost, kept or torn at 512 and 4096 bytes; sink fails 20 %%", len(seeds)),
		"0 obligations lost; every start succeeds; duplicates ≤ B + records since the last checkpoint",
		func() string {
			return fmt.Sprintf("%d obligations over %d cuts, 0 lost; slowest start %s; at most %d duplicates a cut", obligations, cuts, start.d.Round(time.Millisecond), dup.n)
		})
	for _, seed := range seeds {
		rnd := Rand(seed)
		m := memfs.New()
		r := newRig(t, seed, spool.Options{SegmentBytes: 8192, MaxBytes: 1 << 30})
		r.failed = 0.2
		ctx := context.Background()
		allowed := 0
		for range 1 + rnd.IntN(3) {
			fsys := errorfs.Wrap(m, nil)
			fsys.Set(KillAt(&fsys, 1+rnd.Int64N(250), rnd.IntN(2) == 0))
			r.opts.FS = fsys
			if err := r.start(); err != nil && !IsKilled(err) {
				t.Fatalf("seed %d: does not start: %v", seed, err)
			} else if err == nil {
				for !fsys.Killed() {
					if err := r.insist(ctx, 1+rnd.IntN(batchRows)); err != nil && !IsKilled(err) {
						t.Fatalf("seed %d: %v", seed, err)
					}
				}
			}
			fsys.Kill()
			before := r.since(1100 * time.Millisecond)
			r.dead()
			allowed += before + batchRows
			dup.count(r.o.Report().Duplicates)
			cuts++
			m.PowerCut(rnd)
		}
		r.opts.FS = m
		begin := time.Now()
		r.mustStart(2 * time.Second)
		start.took(time.Since(begin))
		r.end()
		rep := r.o.Check(t, Limits{MaxDuplicates: allowed})
		obligations += rep.Accepted
		r.sink.Close()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// F3: the n-th operation that changes something fails, or is the last one of the
// process, for every n.
func TestF3EveryOperationFails(t *testing.T) {
	type mode struct {
		name string
		sync spool.Sync
		kill bool
		torn bool
	}
	modes := []mode{
		{"EIO", spool.SyncAlways, false, false}, {"kill", spool.SyncAlways, true, false}, {"kill in mid-write", spool.SyncAlways, true, true},
		{"EIO, sync by interval", spool.SyncInterval, false, false}, {"kill, sync by interval", spool.SyncInterval, true, true},
	}
	runs := 0
	var restart worst
	record(t, "F3", "300 records; the n-th write, fsync, rename, unlink, truncate, open for writing fails with EIO, or kills, for n = 1, 2, … until a run does not reach n",
		"all n: 0 obligations lost, no panic, restart ≤ 2 s",
		func() string {
			return fmt.Sprintf("%d runs in %d modes, 0 lost, slowest restart %s", runs, len(modes), restart.d.Round(time.Millisecond))
		})
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			for n := int64(1); ; n++ {
				runs++
				m := memfs.New()
				fsys := errorfs.Wrap(m, nil)
				if mode.kill {
					fsys.Set(KillAt(&fsys, n, mode.torn))
				} else {
					fsys.Set(errorfs.Nth(n, syscall.EIO))
				}
				r := newRig(t, uint64(n), spool.Options{FS: fsys, SegmentBytes: 16384, MaxBytes: 1 << 30, Sync: mode.sync, SyncEvery: time.Millisecond})
				err := r.start()
				if err != nil && !mode.kill {
					err = r.start() // who is told of an error starts again
				}
				if err != nil && !IsKilled(err) {
					t.Fatalf("n = %d: does not start: %v", n, err)
				}
				for i := 0; err == nil && i < 30; i++ {
					if err = r.insist(context.Background(), 10); err != nil && !IsKilled(err) {
						t.Fatalf("n = %d: %v", n, err)
					}
				}
				if err == nil && !mode.kill {
					r.end()
				}
				if s := stats(r); s.Damaged != 0 {
					t.Errorf("damage counted where there is none: %+v", s)
				}
				r.dead()
				_, changes := fsys.Ops()
				r.opts.FS = m
				begin := time.Now()
				r.mustStart(2 * time.Second)
				restart.took(time.Since(begin))
				r.end()
				r.o.Check(t, Limits{MaxDuplicates: 300})
				s := r.sink.Stats()
				if s.Damaged != 0 {
					t.Errorf("damage counted where there is none: %+v", s)
				}
				r.dead()
				if t.Failed() {
					t.Fatalf("n = %d", n)
				}
				if changes < n {
					return
				}
			}
		})
	}
}

// F7: an fsync fails once; what it should have made durable never reaches the disk,
// although later ones succeed.
func TestF7FsyncFailsOnce(t *testing.T) {
	seeds := Seeds(t, Pick(60, 500))
	obligations, failures := 0, uint64(0)
	record(t, "F7", fmt.Sprintf("%d seeds: fsync fails with EIO once, later ones succeed without making the same bytes durable, then the power fails", len(seeds)),
		"records since the last good fsync are not acknowledged and are written again elsewhere; 0 obligations lost; no second fsync on the same descriptor is trusted",
		func() string { return fmt.Sprintf("%d obligations, %d failed fsyncs, 0 lost", obligations, failures) })
	for i, seed := range seeds {
		rnd := Rand(seed)
		m := memfs.New()
		r := newRig(t, seed, spool.Options{FS: m, SegmentBytes: 16384, MaxBytes: 1 << 30})
		if i%2 == 1 {
			r.opts.Sync, r.opts.SyncEvery = spool.SyncInterval, time.Millisecond
		}
		r.set(true) // everything has to survive on disk
		r.mustStart(time.Second)
		for range 10 {
			if rnd.IntN(3) == 0 {
				m.FailSyncs(1)
			}
			if err := r.insist(context.Background(), 1+rnd.IntN(batchRows)); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		m.FailSyncs(0)
		if r.opts.Sync == spool.SyncInterval {
			// The policy promises what is older than the interval.
			if err := r.sink.Flush(context.Background()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		failures += r.sink.Stats().FailedSyncs
		fsys := errorfs.Wrap(m, nil)
		fsys.Kill()
		m.PowerCut(rnd)
		r.dead()
		r.mustStart(time.Second)
		r.end()
		obligations += r.o.Check(t, Limits{MaxDuplicates: -1}).Accepted
		if s := r.sink.Stats(); s.Damaged != 0 {
			t.Errorf("damage counted where there is none: %+v", s)
		}
		r.dead()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if failures == 0 {
		t.Error("no fsync has failed: the test tests nothing")
	}
}

// F8: writes are cut short or interrupted.
func TestF8ShortWrites(t *testing.T) {
	seeds := Seeds(t, Pick(50, 500))
	obligations := 0
	record(t, "F8", fmt.Sprintf("%d seeds: 30 %% of the writes return 0 to n-1 bytes, EINTR or EAGAIN", len(seeds)), "0 lost, 0 damaged",
		func() string { return fmt.Sprintf("%d obligations, 0 lost, 0 damaged", obligations) })
	for _, seed := range seeds {
		m := memfs.New()
		r := newRig(t, seed, spool.Options{FS: errorfs.Wrap(m, ShortWrites(seed, 0.3)), SegmentBytes: 16384, MaxBytes: 1 << 30})
		r.mustStart(time.Second)
		for range 20 {
			if err := r.insist(context.Background(), batchRows); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		r.dead()
		r.mustStart(time.Second)
		r.end()
		obligations += r.o.Check(t, Limits{MaxDuplicates: -1}).Accepted
		if s := r.sink.Stats(); s.Damaged+s.Torn != 0 {
			t.Errorf("seed %d: %+v", seed, s)
		}
		r.dead()
	}
}
