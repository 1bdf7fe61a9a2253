package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/file"
	"github.com/penstock-dev/penstock/ingest/reader"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ocsf"
	"github.com/penstock-dev/penstock/normalize/ossem"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/vendors"
	"github.com/penstock-dev/penstock/validate"
)

type parseOptions struct {
	pack, framing, events, errors, fields, output, now, zone, packs, profile, overlay string
	compression, charset, invalid, join                                               string
	original, headerRow                                                               bool
	workers, maxMessage                                                               int
	progress                                                                          []progress // of config
}

func runParse(ctx context.Context, args []string, std stdio) error {
	var o parseOptions
	fs := flags("parse", "[flags] [FILE...]", std)
	fs.StringVar(&o.pack, "p", "auto", "`pack` or format by name, or auto to tell it by the bytes")
	fs.StringVar(&o.framing, "framing", "", "where records end: lines, nul, whole, octet, json or evtx; default lines, for netflow whole (a file is one datagram; with octet it has several, each behind its length and a space), for evtx evtx")
	fs.StringVar(&o.compression, "compression", "auto", "auto tells gzip and zstd by their first bytes; gzip, zlib or zstd; none")
	fs.StringVar(&o.charset, "charset", "auto", "`character set`, by a name of the IANA registry; auto is UTF-8, or UTF-16 with a byte order mark; none reads bytes as they are, as formats that are no text are")
	fs.StringVar(&o.invalid, "invalid", "keep", "records that are not UTF-8: keep, reject, repair (by U+FFFD), or windows-1252 (read so)")
	fs.BoolVar(&o.headerRow, "header", false, "the first record of each file names the columns of the others (CSV); #Fields lines of W3C and Zeek logs are followed without it")
	fs.StringVar(&o.join, "join", "", "put lines together: auditd (the records of one audit event), containers (lines that a container runtime cut), indented (lines that begin with a space or tab go on), start=REGEX (lines that match begin a record), continue=REGEX (go on), end=REGEX (end one)")
	fs.StringVar(&o.events, "events", "all", "all events of a record, or one: the first only")
	fs.StringVar(&o.errors, "errors", "inline", "dead letters: inline in the output, drop, or a `file` to write them to")
	fs.BoolVar(&o.original, "original", false, "keep the raw record in event.original")
	fs.StringVar(&o.fields, "fields", "all", "all fields, or ecs: without the vendor's own")
	fs.StringVar(&o.output, "o", "ecs", "form of the output: ecs (nested objects), ecs-flat (dotted names), ocsf or ossem")
	fs.StringVar(&o.now, "now", "", "the `time` (RFC 3339) by which times without a year get theirs; default: the clock")
	fs.StringVar(&o.zone, "tz", "UTC", "time `zone` of times that carry none")
	fs.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "goroutines that parse; the output does not depend on it")
	fs.IntVar(&o.maxMessage, "max-record", 1<<20, "longest record in `bytes`; a longer one is a dead letter")
	fs.StringVar(&o.packs, "packs", "", "`folder` of packs to use instead of the built-in ones")
	fs.StringVar(&o.overlay, "overlay", "", "`file` that changes a pack; several with commas")
	fs.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile to `file`")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	cfg, closeDead, err := o.config(fs.Args(), std)
	if err != nil {
		return err
	}
	p, err := ingest.New(cfg)
	if err != nil {
		return err
	}
	noMore := func() {}
	if isTerminal(std.err) && !isTerminal(std.out) && len(o.progress) > 0 {
		noMore = (&progressLine{w: std.err}).follow(o.progress)
	}
	runErr := p.Run(ctx)
	noMore()
	runErr = errors.Join(runErr, closeDead())
	summary(std.err, p.Stats())
	return runErr
}

// config wires the pipeline that the options describe.
func (o *parseOptions) config(paths []string, std stdio) (cfg ingest.Config[parse.Record], closeDead func() error, err error) {
	closeDead = func() error { return nil }
	if o.framing == "evtx" && o.pack == "auto" {
		o.pack = "evtx" // nothing else reads its chunks
	}
	parser, usual, err := o.parser()
	if err != nil {
		return cfg, closeDead, err
	}
	if o.framing == "" {
		o.framing = usual
	}
	framing, err := ingest.ParseFraming(o.framing)
	if err != nil {
		return cfg, closeDead, err
	}
	decoding, err := o.decoding(usual != "lines")
	if err != nil {
		return cfg, closeDead, err
	}
	if o.fields != "all" && o.fields != "ecs" {
		return cfg, closeDead, fmt.Errorf("-fields is all or ecs, not %q", o.fields)
	}
	encoder, err := o.encoder()
	if err != nil {
		return cfg, closeDead, err
	}
	cfg = ingest.Config[parse.Record]{
		Parser:    parser,
		Validator: validate.ECS(),
		Encoder:   encoder,
		// What cannot be written will not be writable later: a closed pipe ends the run.
		Outputs: []ingest.Output[parse.Record]{{
			Name: "stdout", Sink: std.lines(), StopOnError: true, Retry: batch.RetryOptions{Attempts: 1},
		}},
		Workers:    o.workers,
		Ordered:    true,
		MaxMessage: o.maxMessage,
	}
	if len(paths) == 0 {
		cfg.Sources = []ingest.Source{reader.New(std.in, reader.Options{Name: "stdin", Framing: framing, Decoding: decoding})}
	} else {
		src := file.New(file.Options{Paths: paths, Framing: framing, Decoding: decoding})
		o.progress = append(o.progress, src)
		cfg.Sources = []ingest.Source{src}
	}
	if cfg.Sources[0], err = o.joined(cfg.Sources[0]); err != nil {
		return cfg, closeDead, err
	}
	switch o.events {
	case "all":
	case "one":
		cfg.FirstEventOnly = true
	default:
		return cfg, closeDead, fmt.Errorf("-events is all or one, not %q", o.events)
	}
	switch o.errors {
	case "inline":
		cfg.InlineDeadLetters = appendDeadLetter
	case "drop":
	default:
		f, err := os.OpenFile(o.errors, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return cfg, closeDead, err
		}
		cfg.DeadLetters = batch.NewWriter[ingest.DeadLetter](f)
		closeDead = f.Close
	}
	return cfg, closeDead, nil
}

// encoder writes events in the schema that the options name.
func (o *parseOptions) encoder() (ingest.Encoder[parse.Record], error) {
	only := o.fields == "ecs"
	switch o.output {
	case "ecs", "ecs-flat":
		return normalize.NewEncoder(normalize.EncoderOptions{ECSOnly: only, Flat: o.output == "ecs-flat"}), nil
	case "ocsf":
		return ocsf.NewEncoder(ocsf.Options{ECSOnly: only}), nil
	case "ossem":
		return ossem.NewEncoder(ossem.Options{ECSOnly: only}), nil
	}
	return nil, fmt.Errorf("-o is ecs, ecs-flat, ocsf or ossem, not %q", o.output)
}

// packOptions are the options of packs.
func (o *parseOptions) packOptions() (pack.Options, error) {
	opts := pack.Options{ECSOnly: o.fields == "ecs", HeaderRow: o.headerRow, Original: o.original}
	if o.now != "" {
		t, err := time.Parse(time.RFC3339, o.now)
		if err != nil {
			return opts, fmt.Errorf("-now: %w", err)
		}
		opts.Now = func() time.Time { return t }
	}
	zone, err := time.LoadLocation(o.zone)
	if err != nil {
		return opts, fmt.Errorf("-tz: %w", err)
	}
	opts.Zone = zone
	return opts, nil
}

// set returns the packs with the overlays.
func (o *parseOptions) set() (*pack.Set, error) {
	set, err := packSet(o.packs)
	if err != nil || o.overlay == "" {
		return set, err
	}
	for name := range strings.SplitSeq(o.overlay, ",") {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		over, err := pack.ParseOverlay(name, src)
		if err != nil {
			return nil, err
		}
		if err := set.AddOverlay(over); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// parser returns the parser of -p and the name of the framing that its records usually have.
func (o *parseOptions) parser() (parse.Parser[parse.Record], string, error) {
	opts, err := o.packOptions()
	if err != nil {
		return nil, "", err
	}
	set, err := o.set()
	if err != nil {
		return nil, "", err
	}
	if o.pack == "auto" {
		p, err := set.Auto(opts)
		return p, "lines", err
	}
	if p, format, ok, err := vendors.Binary(o.pack, set, opts); ok {
		if format == vendors.Chunks {
			return p, "evtx", err
		}
		return p, "whole", err
	}
	p, err := set.Parser(o.pack, opts)
	if err != nil {
		return nil, "", err
	}
	return p, "lines", nil
}

// packSet returns the packs of a folder, or the built-in ones.
func packSet(dir string) (*pack.Set, error) {
	if dir == "" {
		return vendors.Packs()
	}
	set, err := pack.NewSet()
	if err != nil {
		return nil, err
	}
	return set, set.LoadDir(os.DirFS(dir))
}

// appendDeadLetter writes a dead letter as an event of kind pipeline_error.
func appendDeadLetter(dst []byte, d *ingest.DeadLetter) []byte {
	dst = append(dst, `{"event":{"kind":"pipeline_error","original":"`...)
	if utf8.Valid(d.Raw) {
		dst = dst[:len(dst)-1]
		dst = normalize.AppendJSONString(dst, d.Raw)
	} else {
		dst = append(dst, "base64:"...)
		dst = base64.StdEncoding.AppendEncode(dst, d.Raw)
		dst = append(dst, '"')
	}
	dst = append(dst, `},"error":{"code":"`...)
	dst = append(dst, d.Category.String()...)
	dst = append(dst, `","type":"`...)
	dst = append(dst, d.Stage.String()...)
	dst = append(dst, `","message":`...)
	msg := ""
	if d.Err != nil {
		msg = d.Err.Error()
	}
	dst = normalize.AppendJSONString(dst, []byte(msg))
	return append(dst, "}}"...)
}

// summary prints what the ledger counted.
func summary(w io.Writer, s ingest.Stats) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "penstock: %d records, %d events", s.Received, s.Delivered)
	if s.Filtered > 0 {
		fmt.Fprintf(&b, ", %d filtered", s.Filtered)
	}
	if s.Failed > 0 {
		fmt.Fprintf(&b, ", %d failed", s.Failed)
	}
	fmt.Fprintf(&b, ", %d dead letters", s.DeadLettered)
	var cats []string
	for c, n := range s.DeadLetters {
		if n > 0 {
			cats = append(cats, fmt.Sprintf("%s %d", errcat.Category(c), n))
		}
	}
	if sort.Strings(cats); len(cats) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(cats, ", "))
	}
	secs := max(s.Elapsed.Seconds(), 1e-9)
	fmt.Fprintf(&b, ", %d bytes in %.3f s, %.1f MB/s\n", s.Bytes, s.Elapsed.Seconds(), float64(s.Bytes)/1e6/secs)
	fmt.Fprint(w, b.String())
}
