package peertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// howFilebeat says how the program is made, which takes several minutes: too long for each run of the tests.
const howFilebeat = `in a module with the replace lines of its go.mod:
	go get -tool github.com/elastic/beats/v7/filebeat@v7.17.29 && CGO_ENABLED=0 go build github.com/elastic/beats/v7/filebeat`

// Filebeat starts Filebeat, which sends the lines of file to output (the text of its configuration: an object with
// the name of an output), and sends again what is not taken. It is stopped with the test.
func Filebeat(t testing.TB, file, output string) *Process {
	t.Helper()
	bin := Binary(t, "filebeat", howFilebeat)
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
	return StartCmd(t, exec.Command(bin, "-c", conf, "--path.home", dir, "--path.data", filepath.Join(dir, "data"), "-strict.perms=false"))
}
