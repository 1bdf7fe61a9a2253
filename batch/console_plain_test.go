package batch

import (
	"bytes"
	"slices"
	"testing"
)

// Every byte at every place of texts of all lengths around the size of a step.
func TestAllPlain(t *testing.T) {
	for n := range 70 {
		b := bytes.Repeat([]byte{'a'}, n)
		for at := range n {
			for c := range 256 {
				b[at] = byte(c)
				want := !slices.ContainsFunc(b, func(c byte) bool { return c >= 0x7f })
				if allPlain(b) != want {
					t.Fatalf("%d bytes, %#x at %d: %v", n, c, at, !want)
				}
			}
			b[at] = 'a'
		}
	}
}
