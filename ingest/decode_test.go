package ingest_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func zl(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func utf16Bytes(s string, big bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

// decoded is frames for a stream with a Decoding.
func decoded(t testing.TB, d ingest.Decoding, r io.Reader) ([]string, ingest.Stats) {
	t.Helper()
	var got []string
	cfg := config(batch.LinesFunc[event](func(_ context.Context, lines []byte, n int) error {
		for l := range bytes.SplitSeq(bytes.TrimSuffix(lines, []byte("\x01\n")), []byte("\x01\n")) {
			got = append(got, string(l))
		}
		return nil
	}), ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		_, err := ingest.Stream{Decoding: d}.Copy(ctx, r, out)
		return err
	}))
	cfg.Encoder = markEnd{}
	cfg.Stamp = func(m *parse.Message, _ int, e *event) { e.text = fmt.Appendf(nil, "%d %s", m.Offset, m.Raw) }
	cfg.InlineDeadLetters = func(dst []byte, d *ingest.DeadLetter) []byte {
		return fmt.Appendf(dst, "%d %s %s\x01", d.Offset, d.Category, d.Raw)
	}
	p := mustNew(t, cfg)
	mustRun(t, p)
	return got, p.Stats()
}

func TestDecoding(t *testing.T) {
	auto := ingest.Decoding{Codecs: ingest.DefaultCodecs(), Charset: ingest.AutoCharset}
	in := func(c ingest.Charset) ingest.Decoding { return ingest.Decoding{Charset: c} }
	for _, tc := range []struct {
		name string
		d    ingest.Decoding
		in   string
		want []string
	}{
		{"plain", auto, "a\nb\n", []string{"0 a", "2 b"}},
		{"plain, begins like gzip", auto, "\x1f\x8bx\n", []string{"0 \x1f\x8bx"}},
		{"plain, one byte", auto, "\x1f", []string{"0 \x1f"}},
		{"plain, one byte of a mark", auto, "\xff", []string{"0 \xff"}},
		{"nothing", auto, "", nil},
		{"gzip", auto, gz("a\nb\n"), []string{"0 a", "2 b"}},
		{"gzip, members", auto, gz("a\nb") + gz("") + gz("c\n"), []string{"0 a", "2 bc"}},
		{"gzip, zeros behind", auto, gz("a\n") + "\x00\x00\x00\x00\x00", []string{"0 a"}},
		{"gzip, more behind", auto, gz("a\n") + "text", []string{"0 a", "2 ENCODING_ERROR "}},
		{"gzip, cut", auto, gz("a\nb\n")[:len(gz("a\nb\n"))-3], []string{"0 a", "2 b", "4 TRUNCATED "}},
		{"gzip, cut in the magic and named", ingest.Decoding{Codec: ingest.Gzip}, gz("a")[:2], []string{"0 TRUNCATED "}},
		{"gzip, cut in a header", auto, gz("a\nb") + gz("c")[:5], []string{"0 a", "2 TRUNCATED b"}},
		{"gzip, wrong checksum", auto, flip(gz("a\nb"), -6), []string{"0 a", "2 ENCODING_ERROR b"}},
		{"gzip that is named and is none", ingest.Decoding{Codec: ingest.Gzip}, "plain text, no gzip", []string{"0 ENCODING_ERROR "}},
		{"gzip that is named, nothing", ingest.Decoding{Codec: ingest.Gzip}, "", []string{"0 TRUNCATED "}},
		{"zlib", ingest.Decoding{Codec: ingest.Zlib}, zl("a\nb"), []string{"0 a", "2 b"}},
		{"zlib, cut", ingest.Decoding{Codec: ingest.Zlib}, zl("a\nb")[:5], []string{"0 a", "2 TRUNCATED "}},
		{"zlib, none", ingest.Decoding{Codec: ingest.Zlib}, "text", []string{"0 ENCODING_ERROR "}},
		{"zlib, nothing", ingest.Decoding{Codec: ingest.Zlib}, "", []string{"0 TRUNCATED "}},
		{"UTF-8 with a mark", auto, "\ufeffa\n\ufeffb", []string{"0 a", "2 \ufeffb"}},
		{"UTF-8 mark kept", ingest.Decoding{}, "\ufeffa", []string{"0 \ufeffa"}},
		{"UTF-16, little", auto, "\xff\xfe" + utf16Bytes("aé€𝄞\r\nb\n", false), []string{"0 aé€𝄞", "12 b"}},
		{"UTF-16, big", auto, "\xfe\xff" + utf16Bytes("aé€𝄞\nb", true), []string{"0 aé€𝄞", "11 b"}},
		{"UTF-16 in gzip", auto, gz("\xff\xfe" + utf16Bytes("a\n", false)), []string{"0 a"}},
		{"UTF-16 without a mark", in(ingest.UTF16LE), utf16Bytes("a\nb", false), []string{"0 a", "2 b"}},
		{"UTF-16, half a unit", in(ingest.UTF16BE), utf16Bytes("a\nb", true) + "\x00", []string{"0 a", "2 TRUNCATED b"}},
		{"UTF-16, half a pair", in(ingest.UTF16LE), "a\x00\x00\xd8b\x00\x00\xdc", []string{"0 a\xed\xa0\x80b\xed\xb0\x80"}},
		{"Latin-1", in(ingest.Latin1), "caf\xe9 \x80\n", []string{"0 café \u0080"}},
		{"Windows-1252", in(ingest.Windows1252), "caf\xe9 \x80\x81\x99\n", []string{"0 café €\u0081™"}},
		{"not UTF-8, kept", auto, "a\xff\nb\n", []string{"0 a\xff", "3 b"}},
		{"not UTF-8, rejected", ingest.Decoding{Invalid: ingest.RejectInvalid}, "a\xff\nb\n\xc3\n", []string{"0 ENCODING_ERROR a\xff", "3 b", "5 ENCODING_ERROR \xc3"}},
		{"not UTF-8, repaired", ingest.Decoding{Invalid: ingest.RepairInvalid}, "a\xff\xc3\x28é\nb\n", []string{"0 a\ufffd\ufffd(é", "7 b"}},
		{"not UTF-8, Windows-1252", ingest.Decoding{Invalid: ingest.RepairWindows1252}, "a\x80 é\xe9\n", []string{"0 a€ éé"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"at once":       strings.NewReader(tc.in),
				"byte by byte":  iotest.OneByteReader(strings.NewReader(tc.in)),
				"end with data": iotest.DataErrReader(strings.NewReader(tc.in)),
			} {
				got, _ := decoded(t, tc.d, r)
				if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tc.want) {
					t.Errorf("%s: messages\n%q, want\n%q", name, got, tc.want)
				}
			}
		})
	}
	if _, s := decoded(t, ingest.Decoding{Invalid: ingest.RepairInvalid}, strings.NewReader("\xff\na\n\xfe\n")); s.Repaired != 2 || s.Sources[0].Repaired != 2 {
		t.Errorf("%d repaired, %+v", s.Repaired, s.Sources)
	}
}

func flip(s string, at int) string {
	b := []byte(s)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 1
	return string(b)
}

// Cut anywhere, compressed data gives what could be read and one dead letter.
func TestCutGzip(t *testing.T) {
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "line %d\n", i)
	}
	whole := gz(text.String()) + gz("more\n")
	first := len(gz(text.String()))
	for n := range len(whole) {
		got, _ := decoded(t, ingest.Decoding{Codec: ingest.Gzip}, strings.NewReader(whole[:n]))
		if n == first { // that is a whole stream
			continue
		}
		if len(got) == 0 || strings.Count(strings.Join(got, "\n"), "TRUNCATED") != 1 || !strings.Contains(got[len(got)-1], "TRUNCATED") {
			t.Fatalf("cut at %d of %d: %q", n, len(whole), got)
		}
		for i, l := range got[:len(got)-1] {
			if _, text, _ := strings.Cut(l, " "); text != fmt.Sprintf("line %d", i) && text != "more" {
				t.Fatalf("cut at %d: %q", n, l)
			}
		}
	}
}

// A small stream that becomes a large one ends at the limits, in little memory.
func TestBombs(t *testing.T) {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	zeros := make([]byte, 1<<20)
	for range 64 {
		w.Write(zeros)
	}
	w.Close()
	for _, tc := range []struct {
		name string
		d    ingest.Decoding
		want string
	}{
		{"ratio", ingest.Decoding{Codec: ingest.Gzip}, "0 OVERSIZE"},
		{"output", ingest.Decoding{Codec: ingest.Gzip, MaxRatio: 1 << 20, MaxOutput: 2 << 20}, "0 OVERSIZE"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, _ := decoded(t, tc.d, bytes.NewReader(b.Bytes()))
		runtime.ReadMemStats(&after)
		if len(got) != 1 || !strings.HasPrefix(got[0], tc.want) || len(got[0]) > 8<<10 {
			t.Errorf("%s: %d messages, %.60q", tc.name, len(got), got)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
			t.Errorf("%s: %d bytes of memory for %d bytes of input", tc.name, used, b.Len())
		}
	}
	if got, _ := decoded(t, ingest.Decoding{Codec: ingest.Gzip, MaxOutput: 4}, strings.NewReader(gz("a\nb\n"))); len(got) != 2 {
		t.Errorf("a stream of just the limit: %q", got)
	}
}

// An error of reading stays one, and is no fault of the data.
func TestDecodingReadError(t *testing.T) {
	broken := errors.New("the disk is broken")
	cut := gz("a\nb\n")
	r := io.MultiReader(strings.NewReader(cut[:len(cut)-5]), iotest.ErrReader(broken))
	p := mustNew(t, config(discard(), ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		_, err := ingest.Stream{Decoding: ingest.Decoding{Codec: ingest.Gzip}}.Copy(ctx, r, out)
		return err
	})))
	if err := p.Run(context.Background()); !errors.Is(err, broken) {
		t.Errorf("Run says %v", err)
	}
}

// Positions count decoded bytes, and commits come for all of them.
func TestDecodingCommits(t *testing.T) {
	text := strings.Repeat("0123456789\n", 5000)
	var mu sync.Mutex
	var last int64
	commits := ingest.NewCommits(0, func(pos int64) { mu.Lock(); last = pos; mu.Unlock() })
	p := mustNew(t, config(discard(), ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		sent, err := ingest.Stream{Decoding: ingest.Decoding{Codecs: ingest.DefaultCodecs()}, Done: commits.Done}.Copy(ctx, strings.NewReader(gz(text)), out)
		if sent != int64(len(text)) {
			t.Errorf("%d bytes sent, want %d", sent, len(text))
		}
		return err
	})))
	mustRun(t, p)
	if mu.Lock(); last != int64(len(text)) {
		t.Errorf("committed up to %d, want %d", last, len(text))
	}
	mu.Unlock()
}

type oddCodec struct{ ingest.Codec }

func (oddCodec) Magic() string { return strings.Repeat("m", 99) }

func TestDecodingOptions(t *testing.T) {
	for name, d := range map[string]ingest.Decoding{
		"output": {MaxOutput: -1}, "ratio": {MaxRatio: -1}, "large ratio": {MaxRatio: 1 << 30}, "invalid": {Invalid: 9},
		"zlib by its first bytes": {Codecs: []ingest.Codec{ingest.Zlib}}, "long magic": {Codecs: []ingest.Codec{oddCodec{ingest.Gzip}}},
	} {
		if d.Check() == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := (&d).Reader(strings.NewReader("")); err == nil {
			t.Errorf("%s: Reader has no error", name)
		}
		p := mustNew(t, config(discard(), ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
			_, err := ingest.Stream{Decoding: d}.Copy(ctx, strings.NewReader("a\n"), out)
			return err
		})))
		if p.Run(context.Background()) == nil {
			t.Errorf("%s: Copy has no error", name)
		}
	}
	for _, name := range []string{"auto", "UTF-8", "utf-16le", "UTF-16BE", "latin1", "cp1252"} {
		if c, ok := ingest.CharsetByName(name); !ok || c.Name() == "" {
			t.Errorf("%s is not known", name)
		}
	}
	if _, ok := ingest.CharsetByName("ebcdic"); ok {
		t.Error("ebcdic is known")
	}
	for _, name := range []string{"gzip", "zlib"} {
		if c, ok := ingest.CodecByName(name); !ok || c.Name() != name {
			t.Errorf("%s is not known", name)
		}
	}
	for _, name := range []string{"keep", "reject", "repair", "windows-1252"} {
		if _, ok := ingest.InvalidTextByName(name); !ok {
			t.Errorf("%s is not known", name)
		}
	}
	if _, ok := ingest.InvalidTextByName("x"); ok {
		t.Error("x is known")
	}
}

// UTF-16 is what the standard library makes of it, whole or dripped.
func FuzzUTF16(f *testing.F) {
	f.Add([]byte("a\x00\x00\xd8b\x00\x00\xdc"), 3)
	f.Add([]byte(utf16Bytes("aé€𝄞\r\n", false)), 1)
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		in = in[:len(in)&^1]
		units := make([]uint16, len(in)/2)
		for i := range units {
			units[i] = uint16(in[2*i]) | uint16(in[2*i+1])<<8
		}
		if len(units) > 0 && units[0] == 0xfeff {
			units = units[1:]
		}
		want := string(utf16.Decode(units))
		whole, n, err := ingest.UTF16LE.NewDecoder().Decode(nil, in, true)
		if err != nil || n != len(in) {
			t.Fatal(n, err)
		}
		// Halves of pairs are three bytes that are no UTF-8.
		if got := repaired(whole); got != want {
			t.Fatalf("%q, want %q", got, want)
		}
		d := ingest.UTF16LE.NewDecoder()
		var dripped, rest []byte
		step = 1 + (step&0xff+256)%7
		for i := 0; i < len(in); i += step {
			rest = append(rest, in[i:min(i+step, len(in))]...)
			var n int
			dripped, n, _ = d.Decode(dripped, rest, i+step >= len(in))
			rest = rest[n:]
		}
		if !bytes.Equal(dripped, whole) {
			t.Fatalf("dripped %q, whole %q", dripped, whole)
		}
	})
}

func repaired(b []byte) string {
	var out []rune
	for len(b) > 0 {
		if len(b) >= 3 && b[0] == 0xed && b[1] >= 0xa0 {
			out, b = append(out, utf8.RuneError), b[3:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		out, b = append(out, r), b[n:]
	}
	return string(out)
}

// Any bytes through any Decoding end, with faults of the data only.
func FuzzDecoding(f *testing.F) {
	f.Add([]byte(gz("a\nb\n")), uint8(0))
	f.Add([]byte(zl("a\nb\n")), uint8(1))
	f.Add([]byte("\xff\xfea\x00"), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, kind uint8) {
		d := []ingest.Decoding{
			{Codecs: ingest.DefaultCodecs(), Charset: ingest.AutoCharset}, {Codec: ingest.Zlib}, {Charset: ingest.UTF8, Invalid: ingest.RepairInvalid},
			{Codec: ingest.Gzip, Charset: ingest.UTF16BE}, {Charset: ingest.Windows1252},
		}[int(kind)%5]
		read := func(r io.Reader) ([]byte, error) {
			x, err := d.Reader(r)
			if err != nil {
				t.Fatal(err)
			}
			defer x.Close()
			return io.ReadAll(io.LimitReader(x, 8<<20))
		}
		whole, err := read(bytes.NewReader(in))
		dripped, err2 := read(iotest.OneByteReader(bytes.NewReader(in)))
		if !bytes.Equal(whole, dripped) || (err == nil) != (err2 == nil) {
			t.Fatalf("whole %q %v, dripped %q %v", whole, err, dripped, err2)
		}
		if err != nil && !slices.Contains([]errcat.Category{errcat.Truncated, errcat.EncodingError, errcat.Oversize}, errcat.Of(err)) {
			t.Fatalf("%v is %s", err, errcat.Of(err))
		}
	})
}
