package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
)

// peerNotes say what the peers do. Their versions come from the build.
var peerNotes = []struct{ name, module, does string }{
	{"std", "", "regexp, encoding/json, encoding/xml into map[string]any, json.Marshal"},
	{"stanza", "github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza", "operators of the OpenTelemetry Collector in process"},
	{"go-syslog", "github.com/leodido/go-syslog/v4", "the syslog header and structured data, the rest as std"},
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

func kilo(v float64, ok bool) string { return figure(v/1000, ok, "%.0fk") }

// table builds the rows of both outputs.
func tables(rows []*row) (speed, work [][]string) {
	speed = [][]string{{"corpus", "penstock MB/s", "events/s", "std", "stanza", "go-syslog", "penstock ÷ best", "allocs/event", "peak RSS MB", "two workers"}}
	work = [][]string{{"corpus", "B/event in", "B/event out: penstock", "std", "stanza", "fields out: penstock", "std", "stanza", "allocs/event: std", "stanza", "peak RSS MB: std", "stanza", "penstock MB/s, lowest to highest", "with two workers"}}
	perEvent := func(of func(*sample) int64) func(*sample) float64 {
		return func(s *sample) float64 { return float64(of(s)) / float64(s.Events) }
	}
	in := perEvent(func(s *sample) int64 { return s.In })
	out := perEvent(func(s *sample) int64 { return s.Out })
	peak := func(s *sample) float64 { return float64(s.Peak) / 1e6 }
	fields := func(s *sample) float64 { return s.Fields }
	for _, r := range rows {
		of := func(peer string, f func(*sample) float64, format string) string {
			v, ok := r.median(peer, f)
			return figure(v, ok, format)
		}
		cells := []string{r.corpus.name, "**" + rateFigure(r.median("penstock", (*sample).rate)) + "**",
			kilo(r.median("penstock", func(s *sample) float64 { return float64(s.Events) / s.CPU.Seconds() }))}
		for _, p := range peers[1:] {
			cells = append(cells, rateFigure(r.median(p.name, (*sample).rate)))
		}
		mine, _ := r.median("penstock", (*sample).rate)
		_, best := r.best()
		scale, ok := r.scaling()
		speed = append(speed, append(cells, fmt.Sprintf("**%.1f×**", mine/best), of("penstock", (*sample).allocs, "%.3f"), of("penstock", peak, "%.0f"), figure(scale, ok, "%.2f×")))
		rates := r.values("penstock", (*sample).rate)
		low, high := rates[0], rates[0]
		for _, v := range rates {
			low, high = min(low, v), max(high, v)
		}
		work = append(work, []string{r.corpus.name, of("penstock", in, "%.0f"), of("penstock", out, "%.0f"), of("std", out, "%.0f"), of("stanza", out, "%.0f"),
			of("penstock", fields, "%.1f"), of("std", fields, "%.1f"), of("stanza", fields, "%.1f"), of("std", (*sample).allocs, "%.0f"), of("stanza", (*sample).allocs, "%.0f"),
			of("std", peak, "%.0f"), of("stanza", peak, "%.0f"), fmt.Sprintf("%.0f–%.0f", low, high), of(twoCores.name, (*sample).rate, "%.0f")})
	}
	return speed, work
}

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
		fmt.Fprintf(&b, "- %s%s: %s\n", p.name, version(p.module), p.does)
	}
	b.WriteString("\nThe work behind these figures (an array counts as one field):\n\n")
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
