package evtx

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/winevent"
	"github.com/penstock-dev/penstock/parse"
)

// The Parent numbers of f.Rest.
const (
	ParentSystem    int32 = winevent.System    // the native keys without a dot
	ParentEventData int32 = winevent.EventData // event_data
	ParentUserData  int32 = winevent.UserData  // user_data
	ParentRendering int32 = winevent.Rendering // rendering
)

// Keys are the native keys whose names are known beforehand: all but those of
// event_data and user_data. The slice is the caller's.
func Keys() []string { return winevent.Keys() }

// Fields reads records into Frames by native keys, the same ones with the same values
// that the package xml gives for the record's XML text in its mode Windows. It is not
// safe for concurrent use: each worker takes its own Clone.
type Fields struct {
	keys                                   [winevent.Parts]*parse.Keys // keys that the event names itself
	elements, attrs, rendering             *parse.Keys                 // names → index of the tables in winevent
	elementSlots, attrSlots, renderedSlots []int
	keywordsSlot, xmlNameSlot              int

	f     *parse.Frame
	rec   *Record
	event bool // the event has begun
	stack []level
	names []byte // of the open elements
	txt   []byte // of the innermost element
	key   []byte // its attribute Name
	list  []byte // rendered keywords so far
	tmp   []byte
}

type level struct {
	name     int // where its name begins in names
	part     int32
	other    bool // not in one of the four parts
	parted   bool // has child elements
	named    bool // its attribute Name is in key
	attrs    int
	children int
}

// NewFields returns a Fields that puts the value of the native key names[i] into slot
// slots[i] of a Frame. It fails for a name that is empty or comes twice.
func NewFields(names []string, slots []int) (*Fields, error) {
	if len(names) != len(slots) {
		return nil, fmt.Errorf("evtx: %d names for %d slots", len(names), len(slots))
	}
	var below [winevent.Parts][]string
	var to [winevent.Parts][]int
	wanted := map[string]int{}
	known := winevent.Keys()
	for i, name := range names {
		part, key := 0, name
		for n, p := range winevent.Prefixes[1:] {
			if rest, ok := strings.CutPrefix(name, p); ok {
				part, key = n+1, rest
			}
		}
		if _, ok := wanted[name]; ok || key == "" || slots[i] < 0 {
			return nil, fmt.Errorf("evtx: native key %q (slot %d) is empty, twice or has no slot", name, slots[i])
		}
		if wanted[name] = slots[i]; slices.Contains(known, name) {
			continue // from its own element only: no other can pass for it
		}
		below[part] = append(below[part], key)
		to[part] = append(to[part], slots[i])
	}
	x := &Fields{}
	var err error
	for i := range below {
		if x.keys[i], err = parse.NewKeys(below[i], to[i]); err != nil {
			return nil, err
		}
	}
	for _, t := range []struct {
		keys  **parse.Keys
		names []string
	}{{&x.elements, winevent.SystemElements}, {&x.attrs, winevent.SystemAttrs}, {&x.rendering, winevent.RenderingElements}} {
		idx := make([]int, len(t.names))
		for i := range idx {
			idx[i] = i
		}
		if *t.keys, err = parse.NewKeys(t.names, idx); err != nil {
			return nil, err
		}
	}
	find := func(prefix string, keys ...string) []int {
		found := make([]int, len(keys))
		for i, k := range keys {
			found[i] = -1
			if slot, ok := wanted[prefix+k]; ok {
				found[i] = slot
			}
		}
		return found
	}
	x.elementSlots, x.attrSlots = find("", winevent.SystemKeys...), find("", winevent.SystemAttrKeys...)
	x.renderedSlots = find(winevent.Prefixes[winevent.Rendering], winevent.RenderingKeys...)
	x.renderedSlots[0] = find("", winevent.RenderingKeys[0])[0]
	x.keywordsSlot = find(winevent.Prefixes[winevent.Rendering], "keywords")[0]
	x.xmlNameSlot = find(winevent.Prefixes[winevent.UserData], winevent.XMLName)[0]
	return x, nil
}

// Clone returns a Fields for another worker.
func (x *Fields) Clone() *Fields {
	c := &Fields{
		elements: x.elements.Clone(), attrs: x.attrs.Clone(), rendering: x.rendering.Clone(),
		elementSlots: x.elementSlots, attrSlots: x.attrSlots, renderedSlots: x.renderedSlots,
		keywordsSlot: x.keywordsSlot, xmlNameSlot: x.xmlNameSlot,
	}
	for i, k := range x.keys {
		c.keys[i] = k.Clone()
	}
	return c
}

// Read reads a record into f, which the caller has Reset with room for all slots. The
// values are text in f.Text. The error is an *errcat.Error; f then holds what came
// before it.
func (x *Fields) Read(rec *Record, f *parse.Frame) error {
	if f.Text == nil {
		f.Text = new(arena.Bytes)
	}
	for _, k := range x.keys {
		k.Begin()
	}
	x.elements.Begin()
	x.attrs.Begin()
	x.rendering.Begin()
	x.f, x.rec, x.event = f, rec, false
	x.stack, x.names, x.txt, x.list = x.stack[:0], x.names[:0], x.txt[:0], x.list[:0]
	err := rec.chunk.work.record(rec, x)
	if err == nil && !x.event {
		err = x.fail(errcat.SchemaViolation, "a record without an event")
	}
	x.f, x.rec = nil, nil
	if cap(x.txt) > 1<<16 {
		x.txt = nil
	}
	return err
}

func (x *Fields) fail(c errcat.Category, msg string) error {
	return fail(c, x.rec.Offset, msg)
}

const errMixed = "text between the parts of an event"

func (x *Fields) open(name []byte) error {
	l := level{name: len(x.names)}
	switch n := len(x.stack); {
	case n == 0:
		if string(local(name)) != "Event" {
			return x.fail(errcat.SchemaViolation, "the root element is not Event")
		}
		if x.event {
			return x.fail(errcat.SchemaViolation, "a second event in one record")
		}
		x.event = true
	default:
		top := &x.stack[n-1]
		if !blank(x.txt) {
			return x.fail(errcat.SchemaViolation, errMixed)
		}
		top.parted = true
		top.children++
		if n > 1 {
			l.part, l.other = top.part, top.other
			break
		}
		switch string(local(name)) {
		case "System":
		case "EventData":
			l.part = ParentEventData
		case "UserData":
			l.part = ParentUserData
		case "RenderingInfo":
			l.part = ParentRendering
		default:
			l.other = true
		}
	}
	x.names = append(x.names, name...)
	x.stack = append(x.stack, l)
	x.txt = x.txt[:0]
	if len(x.stack) == 3 && l.part == ParentUserData {
		return x.put(x.xmlNameSlot, ParentUserData, scan.Bytes(winevent.XMLName), local(name))
	}
	return nil
}

// above is the depth below which the names of elements make a key of their own.
func (l *level) above() int {
	switch {
	case l.other:
		return 1
	case l.part == ParentUserData:
		return 3
	}
	return 2
}

func (x *Fields) attr(name, value []byte) error {
	depth := len(x.stack)
	l := &x.stack[depth-1]
	l.attrs++
	if string(name) == "xmlns" || len(name) > 6 && string(name[:6]) == "xmlns:" {
		return nil
	}
	name = local(name)
	switch {
	case depth == 1:
		return nil
	case depth == 2 && l.part == ParentEventData:
		if string(name) == "Name" {
			key := scan.Bytes(winevent.XMLName)
			return x.put(x.keys[ParentEventData].Slot(key), ParentEventData, key, value)
		}
		return nil
	case depth == 3 && l.part == ParentSystem && !l.other:
		x.tmp = append(append(append(x.tmp[:0], x.name(depth)...), '@'), name...)
		if i := x.attrs.Slot(x.tmp); i >= 0 {
			return x.put(x.attrSlots[i], ParentSystem, scan.Bytes(winevent.SystemAttrKeys[i]), value)
		}
		return x.putKey(ParentSystem, x.tmp, value)
	case string(name) == "Name" && !l.named && (depth == 3 && l.part == ParentEventData || string(x.name(depth)) == "Data"):
		x.key = append(x.key[:0], value...)
		l.named = len(value) > 0
		return nil
	case depth <= l.above() || depth == 3 && l.part != ParentUserData && !l.other:
		return nil
	}
	return x.putPath(l, name, value)
}

func (x *Fields) content() error { return nil }

func (x *Fields) text(b []byte) error {
	if len(x.stack) == 0 {
		if !blank(b) {
			return x.fail(errcat.SchemaViolation, "text outside of the event")
		}
		return nil
	}
	x.txt = append(x.txt, b...)
	return nil
}

func (x *Fields) close(empty bool) error {
	depth := len(x.stack)
	l := x.stack[depth-1]
	err := x.leaf(&l, depth, empty)
	x.names = x.names[:l.name]
	x.stack = x.stack[:depth-1]
	x.txt = x.txt[:0]
	return err
}

func (x *Fields) leaf(l *level, depth int, empty bool) error {
	inKeywords := l.part == ParentRendering && depth >= 3 && string(x.name(3)) == "Keywords"
	if depth == 1 && empty {
		return x.fail(errcat.SchemaViolation, "an event without content")
	}
	if l.parted || depth == 1 || depth == 2 && !l.other {
		if !blank(x.txt) {
			return x.fail(errcat.SchemaViolation, errMixed)
		}
		if inKeywords && depth == 3 && len(x.list) > 0 {
			v := parse.RawValue(parse.KindArray, x.f.Text.Copy(append(x.list, ']')))
			x.list = x.list[:0]
			return x.keep(x.keywordsSlot, ParentRendering, scan.Bytes("keywords"), v)
		}
		if inKeywords && depth > 3 {
			return x.fail(errcat.SchemaViolation, "an element within a Keyword")
		}
		return nil
	}
	name := x.name(depth)
	switch {
	case inKeywords:
		if depth == 3 {
			if !blank(x.txt) {
				return x.fail(errcat.SchemaViolation, errMixed)
			}
			return nil
		}
		if len(x.txt) > 0 {
			sep := byte(',')
			if len(x.list) == 0 {
				sep = '['
			}
			x.list = scan.AppendJSONString(append(x.list, sep), x.txt)
		}
		return nil
	case depth == 3 && l.part == ParentSystem && !l.other:
		if empty {
			return nil
		}
		if i := x.elements.Slot(name); i >= 0 {
			return x.put(x.elementSlots[i], ParentSystem, scan.Bytes(winevent.SystemKeys[i]), x.txt)
		}
		if len(x.txt) == 0 {
			return nil
		}
		return x.putKey(ParentSystem, name, x.txt)
	case depth == 3 && l.part == ParentEventData:
		key := name
		if l.named {
			key = x.key
		} else if string(name) == "Data" {
			x.tmp = strconv.AppendInt(append(x.tmp[:0], "param"...), int64(x.stack[1].children), 10)
			key = x.tmp
		}
		return x.putKey(ParentEventData, key, x.txt)
	case depth == 3 && l.part == ParentRendering:
		if len(x.txt) == 0 {
			return nil
		}
		switch i := x.rendering.Slot(name); {
		case i == 0:
			return x.put(x.renderedSlots[0], ParentSystem, scan.Bytes(winevent.RenderingKeys[0]), x.txt)
		case i > 0:
			return x.put(x.renderedSlots[i], ParentRendering, scan.Bytes(winevent.RenderingKeys[i]), x.txt)
		}
		return x.putKey(ParentRendering, name, x.txt)
	case depth <= l.above(): // the element within UserData
		if blank(x.txt) {
			return nil
		}
		return x.putKey(l.part, name, x.txt)
	case l.named:
		return x.putKey(l.part, x.key, x.txt)
	case l.attrs == 0 || len(x.txt) > 0:
		return x.putPath(l, nil, x.txt)
	}
	return nil
}

// name is the local name of the open element at a depth from 1 on.
func (x *Fields) name(depth int) []byte {
	end := len(x.names)
	if depth < len(x.stack) {
		end = x.stack[depth].name
	}
	return local(x.names[x.stack[depth-1].name:end])
}

func local(name []byte) []byte {
	for i := 1; i+1 < len(name); i++ {
		if name[i] == ':' {
			return name[i+1:]
		}
	}
	return name
}

// putPath stores value under the dotted names of the open elements, with @attr if it
// is an attribute.
func (x *Fields) putPath(l *level, attr, value []byte) error {
	k := x.tmp[:0]
	for depth := l.above() + 1; depth <= len(x.stack); depth++ {
		if len(k) > 0 {
			k = append(k, '.')
		}
		k = append(k, x.name(depth)...)
	}
	if attr != nil {
		k = append(append(k, '@'), attr...)
	}
	x.tmp = k
	return x.putKey(l.part, k, value)
}

// putKey stores value under a key that the event names itself.
func (x *Fields) putKey(part int32, key, value []byte) error {
	if len(key) > parse.MaxKeyLength {
		return x.fail(errcat.Oversize, "a native key longer than allowed")
	}
	slot := x.keys[part].Slot(key)
	if slot < 0 {
		if !x.f.KeepRest {
			return nil
		}
		key = x.f.Text.Copy(key)
	}
	return x.put(slot, part, key, value)
}

func (x *Fields) put(slot int, part int32, key, value []byte) error {
	if slot < 0 && !x.f.KeepRest {
		return nil
	}
	return x.keep(slot, part, key, parse.BytesValue(x.f.Text.Copy(value)))
}

func (x *Fields) keep(slot int, part int32, key []byte, v parse.Value) error {
	if !x.f.Put(slot, part, key, v) {
		return x.fail(errcat.Oversize, "more native fields than allowed")
	}
	return nil
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}
