package elastic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/internal/fields"
	"github.com/penstock-dev/penstock/batch/internal/httpbulk"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/certs"
	"github.com/penstock-dev/penstock/internal/scan"
)

// Options say where to send, how much at once, and when again. URLs are those of the
// server, with a path if its API stands below one; /_bulk is added.
type Options = httpbulk.Options

// Auth is a secret and how it is shown.
type Auth = httpbulk.Auth

// TLS says which certificates are trusted and shown. Renewed files are used without a
// restart.
type TLS = certs.Client

// Stats are the counters of a sink.
type Stats = httpbulk.Stats

// Sink sends lines to the _bulk API.
type Sink[T any] struct{ *httpbulk.Sink[T] }

// Index says where documents go, and how.
type Index struct {
	// Name is an index, alias or data stream for all documents.
	Name string
	// Type, Dataset and Namespace are for documents that do not say so themselves, if
	// Name is empty. Defaults: logs, generic, default.
	Type, Dataset, Namespace string
	// Action is create, or index for a plain index in which documents with the same _id
	// are replaced. Default: create.
	Action string
	// Pipeline is the ingest pipeline that the server should use.
	Pipeline string
	// Query is added to the URL, as VictoriaLogs needs it: _msg_field=message&…
	Query string
}

// New returns a sink.
func New[T any](opts Options, index Index) (*Sink[T], error) {
	p, err := newProtocol(index)
	if err != nil {
		return nil, fmt.Errorf("batch/elastic: %w", err)
	}
	query := url.Values{}
	if index.Query != "" {
		if query, err = url.ParseQuery(index.Query); err != nil {
			return nil, fmt.Errorf("batch/elastic: Query: %w", err)
		}
	}
	query.Set("filter_path", "errors,items.*.status,items.*.error.type,items.*.error.reason")
	if index.Pipeline != "" {
		query.Set("pipeline", index.Pipeline)
	}
	if err := httpbulk.CheckURLs(opts.URLs); err != nil {
		return nil, fmt.Errorf("batch/elastic: %w", err)
	}
	urls := make([]string, len(opts.URLs))
	for i, u := range opts.URLs {
		if strings.ContainsAny(u, "?#") {
			return nil, errors.New("batch/elastic: a URL with a query: use Query of Index")
		}
		urls[i] = strings.TrimSuffix(u, "/") + "/_bulk?" + query.Encode()
	}
	opts.URLs = urls
	s, err := httpbulk.New[T](opts, p, httpbulk.Defaults{}, ingest.AppendID)
	if err != nil {
		return nil, err
	}
	return &Sink[T]{s}, nil
}

var _ batch.Async[struct{}] = (*Sink[struct{}])(nil)

type protocol struct {
	index   Index
	readers sync.Pool // *fields.Reader
}

// The fields that routing reads.
const (
	fieldType = iota
	fieldDataset
	fieldNamespace
	fieldEventDataset
)

func newProtocol(i Index) (*protocol, error) {
	if i.Action == "" {
		i.Action = "create"
	}
	if i.Action != "create" && i.Action != "index" {
		return nil, fmt.Errorf("Action %q: want create or index", i.Action)
	}
	for _, d := range []struct {
		v   *string
		def string
	}{{&i.Type, "logs"}, {&i.Dataset, "generic"}, {&i.Namespace, "default"}} {
		if *d.v == "" {
			*d.v = d.def
		}
		if clean := string(appendName(nil, []byte(*d.v), '_')); clean != *d.v {
			return nil, fmt.Errorf("%q is no part of the name of a data stream, %q would be", *d.v, clean)
		}
	}
	if strings.ContainsAny(i.Name, "\\/*?\"<>| ,#:") || strings.ToLower(i.Name) != i.Name || len(i.Name) > 255 || strings.HasPrefix(i.Name, "_") || strings.HasPrefix(i.Name, "-") {
		return nil, fmt.Errorf("%q is no name of an index", i.Name)
	}
	p := &protocol{index: i}
	p.readers.New = func() any {
		r, _ := fields.New("data_stream.type", "data_stream.dataset", "data_stream.namespace", "event.dataset")
		return r
	}
	return p, nil
}

// Name is the sink's.
func (*protocol) Name() string { return "batch/elastic" }

// ContentType of the bodies.
func (*protocol) ContentType() string { return "application/x-ndjson" }

const maxPart = 100 // bytes of a part of a data stream's name

// appendName appends a part of a data stream's name, in which some characters may not
// stand: a value from the wire must not choose another index.
func appendName(dst, name []byte, instead byte) []byte {
	start := len(dst)
	for _, c := range name[:min(len(name), maxPart)] {
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_':
		case c == '.' && len(dst) > start:
		default:
			c = instead
		}
		dst = append(dst, c)
	}
	return dst
}

// Append appends an action and a document for each row.
func (p *protocol) Append(dst []byte, rows *httpbulk.Rows) ([]byte, error) {
	r := p.readers.Get().(*fields.Reader)
	defer p.readers.Put(r)
	var part []byte
	for i := range rows.Len() {
		line := rows.Line(i)
		dst = append(append(append(dst, `{"`...), p.index.Action...), `":{"_index":"`...)
		if p.index.Name != "" {
			dst = append(dst, p.index.Name...)
		} else {
			known := r.Read(line)
			for k, def := range []string{p.index.Type, p.index.Dataset, p.index.Namespace} {
				if k > 0 {
					dst = append(dst, '-')
				}
				part = part[:0]
				if known {
					part = r.Append(part, k)
					if len(part) == 0 && k == fieldDataset {
						part = r.Append(part, fieldEventDataset)
					}
				}
				if len(part) == 0 {
					part = append(part, def...)
				}
				dst = appendName(dst, part, '_')
			}
		}
		dst = append(dst, '"')
		if id := rows.ID(i); len(id) > 0 {
			dst = scan.AppendJSONString(append(dst, `,"_id":`...), id)
		}
		dst = append(append(dst, "}}\n"...), line...)
		dst = append(dst, '\n')
	}
	return dst, nil
}

// answer is what is read of an answer.
type answer struct {
	Errors *bool
	Items  []map[string]struct {
		Status int
		Error  json.RawMessage
	}
}

// Verdict looks at each item.
func (p *protocol) Verdict(body []byte, rows *httpbulk.Rows) error {
	var a answer
	if err := json.Unmarshal(bytes.TrimSpace(body), &a); err != nil || a.Errors == nil {
		return httpbulk.Unclear("the answer is not that of _bulk: " + string(body[:min(len(body), 200)]))
	}
	if !*a.Errors {
		return nil
	}
	if len(a.Items) != rows.Len() {
		return httpbulk.Unclear(fmt.Sprintf("the answer has %d items for %d documents", len(a.Items), rows.Len()))
	}
	var failed batch.Partial
	for i, it := range a.Items {
		if len(it) != 1 {
			return httpbulk.Unclear("an item of the answer is not one action")
		}
		for _, result := range it {
			switch s := result.Status; {
			case s/100 == 2, s == 409:
			case s == 429, s/100 == 5:
				failed.Fail(i, httpbulk.Busy(s, reason(result.Error)))
			case s == 0:
				return httpbulk.Unclear("an item of the answer has no status")
			default:
				failed.Fail(i, httpbulk.Reject(s, reason(result.Error)))
			}
		}
	}
	return failed.Err()
}

func reason(raw json.RawMessage) string {
	var e struct{ Type, Reason string }
	if json.Unmarshal(raw, &e) != nil {
		return string(raw)
	}
	return strings.TrimSpace(e.Type + " " + e.Reason)
}
