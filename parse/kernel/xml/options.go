package xml

import (
	"fmt"

	"github.com/penstock-dev/penstock/errcat"
)

// Defaults of Options.
const (
	DefaultMaxBytes = 16 << 20
	DefaultMaxDepth = 64
	DefaultMaxAttrs = 64
	DefaultMaxName  = 256
)

// Options bounds what a document may hold. The zero value has the defaults; a breach
// is an error of category OVERSIZE.
type Options struct {
	MaxBytes int // length of a document; default DefaultMaxBytes, at most 1 GiB
	MaxDepth int // open elements; default DefaultMaxDepth, at most 65536
	MaxAttrs int // attributes of one element; default DefaultMaxAttrs, at most 65536
	MaxName  int // bytes of a name, prefix included; default DefaultMaxName, at most 65536

	// Controls accepts the control characters that XML 1.0 forbids, raw or as a
	// reference, and U+FFFE and U+FFFF: Windows writes them where event data holds them.
	Controls bool
}

func (o Options) check() (Options, error) {
	for _, l := range [...]struct {
		name        string
		value       *int
		normal, max int
	}{
		{"MaxBytes", &o.MaxBytes, DefaultMaxBytes, 1 << 30},
		{"MaxDepth", &o.MaxDepth, DefaultMaxDepth, 1 << 16},
		{"MaxAttrs", &o.MaxAttrs, DefaultMaxAttrs, 1 << 16},
		{"MaxName", &o.MaxName, DefaultMaxName, 1 << 16},
	} {
		switch {
		case *l.value == 0:
			*l.value = l.normal
		case *l.value < 0 || *l.value > l.max:
			return o, fmt.Errorf("xml: %s is %d; want 1 to %d, or 0 for the default %d", l.name, *l.value, l.max, l.normal)
		}
	}
	return o, nil
}

func fail(c errcat.Category, at int, msg string) error {
	e := errcat.New(c, errcat.StageParse, msg)
	e.Parser, e.Offset = "xml", int64(at)
	return e
}
