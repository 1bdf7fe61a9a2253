package text

import "encoding/binary"

// A node is one step of a match: a value, then a literal, then the next node; or a
// choice between several ways; or the end. One fills a cache line.
type node struct {
	lit   literal // what follows the value, or what the value ends at (stepFind)
	class *class
	slot  int32
	index int32 // in choices, searches or layouts; of stepEnd: the pattern or -1
	op    step
	min   uint8 // least length of the value
	join  bool  // more than one way leads here
}

type step uint8

const (
	stepLiteral step = iota // no value
	stepClass               // bytes of a class
	stepAll                 // all that is left
	stepFind                // up to the literal
	stepSearch              // up to one of several literals, or bytes of a class up to one
	stepIP
	stepPort
	stepInt
	stepNumber
	stepHex
	stepHost
	stepMAC
	stepQuoted
	stepTime
	stepLiterals // one of several literals
	stepChoice   // literals, captures and ends
	stepEnd
)

// literal is text in which a space stands for one or more spaces or tabs, or for the
// end of the text.
type literal struct {
	text       string
	want, mask uint64 // its first eight bytes
	next       int32
	n          uint16 // length
	spaces     bool   // has a space
	last       bool   // ends with one
}

func (l *literal) finish() {
	var b [8]byte
	n := copy(b[:], l.text)
	l.want = binary.LittleEndian.Uint64(b[:])
	l.mask = 1<<(8*n) - 1 // all ones for 8: the shift leaves 0
	l.n = uint16(len(l.text))
	l.spaces = false
	for i := range len(l.text) {
		l.spaces = l.spaces || l.text[i] == ' '
	}
	l.last = l.text != "" && l.text[len(l.text)-1] == ' '
}

// choice is several ways out of one place, in the order in which they are tried: the
// literal that begins with the next byte, the end of the text, the captures, the end of
// a pattern that need not match to the end.
type choice struct {
	firsts         []byte // first byte of each of lits
	lits           []literal
	caps           []int32 // nodes
	accept, prefix int32   // patterns, or -1
}

// search is a value that ends at the first place of one of several literals.
type search struct {
	terms []literal // longest first
	trie  *trie     // of terms, if there are several
	tail  int32     // node after the longest value, or -1
}

// lower makes the nodes of the states: node i of state i, and after those one for each
// capture that is one of several ways.
func (c *compiler) lower() {
	s := c.set
	for i := range c.all {
		st := &c.all[i]
		for j := range st.lits {
			st.lits[j].finish()
		}
		for j := range st.caps {
			for k := range st.caps[j].terms {
				st.caps[j].terms[k].finish()
			}
		}
	}
	s.nodes = make([]node, len(c.all))
	for i := range c.all {
		st := &c.all[i]
		ends := st.accept >= 0 || st.prefix >= 0
		n := node{op: stepChoice, slot: -1, index: -1, join: st.join}
		switch {
		case len(st.lits) == 1 && len(st.caps) == 0 && !ends:
			n.op, n.lit = stepLiteral, st.lits[0]
		case len(st.lits) == 0 && len(st.caps) == 1 && !ends:
			n = c.value(&st.caps[0])
			n.join = st.join
		case len(st.lits) == 0 && len(st.caps) == 0 && st.prefix < 0:
			n.op, n.index = stepEnd, st.accept
		default:
			ch := choice{lits: st.lits, accept: st.accept, prefix: st.prefix}
			for j := range st.lits {
				ch.firsts = append(ch.firsts, st.lits[j].text[0])
			}
			for j := range st.caps {
				ch.caps = append(ch.caps, int32(len(s.nodes)))
				s.nodes = append(s.nodes, c.value(&st.caps[j]))
			}
			if len(st.caps) == 0 && !ends {
				n.op = stepLiterals
			}
			n.index = int32(len(s.choices))
			s.choices = append(s.choices, ch)
		}
		s.nodes[i] = n
	}
}

// value makes the node of a capture. If nothing but one literal can follow, the node
// has it.
func (c *compiler) value(e *edge) node {
	s := c.set
	n := node{slot: e.cap.slot, class: e.cap.class, min: uint8(e.min), index: -1}
	n.lit.next = e.next
	switch e.cap.typ {
	case tUntil, tWord, tUser, tChars:
		switch {
		case len(e.terms) == 1 && e.next < 0 && n.class == nil:
			n.op, n.lit = stepFind, e.terms[0]
			return n
		case len(e.terms) > 0:
			n.op, n.index = stepSearch, int32(len(s.searches))
			sr := search{terms: e.terms, tail: e.next}
			if len(sr.terms) > 1 {
				sr.trie = newTrie(sr.terms)
			}
			s.searches = append(s.searches, sr)
			return n
		case n.class != nil:
			n.op = stepClass
		default:
			n.op = stepAll
		}
	case tToken:
		n.op = stepClass
	case tRest:
		n.op = stepAll
	case tInt:
		n.op = stepInt
	case tHex:
		n.op = stepHex
	case tNumber:
		n.op = stepNumber
	case tIP:
		n.op = stepIP
	case tPort:
		n.op = stepPort
	case tHost:
		n.op = stepHost
	case tMAC:
		n.op = stepMAC
	case tQuoted:
		n.op = stepQuoted
	case tTime:
		n.op, n.index = stepTime, int32(len(s.layouts))
		s.layouts = append(s.layouts, e.cap.layout)
	}
	if st := &c.all[e.next]; len(st.lits) == 1 && len(st.caps) == 0 && st.accept < 0 && st.prefix < 0 && !st.join {
		n.lit = st.lits[0]
	}
	return n
}
