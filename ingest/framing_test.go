package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// frames runs a stream through a pipeline and returns one line for each message: its
// offset and text, or the category, length and text of its dead letter.
func frames(t testing.TB, framing ingest.Framing, r io.Reader, set func(*ingest.Config[event])) ([]string, ingest.Stats) {
	t.Helper()
	var got []string
	cfg := config(batch.LinesFunc[event](func(_ context.Context, lines []byte, n int) error {
		for l := range bytes.SplitSeq(bytes.TrimSuffix(lines, []byte("\x01\n")), []byte("\x01\n")) {
			got = append(got, string(l))
		}
		return nil
	}), ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		_, err := ingest.Stream{Framing: framing}.Copy(ctx, r, out)
		return err
	}))
	cfg.Encoder = markEnd{}
	cfg.Stamp = func(m *parse.Message, _ int, e *event) { e.text = fmt.Appendf(nil, "%d %s", m.Offset, m.Raw) }
	cfg.InlineDeadLetters = func(dst []byte, d *ingest.DeadLetter) []byte {
		return fmt.Appendf(dst, "%d %s %d %s\x01", d.Offset, d.Category, d.Length, d.Raw)
	}
	if set != nil {
		set(&cfg)
	}
	p := mustNew(t, cfg)
	mustRun(t, p)
	return got, p.Stats()
}

type markEnd struct{}

func (markEnd) Append(dst []byte, e *event) ([]byte, error) {
	return append(append(dst, e.text...), 1), nil
}

func TestFraming(t *testing.T) {
	for _, tc := range []struct {
		name    string
		framing ingest.Framing
		in      string
		want    []string
		skipped int64
	}{
		{"lines", ingest.Lines, "a\nbc\r\nd", []string{"0 a", "2 bc", "6 d"}, 0},
		{"lines, last with LF", ingest.Lines, "a\n", []string{"0 a"}, 0},
		{"lines, blank", ingest.Lines, "\n\r\na\n\n\n b\n", []string{"3 a", "7  b"}, 4},
		{"lines, empty", ingest.Lines, "", nil, 0},
		{"lines, only LF", ingest.Lines, "\n", nil, 1},
		{"lines, CR inside", ingest.Lines, "a\rb\r\r\n\r", []string{"0 a\rb\r"}, 1},
		{"lines, NUL and bad UTF-8", ingest.Lines, "a\x00\xff\nb\n", []string{"0 a\x00\xff", "4 b"}, 0},
		{"blanks kept", ingest.LinesAndBlanks, "a\n\nb\n", []string{"0 a", "2 SCHEMA_VIOLATION 0 ", "3 b"}, 0},
		{"nul", ingest.NUL, "a\nb\x00\x00c", []string{"0 a\nb", "4 SCHEMA_VIOLATION 0 ", "5 c"}, 0},
		{"nul, empty", ingest.NUL, "", nil, 0},
		{"whole", ingest.Whole, "a\nb\n", []string{"0 a\nb\n"}, 0},
		{"whole, empty", ingest.Whole, "", []string{"0 SCHEMA_VIOLATION 0 "}, 0},
		{"octet", ingest.OctetCounting, "1 a5 <1> b2 \nc", []string{"0 a", "3 <1> b", "10 \nc"}, 0},
		{"octet, line ends between", ingest.OctetCounting, "1 a\n\r\n2 bb\n", []string{"0 a", "6 bb"}, 0},
		{"octet, empty", ingest.OctetCounting, "", nil, 0},
		{"octet, cut in the message", ingest.OctetCounting, "1 a9 bc", []string{"0 a", "3 TRUNCATED 2 bc"}, 0},
		{"octet, cut in the length", ingest.OctetCounting, "1 a9", []string{"0 a", "3 TRUNCATED 1 9"}, 0},
		{"octet, zero", ingest.OctetCounting, "0 \n1 a", []string{"0 SCHEMA_VIOLATION 2 0 ", "3 a"}, 0},
		{"octet, no length", ingest.OctetCounting, "<1> a\n2 bb", []string{"0 SCHEMA_VIOLATION 5 <1> a", "6 bb"}, 0},
		{"octet, huge length", ingest.OctetCounting, "99999999999999999999999999 a\n1 b",
			[]string{"0 SCHEMA_VIOLATION 28 99999999999999999999999999 a", "29 b"}, 0},
		{"octet, one too small", ingest.OctetCounting, "2 abc\n3 def", []string{"0 ab", "4 SCHEMA_VIOLATION 1 c", "6 def"}, 0},
		{"octet, letter in the length", ingest.OctetCounting, "1x a", []string{"0 SCHEMA_VIOLATION 4 1x a"}, 0},
		{"json", ingest.JSONValues, "{\"a\":{}}[1,[2]]\n {\"b\":\"}\\\"{\"}\t", []string{`0 {"a":{}}`, "8 [1,[2]]", `17 {"b":"}\"{"}`}, 0},
		{"json, scalars", ingest.JSONValues, `1 -2.5e+3"a b"true null`, []string{"0 1", "2 -2.5e+3", `9 "a b"`, "14 true", "19 null"}, 0},
		{"json, over lines", ingest.JSONValues, "{\n\"a\": 1\n}\n\x1e{}", []string{"0 {\n\"a\": 1\n}", "12 {}"}, 0},
		{"json, empty", ingest.JSONValues, " \n", nil, 0},
		{"json, cut", ingest.JSONValues, `{} {"a":"}`, []string{"0 {}", `3 TRUNCATED 7 {"a":"}`}, 0},
		{"json, no value", ingest.JSONValues, "{}}\n{}", []string{"0 {}", "2 SCHEMA_VIOLATION 1 }", "4 {}"}, 0},
		{"json, text", ingest.JSONValues, "<1> a\n{}", []string{"0 SCHEMA_VIOLATION 5 <1> a", "6 {}"}, 0},
		{"evtx, text", ingest.EVTX, "abc\n", []string{"0 UNKNOWN_FORMAT 4 abc\n"}, 0},
		{"evtx, cut in the header", ingest.EVTX, "ElfFile\x00ab", []string{"0 TRUNCATED 10 ElfFile\x00ab"}, 0},
		{"evtx, empty", ingest.EVTX, "", []string{"0 TRUNCATED 0 "}, 0},
		{"json, backslash at the end", ingest.JSONValues, `{"a":"\\"}{"b":"\`, []string{`0 {"a":"\\"}`, `10 TRUNCATED 7 {"b":"\`}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"at once":       strings.NewReader(tc.in),
				"byte by byte":  iotest.OneByteReader(strings.NewReader(tc.in)),
				"end with data": iotest.DataErrReader(strings.NewReader(tc.in)),
			} {
				got, s := frames(t, tc.framing, r, nil)
				if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tc.want) {
					t.Errorf("%s: messages\n%q, want\n%q", name, got, tc.want)
				}
				if s.Skipped != tc.skipped {
					t.Errorf("%s: %d skipped, want %d", name, s.Skipped, tc.skipped)
				}
			}
		})
	}
}

func TestOversize(t *testing.T) {
	small := func(c *ingest.Config[event]) {
		c.ChunkSize, c.MaxMessage, c.KeepOversize = 1<<10, 3000, 10
	}
	long := strings.Repeat("0123456789", 1000) // 10,000 bytes
	fits := long[:3000]
	for _, tc := range []struct {
		name    string
		framing ingest.Framing
		in      string
		want    []string
	}{
		{"lines", ingest.Lines, "a\n" + long + "\n" + fits + "\nb\n" + long,
			[]string{"0 a", "2 OVERSIZE 10001 0123456789", "10003 " + fits, "13004 b", "13006 OVERSIZE 10000 0123456789"}},
		{"one byte too long", ingest.Lines, fits + "x\na\n", []string{"0 OVERSIZE 3002 0123456789", "3002 a"}},
		{"nul", ingest.NUL, long + "\x00a", []string{"0 OVERSIZE 10001 0123456789", "10001 a"}},
		{"whole", ingest.Whole, long, []string{"0 OVERSIZE 10000 0123456789"}},
		{"octet", ingest.OctetCounting, "10000 " + long + "1 a", []string{"0 OVERSIZE 10006 0123", "10006 a"}},
		{"json", ingest.JSONValues, `{"a":"` + long + `"}{}`, []string{`0 OVERSIZE 10008 {"a":"0123`, "10008 {}"}},
		{"json, nested", ingest.JSONValues, strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "{}", []string{"0 OVERSIZE 10000 [[[[[[[[[[", "10000 {}"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"at once":      strings.NewReader(tc.in),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tc.in)),
			} {
				got, _ := frames(t, tc.framing, r, small)
				if fmt.Sprintf("%.80q", got) != fmt.Sprintf("%.80q", tc.want) {
					t.Errorf("%s: messages\n%.80q, want\n%.80q", name, got, tc.want)
				}
			}
		})
	}
}

// A message that a source of the host's own makes too long is caught by the worker.
func TestOversizeOfOwnSource(t *testing.T) {
	cfg := config(discard(), ingest.SourceFunc(func(_ context.Context, out *ingest.Emit) error {
		c, err := out.Chunk()
		if err != nil {
			return err
		}
		c.Add(parse.Message{Raw: make([]byte, 101)})
		c.Add(parse.Message{Raw: make([]byte, 100)})
		return out.Send(c)
	}))
	var dead []ingest.DeadLetter
	cfg.MaxMessage, cfg.KeepOversize = 100, 7
	cfg.DeadLetters = batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
		dead = append(dead, *d)
		return nil
	})
	p := mustNew(t, cfg)
	mustRun(t, p)
	if len(dead) != 1 || dead[0].Category != errcat.Oversize || len(dead[0].Raw) != 7 || dead[0].Length != 101 {
		t.Errorf("dead letters %+v", dead)
	}
}

// A line of 1 GB, and a length field that claims one, cost no memory.
func TestHostileLengthsCostNoMemory(t *testing.T) {
	const size = 1 << 30
	for name, r := range map[string]io.Reader{
		"line":  io.LimitReader(zeros{}, size),
		"octet": io.MultiReader(strings.NewReader("1073741824 "), io.LimitReader(zeros{}, 1<<20)),
		"json":  io.MultiReader(strings.NewReader("{\""), io.LimitReader(zeros{}, 1<<26)),
	} {
		framing, err := ingest.ParseFraming(map[string]string{"line": "lines"}[name] + strings.TrimPrefix(name, "line"))
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, _ := frames(t, framing, r, nil)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("%s: %d bytes were allocated", name, n)
		}
		if len(got) != 1 || !strings.Contains(got[0], "OVERSIZE") && !strings.Contains(got[0], "TRUNCATED") {
			t.Errorf("%s: %.60q", name, got)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// Cut anywhere, by reads of any size and chunks of any size, a stream gives the same
// messages.
func TestFramingIsIndependentOfReads(t *testing.T) {
	for name, framing := range map[string]ingest.Framing{
		"lines": ingest.Lines, "nul": ingest.NUL, "octet": ingest.OctetCounting, "json": ingest.JSONValues, "whole": ingest.Whole,
	} {
		r := rand.New(rand.NewPCG(1, 2))
		var in []byte
		for len(in) < 20_000 {
			in = append(in, hostile[r.IntN(len(hostile))]...)
		}
		set := func(c *ingest.Config[event]) { c.MaxMessage, c.KeepOversize = 500, 100 }
		want, _ := frames(t, framing, bytes.NewReader(in), set)
		for _, messages := range []int{1, 3, 4096} {
			got, _ := frames(t, framing, &randomReader{in, r}, func(c *ingest.Config[event]) {
				set(c)
				c.ChunkSize, c.ChunkMessages = 1<<10, messages
			})
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %d messages, want %d", name, len(got), len(want))
			}
		}
	}
}

var hostile = []string{
	"a", "\n", "\r\n", "\x00", "12 ", "0 ", "3 abc", `{"a":"b"}`, `[1,{"x":[]}]`, `"`, `\`, "{", "}", "[", "]", " ", "\xff", "-1", "true",
	"999999999999 ", strings.Repeat("x", 300), "{\"long\":\"" + strings.Repeat("y", 600) + "\"}\n", "\n\n",
}

type randomReader struct {
	data []byte
	r    *rand.Rand
}

func (r *randomReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.r.IntN(40))], r.data)
	r.data = r.data[n:]
	return n, nil
}

// FuzzFraming: any bytes, read at once and byte by byte, give the same messages, and
// those and what lies between account for all bytes.
func FuzzFraming(f *testing.F) {
	for i, in := range hostile {
		f.Add([]byte(in+in), byte(i))
	}
	all := []ingest.Framing{ingest.Lines, ingest.LinesAndBlanks, ingest.NUL, ingest.Whole, ingest.OctetCounting, ingest.JSONValues}
	f.Fuzz(func(t *testing.T, in []byte, which byte) {
		framing := all[int(which)%len(all)]
		set := func(c *ingest.Config[event]) { c.MaxMessage, c.KeepOversize, c.ChunkSize, c.Workers = 64, 16, 1<<10, 1 }
		once, _ := frames(t, framing, bytes.NewReader(in), set)
		drip, _ := frames(t, framing, iotest.OneByteReader(bytes.NewReader(in)), set)
		if fmt.Sprintf("%q", once) != fmt.Sprintf("%q", drip) {
			t.Errorf("at once\n%q, byte by byte\n%q", once, drip)
		}
	})
}

// A reader that fails in the middle: what came before is delivered, the half message
// is a dead letter, Run has the error.
func TestReadError(t *testing.T) {
	var out bytes.Buffer
	cfg := config(batch.NewWriter[event](&out), ingest.FromReader("r", io.MultiReader(strings.NewReader("a\nb\nha"), iotest.ErrReader(errOops))))
	cfg.InlineDeadLetters = func(dst []byte, d *ingest.DeadLetter) []byte { return fmt.Appendf(dst, "%s %s", d.Category, d.Raw) }
	p := mustNew(t, cfg)
	if err := p.Run(context.Background()); !errors.Is(err, errOops) {
		t.Errorf("Run says %v", err)
	}
	if want := "a\nb\nTRUNCATED ha\n"; out.String() != want {
		t.Errorf("output %q, want %q", out.String(), want)
	}
	atRest(t, p)
}

// A reader that never brings anything is given up.
func TestNoProgress(t *testing.T) {
	p := mustNew(t, config(discard(), ingest.FromReader("r", stuck{})))
	if err := p.Run(context.Background()); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("Run says %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestParseFraming(t *testing.T) {
	for _, name := range []string{"", "auto", "LINES"} {
		if _, err := ingest.ParseFraming(name); err == nil {
			t.Errorf("%q: no error", name)
		}
	}
}

// BenchmarkFraming reads a stream without doing anything with it:
//
//	go test ./ingest -run '^$' -bench Framing
func BenchmarkFraming(b *testing.B) {
	line := []byte(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::123456789012:user/x"},"eventTime":"2026-01-02T03:04:05Z"}` + "\n")
	in := bytes.Repeat(line, 4<<20/len(line))
	counted := bytes.Repeat(append(fmt.Appendf(nil, "%d ", len(line)), line...), 4<<20/len(line))
	for name, c := range map[string]struct {
		framing ingest.Framing
		in      []byte
	}{"lines": {ingest.Lines, in}, "json": {ingest.JSONValues, in}, "octet": {ingest.OctetCounting, counted}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(c.in)))
			b.ReportAllocs()
			cfg := ingest.Config[event]{
				Sources: []ingest.Source{ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
					_, err := ingest.Stream{Framing: c.framing}.Copy(ctx, &repeat{c.in, len(c.in), b.Loop}, out)
					return err
				})},
				Parser: parse.ParserFunc[event](func(*parse.Message, *parse.Events[event]) error { return nil }),
				Sink:   batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil }),
			}
			mustRun(b, mustNew(b, cfg))
		})
	}
}
