package otelmetric_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/otelmetric"
	"github.com/penstock-dev/penstock/parse"
)

type event struct{ name string }

func (e *event) PackName() string { return e.name }

func newPipeline(t testing.TB, input string) *ingest.Pipeline[event] {
	t.Helper()
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{ingest.FromReader("net", strings.NewReader(input))},
		Parser: parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
			if string(m.Raw) == "bad" {
				return errcat.SchemaViolation
			}
			out.Add().name = string(m.Raw)
			return nil
		}),
		Sink: batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// collect returns the values that the SDK collects, by name and attributes.
func collect(t testing.TB, reader *sdk.ManualReader) map[string]float64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	add := func(name string, points []metricdata.DataPoint[float64]) {
		for _, p := range points {
			got[name+" "+p.Attributes.Encoded(attribute.DefaultEncoder())] = p.Value
		}
	}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[float64]:
				if !d.IsMonotonic {
					t.Errorf("%s is a sum that may shrink", m.Name)
				}
				add(m.Name, d.DataPoints)
			case metricdata.Gauge[float64]:
				add(m.Name, d.DataPoints)
			default:
				t.Errorf("%s is a %T", m.Name, d)
			}
			if m.Description == "" || m.Unit == "" {
				t.Errorf("%s has no description or unit", m.Name)
			}
		}
	}
	return got
}

// What the real SDK collects is what the pipeline counts.
func TestRegister(t *testing.T) {
	p := newPipeline(t, "a\nb\nbad\n\xff\n")
	reader := sdk.NewManualReader()
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	defer provider.Shutdown(context.Background())
	reg, err := otelmetric.Register(p, provider.Meter("test"), otelmetric.Options{Attributes: []attribute.KeyValue{attribute.String("pipeline", "main")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := collect(t, reader)
	for name, want := range map[string]float64{
		"penstock.source_received pipeline=main,source=net":             4,
		"penstock.source_ended end=delivered,pipeline=main,source=net":  3,
		"penstock.dead_letters category=SCHEMA_VIOLATION,pipeline=main": 1,
		"penstock.parser_received parser=a,pipeline=main":               1,
		"penstock.chunk_duration.count pipeline=main,stage=total":       1,
		"penstock.sink_rows_written pipeline=main,sink=sink0":           3,
		"penstock.source_running pipeline=main,source=net":              0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (%t), want %v", name, v, ok, want)
		}
	}
	if v := got["penstock.chunk_duration.quantile pipeline=main,quantile=0.99,stage=total"]; v <= 0 || v > 10 {
		t.Errorf("quantile %v", v)
	}
	if err := reg.Unregister(); err != nil {
		t.Error(err)
	}
	if got := collect(t, reader); len(got) != 0 {
		t.Errorf("%d values after the end", len(got))
	}
	if _, err := otelmetric.Register(nil, provider.Meter("x"), otelmetric.Options{}); err == nil {
		t.Error("no pipeline is no error")
	}
}

// However many names come from the wire, the values stay few.
func TestCardinality(t *testing.T) {
	var in strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&in, "pack %d\n", i)
	}
	p := newPipeline(t, in.String())
	reader := sdk.NewManualReader()
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))
	defer provider.Shutdown(context.Background())
	if _, err := otelmetric.Register(p, provider.Meter("test"), otelmetric.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, reader); len(got) > 1200 {
		t.Errorf("%d values", len(got))
	}
}

func ExampleRegister() {
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{ingest.FromReader("net", strings.NewReader("a\nb\n"))},
		Parser:  parse.ParserFunc[event](func(_ *parse.Message, out *parse.Events[event]) error { out.Add(); return nil }),
		Sink:    batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil }),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	provider := sdk.NewMeterProvider() // with the readers and exporters of the host
	defer provider.Shutdown(context.Background())
	reg, err := otelmetric.Register(p, provider.Meter("penstock"), otelmetric.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Unregister()
	fmt.Println(p.Run(context.Background()))
	// Output: <nil>
}
