// Package clickhouse is a sink for ClickHouse by its HTTP interface: INSERT … FORMAT
// JSONEachRow.
//
//	sink, err := clickhouse.New[parse.Record](clickhouse.Options{
//		URLs: []string{"http://ch1:8123"}, Auth: clickhouse.Auth{Scheme: "Basic", Secret: "writer:…"},
//	}, clickhouse.Table{Database: "logs", Name: "events"})
//
// Keys of a line become columns of the same name; with the dotted encoder of package
// normalize these are source.ip and the like. Keys without a column are skipped
// (Table.Strict refuses them). Types are the table's affair: @timestamp fits DateTime64
// with date_time_input_format=best_effort, which is set.
//
// # Delivery
//
// At least once: a request is one INSERT, taken or not. ClickHouse knows no identity of
// rows; what is sent again after a lost answer is there twice, unless the table is a
// Replicated one, which drops a block that it has seen, or a ReplacingMergeTree over a
// column with the identity. A row that ClickHouse cannot read makes it refuse the INSERT
// (in old versions with status 500): it is found by halves, and rejected. TOO_MANY_PARTS
// and full memory make the sink wait. What other answers mean: as package batch/elastic.
//
// # Limits and concurrency
//
// As package batch/elastic, but for a request of at most 10,000 rows and 16 MiB, since ClickHouse
// likes few large blocks.
//
// Source: ClickHouse documentation, HTTP Interface, and its list of error codes.
package clickhouse
