package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/batchtest"
	"github.com/penstock-dev/penstock/batch/postgres"
	"github.com/penstock-dev/penstock/errcat"
)

// stateError is what a driver reports.
type stateError string

func (e stateError) Error() string    { return "SQLSTATE " + string(e) }
func (e stateError) SQLState() string { return string(e) }

// table takes rows, or none of a COPY with a row that has a bad word.
type table struct {
	rows   []string
	states map[string]string // word → SQLSTATE
	copies int
	err    error
}

func (tb *table) copy(_ context.Context, r io.Reader, sql string) error {
	tb.copies++
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if tb.err != nil {
		return tb.err
	}
	if sql != `COPY "logs"."ev""ents" ("msg", "doc", "id") FROM STDIN` {
		return fmt.Errorf("unexpected %s", sql)
	}
	for word, state := range tb.states {
		if strings.Contains(string(text), word) {
			return fmt.Errorf("copy: %w", stateError(state))
		}
	}
	tb.rows = append(tb.rows, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
	return nil
}

func newSink(t testing.TB, tb *table) *postgres.Sink[batchtest.Event] {
	t.Helper()
	s, err := postgres.New[batchtest.Event](postgres.Options{
		Copy: tb.copy, Table: `logs.ev"ents`, Columns: []postgres.Column{{"msg", "message"}, {"doc", ""}}, IDColumn: "id",
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRows(t *testing.T) {
	tb := &table{}
	text := `{"message":"a\tb\\c\nd\u0000\r"}` + "\n" + `{"message":null,"x":1}` + "\n" + "not json\xff\n" + `{"message":{"k":[1]}}` + "\n"
	b := &batch.Batch[batchtest.Event]{Lines: []byte(text)}
	for i, c := range b.Lines {
		if c == '\n' {
			b.Ends = append(b.Ends, int32(i+1))
		}
	}
	if err := newSink(t, tb).Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		`a\tb\\c\nd` + "\ufffd" + `\r` + "\t" + `{"message":"a\\tb\\\\c\\nd\\u0000\\r"}` + "\t" + `\N`,
		`\N` + "\t" + `{"message":null,"x":1}` + "\t" + `\N`,
		`\N` + "\tnot json\ufffd\t" + `\N`,
		`{"k":[1]}` + "\t" + `{"message":{"k":[1]}}` + "\t" + `\N`,
	} {
		if tb.rows[i] != want {
			t.Errorf("row %d is %q, want %q", i, tb.rows[i], want)
		}
	}
}

func TestIsolation(t *testing.T) {
	tb := &table{states: map[string]string{"event 17 ": "22P02", "event 90 ": "23514", "event 33 ": "23505"}}
	err := newSink(t, tb).Write(context.Background(), batchtest.Lines(0, 100))
	f := batch.Failures(err, 100)
	if len(f) != 2 || f[0].Row != 17 || f[1].Row != 90 || errcat.Of(f[0].Err) != errcat.SinkRejected {
		t.Errorf("%v", err)
	}
	if len(tb.rows) != 97 || tb.copies > 40 {
		t.Errorf("%d rows after %d COPYs", len(tb.rows), tb.copies)
	}
	for state, want := range map[string]errcat.Category{"57P01": errcat.TransientNetwork, "53100": errcat.TransientNetwork, "42P01": errcat.TransientNetwork, "28P01": errcat.AccessDenied} {
		err := newSink(t, &table{err: stateError(state)}).Write(context.Background(), batchtest.Lines(0, 3))
		if f := batch.Failures(err, 3); len(f) != 3 || errcat.Of(f[2].Err) != want {
			t.Errorf("%s: %v", state, err)
		}
	}
	err = newSink(t, &table{err: errors.New("broken pipe")}).Write(context.Background(), batchtest.Lines(0, 3))
	if f := batch.Failures(err, 3); len(f) != 3 || !errcat.Retryable(f[0].Err) {
		t.Errorf("%v", err)
	}
}

func TestOptions(t *testing.T) {
	cp := func(context.Context, io.Reader, string) error { return nil }
	col := []postgres.Column{{Name: "a"}}
	for name, o := range map[string]postgres.Options{
		"no copy": {Table: "t", Columns: col}, "no table": {Copy: cp, Columns: col}, "no columns": {Copy: cp, Table: "t"},
		"three parts": {Copy: cp, Table: "a.b.c", Columns: col}, "empty part": {Copy: cp, Table: "a.", Columns: col},
		"nameless": {Copy: cp, Table: "t", Columns: []postgres.Column{{}}}, "field": {Copy: cp, Table: "t", Columns: []postgres.Column{{"a", "b..c"}}},
	} {
		if _, err := postgres.New[batchtest.Event](o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func Example() {
	sink, err := postgres.New[batchtest.Event](postgres.Options{
		// With pgx: _, err := conn.PgConn().CopyFrom(ctx, r, sql)
		Copy: func(_ context.Context, r io.Reader, sql string) error {
			data, err := io.ReadAll(r)
			fmt.Printf("%s\n%s", sql, data)
			return err
		},
		Table:   "logs.events",
		Columns: []postgres.Column{{Name: "src", Field: "source.ip"}, {Name: "doc"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	line := []byte(`{"source":{"ip":"10.0.0.1"}}` + "\n")
	fmt.Println(sink.Write(context.Background(), &batch.Batch[batchtest.Event]{Lines: line, Ends: []int32{int32(len(line))}}))
	// Output:
	// COPY "logs"."events" ("src", "doc") FROM STDIN
	// 10.0.0.1	{"source":{"ip":"10.0.0.1"}}
	// <nil>
}
