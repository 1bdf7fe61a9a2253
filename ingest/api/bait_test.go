package api_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/api"
	"github.com/penstock-dev/penstock/internal/faulttest"
)

// No redirect and no link leads away, and no name to an address of the inside, whatever it
// resolved to a moment ago.
func TestF55SSRF(t *testing.T) {
	var baited atomic.Int64
	// Another port of the same host.
	bait := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		baited.Add(1)
		t.Errorf("the bait was asked: %s %v", r.URL, r.Header)
	}))
	defer bait.Close()
	plain := httptest.NewServer(bait.Config.Handler)
	defer plain.Close()
	attempts, most := 0, 0
	faulttest.Figures(t, "F55", "redirects and next links, in header and body, to another port, scheme, host, loopback, metadata address and file; endless redirects; names that resolve to addresses of the inside, by turns",
		"0 requests reach the bait; no credential leaves the first origin; ≤ 5 redirects; the check is on the connected address", func() string {
			return fmt.Sprintf("%d attempts, %d requests at the bait; at most %d requests for one page", attempts, baited.Load(), most)
		})
	targets := map[string]string{
		"other port": bait.URL, "other scheme": plain.URL, "metadata": "http://169.254.169.254/latest/meta-data/", "IPv6 loopback": "https://[::1]/",
		"number": "https://2130706433/", "file": "file:///etc/passwd", "user": "https://token@127.0.0.1/", "no host": "https:///x", "other name": "https://localhost/",
	}
	serve := map[string]func(w http.ResponseWriter, r *http.Request){
		"endless": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) },
	}
	for name, target := range targets {
		serve["redirect to "+name] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", target)
			w.WriteHeader(http.StatusFound)
		}
		serve["permanent redirect to "+name] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", target)
			w.WriteHeader(http.StatusPermanentRedirect)
		}
		serve["link to "+name] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "<"+target+`>; rel="next"`)
			io.WriteString(w, `[{"uuid":"1"}]`)
		}
	}
	for name, serve := range serve {
		p := newProduct(t, servers["okta.system"].handler)
		n := 0
		p.before = func(w http.ResponseWriter, r *http.Request) bool {
			n++
			serve(w, r)
			return true
		}
		c := &collected{t: t, got: map[string]int{}}
		src := p.source(p.options("okta.system"))
		err := c.collect(context.Background(), src)
		if err == nil || strings.Contains(err.Error(), "the secret") {
			t.Errorf("%s: %v", name, err)
		}
		attempts++
		each := n / int(max(src.Stats()[0].Failures, 1))
		if most = max(most, each); each > 6 {
			t.Errorf("%s: %d requests, %d failures", name, n, src.Stats()[0].Failures)
		}
	}
	// Links in the body, where the definition has them.
	for name, target := range targets {
		p := newProduct(t, servers["salesforce.events"].handler)
		p.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/services/oauth2/token" {
				return false
			}
			fmt.Fprintf(w, `{"records":[],"nextRecordsUrl":%q}`, target)
			return true
		}
		c := &collected{t: t, got: map[string]int{}}
		attempts++
		if err := c.collect(context.Background(), p.source(p.options("salesforce.events"))); err == nil {
			t.Errorf("a link in the body to %s: no error", name)
		}
	}
	// A loopback address, and names that lead to one: another address at each question, so
	// that one that was checked is not the one that is connected to.
	p := newProduct(t, servers["okta.system"].handler)
	o := p.options("okta.system")
	o.AllowPrivate = false
	attempts++
	c := &collected{t: t, got: map[string]int{}}
	if err := c.collect(context.Background(), p.source(o)); errcat.Of(err) != errcat.AccessDenied || len(p.requests) > 0 {
		t.Errorf("a loopback address: %v, %d requests", err, len(p.requests))
	}
	port := p.host[strings.LastIndexByte(p.host, ':'):]
	for _, addrs := range [][]string{
		{"127.0.0.1"}, {"169.254.169.254", "127.0.0.1"}, {"::1"}, {"::ffff:127.0.0.1"}, {"10.0.0.1"}, {"100.64.0.1"}, {"0.0.0.0"}, {"0.1.2.3"},
		{"64:ff9b::7f00:1"}, {"2002:7f00:1::"}, {"fe80::1"}, {"fd00::1"}, {"::127.0.0.1"}, {"255.255.255.255"},
	} {
		o := p.options("okta.system")
		o.AllowPrivate, o.Resolver, o.DNSCache = false, resolverOf(t, addrs), 1
		o.Endpoints[0].Params["domain"] = "rebind.example.org." + port
		src, err := api.New(o)
		if err != nil {
			t.Fatal(err)
		}
		attempts++
		c := &collected{t: t, got: map[string]int{}}
		if err := c.collect(context.Background(), src); errcat.Of(err) != errcat.AccessDenied {
			t.Errorf("a name of %v: %v", addrs, err)
		}
	}
	if len(p.requests) > 0 || baited.Load() > 0 {
		t.Errorf("%d requests reached the inside, %d the bait", len(p.requests), baited.Load())
	}
}

// resolverOf is a resolver that asks a name server with one name, whose address is another
// one of the list at each question.
func resolverOf(t *testing.T, list []string) *net.Resolver {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 1500)
		for asked := 0; ; {
			n, from, err := conn.ReadFromUDP(b)
			if err != nil {
				return
			}
			end := 12
			for end < n && b[end] != 0 {
				end += int(b[end]) + 1
			}
			if end += 5; end > n {
				continue
			}
			addr := netip.MustParseAddr(list[asked%len(list)])
			kind := binary.BigEndian.Uint16(b[end-4:])
			// RFC 1035 section 4: the question again, and an answer that points to its name.
			out := append([]byte{b[0], b[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, b[12:end]...)
			ip := addr.AsSlice()
			if kind == 1 && len(ip) == 4 || kind == 28 && len(ip) == 16 {
				out[7] = 1
				out = append(append(out, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(ip))), ip...)
				asked++
			}
			conn.WriteToUDP(out, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}
