package pack

import (
	"cmp"
	"fmt"
	"math/bits"
	"regexp/syntax"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// detector chooses the pack of a message: the one whose signature stands first of those
// that hold. What a message begins with, its program, its members or its vendor leave a few
// of them, so that the cost does not grow with the number of packs. It is constant.
type detector struct {
	packs []*entry // in the order in which they are tried

	text textIndex
	json jsonIndex
	xml  textIndex
	cef  vendorIndex
	leef vendorIndex
}

// candidate is a signature that can hold for messages of a class.
type candidate struct {
	sig   *signature
	pack  int
	order int
	// anchored: the signature tells how the message begins or which program wrote it. Among
	// candidates of equal order these come first: what a message holds may be a value.
	anchored bool
	begins   []byteSet // what can stand at the first places of the payload, and of the message
	raw      []byteSet
	keyed    bool // it needs one of the windows, which are searched for when it is due
	rawKeyed bool // the same of the raw windows
}

func (s *Set) detect() (*detector, error) {
	s.once.Do(func() { s.detector, s.err = s.newDetector() })
	return s.detector, s.err
}

func (s *Set) newDetector() (*detector, error) {
	type found struct {
		entry *entry
		order int
		sigs  []*signature
		err   error
	}
	// The packs know nothing of each other: each processor reads some. Who asks waits for all.
	all := make([]found, len(s.entries))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(all)/16+1) {
		readers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
				f := &all[i]
				f.entry = s.entries[i]
				f.order, f.sigs, f.err = f.entry.signatures()
			}
		})
	}
	readers.Wait()
	for i := range all {
		if all[i].err != nil {
			return nil, all[i].err
		}
	}
	all = slices.DeleteFunc(all, func(f found) bool { return len(f.sigs) == 0 })
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.entry.name, b.entry.name))
	})
	d := &detector{}
	var text, objects, xml, cef, leef []candidate
	for i, f := range all {
		d.packs = append(d.packs, f.entry)
		for _, sg := range f.sigs {
			c := newCandidate(sg)
			c.pack, c.order = i, f.order
			if sg.sure {
				c.order = sureOrder
			}
			switch sg.class {
			case classJSON:
				objects = append(objects, c)
			case classXML:
				xml = append(xml, c)
			case classCEF:
				cef = append(cef, c)
			case classLEEF:
				leef = append(leef, c)
			default:
				// Texts alone tell nothing about a CEF or LEEF event or a JSON object:
				// their values may hold anything.
				text = append(text, c)
				begins := c.begins
				switch {
				case sg.needs('<'):
					xml = append(xml, c) // it speaks of elements
				case len(begins) > 0 && begins[0].size() <= 8 && begins[0].has('<'):
					xml = append(xml, c)
				case len(begins) == 0 && len(sg.contains)+len(sg.any)+len(sg.regex)+len(sg.raw)+len(sg.rawRegex) == 0:
					xml = append(xml, c) // the program or the header alone decide
				}
				if len(begins) > 0 && begins[0].size() <= 8 {
					if begins[0].has('{') || begins[0].has('[') {
						objects = append(objects, c)
					}
				}
			}
		}
	}
	d.text.init(text)
	d.xml.init(xml)
	d.cef.init(cef)
	d.leef.init(leef)
	if err := d.json.init(objects); err != nil {
		return nil, fmt.Errorf("pack: detection: %w", err)
	}
	return d, nil
}

// find returns the number of the pack for the message in v, or -1.
func (d *detector) find(v *view) int {
	switch v.class {
	case classJSON:
		return d.json.find(v)
	case classXML:
		return d.xml.find(v)
	case classCEF:
		return d.cef.find(v)
	case classLEEF:
		return d.leef.find(v)
	}
	return d.text.find(v)
}

// sureOrder is that of signatures that are sure, which are tried before all others.
const sureOrder = -1 << 31

// textIndex finds the signature of a text.
type textIndex struct {
	candidates []candidate // in the order in which they are tried
	words      int         // of a bitset of them
	// Those that are sure and know how the payload begins, as an element or otherwise, by its first
	// byte. They are tried before all others.
	sure    [256][]int32
	header  [4]bitset // the others, by view.kind
	payload *positions
	raw     *positions
	app     apps
	must    [][]byteSet // by candidate: sets of marks; the payload has one of each
	// Texts of which candidates need one in the payload (keyed): one pass over it finds all.
	windows *windows
	unkeyed bitset // candidates that need none
	// The same for texts of the message with its header (rawKeyed).
	rawWindows *windows
	rawKeyed   bitset
}

// windowLen and rawWindowLen are the least lengths of such texts. The longer, the quicker a
// message is looked through, but the fewer texts do.
const (
	windowLen    = 5
	rawWindowLen = 8
)

func (t *textIndex) init(list []candidate) {
	slices.SortStableFunc(list, func(a, b candidate) int {
		if a.order == b.order && a.anchored != b.anchored {
			if a.anchored {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.order, b.order) // those of equal order are in that of the packs
	})
	t.candidates, t.words = list, (len(list)+63)/64
	for i, c := range list {
		for b := range 256 {
			if first(&c) && (len(c.begins) == 0 || c.begins[0].has(byte(b))) {
				t.sure[b] = append(t.sure[b], int32(i))
			}
		}
	}
	for kind := range t.header {
		t.header[kind] = make(bitset, t.words)
		for i, c := range list {
			if !first(&c) && headerIs(c.sig.header, kind) {
				t.header[kind].set(i)
			}
		}
	}
	t.payload = newPositions(t.words, len(list), func(i int) []byteSet { return list[i].begins })
	t.raw = newPositions(t.words, len(list), func(i int) []byteSet { return list[i].raw })
	t.app = newApps(t.words, list)

	t.must = make([][]byteSet, len(list))
	for i := range list {
		t.must[i] = list[i].sig.marks()
	}
	t.windows, t.rawWindows = newWindows(windowLen), newWindows(rawWindowLen)
	t.unkeyed, t.rawKeyed = make(bitset, t.words), make(bitset, t.words)
	for i := range list {
		c := &list[i]
		t.unkeyed.set(i)
		if c.sig.sure {
			continue
		}
		if !c.anchored || told(c.begins) < 16 { // else it is rarely left by the positions
			if c.keyed = t.windows.key(i, t.words, c.sig.texts()); c.keyed {
				t.unkeyed[i>>6] &^= 1 << (i & 63)
			}
		}
		if !c.keyed && !c.anchored {
			if c.rawKeyed = t.rawWindows.key(i, t.words, c.sig.rawTexts()); c.rawKeyed {
				t.rawKeyed.set(i)
			}
		}
	}
}

// first reports whether a candidate is one of textIndex.sure.
func first(c *candidate) bool {
	return c.sig.sure && (len(c.begins) > 0 || c.sig.class == classXML)
}

// key makes the candidate depend on the rarest of the groups of texts of which it needs one
// each. It is false if none will do.
func (w *windows) key(candidate, words int, groups [][]string) bool {
	var key []string
	for _, g := range groups {
		if shortest(g) >= w.size && rarer(g, key) {
			key = g
		}
	}
	for _, text := range key {
		if !w.add(text, words, candidate) {
			return false
		}
	}
	return len(key) > 0
}

func (t *textIndex) find(v *view) int {
	if len(v.live) < t.words {
		v.live, v.mask = make(bitset, t.words), make(bitset, t.words)
	}
	if len(v.payload) > 0 {
		for _, i := range t.sure[v.payload[0]] {
			if c := &t.candidates[i]; c.sig.matches(v) {
				return c.pack
			}
		}
	}
	live := v.live[:t.words]
	manyRaw := t.narrow(live, v)
	keyed := true // candidates wait for a pass over the payload
	for w := range live {
		for live[w] != 0 {
			bit := live[w] & -live[w]
			i := w<<6 + bits.TrailingZeros64(bit)
			c := &t.candidates[i]
			switch {
			case c.keyed && keyed && !c.anchored:
				// One pass over the payload leaves few of those behind it, too.
				keyed = false
				mask := v.mask[:t.words]
				copy(mask, t.unkeyed)
				t.windows.find(v.payload, mask)
				for k := w; k < len(live); k++ {
					live[k] &= mask[k]
				}
				continue
			case c.rawKeyed && manyRaw:
				manyRaw = false
				mask := v.mask[:t.words]
				for k, m := range t.rawKeyed {
					mask[k] = ^m
				}
				t.rawWindows.find(v.raw, mask)
				for k := w; k < len(live); k++ {
					live[k] &= mask[k]
				}
				continue
			}
			live[w] &^= bit
			if c.sig.matches(v) {
				return c.pack
			}
		}
	}
	return -1
}

// narrowing is what narrow left of the candidates for messages of one kind.
type narrowing struct {
	index   *textIndex
	key     narrowKey
	app     []byte
	live    bitset
	manyRaw bool
}

// narrowKey is what narrow goes by, beside the name of the program.
type narrowKey struct {
	rows                 [2 * depth]uint16 // of the payload, and of the message
	marks                [2]uint64         // that the payload has
	header, payload, raw uint16            // how many of the rows count
}

const (
	narrowings = 512 // that a view remembers
	maxAppKept = 48  // the longest name of a program that is remembered
)

// narrow sets live to the candidates that the header, the beginnings of the payload and of
// the message and the marks in the payload leave. A source sends the same kinds of messages again
// and again, so that the last answers are remembered. It reports whether more than two of
// them are rawKeyed.
func (t *textIndex) narrow(live bitset, v *view) bool {
	var key narrowKey
	h := uint32(t.payload.rowsOf(key.rows[:depth], &key.payload, v.payload))
	h = h*0x9e3779b1 + t.raw.rowsOf(key.rows[depth:], &key.raw, v.raw)
	key.header = uint16(v.kind)
	there := v.marks()
	key.marks = [2]uint64{there[0], there[1]}
	h = h*0x9e3779b1 + uint32(key.header) + uint32(len(v.app))<<2
	h = h*0x9e3779b1 + uint32((key.marks[0]*0x9e3779b97f4a7c15^key.marks[1])>>32)
	for _, c := range v.app[:min(len(v.app), 4)] {
		h = h*0x9e3779b1 + uint32(c)
	}
	if v.narrowed == nil {
		v.narrowed = make([]narrowing, narrowings)
	}
	both := v.narrowed[h*0x9e3779b1>>16%(narrowings/2)*2:][:2]
	for i := range both {
		if n := &both[i]; n.index == t && n.key == key && string(n.app) == string(v.app) {
			copy(live, n.live)
			return n.manyRaw
		}
	}
	copy(live, t.header[key.header])
	t.app.narrow(live, v.mask[:t.words], v.app)
	t.payload.narrow(live, v.payload)
	t.raw.narrow(live, v.raw)
	for w := range live {
		for left := live[w]; left != 0; left &= left - 1 {
			if i := w<<6 + bits.TrailingZeros64(left); !there.meetsAll(t.must[i]) {
				live[w] &^= 1 << (i & 63)
			}
		}
	}
	manyRaw := live.common(t.rawKeyed) > 2
	if len(v.app) > maxAppKept {
		return manyRaw
	}
	both[0], both[1] = both[1], both[0] // the newest stands first
	n := &both[0]
	n.index, n.key, n.manyRaw = t, key, manyRaw
	n.app, n.live = append(n.app[:0], v.app...), append(n.live[:0], live...)
	return manyRaw
}

// markBytes are bytes that many texts do without and many signatures need.
const markBytes = `="%_[|<(#,`

var marks = func() (s byteSet) {
	for _, c := range []byte(markBytes) {
		s.add(c)
	}
	return s
}()

// marks returns sets of marks of each of which every payload has one that the signature
// recognises.
func (sg *signature) marks() (out []byteSet) {
	// of returns the marks that are in a text.
	of := func(text []byte) (s byteSet) {
		for _, c := range text {
			if marks.has(c) {
				s.add(c)
			}
		}
		return s
	}
	each := func(s byteSet) {
		for c := range 128 {
			if s.has(byte(c)) {
				var one byteSet
				one.add(byte(c))
				out = append(out, one)
			}
		}
	}
	// oneOf adds the marks that all of some texts have, or else a set of which each has one.
	oneOf := func(texts [][]byte) {
		common, some := marks, byteSet{}
		for _, w := range texts {
			s := of(w)
			if s == (byteSet{}) {
				return
			}
			some.addAll(&s)
			for i := range common {
				common[i] &= s[i]
			}
		}
		if len(texts) == 0 {
			return
		}
		if each(common); common == (byteSet{}) {
			out = append(out, some)
		}
	}
	for i := range sg.contains {
		each(of(sg.contains[i].text))
	}
	oneOf(needleTexts(sg.any))
	oneOf(needleTexts(sg.need))
	oneOf(sg.prefixes)
	if sg.sep != 0 && sg.commas[0] > 0 {
		each(of([]byte{sg.sep}))
	}
	for _, s := range sg.held {
		if inside := [4]uint64{s[0] &^ marks[0], s[1] &^ marks[1], s[2], s[3]}; inside == [4]uint64{} {
			out = append(out, s)
		}
	}
	return out
}

func needleTexts(list []needle) (out [][]byte) {
	for i := range list {
		out = append(out, list[i].text)
	}
	return out
}

// apps narrows candidates by the name of the program in the syslog header.
type apps struct {
	exact map[string]bitset
	stars [256][]appStar // by first byte
	none  bitset         // those that any program will do for
}

type appStar struct {
	prefix string
	sets   bitset
}

func newApps(words int, list []candidate) apps {
	a := apps{exact: map[string]bitset{}, none: make(bitset, words)}
	for i, c := range list {
		if len(c.sig.apps) == 0 {
			a.none.set(i)
		}
		for _, name := range c.sig.apps {
			prefix, star := strings.CutSuffix(name, "*")
			switch {
			case !star:
				if a.exact[name] == nil {
					a.exact[name] = make(bitset, words)
				}
				a.exact[name].set(i)
			case prefix == "":
				a.none.set(i)
			default:
				sets := make(bitset, words)
				sets.set(i)
				a.stars[prefix[0]] = append(a.stars[prefix[0]], appStar{prefix, sets})
			}
		}
	}
	return a
}

// narrow takes those out of live that want another program. mask is room.
func (a *apps) narrow(live, mask bitset, app []byte) {
	copy(mask, a.none)
	if len(app) > 0 {
		for k, m := range a.exact[string(app)] {
			mask[k] |= m
		}
		for i := range a.stars[app[0]] {
			if s := &a.stars[app[0]][i]; len(app) >= len(s.prefix) && string(app[:len(s.prefix)]) == s.prefix {
				for k, m := range s.sets {
					mask[k] |= m
				}
			}
		}
	}
	for k, m := range mask {
		live[k] &= m
	}
}

// headerIs reports whether a signature's header allows a kind of header.
func headerIs(header string, kind int) bool {
	switch header {
	case "any":
		return kind != headerNone
	case "none":
		return kind == headerNone
	case "bare":
		return kind == headerBare
	case "rfc5424":
		return kind == header5424
	case "rfc3164":
		return kind == headerBare || kind == header3164
	}
	return true
}

// newCandidate reads out of a signature how a text that it recognises begins.
func newCandidate(sg *signature) candidate {
	regex, raw := sg.begins, sg.rawBegins
	few := func(sets []byteSet) bool { return len(sets) > 0 && sets[0].size() <= 64 }
	c := candidate{sig: sg, begins: regex, raw: raw}
	c.anchored = len(sg.prefixes) > 0 || len(sg.apps) > 0 || len(sg.columns) > 0 || few(regex) || few(raw)
	var starts []byteSet
	for i, p := range sg.prefixes {
		one := make([]byteSet, len(p))
		for k, c := range p {
			one[k].add(c)
		}
		if i == 0 {
			starts = one
		} else {
			starts = either(starts, one)
		}
	}
	if len(starts) > 0 && (len(regex) == 0 || starts[0].size() <= regex[0].size()) {
		c.begins = starts
	}
	return c
}

// longest is what is known of the beginnings of texts that all of the expressions match.
func longest(list []*syntax.Regexp) []byteSet {
	var best []byteSet
	for _, re := range list {
		if sets := beginnings(re); len(sets) > len(best) {
			best = sets
		}
	}
	return best
}

// texts are groups of texts; a payload that the signature recognises holds one of each.
func (sg *signature) texts() [][]string { return textGroups(sg.contains, sg.any, sg.need) }

// rawTexts are those of the message with its header.
func (sg *signature) rawTexts() [][]string { return textGroups(sg.raw, sg.rawNeed) }

// textGroups makes a group of each of all, and one of each list of oneOf.
func textGroups(all []needle, oneOf ...[]needle) (out [][]string) {
	for i := range all {
		out = append(out, []string{string(all[i].text)})
	}
	for _, list := range oneOf {
		var g []string
		for i := range list {
			g = append(g, string(list[i].text))
		}
		if g != nil {
			out = append(out, g)
		}
	}
	return out
}

// needs reports whether every payload that the signature recognises holds the mark.
func (sg *signature) needs(mark byte) bool {
	var one byteSet
	one.add(mark)
	return slices.Contains(sg.marks(), one)
}
