package clickhouse_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/clickhouse"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/peertest"
)

func TestConformance(t *testing.T) {
	batchtest.Sink(t, batchtest.Config{New: func(t testing.TB) *batchtest.Destination {
		srv := peertest.NewBulk(t, func(r *http.Request, body []byte, refuse func(string) bool) (int, string, []string) {
			if q := r.URL.Query().Get("query"); q != "INSERT INTO `logs`.`ev\\`ents` FORMAT JSONEachRow" {
				t.Errorf("query %s", q)
			}
			var taken []string
			for _, l := range peertest.SplitLines(body) {
				m := peertest.MessageOf(l)
				if refuse(m) {
					return 500, "Code: 26, e.displayText() = DB::Exception: Cannot parse JSON string", nil
				}
				taken = append(taken, m)
			}
			return 200, "", taken
		})
		s, err := clickhouse.New[batchtest.Event](clickhouse.Options{URLs: []string{srv.URL}}, clickhouse.Table{Database: "logs", Name: "ev`ents"})
		if err != nil {
			t.Fatal(err)
		}
		return &batchtest.Destination{Sink: s, Close: s.Close, Received: srv.Received, Hang: srv.Hang, Down: srv.Down, Reject: srv.Reject}
	}})
}

func lines(ls ...string) *batch.Batch[batchtest.Event] {
	b := &batch.Batch[batchtest.Event]{}
	for _, l := range ls {
		b.Lines = append(append(b.Lines, l...), '\n')
		b.Ends = append(b.Ends, int32(len(b.Lines)))
	}
	return b
}

func TestClickHouse(t *testing.T) {
	base := peertest.ClickHouse(t)
	peertest.QueryClickHouse(t, base, "CREATE DATABASE logs")
	tables := 0
	t.Run("conformance", func(t *testing.T) {
		batchtest.Sink(t, batchtest.Config{Unordered: true, New: func(t testing.TB) *batchtest.Destination {
			tables++
			table := fmt.Sprint("t", tables)
			peertest.QueryClickHouse(t, base, "CREATE TABLE logs."+table+" (`@timestamp` String, message String, `host.name` String DEFAULT 'none') ENGINE = Log")
			s, err := clickhouse.New[batchtest.Event](clickhouse.Options{URLs: []string{base}, MaxRows: 60, Auth: clickhouse.Auth{Scheme: "Basic", Secret: "writer:secret-1"}},
				clickhouse.Table{Database: "logs", Name: table})
			if err != nil {
				t.Fatal(err)
			}
			return &batchtest.Destination{Sink: s, Close: s.Close, Received: func() (messages []string) {
				text := peertest.QueryClickHouse(t, base, "SELECT message FROM logs."+table+" FORMAT JSONEachRow")
				for line := range strings.Lines(text) {
					messages = append(messages, peertest.MessageOf([]byte(line)))
				}
				return messages
			}}
		}})
	})
	t.Run("rows that cannot be read", func(t *testing.T) {
		peertest.QueryClickHouse(t, base, "CREATE TABLE logs.n (n UInt16) ENGINE = Log")
		s, err := clickhouse.New[batchtest.Event](clickhouse.Options{URLs: []string{base}}, clickhouse.Table{Database: "logs", Name: "n"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		b := lines(`{"n":1}`, `{"n":2}`, `{"n":"three"}`, `{"n":4}`, `not json`, `{"n":6,"other":{"a":1}}`)
		f := batch.Failures(s.Write(context.Background(), b), 6)
		if len(f) != 2 || f[0].Row != 2 || f[1].Row != 4 || errcat.Of(f[0].Err) != errcat.SinkRejected {
			t.Errorf("%v", f)
		}
		if got := peertest.QueryClickHouse(t, base, "SELECT sum(n), count() FROM logs.n"); got != "13\t4\n" {
			t.Errorf("the table holds %q", got)
		}
	})
	t.Run("no such table", func(t *testing.T) {
		s, err := clickhouse.New[batchtest.Event](clickhouse.Options{URLs: []string{base}, Attempts: 2, MinDelay: 1, MaxDelay: 2}, clickhouse.Table{Database: "logs", Name: "absent"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		err = s.Write(context.Background(), lines(`{"n":1}`))
		if f := batch.Failures(err, 1); len(f) != 1 || !errcat.Retryable(f[0].Err) || !strings.Contains(err.Error(), "absent") {
			t.Errorf("%v", err)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		s, err := clickhouse.New[batchtest.Event](clickhouse.Options{URLs: []string{base}, Attempts: 2, MinDelay: 1, MaxDelay: 2, Auth: clickhouse.Auth{Scheme: "Basic", Secret: "writer:secret-2"}},
			clickhouse.Table{Database: "logs", Name: "n"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Write(context.Background(), lines(`{"n":1}`)); err == nil || strings.Contains(err.Error(), "secret-2") {
			t.Errorf("%v", err)
		}
	})
}

func TestOptions(t *testing.T) {
	for _, tc := range []clickhouse.Table{{}, {Name: "a", Settings: map[string]string{"password": "x"}}} {
		if s, err := clickhouse.New[batchtest.Event](clickhouse.Options{URLs: []string{"http://x"}}, tc); err == nil {
			s.Close()
			t.Errorf("%+v is taken", tc)
		}
	}
}
