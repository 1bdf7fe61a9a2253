//go:build unix

package file_test

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/penstock-dev/penstock/ingest/file"
)

// Between the look of a scan and the opening a path may have become anything: what is opened lies
// below the root all the same.
func TestOpenBelow(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "root")
	for _, dir := range []string{filepath.Join(root, "in"), filepath.Join(base, "out")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, "in"), "a.log", "inside")
	write(t, filepath.Join(base, "out"), "a.log", "outside")
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("in/a.log", "relative")
	link(filepath.Join(root, "in", "a.log"), "absolute")
	link("../out/a.log", "escapes")
	link(filepath.Join(base, "out", "a.log"), "escapes absolutely")
	link("../out", "folder")
	link(filepath.Join(base, "out"), "absolute folder")
	link("loop", "loop")
	link("nothing", "nothing")
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"in/a.log", "relative", "absolute"} {
		h, err := file.OpenBelow(root, filepath.Join(root, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if b, err := io.ReadAll(h); err != nil || string(b) != "inside" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		h.Close()
	}
	for _, name := range []string{"escapes", "escapes absolutely", "folder/a.log", "absolute folder/a.log", "loop", "nothing", "../out/a.log"} {
		if h, err := file.OpenBelow(root, filepath.Join(root, filepath.FromSlash(name))); err == nil {
			b, _ := io.ReadAll(h)
			t.Errorf("%s: opened, it holds %q", name, b)
		}
	}
	// A named pipe without a writer: it is opened without waiting, and found to be no file.
	if h, err := file.OpenBelow(root, filepath.Join(root, "pipe")); err != nil {
		t.Error(err)
	} else if info, err := h.Stat(); err != nil || info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
}
