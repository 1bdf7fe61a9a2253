//go:build unix

// Command sources measures how fast sources take what is sent to them, beside programs and plain
// loops that take the same:
//
//	go run ./internal/bench/sources -o internal/bench/SOURCES.md
//
// Each receiver is a process of its own, so that its processor time is not that of the load.
// Wall-clock figures need a machine that does nothing else, and the report says what else it
// did: the load average before and after. Processor time is the steadier measure; of several
// rounds the least counts.
//
// Where others use the machine, nice alone does not help: Linux shares processors among sessions first
// (sched_autogroup_enabled). This gives the run what it needs, and figures of UDP that mean something:
//
//	setsid sh -c 'echo -20 >/proc/self/autogroup; exec go run ./internal/bench/sources'
//
// The references: wc -l and loops of read(2) for files; socat, a loop of Read, rsyslog and
// syslog-ng, where they are found (PATH, SYSLOG_NG), for syslog; a plain handler of net/http that
// reads each body and counts its lines for _bulk.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	var (
		out     = flag.String("o", "", "write the report to this `file`; default: standard output")
		rounds  = flag.Int("rounds", 3, "of each measurement; the best counts")
		only    = flag.String("only", "", "comma-separated `parts`: file, tcp, udp, bulk; default: all")
		scale   = flag.Float64("scale", 1, "amount of work, as a `factor`")
		quiet   = flag.Float64("quiet", 0, "wait up to -patience for a load average below this `number`; 0: do not wait")
		wait    = flag.Duration("patience", 10*time.Minute, "see -quiet")
		receive = flag.String("receive", "", "be a receiver of this kind (used by the program itself)")
		send    = flag.String("send", "", "be the sender of datagrams to this address (used by the program itself)")
		count   = flag.Int("count", 0, "see -send")
		rate    = flag.Int("rate", 0, "see -send")
	)
	flag.Parse()
	var err error
	switch {
	case *receive != "":
		err = beReceiver(*receive)
	case *send != "":
		err = sendDatagrams(*send, *count, *rate)
	default:
		if *quiet > 0 {
			waitQuiet(*quiet, *wait)
		}
		err = measure(*out, *only, *rounds, *scale)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sources:", err)
		os.Exit(1)
	}
}

// waitQuiet waits until the machine has little to do.
func waitQuiet(below float64, patience time.Duration) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Second) {
		var one float64
		if _, err := fmt.Sscan(load(), &one); err != nil || one < below {
			return
		}
	}
}

// load is the load average of the last minute, five and fifteen.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

func cpuModel() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimLeft(strings.TrimSpace(name), ": ")
		}
	}
	return runtime.GOARCH
}

var errSkip = errors.New("not found on this machine")

// part is one table of the report.
type part struct {
	name string
	run  func(w io.Writer, rounds int, scale float64) error
}

func measure(out, only string, rounds int, scale float64) error {
	before := load()
	var body bytes.Buffer
	for _, p := range []part{{"file", files}, {"tcp", streams}, {"udp", datagrams}, {"bulk", bulks}} {
		if only != "" && !strings.Contains(","+only+",", ","+p.name+",") {
			continue
		}
		fmt.Fprintln(os.Stderr, p.name, "…")
		if err := p.run(&body, max(rounds, 1), scale); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	var report bytes.Buffer
	fmt.Fprintf(&report, `<!-- Made by "go run ./internal/bench/sources -o internal/bench/SOURCES.md"; do not edit. -->

# How fast the sources are

Made on %s, %s, %d processors (%s), load average before %s, after %s.
Best of %d rounds. A load average above 1 before the run means that other programs took a part of
the processors: then the figures per second are too low, and those per processor second are the
ones to read.

`, time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.Version(), runtime.NumCPU(), cpuModel(), before, load(), max(rounds, 1))
	report.Write(body.Bytes())
	if out == "" {
		_, err := os.Stdout.Write(report.Bytes())
		return err
	}
	return os.WriteFile(out, report.Bytes(), 0o644)
}

// row is one line of a table.
type row struct {
	name string
	best result
	note string
}

// result is one measurement.
type result struct {
	amount  float64 // events or bytes
	elapsed time.Duration
	cpu     time.Duration // of the receiver
	lost    float64       // of amount
	err     error
}

// better keeps the best of several rounds: the least processor time and the least elapsed
// time, each for itself.
func (r *row) better(x result) {
	if x.err != nil {
		if r.best.amount == 0 {
			r.best.err = x.err
		}
		return
	}
	b := &r.best
	if b.amount == 0 {
		*b = x
		return
	}
	b.cpu, b.elapsed, b.lost = min(b.cpu, x.cpu), min(b.elapsed, x.elapsed), min(b.lost, x.lost)
}

func (r result) perSecond() float64 { return r.amount / r.elapsed.Seconds() }
func (r result) perCPU() float64    { return r.amount / r.cpu.Seconds() }

// table writes rows; unit divides amounts.
func table(w io.Writer, head, unitName string, unit float64, rows []*row) {
	fmt.Fprintf(w, "| %s | %s a second | %s a processor second | penstock ÷ this | |\n|---|---:|---:|---:|---|\n", head, unitName, unitName)
	first := rows[0].best
	for i, r := range rows {
		if r.best.amount == 0 {
			fmt.Fprintf(w, "| %s | – | – | – | %v |\n", r.name, r.best.err)
			continue
		}
		ratio := "1"
		if i > 0 {
			ratio = fmt.Sprintf("%.2f", first.perCPU()/r.best.perCPU())
		}
		fmt.Fprintf(w, "| %s | %.2f | %.2f | %s | %s |\n", r.name, r.best.perSecond()/unit, r.best.perCPU()/unit, ratio, r.note)
	}
	fmt.Fprintln(w)
}
