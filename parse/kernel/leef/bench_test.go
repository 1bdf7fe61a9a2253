package leef

import (
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

func benchmarkRead(b *testing.B, delim string) {
	var h Header
	text, err := ParseHeader([]byte(line), &h)
	if err != nil {
		b.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), "\t", delim))
	var names []string
	var slots []int
	for it := Iterate(text, []byte(delim)); it.Next(); {
		names = append(names, string(it.Key()))
		slots = append(slots, len(slots))
	}
	keys, err := parse.NewKeys(names, slots)
	if err != nil {
		b.Fatal(err)
	}
	r := NewReader(keys)
	d := []byte(delim)
	var f parse.Frame
	var arena arena.Bytes
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		arena.Reset()
		f.Reset(len(slots), &arena)
		if err := r.Read(text, d, &f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	b.Run("tab", func(b *testing.B) { benchmarkRead(b, "\t") })
	b.Run("caret", func(b *testing.B) { benchmarkRead(b, "^") })
	b.Run("plain", func(b *testing.B) {
		text := line[strings.LastIndexByte(line, '|')+1:]
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			m := map[string]string{}
			for _, p := range strings.Split(text, "\t") {
				k, v, _ := strings.Cut(p, "=")
				m[k] = v
			}
		}
	})
}
