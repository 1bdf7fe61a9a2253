package text

import (
	"bytes"
	"math"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// A node is a place in the prefix tree. What leads out of it is tried in this order:
// the literal that begins with the next byte, the end of the text, the captures, and
// last the end of a pattern that need not match to the end.
type node struct {
	op             nodeOp
	join           bool // more than one way leads here
	accept, prefix int32
	firsts         []byte // first byte of each of lits
	lits           []literal
	caps           []int32 // indices of edges
}

type nodeOp uint8

const (
	nodeAny  nodeOp = iota
	nodeLit         // one literal, nothing else
	nodeLits        // several literals, nothing else
	nodeCap         // one capture, nothing else
	nodeEnd         // the end of a pattern, nothing else
)

// literal is text in which a space stands for one or more spaces or tabs.
type literal struct {
	text   string
	next   int32
	spaces bool // has a space
	last   bool // ends with one
}

// edge is a capture.
type edge struct {
	typ    capType
	min    uint8 // least length
	single bool  // one term and no tail
	slot   int32
	next   int32 // node after the value; of a search: after the longest value, or -1
	class  *class
	layout *layout
	terms  []literal // what a search stops at, longest first
	trie   *trie     // of terms, if there are several
}

func (c *compiler) finish() {
	s := c.set
	for i := range s.nodes {
		n := &s.nodes[i]
		for j := range n.lits {
			n.lits[j].finish()
		}
		ends := n.accept >= 0 || n.prefix >= 0
		switch {
		case len(n.lits) == 1 && len(n.caps) == 0 && !ends:
			n.op = nodeLit
		case len(n.lits) > 0 && len(n.caps) == 0 && !ends:
			n.op = nodeLits
		case len(n.lits) == 0 && len(n.caps) == 1 && !ends:
			n.op = nodeCap
		case len(n.lits) == 0 && len(n.caps) == 0 && n.prefix < 0:
			n.op = nodeEnd
		}
	}
	for i := range s.edges {
		e := &s.edges[i]
		for j := range e.terms {
			e.terms[j].finish()
		}
		e.single = len(e.terms) == 1 && e.next < 0
	}
	s.shadowed = findShadowed(s)
}

func (l *literal) finish() {
	l.spaces = bytes.IndexByte([]byte(l.text), ' ') >= 0
	l.last = l.text[len(l.text)-1] == ' '
}

// match returns where the literal ends that text has at pos, or -1.
func (l *literal) match(text []byte, pos int) int {
	end := pos + len(l.text)
	if end <= len(text) && string(text[pos:end]) == l.text {
		if l.last {
			for end < len(text) && (text[end] == ' ' || text[end] == '\t') {
				end++
			}
		}
		return end
	}
	if l.spaces {
		return l.matchSpaces(text, pos)
	}
	return -1
}

func (l *literal) matchSpaces(text []byte, pos int) int {
	for i := 0; i < len(l.text); i++ {
		c := l.text[i]
		if c != ' ' {
			if pos >= len(text) || text[pos] != c {
				return -1
			}
			pos++
			continue
		}
		if pos >= len(text) {
			continue // the spaces at the end were cut
		}
		if text[pos] != ' ' && text[pos] != '\t' {
			return -1
		}
		for pos < len(text) && (text[pos] == ' ' || text[pos] == '\t') {
			pos++
		}
	}
	return pos
}

// span is what an edge took.
type span struct {
	start, end uint32
	edge       int32
	num        uint32 // the address if it is an IPv4 one, else notIPv4 or notCanonical
	flag       uint8
}

// What span.flag says of an address.
const (
	flagIPv4 = iota
	flagIPv6
	flagOther // an IPv6 address that is written in another way, or has a zone
)

// matcher is the state of one Match. It lives on the caller's stack.
type matcher struct {
	set    *Set
	text   []byte
	caps   []span
	n      int // caps in use
	fuel   int // steps left
	result int32
	memo   *[memoSize]uint64 // states that are known to fail
}

const (
	// Steps of the first try, which remembers no failures.
	firstFuel = 2048
	// Budget of the second try: fixed, and for each byte of the text.
	baseFuel, byteFuel = 1 << 15, 4
	memoSize           = 1024

	fewCaptures = 24
)

// Match finds the pattern that text matches and returns its ID. The captures of that
// pattern are written into slots, which should have Slots elements; others stay as they
// are, and so does every slot if no pattern matches. The values alias text.
//
// Spaces, tabs and line ends around the text are ignored. Match keeps nothing and
// allocates nothing; it may be called from many goroutines.
func (s *Set) Match(text []byte, slots []parse.Value) (id int, ok bool) {
	for len(text) > 0 && isSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	for len(text) > 0 && isSpace(text[0]) {
		text = text[1:]
	}
	if s.maxCaps > fewCaptures {
		return s.matchMany(text, slots)
	}
	var caps [fewCaptures]span
	m := matcher{set: s, text: text, caps: caps[:], fuel: firstFuel + len(text)/4}
	return m.match(slots)
}

func (s *Set) matchMany(text []byte, slots []parse.Value) (id int, ok bool) {
	var caps [MaxCaptures]span
	m := matcher{set: s, text: text, caps: caps[:], fuel: firstFuel + len(text)/4}
	return m.match(slots)
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func (m *matcher) match(slots []parse.Value) (id int, ok bool) {
	if len(m.text) > math.MaxUint32 {
		m.set.exhausted.Add(1)
		return 0, false
	}
	ok = m.run(0, 0)
	if !ok && m.fuel < 0 {
		ok = m.again()
	}
	if !ok {
		return 0, false
	}
	for i := range m.caps[:m.n] {
		c := &m.caps[i]
		e := &m.set.edges[c.edge]
		if int(e.slot) < len(slots) {
			m.value(&slots[e.slot], e, c)
		}
	}
	return m.set.patterns[m.result].ID, true
}

// again tries a second time, with the whole budget and a memory of what failed.
func (m *matcher) again() bool {
	var memo [memoSize]uint64
	m.memo = &memo
	m.n = 0
	m.fuel = baseFuel + byteFuel*len(m.text)
	ok := m.run(0, 0)
	if !ok && m.fuel < 0 {
		m.set.exhausted.Add(1)
	}
	return ok
}

// run matches from the node and position on, to the end. Failing, it leaves m.n as it
// was.
func (m *matcher) run(at int32, pos int) bool {
	text := m.text
	had := m.n
	for {
		n := &m.set.nodes[at]
		if m.fuel--; m.fuel < 0 {
			break
		}
		if n.join && m.memo != nil {
			return m.runJoin(at, n, pos, had)
		}
		switch n.op {
		case nodeLit:
			l := &n.lits[0]
			if pos = l.match(text, pos); pos < 0 {
				m.n = had
				return false
			}
			at = l.next
			continue
		case nodeLits:
			l := n.literal(text, pos)
			if l == nil {
				m.n = had
				return false
			}
			if pos = l.match(text, pos); pos < 0 {
				m.n = had
				return false
			}
			at = l.next
			continue
		case nodeCap:
			at, pos = m.capture(n.caps[0], pos)
			if at >= 0 {
				continue
			}
			if at == found {
				return true
			}
			m.n = had
			return false
		case nodeEnd:
			if pos == len(text) && n.accept >= 0 {
				m.result = n.accept
				return true
			}
			m.n = had
			return false
		}
		if m.any(n, pos) {
			return true
		}
		break
	}
	m.n = had
	return false
}

// any tries all that leads out of n.
func (m *matcher) any(n *node, pos int) bool {
	if l := n.literal(m.text, pos); l != nil {
		if end := l.match(m.text, pos); end >= 0 && m.run(l.next, end) {
			return true
		}
	}
	if n.accept >= 0 && pos == len(m.text) && m.fuel >= 0 {
		m.result = n.accept
		return true
	}
	had := m.n
	for _, e := range n.caps {
		at, end := m.capture(e, pos)
		if at == found || at >= 0 && m.run(at, end) {
			return true
		}
		m.n = had
	}
	if n.prefix >= 0 && m.fuel >= 0 {
		m.result = n.prefix
		return true
	}
	return false
}

// runJoin is run for a node that several ways lead to: what failed there once fails
// again.
func (m *matcher) runJoin(at int32, n *node, pos, had int) bool {
	key := uint64(at+1)<<32 | uint64(pos)
	h := &m.memo[key*0x9E3779B97F4A7C15>>(64-10)]
	if *h == key {
		m.n = had
		return false
	}
	if m.any(n, pos) {
		return true
	}
	*h = key
	m.n = had
	return false
}

// literal returns the literal of n that could stand at pos.
func (n *node) literal(text []byte, pos int) *literal {
	c := byte(' ') // which the end of the text stands for
	if pos < len(text) {
		if c = text[pos]; c == '\t' {
			c = ' '
		}
	}
	if len(n.firsts) > 8 {
		if i := bytes.IndexByte(n.firsts, c); i >= 0 {
			return &n.lits[i]
		}
		return nil
	}
	for i, f := range n.firsts {
		if f == c {
			return &n.lits[i]
		}
	}
	return nil
}

// Answers of capture that are no node.
const (
	failed = -1
	found  = -2 // the whole rest matched
)

func (m *matcher) keep(edge, start, end int) {
	if m.set.edges[edge].slot >= 0 {
		m.caps[m.n] = span{start: uint32(start), end: uint32(end), edge: int32(edge)}
		m.n++
	}
}

// capture takes the value of an edge at pos and returns the node and position after it.
func (m *matcher) capture(edge int32, pos int) (at int32, end int) {
	e := &m.set.edges[edge]
	text := m.text[pos:]
	n := 0
	var num uint32
	var flag uint8
	switch e.typ {
	case tIP:
		if num, n = scanIPv4(text); n == 0 {
			canonical := false
			if n, canonical = scanIPv6(text); canonical {
				flag = flagIPv6
			} else {
				flag = flagOther
			}
		}
	case tPort:
		_, n = scanPort(text)
	case tInt:
		n = scanInt(text)
	case tToken:
		n = e.class.span(text, 0)
		m.fuel -= n >> 3
		if n == 0 && e.min == 0 {
			return e.next, pos
		}
	case tRest:
		n = len(text)
		if n == 0 {
			return e.next, pos
		}
	case tNumber:
		n = scanNumber(text)
	case tHex:
		n = scanHex(text)
	case tHost:
		n = scanHost(text)
	case tMAC:
		n = scanMAC(text)
	case tQuoted:
		n = scanQuoted(text)
		m.fuel -= n >> 3
	case tTime:
		n = e.layout.span(text)
		m.fuel -= n >> 3
	default:
		return m.search(edge, e, pos)
	}
	if n == 0 {
		return failed, 0
	}
	if e.slot >= 0 {
		m.caps[m.n] = span{uint32(pos), uint32(pos + n), edge, num, flag}
		m.n++
	}
	return e.next, pos + n
}

// search takes the value of an edge that ends at a literal.
func (m *matcher) search(edge int32, e *edge, pos int) (at int32, end int) {
	text := m.text
	q := len(text)
	if e.class != nil {
		q = e.class.span(text, pos)
		m.fuel -= (q - pos) >> 3
	}
	from := pos + int(e.min)
	if from > q {
		return failed, 0
	}
	if e.single {
		l := &e.terms[0]
		p, after := l.find(text, from, q)
		if p < 0 {
			m.fuel -= (q - from) >> 4
			return failed, 0
		}
		m.fuel -= (p - from) >> 4
		m.keepSome(int(edge), pos, p)
		return l.next, after
	}
	if len(e.terms) > 0 {
		had := m.n
		if m.searchTerms(int(edge), e, pos, from, q) {
			return found, 0
		}
		m.n = had
	}
	if e.next < 0 || m.fuel < 0 {
		return failed, 0
	}
	m.keepSome(int(edge), pos, q)
	return e.next, q
}

// keepSome is keep for a value that may be empty and then is none.
func (m *matcher) keepSome(edge, start, end int) {
	if end > start {
		m.keep(edge, start, end)
	}
}

// find returns the first place of the literal in text that is not before from nor
// after q, and where it ends there; or -1.
func (l *literal) find(text []byte, from, q int) (p, end int) {
	c := l.text[0]
	if c == ' ' {
		for p = from; p <= q; {
			n := scan.IndexAny2(text[p:min(q+1, len(text))], ' ', '\t')
			if n < 0 {
				if q < len(text) {
					break
				}
				n = q - p
			}
			p += n
			if end := l.match(text, p); end >= 0 {
				return p, end
			}
			for p++; p < len(text) && (text[p] == ' ' || text[p] == '\t'); p++ {
			}
		}
		return -1, 0
	}
	for p = from; p <= q; p++ {
		n := bytes.IndexByte(text[p:min(q+1, len(text))], c)
		if n < 0 {
			break
		}
		p += n
		if len(l.text) == 1 {
			return p, p + 1
		}
		if end := l.match(text, p); end >= 0 {
			return p, end
		}
	}
	return -1, 0
}

// value makes the value of a capture.
func (m *matcher) value(v *parse.Value, e *edge, c *span) {
	b := m.text[c.start:c.end]
	switch e.typ {
	case tIP:
		switch c.flag {
		case flagIPv4:
			*v = parse.IPv4Value(c.num, b)
			return
		case flagIPv6:
			*v = parse.RawValue(parse.KindIP, b)
			return
		}
	case tInt, tPort:
		if n, ok := canonicalInt(b); ok {
			*v = parse.IntText(n, b)
			return
		}
	case tNumber:
		if n, ok := canonicalInt(b); ok {
			*v = parse.IntText(n, b)
			return
		}
		if jsonNumber(b) {
			*v = parse.RawValue(parse.KindFloat, b)
			return
		}
	case tQuoted:
		b = b[1 : len(b)-1]
		*v = parse.BytesValue(b).WithFlags(parse.Quoted)
		if bytes.IndexByte(b, '\\') >= 0 {
			*v = v.WithFlags(parse.Escaped)
		}
		return
	}
	*v = parse.BytesValue(b)
}

// canonicalInt reads an int64 that is written as strconv writes it.
func canonicalInt(b []byte) (int64, bool) {
	if b[0] == '0' && len(b) > 1 || b[0] == '+' || b[0] == '-' && b[1] == '0' {
		return 0, false
	}
	return scan.ParseInt(b)
}

// jsonNumber reports whether a number that scanNumber took is one in JSON as well.
func jsonNumber(b []byte) bool {
	if b[0] == '-' {
		b = b[1:]
	}
	return b[0]-'0' <= 9 && (b[0] != '0' || len(b) == 1 || b[1]-'0' > 9)
}

// AppendUnescaped appends the text of a quoted capture that has the flag Escaped: a
// backslash before a quote or a backslash is taken out, every other one stays, as in
// C:\Users.
func AppendUnescaped(dst, b []byte) []byte {
	for {
		i := bytes.IndexByte(b, '\\')
		if i < 0 || i+1 >= len(b) {
			return append(dst, b...)
		}
		dst = append(dst, b[:i]...)
		if c := b[i+1]; c != '"' && c != '\'' && c != '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, b[i+1])
		b = b[i+2:]
	}
}
