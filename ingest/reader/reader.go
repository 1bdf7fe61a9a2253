// Package reader is a source of any io.Reader, such as standard input.
//
//	src := reader.New(os.Stdin, reader.Options{Name: "stdin", Framing: ingest.NUL})
//
// Each message is handed on before the next Read blocks. At the end of its context a
// source that is blocked in a Read returns at once; the Read itself goes on in a
// goroutine that ends with it, since no reader can be interrupted from outside.
//
// # Delivery
//
// A reader cannot be asked again: what is on its way when the process ends is lost, unless the
// host keeps the position that Options.Committed is told and can begin there (Options.Offset).
// A slow pipeline holds the reader back.
//
// # Limits
//
// Messages are bounded by the pipeline's MaxMessage (OVERSIZE), compressed streams by
// ingest.Decoding (MaxOutput 64 GiB, MaxRatio 500). In memory it holds the chunk at hand.
//
// # Concurrency
//
// A Source runs once. Options and Source are not safe for concurrent use.
package reader

import (
	"context"
	"io"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// Options of a reader. The zero value works.
type Options struct {
	Name    string         // of the source and of its messages' origin; default "reader"
	Framing ingest.Framing // default ingest.Lines
	// Decoding says how bytes become text: decompression, character set. Default: they are as
	// they are. Positions count decoded bytes.
	Decoding ingest.Decoding
	Hint     string         // see parse.Origin
	Zone     *time.Location // see parse.Origin
	Offset   int64          // position of the first byte; default 0
	// Committed, if set, is called in ascending order with the position up to which
	// everything has reached a safe end. It must not block.
	Committed func(offset int64)
}

// Source reads one io.Reader.
type Source struct {
	r    io.Reader
	opts Options
}

// New returns a source that reads r to its end. r is not closed.
func New(r io.Reader, opts Options) *Source {
	if opts.Name == "" {
		opts.Name = "reader"
	}
	return &Source{r, opts}
}

// Name is the name from the options.
func (s *Source) Name() string { return s.opts.Name }

// Run reads until the end of the reader or of ctx.
func (s *Source) Run(ctx context.Context, out *ingest.Emit) error {
	stream := ingest.Stream{
		Framing:  s.opts.Framing,
		Decoding: s.opts.Decoding,
		Origin:   &parse.Origin{Source: s.opts.Name, Hint: s.opts.Hint, Zone: s.opts.Zone},
		Offset:   s.opts.Offset,
	}
	if s.opts.Committed != nil {
		commits := ingest.NewCommits(s.opts.Offset, s.opts.Committed)
		stream.Done = commits.Done
	}
	// The reading goroutine is started here. It ends with the stream or, where ctx
	// ends first, with the Read that it is blocked in; nobody waits for it then, and
	// out refuses whatever it would still send.
	ended := make(chan error, 1)
	go func() {
		_, err := stream.Copy(ctx, s.r, out)
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// What is not blocked ends by itself within a moment.
	t := time.NewTimer(100 * time.Millisecond)
	defer t.Stop()
	select {
	case err := <-ended:
		return err
	case <-t.C:
		return context.Cause(ctx)
	}
}
