package xml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/winevent"
	"github.com/penstock-dev/penstock/parse"
)

// The Parent numbers of f.Rest in mode Windows.
const (
	ParentSystem    int32 = winevent.System    // the native keys without a dot
	ParentEventData int32 = winevent.EventData // event_data
	ParentUserData  int32 = winevent.UserData  // user_data
	ParentRendering int32 = winevent.Rendering // rendering
)

// windowsParents are the native paths of the Parent numbers.
var windowsParents = func() []string {
	paths := make([]string, winevent.Parts)
	for i, p := range winevent.Prefixes {
		paths[i] = strings.TrimSuffix(p, ".")
	}
	return paths
}()

// WindowsKeys are the native keys of mode Windows whose names are known beforehand:
// all but those of event_data and user_data. The slice is the caller's.
func WindowsKeys() []string { return winevent.Keys() }

// windows is the lookup of mode Windows.
type windows struct {
	keys  [4]*parse.Keys     // native key below each parent → slot
	order [2]*parse.KeyOrder // of those of event_data, see dataOrder
	// element and attribute names of System → index into winevent.SystemKeys or winevent.SystemAttrKeys
	elements, attrs *parse.Keys
	rendering       *parse.Keys
	elementSlots    []int
	attrSlots       []int
	renderingSlots  []int
	keywordsSlot    int
	xmlNameSlot     int
}

func (w *windows) compile(names []string, slots []int) error {
	var below [4][]string
	var to [4][]int
	wanted := map[string]int{}
	known := WindowsKeys()
	for i, name := range names {
		parent, key := ParentSystem, name
		for n, p := range winevent.Prefixes[1:] {
			if rest, ok := strings.CutPrefix(name, p); ok {
				parent, key = int32(n)+1, rest
			}
		}
		if key == "" {
			return fmt.Errorf("xml: native key %q has no name", name)
		}
		if _, ok := wanted[name]; ok {
			return fmt.Errorf("xml: native key %q twice", name)
		}
		if wanted[name] = slots[i]; slices.Contains(known, name) {
			continue // from its own element only: no other can pass for it
		}
		below[parent] = append(below[parent], key)
		to[parent] = append(to[parent], slots[i])
	}
	for i := range below {
		keys, err := parse.NewKeys(below[i], to[i])
		if err != nil {
			return err
		}
		w.keys[i] = keys
	}
	number := func(names []string) *parse.Keys {
		idx := make([]int, len(names))
		for i := range idx {
			idx[i] = i
		}
		keys, err := parse.NewKeys(names, idx)
		if err != nil {
			panic(err) // constant tables
		}
		return keys
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
	w.elements, w.attrs, w.rendering = number(winevent.SystemElements), number(winevent.SystemAttrs), number(winevent.RenderingElements)
	w.elementSlots, w.attrSlots = find("", winevent.SystemKeys...), find("", winevent.SystemAttrKeys...)
	w.renderingSlots = find("rendering.", winevent.RenderingKeys...)
	w.renderingSlots[0] = find("", "message")[0]
	w.keywordsSlot = find("", "rendering.keywords")[0]
	w.xmlNameSlot = find("", "user_data.xml_name")[0]
	return nil
}

func (w *windows) clone() windows {
	c := *w
	c.order = [2]*parse.KeyOrder{}
	if w.elements == nil {
		return c
	}
	for i := range c.keys {
		c.keys[i] = w.keys[i].Clone()
	}
	c.elements, c.attrs, c.rendering = w.elements.Clone(), w.attrs.Clone(), w.rendering.Clone()
	return c
}

func (r *Reader) readWindows(f *parse.Frame) error {
	if done, err := r.readKnown(f); done || err != nil {
		return err
	}
	r.forms.notes, r.forms.alien = r.forms.notes[:0], r.slow
	if err := r.readEvent(f); err != nil {
		return err
	}
	if r.d.content&hasReturn == 0 {
		r.forms.learn(r.d.data)
	}
	return nil
}

func (r *Reader) readEvent(f *parse.Frame) error {
	d, w := &r.d, &r.win
	for _, k := range w.keys {
		k.Begin()
	}
	for _, o := range w.order {
		if o != nil {
			o.Begin()
		}
	}
	w.elements.Begin()
	w.attrs.Begin()
	w.rendering.Begin()
	started := false
	for {
		t, err := d.Next()
		if err != nil {
			return err
		}
		switch t {
		case EOF:
			return nil
		case Text:
			if !isSpace(d.Text()) {
				return fail(errcat.SchemaViolation, d.from, "text between the parts of an event")
			}
		case Start:
			if !started {
				if started = true; string(d.Name()) != "Event" {
					return fail(errcat.SchemaViolation, d.from, "the root element is not Event (Split takes Events apart)")
				}
				if d.empty {
					return fail(errcat.SchemaViolation, d.from, "an Event without content")
				}
				continue
			}
			switch string(d.Name()) {
			case "System":
				err = r.system(f)
			case "EventData":
				err = r.eventData(f)
			case "UserData":
				err = r.userData(f)
			case "RenderingInfo":
				err = r.renderingInfo(f)
			default:
				_, err = r.leaves(f, ParentSystem, 1)
			}
			if err != nil {
				return err
			}
		}
	}
}

// within yields the children of the element that has just started: it reads the next
// Start token and returns false at the end of the element.
func (r *Reader) within(depth int) (bool, error) {
	d := &r.d
	for {
		t, err := d.Next()
		if err != nil {
			return false, err
		}
		switch t {
		case Start:
			return true, nil
		case End:
			if len(d.stack) == depth {
				return false, nil
			}
		case Text:
			if !isSpace(d.Text()) {
				return false, fail(errcat.SchemaViolation, d.from, "text between the parts of an event")
			}
		}
	}
}

// leaf reads the text of the element that has just started, up to its end. plain is
// false where it has child elements: then the first of them has just started.
func (r *Reader) leaf(f *parse.Frame) (v parse.Value, plain bool, err error) {
	d := &r.d
	if d.empty {
		d.empty = false
		d.pop = true
		return parse.StringValue(""), true, nil
	}
	// One plain text and the end tag that fits is what nearly every leaf looks like.
	if data, i := d.data, d.pos; i < len(data) && !r.slow {
		j := indexText(data, i)
		name := d.stack[len(d.stack)-1]
		n := int(name.end - name.start)
		end := j + 2 + n
		if end < len(data) && data[j] == '<' && data[j+1] == '/' && data[end] == '>' &&
			string(data[j+2:end]) == string(data[name.start:name.end]) && !d.returns(i, j) {
			d.from, d.pos, d.pop = j, end+1, true
			return parse.BytesValue(data[i:j]), true, nil
		}
	}
	var text pieces
	for {
		t, err := d.Next()
		if err != nil {
			return v, false, err
		}
		switch t {
		case Text:
			text.add(r, d)
		case End:
			return text.value(r, f), true, nil
		case Start:
			if !text.blank(r) {
				return v, false, fail(errcat.SchemaViolation, d.from, "text between the parts of an event")
			}
			return v, false, nil
		}
	}
}

// keep stores a value from a place that forms do not know.
func (r *Reader) keep(f *parse.Frame, slot int, parent int32, key []byte, v parse.Value) error {
	r.forms.alien = true
	return r.store(f, slot, parent, key, v)
}

func (r *Reader) store(f *parse.Frame, slot int, parent int32, key []byte, v parse.Value) error {
	if len(key) > parse.MaxKeyLength {
		return fail(errcat.Oversize, r.d.from, "a native key longer than allowed")
	}
	if !f.Put(slot, parent, key, v) {
		return fail(errcat.Oversize, r.d.from, "more native fields than allowed")
	}
	return nil
}

func (r *Reader) system(f *parse.Frame) error {
	d, w := &r.d, &r.win
	depth := len(d.stack)
	if d.empty {
		d.empty, d.pop = false, true
		return nil
	}
	for step := 0; ; {
		for more := true; more; {
			var err error
			if step, more, err = r.plainSystem(f, step); err != nil {
				return err
			}
		}
		if more, err := r.within(depth); !more {
			return err
		}
		name := d.Name()
		for i := range d.attrs {
			if err := r.systemAttr(f, name, i); err != nil {
				return err
			}
		}
		if d.empty {
			d.empty, d.pop = false, true
			continue
		}
		v, plain, err := r.leaf(f)
		if err != nil {
			return err
		}
		if !plain {
			// Not a Windows event's System; keep what it holds by its own names.
			if _, err := r.leavesFrom(f, ParentSystem, depth, depth); err != nil {
				return err
			}
			continue
		}
		if i := w.elements.Slot(name); i >= 0 {
			err = r.keep(f, w.elementSlots[i], ParentSystem, scan.Bytes(winevent.SystemKeys[i]), v)
		} else if len(v.Bytes()) > 0 {
			err = r.keep(f, w.keys[ParentSystem].Slot(name), ParentSystem, name, v)
		}
		if err != nil {
			return err
		}
	}
}

func (r *Reader) systemAttr(f *parse.Frame, element []byte, i int) error {
	d, w := &r.d, &r.win
	name := d.AttrName(i)
	if p := d.AttrPrefix(i); len(p) == 0 && string(name) == "xmlns" || string(p) == "xmlns" {
		return nil
	}
	var room [64]byte
	full := append(append(append(room[:0], element...), '@'), name...)
	value, escaped := d.AttrValue(i)
	if escaped {
		value = Unescape(value, f.Text)
	}
	if n := w.attrs.Slot(full); n >= 0 {
		return r.keep(f, w.attrSlots[n], ParentSystem, scan.Bytes(winevent.SystemAttrKeys[n]), parse.BytesValue(value))
	}
	slot := w.keys[ParentSystem].Slot(full)
	if slot < 0 && !f.KeepRest {
		return nil
	}
	return r.keep(f, slot, ParentSystem, f.Text.Copy(full), parse.BytesValue(value))
}

func (r *Reader) eventData(f *parse.Frame) error {
	d, w := &r.d, &r.win
	keys := w.keys[ParentEventData]
	depth := len(d.stack)
	if name, escaped, ok := d.Attr("Name"); ok {
		if escaped {
			name = Unescape(name, f.Text)
		}
		if err := r.keep(f, keys.Slot(scan.Bytes("xml_name")), ParentEventData, scan.Bytes("xml_name"), parse.BytesValue(name)); err != nil {
			return err
		}
	}
	if d.empty {
		d.empty, d.pop = false, true
		return nil
	}
	for n := 1; ; n++ {
		if !r.slow {
			read, err := r.plainData(f)
			if err != nil {
				return err
			}
			n += read
		}
		if more, err := r.within(depth); !more {
			return err
		}
		key, escaped, named := d.Attr("Name")
		if escaped {
			key = Unescape(key, f.Text)
		}
		if !named || len(key) == 0 {
			if key = d.Name(); string(key) == "Data" {
				key = paramName(f, n)
			}
		}
		kind, at := valueText, d.pos
		if d.empty {
			kind = valueEmpty
		}
		v, plain, err := r.leaf(f)
		if err != nil {
			return err
		}
		if !plain {
			if _, err := r.leavesFrom(f, ParentEventData, depth, depth); err != nil {
				return err
			}
			continue
		}
		slot := keys.Slot(key)
		r.forms.noteLeaf(d.data, slot, key, kind, at, v)
		if err := r.store(f, slot, ParentEventData, key, v); err != nil {
			return err
		}
	}
}

const manyParams = "param1 param2 param3 param4 param5 param6 param7 param8 param9 param10param11param12param13param14param15param16"

// paramName is the native key of the n-th child of EventData if it has no name.
func paramName(f *parse.Frame, n int) []byte {
	if n <= 16 {
		return scan.Bytes(strings.TrimRight(manyParams[(n-1)*7:n*7], " "))
	}
	return f.Text.Keep(strconv.AppendInt(append(f.Text.Scratch(16), "param"...), int64(n), 10))
}

func (r *Reader) userData(f *parse.Frame) error {
	d, w := &r.d, &r.win
	depth := len(d.stack)
	if d.empty {
		d.empty, d.pop = false, true
		return nil
	}
	for {
		if more, err := r.within(depth); !more {
			return err
		}
		if err := r.keep(f, w.xmlNameSlot, ParentUserData, scan.Bytes("xml_name"), parse.BytesValue(d.Name())); err != nil {
			return err
		}
		if _, err := r.leaves(f, ParentUserData, depth+1); err != nil {
			return err
		}
	}
}

// leaves reads the element that has just started to its end and keeps its leaves under
// the names of the elements below the depth given, and its attributes.
func (r *Reader) leaves(f *parse.Frame, parent int32, above int) (int, error) {
	return r.leavesFrom(f, parent, above, len(r.d.stack)-1)
}

// leavesFrom is leaves for an element that has just started somewhere below depth
// until, which ends it.
func (r *Reader) leavesFrom(f *parse.Frame, parent int32, above, until int) (n int, err error) {
	d := &r.d
	for {
		// An element has just started.
		for i := range d.attrs {
			name := d.AttrName(i)
			if p := d.AttrPrefix(i); len(p) == 0 && string(name) == "xmlns" || string(p) == "xmlns" || len(d.stack) <= above {
				continue
			}
			value, escaped := d.AttrValue(i)
			if escaped {
				value = Unescape(value, f.Text)
			}
			if string(name) == "Name" && string(d.Name()) == "Data" {
				continue // it is part of the key
			}
			if err := r.keepPath(f, parent, above, name, parse.BytesValue(value)); err != nil {
				return n, err
			}
		}
		name, escaped, named := d.Attr("Name")
		if named = named && string(d.Name()) == "Data" && len(name) > 0; named && escaped {
			name = Unescape(name, f.Text)
		}
		bare := len(d.attrs) == 0 || named
		v, plain, err := r.leaf(f)
		if err != nil {
			return n, err
		}
		if !plain {
			continue
		}
		if n++; len(d.stack) > above && (bare || len(v.Bytes()) > 0) {
			if named {
				err = r.keepNamed(f, parent, name, v)
			} else {
				err = r.keepPath(f, parent, above, nil, v)
			}
		} else if len(v.Bytes()) > 0 && !isSpace(v.Bytes()) {
			err = r.keepNamed(f, parent, d.stackName(len(d.stack)), v)
		}
		if err != nil {
			return n, err
		}
		// The element has ended; go to the next start or to the end of it all.
		if len(d.stack)-1 == until {
			return n, nil
		}
		for {
			t, err := d.Next()
			if err != nil {
				return n, err
			}
			if t == Start {
				break
			}
			if t == End && len(d.stack)-1 == until {
				return n, nil
			}
			if t == Text && !isSpace(d.Text()) {
				return n, fail(errcat.SchemaViolation, d.from, "text between the parts of an event")
			}
		}
	}
}

func (d *Decoder) stackName(depth int) []byte { return localName(d.data, d.stack[depth-1]) }

func (r *Reader) keepNamed(f *parse.Frame, parent int32, key []byte, v parse.Value) error {
	return r.keep(f, r.win.keys[parent].Slot(key), parent, key, v)
}

// keepPath keeps v under the dotted names of the open elements below the depth above,
// with @attr if it is an attribute.
func (r *Reader) keepPath(f *parse.Frame, parent int32, above int, attr []byte, v parse.Value) error {
	d := &r.d
	if len(d.stack) == above+1 && attr == nil {
		return r.keepNamed(f, parent, d.stackName(len(d.stack)), v)
	}
	k := f.Text.Scratch(64)
	for depth := above + 1; depth <= len(d.stack); depth++ {
		if depth > above+1 {
			k = append(k, '.')
		}
		k = append(k, d.stackName(depth)...)
	}
	if attr != nil {
		k = append(append(k, '@'), attr...)
	}
	return r.keepNamed(f, parent, f.Text.Keep(k), v)
}

func (r *Reader) renderingInfo(f *parse.Frame) error {
	d, w := &r.d, &r.win
	depth := len(d.stack)
	if d.empty {
		d.empty, d.pop = false, true
		return nil
	}
	for {
		if more, err := r.within(depth); !more {
			return err
		}
		name := d.Name()
		if string(name) == "Keywords" {
			if err := r.renderedKeywords(f); err != nil {
				return err
			}
			continue
		}
		v, plain, err := r.leaf(f)
		if err != nil {
			return err
		}
		if !plain {
			if _, err := r.leavesFrom(f, ParentRendering, depth, depth); err != nil {
				return err
			}
			continue
		}
		parent, i := ParentRendering, w.rendering.Slot(name)
		if i == 0 {
			parent = ParentSystem
		}
		switch {
		case len(v.Bytes()) == 0:
		case i >= 0:
			err = r.keep(f, w.renderingSlots[i], parent, scan.Bytes(winevent.RenderingKeys[i]), v)
		default:
			err = r.keepNamed(f, ParentRendering, name, v)
		}
		if err != nil {
			return err
		}
	}
}

// renderedKeywords reads <Keywords><Keyword>…</Keyword>…</Keywords> into a list.
func (r *Reader) renderedKeywords(f *parse.Frame) error {
	d, w := &r.d, &r.win
	if d.empty {
		d.empty, d.pop = false, true
		return nil
	}
	depth := len(d.stack)
	r.again = r.again[:0]
	for {
		more, err := r.within(depth)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		v, plain, err := r.leaf(f)
		if err != nil {
			return err
		}
		if !plain {
			return fail(errcat.SchemaViolation, d.from, "an element within a Keyword")
		}
		if len(v.Bytes()) > 0 {
			if err := r.repeat(f, 0, v); err != nil {
				return err
			}
		}
	}
	if len(r.again) == 0 {
		return nil
	}
	text := append(f.Text.Scratch(64), '[')
	v := parse.RawValue(parse.KindArray, f.Text.Keep(appendList(text, r.again)))
	return r.keep(f, w.keywordsSlot, ParentRendering, scan.Bytes("keywords"), v)
}
