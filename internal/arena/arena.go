// Package arena holds append-only memory that dies together: the text and the
// value lists of one batch of events. Nothing in it is safe for concurrent use.
package arena

const (
	firstBlock = 1 << 10
	// What Reset keeps is bounded, so that one huge event does not pin its
	// memory for the life of a pool.
	keepLimit  = 1 << 20 // bytes
	keepValues = 1 << 15
)

// Bytes hands out byte slices that stay valid until Reset. Each result is capped
// at its length, so an append to it cannot reach its neighbour.
// The zero value is ready to use.
type Bytes struct {
	full  graveyard // blocks left behind, where they are overwritten
	block []byte    // allocated so far in the current block: block[:len]
	used  int       // bytes in full blocks since the last Reset
}

// Alloc returns n bytes of unspecified content. It panics if n is negative.
func (a *Bytes) Alloc(n int) []byte {
	if cap(a.block)-len(a.block) < n {
		a.grow(n)
	}
	start := len(a.block)
	a.block = a.block[:start+n]
	return a.block[start : start+n : start+n]
}

// Copy returns a copy of b.
func (a *Bytes) Copy(b []byte) []byte {
	d := a.Alloc(len(b))
	copy(d, b)
	return d
}

// CopyString returns a copy of s.
func (a *Bytes) CopyString(s string) []byte {
	d := a.Alloc(len(s))
	copy(d, s)
	return d
}

// Scratch returns an empty slice with room for at least n bytes at the arena's
// end. Appends to it take arena memory only when Keep is called with the result;
// no other method may be called in between.
func (a *Bytes) Scratch(n int) []byte {
	if cap(a.block)-len(a.block) < n {
		a.grow(n)
	}
	return a.block[len(a.block):len(a.block):cap(a.block)]
}

// Keep makes b, which grew from Scratch, part of the arena and returns it capped.
// If b outgrew the arena's block it lives in memory of its own and is returned as is.
func (a *Bytes) Keep(b []byte) []byte {
	start := len(a.block)
	if cap(b) > 0 && start+len(b) <= cap(a.block) {
		room := a.block[start : start+len(b)]
		if len(b) == 0 || &room[0] == &b[0] {
			a.block = a.block[:start+len(b)]
			return room[:len(b):len(b)]
		}
	}
	a.used += len(b)
	return b[:len(b):len(b)]
}

// Len is the number of bytes handed out since the last Reset.
func (a *Bytes) Len() int { return a.used + len(a.block) }

func (a *Bytes) grow(n int) {
	a.used += len(a.block)
	a.full.add(a.block)
	size := max(2*cap(a.block), firstBlock, n)
	a.block = make([]byte, 0, size)
}

// Reset makes all memory available again. Every slice handed out before is invalid.
func (a *Bytes) Reset() {
	a.used = 0
	a.full.poison()
	poison(a.block)
	if cap(a.block) > keepLimit {
		a.block = nil
		return
	}
	a.block = a.block[:0]
}

// Slices hands out slices of T in the same way. The zero value is ready to use.
type Slices[T any] struct{ block []T }

// Alloc returns n zeroed values, valid until Reset.
func (a *Slices[T]) Alloc(n int) []T {
	if cap(a.block)-len(a.block) < n {
		a.block = make([]T, 0, max(2*cap(a.block), 64, n))
	}
	start := len(a.block)
	a.block = a.block[:start+n]
	return a.block[start : start+n : start+n] // Reset has cleared it
}

// Len is the number of values in the current block.
func (a *Slices[T]) Len() int { return len(a.block) }

// Reset makes all memory available again and lets go of what the values held. Every slice
// handed out before is invalid.
func (a *Slices[T]) Reset() {
	clear(a.block)
	if cap(a.block) > keepValues {
		a.block = nil
		return
	}
	a.block = a.block[:0]
}
