package main

import (
	"compress/gzip"
	"errors"
	"io"
	"regexp"
	"time"

	"github.com/penstock-dev/penstock/examples/penstock/internal/config"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/file"
	"github.com/penstock-dev/penstock/ingest/join"
	"github.com/penstock-dev/penstock/ingest/zstd"
	"github.com/penstock-dev/penstock/internal/yaml"
)

// decoders are the compressed files that the source file reads.
func decoders() (map[string]func(io.Reader) (io.ReadCloser, error), error) {
	codec, err := zstd.New(zstd.Options{})
	if err != nil {
		return nil, err
	}
	return map[string]func(io.Reader) (io.ReadCloser, error){
		".gz": func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) },
		".zst": func(r io.Reader) (io.ReadCloser, error) {
			z, err := codec.NewReader(r)
			if err != nil {
				return nil, err
			}
			if c, ok := z.(io.ReadCloser); ok {
				return c, nil
			}
			return io.NopCloser(z), nil
		},
	}, nil
}

// unpacked is how files and standard input are read where the file does not say: gzip and zstd are told
// by their first bytes, and nothing else is changed.
func unpacked() (ingest.Decoding, error) { return config.Decoding("auto", "none", "keep", false) }

// backfill is a kind whose source ends when it has read its files.
func backfill(o file.Options) (ingest.Source, io.Closer, error) {
	if len(o.Paths) == 0 && len(o.Globs) == 0 {
		return nil, nil, errors.New("backfill: paths or globs are needed")
	}
	return file.New(o), nil, nil
}

// joinOptions say which lines belong together: one of the keys, see package ingest/join.
type joinOptions struct {
	Audit, Containers, Indented bool
	Start, Continue, End        string
	Gap                         time.Duration
	Limits                      join.Limits
}

// joining puts the key join of an entry around its source.
func joining(f *config.File, n *yaml.Node, open opener[ingest.Source]) (opener[ingest.Source], error) {
	if n == nil {
		return open, nil
	}
	var o joinOptions
	if err := f.Fill(n, &o); err != nil {
		return nil, err
	}
	lines := join.LineOptions{Indented: o.Indented, Gap: o.Gap, Limits: o.Limits}
	for _, p := range []struct {
		key, text string
		into      **regexp.Regexp
	}{{"start", o.Start, &lines.Start}, {"continue", o.Continue, &lines.Continue}, {"end", o.End, &lines.End}} {
		if p.text == "" {
			continue
		}
		re, err := regexp.Compile(p.text)
		if err != nil {
			return nil, f.Wrap(n.Get(p.key), err)
		}
		*p.into = re
	}
	wrap := func(src ingest.Source) (ingest.Source, error) {
		if o.Audit {
			return join.Audit(src, join.AuditOptions{Limits: o.Limits})
		}
		if o.Containers {
			return join.Containers(src, join.ContainerOptions{Limits: o.Limits})
		}
		return join.Lines(src, lines)
	}
	// What is wrong is told before anything is opened.
	if _, err := wrap(ingest.SourceFunc(nil)); err != nil {
		return nil, f.Wrap(n, err)
	}
	return func() (ingest.Source, io.Closer, error) {
		src, c, err := open()
		if err != nil {
			return nil, c, err
		}
		src, err = wrap(src)
		return src, c, f.Wrap(n, err)
	}, nil
}
