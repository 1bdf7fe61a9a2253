package otlp

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/internal/fields"
	"github.com/penstock-dev/penstock/batch/internal/httpbulk"
	"github.com/penstock-dev/penstock/internal/certs"
	"github.com/penstock-dev/penstock/internal/protowire"
)

// Options say where to send, how much at once, and when again. URLs are those of the
// receiver; /v1/logs is added. IDField and NoIDs do nothing here.
type Options = httpbulk.Options

// Auth is a secret and how it is shown.
type Auth = httpbulk.Auth

// TLS says which certificates are trusted and shown.
type TLS = certs.Client

// Stats are the counters of a sink.
type Stats = httpbulk.Stats

// Sink sends lines as log records.
type Sink[T any] struct{ *httpbulk.Sink[T] }

// Resource says what stands around the records.
type Resource struct {
	// Attributes of the resource. Default: service.name is penstock.
	Attributes map[string]string
	// Fields of a line that become attributes of its record, as text: attribute → field.
	Fields map[string]string
	// Path is added to the URLs. Default: /v1/logs.
	Path string
	// Now is the clock for the observed time. Default: time.Now.
	Now func() time.Time
}

// New returns a sink.
func New[T any](opts Options, resource Resource) (*Sink[T], error) {
	p, err := newProtocol(resource)
	if err != nil {
		return nil, fmt.Errorf("batch/otlp: %w", err)
	}
	path := resource.Path
	if path == "" {
		path = "/v1/logs"
	}
	if err := httpbulk.CheckURLs(opts.URLs); err != nil {
		return nil, fmt.Errorf("batch/otlp: %w", err)
	}
	urls := make([]string, len(opts.URLs))
	for i, u := range opts.URLs {
		urls[i] = strings.TrimSuffix(u, "/") + path
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
	resource []byte // encoded
	names    []string
	now      func() time.Time
	readers  sync.Pool
}

func attribute(dst []byte, number int, key string, value []byte) []byte {
	dst, at := protowire.Begin(dst, number)
	dst = protowire.AppendBytes(dst, 1, key)
	dst, v := protowire.Begin(dst, 2)
	dst = protowire.End(protowire.AppendBytes(dst, 1, value), v)
	return protowire.End(dst, at)
}

func sorted(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func newProtocol(r Resource) (*protocol, error) {
	if r.Attributes == nil {
		r.Attributes = map[string]string{"service.name": "penstock"}
	}
	p := &protocol{now: r.Now}
	if p.now == nil {
		p.now = time.Now
	}
	for _, k := range sorted(r.Attributes) {
		p.resource = attribute(p.resource, 1, k, []byte(strings.ToValidUTF8(r.Attributes[k], "\ufffd")))
	}
	paths := []string{"@timestamp", "log.level"}
	for _, k := range sorted(r.Fields) {
		p.names = append(p.names, k)
		paths = append(paths, r.Fields[k])
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

// Name is the sink's.
func (*protocol) Name() string { return "batch/otlp" }

// ContentType of the bodies.
func (*protocol) ContentType() string { return "application/x-protobuf" }

var replacement = []byte("\ufffd")

// Append appends an ExportLogsServiceRequest.
func (p *protocol) Append(dst []byte, rows *httpbulk.Rows) ([]byte, error) {
	r := p.readers.Get().(*fields.Reader)
	defer p.readers.Put(r)
	now := uint64(p.now().UnixNano())
	dst, resourceLogs := protowire.Begin(dst, 1)
	dst = protowire.AppendBytes(dst, 1, p.resource)
	dst, scopeLogs := protowire.Begin(dst, 2)
	dst, scope := protowire.Begin(dst, 1)
	dst = protowire.End(protowire.AppendBytes(dst, 1, "penstock"), scope)
	var text []byte
	for i := range rows.Len() {
		line := rows.Line(i)
		var record int
		dst, record = protowire.Begin(dst, 2)
		known := r.Read(line)
		if known {
			text = r.Append(text[:0], 0)
			if t, err := time.Parse(time.RFC3339Nano, string(text)); err == nil {
				dst = protowire.AppendFixed64(dst, 1, uint64(t.UnixNano()))
			}
			if text = r.Append(text[:0], 1); len(text) > 0 {
				if n := severity(string(text)); n > 0 {
					dst = protowire.AppendVarint(dst, 2, n)
				}
				dst = protowire.AppendBytes(dst, 3, text)
			}
		}
		var body int
		dst, body = protowire.Begin(dst, 5)
		dst = protowire.End(protowire.AppendBytes(dst, 1, strings.ToValidUTF8(string(line), string(replacement))), body)
		for k, name := range p.names {
			if known {
				if text = r.Append(text[:0], k+2); len(text) > 0 {
					dst = attribute(dst, 6, name, text)
				}
			}
		}
		dst = protowire.AppendFixed64(dst, 11, now)
		dst = protowire.End(dst, record)
	}
	return protowire.End(protowire.End(dst, scopeLogs), resourceLogs), nil
}

// severity is the SeverityNumber of a word.
func severity(level string) uint64 {
	switch strings.ToLower(level) {
	case "trace":
		return 1
	case "debug":
		return 5
	case "info", "informational", "information", "notice":
		return 9
	case "warn", "warning":
		return 13
	case "err", "error":
		return 17
	case "crit", "critical", "fatal", "alert", "emerg", "emergency":
		return 21
	}
	return 0
}

// Verdict reads an ExportLogsServiceResponse.
func (p *protocol) Verdict(body []byte, rows *httpbulk.Rows) error {
	m := protowire.NewReader(body)
	for m.Next() {
		if !m.Is(1, protowire.Bytes) {
			continue
		}
		var rejected int64
		var text []byte
		partial := m.Message()
		for partial.Next() {
			switch {
			case partial.Is(1, protowire.Varint):
				rejected = partial.Int()
			case partial.Is(2, protowire.Bytes):
				text = partial.Bytes()
			}
		}
		if partial.Err() != nil {
			return httpbulk.Unclear("the answer is no ExportLogsServiceResponse")
		}
		if rejected > 0 {
			return httpbulk.Reject(200, fmt.Sprintf("%d of %d records refused, and not said which: %s", rejected, rows.Len(), text))
		}
	}
	if m.Err() != nil {
		return httpbulk.Unclear("the answer is no ExportLogsServiceResponse")
	}
	return nil
}
