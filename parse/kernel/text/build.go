package text

import (
	"encoding/binary"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
)

// Compilation has three steps. Each pattern is read (syntax.go) and laid out as a
// small non-deterministic program, one instruction for each literal byte. Then the
// programs of all patterns are walked together: a state is the ordered list of
// instructions that may come next, states with equal lists are one, and a state's
// edges are literal text (by first byte) and captures (by type and slot). The result is
// a prefix tree whose equal suffixes are shared.

// Pattern is one pattern of a Set.
type Pattern struct {
	ID   int // what Match answers
	Text string
}

// Set is a compiled set of patterns. It never changes and is safe for concurrent use.
type Set struct {
	patterns []Pattern
	nodes    []node   // nodes[0] is the first
	choices  []choice // of nodes with more than one way out
	searches []search // of captures that stop at one of several literals
	layouts  []*layout
	names    []string // by slot, if the Set numbered them itself
	width    int      // one more than the largest slot
	shadowed []int    // indices of patterns that can never match

	scratch   sync.Pool // *scratch
	seen      sync.Pool // *[]uint64: which literals a large search has met
	exhausted atomic.Uint64
}

// opcode of a program instruction.
type opcode uint8

const (
	opByte   opcode = iota // b, then next
	opCap                  // cap, then next
	opSplit                // next, else alt
	opJump                 // next
	opMatch                // end of pattern
	opPrefix               // end of a pattern that ends with "..."
)

type inst struct {
	op        opcode
	b         byte
	next, alt int32
	pat       int32 // opMatch, opPrefix: index of the pattern
	cap       *capture
}

// state is a node under construction. What leads out of it is tried in this order: the
// literal that begins with the next byte, the end of the text, the captures, and last
// the end of a pattern that need not match to the end.
type state struct {
	join           bool // more than one way leads here
	accept, prefix int32
	lits           []literal // by first byte
	caps           []edge
}

// edge is a capture on the way from a state to others.
type edge struct {
	cap   *capture
	min   int       // least length
	next  int32     // after the value; of a search: after the longest value, or -1
	terms []literal // what a search stops at, longest first
}

type compiler struct {
	set      *Set
	all      []state
	prog     []inst
	slotOf   func(string) int
	states   map[string]int32
	maxNodes int
	err      error
	// Scratch of closure.
	mark  []int32
	round int32
}

// Compile compiles the patterns into one Set. slotOf tells the slot of each capture's
// name; a negative one means that the text is matched and not captured. A nil slotOf
// numbers the names in order of appearance, see Set.Names.
//
// The error is the *errcat.Error of the first bad pattern, with a *PatternError inside.
func Compile(patterns []Pattern, slotOf func(name string) int) (*Set, error) {
	s := &Set{patterns: append([]Pattern(nil), patterns...)}
	if slotOf == nil {
		known := map[string]int{}
		slotOf = func(name string) int {
			n, ok := known[name]
			if !ok {
				n = len(s.names)
				known[name] = n
				s.names = append(s.names, name)
			}
			return n
		}
	}
	c := &compiler{set: s, slotOf: slotOf, states: map[string]int32{}, maxNodes: 4096 + 256*len(patterns)}
	starts := make([]int32, 0, len(patterns))
	for i := range s.patterns {
		start, err := c.add(i)
		if err != nil {
			return nil, err
		}
		starts = append(starts, start)
	}
	c.mark = make([]int32, len(c.prog))
	c.state(c.closure(starts, false), false)
	if c.err != nil {
		return nil, c.err
	}
	s.shadowed = c.findShadowed()
	c.lower()
	return s, nil
}

// Check reports what is wrong with one pattern, as Compile would.
func Check(pattern string) error {
	_, err := Compile([]Pattern{{Text: pattern}}, nil)
	return err
}

// Names are the names of the captures by slot, if Compile was given no slotOf.
func (s *Set) Names() []string { return s.names }

// Slots is one more than the largest slot that Match writes.
func (s *Set) Slots() int { return s.width }

// Unreachable returns the indices of the patterns that can never match, because
// patterns before them in the deterministic order match all that they match.
// Not every such pattern is found; one that is reported is certain.
func (s *Set) Unreachable() []int { return append([]int(nil), s.shadowed...) }

// Exhausted counts the texts since Compile for which Match gave up because its budget
// of steps, which is proportional to the text's length, was used up.
func (s *Set) Exhausted() uint64 { return s.exhausted.Load() }

// add lays pattern i out as a program and returns where that starts.
func (c *compiler) add(i int) (int32, error) {
	pat := &c.set.patterns[i]
	p := patternParser{src: pat.Text}
	seq, ok := p.parsePattern()
	if !ok {
		return 0, patternError(pat, i, p.off, p.problem, p.meant)
	}
	seen := map[string]bool{}
	if off, problem, meant := c.slots(seq, seen); problem != "" {
		return 0, patternError(pat, i, off, problem, meant)
	}
	end := inst{op: opMatch, pat: int32(i)}
	if p.prefix {
		end.op = opPrefix
	}
	from := len(c.prog)
	start := c.layout(seq, c.emit(end))
	for n := from; n < len(c.prog); n++ {
		if off, problem, meant := c.follow(n); problem != "" {
			return 0, patternError(pat, i, off, problem, meant)
		}
	}
	return start, nil
}

// slots gives each named capture its slot. Along one way through the pattern a name
// may stand once.
func (c *compiler) slots(seq []elem, seen map[string]bool) (off int, problem, meant string) {
	for _, e := range seq {
		if e.cap != nil {
			e.cap.slot = -1
			if e.cap.name == "" {
				continue
			}
			if seen[e.cap.name] {
				return e.cap.off, fmt.Sprintf("%q is captured twice", e.cap.name), "give it another name, or write <_:…> to skip it"
			}
			seen[e.cap.name] = true
			if n := c.slotOf(e.cap.name); n >= 0 && n <= maxSlot {
				e.cap.slot = int32(n)
				c.set.width = max(c.set.width, n+1)
			}
		}
		all := map[string]bool{}
		for _, alt := range e.alts {
			inner := make(map[string]bool, len(seen))
			for k := range seen {
				inner[k] = true
			}
			if off, problem, meant := c.slots(alt, inner); problem != "" {
				return off, problem, meant
			}
			for k := range inner {
				all[k] = true
			}
		}
		for k := range all {
			seen[k] = true
		}
	}
	return 0, "", ""
}

func (c *compiler) emit(i inst) int32 {
	c.prog = append(c.prog, i)
	return int32(len(c.prog) - 1)
}

// layout emits seq so that it goes on at next, and returns where it starts.
func (c *compiler) layout(seq []elem, next int32) int32 {
	for i := len(seq) - 1; i >= 0; i-- {
		switch e := &seq[i]; {
		case e.cap != nil:
			next = c.emit(inst{op: opCap, cap: e.cap, next: next})
		case e.alts != nil:
			end := c.emit(inst{op: opJump, next: next}) // literals end at braces
			next = c.layout(e.alts[len(e.alts)-1], end)
			for j := len(e.alts) - 2; j >= 0; j-- {
				next = c.emit(inst{op: opSplit, next: c.layout(e.alts[j], end), alt: next})
			}
			next = c.emit(inst{op: opJump, next: next})
		default:
			for j := len(e.lit) - 1; j >= 0; j-- {
				next = c.emit(inst{op: opByte, b: e.lit[j], next: next})
			}
		}
	}
	return next
}

// follow checks what comes after the capture at instruction n.
func (c *compiler) follow(n int) (off int, problem, meant string) {
	in := &c.prog[n]
	if in.op != opCap || !in.cap.searches() && in.cap.typ != tRest {
		return 0, "", ""
	}
	name := in.cap.name
	if name == "" {
		name = "_"
	}
	c.mark = append(c.mark, make([]int32, len(c.prog)-len(c.mark))...)
	for _, pc := range c.closure([]int32{in.next}, false) {
		switch op := c.prog[pc].op; {
		case in.cap.typ == tRest && op != opMatch && op != opPrefix:
			return in.cap.off, fmt.Sprintf("something follows <%s:rest>, which takes everything", name),
				fmt.Sprintf("write <%s> to stop at the next literal", name)
		case op == opCap:
			return in.cap.off, fmt.Sprintf("<%s> has no literal to stop at", name),
				fmt.Sprintf("put literal text after it, or give it a type that knows its own end, such as <%s:word>", name)
		}
	}
	return 0, "", ""
}

// closure follows splits and jumps from pcs, in order, without repeats. After a space
// further spaces of the patterns are skipped: they are the same run.
func (c *compiler) closure(pcs []int32, space bool) []int32 {
	c.round++
	out := make([]int32, 0, len(pcs))
	stack := make([]int32, 0, 16)
	for _, pc := range pcs {
		stack = append(stack[:0], pc)
		for len(stack) > 0 {
			pc := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if c.mark[pc] == c.round {
				continue
			}
			c.mark[pc] = c.round
			switch in := &c.prog[pc]; {
			case in.op == opSplit:
				stack = append(stack, in.alt, in.next)
			case in.op == opJump, in.op == opByte && in.b == ' ' && space:
				stack = append(stack, in.next)
			default:
				out = append(out, pc)
			}
		}
	}
	return out
}

// state returns the state whose closure is pcs; 0 is the first.
func (c *compiler) state(pcs []int32, space bool) int32 {
	key := make([]byte, 0, 4*len(pcs))
	for _, pc := range pcs {
		key = binary.LittleEndian.AppendUint32(key, uint32(pc))
	}
	if n, ok := c.states[string(key)]; ok {
		c.all[n].join = true
		return n
	}
	id := int32(len(c.all))
	c.states[string(key)] = id
	c.all = append(c.all, state{})
	if c.err != nil {
		return id
	}
	if len(c.all) > c.maxNodes {
		pat := c.patternOf(pcs[0])
		c.err = patternError(&c.set.patterns[pat], pat, 0, "too many combinations of alternatives", "split the pattern")
		return id
	}

	n := state{accept: -1, prefix: -1}
	type group struct {
		key string
		cap *capture
		pcs []int32
	}
	var lits [256][]int32
	var firsts []byte
	var caps []*group
	for _, pc := range pcs {
		switch in := &c.prog[pc]; in.op {
		case opByte:
			if lits[in.b] == nil {
				firsts = append(firsts, in.b)
			}
			lits[in.b] = append(lits[in.b], in.next)
		case opMatch:
			if n.accept < 0 {
				n.accept = in.pat
			}
		case opPrefix:
			if n.prefix < 0 {
				n.prefix = in.pat
			}
		case opCap:
			key := in.cap.key()
			var g *group
			for _, have := range caps {
				if have.key == key {
					g = have
					break
				}
			}
			if g == nil {
				g = &group{key: key, cap: in.cap}
				caps = append(caps, g)
			}
			g.pcs = append(g.pcs, in.next)
		}
	}
	sort.Slice(firsts, func(i, j int) bool { return firsts[i] < firsts[j] })
	for _, b := range firsts {
		label := []byte{b}
		succ := c.closure(lits[b], b == ' ')
		for {
			var ok bool
			if b, ok = c.onlyByte(succ); !ok {
				break
			}
			label = append(label, b)
			for i, pc := range succ {
				succ[i] = c.prog[pc].next
			}
			succ = c.closure(succ, b == ' ')
		}
		last := label[len(label)-1]
		n.lits = append(n.lits, literal{text: string(label), next: c.state(succ, last == ' ')})
	}
	for _, g := range caps {
		n.caps = append(n.caps, c.edge(g.cap, g.pcs))
	}
	n.join = c.all[id].join
	c.all[id] = n
	return id
}

// onlyByte reports the byte that is the one way out of the state.
func (c *compiler) onlyByte(pcs []int32) (byte, bool) {
	if len(pcs) == 0 {
		return 0, false
	}
	b := c.prog[pcs[0]].b
	for _, pc := range pcs {
		if in := &c.prog[pc]; in.op != opByte || in.b != b {
			return 0, false
		}
	}
	return b, true
}

func (c *compiler) patternOf(pc int32) int {
	for c.prog[pc].op != opMatch && c.prog[pc].op != opPrefix {
		pc = c.prog[pc].next
	}
	return int(c.prog[pc].pat)
}

// key is equal for captures that one edge can serve.
func (c *capture) key() string {
	k := fmt.Sprintf("%d/%d/%t/", c.typ, c.slot, c.empty)
	if c.class != nil {
		k += c.class.key
	}
	if c.layout != nil {
		k += c.layout.text
	}
	return k
}

// edge makes the edge of a capture after which the patterns go on at pcs.
func (c *compiler) edge(cp *capture, pcs []int32) edge {
	e := edge{cap: cp, next: -1}
	if !cp.empty && cp.typ != tRest {
		e.min = 1
	}
	if cp.typ != tUntil && !(cp.isClass() && cp.typ != tToken) {
		e.next = c.state(c.closure(pcs, false), false)
		return e
	}
	// A search: what follows ends the capture. Literals that could stand inside it are
	// looked for; anything else can only follow where the capture cannot go on.
	var tail []int32
	type found struct {
		lit string
		pcs []int32
	}
	var terms []*found
	byLit := map[string]*found{}
	for _, pc := range pcs {
		for _, pc := range c.closure([]int32{pc}, false) {
			in := &c.prog[pc]
			if in.op != opByte || cp.class != nil && !cp.class.takes(in.b) {
				tail = append(tail, pc)
				continue
			}
			var lit []byte
			for in.op == opByte {
				lit = append(lit, in.b)
				pc = in.next
				in = &c.prog[pc]
			}
			t := byLit[string(lit)]
			if t == nil {
				t = &found{lit: string(lit)}
				byLit[t.lit] = t
				terms = append(terms, t)
			}
			t.pcs = append(t.pcs, pc)
		}
	}
	if len(tail) > 0 {
		e.next = c.state(c.closure(tail, false), false)
	}
	sort.SliceStable(terms, func(i, j int) bool { return len(terms[i].lit) > len(terms[j].lit) })
	for _, t := range terms {
		space := t.lit[len(t.lit)-1] == ' '
		e.terms = append(e.terms, literal{text: t.lit, next: c.state(c.closure(t.pcs, space), space)})
	}
	return e
}

// takes reports whether a literal that begins with b could begin inside the class.
func (c *class) takes(b byte) bool { return c.has[b] || b == ' ' && c.has['\t'] }
