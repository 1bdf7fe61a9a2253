package syslog_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/internal/peertest"
)

func clientConfig(t testing.TB, ca *peertest.CA, certFile, keyFile string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "server"}
	cfg.RootCAs.AppendCertsFromPEM(pem)
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg
}

// Nothing is taken from a peer that is not who it should be, and honest peers do not
// notice.
func TestTLSRefusals(t *testing.T) {
	ca, other := peertest.NewCA(t, "ca"), peertest.NewCA(t, "other")
	cert, key := ca.Issue("server", time.Time{})
	goodCert, goodKey := ca.Issue("sender", time.Time{})
	good := clientConfig(t, ca, goodCert, goodKey)
	s := mustListen(t, syslog.Options{
		Network: "tcp", TLS: &syslog.TLS{CertFile: cert, KeyFile: key, ClientCAFile: ca.File, ClientNames: []string{"sender"}},
		Limits: syslog.Limits{HandshakeTimeout: 2 * time.Second},
	})
	p := ingesttest.Start(t, s)
	honest, err := tls.Dial("tcp", s.Addr().String(), good)
	if err != nil {
		t.Fatal(err)
	}
	defer honest.Close()
	fmt.Fprintf(honest, "<1>before\n")

	bad := map[string]*tls.Config{"no client certificate": clientConfig(t, ca, "", "")}
	c, k := other.Issue("sender", time.Time{})
	bad["unknown authority"] = clientConfig(t, ca, c, k)
	c, k = ca.Issue("expired", time.Now().Add(-time.Hour))
	bad["expired certificate"] = clientConfig(t, ca, c, k)
	c, k = ca.Issue("stranger", time.Time{})
	bad["certificate for another name"] = clientConfig(t, ca, c, k)
	bad["TLS 1.1"] = good.Clone()
	bad["TLS 1.1"].MinVersion, bad["TLS 1.1"].MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	for name, cfg := range bad {
		conn, err := tls.Dial("tcp", s.Addr().String(), cfg)
		if err != nil {
			continue
		}
		fmt.Fprintf(conn, "<1>%s\n", name)
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Errorf("%s: the connection stays open (%v)", name, err)
		}
		conn.Close()
	}
	plain := dial(t, s)
	fmt.Fprintf(plain, "<1>plain text\n")
	silent, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	silent.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := silent.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("a handshake that never comes is waited for: %v", err)
	}
	fmt.Fprintf(honest, "<1>after\n")
	got := p.Wait(2)
	if len(got) != 2 || got[0].Text != "<1>before" || got[1].Text != "<1>after" {
		t.Errorf("messages %v", got)
	}
	if subject := got[0].Origin.Subject; !strings.Contains(subject, "CN=sender") {
		t.Errorf("the origin's subject is %q", subject)
	}
	if n := s.Stats().Connections.FailedHandshakes; n != int64(len(bad)+2) {
		t.Errorf("%d handshakes failed, want %d", n, len(bad)+2)
	}
}

// Renewed certificates are used without a restart; while the new pair is not whole, or
// has expired, the old one stays.
func TestCertificateRotation(t *testing.T) {
	ca := peertest.NewCA(t, "ca")
	cert, key := ca.Issue("server", time.Time{})
	var log logged
	s := mustListen(t, syslog.Options{Network: "tcp", TLS: &syslog.TLS{CertFile: cert, KeyFile: key}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ingesttest.Start(t, s)
	cfg := clientConfig(t, ca, "", "")
	serial := func() string {
		t.Helper()
		conn, err := tls.Dial("tcp", s.Addr().String(), cfg)
		if err != nil {
			t.Fatalf("a handshake failed while there is a valid pair: %v", err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	oldKey, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	ca.Issue("server", time.Time{})
	newKey, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(key, oldKey, 0o600) // the certificate is new, the key not yet
	time.Sleep(1100 * time.Millisecond)
	if got := serial(); got != first {
		t.Error("another certificate before its key is there")
	}
	os.WriteFile(key, newKey, 0o600)
	deadline := time.Now().Add(5 * time.Second)
	second := serial()
	for second == first {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not used")
		}
		time.Sleep(50 * time.Millisecond)
		second = serial()
	}
	ca.Issue("server", time.Now().Add(-time.Hour))
	time.Sleep(1100 * time.Millisecond)
	if got := serial(); got != second {
		t.Error("an expired certificate replaced a valid one")
	}
	if text := log.String(); strings.Count(text, "renewed certificates are not used") != 2 || strings.Count(text, "renewed certificates are in use") != 1 || !strings.Contains(text, "expired on") {
		t.Errorf("the log does not say what became of the files:\n%s", text)
	}
	_, err = syslog.Listen(syslog.Options{Network: "tcp", Address: "127.0.0.1:0", TLS: &syslog.TLS{CertFile: cert, KeyFile: key}})
	if err == nil || !strings.Contains(err.Error(), "expired on 20") {
		t.Errorf("an expired certificate: %v", err)
	}
}

// logged is a log that may be read while it is written.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
