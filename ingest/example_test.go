package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// Lines in, JSON out, one line for each record: what cannot be parsed is answered at
// its place.
func Example() {
	parser := parse.ParserFunc[parse.Record](func(m *parse.Message, out *parse.Events[parse.Record]) error {
		user, action, ok := bytes.Cut(m.Raw, []byte(" "))
		if !ok {
			return errcat.New(errcat.UnknownFormat, errcat.StageParse, "want a user and an action")
		}
		r := out.Add()
		r.Set(ecs.UserName, parse.BytesValue(user))
		r.Set(ecs.EventAction, parse.BytesValue(action))
		return nil
	})
	p, err := ingest.New(ingest.Config[parse.Record]{
		Sources: []ingest.Source{ingest.FromReader("stdin", strings.NewReader("ada login\n???\ngrace logout\n"))},
		Parser:  parser,
		Encoder: normalize.NewEncoder(normalize.EncoderOptions{}),
		Sink:    batch.NewWriter[parse.Record](os.Stdout),
		InlineDeadLetters: func(dst []byte, d *ingest.DeadLetter) []byte {
			return fmt.Appendf(dst, `{"error":%q}`, d.Category)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := p.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	s := p.Stats()
	fmt.Println(s.Received, s.Delivered, s.DeadLetters[errcat.UnknownFormat], s.Check())
	// Output:
	// {"event":{"action":"login"},"user":{"name":"ada"}}
	// {"error":"UNKNOWN_FORMAT"}
	// {"event":{"action":"logout"},"user":{"name":"grace"}}
	// 3 2 1 <nil>
}

// A host's own struct takes the place of the built-in event.
func Example_ownEvent() {
	type login struct{ user, host string }
	p, err := ingest.New(ingest.Config[login]{
		Sources: []ingest.Source{ingest.FromReader("r", strings.NewReader("ada@mill\ngrace@ship\n"))},
		Parser: parse.ParserFunc[login](func(m *parse.Message, out *parse.Events[login]) error {
			user, host, _ := strings.Cut(string(m.Raw), "@")
			*out.Add() = login{user, host}
			return nil
		}),
		Sink: batch.Each(func(_ context.Context, e *login) error {
			fmt.Println(e.user, "on", e.host)
			return nil
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Run(context.Background()))
	// Output:
	// ada on mill
	// grace on ship
	// <nil>
}

// A source of the host's own: it fills chunks, and learns what became of them.
func ExampleSource() {
	source := ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		for _, text := range []string{"one", "two"} {
			c, err := out.Chunk()
			if err != nil {
				return err
			}
			c.Add(parse.Message{Raw: []byte(text)})
			c.Done = func(r ingest.Result) { fmt.Println("acknowledge", text, r.OK()) }
			if err := out.Send(c); err != nil {
				return err
			}
		}
		return nil
	})
	p, err := ingest.New(ingest.Config[parse.Record]{
		Sources: []ingest.Source{source},
		Parser:  recordParser,
		Sink:    batch.Each(func(context.Context, *parse.Record) error { return nil }),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Run(context.Background()))
	// Output:
	// acknowledge one true
	// acknowledge two true
	// <nil>
}
