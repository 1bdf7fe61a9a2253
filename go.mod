module github.com/penstock-dev/penstock

go 1.26

require github.com/leodido/go-syslog/v4 v4.5.0 // indirect
