package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/penstock-dev/penstock/internal/peertest"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipeline.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Lines in, rows in a PostgreSQL server; a connection that is cut is made anew, and a row
// that the server does not take is a dead letter.
func TestRunPostgres(t *testing.T) {
	url := peertest.Postgres(t)
	ctx := context.Background()
	var admin *pgconn.PgConn
	var err error
	for range 100 { // it listens before it lets anybody in
		if admin, err = pgconn.Connect(ctx, url); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	query := func(sql string) string {
		t.Helper()
		res, err := admin.Exec(ctx, sql).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(res) == 0 || len(res[0].Rows) == 0 {
			return ""
		}
		return string(res[0].Rows[0][0])
	}
	query("CREATE TABLE events (at timestamptz, src inet, port int CHECK (port <> 1), doc jsonb, id text UNIQUE)")
	t.Setenv("PENSTOCK_TEST_POSTGRES", url)
	in := new(strings.Builder)
	for i := range 50 {
		fmt.Fprintf(in, "CEF:0|V|P|1|100|n|5|src=192.0.2.%d spt=%d rt=1764410400000\n", i, i)
	}
	reader, feed := io.Pipe()
	r := start(t, reader, `
sources: [{stdin: {}}]
sinks:
  - postgres:
      url: {env: PENSTOCK_TEST_POSTGRES}
      table: public.events
      id_column: id
      columns: [{name: at, field: "@timestamp"}, {name: src, field: source.ip}, {name: port, field: source.port}, {name: doc}]
dead_letters: {dir: `+t.TempDir()+`}
`)
	feed.Write([]byte(in.String()))
	eventually(t, "rows", func() bool { return query("SELECT count(*) FROM events") == "49" })
	query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE 'COPY%'")
	fmt.Fprintln(feed, "CEF:0|V|P|1|100|n|5|src=192.0.2.200 spt=200 rt=1764410400000")
	eventually(t, "a row after the connection was cut", func() bool { return query("SELECT count(*) FROM events") == "50" })
	feed.Close()
	r.wait()
	if got := query("SELECT string_agg(DISTINCT doc->'source'->>'ip', ' ') FROM events WHERE port = 200 AND src = '192.0.2.200' AND length(id) = 32 AND at = '2025-11-29T10:00:00Z'"); got != "192.0.2.200" {
		t.Errorf("the row is %q", got)
	}
	if !strings.Contains(r.errs.String(), "1 dead letters") {
		t.Errorf("the summary: %s", r.errs.String())
	}
	// What is wrong with the connection is said without its password.
	t.Setenv("PENSTOCK_TEST_POSTGRES", "postgres://u:canary-1@h:x/d")
	bad := writeConfig(t, "sources: [{stdin: {}}]\nsinks: [{postgres: {url: {env: PENSTOCK_TEST_POSTGRES}, table: t, columns: [{name: a}]}}]\n")
	for _, command := range []string{"check", "run"} {
		_, errs, code := penstock(t, "", command, "-c", bad)
		if code == 0 || strings.Contains(errs, "canary-1") || !strings.Contains(errs, "url is not one of PostgreSQL") {
			t.Errorf("%s: %d: %s", command, code, errs)
		}
	}
}
