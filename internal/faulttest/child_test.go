package faulttest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/file"
	"github.com/penstock-dev/penstock/parse"
)

// Child processes: this test binary starts itself. Tests of a kill need a process that
// can be killed.
const (
	envChild = "PENSTOCK_FAULT_CHILD" // what it does
	envDir   = "PENSTOCK_FAULT_DIR"   // where
	envSink  = "PENSTOCK_FAULT_SINK"  // URL that takes lines
	envSize  = "PENSTOCK_FAULT_SIZE"  // in bytes
	envRows  = "PENSTOCK_FAULT_ROWS"  // B
)

// child runs the part of a child process, if this is one.
func child() bool {
	run := map[string]func() error{
		"tail": childTail, "hold": childHold, "backlog": childBacklog, "deliver": childDeliver, "peers": childPeers, "collect": childCollect,
		"starved": childStarved,
	}[os.Getenv(envChild)]
	if run == nil {
		return false
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// process is a child.
type process struct {
	cmd *exec.Cmd
	out *bufio.Reader
	err bytes.Buffer
}

func startChild(t testing.TB, what string, env ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(exe)}
	p.cmd.Env = append(append(os.Environ(), envChild+"="+what), env...)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	p.cmd.Stderr = &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill() })
	return p
}

// kill is SIGKILL, and returns when the process is gone.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// line is the next line that the child writes.
func (p *process) line(t testing.TB) string {
	t.Helper()
	s, err := p.out.ReadString('\n')
	if err != nil {
		p.cmd.Wait()
		t.Fatalf("the child ended: %v; %s", err, p.err.String())
	}
	return strings.TrimSpace(s)
}

// childHold opens a spool and holds it.
func childHold() error {
	s, err := spool.NewSink[event](batch.LinesFunc[event](func(context.Context, []byte, int) error { return nil }), spool.Options{Dir: os.Getenv(envDir)})
	if err != nil {
		return err
	}
	fmt.Println("open")
	time.Sleep(time.Hour)
	return s.Close()
}

// tailLine is an event that is its own line.
type tailLine struct{ raw []byte }

type tailEncoder struct{}

func (tailEncoder) Append(dst []byte, e *tailLine) ([]byte, error) { return append(dst, e.raw...), nil }

// childTail follows the files of a folder into a spool, and that into a sink of HTTP. B is
// what a kill may cost: two fifths of it may stand behind the positions in the checkpoint, three
// fifths are a batch of the spool.
func childTail() error {
	dir := os.Getenv(envDir)
	rows, err := strconv.Atoi(os.Getenv(envRows))
	if err != nil {
		return err
	}
	window := rows * 2 / 5
	post := batch.LinesFunc[tailLine](func(ctx context.Context, lines []byte, n int) error {
		req, err := http.NewRequestWithContext(ctx, "POST", os.Getenv(envSink), bytes.NewReader(lines))
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		res.Body.Close()
		if res.StatusCode != 200 {
			return errcat.TransientNetwork
		}
		return nil
	})
	sink, err := spool.NewSink[tailLine](post, spool.Options{Dir: filepath.Join(dir, "spool"), BatchRows: rows - window, SegmentBytes: 1 << 20, MaxBytes: 1 << 30, Sync: spool.SyncInterval,
		Retry: batch.RetryOptions{MinDelay: 5 * time.Millisecond, MaxDelay: 50 * time.Millisecond}})
	if err != nil {
		return err
	}
	src, err := file.Follow(file.FollowOptions{
		Include: []string{filepath.Join(dir, "in", "app.log*")}, Checkpoint: filepath.Join(dir, "positions"),
		CheckpointEvery: time.Millisecond, MaxUncommitted: window, Poll: 10 * time.Millisecond, Scan: 50 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	p, err := ingest.New(ingest.Config[tailLine]{
		Sources: []ingest.Source{src}, Encoder: tailEncoder{}, Sink: sink, ChunkMessages: window,
		Parser: parse.ParserFunc[tailLine](func(m *parse.Message, out *parse.Events[tailLine]) error {
			out.Add().raw = m.Raw
			return nil
		}),
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println("open")
	err = p.Run(ctx)
	if cerr := sink.Close(); err == nil {
		err = cerr
	}
	return err
}

// backlogLine is what backlogs consist of.
func backlogLine() []byte { return append(bytes.Repeat([]byte("b"), 999), '\n') }

// childBacklog writes a backlog.
func childBacklog() error {
	size, err := strconv.ParseInt(os.Getenv(envSize), 10, 64)
	if err != nil {
		return err
	}
	down := batch.LinesFunc[event](func(context.Context, []byte, int) error { return errcat.TransientNetwork })
	s, err := spool.NewSink[event](down, spool.Options{Dir: os.Getenv(envDir), Sync: spool.SyncNever, MaxBytes: 2 * size})
	if err != nil {
		return err
	}
	var b batch.Batch[event]
	for range 1000 {
		b.Lines = append(b.Lines, backlogLine()...)
		b.Ends = append(b.Ends, int32(len(b.Lines)))
	}
	for s.Stats().Bytes < size {
		if err := s.Write(context.Background(), &b); err != nil {
			return err
		}
	}
	fmt.Println(s.Stats().Entries)
	return s.Close()
}

// childDeliver opens a backlog, and tells when the first row came, how many did, and
// the most memory that it took.
func childDeliver() error {
	began := time.Now()
	first := make(chan time.Duration, 1)
	rows := 0
	sink := batch.LinesFunc[event](func(_ context.Context, lines []byte, n int) error {
		if rows == 0 {
			first <- time.Since(began)
		}
		rows += n
		return nil
	})
	s, err := spool.NewSink[event](sink, spool.Options{Dir: os.Getenv(envDir), MaxBytes: 64 << 30})
	if err != nil {
		return err
	}
	d := <-first
	if err := s.Drain(context.Background()); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	fmt.Println(d.Milliseconds(), rows, peakMemory())
	return nil
}

// peakMemory is the most resident memory of the process in KiB.
func peakMemory() int64 {
	b, _ := os.ReadFile("/proc/self/status")
	for l := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(l, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return n
		}
	}
	return 0
}
