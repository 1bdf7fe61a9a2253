package peertest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ClickHouse starts a server and returns the URL of its HTTP interface.
func ClickHouse(t testing.TB) string {
	t.Helper()
	bin := Binary(t, "clickhouse-server", "Debian: clickhouse-server")
	dir := t.TempDir()
	httpPort, tcpPort := FreePort(t), FreePort(t)
	config := fmt.Sprintf(`<yandex>
	<logger><level>fatal</level><console>1</console></logger>
	<http_port>%d</http_port><tcp_port>%d</tcp_port><listen_host>127.0.0.1</listen_host>
	<path>%[3]s/data/</path><tmp_path>%[3]s/tmp/</tmp_path><users_config>%[3]s/users.xml</users_config>
	<default_profile>default</default_profile><default_database>default</default_database><mark_cache_size>100000000</mark_cache_size>
</yandex>`, httpPort, tcpPort, dir)
	users := `<yandex><profiles><default/></profiles><quotas><default/></quotas><users>
	<default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default>
	<writer><password>secret-1</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></writer>
</users></yandex>`
	for name, text := range map[string]string{"config.xml": config, "users.xml": users} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	Start(t, bin, "--config-file="+filepath.Join(dir, "config.xml"))
	WaitPort(t, httpPort, 30*time.Second)
	return fmt.Sprintf("http://127.0.0.1:%d", httpPort)
}

// QueryClickHouse returns the text of an answer.
func QueryClickHouse(t testing.TB, base, query string) string {
	t.Helper()
	resp, err := oneShot().Post(base, "text/plain", strings.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("query %q: %s %s %v", query, resp.Status, text, err)
	}
	return string(text)
}
