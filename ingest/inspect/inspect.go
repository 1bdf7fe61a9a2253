// Package inspect serves what a running pipeline knows of itself over HTTP, with the
// standard library alone: counters as JSON, metrics in the Prometheus text format, and a
// live tap.
//
//	mux.Handle("/debug/penstock/stats", inspect.Stats(p))
//	mux.Handle("/metrics", inspect.Metrics(p, ingest.MetricOptions{}))
//	mux.Handle("/debug/penstock/tap", inspect.Tap(p, inspect.TapOptions{}))
//
// Nothing is registered by itself, and the handlers do not ask who calls: the host puts
// them behind an address and an authentication of its choice. A tap shows messages, if
// redacted ones, and belongs where only operators reach it.
package inspect

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/ingest"
)

// Source is what the handlers read: an ingest.Pipeline of any event type.
type Source interface {
	Stats() ingest.Stats
}

// Tapper is a pipeline that can be tapped: an ingest.Pipeline of any event type.
type Tapper interface {
	Tap(ctx context.Context, o ingest.TapOptions, show func(*ingest.Tapped) error) error
}

// Stats serves the snapshot of p as one JSON object of metrics, in the manner of package
// expvar: {"penstock_panics_total":0,"penstock_source_in_flight":{"net":0},…}. A metric
// with two labels has their values with a slash between them; of a histogram there are
// count, sum, p50, p90, p99 and max, in seconds.
func Stats(p Source) http.Handler {
	return get(func(w http.ResponseWriter, _ *http.Request) {
		s := p.Stats()
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		b := bufio.NewWriter(w)
		defer func() { _ = b.Flush() }() // a client that left needs no answer
		last, labelled := "", false
		end := func() {
			if labelled {
				b.WriteByte('}')
			}
		}
		b.WriteString("{")
		for m := range s.Metrics(ingest.MetricOptions{}) {
			if m.Name != last {
				end()
				if last != "" {
					b.WriteString(",\n")
				}
				fmt.Fprintf(b, "%q:", m.Name)
				if labelled = len(m.Labels) > 0; labelled {
					b.WriteByte('{')
				}
				last = m.Name
			} else {
				b.WriteByte(',')
			}
			if labelled {
				var values []string
				for _, l := range m.Labels {
					values = append(values, l.Value)
				}
				key, _ := json.Marshal(strings.Join(values, "/"))
				b.Write(key)
				b.WriteByte(':')
			}
			if h := m.Histogram; h != nil {
				fmt.Fprintf(b, `{"count":%d,"sum":%g,"p50":%g,"p90":%g,"p99":%g,"max":%g}`, h.Count, h.Sum.Seconds(),
					h.Quantile(0.5).Seconds(), h.Quantile(0.9).Seconds(), h.Quantile(0.99).Seconds(), h.Quantile(1).Seconds())
			} else {
				b.WriteString(strconv.FormatFloat(m.Value, 'g', -1, 64))
			}
		}
		end()
		b.WriteString("}\n")
	})
}

// Metrics serves the snapshot of p in the Prometheus text exposition format, version
// 0.0.4. Module ingest/prommetric joins it with the metrics of the rest of a program.
func Metrics(p Source, o ingest.MetricOptions) http.Handler {
	return get(func(w http.ResponseWriter, _ *http.Request) {
		s := p.Stats()
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		b := bufio.NewWriter(w)
		defer func() { _ = b.Flush() }() // a client that left needs no answer
		last := ""
		for m := range s.Metrics(o) {
			if m.Name != last {
				last = m.Name
				kind := map[ingest.MetricKind]string{ingest.Counter: "counter", ingest.Gauge: "gauge", ingest.Durations: "histogram"}[m.Kind]
				fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", m.Name, m.Help, m.Name, kind)
			}
			if h := m.Histogram; h != nil {
				h.Cumulative(func(bound float64, n int64) bool {
					sample(b, m.Name+"_bucket", m.Labels, strconv.FormatFloat(bound, 'g', -1, 64), float64(n))
					return true
				})
				sample(b, m.Name+"_bucket", m.Labels, "+Inf", float64(h.Count))
				sample(b, m.Name+"_sum", m.Labels, "", h.Sum.Seconds())
				sample(b, m.Name+"_count", m.Labels, "", float64(h.Count))
				continue
			}
			sample(b, m.Name, m.Labels, "", m.Value)
		}
	})
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// sample writes one line. Names of parsers may come from what was received, so label
// values are escaped, and made UTF-8.
func sample(b *bufio.Writer, name string, labels []ingest.Label, le string, v float64) {
	b.WriteString(name)
	sep := byte('{')
	label := func(name, value string) {
		b.WriteByte(sep)
		sep = ','
		b.WriteString(name)
		b.WriteString(`="`)
		b.WriteString(escapeLabel.Replace(strings.ToValidUTF8(value, "\uFFFD")))
		b.WriteByte('"')
	}
	for _, l := range labels {
		label(l.Name, l.Value)
	}
	if le != "" {
		label("le", le)
	}
	if sep == ',' {
		b.WriteByte('}')
	}
	b.WriteByte(' ')
	b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	b.WriteByte('\n')
}

// TapOptions bound what a caller of Tap may ask for. The zero value works.
type TapOptions struct {
	// Tap has what is not for the caller to choose: Redact and Explain. Its Rate is
	// the highest that a caller may ask for.
	Tap ingest.TapOptions
	// Time is how long one answer lasts at most. Default: 5 min.
	Time time.Duration
}

// tapLine is one line of Tap.
type tapLine struct {
	Source   string          `json:"source"`
	Pack     string          `json:"pack,omitempty"`
	Origin   string          `json:"origin,omitempty"`
	Peer     string          `json:"peer,omitempty"`
	Offset   int64           `json:"offset"`
	Received time.Time       `json:"received"`
	Raw      string          `json:"raw"`
	Base64   bool            `json:"raw_is_base64,omitempty"`
	Event    json.RawMessage `json:"event,omitempty"`
	Explain  string          `json:"explain,omitempty"`
	Error    string          `json:"error,omitempty"`
	Category string          `json:"category,omitempty"`
	Missed   int64           `json:"missed,omitempty"`
}

// Tap serves live messages and what became of them, one JSON object a line, until the
// caller goes away. The query may have source and pack, which select, rate, how many a
// second, and count, after how many it ends.
func Tap(p Tapper, o TapOptions) http.Handler {
	if o.Time <= 0 {
		o.Time = 5 * time.Minute
	}
	return get(func(w http.ResponseWriter, r *http.Request) {
		t := o.Tap
		q := r.URL.Query()
		t.Source, t.Pack = q.Get("source"), q.Get("pack")
		number := func(name string) (int, bool) {
			text := q.Get(name)
			if text == "" {
				return 0, true
			}
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				http.Error(w, name+" is not a positive number", http.StatusBadRequest)
				return 0, false
			}
			return n, true
		}
		rate, ok := number("rate")
		if !ok {
			return
		}
		count, ok := number("count")
		if !ok {
			return
		}
		if most := max(t.Rate, 10); rate > 0 {
			t.Rate = min(rate, most)
		}
		ctx, cancel := context.WithTimeout(r.Context(), o.Time)
		defer cancel()
		control := http.NewResponseController(w)
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		shown := 0
		started := false
		err := p.Tap(ctx, t, func(x *ingest.Tapped) error {
			started = true
			line, err := json.Marshal(lineOf(x))
			if err != nil {
				return err
			}
			// One that reads slowly is cut off instead of waited for.
			_ = control.SetWriteDeadline(time.Now().Add(10 * time.Second)) // not every server can
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
			if err := control.Flush(); err != nil {
				return err
			}
			if shown++; shown == count {
				return io.EOF
			}
			return nil
		})
		if err != nil && !started {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
}

func lineOf(x *ingest.Tapped) tapLine {
	l := tapLine{
		Source: x.Source, Pack: x.Pack, Offset: x.Offset, Received: x.Received, Raw: string(x.Raw),
		Explain: string(x.Explain), Error: x.Error, Missed: x.Missed,
	}
	if x.Category.Valid() {
		l.Category = x.Category.String()
	}
	if o := x.Origin; o != nil {
		l.Origin = o.Source
		if o.Peer.IsValid() {
			l.Peer = o.Peer.String()
		}
	}
	if !utf8.Valid(x.Raw) {
		l.Raw, l.Base64 = base64.StdEncoding.EncodeToString(x.Raw), true
	}
	switch {
	case x.Event == nil:
	case json.Valid(x.Event):
		l.Event = x.Event
	default: // the encoder makes another format, or it was cut
		l.Event, _ = json.Marshal(string(x.Event))
	}
	return l
}

// get refuses everything but GET and HEAD.
func get(serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		serve(w, r)
	})
}
