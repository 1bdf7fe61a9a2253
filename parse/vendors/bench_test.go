package vendors_test

import (
	"testing"

	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/vendors"
)

// What it costs to begin: the detection of all packs, of which none is compiled yet.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		set, err := vendors.Packs()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := set.Auto(pack.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// Every pack compiled.
func BenchmarkCompileAll(b *testing.B) {
	for b.Loop() {
		set, err := vendors.Packs()
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range set.Names() {
			if _, err := set.Pack(name); err != nil {
				b.Fatal(err)
			}
		}
	}
}
