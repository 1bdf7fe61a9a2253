package reader_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/reader"
	"github.com/penstock-dev/penstock/parse"
)

type event struct{ text []byte }

type encoder struct{}

func (encoder) Append(dst []byte, e *event) ([]byte, error) { return append(dst, e.text...), nil }

var parser = parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
	out.Add().text = m.Raw
	return nil
})

func newPipeline(t testing.TB, out io.Writer, src ingest.Source) *ingest.Pipeline[event] {
	t.Helper()
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: parser, Encoder: encoder{}, Sink: batch.NewWriter[event](out), ChunkSize: 1 << 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestReader(t *testing.T) {
	var in, want bytes.Buffer
	for i := range 5000 {
		fmt.Fprintf(&in, "line %d\x00", i)
		fmt.Fprintf(&want, "line %d\n", i)
	}
	size := int64(in.Len())
	var mu sync.Mutex
	var commits []int64
	var out bytes.Buffer
	p := newPipeline(t, &out, reader.New(&in, reader.Options{Name: "in", Framing: ingest.NUL, Offset: 100, Committed: func(at int64) {
		mu.Lock()
		commits = append(commits, at)
		mu.Unlock()
	}}))
	if err := p.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out.String() != want.String() {
		t.Errorf("%d bytes of output, want %d", out.Len(), want.Len())
	}
	for i, at := range commits {
		if i > 0 && at <= commits[i-1] {
			t.Errorf("commits are not ascending: %v", commits)
		}
	}
	if len(commits) == 0 || commits[len(commits)-1] != 100+size {
		t.Errorf("commits %v, want up to %d", commits, 100+size)
	}
	if s := p.Stats(); s.Sources[0].Name != "in" || s.Check() != nil {
		t.Errorf("%+v", s)
	}
}

// The end of the context ends a source whose reader is blocked, as standard input may
// be; what was read before is delivered.
func TestBlockedRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		var out bytes.Buffer
		p := newPipeline(t, &out, reader.New(r, reader.Options{}))
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- p.Run(ctx) }()
		w.Write([]byte("one\ntw"))
		synctest.Wait()
		cancel()
		begin := time.Now()
		if err := <-ended; err != nil {
			t.Errorf("Run says %v", err)
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("Run returned after %s", d)
		}
		if out.String() != "one\n" {
			t.Errorf("output %q", out.String())
		}
		s := p.Stats()
		w.Write([]byte("o\nthree\n")) // the Read wakes up: nobody takes what it brings
		synctest.Wait()
		if after := p.Stats(); after.Ledger != s.Ledger || after.Check() != nil {
			t.Errorf("after the end the ledger went from %+v to %+v", s.Ledger, after.Ledger)
		}
		w.Close()
	})
}

func TestRealPipeAndFile(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text := strings.Repeat("a line of some length\n", 20_000)
	go func() {
		io.WriteString(w, text)
		w.Close()
	}()
	var out bytes.Buffer
	if err := newPipeline(t, &out, reader.New(r, reader.Options{})).Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out.String() != text {
		t.Errorf("%d bytes through a pipe, want %d", out.Len(), len(text))
	}
}

func TestReadError(t *testing.T) {
	oops := errors.New("oops")
	r, w := io.Pipe()
	go func() {
		w.Write([]byte("a\n"))
		w.CloseWithError(oops)
	}()
	var out bytes.Buffer
	if err := newPipeline(t, &out, reader.New(r, reader.Options{})).Run(context.Background()); !errors.Is(err, oops) || out.String() != "a\n" {
		t.Errorf("Run says %v, output %q", err, out.String())
	}
}

func Example() {
	src := reader.New(strings.NewReader("one\x00two\nlines\x00"), reader.Options{Name: "stdin", Framing: ingest.NUL})
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: parser,
		Sink: batch.Each(func(_ context.Context, e *event) error {
			fmt.Printf("%q\n", e.text)
			return nil
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Run(context.Background()))
	// Output:
	// "one"
	// "two\nlines"
	// <nil>
}
