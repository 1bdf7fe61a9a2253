package http

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/internal/httpin"
	"github.com/penstock-dev/penstock/ingest/internal/listen"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// ServerOptions say where to listen, who may send, and how much.
type ServerOptions = httpin.Options

// Source is the listener.
type Source = httpin.Server

// Stats are the counters of a listener.
type Stats = httpin.Stats

// Handler answers the requests of one protocol. The packages of the protocols make
// them.
type Handler = httpin.Handler

// TLS says which certificates a listener uses. Renewed files are used without a
// restart.
type TLS = listen.TLS

// Limits bound who may connect and how many.
type Limits = listen.Limits

// Options say what is in a body.
type Options struct {
	// Format is auto (by the Content-Type), lines, json, or whole: the body is one
	// message. Default: auto.
	Format string
}

// Listen opens a listener for raw messages on every path.
func Listen(server ServerOptions, opts Options) (*Source, error) {
	h, err := NewHandler(opts)
	if err != nil {
		return nil, err
	}
	return Serve(server, map[string]Handler{"/": h})
}

// Serve opens a listener with handlers, each for the paths that begin with its key. The
// longest that fits counts.
func Serve(server ServerOptions, handlers map[string]Handler) (*Source, error) {
	s, err := httpin.Listen(server, handlers)
	if err != nil {
		return nil, fmt.Errorf("ingest/http: %w", err)
	}
	return s, nil
}

// NewHandler returns the handler of raw messages.
func NewHandler(opts Options) (Handler, error) {
	switch opts.Format {
	case "", "auto", "lines", "json", "whole":
		return &handler{opts}, nil
	}
	return nil, fmt.Errorf("ingest/http: unknown Format %q: it is one of auto, lines, json, whole", opts.Format)
}

type handler struct{ opts Options }

// Public lets health checks in.
func (h *handler) Public(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.HasSuffix(r.URL.Path, "/health")
}

// Serve answers a request.
func (h *handler) Serve(w http.ResponseWriter, r *httpin.Request) error {
	if h.Public(r.Request) {
		fmt.Fprintln(w, "ok")
		return nil
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		return httpin.Errorf(http.StatusMethodNotAllowed, "send POST")
	}
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	format := h.opts.Format
	if format == "" || format == "auto" {
		format = "lines"
		if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t == "application/json" {
			format = "json"
		}
	}
	m := r.Messages()
	switch format {
	case "lines":
		m.AddLines(body)
	case "json":
		good := 0
		for _, item := range json.AppendItems(nil, body, &json.SplitOptions{Wrappers: []string{}}) {
			if item.Err != nil {
				m.Faults = append(m.Faults, ingest.Fault{Msg: len(m.Msgs), Err: item.Err})
			} else {
				good++
			}
			m.Add(item.Raw)
		}
		if good == 0 && len(m.Msgs) > 0 {
			return httpin.Errorf(http.StatusBadRequest, "the body holds no JSON object")
		}
	case "whole":
		if len(bytes.TrimSpace(body)) > 0 {
			m.Add(body)
		}
	}
	if err := r.DeliverAll(m); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "{\"accepted\":%d}\n", len(m.Msgs))
	return nil
}
