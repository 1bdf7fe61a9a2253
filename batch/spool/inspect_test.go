package spool_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

func TestDumpAndTake(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	d := &destination{fail: func(string) error { return errcat.TransientNetwork }}
	s, err := spool.NewSink[event](d, spool.Options{Dir: dir, KeepRaw: true})
	if err != nil {
		t.Fatal(err)
	}
	b := lines(0, 3)
	b.Msgs, b.Msg = []parse.Message{{Raw: []byte("raw"), Offset: 5}}, []int32{0, 0, 0}
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if _, _, err := spool.Take(t.Context(), dir, func(spool.Entry) error { return nil }); err == nil {
		t.Error("Take from a spool that is in use")
	}
	s.Close()
	r, err := spool.Inspect(dir, true)
	if err != nil || !r.OK() || r.Entries != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	var got []string
	note := func(e spool.Entry) error {
		got = append(got, fmt.Sprintf("%d %s %s", e.Seq, e.Text(), e.Message.Raw))
		return nil
	}
	if err := spool.Dump(dir, 0, note); err != nil || fmt.Sprint(got) != "[1 line 0 raw 2 line 1 raw 3 line 2 raw]" {
		t.Errorf("dump %q, %v", got, err)
	}
	stop := errors.New("enough")
	got = nil
	taken, _, err := spool.Take(t.Context(), dir, func(e spool.Entry) error {
		if e.Seq == 2 {
			return stop
		}
		return note(e)
	})
	if taken != 1 || !errors.Is(err, stop) {
		t.Errorf("took %d, %v", taken, err)
	}
	if taken, damaged, err := spool.Take(t.Context(), dir, note); taken != 2 || damaged != 0 || err != nil {
		t.Errorf("took %d, %v", taken, err)
	}
	if fmt.Sprint(got) != "[1 line 0 raw 2 line 1 raw 3 line 2 raw]" {
		t.Errorf("taken %q", got)
	}
	if _, err := spool.Inspect(filepath.Join(dir, "nothing"), true); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that does not exist: %v", err)
	}
	if _, _, err := spool.Take(t.Context(), filepath.Join(dir, "nothing"), note); err == nil {
		t.Error("Take made a folder")
	}
}
