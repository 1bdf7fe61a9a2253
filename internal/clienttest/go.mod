module github.com/penstock-dev/penstock/internal/clienttest

go 1.26

require github.com/penstock-dev/penstock v0.0.0

require (
	github.com/elastic/go-lumber v0.1.2-0.20220819171948-335fde24ea0f // indirect
	github.com/fluent/fluent-logger-golang v1.10.2 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/pgx/v5 v5.12.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)

replace github.com/penstock-dev/penstock => ../..
