package pack

// literals finds which of many texts a message holds, in one pass over it, so that a
// hundred packs cost no more than ten. It is an automaton after Aho and Corasick over
// classes of bytes. It is constant once built.
type literals struct {
	ids   map[string]int // text → number
	class [256]uint8     // equivalent bytes
	width int
	next  []uint16 // state × class → state
	// found lists the numbers of the texts that end in each state from quiet on; the
	// states before it end none.
	quiet uint16
	found [][]uint16
}

// maxStates bounds the automaton; texts beyond it are looked for one by one.
const maxStates = 1 << 15

// newLiterals builds the automaton of the given texts. Texts that do not fit are left out.
func newLiterals(texts []string) *literals {
	l := &literals{ids: map[string]int{}}
	var kept []string
	total := 1
	for _, t := range texts {
		if _, ok := l.ids[t]; ok || t == "" || total+len(t) > maxStates {
			continue
		}
		l.ids[t] = len(kept)
		kept = append(kept, t)
		total += len(t)
	}
	l.width = 1 // class 0: bytes that no text has
	for _, t := range kept {
		for i := 0; i < len(t); i++ {
			if l.class[t[i]] == 0 {
				l.class[t[i]] = uint8(l.width)
				l.width++
			}
		}
	}
	if l.width > 255 {
		return &literals{ids: map[string]int{}, width: 1, next: []uint16{0}, quiet: 1}
	}
	// The trie, then failure links by breadth.
	next := make([]int32, l.width, total*l.width)
	for i := range next {
		next[i] = -1
	}
	ends := [][]uint16{nil}
	for id, t := range kept {
		s := int32(0)
		for i := 0; i < len(t); i++ {
			at := int(s)*l.width + int(l.class[t[i]])
			if next[at] < 0 {
				next[at] = int32(len(ends))
				ends = append(ends, nil)
				for range l.width {
					next = append(next, -1)
				}
			}
			s = next[at]
		}
		ends[s] = append(ends[s], uint16(id))
	}
	fail := make([]int32, len(ends))
	queue := []int32{}
	for c := 0; c < l.width; c++ {
		if next[c] < 0 {
			next[c] = 0
		} else {
			queue = append(queue, next[c])
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		ends[s] = append(ends[s], ends[fail[s]]...)
		for c := 0; c < l.width; c++ {
			at := int(s)*l.width + c
			if t := next[at]; t >= 0 {
				fail[t] = next[int(fail[s])*l.width+c]
				queue = append(queue, t)
			} else {
				next[at] = next[int(fail[s])*l.width+c]
			}
		}
	}
	l.renumber(next, ends)
	return l
}

// renumber moves the states that end a text behind the others, so that one comparison
// tells them.
func (l *literals) renumber(next []int32, ends [][]uint16) {
	to := make([]uint16, len(ends))
	n := uint16(0)
	for s := range ends {
		if len(ends[s]) == 0 {
			to[s] = n
			n++
		}
	}
	l.quiet = n
	for s := range ends {
		if len(ends[s]) > 0 {
			to[s] = n
			n++
			l.found = append(l.found, ends[s])
		}
	}
	l.next = make([]uint16, len(next))
	for s := range ends {
		for c := 0; c < l.width; c++ {
			l.next[int(to[s])*l.width+c] = to[next[s*l.width+c]]
		}
	}
}

// find sets the bits of the texts that b holds.
func (l *literals) find(b []byte, bits []uint64) {
	s, width := 0, l.width
	for _, c := range b {
		t := l.next[s*width+int(l.class[c])]
		if t >= l.quiet {
			for _, id := range l.found[t-l.quiet] {
				bits[id>>6] |= 1 << (id & 63)
			}
		}
		s = int(t)
	}
}
