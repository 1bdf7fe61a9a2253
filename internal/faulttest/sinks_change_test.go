package faulttest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/elastic"
	"github.com/penstock-dev/penstock/internal/certs"
	"github.com/penstock-dev/penstock/internal/peertest"
)

// safeBuffer takes a log.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *safeBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

// A token is revoked in mid-stream, and the file holds a new one some time later.
func TestF24CredentialsRotated(t *testing.T) {
	quiet(t)
	const oldToken, newToken = "canary-old-token", "canary-new-token"
	gap := time.Duration(Pick(4, 10)) * time.Second
	o := NewOracle(24)
	srv := newBulkServer(t, o)
	revoke := time.Now().Add(time.Second)
	var mu sync.Mutex
	var dead int // requests with the dead token
	var resumed, written time.Time
	srv.before = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		now := time.Now()
		got := r.Header.Get("Authorization")
		mu.Lock()
		defer mu.Unlock()
		switch {
		case now.Before(revoke) && got == "ApiKey "+oldToken:
			return false
		case !now.Before(revoke) && got == "ApiKey "+newToken:
			if resumed.IsZero() {
				resumed = now
			}
			return false
		}
		dead++
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":"not accepted: %s"}`, got)
		return true
	}
	srv.answer = func(_ int, w http.ResponseWriter, _ *http.Request, docs []document) bool {
		for _, d := range docs {
			if d.record%500 == 7 { // for a dead letter now and then
				w.WriteHeader(http.StatusBadRequest)
				return true
			}
		}
		return false
	}
	srv.Start()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(oldToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	src := &issuing{oracle: o, until: func(int) bool { return !stop.Load() }, every: 20 * time.Millisecond}
	cfg := rawLineConfig(src, o)
	letters := &letters{o: o}
	cfg.DeadLetters = batch.Each(letters.bury)
	var log safeBuffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	sink := newElastic(t, elastic.Options{
		URLs: []string{srv.URL}, Auth: elastic.Auth{Scheme: "ApiKey", File: file}, Logger: cfg.Logger,
		OnRetry: func(_, _ int, _ time.Duration, err error) { cfg.Logger.Warn("retry", "error", err) },
	})
	cfg.Outputs[0].Sink = sink
	p := newLines(t, cfg)
	go func() {
		time.Sleep(time.Until(revoke.Add(gap)))
		mu.Lock()
		written = time.Now()
		os.WriteFile(file, []byte(newToken+"\n"), 0o600)
		mu.Unlock()
		fresh(t, o, src, &stop)
	}()
	s, r, err := runLines(t, p, src, o, Limits{}, context.Background())
	if err != nil {
		t.Error(err)
	}
	said := log.String() + fmt.Sprintf("%+v %+v", s, sink.Stats()) + strings.Join(letters.all(), "\n")
	leaks := strings.Count(said, oldToken) + strings.Count(said, newToken)
	after := resumed.Sub(written)
	record(t, "F24", fmt.Sprintf("token revoked in mid-stream, a new one in the file %s later", gap),
		"no restart; resumes ≤ 5 s after the new one is readable; 0 lost; ≤ 1 request/s with the dead token; the token never in logs, metrics, dead letters", func() string {
			return fmt.Sprintf("%d requests with the dead token in %s; resumed after %s; %d times in %d bytes of log, metrics and dead letters; %s", dead, gap, after.Round(time.Millisecond), leaks, len(said), r)
		})
	if resumed.IsZero() || after > 5*time.Second || dead == 0 || dead > int(gap/time.Second)+1 || leaks > 0 || len(r.Missing) > 0 || r.Dead == 0 {
		t.Errorf("%d requests with the dead token, resumed %s after the new one, %d leaks; %s", dead, after, leaks, r)
	}
	if !strings.Contains(log.String(), "ACCESS_DENIED") && !strings.Contains(log.String(), "status 401") {
		t.Errorf("the log does not say what is wrong: %.500s", log.String())
	}
}

// The certificates of both ends are renewed under load, the key 200 ms after the
// certificate, and then with one that has expired.
func TestF25CertificatesRotated(t *testing.T) {
	quiet(t)
	rounds := Pick(2, 10)
	ca := peertest.NewCA(t, "ca")
	o := NewOracle(25)
	srv := newBulkServer(t, o)
	serverCert, serverKey := ca.Issue("server", time.Time{})
	clientCert, clientKey := ca.Issue("client", time.Time{})
	var mu sync.Mutex
	serials := map[string]time.Time{} // of client certificates, when they came first
	srv.before = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		if s := r.TLS.PeerCertificates[0].SerialNumber.String(); serials[s].IsZero() {
			serials[s] = time.Now()
		}
		mu.Unlock()
		w.Header().Set("Connection", "close") // each request has a handshake
		return false
	}
	config, _, err := certs.Server{CertFile: serverCert, KeyFile: serverKey, ClientCAFile: ca.File}.Config()
	if err != nil {
		t.Fatal(err)
	}
	var failed safeBuffer
	srv.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&failed, nil), slog.LevelWarn)
	srv.TLS = config
	srv.StartTLS()
	srv.URL = strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)

	var stop atomic.Bool
	var ahead atomic.Int64
	src := &issuing{oracle: o, until: func(int) bool { return !stop.Load() }, every: 10 * time.Millisecond}
	cfg := rawLineConfig(src, o)
	var said safeBuffer
	cfg.Outputs[0].Sink = newElastic(t, elastic.Options{
		URLs: []string{srv.URL}, MinDelay: 10 * time.Millisecond, MaxDelay: 200 * time.Millisecond,
		TLS:     elastic.TLS{CAFile: ca.File, CertFile: clientCert, KeyFile: clientKey, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }},
		OnRetry: func(_, _ int, _ time.Duration, err error) { fmt.Fprintln(&said, err) },
	})
	renew := func(name, cert, key string, notAfter time.Time) {
		old, err := os.ReadFile(key)
		if err != nil {
			t.Error(err)
		}
		ca.Issue(name, notAfter)
		renewed, _ := os.ReadFile(key)
		os.WriteFile(key, old, 0o600)
		time.Sleep(200 * time.Millisecond)
		os.WriteFile(key, renewed, 0o600)
	}
	var slowest time.Duration
	retriesBefore, expiredSaid := "", ""
	go func() {
		defer fresh(t, o, src, &stop)
		// shown waits until a client certificate comes that was not there before.
		shown := func(known int) bool {
			begun := time.Now()
			for deadline := begun.Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				mu.Lock()
				n := len(serials)
				mu.Unlock()
				if n > known {
					slowest = max(slowest, time.Since(begun))
					return true
				}
				if time.Now().After(deadline) {
					t.Error("the renewed client certificate was not shown within 60 s")
					return false
				}
			}
		}
		known := func() int { mu.Lock(); defer mu.Unlock(); return len(serials) }
		for range rounds {
			before := known()
			renew("server", serverCert, serverKey, time.Time{})
			renew("client", clientCert, clientKey, time.Time{})
			if !shown(before) {
				return
			}
		}
		retriesBefore = said.String() + failed.String()
		// Now the client's expires: an hour on, by its clock, nothing else is there.
		before := known()
		renew("client", clientCert, clientKey, time.Now().Add(time.Hour))
		if !shown(before) {
			return
		}
		ahead.Store(int64(2 * time.Hour))
		for deadline := time.Now().Add(20 * time.Second); !strings.Contains(said.String(), "expired") && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		expiredSaid = said.String()
		ca.Issue("client", time.Time{})
	}()
	_, r, err := runLines(t, newLines(t, cfg), src, o, Limits{MaxDuplicates: -1}, context.Background())
	if err != nil {
		t.Error(err)
	}
	record(t, "F25", fmt.Sprintf("certificates of server and client renewed %d times under load, the key 200 ms after the certificate; then an expired one", rounds),
		"0 failed handshakes while a valid pair exists; new one used ≤ 60 s; expired: refuses, the error names the date, 0 lost", func() string {
			return fmt.Sprintf("%d client certificates seen, each new one used after %s at most; failures before one expired: %d bytes of log; then: %.120q; %s", len(serials), slowest.Round(time.Millisecond), len(retriesBefore), strings.ReplaceAll(expiredSaid, filepath.Dir(clientCert), "DIR"), r)
		})
	if retriesBefore != "" {
		t.Errorf("failures while there was a valid pair: %s", retriesBefore)
	}
	if !strings.Contains(expiredSaid, "expired on 20") || len(r.Missing) > 0 {
		t.Errorf("after a certificate had expired: %.500q; %s", expiredSaid, r)
	}
}

// nameServer is a DNS server with one name.
type nameServer struct {
	conn  *net.UDPConn
	mu    sync.Mutex
	addrs []netip.Addr // none: the name does not exist
	asked int
}

func newNameServer(t testing.TB) *nameServer {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{conn: conn}
	done := make(chan struct{})
	go func() { defer close(done); s.serve() }()
	t.Cleanup(func() { conn.Close(); <-done })
	return s
}

func (s *nameServer) set(addrs ...netip.Addr) { s.mu.Lock(); s.addrs = addrs; s.mu.Unlock() }

// serve answers questions for A records, RFC 1035 section 4.
func (s *nameServer) serve() {
	b := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFromUDP(b)
		if err != nil {
			return
		}
		if n < 12 {
			continue
		}
		end := 12
		for end < n && b[end] != 0 {
			end += int(b[end]) + 1
		}
		end += 5
		if end > n {
			continue
		}
		kind := binary.BigEndian.Uint16(b[end-4:])
		s.mu.Lock()
		addrs := s.addrs
		s.asked++
		if len(addrs) > 1 { // the first is another one each time
			k := s.asked / 2 % len(addrs)
			addrs = append(append([]netip.Addr{}, addrs[k:]...), addrs[:k]...)
		}
		s.mu.Unlock()
		out := append([]byte{b[0], b[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, b[12:end]...)
		if len(addrs) == 0 {
			out[3] |= 3 // NXDOMAIN
		}
		if kind == 1 {
			out[7] = byte(len(addrs))
			for _, a := range addrs {
				ip := a.As4()
				out = append(append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip[:]...)
			}
		}
		s.conn.WriteToUDP(out, from)
	}
}

// silentListener takes no connection: its queue is full, so that what connects hears
// nothing, as from a machine that is off.
func silentListener(t testing.TB, at netip.AddrPort) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		c, err := net.DialTimeout("tcp", at.String(), 100*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("a full queue does not silence a listener on this system")
}

// The name of the server resolves to nothing, then to another address, then to ten of
// which one is dead.
func TestF26DNS(t *testing.T) {
	quiet(t)
	names := newNameServer(t)
	o := NewOracle(26)
	var mu sync.Mutex
	served := map[string]int{}
	srv := newBulkServer(t, o)
	srv.before = func(n int, w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		served[r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr).IP.String()]++
		mu.Unlock()
		if n%100 == 99 { // as servers do now and then
			w.Header().Set("Connection", "close")
		}
		return false
	}
	srv.Start()
	port := srv.Listener.Addr().(*net.TCPAddr).Port
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, byte(i)}) }
	silentListener(t, netip.AddrPortFrom(addr(20), uint16(port)))
	var more []net.Listener
	for i := 11; i < 20; i++ {
		l, err := net.Listen("tcp", netip.AddrPortFrom(addr(i), uint16(port)).String())
		if err != nil {
			t.Fatal(err)
		}
		more = append(more, l)
		go srv.Config.Serve(l) // ends with the server
	}
	defer func() {
		for _, l := range more {
			l.Close()
		}
	}()
	names.set(addr(1))
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", names.conn.LocalAddr().String())
	}}
	var stop atomic.Bool
	src := &issuing{oracle: o, until: func(int) bool { return !stop.Load() }, every: 10 * time.Millisecond} // what any machine does
	cfg := rawLineConfig(src, o)
	cfg.Outputs[0].Sink = newElastic(t, elastic.Options{
		URLs: []string{fmt.Sprintf("http://logs.example.org.:%d", port)}, MaxDelay: time.Second, MaxRows: 100, Resolver: resolver,
	})
	at := func(ip netip.Addr) int { mu.Lock(); defer mu.Unlock(); return served[ip.String()] }
	delivered := func() int { return o.Report().Delivered }
	// A dead address costs a quarter of a second for each connection that is tried: in a few
	// seconds one that is made again would be a tenth of the time.
	measure := time.Duration(Pick(10, 30)) * time.Second
	var used time.Duration
	var one, ten int
	var oneStood, tenStood time.Duration
	// stood is how long the server heard nothing though there was something to say: gaps
	// between requests that are longer than those of a busy machine.
	stood := func(from time.Time) (sum time.Duration) {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		last := from
		for _, at := range append(slices.Clone(srv.times), time.Now()) {
			if at.After(from) {
				if gap := at.Sub(last); gap > 200*time.Millisecond {
					sum += gap
				}
				last = at
			}
		}
		return sum
	}
	go func() {
		defer fresh(t, o, src, &stop)
		time.Sleep(500 * time.Millisecond)
		before, from := delivered(), time.Now()
		time.Sleep(measure)
		one, oneStood = delivered()-before, stood(from)
		// The server moves: nobody is at the old address, and the name is gone for a while.
		names.set()
		srv.Listener.Close()
		srv.CloseClientConnections()
		time.Sleep(time.Second)
		names.set(addr(11))
		begun := time.Now()
		for at(addr(11)) == 0 {
			if time.Since(begun) > 30*time.Second {
				t.Error("the new address is not used after 30 s")
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		used = time.Since(begun)
		var all []netip.Addr
		for i := 11; i <= 20; i++ {
			all = append(all, addr(i))
		}
		names.set(all...)
		srv.CloseClientConnections()
		time.Sleep(500 * time.Millisecond)
		before, from = delivered(), time.Now()
		time.Sleep(measure)
		ten, tenStood = delivered()-before, stood(from)
	}()
	_, r, err := runLines(t, newLines(t, cfg), src, o, Limits{MaxDuplicates: -1}, context.Background())
	if err != nil {
		t.Error(err)
	}
	record(t, "F26", "the name resolves to nothing for 1 s, then to another address, then to ten, one of which answers nothing",
		"0 lost; new address used ≤ 30 s; a dead one out of ten costs ≤ 10 % of throughput", func() string {
			return fmt.Sprintf("the new address is used after %s; %d rows in %s from one address, %d with the dead one among ten; standing still %s and %s; %d addresses used; %s", used.Round(time.Millisecond), one, measure, ten, oneStood.Round(time.Millisecond), tenStood.Round(time.Millisecond), len(served), r)
		})
	// Rows in a time are a matter of the machine, and judged in the full form only; standing
	// still is what a dead address costs.
	if Long() && ten < one*9/10 {
		t.Errorf("%d rows with a dead address among ten, %d from one", ten, one)
	}
	if len(r.Missing) > 0 || ten == 0 || tenStood > oneStood+measure/10 {
		t.Errorf("%d rows with a dead address among ten, %d from one; standing still %s and %s; %s", ten, one, tenStood, oneStood, r)
	}
}
