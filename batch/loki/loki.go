package loki

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/internal/fields"
	"github.com/penstock-dev/penstock/batch/internal/httpbulk"
	"github.com/penstock-dev/penstock/internal/certs"
	"github.com/penstock-dev/penstock/internal/scan"
)

// Options say where to send, how much at once, and when again. URLs are those of the
// server; /loki/api/v1/push is added. IDField and NoIDs do nothing here.
type Options = httpbulk.Options

// Auth is a secret and how it is shown.
type Auth = httpbulk.Auth

// TLS says which certificates are trusted and shown.
type TLS = certs.Client

// Stats are the counters of a sink.
type Stats = httpbulk.Stats

// Sink sends lines to Loki.
type Sink[T any] struct{ *httpbulk.Sink[T] }

// Stream says which labels entries have. At least one label is needed.
type Stream struct {
	Labels map[string]string // the same for all
	Fields map[string]string // label → field, such as host → host.name; left out where a line does not have it
	// MaxStreams bounds the different values of Fields. Default: 1000.
	MaxStreams int
	// Tenant is sent as X-Scope-OrgID, if set.
	Tenant string
	// Now is the clock for lines without a time. Default: time.Now.
	Now func() time.Time
}

// New returns a sink.
func New[T any](opts Options, stream Stream) (*Sink[T], error) {
	p, err := newProtocol(stream)
	if err != nil {
		return nil, fmt.Errorf("batch/loki: %w", err)
	}
	if err := httpbulk.CheckURLs(opts.URLs); err != nil {
		return nil, fmt.Errorf("batch/loki: %w", err)
	}
	urls := make([]string, len(opts.URLs))
	for i, u := range opts.URLs {
		urls[i] = strings.TrimSuffix(u, "/") + "/loki/api/v1/push"
	}
	opts.URLs = urls
	s, err := httpbulk.New[T](opts, p, httpbulk.Defaults{}, nil)
	if err != nil {
		return nil, err
	}
	return &Sink[T]{s}, nil
}

var _ batch.Async[struct{}] = (*Sink[struct{}])(nil)

type protocol struct {
	stream  Stream
	static  []byte   // members of the labels that are the same for all
	names   []string // of the labels in Fields
	readers sync.Pool

	mu   sync.Mutex
	seen map[string]bool
}

const maxLabelValue = 1024

func newProtocol(s Stream) (*protocol, error) {
	if s.MaxStreams == 0 {
		s.MaxStreams = 1000
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if len(s.Labels)+len(s.Fields) == 0 {
		return nil, fmt.Errorf("no labels: Loki takes no entry without one")
	}
	if s.MaxStreams < 1 {
		return nil, fmt.Errorf("MaxStreams is %d", s.MaxStreams)
	}
	p := &protocol{stream: s, seen: map[string]bool{}}
	valid := regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	var keys []string
	for k := range s.Labels {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for k := range s.Fields {
		p.names = append(p.names, k)
	}
	slices.Sort(p.names)
	for _, k := range append(slices.Clone(keys), p.names...) {
		if !valid.MatchString(k) {
			return nil, fmt.Errorf("%q is no name of a label", k)
		}
	}
	for _, k := range keys {
		if _, both := s.Fields[k]; both {
			return nil, fmt.Errorf("the label %q is in Labels and in Fields", k)
		}
		p.static = label(p.static, k, []byte(s.Labels[k]))
	}
	paths := []string{"@timestamp"}
	for _, k := range p.names {
		paths = append(paths, s.Fields[k])
	}
	if _, err := fields.New(paths...); err != nil {
		return nil, err
	}
	p.readers.New = func() any {
		r, _ := fields.New(paths...)
		return r
	}
	return p, nil
}

func label(dst []byte, name string, value []byte) []byte {
	if len(dst) > 0 {
		dst = append(dst, ',')
	}
	dst = append(append(append(dst, '"'), name...), `":`...)
	return scan.AppendJSONString(dst, value[:min(len(value), maxLabelValue)])
}

// Name is the sink's.
func (*protocol) Name() string { return "batch/loki" }

// ContentType of the bodies.
func (*protocol) ContentType() string { return "application/json" }

// Prepare names the tenant.
func (p *protocol) Prepare(req *http.Request) {
	if p.stream.Tenant != "" {
		req.Header.Set("X-Scope-OrgID", p.stream.Tenant)
	}
}

// labels returns the labels of the line that r has read.
func (p *protocol) labels(dst []byte, r *fields.Reader, known bool) []byte {
	start := len(dst)
	dst = append(dst, p.static...)
	if !known {
		return dst
	}
	var text []byte
	for i, name := range p.names {
		if text = r.Append(text[:0], i+1); len(text) > 0 {
			dst = label(dst, name, text)
		}
	}
	p.mu.Lock()
	full := false
	if !p.seen[string(dst[start:])] {
		if full = len(p.seen) >= p.stream.MaxStreams; !full {
			p.seen[string(dst[start:])] = true
		}
	}
	p.mu.Unlock()
	if full {
		dst = append(dst[:start], p.static...)
		for _, name := range p.names {
			dst = label(dst, name, []byte("(other)"))
		}
	}
	return dst
}

// Append appends the rows by their streams.
func (p *protocol) Append(dst []byte, rows *httpbulk.Rows) ([]byte, error) {
	r := p.readers.Get().(*fields.Reader)
	defer p.readers.Put(r)
	now := p.stream.Now()
	type entry struct {
		row int
		at  int64
	}
	streams := map[string][]entry{}
	var order []string
	var key, text []byte
	for i := range rows.Len() {
		known := r.Read(rows.Line(i))
		at := now.UnixNano()
		if known {
			text = r.Append(text[:0], 0)
			if t, err := time.Parse(time.RFC3339Nano, string(text)); err == nil {
				at = t.UnixNano()
			}
		}
		key = p.labels(key[:0], r, known)
		if _, ok := streams[string(key)]; !ok {
			order = append(order, string(key))
		}
		streams[string(key)] = append(streams[string(key)], entry{i, at})
	}
	dst = append(dst, `{"streams":[`...)
	for i, k := range order {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, `{"stream":{`...), k...), `},"values":[`...)
		for j, e := range streams[k] {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = strconv.AppendInt(append(dst, `["`...), e.at, 10)
			dst = append(scan.AppendJSONString(append(dst, `",`...), rows.Line(e.row)), ']')
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, "]}"...), nil
}

// Verdict of a 2xx answer: Loki says 204 without a body, VictoriaLogs too.
func (p *protocol) Verdict(body []byte, _ *httpbulk.Rows) error {
	if len(strings.TrimSpace(string(body))) > 0 {
		return httpbulk.Unclear("the answer is not that of a push: " + string(body[:min(len(body), 200)]))
	}
	return nil
}
