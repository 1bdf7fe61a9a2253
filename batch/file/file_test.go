package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/vfs"
	"github.com/penstock-dev/penstock/internal/vfs/errorfs"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
)

type event struct{}

func lines(ls ...string) *batch.Batch[event] {
	b := &batch.Batch[event]{}
	for _, l := range ls {
		b.Lines = append(append(b.Lines, l...), '\n')
		b.Ends = append(b.Ends, int32(len(b.Lines)))
	}
	return b
}

// finished returns the content of the finished files in order, and the names of the
// others.
func finished(t *testing.T, dir string) (content, parts []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), partSuffix) {
			parts = append(parts, e.Name())
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, string(text))
		if info, _ := e.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s, want 0600", e.Name(), info.Mode())
		}
	}
	return content, parts
}

func write(t *testing.T, s *Sink[event], ls ...string) {
	t.Helper()
	if err := s.Write(context.Background(), lines(ls...)); err != nil {
		t.Fatal(err)
	}
}

func TestRotationBySize(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	var told []string
	s, err := New[event](Options{Dir: dir, MaxBytes: 10, OnFinish: func(path string, _ int64) { told = append(told, path) }})
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %s, want 0700", info.Mode())
	}
	write(t, s, "one", "two") // 8 bytes
	write(t, s, "3")          // fits exactly
	write(t, s, "a line longer than the limit")
	write(t, s, "4")
	if content, parts := finished(t, dir); len(content) != 2 || len(parts) != 1 {
		t.Errorf("before Close: finished %q, parts %q; want two and one", content, parts)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	content, parts := finished(t, dir)
	want := []string{"one\ntwo\n3\n", "a line longer than the limit\n", "4\n"}
	if strings.Join(content, "|") != strings.Join(want, "|") || len(parts) != 0 {
		t.Errorf("finished %q, parts %q; want %q and none", content, parts, want)
	}
	if len(told) != 3 {
		t.Errorf("OnFinish was called %d times, want 3", len(told))
	}
	if err := s.Write(context.Background(), lines("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Close: %v, want ErrClosed", err)
	}
}

func TestRotationByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s, err := New[event](Options{Dir: dir, MaxAge: time.Minute, NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, "one")
		time.Sleep(30 * time.Second)
		write(t, s, "two")
		time.Sleep(29 * time.Second)
		if content, _ := finished(t, dir); len(content) != 0 {
			t.Errorf("finished before its age: %q", content)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if content, parts := finished(t, dir); len(content) != 1 || content[0] != "one\ntwo\n" || len(parts) != 0 {
			t.Errorf("after its age: finished %q, parts %q", content, parts)
		}
		write(t, s, "three")
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestWrongOptions(t *testing.T) {
	dir := t.TempDir()
	for name, o := range map[string]Options{
		"no folder":       {},
		"path in prefix":  {Dir: dir, Prefix: "../x"},
		"hidden prefix":   {Dir: dir, Prefix: ".x"},
		"NUL in suffix":   {Dir: dir, Suffix: "\x00"},
		"suffix of parts": {Dir: dir, Suffix: ".part"},
		"negative size":   {Dir: dir, MaxBytes: -1},
	} {
		if _, err := New[event](o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// stored returns all lines of the folder, after a sink that starts anew has finished
// what was left.
func stored(t *testing.T, fsys vfs.FS, c Compression) (all []string) {
	t.Helper()
	s, err := New[event](Options{Dir: "/d", FS: fsys, Compression: c})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	entries, err := fsys.ReadDir("/d")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := vfs.ReadFile(fsys, "/d/"+e.Name(), 1<<20)
		if c != nil && err == nil {
			b = unzipped(t, b)
		}
		if err != nil || strings.HasSuffix(e.Name(), partSuffix) || len(b) == 0 || b[len(b)-1] != '\n' {
			t.Errorf("%s holds %q, %v", e.Name(), b, err)
		}
		all = append(all, strings.Fields(string(b))...)
	}
	return all
}

// Each operation that changes something fails in turn, alone: what Write took is there
// once, what it refused and took at the next attempt is there once, and no line is
// torn.
func TestNthOperationFails(t *testing.T) {
	both(t, nthOperationFails)
}

// both runs a test without and with compression.
func both(t *testing.T, test func(t *testing.T, c Compression, maxBytes int64)) {
	t.Run("plain", func(t *testing.T) { test(t, nil, 40) })
	t.Run("gzip", func(t *testing.T) {
		c, err := Gzip(0)
		if err != nil {
			t.Fatal(err)
		}
		test(t, c, 120)
	})
}

func unzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Error(err)
	}
	return text
}

func nthOperationFails(t *testing.T, c Compression, maxBytes int64) {
	for at := int64(1); ; at++ {
		m := memfs.New()
		fsys := errorfs.Wrap(m, errorfs.Nth(at, syscall.ENOSPC))
		opts := Options{Dir: "/d", FS: fsys, MaxBytes: maxBytes, Compression: c}
		s, err := New[event](opts)
		if err != nil {
			s, err = New[event](opts)
		}
		if err != nil {
			t.Fatal(err)
		}
		retry, err := batch.NewRetry(batch.Sink[event](s), batch.RetryOptions{MinDelay: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for i := range 6 {
			l := strings.Repeat(string(rune('a'+i)), 9)
			want = append(want, l)
			if err := retry.Write(context.Background(), lines(l)); err != nil {
				t.Fatalf("operation %d: %v", at, err)
			}
		}
		err = s.Close()
		_, changes := fsys.Ops()
		if err != nil && changes < at {
			t.Errorf("operation %d: Close: %v", at, err)
		}
		if got := stored(t, m, c); !slices.Equal(got, want) {
			t.Errorf("operation %d: the files hold %q", at, got)
		}
		if changes < at {
			return
		}
	}
}

// The power fails at every operation: what Write took is on the disk, once and whole.
func TestPowerCut(t *testing.T) { both(t, powerCut) }

func powerCut(t *testing.T, c Compression, maxBytes int64) {
	for seed := range uint64(20) {
		for at := int64(1); ; at++ {
			m := memfs.New()
			fsys := errorfs.Wrap(m, nil)
			fsys.Set(func(op errorfs.Op) error {
				if op.Change == at {
					fsys.Kill()
					return errorfs.ErrKilled
				}
				return nil
			})
			var taken []string
			s, err := New[event](Options{Dir: "/d", FS: fsys, MaxBytes: maxBytes, Compression: c})
			for i := 0; err == nil && i < 8; i++ {
				l := strings.Repeat(string(rune('a'+i)), 9)
				if err = s.Write(context.Background(), lines(l)); err == nil {
					taken = append(taken, l)
				}
			}
			_, changes := fsys.Ops()
			m.PowerCut(rand.New(rand.NewPCG(seed, uint64(at))))
			got := stored(t, m, c)
			for i, l := range taken {
				if i >= len(got) || got[i] != l {
					t.Fatalf("seed %d, operation %d: taken %q, found %q", seed, at, taken, got)
				}
			}
			if len(got) > len(taken)+1 {
				t.Fatalf("seed %d, operation %d: taken %q, found %q", seed, at, taken, got)
			}
			if changes < at {
				break
			}
		}
	}
}

func TestFailedSyncIsRetryable(t *testing.T) {
	err := &errcat.Error{Category: errcat.SinkRejected, Stage: errcat.StageDeliver, Err: &syncError{syscall.EIO}}
	if !errcat.Retryable(err) || errcat.Of(err) != errcat.SinkRejected {
		t.Error("a failed fsync is not tried again")
	}
}

func TestRecovery(t *testing.T) {
	if !vfs.CanLock {
		t.Skip("no file locks on this system")
	}
	dir := t.TempDir()
	torn := filepath.Join(dir, "events-1.ndjson.part")
	live := filepath.Join(dir, "events-2.ndjson.part")
	other := filepath.Join(dir, "others-3.ndjson.part")
	for _, path := range []string{torn, live, other} {
		if err := os.WriteFile(path, []byte("one\ntwo\nthr"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := vfs.OS.OpenFile(live, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Lock(); err != nil {
		t.Fatal(err)
	}
	s, err := New[event](Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	content, parts := finished(t, dir)
	if len(content) != 1 || content[0] != "one\ntwo\n" {
		t.Errorf("recovered %q, want the whole lines of the dead process's file", content)
	}
	if len(parts) != 2 {
		t.Errorf("parts %q, want the live process's and the other prefix's", parts)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, sync := range []bool{false, true} {
		name := "nosync"
		if sync {
			name = "sync"
		}
		b.Run(name, func(b *testing.B) {
			s, err := New[event](Options{Dir: b.TempDir(), NoSync: !sync})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			batch := lines(strings.Split(strings.Repeat("a line of thirty bytes or so..|", 2000), "|")...)
			b.SetBytes(int64(len(batch.Lines)))
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Write(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
