package text

// trie finds which of many literals stand at a place, in one walk.
type trie struct {
	nodes []trieNode
	first [256]bool // bytes that literals begin with; a space counts for a tab
	atEnd bool      // a literal that is one space: the end of the text stands for it
}

type trieNode struct {
	bytes []byte
	next  []int32
	term  int32 // the literal that ends here, or -1
	up    int32 // the nearest node above that ends a literal, or -1
}

func newTrie(terms []literal) *trie {
	t := &trie{nodes: []trieNode{{term: -1, up: -1}}}
	for i := range terms {
		at := int32(0)
		s := terms[i].text
		t.first[s[0]] = true
		if s[0] == ' ' {
			t.first['\t'] = true
			t.atEnd = t.atEnd || s == " "
		}
		for j := range len(s) {
			at = t.child(at, s[j])
		}
		t.nodes[at].term = int32(i)
	}
	t.link(0, -1)
	return t
}

func (t *trie) child(at int32, c byte) int32 {
	n := &t.nodes[at]
	for i, b := range n.bytes {
		if b == c {
			return n.next[i]
		}
	}
	id := int32(len(t.nodes))
	n.bytes = append(n.bytes, c)
	n.next = append(n.next, id)
	t.nodes = append(t.nodes, trieNode{term: -1, up: -1})
	return id
}

func (t *trie) link(at, up int32) {
	t.nodes[at].up = up
	if t.nodes[at].term >= 0 {
		up = at
	}
	for _, n := range t.nodes[at].next {
		t.link(n, up)
	}
}

// longest returns the node of the longest literal that stands at pos, or -1. The
// shorter ones are found by up.
func (t *trie) longest(text []byte, pos int) (at int32, steps int) {
	best := int32(-1)
	from := pos
	at = 0
	for {
		n := &t.nodes[at]
		if n.term >= 0 {
			best = at
		}
		c := byte(' ')
		if pos < len(text) {
			if c = text[pos]; c == '\t' {
				c = ' '
			}
		}
		next := int32(-1)
		for i, b := range n.bytes {
			if b == c {
				next = n.next[i]
				break
			}
		}
		if next < 0 {
			return best, pos - from
		}
		at = next
		if c != ' ' {
			pos++
			continue
		}
		for pos < len(text) && (text[pos] == ' ' || text[pos] == '\t') {
			pos++
		}
	}
}

// fewTerms is how many literals a search keeps track of on the stack.
const fewTerms = 512

// searchTerms looks for the first place of each literal of s, nearest first, and goes
// on there. It reports whether all the rest matched.
func (m *matcher) searchTerms(n *node, s *search, start, from, q int) bool {
	if len(s.terms) > fewTerms {
		seen, _ := m.set.seen.Get().(*[]uint64)
		if seen == nil {
			seen = new([]uint64)
		}
		if n := (len(s.terms) + 63) / 64; cap(*seen) < n {
			*seen = make([]uint64, n)
		} else {
			*seen = (*seen)[:n]
			clear(*seen)
		}
		ok := m.searchSeen(n, s, start, from, q, *seen)
		m.set.seen.Put(seen)
		return ok
	}
	var seen [fewTerms / 64]uint64
	return m.searchSeen(n, s, start, from, q, seen[:])
}

func (m *matcher) searchSeen(n *node, s *search, start, from, q int, seen []uint64) bool {
	t := s.trie
	text := m.text
	left := len(s.terms)
	for p := from; p <= q; p++ {
		first := p
		for p < len(text) && p < q && !t.first[text[p]] {
			p++
		}
		m.fuel -= 1 + (p-first)>>3
		if p < len(text) && !t.first[text[p]] || p == len(text) && !t.atEnd {
			break // p == q
		}
		leaf, steps := t.longest(text, p)
		if m.fuel -= steps >> 3; m.fuel < 0 {
			break
		}
		for ; leaf >= 0; leaf = t.nodes[leaf].up {
			i := t.nodes[leaf].term
			if seen[i/64]&(1<<(i%64)) != 0 {
				continue
			}
			seen[i/64] |= 1 << (i % 64)
			l := &s.terms[i]
			if m.leave(n, start, p, l.next, l.match(text, p)) {
				return true
			}
			if left--; left == 0 {
				return false
			}
		}
		if p < len(text) && (text[p] == ' ' || text[p] == '\t') {
			for p+1 < len(text) && (text[p+1] == ' ' || text[p+1] == '\t') {
				p++ // one run of spaces is one place
			}
		}
	}
	return false
}
