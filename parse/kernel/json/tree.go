package json

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Path is one wanted place in an object and the slot of a parse.Frame for its value.
//
//	userIdentity.type     the key type in the object userIdentity
//	resources[0].ARN      in the first element of an array
//	resources[].ARN       in every element, collected into a list
//	labels."a.b".c        keys that hold dots, brackets or quotes stand in quotes,
//	                      where a backslash takes the next character as it is
//
// A path and one that goes on from it may both be wanted: the first gives the raw
// JSON text, the second what is inside.
type Path struct {
	Path string
	Slot int
}

// Options are the limits of reading. The zero Options have the defaults.
type Options struct {
	// MaxDepth is how deep objects and arrays may be nested, the top object being
	// 1. Default DefaultMaxDepth, at most 1000.
	MaxDepth int
	// MaxKeys is how many keys, nested ones and list elements included, one text may
	// have. Default DefaultMaxKeys.
	MaxKeys int
	// RepairUTF8 replaces each byte that is no part of valid UTF-8 by U+FFFD and
	// counts it, where otherwise the text is refused.
	RepairUTF8 bool
}

const (
	// DefaultMaxDepth is ample: the deepest audit records known (policy documents,
	// Kubernetes objects in audit events) have fewer than 30 levels.
	DefaultMaxDepth = 128
	// DefaultMaxKeys bounds time and memory for texts that are nothing but keys.
	DefaultMaxKeys = 1 << 16

	maxMaxDepth = 1000
)

func (o *Options) fill() error {
	switch {
	case o.MaxDepth < 0 || o.MaxDepth > maxMaxDepth:
		return fmt.Errorf("json: MaxDepth %d, want 0 (default %d) to %d", o.MaxDepth, DefaultMaxDepth, maxMaxDepth)
	case o.MaxKeys < 0:
		return fmt.Errorf("json: MaxKeys %d, want 0 (default %d) or more", o.MaxKeys, DefaultMaxKeys)
	}
	if o.MaxDepth == 0 {
		o.MaxDepth = DefaultMaxDepth
	}
	if o.MaxKeys == 0 {
		o.MaxKeys = DefaultMaxKeys
	}
	return nil
}

// Tree is a compiled set of wanted paths. It is constant and safe for concurrent use.
type Tree struct {
	options Options
	nodes   []*node
	names   []string
	slots   int // one more than the largest
	entries int
	// listSlots are the slots of paths with [].
	listSlots []int32
}

// node is an object of which keys are wanted.
type node struct {
	id      int32
	path    string
	entries []entry
	byName  map[string]int // entries
	hash    []int32        // open addressing, index into entries + 1
	mask    uint32
}

// entry is a wanted key of a node, or a wanted element of an array.
type entry struct {
	// `"name":` as numbers: its first eight bytes under mask, the eight behind them, its
	// last eight.
	first, mask, second, last uint64

	need   int    // bytes that must follow for a compare by words
	length int    // of quoted
	quoted []byte // `"name":`, or empty if the name needs escapes
	name   string
	slot   int32 // -1: none, only something inside is wanted
	list   int32 // the number of the list that slot collects, or -1
	plain  bool  // a slot that is no list
	id     int32
	obj    *node
	arr    *array
}

// array is an array of which elements are wanted.
type array struct {
	all *entry
	at  []element // by index
}

type element struct {
	index int
	entry *entry
}

// never is more bytes than there can be.
const never = math.MaxInt

// maxPathDepth bounds the recursion of reading.
const maxPathDepth = 64

// New compiles paths. It fails for a path that is malformed or wanted twice, and for
// a slot that is negative, too large or given twice. With no paths at all a Reader
// validates only (and keeps everything in Frame.Rest if that is asked for).
func New(paths []Path) (*Tree, error) {
	t := &Tree{nodes: []*node{{byName: map[string]int{}}}, names: []string{""}}
	if err := t.options.fill(); err != nil {
		return nil, err
	}
	slots := map[int]string{}
	for _, p := range paths {
		if p.Slot < 0 || p.Slot > 1<<20 {
			return nil, fmt.Errorf("json: path %s: slot %d is out of range", p.Path, p.Slot)
		}
		if other, ok := slots[p.Slot]; ok {
			return nil, fmt.Errorf("json: slot %d for both %s and %s", p.Slot, other, p.Path)
		}
		slots[p.Slot] = p.Path
		t.slots = max(t.slots, p.Slot+1)
		steps, err := parsePath(p.Path)
		if err != nil {
			return nil, fmt.Errorf("json: path %s: %w", p.Path, err)
		}
		if err := t.add(steps, int32(p.Slot)); err != nil {
			return nil, fmt.Errorf("json: path %s: %w", p.Path, err)
		}
	}
	for _, n := range t.nodes {
		n.compile()
		t.names[n.id] = n.path
	}
	return t, nil
}

// With returns the same paths with other limits.
func (t *Tree) With(o Options) (*Tree, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	c := *t
	c.options = o
	return &c, nil
}

// Slots is one more than the largest slot: the argument for parse.Frame.Reset.
func (t *Tree) Slots() int { return t.slots }

// Nodes are the paths of the objects that keys are looked up in: parse.Pair.Parent is
// an index into it, and the first, the top, is "". The caller must not change it.
func (t *Tree) Nodes() []string { return t.names }

// step is one segment of a path: a key, an index, or all elements.
type step struct {
	key   string
	index int // -1: key, -2: all
}

const (
	stepKey = -1
	stepAll = -2
)

func (s step) String() string {
	switch s.index {
	case stepAll:
		return "[]"
	case stepKey:
		if s.key != "" && !strings.ContainsAny(s.key, `."[]\`) {
			return s.key
		}
		return `"` + quoted.Replace(s.key) + `"`
	}
	return "[" + strconv.Itoa(s.index) + "]"
}

// quoted writes a key as it stands between quotes. It is constant.
var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func joinPath(parent string, s step) string {
	if parent == "" || s.index != stepKey {
		return parent + s.String()
	}
	return parent + "." + s.String()
}

func parsePath(p string) ([]step, error) {
	var steps []step
	for i := 0; ; {
		if i == len(p) {
			return nil, errors.New("empty key (write \"\" if that is meant)")
		}
		var key strings.Builder
		if p[i] == '"' {
			for i++; ; i++ {
				if i < len(p) && p[i] == '\\' {
					i++
				} else if i < len(p) && p[i] == '"' {
					break
				}
				if i >= len(p) {
					return nil, errors.New("quote is not closed")
				}
				key.WriteByte(p[i])
			}
			i++
		} else {
			from := i
			for i < len(p) && strings.IndexByte(`."[]`, p[i]) < 0 {
				i++
			}
			if i == from {
				return nil, errors.New("empty key (write \"\" if that is meant)")
			}
			key.WriteString(p[from:i])
		}
		steps = append(steps, step{key.String(), stepKey})
		for i < len(p) && p[i] == '[' {
			end := strings.IndexByte(p[i:], ']')
			if end < 0 {
				return nil, errors.New("bracket is not closed")
			}
			if text := p[i+1 : i+end]; text == "" {
				steps = append(steps, step{"", stepAll})
			} else {
				n, err := strconv.ParseUint(text, 10, 31)
				if err != nil {
					return nil, fmt.Errorf("[%s] is not an index", text)
				}
				steps = append(steps, step{"", int(n)})
			}
			i += end + 1
		}
		if i == len(p) {
			break
		}
		if p[i] != '.' {
			return nil, fmt.Errorf("unexpected %q (keys that hold dots, brackets or quotes stand in quotes)", p[i])
		}
		i++
	}
	if len(steps) > maxPathDepth {
		return nil, fmt.Errorf("more than %d segments", maxPathDepth)
	}
	return steps, nil
}

func (t *Tree) newEntry(name string) entry {
	t.entries++
	return entry{name: name, slot: -1, list: -1, id: int32(t.entries - 1)}
}

func (t *Tree) add(steps []step, slot int32) error {
	var (
		at   = t.nodes[0]
		e    *entry
		path string
		list bool
	)
	for i, s := range steps {
		if s.index == stepKey {
			if i > 0 {
				if e.obj == nil {
					e.obj = &node{id: int32(len(t.nodes)), path: path, byName: map[string]int{}}
					t.nodes = append(t.nodes, e.obj)
					t.names = append(t.names, "")
				}
				at = e.obj
			}
			e = nil
			j, ok := at.byName[s.key]
			if !ok {
				j = len(at.entries)
				at.byName[s.key] = j
				at.entries = append(at.entries, t.newEntry(s.key))
			}
			e = &at.entries[j]
		} else {
			if e.arr == nil {
				e.arr = &array{}
			}
			e = t.element(e.arr, s.index)
			list = list || s.index == stepAll
		}
		path = joinPath(path, s)
	}
	if e.slot >= 0 {
		return errors.New("wanted twice")
	}
	e.slot = slot
	if list {
		e.list = int32(len(t.listSlots))
		t.listSlots = append(t.listSlots, slot)
	}
	return nil
}

func (t *Tree) element(a *array, index int) *entry {
	if index == stepAll {
		if a.all == nil {
			e := t.newEntry("")
			a.all = &e
		}
		return a.all
	}
	i := 0
	for i < len(a.at) && a.at[i].index < index {
		i++
	}
	if i < len(a.at) && a.at[i].index == index {
		return a.at[i].entry
	}
	e := t.newEntry("")
	a.at = append(a.at, element{})
	copy(a.at[i+1:], a.at[i:])
	a.at[i] = element{index, &e}
	return &e
}

// compile makes what lookups need, once all entries are there.
func (n *node) compile() {
	size := 8
	for size < 3*len(n.entries) {
		size *= 2
	}
	n.hash, n.mask = make([]int32, size), uint32(size-1)
	for i := range n.entries {
		e := &n.entries[i]
		h := hashKey([]byte(e.name)) & n.mask
		for n.hash[h] != 0 {
			h = (h + 1) & n.mask
		}
		n.hash[h] = int32(i + 1)
		e.compile()
	}
}

func (e *entry) compile() {
	e.plain = e.slot >= 0 && e.list < 0
	e.need = never
	plain := true
	for i := range len(e.name) {
		c := e.name[i]
		plain = plain && c >= 0x20 && c < 0x80 && c != '"' && c != '\\'
	}
	if !plain {
		return // met by the lookup of unescaped keys
	}
	e.setText(make([]byte, 0, len(e.name)+11), []byte(e.name))
}

// setText sets what comparisons of the plain key name need. room is for the text:
// len(name) + 11 bytes.
func (e *entry) setText(room, name []byte) {
	b := append(append(append(room[:0], '"'), name...), `":`...)
	q := len(b)
	words := append(b, "\x00\x00\x00\x00\x00\x00\x00\x00"...)
	e.quoted, e.length = b, q
	e.first, e.mask, e.need = load64(words, 0), ^uint64(0), max(q, 8)
	if q < 8 {
		e.mask = 1<<(8*q) - 1
		e.first &= e.mask
	} else {
		e.last, e.second = load64(words, q-8), load64(words, min(8, q))
	}
}

// find returns the index of the entry of key, whose hash is given, or -1.
func (n *node) find(key []byte, hash uint32) int {
	for h := hash & n.mask; ; h = (h + 1) & n.mask {
		i := int(n.hash[h])
		if i == 0 {
			return -1
		}
		if n.entries[i-1].name == string(key) {
			return i - 1
		}
	}
}
