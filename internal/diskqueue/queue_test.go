package diskqueue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/vfs"
	"github.com/penstock-dev/penstock/internal/vfs/errorfs"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
)

func open(t *testing.T, opts Options) *Queue {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = "/q"
	}
	q, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func appendOne(t *testing.T, q *Queue, entries ...string) {
	t.Helper()
	n, err := q.Append(t.Context(), len(entries), func(i int) []byte { return []byte(entries[i]) })
	if err != nil || n != len(entries) {
		t.Fatalf("Append took %d of %d: %v", n, len(entries), err)
	}
}

// drain reads all that is there, and commits it if commit is set.
func drain(t *testing.T, q *Queue, commit bool) (got []string) {
	t.Helper()
	var b Batch
	for {
		if err := q.TryRead(&b, 7, 1<<20); err != nil {
			t.Fatal(err)
		}
		if b.Len() == 0 {
			return got
		}
		for i := range b.Len() {
			got = append(got, string(b.Entry(i)))
		}
		if commit {
			if err := q.Commit(b.Next); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func numbered(from, to int) (s []string) {
	for i := from; i < to; i++ {
		s = append(s, fmt.Sprintf("entry %04d %s", i, strings.Repeat("x", i%100)))
	}
	return s
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d entries, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: entry %d is %q, want %q", what, i, got[i], want[i])
			return
		}
	}
}

func TestQueue(t *testing.T) {
	for _, tc := range []struct {
		name string
		fsys vfs.FS
		dir  string
	}{{"memory", memfs.New(), "/q"}, {"os", nil, filepath.Join(t.TempDir(), "a", "q")}} {
		for _, policy := range []Sync{SyncAlways, SyncInterval, SyncNever} {
			t.Run(fmt.Sprint(tc.name, policy), func(t *testing.T) {
				opts := Options{Dir: fmt.Sprint(tc.dir, policy), FS: tc.fsys, SegmentBytes: 4096, Sync: policy}
				all := numbered(0, 500)
				q := open(t, opts)
				appendOne(t, q, all[:200]...)
				equal(t, "read", drain(t, q, false), all[:200])
				q.Rewind()
				var b Batch
				if err := q.Read(t.Context(), &b, 50, 1<<20); err != nil || b.Len() != 50 && b.Len() == 0 {
					t.Fatalf("read %d, %v", b.Len(), err)
				}
				first := b.Len()
				q.Commit(b.Next)
				q.Read(t.Context(), &b, 10, 1<<20) // read, not committed
				q.Close()
				if _, err := q.Append(t.Context(), 1, func(int) []byte { return nil }); !errors.Is(err, ErrClosed) {
					t.Errorf("Append after Close: %v", err)
				}
				if err := q.Read(t.Context(), &b, 1, 1); !errors.Is(err, ErrClosed) {
					t.Errorf("Read after Close: %v", err)
				}
				q = open(t, opts)
				appendOne(t, q, all[200:]...)
				s := q.Stats()
				if s.Entries != uint64(500-first) || s.Segments < 3 || s.Bytes == 0 {
					t.Errorf("stats %+v", s)
				}
				equal(t, "after opening again", drain(t, q, true), all[first:])
				s = q.Stats()
				if s.Entries != 0 || s.Segments > 1 || s.Damaged+s.Torn+s.Dropped != 0 || s.Read != uint64(500-first) {
					t.Errorf("stats at the end %+v", s)
				}
				if err := q.Close(); err != nil {
					t.Error(err)
				}
				r, err := Inspect(tc.fsys, opts.Dir, true)
				if err != nil || len(r.Segments) != 0 || r.Next != 501 {
					t.Errorf("a queue that was emptied and closed: %+v, %v", r, err)
				}
				q = open(t, opts)
				appendOne(t, q, "more")
				equal(t, "numbers go on", drain(t, q, true), []string{"more"})
			})
		}
	}
}

func TestModesOfFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "q")
	q := open(t, Options{Dir: dir})
	appendOne(t, q, "x")
	drain(t, q, false)
	q.Commit(1)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := os.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second Open: %v", err)
	}
}

func TestReadWaits(t *testing.T) {
	q := open(t, Options{FS: memfs.New()})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var b Batch
	if err := q.Read(ctx, &b, 1, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Read of an empty queue: %v", err)
	}
	done := make(chan error)
	go func() { done <- q.Read(t.Context(), &b, 1, 1) }()
	appendOne(t, q, "x")
	if err := <-done; err != nil || string(b.Entry(0)) != "x" {
		t.Errorf("%v", err)
	}
	go func() { done <- q.Read(t.Context(), &b, 1, 1) }()
	time.Sleep(5 * time.Millisecond)
	q.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("Read during Close: %v", err)
	}
}

func TestGroupSync(t *testing.T) {
	slow := errorfs.Wrap(memfs.New(), func(op errorfs.Op) error {
		if op.Kind == errorfs.Sync {
			time.Sleep(5 * time.Millisecond)
		}
		return nil
	})
	q := open(t, Options{FS: slow})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			for j := range 4 {
				appendOne(t, q, fmt.Sprint(i, j))
			}
		})
	}
	wg.Wait()
	if s := q.Stats(); s.Syncs > 40 || s.Appended != 200 {
		t.Errorf("200 appends of 50 writers took %d fsyncs, want them to share", s.Syncs)
	}
	if n := len(drain(t, q, true)); n != 200 {
		t.Errorf("%d entries", n)
	}
}

func TestPolicies(t *testing.T) {
	entry := func(int) []byte { return make([]byte, 1000) }
	opts := Options{SegmentBytes: 4096, MaxBytes: 24576}
	t.Run("block", func(t *testing.T) {
		opts := opts
		opts.FS = memfs.New()
		q := open(t, opts)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		var err error
		n := 0
		for ; err == nil; n++ {
			_, err = q.Append(ctx, 1, entry)
		}
		if !errors.Is(err, context.DeadlineExceeded) || q.Stats().Bytes > 24576 {
			t.Errorf("after %d entries: %v, %+v", n, err, q.Stats())
		}
		done := make(chan error)
		go func() { _, err := q.Append(t.Context(), 1, entry); done <- err }()
		for !q.Stats().Full {
			time.Sleep(time.Millisecond)
		}
		if got := len(drain(t, q, true)); got < n-1 || <-done != nil {
			t.Errorf("%d of %d entries, or the blocked one failed", got, n)
		}
		if s := q.Stats(); s.Dropped+s.Damaged+s.Refused != 0 || s.Full {
			t.Errorf("stats %+v", s)
		}
	})
	t.Run("drop new", func(t *testing.T) {
		opts := opts
		opts.FS, opts.Full = memfs.New(), DropNew
		q := open(t, opts)
		taken, refused := 0, 0
		for range 50 {
			switch _, err := q.Append(t.Context(), 1, entry); {
			case err == nil:
				taken++
			case errors.Is(err, ErrFull) && errcat.Of(err) == errcat.RateLimited && !errcat.Retryable(err):
				refused++
			default:
				t.Fatal(err)
			}
		}
		if s := q.Stats(); int(s.Refused) != refused || refused == 0 || len(drain(t, q, true)) != taken {
			t.Errorf("taken %d, refused %d, stats %+v", taken, refused, s)
		}
	})
	t.Run("drop oldest", func(t *testing.T) {
		for _, handed := range []bool{false, true} {
			opts := opts
			opts.FS, opts.Full = memfs.New(), DropOldest
			q := open(t, opts)
			got := map[string]bool{}
			var b Batch
			for i := range 100 {
				appendOne(t, q, fmt.Sprintf("%04d%s", i, make([]byte, 1000)))
				if handed && i == 5 {
					// Given to a consumer that fails when they are long gone.
					q.Read(t.Context(), &b, 4, 1<<20)
				}
			}
			if s := q.Stats(); s.Bytes > opts.MaxBytes || s.Dropped == 0 {
				t.Errorf("stats %+v", s)
			}
			q.Rewind()
			for _, e := range drain(t, q, true) {
				got[e[:4]] = true
			}
			s := q.Stats()
			if len(got)+int(s.Dropped) != 100 || s.Damaged != 0 || s.Entries != 0 || !got["0099"] {
				t.Errorf("handed %v: %d read and %d dropped of 100, %+v", handed, len(got), s.Dropped, s)
			}
			q.Close()
			q = open(t, opts)
			if s := q.Stats(); s.Entries != 0 || len(drain(t, q, true)) != 0 || q.Stats().Damaged != 0 {
				t.Errorf("opened again: %+v", s)
			}
		}
	})
	t.Run("too large", func(t *testing.T) {
		opts := opts
		opts.FS = memfs.New()
		q := open(t, opts)
		entries := []string{"a", string(make([]byte, 5000)), "b"}
		n, err := q.Append(t.Context(), 3, func(i int) []byte { return []byte(entries[i]) })
		if n != 1 || !errors.Is(err, ErrTooLarge) || errcat.Of(err) != errcat.Oversize {
			t.Errorf("took %d, %v", n, err)
		}
		if n, err := q.Append(t.Context(), 1, func(i int) []byte { return make([]byte, opts.SegmentBytes-headerSize-frameSize) }); n != 1 || err != nil {
			t.Errorf("the longest entry: %d, %v", n, err)
		}
		if got := drain(t, q, true); len(got) != 2 {
			t.Errorf("%d entries", len(got))
		}
	})
}

// While a queue drops its oldest entries a consumer reads: what it gets and what is
// counted are all there is.
func TestDropOldestWhileReading(t *testing.T) {
	q := open(t, Options{FS: memfs.New(), SegmentBytes: 4096, MaxBytes: 24576, Full: DropOldest, Sync: SyncNever})
	const n = 20_000
	done := make(chan int)
	go func() {
		var b Batch
		got := 0
		rnd := rand.New(rand.NewPCG(1, 2))
		for q.Read(t.Context(), &b, 1+rnd.IntN(20), 1<<20) == nil {
			last := string(b.Entry(b.Len()-1)) == "last"
			if rnd.IntN(10) == 0 && !last {
				q.Rewind()
				continue
			}
			got += b.Len()
			q.Commit(b.Next)
			if last {
				break
			}
		}
		done <- got
	}()
	for range n - 1 {
		appendOne(t, q, string(make([]byte, 100)))
	}
	appendOne(t, q, "last")
	got := <-done
	if s := q.Stats(); got+int(s.Dropped) != n || s.Damaged != 0 || s.Dropped == 0 {
		t.Errorf("%d read and %d dropped of %d, %+v", got, s.Dropped, n, s)
	}
}

func TestRepair(t *testing.T) {
	m := memfs.New()
	opts := Options{FS: m, SegmentBytes: 4096}
	q := open(t, opts)
	appendOne(t, q, numbered(0, 200)...)
	q.Close()
	before, err := Inspect(m, "/q", true)
	if err != nil || !before.OK() || before.Entries != 200 {
		t.Fatalf("%+v, %v", before, err)
	}
	hit := func(i int, off int64) {
		f, err := m.OpenFile("/q/"+before.Segments[i].Name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		f.ReadAt(b, off)
		f.WriteAt([]byte{b[0] ^ 1}, off)
		f.Close()
	}
	hit(0, headerSize+4) // length of the first entry
	hit(1, 2000)
	last := len(before.Segments) - 1
	f, _ := m.OpenFile("/q/"+before.Segments[last].Name, os.O_RDWR, 0)
	f.Truncate(before.Segments[last].Bytes - 3)
	f.Close()
	if r, err := Repair(m, "/q"); err != nil || r.OK() || r.Lost != 2 || r.Entries != 197 {
		t.Errorf("repair: %+v, %v", r, err)
	}
	r, err := Inspect(m, "/q", true)
	if err != nil || r.Entries != 197 {
		t.Errorf("after it: %+v, %v", r, err)
	}
	n := 0
	if err := Dump(m, "/q", 100, func(seq uint64, p []byte) error { n++; return nil }); err != nil || n != 100 {
		t.Errorf("dump from number 100: %d entries, %v", n, err)
	}
	q = open(t, opts)
	if got := drain(t, q, true); len(got) != 197 || q.Stats().Damaged != 2 {
		t.Errorf("%d entries, %+v", len(got), q.Stats())
	}
}

// A reader opens a segment by its name just when what an fsync has failed to make durable was
// written again to a file of that name.
func TestReadWhileWritingAgain(t *testing.T) {
	m := memfs.New()
	fsys := errorfs.Wrap(m, nil)
	q := open(t, Options{FS: fsys, Sync: SyncInterval, SyncEvery: time.Hour})
	appendOne(t, q, numbered(0, 10)...)
	m.FailSyncs(1)
	opened := false
	fsys.Set(func(op errorfs.Op) error {
		if op.Kind == errorfs.Open && !opened {
			opened = true
			if err := q.Flush(); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	equal(t, "read", drain(t, q, true), numbered(0, 10))
	if s := q.Stats(); !opened || s.FailedSyncs != 1 || s.Damaged != 0 {
		t.Errorf("opened %t: %+v", opened, s)
	}
}

// A process ends while it writes again what an fsync has failed to make durable.
func TestKilledWhileWritingAgain(t *testing.T) {
	for n := int64(1); ; n++ {
		m := memfs.New()
		fsys := errorfs.Wrap(m, nil)
		q := open(t, Options{FS: fsys, Sync: SyncInterval, SyncEvery: time.Hour})
		appendOne(t, q, numbered(0, 10)...)
		_, before := fsys.Ops()
		m.FailSyncs(1)
		fsys.Set(func(op errorfs.Op) error {
			if op.Change == before+1+n {
				fsys.Kill()
				return errorfs.ErrKilled
			}
			return nil
		})
		q.Flush()
		q.Close()
		_, after := fsys.Ops()
		q = open(t, Options{FS: m})
		equal(t, fmt.Sprint("killed at operation ", n), drain(t, q, true), numbered(0, 10))
		if list, _ := m.ReadDir("/q"); len(list) > 3 {
			t.Errorf("files left: %v", list)
		}
		q.Close()
		if after-before < n || t.Failed() {
			return
		}
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"no folder":      {FS: memfs.New()},
		"no such policy": {Dir: "/q", Sync: 9},
		"small segment":  {Dir: "/q", SegmentBytes: 100},
		"small limit":    {Dir: "/q", SegmentBytes: 8192, MaxBytes: 9000},
	} {
		o.FS = memfs.New()
		if _, err := Open(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzOpen(f *testing.F) {
	h := header{first: 1, salt: 0x1234567890abcdef, created: 1}
	good := appendEntry(appendEntry(h.append(nil), h.salt, 1, []byte("one")), h.salt, 2, []byte("two"))
	f.Add(good, position{gen: 1, seq: 1}.encode())
	f.Add(good[:len(good)-1], []byte{})
	f.Add(append(good, good...), []byte("PNSTKCUR"))
	f.Fuzz(func(t *testing.T, segment, cursor []byte) {
		m := memfs.New()
		vfs.MkdirAll(m, "/q", 0o700)
		for name, b := range map[string][]byte{segmentName(1): segment, cursorName: cursor, segmentName(50): segment} {
			file, _ := m.OpenFile("/q/"+name, os.O_CREATE|os.O_RDWR, 0o600)
			file.Write(b)
			file.Close()
		}
		q, err := Open(Options{Dir: "/q", FS: m, SegmentBytes: 4096})
		if err != nil {
			return
		}
		defer q.Close()
		appendOne(t, q, "new")
		got := drain(t, q, true)
		if len(got) == 0 || got[len(got)-1] != "new" {
			t.Errorf("an entry appended to a queue of strange files did not come back: %q", got)
		}
	})
}
