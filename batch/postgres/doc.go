// Package postgres is a sink that writes rows to a PostgreSQL table by COPY, over a
// connection of the host's own driver.
//
//	sink, err := postgres.New[parse.Record](postgres.Options{
//		Copy: func(ctx context.Context, r io.Reader, sql string) error {
//			_, err := conn.PgConn().CopyFrom(ctx, r, sql) // github.com/jackc/pgx/v5
//			return err
//		},
//		Table:   "logs.events",
//		Columns: []postgres.Column{{Name: "at", Field: "@timestamp"}, {Name: "src", Field: "source.ip"}, {Name: "doc"}},
//	})
//
// Each line is a row; a column is a field of the line as text, which PostgreSQL converts,
// or NULL where the line does not have it; a column without a field is the whole line, for
// json and jsonb. Objects and arrays are JSON text.
//
// # Delivery
//
// At least once: a batch is one COPY, which PostgreSQL takes whole or not at all. A row
// for which it refuses a COPY (SQLSTATE classes 22 and 23: a value that does not fit its
// column, a broken constraint) is found by halves and rejected, the others are written. A
// lost connection, a full disk or memory, a table that is not there: the rows are reported
// as retryable, and the pipeline tries again. After a COPY whose answer was lost rows may
// be there twice: with Options.IDColumn, which has a unique index, a repeated row is
// recognised (23505) and counts as taken.
//
// # Limits
//
// None of its own: a batch is as large as the pipeline makes it, or a batch.Window in
// front. NUL characters, which PostgreSQL cannot store, and what is no UTF-8 become U+FFFD.
//
// # Concurrency
//
// Copy is called by one goroutine at a time.
//
// Source: PostgreSQL documentation, COPY (text format); appendix A, error codes.
package postgres
