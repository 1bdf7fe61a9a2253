//go:build penstock_poison

package parse

import "fmt"

// checkClear finds who wrote into a slot without a mark.
func (f *Frame) checkClear() {
	for i := range f.Slots {
		if f.Slots[i].kind != KindNone {
			panic(fmt.Sprintf("parse: slot %d was written without Put, Fill or Set", i))
		}
	}
}
