package httpbulk

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ratelimit"
)

// Answer is an error that says what a server answered. It knows how long to wait.
type Answer struct {
	Kind   errcat.Category
	Status int // 0 where there was none
	After  time.Duration
	Text   string
}

func (a *Answer) Error() string {
	if a.Status == 0 {
		return a.Text
	}
	return fmt.Sprintf("status %d: %s", a.Status, a.Text)
}

// Category is the kind of failure.
func (a *Answer) Category() errcat.Category { return a.Kind }

// RetryAfter is how long the server asked to wait, or 0.
func (a *Answer) RetryAfter() time.Duration { return a.After }

// Two verdicts about a request as a whole that are answered by sending less at once.
var (
	errTooLarge = errors.New("too large")
	errBad      = errors.New("not understood")
)

// whole wraps an Answer with one of these.
type whole struct {
	*Answer
	what error
}

func (w *whole) Is(target error) bool { return target == w.what }

// Reject is the error of a row that the server does not want.
func Reject(status int, reason string) error {
	return &Answer{Kind: errcat.SinkRejected, Status: status, Text: Plain(reason)}
}

// Busy is the error of a row that the server may take later.
func Busy(status int, reason string) error {
	return &Answer{Kind: errcat.RateLimited, Status: status, Text: Plain(reason)}
}

// Unclear is the error of an answer that does not say what was taken.
func Unclear(reason string) error {
	return &Answer{Kind: errcat.TransientNetwork, Status: http.StatusOK, Text: Plain(reason)}
}

// Pending is a verdict that is not final: the rows were received, and Confirm asks
// whether they are safe. do sends a POST to a path of the same server, with the same
// credentials, and returns the body of a 2xx answer.
type Pending struct {
	Confirm func(ctx context.Context, do func(path string, body []byte) ([]byte, error)) error
}

func (*Pending) Error() string { return "received, and not confirmed yet" }

const maxReason = 300

// Plain makes text of a server fit for a log: short, and on one line.
func Plain(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), 4*maxReason)], "\ufffd")
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "") + "…"
	}
	return strings.TrimSpace(s)
}

// delivery is one group on its way.
type delivery struct {
	*core
	ctx    context.Context
	g      *group
	failed []error // by row; nil means taken
	tried  []bool  // rows that have been sent before
	*scratch
}

// scratch is memory for bodies.
type scratch struct {
	body   []byte
	packed bytes.Buffer
	gzip   *gzip.Writer
}

// deliver sends a group until every row is taken or given up.
func (c *core) deliver(ctx context.Context, g *group) []error {
	d := &delivery{core: c, ctx: ctx, g: g, failed: make([]error, len(g.ends)), tried: make([]bool, len(g.ends))}
	if d.scratch, _ = c.scratch.Get().(*scratch); d.scratch == nil {
		d.scratch = &scratch{}
		d.gzip, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed)
	}
	defer func() {
		if cap(d.body) <= 4*c.opts.MaxBytes {
			c.scratch.Put(d.scratch)
		}
	}()
	all := make([]int32, len(g.ends))
	for i := range all {
		all[i] = int32(i)
	}
	d.send(all)
	for _, err := range d.failed {
		if err == nil {
			c.rows.Add(1)
		} else {
			c.rejected.Add(1)
		}
	}
	return d.failed
}

func (d *delivery) fail(pick []int32, err error) {
	for _, i := range pick {
		d.failed[i] = fmt.Errorf("%s: %w", d.proto.Name(), err)
	}
}

// send sends rows until each has an end.
func (d *delivery) send(pick []int32) {
	err := d.settle(pick)
	switch {
	case err == nil:
	case errors.Is(err, errTooLarge):
		d.tooLarge(pick, err)
	default:
		d.isolate(pick, err)
	}
}

func (d *delivery) tooLarge(pick []int32, err error) {
	if len(pick) == 1 {
		d.fail(pick, &Answer{Kind: errcat.SinkRejected, Status: http.StatusRequestEntityTooLarge, Text: "a single event is too large for the server"})
		return
	}
	d.splits.Add(1)
	rows := Rows{d.g, pick}
	if half := int64(rows.bytes() / 2); half < d.maxBytes.Load() {
		d.maxBytes.Store(max(half, 16<<10))
	}
	half := len(pick) / 2
	d.send(pick[:half])
	d.send(pick[half:])
}

// isolate finds the rows for which the server refuses a whole request. suspect is known
// to hold one: halves are tried until it stands alone, which takes log2 of their number
// requests, then the rest is sent.
func (d *delivery) isolate(suspect []int32, cause error) {
	var unknown []int32
	proven := true // suspect itself was refused, not only concluded to be
	for len(suspect) > 1 {
		half := len(suspect) / 2
		left, right := suspect[:half], suspect[half:]
		err := d.settle(left)
		switch {
		case err == nil:
			suspect, proven = right, false
		case errors.Is(err, errTooLarge):
			d.tooLarge(left, err)
			suspect, proven = right, false
		default:
			suspect, proven, cause = left, true, err
			unknown = append(append([]int32{}, right...), unknown...)
		}
	}
	if !proven {
		if err := d.settle(suspect); err == nil {
			suspect = nil
		} else {
			cause = err
		}
	}
	if len(suspect) == 1 {
		a := &Answer{Kind: errcat.SinkRejected, Text: cause.Error()}
		var w *whole
		if errors.As(cause, &w) {
			a = &Answer{Kind: errcat.SinkRejected, Status: w.Status, Text: w.Text}
		}
		d.fail(suspect, a)
	}
	if len(unknown) > 0 {
		d.send(unknown)
	}
}

// settle sends rows, again where that may help, until each has an end or the server
// refuses the request as a whole: then it returns why.
func (d *delivery) settle(pick []int32) error {
	backoff := ratelimit.Backoff{Min: d.opts.MinDelay, Max: d.opts.MaxDelay, Jitter: d.opts.Jitter}
	failed := 0 // attempts in a row that brought nothing
	for attempts := 1; len(pick) > 0; attempts++ {
		ended, err := d.admitted()
		if err != nil {
			d.fail(pick, fmt.Errorf("%w while waiting to send", err))
			return nil
		}
		err = d.post(pick)
		ended(d.outcome(err, len(pick)))
		d.note(err)
		var w *whole
		if errors.As(err, &w) {
			return w
		}
		var next []int32
		var last error
		var after time.Duration
		for _, f := range batch.Failures(err, len(pick)) {
			row := pick[f.Row : f.Row+1]
			if d.ctx.Err() != nil {
				d.fail(row, fmt.Errorf("%w after: %w", context.Cause(d.ctx), f.Err))
				continue
			}
			retry := errcat.Retryable(f.Err)
			var a *Answer
			if errors.As(f.Err, &a) {
				after = max(after, min(a.After, d.opts.MaxRetryAfter))
				if a.Kind == errcat.AccessDenied && a.Status == http.StatusUnauthorized && d.secrets.changes() {
					retry, after = true, max(after, time.Second) // until there is another secret
				}
			}
			if !retry || d.opts.Attempts > 0 && attempts >= d.opts.Attempts {
				d.fail(row, f.Err)
				continue
			}
			next, last = append(next, pick[f.Row]), f.Err
		}
		if len(next) == 0 {
			return nil
		}
		if len(next) < len(pick) {
			failed = 0
		}
		failed++
		if errcat.Of(last) == errcat.AccessDenied {
			failed = 1 // the pause stays about a second
		} else if len(d.opts.URLs) > 1 {
			d.url.Add(1)
		}
		pause := backoff.Pause(failed, after)
		if d.opts.OnRetry != nil {
			d.opts.OnRetry(attempts, len(next), pause, last)
		}
		if cause := d.opts.Clock.Pause(d.ctx, pause); cause != nil {
			d.fail(next, fmt.Errorf("%w while waiting to send again after: %w", cause, last))
			return nil
		}
		pick = next
	}
	return nil
}

// admitted waits until Options.Adaptive lets another request go.
func (d *delivery) admitted() (ended func(ratelimit.Outcome), err error) {
	if d.opts.Adaptive == nil {
		return func(ratelimit.Outcome) {}, nil
	}
	return d.opts.Adaptive.Acquire(d.ctx)
}

// outcome is what the end of a request with n rows says of the destination's load.
func (d *delivery) outcome(err error, n int) ratelimit.Outcome {
	var w *whole
	switch {
	case d.ctx.Err() != nil:
		return ratelimit.Ignore
	case err == nil || errors.As(err, &w):
		return ratelimit.Success
	}
	for _, f := range batch.Failures(err, n) {
		switch errcat.Of(f.Err) {
		case errcat.RateLimited, errcat.Timeout, errcat.TransientNetwork:
			return ratelimit.Overload
		}
	}
	return ratelimit.Success
}

// post sends one request and returns what its answer means.
func (d *delivery) post(pick []int32) error {
	rows := &Rows{d.g, pick}
	d.requests.Add(1)
	again := false
	for _, i := range pick {
		again = again || d.tried[i]
		d.tried[i] = true
	}
	if again {
		d.retries.Add(1)
	}
	body, err := d.proto.Append(d.body[:0], rows)
	d.body = body
	if err != nil {
		return &whole{&Answer{Kind: errcat.SinkRejected, Text: err.Error()}, errBad}
	}
	if !d.opts.NoCompression {
		d.packed.Reset()
		d.gzip.Reset(&d.packed)
		_, _ = d.gzip.Write(body) // into memory: neither fails
		_ = d.gzip.Close()
		body = d.packed.Bytes()
	}
	to := d.opts.URLs[int(d.url.Load())%len(d.opts.URLs)]
	text, err := d.request(to, body, !d.opts.NoCompression, rows)
	if err != nil {
		return err
	}
	err = d.proto.Verdict(text, rows)
	var p *Pending
	if errors.As(err, &p) {
		return p.Confirm(d.ctx, func(path string, body []byte) ([]byte, error) {
			at, err := url.Parse(to)
			if err != nil {
				return nil, err
			}
			ref, err := url.Parse(path)
			if err != nil {
				return nil, err
			}
			return d.request(at.ResolveReference(ref).String(), body, false, &Rows{d.g, nil})
		})
	}
	return err
}

// request sends one body and returns that of a 2xx answer.
func (d *delivery) request(to string, body []byte, packed bool, rows *Rows) ([]byte, error) {
	secret, err := d.secrets.get()
	if err != nil {
		return nil, &Answer{Kind: errcat.AccessDenied, Status: http.StatusUnauthorized, Text: Plain(err.Error())}
	}
	ctx, cancel := context.WithTimeout(d.ctx, d.opts.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "penstock")
	req.Header.Set("Content-Type", d.proto.ContentType())
	if packed {
		req.Header.Set("Content-Encoding", "gzip")
	}
	for k, v := range d.opts.Header {
		req.Header.Set(k, v)
	}
	d.secrets.show(req, secret)
	if p, ok := d.proto.(Preparer); ok {
		p.Prepare(req)
	}
	if p, ok := d.proto.(RowPreparer); ok {
		p.PrepareRows(req, rows)
	}
	resp, err := d.client.RoundTrip(req) // follows no redirect
	if err != nil {
		return nil, d.network(err, secret)
	}
	defer resp.Body.Close()
	d.sent.Add(int64(len(body)))
	limit := int64(64 << 10)
	if resp.StatusCode/100 == 2 {
		limit += 512 * int64(rows.Len())
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil && resp.StatusCode/100 == 2:
		return nil, d.network(err, secret)
	case int64(len(text)) > limit && resp.StatusCode/100 == 2:
		return nil, Unclear("the answer is longer than one to these events can be")
	}
	if resp.StatusCode/100 == 2 {
		d.secrets.accepted()
		return text, nil
	}
	return nil, d.status(resp, text, secret)
}

// network is the error of a request without an answer. The text of a url.Error would
// hold the URL, which is left out: it may hold what is secret.
func (d *delivery) network(err error, secret string) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	kind := errcat.Of(err)
	switch kind {
	case errcat.Timeout, errcat.AccessDenied, errcat.TransientNetwork:
	default:
		kind = errcat.TransientNetwork
	}
	var unknown *tls.CertificateVerificationError
	if errors.As(err, &unknown) || strings.Contains(err.Error(), "certificate") {
		kind = errcat.TransientNetwork // the certificate may be renewed; nothing was sent
	}
	return &Answer{Kind: kind, Text: Plain(d.secrets.hide(err.Error(), secret))}
}

// status is what an answer other than 2xx means.
func (d *delivery) status(resp *http.Response, text []byte, secret string) error {
	a := &Answer{
		Kind: errcat.SinkRejected, Status: resp.StatusCode, Text: Plain(d.secrets.hide(string(text), secret)),
		After: ratelimit.ParseHeader(resp.Header, time.Now(), d.opts.MaxRetryAfter).Pause(),
	}
	meaning := AsUsual
	if m, ok := d.proto.(Statuser); ok {
		meaning = m.Status(resp.StatusCode, string(text))
	}
	switch code := resp.StatusCode; {
	case meaning == BadRow:
		return &whole{a, errBad}
	case meaning == TooLarge:
		return &whole{a, errTooLarge}
	case meaning == Overloaded:
		a.Kind = errcat.RateLimited
	case meaning == Passing:
		a.Kind = errcat.TransientNetwork
	case code == http.StatusTooManyRequests:
		a.Kind = errcat.RateLimited
	case code == http.StatusRequestEntityTooLarge:
		return &whole{a, errTooLarge}
	case code == http.StatusBadRequest, code == http.StatusUnprocessableEntity:
		return &whole{a, errBad}
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		a.Kind = errcat.AccessDenied
		if code == http.StatusUnauthorized {
			d.secrets.refuse()
		}
	case code/100 == 3:
		a.Kind = errcat.TransientNetwork
		a.Text = Plain("redirects are not followed, this one goes to " + resp.Header.Get("Location"))
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code == http.StatusRequestTimeout, code/100 == 5:
		// A path that is not there is a mistake of configuration, or a server that is
		// being set up: no reason to give events up.
		a.Kind = errcat.TransientNetwork
	}
	return a
}

// dialTLS makes connections with the configuration of that moment. The timeout is for all
// of it: the transport gives a dial more time than the request that asked for it has.
func dialTLS(d *dialer, config func() (*tls.Config, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		cfg, err := config()
		if err != nil {
			return nil, err
		}
		if cfg.ServerName == "" {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			cfg = cfg.Clone()
			cfg.ServerName = host
		}
		ctx, cancel := context.WithTimeout(ctx, d.timeout)
		defer cancel()
		plain, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(plain, cfg)
		if err := conn.HandshakeContext(ctx); err != nil {
			plain.Close()
			return nil, err
		}
		return conn, nil
	}
}
