package spool_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
	"github.com/penstock-dev/penstock/parse"
)

type event struct{}

// destination keeps lines; fail decides what it does not take.
type destination struct {
	mu    sync.Mutex
	lines []string
	fail  func(line string) error
}

func (d *destination) LinesOnly() {}

func (d *destination) Write(ctx context.Context, b *batch.Batch[event]) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var p batch.Partial
	for i := range b.Len() {
		line := strings.TrimSuffix(string(b.Line(i)), "\n")
		if d.fail != nil {
			if err := d.fail(line); err != nil {
				p.Fail(i, err)
				continue
			}
		}
		d.lines = append(d.lines, line)
	}
	return p.Err()
}

func (d *destination) set(fail func(string) error) { d.mu.Lock(); d.fail = fail; d.mu.Unlock() }

func (d *destination) got() []string { d.mu.Lock(); defer d.mu.Unlock(); return slices.Clone(d.lines) }

func lines(from, to int) *batch.Batch[event] {
	b := &batch.Batch[event]{}
	for i := from; i < to; i++ {
		b.Lines = fmt.Appendf(b.Lines, "line %d\n", i)
		b.Ends = append(b.Ends, int32(len(b.Lines)))
	}
	return b
}

func drain(t *testing.T, s interface{ Drain(context.Context) error }) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestSink(t *testing.T) {
	m := memfs.New()
	d := &destination{}
	opts := spool.Options{Dir: "/s", FS: m, BatchRows: 7, Retry: batch.RetryOptions{MaxDelay: 10 * time.Millisecond, MinDelay: time.Millisecond}}
	s, err := spool.NewSink[event](d, opts)
	if err != nil {
		t.Fatal(err)
	}
	if batch.ReadsEvents(batch.Sink[event](s)) {
		t.Error("a spooled sink reads events")
	}
	down := func(string) error { return errcat.TransientNetwork }
	d.set(down)
	for i := range 10 {
		if err := s.Write(t.Context(), lines(10*i, 10*i+10)); err != nil {
			t.Fatal(err) // accepted while the destination is down
		}
	}
	for s.Stats().Retries < 3 {
		time.Sleep(time.Millisecond)
	}
	if st := s.Stats(); st.Entries != 100 || st.Delivered != 0 || st.LastError == nil {
		t.Errorf("while it is down: %+v", st)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), lines(0, 1)); err == nil {
		t.Error("a closed sink takes rows")
	}
	d.set(nil)
	if s, err = spool.NewSink[event](d, opts); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Write(t.Context(), lines(100, 110))
	drain(t, s)
	got := d.got()
	for i := range 110 {
		if i >= len(got) || got[i] != fmt.Sprint("line ", i) {
			t.Fatalf("row %d: got %v", i, got)
		}
	}
	if st := s.Stats(); st.Delivered != 110 || st.Entries != 0 || len(got) != 110 || st.LastError != nil {
		t.Errorf("%d lines, %+v", len(got), st)
	}
}

func TestDeadLetters(t *testing.T) {
	for _, raw := range []bool{false, true} {
		var letters []ingest.DeadLetter
		var mu sync.Mutex
		tries := 0
		opts := spool.Options{Dir: "/s", FS: memfs.New(), KeepRaw: raw, SegmentBytes: 4096, MaxBytes: 16384,
			Retry: batch.RetryOptions{Attempts: 2, MinDelay: time.Millisecond},
			DeadLetters: batch.Each(func(_ context.Context, l *ingest.DeadLetter) error {
				mu.Lock()
				defer mu.Unlock()
				if tries++; tries == 1 {
					return errcat.TransientNetwork // the store of dead letters is down for a moment too
				}
				c := *l
				c.Raw = slices.Clone(l.Raw)
				letters = append(letters, c)
				return nil
			})}
		d := &destination{fail: func(l string) error {
			switch l {
			case "line 3":
				return errcat.SinkRejected
			case "line 4":
				panic("hit")
			}
			return nil
		}}
		s, err := spool.NewSink[event](d, opts)
		if err != nil {
			t.Fatal(err)
		}
		b := lines(0, 4)
		b.Msgs = []parse.Message{{Raw: []byte("raw message"), Offset: 77, Received: time.Unix(1, 2),
			Origin: &parse.Origin{Source: "udp", Peer: netip.MustParseAddr("192.0.2.1"), Hint: "cef", Subject: "CN=x", Zone: time.UTC}}}
		b.Msg = []int32{0, 0, 0, 0}
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		drain(t, s)
		large := lines(6, 9)
		large.Lines = append(large.Lines, strings.Repeat("x", 5000)+"\n"...)
		large.Ends = append(large.Ends, int32(len(large.Lines)))
		large.Lines = append(large.Lines, "line 9\n"...)
		large.Ends = append(large.Ends, int32(len(large.Lines)))
		failed := batch.Failures(s.Write(t.Context(), large), 5)
		if len(failed) != 1 || failed[0].Row != 3 || errcat.Of(failed[0].Err) != errcat.Oversize {
			t.Errorf("a row that fits into no segment: %v", failed)
		}
		drain(t, s)
		if err := s.Write(t.Context(), lines(4, 5)); err != nil {
			t.Fatal(err)
		}
		drain(t, s)
		s.Close()
		if got := fmt.Sprint(d.got()); got != "[line 0 line 1 line 2 line 6 line 7 line 8 line 9]" {
			t.Errorf("delivered %s", got)
		}
		if len(letters) != 2 || letters[0].Category != errcat.SinkRejected || letters[1].Category != errcat.Internal {
			t.Fatalf("letters %+v", letters)
		}
		l := letters[0]
		if want := map[bool]string{false: "line 3", true: "raw message"}[raw]; string(l.Raw) != want {
			t.Errorf("raw is %q, want %q", l.Raw, want)
		}
		if raw && (l.Offset != 77 || l.Source != "udp" || l.Origin.Peer.String() != "192.0.2.1" || l.Origin.Hint != "cef" ||
			l.Origin.Subject != "CN=x" || l.Origin.Zone != time.UTC || !l.Received.Equal(time.Unix(1, 2))) {
			t.Errorf("letter %+v of %+v", l, l.Origin)
		}
		if st := s.Stats(); st.Rejected != 2 || st.Failed != 0 || st.Delivered != 7 {
			t.Errorf("%+v", st)
		}
	}
}

func TestSinkOptions(t *testing.T) {
	d := &destination{}
	events := batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil })
	for name, f := range map[string]func() error{
		"no sink":        func() error { _, err := spool.NewSink[event](nil, spool.Options{Dir: "/s"}); return err },
		"sink of events": func() error { _, err := spool.NewSink[event](events, spool.Options{Dir: "/s"}); return err },
		"no folder":      func() error { _, err := spool.NewSink[event](d, spool.Options{}); return err },
		"wrong batch":    func() error { _, err := spool.NewSink[event](d, spool.Options{Dir: "/s", BatchRows: -1}); return err },
		"wrong retry": func() error {
			_, err := spool.NewSink[event](d, spool.Options{Dir: "/s", Retry: batch.RetryOptions{Attempts: -1}})
			return err
		},
		"buffer that keeps": func() error { _, err := spool.NewBuffer(spool.Options{Dir: "/s", KeepRaw: true}); return err },
	} {
		if f() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	o := spool.Options{Dir: "/s", FS: memfs.New()}
	s, err := spool.NewSink[event](d, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := spool.NewSink[event](d, o); err == nil || !strings.Contains(err.Error(), "lock") {
		t.Errorf("a second sink on the same folder: %v", err)
	}
}

func TestDropNewIsNotRetried(t *testing.T) {
	d := &destination{fail: func(string) error { return errcat.TransientNetwork }}
	s, err := spool.NewSink[event](d, spool.Options{Dir: "/s", FS: memfs.New(), SegmentBytes: 4096, MaxBytes: 16384, Full: spool.DropNew})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	refused := 0
	for i := range 100 {
		for _, f := range batch.Failures(s.Write(t.Context(), lines(10*i, 10*i+10)), 10) {
			if errcat.Retryable(f.Err) || !errors.Is(f.Err, spool.ErrFull) {
				t.Fatal(f.Err)
			}
			refused++
		}
	}
	if st := s.Stats(); refused == 0 || st.Refused != uint64(refused) || st.Entries+st.Refused != 1000 {
		t.Errorf("%d refused, %+v", refused, st)
	}
}
