module github.com/penstock-dev/penstock/normalize/publicsuffix

go 1.26

require (
	github.com/penstock-dev/penstock v0.0.0
	golang.org/x/net v0.44.0
)

replace github.com/penstock-dev/penstock => ../..
