module github.com/penstock-dev/penstock/examples

go 1.26

require github.com/penstock-dev/penstock v0.0.0

replace github.com/penstock-dev/penstock => ../
