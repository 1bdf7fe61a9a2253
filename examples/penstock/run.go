package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/penstock-dev/penstock/examples/penstock/internal/config"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/validate"
)

// runRun runs the pipeline of a file until it is told to stop.
func runRun(ctx context.Context, args []string, std stdio) error {
	fs := flags("run", "-c FILE", std)
	name := fs.String("c", "", "configuration `file` (see examples/penstock/README.md)")
	quiet := fs.Bool("quiet", false, "log errors only")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	line := &progressLine{w: std.err}
	show := isTerminal(std.err) && !*quiet
	if show {
		std.err = line
	}
	level := slog.LevelInfo
	if *quiet {
		level = slog.LevelError
	}
	log := slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: level}))
	p, err := loadPipeline(*name, std, log)
	if err != nil {
		return err
	}
	if show {
		p.line = line
	}
	return p.run(ctx, std, log)
}

// runCheck checks the file, and opens nothing.
func runCheck(_ context.Context, args []string, std stdio) error {
	fs := flags("check", "-c FILE", std)
	name := fs.String("c", "", "configuration `file`")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	p, err := loadPipeline(*name, std, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if _, err := p.parser(); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s: %d sources, %d sinks\n", *name, len(p.sources), len(p.sinks))
	return nil
}

// pipelineFile is a configuration that has been read and checked as far as that can be done
// without opening anything.
type pipelineFile struct {
	file    *config.File
	parse   parseOptions
	limits  pipelineLimits
	sources []opener[ingest.Source]
	sinks   []sinkEntry
	dead    opener[deadSink]
	admin   string // host:port, or empty
	std     stdio
	log     *slog.Logger

	line     *progressLine // nil: nobody looks
	progress []progress    // sources that have been opened and know how far they are
}

// pipelineLimits are the keys of a configuration that stand for fields of ingest.Config.
type pipelineLimits struct {
	Workers, MinWorkers, MaxMessage, MaxEvents int
	Ordered                                    bool
	Chunks, ChunkSize                          int
}

// opener makes a part of the pipeline when it is going to run, and what has to be closed
// after it.
type opener[T any] func() (T, io.Closer, error)

func (p *pipelineFile) parser() (parse.Parser[parse.Record], error) {
	parser, _, err := p.parse.parser()
	var placed *yaml.Error // of a pack or an overlay, which says where in that file
	if n := p.file.Root.Get("parser").Get("pack"); err != nil && n != nil && !errors.As(err, &placed) {
		err = p.file.Wrap(n, err)
	}
	return parser, err
}

// limited is a configuration that has what the key pipeline says.
func (p *pipelineFile) limited() ingest.Config[parse.Record] {
	return ingest.Config[parse.Record]{
		Workers: p.limits.Workers, MinWorkers: p.limits.MinWorkers, MaxMessage: p.limits.MaxMessage, MaxEvents: p.limits.MaxEvents,
		Ordered: p.limits.Ordered, Chunks: p.limits.Chunks, ChunkSize: p.limits.ChunkSize,
	}
}

// run opens everything, runs the pipeline, and closes everything.
func (p *pipelineFile) run(ctx context.Context, std stdio, log *slog.Logger) (err error) {
	var closers []io.Closer
	defer func() {
		for i := len(closers) - 1; i >= 0; i-- { // sinks in front of others were opened later
			err = errors.Join(err, closers[i].Close())
		}
	}()
	keep := func(c io.Closer) {
		if c != nil {
			closers = append(closers, c)
		}
	}
	cfg := p.limited()
	cfg.Validator, cfg.Logger = validate.ECS(), log
	if cfg.Parser, err = p.parser(); err != nil {
		return err
	}
	if cfg.Encoder, err = p.parse.encoder(); err != nil {
		return err
	}
	if p.dead != nil {
		sink, c, err := p.dead()
		if err != nil {
			return err
		}
		keep(c)
		cfg.DeadLetters = sink
	}
	for _, e := range p.sinks {
		sink, c, err := e.open(cfg.DeadLetters)
		keep(c)
		if err != nil {
			return err
		}
		out := e.output
		out.Sink = sink
		cfg.Outputs = append(cfg.Outputs, out)
	}
	for _, open := range p.sources {
		src, c, err := open()
		keep(c)
		if err != nil {
			return err
		}
		cfg.Sources = append(cfg.Sources, src)
	}
	distinct(cfg.Sources)
	pl, err := ingest.New(cfg)
	if err != nil {
		return err
	}
	if p.admin != "" {
		a, err := serveAdmin(p.admin, pl)
		if err != nil {
			return err
		}
		defer a.close()
	}
	stop := p.reloads(pl, log)
	defer stop()
	noMore := func() {}
	if p.line != nil && len(p.progress) > 0 {
		noMore = p.line.follow(p.progress)
	}
	err = pl.RunSignals(ctx)
	noMore()
	summary(std.err, pl.Stats())
	return err
}

// distinct gives sources of one name, such as syslog over UDP and over TCP, names of their own
// in the counters: syslog, syslog-2.
func distinct(sources []ingest.Source) {
	taken := map[string]bool{}
	for i, s := range sources {
		name := fmt.Sprintf("source-%d", i+1)
		if n, ok := s.(ingest.Named); ok {
			name = n.Name()
		}
		own := name
		for k := 2; taken[own]; k++ {
			own = fmt.Sprintf("%s-%d", name, k)
		}
		if taken[own] = true; own != name {
			sources[i] = ingest.WithName(own, s)
		}
	}
}

// reloads reads packs and overlays again whenever the process gets SIGHUP.
func (p *pipelineFile) reloads(pl *ingest.Pipeline[parse.Record], log *slog.Logger) (stop func()) {
	hup, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hup, syscall.SIGHUP)
	go func() { // ends with stop
		defer close(done)
		for range hup {
			parser, err := p.parser()
			if err == nil {
				parts := pl.Parts()
				parts.Parser = parser
				err = pl.Swap(parts)
			}
			if err != nil {
				log.Error("the packs are as they were, since the new ones cannot be used", "error", err)
				continue
			}
			log.Info("packs and overlays have been read again")
		}
	}()
	return func() {
		signal.Stop(hup)
		close(hup)
		<-done
	}
}
