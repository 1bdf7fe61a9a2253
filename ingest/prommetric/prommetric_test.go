package prommetric_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/prommetric"
	"github.com/penstock-dev/penstock/parse"
)

type event struct{ name string }

func (e *event) PackName() string { return e.name }

func run(t testing.TB, input string) *ingest.Pipeline[event] {
	t.Helper()
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{ingest.FromReader("net", strings.NewReader(input))},
		Parser: parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
			out.Add().name = string(m.Raw)
			return nil
		}),
		Sink: batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil }),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return p
}

// What a real registry serves over HTTP is what the pipeline counts; the linter of the
// library has nothing to say, and names from the wire do no harm.
func TestCollector(t *testing.T) {
	p := run(t, "a\nb\n\xff\"x\n")
	c, err := prommetric.New(p, prommetric.Options{Labels: prometheus.Labels{"pipeline": "main"}})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(c); err != nil {
		t.Fatal(err)
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range problems {
		t.Errorf("%s: %s", x.Metric, x.Text)
	}
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	r, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`penstock_source_received_total{pipeline="main",source="net"} 3`,
		`penstock_source_ended_total{end="delivered",pipeline="main",source="net"} 3`,
		`penstock_parser_received_total{parser="a",pipeline="main"} 1`,
		`penstock_chunk_duration_seconds_count{pipeline="main",stage="total"} 1`,
		`penstock_sink_rows_written_total{pipeline="main",sink="sink0"} 3`,
	} {
		if !strings.Contains(string(body), want+"\n") {
			t.Errorf("%s is not in\n%s", want, body)
		}
	}
	// A second pipeline needs other labels.
	if err := registry.Register(c); err == nil {
		t.Error("registered twice")
	}
	other, err := prommetric.New(p, prommetric.Options{Labels: prometheus.Labels{"pipeline": "other"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := registry.Register(other); err != nil {
		t.Error(err)
	}
}

// However many names come from the wire, the series stay few.
func TestCardinality(t *testing.T) {
	var in strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&in, "pack %d\n", i)
	}
	c, err := prommetric.New(run(t, in.String()), prommetric.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := testutil.CollectAndCount(c); n > 1200 {
		t.Errorf("%d series", n)
	}
	if n := testutil.CollectAndCount(c, "penstock_parser_received_total"); n != 101 {
		t.Errorf("%d parsers, want 100 and the others", n)
	}
}

func TestWrongOptions(t *testing.T) {
	if _, err := prommetric.New(nil, prommetric.Options{}); err == nil {
		t.Error("no pipeline is no error")
	}
	p := run(t, "a\n")
	for _, name := range []string{"source", "__x", ""} {
		if _, err := prommetric.New(p, prommetric.Options{Labels: prometheus.Labels{name: "x"}}); err == nil {
			t.Errorf("the label %q is no error", name)
		}
	}
}

func ExampleNew() {
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{ingest.FromReader("net", strings.NewReader("a\nb\n"))},
		Parser:  parse.ParserFunc[event](func(_ *parse.Message, out *parse.Events[event]) error { out.Add(); return nil }),
		Sink:    batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil }),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := prommetric.New(p, prommetric.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	if err := p.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(testutil.CollectAndCount(c, "penstock_source_received_total"))
	// Output: 1
}
