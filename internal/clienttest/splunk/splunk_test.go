package splunk_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/docker/docker/daemon/logger"
	driver "github.com/docker/docker/daemon/logger/splunk"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/splunk"
)

// Docker's driver asks whether the collector is there, sends batches of events, plain and
// compressed, and sends again what is not delivered.
func TestDockerDriver(t *testing.T) {
	t.Setenv("SPLUNK_LOGGING_DRIVER_POST_MESSAGES_FREQUENCY", "50ms")
	t.Setenv("SPLUNK_LOGGING_DRIVER_POST_MESSAGES_BATCH_SIZE", "40")
	for _, format := range []string{"inline", "json", "raw"} {
		for _, gzip := range []string{"false", "true"} {
			t.Run(format+" gzip "+gzip, func(t *testing.T) {
				s, err := splunk.Listen(splunk.ServerOptions{Address: "127.0.0.1:0", Tokens: []string{"secret-1"}}, splunk.Options{})
				if err != nil {
					t.Fatal(err)
				}
				p := ingesttest.Start(t, s)
				l, err := driver.New(logger.Info{ // which asks whether there is a collector
					ContainerID: "0123456789abcdef", ContainerName: "/app", ContainerImageName: "image", DaemonName: "docker",
					Config: map[string]string{
						"splunk-url": "http://" + s.Addr().String(), "splunk-token": "secret-1", "splunk-format": format, "splunk-gzip": gzip,
						"splunk-source": "container", "splunk-sourcetype": "test", "splunk-index": "main",
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
				time.AfterFunc(200*time.Millisecond, func() { p.Fail(nil) })
				const n = 200
				for i := range n {
					m := logger.NewMessage()
					m.Line = append(m.Line, fmt.Sprintf(`{"event":%d,"text":"größe \"q\""}`, i)...)
					m.Source, m.Timestamp = "stdout", time.Unix(1764410400, int64(i)*1e6)
					if err := l.Log(m); err != nil {
						t.Fatal(err)
					}
				}
				got := p.Wait(n)
				if err := l.Close(); err != nil {
					t.Error(err)
				}
				seen := map[string]bool{}
				for _, m := range got {
					var doc map[string]any
					if err := json.Unmarshal([]byte(m.Text), &doc); err != nil || doc["source"] != "container" || doc["sourcetype"] != "test" || doc["index"] != "main" || doc["event"] == nil {
						t.Fatalf("%s: %v", m.Text, err)
					}
					seen[fmt.Sprint(doc["event"], doc["time"])] = true
				}
				if len(seen) != n {
					t.Errorf("%d events of %d, such as %s", len(seen), n, got[0].Text)
				}
				if st := s.Stats(); st.Failed == 0 {
					t.Errorf("nothing was refused: %+v", st)
				}
			})
		}
	}
}
