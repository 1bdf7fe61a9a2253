package main

import (
	"fmt"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/charset"
	"github.com/penstock-dev/penstock/ingest/zstd"
)

// decoding is what -compression, -charset and -invalid say. binary is for formats that are no
// text.
func (o *parseOptions) decoding(binary bool) (d ingest.Decoding, err error) {
	z, err := zstd.New(zstd.Options{})
	if err != nil {
		return d, err
	}
	switch o.compression {
	case "auto":
		d.Codecs = append(ingest.DefaultCodecs(), z)
	case "zstd":
		d.Codec = z
	case "none":
	default:
		c, ok := ingest.CodecByName(o.compression)
		if !ok {
			return d, fmt.Errorf("-compression is auto, gzip, zlib, zstd or none, not %q", o.compression)
		}
		d.Codec = c
	}
	if o.charset != "none" && !(binary && o.charset == "auto") {
		if d.Charset, err = charset.Lookup(o.charset); err != nil {
			return d, err
		}
	}
	var ok bool
	if d.Invalid, ok = ingest.InvalidTextByName(o.invalid); !ok {
		return d, fmt.Errorf("-invalid is keep, reject, repair or windows-1252, not %q", o.invalid)
	}
	return d, nil
}
