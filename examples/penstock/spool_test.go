package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/errcat"
)

func TestSpool(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	down := batch.LinesFunc[struct{}](func(context.Context, []byte, int) error { return errcat.TransientNetwork })
	sink, err := spool.NewSink[struct{}](down, spool.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Write(t.Context(), &batch.Batch[struct{}]{Lines: []byte("one\ntwo\nthree\n"), Ends: []int32{4, 8, 14}}); err != nil {
		t.Fatal(err)
	}
	spooled := func(want int, args ...string) (out, errs string) {
		t.Helper()
		var o, e bytes.Buffer
		if code := run(t.Context(), append([]string{"spool"}, args...), stdio{strings.NewReader(""), &o, &e}); code != want {
			t.Errorf("spool %v: exit %d, want %d; %s", args, code, want, e.String())
		}
		return o.String(), e.String()
	}
	if _, errs := spooled(1, "replay", dir); !strings.Contains(errs, "lock") {
		t.Errorf("replay of a spool in use says %q", errs)
	}
	sink.Close()
	if out, _ := spooled(0, "list", dir); !strings.Contains(out, "1 segments") || !strings.Contains(out, "00000000000000000001.spool  from 1") {
		t.Errorf("list: %s", out)
	}
	if out, _ := spooled(0, "check", dir); !strings.Contains(out, "3 entries to be delivered, nothing wrong") {
		t.Errorf("check: %s", out)
	}
	if out, _ := spooled(0, "dump", "-numbers", "-from", "2", "-n", "1", dir); out != "2\ttwo\n" {
		t.Errorf("dump: %q", out)
	}
	path := filepath.Join(dir, "00000000000000000001.spool")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte("two"))] ^= 1
	if err := os.WriteFile(path, b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := spooled(1, "check", dir); !strings.Contains(out, "bytes behind the last whole entry") {
		t.Errorf("check of a damaged spool: %s", out)
	}
	if out, _ := spooled(0, "repair", dir); !strings.Contains(out, "repaired") {
		t.Errorf("repair: %s", out)
	}
	spooled(0, "check", dir)
	if out, errs := spooled(0, "replay", dir); out != "one\n" || !strings.Contains(errs, "1 entries written") {
		t.Errorf("replay: %q, %s", out, errs)
	}
	if out, _ := spooled(0, "dump", dir); out != "" {
		t.Errorf("after the replay there is %q", out)
	}
	spooled(2)
	spooled(2, "nonsense")
	spooled(1, "list", filepath.Join(dir, "nothing"))
}
