package elastic

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/ingest/internal/httpin"
	"github.com/penstock-dev/penstock/internal/scan"
)

// ServerOptions say where to listen, who may send, and how much.
type ServerOptions = httpin.Options

// Source is the listener.
type Source = httpin.Server

// Handler answers the requests; see http.Serve in package ingest/http.
type Handler = httpin.Handler

// Options of the API.
type Options struct {
	// Version is what clients are told; some refuse to send to an old one, or to a much
	// newer one. Default: 8.15.0.
	Version string
	// Prefix is the path under which the API stands. Default: none.
	Prefix string
}

// Listen opens a listener.
func Listen(server ServerOptions, opts Options) (*Source, error) {
	h, err := NewHandler(opts)
	if err != nil {
		return nil, err
	}
	if server.Name == "" {
		server.Name = "elastic"
	}
	s, err := httpin.Listen(server, map[string]Handler{opts.Prefix + "/": h})
	if err != nil {
		return nil, fmt.Errorf("ingest/elastic: %w", err)
	}
	return s, nil
}

// NewHandler returns the handler of the API.
func NewHandler(opts Options) (Handler, error) {
	if opts.Version == "" {
		opts.Version = "8.15.0"
	}
	if ok, _ := regexp.MatchString(`^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$`, opts.Version); !ok {
		return nil, fmt.Errorf("ingest/elastic: Version %q: want three numbers, such as 8.15.0", opts.Version)
	}
	if opts.Prefix != "" && (!strings.HasPrefix(opts.Prefix, "/") || strings.HasSuffix(opts.Prefix, "/")) {
		return nil, fmt.Errorf("ingest/elastic: Prefix %q: want a path that begins with / and does not end with one", opts.Prefix)
	}
	return &handler{opts: opts}, nil
}

type handler struct {
	opts     Options
	requests sync.Pool // *bulkRequest
}

// Refuse words a refusal as Elasticsearch does.
func (h *handler) Refuse(w http.ResponseWriter, _ *http.Request, status int, text string) {
	kind := "illegal_argument_exception"
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		kind = "security_exception"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		kind = "es_rejected_execution_exception"
	}
	answer(w, status, `{"error":{"root_cause":[{"type":%q,"reason":%s}],"type":%[1]q,"reason":%[2]s},"status":%[3]d}`, kind, quote(text), status)
}

func quote(s string) string { return string(scan.AppendJSONString(nil, []byte(s))) }

func answer(w http.ResponseWriter, status int, format string, args ...any) {
	head(w)
	w.WriteHeader(status)
	fmt.Fprintf(w, format+"\n", args...)
}

func head(w http.ResponseWriter) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch") // the official clients send to nobody else
	w.Header().Set("Content-Type", "application/json")
}

// Serve answers a request.
func (h *handler) Serve(w http.ResponseWriter, r *httpin.Request) error {
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, h.opts.Prefix), "/")
	parts := strings.Split(path, "/")
	last := parts[len(parts)-1]
	write := r.Method == http.MethodPost || r.Method == http.MethodPut
	switch {
	case last == "_bulk" && len(parts) <= 2 && write:
		index := ""
		if len(parts) == 2 {
			index = parts[0]
		}
		return h.bulk(w, r, index)
	case len(parts) >= 2 && (parts[1] == "_doc" || parts[1] == "_create") && write && !strings.HasPrefix(parts[0], "_"):
		return h.doc(w, r, parts)
	case path == "":
		answer(w, http.StatusOK, `{"name":"penstock","cluster_name":"penstock","cluster_uuid":"cGVuc3RvY2stLS0tLS0tLQ","version":{"number":%q,`+
			`"build_flavor":"default","build_type":"tar","build_hash":"0","build_date":"2026-01-01T00:00:00.000Z","build_snapshot":false,`+
			`"lucene_version":"9.11.1","minimum_wire_compatibility_version":"7.17.0","minimum_index_compatibility_version":"7.0.0"},`+
			`"tagline":"You Know, for Search"}`, h.opts.Version)
	case path == "_license":
		answer(w, http.StatusOK, `{"license":{"status":"active","uid":"penstock","type":"basic","issue_date":"2026-01-01T00:00:00.000Z","max_nodes":1000}}`)
	case path == "_xpack":
		answer(w, http.StatusOK, `{"license":{"uid":"penstock","type":"basic","mode":"basic","status":"active"},"features":{}}`)
	case strings.HasPrefix(path, "_cluster/health"):
		answer(w, http.StatusOK, `{"cluster_name":"penstock","status":"green","timed_out":false,"number_of_nodes":1,"number_of_data_nodes":1}`)
	case strings.HasPrefix(path, "_cat/"):
		answer(w, http.StatusOK, `[]`)
	case r.Method == http.MethodHead:
		head(w)
	case write && management(parts):
		answer(w, http.StatusOK, `{"acknowledged":true}`)
	case r.Method == http.MethodGet && management(parts):
		answer(w, http.StatusOK, `{}`)
	default:
		return httpin.Errorf(http.StatusNotFound, "no handler for %s of this path: only documents are taken", r.Method)
	}
	return nil
}

// management reports whether a path is of the APIs that set things up.
func management(parts []string) bool {
	switch parts[0] {
	case "_index_template", "_component_template", "_template", "_ingest", "_ilm", "_data_stream", "_aliases", "_alias", "_slm", "_security", "_nodes":
		return true
	}
	return len(parts) == 1 && !strings.HasPrefix(parts[0], "_") // an index
}

// doc takes one document.
func (h *handler) doc(w http.ResponseWriter, r *httpin.Request, parts []string) error {
	body, err := r.Bytes()
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return httpin.Errorf(http.StatusBadRequest, "request body is required")
	}
	m := r.Messages()
	m.Add(body)
	if err := r.DeliverAll(m); err != nil {
		return err
	}
	id := ""
	if len(parts) > 2 {
		id = parts[2]
	}
	answer(w, http.StatusCreated, `{"_index":%s,"_id":%s,"_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":0,"_primary_term":1}`,
		quote(parts[0]), quote(id))
	return nil
}

// filtered reports whether a client wants an answer without the names of its items.
func filtered(r *http.Request) bool {
	f := r.URL.Query().Get("filter_path")
	return f != "" && !strings.Contains(f, "_id") && !strings.Contains(f, "_index") && !strings.HasSuffix(f, "items") && !strings.HasSuffix(f, "items.*")
}

func appendCount(dst []byte, n int) []byte { return strconv.AppendInt(dst, int64(n), 10) }
