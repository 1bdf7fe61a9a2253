package checkpoint_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/checkpoint"
	"github.com/penstock-dev/penstock/internal/faulttest"
	"github.com/penstock-dev/penstock/internal/vfs"
	"github.com/penstock-dev/penstock/internal/vfs/errorfs"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
)

func position(i int) []byte { return fmt.Appendf(nil, "%d:%s", i, strings.Repeat("p", i*37%5000)) }

func Example() {
	dir, err := os.MkdirTemp("", "checkpoint")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for range 2 {
		c, err := checkpoint.Open(filepath.Join(dir, "api"), checkpoint.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q\n", c.Load())
		if err := c.Save([]byte("page 7")); err != nil {
			fmt.Println(err)
		}
		c.Close()
	}
	// Output:
	// ""
	// "page 7"
}

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "c")
	for i := 1; i <= 20; i++ {
		c, err := checkpoint.Open(path, checkpoint.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 && (c.Load() != nil || c.Generation() != 0) {
			t.Errorf("a new checkpoint holds %q", c.Load())
		}
		if i > 1 && (!bytes.Equal(c.Load(), position(i-1)) || c.Generation() != uint64(i-1)) {
			t.Errorf("generation %d loads %q", c.Generation(), c.Load())
		}
		if _, err := checkpoint.Open(path, checkpoint.Options{}); !errors.Is(err, vfs.ErrLocked) || !strings.Contains(err.Error(), path) {
			t.Errorf("opened twice: %v", err)
		}
		if err := c.Save(position(i)); err != nil {
			t.Error(err)
		}
		if got := c.Load(); !bytes.Equal(got, position(i)) {
			t.Errorf("loads %q after Save", got)
		}
		if err := errors.Join(c.Close(), c.Close()); err != nil {
			t.Error(err)
		}
		if c.Save(nil) == nil {
			t.Error("Save after Close")
		}
	}
	if _, err := os.Stat(path + ".note"); err == nil {
		t.Error("a third file though nothing was noted")
	}
	for _, name := range []string{path, path + ".alt", path + ".lock"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
	c, err := checkpoint.Open(filepath.Join(t.TempDir(), "d"), checkpoint.Options{MaxBytes: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Save(make([]byte, 11)); errcat.Of(err) != errcat.Oversize {
		t.Errorf("too long: %v", err)
	}
	if err := c.Save(nil); err != nil || c.Load() == nil {
		t.Errorf("an empty position is one: %v", err)
	}
}

// The power fails, or an operation does, at every point: the position is the last one
// that Save confirmed, or the one that it was about to.
func TestPowerCutAtEveryOperation(t *testing.T) {
	for _, seed := range faulttest.Seeds(t, 20) {
		rnd := faulttest.Rand(seed)
		for n := int64(1); ; n++ {
			m := memfs.New()
			fsys := errorfs.Wrap(m, nil)
			eio := n%2 == 0
			fsys.Set(faulttest.KillAt(&fsys, n, true))
			if eio {
				fsys.Set(errorfs.Nth(n, syscall.EIO))
			}
			confirmed, last := 0, 0
			for confirmed < 12 && !fsys.Killed() {
				c, err := checkpoint.Open("/a/c", checkpoint.Options{FS: fsys})
				if err != nil {
					continue
				}
				for range 5 {
					last++
					if rnd.IntN(3) == 0 {
						if c.Note(position(last)) != nil {
							break
						}
						continue
					}
					if err := c.Save(position(last)); err != nil {
						break
					}
					confirmed = last
				}
				c.Close()
			}
			_, changes := fsys.Ops()
			m.PowerCut(rnd)
			c, err := checkpoint.Open("/a/c", checkpoint.Options{FS: m})
			if err != nil {
				t.Fatalf("seed %d, operation %d: %v", seed, n, err)
			}
			got := c.Load()
			ok := confirmed == 0 && got == nil
			for i := max(confirmed, 1); i <= last; i++ {
				ok = ok || bytes.Equal(got, position(i))
			}
			if !ok {
				t.Fatalf("seed %d, operation %d: confirmed %d, about to save %d, loaded %.20q", seed, n, confirmed, last, got)
			}
			c.Close()
			if changes < n {
				break
			}
		}
	}
}

// The process ends at every point of every operation, writes torn: the position is the last
// one that Save or Note confirmed, or the one that was being written.
func TestKillAtEveryOperation(t *testing.T) {
	for n := int64(1); ; n++ {
		m := memfs.New()
		fsys := errorfs.Wrap(m, nil)
		fsys.Set(faulttest.KillAt(&fsys, n, true))
		confirmed, last := 0, 0
		if c, err := checkpoint.Open("/a/c", checkpoint.Options{FS: fsys}); err == nil {
			for last < 12 {
				last++
				put := c.Note
				if last%5 == 0 {
					put = c.Save
				}
				if put(position(last)) != nil {
					break
				}
				confirmed = last
			}
			c.Close()
		}
		_, changes := fsys.Ops()
		c, err := checkpoint.Open("/a/c", checkpoint.Options{FS: m})
		if err != nil {
			t.Fatalf("operation %d: %v", n, err)
		}
		if got := c.Load(); !(confirmed == 0 && got == nil) && !(confirmed > 0 && bytes.Equal(got, position(confirmed))) && !bytes.Equal(got, position(last)) {
			t.Fatalf("operation %d: confirmed %d, about to write %d, loaded %.20q", n, confirmed, last, got)
		}
		c.Close()
		if changes < n {
			break
		}
	}
}

func TestDamage(t *testing.T) {
	m := memfs.New()
	open := func() (*checkpoint.File, error) {
		return checkpoint.Open("/c", checkpoint.Options{FS: m})
	}
	put := func(name, content string) {
		f, err := m.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f.Write([]byte(content))
		f.Close()
	}
	c, err := open()
	if err != nil {
		t.Fatal(err)
	}
	c.Save([]byte("one"))
	c.Save([]byte("two"))
	c.Close()
	get := func(name string) string {
		b, _ := vfs.ReadFile(m, name, 1<<20)
		return string(b)
	}
	first, second := get("/c"), get("/c.alt")
	for _, bad := range []string{"", "x", second[:len(second)-1], strings.Replace(second, "two", "tvo", 1), strings.Replace(second, " 2 3", " 9 3", 1), strings.Repeat("\x00", 100)} {
		put("/c.alt", bad)
		c, err := open()
		if err != nil || string(c.Load()) != "one" || c.Damaged() == nil || !strings.Contains(c.Damaged().Error(), "/c.alt") {
			t.Errorf("%q: %v", bad, err)
			continue
		}
		c.Close()
	}
	put("/c.alt", second)
	put("/c", "garbage")
	if c, err := open(); err != nil || string(c.Load()) != "two" {
		t.Errorf("the older file damaged: %v", err)
	} else {
		c.Save([]byte("three"))
		c.Close()
	}
	if get("/c") == "garbage" {
		t.Error("a damaged file is not written again")
	}
	put("/c", "garbage")
	put("/c.alt", "garbage")
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "/c ") || !strings.Contains(err.Error(), "/c.alt") {
		t.Errorf("both damaged: %v", err)
	}
	put("/c", strings.Replace(first, "checkpoint 1", "checkpoint 2", 1))
	put("/c.alt", second)
	if _, err := open(); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("of another version: %v", err)
	}
	m.Remove("/c")
	m.Mkdir("/c", 0o700)
	if _, err := open(); err == nil {
		t.Error("a folder passes for a checkpoint")
	}
	// A process that ends after Note keeps what it noted.
	m = memfs.New()
	for i := range 5 {
		c, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && string(c.Load()) != fmt.Sprint(i-1) {
			t.Errorf("noted %d, loaded %q", i-1, c.Load())
		}
		if err := c.Note(fmt.Append(nil, i)); err != nil {
			t.Error(err)
		}
		c.Close()
	}
	// A full disk before the third file is there: notes go over each other.
	crowded := memfs.New()
	if c, err = checkpoint.Open("/c", checkpoint.Options{FS: crowded}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Save([]byte("aaaa"))
	c.Note([]byte("bbbb"))
	crowded.Limit(crowded.Used())
	for range 3 {
		if err := c.Note([]byte("cccc")); err != nil || string(c.Load()) != "cccc" {
			t.Errorf("a note on a full disk: %v", err)
		}
	}
	// A full disk: the files that are there are written over.
	full := memfs.New()
	c, err = checkpoint.Open("/c", checkpoint.Options{FS: full})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Save([]byte("aaaa"))
	c.Save([]byte("bbbb"))
	full.Limit(full.Used())
	for range 5 {
		if err := c.Save([]byte("cccc")); err != nil {
			t.Errorf("on a full disk: %v", err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("penstock checkpoint 1 1 3 00000000\none"), []byte(""))
	f.Add([]byte("penstock checkpoint 1 1 99999999999 00000000\n"), []byte("penstock checkpoint 2\n"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		m := memfs.New()
		for name, content := range map[string][]byte{"/c": a, "/c.alt": b} {
			file, _ := m.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
			file.Write(content)
			file.Close()
		}
		c, err := checkpoint.Open("/c", checkpoint.Options{FS: m, MaxBytes: 1000})
		if err != nil {
			return
		}
		if err := c.Save([]byte("next")); err != nil {
			t.Fatal(err)
		}
		c.Close()
		if c, err = checkpoint.Open("/c", checkpoint.Options{FS: m, MaxBytes: 1000}); err != nil || string(c.Load()) != "next" {
			t.Errorf("what was saved over %q and %q: %v", a, b, err)
		}
	})
}
