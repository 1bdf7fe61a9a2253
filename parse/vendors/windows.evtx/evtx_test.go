package evtx_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/reader"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	evtx "github.com/penstock-dev/penstock/parse/vendors/windows.evtx"
)

// sample is an event log file of three logons.
func sample(t testing.TB) []byte {
	t.Helper()
	f, err := os.Open("../../kernel/evtx/testdata/sample.evtx.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newParser(t testing.TB) *evtx.Parser {
	t.Helper()
	p, err := pack.Load(os.DirFS(".."), "windows.eventlog")
	if err != nil {
		t.Fatal(err)
	}
	q, err := evtx.New(p.Parser(pack.Options{}), evtx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// run takes a file through a pipeline, and returns the lines that come out.
func run(t *testing.T, file []byte, workers int) string {
	t.Helper()
	var out bytes.Buffer
	p, err := ingest.New(ingest.Config[parse.Record]{
		Sources:           []ingest.Source{reader.New(bytes.NewReader(file), reader.Options{Framing: ingest.EVTX})},
		Parser:            newParser(t),
		Encoder:           normalize.NewEncoder(normalize.EncoderOptions{Flat: true}),
		Sink:              batch.NewWriter[parse.Record](&out),
		InlineDeadLetters: func(dst []byte, d *ingest.DeadLetter) []byte { return fmt.Appendf(dst, "dead %s", d.Category) },
		Ordered:           true, Workers: workers,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := p.Stats(); s.Check() != nil {
		t.Error(s.Check())
	}
	return out.String()
}

func TestFile(t *testing.T) {
	file := sample(t)
	got := run(t, file, 1)
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines:\n%s", len(lines), got)
	}
	for i, code := range []string{"4624", "4625", "4634"} {
		for _, want := range []string{`"event.code":"` + code + `"`, `"@timestamp":"2026-03-04T05:06:07.123456700Z"`, `"winlog.event_data.TargetUserName":"zoë"`, `"winlog.channel":"Security"`, `"winlog.record_id":"` + fmt.Sprint(i+1) + `"`} {
			if !strings.Contains(lines[i], want) {
				t.Errorf("line %d has no %s:\n%s", i+1, want, lines[i])
			}
		}
	}
	if many := run(t, bytes.Join([][]byte{file, file[4096:], file[4096:]}, nil), 4); strings.Count(many, "\n") != 9 {
		t.Errorf("three chunks: %d lines", strings.Count(many, "\n"))
	}
}

func TestDamagedFile(t *testing.T) {
	file := sample(t)
	cut := file[:4096+4000]
	broken := bytes.Clone(file)
	broken[4096+600] ^= 1
	for _, tc := range []struct {
		name string
		file []byte
		want string
	}{
		{"no event log", []byte("text\n"), "dead UNKNOWN_FORMAT\n"},
		{"nothing", nil, "dead TRUNCATED\n"},
		{"cut in the header", file[:100], "dead TRUNCATED\n"},
		{"header alone", file[:4096], ""},
		{"cut in a chunk", cut, "dead TRUNCATED\n"},
		{"changed", broken, "dead SCHEMA_VIOLATION\n"},
	} {
		if got := run(t, tc.file, 2); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestWrongOption(t *testing.T) {
	if _, err := evtx.New(nil, evtx.Options{MaxDepth: -1}); err == nil {
		t.Error("a negative limit is accepted")
	}
}

func FuzzParse(f *testing.F) {
	file := sample(f)
	f.Add(file[4096:4096+2000], 600)
	p := newParser(f)
	f.Fuzz(func(t *testing.T, head []byte, at int) {
		chunk := bytes.Clone(file[4096 : 4096+65536])
		if at >= 0 && at < len(chunk) {
			copy(chunk[at:], head)
		}
		for _, raw := range [][]byte{head, chunk} {
			var events parse.Events[parse.Record]
			if err := p.Parse(&parse.Message{Raw: raw}, &events); errcat.Of(err) == errcat.Internal {
				t.Fatal(err)
			}
		}
	})
}

func Example() {
	windows := parse.ParserFunc[parse.Record](func(m *parse.Message, out *parse.Events[parse.Record]) error {
		out.Add().Set(ecs.Message, parse.BytesValue(m.Raw[:6]))
		return nil
	})
	p, err := evtx.New(windows, evtx.Options{})
	if err != nil {
		panic(err)
	}
	f, _ := os.Open("../../kernel/evtx/testdata/sample.evtx.gz")
	defer f.Close()
	r, _ := gzip.NewReader(f)
	file, _ := io.ReadAll(r)

	var events parse.Events[parse.Record]
	if err := p.Parse(&parse.Message{Raw: file[4096 : 4096+65536]}, &events); err != nil { // the first chunk
		panic(err)
	}
	for _, r := range events.All() {
		fmt.Println(r.Get(ecs.Message))
	}
	// Output:
	// <Event
	// <Event
	// <Event
}
