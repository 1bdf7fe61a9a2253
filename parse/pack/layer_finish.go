package pack

import (
	"slices"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/cef"
	"github.com/penstock-dev/penstock/parse/kernel/json"
	"github.com/penstock-dev/penstock/parse/kernel/leef"
	"github.com/penstock-dev/penstock/parse/kernel/xml"
)

// finish makes the lookups of key-based layers, now that all native names are known.
func (c *compiler) finishLayers() error {
	syslogStep := func(l *layer) bool { return l.kind == "syslog" }
	c.program.unheaded = !slices.ContainsFunc(c.keyed, syslogStep) && slices.ContainsFunc(c.keyed, func(l *layer) bool {
		return l.kind == "json" && l.from <= slotRaw
	})
	for _, l := range c.keyed {
		if l.kind == "outline" { // knows its names already
			continue
		}
		var names []string
		var slots []int
		for i, name := range c.names {
			if i == slotMessage || i == slotRaw || strings.HasPrefix(name, "_") {
				continue
			}
			if native, ok := l.wanted(name); ok && native != "" {
				if l.kind != "json" && l.kind != "xml" {
					plain := unquoted(native)
					if _, both := c.slots[strings.TrimSuffix(name, native)+plain]; !both || i > slotRaw && (plain == "message" || plain == "raw") {
						native = plain
					}
				}
				names, slots = append(names, native), append(slots, i)
				if c.declared[name] && !strings.ContainsAny(native, ".[") {
					l.shared = append(l.shared, sharedSlot{i, []byte(native)})
				}
			} else if l.kind == "syslog" && c.spelled(name) {
				names, slots = append(names, name), append(slots, i)
			}
		}
		below := func(n string) string { // where what is found at n is kept
			return c.keptName(cleanPath(strings.Trim(l.as+"."+n, ".")))
		}
		switch l.kind {
		case "json":
			if l.lower { // names that differ in their first letter alone are one on the wire
				seen := map[string]bool{}
				n := 0
				for i := range names {
					if !seen[names[i]] {
						seen[names[i]] = true
						names[n], slots[n] = names[i], slots[i]
						n++
					}
				}
				names, slots = names[:n], slots[:n]
			}
			paths := make([]json.Path, len(names))
			for i := range names {
				paths[i] = json.Path{Path: names[i], Slot: slots[i]}
				if strings.Contains(names[i], "[]") {
					l.lists = append(l.lists, slots[i])
				}
			}
			t, err := json.New(paths)
			if err != nil {
				return c.errorf(l.y, "%v", err)
			}
			l.tree = t
			l.narrowTree = func() *json.Tree { return t }
			if narrow := withoutVendor(c, paths, slots); len(narrow) < len(paths) {
				l.narrowTree = sync.OnceValue(func() *json.Tree {
					t, err := json.New(narrow)
					if err != nil {
						panic(err) // paths that New has taken before
					}
					return t
				})
			}
			for _, n := range t.Nodes() {
				if err := c.container(l, below(n)); err != nil {
					return err
				}
			}
		case "csv":
			if err := c.finishCSV(l, names, slots); err != nil {
				return err
			}
			if err := c.container(l, below("")); err != nil {
				return err
			}
		case "xml":
			rd, err := xml.NewReader(l.xmlMode, names, slots, xml.Options{})
			if err != nil {
				return c.errorf(l.y, "%v", err)
			}
			l.xml = rd
			l.narrowXML = func() *xml.Reader { return rd }
			if narrow, to, mode := withoutVendor(c, names, slots), withoutVendor(c, slots, slots), l.xmlMode; len(narrow) < len(names) {
				l.narrowXML = sync.OnceValue(func() *xml.Reader {
					rd, err := xml.NewReader(mode, narrow, to, xml.Options{})
					if err != nil {
						panic(err) // names that NewReader has taken before
					}
					return rd
				})
			}
			for _, n := range rd.Parents() {
				if err := c.container(l, below(n)); err != nil {
					return err
				}
			}
		default:
			if l.long != nil {
				names, slots = l.withLong(names, slots)
			}
			if l.strip != nil {
				names, slots = l.withStripped(names, slots)
			}
			k, err := parse.NewKeys(names, slots)
			if err != nil {
				return c.errorf(l.y, "%v", err)
			}
			l.keys = k
			extensions := ""
			if (l.kind == "cef" || l.kind == "leef") && !c.mixed() {
				extensions = "extensions"
			}
			if err := c.container(l, below(extensions)); err != nil {
				return err
			}
		}
	}
	return nil
}

// withoutVendor returns those of all, wanted things with slots, whose values are for more than
// fields of the vendor. A pack with spellings keeps all: what has no slot it looks up again.
func withoutVendor[T any](c *compiler, all []T, slots []int) []T {
	if c.program.spellings != nil {
		return all
	}
	var left []T
	for i := range all {
		if c.needed[slots[i]] {
			left = append(left, all[i])
		}
	}
	return left
}

// unquoted is a key that was written as a quoted path, as "message" is.
func unquoted(native string) string {
	if n := len(native); n > 2 && native[0] == '"' && native[n-1] == '"' && !strings.Contains(native[1:n-1], `"`) {
		return native[1 : n-1]
	}
	return native
}

// keptName is the field that keeps what was found at a path. A path that begins with the
// namespace is one already.
func (c *compiler) keptName(path string) string {
	was := path
	if path = c.program.renamed(path); path != was && ofECS(path) {
		return path
	}
	ns := c.program.namespace
	switch {
	case path == "":
		return ns
	case path == ns || strings.HasPrefix(path, ns+"."):
		return path
	}
	return ns + "." + path
}

// mixed reports whether the pack reads other formats than CEF and LEEF too. Keys of
// extensions then lie where those of the others lie, and the header's parts below cef or
// leef; else extension keys lie below extensions and the header's parts beside that.
func (c *compiler) mixed() bool {
	return slices.ContainsFunc(c.keyed, func(l *layer) bool { return l.kind != "cef" && l.kind != "leef" && l.kind != "syslog" })
}

// container notes that keys without a slot go below name.
func (c *compiler) container(l *layer, name string) error {
	k, ok := c.keys[name]
	if !ok {
		k = new(parse.Key)
		c.keys[name] = k
		c.vendor = append(c.vendor, name)
	}
	i := len(l.containers)
	l.containers = append(l.containers, 0)
	c.program.settle = append(c.program.settle, func() { l.containers[i] = *k })
	return nil
}

// cleanPath turns a JSON path into a field path: indexes and quotes go.
func cleanPath(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '[':
			for i < len(p) && p[i] != ']' {
				i++
			}
		case '"':
			for i++; i < len(p) && p[i] != '"'; i++ {
				if p[i] == '.' {
					b.WriteByte('_')
				} else {
					b.WriteByte(p[i])
				}
			}
		default:
			b.WriteByte(p[i])
		}
	}
	return strings.Trim(strings.ReplaceAll(b.String(), "..", "."), ".")
}

// newLayerStates makes what one worker needs for the layers, but for the readers of JSON and
// XML: they are large and few of them are used.
func (p *Pack) newLayerStates() []layerState {
	states := make([]layerState, p.layerCount)
	for _, l := range p.layers {
		st := &states[l.number]
		switch l.kind {
		case "cef":
			st.cef = cef.NewReader(l.keys.Clone())
		case "leef":
			st.leef = leef.NewReader(l.keys.Clone())
		case "kv":
			st.kv = l.kv.NewReader(l.keys.Clone())
		case "syslog":
			if l.keys.Len() > 0 || p.spellings != nil || p.keep {
				names := parse.NewKeyOrder(l.keys.Clone(), '=')
				if p.spellings != nil {
					names.Otherwise(p.spellings.named)
				}
				st.syslog.Names(names)
			}
		case "members":
			st.keys = l.keys.Clone()
		case "outline":
			st.outline = l.outline.Reader()
		}
	}
	return states
}
