package peertest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// howFilebeat says how the program is made.
const howFilebeat = "go build in internal/peertest/testdata/filebeat-core, as the step peers of .ci/run does"

// Filebeat starts Filebeat (as much of it as testdata/filebeat-core says), which sends the lines of file to output (the
// text of its configuration: an object with the name of an output), and sends again what is not taken. It is stopped
// with the test.
func Filebeat(t testing.TB, file, output string) *Process {
	t.Helper()
	bin := Binary(t, "filebeat-core", howFilebeat)
	dir := t.TempDir()
	conf := filepath.Join(dir, "filebeat.yml")
	text := fmt.Sprintf(`
filebeat.inputs:
  - {type: filestream, id: test, enabled: true, paths: [%q], prospector.scanner.check_interval: 100ms, close.reader.on_eof: false}
queue.mem: {events: 1024, flush.min_events: 100, flush.timeout: 100ms}
setup.template.enabled: false
setup.ilm.enabled: false
processors: []
logging: {level: info, to_stderr: true, metrics.enabled: false}
output.%s
`, file, output)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return StartCmd(t, exec.Command(bin, "-c", conf, "-data", filepath.Join(dir, "data")))
}

// patience is how long a program may take to begin.
const patience = 20 * time.Second

// Receiver is what Filebeat sends to, with a pipeline behind it.
type Receiver struct {
	Fail   func(err error)      // makes the pipeline's sink answer so, and with nil take everything
	Failed func() bool          // whether the pipeline has lost something for that
	Wait   func(n int) []string // waits for n messages, and returns all that came
}

// FilebeatResends lets Filebeat send 500 lines to output, see Filebeat. The sink of r takes none
// of the first ones; in the end it has every line, in a document of Filebeat's.
func FilebeatResends(t testing.TB, r Receiver, output string) {
	t.Helper()
	const n = 500
	line := func(i int) string { return fmt.Sprintf("event %d user=größe \"quoted\" [x]", i) }
	var in strings.Builder
	for i := range n {
		in.WriteString(line(i) + "\n")
	}
	file := filepath.Join(t.TempDir(), "input.log")
	if err := os.WriteFile(file, []byte(in.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Fail(errcat.New(errcat.TransientNetwork, errcat.StageDeliver, "no"))
	beat := Filebeat(t, file, output)
	defer func() {
		if t.Failed() {
			t.Log(beat.Output())
		}
	}()
	for end := time.Now().Add(patience); !r.Failed(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing has come")
		}
	}
	r.Fail(nil)
	seen := map[string]bool{}
	for _, text := range r.Wait(n) {
		var doc struct {
			Message string
			Agent   struct{ Type string }
		}
		if err := json.Unmarshal([]byte(text), &doc); err != nil || doc.Agent.Type != "filebeat" {
			t.Fatalf("%s: %v", text, err)
		}
		seen[doc.Message] = true
	}
	for i := range n {
		if !seen[line(i)] {
			t.Fatalf("%q has not come; %d others have", line(i), len(seen))
		}
	}
}
