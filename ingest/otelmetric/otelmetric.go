// Package otelmetric gives the counters and latencies of a pipeline to an OpenTelemetry
// meter of the host. It needs the metric API only; the SDK and its exporters are the
// host's.
//
//	m, err := otelmetric.Register(p, meterProvider.Meter("penstock"), otelmetric.Options{})
//	defer m.Unregister()
//
// Counters and gauges are observable instruments: each collection takes one snapshot.
// Names are those of ingest.Stats.Metrics, with dots for the first underscore and the
// end _total left out, as OpenTelemetry writes them. The API has no observable histogram;
// so of each histogram there are three observable values: the count, the sum in seconds,
// and gauges of the quantiles 0.5, 0.9, 0.99 and 1 since the start.
package otelmetric

import (
	"context"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/penstock-dev/penstock/ingest"
)

// Source is what is observed: an ingest.Pipeline of any event type.
type Source interface {
	Stats() ingest.Stats
}

// Options of Register. The zero value works.
type Options struct {
	ingest.MetricOptions
	// Attributes are given to every value, such as the name of the pipeline.
	Attributes []attribute.KeyValue
}

// quantiles of a histogram that are given.
var quantiles = []struct {
	q    float64
	name string
}{{0.5, "0.5"}, {0.9, "0.9"}, {0.99, "0.99"}, {1, "1"}}

// Register makes the instruments and observes p until the registration is ended. One
// pipeline is registered once with a meter.
func Register(p Source, meter metric.Meter, o Options) (metric.Registration, error) {
	if p == nil || meter == nil {
		return nil, errors.New("otelmetric: Register without a pipeline or a meter")
	}
	r := registration{source: p, opts: o, counters: map[string]metric.Float64ObservableCounter{}, gauges: map[string]metric.Float64ObservableGauge{}}
	var all []metric.Observable
	for m := range ingest.AllMetrics() {
		made, err := r.instruments(meter, &m)
		if err != nil {
			return nil, err
		}
		all = append(all, made...)
	}
	return meter.RegisterCallback(r.observe, all...)
}

type registration struct {
	source   Source
	opts     Options
	counters map[string]metric.Float64ObservableCounter
	gauges   map[string]metric.Float64ObservableGauge
}

// nameOf is the name of an instrument.
func nameOf(m *ingest.Metric) string {
	name := strings.TrimSuffix(strings.TrimSuffix(m.Name, "_total"), "_seconds")
	return strings.Replace(name, "_", ".", 1)
}

func unitOf(m *ingest.Metric) string {
	switch {
	case strings.Contains(m.Name, "_seconds"):
		return "s"
	case strings.Contains(m.Name, "_bytes"):
		return "By"
	}
	return "1"
}

// instruments makes those of m that are not there yet.
func (r *registration) instruments(meter metric.Meter, m *ingest.Metric) ([]metric.Observable, error) {
	var made []metric.Observable
	var errs []error
	counter := func(name, unit string) {
		if r.counters[name] != nil {
			return
		}
		c, err := meter.Float64ObservableCounter(name, metric.WithDescription(m.Help), metric.WithUnit(unit))
		r.counters[name] = c
		made, errs = append(made, c), append(errs, err)
	}
	gauge := func(name, unit string) {
		if r.gauges[name] != nil {
			return
		}
		g, err := meter.Float64ObservableGauge(name, metric.WithDescription(m.Help), metric.WithUnit(unit))
		r.gauges[name] = g
		made, errs = append(made, g), append(errs, err)
	}
	switch name := nameOf(m); m.Kind {
	case ingest.Counter:
		counter(name, unitOf(m))
	case ingest.Gauge:
		gauge(name, unitOf(m))
	case ingest.Durations:
		counter(name+".count", "1")
		counter(name+".sum", "s")
		gauge(name+".quantile", "s")
	}
	return made, errors.Join(errs...)
}

// observe takes a snapshot. The SDK calls it for each collection.
func (r *registration) observe(_ context.Context, to metric.Observer) error {
	s := r.source.Stats()
	for m := range s.Metrics(r.opts.MetricOptions) {
		attrs := append([]attribute.KeyValue(nil), r.opts.Attributes...)
		for _, l := range m.Labels {
			attrs = append(attrs, attribute.String(l.Name, strings.ToValidUTF8(l.Value, "\uFFFD")))
		}
		with := metric.WithAttributes(attrs...)
		switch name := nameOf(&m); m.Kind {
		case ingest.Counter:
			to.ObserveFloat64(r.counters[name], m.Value, with)
		case ingest.Gauge:
			to.ObserveFloat64(r.gauges[name], m.Value, with)
		case ingest.Durations:
			h := m.Histogram
			to.ObserveFloat64(r.counters[name+".count"], float64(h.Count), with)
			to.ObserveFloat64(r.counters[name+".sum"], h.Sum.Seconds(), with)
			for _, q := range quantiles {
				to.ObserveFloat64(r.gauges[name+".quantile"], h.Quantile(q.q).Seconds(),
					metric.WithAttributes(append(attrs[:len(attrs):len(attrs)], attribute.String("quantile", q.name))...))
			}
		}
	}
	return nil
}
