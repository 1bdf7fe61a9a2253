package pack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// Whatever the texts and the message: a candidate is found if the message holds its text.
func TestWindows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	letters := "aab=:X"
	text := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[rng.IntN(len(letters))]
		}
		return b
	}
	for round := range 2000 {
		w := newWindows([]int{windowLen, rawWindowLen}[round%2])
		n := 1 + rng.IntN(70)
		var texts [][]byte
		for i := range n {
			texts = append(texts, text(w.size+rng.IntN(4)))
			if !w.add(string(texts[i]), 2, i) {
				t.Fatal("no room")
			}
		}
		message := text(rng.IntN(60))
		got := make(bitset, 2)
		w.find(message, got)
		for i, x := range texts {
			if got.has(i) != bytes.Contains(message, x) {
				t.Fatalf("round %d: %q in %q: found %t", round, x, message, got.has(i))
			}
		}
	}
}

func BenchmarkWindows(b *testing.B) {
	w := newWindows(windowLen)
	for i := range 200 {
		w.add(fmt.Sprintf("name%d=\"value %d", i*7919%1000, i), 4, i)
	}
	line := bytes.Repeat([]byte(`date=2026-03-09 time=06:30:00 devname="fw-1" logid="0000000013" srcip=10.1.2.3 action="accept" `), 10)
	sets := make(bitset, 4)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		w.find(line, sets)
	}
}
