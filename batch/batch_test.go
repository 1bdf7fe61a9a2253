package batch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
)

type event struct{ n int }

var ctx = context.Background()

func lines(ls ...string) *batch.Batch[event] {
	b := &batch.Batch[event]{}
	for _, l := range ls {
		b.Lines = append(append(b.Lines, l...), '\n')
		b.Ends = append(b.Ends, int32(len(b.Lines)))
	}
	return b
}

func numbered(from, to int) *batch.Batch[event] {
	var ls []string
	for i := from; i < to; i++ {
		ls = append(ls, fmt.Sprint(i))
	}
	return lines(ls...)
}

func TestBatchRows(t *testing.T) {
	b := lines("one", "", "three")
	b.Events = []*event{{1}, {2}, {3}}
	if b.Len() != 3 || string(b.Line(0)) != "one\n" || string(b.Line(1)) != "\n" || string(b.Line(2)) != "three\n" || b.Line(3) != nil {
		t.Errorf("rows are %d: %q %q %q %q", b.Len(), b.Line(0), b.Line(1), b.Line(2), b.Line(3))
	}
	if line := b.Line(0); cap(line) != len(line) {
		t.Error("an append to a line would reach its neighbour")
	}
	s := b.Select([]int{0, 2})
	if s.Len() != 2 || string(s.Lines) != "one\nthree\n" || s.Events[1].n != 3 || s.Message(0) != nil {
		t.Errorf("Select gave %q and %d events", s.Lines, len(s.Events))
	}
}

func TestFailures(t *testing.T) {
	oops := errors.New("oops")
	for _, tc := range []struct {
		name string
		err  error
		want []int
	}{
		{"none", nil, nil},
		{"all", oops, []int{0, 1, 2}},
		{"some", &batch.Partial{Failed: []batch.Failure{{0, oops}, {2, oops}}}, []int{0, 2}},
		{"wrapped", fmt.Errorf("x: %w", &batch.Partial{Failed: []batch.Failure{{1, oops}}}), []int{1}},
		{"empty Partial", &batch.Partial{}, []int{0, 1, 2}},
		{"row too large", &batch.Partial{Failed: []batch.Failure{{3, oops}}}, []int{0, 1, 2}},
		{"negative row", &batch.Partial{Failed: []batch.Failure{{-1, oops}}}, []int{0, 1, 2}},
		{"twice", &batch.Partial{Failed: []batch.Failure{{1, oops}, {1, oops}}}, []int{0, 1, 2}},
		{"without reason", &batch.Partial{Failed: []batch.Failure{{1, nil}}}, []int{0, 1, 2}},
	} {
		var got []int
		for _, f := range batch.Failures(tc.err, 3) {
			got = append(got, f.Row)
			if f.Err == nil {
				t.Errorf("%s: row %d without a reason", tc.name, f.Row)
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: rows %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestReadsEvents(t *testing.T) {
	plain := batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil })
	retry := func(s batch.Sink[event]) batch.Sink[event] {
		r, err := batch.NewRetry(s, batch.RetryOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if !batch.ReadsEvents[event](plain) || !batch.ReadsEvents(retry(plain)) {
		t.Error("a sink without LinesOnly may read events")
	}
	if batch.ReadsEvents[event](batch.NewWriter[event](io.Discard)) || batch.ReadsEvents(retry(retry(batch.NewWriter[event](io.Discard)))) {
		t.Error("LinesOnly is not seen, or not through wrappers")
	}
}

func TestEach(t *testing.T) {
	b := &batch.Batch[event]{Events: []*event{{1}, {2}, {3}}}
	seen := 0
	err := batch.Each(func(_ context.Context, e *event) error {
		seen += e.n
		if e.n == 2 {
			return errcat.SinkRejected
		}
		return nil
	}).Write(ctx, b)
	if f := batch.Failures(err, 3); seen != 6 || len(f) != 1 || f[0].Row != 1 || !errors.Is(err, errcat.SinkRejected) {
		t.Errorf("saw %d, failed %v", seen, f)
	}
}

// shortWriter takes n bytes and then fails.
type shortWriter struct {
	buf bytes.Buffer
	n   int
	err error
}

func (w *shortWriter) Write(p []byte) (int, error) {
	if len(p) <= w.n {
		return w.buf.Write(p)
	}
	n, _ := w.buf.Write(p[:w.n])
	w.n = 1 << 20
	return n, w.err
}

func TestWriterTornLine(t *testing.T) {
	for n := range 12 {
		w := &shortWriter{n: n, err: errcat.TransientNetwork}
		s := batch.NewWriter[event](w)
		b := lines("one", "two", "3")
		retry, err := batch.NewRetry[event](s, batch.RetryOptions{MinDelay: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := retry.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		var whole []string
		for _, l := range strings.Split(w.buf.String(), "\n") {
			if l == "one" || l == "two" || l == "3" {
				whole = append(whole, l)
			}
		}
		if got := strings.Join(slices.Compact(whole), " "); got != "one two 3" { // a line may come twice
			t.Errorf("after a write that failed at byte %d the whole lines are %q: %q", n, got, w.buf.String())
		}
	}
	s := batch.NewWriter[event](&shortWriter{n: 3}) // a short write without an error
	if err := s.Write(ctx, lines("one")); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("short write gave %v", err)
	}
}

func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		var written []string
		sink := batch.LinesFunc[event](func(_ context.Context, lines []byte, n int) error {
			attempts++
			var p batch.Partial
			for i, l := range strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n") {
				switch {
				case l == "never":
					p.Fail(i, errcat.SinkRejected)
				case l == "later" && attempts < 4:
					p.Fail(i, errcat.RateLimited)
				default:
					written = append(written, l)
				}
			}
			return p.Err()
		})
		var pauses []time.Duration
		r, err := batch.NewRetry(batch.Sink[event](sink), batch.RetryOptions{
			Jitter:  func() float64 { return 1 },
			OnRetry: func(_, _ int, pause time.Duration, _ error) { pauses = append(pauses, pause) },
		})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		failed := batch.Failures(r.Write(ctx, lines("a", "never", "later", "b", "later", "never")), 6)
		if len(failed) != 2 || failed[0].Row != 1 || failed[1].Row != 5 {
			t.Errorf("failed are %v, want rows 1 and 5", failed)
		}
		if got := strings.Join(written, " "); got != "a b later later" {
			t.Errorf("written: %s", got)
		}
		if want := []time.Duration{100e6, 200e6, 400e6}; !slices.Equal(pauses, want) || time.Since(begin) != 700*time.Millisecond {
			t.Errorf("pauses %v, %s in all, want %v", pauses, time.Since(begin), want)
		}
	})
}

type retryAfter struct{ error }

func (r retryAfter) Unwrap() error           { return r.error }
func (retryAfter) RetryAfter() time.Duration { return time.Minute }

func TestRetryEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		sink := batch.LinesFunc[event](func(context.Context, []byte, int) error {
			attempts++
			return retryAfter{errcat.RateLimited}
		})
		r, _ := batch.NewRetry(batch.Sink[event](sink), batch.RetryOptions{Attempts: 3})
		begin := time.Now()
		if err := r.Write(ctx, lines("a")); !errors.Is(err, errcat.RateLimited) || attempts != 3 {
			t.Errorf("%d attempts, then %v; want 3 and RATE_LIMITED", attempts, err)
		}
		if d := time.Since(begin); d < 2*time.Minute || d > 2*time.Minute+200*time.Millisecond {
			t.Errorf("the sink's RetryAfter was not waited for: %s", d)
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		r, _ = batch.NewRetry(batch.Sink[event](sink), batch.RetryOptions{})
		begin = time.Now()
		if err := r.Write(short, lines("a")); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("at the end of its context: %v after %s", err, time.Since(begin))
		}
	})
	for name, o := range map[string]batch.RetryOptions{
		"negative attempts": {Attempts: -1},
		"max below min":     {MinDelay: time.Second, MaxDelay: time.Millisecond},
		"negative delay":    {MinDelay: -1},
		"negative longest":  {MaxRetryAfter: -1},
	} {
		if _, err := batch.NewRetry[event](batch.NewWriter[event](io.Discard), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// recorder keeps what a window writes.
type recorder struct {
	mu     sync.Mutex
	groups []string
	fail   func(group int, lines []string) error
}

func (r *recorder) LinesOnly() {}

func (r *recorder) Write(_ context.Context, b *batch.Batch[event]) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := strings.ReplaceAll(strings.TrimSuffix(string(b.Lines), "\n"), "\n", " ")
	r.groups = append(r.groups, text)
	if r.fail != nil {
		return r.fail(len(r.groups), strings.Fields(text))
	}
	return nil
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.groups)
}

func newWindow(t *testing.T, r *recorder, o batch.WindowOptions) *batch.Window[event] {
	t.Helper()
	w, err := batch.NewWindow[event](r, o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		w := newWindow(t, r, batch.WindowOptions{Rows: 4, Bytes: 12, Age: time.Second})
		var mu sync.Mutex
		var answers []string
		start := func(name string, b *batch.Batch[event]) {
			w.Start(ctx, b, func(err error) {
				mu.Lock()
				defer mu.Unlock()
				answers = append(answers, fmt.Sprint(name, " ", err))
			})
		}
		start("none", &batch.Batch[event]{})
		start("A", numbered(0, 3))
		start("B", numbered(3, 9)) // 0123 4567 8
		start("C", lines("a line too long for a group", "x"))
		if want := []string{"0 1 2 3", "4 5 6 7", "8", "a line too long for a group"}; !slices.Equal(r.all(), want) {
			t.Errorf("groups %q, want %q", r.all(), want)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		start("D", lines("y"))
		w.Flush(ctx)
		if want := []string{"x", "y"}; !slices.Equal(r.all()[4:], want) {
			t.Errorf("groups by age and Flush %q, want %q", r.all()[4:], want)
		}
		mu.Lock()
		defer mu.Unlock()
		if want := []string{"none <nil>", "A <nil>", "B <nil>", "C <nil>", "D <nil>"}; !slices.Equal(answers, want) {
			t.Errorf("answers %q, want %q", answers, want)
		}
	})
}

func TestWindowFailures(t *testing.T) {
	rejected := errcat.SinkRejected
	r := &recorder{fail: func(group int, lines []string) error {
		var p batch.Partial
		for i, l := range lines {
			if l == "5" || l == "2" {
				p.Fail(i, rejected)
			}
		}
		if group == 3 {
			return rejected
		}
		return p.Err()
	}}
	w := newWindow(t, r, batch.WindowOptions{Rows: 4, Age: time.Hour})
	got := map[string]string{}
	start := func(name string, b *batch.Batch[event]) {
		w.Start(ctx, b, func(err error) {
			if _, twice := got[name]; twice {
				t.Errorf("%s was answered twice", name)
			}
			s := ""
			for _, f := range batch.Failures(err, b.Len()) {
				s += fmt.Sprint(f.Row, " ")
			}
			got[name] = s
		})
	}
	start("A", numbered(0, 3))  // group 1: 2 fails
	start("B", numbered(3, 10)) // groups 1, 2 and 3: 5 fails, and 8 and 9 with their group
	start("C", numbered(10, 12))
	w.Flush(ctx)
	if want := map[string]string{"A": "2 ", "B": "2 5 6 ", "C": "0 1 "}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("failed rows %v, want %v", got, want)
	}
}

func TestWindowPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{fail: func(int, []string) error { panic("boom") }}
		w := newWindow(t, r, batch.WindowOptions{})
		if err := w.Write(ctx, lines("a")); errcat.Of(err) != errcat.Internal { // written by the timer
			t.Errorf("a panic in the sink gave %v", err)
		}
	})
}

// Many callers at once: every row is written once, each caller's rows in its order.
func TestWindowConcurrent(t *testing.T) {
	r := &recorder{}
	w := newWindow(t, r, batch.WindowOptions{Rows: 7, Age: time.Millisecond})
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			for i := 0; i < 50; i += 5 {
				if err := w.Write(ctx, numbered(1000*c+i, 1000*c+i+5)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	last := map[int]int{}
	rows := 0
	for _, g := range r.groups {
		for _, f := range strings.Fields(g) {
			var n int
			fmt.Sscan(f, &n)
			if want := last[n/1000]; n%1000 != want {
				t.Fatalf("caller %d: row %d where %d is due", n/1000, n%1000, want)
			}
			last[n/1000]++
			rows++
		}
	}
	if rows != 400 {
		t.Errorf("%d rows were written, want 400", rows)
	}
}

func TestWindowOptions(t *testing.T) {
	for name, o := range map[string]batch.WindowOptions{"rows": {Rows: -1}, "bytes": {Bytes: 1 << 30}, "age": {Age: -1}} {
		if _, err := batch.NewWindow[event](&recorder{}, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := batch.NewWindow[event](batch.SinkFunc[event](nil), batch.WindowOptions{}); err == nil {
		t.Error("a window in front of a sink that reads events: no error")
	}
}

func BenchmarkWindow(b *testing.B) {
	w, err := batch.NewWindow[event](batch.NewWriter[event](io.Discard), batch.WindowOptions{})
	if err != nil {
		b.Fatal(err)
	}
	in := numbered(0, 300)
	b.SetBytes(int64(len(in.Lines)))
	b.ReportAllocs()
	for b.Loop() {
		w.Start(ctx, in, func(error) {})
	}
}

func BenchmarkWriter(b *testing.B) {
	w := batch.NewWriter[event](io.Discard)
	in := numbered(0, 300)
	b.SetBytes(int64(len(in.Lines)))
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(ctx, in); err != nil {
			b.Fatal(err)
		}
	}
}
