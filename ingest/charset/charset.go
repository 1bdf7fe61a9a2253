// Package charset has the character sets of golang.org/x/text as ingest.Charset: Shift JIS,
// GB 18030, EUC-KR, KOI8-R, the Windows and ISO 8859 families, IBM code pages and others. It
// is a module of its own because of that library; UTF-8, UTF-16, ISO 8859-1 and Windows-1252 are
// in package ingest.
//
//	set, err := charset.Lookup("shift_jis")
//	...
//	file.Options{Decoding: ingest.Decoding{Charset: set}}
package charset

import (
	"errors"
	"fmt"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/transform"

	"github.com/penstock-dev/penstock/ingest"
)

// Lookup returns a character set by any of its names in the registry of IANA, or those that
// browsers know, letter case aside. What a set does not know becomes U+FFFD, as
// Decoding.Invalid cannot see it any more.
func Lookup(name string) (ingest.Charset, error) {
	if c, ok := ingest.CharsetByName(name); ok {
		return c, nil
	}
	e, err := ianaindex.IANA.Encoding(name)
	if err != nil || e == nil {
		if e, err = htmlindex.Get(name); err != nil {
			if e = codePage(name); e == nil {
				return nil, fmt.Errorf("charset: %q is no character set that is known: use its name in the registry of IANA, such as shift_jis or iso-8859-15", name)
			}
		}
	}
	return charset{name, e}, nil
}

// codePage knows IBM code pages that neither index has.
func codePage(name string) encoding.Encoding {
	for _, c := range charmap.All {
		if s, ok := c.(fmt.Stringer); ok && s.String() == name {
			return c
		}
	}
	return nil
}

type charset struct {
	name string
	e    encoding.Encoding
}

func (c charset) Name() string                      { return c.name }
func (c charset) NewDecoder() ingest.CharsetDecoder { return &decoder{c.e.NewDecoder()} }

type decoder struct{ t *encoding.Decoder }

func (d *decoder) Decode(dst, src []byte, end bool) ([]byte, int, error) {
	took := 0
	for {
		if cap(dst)-len(dst) < 64 {
			dst = append(make([]byte, 0, 2*cap(dst)+len(src)+64), dst...)
		}
		n, m, err := d.t.Transform(dst[len(dst):cap(dst)], src[took:], end)
		dst = dst[:len(dst)+n]
		took += m
		switch {
		case errors.Is(err, transform.ErrShortDst):
			dst = append(make([]byte, 0, 2*cap(dst)+64), dst...)
		case errors.Is(err, transform.ErrShortSrc):
			return dst, took, nil
		default:
			return dst, took, err
		}
	}
}
