package api_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/api"
	"github.com/penstock-dev/penstock/internal/faulttest"
	"github.com/penstock-dev/penstock/ratelimit"
)

// until runs a source that polls for ever until it has n events, or the time is over.
func (c *collected) until(src *api.Source, n int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if got, _ := c.has(); got >= n {
				time.Sleep(30 * time.Millisecond) // for what comes too much
				cancel()
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	_ = c.collect(ctx, src) // with faults it reports them
	if got, _ := c.has(); got != n {
		c.t.Errorf("%d of %d events; %+v", got, n, src.Stats())
	}
}

// Each way in which a page can fail, at each page: nothing is lost, and no page comes twice
// that was stored.
func TestF43PageFails(t *testing.T) {
	var runs atomic.Int64
	faulttest.Figures(t, "F43 pages", "page 1 to 4 fails once, in ten ways: 500, 429, 401, bad JSON, HTML, empty, cut off, too deep, no response", "0 lost; no page that was stored comes twice", func() string {
		return fmt.Sprintf("%d runs of 10 events, each came once", runs.Load())
	})
	faults := map[string]func(w http.ResponseWriter, r *http.Request){
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"429": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"401":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"bad JSON": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"value":[{"id":"event-0"`) },
		"HTML":     func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `<html>down for maintenance</html>`) },
		"empty":    func(http.ResponseWriter, *http.Request) {},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"value":[`)
		},
		"deep": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat(`{"a":`, 1_000_000)) },
		"other type": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"value":`+strings.Repeat("[", 100_000))
		},
		"no response": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for name, fault := range faults {
		for at := range 4 {
			t.Run(fmt.Sprintf("%s %d", name, at), func(t *testing.T) {
				t.Parallel()
				p := newProduct(t, servers["azure.signinlogs"].handler)
				p.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
				n := 0
				p.before = func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.Contains(r.URL.Path, "signIns") {
						return false
					}
					n++
					if n != at+1 {
						return false
					}
					fault(w, r)
					return true
				}
				o := p.options("azure.signinlogs")
				o.Once, o.Endpoints[0].Interval = false, time.Hour
				c := &collected{t: t, got: map[string]int{}}
				src := p.source(o)
				c.until(src, 10)
				if _, twice := c.has(); twice {
					t.Error("an event came twice")
				}
				runs.Add(1)
				if s := src.Stats()[0]; s.Failures == 0 && name != "no response" { // that one HTTP asks again by itself
					t.Errorf("no failure was counted: %+v", s)
				}
			})
		}
	}
}

// What a sink has not taken is fetched again.
func TestSinkFails(t *testing.T) {
	p := newProduct(t, servers["okta.system"].handler)
	o := p.options("okta.system")
	o.Once, o.Endpoints[0].Interval = false, time.Second
	c := &collected{t: t, got: map[string]int{}, fail: 2}
	src := p.source(o)
	c.until(src, 10)
	if s := src.Stats()[0]; s.Rewound == 0 {
		t.Errorf("%+v", s)
	}
}

// A source that is stopped anywhere goes on where everything was safe.
func TestStopped(t *testing.T) {
	p := newProduct(t, servers["slack.audit"].handler)
	p.events = nil
	for i := range 300 {
		p.events = append(p.events, happened{fmt.Sprintf("event-%d", i), clock.Add(-time.Duration(3000-i) * time.Second)})
	}
	o := p.options("slack.audit")
	c := &collected{t: t, got: map[string]int{}}
	for i := range 10 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+i)*2*time.Millisecond)
		_ = c.collect(ctx, p.source(o))
		cancel()
	}
	if err := c.collect(context.Background(), p.source(o)); err != nil {
		t.Fatal(err)
	}
	if n, twice := c.has(); n != 300 || twice {
		t.Errorf("%d of 300 events, twice: %v", n, twice)
	}
}

// With a bound no page is asked for while as many have not been taken by the sink.
func TestMaxUncommittedPages(t *testing.T) {
	p := newProduct(t, servers["slack.audit"].handler)
	p.events = nil
	for i := range 300 {
		p.events = append(p.events, happened{fmt.Sprintf("event-%d", i), clock.Add(-time.Duration(3000-i) * time.Second)})
	}
	var asked, rows atomic.Int64
	p.before = func(http.ResponseWriter, *http.Request) bool {
		asked.Add(1)
		return false
	}
	o := p.options("slack.audit")
	o.MaxUncommittedPages = 2
	take := make(chan struct{})
	pl, err := ingest.New(ingest.Config[struct{}]{
		Sources: []ingest.Source{p.source(o)}, Parser: countParser, Sink: sinkFunc(func(n int) {
			<-take
			rows.Add(int64(n))
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- pl.Run(t.Context()) }()
	for asked.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond) // a third would be asked for now
	if n := asked.Load(); n != 2 {
		t.Errorf("%d pages were asked for while the sink has taken none", n)
	}
	close(take)
	if err := <-ended; err != nil || rows.Load() != 300 {
		t.Errorf("%d of 300 events, %v", rows.Load(), err)
	}
}

func TestF43EndlessPaging(t *testing.T) {
	asked := map[bool]int{}
	faulttest.Figures(t, "F43 endless paging", "empty pages with a next link: the same one, and always another; MaxPages 20", "endless paging stops at the limit and is reported", func() string {
		return fmt.Sprintf("%d requests where the link repeats, %d where it does not; both reported", asked[true], asked[false])
	})
	for _, repeats := range []bool{true, false} {
		n := 0
		p := newProduct(t, servers["salesforce.events"].handler)
		p.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/services/oauth2/token" {
				return false
			}
			n++
			next := p.server.URL + r.URL.Path + "?x=same"
			if !repeats {
				next += fmt.Sprint(n)
			}
			fmt.Fprintf(w, `{"records":[],"nextRecordsUrl":%q}`, next)
			return true
		}
		o := p.options("salesforce.events")
		o.MaxPages = 20
		c := &collected{t: t, got: map[string]int{}}
		err := c.collect(context.Background(), p.source(o))
		asked[repeats] = n
		if err == nil || n > 25 {
			t.Errorf("repeats %v: %d requests, %v", repeats, n, err)
		}
	}
}

// An answer of any size takes the memory of its largest event.
func TestLargeAnswer(t *testing.T) {
	const events = 40_000
	event := `{"id":"%d","text":"` + strings.Repeat("x", 2000) + `"},`
	p := newProduct(t, servers["atlassian.audit"].handler)
	p.before = func(w http.ResponseWriter, _ *http.Request) bool {
		io.WriteString(w, `{"data":[`)
		for i := range events {
			fmt.Fprintf(w, event, i)
		}
		io.WriteString(w, `{"id":"last"}],"links":{}}`)
		return true
	}
	o := p.options("atlassian.audit")
	var peak, n atomic.Int64
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	pl, err := ingest.New(ingest.Config[struct{}]{
		Sources: []ingest.Source{p.source(o)}, Parser: countParser, Sink: sinkFunc(func(rows int) {
			if n.Add(int64(rows))%5000 < int64(rows) {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), int64(m.HeapInuse)-int64(before.HeapInuse)))
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := pl.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n.Load() != events+1 {
		t.Errorf("%d of %d events", n.Load(), events+1)
	}
	if peak.Load() > 40<<20 {
		t.Errorf("80 MB of answer took %d MB of heap", peak.Load()>>20)
	}
}

func TestOversizeEvent(t *testing.T) {
	p := newProduct(t, servers["atlassian.audit"].handler)
	p.before = func(w http.ResponseWriter, _ *http.Request) bool {
		io.WriteString(w, `{"data":[{"id":"1"},{"id":"`)
		for range 1000 {
			io.WriteString(w, strings.Repeat("x", 10_000))
		}
		io.WriteString(w, `"}]}`)
		return true
	}
	o := p.options("atlassian.audit")
	o.MaxEvent = 1 << 20
	c := &collected{t: t, got: map[string]int{}}
	if err := c.collect(context.Background(), p.source(o)); errcat.Of(err) != errcat.Oversize {
		t.Errorf("%v", err)
	}
}

// A token that was revoked is asked for anew, and no secret reaches a log or an error.
func TestCredentials(t *testing.T) {
	p := newProduct(t, servers["azure.auditlogs"].handler)
	secret := "wrong secret canary"
	var mu sync.Mutex
	o := p.options("azure.auditlogs")
	var logged bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	o.Endpoints[0].Secrets = api.Secrets{"client_secret": func(context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		return secret, nil
	}}
	o.Once, o.Endpoints[0].Interval, o.Backoff = false, time.Hour, ratelimit.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond}
	src := p.source(o)
	time.AfterFunc(1500*time.Millisecond, func() {
		mu.Lock()
		secret = "the secret"
		mu.Unlock()
	})
	c := &collected{t: t, got: map[string]int{}}
	c.until(src, 10)
	p.mu.Lock()
	asked := 0
	for _, r := range p.requests {
		if strings.Contains(r, "/token") {
			asked++
		}
	}
	p.mu.Unlock()
	if asked < 2 || asked > 5 {
		t.Errorf("the token server was asked %d times", asked)
	}
	if s := logged.String(); strings.Contains(s, "canary") || strings.Contains(s, "the secret") || !strings.Contains(s, "ACCESS_DENIED") {
		t.Errorf("the log: %s", s)
	}
}

// The pause that a server asks for is kept.
func TestRetryAfter(t *testing.T) {
	p := newProduct(t, servers["okta.system"].handler)
	var times []time.Time
	p.before = func(w http.ResponseWriter, _ *http.Request) bool {
		times = append(times, time.Now())
		if len(times) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}
		return false
	}
	c := &collected{t: t, got: map[string]int{}}
	if err := c.collect(context.Background(), p.source(p.options("okta.system"))); err != nil {
		t.Fatal(err)
	}
	if pause := times[1].Sub(times[0]); pause < 950*time.Millisecond {
		t.Errorf("asked again after %s", pause)
	}
}

// What else than 429 means too many requests is told from a refusal, and waited for; so is a 429 that says no time.
func TestThrottled(t *testing.T) {
	for _, tc := range []struct {
		name, definition, body string
		header                 string
		limited                bool // 403, or 429 where there is no body
	}{
		{"secondary limit", "github.audit", `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`, "", true},
		{"primary limit", "github.audit", `{}`, "X-RateLimit-Remaining: 0", true},
		{"no right", "github.audit", `{"message":"Must have admin rights to Repository."}`, "X-RateLimit-Remaining: 1700", false},
		{"requests of a day", "salesforce.events", `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`, "", true},
		{"no access", "salesforce.events", `[{"errorCode":"API_DISABLED_FOR_ORG"}]`, "", false},
		{"no time", "duo.authentication", "", "", true},
		{"no time in a list", "o365.audit", "", "", true},
		{"quota", "google_workspace.reports", `{"error":{"code":403,"errors":[{"domain":"usageLimits","reason":"rateLimitExceeded"}]}}`, "Retry-After: 1", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProduct(t, servers[tc.definition].handler)
			var times []time.Time
			p.before = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/token") {
					return false
				}
				if times = append(times, time.Now()); len(times) > 1 {
					return false
				}
				if name, value, ok := strings.Cut(tc.header, ": "); ok {
					w.Header().Set(name, value)
					w.Header().Set("X-RateLimit-Reset", fmt.Sprint(clock.Add(time.Hour).Unix()))
				}
				if tc.body == "" {
					w.WriteHeader(http.StatusTooManyRequests)
					return true
				}
				w.WriteHeader(http.StatusForbidden)
				io.WriteString(w, tc.body)
				return true
			}
			o := p.options(tc.definition)
			o.MaxPause = 400 * time.Millisecond // of the minute, or more, that is asked for
			var logged bytes.Buffer
			o.Logger = slog.New(slog.NewTextHandler(&logged, nil))
			c := &collected{t: t, got: map[string]int{}}
			err := c.collect(context.Background(), p.source(o))
			n, _ := c.has()
			if !tc.limited {
				if errcat.Of(err) != errcat.AccessDenied || len(times) != 1 {
					t.Errorf("%v after %d requests", err, len(times))
				}
				return
			}
			if err != nil || n != 10 || !strings.Contains(logged.String(), "RATE_LIMITED") {
				t.Fatalf("%d of 10 events, %v; the log: %s", n, err, logged.String())
			}
			if pause := times[1].Sub(times[0]); pause < 380*time.Millisecond {
				t.Errorf("asked again after %s", pause)
			}
		})
	}
}

// A cursor or link that the interface does not take any more ends nothing: its window is asked for anew.
func TestCursorIsGone(t *testing.T) {
	for definition, parameter := range map[string]string{
		"slack.audit": "cursor", "okta.system": "after", "atlassian.audit": "cursor", "azure.signinlogs": "$skiptoken", "o365.audit": "nextPage",
	} {
		t.Run(definition, func(t *testing.T) {
			p := newProduct(t, servers[definition].handler)
			refused := 0
			p.before = func(w http.ResponseWriter, r *http.Request) bool {
				if refused > 0 || !r.URL.Query().Has(parameter) {
					return false
				}
				refused++
				w.WriteHeader(http.StatusBadRequest)
				return true
			}
			o := p.options(definition)
			c := &collected{t: t, got: map[string]int{}}
			if err := c.collect(context.Background(), p.source(o)); err != nil {
				t.Fatal(err)
			}
			p.events, refused = append(p.events, happened{"event-new", clock.Add(7 * time.Minute)}), 0
			o.Now = func() time.Time { return clock.Add(20 * time.Minute) }
			if err := c.collect(context.Background(), p.source(o)); err != nil {
				t.Fatal(err)
			}
			if n, twice := c.has(); n != 11 || twice {
				t.Errorf("%d of 11 events, twice: %v\n%s", n, twice, strings.Join(p.requests, "\n"))
			}
		})
	}
}

// After a pause that is longer than the interface looks back, it is asked for what it still has, and what is lost is said.
func TestWindowTooOld(t *testing.T) {
	p := newProduct(t, servers["o365.audit"].handler)
	o := p.options("o365.audit")
	c := &collected{t: t, got: map[string]int{}}
	if err := c.collect(context.Background(), p.source(o)); err != nil {
		t.Fatal(err)
	}
	p.now = clock.Add(30 * 24 * time.Hour)
	o.Now = func() time.Time { return p.now }
	p.events = append(p.events, happened{"event-lost", clock.Add(24 * time.Hour)}, happened{"event-new", p.now.Add(-6 * 24 * time.Hour)})
	var logged bytes.Buffer
	o.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	if err := c.collect(context.Background(), p.source(o)); err != nil {
		t.Fatal(err)
	}
	if n, twice := c.has(); n != 11 || twice || !strings.Contains(logged.String(), "as old as") {
		t.Errorf("%d of 11 events, twice: %v; the log: %s\n%s", n, twice, logged.String(), strings.Join(p.requests, "\n"))
	}
}

func TestOptions(t *testing.T) {
	def, err := api.Builtin("okta.system")
	if err != nil {
		t.Fatal(err)
	}
	token := api.Secrets{"token": api.SecretText("x")}
	for name, o := range map[string]api.Options{
		"no endpoint":  {},
		"no parameter": {Endpoints: []api.Endpoint{{Definition: def, Secrets: token}}},
		"no secret":    {Endpoints: []api.Endpoint{{Definition: def, Params: map[string]string{"domain": "x"}}}},
		"unknown":      {Endpoints: []api.Endpoint{{Definition: def, Params: map[string]string{"domain": "x", "y": "z"}, Secrets: token}}},
		"twice":        {Endpoints: []api.Endpoint{{Definition: def, Params: map[string]string{"domain": "x"}, Secrets: token}, {Definition: def, Params: map[string]string{"domain": "x"}, Secrets: token}}},
		"no URL":       {Endpoints: []api.Endpoint{{Definition: def, Params: map[string]string{"domain": "x y/%zz"}, Secrets: token}}},
		"negative":     {Connections: -1, Endpoints: []api.Endpoint{{Definition: def, Params: map[string]string{"domain": "x"}, Secrets: token}}},
	} {
		if _, err := api.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := api.Builtin("nobody"); err == nil {
		t.Error("an unknown definition: no error")
	}
}

func TestDefinitionErrors(t *testing.T) {
	const good = "name: a.b\nbase: https://x\nrequest: {path: /a}\n"
	for src, want := range map[string]string{
		"name: a.b\nbase: https://x\n":                                   "needs a request",
		good + "pages: {link: next}\n":                                   `4:1: "pages" is not known`,
		good + "page: {link: next, offset: o}\n":                         "one way",
		good + "page: {offset: o}\n":                                     "need their size",
		good + "auth: {header: {name: X, value: \"{secret.nobody}\"}}\n": `"secret.nobody" is not known`,
		good + "interval: 1ms\n":                                         "one second",
		good + "window: {layout: lunar}\n":                               "layout is",
		good + "window: {oldest: 5m, overlap: 5m}\n":                     "more than overlap",
		good + "throttled: {status: [4O3]}\n":                            "no HTTP status",
		good + "throttled: {texts: [quota]}\n":                           "or a pause",
		good + "format: xml\n":                                           "json or lines",
		"a: &x 1\n":                                                      "anchor",
	} {
		if _, err := api.ParseDefinition("test.yaml", []byte(src)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "test.yaml:") {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
}

func FuzzParseDefinition(f *testing.F) {
	f.Add([]byte("name: a.b\nbase: https://{h}\nparams: {h: x}\nrequest: {path: /a}\npage: {cursor: a.\"b.c\"}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := api.ParseDefinition("f.yaml", b)
		if err == nil && d.Name() == "" {
			t.Error("a definition without a name")
		}
	})
}

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("page") == "" {
			fmt.Fprint(w, `{"entries":[{"id":1},{"id":2}],"next":"2"}`)
			return
		}
		fmt.Fprint(w, `{"entries":[{"id":3}],"next":null}`)
	}))
	defer server.Close()
	def, err := api.ParseDefinition("acme.yaml", []byte(`
name: acme.audit
params: {base: }
secrets: [token]
base: "{base}"
auth: {header: {name: X-Api-Key, value: "{secret.token}"}}
request: {path: /audit}
items: entries
page: {cursor: next, into: page}
id: id
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	src, err := api.New(api.Options{
		Endpoints: []api.Endpoint{{
			Definition: def, Params: map[string]string{"base": server.URL}, Secrets: api.Secrets{"token": api.SecretText("s3cr3t")},
		}},
		Once: true, AllowPrivate: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := ingest.New(ingest.Config[struct{}]{
		Sources: []ingest.Source{src},
		Parser:  countParser,
		Sink:    sinkFunc(func(rows int) { fmt.Println(rows, "events") }),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Run(context.Background()))
	// Output:
	// 2 events
	// 1 events
	// <nil>
}
