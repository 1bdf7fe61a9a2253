package syslog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/syslog"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	insyslog "github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/internal/peertest"
	"github.com/penstock-dev/penstock/parse/kernel/cef"
)

func mustNew(t testing.TB, o syslog.Options) *syslog.Sink[batchtest.Event] {
	t.Helper()
	if o.HostName == "" {
		o.HostName = "here"
	}
	s, err := syslog.New[batchtest.Event](o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// received are the messages of events out of syslog messages with JSON.
func received(t testing.TB, texts []string) (messages []string) {
	for _, text := range texts {
		head, doc, ok := strings.Cut(text, " - - - {")
		if !ok || !strings.HasPrefix(head, "<134>1 2026-11-29T10:") || !strings.HasSuffix(head, " fw1 penstock") {
			t.Errorf("message %.100q", text)
		}
		messages = append(messages, peertest.MessageOf([]byte("{"+doc)))
	}
	return messages
}

// The source of package ingest/syslog as the peer.
func TestConformance(t *testing.T) {
	for _, tc := range []struct{ network, framing string }{{"tcp", "octet"}, {"tcp", "lines"}, {"udp", ""}} {
		t.Run(tc.network+" "+tc.framing, func(t *testing.T) {
			batchtest.Sink(t, batchtest.Config{Lossy: tc.network == "udp", New: func(t testing.TB) *batchtest.Destination {
				src, err := insyslog.Listen(insyslog.Options{Network: tc.network, Address: "127.0.0.1:0"})
				if err != nil {
					t.Fatal(err)
				}
				p := ingesttest.Start(t, src)
				s := mustNew(t, syslog.Options{Network: tc.network, Address: src.Addr().String(), Framing: tc.framing})
				return &batchtest.Destination{Sink: s, Close: s.Close, Received: func() []string {
					var texts []string
					for _, m := range p.Messages() {
						texts = append(texts, m.Text)
					}
					return received(t, texts)
				}}
			}})
		})
	}
}

// A peer that has closed is noticed before the next batch, and connected to again; one
// that is not there is a failure that passes.
func TestReconnect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	s := mustNew(t, syslog.Options{Network: "tcp", Address: addr, Framing: "lines"})
	for i := range 3 {
		if err := s.Write(context.Background(), batchtest.Lines(i, 1)); err != nil {
			t.Fatal(err)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		n, err := c.Read(buf)
		if err != nil || !bytes.Contains(buf[:n], fmt.Appendf(nil, "event %d ", i)) {
			t.Errorf("batch %d: %q, %v", i, buf[:n], err)
		}
		c.Close()
		time.Sleep(50 * time.Millisecond)
	}
	l.Close()
	if err := s.Write(context.Background(), batchtest.Lines(3, 2)); err == nil || !errcat.Retryable(err) {
		t.Errorf("nobody listens: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Write(context.Background(), batchtest.Lines(0, 1)); err == nil {
		t.Error("a closed sink has taken a batch")
	}
}

// A peer that does not read holds the sink up until the timeout; the rows that went out
// whole are not reported.
func TestSlowPeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := mustNew(t, syslog.Options{Network: "tcp", Address: l.Addr().String(), Timeout: 200 * time.Millisecond, MaxMessage: 1 << 20})
	b := &batch.Batch[batchtest.Event]{}
	for range 40 {
		b.Lines = append(append(b.Lines, bytes.Repeat([]byte("x"), 500_000)...), '\n')
		b.Ends = append(b.Ends, int32(len(b.Lines)))
	}
	err = s.Write(context.Background(), b)
	f := batch.Failures(err, 40)
	if len(f) == 0 || len(f) == 40 || !errcat.Retryable(f[0].Err) || f[len(f)-1].Row != 39 {
		t.Errorf("%d rows failed: %v", len(f), err)
	}
}

func lines(ls ...string) *batch.Batch[batchtest.Event] {
	b := &batch.Batch[batchtest.Event]{}
	for _, l := range ls {
		b.Lines = append(append(b.Lines, l...), '\n')
		b.Ends = append(b.Ends, int32(len(b.Lines)))
	}
	return b
}

// send returns what a receiver gets of lines.
func send(t *testing.T, o syslog.Options, ls ...string) []string {
	t.Helper()
	src, err := insyslog.Listen(insyslog.Options{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	p := ingesttest.Start(t, src)
	o.Network, o.Address = "tcp", src.Addr().String()
	o.Now = func() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) }
	if err := mustNew(t, o).Write(context.Background(), lines(ls...)); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, m := range p.Wait(len(ls)) {
		texts = append(texts, m.Text)
	}
	if len(texts) != len(ls) {
		t.Errorf("%d lines became %d messages", len(ls), len(texts))
	}
	return texts
}

func TestHeader(t *testing.T) {
	got := send(t, syslog.Options{Message: "event.original", StructuredID: "ev@32473", Structured: map[string]string{"ip": "source.ip", "who": "user.name"}, Framing: "lines"},
		`{"@timestamp":"2026-11-29T10:00:00.123456789+01:00","log":{"level":"ERROR","syslog":{"facility":{"code":4}}},"host":{"hostname":"fw 1"},"event":{"original":"a b"},"source":{"ip":"10.0.0.1"}}`,
		`{"log":{"syslog":{"severity":{"code":0}}},"host.name":"größe","event.original":"two\nlines\u001b[31m\u2028x","user":{"name":"x\"] [forged k=\"v\\"}}`,
		`{"@timestamp":"x","log":{"level":7,"syslog":{"severity":{"code":99},"facility":{"code":-1}}}}`,
		"hello\x00\x1b\xff",
		`{"host":{"name":"`+strings.Repeat("h", 300)+`"}}`,
	)
	for i, want := range []string{
		`<35>1 2026-11-29T10:00:00.123456+01:00 fw?1 penstock - - [ev@32473 ip="10.0.0.1"] a b`,
		`<128>1 2026-11-29T12:00:00Z gr??e penstock - - [ev@32473 who="x\"\] [forged k=\"v\\"] two lines [31m x`,
		`<134>1 2026-11-29T12:00:00Z here penstock - - [ev@32473] {"@timestamp":"x","log":{"level":7,"syslog":{"severity":{"code":99},"facility":{"code":-1}}}}`,
		"<134>1 2026-11-29T12:00:00Z here penstock - - [ev@32473] hello  \ufffd",
		`<134>1 2026-11-29T12:00:00Z ` + strings.Repeat("h", 255) + ` penstock - - [ev@32473] {"host":{"name":"` + strings.Repeat("h", 300) + `"}}`,
	} {
		if got[i] != want {
			t.Errorf("message %d is\n%s\nwant\n%s", i, got[i], want)
		}
	}
}

func TestCEF(t *testing.T) {
	got := send(t, syslog.Options{Format: "cef"},
		`{"@timestamp":"2026-11-29T10:00:00Z","observer":{"vendor":"A|B\\","product":"C\nD"},"event":{"code":"100","action":"deny|x","severity":7},"source":{"ip":"10.0.0.1","port":5},"user":{"name":"x dst=1.2.3.4 suser=root"},"message":"line1\nline2 =\\ end"}`,
		`{}`)
	for i, want := range []string{
		`<134>1 2026-11-29T10:00:00Z here penstock - - - CEF:0|A\|B\\|C D|1|100|deny\|x|7|spt=5 src=10.0.0.1 suser=x dst\=1.2.3.4 suser\=root rt=1795946400000 msg=line1\nline2 \=\\ end`,
		`<134>1 2026-11-29T12:00:00Z here penstock - - - CEF:0|penstock|penstock|1|event|event|3|msg={}`,
	} {
		if got[i] != want {
			t.Errorf("message %d is\n%s\nwant\n%s", i, got[i], want)
		}
	}
}

// What penstock reads of its own CEF is what was put into it, whatever that is.
func TestCEFRoundTrip(t *testing.T) {
	for _, value := range []string{"x", "a=b", "x dst=1.2.3.4", `\`, `\=`, "a|b", "line\nfeed", "CEF:0|a|b|c|d|e|9|src=1.1.1.1", "ü = ü", `ends with \`} {
		doc, _ := json.Marshal(map[string]any{"user": map[string]string{"name": value}, "event": map[string]string{"action": value}})
		got := send(t, syslog.Options{Format: "cef", Message: "no.such"}, string(doc))[0]
		raw := []byte(got)
		var h cef.Header
		ext, err := cef.ParseHeader(raw[cef.Find(raw):], &h)
		if err != nil {
			t.Fatalf("%q: %v in %s", value, err, got)
		}
		pairs := map[string]string{}
		for it := cef.Iterate(ext); it.Next(); {
			if _, twice := pairs[string(it.Key())]; twice {
				t.Errorf("%q: the key %s twice in %s", value, it.Key(), got)
			}
			pairs[string(it.Key())] = string(cef.AppendValue(nil, it.Value()))
		}
		if pairs["suser"] != value || len(pairs) != 2 {
			t.Errorf("%q is read as %q out of %s", value, pairs, got)
		}
	}
}

func TestOversize(t *testing.T) {
	src, err := insyslog.Listen(insyslog.Options{Network: "udp", Address: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	p := ingesttest.Start(t, src)
	s := mustNew(t, syslog.Options{Network: "udp", Address: src.Addr().String(), MaxMessage: 480})
	f := batch.Failures(s.Write(context.Background(), lines("a", strings.Repeat("x", 500), "b")), 3)
	if len(f) != 1 || f[0].Row != 1 || errcat.Of(f[0].Err) != errcat.Oversize {
		t.Errorf("%v", f)
	}
	p.Wait(2)
}

func TestRsyslog(t *testing.T) {
	ca := peertest.NewCA(t, "ca")
	cert, key := ca.Issue("server", time.Time{})
	clientCert, clientKey := ca.Issue("sender", time.Time{})
	for _, tc := range []struct {
		name, network string
		tls           *syslog.TLS
	}{{"udp", "udp", nil}, {"tcp", "tcp", nil}, {"tls", "tcp", &syslog.TLS{CAFile: ca.File, CertFile: clientCert, KeyFile: clientKey, ServerName: "server"}}} {
		t.Run(tc.name, func(t *testing.T) {
			batchtest.Sink(t, batchtest.Config{Lossy: tc.network == "udp", New: func(t testing.TB) *batchtest.Destination {
				port := peertest.FreePort(t)
				input := fmt.Sprintf(`module(load="im%[1]s") input(type="im%[1]s" port="%[2]d" address="127.0.0.1" ruleset="keep")`, tc.network, port)
				if tc.tls != nil {
					input = fmt.Sprintf(`global(defaultNetstreamDriverCAFile="%s" defaultNetstreamDriverCertFile="%s" defaultNetstreamDriverKeyFile="%s")
						module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name" PermittedPeer="sender")
						input(type="imtcp" port="%d" address="127.0.0.1" ruleset="keep")`, ca.File, cert, key, port)
				}
				_, dir := peertest.Rsyslog(t, `template(name="j" type="list") { property(name="jsonmesg") constant(value="\n") }
					ruleset(name="keep") { action(type="omfile" file="DIR/out.json" template="j") }
					`+input)
				waitBound(t, tc.network, port)
				s := mustNew(t, syslog.Options{Network: tc.network, Address: fmt.Sprintf("127.0.0.1:%d", port), TLS: tc.tls})
				return &batchtest.Destination{Sink: s, Close: s.Close, Received: func() (messages []string) {
					text, err := os.ReadFile(filepath.Join(dir, "out.json"))
					if err != nil {
						return nil
					}
					for line := range strings.Lines(string(text)) {
						var m struct{ Msg, Hostname, Programname string }
						if json.Unmarshal([]byte(line), &m) != nil || m.Msg == "" {
							continue // a line that is being written, or the probe of waitBound
						}
						if m.Hostname != "fw1" || m.Programname != "penstock" {
							t.Errorf("rsyslog reads %+v", m)
						}
						messages = append(messages, peertest.MessageOf([]byte(m.Msg)))
					}
					return messages
				}}
			}})
		})
	}
}

// waitBound waits until rsyslog listens.
func waitBound(t testing.TB, network string, port int) {
	if network == "tcp" {
		peertest.WaitPort(t, port, 5*time.Second)
		return
	}
	for range 250 { // a datagram to a closed port is answered by an error
		c, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("\n"))
		c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, err = c.Read(make([]byte, 1))
		c.Close()
		if os.IsTimeout(err) {
			return
		}
		time.Sleep(40 * time.Millisecond)
	}
	t.Fatal("rsyslog does not listen")
}

func TestOptions(t *testing.T) {
	facility := 24
	for name, o := range map[string]syslog.Options{
		"network":    {Network: "sctp", Address: "x:1"},
		"address":    {Network: "udp"},
		"port":       {Network: "udp", Address: "x"},
		"TLS on UDP": {Network: "udp", Address: "x:1", TLS: &syslog.TLS{}},
		"framing":    {Network: "tcp", Address: "x:1", Framing: "nul"},
		"format":     {Network: "tcp", Address: "x:1", Format: "leef"},
		"facility":   {Network: "tcp", Address: "x:1", Facility: &facility},
		"SD-NAME":    {Network: "tcp", Address: "x:1", StructuredID: "a b", Structured: map[string]string{"a": "b"}},
		"half an SD": {Network: "tcp", Address: "x:1", StructuredID: "a@1"},
		"field":      {Network: "tcp", Address: "x:1", Message: "a..b"},
		"size":       {Network: "tcp", Address: "x:1", MaxMessage: 10},
	} {
		if s, err := syslog.New[batchtest.Event](o); err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
		}
	}
}
