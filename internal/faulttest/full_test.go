package faulttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/diskqueue"
	"github.com/penstock-dev/penstock/internal/vfs/errorfs"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
)

// F9: the disk is full under load, and then there is room again.
func TestF9DiskFull(t *testing.T) {
	m := memfs.New()
	r := newRig(t, 9, spool.Options{FS: m, SegmentBytes: 64 << 10, MaxBytes: 1 << 30})
	r.set(true)
	r.mustStart(time.Second)
	hold := time.Duration(Pick(3, 30)) * time.Second
	var used, resumed time.Duration
	held := 0
	record(t, "F9", fmt.Sprintf("quota reached in mid-record with the sink away, held for %s under load, then space", hold),
		"0 obligations lost; source held back; CPU < 10 % of a core while full; delivery resumes ≤ 5 s after space returns; no torn record left",
		func() string {
			return fmt.Sprintf("%d records accepted while it lasted, 0 lost; CPU %.1f %% of a core; accepted and delivered again after %s", held, 100*used.Seconds()/hold.Seconds(), resumed.Round(time.Millisecond))
		})
	ctx, stop := context.WithCancel(t.Context())
	var accepted atomic.Int64
	load := make(chan struct{})
	go func() {
		defer close(load)
		for ctx.Err() == nil {
			if r.offer(ctx, batchRows) == nil {
				accepted.Add(batchRows)
			}
		}
	}()
	m.Limit(200_123) // in the middle of a record
	for !r.sink.Stats().Full {
		time.Sleep(time.Millisecond)
	}
	before, began := accepted.Load(), cpu()
	time.Sleep(hold)
	used = cpu() - began
	held = int(accepted.Load() - before)
	if used > hold/10 {
		t.Errorf("%s of processor time in %s on a full disk", used, hold)
	}
	if held > batchRows {
		t.Errorf("%d records accepted on a full disk", held)
	}
	m.Limit(0)
	r.set(false)
	back := time.Now()
	for n := accepted.Load(); accepted.Load() == n || len(r.o.Report().Lost) == 0 && r.o.Report().Delivered == 0; {
		time.Sleep(time.Millisecond)
		if time.Since(back) > 5*time.Second {
			t.Fatal("not resumed 5 s after space is back")
		}
	}
	resumed = time.Since(back)
	stop()
	<-load
	r.end()
	r.o.Check(t, Limits{})
	r.dead()
	rep, err := diskqueue.Inspect(m, stateDir, true)
	if err != nil || !rep.OK() {
		t.Errorf("left behind: %+v, %v", rep, err)
	}
}

// F10: a full queue drains with no byte free.
func TestF10DrainsOnAFullDisk(t *testing.T) {
	dir, kind := tmpfs(t, 2<<20)
	drained, left := 0, int64(-1)
	record(t, "F10", "quota at 0 bytes free ("+kind+") with a full queue, the sink works", "queue drains to empty with 0 bytes of free space needed; space is given back",
		func() string {
			return fmt.Sprintf("%d records drained on a full disk, %d bytes of segments left", drained, left)
		})
	opts := spool.Options{Dir: filepath.Join(dir, "spool"), SegmentBytes: 64 << 10, MaxBytes: 1 << 30}
	r := newRig(t, 10, opts)
	r.set(true)
	r.mustStart(time.Second)
	for range 100 {
		if err := r.insist(t.Context(), batchRows); err != nil {
			t.Fatal(err)
		}
	}
	r.set(false)
	for r.o.Report().Delivered == 0 { // the position has its place on the disk
		time.Sleep(time.Millisecond)
	}
	r.set(true)
	fill(t, filepath.Join(dir, "filler"))
	r.set(false)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.sink.Drain(ctx); err != nil {
		t.Fatalf("%v, %+v", err, r.sink.Stats())
	}
	drained = r.o.Report().Delivered
	r.end()
	r.o.Check(t, Limits{MaxDuplicates: batchRows})
	if n := r.sink.Stats().CursorErrors; n != 0 {
		t.Errorf("%d positions could not be stored", n)
	}
	r.dead()
	rep, err := spool.Inspect(opts.Dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if left = rep.Bytes; left != 0 {
		t.Errorf("%d bytes left", left)
	}
}

// tmpfs mounts a file system of the given size where that is allowed, and else makes
// do with a folder.
func tmpfs(t *testing.T, size int64) (dir, kind string) {
	t.Helper()
	dir = t.TempDir()
	if err := mount(dir, size); err != nil {
		t.Skipf("no file system of a given size can be mounted here (%v): F9 does the same in memory", err)
	}
	t.Cleanup(func() { unmount(dir) })
	return dir, "tmpfs"
}

// fill takes all room that is left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			size /= 2
		}
	}
}

// F11: the limit of the queue, and what happens there.
func TestF11Limits(t *testing.T) {
	limit := int64(Pick(2, 64)) << 20
	segment := limit / 16
	var lines []string
	record(t, "F11", fmt.Sprintf("limit %d MB, sink down, three times as much offered; policies block, drop-oldest, drop-new; a record larger than a segment", limit>>20),
		"disk use ≤ limit + one segment; block: 0 lost; drop: lost = counted drops, exact; the large record is a dead letter, the process goes on",
		func() string { return strings.Join(lines, "; ") })
	for _, policy := range []struct {
		name string
		full spool.Full
	}{{"block", spool.Block}, {"drop-oldest", spool.DropOldest}, {"drop-new", spool.DropNew}} {
		m := memfs.New()
		r := newRig(t, 11, spool.Options{FS: m, SegmentBytes: segment, MaxBytes: limit, Full: policy.full, Sync: spool.SyncNever})
		r.set(true)
		r.mustStart(time.Second)
		offered := 3 * int(limit) / 340
		refused, peak := 0, int64(0)
		for n := 0; n < offered; n += batchRows {
			if policy.full == spool.Block && r.sink.Stats().Full {
				r.set(false)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			b, ids := r.rows(batchRows)
			done := make(chan error, 1)
			go func() { done <- r.again(ctx, b, ids) }()
			var err error
			select {
			case err = <-done:
			case <-time.After(50 * time.Millisecond):
				if policy.full == spool.Block {
					r.set(false) // the sink comes back
				}
				err = <-done
			}
			cancel()
			for _, f := range batch.Failures(err, batchRows) {
				if policy.full != spool.DropNew || errcat.Retryable(f.Err) {
					t.Fatalf("%s: %v", policy.name, f.Err)
				}
				refused++
			}
			peak = max(peak, m.Used())
		}
		if peak > limit+segment {
			t.Errorf("%s: %d bytes on disk, limit %d and segment %d", policy.name, peak, limit, segment)
		}
		large := &batch.Batch[event]{Lines: append(make([]byte, segment), '\n'), Ends: []int32{int32(segment) + 1}}
		if f := batch.Failures(r.sink.Write(t.Context(), large), 1); len(f) != 1 || errcat.Of(f[0].Err) != errcat.Oversize || errcat.Retryable(f[0].Err) {
			t.Errorf("%s: a record larger than a segment: %v", policy.name, f)
		}
		r.end()
		dropped := int(r.sink.Stats().Dropped)
		rep := r.o.Check(t, Limits{MaxLost: dropped})
		if len(rep.Lost) != dropped || len(rep.Missing) != dropped+refused || int(r.sink.Stats().Refused) != refused {
			t.Errorf("%s: %d lost and %d not accepted, counted are %d dropped and %d refused (%s)", policy.name, len(rep.Lost), len(rep.Missing)-len(rep.Lost), dropped, r.sink.Stats().Refused, rep)
		}
		if policy.full == spool.Block && len(rep.Lost) > 0 || policy.full == spool.DropOldest && dropped == 0 || policy.full == spool.DropNew && refused == 0 {
			t.Errorf("%s: the limit was not reached, or not kept: %s", policy.name, rep)
		}
		lines = append(lines, fmt.Sprintf("%s: %d issued, %d lost = %d dropped, %d refused, peak %.1f MB", policy.name, rep.Issued, len(rep.Lost), dropped, refused, float64(peak)/(1<<20)))
		r.dead()
	}
}

// F12: segments cannot be read for a while, and then nothing can be written.
func TestF12ReadErrors(t *testing.T) {
	var red, readUsed, writeUsed time.Duration
	hold := time.Duration(Pick(2, 20)) * time.Second
	record(t, "F12", fmt.Sprintf("EIO on every segment read for %s; file system read-only for %s", hold, hold),
		"health red ≤ 5 s; no spin (CPU < 10 %); sources held back; 0 obligations lost once readable and writable",
		func() string {
			return fmt.Sprintf("red after %s; CPU %.1f %% and %.1f %%; 0 lost", red.Round(time.Millisecond), 100*readUsed.Seconds()/hold.Seconds(), 100*writeUsed.Seconds()/hold.Seconds())
		})
	m := memfs.New()
	fsys := errorfs.Wrap(m, nil)
	r := newRig(t, 12, spool.Options{FS: fsys, SegmentBytes: 64 << 10, MaxBytes: 1 << 30})
	r.mustStart(time.Second)
	fsys.Set(func(op errorfs.Op) error {
		if op.Kind == errorfs.Read && strings.HasSuffix(op.Name, ".spool") {
			return syscall.EIO
		}
		return nil
	})
	began := time.Now()
	for range 10 {
		if err := r.insist(t.Context(), batchRows); err != nil {
			t.Fatal(err)
		}
	}
	for r.sink.Stats().ReadError == nil {
		if time.Since(began) > 5*time.Second {
			t.Fatal("not red after 5 s")
		}
		time.Sleep(time.Millisecond)
	}
	red = time.Since(began)
	used := cpu()
	time.Sleep(hold)
	if readUsed = cpu() - used; readUsed > hold/10 {
		t.Errorf("%s of processor time in %s of read errors", readUsed, hold)
	}
	fsys.Set(nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.sink.Drain(ctx); err != nil || r.sink.Stats().ReadError != nil {
		t.Errorf("after the read errors: %v, %+v", err, r.sink.Stats())
	}
	r.set(true)
	r.insist(t.Context(), batchRows)
	m.ReadOnly(true)
	began = time.Now()
	if err := r.offer(t.Context(), batchRows); err == nil || !errcat.Retryable(err) {
		t.Errorf("accepted on a read-only file system: %v", err)
	}
	if s := r.sink.Stats(); s.WriteError == nil || time.Since(began) > 5*time.Second {
		t.Errorf("not red: %+v", s)
	}
	blocked := make(chan struct{})
	retry, err := batch.NewRetry[event](r.sink, batch.RetryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	go func() { // as a pipeline does
		defer close(blocked)
		b, ids := r.rows(batchRows)
		if err := retry.Write(context.Background(), b); err == nil {
			r.o.Accept(ids...)
		}
	}()
	used = cpu()
	time.Sleep(hold)
	if writeUsed = cpu() - used; writeUsed > hold/10 {
		t.Errorf("%s of processor time in %s of a read-only file system", writeUsed, hold)
	}
	select {
	case <-blocked:
		t.Error("the source was not held back")
	default:
	}
	m.ReadOnly(false)
	<-blocked
	r.end()
	r.o.Check(t, Limits{MaxDuplicates: -1})
	if s := r.sink.Stats(); s.Damaged != 0 || s.WriteError != nil {
		t.Errorf("%+v", s)
	}
	r.dead()
}
