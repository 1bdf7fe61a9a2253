package otlp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/otlp"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	inotlp "github.com/penstock-dev/penstock/ingest/otlp"
	"github.com/penstock-dev/penstock/internal/peertest"
	"github.com/penstock-dev/penstock/internal/protowire"
)

// bodies are the texts of the records of a request.
func bodies(t testing.TB, b []byte) (texts []string) {
	each := func(m protowire.Reader, number int, f func(protowire.Reader)) {
		for m.Next() {
			if m.Is(number, protowire.Bytes) {
				f(m.Message())
			}
		}
		if m.Err() != nil {
			t.Error(m.Err())
		}
	}
	each(protowire.NewReader(b), 1, func(rl protowire.Reader) {
		each(rl, 2, func(sl protowire.Reader) {
			each(sl, 2, func(record protowire.Reader) {
				each(record, 5, func(body protowire.Reader) {
					for body.Next() {
						if body.Is(1, protowire.Bytes) {
							texts = append(texts, string(body.Bytes()))
						}
					}
				})
			})
		})
	})
	return texts
}

func TestConformance(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{New: func(t testing.TB) *batchtest.Destination {
		srv := peertest.NewBulk(t, func(r *http.Request, body []byte, refuse func(string) bool) (int, string, []string) {
			if r.URL.Path != "/v1/logs" {
				return 404, "", nil
			}
			var taken []string
			for _, text := range bodies(t, body) {
				m := peertest.MessageOf([]byte(text))
				if refuse(m) {
					return 400, "", nil
				}
				taken = append(taken, m)
			}
			return 200, "", taken
		})
		s, err := otlp.New[batchtest.Event](otlp.Options{URLs: []string{srv.URL}, MaxRows: 60}, otlp.Resource{})
		if err != nil {
			t.Fatal(err)
		}
		return &batchtest.Destination{Sink: s, Close: s.Close, Received: srv.Received, Hang: srv.Hang, Down: srv.Down, Reject: srv.Reject}
	}})
}

// The source of package ingest/otlp as the peer: what the sink writes is read as it was
// meant.
func TestOwnSource(t *testing.T) {
	src, err := inotlp.Listen(inotlp.ServerOptions{Address: "127.0.0.1:0"}, inotlp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := ingesttest.Start(t, src)
	s, err := otlp.New[batchtest.Event](otlp.Options{URLs: []string{"http://" + src.Addr().String()}}, otlp.Resource{
		Attributes: map[string]string{"service.name": "x"}, Fields: map[string]string{"host": "host.name"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	line := `{"@timestamp":"2026-11-29T10:00:00.000000001Z","log":{"level":"warning"},"host":{"name":"fw1"}}` + "\n"
	if err := s.Write(context.Background(), &batch.Batch[batchtest.Event]{Lines: []byte(line), Ends: []int32{int32(len(line))}}); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(p.Wait(1)[0].Text), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "observedTimeUnixNano")
	text, _ := json.Marshal(got)
	want := `{"attributes":{"host":"fw1"},"body":"{\"@timestamp\":\"2026-11-29T10:00:00.000000001Z\",\"log\":{\"level\":\"warning\"},\"host\":{\"name\":\"fw1\"}}",` +
		`"resource":{"attributes":{"service.name":"x"}},"scope":{"name":"penstock"},"severityNumber":13,"severityText":"warning","timeUnixNano":"1795946400000000001"}`
	if string(text) != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
}

// A server that refuses some records, and does not say which, has all of them named.
func TestPartialSuccess(t *testing.T) {
	answers := []string{
		string(protowire.AppendBytes(nil, 1, protowire.AppendBytes(protowire.AppendVarint(nil, 1, 2), 2, "too old"))),
		"<html>", string(protowire.AppendBytes(nil, 1, protowire.AppendBytes(nil, 2, "a warning"))),
	}
	n := 0
	srv := peertest.NewBulk(t, func(*http.Request, []byte, func(string) bool) (int, string, []string) {
		n++
		return 200, answers[n-1], nil
	})
	s, err := otlp.New[batchtest.Event](otlp.Options{URLs: []string{srv.URL}, MinDelay: 1, MaxDelay: 2}, otlp.Resource{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := batch.Failures(s.Write(context.Background(), batchtest.Lines(0, 5)), 5)
	if len(f) != 5 || errcat.Of(f[0].Err) != errcat.SinkRejected || n != 1 {
		t.Errorf("%v after %d requests", f, n)
	}
	if err := s.Write(context.Background(), batchtest.Lines(0, 5)); err != nil || n != 3 {
		t.Errorf("%v after %d requests", err, n)
	}
}

func TestVictoriaLogs(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{Unordered: true, New: func(t testing.TB) *batchtest.Destination {
		base := peertest.VictoriaLogs(t)
		s, err := otlp.New[batchtest.Event](otlp.Options{URLs: []string{base + "/insert/opentelemetry"}, MaxRows: 100}, otlp.Resource{})
		if err != nil {
			t.Fatal(err)
		}
		return &batchtest.Destination{Sink: s, Close: s.Close, Received: func() (messages []string) {
			for _, row := range peertest.QueryVictoriaLogs(t, base, "*") {
				messages = append(messages, peertest.MessageOf([]byte(fmt.Sprint(row["_msg"]))))
			}
			return messages
		}}
	}})
}

var _ ingest.Source = (*inotlp.Source)(nil)
