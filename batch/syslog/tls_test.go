package syslog_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/syslog"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/peertest"
)

// The server's authority and the certificate that is shown to it are renewed in their files; until then
// nothing goes to a server of another authority, and nothing is given up.
func TestRenewal(t *testing.T) {
	old, renewed := peertest.NewCA(t, "old"), peertest.NewCA(t, "renewed")
	read := func(file string) []byte {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(read(old.File))
	pool.AppendCertsFromPEM(read(renewed.File))
	var shown atomic.Pointer[tls.Config]
	show := func(ca *peertest.CA) {
		t.Helper()
		pair, err := tls.LoadX509KeyPair(ca.Issue("server", time.Time{}))
		if err != nil {
			t.Fatal(err)
		}
		shown.Store(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool})
	}
	show(old)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return shown.Load(), nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type received struct{ line, issuer string }
	got := make(chan received, 10)
	go func() { // one line of each connection; ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if line, err := bufio.NewReader(c).ReadString('\n'); err == nil {
				got <- received{line, c.(*tls.Conn).ConnectionState().PeerCertificates[0].Issuer.CommonName}
			}
			c.Close()
		}
	}()

	caFile := filepath.Join(t.TempDir(), "ca.pem")
	write := func(file string, text []byte) {
		t.Helper()
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(caFile, read(old.File))
	cert, key := old.Issue("sender", time.Time{})
	s := mustNew(t, syslog.Options{Network: "tcp", Address: l.Addr().String(), Framing: "lines", TLS: &syslog.TLS{CAFile: caFile, CertFile: cert, KeyFile: key, ServerName: "server"}})
	one := func(i int, issuer string) {
		t.Helper()
		if err := s.Write(context.Background(), batchtest.Lines(i, 1)); err != nil {
			t.Fatalf("batch %d: %v", i, err)
		}
		select {
		case r := <-got:
			if !strings.Contains(r.line, batchtest.Message(i)[:8]) || r.issuer != issuer {
				t.Errorf("batch %d: %q, with a certificate of %q", i, r.line, r.issuer)
			}
		case <-time.After(batchtest.Patience):
			t.Fatalf("batch %d has not come", i)
		}
	}
	one(0, "old")
	show(renewed)
	time.Sleep(50 * time.Millisecond) // the end of the connection is noticed
	if err := s.Write(context.Background(), batchtest.Lines(1, 1)); err == nil || !errcat.Retryable(err) {
		t.Errorf("a server of another authority: %v", err)
	}
	write(caFile, read(renewed.File))
	newCert, newKey := renewed.Issue("sender", time.Time{})
	write(cert, read(newCert))
	write(key, read(newKey))
	time.Sleep(1100 * time.Millisecond) // files are looked at once a second
	one(1, "renewed")
}
