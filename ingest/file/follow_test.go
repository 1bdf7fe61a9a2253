package file_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/file"
)

// fast are options that make a test short.
func fast(dir string) file.FollowOptions {
	return file.FollowOptions{
		Include: []string{filepath.Join(dir, "*.log")}, Checkpoint: filepath.Join(dir, "state", "files"),
		Poll: 5 * time.Millisecond, Scan: 10 * time.Millisecond, Rest: 300 * time.Millisecond, CheckpointEvery: 5 * time.Millisecond,
		CopyGrace: 400 * time.Millisecond,
	}
}

// following is a Follower at work.
type following struct {
	t      *testing.T
	source *file.Follower
	cancel context.CancelFunc
	ended  chan error

	mu    sync.Mutex
	got   map[string]int  // lines and how often they came
	may   map[string]bool // lines that may come or not
	block chan struct{}   // while it is there, the sink waits for it

	prepare func(*file.Follower) // before it starts
}

func follow(t *testing.T, opts file.FollowOptions) *following {
	t.Helper()
	f := &following{t: t, got: map[string]int{}, ended: make(chan error, 1)}
	f.start(opts)
	return f
}

func (f *following) start(opts file.FollowOptions) {
	f.t.Helper()
	src, err := file.Follow(opts)
	if err != nil {
		f.t.Fatal(err)
	}
	if f.prepare != nil {
		f.prepare(src)
	}
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: lineParser, Workers: 2, ChunkSize: 4 << 10,
		Sink: batch.SinkFunc[event](func(ctx context.Context, b *batch.Batch[event]) error {
			f.mu.Lock()
			wait := f.block
			f.mu.Unlock()
			if wait != nil {
				<-wait
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, e := range b.Events {
				f.got[string(e.text)]++
			}
			return nil
		}),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.source, f.cancel = src, cancel
	go func() {
		err := p.Run(ctx)
		s := p.Stats()
		if check := s.Check(); check != nil || s.InFlight != 0 {
			f.t.Errorf("%v, %+v", check, s.Ledger)
		}
		f.ended <- err
	}()
	f.t.Cleanup(cancel)
}

// hold makes the sink wait, or go on.
func (f *following) hold(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case on && f.block == nil:
		f.block = make(chan struct{})
	case !on && f.block != nil:
		close(f.block)
		f.block = nil
	}
}

// count is how many different lines have come.
func (f *following) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.got)
}

func (f *following) stop() {
	f.t.Helper()
	f.cancel()
	if err := <-f.ended; err != nil {
		f.t.Error(err)
	}
}

// expect waits until the lines have come, and tells which have not, which came more than
// once, and which nobody wrote.
func (f *following) expect(want map[string]bool) {
	f.t.Helper()
	missing := func() (n int, first string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for line := range want {
			if f.got[line] == 0 {
				n++
				first = line
			}
		}
		return n, first
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		n, first := missing()
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("%d of %d lines have not come, such as %q; %+v", n, len(want), first, f.source.Stats())
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	twice, strange := 0, 0
	for line, n := range f.got {
		if n > 1 {
			if twice++; twice < 4 {
				f.t.Errorf("%q came %d times", line, n)
			}
		}
		if !want[line] && !f.may[line] {
			if strange++; strange < 4 {
				f.t.Errorf("%q came, and nobody wrote it", line)
			}
		}
	}
	if twice+strange > 0 {
		f.t.Errorf("%d lines more than once, %d that nobody wrote, of %d", twice, strange, len(want))
	}
}

// writer writes numbered lines and knows them.
type writer struct {
	t    *testing.T
	n    int
	want map[string]bool
}

func newWriter(t *testing.T) *writer { return &writer{t: t, want: map[string]bool{}} }

func (w *writer) line() string {
	w.n++
	s := fmt.Sprintf("%06d %s", w.n, strings.Repeat("x", w.n%50))
	w.want[s] = true
	return s
}

func (w *writer) write(f *os.File, lines int) {
	w.t.Helper()
	for range lines {
		if _, err := f.WriteString(w.line() + "\n"); err != nil {
			w.t.Fatal(err)
		}
	}
}

func create(t *testing.T, path string) *os.File {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// waitFor waits until a line has come n times, and no more.
func (f *following) waitFor(line string, n int) {
	f.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		f.mu.Lock()
		got := f.got[line]
		f.mu.Unlock()
		if got == n {
			return
		}
		if got > n || time.Now().After(deadline) {
			f.t.Fatalf("%q came %d times, want %d; %+v", line, got, n, f.source.Stats())
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func compress(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := create(t, path+".gz")
	z := gzip.NewWriter(f)
	z.Write(b)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	os.Remove(path)
}

// A sink that fails for a while gets again what it did not take.
func TestFailedIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	src, err := file.Follow(fast(dir))
	if err != nil {
		t.Fatal(err)
	}
	w := newWriter(t)
	w.write(create(t, filepath.Join(dir, "a.log")), 300)
	var mu sync.Mutex
	got, failures := map[string]int{}, 3
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: lineParser, ChunkSize: 1 << 10,
		Outputs: []ingest.Output[event]{{Retry: batch.RetryOptions{Attempts: 1}, Sink: batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
			mu.Lock()
			defer mu.Unlock()
			if failures--; failures >= 0 {
				return os.ErrDeadlineExceeded
			}
			for _, e := range b.Events {
				got[string(e.text)]++
			}
			return nil
		})}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			mu.Lock()
			n := len(got)
			mu.Unlock()
			if n == len(w.want) {
				cancel()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	_ = p.Run(ctx) // it reports the failures
	if len(got) != len(w.want) {
		t.Errorf("%d of %d lines came; %+v", len(got), len(w.want), src.Stats())
	}
	if src.Stats().Rewound == 0 {
		t.Error("nothing was read again")
	}
}

// A compressed file that is cut gives what can be read, once, and one that is none is given up.
func TestBrokenArchives(t *testing.T) {
	dir := t.TempDir()
	opts := fast(dir)
	opts.Include, opts.Rest = []string{filepath.Join(dir, "*.gz")}, 20*time.Millisecond
	w := newWriter(t)
	path := filepath.Join(dir, "a")
	w.write(create(t, path), 2000)
	compress(t, path)
	b, err := os.ReadFile(path + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.gz", string(b[:len(b)/2]))
	write(t, dir, "b.gz", "this is not gzip at all")
	f := follow(t, opts)
	for deadline := time.Now().Add(10 * time.Second); f.source.Stats().Broken < 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", f.source.Stats())
		}
	}
	time.Sleep(100 * time.Millisecond)
	f.stop()
	if n := len(f.got); n < 500 || n > 1500 || f.source.Stats().Broken != 2 {
		t.Errorf("%d lines of half an archive of 2000; %+v", n, f.source.Stats())
	}
	for line, n := range f.got {
		if n != 1 {
			t.Errorf("%q came %d times", line, n)
		}
	}
}

func ExampleFollow() {
	dir, err := os.MkdirTemp("", "logs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "fw.log")
	os.WriteFile(path, []byte("deny tcp\n"), 0o600)

	src, err := file.Follow(file.FollowOptions{
		Include:    []string{filepath.Join(dir, "**", "*.log")},
		Checkpoint: filepath.Join(dir, "state", "positions"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{src},
		Parser:  lineParser,
		Sink: batch.Each(func(_ context.Context, e *event) error {
			fmt.Printf("%s\n", e.text)
			cancel()
			return nil
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Run(ctx))
	// Output:
	// deny tcp
	// <nil>
}

func TestFromEnd(t *testing.T) {
	dir := t.TempDir()
	opts := fast(dir)
	opts.FromEnd = true
	log := create(t, filepath.Join(dir, "a.log"))
	log.WriteString("old\nold\nbegun")
	f := follow(t, opts)
	for f.source.Stats().Files == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	log.WriteString(" and ended\n")
	create(t, filepath.Join(dir, "b.log")).WriteString("new file\n")
	f.expect(map[string]bool{"begun and ended": true, "new file": true})
	f.stop()
}

func TestFollowOptions(t *testing.T) {
	for _, opts := range []file.FollowOptions{
		{}, {Include: []string{"a["}}, {Include: []string{"a**b/c"}}, {Include: []string{"a"}, Poll: -1}, {Include: []string{"a"}, MaxOpen: 1},
	} {
		if _, err := file.Follow(opts); err == nil {
			t.Errorf("%+v: no error", opts)
		}
	}
}

func TestCheckpointIsLockedAndChecked(t *testing.T) {
	dir := t.TempDir()
	opts := fast(dir)
	f := follow(t, opts)
	for !exists(opts.Checkpoint + ".lock") {
		time.Sleep(time.Millisecond)
	}
	second, err := file.Follow(opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, second, 1); err == nil {
		t.Error("two followers on one checkpoint")
	}
	f.stop()
	for _, name := range []string{opts.Checkpoint, opts.Checkpoint + ".alt"} {
		if err := os.WriteFile(name, []byte("something else"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	third, err := file.Follow(opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, third, 1); err == nil || !strings.Contains(err.Error(), opts.Checkpoint) {
		t.Errorf("a checkpoint of something else: %v", err)
	}
}

func TestNoGoroutineStays(t *testing.T) {
	before := runtime.NumGoroutine()
	f := follow(t, fast(t.TempDir()))
	f.stop()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}
