package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// peerNotes say what the peers do. Their versions come from the build.
var peerNotes = []struct{ name, module, does string }{
	{"std", "", "regexp, encoding/json, encoding/xml into map[string]any, json.Marshal"},
	{"stanza", "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza", "operators of the OpenTelemetry Collector in process"},
	{"go-syslog", "github.com/leodido/go-syslog/v4", "the syslog header and structured data, the rest as std"},
	{"syslog-ng", "", "the program, where it is found (SYSLOG_NG or PATH): its parsers and format-json, without its start; no allocations are counted"},
}

func figure(v float64, ok bool, format string) string {
	if !ok {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

func rateFigure(v float64, ok bool) string {
	if v < 100 {
		return figure(v, ok, "%.1f")
	}
	return figure(v, ok, "%.0f")
}

func fewOrMany(v float64, ok bool) string {
	if v < 1 {
		return figure(v, ok, "%.3f")
	}
	return figure(v, ok, "%.0f")
}

// allocs are not known of a program.
func allocs(p peer, r *row) string {
	if p.program != nil {
		return "–"
	}
	return fewOrMany(r.median(p.name, (*sample).allocs))
}

func kilo(v float64, ok bool) string { return figure(v/1000, ok, "%.0fk") }

// tables makes the rows of both tables: the figures to quote, and the work behind them.
func tables(rows []*row) (speed, work [][]string) {
	head := []string{"corpus", "penstock MB/s", "events/s"}
	for _, p := range peers[1:] {
		head = append(head, p.name)
	}
	speed = [][]string{append(head, "penstock ÷ best", "allocs/event", "peak RSS MB", "fields/event (std)", "two workers")}
	work = [][]string{{"corpus", "by", "MB/s, lowest to highest", "B/event in", "B/event out", "fields/event out", "allocs/event", "peak RSS MB"}}
	perSecond := func(s *sample) float64 { return float64(s.Events) / s.CPU.Seconds() }
	in := func(s *sample) float64 { return float64(s.In) / float64(s.Events) }
	out := func(s *sample) float64 { return float64(s.Out) / float64(s.Events) }
	peak := func(s *sample) float64 { return float64(s.Peak) / 1e6 }
	fields := func(s *sample) float64 { return s.Fields }
	for _, r := range rows {
		mine := peers[0].name
		cells := []string{r.corpus.name, bold(rateFigure(r.median(mine, (*sample).rate))), kilo(r.median(mine, perSecond))}
		for _, p := range peers[1:] {
			cells = append(cells, rateFigure(r.median(p.name, (*sample).rate)))
		}
		ratio, some := r.ratio()
		scale, quiet := r.scaling()
		of := func(peer string, f func(*sample) float64, format string) string {
			v, ok := r.median(peer, f)
			return figure(v, ok, format)
		}
		speed = append(speed, append(cells, bold(figure(ratio, some, "%.1f×")), of(mine, (*sample).allocs, "%.3f"), of(mine, peak, "%.0f"), of(mine, fields, "%.0f")+" ("+of("std", fields, "%.0f")+")", figure(scale, quiet, "%.2f×")))
		for _, p := range append(peers[:len(peers):len(peers)], twoCores) {
			rates := r.values(p.name, (*sample).rate)
			if len(rates) == 0 {
				continue
			}
			work = append(work, []string{r.corpus.name, p.name, fmt.Sprintf("%.1f–%.1f", slices.Min(rates), slices.Max(rates)), of(p.name, in, "%.0f"), of(p.name, out, "%.0f"),
				of(p.name, fields, "%.1f"), allocs(p, r), of(p.name, peak, "%.0f")})
		}
	}
	return speed, work
}

func bold(s string) string { return "**" + s + "**" }

func report(w io.Writer, o options, rows []*row) error {
	speed, work := tables(rows)
	var b bytes.Buffer
	if !o.markdown {
		t := tabwriter.NewWriter(&b, 0, 4, 2, ' ', tabwriter.AlignRight)
		for _, table := range [][][]string{speed, work} {
			for _, cells := range table {
				fmt.Fprintln(t, strings.ReplaceAll(strings.Join(cells, "\t"), "**", "")+"\t")
			}
			t.Flush()
			fmt.Fprintln(&b)
		}
		_, err := w.Write(b.Bytes())
		return err
	}
	fmt.Fprintf(&b, "# Results\n\nWritten by `%s`; the package documentation says how to read it.\n\n", commandLine(o))
	fmt.Fprintf(&b, "%s, %s/%s, %s.\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, cpuModel())
	fmt.Fprintf(&b, "Input MB/s per CPU-second on one core, raw lines to ECS lines; median of %d interleaved runs.\n\n", o.runs)
	markdown(&b, speed)
	b.WriteString("\nThe peers:\n\n")
	for _, p := range peerNotes {
		fmt.Fprintf(&b, "- %s%s: %s.\n", p.name, version(p.module), p.does)
	}
	fmt.Fprintf(&b, "\nThe work behind these figures (an array counts as one field; %s is penstock with two workers on two\ncores):\n\n", twoCores.name)
	markdown(&b, work)
	_, err := w.Write(b.Bytes())
	return err
}

func markdown(b *bytes.Buffer, table [][]string) {
	for i, cells := range table {
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintf(b, "|---|%s\n", strings.Repeat("---:|", len(cells)-1))
		}
	}
}

func commandLine(o options) string {
	s := fmt.Sprintf("go run ./internal/bench -markdown -mb %d -runs %d -time %s", o.mb, o.runs, o.span)
	if o.only != "" {
		s += " -only " + o.only
	}
	if o.output != "" {
		s += " -o " + o.output
	}
	return s
}

// cpuModel is the processor's name where the system tells it.
func cpuModel() string {
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	if b, err := exec.Command("sysctl", "-n", "machdep.cpu.brand_string").Output(); err == nil {
		return strings.TrimSpace(string(b))
	}
	return "unknown processor"
}
