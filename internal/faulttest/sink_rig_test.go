package faulttest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch/elastic"
	"github.com/penstock-dev/penstock/ingest"
)

// document is one of a request of the _bulk API.
type document struct {
	id     string // _id
	record uint64 // that of the oracle
	line   []byte
}

// bulkServer is a server of the _bulk API that an oracle watches and that fails as it is
// told. What is stored is what the oracle receives.
type bulkServer struct {
	*httptest.Server
	o *Oracle

	// before, if set, sees each request with its number from 0 before its body is read;
	// answer sees it afterwards. Both report whether they have answered.
	before func(n int, w http.ResponseWriter, r *http.Request) bool
	answer func(n int, w http.ResponseWriter, r *http.Request, docs []document) bool

	mu       sync.Mutex
	requests int
	busy     int // requests now
	most     int // of them at once
	times    []time.Time
	stored   map[string]int    // by _id, how often
	ids      map[uint64]string // by record
	changed  int               // records that came with another _id than before
}

func newBulkServer(t testing.TB, o *Oracle) *bulkServer {
	s := &bulkServer{o: o, stored: map[string]int{}, ids: map[uint64]string{}}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func (s *bulkServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := s.requests
	s.requests++
	s.busy++
	s.most = max(s.most, s.busy)
	s.times = append(s.times, time.Now())
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.busy--
		s.mu.Unlock()
	}()
	if s.before != nil && s.before(n, w, r) {
		return
	}
	docs, err := readDocuments(r)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if s.answer != nil && s.answer(n, w, r, docs) {
		return
	}
	s.store(docs)
	io.WriteString(w, `{"errors":false}`)
}

func readDocuments(r *http.Request) ([]document, error) {
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	var docs []document
	lines := bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	for i := 0; i+1 < len(lines); i += 2 {
		var action struct {
			Create struct {
				ID string `json:"_id"`
			}
		}
		if err := json.Unmarshal(lines[i], &action); err != nil {
			return nil, err
		}
		record, _ := ParseLine(lines[i+1])
		docs = append(docs, document{action.Create.ID, record, lines[i+1]})
	}
	return docs, nil
}

// store keeps documents, as a server without identities would.
func (s *bulkServer) store(docs []document) {
	for _, d := range docs {
		s.o.Receive(d.line)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range docs {
		s.stored[d.id]++
		if old, ok := s.ids[d.record]; ok && old != d.id || d.id == "" {
			s.changed++
		}
		s.ids[d.record] = d.id
	}
}

func (s *bulkServer) count() (requests, most, changed, distinct int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests, s.most, s.changed, len(s.stored)
}

// reset answers with a TCP reset.
func reset(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}

// items answers with the status of each item, and a reason for those that failed.
func items(w http.ResponseWriter, status []int) {
	var b strings.Builder
	b.WriteString(`{"errors":true,"items":[`)
	for i, s := range status {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"create":{"status":%d`, s)
		if s/100 != 2 {
			fmt.Fprintf(&b, `,"error":{"type":"refused","reason":"reason of %d"}`, s)
		}
		b.WriteString("}}")
	}
	b.WriteString("]}")
	io.WriteString(w, b.String())
}

// newElastic is a sink to a server.
func newElastic(t testing.TB, opts elastic.Options) *elastic.Sink[rawLine] {
	t.Helper()
	s, err := elastic.New[rawLine](opts, elastic.Index{Name: "logs"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// letters keeps what was said of dead letters.
type letters struct {
	mu    sync.Mutex
	texts []string
	o     *Oracle
}

func (l *letters) bury(_ context.Context, d *ingest.DeadLetter) error {
	l.o.Bury(d.Raw)
	l.mu.Lock()
	l.texts = append(l.texts, fmt.Sprint(d.Category, " ", d.Err))
	l.mu.Unlock()
	return nil
}

func (l *letters) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.texts
}

// fresh is the end of a test: with the faults gone, ten more records arrive within 5 s.
func fresh(t testing.TB, o *Oracle, src *issuing, stop *atomic.Bool) {
	t.Helper()
	before := o.Report()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		r := o.Report()
		if r.Delivered+r.Dead >= before.Issued+10 {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("30 s after the last fault: %s, at its end %s", r, before)
			break
		}
	}
	stop.Store(true)
}

// peak watches the resident memory until its stop is called, which returns how much it
// has grown at most.
func peak() (stop func() int64) {
	memory()
	base := Resident()
	var most atomic.Int64
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			most.Store(max(most.Load(), Resident()-base))
			select {
			case <-quit:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() int64 {
		close(quit)
		<-done
		return most.Load()
	}
}

func mb(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
