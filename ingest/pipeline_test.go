package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/reader"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

var parser = parse.ParserFunc[parse.Record](func(m *parse.Message, out *parse.Events[parse.Record]) error {
	if bytes.HasPrefix(m.Raw, []byte("bad")) {
		return errcat.New(errcat.UnknownFormat, errcat.StageParse, "bad")
	}
	out.Add().Set(ecs.Message, parse.BytesValue(m.Raw))
	return nil
})

func inline(dst []byte, d *ingest.DeadLetter) []byte {
	return fmt.Appendf(dst, "DEAD %s %s", d.Category, d.Raw)
}

func TestSmoke(t *testing.T) {
	for workers := 1; workers <= 8; workers++ {
		var in strings.Builder
		for i := range 20000 {
			if i%10 == 3 {
				fmt.Fprintf(&in, "bad %d\n\n", i)
			} else {
				fmt.Fprintf(&in, "good %d\r\n", i)
			}
		}
		var out bytes.Buffer
		p, err := ingest.New(ingest.Config[parse.Record]{
			Sources:           []ingest.Source{reader.New(strings.NewReader(in.String()), reader.Options{Name: "stdin"})},
			Parser:            parser,
			Encoder:           normalize.NewEncoder(normalize.EncoderOptions{}),
			Sink:              batch.NewWriter[parse.Record](&out),
			InlineDeadLetters: inline,
			Ordered:           true,
			Workers:           workers,
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
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != 20000 || !strings.Contains(lines[3], "DEAD UNKNOWN_FORMAT bad 3") || !strings.Contains(lines[19999], "good 19999") {
			t.Fatal(len(lines), lines[:5])
		}
		if workers == 1 { t.Logf("%+v", s) }
	}
}
