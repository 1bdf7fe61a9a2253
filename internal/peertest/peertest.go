// Package peertest starts the real programs that connectors are tested against, and
// makes the certificates for it. A test whose program is not on the machine is skipped
// with a message that says which Debian package has it; .ci/run installs them.
package peertest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Binary is the path of a program, or skips the test.
func Binary(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		for _, dir := range []string{"/usr/sbin", "/usr/lib/postgresql/15/bin"} {
			if p := filepath.Join(dir, name); exec.Command("test", "-x", p).Run() == nil {
				return p
			}
		}
		t.Skipf("no %s on this machine (%s)", name, pkg)
	}
	return path
}

// FreePort is a TCP and UDP port of the loopback address that was free a moment ago.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// WaitPort waits until somebody listens to a TCP port of the loopback address.
func WaitPort(t testing.TB, port int, within time.Duration) {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nobody listens to port %d after %s", port, within)
		}
	}
}

// Process is a program that runs until the test ends.
type Process struct {
	cmd  *exec.Cmd
	once sync.Once
	mu   sync.Mutex
	out  bytes.Buffer
}

// Write keeps what the program says.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out.Len() < 1<<20 {
		p.out.Write(b)
	}
	return len(b), nil
}

// Output is what the program has said so far.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Start starts a program; it is ended, and its output shown if the test has failed, when
// the test ends.
func Start(t testing.TB, path string, args ...string) *Process {
	t.Helper()
	return StartCmd(t, exec.Command(path, args...))
}

// StartCmd is Start of a command that has been prepared.
func StartCmd(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{cmd: cmd}
	cmd.Stdout, cmd.Stderr = p, p
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("output of %s: %s", filepath.Base(cmd.Path), p.Output())
		}
	})
	return p
}

// Stop ends the program: politely, and after two seconds not.
func (p *Process) Stop() {
	p.once.Do(func() {
		p.cmd.Process.Signal(syscall.SIGTERM)
		t := time.AfterFunc(2*time.Second, func() { p.cmd.Process.Kill() })
		defer t.Stop()
		p.cmd.Wait()
	})
}

// Run runs a program to its end and fails the test if it fails.
func Run(t testing.TB, path string, args ...string) string {
	t.Helper()
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", path, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Rsyslog starts rsyslogd with a configuration, in which DIR stands for a folder of its
// own.
func Rsyslog(t testing.TB, conf string) (p *Process, dir string) {
	t.Helper()
	bin := Binary(t, "rsyslogd", "Debian: rsyslog, rsyslog-relp, rsyslog-elasticsearch, rsyslog-openssl")
	dir = t.TempDir()
	file := filepath.Join(dir, "rsyslog.conf")
	conf = strings.ReplaceAll("global(workDirectory=\"DIR\" maxMessageSize=\"64k\")\n"+conf, "DIR", dir)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	Run(t, bin, "-N1", "-f", file)
	return Start(t, bin, "-n", "-iNONE", "-f", file), dir
}
