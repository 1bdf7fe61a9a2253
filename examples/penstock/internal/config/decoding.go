package config

import (
	"fmt"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/charset"
	"github.com/penstock-dev/penstock/ingest/zstd"
	"github.com/penstock-dev/penstock/internal/yaml"
)

// Decoding is what names say of compression, character set and what becomes of text that is no
// UTF-8. Formats that are no text are read as they are where the character set is auto.
func Decoding(compression, characters, invalid string, binary bool) (d ingest.Decoding, err error) {
	z, err := zstd.New(zstd.Options{})
	if err != nil {
		return d, err
	}
	switch compression {
	case "auto":
		d.Codecs = append(ingest.DefaultCodecs(), z)
	case "zstd":
		d.Codec = z
	case "none":
	default:
		c, ok := ingest.CodecByName(compression)
		if !ok {
			return d, fmt.Errorf("compression is auto, gzip, zlib, zstd or none, not %q", compression)
		}
		d.Codec = c
	}
	if characters != "none" && !(binary && characters == "auto") {
		if d.Charset, err = charset.Lookup(characters); err != nil {
			return d, err
		}
	}
	var ok bool
	if d.Invalid, ok = ingest.InvalidTextByName(invalid); !ok {
		return d, fmt.Errorf("invalid is keep, reject, repair or windows-1252, not %q", invalid)
	}
	return d, nil
}

// decoding reads the same from a mapping.
func (f *File) decoding(n *yaml.Node) (d ingest.Decoding, err error) {
	o := struct {
		Compression, Charset, Invalid string
		MaxOutput                     int64
		MaxRatio                      int
	}{Compression: "auto", Charset: "auto", Invalid: "keep"}
	if err := f.Fill(n, &o); err != nil {
		return d, err
	}
	d, err = Decoding(o.Compression, o.Charset, o.Invalid, false)
	d.MaxOutput, d.MaxRatio = o.MaxOutput, o.MaxRatio
	return d, f.Wrap(n, err)
}
