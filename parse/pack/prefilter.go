package pack

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/internal/scan"
)

// What must be true of a text that a regular expression matches, so that the expression
// itself need not be tried on most of them.

// depth is how many bytes from the start of a text the position table knows.
const depth = 12

// byteSet is a set of bytes.
type byteSet [4]uint64

func (s *byteSet) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *byteSet) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }
func (s *byteSet) addAll(o *byteSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s *byteSet) addRange(lo, hi byte) {
	for c := int(lo); c <= int(hi); c++ {
		s.add(byte(c))
	}
}

func (s *byteSet) size() int {
	return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) + bits.OnesCount64(s[2]) + bits.OnesCount64(s[3])
}

// beginnings returns the bytes that can stand at each of the first places of a text that
// re matches, up to the first place of which nothing is known; none where a match may
// begin anywhere.
func beginnings(re *syntax.Regexp) []byteSet {
	if !anchored(re) {
		return nil
	}
	return places([]*syntax.Regexp{re}, depth)
}

// anchored reports whether a match can only begin where the text does.
func anchored(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginText:
		return true
	case syntax.OpCapture, syntax.OpPlus:
		return anchored(re.Sub[0])
	case syntax.OpConcat:
		return len(re.Sub) > 0 && anchored(re.Sub[0])
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(s *syntax.Regexp) bool { return !anchored(s) })
	}
	return false
}

// places are the bytes of the first n places of what the list matches in sequence.
func places(list []*syntax.Regexp, n int) []byteSet {
	var out []byteSet
	for len(list) > 0 && len(out) < n {
		re, rest := list[0], list[1:]
		switch re.Op {
		case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpBeginLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		case syntax.OpLiteral:
			out = slices.Grow(out, len(re.Rune))
			for _, r := range re.Rune {
				var s byteSet
				if r >= utf8.RuneSelf || re.Flags&syntax.FoldCase != 0 && (r == 'k' || r == 'K' || r == 's' || r == 'S') {
					return out // letters with more bytes, or that fold to one that has
				}
				s.add(byte(r))
				if c := byte(r) | 0x20; re.Flags&syntax.FoldCase != 0 && c >= 'a' && c <= 'z' {
					s.add(c)
					s.add(c - 0x20)
				}
				out = append(out, s)
			}
		case syntax.OpCharClass:
			s, whole := classBytes(re)
			out = append(out, s)
			if !whole {
				return out
			}
		case syntax.OpCapture:
			list = append([]*syntax.Regexp{re.Sub[0]}, rest...)
			continue
		case syntax.OpConcat:
			list = append(slices.Clone(re.Sub), rest...)
			continue
		case syntax.OpPlus:
			// One of it, and perhaps more of it in front of the rest.
			one := places(re.Sub, n-len(out))
			if len(one) == 0 {
				return out
			}
			if x := single(re.Sub[0]); x != nil {
				return append(out, append([]byteSet{*x}, loop(x, rest, n-len(out)-1)...)...)
			}
			return append(out, one[0])
		case syntax.OpStar:
			if x := single(re.Sub[0]); x != nil {
				return append(out, loop(x, rest, n-len(out))...)
			}
			with := places(re.Sub, 1)
			return append(out, either(with[:min(1, len(with))], places(rest, n-len(out)))...)
		case syntax.OpQuest:
			with := places(append([]*syntax.Regexp{re.Sub[0]}, rest...), n-len(out))
			return append(out, either(with, places(rest, n-len(out)))...)
		case syntax.OpRepeat:
			if x := single(re.Sub[0]); re.Min == 0 && x != nil {
				return append(out, loop(x, rest, n-len(out))...)
			}
			if re.Min == 0 && re.Max != 1 {
				with := places(re.Sub, 1)
				return append(out, either(with[:min(1, len(with))], places(rest, 1))...)
			}
			if re.Min == 0 {
				return append(out, either(places(append([]*syntax.Regexp{re.Sub[0]}, rest...), n-len(out)), places(rest, n-len(out)))...)
			}
			again := []*syntax.Regexp{re.Sub[0]}
			if re.Min > 1 || re.Max != 1 {
				next := *re
				next.Min--
				if next.Max > 0 {
					next.Max--
				}
				if next.Max != 0 {
					again = append(again, &next)
				}
			}
			list = append(again, rest...)
			continue
		case syntax.OpAlternate:
			all := places(append([]*syntax.Regexp{re.Sub[0]}, rest...), n-len(out))
			for _, sub := range re.Sub[1:] {
				all = either(all, places(append([]*syntax.Regexp{sub}, rest...), n-len(out)))
			}
			return append(out, all...)
		default: // any character, ends of text and line
			return out
		}
		list = rest
	}
	return out
}

// single returns the bytes of an expression that matches one character, or nil. Those of a
// character with more bytes are all in the set, if any is.
func single(re *syntax.Regexp) *byteSet {
	switch re.Op {
	case syntax.OpCapture:
		return single(re.Sub[0])
	case syntax.OpCharClass:
		s, _ := classBytes(re)
		return &s
	case syntax.OpAnyCharNotNL, syntax.OpAnyChar:
		var s byteSet
		s.addRange(0, 255)
		return &s
	case syntax.OpLiteral:
		if sets := places([]*syntax.Regexp{re}, 2); len(re.Rune) == 1 && len(sets) == 1 {
			return &sets[0]
		}
	}
	return nil
}

// loop is what can stand at the first n places of any number of x in front of the rest.
func loop(x *byteSet, rest []*syntax.Regexp, n int) []byteSet {
	var out []byteSet
	seen := *x
	for _, s := range places(rest, n) {
		seen.addAll(&s)
		out = append(out, seen)
	}
	return out
}

// either is what can stand at each place if one of two can; nothing is known where nothing
// is known of one of them.
func either(a, b []byteSet) []byteSet {
	out := slices.Clone(a[:min(len(a), len(b))])
	for i := range out {
		out[i].addAll(&b[i])
	}
	return out
}

// classBytes are the first bytes of the characters of a class; whole if they have no others.
func classBytes(re *syntax.Regexp) (s byteSet, whole bool) {
	whole = true
	for i := 0; i+1 < len(re.Rune); i += 2 {
		lo, hi := re.Rune[i], re.Rune[i+1]
		if hi >= utf8.RuneSelf {
			whole = false
			s.addRange(utf8.RuneSelf, 255)
		}
		if lo < utf8.RuneSelf {
			s.addRange(byte(lo), byte(min(hi, utf8.RuneSelf-1)))
		}
	}
	return s, whole
}

// maxAlternatives bounds the texts of which one must be there.
const maxAlternatives = 32

// needed returns texts of which every text that re matches holds one; nil if nothing useful
// is known.
func needed(re *syntax.Regexp) []string {
	if all := whole(re); all != nil && shortest(all) > 0 {
		return all
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return needed(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needed(re.Sub[0])
		}
	case syntax.OpConcat:
		// Neighbours that are finite sets of texts join to longer texts.
		var best []string
		run := []string{""}
		consider := func(list []string) {
			if len(list) > 0 && shortest(list) > 0 && rarer(list, best) {
				best = list
			}
		}
		for _, sub := range re.Sub {
			all := whole(sub)
			if joined := product(run, all); joined != nil {
				run = joined
				continue
			}
			consider(run)
			if run = all; all == nil {
				consider(needed(sub))
				run = []string{""}
			}
		}
		consider(run)
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			n := needed(sub)
			if n == nil || len(all)+len(n) > maxAlternatives {
				return nil
			}
			all = append(all, n...)
		}
		return all
	}
	return nil
}

// whole returns all texts that re matches if they are few, else nil.
func whole(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpBeginLine, syntax.OpEndText, syntax.OpEndLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []string{""}
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return []string{string(re.Rune)}
		}
	case syntax.OpCharClass:
		var out []string
		for i := 0; i+1 < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if len(out) == 10 {
					return nil
				}
				out = append(out, string(r))
			}
		}
		return out
	case syntax.OpCapture:
		return whole(re.Sub[0])
	case syntax.OpQuest:
		if all := whole(re.Sub[0]); all != nil {
			return append([]string{""}, all...)
		}
	case syntax.OpConcat:
		run := []string{""}
		for _, sub := range re.Sub {
			if run = product(run, whole(sub)); run == nil {
				return nil
			}
		}
		return run
	case syntax.OpAlternate:
		var out []string
		for _, sub := range re.Sub {
			all := whole(sub)
			if all == nil || len(out)+len(all) > maxAlternatives {
				return nil
			}
			out = append(out, all...)
		}
		return out
	}
	return nil
}

// product joins every text of a with every text of b; nil if that is none or too many.
func product(a, b []string) []string {
	if len(a)*len(b) == 0 || len(a)*len(b) > maxAlternatives {
		return nil
	}
	out := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return out
}

// rarer reports whether fewer texts hold one of a than one of b, as far as lengths tell.
func rarer(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(b) == 0 && len(a) > 0
	}
	return shortest(a) > shortest(b) || shortest(a) == shortest(b) && len(a) < len(b)
}

// shortest is the length of the shortest text; one of nothing but punctuation, which is
// everywhere, counts as one byte shorter.
func shortest(list []string) int {
	n := maxWindows
	for _, t := range list {
		l := len(t)
		if !strings.ContainsFunc(t, func(r rune) bool { return r > ' ' && !strings.ContainsRune(`:;,.-="`, r) }) {
			l = max(0, l-1)
		}
		n = min(n, l)
	}
	return n
}

// told is how much is known of a text by its beginning, in bits.
func told(sets []byteSet) float64 {
	n := 0.0
	for i := range sets {
		n += 8 - math.Log2(float64(max(1, sets[i].size())))
	}
	return n
}

// bitset is a set of small numbers.
type bitset []uint64

func (b bitset) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

// common is how many numbers are in both sets.
func (b bitset) common(o bitset) int {
	n := 0
	for i, w := range b {
		n += bits.OnesCount64(w & o[i])
	}
	return n
}

// positions narrows candidates by the first bytes of a text: for each place and byte, or
// the text's end, those that can have it there. Bytes of the same meaning share a row, so
// that the table stays small.
type positions struct {
	words int
	class [][257]uint16 // by place and byte: a row of rows
	rows  []uint64
}

// newPositions makes the table of n candidates; want returns for one what can stand at its
// first places.
func newPositions(words, n int, want func(i int) []byteSet) *positions {
	p := &positions{words: words}
	known := map[string]uint16{}
	all := make([][]byteSet, n)
	used := 0
	for i := range all {
		all[i] = want(i)
		used = max(used, min(depth, len(all[i])))
	}
	open := make(bitset, words)
	table := make([]uint64, 257*words) // by byte, and behind the end
	var key []byte
	for at := range used {
		clear(open)
		for i, sets := range all {
			if at >= len(sets) {
				open.set(i)
			}
		}
		for c := range 257 {
			copy(table[c*words:], open)
		}
		for i, sets := range all {
			if at >= len(sets) {
				continue
			}
			for k, w := range sets[at] {
				for ; w != 0; w &= w - 1 {
					table[(k<<6+bits.TrailingZeros64(w))*words+i>>6] |= 1 << (i & 63)
				}
			}
		}
		var class [257]uint16
		for c := range class {
			row := table[c*words : (c+1)*words]
			key = key[:0]
			for _, w := range row {
				key = binary.LittleEndian.AppendUint64(key, w)
			}
			number, ok := known[string(key)]
			if !ok {
				number = uint16(len(known))
				known[string(key)] = number
				p.rows = append(p.rows, row...)
			}
			class[c] = number
		}
		p.class = append(p.class, class)
	}
	return p
}

// narrow takes those out of live that text excludes.
func (p *positions) narrow(live bitset, text []byte) {
	for at := range p.class {
		c := 256
		if at < len(text) {
			c = int(text[at])
		}
		any, from := uint64(0), int(p.class[at][c])*p.words
		for i, w := range p.rows[from : from+p.words] {
			live[i] &= w
			any |= live[i]
		}
		if c == 256 || any == 0 {
			return
		}
	}
}

// rowsOf sets rows to the numbers of the rows that decide in narrow, and n to how many they
// are: texts of the same rows are narrowed in the same way. It returns a hash of them.
func (p *positions) rowsOf(rows []uint16, n *uint16, text []byte) (h uint32) {
	class := p.class[:min(len(p.class), len(rows))]
	for at := range class {
		c := 256
		if at < len(text) {
			c = int(text[at])
		}
		row := class[at][c]
		rows[at] = row
		h = h*31 + uint32(row)
		if c == 256 {
			*n = uint16(at + 1)
			return h
		}
	}
	*n = uint16(len(class))
	return h
}

// rarity of bytes in log texts, as far as kinds of characters tell.
var rarity = func() (r [256]uint8) {
	for c := range r {
		switch {
		case c >= 'a' && c <= 'z' || c == ' ' || c == '"':
		case c >= '0' && c <= '9' || c == '=' || c == ':' || c == '.' || c == '-' || c == ',':
			r[c] = 1
		case c >= 'A' && c <= 'Z' || c == '_' || c == '/':
			r[c] = 2
		default:
			r[c] = 3
		}
	}
	return r
}()

// needle is a text that is rarely there. It is looked for by its rarest byte, which most messages
// do not have, or by a pair of bytes if all of them are common.
type needle struct {
	text []byte
	at   int  // of the byte, or of the first one of the pair
	pair bool // the bytes are common

	pairs needlePairs
}

func newNeedle(text string) needle {
	n := needle{text: []byte(text), pairs: pairsOf(text)}
	for i, c := range n.text {
		if rarity[c] > rarity[text[n.at]] {
			n.at = i
		}
	}
	n.pair = len(text) > 1 && rarity[text[n.at]] < 2
	return n
}

// in reports whether b holds the text.
func (n *needle) in(b []byte) bool {
	if n.pair {
		return n.byPair(b)
	}
	for from, tries := 0, 0; ; tries++ {
		k := bytes.IndexByte(b[from:], n.text[n.at])
		if k < 0 {
			return false
		}
		start := from + k - n.at
		if start >= 0 && len(b)-start >= len(n.text) && string(b[start:start+len(n.text)]) == string(n.text) {
			return true
		}
		from += k + 1
		if tries == 8 {
			return n.byPair(b[max(0, from-len(n.text)):])
		}
	}
}

func (n *needle) byPair(b []byte) bool {
	text, at := n.text, min(n.at, len(n.text)-2)
	if at < 0 {
		return bytes.Contains(b, text)
	}
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	first, second := uint64(text[at])*ones, uint64(text[at+1])*ones
	i := at
	for ; i+9 <= len(b); i += 8 {
		v, w := scan.Load64(b, i)^first, scan.Load64(b, i+1)^second
		// A flag below which there is another one may be wrong.
		for m := (v - ones) &^ v & (w - ones) &^ w & highs; m != 0; m &= m - 1 {
			start := i + bits.TrailingZeros64(m)>>3 - at
			if len(b)-start >= len(text) && string(b[start:start+len(text)]) == string(text) {
				return true
			}
		}
	}
	return bytes.Contains(b[min(i-at, len(b)):], text)
}
