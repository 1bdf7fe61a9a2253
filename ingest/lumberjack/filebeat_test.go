package lumberjack_test

import (
	"fmt"
	"testing"

	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/lumberjack"
	"github.com/penstock-dev/penstock/internal/peertest"
)

// Filebeat sends windows, compressed or not, several at once, and sends again what is not acknowledged.
func TestFilebeat(t *testing.T) {
	for _, level := range []int{0, 3} {
		t.Run(fmt.Sprint("compression ", level), func(t *testing.T) {
			s, err := lumberjack.Listen(lumberjack.Options{Address: "127.0.0.1:0"})
			if err != nil {
				t.Fatal(err)
			}
			p := ingesttest.Start(t, s)
			peertest.FilebeatResends(t, peertest.Receiver{
				Fail:   p.Fail,
				Failed: func() bool { return p.Stats().Failed > 0 },
				Wait: func(n int) (texts []string) {
					for _, m := range p.Wait(n) {
						texts = append(texts, m.Text)
					}
					return texts
				},
			}, fmt.Sprintf("logstash: {hosts: [%q], compression_level: %d, backoff.init: 100ms, bulk_max_size: 50, pipelining: 2}", s.Addr().String(), level))
		})
	}
}
