//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/elastic"
	"github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/parse"
)

// A receiver writes its address as a line, and answers each line on its standard input by a
// tally. It ends with its standard input.
type tally struct {
	Events int64
	Drops  int64 // that the kernel counted
	CPU    time.Duration
}

// line is an event that is its own text.
type line struct{ text []byte }

func (*line) Append(dst []byte, e *line) ([]byte, error) { return append(dst, e.text...), nil }

// pipeline runs a source into a sink that counts: the whole way, without a parser.
func pipeline(src ingest.Source, events *atomic.Int64) error {
	p, err := ingest.New(ingest.Config[line]{
		Sources: []ingest.Source{src}, Encoder: &line{}, Workers: 1, ChunkSize: 64 << 10,
		Parser: parse.ParserFunc[line](func(m *parse.Message, out *parse.Events[line]) error {
			out.Add().text = m.Raw
			return nil
		}),
		Sink: batch.LinesFunc[line](func(_ context.Context, _ []byte, n int) error {
			events.Add(int64(n))
			return nil
		}),
	})
	if err != nil {
		return err
	}
	go func() { // ends with the process
		if err := p.Run(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}()
	return nil
}

func beReceiver(kind string) error {
	var events atomic.Int64
	drops := func() int64 { return 0 }
	var addr net.Addr
	switch kind {
	case "penstock-tcp", "penstock-udp":
		s, err := syslog.Listen(syslog.Options{Network: strings.TrimPrefix(kind, "penstock-"), Address: "127.0.0.1:0"})
		if err != nil {
			return err
		}
		addr, drops = s.Addr(), func() int64 { return s.Stats().KernelDrops }
		if err := pipeline(s, &events); err != nil {
			return err
		}
	case "penstock-bulk":
		s, err := elastic.Listen(elastic.ServerOptions{Address: "127.0.0.1:0"}, elastic.Options{})
		if err != nil {
			return err
		}
		addr = s.Addr()
		if err := pipeline(s, &events); err != nil {
			return err
		}
	case "loop-tcp":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addr = l.Addr()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					buf := make([]byte, 64<<10)
					for {
						n, err := c.Read(buf)
						events.Add(int64(bytes.Count(buf[:n], []byte{'\n'})))
						if err != nil {
							return
						}
					}
				}()
			}
		}()
	case "loop-udp":
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return err
		}
		c.SetReadBuffer(socketBuffer)
		if raw, err := c.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) {
				syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, 33 /* SO_RCVBUFFORCE of Linux */, socketBuffer)
			})
		}
		addr = c.LocalAddr()
		go func() {
			buf := make([]byte, 64<<10)
			for {
				if _, _, err := c.ReadFromUDPAddrPort(buf); err != nil {
					return
				}
				events.Add(1)
			}
		}()
	case "handler-bulk":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addr = l.Addr()
		go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			n := bytes.Count(text, []byte{'\n'}) / 2
			events.Add(int64(n))
			fmt.Fprintln(w, n)
		}))
	default:
		return fmt.Errorf("no receiver %q", kind)
	}
	fmt.Println(addr)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		b, err := json.Marshal(tally{events.Load(), drops(), used(syscall.RUSAGE_SELF)})
		if err != nil {
			return err
		}
		fmt.Println(string(b))
	}
	return nil
}

// receiver is one of these processes.
type receiver struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	addr string
}

// self is a command that runs this program, on one processor if cpu is not negative.
func self(cpu int, args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if cpu < 0 {
		return exec.Command(path, args...), nil
	}
	taskset, err := exec.LookPath("taskset")
	if err != nil {
		return nil, fmt.Errorf("taskset: %w", errSkip)
	}
	cmd := exec.Command(taskset, append([]string{"-c", strconv.Itoa(cpu), path}, args...)...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	return cmd, nil
}

func startReceiver(cpu int, kind string) (*receiver, error) {
	cmd, err := self(cpu, "-receive", kind)
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	r := &receiver{cmd: cmd}
	if r.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	r.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	text, err := r.out.ReadString('\n')
	r.addr = strings.TrimSpace(text)
	return r, err
}

func (r *receiver) tally() (t tally, err error) {
	if _, err := io.WriteString(r.in, "\n"); err != nil {
		return t, err
	}
	text, err := r.out.ReadBytes('\n')
	if err != nil {
		return t, err
	}
	return t, json.Unmarshal(text, &t)
}

// until waits until all events are received or dropped, or none has come for a while.
func (r *receiver) until(events, drops, n int64) (t tally, err error) {
	var last int64
	for since := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		if t, err = r.tally(); err != nil {
			return t, err
		}
		seen := t.Events - events + t.Drops - drops
		if seen >= n || time.Since(since) > 2*time.Second {
			return t, nil
		}
		if seen != last {
			last, since = seen, time.Now()
		}
	}
}

func (r *receiver) stop() {
	r.in.Close()
	r.cmd.Wait()
}

// program is a receiver of others: it writes one line into a file for each event that it
// takes.
type program struct {
	cmd *exec.Cmd
	out string // its file; empty: it does not tell
}

func (p *program) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		p.cmd.Process.Kill()
		<-done
	}
}

// cpu is what the process has used, by the system's count of a running one.
func (p *program) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, errors.New("no processor time")
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, nil // clock ticks of 1/100 s
}
