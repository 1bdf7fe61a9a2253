package pack

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// vendorIndex finds the signature of a CEF or LEEF event.
type vendorIndex struct {
	candidates []candidate
	byVendor   map[string][]int // candidates that can have the vendor
	others     []int            // those that can have any vendor that byVendor does not know
	broken     []int            // those that take an event without a readable header
}

func (x *vendorIndex) init(list []candidate) {
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(a.order, b.order) })
	x.candidates, x.byVendor = list, map[string][]int{}
	for _, c := range list {
		for _, p := range c.sig.cefPairs {
			if p.vendor != "" && !strings.HasSuffix(p.vendor, "*") {
				x.byVendor[p.vendor] = nil
			}
		}
	}
	for i, c := range list {
		if c.sig.anyVendor {
			x.broken = append(x.broken, i)
		}
		open := slices.ContainsFunc(c.sig.cefPairs, func(p vendorProduct) bool {
			return p.vendor == "" || strings.HasSuffix(p.vendor, "*")
		})
		if open || len(c.sig.cefPairs) == 0 {
			x.others = append(x.others, i)
		}
		for vendor, numbers := range x.byVendor {
			if len(c.sig.cefPairs) == 0 || slices.ContainsFunc(c.sig.cefPairs, func(p vendorProduct) bool {
				return p.vendor == "" || starMatch(p.vendor, []byte(vendor))
			}) {
				x.byVendor[vendor] = append(numbers, i)
			}
		}
	}
}

func (x *vendorIndex) find(v *view) int {
	list := x.broken
	if v.readHeader() {
		known := false
		if list, known = x.byVendor[string(v.vendor)]; !known {
			list = x.others
		}
	}
	for _, i := range list {
		if x.candidates[i].sig.matches(v) {
			return x.candidates[i].pack
		}
	}
	return -1
}

// jsonIndex finds the signature of a JSON object.
type jsonIndex struct {
	candidates []candidate
	words      int
	tree       *json.Tree
	slots      int
	byMember   [][]int32 // by slot: the candidates that are possible with that member
	always     [2]bitset // those that need none, for objects and for arrays
	// By slot: the signatures that are sure of one of which nothing but members is wanted.
	// The first one that holds, in the order of the text, ends the search for others.
	sure [][]sureMember
}

// sureMember is a candidate that one of its members may make sure of. Most wait for others then:
// with is the slot of the one that the fewest signatures want, or -1.
type sureMember struct{ number, with int32 }

func (x *jsonIndex) init(list []candidate) error {
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(a.order, b.order) })
	x.candidates, x.words = list, (len(list)+63)/64
	slots := map[string]int{}
	var paths []json.Path
	var wanted []int // by slot: how many want the member
	for i := range list {
		sg := *list[i].sig // the slots of the tests belong to this Set
		sg.json = slices.Clone(sg.json)
		list[i].sig = &sg
		for k := range sg.json {
			test := &sg.json[k]
			slot, ok := slots[test.path]
			if !ok {
				slot = len(paths)
				slots[test.path] = slot
				paths = append(paths, json.Path{Path: test.path, Slot: slot})
				wanted = append(wanted, 0)
			}
			test.slot = slot
			if !test.absent {
				wanted[slot]++
			}
		}
	}
	x.slots, x.byMember = len(paths), make([][]int32, len(paths))
	x.always = [2]bitset{make(bitset, x.words), make(bitset, x.words)}
	x.sure = make([][]sureMember, len(paths))
	for i, c := range list {
		if c.sig.sure && c.sig.membersOnly() {
			for _, test := range c.sig.json {
				with := -1
				for _, other := range c.sig.json {
					if other.slot != test.slot && (with < 0 || wanted[other.slot] < wanted[with]) {
						with = other.slot
					}
				}
				x.sure[test.slot] = append(x.sure[test.slot], sureMember{int32(i), int32(with)})
			}
		}
		lead := -1
		for _, test := range c.sig.json {
			if !test.absent && (lead < 0 || wanted[test.slot] < wanted[lead]) {
				lead = test.slot
			}
		}
		if lead < 0 {
			begins := c.begins
			for k, b := range []byte("{[") {
				if len(begins) == 0 || begins[0].has(b) {
					x.always[k].set(i)
				}
			}
			continue
		}
		x.byMember[lead] = append(x.byMember[lead], int32(i))
	}
	var err error
	x.tree, err = json.New(paths)
	return err
}

func (x *jsonIndex) find(v *view) int {
	if v.peeker == nil {
		v.peeker = x.tree.Peeker()
		v.peeker.Watch = x.watch(v)
		v.members = make([]member, x.slots)
		v.possible = make(bitset, x.words)
	}
	v.hit = -1
	v.readMembers()
	if v.hit >= 0 {
		return x.candidates[v.hit].pack
	}
	live := v.possible
	array := 0
	if len(v.payload) > 0 && v.payload[0] == '[' {
		array = 1
	}
	copy(live, x.always[array])
	if v.isObject {
		for i := range v.found {
			for _, n := range x.byMember[v.found[i].Slot] {
				live.set(int(n))
			}
		}
	}
	for w := range live {
		for ; live[w] != 0; live[w] &= live[w] - 1 {
			c := &x.candidates[w<<6+bits.TrailingZeros64(live[w])]
			if c.sig.matches(v) {
				return c.pack
			}
		}
	}
	return -1
}

// watch returns what is told of each member as it is found.
func (x *jsonIndex) watch(v *view) func(found []json.Found) bool {
	return func(found []json.Found) bool {
		for _, c := range x.sure[v.note(found)] {
			if c.with >= 0 && v.members[c.with].visit != v.visit {
				continue
			}
			// Most wait for members that are still to come: the last one is looked for first.
			tests := x.candidates[c.number].sig.json
			k := len(tests) - 1
			for k >= 0 && tests[k].holds(v) {
				k--
			}
			if k < 0 {
				v.hit = int(c.number)
				return true
			}
		}
		return false
	}
}

// membersOnly reports whether the signature asks for nothing but members that are there.
func (sg *signature) membersOnly() bool {
	return len(sg.json) > 0 && len(sg.prefixes)+len(sg.contains)+len(sg.any)+len(sg.raw)+len(sg.not)+len(sg.apps)+
		len(sg.regex)+len(sg.rawRegex)+len(sg.columns)+sg.pairs == 0 && sg.header == "" &&
		!slices.ContainsFunc(sg.json, func(t jsonTest) bool { return t.absent })
}
