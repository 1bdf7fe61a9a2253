package peertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
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
