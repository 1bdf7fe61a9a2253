package faulttest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch/spool"
)

// F1: a process that tails a rotating file into the disk queue is killed at random
// points. What a kill costs is bounded by the options of the process, B in all, which is 0.5 % of
// what is written between two kills on average: so both hold however long the machine lets the
// process stand at its worst moment.
func TestF1KillWhileTailing(t *testing.T) {
	kills, rows := Pick(20, 200), Pick(25, 125)
	seed := Seeds(t, 1)[0]
	rnd := Rand(seed)
	o := NewOracle(seed)
	var slowest worst
	var rep Report
	most := 0
	record(t, "F1", fmt.Sprintf("file renamed every 2 s, 5,000 records/s, into the disk queue, into a sink that fails 20 %% of its requests; SIGKILL at %d random points, restart at once; B = %d: at most %d not yet in the checkpoint, batches of %d", kills, rows, rows*2/5, rows-rows*2/5),
		fmt.Sprintf("0 lost; duplicates ≤ B (%d) per kill and ≤ 0.5 %% in all; 0 damaged payloads; every restart delivers within 2 s", rows),
		func() string {
			return fmt.Sprintf("%s; at most %d duplicates after a kill, %d on average, %.2f %% in all; slowest restart %s", rep, most, rep.Duplicates/kills, 100*float64(rep.Duplicates)/float64(max(rep.Issued, 1)), slowest.d.Round(time.Millisecond))
		})

	var mu sync.Mutex
	var arrived atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		mu.Lock()
		fail := rnd.IntN(5) == 0
		mu.Unlock()
		if err != nil || fail {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		o.ReceiveAll(body)
		arrived.Add(1)
	}))
	defer server.Close()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		generate(t, o, filepath.Join(dir, "in", "app.log"), stop)
	}()
	// until waits for as long as something arrives: how fast depends on the machine.
	until := func(reached func() bool) {
		for last, since := arrived.Load(), time.Now(); !reached() && time.Since(since) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
			if n := arrived.Load(); n != last {
				last, since = n, time.Now()
			}
		}
	}
	start := func() *process {
		before := arrived.Load()
		p := startChild(t, "tail", envDir+"="+dir, envSink+"="+server.URL, fmt.Sprintf("%s=%d", envRows, rows))
		began := time.Now()
		for arrived.Load() == before {
			if time.Since(began) > 10*time.Second {
				p.kill()
				t.Fatalf("delivers nothing: %s", p.err.String())
			}
			time.Sleep(time.Millisecond)
		}
		slowest.took(time.Since(began))
		return p
	}
	p := start()
	var perKill worst
	for range kills {
		mu.Lock()
		d := time.Duration(rnd.IntN(Pick(2000, 10_000))) * time.Millisecond
		mu.Unlock()
		time.Sleep(d)
		p.kill()
		before := o.Report().Duplicates
		p = start()
		// What comes again has come when something has that was written later.
		fresh := o.Issued() + 1
		until(func() bool { return o.Arrived(fresh) })
		perKill.count(o.Report().Duplicates - before)
	}
	// As many records as the load has in the time that there is on average.
	for o.Issued() < uint64(kills*Pick(5000, 25_000)) {
		time.Sleep(10 * time.Millisecond)
	}
	close(stop)
	<-stopped
	until(func() bool { return o.Arrived(o.Issued()) })
	// Ten fresh ones.
	f, err := os.OpenFile(filepath.Join(dir, "in", "app.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		r := o.Issue()
		f.Write(append(r.Line, '\n'))
		o.Accept(r.ID)
	}
	f.Close()
	for deadline := time.Now().Add(5 * time.Second); len(o.Report().Missing) > 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.cmd.Wait()
	rep = o.Check(t, Limits{MaxDuplicates: int(o.Issued()) / 200})
	if perKill.n > rows {
		t.Errorf("%d duplicates after one kill, at most %d", perKill.n, rows)
	}
	most = perKill.n
	if slowest.d > 2*time.Second {
		t.Errorf("a restart delivered after %s, at most 2 s", slowest.d)
	}
	r, err := spool.Inspect(filepath.Join(dir, "spool"), true)
	if err != nil || !r.OK() || r.Entries != 0 {
		t.Errorf("the queue at the end: %+v, %v", r, err)
	}
}

// generate writes records to a file that is renamed every 2 s, 20 kept.
func generate(t *testing.T, o *Oracle, path string, stop <-chan struct{}) {
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Error(err)
		}
		return f
	}
	f := open()
	defer func() { f.Close() }()
	rotated := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		for range 50 {
			r := o.Issue()
			if _, err := f.Write(append(r.Line, '\n')); err != nil {
				t.Error(err)
				return
			}
			o.Accept(r.ID) // the file holds it
		}
		if time.Since(rotated) > 2*time.Second {
			n++
			os.Rename(path, fmt.Sprintf("%s.%d", path, n))
			if n > 20 {
				os.Remove(fmt.Sprintf("%s.%d", path, n-20))
			}
			f.Close()
			f = open()
			rotated = time.Now()
		}
	}
}

// F13: a second process on the same folder.
func TestF13SecondProcess(t *testing.T) {
	var took time.Duration
	var message string
	record(t, "F13", "a second process opens the same state folder; the first is killed with SIGKILL", "second exits ≤ 1 s, non-zero, names the lock; first unaffected; the lock frees by itself",
		func() string {
			return fmt.Sprintf("exit 1 after %s: %q; opened again after the kill", took.Round(time.Millisecond), message)
		})
	dir := filepath.Join(t.TempDir(), "spool")
	first := startChild(t, "hold", envDir+"="+dir)
	if got := first.line(t); got != "open" {
		t.Fatal(got)
	}
	began := time.Now()
	second := startChild(t, "hold", envDir+"="+dir)
	io.Copy(io.Discard, second.out)
	err := second.cmd.Wait()
	took, message = time.Since(began), strings.TrimSpace(strings.ReplaceAll(second.err.String(), dir, "DIR"))
	if second.cmd.ProcessState.ExitCode() != 1 || took > time.Second+startUp || !strings.Contains(message, "lock") || !strings.Contains(message, fmt.Sprint(first.cmd.Process.Pid)) {
		t.Errorf("the second: %v after %s, says %q", err, took, message)
	}
	if first.cmd.Process.Signal(syscall.Signal(0)) != nil {
		t.Error("the first is gone")
	}
	first.kill()
	third := startChild(t, "hold", envDir+"="+dir)
	if got := third.line(t); got != "open" {
		t.Errorf("after the kill: %q", got)
	}
}

// startUp is what a busy machine may take to start a process at all.
const startUp = time.Second

// F14: a start on a large backlog.
func TestF14BigBacklog(t *testing.T) {
	size := int64(Pick(200<<20, 10<<30))
	var figures string
	record(t, "F14", fmt.Sprintf("start on a queue of %d MB", size>>20), "first delivery ≤ 2 s; RSS ≤ 256 MB throughout", func() string { return figures })
	dir := filepath.Join(t.TempDir(), "spool")
	w := startChild(t, "backlog", envDir+"="+dir, fmt.Sprintf("%s=%d", envSize, size))
	written := w.line(t)
	if err := w.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	r := startChild(t, "deliver", envDir+"="+dir)
	var first, rows, kib int64
	if _, err := fmt.Sscan(r.line(t), &first, &rows, &kib); err != nil {
		t.Fatal(err)
	}
	figures = fmt.Sprintf("first delivery after %d ms, all %d rows delivered, most memory %d MB", first, rows, kib>>10)
	if fmt.Sprint(rows) != written || first > 2000 || kib > 256<<10 {
		t.Errorf("%s written; %s", written, figures)
	}
}
