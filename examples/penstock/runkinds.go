package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"

	"github.com/penstock-dev/penstock/batch/clickhouse"
	"github.com/penstock-dev/penstock/batch/elastic"
	batchfile "github.com/penstock-dev/penstock/batch/file"
	"github.com/penstock-dev/penstock/batch/loki"
	"github.com/penstock-dev/penstock/batch/otlp"
	"github.com/penstock-dev/penstock/batch/splunk"
	batchsyslog "github.com/penstock-dev/penstock/batch/syslog"
	"github.com/penstock-dev/penstock/batch/webhook"
	"github.com/penstock-dev/penstock/examples/penstock/internal/config"
	"github.com/penstock-dev/penstock/ingest"
	inelastic "github.com/penstock-dev/penstock/ingest/elastic"
	"github.com/penstock-dev/penstock/ingest/evtx"
	"github.com/penstock-dev/penstock/ingest/exec"
	"github.com/penstock-dev/penstock/ingest/file"
	"github.com/penstock-dev/penstock/ingest/forward"
	inhttp "github.com/penstock-dev/penstock/ingest/http"
	"github.com/penstock-dev/penstock/ingest/journald"
	inloki "github.com/penstock-dev/penstock/ingest/loki"
	"github.com/penstock-dev/penstock/ingest/lumberjack"
	inotlp "github.com/penstock-dev/penstock/ingest/otlp"
	"github.com/penstock-dev/penstock/ingest/reader"
	"github.com/penstock-dev/penstock/ingest/relp"
	insplunk "github.com/penstock-dev/penstock/ingest/splunk"
	"github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/ingest/zstd"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

// kind makes an opener from the options that the file has.
type kind[T any] func(f *config.File, n *yaml.Node) (opener[T], error)

// kindOf is a kind whose options are a struct of the Go API. check, if set, says what is wrong
// with them without opening anything; nil: open opens nothing itself.
func kindOf[O, T any](check func(O) error, open func(O) (T, io.Closer, error)) kind[T] {
	return kindFrom(func() (o O, err error) { return o, nil }, check, open)
}

// kindFrom is kindOf with options that are not all zero where the file does not say otherwise.
func kindFrom[O, T any](first func() (O, error), check func(O) error, open func(O) (T, io.Closer, error)) kind[T] {
	return func(f *config.File, n *yaml.Node) (opener[T], error) {
		o, err := first()
		if err != nil {
			return nil, err
		}
		if err := f.Fill(n, &o); err != nil {
			return nil, err
		}
		if check == nil {
			check = func(o O) error {
				_, c, err := open(o)
				if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
					return nil // a secret or a certificate, of the machine that it will run on
				}
				if err == nil && c != nil {
					err = c.Close()
				}
				return err
			}
		}
		if err := check(o); err != nil {
			return nil, f.Wrap(n, err)
		}
		return func() (T, io.Closer, error) {
			t, c, err := open(o)
			return t, c, f.Wrap(n, err)
		}, nil
	}
}

// listener is kindOf for a source that is closed by its Run.
func listener[O any, S ingest.Source](log *slog.Logger, check func(O) error, open func(O, *slog.Logger) (S, error)) kind[ingest.Source] {
	return kindOf(check, func(o O) (ingest.Source, io.Closer, error) {
		s, err := open(o, log)
		if err != nil {
			return nil, nil, err
		}
		return s, nil, nil
	})
}

// server checks the options of a source over HTTP.
func server[H any](o inhttp.ServerOptions, handler func() (H, error)) error {
	if _, err := handler(); err != nil {
		return err
	}
	return o.Check()
}

// The HTTP sources have the options of the server and their own side by side.
type (
	httpOptions struct {
		inhttp.ServerOptions
		inhttp.Options
	}
	splunkOptions struct {
		insplunk.ServerOptions
		insplunk.Options
	}
	elasticOptions struct {
		inelastic.ServerOptions
		inelastic.Options
	}
	otlpOptions struct {
		inotlp.ServerOptions
		inotlp.Options
	}
	lokiOptions struct {
		inloki.ServerOptions
		inloki.Options
	}
)

// The HTTP sinks have what is their own under a key beside the options that all have.
type (
	fileSink struct {
		batchfile.Options
		Compression string // none, gzip, zstd
	}
	elasticSink struct {
		elastic.Options
		Index elastic.Index
	}
	splunkSink struct {
		splunk.Options
		Event splunk.Event
	}
	lokiSink struct {
		loki.Options
		Stream loki.Stream
	}
	otlpSink struct {
		otlp.Options
		Resource otlp.Resource
	}
	webhookSink struct {
		webhook.Options
		Form webhook.Form
	}
	clickhouseSink struct {
		clickhouse.Options
		Table clickhouse.Table
	}
)

// options are those of package batch/file, checked.
func (o *fileSink) options() (files batchfile.Options, err error) {
	files = o.Options
	switch o.Compression {
	case "", "none":
	case "gzip":
		files.Compression, err = batchfile.Gzip(0)
	case "zstd":
		files.Compression, err = zstd.NewCompression(0)
	default:
		err = fmt.Errorf("compression is none, gzip or zstd, not %q", o.Compression)
	}
	if err != nil {
		return files, err
	}
	return files, files.Check()
}

// bodyCodecs are the forms of compression of request bodies besides those of the listeners.
func bodyCodecs() []ingest.Codec {
	z, err := zstd.New(zstd.Options{})
	if err != nil {
		panic(err) // the defaults are right
	}
	return []ingest.Codec{z}
}

func (p *pipelineFile) sourceKinds() map[string]kind[ingest.Source] {
	log := p.log
	codecs := bodyCodecs()
	return map[string]kind[ingest.Source]{
		"stdin": kindFrom(func() (o reader.Options, err error) {
			o.Decoding, err = unpacked()
			return o, err
		}, nil, func(o reader.Options) (ingest.Source, io.Closer, error) { return reader.New(p.std.in, o), nil, nil }),
		"file": listener(log, nil, func(o file.FollowOptions, log *slog.Logger) (*file.Follower, error) {
			o.Logger = log
			if o.Decoders == nil {
				var err error
				if o.Decoders, err = decoders(); err != nil {
					return nil, err
				}
			}
			return file.Follow(o)
		}),
		"backfill": kindFrom(func() (o file.Options, err error) {
			o.Decoding, err = unpacked()
			return o, err
		}, nil, backfill),
		"syslog": listener(log, syslog.Options.Check, func(o syslog.Options, log *slog.Logger) (*syslog.Source, error) {
			o.Logger = log
			return syslog.Listen(o)
		}),
		"relp": listener(log, relp.Options.Check, func(o relp.Options, log *slog.Logger) (*relp.Source, error) {
			o.Logger = log
			return relp.Listen(o)
		}),
		"http": listener(log, func(o httpOptions) error {
			return server(o.ServerOptions, func() (inhttp.Handler, error) { return inhttp.NewHandler(o.Options) })
		}, func(o httpOptions, log *slog.Logger) (*inhttp.Source, error) {
			o.Logger = log
			o.Codecs = codecs
			return inhttp.Listen(o.ServerOptions, o.Options)
		}),
		"splunk": listener(log, func(o splunkOptions) error {
			return server(o.ServerOptions, func() (insplunk.Handler, error) { return insplunk.NewHandler(o.Options) })
		}, func(o splunkOptions, log *slog.Logger) (*insplunk.Source, error) {
			o.Logger = log
			o.Codecs = codecs
			return insplunk.Listen(o.ServerOptions, o.Options)
		}),
		"elastic": listener(log, func(o elasticOptions) error {
			return server(o.ServerOptions, func() (inelastic.Handler, error) { return inelastic.NewHandler(o.Options) })
		}, func(o elasticOptions, log *slog.Logger) (*inelastic.Source, error) {
			o.Logger = log
			o.Codecs = codecs
			return inelastic.Listen(o.ServerOptions, o.Options)
		}),
		"otlp": listener(log, func(o otlpOptions) error {
			return server(o.ServerOptions, func() (inotlp.Handler, error) { return inotlp.NewHandler(o.Options), nil })
		}, func(o otlpOptions, log *slog.Logger) (*inotlp.Source, error) {
			o.Logger = log
			o.Codecs = codecs
			return inotlp.Listen(o.ServerOptions, o.Options)
		}),
		"loki": listener(log, func(o lokiOptions) error {
			return server(o.ServerOptions, func() (inloki.Handler, error) { return inloki.NewHandler(o.Options), nil })
		}, func(o lokiOptions, log *slog.Logger) (*inloki.Source, error) {
			o.Logger = log
			o.Codecs = codecs
			return inloki.Listen(o.ServerOptions, o.Options)
		}),
		"forward": listener(log, forward.Options.Check, func(o forward.Options, log *slog.Logger) (*forward.Source, error) {
			o.Logger = log
			return forward.Listen(o)
		}),
		"lumberjack": listener(log, lumberjack.Options.Check, func(o lumberjack.Options, log *slog.Logger) (*lumberjack.Source, error) {
			o.Logger = log
			return lumberjack.Listen(o)
		}),
		"exec": listener(log, nil, func(o exec.Options, log *slog.Logger) (*exec.Source, error) {
			o.Logger = log
			return exec.New(o)
		}),
		"evtx": listener(log, nil, func(o evtx.Options, log *slog.Logger) (*evtx.Source, error) {
			o.Logger = log
			return evtx.New(o)
		}),
		"journald": listener(log, nil, func(o journald.Options, log *slog.Logger) (*journald.Source, error) {
			o.Logger = log
			return journald.New(o)
		}),
		"api": p.apiSource,
	}
}

// closing is kindOf for a sink that has to be closed.
func closing[O any, S interface {
	recordSink
	io.Closer
}](check func(O) error, open func(O) (S, error)) kind[recordSink] {
	return kindOf(check, func(o O) (recordSink, io.Closer, error) {
		s, err := open(o)
		if err != nil {
			return nil, nil, err
		}
		return s, s, nil
	})
}

func (p *pipelineFile) sinkKinds() map[string]kind[recordSink] {
	log := p.log
	return map[string]kind[recordSink]{
		"stdout": kindOf(nil, func(struct{}) (recordSink, io.Closer, error) {
			return p.std.lines(), nil, nil
		}),
		"file": closing(func(o fileSink) error {
			_, err := o.options()
			return err
		}, func(o fileSink) (*batchfile.Sink[parse.Record], error) {
			files, err := o.options()
			if err != nil {
				return nil, err
			}
			return batchfile.New[parse.Record](files)
		}),
		"elastic": closing(nil, func(o elasticSink) (*elastic.Sink[parse.Record], error) {
			o.Logger = log
			return elastic.New[parse.Record](o.Options, o.Index)
		}),
		"splunk": closing(nil, func(o splunkSink) (*splunk.Sink[parse.Record], error) {
			o.Logger = log
			return splunk.New[parse.Record](o.Options, o.Event)
		}),
		"loki": closing(nil, func(o lokiSink) (*loki.Sink[parse.Record], error) {
			o.Logger = log
			return loki.New[parse.Record](o.Options, o.Stream)
		}),
		"otlp": closing(nil, func(o otlpSink) (*otlp.Sink[parse.Record], error) {
			o.Logger = log
			return otlp.New[parse.Record](o.Options, o.Resource)
		}),
		"webhook": closing(nil, func(o webhookSink) (*webhook.Sink[parse.Record], error) {
			o.Logger = log
			return webhook.New[parse.Record](o.Options, o.Form)
		}),
		"syslog":   closing(nil, batchsyslog.New[parse.Record]),
		"postgres": kindOf(nil, openPostgres),
		"clickhouse": closing(nil, func(o clickhouseSink) (*clickhouse.Sink[parse.Record], error) {
			o.Logger = log
			return clickhouse.New[parse.Record](o.Options, o.Table)
		}),
	}
}
