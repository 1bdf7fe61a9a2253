module github.com/penstock-dev/penstock

go 1.26

require (
	github.com/goccy/go-yaml v1.19.2 // indirect
	github.com/leodido/go-syslog/v4 v4.5.0 // indirect
	github.com/tidwall/gjson v1.20.1 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.0 // indirect
	github.com/valyala/fastjson v1.6.10 // indirect
)
