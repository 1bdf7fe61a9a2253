module github.com/penstock-dev/penstock/examples

go 1.26

require (
	github.com/penstock-dev/penstock v0.0.0
	github.com/penstock-dev/penstock/ingest/charset v0.0.0
	github.com/penstock-dev/penstock/ingest/zstd v0.0.0
)

require (
	github.com/goccy/go-yaml v1.19.2 // indirect
	github.com/klauspost/compress v1.20.4 // indirect
	golang.org/x/text v0.34.0 // indirect
)

replace github.com/penstock-dev/penstock => ../

replace github.com/penstock-dev/penstock/ingest/charset => ../ingest/charset

replace github.com/penstock-dev/penstock/ingest/zstd => ../ingest/zstd
