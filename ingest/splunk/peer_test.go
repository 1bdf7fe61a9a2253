package splunk_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest/ingesttest"
	"github.com/penstock-dev/penstock/ingest/splunk"
	"github.com/penstock-dev/penstock/internal/peertest"
)

// syslog-ng sends raw lines, many in a request, and sends again what is answered with an error;
// with a channel it is also served where acknowledgements are on, for which it does not ask.
func TestSyslogNGRaw(t *testing.T) {
	bin := peertest.Binary(t, "syslog-ng", "Debian: syslog-ng-core and syslog-ng-mod-http, which remove rsyslog unless they are unpacked beside it")
	for _, acks := range []bool{false, true} {
		t.Run(fmt.Sprint("acknowledgements ", acks), func(t *testing.T) {
			s := mustListen(t, splunk.ServerOptions{}, splunk.Options{Acks: acks})
			p := ingesttest.Start(t, s)
			dir := t.TempDir()
			const n = 1000
			var in strings.Builder
			for i := range n {
				fmt.Fprintf(&in, "event %d user=größe \"quoted\" [x]\n", i)
			}
			if err := os.WriteFile(filepath.Join(dir, "input"), []byte(in.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			conf := fmt.Sprintf(`@version: 3.38
source s { file("%s/input" flags(no-parse) read-old-records(yes)); };
destination d { http(url("http://%s/services/collector/raw") method("POST") headers("Authorization: Splunk %s", "X-Splunk-Request-Channel: 0a1b2c3d-0000-4000-8000-000000000001")
	body("${MSG}") batch-lines(50) batch-timeout(100) time-reopen(1)); };
log { source(s); destination(d); flags(flow-control); };
`, dir, s.Addr(), token)
			file := filepath.Join(dir, "syslog-ng.conf")
			if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(bin, "--syntax-only", "-f", file, "--no-caps").CombinedOutput(); err != nil {
				if strings.Contains(string(out), "plugin http not found") {
					t.Skipf("this syslog-ng has no HTTP destination (Debian: syslog-ng-mod-http): %s", out)
				}
				t.Fatalf("%v: %s", err, out)
			}
			if !acks { // what is not delivered is not answered with 200
				p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "no"))
				go func() {
					for end := time.Now().Add(10 * time.Second); s.Stats().Failed < 1 && time.Now().Before(end); time.Sleep(time.Millisecond) {
					}
					p.Fail(nil)
				}()
			}
			peertest.StartCmd(t, exec.Command(bin, "-F", "-f", file, "--persist-file="+dir+"/persist", "--pidfile="+dir+"/pid", "--control="+dir+"/ctl", "--no-caps"))
			seen := map[string]bool{}
			for _, m := range p.Wait(n) {
				seen[m.Text] = true
			}
			for i := range n {
				if text := fmt.Sprintf("event %d user=größe \"quoted\" [x]", i); !seen[text] {
					t.Fatalf("%q has not come; %d others have", text, len(seen))
				}
			}
			if st := s.Stats(); !acks && st.Failed == 0 || st.Unauthorized != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}
