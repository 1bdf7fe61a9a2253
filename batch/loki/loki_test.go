package loki_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/loki"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	inloki "github.com/penstock-dev/penstock/ingest/loki"
	"github.com/penstock-dev/penstock/internal/peertest"
)

type push struct {
	Streams []struct {
		Stream map[string]string
		Values [][2]string
	}
}

var labels = loki.Stream{Labels: map[string]string{"job": "test"}, Fields: map[string]string{"host": "host.name", "zone": "observer.ingress.zone"}}

func TestConformance(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{New: func(t testing.TB) *batchtest.Destination {
		srv := peertest.NewBulk(t, func(r *http.Request, body []byte, refuse func(string) bool) (int, string, []string) {
			var p push
			if err := json.Unmarshal(body, &p); err != nil || r.URL.Path != "/loki/api/v1/push" {
				t.Errorf("%v: %s %s", err, r.URL.Path, body)
			}
			var taken []string
			for _, s := range p.Streams {
				for _, v := range s.Values {
					m := peertest.MessageOf([]byte(v[1]))
					if refuse(m) {
						return 400, "entry too far behind", nil
					}
					taken = append(taken, m)
				}
			}
			return 204, "", taken
		})
		s, err := loki.New[batchtest.Event](loki.Options{URLs: []string{srv.URL}, MaxRows: 60}, labels)
		if err != nil {
			t.Fatal(err)
		}
		return &batchtest.Destination{Sink: s, Close: s.Close, Received: srv.Received, Hang: srv.Hang, Down: srv.Down, Reject: srv.Reject}
	}})
}

func lines(ls ...string) *batch.Batch[batchtest.Event] {
	b := &batch.Batch[batchtest.Event]{}
	for _, l := range ls {
		b.Lines = append(append(b.Lines, l...), '\n')
		b.Ends = append(b.Ends, int32(len(b.Lines)))
	}
	return b
}

func TestStreams(t *testing.T) {
	var got push
	srv := peertest.NewBulk(t, func(r *http.Request, body []byte, _ func(string) bool) (int, string, []string) {
		if r.Header.Get("X-Scope-OrgID") != "tenant" {
			t.Error("no tenant")
		}
		got = push{}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		return 204, "", nil
	})
	stream := labels
	stream.MaxStreams, stream.Tenant = 2, "tenant"
	stream.Now = func() time.Time { return time.Unix(7, 0) }
	s, err := loki.New[batchtest.Event](loki.Options{URLs: []string{srv.URL}}, stream)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Write(context.Background(), lines(
		`{"@timestamp":"2026-11-29T10:00:00.000000001Z","host":{"name":"a\"}"}}`, `{"host":{"name":"b"},"observer":{"ingress":{"zone":"z"}}}`,
		`{"@timestamp":"x","host":{"name":"a\"}"}}`, `{"host":{"name":"c"}}`, `hello`))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(got)
	want := `{"Streams":[{"Stream":{"host":"a\"}","job":"test"},"Values":[["1795946400000000001","{\"@timestamp\":\"2026-11-29T10:00:00.000000001Z\",\"host\":{\"name\":\"a\\\"}\"}}"],["7000000000","{\"@timestamp\":\"x\",\"host\":{\"name\":\"a\\\"}\"}}"]]},` +
		`{"Stream":{"host":"b","job":"test","zone":"z"},"Values":[["7000000000","{\"host\":{\"name\":\"b\"},\"observer\":{\"ingress\":{\"zone\":\"z\"}}}"]]},` +
		`{"Stream":{"host":"(other)","job":"test","zone":"(other)"},"Values":[["7000000000","{\"host\":{\"name\":\"c\"}}"]]},` +
		`{"Stream":{"job":"test"},"Values":[["7000000000","hello"]]}]}`
	if string(text) != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
}

// The source of package ingest/loki as the peer.
func TestOwnSource(t *testing.T) {
	src, err := inloki.Listen(inloki.ServerOptions{Address: "127.0.0.1:0"}, inloki.Options{LineOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	p := ingesttest.Start(t, src)
	s, err := loki.New[batchtest.Event](loki.Options{URLs: []string{"http://" + src.Addr().String()}}, labels)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Write(context.Background(), batchtest.Lines(0, 50)); err != nil {
		t.Fatal(err)
	}
	for i, m := range p.Wait(50) {
		if batchtest.Number(peertest.MessageOf([]byte(m.Text))) != i {
			t.Errorf("message %d is %s", i, m.Text)
		}
	}
}

func TestVictoriaLogs(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{Unordered: true, New: func(t testing.TB) *batchtest.Destination {
		base := peertest.VictoriaLogs(t)
		s, err := loki.New[batchtest.Event](loki.Options{URLs: []string{base + "/insert"}, MaxRows: 100}, labels)
		if err != nil {
			t.Fatal(err)
		}
		return &batchtest.Destination{Sink: s, Close: s.Close, Received: func() (messages []string) {
			for _, row := range peertest.QueryVictoriaLogs(t, base, "*") {
				if m, ok := row["message"]; ok { // the server has taken the line apart
					messages = append(messages, fmt.Sprint(m))
				} else {
					messages = append(messages, peertest.MessageOf([]byte(fmt.Sprint(row["_msg"]))))
				}
			}
			return messages
		}}
	}})
}

func TestOptions(t *testing.T) {
	for _, s := range []loki.Stream{{}, {Labels: map[string]string{"a-b": "c"}}, {Fields: map[string]string{"a": "b..c"}},
		{Labels: map[string]string{"a": "b"}, Fields: map[string]string{"a": "b"}}, {Labels: map[string]string{"a": "b"}, MaxStreams: -1}} {
		if sink, err := loki.New[batchtest.Event](loki.Options{URLs: []string{"http://x"}}, s); err == nil {
			sink.Close()
			t.Errorf("%+v is taken", s)
		} else if !strings.HasPrefix(err.Error(), "batch/loki: ") {
			t.Error(err)
		}
	}
}
