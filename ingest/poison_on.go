//go:build penstock_poison

package ingest

// poison overwrites released memory, so that whoever kept a slice of it past its
// lifetime reads nonsense at once instead of sometimes.
func poison(b []byte) {
	for i := range b {
		b[i] = 0xDB
	}
}
