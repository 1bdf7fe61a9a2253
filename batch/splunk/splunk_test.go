package splunk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/splunk"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	insplunk "github.com/penstock-dev/penstock/ingest/splunk"
	"github.com/penstock-dev/penstock/internal/peertest"
)

type object struct {
	Time       json.Number
	Host       string
	SourceType string
	Event      json.RawMessage
}

func objects(t testing.TB, body []byte) (all []object) {
	d := json.NewDecoder(bytes.NewReader(body))
	for d.More() {
		var o object
		if err := d.Decode(&o); err != nil {
			t.Errorf("%v in %s", err, body)
			return nil
		}
		all = append(all, o)
	}
	return all
}

// collector answers as Splunk does: one refused event refuses the request.
func collector(t testing.TB) *peertest.Bulk {
	return peertest.NewBulk(t, func(r *http.Request, body []byte, refuse func(string) bool) (int, string, []string) {
		if r.URL.Path != "/services/collector/event" || r.Header.Get("Authorization") != "Splunk token-1" {
			return 403, `{"text":"Invalid token","code":4}`, nil
		}
		var taken []string
		for i, o := range objects(t, body) {
			m := peertest.MessageOf(o.Event)
			if refuse(m) {
				return 400, fmt.Sprintf(`{"text":"Invalid data format","code":6,"invalid-event-number":%d}`, i), nil
			}
			taken = append(taken, m)
		}
		return 200, `{"text":"Success","code":0}`, taken
	})
}

func TestConformance(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{New: func(t testing.TB) *batchtest.Destination {
		srv := collector(t)
		s, err := splunk.New[batchtest.Event](splunk.Options{URLs: []string{srv.URL}, MaxRows: 60, Auth: splunk.Auth{Secret: "token-1"}}, splunk.Event{})
		if err != nil {
			t.Fatal(err)
		}
		return &batchtest.Destination{Sink: s, Close: s.Close, Received: srv.Received, Hang: srv.Hang, Down: srv.Down, Reject: srv.Reject}
	}})
}

// The collector of package ingest/splunk, with acknowledgement, as the peer: what it
// does not deliver is sent again.
func TestAcks(t *testing.T) {
	src, err := insplunk.Listen(insplunk.ServerOptions{Address: "127.0.0.1:0", Tokens: []string{"token-1"}}, insplunk.Options{Acks: true})
	if err != nil {
		t.Fatal(err)
	}
	p := ingesttest.Start(t, src)
	s, err := splunk.New[batchtest.Event](splunk.Options{URLs: []string{"http://" + src.Addr().String()}, Auth: splunk.Auth{Secret: "token-1"}, MinDelay: 1, MaxDelay: 2},
		splunk.Event{Acks: true, AckEvery: 10 * time.Millisecond, AckTimeout: 200 * time.Millisecond, SourceType: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
	ended := make(chan error, 1)
	go func() { ended <- s.Write(context.Background(), batchtest.Lines(0, 30)) }()
	time.Sleep(300 * time.Millisecond)
	select {
	case err := <-ended:
		t.Fatalf("rows that were not delivered are done: %v", err)
	default:
	}
	p.Fail(nil)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, m := range p.Messages() {
		for _, o := range objects(t, []byte(m.Text)) {
			seen[batchtest.Number(peertest.MessageOf(o.Event))] = true
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d events have arrived", len(seen))
	}
	if st := s.Stats(); st.Retries == 0 {
		t.Errorf("%+v", st)
	}
}

func TestObjects(t *testing.T) {
	var got []object
	srv := peertest.NewBulk(t, func(_ *http.Request, body []byte, _ func(string) bool) (int, string, []string) {
		got = objects(t, body)
		return 200, `{"text":"Success","code":0}`, nil
	})
	s, err := splunk.New[batchtest.Event](splunk.Options{URLs: []string{srv.URL}}, splunk.Event{Host: "default", HostField: "host.name", SourceType: "st"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text := `{"@timestamp":"2026-11-29T10:00:00.5Z","host":{"name":"a\"b"}}` + "\n" + `{"@timestamp":"yesterday"}` + "\n" + `"},{"event":"forged` + "\n"
	b := &batch.Batch[batchtest.Event]{Lines: []byte(text)}
	for i, c := range b.Lines {
		if c == '\n' {
			b.Ends = append(b.Ends, int32(i+1))
		}
	}
	if err := s.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0].Time != "1795946400.500000000" || got[0].Host != `a"b` || got[1].Time != "" || got[1].Host != "default" || got[2].SourceType != "st" || string(got[2].Event) != `"\"},{\"event\":\"forged"` {
		t.Errorf("%+v", got)
	}
}

func TestAnswers(t *testing.T) {
	for name, answer := range map[string]string{"empty": "", "HTML": "<html>", "another code": `{"text":"x","code":9}`, "no code": "{}"} {
		n := 0
		srv := peertest.NewBulk(t, func(*http.Request, []byte, func(string) bool) (int, string, []string) {
			if n++; n == 1 {
				return 200, answer, nil
			}
			return 200, `{"text":"Success","code":0}`, nil
		})
		s, err := splunk.New[batchtest.Event](splunk.Options{URLs: []string{srv.URL}, MinDelay: 1, MaxDelay: 2}, splunk.Event{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(context.Background(), batchtest.Lines(0, 2)); err != nil || n != 2 {
			t.Errorf("%s: %v after %d requests", name, err, n)
		}
		s.Close()
	}
}
