package evtx

import (
	"fmt"

	"github.com/penstock-dev/penstock/errcat"
)

// Defaults of Options.
const (
	DefaultMaxText      = 1 << 20
	DefaultMaxChunkText = 16 << 20
	DefaultMaxDepth     = 32
	DefaultMaxName      = 256
)

// Options bounds what a record may grow to. Binary XML reuses templates and values, so
// a few bytes can stand for a lot of text. The zero value has the defaults; a breach
// is an error of category OVERSIZE.
type Options struct {
	MaxText      int // bytes of text that a record may become; default DefaultMaxText, at most 1 GiB
	MaxChunkText int // bytes that all readings of one chunk's records may become; default DefaultMaxChunkText, at most 1 GiB
	MaxDepth     int // open elements, and templates within each other; default DefaultMaxDepth, at most 256
	MaxName      int // UTF-16 units of an element's or attribute's name; default DefaultMaxName, at most 65535

	// Salvage reads the records of chunks that fail their checksums or are cut, too.
	// Each record must still be well-formed; its values may be wrong.
	Salvage bool
}

func (o Options) check() (Options, error) {
	for _, l := range [...]struct {
		name        string
		value       *int
		normal, max int
	}{
		{"MaxText", &o.MaxText, DefaultMaxText, 1 << 30},
		{"MaxChunkText", &o.MaxChunkText, DefaultMaxChunkText, 1 << 30},
		{"MaxDepth", &o.MaxDepth, DefaultMaxDepth, 256},
		{"MaxName", &o.MaxName, DefaultMaxName, 65535},
	} {
		switch {
		case *l.value == 0:
			*l.value = l.normal
		case *l.value < 0 || *l.value > l.max:
			return o, fmt.Errorf("evtx: %s is %d; want 1 to %d, or 0 for the default %d", l.name, *l.value, l.max, l.normal)
		}
	}
	return o, nil
}

func fail(c errcat.Category, at int64, msg string) error {
	e := errcat.New(c, errcat.StageParse, msg)
	e.Parser, e.Offset = "evtx", at
	return e
}
