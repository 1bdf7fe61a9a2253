package elastic_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
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
			p.Fail(errcat.New(errcat.TransientNetwork, errcat.StageDeliver, "no"))
			const n = 500
			var in strings.Builder
			for i := range n {
				fmt.Fprintf(&in, "event %d user=größe \"quoted\" [x]\n", i)
			}
			file := filepath.Join(t.TempDir(), "input.log")
			if err := os.WriteFile(file, []byte(in.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			beat := peertest.Filebeat(t, file, fmt.Sprintf("elasticsearch: {hosts: [%q], compression_level: %d, backoff.init: 100ms, bulk_max_size: 50}", "http://"+s.Addr().String(), level))
			defer func() {
				if t.Failed() {
					t.Log(beat.Output())
				}
			}()
			for end := time.Now().Add(ingesttest.Patience); p.Stats().Failed == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("nothing has come")
				}
			}
			p.Fail(nil)
			seen := map[string]bool{}
			for _, m := range p.Wait(n) {
				var doc struct {
					Message string
					Agent   struct{ Type string }
				}
				if err := json.Unmarshal([]byte(m.Text), &doc); err != nil || doc.Agent.Type != "filebeat" {
					t.Fatalf("%s: %v", m.Text, err)
				}
				seen[doc.Message] = true
			}
			for i := range n {
				if text := fmt.Sprintf("event %d user=größe \"quoted\" [x]", i); !seen[text] {
					t.Fatalf("%q has not come; %d others have", text, len(seen))
				}
			}
		})
	}
}
