package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/penstock-dev/penstock/internal/yaml"
)

/*
Overlay is a site's own change to a pack, in a file that survives the pack's upgrades:

	overlay: fortinet.firewall
	version: dmz                     # the pack's version becomes 1.2.0+dmz; default overlay
	set: {organization.name: Example}
	lookups:
	  action: {rows: {monitor: {event.type: [info]}}}
	map: {rule.name: policyname ?? policyid}
	before: …steps done before those of the pack…
	after: …steps done after them…

set, priority and derive replace the pack's entries of the same key; rows of a lookup replace
those with the same key, and its default the pack's; groups and other lookups are added, or
replace those of the same name. detect, nulls, roots and required are added to. map is a step
after all others. order and keep replace.
*/
type Overlay struct {
	file *yaml.File
	pack string
}

var overlayKeys = []string{"overlay", "version", "notes", "set", "map", "before", "after", "lookups", "groups", "detect", "nulls", "roots", "required", "priority", "derive", "order", "keep"}

// ParseOverlay reads the text of an overlay. name is for messages.
func ParseOverlay(name string, src []byte) (*Overlay, error) {
	f, err := yaml.Parse(name, src)
	if err != nil {
		return nil, err
	}
	c := &compiler{file: f}
	if err := c.known(f.Root, overlayKeys...); err != nil {
		return nil, err
	}
	target := f.Root.Get("overlay")
	if target == nil || !target.IsScalar() || target.Text == "" {
		return nil, f.Errorf(f.Root, "overlay is missing: the name of the pack that this file changes")
	}
	return &Overlay{file: f, pack: target.Text}, nil
}

// LoadOverlay reads the overlay in a file.
func LoadOverlay(files fs.FS, name string) (*Overlay, error) {
	src, err := readLimited(files, name, yaml.MaxSize)
	if err != nil {
		return nil, err
	}
	return ParseOverlay(name, src)
}

// Pack is the name, or an alias, of the pack that the overlay changes.
func (o *Overlay) Pack() string { return o.pack }

// LoadWith is Load with overlays, which change the pack in their order.
func LoadWith(files fs.FS, dir string, overlays ...*Overlay) (*Pack, error) {
	return load(files, dir, &included{}, overlays)
}

// CompileWith is Compile with overlays, which change the pack in their order.
func CompileWith(name string, src []byte, overlays ...*Overlay) (*Pack, error) {
	return compile(name, src, nil, nil, nil, overlays...)
}

// AddOverlay changes a pack that LoadDir added. It compiles the pack, so that a fault in the
// overlay is found here. Overlays come before the first use of the Set.
func (s *Set) AddOverlay(o *Overlay) error {
	e, ok := s.byName[o.pack]
	if !ok {
		var names []string
		for n := range s.byName {
			names = append(names, n)
		}
		return o.file.Errorf(o.file.Root.Get("overlay"), "no pack is named %q%s", o.pack, didYouMean(o.pack, names))
	}
	if e.with == nil {
		return fmt.Errorf("pack: %s was added compiled, so that no overlay can change it; use LoadWith or CompileWith", e.name)
	}
	if s.detector != nil || s.err != nil || e.used() {
		return errors.New("pack: overlays come before the first use of a Set")
	}
	overlays := append(slices.Clip(e.overlays), o)
	p, err := e.with(overlays)
	if err != nil {
		return err
	}
	e.overlays = overlays
	e.load = func() (*Pack, error) { return p, nil }
	e.signatures = func() (int, []*signature, error) { return p.order, p.detect, nil }
	return nil
}

// merge changes the tree of a pack.
func (o *Overlay) merge(root *yaml.Node) error {
	own := o.file.Root
	fault := func(n *yaml.Node, format string, args ...any) error { return o.file.Errorf(n, format, args...) }
	for _, p := range own.Pairs {
		switch key := p.Key.Text; key {
		case "overlay", "version", "notes":
		case "map":
			step := &yaml.Node{Kind: yaml.Map, Line: p.Key.Line, Col: p.Key.Col, Pairs: []yaml.Pair{p}}
			addItems(root, p, "steps", step, false)
		case "after":
			addItems(root, p, "steps", p.Value, false)
		case "before":
			addItems(root, p, "steps", p.Value, true)
		case "detect", "nulls", "roots", "required":
			addItems(root, p, key, p.Value, false)
		case "order", "keep":
			setPair(root, p)
		case "set", "priority", "derive", "groups", "lookups":
			if p.Value.Kind != yaml.Map {
				return fault(p.Value, "%s is a mapping, not %s", key, p.Value.Kind)
			}
			there := root.Get(key)
			if there == nil || there.Kind != yaml.Map {
				setPair(root, p)
				continue
			}
			for _, q := range p.Value.Pairs {
				if key == "lookups" {
					if err := mergeTable(there, q, fault); err != nil {
						return err
					}
					continue
				}
				setPair(there, q)
			}
		}
	}
	if v := root.Get("version"); v != nil {
		suffix := "overlay"
		if n := own.Get("version"); n != nil {
			suffix = n.Text
		}
		v.Kind, v.Text = yaml.String, v.Text+"+"+suffix
	}
	return nil
}

func setPair(m *yaml.Node, p yaml.Pair) {
	for i := range m.Pairs {
		if m.Pairs[i].Key.Text == p.Key.Text {
			m.Pairs[i] = p
			return
		}
	}
	m.Pairs = append(m.Pairs, p)
}

// addItems adds a value, or the items of a list, to the list under key of the pack.
func addItems(root *yaml.Node, p yaml.Pair, key string, value *yaml.Node, first bool) {
	items := []*yaml.Node{value}
	switch value.Kind {
	case yaml.List:
		items = value.Items
	case yaml.Null:
		return
	}
	there := root.Get(key)
	if there == nil || there.Kind == yaml.Null {
		k := *p.Key
		k.Text = key
		setPair(root, yaml.Pair{Key: &k, Value: &yaml.Node{Kind: yaml.List, Line: value.Line, Col: value.Col, Items: slices.Clone(items)}})
		return
	}
	if there.Kind != yaml.List {
		one := *there
		there.Kind, there.Text, there.Pairs, there.Items = yaml.List, "", nil, []*yaml.Node{&one}
	}
	if first {
		there.Items = append(slices.Clone(items), there.Items...)
	} else {
		there.Items = append(there.Items, items...)
	}
}

// mergeTable adds the rows of a lookup to the pack's own of that name.
func mergeTable(tables *yaml.Node, p yaml.Pair, fault func(*yaml.Node, string, ...any) error) error {
	there := tables.Get(p.Key.Text)
	if there == nil || there.Kind != yaml.Map || p.Value.Kind != yaml.Map {
		setPair(tables, p)
		return nil
	}
	for _, q := range p.Value.Pairs {
		if q.Key.Text != "rows" {
			setPair(there, q)
			continue
		}
		rows := there.Get("rows")
		if rows == nil || rows.Kind != yaml.Map || q.Value.Kind != yaml.Map {
			return fault(q.Key, "the rows of the pack's table %s are in a file; replace the file with file: instead", p.Key.Text)
		}
		fold := there.Get("fold") != nil && there.Get("fold").Text == "true"
		same := func(a, b string) bool { return a == b || fold && strings.EqualFold(a, b) }
		for _, row := range q.Value.Pairs {
			var new []string
			for k := range strings.SplitSeq(row.Key.Text, "|") {
				new = append(new, strings.TrimSpace(k))
			}
			rows.Pairs = slices.DeleteFunc(rows.Pairs, func(old yaml.Pair) bool {
				var left []string
				for k := range strings.SplitSeq(old.Key.Text, "|") {
					if k = strings.TrimSpace(k); !slices.ContainsFunc(new, func(n string) bool { return same(k, n) }) {
						left = append(left, k)
					}
				}
				old.Key.Text = strings.Join(left, "|")
				return len(left) == 0
			})
		}
		rows.Pairs = append(rows.Pairs, q.Value.Pairs...)
	}
	return nil
}
