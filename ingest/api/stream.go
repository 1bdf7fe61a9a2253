package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/yaml"
)

// streamSpec says how the items of an answer lead to connections that do not end, which have
// one event a line.
type streamSpec struct {
	url           []string   // field of an item: where to connect to
	origins       []template // that these URLs may have, beside that of the base
	token         []string   // field of an item: what proves that one may
	authorization template   // of the connection, made of {token}
	offset        []string   // field of an event: its position
	into          string     // query parameter that takes the position of the last one
	begin         template   // its value where there is no position yet
	idle          time.Duration
	refreshURL    []string // field of an item: what keeps the session alive, if anything has to
	refreshEvery  []string // field of an item: before so many seconds
	refresh       requestSpec
}

func (r *reader) stream(n *yaml.Node) *streamSpec {
	if n == nil {
		return nil
	}
	r.keys(n, "url", "origins", "token", "authorization", "offset", "into", "begin", "idle", "refresh")
	s := &streamSpec{
		url: r.path(n.Get("url")), token: r.path(n.Get("token")), offset: r.path(n.Get("offset")),
		into: r.text(n.Get("into")), begin: r.template(n.Get("begin")), idle: r.duration(n.Get("idle"), 10*time.Minute),
	}
	if o := n.Get("origins"); o != nil {
		for _, it := range o.Items {
			s.origins = append(s.origins, r.template(it))
		}
	}
	r.known = append(r.known, "token")
	s.authorization = r.template(n.Get("authorization"))
	if f := n.Get("refresh"); f != nil {
		r.keys(f, "url", "seconds", "method", "body")
		s.refreshURL, s.refreshEvery = r.path(f.Get("url")), r.path(f.Get("seconds"))
		s.refresh = requestSpec{method: r.text(f.Get("method")), body: r.template(f.Get("body"))}
		if s.refresh.method == "" {
			s.refresh.method = http.MethodPost
		}
		if len(s.refreshURL) == 0 || len(s.refreshEvery) == 0 {
			r.fail(f, "refresh needs the fields url and seconds")
		}
	}
	if len(s.url) == 0 || len(s.offset) == 0 || s.into == "" {
		r.fail(n, "a stream needs url, offset and into")
	}
	return s
}

const (
	maxStreams   = 64
	maxPageLines = 1000
	// goodSession is how long a session lasts that the failures before it are forgotten for.
	goodSession = time.Minute
)

var errNoStream = errcat.New(errcat.TransientNetwork, errcat.StageCollect,
	"api: there is no stream: perhaps another reader has it, or the session of the last one has not ended yet")

// session finds the streams and reads them until one of them ends.
func (e *endpoint) session(ctx context.Context) error {
	if err := e.prepare(ctx); err != nil {
		return err
	}
	res, secrets, err := e.ask(ctx, &e.def.request, nil, map[string]string{})
	if err != nil {
		return hideError(err, secrets)
	}
	body := &watchdog{r: res.Body, timeout: e.opts.Timeout}
	body.start()
	var items [][]byte
	err = readJSON(body, e.def.items, int64(e.opts.MaxEvent), &answer{}, func(raw []byte) error {
		if len(items) == maxStreams {
			return errcat.Newf(errcat.Oversize, errcat.StageCollect, "api: more than %d streams", maxStreams)
		}
		items = append(items, bytes.Clone(raw))
		return nil
	})
	body.stop()
	res.Body.Close()
	switch {
	case err != nil:
		return hideError(err, secrets)
	case len(items) == 0:
		return errNoStream
	}
	began := e.now()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	// A goroutine for each stream; the end of one ends all, and they are waited for.
	var wg sync.WaitGroup
	errs := make([]error, len(items))
	var names []string
	for i, item := range items {
		s, err := e.newStream(item)
		if err == nil && slices.Contains(names, s.sub.name) {
			err = errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "api: two streams are called %s", s.sub.name)
		}
		if err != nil {
			errs[i] = err
			cancel()
			break
		}
		names = append(names, s.sub.name)
		wg.Go(func() {
			defer cancel()
			errs[i] = hideError(s.run(inner), []string{s.token})
		})
	}
	wg.Wait()
	if e.now().Sub(began) >= goodSession {
		e.failures = 0
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}

// stream is one connection.
type stream struct {
	e       *endpoint // that it was found by
	sub     *endpoint // that has its position and its pages
	spec    *streamSpec
	token   string
	target  *url.URL
	refresh *url.URL      // nil: not needed
	every   time.Duration // between two refreshes at most
}

// newStream reads an item of the answer that lists the streams.
func (e *endpoint) newStream(item []byte) (*stream, error) {
	spec := e.def.stream
	s := &stream{e: e, spec: spec, token: scalar(item, spec.token)}
	var err error
	if s.target, err = e.streamURL(scalar(item, spec.url)); err != nil {
		return nil, err
	}
	if link := scalar(item, spec.refreshURL); link != "" {
		if s.refresh, err = e.streamURL(link); err != nil {
			return nil, err
		}
		seconds, err := strconv.ParseFloat(scalar(item, spec.refreshEvery), 64)
		if err != nil || !(seconds > 0 && seconds < 1e6) {
			return nil, errcat.New(errcat.SchemaViolation, errcat.StageCollect, "api: a stream does not say in how many seconds its session ends")
		}
		s.every = time.Duration(seconds * float64(time.Second))
	}
	s.sub = e.substream(e.name + s.target.Path)
	return s, nil
}

// substream is what is known of a stream, from one session to the next.
func (e *endpoint) substream(name string) *endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	if sub := e.streams[name]; sub != nil {
		return sub
	}
	sub := &endpoint{
		def: e.def, name: name, opts: e.opts, now: e.now, log: e.log, store: e.store, out: e.out, origin: e.origin, wake: e.wake,
	}
	sub.settled.L = &sub.mu
	sub.at = e.store.load(name)
	sub.learn()
	if e.streams == nil {
		e.streams = map[string]*endpoint{}
	}
	e.streams[name] = sub
	return sub
}

// substreams are all streams that there have been. The caller does not hold mu.
func (e *endpoint) substreams() []*endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Values(e.streams))
}

// streamURL checks where a stream is said to be.
func (e *endpoint) streamURL(link string) (*url.URL, error) {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" {
		return nil, errcat.New(errcat.SchemaViolation, errcat.StageCollect, "api: a stream has no URL")
	}
	if origin(u) == origin(e.base) {
		return u, nil
	}
	for _, t := range e.def.stream.origins {
		text, err := t.expand(func(name string) (string, error) { return e.params[name], nil })
		if err != nil {
			return nil, err
		}
		if allowed, err := url.Parse(text); err == nil && origin(allowed) == origin(u) {
			return u, nil
		}
	}
	return nil, errcat.Newf(errcat.AccessDenied, errcat.StageCollect, "api: a stream of %s is at another origin, %s: is it a parameter of the endpoint?", e.name, origin(u))
}

// run reads the stream until it ends, is broken, or a sink has not taken what came of it.
func (s *stream) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sub := s.sub
	sub.back(ctx)
	sub.mu.Lock()
	sub.onFailure = func() { cancel(errNotTaken) }
	sub.mu.Unlock()
	body, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	if s.refresh != nil {
		var refreshing sync.WaitGroup
		defer refreshing.Wait()
		defer cancel(nil)
		refreshing.Go(func() { s.keepAlive(ctx, cancel) })
	}
	watched := &watchdog{r: body, timeout: s.spec.idle}
	watched.start()
	defer watched.stop()
	err = s.read(watched)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// open connects. The turn among the endpoints is given back as soon as the connection stands,
// since it does not end.
func (s *stream) open(ctx context.Context) (io.ReadCloser, error) {
	e := s.e
	v := &values{ctx: ctx, e: e, vars: map[string]string{"token": s.token}}
	u := *s.target
	q := u.Query()
	at := s.sub.at.Cursor
	if at == "" {
		var err error
		if at, err = s.spec.begin.expand(v.get); err != nil {
			return nil, err
		}
	}
	if at != "" {
		q.Set(s.spec.into, at)
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", e.userAgent)
	header, err := s.spec.authorization.expand(v.get)
	if err != nil {
		return nil, err
	}
	if header != "" {
		req.Header.Set("Authorization", header)
	}
	select {
	case e.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	e.mu.Lock()
	e.stats.Requests++
	e.mu.Unlock()
	res, err := e.client.Do(req)
	<-e.turns
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, statusError(res, s.sub.name, false)
	}
	return res.Body, nil
}

// keepAlive refreshes the session in time. One that cannot be refreshed any more ends the
// stream: the next one is found anew.
func (s *stream) keepAlive(ctx context.Context, end context.CancelCauseFunc) {
	e := s.e
	for good, failures := time.Now(), 0; ; {
		wait := s.every*3/4 - time.Since(good)
		if failures > 0 {
			wait = e.opts.Backoff.Pause(failures, 0)
		}
		if sleep(ctx, wait) != nil {
			return
		}
		res, secrets, err := e.ask(ctx, &s.spec.refresh, s.refresh, map[string]string{"token": s.token})
		if err == nil {
			res.Body.Close()
			good, failures = time.Now(), 0
			continue
		}
		if ctx.Err() != nil {
			return
		}
		failures++
		err = hideError(err, secrets)
		e.log.Warn("the session of a stream cannot be refreshed", "stream", s.sub.name, "error", err)
		if time.Since(good) >= s.every {
			end(fmt.Errorf("api: the session of %s has ended: %w", s.sub.name, err))
			return
		}
	}
}

// read sends the events of a connection. What has come is sent before the next Read.
func (s *stream) read(body io.Reader) error {
	sub := s.sub
	in := bufio.NewReaderSize(body, 64<<10)
	var line []byte
	var page *sending
	lines := 0
	after := sub.at.clone()
	flush := func() error {
		if page == nil {
			return nil
		}
		p := page
		page, lines = nil, 0
		sub.at = after
		return p.finish(after)
	}
	for resumed := after.Cursor == ""; ; {
		var err error
		line, err = readLine(in, line[:0], sub.opts.MaxEvent)
		raw := bytes.TrimSpace(line)
		if err != nil { // what stands before the end of a broken connection is no whole event
			return errors.Join(flush(), streamEnd(err))
		}
		if len(raw) > 0 {
			at := scalar(raw, s.spec.offset)
			if page == nil {
				page = sub.begin()
			}
			if !resumed && at != "" && at == after.Cursor { // asked for from the last one on
				page.known++
			} else if err := page.event(raw); err != nil {
				return err
			}
			resumed = true
			if at != "" {
				after.Cursor = at
			}
			lines++
		}
		if rest, _ := in.Peek(in.Buffered()); lines >= maxPageLines || bytes.IndexByte(rest, '\n') < 0 {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

// streamEnd is why a connection has ended that was not meant to.
func streamEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errcat.New(errcat.TransientNetwork, errcat.StageCollect, "api: the server has ended a stream")
	}
	if errcat.Of(err) == errcat.Internal {
		return errcat.Newf(errcat.TransientNetwork, errcat.StageCollect, "api: a stream is broken: %w", err)
	}
	return err
}

// readLine appends the next line, with its end, to b. One of more than limit bytes is an error.
func readLine(in *bufio.Reader, b []byte, limit int) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(b)+len(part) > limit {
			return b, errcat.Newf(errcat.Oversize, errcat.StageCollect, "api: an event of the stream has more than %d bytes", limit)
		}
		b = append(b, part...)
		if err != bufio.ErrBufferFull {
			return b, err
		}
	}
}

// streamStats adds the counters of the streams to those of their endpoint. The caller does
// not hold mu.
func (e *endpoint) streamStats(sum *Stats) {
	subs := e.substreams()
	slices.SortFunc(subs, func(a, b *endpoint) int { return strings.Compare(a.name, b.name) })
	var at []string
	for _, sub := range subs {
		sub.mu.Lock()
		s := sub.stats
		sub.mu.Unlock()
		sum.Pages += s.Pages
		sum.Events += s.Events
		sum.Repeats += s.Repeats
		sum.Rewound += s.Rewound
		if s.Cursor != "" {
			at = append(at, s.Cursor)
		}
	}
	if len(at) > 0 {
		sum.Cursor = strings.Join(at, " ")
	}
}
