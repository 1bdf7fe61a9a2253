package pack

import (
	"math/rand/v2"
	"testing"
)

func TestByKey(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		b := make([]byte, rnd.IntN(10))
		for i := range b {
			b[i] = "\x00a0\xff"[rnd.IntN(4)]
		}
		return string(b)
	}
	for range 300 {
		all := map[string]int{}
		for range rnd.IntN(100) {
			all[text()] = rnd.IntN(9)
		}
		quick := newByKey(all)
		for k, want := range all {
			if v, ok := quick.get([]byte(k)); !ok || v != want {
				t.Fatalf("%q is %d, %v, want %d", k, v, ok, want)
			}
		}
		for range 300 {
			k := text()
			want, is := all[k]
			if v, ok := quick.get([]byte(k)); ok != is || v != want {
				t.Fatalf("%q is %d, %v, want %d, %v", k, v, ok, want, is)
			}
		}
	}
	var none byKey[int]
	if v, ok := none.get([]byte("a")); ok || v != 0 {
		t.Errorf("nothing holds %d, %v", v, ok)
	}
	many := map[string]int{}
	for i := range maxShortKeys + 1 {
		many[string([]byte{byte(i), byte(i >> 8), 'x'})] = i
	}
	quick := newByKey(many)
	for k, want := range many {
		if v, ok := quick.get([]byte(k)); !ok || v != want {
			t.Fatalf("of many, %q is %d, %v, want %d", k, v, ok, want)
		}
	}
}
