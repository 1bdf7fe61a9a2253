package clienttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/postgres"
	"github.com/penstock-dev/penstock/internal/peertest"
)

func TestPostgres(t *testing.T) {
	ctx := context.Background()
	url := peertest.Postgres(t)
	var conn *pgx.Conn
	var err error
	for range 100 { // it listens before it lets anybody in
		if conn, err = pgx.Connect(ctx, url); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	copyTo := func(ctx context.Context, r io.Reader, sql string) error {
		_, err := conn.PgConn().CopyFrom(ctx, r, sql)
		return err
	}
	tables := 0
	t.Run("conformance", func(t *testing.T) {
		batchtest.Sink(t, batchtest.Config{Unordered: true, New: func(t testing.TB) *batchtest.Destination {
			tables++
			table := fmt.Sprint("events", tables)
			exec("CREATE TABLE " + table + " (at timestamptz, msg text, doc jsonb, id text)")
			s, err := postgres.New[batchtest.Event](postgres.Options{
				Copy: copyTo, Table: table, IDColumn: "id", Columns: []postgres.Column{{Name: "at", Field: "@timestamp"}, {Name: "msg", Field: "message"}, {Name: "doc"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			return &batchtest.Destination{
				Sink: s,
				Received: func() []string {
					rows, _ := conn.Query(ctx, "SELECT doc->>'message' FROM "+table+" WHERE msg = doc->>'message' AND at IS NOT NULL AND length(id) = 32")
					got, err := pgx.CollectRows(rows, pgx.RowTo[string])
					if err != nil {
						t.Error(err)
					}
					return got
				},
				Reject: func(text string) {
					exec(fmt.Sprintf("ALTER TABLE %s ADD CHECK (position('%s' in msg) = 0)", table, text))
				},
			}
		}})
	})
	t.Run("repeated", func(t *testing.T) {
		exec("CREATE TABLE once (n int, id text PRIMARY KEY)")
		s, err := postgres.New[batchtest.Event](postgres.Options{Copy: copyTo, Table: "public.once", IDColumn: "id", Columns: []postgres.Column{{Name: "n", Field: "event.number"}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{10, 30} { // the first ten are in both
			if err := s.Write(ctx, batchtest.Lines(0, n)); err != nil {
				t.Fatal(err)
			}
		}
		var rows int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM once").Scan(&rows); err != nil || rows != 30 {
			t.Errorf("%d rows, %v", rows, err)
		}
	})
	t.Run("types", func(t *testing.T) {
		exec("CREATE TABLE typed (ip inet, port int)")
		s, err := postgres.New[batchtest.Event](postgres.Options{Copy: copyTo, Table: "typed", Columns: []postgres.Column{{Name: "ip", Field: "source.ip"}, {Name: "port", Field: "source.port"}}})
		if err != nil {
			t.Fatal(err)
		}
		b := &batch.Batch[batchtest.Event]{}
		for _, l := range []string{`{"source":{"ip":"10.0.0.1","port":5}}`, `{"source":{"ip":"nowhere","port":6}}`, `{"source.ip":"::1"}`, `{"source":{"ip":"10.0.0.2","port":1.5}}`} {
			b.Lines = append(append(b.Lines, l...), '\n')
			b.Ends = append(b.Ends, int32(len(b.Lines)))
		}
		var p *batch.Partial
		if err := s.Write(ctx, b); !errors.As(err, &p) || len(p.Failed) != 2 || p.Failed[0].Row != 1 || p.Failed[1].Row != 3 {
			t.Errorf("%v", err)
		}
	})
}
