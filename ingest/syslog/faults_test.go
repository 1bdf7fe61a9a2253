package syslog_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/internal/faulttest"
	"github.com/penstock-dev/penstock/internal/peertest"
	"github.com/penstock-dev/penstock/parse"
)

// More datagrams at once than anybody can take, then a steady load.
func TestF37UDPBurst(t *testing.T) {
	s := mustListen(t, syslog.Options{Network: "udp"})
	if !s.Stats().KernelDropsKnown {
		t.Skip("no drop counter of sockets on this system")
	}
	p, err := ingest.New(ingest.Config[struct{}]{ // keeps nothing
		Sources: []ingest.Source{s},
		Parser:  parse.ParserFunc[struct{}](func(_ *parse.Message, out *parse.Events[struct{}]) error { out.Add(); return nil }),
		Sink:    batch.SinkFunc[struct{}](func(context.Context, *batch.Batch[struct{}]) error { return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	c := dial(t, s)
	msg := []byte("<13>1 2026-11-29T10:00:00Z host app - - - " + strings.Repeat("x", 258))
	burst, steady := faulttest.Pick(60_000, 200_000), time.Duration(faulttest.Pick(3, 60))*time.Second
	const rate = 5000
	debug.FreeOSMemory()
	var sent, odd, inBurst, atRate int64
	var burstTook time.Duration
	settle := func() syslog.Stats {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			st := s.Stats()
			if st.Datagrams+st.KernelDrops == sent {
				return st
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d were sent, %d received and %d dropped by the kernel", sent, st.Datagrams, st.KernelDrops)
			}
		}
	}
	write := func(b []byte) {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		sent++
	}
	var after, end syslog.Stats
	var resident int64 // at most
	var ledger ingest.Stats
	faulttest.Figures(t, "F37", fmt.Sprintf("%d datagrams of %d bytes at once, then %d/s for %s; empty ones and one of 64 KiB", burst, len(msg), rate, steady),
		"received + kernel drops (socket counter) = sent, exact, and both in metrics; ≥ 99.9 % at 5,000/s; RSS ≤ 256 MB; 64 KiB datagrams and empty ones survive", func() string {
			return fmt.Sprintf("burst sent in %s: %d received, %d dropped; then %d of %d received; at most %.1f MB resident; ledger: received %d, shed %d",
				burstTook.Round(time.Millisecond), inBurst, after.KernelDrops, atRate, end.Datagrams+end.KernelDrops-inBurst-after.KernelDrops, float64(resident)/1e6, ledger.Received, ledger.Shed)
		})
	begun := time.Now()
	for i := range burst {
		write(msg)
		if i%10_000 == 0 {
			resident = max(resident, faulttest.Resident())
		}
	}
	burstTook = time.Since(begun)
	after = settle()
	resident = max(resident, faulttest.Resident())
	inBurst = after.Datagrams
	begun = time.Now()
	for i := 0; time.Since(begun) < steady; i++ {
		switch i % 1000 {
		case 1:
			write(nil)
			odd++
		case 2:
			write(bytes.Repeat([]byte("y"), 65_507))
			resident = max(resident, faulttest.Resident())
		default:
			write(msg)
		}
		time.Sleep(time.Until(begun.Add(time.Duration(i) * time.Second / rate)))
	}
	end = settle()
	atRate = end.Datagrams - inBurst
	resident = max(resident, faulttest.Resident())
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	ledger = p.Stats()
	offered := sent - int64(burst)
	if atRate*1000 < offered*999 {
		t.Errorf("%d of %d datagrams received at %d a second", atRate, offered, rate)
	}
	if st := s.Stats(); st.Empty != odd || st.Messages != st.Datagrams-odd {
		t.Errorf("%+v", st)
	}
	// Both stand in the ledger: what the kernel dropped was received and shed.
	if want := sent - odd; ledger.Received != want || ledger.Shed != end.KernelDrops {
		t.Errorf("the ledger has %d received and %d shed, want %d and %d", ledger.Received, ledger.Shed, want, end.KernelDrops)
	}
	if resident > 256<<20 && !faulttest.Racing {
		t.Errorf("%d bytes resident", resident)
	}
}

// Frames that lie, that never end, and that are cut.
func TestF39Frames(t *testing.T) {
	const limit, warmed = 1 << 20, 100
	endless := int64(faulttest.Pick(128<<20, 1<<30))
	type bad struct {
		name    string
		framing ingest.Framing
		octets  bool // good frames are counted too
		frame   func(c net.Conn)
		kind    errcat.Category
		also    []string // what the bad frame gives besides
	}
	text := func(s string) func(net.Conn) {
		b := []byte(s) // before the memory is measured
		return func(c net.Conn) { c.Write(b) }
	}
	junk := bytes.Repeat([]byte("x"), 256<<10)
	for _, b := range []bad{
		{"octet count 0", ingest.OctetCounting, true, text("0 <1>x"), errcat.SchemaViolation, nil},
		{"octet count 10^26", ingest.OctetCounting, true, text("1" + strings.Repeat("0", 26) + " <1>x"), errcat.SchemaViolation, nil},
		{"larger than the limit", nil, true, text(fmt.Sprintf("%d <%s", limit+1, strings.Repeat("x", limit))), errcat.Oversize, nil},
		{"one too small", nil, true, text("4 <1>ab"), errcat.None, []string{"<1>a", "b"}},
		{"one too large", nil, true, text("6 <1>ab"), errcat.Truncated, nil},
		{"a line of many bytes", nil, false, func(c net.Conn) {
			for n := int64(0); n < endless; n += int64(len(junk)) {
				if _, err := c.Write(junk); err != nil {
					return
				}
			}
			c.Write([]byte("\n"))
		}, errcat.Oversize, nil},
		{"cut in mid-frame", nil, true, text("500 <1>abc"), errcat.Truncated, nil},
		{"both framings", nil, true, text("<1>line\n"), errcat.None, []string{"<1>line"}},
	} {
		t.Run(strings.ReplaceAll(b.name, " ", "_"), func(t *testing.T) {
			s := mustListen(t, syslog.Options{Network: "tcp", MaxMessage: limit, Framing: b.framing})
			p := ingesttest.Start(t, s)
			good := func(c net.Conn, m string) {
				if b.octets {
					m = fmt.Sprintf("%d %s", len(m), m)
				} else {
					m += "\n"
				}
				c.Write([]byte(m))
			}
			warm := dial(t, s)
			for range warmed { // the pipeline has its memory
				good(warm, "<1>warm"+strings.Repeat("x", 2000))
			}
			warm.Close()
			p.Wait(warmed)
			debug.FreeOSMemory()
			base := faulttest.Resident()
			var grown int64
			quit, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for {
					grown = max(grown, faulttest.Resident()-base)
					select {
					case <-quit:
						return
					case <-time.After(5 * time.Millisecond):
					}
				}
			}()
			begin := dial(t, s)
			good(begin, "<1>before")
			b.frame(begin)
			begin.(*net.TCPConn).CloseWrite()
			next := dial(t, s)
			good(next, "<1>next connection")
			want := append([]string{"<1>before", "<1>next connection"}, b.also...)
			got := p.Wait(warmed + len(want))
			letters := 0
			if b.kind != errcat.None {
				letters = 1
				p.WaitDead(1)
			}
			close(quit)
			<-done
			p.Stop()
			faulttest.Figures(t, "F39 "+b.name, "a bad frame between a good one and the next connection; limit of "+fmt.Sprint(limit>>20)+" MiB",
				"limit before allocation: RSS growth ≤ 2 × limit; one dead letter per bad frame; next connection unaffected; good frames before are delivered", func() string {
					return fmt.Sprintf("%d messages, %d dead letters, memory grew by %.1f MB", len(got)-warmed, p.Stats().DeadLettered, float64(grown)/1e6)
				})
			var texts []string
			for _, m := range p.Messages()[warmed:] {
				texts = append(texts, m.Text)
			}
			slices.Sort(texts)
			slices.Sort(want)
			if !slices.Equal(texts, want) {
				t.Errorf("messages %.200q, want %q", texts, want)
			}
			dead := p.WaitDead(letters)
			if int(p.Stats().DeadLettered) != letters || letters == 1 && dead[0].Category != b.kind {
				t.Errorf("%d dead letters, want %d of %s: %+v", p.Stats().DeadLettered, letters, b.kind, dead)
			}
			if grown > 2*limit && !faulttest.Racing {
				t.Errorf("the memory grew by %d bytes, the limit of a message is %d", grown, limit)
			}
		})
	}
}

// lines is a log whose lines are counted.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
	n  int
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return l.b.Write(b)
}

// Nothing is taken from a peer that is not who it should be, and honest peers do not
// notice.
func TestF40TLS(t *testing.T) {
	ca, other := peertest.NewCA(t, "ca"), peertest.NewCA(t, "other")
	cert, key := ca.Issue("server", time.Time{})
	goodCert, goodKey := ca.Issue("sender", time.Time{})
	good := clientConfig(t, ca, goodCert, goodKey)
	lateCert, lateKey := ca.Issue("late", time.Time{}) // revoked later
	revokedCert, revokedKey := ca.Issue("revoked", time.Time{})
	list := ca.Revoke(time.Now().Add(time.Hour), revokedCert)
	var log lines
	s := mustListen(t, syslog.Options{
		Network: "tcp", Logger: slog.New(slog.NewTextHandler(&log, nil)),
		TLS: &syslog.TLS{
			CertFile: cert, KeyFile: key, ClientCAFile: ca.File, ClientNames: []string{"sender", "revoked", "late", "expired"}, ClientRevocationFile: list,
			Logger: slog.New(slog.DiscardHandler), // what becomes of the files; counted are the lines about peers
		},
		Limits: syslog.Limits{HandshakeTimeout: 2 * time.Second},
	})
	p := ingesttest.Start(t, s)
	honest, err := tls.Dial("tcp", s.Addr().String(), good)
	if err != nil {
		t.Fatal(err)
	}
	defer honest.Close()
	fmt.Fprintf(honest, "<1>before\n")
	begun := time.Now()

	bad := map[string]*tls.Config{"no client certificate": clientConfig(t, ca, "", "")}
	c, k := other.Issue("sender", time.Time{})
	bad["wrong authority"] = clientConfig(t, ca, c, k)
	c, k = ca.Issue("expired", time.Now().Add(-time.Hour))
	bad["expired certificate"] = clientConfig(t, ca, c, k)
	c, k = ca.Issue("stranger", time.Time{})
	bad["certificate for another name"] = clientConfig(t, ca, c, k)
	bad["revoked certificate"] = clientConfig(t, ca, revokedCert, revokedKey)
	for name, version := range map[string]uint16{"TLS 1.0": tls.VersionTLS10, "TLS 1.1": tls.VersionTLS11} {
		bad[name] = good.Clone()
		bad[name].MinVersion, bad[name].MaxVersion = tls.VersionTLS10, version
	}
	attempts := 0
	try := func(name string, cfg *tls.Config) {
		t.Helper()
		attempts++
		conn, err := tls.Dial("tcp", s.Addr().String(), cfg)
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "<1>%s\n", name)
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Errorf("%s: the connection stays open (%v)", name, err)
		}
	}
	for range faulttest.Pick(2, 50) {
		for name, cfg := range bad {
			try(name, cfg)
		}
		attempts++
		plain := dial(t, s)
		fmt.Fprintf(plain, "<1>plain text\n")
	}
	failedBefore := attempts
	// One that is revoked while the listener runs, and then a list that was not renewed.
	late, err := tls.Dial("tcp", s.Addr().String(), clientConfig(t, ca, lateCert, lateKey))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(late, "<1>not revoked yet\n")
	p.Wait(2)
	late.Close()
	ca.Revoke(time.Now().Add(time.Hour), revokedCert, lateCert)
	time.Sleep(1100 * time.Millisecond)
	try("revoked later", clientConfig(t, ca, lateCert, lateKey))
	ca.Revoke(time.Now().Add(-time.Hour))
	time.Sleep(1100 * time.Millisecond)
	try("an old list", good)
	ca.Revoke(time.Now().Add(time.Hour), revokedCert)
	time.Sleep(1100 * time.Millisecond)
	renegotiated := renegotiate(t, s, goodCert, goodKey, ca.File)
	fmt.Fprintf(honest, "<1>after\n")
	want := []string{"<1>before", "<1>not revoked yet", "<1>after"}
	if renegotiated {
		want = slices.Insert(want, 2, "<1>first")
	}
	p.Wait(len(want))
	took := time.Since(begun)
	p.Stop()
	var got []string
	for _, m := range p.Messages() {
		got = append(got, m.Text)
	}
	faulttest.Figures(t, "F40", "no client certificate, wrong authority, expired, revoked before and while running, an old revocation list, TLS 1.0 and 1.1, plain text, another name, renegotiation",
		"0 records accepted from any; reason logged ≤ 1 line/s per peer; honest peers unaffected", func() string {
			return fmt.Sprintf("%d attempts, 0 records of theirs; %d lines of log in %s; renegotiation tried: %v", attempts, log.n, took.Round(time.Millisecond), renegotiated)
		})
	if !slices.Equal(got, want) {
		t.Errorf("messages %q, want %q", got, want)
	}
	if n := s.Stats().Connections.FailedHandshakes; n != int64(attempts) {
		t.Errorf("%d handshakes failed, want %d (%d of them before the revocations)", n, attempts, failedBefore)
	}
	if log.n == 0 || log.n > int(took/time.Second)+1 {
		t.Errorf("%d lines of log in %s", log.n, took)
	}
}

// renegotiate connects by TLS 1.2 with a good certificate, sends a message, asks for
// another handshake, and sends another message, which must not be taken. It reports
// whether it could be tried.
func renegotiate(t *testing.T, s *syslog.Source, cert, key, ca string) bool {
	t.Helper()
	bin, err := exec.LookPath("openssl")
	if err != nil {
		t.Log("no openssl on this machine (Debian: openssl): renegotiation is not tried")
		return false
	}
	cmd := exec.Command(bin, "s_client", "-connect", s.Addr().String(), "-tls1_2", "-legacy_renegotiation", "-cert", cert, "-key", key, "-CAfile", ca, "-quiet", "-no_ign_eof")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	time.Sleep(300 * time.Millisecond)
	fmt.Fprintf(in, "<1>first\n")
	time.Sleep(300 * time.Millisecond)
	fmt.Fprintf(in, "R\n")
	time.Sleep(500 * time.Millisecond)
	fmt.Fprintf(in, "<1>second handshake\n")
	ended := make(chan struct{})
	go func() { cmd.Process.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Errorf("the connection goes on after a request for another handshake: %s", out.String())
	}
	return true
}
