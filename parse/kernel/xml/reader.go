package xml

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// Mode says what the native keys of a Reader are.
type Mode uint8

const (
	// Generic reads any document; its native keys are paths from the root:
	// Event.System.EventID, and Event.System.Provider@Name for an attribute.
	Generic Mode = iota
	// Windows reads one event of the Windows event log; its native keys are those of
	// the package comment.
	Windows
)

// Reader reads documents into Frames. It is not safe for concurrent use: each worker
// takes its own Clone.
type Reader struct {
	mode    Mode
	d       Decoder
	nodes   []node // Generic; 0 is above the root
	parents []string

	levels []level  // Generic: one for each open element
	buf    []byte   // text that came in several pieces
	again  []repeat // values behind the first of a key
	seen   []uint64 // hash table of rest keys: generation<<32 | index+1
	gen    uint32
	seed   maphash.Seed

	win   windows
	forms forms
	found [maxStepAttrs]foundAttr // for plainSystem
	slow  bool                    // for tests: read everything by the Decoder
}

// node is an element that has a place in the wanted paths.
type node struct {
	path     string
	slot     int
	children *parse.Keys // name → node
	attrs    *parse.Keys // name → slot
}

type level struct {
	node   int32 // the deepest wanted node on the path
	below  int32 // how many elements the path goes below it
	parted bool  // has child elements
}

type repeat struct {
	target int // slot, or ^index of the pair in Rest
	value  parse.Value
}

// NewReader returns a Reader that puts the value of the native key names[i] into slot
// slots[i] of a Frame. It fails for a wrong option, a malformed name and a name that
// comes twice. In mode Windows, Options.Controls is always on.
func NewReader(mode Mode, names []string, slots []int, opts Options) (*Reader, error) {
	o, err := opts.check()
	if err != nil {
		return nil, err
	}
	if len(names) != len(slots) {
		return nil, fmt.Errorf("xml: %d names for %d slots", len(names), len(slots))
	}
	for i, s := range slots {
		if s < 0 {
			return nil, fmt.Errorf("xml: slot %d of %q is negative", s, names[i])
		}
	}
	r := &Reader{mode: mode, seed: maphash.MakeSeed()}
	switch mode {
	case Generic:
		err = r.compile(names, slots)
	case Windows:
		o.Controls = true
		r.parents = windowsParents
		err = r.win.compile(names, slots)
	default:
		err = fmt.Errorf("xml: mode %d", mode)
	}
	if err != nil {
		return nil, err
	}
	r.d.opts = o
	return r, nil
}

// Clone returns a Reader for another worker.
func (r *Reader) Clone() *Reader {
	c := &Reader{mode: r.mode, d: Decoder{opts: r.d.opts}, parents: r.parents, seed: r.seed, win: r.win.clone()}
	c.nodes = slices.Clone(r.nodes)
	for i := range c.nodes {
		c.nodes[i].children = c.nodes[i].children.Clone()
		c.nodes[i].attrs = c.nodes[i].attrs.Clone()
	}
	return c
}

// Parents are the native paths that the Parent numbers of f.Rest stand for; number 0
// is the top (in mode Windows ParentSystem) and has the empty path. The slice is shared and must not be changed.
func (r *Reader) Parents() []string { return r.parents }

func (r *Reader) compile(names []string, slots []int) error {
	type draft struct {
		path         string
		slot         int
		names, attrs []string
		nodes, slots []int
	}
	drafts := []draft{{slot: -1}}
	for i, name := range names {
		path, attr, isAttr := strings.Cut(name, "@")
		at := 0
		for _, part := range strings.Split(path, ".") {
			if part == "" || isAttr && attr == "" || strings.ContainsRune(attr, '@') {
				return fmt.Errorf("xml: malformed path %q; want Root.Element or Root.Element@Attribute", name)
			}
			n := slices.Index(drafts[at].names, part)
			if n >= 0 {
				at = drafts[at].nodes[n]
				continue
			}
			drafts[at].names = append(drafts[at].names, part)
			drafts[at].nodes = append(drafts[at].nodes, len(drafts))
			drafts = append(drafts, draft{path: strings.TrimPrefix(drafts[at].path+"."+part, "."), slot: -1})
			at = len(drafts) - 1
		}
		switch d := &drafts[at]; {
		case isAttr:
			d.attrs = append(d.attrs, attr)
			d.slots = append(d.slots, slots[i])
		case d.slot >= 0:
			return fmt.Errorf("xml: native key %q twice", name)
		default:
			d.slot = slots[i]
		}
	}
	for _, d := range drafts {
		children, err := parse.NewKeys(d.names, d.nodes)
		if err != nil {
			return err
		}
		attrs, err := parse.NewKeys(d.attrs, d.slots)
		if err != nil {
			return err
		}
		r.nodes = append(r.nodes, node{d.path, d.slot, children, attrs})
		r.parents = append(r.parents, d.path)
	}
	return nil
}

// Read reads one document into f, which the caller has Reset with room for all slots.
// Values alias data or f.Text. The error is an *errcat.Error; f then holds what came
// before it.
//
// In mode Generic every element without child elements is a value, and so is every
// attribute but declarations of namespaces. A key that comes more than once gets a
// list (parse.KindArray) of its values in their order, in slots and in f.Rest alike.
func (r *Reader) Read(data []byte, f *parse.Frame) error {
	if f.Text == nil {
		f.Text = new(arena.Bytes)
	}
	r.d.Reset(data)
	if r.mode == Windows {
		return r.readWindows(f)
	}
	return r.readGeneric(f)
}

func (r *Reader) readGeneric(f *parse.Frame) error {
	d := &r.d
	r.levels = append(r.levels[:0], level{})
	r.again = r.again[:0]
	if r.gen++; r.gen == 0 {
		clear(r.seen)
		r.gen = 1
	}
	for i := range r.nodes {
		r.nodes[i].children.Begin()
		r.nodes[i].attrs.Begin()
	}
	var text pieces
	for {
		t, err := d.Next()
		if err != nil {
			return err
		}
		top := &r.levels[len(r.levels)-1]
		switch t {
		case EOF:
			r.lists(f)
			return nil
		case Text:
			text.add(r, d)
		case Start:
			if top.parted = true; !text.blank(r) {
				if err := r.put(f, top, -1, "#text", nil, text.value(r, f)); err != nil {
					return err
				}
			}
			text = pieces{}
			l := level{top.node, top.below + 1, false}
			if top.below == 0 {
				if n := r.nodes[top.node].children.Slot(d.Name()); n >= 0 {
					l = level{node: int32(n)}
				}
			}
			r.levels = append(r.levels, l)
			for i := range d.attrs {
				if err := r.attribute(f, &l, i); err != nil {
					return err
				}
			}
			text.bare = len(d.attrs) == 0
		case End:
			n := &r.nodes[top.node]
			slot := -1
			if top.below == 0 {
				slot = n.slot
			}
			switch {
			case top.parted:
				if !text.blank(r) {
					err = r.put(f, top, -1, "#text", nil, text.value(r, f))
				}
			case text.bare || text.n > 0:
				err = r.put(f, top, slot, "", nil, text.value(r, f))
			}
			if err != nil {
				return err
			}
			text = pieces{}
			r.levels = r.levels[:len(r.levels)-1]
		}
	}
}

// pieces is the text of the element that is open, which comments may have parted.
type pieces struct {
	n       int
	bare    bool // the element has no attributes: even an empty text is its value
	escaped bool
	first   []byte // the text as long as there is one piece and it is as it should be
}

func (p *pieces) add(r *Reader, d *Decoder) {
	p.n++
	if p.n == 1 {
		if !d.escaped {
			p.first = d.Text()
			return
		}
		r.buf = r.buf[:0]
	} else if !p.escaped {
		r.buf = append(r.buf[:0], p.first...)
	}
	p.escaped = true
	r.buf = d.AppendText(r.buf)
}

func (p *pieces) blank(r *Reader) bool {
	if p.escaped {
		return isSpace(r.buf)
	}
	return isSpace(p.first)
}

// value is the text, which was copied if it is not a slice of the document.
func (p *pieces) value(r *Reader, f *parse.Frame) parse.Value {
	if !p.escaped {
		return parse.BytesValue(p.first)
	}
	v := parse.BytesValue(f.Text.Copy(r.buf))
	if cap(r.buf) > 1<<16 {
		r.buf = nil
	}
	return v
}

func (r *Reader) attribute(f *parse.Frame, l *level, i int) error {
	d := &r.d
	name := d.AttrName(i)
	if p := d.AttrPrefix(i); len(p) == 0 && string(name) == "xmlns" || string(p) == "xmlns" {
		return nil
	}
	value, escaped := d.AttrValue(i)
	slot := -1
	if l.below == 0 {
		slot = r.nodes[l.node].attrs.Slot(name)
	}
	if slot < 0 && !f.KeepRest {
		return nil
	}
	if escaped {
		value = Unescape(value, f.Text)
	}
	return r.put(f, l, slot, "@", name, parse.BytesValue(value))
}

// put stores the value of the element at l, or of its attribute if mark is "@".
func (r *Reader) put(f *parse.Frame, l *level, slot int, mark string, name []byte, v parse.Value) error {
	d := &r.d
	if slot >= 0 {
		if f.Slots[slot].Kind() == parse.KindNone {
			f.Set(slot, v)
			return nil
		}
		return r.repeat(f, slot, v)
	}
	if !f.KeepRest {
		return nil
	}
	var key []byte
	if mark != "@" || l.below > 0 || l.node == 0 {
		// The names of the open elements below the node; all but one case need a copy.
		depth := len(r.levels) - 1 // of l
		names := d.stack[depth-int(l.below) : depth]
		if len(names) == 1 && mark == "" {
			key = localName(d.data, names[0])
		} else {
			k := f.Text.Scratch(64)
			for i, n := range names {
				if i > 0 {
					k = append(k, '.')
				}
				k = append(k, localName(d.data, n)...)
			}
			k = append(k, mark...)
			key = f.Text.Keep(append(k, name...))
		}
	} else {
		k := append(f.Text.Scratch(len(name)+1), '@')
		key = f.Text.Keep(append(k, name...))
	}
	if len(key) > parse.MaxKeyLength {
		return fail(errcat.Oversize, d.from, "a native key longer than allowed")
	}
	at, found := r.find(f, l.node, key)
	if found {
		return r.repeat(f, ^at, v)
	}
	if !f.Put(-1, l.node, key, v) {
		return fail(errcat.Oversize, d.from, "more native fields than allowed")
	}
	return nil
}

func localName(data []byte, s span) []byte {
	name := data[s.start:s.end:s.end]
	for i := 1; i+1 < len(name); i++ {
		if name[i] == ':' {
			return name[i+1:]
		}
	}
	return name
}

func (r *Reader) repeat(f *parse.Frame, target int, v parse.Value) error {
	limit := f.MaxRest
	if limit == 0 {
		limit = parse.DefaultMaxRest
	}
	if len(r.again) >= limit {
		return fail(errcat.Oversize, r.d.from, "more repeated elements than native fields are allowed")
	}
	r.again = append(r.again, repeat{target, v})
	return nil
}

// find returns the index of a pair in f.Rest. If there is none, it notes that the
// next pair will be it. The hash is seeded: the wire cannot make the table slow.
func (r *Reader) find(f *parse.Frame, parent int32, key []byte) (int, bool) {
	if len(r.seen) < 2*(len(f.Rest)+2) {
		r.seen = make([]uint64, max(64, 4*(len(f.Rest)+2)))
		if n := len(r.seen); n&(n-1) != 0 {
			size := 64
			for size < n {
				size *= 2
			}
			r.seen = make([]uint64, size)
		}
		for i := range f.Rest {
			r.note(f.Rest[i].Parent, f.Rest[i].Key, i, f)
		}
	}
	return r.note(parent, key, len(f.Rest), f)
}

func (r *Reader) note(parent int32, key []byte, index int, f *parse.Frame) (int, bool) {
	mask := uint64(len(r.seen) - 1)
	h := maphash.Bytes(r.seed, key) + uint64(parent)*0x9E3779B97F4A7C15
	for h &= mask; ; h = (h + 1) & mask {
		e := r.seen[h]
		if uint32(e>>32) != r.gen || e&0xffffffff == 0 {
			r.seen[h] = uint64(r.gen)<<32 | uint64(index+1)
			return index, false
		}
		if i := int(e&0xffffffff) - 1; i < len(f.Rest) && f.Rest[i].Parent == parent && string(f.Rest[i].Key) == string(key) {
			return i, true
		}
	}
}

// lists makes lists of the keys that came more than once.
func (r *Reader) lists(f *parse.Frame) {
	if len(r.again) == 0 {
		return
	}
	slices.SortStableFunc(r.again, func(a, b repeat) int { return a.target - b.target })
	for i := 0; i < len(r.again); {
		target := r.again[i].target
		var to *parse.Value
		if target >= 0 {
			to = &f.Slots[target]
		} else {
			to = &f.Rest[^target].Value
		}
		j := i
		for j < len(r.again) && r.again[j].target == target {
			j++
		}
		text := append(f.Text.Scratch(64), '[')
		text = append(scan.AppendJSONString(text, to.Bytes()), ',')
		*to = parse.RawValue(parse.KindArray, f.Text.Keep(appendList(text, r.again[i:j])))
		i = j
	}
	clear(r.again)
	if cap(r.again) > parse.DefaultMaxRest {
		r.again = nil
	}
}

func appendList(text []byte, vs []repeat) []byte {
	for i := range vs {
		if i > 0 {
			text = append(text, ',')
		}
		text = scan.AppendJSONString(text, vs[i].value.Bytes())
	}
	return append(text, ']')
}
