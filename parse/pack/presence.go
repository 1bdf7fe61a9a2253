package pack

import (
	"encoding/binary"
	"math/bits"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// presence is which bytes a text has.
type presence struct {
	set  byteSet
	done bool
}

// of returns the bytes of b, which are counted once until done is reset.
func (p *presence) of(b []byte) *byteSet {
	if p.done {
		return &p.set
	}
	p.done = true
	var there [256]byte
	for ; len(b) >= 8; b = b[8:] {
		w := binary.LittleEndian.Uint64(b)
		there[byte(w)] = 1
		there[byte(w>>8)] = 1
		there[byte(w>>16)] = 1
		there[byte(w>>24)] = 1
		there[byte(w>>32)] = 1
		there[byte(w>>40)] = 1
		there[byte(w>>48)] = 1
		there[byte(w>>56)] = 1
	}
	for _, c := range b {
		there[c] = 1
	}
	for w := range p.set {
		word := uint64(0)
		for k := range 8 {
			// Eight bytes of 0 or 1 become eight bits.
			eight := binary.LittleEndian.Uint64(there[w<<6+k<<3:]) * 0x0102040810204080 >> 56
			word |= eight << (k << 3)
		}
		p.set[w] = word
	}
	return &p.set
}

// meets reports whether s has a byte of o.
func (s *byteSet) meets(o *byteSet) bool {
	return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] != 0
}

// meetsAll reports whether s has a byte of each.
func (s *byteSet) meetsAll(list []byteSet) bool {
	for i := range list {
		if !s.meets(&list[i]) {
			return false
		}
	}
	return true
}

// lone are the bytes of the sets that have one.
func lone(sets []byteSet) (out []byte) {
	for i := range sets {
		for c := range 256 {
			if sets[i].size() == 1 && sets[i].has(byte(c)) {
				out = append(out, byte(c))
			}
		}
	}
	return out
}

// maxHeld is how many sets a signature keeps.
const maxHeld = 6

// heldBy returns sets of bytes of each of which every text has one that all of the expressions
// match, the rarest first.
func heldBy(list []*syntax.Regexp) []byteSet {
	var sets []byteSet
	for _, re := range list {
		sets = append(sets, held(re)...)
	}
	slices.SortStableFunc(sets, func(a, b byteSet) int { return a.commonness() - b.commonness() })
	sets = slices.Compact(sets)
	for i := range sets {
		if i == maxHeld || sets[i].commonness() >= common {
			return slices.Clone(sets[:i])
		}
	}
	return sets
}

// held is heldBy for one expression, in no order.
func held(re *syntax.Regexp) (sets []byteSet) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r >= utf8.RuneSelf || re.Flags&syntax.FoldCase != 0 && (r|0x20 == 'k' || r|0x20 == 's') {
				continue // letters with more bytes, or that fold to one that has
			}
			var s byteSet
			s.add(byte(r))
			if c := byte(r) | 0x20; re.Flags&syntax.FoldCase != 0 && c >= 'a' && c <= 'z' {
				s.add(c)
				s.add(c - 0x20)
			}
			sets = append(sets, s)
		}
	case syntax.OpCharClass:
		s, _ := classBytes(re)
		sets = append(sets, s)
	case syntax.OpCapture, syntax.OpPlus:
		return held(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return held(re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			sets = append(sets, held(sub)...)
		}
	case syntax.OpAlternate:
		var all byteSet
		for _, sub := range re.Sub {
			each := held(sub)
			if len(each) == 0 {
				return nil
			}
			rarest := slices.MinFunc(each, func(a, b byteSet) int { return a.commonness() - b.commonness() })
			all.addAll(&rarest)
		}
		sets = append(sets, all)
	}
	return sets
}

// common is the commonness from which on nearly every text has a byte of a set.
const common = 1 << 16

// commonness orders sets by how rarely a text has none of their bytes.
func (s *byteSet) commonness() int {
	n := s.size()
	often := bits.OnesCount64(s[0]&oftenBytes[0]) + bits.OnesCount64(s[1]&oftenBytes[1]) + bits.OnesCount64(s[2]) + bits.OnesCount64(s[3])
	some := bits.OnesCount64(s[0]&someBytes[0]) + bits.OnesCount64(s[1]&someBytes[1])
	return n + often*(common/16-1) + some*(16-1)
}

// oftenBytes and someBytes are the bytes below utf8.RuneSelf that texts are made of: lower-case
// letters and spaces, and digits and upper-case letters.
var oftenBytes, someBytes = func() (often, some byteSet) {
	often.add(' ')
	often.addRange('a', 'z')
	some.addRange('0', '9')
	some.addRange('A', 'Z')
	return often, some
}()

// lead is how every text begins that an expression matches: with any number of bytes of run,
// and then one of next, which has none of run. Where nothing is known, next is empty.
type lead struct{ run, next byteSet }

// allows reports whether b may begin so.
func (l *lead) allows(b []byte) bool {
	if l.next == (byteSet{}) {
		return true
	}
	for _, c := range b {
		if !l.run.has(c) {
			return l.next.has(c)
		}
	}
	return false
}

// leadsOf are the leads of expressions.
func leadsOf(list []*syntax.Regexp) (out []lead) {
	for _, re := range list {
		out = append(out, leadOf(re))
	}
	return out
}

func leadOf(re *syntax.Regexp) (l lead) {
	if re.Op != syntax.OpConcat || len(re.Sub) == 0 || re.Sub[0].Op != syntax.OpBeginText {
		return lead{}
	}
	for i := 1; i < len(re.Sub); i++ {
		one := re.Sub[i]
		switch one.Op {
		case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
			one = one.Sub[0]
		}
		x := single(one)
		if x == nil {
			return lead{}
		}
		l.run.addAll(x)
		if next := places(re.Sub[i+1:], 1); len(next) > 0 && !next[0].meets(&l.run) {
			l.next = next[0]
			return l
		}
	}
	return lead{}
}

// stretch is n bytes of a set in a row.
type stretch struct {
	of byteSet
	n  int
}

// in reports whether b has it.
func (s *stretch) in(b []byte) bool {
	for end := s.n - 1; end < len(b); {
		// Backwards, so that most of b is passed over.
		k := 0
		for k < s.n && s.of.has(b[end-k]) {
			k++
		}
		if k == s.n {
			return true
		}
		end += s.n - k
	}
	return false
}

// stretchesBy returns what every text has that all of the expressions match.
func stretchesBy(list []*syntax.Regexp) (out []stretch) {
	for _, re := range list {
		out = append(out, stretches(re)...)
	}
	return out
}

func stretches(re *syntax.Regexp) (out []stretch) {
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return stretches(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			out = append(out, stretches(sub)...)
		}
	case syntax.OpRepeat:
		// Each character has a byte at least.
		if x := single(re.Sub[0]); x != nil && re.Min > 2 && x.commonness() < common {
			out = append(out, stretch{*x, re.Min})
		}
	}
	return out
}
