package inspect_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/inspect"
	"github.com/penstock-dev/penstock/parse"
)

type event struct{ text []byte }

// PackName is the first word of the text: it comes from the wire.
func (e *event) PackName() string {
	name, _, _ := strings.Cut(string(e.text), " ")
	return name
}

func (e *event) append(dst []byte) []byte {
	line, _ := json.Marshal(map[string]string{"text": string(e.text)})
	return append(dst, line...)
}

type encoder struct{}

func (encoder) Append(dst []byte, e *event) ([]byte, error) { return e.append(dst), nil }

// start runs a pipeline that takes its lines from the writer.
func start(t *testing.T) (*ingest.Pipeline[event], *io.PipeWriter) {
	t.Helper()
	r, w := io.Pipe()
	p, err := ingest.New(ingest.Config[event]{
		Sources: []ingest.Source{ingest.FromReader("net", r)},
		Parser: parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
			out.Add().text = m.Raw
			return nil
		}),
		Encoder: encoder{}, Sink: batch.NewWriter[event](io.Discard),
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- p.Run(context.Background()) }()
	t.Cleanup(func() {
		w.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p, w
}

func body(t *testing.T, h http.Handler, target string) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	return w.Body.String()
}

func TestStats(t *testing.T) {
	p, w := start(t)
	io.WriteString(w, "a\"b\\\xff one\nplain two\n")
	for p.Stats().Delivered < 2 {
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(body(t, inspect.Stats(p), "/")), &got); err != nil {
		t.Fatal(err)
	}
	if n := got["penstock_source_ended_total"].(map[string]any)["net/delivered"]; n != 2.0 {
		t.Errorf("delivered %v", n)
	}
	if n := got["penstock_parser_received_total"].(map[string]any)["plain"]; n != 1.0 {
		t.Errorf("plain %v", n)
	}
	if n := got["penstock_chunk_duration_seconds"].(map[string]any)["total"].(map[string]any)["count"]; n != 1.0 && n != 2.0 {
		t.Errorf("chunks %v", n)
	}
	refused := httptest.NewRecorder()
	inspect.Stats(p).ServeHTTP(refused, httptest.NewRequest(http.MethodPost, "/", nil))
	if refused.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", refused.Code)
	}
}

// Every line of the text format is a comment or a sample, whatever the names are.
func TestMetrics(t *testing.T) {
	p, w := start(t)
	io.WriteString(w, "a\"b\\\xff one\nplain two\n")
	for p.Stats().Delivered < 2 {
	}
	text := body(t, inspect.Metrics(p, ingest.MetricOptions{}), "/metrics")
	for _, want := range []string{
		"# TYPE penstock_source_received_total counter\n", `penstock_source_received_total{source="net"} 2` + "\n",
		`penstock_parser_received_total{parser="a\"b\\` + "\uFFFD" + `"} 1` + "\n", `penstock_chunk_duration_seconds_bucket{stage="total",le="+Inf"} `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "penstock_") {
			t.Errorf("line %q", line)
		}
	}
}

func TestTap(t *testing.T) {
	p, w := start(t)
	server := httptest.NewServer(inspect.Tap(p, inspect.TapOptions{Tap: ingest.TapOptions{Rate: 1000}}))
	defer server.Close()
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
				io.WriteString(w, "login password=hunter2 \xff\nother\n")
			}
		}
	}()
	r, err := http.Get(server.URL + "?pack=login&count=2&rate=1000")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := 0
	for s := bufio.NewScanner(r.Body); s.Scan(); lines++ {
		var got struct {
			Source, Pack, Raw string
			Base64            bool `json:"raw_is_base64"`
			Event             struct{ Text string }
		}
		if err := json.Unmarshal(s.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v", s.Bytes(), err)
		}
		if got.Source != "net" || got.Pack != "login" || !got.Base64 || strings.Contains(s.Text(), "hunter2") ||
			!strings.Contains(got.Event.Text, "[redacted]") {
			t.Errorf("line %s", s.Bytes())
		}
	}
	if lines != 2 {
		t.Errorf("%d lines", lines)
	}
	close(stop)
	<-ended
	bad, err := http.Get(server.URL + "?rate=x")
	if err != nil || bad.StatusCode != http.StatusBadRequest {
		t.Errorf("%v %v", bad.StatusCode, err)
	}
	bad.Body.Close()
}

func ExampleStats() {
	var p inspect.Source = &ingest.Pipeline[parse.Record]{} // from ingest.New
	mux := http.NewServeMux()
	mux.Handle("GET /debug/penstock/stats", inspect.Stats(p))
	mux.Handle("GET /metrics", inspect.Metrics(p, ingest.MetricOptions{}))
	// Output:
}
