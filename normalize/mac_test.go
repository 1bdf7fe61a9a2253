package normalize

import (
	"testing"

	"github.com/penstock-dev/penstock/parse"
)

// Of whatever usualMAC takes it makes what anyMAC does.
func TestUsualMAC(t *testing.T) {
	var r parse.Record
	for _, s := range []string{"00:1a:2b:3C:4d:5e", "a0-1a-2b-3c-4d-5e"} {
		for i := range s {
			for c := range 256 {
				b := []byte(s)
				b[i] = byte(c)
				out := make([]byte, len(b))
				usual := usualMAC(out, b)
				want, ok := anyMAC(&r, parse.BytesValue(b), b)
				if usual && (!ok || string(out) != want.Str()) {
					t.Errorf("%q: %q, want %v", b, out, want)
				}
				if b[2] == s[2] && usual != ok {
					t.Errorf("%q: %v, want %v", b, usual, ok)
				}
				r.Reset()
			}
		}
	}
}
