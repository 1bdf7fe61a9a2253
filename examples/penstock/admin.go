package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/inspect"
	"github.com/penstock-dev/penstock/parse"
)

// admin is the HTTP server of a running pipeline.
type admin struct {
	server *http.Server
	done   chan struct{}
}

func serveAdmin(address string, p *ingest.Pipeline[parse.Record]) (*admin, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/stats", inspect.Stats(p))
	mux.Handle("/metrics", inspect.Metrics(p, ingest.MetricOptions{}))
	mux.Handle("/tap", inspect.Tap(p, inspect.TapOptions{}))
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { health(w, p.Stats()) })
	a := &admin{&http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 64 << 10}, make(chan struct{})}
	go func() { // ends with close
		defer close(a.done)
		_ = a.server.Serve(l) // it always returns an error, the usual one after Close
	}()
	return a, nil
}

// health is 503 while a required sink does not take what it is given, or the accounts do
// not balance.
func health(w http.ResponseWriter, s ingest.Stats) {
	err := s.Check()
	for _, sink := range s.Sinks {
		if sink.Required && sink.LastError != nil {
			err = errors.Join(err, fmt.Errorf("sink %s: %s", sink.Name, errcat.Of(sink.LastError)))
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (a *admin) close() {
	_ = a.server.Close() // taps end with it
	<-a.done
}

// runTap shows what /tap of a running pipeline sends.
func runTap(ctx context.Context, args []string, std stdio) error {
	fs := flags("tap", "-a HOST:PORT", std)
	address := fs.String("a", "127.0.0.1:9600", "`address` that the configuration names under admin")
	source := fs.String("source", "", "only what comes from this `source`")
	pack := fs.String("pack", "", "only what this `pack` made")
	rate := fs.Int("rate", 10, "how many a second at most")
	count := fs.Int("n", 0, "end after so many; 0: never")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	q := url.Values{"rate": {strconv.Itoa(*rate)}}
	for name, v := range map[string]string{"source": *source, "pack": *pack} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if *count > 0 {
		q.Set("count", strconv.Itoa(*count))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+*address+"/tap?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return fmt.Errorf("%s: %s", res.Status, text)
	}
	if std.terminal() {
		in := bufio.NewReader(res.Body)
		for err == nil {
			var line []byte
			line, err = in.ReadBytes('\n')
			if _, failed := std.out.Write(batch.AppendVisible(nil, line)); failed != nil {
				err = failed
			}
		}
		if err == io.EOF {
			err = nil
		}
	} else {
		_, err = io.Copy(std.out, res.Body)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}
