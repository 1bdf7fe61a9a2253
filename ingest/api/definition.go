package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/internal/yaml"
)

// Definition says how one interface is asked. It is read-only and safe for concurrent use.
type Definition struct {
	name     string
	params   []param
	secrets  []string
	base     template
	auth     authSpec
	setup    []requestSpec
	request  requestSpec
	each     *requestSpec // asked for each item of the answer, whose answers hold the events
	eachURL  []string     // the item's field that holds its URL
	items    []string     // path of the array of events
	lines    bool         // the answer holds one event a line
	page     pageSpec
	window   *windowSpec
	limits   limitSpec
	stream   *streamSpec // the items of the answer lead to streams, which hold the events
	id       []string    // path of an event's identifier
	interval time.Duration
}

// Name is the name from the definition, such as okta.system: that of the pack which reads
// its events, where there is one.
func (d *Definition) Name() string { return d.name }

// Params are the names of the parameters that have no default, Secrets those of the secrets.
func (d *Definition) Params() (names []string) {
	for _, p := range d.params {
		if p.required {
			names = append(names, p.name)
		}
	}
	return names
}

// Secrets are the names of the secrets that an endpoint has to give.
func (d *Definition) Secrets() []string { return slices.Clone(d.secrets) }

type param struct {
	name, def string
	required  bool
}

type requestSpec struct {
	method  string
	path    template // below the base, or a whole URL
	query   []pair
	nexts   []pair // the query of the pages behind the first, if not the same
	headers []pair
	body    template
	next    template // the body of the pages behind the first
	accept  []int    // statuses that count as success beside 2xx
}

type pair struct {
	name  string
	value template
}

// pageSpec says how the next page is found. One of the ways is set.
type pageSpec struct {
	link     string   // relation of the Link header
	url      []string // field with the URL of the next page
	header   string   // header with the URL of the next page
	cursor   []string // field with the cursor of the next page
	into     string   // query parameter or body template variable that takes it
	offset   string   // query parameter that takes the number of events so far
	size     int      // of a page by offset: a smaller one is the last
	more     []string // field that says whether there is more
	keep     bool     // the last cursor is where the next poll begins
	lastLink bool     // the last link is where the next poll begins
}

type windowSpec struct {
	layout  string // rfc3339, rfc3339ms, unix, unixms
	initial time.Duration
	overlap time.Duration
	lag     time.Duration
	step    time.Duration // 0: up to now
	oldest  time.Duration // 0: no limit; windows that begin earlier are refused
}

// limitSpec says how an interface tells that it is asked too often, beside 429.
type limitSpec struct {
	status []int         // answers that may mean so
	texts  []string      // in their bodies, which tell them from refusals; none: they always mean so
	pause  time.Duration // where the header says nothing
}

// ParseDefinition reads a definition. name is used in errors, which say file, line and
// column. The keys are documented at the built-in definitions in the folder definitions.
func ParseDefinition(name string, src []byte) (*Definition, error) {
	f, err := yaml.Parse(name, src)
	if err != nil {
		return nil, err
	}
	r := &reader{f: f}
	d := r.definition(f.Root)
	if r.err != nil {
		return nil, r.err
	}
	return d, nil
}

// reader reads the tree and keeps the first fault.
type reader struct {
	f     *yaml.File
	known []string // variables of templates
	err   error
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	if r.err == nil {
		r.err = r.f.Errorf(n, format, args...)
	}
}

// keys checks that a mapping has no other keys.
func (r *reader) keys(n *yaml.Node, allowed ...string) {
	if n == nil || r.err != nil {
		return
	}
	if n.Kind != yaml.Map {
		r.fail(n, "a mapping of %s is wanted here", strings.Join(allowed, ", "))
		return
	}
	for _, p := range n.Pairs {
		if !slices.Contains(allowed, p.Key.Text) {
			r.fail(p.Key, "%q is not known here; it is one of %s", p.Key.Text, strings.Join(allowed, ", "))
		}
	}
}

func (r *reader) text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if !n.IsScalar() {
		r.fail(n, "a text is wanted here")
	}
	return n.Text
}

func (r *reader) duration(n *yaml.Node, def time.Duration) time.Duration {
	if n == nil {
		return def
	}
	d, err := time.ParseDuration(r.text(n))
	if err != nil || d < 0 {
		r.fail(n, "%q is no duration such as 30s or 5m", n.Text)
	}
	return d
}

// path splits a path of field names; a name with dots stands in quotes within it.
func (r *reader) path(n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	var out []string
	for text := r.text(n); text != ""; {
		if quoted, ok := strings.CutPrefix(text, `"`); ok {
			name, rest, ok := strings.Cut(quoted, `"`)
			if !ok {
				r.fail(n, "a quote is not closed in %q", n.Text)
				return nil
			}
			out, text = append(out, name), strings.TrimPrefix(rest, ".")
			continue
		}
		name, rest, _ := strings.Cut(text, ".")
		out, text = append(out, name), rest
	}
	return out
}

func (r *reader) list(n *yaml.Node) (out []string) {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.List {
		r.fail(n, "a list is wanted here")
	}
	for _, it := range n.Items {
		out = append(out, r.text(it))
	}
	return out
}

func (r *reader) template(n *yaml.Node) template {
	if n == nil {
		return template{}
	}
	t, err := parseTemplate(r.text(n), r.known)
	if err != nil {
		r.fail(n, "%v", err)
	}
	return t
}

func (r *reader) pairs(n *yaml.Node) (out []pair) {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.Map {
		r.fail(n, "a mapping of names to texts is wanted here")
	}
	for _, p := range n.Pairs {
		out = append(out, pair{p.Key.Text, r.template(p.Value)})
	}
	return out
}

func (r *reader) definition(n *yaml.Node) *Definition {
	r.keys(n, "name", "docs", "params", "secrets", "base", "auth", "setup", "request", "each", "items", "format", "page", "window", "throttled", "stream", "id", "interval")
	if r.err != nil {
		return nil
	}
	d := &Definition{name: r.text(n.Get("name")), secrets: r.list(n.Get("secrets"))}
	if d.name == "" {
		r.fail(n, "a definition needs a name")
	}
	r.list(n.Get("docs"))
	r.known = append(r.known, "from", "to", "cursor")
	if p := n.Get("params"); p != nil {
		if p.Kind != yaml.Map {
			r.fail(p, "params is a mapping of names to defaults; one without a default is empty")
		}
		for _, e := range p.Pairs {
			p := param{name: e.Key.Text, required: e.Value.Kind == yaml.Null}
			if !p.required {
				p.def = r.text(e.Value)
			}
			d.params = append(d.params, p)
			r.known = append(r.known, e.Key.Text)
		}
	}
	for _, s := range d.secrets {
		r.known = append(r.known, "secret."+s)
	}
	d.base = r.template(n.Get("base"))
	if d.base.empty() {
		r.fail(n, "a definition needs a base, such as https://{domain}")
	}
	d.auth = r.auth(n.Get("auth"))
	if s := n.Get("setup"); s != nil {
		for _, it := range s.Items {
			d.setup = append(d.setup, r.request(it))
		}
	}
	if n.Get("request") == nil {
		r.fail(n, "a definition needs a request")
	}
	d.request = r.request(n.Get("request"))
	if e := n.Get("each"); e != nil {
		r.keys(e, "url", "query")
		spec := requestSpec{method: "GET", query: r.pairs(e.Get("query"))}
		d.each, d.eachURL = &spec, r.path(e.Get("url"))
		if len(d.eachURL) == 0 {
			r.fail(e, "each needs the field url")
		}
	}
	d.items = r.path(n.Get("items"))
	switch format := r.text(n.Get("format")); format {
	case "", "json":
	case "lines":
		d.lines = true
	default:
		r.fail(n.Get("format"), "format is json or lines, not %q", format)
	}
	d.page = r.page(n.Get("page"))
	d.window = r.window(n.Get("window"))
	d.limits = r.limits(n.Get("throttled"))
	if d.stream = r.stream(n.Get("stream")); d.stream != nil {
		for _, other := range []string{"each", "format", "page", "window"} {
			if o := n.Get(other); o != nil {
				r.fail(o, "%s does not go with stream: the events come by its connections", other)
			}
		}
	}
	d.id = r.path(n.Get("id"))
	d.interval = r.duration(n.Get("interval"), time.Minute)
	if d.interval < time.Second {
		r.fail(n.Get("interval"), "an interval is one second at least")
	}
	return d
}

func (r *reader) request(n *yaml.Node) requestSpec {
	r.keys(n, "method", "path", "query", "next_query", "headers", "body", "next_body", "accept")
	if n == nil || r.err != nil {
		return requestSpec{}
	}
	s := requestSpec{
		method: r.text(n.Get("method")), path: r.template(n.Get("path")), query: r.pairs(n.Get("query")),
		nexts: r.pairs(n.Get("next_query")), headers: r.pairs(n.Get("headers")), body: r.template(n.Get("body")), next: r.template(n.Get("next_body")),
	}
	if s.method == "" {
		s.method = "GET"
	}
	s.accept = r.statuses(n.Get("accept"))
	return s
}

func (r *reader) statuses(n *yaml.Node) (out []int) {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.List {
		r.fail(n, "a list of HTTP statuses is wanted here")
	}
	for _, it := range n.Items {
		code, ok := it.Int()
		if !ok || code < 100 || code > 599 {
			r.fail(it, "%q is no HTTP status", it.Text)
		}
		out = append(out, int(code))
	}
	return out
}

func (r *reader) limits(n *yaml.Node) limitSpec {
	r.keys(n, "status", "texts", "pause")
	if n == nil || r.err != nil {
		return limitSpec{}
	}
	l := limitSpec{status: r.statuses(n.Get("status")), texts: r.list(n.Get("texts")), pause: r.duration(n.Get("pause"), 0)}
	if len(l.status) == 0 && l.pause == 0 {
		r.fail(n, "throttled names statuses, or a pause")
	}
	return l
}

func (r *reader) page(n *yaml.Node) (p pageSpec) {
	if n == nil {
		return p
	}
	r.keys(n, "link", "url", "header", "cursor", "into", "offset", "size", "more", "keep")
	p = pageSpec{
		link: r.text(n.Get("link")), url: r.path(n.Get("url")), header: r.text(n.Get("header")),
		cursor: r.path(n.Get("cursor")), into: r.text(n.Get("into")), offset: r.text(n.Get("offset")), more: r.path(n.Get("more")),
	}
	if s := n.Get("size"); s != nil {
		size, ok := s.Int()
		if !ok || size < 1 {
			r.fail(s, "size is a positive number")
		}
		p.size = int(size)
	}
	switch keep := r.text(n.Get("keep")); keep {
	case "":
	case "cursor":
		p.keep = true
	case "link":
		p.lastLink = true
	default:
		r.fail(n.Get("keep"), "keep is cursor or link, not %q", keep)
	}
	ways := 0
	for _, set := range []bool{p.link != "", len(p.url) > 0, p.header != "", len(p.cursor) > 0, p.offset != ""} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		r.fail(n, "page names one way to the next page: link, url, header, cursor or offset")
	}
	if p.offset != "" && p.size == 0 {
		r.fail(n, "pages by offset need their size")
	}
	if p.keep && len(p.cursor) == 0 || p.lastLink && p.link == "" {
		r.fail(n.Get("keep"), "what is kept must be what pages are found by")
	}
	return p
}

func (r *reader) window(n *yaml.Node) *windowSpec {
	if n == nil {
		return nil
	}
	r.keys(n, "layout", "initial", "overlap", "lag", "step", "oldest")
	w := &windowSpec{
		layout: r.text(n.Get("layout")), initial: r.duration(n.Get("initial"), time.Hour), overlap: r.duration(n.Get("overlap"), 0),
		lag: r.duration(n.Get("lag"), 0), step: r.duration(n.Get("step"), 0),
		oldest: r.duration(n.Get("oldest"), 0),
	}
	if w.oldest > 0 && w.oldest <= w.overlap+w.lag {
		r.fail(n.Get("oldest"), "oldest is more than overlap and lag together")
	}
	if w.layout == "" {
		w.layout = "rfc3339"
	}
	if w.format(time.Unix(0, 0)) == "" {
		r.fail(n.Get("layout"), "layout is rfc3339, rfc3339ms, seconds, unix or unixms, not %q", w.layout)
	}
	return w
}

// format writes an instant as the interface wants it.
func (w *windowSpec) format(t time.Time) string {
	switch t = t.UTC(); w.layout {
	case "rfc3339":
		return t.Format("2006-01-02T15:04:05Z")
	case "rfc3339ms":
		return t.Format("2006-01-02T15:04:05.000Z")
	case "seconds":
		return t.Format("2006-01-02T15:04:05")
	case "unix":
		return fmt.Sprint(t.Unix())
	case "unixms":
		return fmt.Sprint(t.UnixMilli())
	}
	return ""
}

// origin is what two URLs have in common that may share credentials.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
