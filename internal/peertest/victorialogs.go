package peertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// VictoriaLogs starts the server and returns its base URL.
func VictoriaLogs(t testing.TB) string {
	t.Helper()
	bin := Binary(t, "victoria-logs", "Go: github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-logs v1.121.0")
	port := FreePort(t)
	Start(t, bin, fmt.Sprintf("-httpListenAddr=127.0.0.1:%d", port), "-storageDataPath="+t.TempDir(), "-retentionPeriod=100y", "-loggerLevel=ERROR")
	WaitPort(t, port, 10*time.Second)
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

// QueryVictoriaLogs returns the rows that a LogsQL query finds.
func QueryVictoriaLogs(t testing.TB, base, query string) []map[string]any {
	t.Helper()
	resp, err := oneShot().PostForm(base+"/select/logsql/query", url.Values{"query": {query}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("query %q: %s %s %v", query, resp.Status, text, err)
	}
	var rows []map[string]any
	s := bufio.NewScanner(bytes.NewReader(text))
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var row map[string]any
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}
