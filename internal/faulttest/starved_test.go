package faulttest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/syslog"
)

// mostDescriptors is what the starved child may have open.
const mostDescriptors = 64

// childStarved serves syslog over TCP with few descriptors and writes what it gets to its
// standard output, after the address. At the end it says how often it could not accept, and
// how much memory it took.
func childStarved() error {
	few := syscall.Rlimit{Cur: mostDescriptors, Max: mostDescriptors}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		return err
	}
	src, err := syslog.Listen(syslog.Options{Network: "tcp", Address: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	fmt.Println(src.Addr())
	p, err := ingest.New(ingest.Config[rawLine]{
		Sources: []ingest.Source{src}, Parser: rawLineParser, Encoder: rawLineEncoder{}, Sink: batch.NewWriter[rawLine](os.Stdout),
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := p.Run(ctx); err != nil {
		return err
	}
	s := p.Stats()
	if err := s.Check(); err != nil || s.Delivered != s.Received {
		return fmt.Errorf("%w: %+v", err, s.Ledger)
	}
	fmt.Println("end", src.Stats().Connections.AcceptErrors, peakMemory())
	return nil
}

// A process with 64 descriptors, one processor and 64 MB gets 120 connections: those that
// it has are served, the others wait, and it does not spin.
func TestF49Descriptors(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the processor time of a child is read from /proc")
	}
	quiet(t)
	const connections, hold = 2 * mostDescriptors, 2 * time.Second
	o := NewOracle(49)
	p := startChild(t, "starved", "GOMAXPROCS=1", "GOMEMLIMIT=64MiB")
	address := p.line(t)
	ended := make(chan string, 1)
	go func() {
		last := ""
		in := bufio.NewScanner(p.out)
		for in.Scan() {
			if last = in.Text(); strings.HasPrefix(last, "{") {
				o.Receive([]byte(last))
			}
		}
		ended <- last
	}()
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	dial := func() net.Conn {
		c, err := net.DialTimeout("tcp", address, 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		return c
	}
	send := func(c net.Conn, n int) {
		for range n {
			r := o.Issue()
			if _, err := c.Write(append(r.Line, '\n')); err != nil {
				t.Error(err)
				return
			}
			o.Accept(r.ID)
		}
	}
	for range connections {
		send(dial(), 10) // those that are not accepted wait with it
	}
	// Some are served, and go on being so, while others cannot be accepted.
	var used, recovered time.Duration
	before := 0
	waitFor(t, 10*time.Second, "the first connections are served", func() bool { before = o.Report().Delivered; return before >= 10*mostDescriptors/2 })
	time.Sleep(200 * time.Millisecond)
	if before = o.Report().Delivered; before == 10*connections {
		t.Fatalf("all %d connections are served: the limit of %d descriptors is not in force", connections, mostDescriptors)
	}
	begun := processTime(t, p.cmd.Process.Pid)
	time.Sleep(hold)
	if used = processTime(t, p.cmd.Process.Pid) - begun; used > hold/10 {
		t.Errorf("%s of processor time in %s without descriptors", used, hold)
	}
	send(open[0], 500)
	waitFor(t, 10*time.Second, "a connection that is open is served", func() bool { return o.Report().Delivered == before+500 })

	// Descriptors come back.
	back := time.Now()
	for _, c := range open[:len(open)-1] {
		c.Close()
	}
	send(dial(), 10)
	waitFor(t, 30*time.Second, "everything has arrived", func() bool { return len(o.Report().Missing) == 0 })
	if recovered = time.Since(back); recovered > 5*time.Second {
		t.Errorf("recovered after %s", recovered)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	var refused, kib int64
	last := <-ended
	err := p.cmd.Wait()
	if _, scan := fmt.Sscanf(last, "end %d %d", &refused, &kib); err != nil || scan != nil || refused == 0 {
		t.Errorf("%v; the child ends with %q; %s", err, last, p.err.String())
	}
	rep := o.Check(t, Limits{})
	record(t, "F49", fmt.Sprintf("%d descriptors, memory limit 64 MB, one processor; %d connections of syslog over TCP", mostDescriptors, connections),
		"no exit; those that are open are served; accept loop CPU < 10 %; recovers ≤ 5 s; 0 lost", func() string {
			return fmt.Sprintf("accepting failed %d times; CPU %.1f %% of a core meanwhile; recovered after %s; peak memory %d MB; %s", refused, 100*used.Seconds()/hold.Seconds(), recovered.Round(time.Millisecond), kib>>10, rep)
		})
}

// waitFor waits for ok, at most for d.
func waitFor(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", d, what)
		}
	}
}

// processTime is the processor time that a process has used.
func processTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * time.Second / 100 // the kernel's USER_HZ
}
