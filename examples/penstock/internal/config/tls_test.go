package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch/webhook"
	"github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/internal/peertest"
)

// What is wrong with certificates and keys is said with its place, before anything is opened.
func TestCertificates(t *testing.T) {
	ca := peertest.NewCA(t, "ca")
	cert, key := ca.Issue("server", time.Time{})
	_, other := ca.Issue("other", time.Time{})
	old, oldKey := ca.Issue("old", time.Now().Add(-time.Hour))
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"good", fmt.Sprintf("cert_file: %s\n  key_file: %s\n  client_ca_file: %s", cert, key, ca.File), ""},
		{"no key", fmt.Sprintf("cert_file: %s", cert), "needs CertFile and KeyFile"},
		{"missing", fmt.Sprintf("cert_file: %s.x\n  key_file: %s", cert, key), "no such file"},
		{"of another", fmt.Sprintf("cert_file: %s\n  key_file: %s", cert, other), "private key does not match"},
		{"swapped", fmt.Sprintf("cert_file: %s\n  key_file: %s", key, cert), "certificate"},
		{"expired", fmt.Sprintf("cert_file: %s\n  key_file: %s", old, oldKey), "expired on"},
		{"no authority", fmt.Sprintf("cert_file: %s\n  key_file: %s\n  client_ca_file: %s", cert, key, empty), "holds no certificate"},
	} {
		f, err := Parse("x.yaml", []byte("tls:\n  "+tc.text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		var listener struct{ TLS *syslog.TLS }
		if err = f.Fill(f.Root, &listener); tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "x.yaml:2:3: ")) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	for text, want := range map[string]string{
		"tls: {ca_file: " + ca.File + "}":      "",
		"tls: {ca_file: " + empty + "}":        "holds no certificate",
		"tls: {cert_file: " + cert + "}":       "go together",
		"tls: {ca_file: " + ca.File + ".none}": "no such file",
	} {
		f, err := Parse("x.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var sink struct{ TLS webhook.TLS }
		if err = f.Fill(f.Root, &sink); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
