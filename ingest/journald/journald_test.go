package journald_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/checkpoint"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/journald"
	"github.com/penstock-dev/penstock/internal/peertest"
)

func mustNew(t testing.TB, o journald.Options) *journald.Source {
	t.Helper()
	s, err := journald.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func binaryField(name, value string) string {
	return name + "\n" + string(binary.LittleEndian.AppendUint64(nil, uint64(len(value)))) + value + "\n"
}

// export writes entries as journalctl -o export does.
func export(msgs []string) string {
	var b strings.Builder
	for i, m := range msgs {
		fmt.Fprintf(&b, "__CURSOR=c%d\n__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=0123456789abcdef0123456789abcdef\n", i, 1764410400000000+int64(i), 1000+i)
		if i%3 == 0 || strings.Contains(m, "\n") {
			b.WriteString(binaryField("MESSAGE", m))
		} else {
			b.WriteString("MESSAGE=" + m + "\n")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// message is the field MESSAGE.
func message(text string) string {
	var doc struct{ MESSAGE string }
	json.Unmarshal([]byte(text), &doc)
	return doc.MESSAGE
}

func TestConformance(t *testing.T) {
	ingesttest.Source(t, ingesttest.Config{Ends: true, Text: message, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
		var in bytes.Buffer
		return mustNew(t, journald.Options{Reader: &in}), func(_ context.Context, msgs []string) error {
			_, err := io.WriteString(&in, export(msgs))
			return err
		}
	}})
}

func TestEntries(t *testing.T) {
	in := "\n\nA=1\nB=a=b \"q\"\n\n\n" + "X=1\n" + binaryField("Y", "two\nlines\x00\xff") + "X=2\nZ=\nX=3\n\n" + "LAST=1\n\n"
	p := ingesttest.Start(t, mustNew(t, journald.Options{Reader: strings.NewReader(in)}))
	if err := p.Ended(); err != nil {
		t.Error(err)
	}
	want := []string{`{"A":"1","B":"a=b \"q\""}`, `{"X":["1","2","3"],"Y":"two\nlines\u0000` + "\ufffd" + `","Z":""}`, `{"LAST":"1"}`}
	got := p.Messages()
	if len(got) != len(want) {
		t.Fatalf("%d entries: %+v", len(got), got)
	}
	for i, m := range got {
		if m.Text != want[i] {
			t.Errorf("entry %d is %s, want %s", i, m.Text, want[i])
		}
	}
}

func TestBroken(t *testing.T) {
	for name, tc := range map[string]struct {
		in         string
		good, dead int
		failed     bool
	}{
		"cut":              {"A=1\n\nB=2\n", 1, 0, true},
		"cut in binary":    {"A=1\n\nB\n\x05\x00\x00\x00\x00\x00\x00\x00ab", 1, 0, true},
		"lying length":     {"A=1\n\nB\n\xff\xff\xff\xff\xff\xff\xff\xff", 1, 0, true},
		"length too small": {"A=1\n\nB\n\x01\x00\x00\x00\x00\x00\x00\x00ab\n\n", 1, 0, true},
		"no name":          {"A=1\n\n=2\n\n", 1, 0, true},
		"bad name":         {"A=1\n\n\x01\x02=2\n\n", 1, 0, true},
		"too large":        {"A=1\n\nB=" + strings.Repeat("x", 10_000) + "\n\nC=3\n\n", 2, 1, false},
		"too large binary": {"A=1\n\n" + binaryField("B", strings.Repeat("x", 10_000)) + "\nC=3\n\n", 2, 1, false},
		"too many fields":  {"A=1\n\n" + strings.Repeat("B=2\n", 2000) + "\nC=3\n\n", 2, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustNew(t, journald.Options{Reader: strings.NewReader(tc.in), MaxEntry: 9000})
			var err error
			p := ingesttest.Start(t, ingest.WithName("j", ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
				err = s.Run(ctx, out)
				return nil
			})))
			p.Ended()
			if n := len(p.Messages()); n != tc.good || int(p.Stats().DeadLettered) != tc.dead || (err != nil) != tc.failed {
				t.Errorf("%d entries, %d dead letters, %v", n, p.Stats().DeadLettered, err)
			}
		})
	}
}

// cursors records what was committed.
type cursors struct {
	mu   sync.Mutex
	list []string
}

func (c *cursors) add(cursor string) {
	c.mu.Lock()
	c.list = append(c.list, cursor)
	c.mu.Unlock()
}

func (c *cursors) last() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) == 0 {
		return ""
	}
	return c.list[len(c.list)-1]
}

// journal makes a real journal file with systemd's own program.
func journal(t *testing.T, msgs []string) string {
	t.Helper()
	bin := "/lib/systemd/systemd-journal-remote"
	if _, err := os.Stat(bin); err != nil {
		t.Skip("no systemd-journal-remote on this machine (Debian: systemd-journal-remote)")
	}
	file := filepath.Join(t.TempDir(), "test.journal")
	cmd := exec.Command(bin, "-o", file, "-")
	cmd.Stdin = strings.NewReader(export(msgs))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file
}

func events(n int) (msgs []string) {
	for i := range n {
		msgs = append(msgs, fmt.Sprintf("event %d größe\nsecond line", i))
	}
	return msgs
}

// check compares what arrived with events, from one on.
func check(t *testing.T, got []ingesttest.Message, from int) {
	t.Helper()
	for i, m := range got {
		if want := fmt.Sprintf("event %d größe\nsecond line", from+i); message(m.Text) != want {
			t.Fatalf("entry %d is %s, want %q", i, m.Text, want)
		}
	}
}

func TestJournalctl(t *testing.T) {
	bin := peertest.Binary(t, "journalctl", "Debian: systemd")
	file := journal(t, events(500))
	var c cursors
	o := journald.Options{Journalctl: []string{bin, "--file", file}, FromStart: true, Committed: c.add, Once: true}
	p := ingesttest.Start(t, mustNew(t, o))
	if err := p.Ended(); err != nil {
		t.Fatal(err)
	}
	got := p.Messages()
	if len(got) != 500 {
		t.Fatalf("%d entries", len(got))
	}
	check(t, got, 0)
	var entry struct {
		Cursor string `json:"__CURSOR"`
	}
	json.Unmarshal([]byte(got[499].Text), &entry)
	if c.last() != entry.Cursor || entry.Cursor == "" {
		t.Errorf("committed up to %q, the last entry is %q", c.last(), entry.Cursor)
	}
	// Behind a cursor.
	json.Unmarshal([]byte(got[299].Text), &entry)
	o.Cursor = entry.Cursor
	p = ingesttest.Start(t, mustNew(t, o))
	if err := p.Ended(); err != nil {
		t.Fatal(err)
	}
	if got := p.Messages(); len(got) != 200 {
		t.Fatalf("%d entries behind the cursor", len(got))
	} else {
		check(t, got, 300)
	}
	// What is not delivered is not committed.
	var none cursors
	o.Cursor, o.Committed = "", none.add
	p = ingesttest.Start(t, mustNew(t, o))
	p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
	p.Ended()
	if at := none.last(); at == entry.Cursor {
		t.Errorf("committed up to %q", at)
	}
	// Following, it waits, and ends with its context.
	o.Once = false
	p = ingesttest.Start(t, mustNew(t, o))
	p.Wait(500)
	p.Stop()
}

// The cursor is kept over restarts: the next run goes on behind what was delivered, and one after a failure with what was not.
func TestCheckpoint(t *testing.T) {
	bin := peertest.Binary(t, "journalctl", "Debian: systemd")
	path := filepath.Join(t.TempDir(), "state", "cursor")
	msgs := events(400)
	read := func(n int, fail error) []ingesttest.Message {
		t.Helper()
		o := journald.Options{Journalctl: []string{bin, "--file", journal(t, msgs[:n])}, FromStart: true, Checkpoint: path, Once: true}
		p := ingesttest.Start(t, mustNew(t, o))
		p.Fail(fail)
		p.Ended()
		return p.Messages()
	}
	if got := read(300, nil); len(got) != 300 {
		t.Fatalf("%d entries", len(got))
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	read(400, errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
	got := read(400, nil)
	if len(got) != 100 {
		t.Fatalf("%d entries behind the cursor", len(got))
	}
	check(t, got, 300)
	if got := read(400, nil); len(got) != 0 {
		t.Errorf("%d entries come again", len(got))
	}
	c, err := checkpoint.Open(path, checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Save([]byte("penstock journald 2\nx")); err != nil {
		t.Fatal(err)
	}
	c.Close()
	src := mustNew(t, journald.Options{Journalctl: []string{bin}, Checkpoint: path, Once: true})
	p := ingesttest.Start(t, ingest.WithName("j", ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		err = src.Run(ctx, out)
		return nil
	})))
	p.Ended()
	if err == nil || !strings.Contains(err.Error(), "not a checkpoint of this version") {
		t.Errorf("%v", err)
	}
}

func TestGateway(t *testing.T) {
	gateway := "/lib/systemd/systemd-journal-gatewayd"
	if _, err := os.Stat(gateway); err != nil {
		t.Skip("no systemd-journal-gatewayd on this machine (Debian: systemd-journal-remote)")
	}
	activate := peertest.Binary(t, "systemd-socket-activate", "Debian: systemd")
	file := journal(t, events(300))
	port := peertest.FreePort(t)
	peertest.Start(t, activate, "-l", fmt.Sprintf("127.0.0.1:%d", port), gateway, "--file="+file)
	peertest.WaitPort(t, port, 5*time.Second)
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	var c cursors
	p := ingesttest.Start(t, mustNew(t, journald.Options{URL: base, FromStart: true, Once: true, Committed: c.add}))
	if err := p.Ended(); err != nil {
		t.Fatal(err)
	}
	got := p.Messages()
	if len(got) != 300 {
		t.Fatalf("%d entries", len(got))
	}
	check(t, got, 0)
	var entry struct {
		Cursor string `json:"__CURSOR"`
	}
	json.Unmarshal([]byte(got[99].Text), &entry)
	p = ingesttest.Start(t, mustNew(t, journald.Options{URL: base, Cursor: entry.Cursor, MinDelay: time.Hour, MaxDelay: time.Hour}))
	p.Wait(200)
	check(t, p.Messages(), 100)
	p.Stop()
}

func TestOptions(t *testing.T) {
	for _, o := range []journald.Options{{URL: "x"}, {URL: "http://x", Reader: strings.NewReader("")}, {MaxEntry: -1}, {Cursor: "a\nb"}, {Checkpoint: "x", Reader: strings.NewReader("")}, {MinDelay: time.Hour, MaxDelay: 1}} {
		if _, err := journald.New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func Example() {
	src, err := journald.New(journald.Options{Name: "journal", FromStart: true, Committed: func(cursor string) { /* store it */ }})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(src.Name())
	// Output: journal
}
