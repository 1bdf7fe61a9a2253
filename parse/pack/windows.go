package pack

import (
	"encoding/binary"
	"slices"
)

// windowLen is how long the piece of a text is that windows looks for: a word of 32 bits.
const windowLen = 4

// windows finds which of many short pieces of text a message holds, after Wu and Manber:
// it looks at two bytes and knows how far the next piece can end at the earliest, so that
// most bytes are never looked at, however many the pieces are. It is constant once built.
type windows struct {
	shift []uint8 // by the hash of two bytes: small, as it is read all the time
	head  []int16 // by the hash of a window: the first one, or -1
	items []window
}

type window struct {
	text uint32 // its bytes, the first lowest
	next int16  // another one of the same hash, or -1
	// The texts that it is a piece of.
	whole []wholeText
}

type wholeText struct {
	before, after string // what stands around the window
	sets          bitset // the candidates that are possible with it
}

const (
	windowHeads = 1 << 12
	maxWindows  = 1 << 14
)

func newWindows() *windows {
	w := &windows{shift: make([]uint8, 1<<13), head: make([]int16, windowHeads)}
	for i := range w.shift {
		w.shift[i] = windowLen - 1
	}
	for i := range w.head {
		w.head[i] = -1
	}
	return w
}

func blockHash(a, b byte) int { return (int(a)<<6 ^ int(b)) & (1<<13 - 1) }

func windowHash(text uint32) int { return int(text * 0x9e3779b1 >> (32 - 12)) }

// add makes candidate possible for messages that hold text, which has windowLen bytes or
// more. It is false if there are too many.
func (w *windows) add(text string, words, candidate int) bool {
	from := rarest(text)
	piece := text[from : from+windowLen]
	n := binary.LittleEndian.Uint32([]byte(piece))
	at := slices.IndexFunc(w.items, func(it window) bool { return it.text == n })
	if at < 0 {
		if len(w.items) == maxWindows {
			return false
		}
		for end := 1; end < windowLen; end++ {
			block := blockHash(piece[end-1], piece[end])
			w.shift[block] = min(w.shift[block], uint8(windowLen-1-end))
		}
		h := windowHash(n)
		at = len(w.items)
		w.items = append(w.items, window{text: n, next: w.head[h]})
		w.head[h] = int16(at)
	}
	it := &w.items[at]
	before, after := text[:from], text[from+windowLen:]
	for i := range it.whole {
		if it.whole[i].before == before && it.whole[i].after == after {
			it.whole[i].sets.set(candidate)
			return true
		}
	}
	sets := make(bitset, words)
	sets.set(candidate)
	it.whole = append(it.whole, wholeText{before, after, sets})
	return true
}

// rarest returns where in text the piece begins that the fewest messages hold, as far as
// kinds of characters tell.
func rarest(text string) int {
	best, at := -1, 0
	for i := 0; i+windowLen <= len(text); i++ {
		n := 0
		for _, c := range []byte(text[i : i+windowLen]) {
			switch {
			case c >= 'a' && c <= 'z' || c == ' ':
			case c >= '0' && c <= '9' || c == '=' || c == '"' || c == ':':
				n++
			default:
				n += 2
			}
		}
		if n > best {
			best, at = n, i
		}
	}
	return at
}

// find adds the candidates that are possible with what b holds to sets. Each step waits for
// the one before it, so that two halves of b are searched side by side.
func (w *windows) find(b []byte, sets bitset) {
	shift, head := w.shift[:1<<13], w.head[:windowHeads]
	i, j := windowLen-1, max(windowLen-1, len(b)/2)
	middle := j
	for i < middle && j < len(b) {
		s, t := shift[blockHash(b[i-1], b[i])], shift[blockHash(b[j-1], b[j])]
		if s == 0 {
			if text := binary.LittleEndian.Uint32(b[i-3:]); head[windowHash(text)] >= 0 {
				w.hit(b, i, text, sets)
			}
			s = 1
		}
		if t == 0 {
			if text := binary.LittleEndian.Uint32(b[j-3:]); head[windowHash(text)] >= 0 {
				w.hit(b, j, text, sets)
			}
			t = 1
		}
		i += int(s)
		j += int(t)
	}
	for ; i < middle; i += w.step(b, i, sets) {
	}
	for ; j < len(b); j += w.step(b, j, sets) {
	}
}

func (w *windows) step(b []byte, i int, sets bitset) int {
	if s := w.shift[blockHash(b[i-1], b[i])]; s != 0 {
		return int(s)
	}
	w.hit(b, i, binary.LittleEndian.Uint32(b[i-3:]), sets)
	return 1
}

// hit looks for the windows with the given text, which ends at i.
func (w *windows) hit(b []byte, i int, text uint32, sets bitset) {
	for at := w.head[windowHash(text)]; at >= 0; at = w.items[at].next {
		if w.items[at].text != text {
			continue
		}
		for k := range w.items[at].whole {
			t := &w.items[at].whole[k]
			from := i - windowLen + 1
			if from >= len(t.before) && string(b[from-len(t.before):from]) == t.before &&
				len(b)-i-1 >= len(t.after) && string(b[i+1:i+1+len(t.after)]) == t.after {
				for k, m := range t.sets {
					sets[k] |= m
				}
			}
		}
	}
}
