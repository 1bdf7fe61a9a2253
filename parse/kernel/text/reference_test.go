package text

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/parse"
)

// The reference follows the documentation word for word: a pattern stands for all ways
// through its braces, each way is matched from left to right, and the best way by the
// order of the documentation wins.

// refItem is a literal or a capture.
type refItem struct {
	lit string
	cap *capture
}

// refWay is one way through one pattern.
type refWay struct {
	pattern int
	items   []refItem
	symbols []string // what the way consists of, independent of any text
	prefix  bool
}

func expand(seq []elem, limit int) ([][]refItem, bool) {
	ways := [][]refItem{nil}
	for _, e := range seq {
		var alts [][]refItem
		switch {
		case e.cap != nil:
			alts = [][]refItem{{{cap: e.cap}}}
		case e.alts != nil:
			for _, a := range e.alts {
				w, ok := expand(a, limit)
				if !ok {
					return nil, false
				}
				alts = append(alts, w...)
			}
		default:
			alts = [][]refItem{{{lit: e.lit}}}
		}
		var next [][]refItem
		for _, w := range ways {
			for _, a := range alts {
				next = append(next, append(append([]refItem(nil), w...), a...))
			}
		}
		if len(next) > limit {
			return nil, false
		}
		ways = next
	}
	return ways, true
}

type reference struct {
	ways []refWay
}

func newReference(patterns []Pattern) (*reference, bool) {
	r := &reference{}
	slots := map[string]int32{}
	for i, pat := range patterns {
		p := patternParser{src: pat.Text}
		seq, ok := p.parsePattern()
		if !ok {
			return nil, false
		}
		ways, ok := expand(seq, 256)
		if !ok {
			return nil, false
		}
		for _, items := range ways {
			w := refWay{pattern: i, items: items, prefix: p.prefix}
			for j := range w.items {
				if c := w.items[j].cap; c != nil {
					c.slot = -1
					if c.name != "" {
						if _, ok := slots[c.name]; !ok {
							slots[c.name] = int32(len(slots))
						}
						c.slot = slots[c.name]
					}
				}
			}
			w.symbols = w.describe()
			r.ways = append(r.ways, w)
		}
	}
	return r, true
}

// endsAt says whether the capture looks for the literal lit.
func endsAt(c *capture, lit string) bool {
	if lit == "" {
		return false
	}
	switch c.typ {
	case tUntil:
		return true
	case tWord, tUser, tChars:
		return c.class.takes(lit[0])
	}
	return false
}

func (w *refWay) describe() []string {
	var out []string
	space := false
	for i := 0; i < len(w.items); i++ {
		it := w.items[i]
		if it.cap == nil {
			for _, b := range []byte(it.lit) {
				if b == ' ' && space {
					continue
				}
				space = b == ' '
				out = append(out, string([]byte{b}))
			}
			continue
		}
		space = false
		term := ""
		if i+1 < len(w.items) && endsAt(it.cap, w.items[i+1].lit) {
			i++
			term = w.items[i].lit
			space = strings.HasSuffix(term, " ")
		}
		out = append(out, "cap\x00"+strconv.Quote(it.cap.key())+"\x00"+term)
	}
	if w.prefix {
		return append(out, "prefix")
	}
	return append(out, "accept")
}

// flexible returns where lit ends that text has at p, or -1.
func flexible(text, lit string, p int) int {
	for i, word := range strings.Split(lit, " ") {
		if i > 0 && p < len(text) {
			rest := strings.TrimLeft(text[p:], " \t")
			if len(rest) == len(text)-p {
				return -1
			}
			p = len(text) - len(rest)
		}
		if !strings.HasPrefix(text[p:], word) {
			return -1
		}
		p += len(word)
	}
	return p
}

var regexps = map[string]*regexp.Regexp{}

func compiled(re string) *regexp.Regexp {
	r := regexps[re]
	if r == nil {
		r = regexp.MustCompile("(?s)" + re)
		r.Longest()
		regexps[re] = r
	}
	return r
}

var refTypes = map[capType]string{
	tInt: `^[-+]?[0-9]+`, tHex: `^(0[xX][0-9a-fA-F]+|[0-9a-fA-F]+)`,
	tNumber: `^[-+]?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][-+]?[0-9]+)?`, tPort: `^[0-9]+`,
	tMAC:    `^(([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}|([0-9a-fA-F]{2}-){5}[0-9a-fA-F]{2}|([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}|[0-9a-fA-F]{12})`,
	tQuoted: `^("([^"\\]|\\.)*"|'([^'\\]|\\.)*')`,
}

// refScan reads a value of a type that knows its own end.
func refScan(c *capture, s string) int {
	switch c.typ {
	case tIP:
		if m := compiled(`^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+`).FindString(s); m != "" {
			if _, err := netip.ParseAddr(m); err == nil {
				return len(m)
			}
		}
		n, _ := scanIPv6([]byte(s)) // has a test of its own
		return n
	case tHost:
		ip := *c
		ip.typ = tIP
		m := compiled(`^[0-9A-Za-z._-]*`).FindString(s)
		if len(m) < len(s) && s[len(m)] == ':' {
			if n := refScan(&ip, s); n > len(m) {
				return n
			}
		}
		if m != "" && (m[0] == '.' || m[0] == '-') {
			return 0
		}
		return len(strings.TrimRight(m, ".-"))
	case tTime:
		return c.layout.span([]byte(s))
	case tMAC:
		n := len(compiled(refTypes[c.typ]).FindString(s))
		if n > 0 && n < len(s) && hexDigit(s[n]) >= 0 {
			return 0
		}
		return n
	case tPort:
		m := compiled(refTypes[c.typ]).FindString(s)
		if z := strings.TrimLeft(m, "0"); len(z) > 5 || len(z) == 5 && z > "65535" {
			return 0
		}
		return len(m)
	}
	return len(compiled(refTypes[c.typ]).FindString(s))
}

type refMatch struct {
	way  int
	ends []int // of the captures, in order of the symbols
	caps map[string]string
}

func (w *refWay) match(text string) (*refMatch, bool) {
	m := &refMatch{caps: map[string]string{}}
	p, space := 0, false
	for i := 0; i < len(w.items); i++ {
		it := w.items[i]
		if it.cap == nil {
			lit := it.lit
			if space {
				lit = strings.TrimPrefix(lit, " ")
			}
			if lit == "" {
				continue
			}
			if p = flexible(text, lit, p); p < 0 {
				return nil, false
			}
			space = strings.HasSuffix(lit, " ")
			continue
		}
		c := it.cap
		space = false
		least := 1
		if c.empty || c.typ == tRest {
			least = 0
		}
		end, after := -1, -1
		switch {
		case c.typ == tUntil || c.typ == tRest || c.class != nil:
			q := len(text)
			if c.class != nil {
				for q = p; q < len(text) && c.class.has[text[q]]; q++ {
				}
			}
			if i+1 < len(w.items) && endsAt(c, w.items[i+1].lit) {
				i++
				lit := w.items[i].lit
				for s := p + least; s <= q && end < 0; s++ {
					if after = flexible(text, lit, s); after >= 0 {
						end = s
					}
				}
				space = strings.HasSuffix(lit, " ")
			} else if q >= p+least {
				end, after = q, q
			}
		default:
			if n := refScan(c, text[p:]); n > 0 {
				end, after = p+n, p+n
			}
		}
		if end < 0 {
			return nil, false
		}
		m.ends = append(m.ends, end)
		if c.name != "" && end > p {
			m.caps[c.name] = text[p:end]
			if c.typ == tQuoted {
				m.caps[c.name] = text[p+1 : end-1]
			}
		}
		p = after
	}
	return m, w.prefix || p == len(text)
}

// before reports whether match a comes before match b by the documented order.
func (r *reference) before(a, b *refMatch) bool {
	x, y := r.ways[a.way].symbols, r.ways[b.way].symbols
	caps := 0
	for i := 0; i < len(x) && i < len(y); i++ {
		if x[i] == y[i] {
			if strings.HasPrefix(x[i], "cap\x00") {
				caps++
			}
			continue
		}
		kind := func(s string) int {
			switch {
			case len(s) == 1:
				return 0
			case s == "accept":
				return 1
			case s == "prefix":
				return 3
			}
			return 2
		}
		if kind(x[i]) != kind(y[i]) {
			return kind(x[i]) < kind(y[i])
		}
		xs, ys := strings.Split(x[i], "\x00"), strings.Split(y[i], "\x00")
		if xs[1] != ys[1] {
			return r.rank(x[:i], xs[1]) < r.rank(x[:i], ys[1])
		}
		if (xs[2] == "") != (ys[2] == "") {
			return ys[2] == ""
		}
		if a.ends[caps] != b.ends[caps] {
			return a.ends[caps] < b.ends[caps]
		}
		return len(xs[2]) > len(ys[2])
	}
	return a.way < b.way
}

// rank is the first way that has the capture after the history.
func (r *reference) rank(history []string, key string) int {
	for i, w := range r.ways {
		if len(w.symbols) > len(history) && strings.HasPrefix(w.symbols[len(history)], "cap\x00"+key+"\x00") {
			same := true
			for j := range history {
				same = same && history[j] == w.symbols[j]
			}
			if same {
				return i
			}
		}
	}
	panic("no way has its own history")
}

func (r *reference) match(text string) *refMatch {
	text = strings.Trim(text, " \t\r\n")
	var best *refMatch
	for i := range r.ways {
		m, ok := r.ways[i].match(text)
		if !ok {
			continue
		}
		m.way = i
		if best == nil || r.before(m, best) {
			best = m
		}
	}
	return best
}

// compare runs both on one text.
func compare(t *testing.T, patterns []Pattern, s *Set, r *reference, text string) bool {
	t.Helper()
	slots := make([]parse.Value, s.Slots())
	before := s.Exhausted()
	id, ok := s.Match([]byte(text), slots)
	if s.Exhausted() != before {
		return false // the budget is no part of the reference
	}
	var matcher Matcher
	var frame parse.Frame
	frame.Reset(s.Slots(), nil)
	for range 2 { // the second time it is not new
		again, matched := matcher.Match(s, []byte(text), &frame)
		if again != id || matched != ok {
			t.Fatalf("a Matcher finds %d, %v in %q, the set %d, %v", again, matched, text, id, ok)
		}
	}
	for i, v := range frame.Slots {
		if !v.Equal(slots[i]) || v.Flags() != slots[i].Flags() || frame.IsFilled(i) == v.IsZero() {
			t.Fatalf("a Matcher makes %v of %q, the set %v", v, text, slots[i])
		}
	}
	want := r.match(text)
	describe := func() string {
		var b strings.Builder
		for _, p := range patterns {
			fmt.Fprintf(&b, "  %d %q\n", p.ID, p.Text)
		}
		fmt.Fprintf(&b, "  text %q", text)
		return b.String()
	}
	if (want != nil) != ok {
		t.Fatalf("match is %v, the reference says %v\n%s", ok, want != nil, describe())
	}
	if !ok {
		for i := range slots {
			if !slots[i].IsZero() {
				t.Fatalf("slot %d was written without a match\n%s", i, describe())
			}
		}
		return false
	}
	if id != patterns[r.ways[want.way].pattern].ID {
		t.Fatalf("pattern %d, the reference says %d\n%s", id, r.ways[want.way].pattern, describe())
	}
	for i := range slots {
		got, w := slots[i].Str(), want.caps[s.Names()[i]]
		if got != w {
			t.Fatalf("capture %s is %q, the reference says %q\n%s", s.Names()[i], got, w, describe())
		}
	}
	for _, i := range s.Unreachable() {
		if patterns[i].ID == id {
			t.Fatalf("pattern %d matched and is reported as unreachable\n%s", id, describe())
		}
	}
	return true
}

// generator makes random patterns and texts that often match.
type generator struct {
	*rand.Rand
	name int
}

func (g *generator) pick(of ...string) string { return of[g.IntN(len(of))] }

func (g *generator) pattern(depth int) string {
	var b strings.Builder
	for range 1 + g.IntN(5) {
		switch k := g.IntN(10); {
		case k < 4:
			b.WriteString(g.pick("a", "b", "ab", " ", " a", "b ", ": ", "(", ")", "/", "a b", "1", "'", "c"))
		case k < 8 || depth == 0:
			g.name++
			name := fmt.Sprintf("n%d", g.name)
			if g.IntN(3) == 0 {
				name = "_"
			}
			b.WriteString("<" + name + g.pick("", "", "", ":until?", ":word", ":word?", ":int", ":ip", ":port", ":token", ":user", ":quoted", ":rest", ":number", ":hex", ":host",
				":mac", ":int?", ":chars(ab)", ":chars(^a)", ":chars(a-c ?)", ":time(15:04 2006-01-02)", ":token?") + ">")
		default:
			b.WriteString("{" + g.pattern(depth-1))
			for range g.IntN(3) {
				b.WriteString("|")
				if g.IntN(3) > 0 {
					b.WriteString(g.pattern(depth - 1))
				}
			}
			b.WriteString("}")
		}
	}
	return b.String()
}

func (g *generator) text(r *reference) string {
	w := r.ways[g.IntN(len(r.ways))]
	var b strings.Builder
	for _, it := range w.items {
		if it.cap == nil {
			for _, c := range []byte(it.lit) {
				if c == ' ' {
					b.WriteString(g.pick(" ", " ", " ", "  ", "\t"))
				} else {
					b.WriteByte(c)
				}
			}
			continue
		}
		switch it.cap.typ {
		case tInt, tPort, tNumber, tHex:
			b.WriteString(g.pick("0", "17", "65535", "65536", "-3", "1.5", "0x1f", "007", "4000000000", "12345678901234567890"))
		case tIP, tHost:
			b.WriteString(g.pick("1.2.3.4", "255.255.255.255", "256.1.1.1", "::1", "fe80::1", "2001:DB8::1", "a.b", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1.2.3.4.5"))
		case tMAC:
			b.WriteString(g.pick("00:11:22:aa:bb:cc", "0011.22aa.bbcc", "00-11-22-aa-bb-cc", "001122aabbcc"))
		case tQuoted:
			b.WriteString(g.pick(`"a b"`, `'x'`, `"a\"b"`, `""`, `"`))
		case tTime:
			b.WriteString(g.pick("12:30 2024-02-29", "1:30 2024-02-30"))
		default:
			b.WriteString(g.pick("a", "b", "ab", "a b", "", "c", "c(", "b: a", " ", "x y z", "'", "1"))
		}
	}
	out := []byte(b.String())
	for range g.IntN(3) {
		if len(out) > 0 && g.IntN(2) == 0 {
			i := g.IntN(len(out))
			out = append(out[:i], append([]byte(g.pick("", "a", " ", "b", "(", ":")), out[i+g.IntN(2):]...)...)
		}
	}
	return string(out)
}

func TestAgainstReference(t *testing.T) {
	cases := 4000
	if testing.Short() {
		cases = 400
	}
	matched := 0
	for seed := range cases {
		g := &generator{Rand: rand.New(rand.NewPCG(uint64(seed), 7))}
		var patterns []Pattern
		for range 1 + g.IntN(5) {
			for try := 0; try < 20; try++ {
				g.name = g.IntN(2) * 10
				p := strings.TrimSpace(g.pattern(2))
				if g.IntN(8) == 0 {
					p += "..."
				}
				if Check(p) == nil {
					patterns = append(patterns, Pattern{len(patterns), p})
					break
				}
			}
		}
		s, err := Compile(patterns, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, ok := newReference(patterns)
		if !ok || len(patterns) == 0 {
			continue
		}
		for range 20 {
			if compare(t, patterns, s, r, g.text(r)) {
				matched++
			}
		}
	}
	if matched < cases {
		t.Errorf("only %d texts matched", matched)
	}
	t.Logf("%d texts matched", matched)
}

func FuzzMatch(f *testing.F) {
	f.Add(builtPattern, builtLine)
	f.Add("<a> x <b>\n<a> y <b:int>\n<a>...", "1 y x 2")
	f.Add("{<a:int>|<a:word>}{ (<b>)}", "12 (x)")
	f.Fuzz(func(t *testing.T, source, text string) {
		if len(source) > 400 || len(text) > 400 {
			return
		}
		var patterns []Pattern
		for i, p := range strings.Split(source, "\n") {
			if Check(p) != nil {
				continue
			}
			patterns = append(patterns, Pattern{i, p})
		}
		s, err := Compile(patterns, nil)
		if err != nil {
			return
		}
		r, ok := newReference(patterns)
		if !ok || len(r.ways) > 300 {
			return
		}
		compare(t, patterns, s, r, text)
	})
}

func TestScanIPv6AgainstNetip(t *testing.T) {
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2))}
	for range 200000 {
		var b []byte
		for range 1 + g.IntN(12) {
			b = append(b, g.pick(":", ":", "::", "0", "1", "ab", "FFFF", "db8", "1.2.3.4", "00")...)
		}
		n, canonical := scanIPv6(b)
		addr, err := netip.ParseAddr(string(b))
		if err == nil && addr.Is6() && n != len(b) {
			t.Fatalf("%s: took %d bytes of a whole address", b, n)
		}
		if n > 0 {
			addr, err := netip.ParseAddr(string(b[:n]))
			if err != nil || !addr.Is6() {
				t.Fatalf("%s: took %s, which is no address", b, b[:n])
			}
			if canonical != bytes.Equal(b[:n], []byte(addr.String())) {
				t.Fatalf("%s: canonical is %v", b[:n], canonical)
			}
		}
	}
}
