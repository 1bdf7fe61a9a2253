package httpbulk

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/certs"
	"github.com/penstock-dev/penstock/internal/peertest"
	"github.com/penstock-dev/penstock/ratelimit"
)

func secureServer(t *testing.T, ca *peertest.CA) (*httptest.Server, *atomic.Value) {
	t.Helper()
	cert, key := ca.Issue("server", time.Time{})
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	var serial atomic.Value
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serial.Store(r.TLS.PeerCertificates[0].SerialNumber.String())
		w.Header().Set("Connection", "close") // the next request is a connection of its own
		w.Write([]byte("ok"))
	}))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv, &serial
}

// A renewed client certificate is shown to the next connection, also when its key is
// written later; an expired one is not shown, the error names the date, and nothing is
// given up.
func TestClientCertificateRotation(t *testing.T) {
	ca := peertest.NewCA(t, "ca")
	srv, serial := secureServer(t, ca)
	cert, key := ca.Issue("sender", time.Time{})
	s := newSink(t, Options{URLs: []string{srv.URL}, TLS: certs.Client{CAFile: ca.File, CertFile: cert, KeyFile: key}})
	write := func() {
		t.Helper()
		if err := s.Write(context.Background(), lines(1)); err != nil {
			t.Fatal(err)
		}
	}
	write()
	first := serial.Load()
	oldKey, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	ca.Issue("sender", time.Time{})
	newKey, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(key, oldKey, 0o600)
	time.Sleep(1100 * time.Millisecond)
	write()
	if serial.Load() != first {
		t.Error("a certificate without its key was shown")
	}
	os.WriteFile(key, newKey, 0o600)
	time.Sleep(1100 * time.Millisecond)
	write()
	if serial.Load() == first {
		t.Error("the renewed certificate is not shown")
	}

	// Expired, and nothing else there: New says so.
	ca.Issue("sender", time.Now().Add(-time.Hour))
	_, err = New[event](Options{URLs: []string{srv.URL}, TLS: certs.Client{CAFile: ca.File, CertFile: cert, KeyFile: key}}, ndjson{}, Defaults{}, nil)
	if err == nil || !strings.Contains(err.Error(), "expired on 20") {
		t.Errorf("an expired certificate: %v", err)
	}
	// Expired in the middle of the work: the clock of the certificates goes on.
	ca.Issue("sender", time.Now().Add(time.Hour))
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s = newSink(t, Options{URLs: []string{srv.URL}, TLS: certs.Client{CAFile: ca.File, CertFile: cert, KeyFile: key, Now: now}, Attempts: 2,
		Clock: ratelimit.Clock{Sleep: func(context.Context, time.Duration) error { return nil }}})
	write()
	ahead.Store(int64(2 * time.Hour))
	err = s.Write(context.Background(), lines(2))
	if f := batch.Failures(err, 2); len(f) != 2 || !errcat.Retryable(f[0].Err) || !strings.Contains(err.Error(), "expired on 20") {
		t.Errorf("%v", err)
	}
}

// A server that is not who it should be gets nothing.
func TestWrongServer(t *testing.T) {
	ca, other := peertest.NewCA(t, "ca"), peertest.NewCA(t, "other")
	srv, serial := secureServer(t, other)
	cert, key := ca.Issue("sender", time.Time{})
	s := newSink(t, Options{URLs: []string{srv.URL}, TLS: certs.Client{CAFile: ca.File, CertFile: cert, KeyFile: key}, Attempts: 1})
	err := s.Write(context.Background(), lines(1))
	if f := batch.Failures(err, 1); len(f) != 1 || !errcat.Retryable(f[0].Err) || serial.Load() != nil {
		t.Errorf("%v", err)
	}
}
