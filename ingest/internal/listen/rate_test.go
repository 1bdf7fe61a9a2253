package listen_test

import (
	"context"
	"io"
	nethttp "net/http"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/ingest/elastic"
	"github.com/penstock-dev/penstock/ingest/http"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/loki"
	"github.com/penstock-dev/penstock/ingest/otlp"
	"github.com/penstock-dev/penstock/ingest/splunk"
)

// one lets one request of a peer pass.
type one struct{ asked map[string]int }

func (o one) Allow(key string, events, _ int) bool {
	o.asked[key] += events
	return o.asked[key] <= 1
}

func (o one) Wait(context.Context, string, int, int) error { return nil }

// Every source over HTTP answers a peer that sends too much with 429 and the time to wait, before it
// takes anything.
func TestRateOverHTTP(t *testing.T) {
	type source interface {
		listener
		Stats() http.Stats
	}
	for name, c := range map[string]struct {
		path, contentType, body string
		listen                  func(http.ServerOptions) (source, error)
	}{
		"http": {"/", "text/plain", "a\n", func(o http.ServerOptions) (source, error) { return http.Listen(o, http.Options{}) }},
		"splunk": {"/services/collector/raw", "text/plain", "a\n", func(o http.ServerOptions) (source, error) {
			return splunk.Listen(o, splunk.Options{})
		}},
		"elastic": {"/_bulk", "application/x-ndjson", "{\"create\":{}}\n{\"a\":1}\n", func(o http.ServerOptions) (source, error) {
			return elastic.Listen(o, elastic.Options{})
		}},
		"otlp": {"/v1/logs", "application/json", `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}}]}]}]}`, func(o http.ServerOptions) (source, error) {
			return otlp.Listen(o, otlp.Options{})
		}},
		"loki": {"/loki/api/v1/push", "application/json", `{"streams":[{"stream":{"a":"b"},"values":[["1764410400000000000","a"]]}]}`, func(o http.ServerOptions) (source, error) {
			return loki.Listen(o, loki.Options{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			limit := one{map[string]int{}}
			s, err := c.listen(http.ServerOptions{Address: "127.0.0.1:0", Rate: limit})
			if err != nil {
				t.Fatal(err)
			}
			p := ingesttest.Start(t, s)
			for i, want := range []int{2, nethttp.StatusTooManyRequests} {
				req, err := nethttp.NewRequest("POST", "http://"+s.Addr().String()+c.path, strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", c.contentType)
				resp, err := (&nethttp.Transport{DisableKeepAlives: true}).RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				text, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				switch {
				case i == 0 && resp.StatusCode/100 != want, i == 1 && (resp.StatusCode != want || resp.Header.Get("Retry-After") == ""):
					t.Errorf("request %d: %d, %s", i, resp.StatusCode, text)
				}
			}
			p.Wait(1)
			if st := s.Stats(); st.Busy != 1 || st.Messages != 1 || limit.asked["127.0.0.1"] != 2 {
				t.Errorf("%+v, %v", st, limit.asked)
			}
		})
	}
}
