module github.com/penstock-dev/penstock

go 1.26

require (
	github.com/goccy/go-yaml v1.19.2 // indirect
	github.com/leodido/go-syslog/v4 v4.5.0 // indirect
)
