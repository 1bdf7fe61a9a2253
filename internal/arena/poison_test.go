//go:build penstock_poison

package arena

import "testing"

func TestReleasedMemoryIsOverwritten(t *testing.T) {
	var a Bytes
	for _, sizes := range [][]int{{4}, {4, 5000, 9000, 4}, {2 * keepLimit}} {
		var held [][]byte
		for _, n := range sizes {
			b := a.Alloc(n)
			clear(b)
			held = append(held, b)
		}
		a.Reset()
		for i, b := range held {
			for j, c := range b {
				if c != 0xDB {
					t.Fatalf("sizes %v: byte %d of slice %d is %#x after Reset", sizes, j, i, c)
				}
			}
		}
	}
}
