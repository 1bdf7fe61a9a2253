package evtx_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/evtx"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
)

func mustNew(t testing.TB, o evtx.Options) *evtx.Source {
	t.Helper()
	if o.Poll == 0 {
		o.Poll = 5 * time.Millisecond
	}
	if o.Settle == 0 {
		o.Settle = 50 * time.Millisecond
	}
	s, err := evtx.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// textOf is the data of a record.
func textOf(message string) string {
	var event struct{ Data string }
	if err := xml.Unmarshal([]byte(message), &event); err != nil {
		return err.Error() + ": " + message
	}
	return event.Data
}

func texts(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s %d %s", prefix, i, strings.Repeat("x", i%90))
	}
	return out
}

// expect waits for these texts, in their order.
func expect(t *testing.T, p *ingesttest.Pipeline, want ...string) {
	t.Helper()
	got := p.Wait(len(want))
	for i, w := range want {
		if i >= len(got) || textOf(got[i].Text) != w {
			text := "nothing"
			if i < len(got) {
				text = textOf(got[i].Text)
			}
			t.Fatalf("record %d of %d is %q, want %q", i, len(want), text, w)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
}

func TestConformance(t *testing.T) {
	for _, inUse := range []bool{false, true} {
		t.Run(fmt.Sprint("in use ", inUse), func(t *testing.T) {
			ingesttest.Source(t, ingesttest.Config{Text: textOf, MaxMessage: 1500, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
				dir := t.TempDir()
				l := newLog(t, filepath.Join(dir, "Security.EVTX"))
				l.inUse = inUse
				return evtxSource{mustNew(t, evtx.Options{Dir: dir, Checkpoint: filepath.Join(t.TempDir(), "state")})}, func(_ context.Context, msgs []string) error {
					l.add(msgs...)
					return nil
				}
			}})
		})
	}
}

// evtxSource hides the name, since the origin of messages is their file.
type evtxSource struct{ ingest.Source }

// TestGrows: records that come one by one, over many chunks, in a file that is preallocated
// and read in between.
func TestGrows(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.evtx"))
	if err := l.f.Truncate(4096 + 20*65536); err != nil {
		t.Fatal(err)
	}
	p := ingesttest.Start(t, mustNew(t, evtx.Options{Dir: dir}))
	want := texts("event", 1200)
	for i, text := range want {
		l.add(text)
		if i%100 == 0 {
			p.Wait(i + 1)
		}
	}
	expect(t, p, want...)
	if l.index < 3 {
		t.Errorf("%d chunks: the test does not test what it should", l.index+1)
	}
}

// TestRestart: a file is renamed, another one is copied, one comes, while nobody reads.
func TestRestart(t *testing.T) {
	dir, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	path := func(name string) string { return filepath.Join(dir, name) }
	a, b := newLog(t, path("a.evtx")), newLog(t, path("b.evtx"))
	wantA, wantB := texts("a", 400), texts("b", 10)
	a.add(wantA...)
	p := ingesttest.Start(t, mustNew(t, evtx.Options{Dir: dir, Checkpoint: state}))
	p.Wait(400)
	b.add(wantB...)
	expect(t, p, append(wantA, wantB...)...)
	p.Stop()

	if err := os.Rename(a.path, path("Archive-a.evtx")); err != nil {
		t.Fatal(err)
	}
	a.add("a more")
	text, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(b.path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path("copy.evtx"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	p = ingesttest.Start(t, mustNew(t, evtx.Options{Dir: dir, Checkpoint: state}))
	p.Wait(1)
	c := newLog(t, path("c.evtx"))
	c.add("c new")
	expect(t, p, "a more", "c new")
	if got := p.Wait(2); got[0].Origin.Source != path("Archive-a.evtx") || got[0].Offset != 401 {
		t.Errorf("%+v", got[0])
	}
}

// TestFull: a log that is full goes on in its oldest chunk.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.evtx"))
	l.most = 3
	p := ingesttest.Start(t, mustNew(t, evtx.Options{Dir: dir}))
	want := texts("event", 2000)
	for at := 0; at < len(want); at += 50 {
		l.add(want[at : at+50]...)
		p.Wait(at + 50)
	}
	expect(t, p, want...)
}

// TestCleared: a log that was cleared begins anew with the numbers that it had.
func TestCleared(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(t.TempDir(), "state")
	l := newLog(t, filepath.Join(dir, "a.evtx"))
	l.add(texts("old", 300)...)
	s := mustNew(t, evtx.Options{Dir: dir, Checkpoint: state})
	p := ingesttest.Start(t, s)
	p.Wait(300)
	if err := l.f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	l.next, l.index = 1, -1
	l.begin()
	want := texts("new", 400)
	l.add(want...)
	got := p.Wait(700)
	for i, w := range want {
		if textOf(got[300+i].Text) != w {
			t.Fatalf("record %d is %q", i, got[300+i].Text)
		}
	}
	if st := s.Stats(); st.Restarted != 1 || st.Records != 700 {
		t.Errorf("%+v", st)
	}
}

// TestBroken: what cannot be read is one dead letter, also over a restart, and the rest is
// read; what is no event log too.
func TestBroken(t *testing.T) {
	dir, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	l := newLog(t, filepath.Join(dir, "a.evtx"))
	want := texts("event", 900)
	l.add(want...)
	l.write([]byte("damage"), 4096+65536+1000)
	for name, text := range map[string]string{"text.evtx": strings.Repeat("no event log ", 500), "empty.evtx": "", "other.txt": "not looked at"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link.evtx")); err != nil {
		t.Fatal(err)
	}
	s := mustNew(t, evtx.Options{Dir: dir, Checkpoint: state})
	p := ingesttest.Start(t, s)
	dead := p.WaitDead(2)
	cats := map[errcat.Category]bool{dead[0].Category: true, dead[1].Category: true}
	if !cats[errcat.SchemaViolation] || !cats[errcat.UnknownFormat] {
		t.Errorf("%v", cats)
	}
	time.Sleep(100 * time.Millisecond)
	p.Stop()
	if st := s.Stats(); st.Broken != 2 || st.Records >= 900 || st.Records < 500 {
		t.Errorf("%+v", st)
	}
	s = mustNew(t, evtx.Options{Dir: dir, Checkpoint: state})
	p = ingesttest.Start(t, s)
	l.add("another one")
	expect(t, p, "another one")
	p.Stop()
	if st := s.Stats(); st.Records != 1 {
		t.Errorf("after a restart: %+v", st)
	}
}

// TestTorn: a chunk that is being written is read when it is whole.
func TestTorn(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.evtx"))
	l.add("first")
	s := mustNew(t, evtx.Options{Dir: dir, Settle: time.Hour})
	p := ingesttest.Start(t, s)
	p.Wait(1)
	l.write([]byte{1, 2, 3}, 4096+52) // the checksum is not that of the records
	time.Sleep(50 * time.Millisecond)
	l.add("second")
	expect(t, p, "first", "second")
	if st := s.Stats(); st.Broken != 0 {
		t.Errorf("%+v", st)
	}
}

// TestSinkFails: records that a sink has not taken are read again, the others are not.
func TestSinkFails(t *testing.T) {
	dir := t.TempDir()
	l := newLog(t, filepath.Join(dir, "a.evtx"))
	want := texts("event", 300)
	l.add(want...)
	s := mustNew(t, evtx.Options{Dir: dir, Checkpoint: filepath.Join(t.TempDir(), "state")})
	p := ingesttest.Start(t, s)
	p.Wait(300)
	p.Fail(errors.New("no room"))
	l.add("late")
	for deadline := time.Now().Add(ingesttest.Patience); s.Stats().Rewound == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	p.Fail(nil)
	expect(t, p, append(want, "late")...)
}

func TestOnce(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	newLog(t, filepath.Join(dir, "a.evtx")).add("one")
	newLog(t, filepath.Join(dir, "sub", "b.evtx")).add("two")
	for _, recursive := range []bool{false, true} {
		p := ingesttest.Start(t, mustNew(t, evtx.Options{Dir: dir, Recursive: recursive, Once: true}))
		n := 1
		if recursive {
			n = 2
		}
		if got := p.Wait(n); len(got) != n {
			t.Errorf("recursive %v: %d records", recursive, len(got))
		}
		p.Stop()
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []evtx.Options{{}, {Dir: "x", Poll: -1}, {Dir: "x", MaxFiles: -1}, {Dir: "x", MaxText: -1}, {Dir: "x", Settle: -1}} {
		if _, err := evtx.New(o); err == nil || !strings.Contains(err.Error(), "ingest/evtx") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// FuzzFile: no bytes make the source panic, hang, or send something twice.
func FuzzFile(f *testing.F) {
	l := newLog(f, filepath.Join(f.TempDir(), "seed.evtx"))
	l.add(texts("seed", 20)...)
	seed, err := os.ReadFile(l.path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed, uint32(4096+24), byte(7))
	f.Add(seed, uint32(4096+512), byte(0))
	f.Add(seed, uint32(120), byte(1))
	f.Add(seed[:30000], uint32(30000), byte(1))
	f.Add([]byte("ElfFile\x00"), uint32(0), byte('x'))
	f.Fuzz(func(t *testing.T, text []byte, at uint32, to byte) {
		if len(text) > 1<<20 {
			return
		}
		if int(at) < len(text) {
			text[at] = to
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.evtx"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		offsets := map[int64]bool{}
		s := mustNew(t, evtx.Options{Dir: dir, Once: true})
		p := ingesttest.Start(t, s)
		if err := p.Ended(); err != nil {
			t.Error(err)
		}
		for _, m := range p.Messages() {
			if offsets[m.Offset] {
				t.Errorf("record %d twice", m.Offset)
			}
			offsets[m.Offset] = true
		}
		p.Stop()
	})
}
