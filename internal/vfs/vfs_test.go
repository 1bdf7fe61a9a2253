package vfs_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/penstock-dev/penstock/internal/vfs"
	"github.com/penstock-dev/penstock/internal/vfs/errorfs"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
)

func write(t *testing.T, fsys vfs.FS, name, content string) vfs.File {
	t.Helper()
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func read(fsys vfs.FS, name string) string {
	b, err := vfs.ReadFile(fsys, name, 1<<20)
	if err != nil {
		return "error"
	}
	return string(b)
}

// The file systems answer alike.
func TestConformance(t *testing.T) {
	for _, tc := range []struct {
		name string
		fsys vfs.FS
		root string
	}{{"os", vfs.OS, t.TempDir()}, {"memory", memfs.New(), "/"}, {"errors", errorfs.Wrap(memfs.New(), nil), "/"}} {
		t.Run(tc.name, func(t *testing.T) {
			fsys, at := tc.fsys, func(name string) string { return filepath.Join(tc.root, name) }
			if err := vfs.MkdirAll(fsys, at("a/b"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := vfs.MkdirAll(fsys, at("a/b"), 0o700); err != nil {
				t.Errorf("a folder that exists: %v", err)
			}
			f := write(t, fsys, at("a/b/x"), "hello")
			if err := vfs.MkdirAll(fsys, at("a/b/x/c"), 0o700); err == nil {
				t.Error("a folder was made in a file")
			}
			f.WriteAt([]byte("J"), 0)
			f.WriteAt([]byte("!"), 6)
			f.Write([]byte("?"))
			if got := read(fsys, at("a/b/x")); got != "Jello?!" {
				t.Errorf("content %q", got)
			}
			if err := f.Truncate(3); err != nil {
				t.Error(err)
			}
			if err := f.Truncate(4); err != nil {
				t.Error(err)
			}
			b := make([]byte, 10)
			if n, err := f.ReadAt(b, 1); n != 3 || err != io.EOF || string(b[:3]) != "el\x00" {
				t.Errorf("ReadAt gives %q, %v", b[:n], err)
			}
			if info, err := f.Stat(); err != nil || info.Size() != 4 || info.Mode().Perm() != 0o600 {
				t.Errorf("Stat: %v %v", info, err)
			}
			if err := errors.Join(f.Sync(), fsys.SyncDir(at("a/b"))); err != nil {
				t.Error(err)
			}
			if _, err := fsys.OpenFile(at("a/b/x"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); !errors.Is(err, fs.ErrExist) {
				t.Errorf("O_EXCL on a file that exists: %v", err)
			}
			if _, err := fsys.OpenFile(at("a/b"), os.O_RDWR, 0o600); err == nil {
				t.Error("a folder was opened for writing")
			}
			if _, err := fsys.OpenFile(at("nothing/x"), os.O_RDWR|os.O_CREATE, 0o600); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a file in a folder that does not exist: %v", err)
			}
			if vfs.CanLock {
				second, err := fsys.OpenFile(at("a/b/x"), os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(f.Lock(), f.Lock()); err != nil {
					t.Error(err)
				}
				if err := second.Lock(); !errors.Is(err, vfs.ErrLocked) {
					t.Errorf("a second lock: %v", err)
				}
				f.Close()
				if err := second.Lock(); err != nil {
					t.Errorf("a lock that was freed by Close: %v", err)
				}
				second.Close()
			}
			g := write(t, fsys, at("a/b/y"), "old")
			if err := fsys.Rename(at("a/b/x"), at("a/b/y")); err != nil {
				t.Error(err)
			}
			if ok, err := g.At(at("a/b/y")); ok || err != nil {
				t.Errorf("the file that was replaced still has its name: %v, %v", ok, err)
			}
			g.WriteAt([]byte("new"), 0) // still there for who has it open
			if n, _ := g.ReadAt(b, 0); string(b[:n]) != "new" {
				t.Errorf("the replaced file reads as %q", b[:n])
			}
			g.Close()
			if _, err := g.Write(nil); err == nil {
				t.Error("a closed file takes writes")
			}
			list, err := fsys.ReadDir(at("a/b"))
			if err != nil || len(list) != 1 || list[0].Name() != "y" || list[0].IsDir() {
				t.Errorf("ReadDir: %v, %v", list, err)
			}
			if err := fsys.Remove(at("a")); err == nil {
				t.Error("a folder that is not empty was removed")
			}
			if err := errors.Join(fsys.Remove(at("a/b/y")), fsys.Remove(at("a/b"))); err != nil {
				t.Error(err)
			}
			if err := fsys.Remove(at("a/b")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("removed twice: %v", err)
			}
			ro := write(t, fsys, at("a/ro"), "x")
			ro.Close()
			if ro, err = fsys.OpenFile(at("a/ro"), os.O_RDONLY, 0); err != nil {
				t.Fatal(err)
			}
			if _, err := ro.Write([]byte("y")); err == nil {
				t.Error("a file that was opened for reading takes writes")
			}
			if _, err := vfs.ReadFile(fsys, at("a/ro"), 0); err == nil {
				t.Error("ReadFile read more than allowed")
			}
			ro.Close()
		})
	}
}

// What was synced survives every power cut; what was not is sometimes there,
// sometimes not, and sometimes torn.
func TestPowerCut(t *testing.T) {
	outcomes := map[string]int{}
	for seed := range uint64(400) {
		m := memfs.New()
		vfs.MkdirAll(m, "/d", 0o700)
		f := write(t, m, "/d/kept", "durable")
		f.Sync()
		m.SyncDir("/d")
		old := write(t, m, "/d/renamed", "old")
		old.Sync()
		m.SyncDir("/d")
		big := make([]byte, 10_000)
		for i := range big {
			big[i] = 'b'
		}
		f.Write(big)
		write(t, m, "/d/nameless", "x").Sync()
		tmp := write(t, m, "/d/tmp", "new")
		tmp.Sync()
		m.Rename("/d/tmp", "/d/renamed")
		m.PowerCut(rand.New(rand.NewPCG(seed, 1)))
		if _, err := f.Write([]byte("x")); err == nil {
			t.Fatal("a file opened before the power cut works after it")
		}
		got := read(m, "/d/kept")
		if len(got) < 7 || got[:7] != "durable" {
			t.Fatalf("seed %d: what was synced reads as %q", seed, got[:min(len(got), 20)])
		}
		switch n := len(got) - 7; {
		case n == 0:
			outcomes["lost"]++
		case n == len(big) && got[7:] == string(big):
			outcomes["kept"]++
		default:
			outcomes["torn"]++
		}
		outcomes["nameless "+read(m, "/d/nameless")]++
		switch r := read(m, "/d/renamed"); r {
		case "old", "new":
			outcomes["renamed "+r]++
		default:
			t.Fatalf("seed %d: a rename was not atomic: %q", seed, r)
		}
	}
	for _, want := range []string{"lost", "kept", "torn", "nameless x", "nameless error", "renamed old", "renamed new"} {
		if outcomes[want] < 10 {
			t.Errorf("outcome %q came %d times in 400: %v", want, outcomes[want], outcomes)
		}
	}
}

func TestFailedSync(t *testing.T) {
	m := memfs.New()
	f := write(t, m, "/x", "one")
	f.Sync()
	m.SyncDir("/")
	f.Write([]byte("two"))
	m.FailSyncs(1)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("the sync gave %v", err)
	}
	if err := f.Sync(); err != nil || read(m, "/x") != "onetwo" {
		t.Errorf("after it: %v, %q", err, read(m, "/x"))
	}
	m.PowerCut(rand.New(rand.NewPCG(1, 1)))
	if got := read(m, "/x"); got != "one" {
		t.Errorf("after a failed sync and a good one the disk holds %q, want what was good before", got)
	}
}

func TestDiskFull(t *testing.T) {
	m := memfs.New()
	m.Limit(10)
	f := write(t, m, "/x", "123456")
	if n, err := f.Write([]byte("789abc")); n != 4 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if n, err := f.WriteAt([]byte("zz"), 0); n != 2 || err != nil {
		t.Errorf("overwriting on a full disk: %d, %v", n, err)
	}
	m.Remove("/x")
	if m.Used() != 10 {
		t.Error("an open file gave its room back")
	}
	f.Close()
	if m.Used() != 0 {
		t.Errorf("%d bytes used by nothing", m.Used())
	}
	m.ReadOnly(true)
	if _, err := m.OpenFile("/y", os.O_CREATE|os.O_RDWR, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("read-only: %v", err)
	}
}

func TestErrors(t *testing.T) {
	e := errorfs.Wrap(memfs.New(), errorfs.Nth(3, syscall.EIO))
	f := write(t, e, "/x", "abc") // create, write
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("the third operation: %v", err)
	}
	if err := f.Sync(); err != nil {
		t.Errorf("the fourth: %v", err)
	}
	if ops, changes := e.Ops(); ops != 4 || changes != 4 {
		t.Errorf("%d operations, %d changes", ops, changes)
	}
	e.Set(func(op errorfs.Op) error {
		if op.Kind == errorfs.Write {
			return &errorfs.Short{Bytes: 2}
		}
		return nil
	})
	if n, err := f.Write([]byte("xyz")); n != 2 || err != nil {
		t.Errorf("a short write: %d, %v", n, err)
	}
	e.Set(nil)
	if got := read(e, "/x"); got != "abcxy" {
		t.Errorf("content %q", got)
	}
	e.Kill()
	for i, err := range []error{f.Sync(), e.Remove("/x"), e.SyncDir("/"), func() error { _, err := f.Write([]byte("x")); return err }()} {
		if !errors.Is(err, errorfs.ErrKilled) {
			t.Errorf("operation %d of the dead: %v", i, err)
		}
	}
	if fmt.Sprint(e.Killed()) != "true" {
		t.Error("not killed")
	}
}
