package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/vendors"
)

// findPack returns the built-in pack that reads the corpus: the first of its names that
// reads a few records. None of the names is errSkip; a pack that is there but does not
// read them is another error.
func findPack(c *corpus) (*pack.Pack, error) {
	set, err := vendors.Packs()
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, name := range c.packs {
		p, err := set.Pack(name)
		if err == nil {
			_, err = withPack(c, p, 1)(bytes.NewReader(c.take(20)), io.Discard)
			if err == nil {
				return p, nil
			}
		} else if strings.Contains(err.Error(), "no pack is named") {
			continue
		}
		faults = append(faults, fmt.Errorf("%s: %w", name, err))
	}
	if len(faults) == 0 {
		return nil, fmt.Errorf("%w: no pack is named %s", errSkip, strings.Join(c.packs, " or "))
	}
	return nil, errors.Join(faults...)
}

// startPenstock is penstock as a host uses it: a pipeline with a reader as source, a
// built-in pack, ECS fields only, and lines into a writer.
func startPenstock(workers int) func(*corpus) (run, error) {
	return func(c *corpus) (run, error) {
		p, err := findPack(c)
		if err != nil {
			return nil, err
		}
		return withPack(c, p, workers), nil
	}
}

func withPack(c *corpus, p *pack.Pack, workers int) run {
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
	}
}
