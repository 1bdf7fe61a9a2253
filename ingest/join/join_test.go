package join_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/join"
	"github.com/penstock-dev/penstock/ingest/reader"
	"github.com/penstock-dev/penstock/parse"
)

type line struct {
	text   []byte
	offset int64
}

type encoder struct{}

func (encoder) Append(dst []byte, l *line) ([]byte, error) {
	return fmt.Appendf(dst, "%d %q", l.offset, l.text), nil
}

// run takes a source through a pipeline and returns its messages, one a line, with offset.
func run(t testing.TB, src ingest.Source, chunk int) (string, ingest.Stats) {
	t.Helper()
	var out bytes.Buffer
	p, err := ingest.New(ingest.Config[line]{
		Sources: []ingest.Source{src},
		Parser: parse.ParserFunc[line](func(m *parse.Message, out *parse.Events[line]) error {
			*out.Add() = line{m.Raw, m.Offset}
			return nil
		}),
		Encoder:           encoder{},
		Sink:              batch.NewWriter[line](&out),
		InlineDeadLetters: func(dst []byte, d *ingest.DeadLetter) []byte { return fmt.Appendf(dst, "%d %s", d.Offset, d.Category) },
		Ordered:           true, ChunkSize: chunk, MaxMessage: 4 << 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := p.Stats()
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	return out.String(), s
}

// readers are the same text in pieces of different sizes.
func readers(text string) map[string]io.Reader {
	return map[string]io.Reader{
		"at once":      strings.NewReader(text),
		"byte by byte": iotest.OneByteReader(strings.NewReader(text)),
		"halves":       iotest.HalfReader(strings.NewReader(text)),
	}
}

const trace = "one\nError\n  at a\n\tat b\ntwo\r\n  at c\r\n\n"

func TestLines(t *testing.T) {
	stamp := regexp.MustCompile(`^\d`)
	for _, tc := range []struct {
		name   string
		o      join.LineOptions
		in     string
		want   []string
		joined int64
	}{
		{"indented", join.LineOptions{Indented: true}, trace, []string{`0 "one"`, `4 "Error\n  at a\n\tat b"`, `23 "two\n  at c"`}, 3},
		{"indented first line", join.LineOptions{Indented: true}, "  a\n  b\nc\n", []string{`0 "  a\n  b"`, `8 "c"`}, 1},
		{"start", join.LineOptions{Start: stamp}, "x\n1 a\nb\n2 c\n", []string{`0 "x"`, `2 "1 a\nb"`, `8 "2 c"`}, 1},
		{"continue", join.LineOptions{Continue: regexp.MustCompile(`^\|`)}, "a\n|b\n|c\nd\n", []string{`0 "a\n|b\n|c"`, `8 "d"`}, 2},
		{"end", join.LineOptions{End: regexp.MustCompile(`;$`)}, "a\nb;\nc;\nd\n", []string{`0 "a\nb;"`, `5 "c;"`, `8 "d"`}, 1},
		{"start and end", join.LineOptions{Start: stamp, End: regexp.MustCompile(`;$`)}, "1\na;\nb\n2\nc\n", []string{`0 "1\na;"`, `5 "b"`, `7 "2\nc"`}, 2},
		{"parts", join.LineOptions{Indented: true, Limits: join.Limits{MaxParts: 2}}, "a\n b\n c\n d\n", []string{`0 "a\n b"`, `5 " c\n d"`}, 2},
		{"bytes", join.LineOptions{Indented: true, Limits: join.Limits{MaxBytes: 8}}, "a\n bc\n def\n", []string{`0 "a\n bc"`, `6 " def"`}, 1},
		{"too long", join.LineOptions{Indented: true}, "a\n b\n" + strings.Repeat("x", 5000) + "\n c\n", []string{`0 "a\n b"`, `5 OVERSIZE`, `5006 " c"`}, 1},
	} {
		for name, r := range readers(tc.in) {
			tc.o.MaxWait = time.Hour
			src, err := join.Lines(reader.New(r, reader.Options{}), tc.o)
			if err != nil {
				t.Fatal(err)
			}
			got, s := run(t, src, 1<<10)
			if want := strings.Join(tc.want, "\n") + "\n"; got != want {
				t.Errorf("%s, %s: got\n%swant\n%s", tc.name, name, got, want)
			}
			if s.Joined != tc.joined || src.Stats().Joined != tc.joined {
				t.Errorf("%s, %s: %d joined (%+v), want %d", tc.name, name, s.Joined, src.Stats(), tc.joined)
			}
		}
	}
}

// What is joined does not depend on where chunks end, and no byte is lost.
func TestChunkBorders(t *testing.T) {
	var in strings.Builder
	want := 0
	for i := range 2000 {
		fmt.Fprintf(&in, "event %d\n", i)
		for k := range i % 7 {
			fmt.Fprintf(&in, "  line %d of %s\n", k, strings.Repeat("x", i%50))
		}
		want++
	}
	first := ""
	for _, chunk := range []int{1 << 10, 3 << 10, 64 << 10} {
		src, err := join.Lines(reader.New(strings.NewReader(in.String()), reader.Options{}), join.LineOptions{Indented: true, Limits: join.Limits{MaxWait: time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		got, _ := run(t, src, chunk)
		if first == "" {
			first = got
		}
		if got != first || strings.Count(got, "\n") != want {
			t.Errorf("chunks of %d: %d messages, want %d", chunk, strings.Count(got, "\n"), want)
		}
	}
}

// Streams are joined each for itself.
func TestOrigins(t *testing.T) {
	a, b := &parse.Origin{Source: "a"}, &parse.Origin{Source: "b"}
	inner := ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		c, err := out.Chunk()
		if err != nil {
			return err
		}
		for i, x := range []struct {
			o    *parse.Origin
			text string
		}{{a, "a1"}, {b, "b1"}, {a, " a2"}, {b, " b2"}, {a, "a3"}, {b, " b3"}} {
			c.Add(parse.Message{Raw: []byte(x.text), Origin: x.o, Offset: int64(i)})
		}
		return out.Send(c)
	})
	src, err := join.Lines(inner, join.LineOptions{Indented: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := run(t, src, 1<<10); got != "0 \"a1\\n a2\"\n1 \"b1\\n b2\\n b3\"\n4 \"a3\"\n" {
		t.Error(got)
	}
}

const auditLog = `type=SYSCALL msg=audit(1772442905.001:7): syscall=59
node=n type=SYSCALL msg=audit(1772442905.001:7): syscall=1
type=EXECVE msg=audit(1772442905.001:7): argc=1 a0="ls"
type=USER_LOGIN msg=audit(1772442905.002:8): pid=1
no audit record
type=CWD msg=audit(1772442905.001:7): cwd="/"
type=SYSCALL msg=audit(1772442905.500:9): syscall=2
type=PROCTITLE msg=audit(1772442905.001:7): proctitle=6C73
type=SYSCALL msg=audit(1772442909.000:10): syscall=3
type=EOE msg=audit(1772442909.000:10):
`

func TestAudit(t *testing.T) {
	want := []string{
		`168 "type=USER_LOGIN msg=audit(1772442905.002:8): pid=1"`,
		`219 "no audit record"`,
		`0 "type=SYSCALL msg=audit(1772442905.001:7): syscall=59\ntype=EXECVE msg=audit(1772442905.001:7): argc=1 a0=\"ls\"\ntype=CWD msg=audit(1772442905.001:7): cwd=\"/\"\ntype=PROCTITLE msg=audit(1772442905.001:7): proctitle=6C73"`,
		`53 "node=n type=SYSCALL msg=audit(1772442905.001:7): syscall=1"`,
		`281 "type=SYSCALL msg=audit(1772442905.500:9): syscall=2"`,
		`392 "type=SYSCALL msg=audit(1772442909.000:10): syscall=3\ntype=EOE msg=audit(1772442909.000:10):"`,
	}
	for name, r := range readers(auditLog) {
		src, err := join.Audit(reader.New(r, reader.Options{}), join.AuditOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got, s := run(t, src, 1<<10)
		if got != strings.Join(want, "\n")+"\n" {
			t.Errorf("%s: got\n%swant\n%s", name, got, strings.Join(want, "\n"))
		}
		if s.Joined != 4 || s.Delivered != 6 || s.Received != 10 {
			t.Errorf("%s: %+v", name, s.Ledger)
		}
	}
}

// What waits too long is sent while the source goes on.
func TestWait(t *testing.T) {
	pr, pw := io.Pipe()
	src, err := join.Lines(reader.New(pr, reader.Options{}), join.LineOptions{Indented: true, Limits: join.Limits{MaxWait: 20 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	go io.WriteString(pw, "a\n b\n")
	got := make(chan string, 10)
	p, err := ingest.New(ingest.Config[line]{
		Sources: []ingest.Source{src},
		Parser: parse.ParserFunc[line](func(m *parse.Message, out *parse.Events[line]) error {
			got <- string(m.Raw)
			return nil
		}),
		Sink: batch.SinkFunc[line](func(context.Context, *batch.Batch[line]) error { return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- p.Run(context.Background()) }()
	select {
	case m := <-got:
		if m != "a\n b" {
			t.Errorf("%q", m)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	io.WriteString(pw, " c\n")
	pw.Close()
	if m := <-got; m != " c" {
		t.Errorf("%q", m)
	}
	if err := <-ended; err != nil || src.Stats().Expired != 1 {
		t.Error(err, src.Stats())
	}
}

// A chunk is acknowledged when all its parts have reached their end, also those in a message
// of a later chunk; what is lost is not acknowledged.
func TestAcknowledgement(t *testing.T) {
	for _, fails := range []bool{false, true} {
		var mu sync.Mutex
		var commits []int64
		var delivered []string
		pr, pw := io.Pipe()
		src, err := join.Lines(reader.New(pr, reader.Options{Committed: func(at int64) { mu.Lock(); commits = append(commits, at); mu.Unlock() }}),
			join.LineOptions{Indented: true, Limits: join.Limits{MaxWait: time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := ingest.New(ingest.Config[line]{
			Sources: []ingest.Source{src},
			Parser: parse.ParserFunc[line](func(m *parse.Message, out *parse.Events[line]) error {
				*out.Add() = line{m.Raw, m.Offset}
				return nil
			}),
			Outputs: []ingest.Output[line]{{Retry: batch.RetryOptions{Attempts: 1}, Sink: batch.SinkFunc[line](func(_ context.Context, b *batch.Batch[line]) error {
				mu.Lock()
				defer mu.Unlock()
				for _, e := range b.Events {
					delivered = append(delivered, string(e.text))
				}
				if fails && strings.HasPrefix(delivered[len(delivered)-1], "b") {
					return errors.New("refused")
				}
				return nil
			})}},
		})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error)
		go func() { ended <- p.Run(context.Background()) }()
		io.WriteString(pw, "a\nb\n") // "b" stays open: nothing may be committed
		for range 1000 {
			mu.Lock()
			n := len(delivered)
			mu.Unlock()
			if n > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		mu.Lock()
		if len(commits) != 0 || len(delivered) != 1 {
			t.Errorf("committed %v while a part is held; delivered %q", commits, delivered)
		}
		mu.Unlock()
		io.WriteString(pw, " c\nd\n")
		pw.Close()
		<-ended
		s := p.Stats()
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		want := int64(9)
		if len(commits) == 0 != fails || !fails && commits[len(commits)-1] != want {
			t.Errorf("fails %v: committed %v, want up to %d; delivered %q", fails, commits, want, delivered)
		}
	}
}

// The bounds hold over many streams, and what they cut is counted.
func TestBounds(t *testing.T) {
	inner := ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		for i := range 50 {
			c, err := out.Chunk()
			if err != nil {
				return err
			}
			c.Add(parse.Message{Raw: bytes.Repeat([]byte("x"), 100), Origin: &parse.Origin{Source: fmt.Sprint(i)}})
			if err := out.Send(c); err != nil {
				return err
			}
		}
		return nil
	})
	for name, l := range map[string]join.Limits{"open": {MaxOpen: 10}, "held": {MaxHeld: 1000}} {
		src, err := join.Lines(inner, join.LineOptions{Indented: true, Limits: l})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := run(t, src, 1<<10); strings.Count(got, "\n") != 50 || src.Stats().Cut != 40 {
			t.Errorf("%s: %d messages, %+v", name, strings.Count(got, "\n"), src.Stats())
		}
	}
}

func TestOptions(t *testing.T) {
	r := reader.New(strings.NewReader(""), reader.Options{Name: "r"})
	for name, o := range map[string]join.LineOptions{
		"none": {}, "gap": {Gap: -1}, "bytes": {Indented: true, Limits: join.Limits{MaxBytes: -1}}, "wait": {Indented: true, Limits: join.Limits{MaxWait: 1}},
	} {
		if _, err := join.Lines(r, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := join.Lines(nil, join.LineOptions{Indented: true}); err == nil {
		t.Error("a nil source is accepted")
	}
	if _, err := join.Audit(nil, join.AuditOptions{}); err == nil {
		t.Error("a nil source is accepted")
	}
	if _, err := join.Audit(r, join.AuditOptions{Limits: join.Limits{MaxHeld: -1}}); err == nil {
		t.Error("a negative limit is accepted")
	}
	if s, _ := join.Audit(r, join.AuditOptions{}); s.Name() != "r" {
		t.Errorf("the name is %s", s.Name())
	}
}

// Lines that do not go on are any source's messages.
func TestConformance(t *testing.T) {
	ingesttest.Source(t, ingesttest.Config{New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
		r, w := io.Pipe()
		t.Cleanup(func() { w.Close() })
		inner := ingest.WithName("pipe", ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
			defer context.AfterFunc(ctx, func() { r.Close() })()
			err := ingest.FromReader("pipe", r).Run(ctx, out)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}))
		src, err := join.Lines(inner, join.LineOptions{Indented: true, Limits: join.Limits{MaxWait: 5 * time.Millisecond}})
		if err != nil {
			t.Fatal(err)
		}
		return src, func(_ context.Context, msgs []string) error {
			_, err := io.WriteString(w, strings.Join(msgs, "\n")+"\n")
			return err
		}
	}})
}

func FuzzLines(f *testing.F) {
	f.Add(trace, 3)
	f.Add(auditLog, 100)
	f.Fuzz(func(t *testing.T, in string, at int) {
		at = max(0, min(at, len(in)))
		for _, audit := range []bool{false, true} {
			var got [2]string
			for i, r := range []io.Reader{strings.NewReader(in), io.MultiReader(strings.NewReader(in[:at]), strings.NewReader(in[at:]))} {
				inner := reader.New(r, reader.Options{})
				src, err := join.Lines(inner, join.LineOptions{Indented: true})
				if audit {
					src, err = join.Audit(inner, join.AuditOptions{})
				}
				if err != nil {
					t.Fatal(err)
				}
				got[i], _ = run(t, src, 1<<10)
			}
			if got[0] != got[1] {
				t.Fatalf("in one piece\n%sin two\n%s", got[0], got[1])
			}
		}
	})
}

func Example() {
	log := strings.NewReader("ERROR failed\n  at main.go:7\n  at main.go:3\nINFO done\n")
	src, err := join.Lines(reader.New(log, reader.Options{}), join.LineOptions{Indented: true})
	if err != nil {
		panic(err)
	}
	p, err := ingest.New(ingest.Config[line]{
		Sources: []ingest.Source{src},
		Parser: parse.ParserFunc[line](func(m *parse.Message, out *parse.Events[line]) error {
			fmt.Printf("%q\n", m.Raw)
			return nil
		}),
		Sink: batch.SinkFunc[line](func(context.Context, *batch.Batch[line]) error { return nil }), Workers: 1,
	})
	if err != nil {
		panic(err)
	}
	if err := p.Run(context.Background()); err != nil {
		panic(err)
	}
	// Output:
	// "ERROR failed\n  at main.go:7\n  at main.go:3"
	// "INFO done"
}

func TestContainers(t *testing.T) {
	const at = "2026-03-02T09:15:04.123456789Z "
	for _, tc := range []struct {
		name   string
		o      join.ContainerOptions
		in     string
		want   []string
		joined int64
	}{
		{"CRI", join.ContainerOptions{}, at + "stdout P one \n" + at + "stdout P two \n" + at + "stdout F three\n" + at + "stdout F four\n",
			[]string{`0 "` + at + `stdout F one two three"`, `136 "` + at + `stdout F four"`}, 2},
		{"streams", join.ContainerOptions{}, at + "stdout P a\n" + at + "stderr F x\n" + at + "stdout F b\n",
			[]string{`42 "` + at + `stderr F x"`, `0 "` + at + `stdout F ab"`}, 1},
		{"empty last part", join.ContainerOptions{}, at + "stdout P a\n" + at + "stdout F\n", []string{`0 "` + at + `stdout F a"`}, 1},
		{"more tags", join.ContainerOptions{}, at + "stdout P:x a\n" + at + "stdout F:x b\n", []string{`0 "` + at + `stdout F:x ab"`}, 1},
		{"no end", join.ContainerOptions{}, at + "stdout P a\n" + at + "stdout P b\n", []string{`0 "` + at + `stdout P ab"`}, 1},
		{"others", join.ContainerOptions{}, "plain\n" + at + "stdout P a\nplain\n" + at + "stdout F b\n", []string{`0 "plain"`, `48 "plain"`, `6 "` + at + `stdout F ab"`}, 1},
		{"bytes", join.ContainerOptions{Limits: join.Limits{MaxBytes: 64}}, at + "stdout P 0123456789\n" + at + "stdout F x\n", []string{`0 "` + at + `stdout P 0123456789"`, `51 "` + at + `stdout F x"`}, 0},
		{"Docker", join.ContainerOptions{}, `{"log":"say \"a","stream":"stdout","time":"2026-03-02T09:15:04Z"}` + "\n" + `{"log":"b\"\n","stream":"stdout","time":"2026-03-02T09:15:05Z"}` + "\n" + `{"log":"c\n","stream":"stdout","attrs":{"x":"y"},"time":"2026-03-02T09:15:06Z"}` + "\n",
			[]string{`0 "{\"log\":\"say \\\"ab\\\"\\n\",\"stream\":\"stdout\",\"time\":\"2026-03-02T09:15:04Z\"}"`, `130 "{\"log\":\"c\\n\",\"stream\":\"stdout\",\"attrs\":{\"x\":\"y\"},\"time\":\"2026-03-02T09:15:06Z\"}"`}, 1},
		{"a shipper's object", join.ContainerOptions{}, `{"log":"a","stream":"stdout","kubernetes":{}}` + "\n" + `{"log":"b","stream":"stdout","kubernetes":{}}` + "\n",
			[]string{`0 "{\"log\":\"a\",\"stream\":\"stdout\",\"kubernetes\":{}}"`, `46 "{\"log\":\"b\",\"stream\":\"stdout\",\"kubernetes\":{}}"`}, 0},
		{"both formats", join.ContainerOptions{}, at + "stdout P a\n" + `{"log":"b\n","stream":"stdout","time":"x"}` + "\n", []string{`0 "` + at + `stdout P a\n{\"log\":\"b\\n\",\"stream\":\"stdout\",\"time\":\"x\"}"`}, 1},
	} {
		for name, r := range readers(tc.in) {
			tc.o.MaxWait = time.Hour
			src, err := join.Containers(reader.New(r, reader.Options{}), tc.o)
			if err != nil {
				t.Fatal(err)
			}
			got, s := run(t, src, 1<<10)
			if want := strings.Join(tc.want, "\n") + "\n"; got != want {
				t.Errorf("%s, %s: got\n%swant\n%s", tc.name, name, got, want)
			}
			if s.Joined != tc.joined {
				t.Errorf("%s, %s: %d joined, want %d", tc.name, name, s.Joined, tc.joined)
			}
		}
	}
}

func FuzzContainers(f *testing.F) {
	const at = "2026-03-02T09:15:04.123456789Z "
	for _, seed := range []string{at + "stdout P a\n" + at + "stdout F b\n", at + "stderr P", at + "stdout P:x a\n" + `{"log":"a","stream":"stdout","time":"x"}` + "\n" + `{"log":"\`, `{"log":"a\","stream":"stderr","attrs":{`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		src, err := join.Containers(reader.New(strings.NewReader(in), reader.Options{}), join.ContainerOptions{Limits: join.Limits{MaxBytes: 200, MaxParts: 5, MaxHeld: 400}})
		if err != nil {
			t.Fatal(err)
		}
		run(t, src, 1<<10) // checks the ledger
	})
}
