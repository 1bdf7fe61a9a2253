package deadletter_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/deadletter"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
	"github.com/penstock-dev/penstock/parse"
)

type event struct{ text string }

// pipeline runs src through a parser that knows the given words, with store as the
// place of dead letters, and returns what was delivered.
func pipeline(t *testing.T, src ingest.Source, store batch.Sink[ingest.DeadLetter], sink func(string) error, words ...string) (got []string, err error) {
	t.Helper()
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{src}, DeadLetters: store, MaxMessage: 1000, KeepOversize: 10,
		Parser: parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
			word, _, _ := strings.Cut(string(m.Raw), " ")
			if !slices.Contains(words, word) {
				e := errcat.New(errcat.UnknownFormat, errcat.StageParse, "no such word")
				e.Parser = "words"
				return e
			}
			out.Add().text = string(m.Raw)
			return nil
		}),
		Sink: batch.Each(func(_ context.Context, e *event) error {
			if err := sink(e.text); err != nil {
				return err
			}
			got = append(got, e.text)
			return nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Run(t.Context())
	s := p.Stats()
	if c := s.Check(); c != nil {
		t.Error(c)
	}
	return got, err
}

func takes(string) error { return nil }

func TestStoreAndReplay(t *testing.T) {
	m := memfs.New()
	opts := deadletter.Options{Dir: "/dead", FS: m, SegmentBytes: 4096, MaxBytes: 1 << 20}
	open := func() *deadletter.Store {
		s, err := deadletter.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	s := open()
	var text strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "red %d\nblue %d\n\xff\xfe %d\n", i, i, i)
	}
	text.WriteString(strings.Repeat("z", 2000) + "\n")
	got, err := pipeline(t, ingest.FromReader("words", strings.NewReader(text.String())), s, takes, "red")
	if err != nil || len(got) != 100 || s.Stats().Letters != 201 {
		t.Fatalf("%d delivered, %+v, %v", len(got), s.Stats(), err)
	}
	s.Close()

	s = open() // another process, with a parser that knows more
	got, err = pipeline(t, s.Replay(), s, takes, "red", "blue")
	if err != nil || len(got) != 100 || got[0] != "blue 0" || got[99] != "blue 99" {
		t.Errorf("replayed %d, %v", len(got), err)
	}
	// What cannot be parsed, and what was not kept whole, is a letter again.
	if st := s.Stats(); st.Letters != 101 || st.Stored != 101 || st.Damaged+st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
	s.Close()

	s = open()
	got, err = pipeline(t, s.Replay(), nil, takes, "\xff\xfe")
	if len(got) != 100 || !strings.HasPrefix(got[0], "\xff\xfe") {
		t.Errorf("replayed %d, %v", len(got), err)
	}
	if err != nil {
		t.Error(err)
	}
	if st := s.Stats(); st.Letters != 0 {
		t.Errorf("at the end %+v", st)
	}
}

// What the sink does not take stays for the next time.
func TestReplayThatFails(t *testing.T) {
	s, err := deadletter.New(deadletter.Options{Dir: "/dead", FS: memfs.New()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pipeline(t, ingest.FromReader("words", strings.NewReader("a 1\na 2\na 3\n")), s, takes)
	if _, err := pipeline(t, s.Replay(), nil, func(text string) error {
		return errcat.SinkRejected
	}, "a"); err == nil || s.Stats().Letters != 3 {
		t.Errorf("%v, %+v", err, s.Stats())
	}
	got, err := pipeline(t, s.Replay(), nil, takes, "a")
	if err != nil || len(got) != 3 || s.Stats().Letters != 0 {
		t.Errorf("%q, %v, %+v", got, err, s.Stats())
	}
}

func TestBounds(t *testing.T) {
	for _, full := range []deadletter.Full{deadletter.DropOldest, deadletter.DropNew} {
		s, err := deadletter.New(deadletter.Options{Dir: "/dead", FS: memfs.New(), SegmentBytes: 4096, MaxBytes: 16384, Full: full, NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		taken := 0
		for i := range 1000 {
			err := s.Write(t.Context(), &batch.Batch[ingest.DeadLetter]{Events: []*ingest.DeadLetter{{Raw: fmt.Appendf(nil, "letter %d", i), Length: 10}}})
			if err == nil {
				taken++
			} else if full != deadletter.DropNew || errcat.Retryable(err) {
				t.Fatal(err)
			}
		}
		st := s.Stats()
		if st.Bytes > 16384 || st.Letters+st.Dropped+st.Refused != 1000 || st.Letters == 0 || st.Stored != uint64(taken) {
			t.Errorf("policy %d: %+v", full, st)
		}
		large := &ingest.DeadLetter{Raw: bytes.Repeat([]byte("x"), 5000)}
		err = s.Write(t.Context(), &batch.Batch[ingest.DeadLetter]{Events: []*ingest.DeadLetter{large}})
		if f := batch.Failures(err, 1); len(f) != 1 || errcat.Of(f[0].Err) != errcat.Oversize {
			t.Errorf("a letter that fits into no segment: %v", err)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	}
	if _, err := deadletter.New(deadletter.Options{Dir: "/dead", FS: memfs.New(), Full: 9}); err == nil {
		t.Error("a policy that does not exist was taken")
	}
}
