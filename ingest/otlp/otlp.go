package otlp

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/penstock-dev/penstock/ingest/internal/httpin"
	"github.com/penstock-dev/penstock/internal/protowire"
	"github.com/penstock-dev/penstock/internal/scan"
)

// ServerOptions say where to listen, who may send, and how much.
type ServerOptions = httpin.Options

// Source is the listener.
type Source = httpin.Server

// Handler answers the requests; see http.Serve in package ingest/http.
type Handler = httpin.Handler

// Options of the receiver.
type Options struct {
	// BodyOnly makes the body of a record the message, without what stands beside it.
	BodyOnly bool
}

// Listen opens a listener for POST to a path that ends with /v1/logs.
func Listen(server ServerOptions, opts Options) (*Source, error) {
	if server.Name == "" {
		server.Name = "otlp"
	}
	s, err := httpin.Listen(server, map[string]Handler{"/": NewHandler(opts)})
	if err != nil {
		return nil, fmt.Errorf("ingest/otlp: %w", err)
	}
	return s, nil
}

// NewHandler returns the handler of log records.
func NewHandler(opts Options) Handler { return &handler{opts} }

type handler struct{ opts Options }

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

func contentType(r *http.Request) string {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return t
}

// Refuse words a refusal as a google.rpc.Status, in the encoding of the request.
func (h *handler) Refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	if contentType(r) == typeProtobuf {
		w.Header().Set("Content-Type", typeProtobuf)
		w.WriteHeader(status)
		_, _ = w.Write(protowire.AppendBytes(nil, 2, text))
		return
	}
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(status)
	fmt.Fprintf(w, "{\"message\":%s}\n", scan.AppendJSONString(nil, []byte(text)))
}

// Serve answers a request.
func (h *handler) Serve(w http.ResponseWriter, r *httpin.Request) error {
	if !strings.HasSuffix(r.URL.Path, "/v1/logs") {
		return httpin.Errorf(http.StatusNotFound, "only log records are taken, at /v1/logs")
	}
	if r.Method != http.MethodPost {
		return httpin.Errorf(http.StatusMethodNotAllowed, "send POST")
	}
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	rec := records{bodyOnly: h.opts.BodyOnly}
	t := contentType(r.Request)
	switch t {
	case typeProtobuf:
		err = rec.protobuf(body)
	case typeJSON:
		err = rec.json(body)
	default:
		return httpin.Errorf(http.StatusUnsupportedMediaType, "send %s or %s", typeProtobuf, typeJSON)
	}
	if err != nil {
		return httpin.Errorf(http.StatusBadRequest, "%v", err)
	}
	m := r.Messages()
	start := 0
	for _, end := range rec.ends {
		m.Add(rec.text[start:end:end])
		start = end
	}
	if err := r.DeliverAll(m); err != nil {
		return err
	}
	w.Header().Set("Content-Type", t)
	if t == typeJSON {
		_, _ = w.Write([]byte("{}"))
	}
	return nil
}
