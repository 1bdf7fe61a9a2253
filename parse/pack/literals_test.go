package pack

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestLiteralsAgainstContains(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(most int) string {
		b := make([]byte, 1+r.IntN(most))
		for i := range b {
			b[i] = "abc=\" "[r.IntN(6)]
		}
		return string(b)
	}
	for range 300 {
		var texts []string
		for range 1 + r.IntN(40) {
			texts = append(texts, word(6))
		}
		l := newLiterals(texts)
		for range 20 {
			b := []byte(word(60))
			bits := make([]uint64, (len(l.ids)+63)/64)
			l.find(b, bits)
			for text, id := range l.ids {
				if got, want := bits[id>>6]&(1<<(id&63)) != 0, bytes.Contains(b, []byte(text)); got != want {
					t.Fatalf("%q in %q: %v, want %v (texts %q)", text, b, got, want, texts)
				}
			}
		}
	}
}

func TestLiteralsBounded(t *testing.T) {
	var texts []string
	for i := range 3000 {
		texts = append(texts, string(bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 10)))
	}
	l := newLiterals(texts)
	if n := len(l.next) / l.width; n > maxStates {
		t.Errorf("%d states", n)
	}
	var all []string
	for i := range 256 {
		all = append(all, string([]byte{byte(i)}))
	}
	l = newLiterals(all)
	l.find([]byte("any text"), make([]uint64, 4))
}
