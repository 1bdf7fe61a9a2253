package loki_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	gokit "github.com/go-kit/kit/log"
	client "github.com/grafana/loki-client-go/loki"
	"github.com/grafana/loki-client-go/pkg/backoff"
	"github.com/prometheus/common/model"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/loki"
)

// Grafana's client, which is that of Promtail, pushes as protobuf in Snappy and as JSON. It
// sends again what is not delivered.
func TestLokiClient(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		t.Run(fmt.Sprint("JSON ", asJSON), func(t *testing.T) {
			s, err := loki.Listen(loki.ServerOptions{Address: "127.0.0.1:0"}, loki.Options{})
			if err != nil {
				t.Fatal(err)
			}
			p := ingesttest.Start(t, s)
			cfg, err := client.NewDefaultConfig("http://" + s.Addr().String() + "/loki/api/v1/push")
			if err != nil {
				t.Fatal(err)
			}
			cfg.EncodeJson, cfg.BatchWait, cfg.TenantID = asJSON, 20*time.Millisecond, "tenant-1"
			cfg.BackoffConfig = backoff.BackoffConfig{MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond, MaxRetries: 1000}
			c, err := client.NewWithLogger(cfg, gokit.NewNopLogger())
			if err != nil {
				t.Fatal(err)
			}
			p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
			time.AfterFunc(200*time.Millisecond, func() { p.Fail(nil) })
			const n = 300
			begin := time.Unix(1764410400, 123456789)
			for i := range n {
				labels := model.LabelSet{"job": "test", "host": model.LabelValue(fmt.Sprint("fw", i%3))}
				if err := c.Handle(labels, begin.Add(time.Duration(i)), fmt.Sprintf("event %d größe \"q\"\t", i)); err != nil {
					t.Fatal(err)
				}
			}
			got := p.Wait(n)
			c.Stop()
			seen := map[string]bool{}
			for _, m := range got {
				var doc struct {
					Stream          struct{ Job, Host string }
					Timestamp, Line string
				}
				if err := json.Unmarshal([]byte(m.Text), &doc); err != nil {
					t.Fatalf("%s: %v", m.Text, err)
				}
				i := 0
				if _, err := fmt.Sscanf(doc.Line, "event %d größe \"q\"\t", &i); err != nil || doc.Timestamp != fmt.Sprint(begin.UnixNano()+int64(i)) ||
					doc.Stream.Job != "test" || doc.Stream.Host != fmt.Sprint("fw", i%3) {
					t.Fatalf("%s: %v", m.Text, err)
				}
				seen[doc.Line] = true
			}
			if len(seen) != n {
				t.Errorf("%d entries of %d", len(seen), n)
			}
			if st := s.Stats(); st.Failed == 0 || st.Bad > 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}
