package file_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/file"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
)

// TestProgress: what is to be read is known from the beginning, and what was read is never
// more.
func TestProgress(t *testing.T) {
	dir := t.TempDir()
	text := bytes.Repeat([]byte("a line of thirty-two characters\n"), 8<<10)
	all := int64(0)
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		all += int64(len(text))
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(text)
	z.Close()
	if err := os.WriteFile(filepath.Join(dir, "d.gz"), packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	all += int64(packed.Len())
	s := file.New(file.Options{Globs: []string{filepath.Join(dir, "*")}, Decoding: ingest.Decoding{Codecs: ingest.DefaultCodecs()}})
	if p := s.Progress(); p.AllBytes != 0 || p.Left != -1 || p.Rate != 0 {
		t.Errorf("before it runs: %+v", p)
	}
	var seen []file.Progress
	run := ingesttest.Start(t, ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		return s.Run(ctx, out.Through(func(c *ingest.Chunk) error {
			seen = append(seen, s.Progress())
			return out.Send(c)
		}, nil))
	}))
	if err := run.Ended(); err != nil {
		t.Fatal(err)
	}
	last := s.Progress()
	if last.Files != 4 || last.AllFiles != 4 || last.Bytes != all || last.AllBytes != all || last.Left != 0 {
		t.Errorf("at the end: %+v, want %d bytes", last, all)
	}
	before := int64(0)
	for i, p := range seen {
		if p.AllBytes != all || p.Bytes > all || p.Bytes < before || p.Bytes == 0 || p.Rate <= 0 || p.Left < 0 {
			t.Fatalf("look %d: %+v, want %d bytes in all", i, p, all)
		}
		before = p.Bytes
	}
	if text := last.String(); !strings.HasPrefix(text, "4 of 4 files, ") || !strings.Contains(text, "(100.0 %)") || !strings.HasSuffix(text, "0s left") {
		t.Error(text)
	}
}

// TestFollowerProgress: a Follower counts what was there when it began, behind its checkpoint,
// which has all that was delivered when a run ends.
func TestFollowerProgress(t *testing.T) {
	dir, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	text := bytes.Repeat([]byte("a line of thirty-two characters\n"), 1000)
	path := filepath.Join(dir, "a.log")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	follow := func() (*file.Follower, *ingesttest.Pipeline) {
		f, err := file.Follow(file.FollowOptions{Include: []string{dir + "/*"}, Checkpoint: state, Poll: 5 * time.Millisecond, Scan: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		return f, ingesttest.Start(t, f)
	}
	until := func(f *file.Follower, want int64) {
		t.Helper()
		p := f.Progress()
		for deadline := time.Now().Add(ingesttest.Patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if p = f.Progress(); p.Bytes == want && p.AllBytes == want && p.Files == 1 {
				return
			}
		}
		t.Fatalf("%+v, want %d bytes of %[2]d", p, want)
	}
	f, run := follow()
	run.Wait(1000)
	until(f, int64(len(text)))
	run.Stop()
	appendTo, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer appendTo.Close()
	appendTo.WriteString("one more\n")
	f, run = follow()
	run.Wait(1)
	until(f, int64(len("one more\n")))
	run.Stop()
}
