package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ratelimit"
)

// Endpoint is one interface of one tenant.
type Endpoint struct {
	Definition *Definition
	// Name is how it is called in checkpoints and logs and as the origin of its messages.
	// Default: the definition's name. Two endpoints have two names.
	Name string
	// Params and Secrets give the definition's variables their values.
	Params  map[string]string
	Secrets Secrets
	// Interval is the pause between two polls that found everything. Default: the
	// definition's.
	Interval time.Duration
}

// Options of a source. Endpoints are needed.
type Options struct {
	// Name of the source. Default: "api".
	Name      string
	Endpoints []Endpoint
	// Checkpoint is the file that keeps positions over restarts. Without it each run
	// begins anew. A second source on the same file is refused.
	Checkpoint string
	// Once makes one poll of each endpoint and ends. Streams have no end: it is refused for
	// their definitions.
	Once bool

	// Connections is how many requests there are at once at most. A stream counts until it is
	// connected. Default: 10.
	Connections int
	// DNSCache is how long addresses are remembered. Default: 300 s.
	DNSCache time.Duration
	// Resolver looks up names. Default: the system's.
	Resolver *net.Resolver
	// Timeout is how long an answer may take to begin, and then to send its next byte.
	// Default: 60 s.
	Timeout time.Duration
	// UserAgent is sent with each request. Default: "penstock".
	UserAgent string
	// TLS is the client's configuration. Default: TLS 1.2 at least, the system's roots.
	TLS *tls.Config
	// Proxy is an HTTP proxy. It resolves the names, so that AllowPrivate is its affair.
	Proxy *url.URL
	// AllowPrivate allows connections to loopback, private and link-local addresses.
	AllowPrivate bool

	// MaxPages is how many pages in a row an endpoint may have. Default: 10,000. One
	// that exceeds it is reported, and goes on with its next poll.
	MaxPages int
	// MaxEvent is the longest event in bytes; an answer with a longer one is refused as
	// a whole. Default: 16 MiB.
	MaxEvent int
	// Remember is how many identifiers of events are kept against repeats. Default:
	// 10,000.
	Remember int
	// MaxUncommittedPages bounds the pages of an endpoint that were sent and whose position is
	// not stored yet: that many may come twice after the process was killed. Where there are
	// as many, the next page is asked for when the sinks have taken one and its position is
	// stored, so that 1 costs the time of a delivery for each page. The events of a stream are
	// not bounded by it. Default: no bound.
	MaxUncommittedPages int
	// Backoff is for requests that failed. Default: 1 s to 5 min.
	Backoff ratelimit.Backoff
	// MaxPause bounds what a server may ask for. Default: 1 h.
	MaxPause time.Duration

	Logger *slog.Logger     // default: none
	Now    func() time.Time // default: time.Now
}

// Source collects from its endpoints. Stats may be called from any goroutine at any time.
type Source struct {
	opts      Options
	endpoints []*endpoint
}

// Stats are the counters of one endpoint.
type Stats struct {
	Name     string
	Requests int64
	Pages    int64 // answers that were read to their end
	Events   int64 // sent
	Repeats  int64 // events left out, since their identifier was known
	Failures int64 // requests or answers that failed
	Rewound  int64 // times that pages were fetched again since a sink failed
	Position time.Time
	Cursor   string // of several streams: one each, in the order of their names
	LastErr  error  // nil after a success
}

// New returns a source of the endpoints.
func New(opts Options) (*Source, error) {
	if opts.Name == "" {
		opts.Name = "api"
	}
	if opts.UserAgent == "" {
		opts.UserAgent = "penstock"
	}
	if opts.TLS == nil {
		opts.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if opts.Resolver == nil {
		opts.Resolver = net.DefaultResolver
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	number := func(name string, n *int, def int) {
		if *n == 0 {
			*n = def
		}
		if *n < 1 {
			errs = append(errs, fmt.Errorf("api: %s is %d, want 1 at least", name, *n))
		}
	}
	duration := func(name string, d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
		if *d < 0 {
			errs = append(errs, fmt.Errorf("api: %s is %s", name, *d))
		}
	}
	number("Connections", &opts.Connections, 10)
	number("MaxPages", &opts.MaxPages, 10_000)
	number("MaxEvent", &opts.MaxEvent, 16<<20)
	number("Remember", &opts.Remember, 10_000)
	if opts.MaxUncommittedPages < 0 {
		errs = append(errs, fmt.Errorf("api: MaxUncommittedPages is %d", opts.MaxUncommittedPages))
	}
	duration("DNSCache", &opts.DNSCache, 300*time.Second)
	duration("Timeout", &opts.Timeout, time.Minute)
	duration("MaxPause", &opts.MaxPause, time.Hour)
	if opts.Backoff.Min == 0 {
		opts.Backoff.Min = time.Second
	}
	if opts.Backoff.Max == 0 {
		opts.Backoff.Max = 5 * time.Minute
	}
	errs = append(errs, opts.Backoff.Validate())
	if len(opts.Endpoints) == 0 {
		errs = append(errs, errors.New("api: Options has no Endpoints"))
	}
	s := &Source{opts: opts}
	client := newClient(&s.opts)
	turns := make(chan struct{}, max(opts.Connections, 1))
	for i := range opts.Endpoints {
		e, err := newEndpoint(&opts.Endpoints[i], s, client, turns)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if slices.ContainsFunc(s.endpoints, func(o *endpoint) bool { return o.name == e.name }) {
			errs = append(errs, fmt.Errorf("api: two endpoints are called %s: give them names", e.name))
		}
		s.endpoints = append(s.endpoints, e)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

func newEndpoint(o *Endpoint, s *Source, client *http.Client, turns chan struct{}) (*endpoint, error) {
	d := o.Definition
	if d == nil {
		return nil, errors.New("api: an endpoint has no Definition")
	}
	if d.stream != nil && s.opts.Once {
		return nil, fmt.Errorf("api: %s is a stream, which has no end: Once cannot be set", d.name)
	}
	e := &endpoint{
		def: d, name: o.Name, params: map[string]string{}, secrets: o.Secrets, interval: o.Interval, opts: &s.opts, client: client,
		turns: turns, now: s.opts.Now, userAgent: s.opts.UserAgent, log: s.opts.Logger,
	}
	if e.name == "" {
		e.name = d.name
	}
	if e.interval == 0 {
		e.interval = d.interval
	}
	var missing []string
	known := map[string]bool{}
	for _, p := range d.params {
		known[p.name] = true
		v, ok := o.Params[p.name]
		if !ok && p.required {
			missing = append(missing, p.name)
		} else if !ok {
			v = p.def
		}
		e.params[p.name] = v
	}
	for name := range o.Params {
		if !known[name] {
			return nil, fmt.Errorf("api: %s has no parameter %s", d.name, name)
		}
	}
	for _, name := range d.secrets {
		if o.Secrets[name] == nil {
			missing = append(missing, "secret "+name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("api: the endpoint %s needs %s", e.name, strings.Join(missing, ", "))
	}
	text, err := d.base.expand(func(name string) (string, error) { return e.params[name], nil })
	if err != nil {
		return nil, err
	}
	if e.base, err = url.Parse(text); err != nil || e.base.Host == "" || e.base.Scheme != "https" && e.base.Scheme != "http" {
		return nil, fmt.Errorf("api: the base of %s is no URL: %q", e.name, text)
	}
	return e, nil
}

// Name is the name from the options.
func (s *Source) Name() string { return s.opts.Name }

// Stats returns the counters of each endpoint.
func (s *Source) Stats() []Stats {
	out := make([]Stats, len(s.endpoints))
	for i, e := range s.endpoints {
		e.mu.Lock()
		out[i] = e.stats
		e.mu.Unlock()
		out[i].Name = e.name
		e.streamStats(&out[i])
	}
	return out
}

// Run polls the endpoints until ctx ends or, with Once, each has been polled.
func (s *Source) Run(ctx context.Context, out *ingest.Emit) error {
	st, err := openStore(s.opts.Checkpoint)
	if err != nil {
		return err
	}
	defer st.close()
	// Two goroutines for each endpoint: one polls and ends with ctx, one stores positions until
	// everything is answered. Run waits for them.
	var polling, storing sync.WaitGroup
	stop := make(chan struct{})
	errs := make([]error, len(s.endpoints))
	for i, e := range s.endpoints {
		e.start(out, st)
		storing.Go(func() { e.committer(stop) })
		polling.Go(func() { errs[i] = e.run(ctx) })
	}
	polling.Wait()
	out.Settle()
	close(stop)
	storing.Wait()
	for _, e := range s.endpoints {
		e.client.CloseIdleConnections() // each has two goroutines
	}
	return errors.Join(errs...)
}
