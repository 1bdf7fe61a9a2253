module github.com/penstock-dev/penstock/ingest/zstd

go 1.26

require (
	github.com/klauspost/compress v1.20.4
	github.com/penstock-dev/penstock v0.0.0
)

replace github.com/penstock-dev/penstock => ../..
