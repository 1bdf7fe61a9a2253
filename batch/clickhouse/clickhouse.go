package clickhouse

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/internal/httpbulk"
	"github.com/penstock-dev/penstock/internal/certs"
)

// Options say where to send, how much at once, and when again. URLs are those of the
// HTTP interface, without a query. IDField and NoIDs do nothing here.
type Options = httpbulk.Options

// Auth is a secret and how it is shown.
type Auth = httpbulk.Auth

// TLS says which certificates are trusted and shown.
type TLS = certs.Client

// Stats are the counters of a sink.
type Stats = httpbulk.Stats

// Sink sends lines to a table.
type Sink[T any] struct{ *httpbulk.Sink[T] }

// Table says where rows go. Name is needed.
type Table struct {
	Database, Name string
	// Strict refuses rows with keys that have no column.
	Strict bool
	// Settings are added to the query, such as async_insert=1.
	Settings map[string]string
}

// New returns a sink.
func New[T any](opts Options, table Table) (*Sink[T], error) {
	if table.Name == "" {
		return nil, errors.New("batch/clickhouse: the Table has no Name")
	}
	name := quote(table.Name)
	if table.Database != "" {
		name = quote(table.Database) + "." + name
	}
	query := url.Values{
		"query":                            {"INSERT INTO " + name + " FORMAT JSONEachRow"},
		"input_format_skip_unknown_fields": {"1"},
		"date_time_input_format":           {"best_effort"},
	}
	if table.Strict {
		query.Set("input_format_skip_unknown_fields", "0")
	}
	for k, v := range table.Settings {
		if k == "query" || k == "user" || k == "password" {
			return nil, fmt.Errorf("batch/clickhouse: %q is no setting", k)
		}
		query.Set(k, v)
	}
	if err := httpbulk.CheckURLs(opts.URLs); err != nil {
		return nil, fmt.Errorf("batch/clickhouse: %w", err)
	}
	urls := make([]string, len(opts.URLs))
	for i, u := range opts.URLs {
		if strings.ContainsAny(u, "?#") {
			return nil, errors.New("batch/clickhouse: a URL with a query: use Settings of Table, and Auth")
		}
		urls[i] = strings.TrimSuffix(u, "/") + "/?" + query.Encode()
	}
	opts.URLs = urls
	s, err := httpbulk.New[T](opts, protocol{}, httpbulk.Defaults{MaxRows: 10_000, MaxBytes: 16 << 20}, nil)
	if err != nil {
		return nil, err
	}
	return &Sink[T]{s}, nil
}

var _ batch.Async[struct{}] = (*Sink[struct{}])(nil)

// quote makes an identifier.
func quote(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}

type protocol struct{}

// Name is the sink's.
func (protocol) Name() string { return "batch/clickhouse" }

// ContentType of the bodies.
func (protocol) ContentType() string { return "application/x-ndjson" }

// Append appends the lines.
func (protocol) Append(dst []byte, rows *httpbulk.Rows) ([]byte, error) {
	for i := range rows.Len() {
		dst = append(append(dst, rows.Line(i)...), '\n')
	}
	return dst, nil
}

// Verdict of a 2xx answer: an INSERT has no result; an exception may come behind the
// status.
func (protocol) Verdict(body []byte, _ *httpbulk.Rows) error {
	if text := strings.TrimSpace(string(body)); text != "" {
		return httpbulk.Unclear("an INSERT that was taken has no answer, this one says: " + text[:min(len(text), 200)])
	}
	return nil
}

var exception = regexp.MustCompile(`Code: ([0-9]{1,5})[.,]`)

// Status reads the exception's code, which says what the status does not.
func (protocol) Status(status int, text string) httpbulk.Meaning {
	m := exception.FindStringSubmatch(text)
	if m == nil {
		return httpbulk.AsUsual
	}
	switch m[1] {
	case "6", "26", "27", "38", "41", "43", "53", "69", "72", "117", "130", "131", "321", "349", "441", "467", "675", "676":
		// CANNOT_PARSE_… (text, quoted string, input, date, datetime, number, array, UUID, bool, domain),
		// ILLEGAL_TYPE_OF_ARGUMENT, TYPE_MISMATCH, ARGUMENT_OUT_OF_BOUND, INCORRECT_DATA, TOO_LARGE_STRING_SIZE,
		// CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, CANNOT_PARSE_IPV4 and IPV6
		return httpbulk.BadRow
	case "202", "241", "252": // TOO_MANY_SIMULTANEOUS_QUERIES, MEMORY_LIMIT_EXCEEDED, TOO_MANY_PARTS
		return httpbulk.Overloaded
	case "192", "193", "194", "516": // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
		return httpbulk.AsUsual
	}
	if status/100 == 4 || status/100 == 5 {
		return httpbulk.Passing // a table that is being made, a server that is starting
	}
	return httpbulk.AsUsual
}
