package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/ratelimit"
)

// endpoint polls one interface. Its goroutine owns everything but stats.
type endpoint struct {
	def       *Definition
	name      string
	base      *url.URL
	params    map[string]string
	secrets   Secrets
	interval  time.Duration
	opts      *Options
	client    *http.Client
	turns     chan struct{}
	now       func() time.Time
	userAgent string
	log       *slog.Logger
	token     token
	store     *store
	out       *ingest.Emit
	origin    *parse.Origin

	at     position // where the next request begins
	recent map[string]bool
	pause  time.Duration // what the server asked for
	ready  bool          // the setup has been made

	failures int // in a row

	mu      sync.Mutex
	stats   Stats
	pages   []*page // sent and not yet safe, in order
	settled sync.Cond
	// onFailure, if set, is called after a result that makes a page fail.
	onFailure func()
	streams   map[string]*endpoint // by name, of a definition with a stream

	wake chan struct{} // of the committer, which an endpoint and its streams share
}

// page is what one answer gave, on its way.
type page struct {
	after   position // where it goes on when the page is safe
	pending int      // chunks without result
	read    bool     // as far as it will be
	failed  bool     // not to its end, or a sink has not taken all of it
}

func (p *page) safe() bool { return p.read && p.pending == 0 && !p.failed }

func (p *page) hasFailed() bool { return p.failed }

// values gives templates their variables and remembers the secrets that it gave.
type values struct {
	ctx     context.Context
	e       *endpoint
	vars    map[string]string
	secrets []string
}

func (v *values) get(name string) (string, error) {
	if s, ok := strings.CutPrefix(name, "secret."); ok {
		text, err := v.e.secrets[s](v.ctx)
		if err == nil {
			v.secrets = append(v.secrets, text)
		}
		return text, err
	}
	if text, ok := v.vars[name]; ok {
		return text, nil
	}
	return v.e.params[name], nil
}

// start prepares run. committer may be started then.
func (e *endpoint) start(out *ingest.Emit, st *store) {
	e.store, e.out = st, out
	e.origin = &parse.Origin{Source: e.name, Hint: e.def.name}
	e.settled.L = &e.mu
	e.wake = make(chan struct{}, 1)
	e.at = st.load(e.name)
	e.learn()
}

// run polls until ctx ends. With Once it returns why the poll failed.
func (e *endpoint) run(ctx context.Context) error {
	poll := e.poll
	if e.def.stream != nil {
		poll = e.session
	}
	for {
		err := poll(ctx)
		if ctx.Err() != nil || errors.Is(err, ingest.ErrClosed) {
			return nil
		}
		if err == nil && e.opts.Once {
			if err = e.wait(ctx); err == nil {
				e.mu.Lock()
				e.stats.LastErr = nil
				e.mu.Unlock()
				return nil
			}
		}
		e.mu.Lock()
		if e.stats.LastErr = err; err != nil {
			e.stats.Failures++
		}
		e.mu.Unlock()
		wait := max(e.interval, e.pause)
		if err != nil {
			e.failures++
			wait = e.retryAfter(err, e.failures)
			e.log.Warn("an interface cannot be read now", "endpoint", e.name, "error", err, "pause", wait)
			if e.opts.Once && (e.failures >= 5 || !errcat.Retryable(err)) {
				return fmt.Errorf("api: %s: %w", e.name, err)
			}
		} else {
			e.failures = 0
		}
		e.pause = 0
		if sleep(ctx, wait) != nil {
			return nil
		}
		e.back(ctx)
	}
}

// retryAfter is the pause after failures in a row. A rejected credential may be replaced at
// any time, so that it is tried again soon, though never more than once a second.
func (e *endpoint) retryAfter(err error, failures int) time.Duration {
	b := e.opts.Backoff
	if errcat.Of(err) == errcat.AccessDenied && failures <= 30 {
		b.Max = min(b.Max, 3*time.Second)
		return max(b.Pause(failures, e.advised(err)), time.Second)
	}
	return b.Pause(failures, e.advised(err))
}

// advised is the pause that a failed answer asks for.
func (e *endpoint) advised(err error) time.Duration {
	a, ok := asAnswer(err)
	if !ok {
		return 0
	}
	pause := ratelimit.ParseHeader(a.header, e.now(), e.opts.MaxPause).Pause()
	if pause == 0 && errcat.Of(err) == errcat.RateLimited {
		pause = min(e.def.limits.pause, e.opts.MaxPause)
	}
	return pause
}

// maxRefusal bounds what is read of an answer that may be a refusal or a limit.
const maxRefusal = 8 << 10

// throttled says whether an answer that is no success means that there are too many requests.
func (e *endpoint) throttled(res *http.Response) bool {
	l := &e.def.limits
	if !slices.Contains(l.status, res.StatusCode) {
		return false
	}
	if len(l.texts) == 0 || ratelimit.ParseHeader(res.Header, e.now(), e.opts.MaxPause).Pause() > 0 {
		return true
	}
	body := &watchdog{r: res.Body, timeout: e.opts.Timeout}
	body.start()
	text, _ := io.ReadAll(io.LimitReader(body, maxRefusal)) // what has come of it has to do
	body.stop()
	return slices.ContainsFunc(l.texts, func(t string) bool { return bytes.Contains(text, []byte(t)) })
}

// back returns to the last safe position if a page has failed, in reading or in a sink.
func (e *endpoint) back(ctx context.Context) {
	if !e.broken() || e.wait(ctx) == nil {
		return
	}
	e.commit()
	e.mu.Lock()
	e.pages = nil
	e.stats.Rewound++
	e.mu.Unlock()
	e.at = e.store.load(e.name)
	e.learn()
}

// broken reports whether a page has failed.
func (e *endpoint) broken() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.pages, (*page).hasFailed)
}

// learn takes the identifiers of the position over.
func (e *endpoint) learn() {
	e.recent = make(map[string]bool, len(e.at.Recent))
	for _, id := range e.at.Recent {
		e.recent[id] = true
	}
}

var errNotTaken = errcat.New(errcat.SinkRejected, errcat.StageCollect, "api: a page was not read to its end, or not taken by a sink")

// wait waits until every chunk has its result, and says whether all were good.
func (e *endpoint) wait(ctx context.Context) error {
	return e.pagesAre(ctx, func() bool {
		return !slices.ContainsFunc(e.pages, func(p *page) bool { return p.pending > 0 })
	})
}

// pagesAre waits until the pages are as asked, or ctx ends, and says whether all of them are
// good. settled is called under the lock.
func (e *endpoint) pagesAre(ctx context.Context, settled func() bool) error {
	stop := context.AfterFunc(ctx, func() {
		e.mu.Lock()
		e.settled.Broadcast()
		e.mu.Unlock()
	})
	defer stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for !settled() && ctx.Err() == nil {
		e.settled.Wait()
	}
	if slices.ContainsFunc(e.pages, (*page).hasFailed) {
		return errNotTaken
	}
	return nil
}

// poll fetches pages until there are no more.
func (e *endpoint) poll(ctx context.Context) error {
	if err := e.prepare(ctx); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if err := e.room(ctx); err != nil {
			return err
		}
		e.open()
		more, err := e.fetch(ctx)
		if err != nil || !more {
			return err
		}
		if e.broken() {
			return errNotTaken
		}
		if n+1 >= e.opts.MaxPages {
			e.log.Error("an interface has more pages in a row than the limit", "endpoint", e.name, "pages", e.opts.MaxPages)
			return errcat.Newf(errcat.Oversize, errcat.StageCollect, "api: more than %d pages in a row", e.opts.MaxPages)
		}
		if err := sleep(ctx, e.pause); err != nil {
			return err
		}
		e.pause = 0
	}
}

// prepare makes the requests that come before all others.
func (e *endpoint) prepare(ctx context.Context) error {
	if e.ready {
		return nil
	}
	for i := range e.def.setup {
		res, _, err := e.ask(ctx, &e.def.setup[i], nil, nil)
		if err != nil {
			return err
		}
		res.Body.Close()
	}
	e.ready = true
	return nil
}

// room waits until one page more may be under way.
func (e *endpoint) room(ctx context.Context) error {
	most := e.opts.MaxUncommittedPages
	if most == 0 {
		return nil
	}
	if err := e.pagesAre(ctx, func() bool { return len(e.pages) < most || slices.ContainsFunc(e.pages, (*page).hasFailed) }); err != nil {
		return err
	}
	return ctx.Err()
}

// open sees to a window.
func (e *endpoint) open() {
	w := e.def.window
	if w == nil {
		return
	}
	if w.oldest > 0 && !e.at.From.IsZero() {
		if oldest := e.now().Add(w.overlap - w.oldest); e.at.From.Before(oldest) {
			e.log.Error("an interface does not give events as old as those that are next", "endpoint", e.name, "from", e.at.From, "to", oldest)
			e.at = position{From: oldest, Recent: e.at.Recent}
		}
	}
	if !e.at.To.IsZero() {
		return
	}
	end := e.now().Add(-w.lag)
	if e.at.From.IsZero() {
		e.at.From = end.Add(-w.initial)
	}
	e.at.To = end
	if w.step > 0 && e.at.From.Add(w.step).Before(end) {
		e.at.To = e.at.From.Add(w.step)
	}
}

// fetch asks for one page and sends its events. more says that another one follows at once.
func (e *endpoint) fetch(ctx context.Context) (more bool, err error) {
	v := map[string]string{"cursor": e.at.Cursor}
	if w := e.def.window; w != nil {
		v["from"], v["to"] = w.format(e.at.From.Add(-w.overlap)), w.format(e.at.To)
	}
	var target *url.URL
	if e.at.URL != "" {
		if target, err = e.next(e.at.URL, e.base); err != nil {
			return false, err
		}
	}
	res, secrets, err := e.ask(ctx, &e.def.request, target, v)
	if err != nil {
		return false, e.leave(hideError(err, secrets))
	}
	defer res.Body.Close()
	a := &answer{}
	for _, p := range [][]string{e.def.page.url, e.def.page.cursor, e.def.page.more} {
		if len(p) > 0 {
			a.want = append(a.want, p)
		}
	}
	s := e.begin()
	item := s.event
	if e.def.each != nil {
		item = func(raw []byte) error { return e.follow(ctx, s, raw) }
	}
	body := &watchdog{r: res.Body, timeout: e.opts.Timeout}
	body.start()
	defer body.stop()
	if e.def.lines {
		err = readLines(body, int64(e.opts.MaxEvent), a, item)
	} else {
		err = readJSON(body, e.def.items, int64(e.opts.MaxEvent), a, item)
	}
	if err == nil {
		err = body.err()
	}
	if err != nil {
		s.abandon()
		return false, hideError(err, secrets)
	}
	next, more, err := e.after(res, a)
	if err != nil {
		s.abandon()
		return false, err
	}
	next.Recent = s.recent
	e.pause = ratelimit.ParseHeader(res.Header, e.now(), e.opts.MaxPause).Pause()
	e.at = next.clone()
	return more, s.finish(next)
}

// leave gives a cursor or a link up that the interface does not take (any more): its window is asked for from its
// beginning at the next try.
func (e *endpoint) leave(err error) error {
	a, ok := asAnswer(err)
	if !ok || e.def.window == nil || e.at.Cursor == "" && e.at.URL == "" {
		return err
	}
	switch a.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone:
		e.at.Cursor, e.at.URL = "", ""
		return errcat.Newf(errcat.TransientNetwork, errcat.StageCollect, "api: the cursor of a next page is not taken; the window is read anew: %w", err)
	}
	return err
}

// after finds the position behind a page.
func (e *endpoint) after(res *http.Response, a *answer) (next position, more bool, err error) {
	p := &e.def.page
	next = e.at.clone()
	before := e.at
	next.Cursor, next.URL, next.Offset = "", "", 0
	switch {
	case p.link != "":
		next.URL = linkRelation(res.Header.Values("Link"), p.link)
		more = next.URL != ""
	case len(p.url) > 0:
		next.URL = a.get(p.url)
		more = next.URL != ""
	case p.header != "":
		next.URL = res.Header.Get(p.header)
		more = next.URL != ""
	case len(p.cursor) > 0:
		next.Cursor = a.get(p.cursor)
		more = next.Cursor != ""
	case p.offset != "":
		next.Offset = e.at.Offset + a.items
		if more = a.items >= p.size; !more {
			next.Offset = 0
		}
	}
	if len(p.more) > 0 {
		flag, _ := strconv.ParseBool(a.get(p.more))
		more = more && flag
	}
	if next.URL != "" {
		u, err := e.next(next.URL, res.Request.URL)
		if err != nil {
			return next, false, err
		}
		next.URL = u.String()
	}
	if more && a.items == 0 && (p.keep || p.lastLink) {
		more = false // nothing new: the kept position is asked again at the next poll
	}
	if more && (next.URL != "" && next.URL == before.URL || next.Cursor != "" && next.Cursor == before.Cursor) {
		return next, false, errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "api: the page that follows is the same page")
	}
	if more {
		return next, true, nil
	}
	if p.keep && next.Cursor == "" {
		next.Cursor = before.Cursor
	}
	if p.lastLink && next.URL == "" {
		next.URL = before.URL
	}
	if !p.keep {
		next.Cursor = ""
	}
	if !p.lastLink {
		next.URL = ""
	}
	if w := e.def.window; w != nil {
		next.From, next.To = e.at.To, time.Time{}
		more = w.step > 0 && next.From.Add(w.step).Before(e.now().Add(-w.lag)) && !p.keep && !p.lastLink
	}
	return next, more, nil
}

// ask makes one request. Its secrets come back for hiding.
func (e *endpoint) ask(ctx context.Context, spec *requestSpec, target *url.URL, vars map[string]string) (*http.Response, []string, error) {
	v := &values{ctx: ctx, e: e, vars: vars}
	req, err := e.build(ctx, spec, target, v)
	if err != nil {
		return nil, v.secrets, err
	}
	if err := e.authorize(ctx, req, v); err != nil {
		return nil, v.secrets, err
	}
	select { // endpoints take turns
	case e.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, v.secrets, context.Cause(ctx)
	}
	e.mu.Lock()
	e.stats.Requests++
	e.mu.Unlock()
	res, err := e.client.Do(req)
	if err != nil {
		<-e.turns
		return nil, v.secrets, hideError(err, v.secrets)
	}
	res.Body = &turn{ReadCloser: res.Body, turns: e.turns}
	if res.StatusCode/100 == 2 || slices.Contains(spec.accept, res.StatusCode) {
		return res, v.secrets, nil
	}
	throttled := e.throttled(res)
	res.Body.Close()
	if res.StatusCode == http.StatusUnauthorized {
		e.token.forget()
	}
	return nil, v.secrets, statusError(res, e.name, throttled)
}

// turn gives the endpoint's turn back when the answer has been read.
type turn struct {
	io.ReadCloser
	turns chan struct{}
	once  sync.Once
}

func (t *turn) Close() error {
	t.once.Do(func() { <-t.turns })
	return t.ReadCloser.Close()
}

// build makes the request of a specification, for the next page at target.
func (e *endpoint) build(ctx context.Context, spec *requestSpec, target *url.URL, v *values) (*http.Request, error) {
	if target == nil {
		path, err := spec.path.expand(v.get)
		if err != nil {
			return nil, err
		}
		if target, err = e.base.Parse(strings.TrimSuffix(e.base.Path, "/") + path); err != nil {
			return nil, err
		}
		q := target.Query()
		pairs := spec.query
		if v.vars["cursor"] != "" && len(spec.nexts) > 0 {
			pairs = spec.nexts
		}
		if err := e.setQuery(q, pairs, v); err != nil {
			return nil, err
		}
		if name := e.def.page.into; name != "" && e.at.Cursor != "" && spec == &e.def.request {
			q.Set(name, e.at.Cursor)
		}
		if name := e.def.page.offset; name != "" && spec == &e.def.request {
			q.Set(name, strconv.Itoa(e.at.Offset))
		}
		target.RawQuery = q.Encode()
	}
	text := spec.body
	if v.vars["cursor"] != "" && !spec.next.empty() {
		text = spec.next
	}
	body, err := text.expand(v.get)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, spec.method, target.String(), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body == "" {
		req.Body = http.NoBody
		req.ContentLength = 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", e.userAgent)
	for _, p := range spec.headers {
		text, err := p.value.expand(v.get)
		if err != nil {
			return nil, err
		}
		req.Header.Set(p.name, text)
	}
	return req, nil
}

// setQuery adds the parameters that are not empty.
func (e *endpoint) setQuery(q url.Values, pairs []pair, v *values) error {
	for _, p := range pairs {
		text, err := p.value.expand(v.get)
		if err != nil {
			return err
		}
		if text != "" {
			q.Set(p.name, text)
		}
	}
	return nil
}

// follow fetches what an item of the answer leads to; that holds the events.
func (e *endpoint) follow(ctx context.Context, s *sending, raw []byte) error {
	link := scalar(raw, e.def.eachURL)
	if link == "" {
		return errcat.New(errcat.SchemaViolation, errcat.StageCollect, "api: an item of the answer has no link")
	}
	target, err := e.next(link, e.base)
	if err != nil {
		return err
	}
	if len(e.def.each.query) > 0 {
		q := target.Query()
		if err := e.setQuery(q, e.def.each.query, &values{ctx: ctx, e: e}); err != nil {
			return err
		}
		target.RawQuery = q.Encode()
	}
	// The turn of the list is given to the item meanwhile, or one connection would wait
	// for another one of its own.
	<-e.turns
	res, secrets, err := e.ask(ctx, e.def.each, target, nil)
	if err != nil {
		e.turns <- struct{}{}
		return hideError(err, secrets)
	}
	body := &watchdog{r: res.Body, timeout: e.opts.Timeout}
	body.start()
	err = readJSON(body, nil, int64(e.opts.MaxEvent), &answer{}, s.event)
	body.stop()
	res.Body.Close()
	e.turns <- struct{}{}
	return err
}
