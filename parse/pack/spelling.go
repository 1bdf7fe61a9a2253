package pack

import (
	"bytes"
	"slices"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// spellings find the slot of a native key that is written in another way than the pack
// writes it: src_ip, SourceIP, "source":{"ip":…} for srcIp. Keys that the pack names
// come to their slots without them; they look at what is left.
type spellings struct {
	slots    map[string]int // by folded spelling
	all      []int          // the slots, each once
	names    [][]byte       // by all
	wrappers map[string]bool
}

const (
	maxSpelling = 64  // bytes of a folded path; longer ones have no slot
	maxDive     = 8   // levels of objects
	maxDived    = 512 // members looked at in one event
)

// loadSpellings reads the spellings and wrappers of a pack. Those of included packs come
// first; the slots are known after the steps.
func (c *compiler) loadSpellings(y *yaml.Node) error {
	if n := y.Get("spellings"); n != nil {
		if n.Kind != yaml.Map {
			return c.errorf(n, "spellings is a mapping of a native name to its other spellings, not %s", n.Kind)
		}
		for _, p := range n.Pairs {
			list, err := c.strings(p.Value)
			if err != nil {
				return err
			}
			for _, t := range append([]string{p.Key.Text}, list...) {
				f := string(appendFolded(nil, []byte(t)))
				switch other, taken := c.spellings[f]; {
				case f == "" || len(f) > maxSpelling:
					return c.errorf(p.Key, "%q is no spelling: 1 to %d letters and digits are wanted", t, maxSpelling)
				case taken && other != p.Key.Text:
					return c.errorf(p.Key, "%q is a spelling of %s already", t, other)
				}
				if c.spellings == nil {
					c.spellings = map[string]string{}
				}
				c.spellings[f] = p.Key.Text
			}
		}
	}
	list, err := c.strings(y.Get("wrappers"))
	for _, t := range list {
		c.wrappers = append(c.wrappers, string(appendFolded(nil, []byte(t))))
	}
	return err
}

// settleSpellings makes what finds the spellings of the names that the steps read.
func (c *compiler) settleSpellings() {
	if c.spellings == nil {
		return
	}
	sp := &spellings{slots: map[string]int{}, wrappers: map[string]bool{}}
	for f, name := range c.spellings {
		if i, ok := c.slots[name]; ok {
			sp.slots[f] = i
			sp.all = append(sp.all, i)
		}
	}
	for _, w := range c.wrappers {
		sp.wrappers[w] = true
	}
	slices.Sort(sp.all)
	sp.all = slices.Compact(sp.all)
	for _, i := range sp.all {
		sp.names = append(sp.names, []byte(c.names[i]))
	}
	c.program.spellings = sp
}

// spelled reports whether name is the first of some spellings.
func (c *compiler) spelled(name string) bool {
	return c.spellings[string(appendFolded(nil, []byte(name)))] == name
}

// appendFolded appends the letters and digits of key, in lower case.
func appendFolded(to, key []byte) []byte {
	for _, ch := range key {
		switch {
		case ch >= 'a' && ch <= 'z' || ch >= '0' && ch <= '9' || ch >= 0x80:
			to = append(to, ch)
		case ch >= 'A' && ch <= 'Z':
			to = append(to, ch+'a'-'A')
		}
	}
	return to
}

// slot returns the slot of a key that is spelled in any known way, or -1.
func (sp *spellings) slot(folded []byte) int {
	if len(folded) <= maxSpelling {
		if i, ok := sp.slots[string(folded)]; ok {
			return i
		}
	}
	return -1
}

// named is slot for a key by itself, as it is written.
func (sp *spellings) named(key []byte) int {
	var room [2 * maxSpelling]byte
	return sp.slot(appendFolded(room[:0], key[:min(len(key), 2*maxSpelling)]))
}

// respell gives what a layer left over to the slots that other spellings lead to. Where
// two keys of an event lead to one slot, the first has it and the second stays.
func (s *state) respell(l *layer, from int) {
	sp := s.pack.spellings
	dived, kept := 0, from
	if l.kind == "json" { // a slot is for a value, not for an object
		for n, i := range sp.all {
			v := s.frame.Slots[i]
			if v.Kind() != parse.KindObject {
				continue
			}
			s.frame.Set(i, parse.Value{})
			if s.keep {
				s.rec.Set(s.pack.keepKeys[i], v)
			}
			s.spelling = s.spelling[:0]
			s.dive(sp.names[n], v, 1, 0, &dived)
		}
	}
	for i := from; i < len(s.frame.Rest); i++ {
		p := s.frame.Rest[i]
		s.spelling = s.spelling[:0]
		if l.kind == "json" {
			s.spelling = appendFolded(s.spelling, []byte(l.tree.Nodes()[p.Parent]))
		}
		if p.Value.Kind() == parse.KindObject {
			s.dive(p.Key, p.Value, 1, 0, &dived)
		} else {
			slot := s.spelledSlot(p.Key, 0)
			if l.kind == "xml" && slot < 0 { // whatever the elements around are called
				slot = s.spelledEnd(p.Key)
			}
			if slot >= 0 && s.vacant(slot, p.Value) {
				s.frame.Set(slot, p.Value)
				continue
			}
		}
		s.frame.Rest[kept] = p
		kept++
	}
	if !s.keep {
		kept = from
	}
	clear(s.frame.Rest[kept:])
	s.frame.Rest = s.frame.Rest[:kept]
}

// spelledSlot returns the slot of key behind the path in s.spelling, or -1; root is where
// the path begins when its wrappers are left out.
func (s *state) spelledSlot(key []byte, root int) int {
	n := len(s.spelling)
	s.spelling = appendFolded(s.spelling, key[:min(len(key), 2*maxSpelling)])
	slot := s.pack.spellings.slot(s.spelling)
	if slot < 0 && root > 0 {
		slot = s.pack.spellings.slot(s.spelling[root:])
	}
	s.spelling = s.spelling[:n]
	return slot
}

// spelledEnd returns the slot of the longest end of a path of elements that has one, or -1.
func (s *state) spelledEnd(path []byte) int {
	for n := 0; n < maxDive; n++ {
		i := bytes.IndexAny(path, ".@")
		if i < 0 {
			break
		}
		path = path[i+1:]
		if slot := s.spelledSlot(path, 0); slot >= 0 {
			return slot
		}
	}
	return -1
}

// vacant reports whether v may have the slot.
func (s *state) vacant(slot int, v parse.Value) bool {
	return v.Kind() != parse.KindArray && !present(s.frame.Slots[slot]) && present(v) && !s.pack.isNull(v)
}

// dive looks for spellings among the members of an object, which itself is kept.
func (s *state) dive(key []byte, v parse.Value, depth, root int, dived *int) {
	n := len(s.spelling)
	s.spelling = appendFolded(s.spelling, key[:min(len(key), 2*maxSpelling)])
	if s.pack.spellings.wrappers[string(s.spelling[root:])] {
		root = len(s.spelling)
	}
	if depth <= maxDive && len(s.spelling) <= maxSpelling {
		it := json.Object(v.Bytes(), s.frame.Text)
		var name []byte
		var member parse.Value
		for it.Next(&name, &member) {
			if *dived++; *dived > maxDived {
				break
			}
			if member.Kind() == parse.KindObject {
				s.dive(name, member, depth+1, root, dived)
			} else if slot := s.spelledSlot(name, root); slot >= 0 && s.vacant(slot, member) {
				s.frame.Set(slot, member)
				s.consume(slot)
			}
		}
	}
	s.spelling = s.spelling[:n]
}
