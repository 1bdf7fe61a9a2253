package relp_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/relp"
	"github.com/penstock-dev/penstock/internal/peertest"
)

func mustListen(t testing.TB, o relp.Options) *relp.Source {
	t.Helper()
	o.Address = "127.0.0.1:0"
	s, err := relp.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// client is a small RELP client.
type client struct {
	conn net.Conn
	r    *bufio.Reader
	txn  int
}

func dial(t testing.TB, s *relp.Source) *client {
	t.Helper()
	c := &client{}
	t.Cleanup(func() {
		if c.conn != nil {
			c.conn.Close()
		}
	})
	if err := c.connect(s); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *client) connect(s *relp.Source) error {
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		return err
	}
	c.conn, c.r, c.txn = conn, bufio.NewReader(conn), 1
	c.conn.SetDeadline(time.Now().Add(ingesttest.Patience))
	offer := "relp_version=0\nrelp_software=test\ncommands=syslog"
	fmt.Fprintf(c.conn, "1 open %d %s\n", len(offer), offer)
	if _, text, err := c.answer(); err != nil || !strings.HasPrefix(text, "200 OK") || !strings.Contains(text, "commands=syslog") {
		return fmt.Errorf("answer to open: %q, %v", text, err)
	}
	return nil
}

// answer reads one frame.
func (c *client) answer() (txn int, data string, err error) {
	head, err := c.r.ReadString(' ')
	if err != nil {
		return 0, "", err
	}
	fmt.Sscan(head, &txn)
	if _, err := c.r.ReadString(' '); err != nil {
		return 0, "", err
	}
	n := 0
	for {
		b, err := c.r.ReadByte()
		switch {
		case err != nil:
			return 0, "", err
		case b == '\n':
			return txn, "", nil
		case b == ' ':
			buf := make([]byte, n+1)
			_, err := io.ReadFull(c.r, buf)
			return txn, string(buf[:n]), err
		}
		n = n*10 + int(b-'0')
	}
}

func (c *client) send(msgs []string) error {
	var b bytes.Buffer
	for _, m := range msgs {
		c.txn++
		fmt.Fprintf(&b, "%d syslog %d %s\n", c.txn, len(m), m)
	}
	if _, err := c.conn.Write(b.Bytes()); err != nil {
		return err
	}
	want := map[int]bool{}
	for i := range msgs {
		want[c.txn-i] = true
	}
	for len(want) > 0 {
		txn, text, err := c.answer()
		if err != nil {
			return err
		}
		if text != "200 OK" || !want[txn] {
			return fmt.Errorf("answer %q to %d", text, txn)
		}
		delete(want, txn)
	}
	return nil
}

func TestConformance(t *testing.T) {
	ingesttest.Source(t, ingesttest.Config{Acknowledges: true, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
		s := mustListen(t, relp.Options{Name: "relp-in"})
		var c client
		t.Cleanup(func() {
			if c.conn != nil {
				c.conn.Close()
			}
		})
		return s, func(ctx context.Context, msgs []string) error {
			if c.conn == nil {
				if err := c.connect(s); err != nil {
					return err
				}
			}
			err := c.send(msgs)
			if err != nil {
				c.conn.Close()
				c.conn = nil
			}
			return err
		}
	}})
}

// A breach of the protocol ends its connection and nothing else.
func TestFrames(t *testing.T) {
	for name, in := range map[string]string{
		"no number":        "x syslog 1 a\n",
		"ten digits":       "1234567890 syslog 1 a\n",
		"no command":       "2\n",
		"capitals":         "2 SYSLOG 1 a\n",
		"long command":     "2 " + strings.Repeat("a", 40) + " 1 a\n",
		"length of ten":    "2 syslog 9999999999 a\n",
		"length too small": "2 syslog 1 abc\n",
		"no data":          "2 syslog 5\n",
		"huge other":       "2 rsp 900000 x\n",
		"telnet":           "GET / HTTP/1.1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := mustListen(t, relp.Options{})
			p := ingesttest.Start(t, s)
			c := dial(t, s)
			if err := c.send([]string{"<1>good"}); err != nil {
				t.Fatal(err)
			}
			c.conn.Write([]byte(in))
			c.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if rest, err := io.ReadAll(c.r); err != nil && os.IsTimeout(err) {
				t.Errorf("the connection stays open, and says %q", rest)
			}
			if err := dial(t, s).send([]string{"<1>next"}); err != nil {
				t.Errorf("the next connection: %v", err)
			}
			if got := p.Wait(2); len(got) != 2 {
				t.Errorf("messages %v", got)
			}
			if s.Stats().Violations != 1 {
				t.Errorf("%+v", s.Stats())
			}
		})
	}
}

func TestOversize(t *testing.T) {
	s := mustListen(t, relp.Options{MaxMessage: 1000})
	p := ingesttest.Start(t, s)
	c := dial(t, s)
	if err := c.send([]string{"<1>a", "<2>" + strings.Repeat("x", 100_000), "<3>b\n"}); err != nil {
		t.Fatal(err)
	}
	got, d := p.Wait(2), p.WaitDead(1)[0]
	if got[0].Text != "<1>a" || got[1].Text != "<3>b" || d.Category != errcat.Oversize || d.Length != 100_003 || len(d.Raw) > 1000 {
		t.Errorf("%v and %s of %d bytes, %d kept", got, d.Category, d.Length, len(d.Raw))
	}
}

func TestClose(t *testing.T) {
	s := mustListen(t, relp.Options{})
	p := ingesttest.Start(t, s)
	c := dial(t, s)
	fmt.Fprintf(c.conn, "2 syslog 4 <1>a\n3 close 0\n")
	rest, err := io.ReadAll(c.r)
	if got := string(rest); err != nil || !strings.HasSuffix(got, "2 rsp 6 200 OK\n3 rsp 0\n0 serverclose 0\n") {
		t.Errorf("answers %q, %v", got, err)
	}
	p.Wait(1)
}

// What was read when the source is told to stop is still answered.
func TestStopAnswers(t *testing.T) {
	s := mustListen(t, relp.Options{})
	p := ingesttest.Start(t, s)
	c := dial(t, s)
	p.Block()
	answered := make(chan error, 1)
	go func() { answered <- c.send([]string{"<1>a"}) }()
	for s.Stats().Messages == 0 {
		time.Sleep(time.Millisecond)
	}
	p.Stop()
	if err := <-answered; err != nil {
		t.Errorf("a message that was delivered has no answer: %v", err)
	}
}

func TestRsyslog(t *testing.T) {
	ca := peertest.NewCA(t, "ca")
	cert, key := ca.Issue("server", time.Time{})
	clientCert, clientKey := ca.Issue("sender", time.Time{})
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("tls ", secure), func(t *testing.T) {
			o, action := relp.Options{}, ""
			if secure {
				o.TLS = &relp.TLS{CertFile: cert, KeyFile: key, ClientCAFile: ca.File}
				action = fmt.Sprintf(`tls="on" tls.caCert="%s" tls.myCert="%s" tls.myPrivKey="%s" tls.authmode="name" tls.permittedpeer="server"`,
					ca.File, clientCert, clientKey)
			}
			s := mustListen(t, o)
			p := ingesttest.Start(t, s)
			const n = 3000
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "event %d\n", i)
			}
			in := filepath.Join(t.TempDir(), "in.log")
			if err := os.WriteFile(in, []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			// The sink refuses everything at first: rsyslog has to send it again.
			p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "not yet"))
			_, port, _ := net.SplitHostPort(s.Addr().String())
			peertest.Rsyslog(t, fmt.Sprintf(`module(load="imfile") module(load="omrelp" tls.tlslib="openssl")
				input(type="imfile" file="%s" tag="app:" freshStartTail="off")
				action(type="omrelp" target="127.0.0.1" port="%s" template="RSYSLOG_SyslogProtocol23Format" action.resumeRetryCount="-1" action.resumeInterval="1" %s)`,
				in, port, action))
			deadline := time.Now().Add(ingesttest.Patience)
			for s.Stats().Refused == 0 {
				if time.Now().After(deadline) {
					t.Fatalf("rsyslog sends nothing: %+v", s.Stats())
				}
				time.Sleep(10 * time.Millisecond)
			}
			p.Fail(nil)
			seen := map[string]bool{}
			for len(seen) < n {
				for _, m := range p.Messages() {
					seen[m.Text[strings.Index(m.Text, "event "):]] = true
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d of %d events, %+v", len(seen), n, s.Stats())
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}
