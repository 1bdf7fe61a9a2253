package config_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"net/netip"

	"github.com/penstock-dev/penstock/examples/penstock/internal/config"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/api"
	"github.com/penstock-dev/penstock/ingest/syslog"
)

type options struct {
	Name       string
	MaxBytes   int64
	URLs       []string
	IDField    string
	NoIDs      bool
	Every      time.Duration
	Allow      []netip.Prefix
	Zone       *time.Location
	Framing    ingest.Framing
	Header     map[string]string
	TLS        *struct{ CertFile string }
	Token      api.Secret
	Rate       syslog.RateLimiter
	OnDamage   func()
	unexported int //nolint:unused // a field that no configuration may set
}

func TestFill(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "token")
	if err := os.WriteFile(secret, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PENSTOCK_TEST_NAME", "from the environment")
	f, err := config.Parse("p.yaml", []byte(`
name: {env: PENSTOCK_TEST_NAME}
max_bytes: 64MiB
urls: [a, b]
id_field: _id
no_ids: true
every: 1m30s
allow: [192.0.2.0/24, "2001:db8::1"]
zone: Europe/Zurich
framing: nul
header: {X-A: b}
tls: {cert_file: /c}
rate: {events_per_second: 2, bytes_per_second: 1MiB, byte_burst: 2.5}
token: {file: `+secret+`}
`))
	if err != nil {
		t.Fatal(err)
	}
	var o options
	if err := f.Fill(f.Root, &o); err != nil {
		t.Fatal(err)
	}
	token, err := o.Token(context.Background())
	if o.Name != "from the environment" || o.MaxBytes != 64<<20 || len(o.URLs) != 2 || o.IDField != "_id" || !o.NoIDs || o.Every != 90*time.Second ||
		len(o.Allow) != 2 || o.Allow[1].Bits() != 128 || o.Zone.String() != "Europe/Zurich" || o.Framing == nil || o.Header["X-A"] != "b" ||
		o.Rate == nil || !o.Rate.Allow("a", 2, 2) || o.Rate.Allow("a", 1, 0) || o.TLS == nil || o.TLS.CertFile != "/c" || token != "from a file" || err != nil {
		t.Errorf("%+v, token %q, %v", o, token, err)
	}
}

func TestFaultsHaveAPlace(t *testing.T) {
	for src, want := range map[string]string{
		"nmae: x\n":                           `p.yaml:1:1: "nmae" is not known here; it is one of allow,`,
		"name: x\nmax_bytes: many\n":          "p.yaml:2:12: a number is wanted",
		"every: 3\n":                          "p.yaml:1:8: a duration",
		"name: {env: NOBODY_SETS_THIS}\n":     "p.yaml:1:",
		"name: {vault: x}\n":                  "{env: NAME} or {file: PATH}",
		"rate: {}\n":                          "p.yaml:1:7: rate: neither events_per_second nor",
		"urls: a\n":                           "a list is wanted",
		"allow: [everywhere]\n":               "a network such as",
		"no_ids: yes please\n":                "true or false",
		"on_damage: x\n":                      "is not known here",
		"unexported: 1\n":                     "is not known here",
		"framing: smoke signals\n":            "unknown framing",
		"max_bytes: 9999999999999999999GiB\n": "a number is wanted",
	} {
		f, err := config.Parse("p.yaml", []byte(src))
		if err == nil {
			err = f.Fill(f.Root, &options{})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
}

func TestKey(t *testing.T) {
	for name, want := range map[string]string{
		"MaxMessage": "max_message", "URLs": "urls", "IDField": "id_field", "NoIDs": "no_ids", "TLS": "tls", "Dir": "dir",
		"HTTPProxy": "http_proxy", "MaxPerPeer": "max_per_peer", "CertFile": "cert_file", "DNSCache": "dns_cache",
	} {
		if got := config.Key(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
