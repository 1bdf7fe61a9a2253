package text

import (
	"bytes"
	"math"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// span is what a node took.
type span struct {
	start, end uint32
	slot       uint32 // and one of the marks below
	num        uint32 // of markInt and markIPv4
}

// What is known of a value beyond its text.
const (
	markInt    = 1 << 28 // num is its value and its text is canonical
	markIPv4   = 2 << 28 // num is the address
	markIPv6   = 3 << 28 // a canonical address
	markDigits = 4 << 28 // an integer in any form
	markNumber = 5 << 28 // a decimal number in any form
	markQuoted = 6 << 28 // with its quotes
	markMask   = 15 << 28
	maxSlot    = 1<<28 - 1
)

// matcher is the state of one match. It holds its captures, not a slice of them, so that it
// can live on the caller's stack.
type matcher struct {
	set    *Set
	text   []byte
	n      int // captures in use
	fuel   int // steps left
	result int32
	again  bool     // this is the second try
	aside  *scratch // what few tries need, or nil
	few    [fewCaptures]span
}

const (
	// Steps of the first try, which remembers no failures: fixed, and for each four
	// bytes of the text.
	firstFuel = 2048
	// Budget of the second try: fixed, and for each byte.
	baseFuel, byteFuel = 1 << 15, 4

	memoBits    = 10
	fewCaptures = 16
)

// scratch is borrowed from the Set's pool by those tries that need it.
type scratch struct {
	caps [MaxCaptures - fewCaptures]span // captures past few
	memo [1 << memoBits]uint64           // places that are known to fail
}

func (m *matcher) borrow() *scratch {
	if m.aside == nil {
		if m.aside, _ = m.set.scratch.Get().(*scratch); m.aside == nil {
			m.aside = &scratch{}
		}
	}
	return m.aside
}

// take adds a capture.
func (m *matcher) take(start, end int, slot, num uint32) {
	if n := uint(m.n); n < fewCaptures {
		m.few[n] = span{uint32(start), uint32(end), slot, num}
	} else {
		m.takeAside(span{uint32(start), uint32(end), slot, num})
	}
	m.n++
}

//go:noinline
func (m *matcher) takeAside(sp span) {
	m.borrow().caps[m.n-fewCaptures] = sp
}

// Match finds the pattern that text matches and returns its ID. The captures of that
// pattern are written into slots, which should have Slots elements; others stay as they
// are, and so does every slot if no pattern matches. The values alias text.
//
// Spaces, tabs and line ends around the text are ignored. Match keeps nothing and
// allocates nothing; it may be called from many goroutines.
func (s *Set) Match(text []byte, slots []parse.Value) (id int, ok bool) {
	var m matcher
	if ok = m.match(s, text); ok {
		id = s.patterns[m.result].ID
		setValues(slots, m.few[:min(m.n, fewCaptures)], m.text)
		if m.n > fewCaptures {
			setValues(slots, m.aside.caps[:m.n-fewCaptures], m.text)
		}
	}
	m.done()
	return id, ok
}

// Matcher matches texts for one goroutine, in less time than Set.Match. The zero Matcher is
// ready. It keeps nothing of what it matched.
type Matcher struct{ m matcher }

// Match is Set.Match of a set, into the slots of a frame: those that get a value are filled
// there, as by its Set.
func (x *Matcher) Match(s *Set, text []byte, f *parse.Frame) (id int, ok bool) {
	m := &x.m
	m.n, m.again = 0, false
	if ok = m.match(s, text); ok {
		id = s.patterns[m.result].ID
		fill(f, m.few[:min(m.n, fewCaptures)], m.text)
		if m.n > fewCaptures {
			fill(f, m.aside.caps[:m.n-fewCaptures], m.text)
		}
	}
	m.done()
	return id, ok
}

// match reports whether text matches; the captures are those of m then.
func (m *matcher) match(s *Set, text []byte) bool {
	for len(text) > 0 && isSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	for len(text) > 0 && isSpace(text[0]) {
		text = text[1:]
	}
	if len(text) > math.MaxUint32 {
		s.exhausted.Add(1)
		return false
	}
	m.set, m.text, m.fuel = s, text, firstFuel+len(text)/4
	return m.run(0, 0) || m.fuel < 0 && m.retry()
}

// done gives back what was borrowed and forgets the text.
func (m *matcher) done() {
	if m.aside != nil {
		m.set.scratch.Put(m.aside)
		m.aside = nil
	}
	m.text = nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// retry tries a second time, with the whole budget and a memory of what failed.
func (m *matcher) retry() bool {
	clear(m.borrow().memo[:])
	m.again = true
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
	if m.fuel--; m.fuel < 0 {
		return false
	}
	had := m.n
	if m.walk(at, pos) {
		return true
	}
	m.n = had
	return false
}

// walk goes from node to node as long as there is one way only.
func (m *matcher) walk(at int32, pos int) bool {
	text := m.text
	nodes := m.set.nodes
	for {
		n := &nodes[at]
		if n.join && m.again && !m.enter(at, pos) {
			return false
		}
		lit := &n.lit
		end := pos
		var num, mark uint32
		switch n.op {
		case stepLiteral:
			goto literal
		case stepClass:
			end = n.class.span(text, pos)
			m.fuel -= (end - pos) >> 3
			if end-pos < int(n.min) {
				return false
			}
		case stepAll:
			if end = len(text); end-pos < int(n.min) {
				return false
			}
		case stepFind:
			from := pos + int(n.min)
			if from > len(text) {
				return false
			}
			var after int
			if lit.n == 1 && !lit.last {
				if end = bytes.IndexByte(text[from:], lit.text[0]); end >= 0 {
					end += from
					after = end + 1
				}
			} else {
				end, after = lit.find(text, from, len(text))
			}
			if end < 0 {
				m.fuel -= (len(text) - pos) >> 4
				return false
			}
			m.fuel -= (end - pos) >> 4
			if end > pos && n.slot >= 0 {
				m.take(pos, end, uint32(n.slot), 0)
			}
			at, pos = lit.next, after
			continue
		case stepSearch:
			return m.search(n, pos)
		case stepIP:
			addr, size := scanIPv4(text[pos:])
			if size > 0 {
				num, mark = addr, markIPv4
			} else {
				var canonical bool
				if size, canonical = scanIPv6(text[pos:]); size == 0 {
					return false
				}
				if canonical {
					mark = markIPv6
				}
			}
			end += size
		case stepPort:
			v, more := uint32(0), true
			if pos+8 <= len(text) {
				w, size := scan.DigitsPrefix(scan.Load64(text, pos))
				if w > 65535 {
					return false
				}
				v, end, more = uint32(w), pos+size, size == 8
			}
			for more && end < len(text) {
				d := uint32(text[end] - '0')
				if d > 9 {
					break
				}
				if v = v*10 + d; v > 65535 {
					return false
				}
				end++
			}
			if end == pos {
				return false
			}
			if text[pos] != '0' || end == pos+1 {
				num, mark = v, markInt
			}
		case stepInt:
			if end < len(text) && (text[end] == '-' || text[end] == '+') {
				end++
			}
			first := end
			v, more := uint32(0), true
			if end+8 <= len(text) {
				w, size := scan.DigitsPrefix(scan.Load64(text, end))
				v, end, more = uint32(w), end+size, size == 8
			}
			for more && end < len(text) {
				d := uint32(text[end] - '0')
				if d > 9 {
					break
				}
				v = v*10 + d
				end++
			}
			if end == first {
				return false
			}
			if end-pos > 64 {
				m.fuel -= (end - pos) >> 3
			}
			if mark = markDigits; end-pos <= 9 && first == pos && (text[pos] != '0' || end == pos+1) {
				num, mark = v, markInt
			}
		case stepLiterals:
			if lit = m.set.choices[n.index].literal(text, pos); lit == nil {
				return false
			}
			goto literal
		case stepChoice:
			return m.choose(&m.set.choices[n.index], pos)
		case stepEnd:
			m.result = n.index
			return pos == len(text) && n.index >= 0
		default:
			size := m.scan(n, text[pos:])
			if size == 0 {
				return false
			}
			switch n.op {
			case stepNumber:
				mark = markNumber
			case stepQuoted:
				mark = markQuoted
			}
			m.fuel -= size >> 3
			end += size
		}
		if end > pos && n.slot >= 0 {
			if i := uint(m.n); i < fewCaptures { // take, without a call
				m.few[i] = span{uint32(pos), uint32(end), uint32(n.slot) | mark, num}
				m.n++
			} else {
				m.take(pos, end, uint32(n.slot)|mark, num)
			}
		}
		pos = end
	literal:
		at = lit.next
		if lit.n == 0 {
			continue
		}
		if size := int(lit.n); pos+max(size, 8) <= len(text) && scan.Load64(text, pos)&lit.mask == lit.want &&
			(size <= 8 || string(text[pos+8:pos+size]) == lit.text[8:]) {
			pos += size
			if lit.last {
				for pos < len(text) && (text[pos] == ' ' || text[pos] == '\t') {
					pos++
				}
			}
			continue
		}
		if pos = lit.match(text, pos); pos < 0 {
			return false
		}
	}
}

// scan reads the values of the less common types.
func (m *matcher) scan(n *node, b []byte) int {
	switch n.op {
	case stepNumber:
		return scanNumber(b)
	case stepHex:
		return scanHex(b)
	case stepHost:
		return scanHost(b)
	case stepMAC:
		return scanMAC(b)
	case stepQuoted:
		return scanQuoted(b)
	case stepTime:
		return m.set.layouts[n.index].span(b)
	}
	return 0
}

// choose tries all ways of c in their order.
func (m *matcher) choose(c *choice, pos int) bool {
	if l := c.literal(m.text, pos); l != nil {
		if end := l.match(m.text, pos); end >= 0 && m.run(l.next, end) {
			return true
		}
	}
	if c.accept >= 0 && pos == len(m.text) && m.fuel >= 0 {
		m.result = c.accept
		return true
	}
	for _, at := range c.caps {
		if m.run(at, pos) {
			return true
		}
	}
	if c.prefix >= 0 && m.fuel >= 0 {
		m.result = c.prefix
		return true
	}
	return false
}

// enter reports whether a node that several ways lead to is worth a visit: what was
// tried from there once failed, or the match would be over.
func (m *matcher) enter(at int32, pos int) bool {
	key := uint64(at+1)<<32 | uint64(pos)
	h := &m.aside.memo[key*0x9E3779B97F4A7C15>>(64-memoBits)]
	if *h == key {
		return false
	}
	*h = key
	return true
}

// literal returns the literal of c that could stand at pos.
func (c *choice) literal(text []byte, pos int) *literal {
	if pos == len(text) { // which stands for a space
		if i := bytes.IndexByte(c.firsts, ' '); i >= 0 && c.lits[i].n == 1 {
			return &c.lits[i]
		}
		return nil
	}
	b := text[pos]
	if b == '\t' {
		b = ' '
	}
	if len(c.firsts) > 8 {
		if i := bytes.IndexByte(c.firsts, b); i >= 0 {
			return &c.lits[i]
		}
		return nil
	}
	for i, f := range c.firsts {
		if f == b {
			return &c.lits[i]
		}
	}
	return nil
}

// search takes a value that ends at one of several literals, or where its class ends,
// and goes on to the end.
func (m *matcher) search(n *node, pos int) bool {
	s := &m.set.searches[n.index]
	text := m.text
	q := len(text)
	if n.class != nil {
		q = n.class.span(text, pos)
		m.fuel -= (q - pos) >> 3
	}
	from := pos + int(n.min)
	if from > q {
		return false
	}
	if s.trie != nil {
		if m.searchTerms(n, s, pos, from, q) {
			return true
		}
	} else {
		l := &s.terms[0]
		p, after := l.find(text, from, q)
		m.fuel -= (q - from) >> 4
		if p >= 0 && m.leave(n, pos, p, l.next, after) {
			return true
		}
	}
	return s.tail >= 0 && m.fuel >= 0 && m.leave(n, pos, q, s.tail, q)
}

// leave takes the value between start and end and goes on at the node next.
func (m *matcher) leave(n *node, start, end int, next int32, pos int) bool {
	had := m.n
	if end > start && n.slot >= 0 {
		m.take(start, end, uint32(n.slot), 0)
	}
	if m.run(next, pos) {
		return true
	}
	m.n = had
	return false
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

// setValues makes the values of captures.
func setValues(slots []parse.Value, caps []span, text []byte) {
	for i := range caps {
		c := &caps[i]
		if slot := int(c.slot &^ markMask); slot < len(slots) {
			slots[slot] = c.value(text[c.start:c.end])
		}
	}
}

// fill is setValues that fills the slots of a frame.
func fill(f *parse.Frame, caps []span, text []byte) {
	for i := range caps {
		c := &caps[i]
		slot := int(c.slot &^ markMask)
		if slot >= len(f.Slots) {
			continue
		}
		b := scan.Part(text, c.start, c.end) // no capture is empty
		switch c.slot & markMask {
		case 0:
			f.Set(slot, parse.BytesValue(b))
		case markInt:
			f.Set(slot, parse.IntText(int64(c.num), b))
		case markIPv4:
			f.Set(slot, parse.IPv4Value(c.num, b))
		default:
			f.Set(slot, c.value(b))
		}
	}
}

// value makes the value of a capture with the text b.
func (c *span) value(b []byte) parse.Value {
	switch c.slot & markMask {
	case markInt:
		return parse.IntText(int64(c.num), b)
	case markIPv4:
		return parse.IPv4Value(c.num, b)
	case markIPv6:
		return parse.RawValue(parse.KindIP, b)
	case markDigits:
		return integer(b)
	case markNumber:
		return number(b)
	case markQuoted:
		return quoted(b[1 : len(b)-1])
	}
	return parse.BytesValue(b)
}

func integer(b []byte) parse.Value {
	if i, ok := canonicalInt(b); ok {
		return parse.IntText(i, b)
	}
	return parse.BytesValue(b)
}

func number(b []byte) parse.Value {
	v := integer(b)
	if v.Kind() == parse.KindString && jsonNumber(b) {
		return parse.RawValue(parse.KindFloat, b)
	}
	return v
}

func quoted(b []byte) parse.Value {
	v := parse.BytesValue(b).WithFlags(parse.Quoted)
	if bytes.IndexByte(b, '\\') >= 0 {
		v = v.WithFlags(parse.Escaped)
	}
	return v
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
