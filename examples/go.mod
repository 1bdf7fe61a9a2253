module github.com/penstock-dev/penstock/examples

go 1.26

require github.com/penstock-dev/penstock v0.0.0

require github.com/goccy/go-yaml v1.19.2 // indirect

replace github.com/penstock-dev/penstock => ../
