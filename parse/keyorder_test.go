package parse_test

import (
	"bytes"
	"testing"

	"github.com/penstock-dev/penstock/parse"
)

// What is expected is compared by words: for every length each byte must count, the
// separator included, and nothing behind the text may be looked at.
func TestKeyOrder(t *testing.T) {
	for n := 1; n <= 60; n++ {
		key := bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz"), 3)[:n]
		keys, err := parse.NewKeys([]string{string(key)}, []int{7})
		if err != nil {
			t.Fatal(err)
		}
		o := parse.NewKeyOrder(keys, '=')
		text := append(bytes.Clone(key), "=12345678"...)
		expected := func() (guessed, words bool) {
			o.Begin()
			e := o.Last().Next()
			words = e.MayBeAt(text, 0) && e.IsAt(text, 0)
			if words && (e.Len() != n || e.Slot() != 7) {
				t.Errorf("%d bytes: %d long, slot %d", n, e.Len(), e.Slot())
			}
			length, slot := o.Guess(text, 0)
			if length != 0 && (length != n || slot != 7) {
				t.Errorf("%d bytes: %d long, slot %d", n, length, slot)
			}
			return length > 0, words
		}
		if a, b := expected(); a || b {
			t.Errorf("%d bytes: expected before it came", n)
		}
		o.Begin()
		if o.Find(key) != 7 {
			t.Fatalf("%d bytes: not found", n)
		}
		if a, b := expected(); a != (n <= 47) || b != (n <= 31) {
			t.Errorf("%d bytes: %v, by words %v", n, a, b)
		}
		for i := range n + 1 {
			text[i] ^= 1
			if a, b := expected(); a || b {
				t.Errorf("%d bytes: byte %d does not count", n, i)
			}
			text[i] ^= 1
		}
		text = text[:n] // the separator lies behind the end
		if a, b := expected(); a || b {
			t.Errorf("%d bytes: there without its separator", n)
		}
	}
}
