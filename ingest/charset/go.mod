module github.com/penstock-dev/penstock/ingest/charset

go 1.26

require (
	github.com/penstock-dev/penstock v0.0.0
	golang.org/x/text v0.34.0
)

replace github.com/penstock-dev/penstock => ../..
