// Package httpbulk is the common part of sinks that send many rows in one HTTP request:
// grouping by the server's limits, compression, what an answer means, what is sent again
// and when, and credentials that change.
package httpbulk

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/batch/internal/fields"
	"github.com/penstock-dev/penstock/internal/certs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/ratelimit"
)

// Options of a destination. URLs are needed; everything else has a default.
type Options struct {
	// URLs are where to send; where one does not answer the next one is used. Secrets
	// do not belong into them.
	URLs []string
	// Auth is what is shown to the server.
	Auth Auth
	// Header is added to each request.
	Header map[string]string
	// TLS is for https. The zero value trusts the system's authorities.
	TLS certs.Client
	// Proxy is where requests go through, if set.
	Proxy string
	// NoCompression leaves gzip out.
	NoCompression bool
	// MaxRows and MaxBytes bound the rows of a request, and the bytes of their lines
	// before compression; a longer line goes alone. Defaults: 2000 and 4 MiB, or those
	// of the protocol. An answer of 413 makes MaxBytes smaller by itself.
	MaxRows, MaxBytes int
	// MaxAge is how long a row waits for others. Default: 1 s.
	MaxAge time.Duration
	// Concurrency is how many requests are on their way at once. More than one gives
	// up the order. Default: 1. 1 to 64.
	Concurrency int
	// Adaptive, if set, keeps the requests on their way to what the destination turns out
	// to bear, Concurrency at most: answers of 429 and 503, time-outs and lost connections
	// make them fewer. Several sinks with one destination may share it.
	Adaptive *ratelimit.Concurrency
	// Timeout bounds a request with its answer. Default: 30 s.
	Timeout time.Duration
	// Attempts is how often a row is sent at most. 0 means until the context ends.
	Attempts int
	// MinDelay and MaxDelay bound the pauses between attempts. Defaults: 100 ms, 30 s.
	MinDelay, MaxDelay time.Duration
	// MaxRetryAfter is the longest Retry-After that is honoured. Default: 1 h.
	MaxRetryAfter time.Duration
	// IDField names the field that holds the identity of an event, such as event.id.
	// Without it the identity is made of the message that the event came from
	// (ingest.AppendID), where the batch has it.
	IDField string
	// NoIDs sends no identities.
	NoIDs bool
	// Resolver looks up the names of the URLs, for each new connection, so that one that
	// leads elsewhere by then is followed. Default: the system's.
	Resolver *net.Resolver
	// Transport replaces the client's own transport, with TLS, Proxy and Resolver.
	Transport http.RoundTripper
	// Clock and Jitter are for the pauses. Default: the real ones.
	Clock  ratelimit.Clock
	Jitter func() float64
	// OnRetry, if set, is called before each pause.
	OnRetry func(attempt, rows int, pause time.Duration, err error)
	// Logger gets what is refused, at most 10 lines in 10 seconds. Default: none.
	Logger *slog.Logger
}

// Auth is a secret and how it is shown: "Scheme SECRET" in the Authorization header, or
// as HTTP Basic of "user:password". At most one of Secret, File and Provide is set; the
// zero value shows nothing.
type Auth struct {
	// Scheme is Bearer, ApiKey, Splunk, Basic, or what else the server wants. Default:
	// Bearer.
	Scheme string
	// Secret is one that does not change.
	Secret string
	// File holds the secret; it is read again when it has changed.
	File string
	// Provide returns the secret. It is called before each request, so it should
	// remember it; refused says that the last one was not accepted.
	Provide func(refused bool) (string, error)
}

func (a *Auth) prepare() error {
	n := 0
	for _, set := range []bool{a.Secret != "", a.File != "", a.Provide != nil} {
		if set {
			n++
		}
	}
	if n > 1 {
		return errors.New("Auth: Secret, File and Provide exclude each other")
	}
	if a.Scheme == "" {
		a.Scheme = "Bearer"
	}
	if strings.ContainsAny(a.Scheme, " \r\n\t") {
		return fmt.Errorf("Auth: the Scheme %q", a.Scheme)
	}
	return nil
}

// Protocol turns rows into requests, and answers into verdicts. It is safe for
// concurrent use.
type Protocol interface {
	// Name is the sink's, for errors: batch/elastic.
	Name() string
	// ContentType of the bodies.
	ContentType() string
	// Append appends the body of a request with rows.
	Append(dst []byte, rows *Rows) ([]byte, error)
	// Verdict says what a 2xx answer means for rows: nil if all are taken, a
	// *batch.Partial for single ones, another error if it says nothing. body is cut off
	// where it is longer than a server would send.
	Verdict(body []byte, rows *Rows) error
}

// Preparer is an optional interface of a Protocol: it may change a request before it is
// sent.
type Preparer interface{ Prepare(req *http.Request) }

// RowPreparer is a Preparer that looks at the rows of the request.
type RowPreparer interface {
	PrepareRows(req *http.Request, rows *Rows)
}

// Statuser is an optional interface of a Protocol whose server says more by its text than
// by its status.
type Statuser interface {
	// Status says what an answer other than 2xx means; AsUsual where it says no more
	// than its status does.
	Status(status int, text string) Meaning
}

// Meaning is what an answer means.
type Meaning uint8

// The meanings of an answer.
const (
	AsUsual    Meaning = iota
	BadRow             // some row is not understood: to be isolated
	TooLarge           // to be sent in parts
	Overloaded         // to be sent again, as after 429
	Passing            // to be sent again
)

// Defaults of a protocol for the limits of a request; zero means those of Options.
type Defaults struct{ MaxRows, MaxBytes int }

// IDFunc appends the identity of an event: ingest.AppendID, which this package cannot
// import.
type IDFunc func(dst []byte, m *parse.Message, split int) []byte

func (o *Options) prepare(d Defaults) error {
	number := func(v *int, def int) {
		if *v == 0 {
			*v = def
		}
	}
	if d.MaxRows == 0 {
		d.MaxRows = 2000
	}
	if d.MaxBytes == 0 {
		d.MaxBytes = 4 << 20
	}
	number(&o.MaxRows, d.MaxRows)
	number(&o.MaxBytes, d.MaxBytes)
	number(&o.Concurrency, 1)
	for _, t := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&o.MaxAge, time.Second}, {&o.Timeout, 30 * time.Second}, {&o.MaxRetryAfter, time.Hour}} {
		if *t.v == 0 {
			*t.v = t.def
		}
		if *t.v < 0 {
			return fmt.Errorf("a duration of %s", *t.v)
		}
	}
	backoff := ratelimit.Backoff{Min: o.MinDelay, Max: o.MaxDelay, Jitter: o.Jitter}
	switch {
	case len(o.URLs) == 0:
		return errors.New("no URLs")
	case o.MaxRows < 1 || o.MaxRows > 1<<20 || o.MaxBytes < 1 || o.MaxBytes > 1<<29:
		return fmt.Errorf("MaxRows is %d (want 1 to %d), MaxBytes %d (want 1 to %d)", o.MaxRows, 1<<20, o.MaxBytes, 1<<29)
	case o.Concurrency < 1 || o.Concurrency > 64:
		return fmt.Errorf("Concurrency is %d, want 1 to 64", o.Concurrency)
	case o.Attempts < 0:
		return fmt.Errorf("Attempts is %d", o.Attempts)
	}
	if err := CheckURLs(o.URLs); err != nil {
		return err
	}
	if o.IDField != "" {
		if _, err := fields.New(o.IDField); err != nil {
			return fmt.Errorf("IDField: %w", err)
		}
	}
	if err := backoff.Validate(); err != nil {
		return err
	}
	return o.Auth.prepare()
}

// CheckURLs reports what is wrong with URLs, for sinks that add to them: so that it is told of those
// that the host gave.
func CheckURLs(urls []string) error {
	for _, u := range urls {
		p, err := url.Parse(u)
		if err != nil {
			return errors.New("a URL that cannot be parsed") // its text may hold a secret
		}
		if p.Scheme != "http" && p.Scheme != "https" || p.Host == "" || p.User != nil || p.Fragment != "" {
			hint := ""
			if !strings.Contains(u, "://") && !strings.ContainsAny(u, "@?#") {
				hint = "; did you mean \"http://" + u + "\"?"
			}
			return fmt.Errorf("URL %q: want http or https, a host, and no user or fragment%s", p.Redacted(), hint)
		}
	}
	return nil
}

// transport makes the client's transport.
func (o *Options) transport() (http.RoundTripper, func(), error) {
	if o.Transport != nil {
		return o.Transport, func() {}, nil
	}
	config, err := o.TLS.Config()
	if err != nil {
		return nil, nil, err
	}
	d := &dialer{o.Resolver, min(10*time.Second, o.Timeout)}
	if d.resolver == nil {
		d.resolver = net.DefaultResolver
	}
	t := &http.Transport{
		DialContext:            d.DialContext,
		MaxIdleConns:           o.Concurrency,
		MaxIdleConnsPerHost:    o.Concurrency,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // an answer that grows is nobody's friend
		ForceAttemptHTTP2:      false,
	}
	if o.Proxy == "" {
		t.DialTLSContext = dialTLS(d, config)
		return t, t.CloseIdleConnections, nil
	}
	p, err := url.Parse(o.Proxy)
	if err != nil || p.Host == "" {
		return nil, nil, errors.New("Proxy is not a URL")
	}
	t.Proxy = http.ProxyURL(p)
	t.TLSHandshakeTimeout = d.timeout
	through := &proxied{config: config, plain: t}
	return through, through.CloseIdleConnections, nil
}
