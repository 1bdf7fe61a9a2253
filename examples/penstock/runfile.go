package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/deadletter"
	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/examples/penstock/internal/config"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/api"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

type (
	deadSink   = batch.Sink[ingest.DeadLetter]
	recordSink = batch.Sink[parse.Record]
)

// sinkEntry is a sink of the file with what its queue needs.
type sinkEntry struct {
	output ingest.Output[parse.Record]
	open   func(dead deadSink) (recordSink, io.Closer, error)
}

func loadPipeline(name string, std stdio, log *slog.Logger) (*pipelineFile, error) {
	if name == "" {
		return nil, errors.New("-c names no file")
	}
	src, err := config.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := config.Parse(name, src)
	if err != nil {
		return nil, err
	}
	p := &pipelineFile{file: f, std: std, log: log}
	root := f.Root
	if err := f.Keys(root, "parser", "output", "pipeline", "sources", "sinks", "dead_letters", "admin"); err != nil {
		return nil, err
	}
	if err := p.readParser(root); err != nil {
		return nil, err
	}
	if err := f.Fill(root.Get("pipeline"), &p.limits); err != nil {
		return nil, err
	}
	if n := root.Get("pipeline"); n != nil {
		cfg := p.limited()
		cfg.Parser = parse.ParserFunc[parse.Record](func(*parse.Message, *parse.Events[parse.Record]) error { return nil })
		cfg.Sources = []ingest.Source{ingest.FromReader("check", strings.NewReader(""))}
		cfg.Sink = batch.NewWriter[parse.Record](io.Discard)
		if cfg.Encoder, err = p.parse.encoder(); err != nil {
			return nil, err
		}
		if _, err := ingest.New(cfg); err != nil {
			return nil, f.Wrap(n, err)
		}
	}
	if n := root.Get("admin"); n != nil {
		if p.admin, err = f.Text(n); err != nil {
			return nil, err
		}
		if _, _, err := net.SplitHostPort(p.admin); err != nil {
			return nil, f.Wrap(n, err)
		}
	}
	for _, list := range [...]string{"sources", "sinks"} {
		switch n := root.Get(list); {
		case n != nil && n.Kind == yaml.Map:
			return nil, f.Errorf(n, "%s is a list: write each of its entries behind a dash, as \"- %s: …\"", list, n.Pairs[0].Key.Text)
		case n == nil || n.Kind != yaml.List || len(n.Items) == 0:
			return nil, f.Errorf(root, "a list %s with one entry at least is needed", list)
		}
	}
	for _, n := range root.Get("sources").Items {
		open, err := p.source(n)
		if err != nil {
			return nil, err
		}
		p.sources = append(p.sources, open)
	}
	for _, n := range root.Get("sinks").Items {
		e, err := p.sink(n)
		if err != nil {
			return nil, err
		}
		p.sinks = append(p.sinks, e)
	}
	if n := root.Get("dead_letters"); n != nil {
		var o deadletter.Options
		if err := f.Fill(n, &o); err != nil {
			return nil, err
		}
		if err := o.Check(); err != nil {
			return nil, f.Wrap(n, err)
		}
		p.dead = func() (deadSink, io.Closer, error) {
			s, err := deadletter.New(o)
			if err != nil {
				return nil, nil, f.Wrap(n, err)
			}
			return s, s, nil
		}
	}
	if err := claims(f); err != nil {
		return nil, err
	}
	return p, nil
}

// readParser takes over what penstock parse has as flags.
func (p *pipelineFile) readParser(root *yaml.Node) error {
	var parser struct {
		Pack, Packs, Zone string
		Overlays          []string
		Original          bool
	}
	output := struct{ Schema, Fields string }{"ecs", "all"}
	parser.Pack, parser.Zone = "auto", "UTC"
	if err := p.file.Fill(root.Get("parser"), &parser); err != nil {
		return err
	}
	if err := p.file.Fill(root.Get("output"), &output); err != nil {
		return err
	}
	p.parse = parseOptions{
		pack: parser.Pack, packs: parser.Packs, overlay: strings.Join(parser.Overlays, ","), zone: parser.Zone, original: parser.Original,
		output: output.Schema, fields: output.Fields,
	}
	if output.Fields != "all" && output.Fields != "ecs" {
		return p.file.Errorf(root.Get("output").Get("fields"), "fields is all or ecs")
	}
	if _, err := p.parse.encoder(); err != nil {
		return p.file.Wrap(root.Get("output"), err)
	}
	if _, err := time.LoadLocation(parser.Zone); err != nil {
		return p.file.Wrap(root.Get("parser").Get("zone"), err)
	}
	return nil
}

// apiSource reads the endpoints, each of which names a built-in definition or a file.
func (p *pipelineFile) apiSource(f *config.File, n *yaml.Node) (opener[ingest.Source], error) {
	var o struct {
		api.Options
		Endpoints []struct {
			Definition, Name string
			Params           map[string]string
			Secrets          api.Secrets
			Interval         time.Duration
		}
	}
	if err := f.Fill(n, &o); err != nil {
		return nil, err
	}
	for i, e := range o.Endpoints {
		def, err := definition(e.Definition)
		if err != nil {
			return nil, f.Wrap(n.Get("endpoints").Items[i], err)
		}
		o.Options.Endpoints = append(o.Options.Endpoints, api.Endpoint{
			Definition: def, Name: e.Name, Params: e.Params, Secrets: e.Secrets, Interval: e.Interval,
		})
	}
	o.Logger = p.log
	src, err := api.New(o.Options) // it opens nothing
	if err != nil {
		return nil, f.Wrap(n, err)
	}
	return func() (ingest.Source, io.Closer, error) { return src, nil, nil }, nil
}

func definition(name string) (*api.Definition, error) {
	if !strings.HasSuffix(name, ".yaml") {
		return api.Builtin(name)
	}
	src, err := config.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return api.ParseDefinition(name, src)
}

func (p *pipelineFile) source(n *yaml.Node) (opener[ingest.Source], error) {
	open, err := pick(p.file, n, p.sourceKinds(), "source", "join")
	if err != nil {
		return nil, err
	}
	shown := func() (ingest.Source, io.Closer, error) {
		src, c, err := open()
		if s, ok := src.(progress); ok {
			p.progress = append(p.progress, s)
		}
		return src, c, err
	}
	return joining(p.file, n.Get("join"), shown)
}

// pick finds the kind that an entry names.
func pick[T any](f *config.File, n *yaml.Node, kinds map[string]kind[T], what string, beside ...string) (opener[T], error) {
	key, options, err := f.One(n, beside...)
	if err != nil {
		return nil, err
	}
	k, ok := kinds[key.Text]
	if !ok {
		var names []string
		for name := range kinds {
			names = append(names, name)
		}
		slices.Sort(names)
		return nil, f.Errorf(key, "%s is no kind of %s; there are %s%s", key.Text, what, strings.Join(names, ", "), config.Hint(key.Text, names))
	}
	return k(f, options)
}

// sink reads an entry: its kind, its queue, and the spool in front of it.
func (p *pipelineFile) sink(n *yaml.Node) (e sinkEntry, err error) {
	f := p.file
	beside := []string{"name", "best_effort", "drop", "queue_batches", "queue_bytes", "timeout", "spool"}
	open, err := pick(f, n, p.sinkKinds(), "sink", beside...)
	if err != nil {
		return e, err
	}
	key, _, _ := f.One(n, beside...)
	queue := struct {
		Name             string
		BestEffort, Drop bool
		QueueBatches     int
		QueueBytes       int64
		Timeout          time.Duration
	}{Name: key.Text}
	rest := *n
	rest.Pairs = nil
	for _, pair := range n.Pairs {
		if pair.Key.Text != key.Text && pair.Key.Text != "spool" {
			rest.Pairs = append(rest.Pairs, pair)
		}
	}
	if len(rest.Pairs) > 0 {
		if err := f.Fill(&rest, &queue); err != nil {
			return e, err
		}
	}
	e.output = ingest.Output[parse.Record]{
		Name: queue.Name, BestEffort: queue.BestEffort, Drop: queue.Drop, QueueBatches: queue.QueueBatches, QueueBytes: queue.QueueBytes, Timeout: queue.Timeout,
	}
	before := n.Get("spool")
	if before == nil {
		e.open = func(deadSink) (recordSink, io.Closer, error) { return open() }
		return e, nil
	}
	var o spool.Options
	if err := f.Fill(before, &o); err != nil {
		return e, err
	}
	if err := o.Check(); err != nil {
		return e, f.Wrap(before, err)
	}
	e.open = func(dead deadSink) (recordSink, io.Closer, error) {
		inner, c, err := open()
		if err != nil {
			return nil, c, err
		}
		o.Logger, o.DeadLetters = p.log, dead
		s, err := spool.NewSink(inner, o)
		if err != nil {
			return nil, c, f.Wrap(before, err)
		}
		return s, both{s, c}, nil
	}
	return e, nil
}

// both closes a spool and then its destination.
type both struct{ first, second io.Closer }

// drainTime is for how long what is spooled is still delivered at the end; the rest waits on
// disk.
const drainTime = 5 * time.Second

func (b both) Close() error {
	if d, ok := b.first.(interface{ Drain(context.Context) error }); ok {
		ctx, cancel := context.WithTimeout(context.Background(), drainTime)
		_ = d.Drain(ctx) // what is left stays on disk
		cancel()
	}
	err := b.first.Close()
	if b.second != nil {
		err = errors.Join(err, b.second.Close())
	}
	return err
}
