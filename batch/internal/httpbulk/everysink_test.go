package httpbulk_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/clickhouse"
	"github.com/penstock-dev/penstock/batch/elastic"
	"github.com/penstock-dev/penstock/batch/internal/httpbulk"
	"github.com/penstock-dev/penstock/batch/loki"
	"github.com/penstock-dev/penstock/batch/otlp"
	"github.com/penstock-dev/penstock/batch/splunk"
	"github.com/penstock-dev/penstock/batch/webhook"
	"github.com/penstock-dev/penstock/internal/certs"
	"github.com/penstock-dev/penstock/internal/peertest"
)

// secured is a server whose certificate and secret change. It takes everything of who shows the
// secret of the moment, in the words of the protocol.
type secured struct {
	*httptest.Server
	mu     sync.Mutex
	pair   tls.Certificate
	secret string
	taken  []string // paths
}

func newSecured(t *testing.T, ca *peertest.CA, secret string) *secured {
	s := &secured{}
	s.change(t, ca, secret)
	s.Server = httptest.NewUnstartedServer(s)
	s.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return &s.pair, nil
	}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *secured) change(t *testing.T, ca *peertest.CA, secret string) {
	t.Helper()
	cert, key := ca.Issue("server", time.Time{})
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pair, s.secret = pair, secret
}

func (s *secured) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Connection", "close") // the next request is a connection of its own
	if _, secret, _ := strings.Cut(r.Header.Get("Authorization"), " "); secret != s.secret {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.taken = append(s.taken, r.URL.Path)
	switch {
	case strings.HasSuffix(r.URL.Path, "/_bulk"):
		items := strings.Repeat(`{"create":{"status":201}},`, bytes.Count(body, []byte("\n"))/2)
		fmt.Fprintf(w, `{"errors":false,"items":[%s]}`, strings.TrimSuffix(items, ","))
	case strings.HasPrefix(r.URL.Path, "/services/collector"):
		io.WriteString(w, `{"text":"Success","code":0}`)
	case strings.HasSuffix(r.URL.Path, "/push"):
		w.WriteHeader(http.StatusNoContent)
	}
}

// tunnels is a proxy for CONNECT.
func tunnels(t *testing.T) (url string, count func() int) {
	var mu sync.Mutex
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there, err := net.Dial("tcp", r.Host)
		if r.Method != http.MethodConnect || err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		mu.Lock()
		n++
		mu.Unlock()
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			there.Close()
			return
		}
		io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(there, here); there.Close() }() // ends with the client's connection
		go func() { io.Copy(here, there); here.Close() }()
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func() int { mu.Lock(); defer mu.Unlock(); return n }
}

// Every sink that speaks HTTP goes on when the server's authority and the secret are renewed in their
// files, directly and through a proxy, and sends nothing to a server that the file does not trust yet.
func TestEverySinkRenews(t *testing.T) {
	type sink interface {
		batch.Sink[batchtest.Event]
		Close() error
	}
	kinds := map[string]func(o httpbulk.Options) (sink, error){
		"elastic": func(o httpbulk.Options) (sink, error) {
			return elastic.New[batchtest.Event](o, elastic.Index{Name: "logs"})
		},
		"splunk": func(o httpbulk.Options) (sink, error) { return splunk.New[batchtest.Event](o, splunk.Event{}) },
		"loki": func(o httpbulk.Options) (sink, error) {
			return loki.New[batchtest.Event](o, loki.Stream{Labels: map[string]string{"job": "test"}})
		},
		"otlp": func(o httpbulk.Options) (sink, error) { return otlp.New[batchtest.Event](o, otlp.Resource{}) },
		"clickhouse": func(o httpbulk.Options) (sink, error) {
			return clickhouse.New[batchtest.Event](o, clickhouse.Table{Name: "logs"})
		},
		"webhook": func(o httpbulk.Options) (sink, error) { return webhook.New[batchtest.Event](o, webhook.Form{}) },
	}
	proxy, tunnelled := tunnels(t)
	for name, open := range kinds {
		for _, via := range []string{"", proxy} {
			how := name
			if via != "" {
				how += " through a proxy"
			}
			t.Run(how, func(t *testing.T) {
				t.Parallel()
				old, renewed := peertest.NewCA(t, "old"), peertest.NewCA(t, "renewed")
				dir := t.TempDir()
				caFile, secretFile := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "secret")
				write := func(file, text string) {
					if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				pem := func(ca *peertest.CA) string {
					text, err := os.ReadFile(ca.File)
					if err != nil {
						t.Fatal(err)
					}
					return string(text)
				}
				write(caFile, pem(old))
				write(secretFile, "secret-of-old\n")
				srv := newSecured(t, old, "secret-of-old")
				s, err := open(httpbulk.Options{
					URLs: []string{srv.URL}, TLS: certs.Client{CAFile: caFile, ServerName: "server"}, Auth: httpbulk.Auth{File: secretFile}, Proxy: via,
					NoCompression: true, MinDelay: 10 * time.Millisecond, MaxDelay: 50 * time.Millisecond,
				})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				ctx, cancel := context.WithTimeout(t.Context(), batchtest.Patience)
				defer cancel()
				if err := s.Write(ctx, batchtest.Lines(0, 2)); err != nil {
					t.Fatal(err)
				}
				srv.change(t, renewed, "renewed-secret")
				short, cancelShort := context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancelShort()
				if err := s.Write(short, batchtest.Lines(2, 2)); err == nil {
					t.Error("a server of another authority was trusted")
				}
				write(caFile, pem(renewed))
				write(secretFile, "renewed-secret\n")
				if err := s.Write(ctx, batchtest.Lines(2, 2)); err != nil {
					t.Errorf("after the renewal: %v", err)
				}
				srv.mu.Lock()
				defer srv.mu.Unlock()
				if len(srv.taken) != 2 || len(slices.Compact(srv.taken)) != 1 {
					t.Errorf("taken: %q", srv.taken)
				}
			})
		}
	}
	t.Cleanup(func() {
		if n := tunnelled(); n < 2*len(kinds) {
			t.Errorf("%d connections through the proxy", n)
		}
	})
}
