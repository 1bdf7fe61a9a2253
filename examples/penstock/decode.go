package main

import (
	"fmt"

	"github.com/penstock-dev/penstock/examples/penstock/internal/config"
	"github.com/penstock-dev/penstock/ingest"
)

// decoding is what -compression, -charset and -invalid say. binary is for formats that are no
// text.
func (o *parseOptions) decoding(binary bool) (ingest.Decoding, error) {
	d, err := config.Decoding(o.compression, o.charset, o.invalid, binary)
	if err != nil {
		err = fmt.Errorf("-compression, -charset, -invalid: %w", err)
	}
	return d, err
}
