package syslog_test

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/parse"
)

type line struct{ text []byte }

func (l *line) Append(dst []byte, e *line) ([]byte, error) { return append(dst, e.text...), nil }

func Example() {
	src, err := syslog.Listen(syslog.Options{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	p, err := ingest.New(ingest.Config[line]{
		Sources: []ingest.Source{src},
		Parser: parse.ParserFunc[line](func(m *parse.Message, out *parse.Events[line]) error {
			out.Add().text = m.Raw
			return nil
		}),
		Encoder: &line{},
		Sink: batch.LinesFunc[line](func(_ context.Context, lines []byte, _ int) error {
			_, err := os.Stdout.Write(lines)
			stop()
			return err
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { // a device
		c, err := net.Dial("tcp", src.Addr().String())
		if err != nil {
			return
		}
		fmt.Fprint(c, "<134>1 2026-11-29T10:00:00Z fw1 app - - - hello\n")
		c.Close()
	}()
	fmt.Println(p.Run(ctx))
	// Output:
	// <134>1 2026-11-29T10:00:00Z fw1 app - - - hello
	// <nil>
}
