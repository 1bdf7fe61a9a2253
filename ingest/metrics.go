package ingest

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// MetricKind says how a Metric is to be read.
type MetricKind uint8

const (
	Counter   MetricKind = iota // only grows
	Gauge                       // goes up and down
	Durations                   // a Histogram
)

// Metric is one value of a snapshot, under a name that monitoring systems take. Names are
// in the style of Prometheus, with base units: bytes and seconds.
type Metric struct {
	Name      string
	Help      string
	Kind      MetricKind
	Labels    []Label // the same names for all metrics of a name; nil for none
	Value     float64
	Histogram *Histogram // of Durations
}

// Label is a name and a value that tell metrics of the same name apart.
type Label struct{ Name, Value string }

// MetricOptions bound what Metrics makes of a snapshot.
type MetricOptions struct {
	// Parsers is how many parsers are told apart: those with most messages, under
	// their names, and all others as one, "other". Default: 100. Their number may
	// depend on what is received, see ParserStats.
	Parsers int
}

// OtherLabel is the label of what is not told apart.
const OtherLabel = "other"

// Metrics returns the snapshot as metrics, those of one name after each other. The number
// of metrics is bounded by the numbers of sources, sinks and classes of the
// configuration, the categories of errors, and the options.
func (s *Stats) Metrics(o MetricOptions) iter.Seq[Metric] {
	if o.Parsers <= 0 {
		o.Parsers = 100
	}
	return func(yield func(Metric) bool) {
		m := metrics{yield: yield}
		m.one("penstock_bytes_received_total", "Bytes of the messages received.", Counter, float64(s.Bytes))
		m.one("penstock_panics_total", "Panics that were contained.", Counter, float64(s.Panics))
		m.one("penstock_workers", "Workers that there are.", Gauge, float64(s.Workers))
		m.one("penstock_workers_idle", "Workers that wait for chunks.", Gauge, float64(s.Idle))
		m.one("penstock_workers_replaced_total", "Workers that were replaced because a component hung.", Counter, float64(s.Replaced))
		m.one("penstock_workers_left_behind", "Goroutines of replaced workers that have not returned.", Gauge, float64(s.LeftBehind))
		m.one("penstock_chunks_waiting", "Chunks that wait for a worker.", Gauge, float64(s.Waiting))
		m.one("penstock_pressure_ratio", "Part of the chunks in use.", Gauge, s.Pressure)

		m.ledgers("penstock_source", "source", len(s.Sources), func(i int) (string, *Ledger) { return s.Sources[i].Name, &s.Sources[i].Ledger })
		for _, g := range []struct {
			name, help string
			kind       MetricKind
			value      func(*SourceStats) float64
		}{
			{"penstock_source_bytes_total", "Bytes of the messages received.", Counter, func(x *SourceStats) float64 { return float64(x.Bytes) }},
			{"penstock_source_skipped_total", "Blank lines and the like that the framing left out.", Counter, func(x *SourceStats) float64 { return float64(x.Skipped) }},
			{"penstock_source_repaired_total", "Messages that were made UTF-8.", Counter, func(x *SourceStats) float64 { return float64(x.Repaired) }},
			{"penstock_source_missed_total", "Messages that were dropped before the pipeline had them, such as by a full socket buffer. They are shed.", Counter, func(x *SourceStats) float64 { return float64(x.Missed) }},
			{"penstock_source_running", "Whether the source runs.", Gauge, func(x *SourceStats) float64 { return number(x.Running) }},
			{"penstock_source_lag_seconds", "How long the oldest chunk that is not acknowledged has been on its way.", Gauge, func(x *SourceStats) float64 { return x.Lag.Seconds() }},
		} {
			for i := range s.Sources {
				x := &s.Sources[i]
				m.give(g.name, g.help, g.kind, []Label{{"source", x.Name}}, g.value(x))
			}
		}
		parsers := topParsers(s.Parsers, o.Parsers)
		m.ledgers("penstock_parser", "parser", len(parsers), func(i int) (string, *Ledger) { return parsers[i].Name, &parsers[i].Ledger })
		m.ledgers("penstock_class", "class", len(s.Classes), func(i int) (string, *Ledger) { return s.Classes[i].Name, &s.Classes[i].Ledger })
		for i := range s.Classes {
			c := &s.Classes[i]
			m.give("penstock_class_step", "Step that the class is in: 0 none, 1 delay, 2 skip optional, 3 unparsed, 4 sample, 5 shed.", Gauge, []Label{{"class", c.Name}}, float64(c.Step))
		}
		for i := range s.Classes {
			c := &s.Classes[i]
			m.give("penstock_class_sampled_total", "Messages and events that the step sample shed.", Counter, []Label{{"class", c.Name}}, float64(c.Sampled))
		}
		for i := range s.Classes {
			c := &s.Classes[i]
			m.times("penstock_class_duration_seconds", "Time of chunks from the source to the acknowledgement.", []Label{{"class", c.Name}}, &c.Total)
		}
		m.sinks(s.Sinks)
		for cat, n := range sorted(s.DeadLetters) {
			m.give("penstock_dead_letters_total", "Dead letters.", Counter, []Label{{"category", cat.String()}}, float64(n))
		}
		for kind, n := range sorted(s.Notices) {
			m.give("penstock_notices_total", "Notices.", Counter, []Label{{"kind", kind.String()}}, float64(n))
		}
		l := &s.Latencies
		for _, h := range []struct {
			stage string
			h     *Histogram
		}{{"wait", &l.Wait}, {"work", &l.Work}, {"total", &l.Total}} {
			m.times("penstock_chunk_duration_seconds", "Time of chunks: waiting for a worker, being worked on, from the source to the acknowledgement.", []Label{{"stage", h.stage}}, h.h)
		}
		for _, h := range []struct {
			stage string
			h     *Histogram
		}{{"parse", &l.Parse}, {"enrich", &l.Enrich}, {"validate", &l.Validate}, {"encode", &l.Encode}} {
			m.times("penstock_message_duration_seconds", "Time of one message of each chunk in a stage.", []Label{{"stage", h.stage}}, h.h)
		}
	}
}

// AllMetrics returns one metric of each name that there may be, without values, for
// those who have to announce them.
func AllMetrics() iter.Seq[Metric] {
	one := Stats{
		Sources: make([]SourceStats, 1), Parsers: make([]ParserStats, 1), Sinks: make([]SinkStats, 1), Classes: make([]ClassStats, 1),
		DeadLetters: map[errcat.Category]int64{errcat.None: 0}, Notices: map[NoticeKind]int64{0: 0},
	}
	return func(yield func(Metric) bool) {
		last := ""
		for m := range one.Metrics(MetricOptions{}) {
			if m.Name != last && !yield(m) {
				return
			}
			last = m.Name
		}
	}
}

type metrics struct {
	yield func(Metric) bool
	ended bool
}

func (m *metrics) add(x Metric) {
	if !m.ended && !m.yield(x) {
		m.ended = true
	}
}

func (m *metrics) one(name, help string, kind MetricKind, v float64) {
	m.add(Metric{Name: name, Help: help, Kind: kind, Value: v})
}

func (m *metrics) give(name, help string, kind MetricKind, labels []Label, v float64) {
	m.add(Metric{Name: name, Help: help, Kind: kind, Labels: labels, Value: v})
}

func (m *metrics) times(name, help string, labels []Label, h *Histogram) {
	m.add(Metric{Name: name, Help: help, Kind: Durations, Labels: labels, Histogram: h})
}

// ledgers gives the terms of n ledgers.
func (m *metrics) ledgers(prefix, label string, n int, at func(int) (string, *Ledger)) {
	for i := range n {
		name, l := at(i)
		m.give(prefix+"_received_total", "Messages received, and what they were split into beyond the first.", Counter, []Label{{label, name}}, float64(l.Received+l.Split))
	}
	for i := range n {
		name, l := at(i)
		for _, end := range []struct {
			end string
			n   int64
		}{
			{"delivered", l.Delivered}, {"filtered", l.Filtered}, {"shed", l.Shed}, {"dead_lettered", l.DeadLettered}, {"failed", l.Failed}, {"joined", l.Joined},
		} {
			m.give(prefix+"_ended_total", "How they ended.", Counter, []Label{{label, name}, {"end", end.end}}, float64(end.n))
		}
	}
	for i := range n {
		name, l := at(i)
		m.give(prefix+"_in_flight", "Received and not yet at an end.", Gauge, []Label{{label, name}}, float64(l.InFlight))
	}
}

func (m *metrics) sinks(sinks []SinkStats) {
	for _, g := range []struct {
		name, help string
		kind       MetricKind
		value      func(*SinkStats) float64
	}{
		{"penstock_sink_rows_offered_total", "Rows that were meant for the sink.", Counter, func(x *SinkStats) float64 { return float64(x.Offered) }},
		{"penstock_sink_rows_written_total", "Rows written.", Counter, func(x *SinkStats) float64 { return float64(x.Rows) }},
		{"penstock_sink_rows_failed_total", "Rows that were given up.", Counter, func(x *SinkStats) float64 { return float64(x.Failed) }},
		{"penstock_sink_rows_dropped_total", "Rows that found the queue full.", Counter, func(x *SinkStats) float64 { return float64(x.Dropped) }},
		{"penstock_sink_rows_in_flight", "Rows in the queue or being written.", Gauge, func(x *SinkStats) float64 { return float64(x.InFlight) }},
		{"penstock_sink_bytes_written_total", "Bytes of lines written.", Counter, func(x *SinkStats) float64 { return float64(x.Bytes) }},
		{"penstock_sink_retries_total", "Batches, or parts of batches, written again.", Counter, func(x *SinkStats) float64 { return float64(x.Retries) }},
		{"penstock_sink_queue_batches", "Batches in the queue.", Gauge, func(x *SinkStats) float64 { return float64(x.Queued) }},
		{"penstock_sink_queue_bytes", "Bytes that the queue holds.", Gauge, func(x *SinkStats) float64 { return float64(x.QueueBytes) }},
		{"penstock_sink_failing", "Whether the last batch failed or is retried.", Gauge, func(x *SinkStats) float64 { return number(x.LastError != nil) }},
	} {
		for i := range sinks {
			m.give(g.name, g.help, g.kind, []Label{{"sink", sinks[i].Name}}, g.value(&sinks[i]))
		}
	}
	for i := range sinks {
		m.times("penstock_sink_write_duration_seconds", "Time of one batch, retries included.", []Label{{"sink", sinks[i].Name}}, &sinks[i].Took)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// topParsers keeps the n parsers with most messages and adds up the others.
func topParsers(all []ParserStats, n int) []ParserStats {
	if len(all) <= n {
		return all
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b ParserStats) int {
		return cmp.Or(cmp.Compare(b.Received+b.Split, a.Received+a.Split), cmp.Compare(a.Name, b.Name))
	})
	other := ParserStats{Name: OtherLabel}
	for _, p := range all[n:] {
		other.add(p.Ledger)
	}
	return append(all[:n:n], other)
}

// sorted goes through a map in the order of its keys.
func sorted[K cmp.Ordered](m map[K]int64) iter.Seq2[K, int64] {
	return func(yield func(K, int64) bool) {
		keys := make([]K, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// Cumulative returns the counts of the buckets up to each bound in seconds, for systems
// that count so; only bounds between 1 µs and 1 h, every second one.
func (h *Histogram) Cumulative(yield func(bound float64, count int64) bool) {
	sum := int64(0)
	for i, n := range h.Counts {
		sum += n
		b := h.Bound(i)
		if i%2 == 0 || b < time.Microsecond || b > time.Hour {
			continue
		}
		if !yield(b.Seconds(), sum) {
			return
		}
	}
}
