package pack

import (
	"slices"

	"github.com/penstock-dev/penstock/internal/scan"
)

// pairSet is which pairs of neighbours a text has, by a hash: a text that has not those of a needle
// does not hold it.
type pairSet struct {
	has  [1 << pairBits]bool
	done bool
}

const pairBits = 10

func pairHash(w uint64) uint16 { return uint16(w) * 0x9e37 >> (16 - pairBits) }

// of counts the pairs of b in, once until done is reset.
func (p *pairSet) of(b []byte) {
	if p.done {
		return
	}
	p.done = true
	clear(p.has[:])
	p.add(b)
}

func (p *pairSet) add(b []byte) {
	set := func(w uint64) { p.has[pairHash(w)] = true }
	i := 0
	for ; i+8 <= len(b); i += 7 {
		w := scan.Load64(b, i)
		set(w)
		set(w >> 8)
		set(w >> 16)
		set(w >> 24)
		set(w >> 32)
		set(w >> 40)
		set(w >> 48)
	}
	for ; i+2 <= len(b); i++ {
		set(uint64(b[i]) | uint64(b[i+1])<<8)
	}
}

// needlePairs are the pairs of a needle that the fewest texts have; what is missing is one of the others.
type needlePairs [3]uint16

func pairsOf(text string) (out needlePairs) {
	var places []int
	for range out {
		best := -1
		common := func(at int) int { return frequency[text[at]] * frequency[text[at+1]] }
		for i := 0; i+2 <= len(text); i++ {
			if !slices.Contains(places, i) && (best < 0 || common(i) < common(best)) {
				best = i
			}
		}
		if best >= 0 {
			places = append(places, best)
		}
	}
	for i := range out {
		if i < len(places) {
			at := places[i]
			out[i] = pairHash(uint64(text[at]) | uint64(text[at+1])<<8)
		} else if i > 0 {
			out[i] = out[0]
		}
	}
	return out
}

// mayHold reports whether a text with these pairs may hold the needle.
func (p *pairSet) mayHold(n *needle) bool {
	return len(n.text) < 2 || p.has[n.pairs[0]] && p.has[n.pairs[1]] && p.has[n.pairs[2]]
}

// fewNeedles are looked for one by one, which costs less than to count the pairs of the text.
const fewNeedles = 3

// anyIn reports whether b, whose pairs go to p, holds one of the list.
func (p *pairSet) anyIn(b []byte, list []needle) bool {
	if !p.done {
		if len(list) <= fewNeedles || len(b) > maxBeginning {
			return anyIn(b, list)
		}
		p.of(b)
	}
	for i := range list {
		if p.mayHold(&list[i]) && list[i].in(b) {
			return true
		}
	}
	return false
}

// holds is anyIn for one needle.
func (p *pairSet) holds(b []byte, n *needle) bool { return (!p.done || p.mayHold(n)) && n.in(b) }
