package syslog_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/internal/peertest"
)

func port(s *syslog.Source) string {
	a := s.Addr().String()
	return a[strings.LastIndexByte(a, ':')+1:]
}

// input writes a file of n lines for rsyslog's imfile.
func input(t testing.TB, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "event %d user=größe \"quoted\" [x]\n", i)
	}
	path := filepath.Join(t.TempDir(), "input.log")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func checkEvents(t *testing.T, got []ingesttest.Message, n int) {
	t.Helper()
	seen := map[int]bool{}
	for _, m := range got {
		_, text, ok := strings.Cut(m.Text, "event ")
		num, rest, _ := strings.Cut(text, " ")
		i, err := strconv.Atoi(num)
		if !ok || err != nil || !strings.HasPrefix(m.Text, "<") || strings.HasSuffix(m.Text, "\n") || !strings.HasSuffix(rest, `user=größe "quoted" [x]`) {
			t.Fatalf("unexpected message %q", m.Text)
		}
		if seen[i] {
			t.Errorf("event %d twice", i)
		}
		seen[i] = true
	}
	if len(seen) != n {
		t.Errorf("%d events of %d", len(seen), n)
	}
}

func TestRsyslog(t *testing.T) {
	ca := peertest.NewCA(t, "ca")
	cert, key := ca.Issue("server", time.Time{})
	clientCert, clientKey := ca.Issue("sender", time.Time{})
	for _, tc := range []struct {
		name, network, action string
		n                     int
	}{
		{"udp", "udp", `protocol="udp"`, 200},
		{"tcp lines", "tcp", `protocol="tcp" TCP_Framing="traditional"`, 5000},
		{"tcp octets", "tcp", `protocol="tcp" TCP_Framing="octet-counted"`, 5000},
		{"tls", "tcp", fmt.Sprintf(`protocol="tcp" TCP_Framing="octet-counted" StreamDriver="ossl" StreamDriverMode="1"
			StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="server"
			StreamDriver.CAFile="%s" StreamDriver.CertFile="%s" StreamDriver.KeyFile="%s"`, ca.File, clientCert, clientKey), 2000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := syslog.Options{Network: tc.network}
			if tc.name == "tls" {
				o.TLS = &syslog.TLS{CertFile: cert, KeyFile: key, ClientCAFile: ca.File}
			}
			s := mustListen(t, o)
			p := ingesttest.Start(t, s)
			peertest.Rsyslog(t, fmt.Sprintf(`module(load="imfile")
				input(type="imfile" file="%s" tag="app:" freshStartTail="off")
				action(type="omfwd" target="127.0.0.1" port="%s" template="RSYSLOG_SyslogProtocol23Format" %s)`, input(t, tc.n), port(s), tc.action))
			got := p.Wait(tc.n)
			checkEvents(t, got, tc.n)
			if tc.name == "tls" && !strings.Contains(got[0].Origin.Subject, "CN=sender") {
				t.Errorf("subject %q", got[0].Origin.Subject)
			}
		})
	}
}

func TestLogger(t *testing.T) {
	bin := peertest.Binary(t, "logger", "Debian: bsdutils")
	for _, tc := range []struct {
		name, network string
		args          []string
	}{
		{"udp", "udp", []string{"-d", "--rfc5424"}},
		{"tcp octets", "tcp", []string{"-T", "--octet-count", "--rfc5424", "--sd-id", "ex@32473", "--sd-param", `k="v"`}},
		{"tcp lines", "tcp", []string{"-T", "--rfc3164"}},
		{"unix stream", "unix", nil},
		{"unix datagram", "unixgram", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := syslog.Options{Network: tc.network}
			if strings.HasPrefix(tc.network, "unix") {
				o.Address = filepath.Join(t.TempDir(), "log")
				tc.args = []string{"--rfc3164", "-u", o.Address}
			}
			s := mustListen(t, o)
			p := ingesttest.Start(t, s)
			if o.Address == "" {
				tc.args = append(tc.args, "-n", "127.0.0.1", "-P", port(s))
			}
			peertest.Run(t, bin, append(tc.args, "-t", "app", "-p", "auth.notice", "failed login for größe")...)
			if got := p.Wait(1)[0].Text; !strings.HasPrefix(got, "<37>") || !strings.HasSuffix(got, "failed login for größe") {
				t.Errorf("message %q", got)
			}
		})
	}
}

func TestSyslogNG(t *testing.T) {
	bin := peertest.Binary(t, "syslog-ng", "Debian: syslog-ng-core, which removes rsyslog unless it is unpacked beside it")
	s := mustListen(t, syslog.Options{Network: "tcp"})
	p := ingesttest.Start(t, s)
	dir := t.TempDir()
	const n = 2000
	conf := fmt.Sprintf(`@version: 3.38
source s { file("%s" flags(no-parse) read-old-records(yes)); };
destination d { syslog("127.0.0.1" transport("tcp") port(%s)); };
log { source(s); destination(d); };
`, input(t, n), port(s))
	file := filepath.Join(dir, "syslog-ng.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	peertest.StartCmd(t, exec.Command(bin, "-F", "-f", file, "--persist-file="+dir+"/persist", "--pidfile="+dir+"/pid", "--control="+dir+"/ctl", "--no-caps"))
	checkEvents(t, p.Wait(n), n)
}
