//go:build unix

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// streamLoad writes n events, one a line, in large pieces.
func streamLoad(addr string, n int) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	const each = 400
	piece := []byte(strings.Repeat(event+"\n", each))
	size := len(piece) / each
	for n > 0 {
		k := min(n, each)
		if _, err := c.Write(piece[:k*size]); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// sendDatagrams sends n events, rate a second (0: as fast as it can), from one goroutine.
func sendDatagrams(addr string, n, rate int) error {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	msg := []byte(event)
	begin := time.Now()
	for i := range n {
		if rate > 0 && i%64 == 0 {
			// Behind by no more than a moment, so that a pause of this process is not a burst.
			due := begin.Add(time.Duration(float64(i) / float64(rate) * float64(time.Second)))
			for now := time.Now(); now.Before(due); now = time.Now() {
			}
			if late := time.Since(due); late > 5*time.Millisecond {
				begin = begin.Add(late)
			}
		}
		c.Write(msg)
	}
	fmt.Println(time.Since(begin).Seconds())
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// socketBuffer is the buffer of a UDP socket, for all of them: the default of ingest/syslog.
const socketBuffer = 32 << 20

// others are programs that take syslog: each returns the command, given a port, a folder and
// the file of its output.
var others = []struct {
	name  string
	start func(network string, port int, dir, out string) (*exec.Cmd, error)
	note  string
	tells bool
}{
	{"socat", func(network string, port int, _, _ string) (*exec.Cmd, error) {
		path, err := exec.LookPath("socat")
		if err != nil {
			return nil, errSkip
		}
		from := fmt.Sprintf("TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr", port)
		if network == "udp" {
			from = fmt.Sprintf("UDP-RECV:%d,bind=127.0.0.1,rcvbuf-late=%d", port, socketBuffer)
		}
		return exec.Command(path, "-u", "-b", "65536", from, "OPEN:/dev/null"), nil
	}, "copies bytes to /dev/null", false},
	{"rsyslog", func(network string, port int, dir, out string) (*exec.Cmd, error) {
		path, err := exec.LookPath("rsyslogd")
		if err != nil {
			return nil, errSkip
		}
		input := fmt.Sprintf("module(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"%d\")\n", port)
		if network == "udp" {
			input = fmt.Sprintf("module(load=\"imudp\" batchSize=\"128\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"%d\" rcvbufSize=\"%d\")\n", port, socketBuffer)
		}
		conf := filepath.Join(dir, "rsyslog.conf")
		text := fmt.Sprintf("global(workDirectory=%q)\nmain_queue(queue.size=\"1000000\" queue.discardMark=\"1000000\")\n%stemplate(name=\"x\" type=\"string\" string=\"x\\n\")\naction(type=\"omfile\" file=%q template=\"x\" asyncWriting=\"off\" ioBufferSize=\"64k\" flushOnTXEnd=\"on\")\n", dir, input, out)
		return exec.Command(path, "-n", "-iNONE", "-f", conf), os.WriteFile(conf, []byte(text), 0o600)
	}, "parses the header, writes 2 bytes an event", true},
	{"syslog-ng", func(network string, port int, dir, out string) (*exec.Cmd, error) {
		name := os.Getenv("SYSLOG_NG")
		if name == "" {
			name = "syslog-ng"
		}
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, errSkip
		}
		more := ""
		if network == "udp" {
			more = fmt.Sprintf(" so-rcvbuf(%d)", socketBuffer)
		}
		conf := filepath.Join(dir, "syslog-ng.conf")
		text := fmt.Sprintf("@version: 3.38\noptions { stats-freq(0); };\nsource s { network(ip(\"127.0.0.1\") port(%d) transport(%q) flags(syslog-protocol) log-iw-size(100000) log-fetch-limit(1000)%s); };\ndestination d { file(%q template(\"x\\n\") flush-lines(1000)); };\nlog { source(s); destination(d); flags(flow-control); };\n", port, network, more, out)
		return exec.Command(path, "-F", "-f", conf, "--persist-file="+filepath.Join(dir, "p"), "--pidfile="+filepath.Join(dir, "pid"), "--control="+filepath.Join(dir, "ctl"), "--no-caps"),
			os.WriteFile(conf, []byte(text), 0o600)
	}, "parses the header, writes 2 bytes an event", true},
}

// runProgram starts one of others and returns it with its address.
func runProgram(i int, network string, cpu int) (p *program, addr, dir string, err error) {
	if dir, err = os.MkdirTemp("", "sources"); err != nil {
		return nil, "", "", err
	}
	port, err := freePort()
	if err != nil {
		return nil, "", dir, err
	}
	out := filepath.Join(dir, "out")
	cmd, err := others[i].start(network, port, dir, out)
	if err != nil {
		return nil, "", dir, err
	}
	if cpu >= 0 {
		taskset, err := exec.LookPath("taskset")
		if err != nil {
			return nil, "", dir, errSkip
		}
		cmd.Args = append([]string{taskset, "-c", strconv.Itoa(cpu), cmd.Path}, cmd.Args[1:]...)
		cmd.Path = taskset
	}
	if err := cmd.Start(); err != nil {
		return nil, "", dir, err
	}
	p = &program{cmd: cmd}
	if others[i].tells {
		p.out = out
	}
	time.Sleep(time.Second) // it has no way to say that it listens; socat takes one connection only
	return p, fmt.Sprintf("127.0.0.1:%d", port), dir, nil
}

// written is how many events a program has written.
func (p *program) written() int64 {
	info, err := os.Stat(p.out)
	if err != nil {
		return 0
	}
	return info.Size() / 2
}

// programStream measures one of others once.
func programStream(i, n int) (x result) {
	p, addr, dir, err := runProgram(i, "tcp", -1)
	defer os.RemoveAll(dir)
	if err != nil {
		return result{err: err}
	}
	defer p.stop()
	before, _ := p.cpu()
	begin := time.Now()
	if err := streamLoad(addr, n); err != nil {
		return result{err: err}
	}
	if p.out != "" {
		for last, since := int64(0), time.Now(); p.written() < int64(n); time.Sleep(2 * time.Millisecond) {
			if now := p.written(); now != last {
				last, since = now, time.Now()
			}
			if time.Since(since) > 5*time.Second {
				return result{err: fmt.Errorf("%d of %d events", p.written(), n)}
			}
		}
	}
	elapsed := time.Since(begin)
	if p.out == "" { // it ends with its connection
		p.cmd.Wait()
		elapsed = time.Since(begin)
		s := p.cmd.ProcessState
		return result{amount: float64(n), elapsed: elapsed, cpu: s.UserTime() + s.SystemTime()}
	}
	after, err := p.cpu()
	return result{amount: float64(n), elapsed: elapsed, cpu: max(after-before, time.Millisecond), err: err}
}

func streams(w io.Writer, rounds int, scale float64) error {
	n := int(2_000_000 * scale)
	fmt.Fprintf(w, "## Syslog over TCP\n\n%d events of %d bytes, one a line, over one connection. penstock: to a sink of lines, the whole way.\n\n", n, len(event))
	rows := []*row{{name: "penstock", note: "cuts messages, keeps the ledger, writes lines to a sink"}, {name: "a loop of Read", note: "counts LF"}}
	for _, o := range others {
		rows = append(rows, &row{name: o.name, note: o.note})
	}
	for range rounds {
		for i, kind := range []string{"penstock-tcp", "loop-tcp"} {
			r, err := startReceiver(-1, kind)
			if err != nil {
				return err
			}
			before, err := r.tally()
			if err != nil {
				return err
			}
			begin := time.Now()
			if err := streamLoad(r.addr, n); err != nil {
				return err
			}
			after, err := r.until(before.Events, 0, int64(n))
			elapsed := time.Since(begin)
			r.stop()
			if err == nil && after.Events-before.Events != int64(n) {
				err = fmt.Errorf("%s: %d of %d events", kind, after.Events, n)
			}
			if err != nil {
				return err
			}
			rows[i].better(result{amount: float64(n), elapsed: elapsed, cpu: after.CPU - before.CPU})
		}
		for i := range others {
			rows[2+i].better(programStream(i, n))
		}
	}
	table(w, "TCP", "million events", 1e6, rows)
	return nil
}

// datagramRow is a line of the table of UDP.
type datagramRow struct {
	name           string
	received, lost float64 // of what was sent at the rate
	sent           float64 // a second, really
	cpu            time.Duration
	n              float64
	most           float64 // a second, of a flood
	err            error
}

// sendFrom runs the sender on its own processor, and returns how long it took.
func sendFrom(cpu int, addr string, n, rate int) (seconds float64, err error) {
	cmd, err := self(cpu, "-send", addr, "-count", strconv.Itoa(n), "-rate", strconv.Itoa(rate))
	if err != nil {
		return 0, err
	}
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

const (
	datagramRate = 300_000
	receiverCPU  = 0
	senderCPU    = 1
)

// datagramLoad measures a receiver of this program once.
func datagramLoad(kind string, n, rate int) (received, lost, elapsed float64, cpu time.Duration, err error) {
	r, err := startReceiver(receiverCPU, kind)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	defer r.stop()
	before, err := r.tally()
	if err != nil {
		return 0, 0, 0, 0, err
	}
	seconds, err := sendFrom(senderCPU, r.addr, n, rate)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	after, err := r.until(before.Events, before.Drops, int64(n))
	got := float64(after.Events - before.Events)
	return got, float64(n) - got, seconds, after.CPU - before.CPU, err
}

// programDatagrams measures one of others once.
func programDatagrams(i, n, rate int) (received, lost, elapsed float64, cpu time.Duration, err error) {
	p, addr, dir, err := runProgram(i, "udp", receiverCPU)
	defer os.RemoveAll(dir)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	defer p.stop()
	before, _ := p.cpu()
	seconds, err := sendFrom(senderCPU, addr, n, rate)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	for last, since := int64(-1), time.Now(); p.written() < int64(n) && time.Since(since) < 2*time.Second; time.Sleep(5 * time.Millisecond) {
		if now := p.written(); now != last {
			last, since = now, time.Now()
		}
	}
	after, err := p.cpu()
	got := float64(p.written())
	return got, float64(n) - got, seconds, after - before, err
}

func datagrams(w io.Writer, rounds int, scale float64) error {
	n := int(3 * datagramRate * scale)
	fmt.Fprintf(w, `## Syslog over UDP

%d events of %d bytes at %d a second, from one process on one processor to one on another (taskset; GOMAXPROCS=1),
with a socket buffer of %d MiB; then the same as fast as the sender can. The round with the fewest drops counts.

| UDP | sent a second | dropped | processor seconds a million | received a second of a flood | dropped of it | |
|---|---:|---:|---:|---:|---:|---|
`, n, len(event), datagramRate, socketBuffer>>20)
	type kind struct {
		name, note string
		run        func(n, rate int) (received, lost, elapsed float64, cpu time.Duration, err error)
	}
	kinds := []kind{
		{"penstock", "cuts messages, keeps the ledger, writes lines to a sink; recvmmsg", func(n, rate int) (float64, float64, float64, time.Duration, error) {
			return datagramLoad("penstock-udp", n, rate)
		}},
		{"a loop of ReadFromUDPAddrPort", "counts", func(n, rate int) (float64, float64, float64, time.Duration, error) {
			return datagramLoad("loop-udp", n, rate)
		}},
	}
	for i, o := range others {
		if o.tells {
			kinds = append(kinds, kind{o.name, o.note, func(n, rate int) (float64, float64, float64, time.Duration, error) {
				return programDatagrams(i, n, rate)
			}})
		}
	}
	for _, k := range kinds {
		best, flood := []float64(nil), []float64(nil)
		var cpu time.Duration
		var failed error
		for range rounds {
			got, lost, seconds, used, err := k.run(n, datagramRate)
			if err != nil {
				failed = err
				break
			}
			if best == nil || lost < best[1] {
				best = []float64{got, lost, float64(n) / seconds}
			}
			if cpu == 0 || used < cpu && lost == 0 {
				cpu = used
			}
			if got, lost, seconds, _, err = k.run(n, 0); err != nil {
				failed = err
				break
			}
			if flood == nil || got/seconds > flood[0] {
				flood = []float64{got / seconds, lost}
			}
		}
		if failed != nil || best[0] == 0 {
			fmt.Fprintf(w, "| %s | – | – | – | – | – | %v |\n", k.name, failed)
			continue
		}
		fmt.Fprintf(w, "| %s | %.0fk | %.2f %% | %.2f | %.0fk | %.1f %% | %s |\n", k.name, best[2]/1e3, 100*best[1]/float64(n), cpu.Seconds()/best[0]*1e6,
			flood[0]/1e3, 100*flood[1]/float64(n), k.note)
	}
	fmt.Fprintln(w)
	return nil
}
