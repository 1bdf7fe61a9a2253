module github.com/penstock-dev/penstock/examples

go 1.26

require (
	github.com/penstock-dev/penstock v0.0.0
	github.com/penstock-dev/penstock/ingest/charset v0.0.0
	github.com/penstock-dev/penstock/ingest/zstd v0.0.0
)

require (
	github.com/goccy/go-yaml v1.19.2 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/pgx/v5 v5.12.0 // indirect
	github.com/klauspost/compress v1.20.4 // indirect
	golang.org/x/text v0.41.0 // indirect
)

replace github.com/penstock-dev/penstock => ../

replace github.com/penstock-dev/penstock/ingest/charset => ../ingest/charset

replace github.com/penstock-dev/penstock/ingest/zstd => ../ingest/zstd
