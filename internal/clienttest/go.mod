module github.com/penstock-dev/penstock/internal/clienttest

go 1.26.0

require (
	github.com/IBM/fluent-forward-go v0.4.0
	github.com/elastic/go-elasticsearch/v7 v7.17.10
	github.com/elastic/go-lumber v0.1.2-0.20220819171948-335fde24ea0f
	github.com/fluent/fluent-logger-golang v1.10.2
	github.com/fuyufjh/splunk-hec-go v0.4.0
	github.com/jackc/pgx/v5 v5.12.0
	github.com/opensearch-project/opensearch-go/v4 v4.8.1
	github.com/penstock-dev/penstock v0.0.0
)

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/gorilla/websocket v1.4.2 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/klauspost/compress v1.15.9 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/tinylib/msgp v1.4.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)

replace github.com/penstock-dev/penstock => ../..
