package api_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/api"
	"github.com/penstock-dev/penstock/ratelimit"
)

// falcon is CrowdStrike's event stream as documented: an API that discovers the streams of an
// appId and refreshes their sessions, and another host with the streams. A stream is not given
// away again while its session lasts; a session that is not refreshed in time is cut.
type falcon struct {
	t          *testing.T
	api, feed  *httptest.Server
	partitions int
	interval   float64       // seconds
	grace      time.Duration // how much later a session really ends
	foreign    string        // in place of the origin of the streams

	mu        sync.Mutex
	events    [][]string // by partition; the offset is the index + 1
	more      chan struct{}
	sessions  map[int]time.Time // until when
	tokens    map[string]int    // of sessions
	discovers int
	refreshes int
	offsets   []string // that were asked for
	refuse    int      // refreshes and discoveries to refuse
	cut       int      // connections to break after three events, in the middle of the next
}

func newFalcon(t *testing.T, partitions int) *falcon {
	f := &falcon{
		t: t, partitions: partitions, interval: 30, events: make([][]string, partitions), more: make(chan struct{}),
		sessions: map[int]time.Time{}, tokens: map[string]int{},
	}
	f.api = httptest.NewTLSServer(http.HandlerFunc(f.serveAPI))
	f.feed = httptest.NewTLSServer(http.HandlerFunc(f.serveFeed))
	t.Cleanup(func() {
		f.feed.CloseClientConnections()
		f.feed.Close()
		f.api.Close()
	})
	return f
}

func (f *falcon) add(partition, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range n {
		at := len(f.events[partition]) + 1
		f.events[partition] = append(f.events[partition],
			fmt.Sprintf(`{"metadata":{"customerIDString":"c","offset":%d,"eventType":"AuthActivityAuditEvent","eventCreationTime":1772539200000,"version":"1.0"},"event":{"partition":%d}}`, at, partition))
	}
	close(f.more)
	f.more = make(chan struct{})
}

func (f *falcon) serveAPI(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path == "/oauth2/token" {
		if r.FormValue("client_id") != "client" || r.FormValue("client_secret") != "the secret" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"access_token": "bearer-token", "token_type": "bearer", "expires_in": 1799})
		return
	}
	if r.Header.Get("Authorization") != "Bearer bearer-token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if f.refuse > 0 {
		f.refuse--
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	switch partition, action := strings.CutPrefix(r.URL.Path, "/sensors/entities/datafeed-actions/v1/"); {
	case r.URL.Path == "/sensors/entities/datafeed/v2" && r.Method == http.MethodGet && r.URL.Query().Get("appId") == "penstock":
		f.discovers++
		var resources []any
		for i := range f.partitions {
			if time.Now().Before(f.sessions[i]) {
				continue // it is in use
			}
			token := fmt.Sprintf("session-%d-%d", i, f.discovers)
			f.tokens[token] = i
			f.sessions[i] = time.Now().Add(time.Duration(f.interval*float64(time.Second)) + f.grace)
			host := f.feed.URL
			if f.foreign != "" {
				host = f.foreign
			}
			resources = append(resources, map[string]any{
				"dataFeedURL": fmt.Sprintf("%s/sensors/entities/datafeed/v1/%d?appId=penstock", host, i),
				"sessionToken": map[string]any{
					"token": token, "expiration": "2026-03-03T12:30:00Z",
				},
				"refreshActiveSessionURL":      fmt.Sprintf("%s/sensors/entities/datafeed-actions/v1/%d?appId=penstock&action_name=refresh_active_stream_session", f.api.URL, i),
				"refreshActiveSessionInterval": f.interval,
			})
		}
		json.NewEncoder(w).Encode(map[string]any{"meta": map[string]any{"trace_id": "x"}, "resources": resources})
	case action && r.Method == http.MethodPost && r.URL.Query().Get("action_name") == "refresh_active_stream_session":
		var body struct{ ActionName, AppID string }
		json.NewDecoder(r.Body).Decode(&body)
		i, err := strconv.Atoi(partition)
		if err != nil || !time.Now().Before(f.sessions[i]) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		f.refreshes++
		f.sessions[i] = time.Now().Add(time.Duration(f.interval*float64(time.Second)) + f.grace)
		answer(w, map[string]any{})
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

func (f *falcon) serveFeed(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Token ")
	f.mu.Lock()
	i, ok := f.tokens[token]
	asked := r.URL.Query().Get("offset")
	f.offsets = append(f.offsets, asked)
	cut := false
	if f.cut > 0 {
		f.cut--
		cut = true
	}
	f.mu.Unlock()
	if !ok || r.URL.Path != fmt.Sprintf("/sensors/entities/datafeed/v1/%d", i) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	// The stream begins with the event of the offset.
	at, _ := strconv.Atoi(asked)
	at = max(at-1, 0)
	w.WriteHeader(http.StatusOK)
	defer func() { // the session of a connection that is gone
		f.mu.Lock()
		delete(f.sessions, i)
		f.mu.Unlock()
	}()
	flusher := w.(http.Flusher)
	for sent := 0; ; {
		f.mu.Lock()
		events, more, until := f.events[i][at:], f.more, f.sessions[i]
		f.mu.Unlock()
		for _, e := range events {
			if cut && sent == 3 {
				fmt.Fprint(w, e[:20])
				flusher.Flush()
				panic(http.ErrAbortHandler)
			}
			fmt.Fprintln(w, e)
			at++
			sent++
		}
		fmt.Fprintln(w) // says that the connection is alive
		flusher.Flush()
		select {
		case <-more:
		case <-time.After(20 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
		if time.Now().After(until) {
			return
		}
	}
}

func (f *falcon) options() api.Options {
	def, err := api.Builtin("crowdstrike.falcon")
	if err != nil {
		f.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(f.api.Certificate())
	roots.AddCert(f.feed.Certificate())
	host := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "https://") }
	return api.Options{
		Endpoints: []api.Endpoint{{
			Definition: def, Params: map[string]string{"host": host(f.api), "stream_host": host(f.feed), "client_id": "client"},
			Secrets: api.Secrets{"client_secret": api.SecretText("the secret")}, Interval: 10 * time.Millisecond,
		}},
		Checkpoint: filepath.Join(f.t.TempDir(), "positions"), TLS: &tls.Config{RootCAs: roots}, AllowPrivate: true,
		Backoff: ratelimit.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond},
	}
}

// follow collects until there are n different events, or something else is true, and stops.
func (f *falcon) follow(c *collected, o api.Options, done func() bool) *api.Source {
	f.t.Helper()
	src, err := api.New(o)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.collect(ctx, src) }()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			n, _ := c.has()
			f.t.Errorf("%d events; %+v; asked for the offsets %q", n, src.Stats(), f.offsets)
			break
		}
	}
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, http.ErrHandlerTimeout) { // what a sink that fails says
		f.t.Error(err)
	}
	return src
}

func (c *collected) want(n int) func() bool {
	return func() bool { got, _ := c.has(); return got >= n }
}

// TestEventStream reads two streams, is stopped, and goes on behind what was delivered; what
// comes while a stream is open comes at once.
func TestEventStream(t *testing.T) {
	f := newFalcon(t, 2)
	f.add(0, 2500)
	f.add(1, 10)
	o := f.options()
	c := &collected{t: t, got: map[string]int{}}
	src := f.follow(c, o, c.want(2510))
	if s := src.Stats()[0]; s.Events != 2510 || s.Repeats != 0 || s.Cursor != "2500 10" {
		t.Errorf("%+v", s)
	}
	f.add(1, 1)
	late := false
	src = f.follow(c, o, func() bool {
		n, _ := c.has()
		if n == 2511 && !late {
			late = true
			f.add(0, 5)
		}
		return n >= 2516
	})
	if n, twice := c.has(); n != 2516 || twice {
		t.Errorf("%d events, twice: %v", n, twice)
	}
	if s := src.Stats()[0]; s.Events != 6 || s.Repeats != 2 {
		t.Errorf("what the offset names comes again and is left out: %+v", s)
	}
}

// TestEventStreamSettles stops a source whose sink is slow: what the sink takes while the
// pipeline ends is not asked for again.
func TestEventStreamSettles(t *testing.T) {
	f := newFalcon(t, 1)
	f.add(0, 10)
	o := f.options()
	begun, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	c := &collected{t: t, got: map[string]int{}, before: func() {
		once.Do(func() { close(begun) })
		<-release
	}}
	f.follow(c, o, func() bool {
		select {
		case <-begun:
			time.AfterFunc(1500*time.Millisecond, func() { close(release) }) // the source is stopped by then
			return true
		default:
			return false
		}
	})
	taken, _ := c.has()
	f.add(0, 5)
	f.follow(c, o, c.want(15))
	f.mu.Lock()
	defer f.mu.Unlock()
	if n, twice := c.has(); taken == 0 || n != 15 || twice || f.offsets[1] != strconv.Itoa(taken) {
		t.Errorf("%d events were taken at the stop, then %d, twice: %v; asked for the offsets %q", taken, n, twice, f.offsets)
	}
}

// TestEventStreamRefresh keeps a session alive beyond its interval, through refreshes that
// fail at first.
func TestEventStreamRefresh(t *testing.T) {
	f := newFalcon(t, 1)
	f.interval, f.grace = 2, 20*time.Second // on a busy machine a refresh may be late
	f.add(0, 1)
	c := &collected{t: t, got: map[string]int{}}
	sent, refused := false, false
	f.follow(c, f.options(), func() bool {
		f.mu.Lock()
		refreshed := f.refreshes
		if refreshed == 1 && !refused {
			refused, f.refuse = true, 2
		}
		f.mu.Unlock()
		if refreshed >= 2 && !sent {
			sent = true
			f.add(0, 1)
		}
		return c.want(2)()
	})
	if _, twice := c.has(); twice || f.discovers != 1 {
		t.Errorf("twice: %v, %d discoveries: the session was not kept", twice, f.discovers)
	}
}

// TestEventStreamFaults breaks connections in the middle of an event, loses the session and
// makes the sink fail.
func TestEventStreamFaults(t *testing.T) {
	f := newFalcon(t, 1)
	f.add(0, 20)
	f.cut = 2
	f.refuse = 1
	c := &collected{t: t, got: map[string]int{}, fail: 1}
	src := f.follow(c, f.options(), c.want(20))
	s := src.Stats()[0]
	if n, _ := c.has(); n != 20 || s.Failures < 3 || s.Rewound != 1 {
		t.Errorf("%d events, %+v", n, s)
	}
}

// TestEventStreamElsewhere: a stream is read at the hosts of the endpoint only.
func TestEventStreamElsewhere(t *testing.T) {
	f := newFalcon(t, 1)
	f.add(0, 1)
	bait := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the bait was asked") }))
	defer bait.Close()
	f.foreign = bait.URL
	c := &collected{t: t, got: map[string]int{}}
	o := f.options()
	var last error
	s, err := api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.collect(ctx, s) }()
	for deadline := time.Now().Add(10 * time.Second); last == nil && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		last = s.Stats()[0].LastErr
	}
	cancel()
	<-ended
	if errcat.Of(last) != errcat.AccessDenied || !strings.Contains(last.Error(), "another origin") || strings.Contains(last.Error(), "session-") {
		t.Errorf("%v", last)
	}
	o.Once = true
	if _, err := api.New(o); err == nil || !strings.Contains(err.Error(), "Once") {
		t.Errorf("Once: %v", err)
	}
}
