package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"text/template"
	"text/template/parse"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/internal/httpbulk"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/certs"
	"github.com/penstock-dev/penstock/internal/scan"
)

// Options say where to send, how much at once, and when again.
type Options = httpbulk.Options

// Auth is a secret and how it is shown.
type Auth = httpbulk.Auth

// TLS says which certificates are trusted and shown.
type TLS = certs.Client

// Stats are the counters of a sink.
type Stats = httpbulk.Stats

// Sink posts lines.
type Sink[T any] struct{ *httpbulk.Sink[T] }

// Form is how a request looks.
type Form struct {
	// Event is the template of one event. Default: the line as it is.
	Event string
	// Before, Between and After stand around the events. Defaults: "[", "," and "]",
	// and nothing with Single.
	Before, Between, After string
	// Plain leaves the defaults of Before, Between and After empty.
	Plain bool
	// Single makes each event a request of its own.
	Single bool
	// ContentType of the bodies. Default: application/json.
	ContentType string
	// Escape is how what a template prints is escaped: json, url, or none. Default:
	// json.
	Escape string
}

// New returns a sink.
func New[T any](opts Options, form Form) (*Sink[T], error) {
	p := &protocol{form: form}
	f := &p.form
	if f.Escape == "" {
		f.Escape = "json"
	}
	if f.Escape != "json" && f.Escape != "url" && f.Escape != "none" {
		return nil, fmt.Errorf("batch/webhook: unknown Escape %q: it is one of json, url, none", f.Escape)
	}
	if f.ContentType == "" {
		f.ContentType = "application/json"
	}
	if !f.Single && !f.Plain && f.Before == "" && f.Between == "" && f.After == "" {
		f.Before, f.Between, f.After = "[", ",", "]"
	}
	if f.Event != "" {
		p.escaper = escaper(f.Escape)
		t, err := template.New("event").Funcs(template.FuncMap{"json": p.escaper.json}).Parse(f.Event)
		if err != nil {
			return nil, fmt.Errorf("batch/webhook: %w", err)
		}
		p.event = t
		fieldsOf(t.Root, func(path []string) { p.named = append(p.named, path) })
	}
	if f.Single {
		if opts.MaxRows > 1 {
			return nil, errors.New("batch/webhook: Single and MaxRows exclude each other")
		}
		opts.MaxRows = 1
	}
	s, err := httpbulk.New[T](opts, p, httpbulk.Defaults{}, ingest.AppendID)
	if err != nil {
		return nil, err
	}
	return &Sink[T]{s}, nil
}

var _ batch.Async[struct{}] = (*Sink[struct{}])(nil)

// What a template sees of a field: its text, escaped, and whether it was a text in the
// line. An absent field is the empty text, so that {{if .source.ip}} works.
type (
	text    string
	literal string // JSON of anything else
)

// escaper escapes and takes it back.
type escaper string

func (e escaper) escape(s string) string {
	switch e {
	case "json":
		b := scan.AppendJSONString(nil, []byte(s))
		return string(b[1 : len(b)-1])
	case "url":
		return url.QueryEscape(s)
	}
	return s
}

func (e escaper) unescape(s string) string {
	switch e {
	case "json":
		var out string
		_ = json.Unmarshal([]byte(`"`+s+`"`), &out) // as empty as what cannot be read
		return out
	case "url":
		out, _ := url.QueryUnescape(s)
		return out
	}
	return s
}

// wrap makes what a template sees of a line.
func (e escaper) wrap(x any, depth int) any {
	switch x := x.(type) {
	case map[string]any:
		if depth < maxDepth {
			for k, v := range x {
				x[k] = e.wrap(v, depth+1)
			}
			return x
		}
	case string:
		return text(e.escape(x))
	case nil:
		return text("")
	}
	b, err := json.Marshal(x)
	if err != nil {
		return text("")
	}
	return literal(e.escape(string(b)))
}

// json is the template function of that name.
func (e escaper) json(x any) (string, error) {
	b, err := json.Marshal(e.bare(x))
	return string(b), err
}

// bare undoes wrap.
func (e escaper) bare(x any) any {
	switch x := x.(type) {
	case text:
		return e.unescape(string(x))
	case literal:
		return json.RawMessage(e.unescape(string(x)))
	case map[string]any:
		m := map[string]any{}
		for k, v := range x {
			if t, ok := v.(text); ok && t == "" {
				continue // absent, or as good as that
			}
			m[k] = e.bare(v)
		}
		return m
	}
	return x
}

const maxDepth = 32

// fieldsOf collects the fields that a template names, such as [source ip].
func fieldsOf(n parse.Node, add func(path []string)) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, x := range n.Nodes {
				fieldsOf(x, add)
			}
		}
	case *parse.ActionNode:
		fieldsOf(n.Pipe, add)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				for _, x := range c.Args {
					fieldsOf(x, add)
				}
			}
		}
	case *parse.FieldNode:
		add(n.Ident)
	case *parse.IfNode:
		fieldsOf(n.Pipe, add)
		fieldsOf(n.List, add)
		fieldsOf(n.ElseList, add)
	case *parse.WithNode:
		fieldsOf(n.Pipe, add)
		fieldsOf(n.List, add)
		fieldsOf(n.ElseList, add)
	case *parse.RangeNode:
		fieldsOf(n.Pipe, add)
		fieldsOf(n.List, add)
		fieldsOf(n.ElseList, add)
	}
}

// ensure makes an absent field empty.
func ensure(doc map[string]any, path []string) {
	for i, name := range path {
		v, ok := doc[name]
		if i == len(path)-1 {
			if !ok {
				doc[name] = text("")
			}
			return
		}
		inner, isObject := v.(map[string]any)
		if !isObject {
			if ok {
				return // not an object, as the template has it: its error names the field
			}
			inner = map[string]any{}
			doc[name] = inner
		}
		doc = inner
	}
}

type protocol struct {
	form    Form
	escaper escaper
	event   *template.Template
	named   [][]string // fields that event names
}

// Name is the sink's.
func (*protocol) Name() string { return "batch/webhook" }

// ContentType of the bodies.
func (p *protocol) ContentType() string { return p.form.ContentType }

// Append appends the body.
func (p *protocol) Append(dst []byte, rows *httpbulk.Rows) ([]byte, error) {
	dst = append(dst, p.form.Before...)
	for i := range rows.Len() {
		if i > 0 {
			dst = append(dst, p.form.Between...)
		}
		line := rows.Line(i)
		if p.event == nil {
			dst = append(dst, line...)
			continue
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		var doc map[string]any
		if err := d.Decode(&doc); err != nil {
			return dst, fmt.Errorf("a line that is no JSON object: %w", err)
		}
		p.escaper.wrap(doc, 0)
		for _, path := range p.named {
			ensure(doc, path)
		}
		var out bytes.Buffer
		if err := p.event.Execute(&out, doc); err != nil {
			return dst, err
		}
		dst = append(dst, out.Bytes()...)
	}
	return append(dst, p.form.After...), nil
}

// Verdict of a 2xx answer: taken.
func (p *protocol) Verdict([]byte, *httpbulk.Rows) error { return nil }

// PrepareRows names the identity of a single event.
func (p *protocol) PrepareRows(req *http.Request, rows *httpbulk.Rows) {
	if p.form.Single && rows.Len() == 1 {
		if id := rows.ID(0); len(id) > 0 {
			req.Header.Set("Idempotency-Key", httpbulk.Plain(string(id)))
		}
	}
}
