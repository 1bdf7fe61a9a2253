package splunk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/splunk"
)

const token = "12345678-1234-1234-1234-1234567890ab"

func mustListen(t testing.TB, so splunk.ServerOptions, o splunk.Options) *splunk.Source {
	t.Helper()
	so.Address, so.Tokens = "127.0.0.1:0", []string{token}
	s, err := splunk.Listen(so, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func call(ctx context.Context, s *splunk.Source, method, path, body string, header ...string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.Addr().String()+"/services/collector"+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Splunk "+token)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func mustCall(t *testing.T, s *splunk.Source, status int, want, method, path, body string, header ...string) {
	t.Helper()
	code, text, err := call(context.Background(), s, method, path, body, header...)
	if err != nil || code != status || text != want {
		t.Errorf("%s %s: %d %s (%v), want %d %s", method, path, code, text, err, status, want)
	}
}

func events(msgs []string) string {
	var b bytes.Buffer
	for _, m := range msgs {
		text, _ := json.Marshal(m)
		fmt.Fprintf(&b, "{\"time\":1764410400.5,\"host\":\"fw1\",\"event\":%s}", text)
	}
	return b.String()
}

func TestConformance(t *testing.T) {
	for _, acks := range []bool{false, true} {
		t.Run(fmt.Sprint("acks ", acks), func(t *testing.T) {
			ingesttest.Source(t, ingesttest.Config{Acknowledges: true, New: func(t testing.TB) (ingest.Source, ingesttest.Send) {
				s := mustListen(t, splunk.ServerOptions{Wait: 100 * time.Millisecond}, splunk.Options{EventOnly: true, Acks: acks})
				return s, func(ctx context.Context, msgs []string) error {
					code, text, err := call(ctx, s, "POST", "/event", events(msgs), "X-Splunk-Request-Channel", "c1")
					if err != nil || code != 200 {
						return fmt.Errorf("%d %s %w", code, text, err)
					}
					if !acks {
						return nil
					}
					var answer struct {
						AckID int64 `json:"ackId"`
					}
					if err := json.Unmarshal([]byte(text), &answer); err != nil {
						return err
					}
					for {
						_, text, err := call(ctx, s, "POST", "/ack?channel=c1", fmt.Sprintf(`{"acks":[%d]}`, answer.AckID))
						switch {
						case err != nil:
							return err
						case text == fmt.Sprintf("{\"acks\":{\"%d\":true}}\n", answer.AckID):
							return nil
						}
						time.Sleep(5 * time.Millisecond)
					}
				}
			}})
		})
	}
}

func TestEvents(t *testing.T) {
	const ok = `{"text":"Success","code":0}`
	s := mustListen(t, splunk.ServerOptions{}, splunk.Options{})
	p := ingesttest.Start(t, s)
	two := `{"event":"a","fields":{"x":"y"}} {"event":{"b":[1]},"sourcetype":"t"}`
	mustCall(t, s, 200, ok, "POST", "", two)
	mustCall(t, s, 200, ok, "POST", "/event/1.0", "[{\"event\":1}]")
	mustCall(t, s, 200, ok, "POST", "/raw?sourcetype=x", "line one\nline two\n")
	var got []string
	for _, m := range p.Wait(5) {
		got = append(got, m.Text)
	}
	if want := `{"event":"a","fields":{"x":"y"}}|{"event":{"b":[1]},"sourcetype":"t"}|{"event":1}|line one|line two`; strings.Join(got, "|") != want {
		t.Errorf("messages %q", got)
	}

	mustCall(t, s, 400, `{"text":"Invalid data format","code":6,"invalid-event-number":1}`, "POST", "", `{"event":"a"}{"event":`)
	mustCall(t, s, 400, `{"text":"Invalid data format","code":6,"invalid-event-number":0}`, "POST", "", `{"event":tru}`)
	mustCall(t, s, 400, `{"text":"Event field is required","code":12,"invalid-event-number":0}`, "POST", "", `{"host":"a"}`)
	mustCall(t, s, 400, `{"text":"Event field is required","code":12,"invalid-event-number":0}`, "POST", "", `{"event":null}`)
	mustCall(t, s, 400, `{"text":"Event field cannot be blank","code":13,"invalid-event-number":0}`, "POST", "", `{"event":" "}`)
	mustCall(t, s, 400, `{"text":"No data","code":5}`, "POST", "", ``)
	mustCall(t, s, 400, `{"text":"No data","code":5}`, "POST", "/raw", "\n")
	mustCall(t, s, 401, `{"text":"Token is required","code":2}`, "POST", "", two, "Authorization", "")
	mustCall(t, s, 401, `{"text":"Invalid authorization","code":3}`, "POST", "", two, "Authorization", "Wrong x")
	mustCall(t, s, 403, `{"text":"Invalid token","code":4}`, "POST", "", two, "Authorization", "Splunk x")
	mustCall(t, s, 400, `{"text":"ACK is disabled","code":14}`, "POST", "/ack?channel=c", `{"acks":[0]}`)
	mustCall(t, s, 200, `{"text":"HEC is healthy","code":17}`, "GET", "/health", "", "Authorization", "")
	mustCall(t, s, 404, `{"text":"The requested URL was not found","code":404}`, "POST", "/nowhere", two)
	if n := len(p.Messages()); n != 5 {
		t.Errorf("%d messages: something of a refused request was taken", n)
	}
	p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
	mustCall(t, s, 503, `{"text":"Server is busy","code":9}`, "POST", "", two)
}

func TestEventOnly(t *testing.T) {
	s := mustListen(t, splunk.ServerOptions{}, splunk.Options{EventOnly: true})
	p := ingesttest.Start(t, s)
	mustCall(t, s, 200, `{"text":"Success","code":0}`, "POST", "", `{"event":"<1>a \"b\" \u00fc\n"}{"event":{"c":[1, 2]}}{"event":7.50}{"event":true}{"event":[1]}`)
	got := p.Wait(5)
	for i, want := range []string{"<1>a \"b\" ü\n", `{"c":[1, 2]}`, "7.50", "true", "[1]"} {
		if got[i].Text != want {
			t.Errorf("message %d is %q, want %q", i, got[i].Text, want)
		}
	}
}

func TestAcks(t *testing.T) {
	s := mustListen(t, splunk.ServerOptions{}, splunk.Options{Acks: true, MaxAcks: 2, MaxChannels: 2})
	p := ingesttest.Start(t, s)
	mustCall(t, s, 400, `{"text":"Data channel is missing","code":10}`, "POST", "", `{"event":"a"}`)
	mustCall(t, s, 400, `{"text":"Invalid data channel","code":11}`, "POST", "?channel="+strings.Repeat("c", 200), `{"event":"a"}`)
	p.Block()
	mustCall(t, s, 200, `{"text":"Success","code":0,"ackId":0}`, "POST", "?channel=c1", `{"event":"a"}`)
	mustCall(t, s, 200, "{\"acks\":{\"0\":false,\"7\":false}}\n", "POST", "/ack?channel=c1", `{"acks":[0,7]}`)
	p.Release()
	p.Wait(1)
	mustCall(t, s, 200, `{"text":"Success","code":0,"ackId":1}`, "POST", "?channel=c1", `{"event":"b"}`)
	p.Wait(2)
	mustCall(t, s, 429, `{"text":"Server is busy","code":9}`, "POST", "?channel=c1", `{"event":"c"}`)
	time.Sleep(20 * time.Millisecond)
	mustCall(t, s, 200, "{\"acks\":{\"0\":true,\"1\":true}}\n", "POST", "/ack?channel=c1", `{"acks":[0,1]}`)
	mustCall(t, s, 200, "{\"acks\":{\"0\":false}}\n", "POST", "/ack?channel=c1", `{"acks":[0]}`) // told once
	mustCall(t, s, 200, "{\"acks\":{\"0\":false}}\n", "POST", "/ack?channel=other", `{"acks":[0]}`)
	// A channel of its own for each request does not grow the table.
	for i := range 5 {
		mustCall(t, s, 200, `{"text":"Success","code":0,"ackId":0}`, "POST", fmt.Sprint("?channel=new", i), `{"event":"d"}`)
	}
	p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
	mustCall(t, s, 200, `{"text":"Success","code":0,"ackId":1}`, "POST", "?channel=new4", `{"event":"e"}`)
	time.Sleep(50 * time.Millisecond)
	mustCall(t, s, 200, "{\"acks\":{\"1\":false}}\n", "POST", "/ack?channel=new4", `{"acks":[1]}`)
	mustCall(t, s, 400, `{"text":"Invalid data format","code":6}`, "POST", "/ack?channel=c1", `{"acks":"x"}`)
}
