package file_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/file"
	"github.com/penstock-dev/penstock/parse"
)

type event struct{ text []byte }

type encoder struct{}

func (encoder) Append(dst []byte, e *event) ([]byte, error) { return append(dst, e.text...), nil }

// parser puts the file's name and the offset before the text.
var parser = parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
	out.Add().text = fmt.Appendf(nil, "%s %d %s", filepath.Base(m.Origin.Source), m.Offset, m.Raw)
	return nil
})

// lineParser keeps the text.
var lineParser = parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
	out.Add().text = m.Raw
	return nil
})

func run(t testing.TB, src ingest.Source, workers int) (string, error) {
	t.Helper()
	var out bytes.Buffer
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: parser, Encoder: encoder{}, Sink: batch.NewWriter[event](&out),
		Workers: workers, Ordered: true, ChunkSize: 1 << 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Run(context.Background())
	s := p.Stats()
	if err := s.Check(); err != nil || s.InFlight != 0 {
		t.Errorf("%v, %+v", err, s.Ledger)
	}
	return out.String(), err
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	long := write(t, dir, "b.log", strings.Repeat("a line\n", 3000))
	write(t, dir, "a.log", "one\ntwo") // no line feed at the end: still two messages
	write(t, dir, "c.log", "")
	first := write(t, dir, "z.txt", "first\n")
	var mu sync.Mutex
	committed := map[string]int64{}
	opts := file.Options{Paths: []string{first, long}, Globs: []string{filepath.Join(dir, "*.log")}, Committed: func(path string, at int64) {
		mu.Lock()
		defer mu.Unlock()
		if committed[filepath.Base(path)] >= at {
			t.Errorf("%s: commit of %d after %d", path, at, committed[filepath.Base(path)])
		}
		committed[filepath.Base(path)] = at
	}}
	var want strings.Builder
	want.WriteString("z.txt 0 first\n")
	for i := range 3000 {
		fmt.Fprintf(&want, "b.log %d a line\n", 7*i)
	}
	want.WriteString("a.log 0 one\na.log 4 two\n")
	for workers := 1; workers <= 8; workers++ {
		clear(committed)
		got, err := run(t, file.New(opts), workers)
		if err != nil {
			t.Error(err)
		}
		if got != want.String() {
			t.Errorf("%d workers: %d bytes of output differ from the %d that are due", workers, len(got), want.Len())
		}
		if fmt.Sprint(committed) != "map[a.log:7 b.log:21000 z.txt:6]" {
			t.Errorf("committed %v", committed)
		}
	}
}

// What cannot be read does not keep the rest from being read, and Run has each error.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	good := write(t, dir, "good", "a\n")
	missing := filepath.Join(dir, "missing")
	got, err := run(t, file.New(file.Options{
		Paths: []string{missing, dir, good}, Globs: []string{filepath.Join(dir, "none*"), "[", filepath.Join(dir, "g*")},
	}), 1)
	if got != "good 0 a\n" {
		t.Errorf("output %q", got)
	}
	if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, filepath.ErrBadPattern) {
		t.Errorf("Run says %v", err)
	}
	for _, part := range []string{missing, "is a directory", "none*", `"["`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %s: %v", part, err)
		}
	}
	if _, err := run(t, file.Paths(), 1); err == nil {
		t.Error("no files at all: no error")
	}
}

type failing struct {
	fs.File
	r io.Reader
}

func (f failing) Read(p []byte) (int, error) { return f.r.Read(p) }

func TestReadError(t *testing.T) {
	dir := t.TempDir()
	bad, good := write(t, dir, "bad", "x"), write(t, dir, "good", "a\n")
	oops := errors.New("oops")
	got, err := run(t, file.New(file.Options{Paths: []string{bad, good}, Open: func(path string) (fs.File, error) {
		f, err := os.Open(path)
		if path != bad || err != nil {
			return f, err
		}
		return failing{f, io.MultiReader(strings.NewReader("1\n2\n"), iotest.ErrReader(oops))}, nil
	}}), 1)
	if got != "bad 0 1\nbad 2 2\ngood 0 a\n" || !errors.Is(err, oops) || !strings.Contains(err.Error(), bad) {
		t.Errorf("output %q, Run says %v", got, err)
	}
}

func TestCancel(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i := range 100 {
		paths = append(paths, write(t, dir, fmt.Sprint(i), strings.Repeat("x\n", 1000)))
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{file.Paths(paths...)}, Parser: parser,
		Sink: batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error {
			if n++; n == 3 {
				cancel()
			}
			return nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Delivered != s.Received || s.Received == 100_000 {
		t.Errorf("%+v", s.Ledger)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "logs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	os.WriteFile(filepath.Join(dir, "fw.log"), []byte("deny tcp\npermit udp\n"), 0o600)

	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{file.Glob(filepath.Join(dir, "*.log"))},
		Parser:  parser,
		Sink: batch.Each(func(_ context.Context, e *event) error {
			fmt.Printf("%s\n", e.text)
			return nil
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Run(context.Background()))
	// Output:
	// fw.log 0 deny tcp
	// fw.log 9 permit udp
	// <nil>
}
