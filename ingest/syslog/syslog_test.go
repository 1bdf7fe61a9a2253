package syslog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/syslog"
)

func mustListen(t testing.TB, o syslog.Options) *syslog.Source {
	t.Helper()
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	s, err := syslog.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func dial(t testing.TB, s *syslog.Source) net.Conn {
	t.Helper()
	c, err := net.Dial(s.Addr().Network(), s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestConformance(t *testing.T) {
	frame := map[string]func(m string) string{
		"octets": func(m string) string { return fmt.Sprintf("%d %s", len(m), m) },
		"lines":  func(m string) string { return m + "\n" },
		"nul":    func(m string) string { return m + "\x00" },
	}
	for _, tc := range []struct {
		name    string
		network string
		framing ingest.Framing
		frames  []string
		lossy   bool
	}{
		{"udp", "udp", nil, nil, true},
		{"unixgram", "unixgram", nil, nil, true},
		{"tcp octets", "tcp", nil, []string{"octets"}, false},
		{"tcp lines", "tcp", nil, []string{"lines"}, false},
		{"tcp both", "tcp", nil, []string{"octets", "lines"}, false},
		{"tcp octets only", "tcp", ingest.OctetCounting, []string{"octets"}, false},
		{"tcp nul", "tcp", ingest.NUL, []string{"nul"}, false},
		{"unix", "unix", nil, []string{"lines"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ingesttest.Source(t, ingesttest.Config{Lossy: tc.lossy, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
				o := syslog.Options{Network: tc.network, Framing: tc.framing, Name: "listener"}
				if strings.HasPrefix(tc.network, "unix") {
					o.Address = filepath.Join(t.TempDir(), "log")
				}
				s := mustListen(t, o)
				c := dial(t, s)
				n := 0
				return s, func(ctx context.Context, msgs []string) error {
					if deadline, ok := ctx.Deadline(); ok {
						c.SetWriteDeadline(deadline)
					}
					var b strings.Builder
					for _, m := range msgs {
						if tc.frames == nil {
							_, err := c.Write([]byte(m))
							for errors.Is(err, syscall.EAGAIN) { // the queue of a Unix socket is full
								time.Sleep(time.Millisecond)
								_, err = c.Write([]byte(m))
							}
							if err != nil {
								return err
							}
							continue
						}
						b.WriteString(frame[tc.frames[n%len(tc.frames)]](m))
						n++
					}
					if b.Len() == 0 {
						return nil
					}
					_, err := c.Write([]byte(b.String()))
					return err
				}
			}})
		})
	}
}

// What a peer writes in whatever pieces is cut the same way.
func TestFrames(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     []string
		dead     []errcat.Category
	}{
		{"octets", "5 <1>ab4 <2>c", []string{"<1>ab", "<2>c"}, nil},
		{"lines", "<1>a\n<2>b\r\n", []string{"<1>a", "<2>b"}, nil},
		{"both", "<1>a\n5 <2>bb<3>c\n4 <4>d\n", []string{"<1>a", "<2>bb", "<3>c", "<4>d"}, nil},
		{"line end within octets", "7 <1>a\nbc<2>d\n", []string{"<1>a\nbc", "<2>d"}, nil},
		{"a line that begins with a number", "2026 things\n12 <", []string{"2026 things", "12 <"}[:1], []errcat.Category{errcat.Truncated}},
		{"a zero is no length", "0 <1>a\n", []string{"0 <1>a"}, nil},
		{"26 digits are no length", strings.Repeat("9", 26) + " <1>a\n", []string{strings.Repeat("9", 26) + " <1>a"}, nil},
		{"number alone", "123\n", []string{"123"}, nil},
		{"two spaces", "12  <1>a\n", []string{"12  <1>a"}, nil},
		{"blank lines", "\n\n<1>a\n\r\n", []string{"<1>a"}, nil},
		{"cut octets", "<1>a\n10 <2>b", []string{"<1>a"}, []errcat.Category{errcat.Truncated}},
		{"line without end", "<1>a\n<2>b", []string{"<1>a", "<2>b"}, nil},
		{"too long in octets", "9000 <" + strings.Repeat("x", 8999) + "<1>a\n", []string{"<1>a"}, []errcat.Category{errcat.Oversize}},
		{"too long a line", "<" + strings.Repeat("x", 300_000) + "\n<1>a\n", []string{"<1>a"}, []errcat.Category{errcat.Oversize}},
		{"a length near the limit of numbers", "9999999999 <1>a\n", nil, []errcat.Category{errcat.Truncated}},
	} {
		for _, piece := range []int{1, 3, 4096, 1 << 20} {
			if piece < 100 && len(tc.in) > 1000 {
				continue
			}
			t.Run(fmt.Sprint(tc.name, " in pieces of ", piece), func(t *testing.T) {
				s := mustListen(t, syslog.Options{Network: "tcp", MaxMessage: 8 << 10})
				p := ingesttest.Start(t, s)
				c := dial(t, s)
				c.(*net.TCPConn).SetNoDelay(true)
				for in := tc.in; in != ""; {
					n := min(piece, len(in))
					if _, err := c.Write([]byte(in[:n])); err != nil {
						t.Fatal(err)
					}
					in = in[n:]
					if piece < 100 {
						time.Sleep(time.Millisecond)
					}
				}
				c.Close()
				got, dead := p.Wait(len(tc.want)), p.WaitDead(len(tc.dead))
				for i, m := range got {
					if m.Text != tc.want[i] {
						t.Errorf("message %d is %.100q, want %.100q", i, m.Text, tc.want[i])
					}
				}
				for i, d := range dead {
					if d.Category != tc.dead[i] {
						t.Errorf("dead letter %d is %s (%v), want %s", i, d.Category, d.Err, tc.dead[i])
					}
					if len(d.Raw) > 8<<10 {
						t.Errorf("a dead letter keeps %d bytes", len(d.Raw))
					}
				}
				p.Stop()
				if n, d := len(p.Messages()), p.Stats().DeadLettered; n != len(tc.want) || int(d) != len(tc.dead) {
					t.Errorf("%d messages and %d dead letters, want %d and %d: %q", n, d, len(tc.want), len(tc.dead), fmt.Sprint(p.Messages()))
				}
			})
		}
	}
}

func TestDatagrams(t *testing.T) {
	s := mustListen(t, syslog.Options{Network: "udp", MaxMessage: 60_000, Hint: "x"})
	p := ingesttest.Start(t, s)
	c := dial(t, s)
	large := "<3>" + strings.Repeat("y", 59_000)
	for _, m := range []string{"<1>a", "<2>b\n", "", "<2>c\r\n", "<2>d\x00", "\n", large, "<4>" + strings.Repeat("z", 64_000)} {
		if _, err := c.Write([]byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	got := p.Wait(5)
	for i, want := range []string{"<1>a", "<2>b", "<2>c", "<2>d", large} {
		if got[i].Text != want {
			t.Errorf("datagram %d is %.50q, want %.50q", i, got[i].Text, want)
		}
	}
	if got[0].Origin.Peer != netip.MustParseAddr("127.0.0.1") || got[0].Origin.Source != "syslog" || got[0].Origin.Hint != "x" {
		t.Errorf("origin %+v", got[0].Origin)
	}
	if d := p.WaitDead(1)[0]; d.Category != errcat.Oversize || d.Length != 64_003 {
		t.Errorf("the datagram beyond the limit: %s, %d bytes", d.Category, d.Length)
	}
	if st := s.Stats(); st.Datagrams != 8 || st.Empty != 2 || st.Messages != 6 {
		t.Errorf("%+v", st)
	}
}

// Every datagram of a burst is either received or in the kernel's counter.
func TestBurst(t *testing.T) {
	s := mustListen(t, syslog.Options{Network: "udp", ReadBuffer: 64 << 10})
	if _, known := s.Stats(), s.Stats().KernelDropsKnown; !known {
		t.Skip("no drop counter of sockets on this system")
	}
	p := ingesttest.Start(t, s)
	p.Block()
	c := dial(t, s)
	sent := int64(100_000)
	if testing.Short() {
		sent = 20_000
	}
	msg := []byte("<13>1 2026-11-29T10:00:00Z host app - - - " + strings.Repeat("x", 260))
	for range sent {
		if _, err := c.Write(msg); err != nil {
			t.Fatal(err)
		}
	}
	p.Release()
	deadline := time.Now().Add(10 * time.Second)
	for {
		st := s.Stats()
		if st.Datagrams+st.KernelDrops == sent {
			if st.KernelDrops == 0 {
				t.Error("nothing was dropped: the test does not test anything")
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d were sent, %d received and %d dropped by the kernel", sent, st.Datagrams, st.KernelDrops)
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.Stop()
	st, l := s.Stats(), p.Stats()
	if st.Messages+st.KernelDrops != l.Received || l.Shed != st.KernelDrops || l.Sources[0].Missed != st.KernelDrops {
		t.Errorf("the source counts %d messages and %d drops; the ledger: %+v, missed %d", st.Messages, st.KernelDrops, l.Ledger, l.Sources[0].Missed)
	}
}

func TestAllowList(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			s := mustListen(t, syslog.Options{Network: network, Limits: syslog.Limits{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}})
			p := ingesttest.Start(t, s)
			stranger := dial(t, s)
			stranger.Write([]byte("<1>no\n"))
			local := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
			if network == "udp" {
				local.LocalAddr = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}
			}
			friend, err := local.Dial(network, s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer friend.Close()
			friend.Write([]byte("<1>yes\n"))
			if got := p.Wait(1)[0]; got.Text != "<1>yes" || got.Origin.Peer.String() != "127.0.0.2" {
				t.Errorf("%+v", got)
			}
			if st := s.Stats(); st.Refused+st.Connections.RefusedAddress != 1 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// Connections beyond the limit are refused; those that are open live on, and their
// places become free again.
func TestConnectionLimits(t *testing.T) {
	s := mustListen(t, syslog.Options{Network: "tcp", Limits: syslog.Limits{MaxConnections: 5, IdleTimeout: 2 * time.Second}})
	p := ingesttest.Start(t, s)
	var idle []net.Conn
	for range 4 {
		idle = append(idle, dial(t, s))
	}
	honest := dial(t, s)
	honest.Write([]byte("<1>first\n"))
	p.Wait(1)
	refused := dial(t, s)
	refused.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := refused.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection beyond the limit is open: %v", err)
	}
	honest.Write([]byte("<1>second\n"))
	p.Wait(2)
	for _, c := range idle {
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a silent connection is still open: %v", err)
		}
	}
	st := s.Stats().Connections
	if st.RefusedLimit != 1 || st.IdleClosed < 4 {
		t.Errorf("%+v", st)
	}
	late := dial(t, s)
	late.Write([]byte("<1>third\n"))
	p.Wait(3)
}

type limiter struct{ allow func(key string) bool }

func (l limiter) Allow(key string, _, _ int) bool                           { return l.allow(key) }
func (l limiter) Wait(ctx context.Context, key string, events, b int) error { return ctx.Err() }

func TestRate(t *testing.T) {
	n := 0
	s := mustListen(t, syslog.Options{Network: "udp", Rate: limiter{func(key string) bool {
		n++
		return key == "127.0.0.1" && n <= 3
	}}})
	p := ingesttest.Start(t, s)
	c := dial(t, s)
	for range 5 {
		c.Write([]byte("<1>x"))
	}
	for s.Stats().Datagrams < 5 {
		time.Sleep(time.Millisecond)
	}
	p.Wait(3)
	if st := s.Stats(); st.RateDropped != 2 || st.Messages != 3 {
		t.Errorf("%+v", st)
	}
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	for name, o := range map[string]syslog.Options{
		"no network":       {Address: "127.0.0.1:0"},
		"no host":          {Network: "udp", Address: ":514"},
		"no port":          {Network: "tcp", Address: "127.0.0.1"},
		"TLS over UDP":     {Network: "udp", Address: "127.0.0.1:0", TLS: &syslog.TLS{}},
		"TLS without key":  {Network: "tcp", Address: "127.0.0.1:0", TLS: &syslog.TLS{}},
		"negative message": {Network: "tcp", Address: "127.0.0.1:0", MaxMessage: -1},
		"connections":      {Network: "tcp", Address: "127.0.0.1:0", Limits: syslog.Limits{MaxConnections: -1}},
		"a folder":         {Network: "unix", Address: dir},
	} {
		if s, err := syslog.Listen(o); err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

// The socket file of a process that has ended is replaced, one that is served is not.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if s, err := syslog.Listen(syslog.Options{Network: "unix", Address: path}); err == nil {
		s.Close()
		t.Error("a socket that is served was taken away")
	}
	l.Close()
	mustListen(t, syslog.Options{Network: "unix", Address: path})
}

// A line without an end costs no memory, and its connection goes on behind it.
func TestEndlessLine(t *testing.T) {
	s := mustListen(t, syslog.Options{Network: "tcp"})
	p := ingesttest.Start(t, s)
	c := dial(t, s)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	junk := bytes.Repeat([]byte("x"), 1<<20)
	for range 128 {
		if _, err := c.Write(junk); err != nil {
			t.Fatal(err)
		}
	}
	c.Write([]byte("\n<1>next\n"))
	p.Wait(1)
	runtime.ReadMemStats(&after)
	if d := p.WaitDead(1)[0]; d.Category != errcat.Oversize || d.Length != 128<<20+1 {
		t.Errorf("%s of %d bytes", d.Category, d.Length)
	}
	if n := int64(after.TotalAlloc - before.TotalAlloc); n > 2<<20 {
		t.Errorf("128 MiB without a line end allocated %d bytes", n)
	}
}
