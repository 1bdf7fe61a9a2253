package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/vendors"
)

// findPack returns the built-in pack that reads the corpus.
func findPack(c *corpus) (*pack.Pack, error) {
	set, err := vendors.Packs()
	if err != nil {
		return nil, err
	}
	names := set.Names()
	var errs []error
	for _, name := range c.packs {
		p, err := set.Pack(name)
		if err == nil {
			return p, nil
		}
		if slices.Contains(names, name) {
			return nil, err // it is there, but broken
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("%w: %w", errSkip, errs[0])
}

// startPenstock is penstock as a host uses it: a pipeline with a reader as source, a
// built-in pack, ECS fields only, and lines into a writer.
func startPenstock(workers int) func(*corpus) (run, error) {
	return func(c *corpus) (run, error) { return penstock(c, workers) }
}

func penstock(c *corpus, workers int) (run, error) {
	p, err := findPack(c)
	if err != nil {
		return nil, err
	}
	parser := p.Parser(pack.Options{ECSOnly: true})
	return func(r io.Reader, w io.Writer) (int, error) {
		pipe, err := ingest.New(ingest.Config[parse.Record]{
			Sources: []ingest.Source{ingest.FromReader(c.name, r)},
			Parser:  parser,
			Encoder: normalize.NewEncoder(normalize.EncoderOptions{ECSOnly: true}),
			Sink:    batch.NewWriter[parse.Record](w),
			Workers: workers,
		})
		if err != nil {
			return 0, err
		}
		if err := pipe.Run(context.Background()); err != nil {
			return 0, err
		}
		s := pipe.Stats()
		if s.Delivered != s.Received {
			return 0, fmt.Errorf("%d records, %d events, %d dead letters, %d filtered", s.Received, s.Delivered, s.DeadLettered, s.Filtered)
		}
		return int(s.Delivered), s.Check()
	}, nil
}
