//go:build penstock_poison

package arena

// graveyard remembers the blocks that were left behind full, to overwrite them too.
type graveyard struct{ blocks [][]byte }

func (g *graveyard) add(b []byte) { g.blocks = append(g.blocks, b) }

func (g *graveyard) poison() {
	for _, b := range g.blocks {
		poison(b)
	}
	clear(g.blocks)
	g.blocks = g.blocks[:0]
}

// poison overwrites released memory, so that whoever kept a slice of it past its
// lifetime reads nonsense at once instead of sometimes.
func poison(b []byte) {
	for i := range b {
		b[i] = 0xDB
	}
}
