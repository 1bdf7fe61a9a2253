package zstd_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	compress "github.com/klauspost/compress/zstd"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/reader"
	"github.com/penstock-dev/penstock/ingest/zstd"
	"github.com/penstock-dev/penstock/parse"
)

func pack(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := compress.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, s)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type line struct{ text []byte }

// lines takes a stream through a pipeline and returns its lines and dead letters.
func lines(t testing.TB, in io.Reader, d ingest.Decoding) []string {
	t.Helper()
	var out bytes.Buffer
	p, err := ingest.New(ingest.Config[line]{
		Sources: []ingest.Source{reader.New(in, reader.Options{Decoding: d})},
		Parser: parse.ParserFunc[line](func(m *parse.Message, out *parse.Events[line]) error {
			out.Add().text = m.Raw
			return nil
		}),
		Encoder:           encoder{},
		Sink:              batch.NewWriter[line](&out),
		InlineDeadLetters: func(dst []byte, d *ingest.DeadLetter) []byte { return fmt.Appendf(dst, "%s %.10s", d.Category, d.Raw) },
		Ordered:           true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

type encoder struct{}

func (encoder) Append(dst []byte, l *line) ([]byte, error) { return append(dst, l.text...), nil }

func decoding(t testing.TB, o zstd.Options) ingest.Decoding {
	t.Helper()
	c, err := zstd.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return ingest.Decoding{Codecs: append(ingest.DefaultCodecs(), c)}
}

func TestCodec(t *testing.T) {
	d := decoding(t, zstd.Options{})
	whole := pack(t, "a\nb\n")
	bad := []byte(whole)
	bad[len(bad)-1] ^= 1
	for _, tc := range []struct {
		name, in string
		want     []string
	}{
		{"frame", whole, []string{"a", "b"}},
		{"frames", whole + pack(t, "c\n"), []string{"a", "b", "c"}},
		{"skippable", whole + "\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + pack(t, "c\n"), []string{"a", "b", "c"}},
		{"plain", "a\n", []string{"a"}},
		{"cut", whole[:len(whole)-2], []string{"TRUNCATED "}},
		{"changed", string(bad), []string{"ENCODING_ERROR "}},
		{"more behind", whole + "text", []string{"a", "b", "ENCODING_ERROR "}},
	} {
		got := lines(t, strings.NewReader(tc.in), d)
		// Of a frame with a fault the library may have handed out the content or not.
		if tc.name == "cut" || tc.name == "changed" {
			got = got[max(len(got)-1, 0):]
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// Bombs end at the ratio, and windows at MaxWindow, in bounded memory and without goroutines
// left behind.
func TestLimits(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	var b bytes.Buffer
	w, err := compress.NewWriter(&b, compress.WithWindowSize(4<<20))
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 200 {
		w.Write(zeros)
	}
	w.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := lines(t, bytes.NewReader(b.Bytes()), decoding(t, zstd.Options{}))
	runtime.ReadMemStats(&after)
	if len(got) != 1 || !strings.HasPrefix(got[0], "OVERSIZE") {
		t.Errorf("bomb of %d bytes: %.80q", b.Len(), got)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
		t.Errorf("a bomb of %d bytes took %d bytes of memory", b.Len(), used)
	}
	if got := lines(t, bytes.NewReader(b.Bytes()), decoding(t, zstd.Options{MaxWindow: 1 << 20})); len(got) != 1 || !strings.HasPrefix(got[0], "OVERSIZE") {
		t.Errorf("window: %.80q", got)
	}
	if _, err := zstd.New(zstd.Options{MaxWindow: 1}); err == nil {
		t.Error("a window of one byte is accepted")
	}
	for range 100 {
		if runtime.NumGoroutine() <= goroutines {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(pack(f, "a\nb\n")))
	c, err := zstd.New(zstd.Options{MaxWindow: 1 << 20})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		d := ingest.Decoding{Codec: c}
		r, err := d.Reader(bytes.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if _, err := io.Copy(io.Discard, io.LimitReader(r, 8<<20)); err != nil && errcat.Of(err) == errcat.Internal {
			t.Fatal(err)
		}
	})
}

func Example() {
	codec, err := zstd.New(zstd.Options{})
	if err != nil {
		panic(err)
	}
	var file bytes.Buffer
	w, _ := compress.NewWriter(&file)
	io.WriteString(w, "compressed\n")
	w.Close()

	d := ingest.Decoding{Codecs: append(ingest.DefaultCodecs(), codec)}
	r, err := d.Reader(&file)
	if err != nil {
		panic(err)
	}
	defer r.Close()
	io.Copy(os.Stdout, r)
	// Output: compressed
}
