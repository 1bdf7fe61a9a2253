package httpbulk

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/certs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/ratelimit"
)

// ndjson is the simplest protocol: lines, and "ok" for all of them.
type ndjson struct{}

func (ndjson) Name() string        { return "test" }
func (ndjson) ContentType() string { return "application/x-ndjson" }

func (ndjson) Append(dst []byte, rows *Rows) ([]byte, error) {
	for i := range rows.Len() {
		if id := rows.ID(i); id != nil {
			dst = append(append(dst, id...), ' ')
		}
		dst = append(append(dst, rows.Line(i)...), '\n')
	}
	return dst, nil
}

func (ndjson) Verdict(body []byte, rows *Rows) error {
	if string(body) != "ok" {
		return Unclear(string(body))
	}
	return nil
}

// server keeps the lines of requests that it took.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests [][]string // the lines of each request
	taken    []string
	answer   func(n int, lines []string, w http.ResponseWriter, r *http.Request) bool // true: taken
}

func newServer(t *testing.T, answer func(n int, lines []string, w http.ResponseWriter, r *http.Request) bool) *server {
	s := &server{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		text, err := io.ReadAll(body)
		if err != nil {
			return
		}
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		s.mu.Lock()
		n := len(s.requests)
		s.requests = append(s.requests, lines)
		s.mu.Unlock()
		if s.answer == nil || s.answer(n, lines, w, r) {
			s.mu.Lock()
			s.taken = append(s.taken, lines...)
			s.mu.Unlock()
			io.WriteString(w, "ok")
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) all() (requests [][]string, taken []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests), slices.Clone(s.taken)
}

// pauses records what would have been waited.
type pauses struct {
	mu   sync.Mutex
	list []time.Duration
}

func (p *pauses) clock() ratelimit.Clock {
	return ratelimit.Clock{Sleep: func(ctx context.Context, d time.Duration) error {
		p.mu.Lock()
		p.list = append(p.list, d)
		p.mu.Unlock()
		return ctx.Err()
	}}
}

type event struct{}

func newSink(t *testing.T, o Options) *Sink[event] {
	t.Helper()
	s, err := New[event](o, ndjson{}, Defaults{}, func(dst []byte, m *parse.Message, split int) []byte {
		return fmt.Appendf(dst, "%d.%d", m.Offset, split)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func lines(n int) *batch.Batch[event] {
	b := &batch.Batch[event]{}
	for i := range n {
		b.Lines = fmt.Appendf(b.Lines, "line-%d\n", i)
		b.Ends = append(b.Ends, int32(len(b.Lines)))
	}
	return b
}

func TestRetryAfter(t *testing.T) {
	srv := newServer(t, func(n int, _ []string, w http.ResponseWriter, _ *http.Request) bool {
		switch n {
		case 0, 1:
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(429)
			return false
		case 2, 3, 4:
			w.WriteHeader(503)
			return false
		}
		return true
	})
	var p pauses
	s := newSink(t, Options{URLs: []string{srv.URL}, Clock: p.clock(), Jitter: func() float64 { return 0.5 }})
	if err := s.Write(context.Background(), lines(10)); err != nil {
		t.Fatal(err)
	}
	requests, taken := srv.all()
	if len(requests) != 6 || len(taken) != 10 {
		t.Errorf("%d requests, %d lines taken", len(requests), len(taken))
	}
	if len(p.list) != 5 || p.list[0] < 2*time.Second || p.list[1] < 2*time.Second || p.list[4] <= p.list[2] {
		t.Errorf("pauses %v", p.list)
	}
	if st := s.Stats(); st.Requests != 6 || st.Retries != 5 || st.Rows != 10 || st.Rejected != 0 || st.LastError != nil {
		t.Errorf("%+v", st)
	}
}

func TestAttempts(t *testing.T) {
	srv := newServer(t, func(_ int, _ []string, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return false })
	var p pauses
	s := newSink(t, Options{URLs: []string{srv.URL}, Clock: p.clock(), Attempts: 3})
	err := s.Write(context.Background(), lines(2))
	if f := batch.Failures(err, 2); len(f) != 2 || errcat.Of(f[0].Err) != errcat.TransientNetwork {
		t.Errorf("%v", err)
	}
	if requests, _ := srv.all(); len(requests) != 3 {
		t.Errorf("%d requests", len(requests))
	}
}

// A row for which the server refuses the whole request is found in few requests, and
// the others arrive, once each.
func TestPoison(t *testing.T) {
	for _, tc := range []struct {
		n      int
		poison []int
	}{{500, []int{0}}, {500, []int{499}}, {500, []int{123}}, {1, []int{0}}, {2, []int{1}}, {300, []int{7, 8, 250}}, {64, []int{0, 63}}} {
		t.Run(fmt.Sprint(tc.n, tc.poison), func(t *testing.T) {
			bad := map[string]bool{}
			for _, i := range tc.poison {
				bad[fmt.Sprintf("line-%d", i)] = true
			}
			found := 0
			srv := newServer(t, func(n int, lines []string, w http.ResponseWriter, _ *http.Request) bool {
				if slices.ContainsFunc(lines, func(l string) bool { return bad[l] }) {
					if len(lines) == 1 && found == 0 {
						found = n + 1
					}
					w.WriteHeader(400)
					io.WriteString(w, "cannot parse\x1b[31m this")
					return false
				}
				return true
			})
			s := newSink(t, Options{URLs: []string{srv.URL}})
			err := s.Write(context.Background(), lines(tc.n))
			var rows []int
			for _, f := range batch.Failures(err, tc.n) {
				rows = append(rows, f.Row)
				if errcat.Of(f.Err) != errcat.SinkRejected || !strings.Contains(f.Err.Error(), "status 400: cannot parse [31m this") {
					t.Errorf("row %d: %v", f.Row, f.Err)
				}
			}
			if !slices.Equal(rows, tc.poison) {
				t.Errorf("refused are %v, want %v", rows, tc.poison)
			}
			requests, taken := srv.all()
			if len(taken) != tc.n-len(tc.poison) {
				t.Errorf("%d lines were taken, want %d", len(taken), tc.n-len(tc.poison))
			}
			if most := bits.Len(uint(tc.n-1)) + 2; found > most {
				t.Errorf("the first was found in %d requests, want at most %d", found, most)
			}
			if most := 1 + len(tc.poison)*(bits.Len(uint(tc.n))+3); len(requests) > most {
				t.Errorf("%d requests, want at most %d", len(requests), most)
			}
		})
	}
}

// A server that refuses requests of more than some rows, with the wrong status, gets
// them in smaller ones, and no row is lost to the conclusion that one of them is bad.
func TestRefusesMany(t *testing.T) {
	srv := newServer(t, func(_ int, lines []string, w http.ResponseWriter, _ *http.Request) bool {
		if len(lines) > 30 {
			w.WriteHeader(400)
			return false
		}
		return true
	})
	s := newSink(t, Options{URLs: []string{srv.URL}})
	if err := s.Write(context.Background(), lines(200)); err != nil {
		t.Fatal(err)
	}
	if _, taken := srv.all(); len(taken) != 200 {
		t.Errorf("%d lines taken", len(taken))
	}
}

func TestTooLarge(t *testing.T) {
	srv := newServer(t, func(_ int, lines []string, w http.ResponseWriter, _ *http.Request) bool {
		if len(lines) > 10 || slices.Contains(lines, "line-77") {
			w.WriteHeader(413)
			return false
		}
		return true
	})
	s := newSink(t, Options{URLs: []string{srv.URL}})
	err := s.Write(context.Background(), lines(100))
	f := batch.Failures(err, 100)
	if len(f) != 1 || f[0].Row != 77 || errcat.Retryable(f[0].Err) {
		t.Errorf("%v", err)
	}
	if _, taken := srv.all(); len(taken) != 99 {
		t.Errorf("%d lines taken", len(taken))
	}
	if st := s.Stats(); st.Splits == 0 {
		t.Errorf("%+v", st)
	}
}

// Answers that are none are not taken for a yes.
func TestStrangeAnswers(t *testing.T) {
	other := newServer(t, nil)
	for name, answer := range map[string]func(w http.ResponseWriter){
		"empty": func(w http.ResponseWriter) {},
		"HTML":  func(w http.ResponseWriter) { io.WriteString(w, "<html>Log in</html>") },
		"endless": func(w http.ResponseWriter) {
			for range 200 {
				if _, err := w.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		},
		"10 MB of headers": func(w http.ResponseWriter) {
			for i := range 1000 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("y", 10_000))
			}
		},
		"redirect":   func(w http.ResponseWriter) { w.Header().Set("Location", other.URL); w.WriteHeader(301) },
		"not found":  func(w http.ResponseWriter) { w.WriteHeader(404) },
		"no content": func(w http.ResponseWriter) { w.WriteHeader(204) },
		"cut":        func(w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); io.WriteString(w, "ok") },
		"reset": func(w http.ResponseWriter) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		},
		"not HTTP": func(w http.ResponseWriter) {
			c, _, _ := w.(http.Hijacker).Hijack()
			io.WriteString(c, "hello\r\n\r\n")
			c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, func(n int, _ []string, w http.ResponseWriter, _ *http.Request) bool {
				if n < 2 {
					answer(w)
					return false
				}
				return true
			})
			var p pauses
			s := newSink(t, Options{URLs: []string{srv.URL}, Clock: p.clock()})
			if err := s.Write(context.Background(), lines(3)); err != nil {
				t.Fatal(err)
			}
			if requests, taken := srv.all(); len(requests) != 3 || len(taken) != 3 {
				t.Errorf("%d requests, %d lines", len(requests), len(taken))
			}
		})
	}
	if requests, _ := other.all(); len(requests) != 0 {
		t.Error("a redirect was followed")
	}
}

// A secret that is not accepted any more is asked for again until there is another one,
// and appears in no error.
func TestSecretRotation(t *testing.T) {
	var mu sync.Mutex
	good := "old-secret-1"
	srv := newServer(t, func(_ int, _ []string, w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer "+good {
			w.WriteHeader(401)
			fmt.Fprintf(w, "not accepted: %s", r.Header.Get("Authorization"))
			return false
		}
		return true
	})
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("old-secret-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var texts []string
	var waits []time.Duration
	refusals := 0
	s := newSink(t, Options{URLs: []string{srv.URL}, Auth: Auth{File: file}, OnRetry: func(_, _ int, pause time.Duration, err error) {
		texts, waits = append(texts, err.Error()), append(waits, pause)
		if refusals++; refusals == 3 {
			os.WriteFile(file, []byte("new-secret-2\n"), 0o600)
		}
	}, Clock: ratelimit.Clock{Sleep: func(context.Context, time.Duration) error { return nil }}})
	if err := s.Write(context.Background(), lines(2)); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	good = "new-secret-2"
	mu.Unlock()
	if err := s.Write(context.Background(), lines(2)); err != nil {
		t.Fatal(err)
	}
	if _, taken := srv.all(); len(taken) != 4 || refusals != 3 {
		t.Errorf("%d lines taken, %d refusals", len(taken), refusals)
	}
	for i, text := range texts {
		if strings.Contains(text, "secret") || waits[i] < time.Second || waits[i] > 3*time.Second {
			t.Errorf("refusal %d: %q, a pause of %s", i, text, waits[i])
		}
	}
	// One that cannot change is given up.
	s = newSink(t, Options{URLs: []string{srv.URL}, Auth: Auth{Secret: "old-secret-1"}})
	err := s.Write(context.Background(), lines(2))
	if f := batch.Failures(err, 2); len(f) != 2 || errcat.Of(f[0].Err) != errcat.AccessDenied || strings.Contains(err.Error(), "old-secret") {
		t.Errorf("%v", err)
	}
}

func TestIdentities(t *testing.T) {
	srv := newServer(t, nil)
	b := lines(4)
	b.Msgs = []parse.Message{{Offset: 7}, {Offset: 8}}
	b.Msg = []int32{0, 0, 1, 1}
	if err := newSink(t, Options{URLs: []string{srv.URL}}).Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	if err := newSink(t, Options{URLs: []string{srv.URL}, NoIDs: true}).Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	b = &batch.Batch[event]{Lines: []byte("{\"event\":{\"id\":\"a\"}}\n{\"event.id\":\"b\"}\n{}\n")}
	b.Ends = []int32{21, 38, 41}
	if err := newSink(t, Options{URLs: []string{srv.URL}, IDField: "event.id"}).Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	_, taken := srv.all()
	want := []string{"7.0 line-0", "7.1 line-1", "8.0 line-2", "8.1 line-3", "line-0", "line-1", "line-2", "line-3",
		`a {"event":{"id":"a"}}`, `b {"event.id":"b"}`, "{}"}
	if !slices.Equal(taken, want) {
		t.Errorf("%q", taken)
	}
}

// Groups are sent when they are full or old, and not more at once than may be.
func TestGroups(t *testing.T) {
	release := make(chan struct{})
	srv := newServer(t, func(int, []string, http.ResponseWriter, *http.Request) bool { <-release; return true })
	s := newSink(t, Options{URLs: []string{srv.URL}, MaxRows: 10, MaxAge: 20 * time.Millisecond, Concurrency: 2})
	var wg sync.WaitGroup
	wg.Add(10)
	started := make(chan int, 10)
	go func() {
		for i := range 10 {
			s.Start(context.Background(), lines(5), func(err error) {
				if err != nil {
					t.Error(err)
				}
				wg.Done()
			})
			started <- i
		}
	}()
	time.Sleep(200 * time.Millisecond)
	if n := len(started); n > 8 {
		t.Errorf("%d batches were taken while two requests hang", n)
	}
	if requests, _ := srv.all(); len(requests) > 2 {
		t.Errorf("%d requests at once", len(requests))
	}
	close(release)
	wg.Wait()
	requests, taken := srv.all()
	if len(taken) != 50 {
		t.Errorf("%d lines", len(taken))
	}
	for _, r := range requests {
		if len(r) > 10 {
			t.Errorf("a request of %d rows", len(r))
		}
	}
}

// A server that bears two requests at once is soon sent hardly more, and refuses less.
func TestAdaptive(t *testing.T) {
	refusals := func(adaptive *ratelimit.Concurrency) int64 {
		var flying, refused atomic.Int64
		srv := newServer(t, func(_ int, _ []string, w http.ResponseWriter, _ *http.Request) bool {
			defer flying.Add(-1)
			many := flying.Add(1) > 2
			time.Sleep(2 * time.Millisecond)
			if many {
				refused.Add(1)
				w.WriteHeader(http.StatusTooManyRequests)
			}
			return !many
		})
		s := newSink(t, Options{URLs: []string{srv.URL}, MaxRows: 1, Concurrency: 8, Adaptive: adaptive, MinDelay: time.Millisecond, MaxDelay: time.Millisecond})
		var wg sync.WaitGroup
		for range 300 {
			wg.Add(1)
			s.Start(context.Background(), lines(1), func(err error) {
				if err != nil {
					t.Error(err)
				}
				wg.Done()
			})
		}
		wg.Wait()
		if _, taken := srv.all(); len(taken) != 300 {
			t.Errorf("%d lines taken", len(taken))
		}
		return refused.Load()
	}
	adaptive, err := ratelimit.NewConcurrency(ratelimit.ConcurrencyOptions{Initial: 8, Max: 8})
	if err != nil {
		t.Fatal(err)
	}
	without, with := refusals(nil), refusals(adaptive)
	t.Logf("refused %d requests, with Adaptive %d; its limit is %d", without, with, adaptive.Limit())
	if with > without/2 || adaptive.InFlight() != 0 {
		t.Errorf("refused %d requests, with Adaptive %d; %d are still under way", without, with, adaptive.InFlight())
	}
}

func TestClose(t *testing.T) {
	hang := make(chan struct{})
	srv := newServer(t, func(int, []string, http.ResponseWriter, *http.Request) bool { <-hang; return true })
	defer close(hang)
	s := newSink(t, Options{URLs: []string{srv.URL}})
	answers := make(chan error, 3)
	s.Start(context.Background(), lines(5), func(err error) { answers <- err })
	s.Flush(context.Background())
	s.Start(context.Background(), lines(5), func(err error) { answers <- err })
	time.Sleep(20 * time.Millisecond)
	s.Close()
	s.Start(context.Background(), lines(5), func(err error) { answers <- err })
	for range 3 {
		if err := <-answers; !errors.Is(err, ErrClosed) {
			t.Errorf("%v", err)
		}
	}
	s.Close()
}

// A server that takes requests and does not answer is given up after Timeout, again and
// again, and the rows are delivered when it has recovered.
func TestTimeout(t *testing.T) {
	srv := newServer(t, func(n int, _ []string, _ http.ResponseWriter, r *http.Request) bool {
		if n < 2 {
			<-r.Context().Done()
			return false
		}
		return true
	})
	var kinds []errcat.Category
	s := newSink(t, Options{URLs: []string{srv.URL}, Timeout: 100 * time.Millisecond, MinDelay: 1, MaxDelay: 2,
		OnRetry: func(_, _ int, _ time.Duration, err error) { kinds = append(kinds, errcat.Of(err)) }})
	begin := time.Now()
	if err := s.Write(context.Background(), lines(3)); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); d < 200*time.Millisecond || len(kinds) != 2 || kinds[0] != errcat.Timeout {
		t.Errorf("after %s and %v", d, kinds)
	}
}

// A server that has stored a request, and whose answer is lost, gets it again with the
// same identities, so that it can tell; before that nothing is sent twice.
func TestAnswerLost(t *testing.T) {
	srv := newServer(t, func(n int, _ []string, w http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
		return n > 0
	})
	s := newSink(t, Options{URLs: []string{srv.URL}, MinDelay: 1, MaxDelay: 2})
	b := lines(20)
	b.Msgs = []parse.Message{{Offset: 1}, {Offset: 2}}
	for i := range 20 {
		b.Msg = append(b.Msg, int32(i/10))
	}
	if err := s.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	requests, _ := srv.all()
	if len(requests) != 2 || !slices.Equal(requests[0], requests[1]) || !strings.HasPrefix(requests[1][19], "2.9 ") {
		t.Errorf("%d requests: %q", len(requests), requests)
	}
}

// A dead address costs its events nothing but time.
func TestSeveralURLs(t *testing.T) {
	srv := newServer(t, nil)
	s := newSink(t, Options{URLs: []string{"http://127.0.0.1:1", srv.URL}, MinDelay: time.Millisecond, MaxDelay: time.Millisecond})
	for range 3 {
		if err := s.Write(context.Background(), lines(2)); err != nil {
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Requests != 4 {
		t.Errorf("%+v: the address that answers is not kept", st)
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"no URL":           {},
		"secret in URL":    {URLs: []string{"http://user:pass@x/"}},
		"scheme":           {URLs: []string{"ftp://x/"}},
		"two secrets":      {URLs: []string{"http://x/"}, Auth: Auth{Secret: "a", File: "b"}},
		"no such file":     {URLs: []string{"http://x/"}, Auth: Auth{File: "/nonexistent/x"}},
		"concurrency":      {URLs: []string{"http://x/"}, Concurrency: 100},
		"field":            {URLs: []string{"http://x/"}, IDField: "a..b"},
		"delays":           {URLs: []string{"http://x/"}, MinDelay: time.Hour, MaxDelay: time.Second},
		"half a pair":      {URLs: []string{"https://x/"}, TLS: certs.Client{CertFile: "a.pem"}},
		"negative timeout": {URLs: []string{"http://x/"}, Timeout: -1},
	} {
		if s, err := New[event](o, ndjson{}, Defaults{}, nil); err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
		} else if strings.Contains(err.Error(), "pass@") {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
}
