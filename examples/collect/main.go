// Command collect fetches alerts from HTTP endpoints side by side and prints those that are
// sound. It shows the whole of a collector with a host's own event type: no record, no pack.
//
//	collect -url https://a.example/alerts.ndjson -url https://b.example/alerts.ndjson -dead dead.ndjson
//
// An endpoint answers with one JSON object a line:
//
//	{"id":"a-1","time":"2026-03-03T09:00:00Z","severity":7,"source":"192.0.2.7","message":"…"}
//
// At most 10 connections are open at once, addresses are remembered for 300 s, an answer that
// stops for 30 s is given up, and bodies are read line by line. An endpoint that fails is tried
// again, at most five times, and keeps no other from being read: the summary says of each what
// it gave, or the category of its failure. What is missing in an alert
// stays missing: it is a dead letter with its category and its raw bytes, as is a severity
// beyond 0 to 10.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"sort"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/api"
	"github.com/penstock-dev/penstock/parse"
)

// alert is the event of this program.
type alert struct {
	ID       string
	Time     time.Time
	Severity int // 0 to 10
	Source   netip.Addr
	Message  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "collect:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	flags := flag.NewFlagSet("collect", flag.ContinueOnError)
	flags.SetOutput(errs)
	var urls []string
	flags.Func("url", "`address` of an endpoint; may be given several times", func(s string) error { urls = append(urls, s); return nil })
	dead := flags.String("dead", "", "`file` for dead letters; without it they are only counted")
	private := flags.Bool("allow-private", false, "allow addresses of this machine and of private networks")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if len(urls) == 0 {
		flags.Usage()
		return errors.New("no -url")
	}
	src, err := source(urls, *private)
	if err != nil {
		return err
	}
	cfg := ingest.Config[alert]{
		Sources:   []ingest.Source{src},
		Parser:    parse.ParserFunc[alert](parseAlert),
		Validator: ranges{},
		Sink: batch.Each(func(_ context.Context, a *alert) error {
			// Quoted: what somebody sent must not make lines of its own, nor steer a terminal.
			_, err := fmt.Fprintf(out, "%s  %2d  %-15s  %q  %q\n", a.Time.Format(time.RFC3339), a.Severity, a.Source, a.ID, a.Message)
			return err
		}),
	}
	if *dead != "" {
		f, err := os.OpenFile(*dead, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		cfg.DeadLetters = batch.NewWriter[ingest.DeadLetter](f)
	}
	p, err := ingest.New(cfg)
	if err != nil {
		return err
	}
	err = p.Run(ctx)
	summary(errs, p.Stats(), src.Stats())
	return err
}

// source fetches each of the addresses once.
func source(addresses []string, private bool) (*api.Source, error) {
	opts := api.Options{
		Once: true, Connections: 10, DNSCache: 300 * time.Second, Timeout: 30 * time.Second,
		UserAgent: "penstock-collect", AllowPrivate: private,
	}
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil {
			return nil, err
		}
		def, err := api.ParseDefinition("collect", []byte("name: alerts\nparams: {base: , path: }\nbase: \"{base}\"\nrequest: {path: \"{path}\"}\nformat: lines\n"))
		if err != nil {
			return nil, err
		}
		opts.Endpoints = append(opts.Endpoints, api.Endpoint{
			Definition: def, Name: address,
			Params: map[string]string{"base": u.Scheme + "://" + u.Host, "path": u.RequestURI()},
		})
	}
	return api.New(opts)
}

// parseAlert reads one line. It tells what is missing and what has the wrong type, and takes
// no field that it does not know.
func parseAlert(m *parse.Message, out *parse.Events[alert]) error {
	var wire struct {
		ID, Message, Source *string
		Time                *time.Time
		Severity            *int
	}
	d := json.NewDecoder(bytes.NewReader(m.Raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&wire); err != nil {
		if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return &errcat.Error{Category: errcat.TypeMismatch, Stage: errcat.StageParse, Field: t.Field, Offset: t.Offset, Err: err}
		}
		return errcat.Newf(errcat.SchemaViolation, errcat.StageParse, "%w", err)
	}
	for _, f := range []struct {
		name    string
		missing bool
	}{{"id", wire.ID == nil}, {"time", wire.Time == nil}, {"severity", wire.Severity == nil}, {"source", wire.Source == nil}, {"message", wire.Message == nil}} {
		if f.missing {
			return &errcat.Error{Category: errcat.SchemaViolation, Stage: errcat.StageParse, Field: f.name, Err: errors.New("is missing")}
		}
	}
	ip, err := netip.ParseAddr(*wire.Source)
	if err != nil {
		return &errcat.Error{Category: errcat.TypeMismatch, Stage: errcat.StageParse, Field: "source", Err: err}
	}
	*out.Add() = alert{*wire.ID, *wire.Time, *wire.Severity, ip, *wire.Message}
	return nil
}

// ranges checks what a type cannot say.
type ranges struct{}

func (ranges) Validate(a *alert) error {
	if a.Severity < 0 || a.Severity > 10 {
		return &errcat.Error{
			Category: errcat.SchemaViolation, Stage: errcat.StageValidate, Field: "severity",
			Err: fmt.Errorf("%d is not within 0 to 10", a.Severity),
		}
	}
	return nil
}

func summary(w io.Writer, s ingest.Stats, endpoints []api.Stats) {
	for _, e := range endpoints {
		fmt.Fprintf(w, "%s: %d requests, %d events", e.Name, e.Requests, e.Events)
		if e.LastErr != nil {
			fmt.Fprintf(w, ", %s: %v", errcat.Of(e.LastErr), e.LastErr)
		}
		fmt.Fprintln(w)
	}
	var dead []string
	for c, n := range s.DeadLetters {
		dead = append(dead, fmt.Sprintf("%s %d", c, n))
	}
	sort.Strings(dead)
	fmt.Fprintf(w, "%d received, %d delivered, %d dead letters %s\n", s.Received, s.Delivered, s.DeadLettered, strings.Join(dead, ", "))
}
