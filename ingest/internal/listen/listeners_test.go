package listen_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/elastic"
	"github.com/penstock-dev/penstock/ingest/forward"
	"github.com/penstock-dev/penstock/ingest/http"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/internal/listen"
	"github.com/penstock-dev/penstock/ingest/loki"
	"github.com/penstock-dev/penstock/ingest/lumberjack"
	"github.com/penstock-dev/penstock/ingest/otlp"
	"github.com/penstock-dev/penstock/ingest/relp"
	"github.com/penstock-dev/penstock/ingest/splunk"
	"github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/internal/peertest"
)

// listener is what all of them have.
type listener interface {
	ingest.Source
	Addr() net.Addr
}

// listeners opens one of each kind.
func listeners(t *testing.T, address string, limits listen.Limits, secure *listen.TLS) map[string]listener {
	t.Helper()
	all := map[string]listener{}
	add := func(name string, l listener, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = l
	}
	server := http.ServerOptions{Address: address, Limits: limits, TLS: secure}
	sys, err := syslog.Listen(syslog.Options{Network: "tcp", Address: address, Limits: limits, TLS: secure})
	add("syslog", sys, err)
	rel, err := relp.Listen(relp.Options{Address: address, Limits: limits, TLS: secure})
	add("relp", rel, err)
	fwd, err := forward.Listen(forward.Options{Address: address, Limits: limits, TLS: secure})
	add("forward", fwd, err)
	lum, err := lumberjack.Listen(lumberjack.Options{Address: address, Limits: limits, TLS: secure})
	add("lumberjack", lum, err)
	raw, err := http.Listen(server, http.Options{})
	add("http", raw, err)
	hec, err := splunk.Listen(server, splunk.Options{})
	add("splunk", hec, err)
	bulk, err := elastic.Listen(server, elastic.Options{})
	add("elastic", bulk, err)
	otl, err := otlp.Listen(server, otlp.Options{})
	add("otlp", otl, err)
	lok, err := loki.Listen(server, loki.Options{})
	add("loki", lok, err)
	return all
}

// connections are the counters of any of the listeners.
func connections(t *testing.T, l listener) listen.Stats {
	switch l := l.(type) {
	case *syslog.Source:
		return l.Stats().Connections
	case *relp.Source:
		return l.Stats().Connections
	case *forward.Source:
		return l.Stats().Connections
	case *lumberjack.Source:
		return l.Stats().Connections
	case *http.Source:
		return l.Stats().Connections
	}
	t.Fatalf("%T has no counters", l)
	return listen.Stats{}
}

// Every listener keeps its networks and its bound of connections for each peer, over IPv4
// and over IPv6.
func TestEveryListener(t *testing.T) {
	networks := func(texts ...string) (all []netip.Prefix) {
		for _, s := range texts {
			all = append(all, netip.MustParsePrefix(s))
		}
		return all
	}
	for _, c := range []struct {
		name, address string
		allow         []netip.Prefix
		want          listen.Stats // after two connections
	}{
		{"IPv4 allowed, one for each peer", "127.0.0.1:0", networks("2001:db8::/32", "127.0.0.0/8"), listen.Stats{Accepted: 1, RefusedLimit: 1}},
		{"IPv4 in IPv6 notation", "127.0.0.1:0", networks("::ffff:127.0.0.0/104"), listen.Stats{Accepted: 1, RefusedLimit: 1}},
		{"IPv4 not allowed", "127.0.0.1:0", networks("127.0.0.2/32", "::1/128"), listen.Stats{RefusedAddress: 2}},
		{"IPv6 allowed, one for each peer", "[::1]:0", networks("127.0.0.0/8", "::1/128"), listen.Stats{Accepted: 1, RefusedLimit: 1}},
		{"IPv6 not allowed", "[::1]:0", networks("fd00::/8", "127.0.0.0/8"), listen.Stats{RefusedAddress: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if probe, err := net.Listen("tcp", c.address); err != nil {
				t.Skip("this machine has no such address:", err)
			} else {
				probe.Close()
			}
			for name, l := range listeners(t, c.address, listen.Limits{Allow: c.allow, MaxPerPeer: 1}, nil) {
				p := ingesttest.Start(t, l)
				var open []net.Conn
				for range 2 {
					conn, err := net.Dial("tcp", l.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					open = append(open, conn)
				}
				var got listen.Stats
				for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
					got = connections(t, l)
					if got.Open = 0; got == c.want {
						break
					}
				}
				if got != c.want {
					t.Errorf("%s: %+v, want %+v", name, got, c.want)
				}
				for _, conn := range open {
					conn.Close()
				}
				p.Stop()
			}
		})
	}
}

// Every listener shows its renewed certificate, and knows the clients of a renewed authority and no
// others, without a restart; what is open goes on.
func TestEveryListenerRenews(t *testing.T) {
	ca, clients, newClients := peertest.NewCA(t, "ca"), peertest.NewCA(t, "clients"), peertest.NewCA(t, "new clients")
	cert, key := ca.Issue("server", time.Time{})
	read := func(file string) []byte {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	authorities := filepath.Join(t.TempDir(), "clients.pem")
	if err := os.WriteFile(authorities, read(clients.File), 0o600); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(read(ca.File))
	client := func(of *peertest.CA) *tls.Config {
		t.Helper()
		pair, err := tls.LoadX509KeyPair(of.Issue("client", time.Time{}))
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{RootCAs: roots, ServerName: "server", Certificates: []tls.Certificate{pair}}
	}
	before, after := client(clients), client(newClients)
	// connect returns the serial number that the server shows, and whether it takes the client as
	// expected: it says so after the handshake, by closing or by waiting for what comes.
	connect := func(l listener, cfg *tls.Config, expected bool) (conn *tls.Conn, serial string, taken bool) {
		t.Helper()
		conn, err := tls.Dial("tcp", l.Addr().String(), cfg)
		if err != nil {
			t.Fatalf("%T: %v", l, err)
		}
		t.Cleanup(func() { conn.Close() })
		patience := 10 * time.Second
		if expected {
			patience = 50 * time.Millisecond
		}
		conn.SetReadDeadline(time.Now().Add(patience))
		_, err = conn.Read(make([]byte, 1))
		return conn, conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), errors.Is(err, os.ErrDeadlineExceeded)
	}
	all := listeners(t, "127.0.0.1:0", listen.Limits{}, &listen.TLS{CertFile: cert, KeyFile: key, ClientCAFile: authorities})
	open, serials := map[string]*tls.Conn{}, map[string]string{}
	for name, l := range all {
		ingesttest.Start(t, l)
		var taken bool
		if open[name], serials[name], taken = connect(l, before, true); !taken {
			t.Errorf("%s: a client of a known authority is refused", name)
		}
		if _, _, taken := connect(l, after, false); taken {
			t.Errorf("%s: a client of an unknown authority is taken", name)
		}
	}
	ca.Issue("server", time.Time{})
	if err := os.WriteFile(authorities, read(newClients.File), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // files are looked at once a second
	for name, l := range all {
		if _, serial, taken := connect(l, after, true); !taken || serial == serials[name] {
			t.Errorf("%s: after the renewal: client taken: %v, certificate renewed: %v", name, taken, serial != serials[name])
		}
		if _, _, taken := connect(l, before, false); taken {
			t.Errorf("%s: a client of an authority that is no longer known is taken", name)
		}
		open[name].SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := open[name].Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection that was open: %v", name, err)
		}
	}
}

// An IPv6 host with a network of its own is one peer.
func TestPeerKey(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::", "::1": "::",
	} {
		if got := listen.PeerKey(netip.MustParseAddr(address)); got.String() != want {
			t.Errorf("%s counts as %s, want %s", address, got, want)
		}
	}
	if listen.PeerKey(netip.Addr{}).IsValid() {
		t.Error("a Unix socket has an address")
	}
}
