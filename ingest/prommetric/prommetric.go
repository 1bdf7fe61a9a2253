// Package prommetric gives the counters and histograms of a pipeline to a Prometheus
// registry of the host.
//
//	c, err := prommetric.New(p, prommetric.Options{})
//	registry.MustRegister(c)
//
// Each collection takes one snapshot, so that the figures of one scrape belong together.
// The number of series is bounded, see ingest.Stats.Metrics. Nothing is registered by
// itself. Without client_golang, package ingest/inspect serves the same metrics.
package prommetric

import (
	"errors"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/penstock-dev/penstock/ingest"
)

// Source is what is collected: an ingest.Pipeline of any event type.
type Source interface {
	Stats() ingest.Stats
}

// Options of a Collector. The zero value works.
type Options struct {
	ingest.MetricOptions
	// Labels are given to every series, such as the name of the pipeline where a
	// process has several: two collectors of one registry need different ones.
	Labels prometheus.Labels
}

// Collector is a prometheus.Collector. Safe for concurrent use.
type Collector struct {
	source Source
	opts   Options
}

// New returns a collector of p.
func New(p Source, o Options) (*Collector, error) {
	if p == nil {
		return nil, errors.New("prommetric: New without a pipeline")
	}
	for name := range o.Labels {
		if name == "" || strings.HasPrefix(name, "__") {
			return nil, fmt.Errorf("prommetric: a label may not have the name %q", name)
		}
		for m := range ingest.AllMetrics() {
			for _, l := range m.Labels {
				if l.Name == name {
					return nil, fmt.Errorf("prommetric: the label %q is used by %s", name, m.Name)
				}
			}
		}
	}
	return &Collector{source: p, opts: o}, nil
}

// Describe announces all metrics that there may be.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for m := range ingest.AllMetrics() {
		ch <- c.desc(&m)
	}
}

func (c *Collector) desc(m *ingest.Metric) *prometheus.Desc {
	names := make([]string, len(m.Labels))
	for i, l := range m.Labels {
		names[i] = l.Name
	}
	return prometheus.NewDesc(m.Name, m.Help, names, c.opts.Labels)
}

// Collect takes a snapshot.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	s := c.source.Stats()
	var desc *prometheus.Desc
	last := ""
	for m := range s.Metrics(c.opts.MetricOptions) {
		values := make([]string, len(m.Labels))
		for i, l := range m.Labels {
			values[i] = strings.ToValidUTF8(l.Value, "\uFFFD")
		}
		if m.Name != last {
			desc, last = c.desc(&m), m.Name
		}
		ch <- metricOf(desc, &m, values)
	}
}

func metricOf(desc *prometheus.Desc, m *ingest.Metric, values []string) prometheus.Metric {
	var out prometheus.Metric
	var err error
	switch h := m.Histogram; {
	case h != nil:
		buckets := map[float64]uint64{}
		h.Cumulative(func(bound float64, n int64) bool {
			buckets[bound] = uint64(n)
			return true
		})
		out, err = prometheus.NewConstHistogram(desc, uint64(h.Count), h.Sum.Seconds(), buckets, values...)
	case m.Kind == ingest.Gauge:
		out, err = prometheus.NewConstMetric(desc, prometheus.GaugeValue, m.Value, values...)
	default:
		out, err = prometheus.NewConstMetric(desc, prometheus.CounterValue, m.Value, values...)
	}
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	return out
}
