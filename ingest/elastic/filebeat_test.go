package elastic_test

import (
	"fmt"
	"testing"

	"github.com/penstock-dev/penstock/ingest/elastic"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/internal/peertest"
)

// Filebeat asks for the license and the version, sends documents with its own metadata, compressed or not, and
// sends again what is answered with 429.
func TestFilebeat(t *testing.T) {
	for _, level := range []int{0, 3} {
		t.Run(fmt.Sprint("compression ", level), func(t *testing.T) {
			s := mustListen(t, elastic.ServerOptions{})
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
			}, fmt.Sprintf("elasticsearch: {hosts: [%q], compression_level: %d, backoff.init: 100ms, bulk_max_size: 50}", "http://"+s.Addr().String(), level))
		})
	}
}
