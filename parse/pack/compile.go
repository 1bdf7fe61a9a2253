package pack

import (
	"errors"
	"io/fs"
	"slices"
	"sort"
	"strings"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// compiler turns the tree of one pack.yaml into a Pack. It goes over the steps once;
// what depends on all of them (slots of key-based layers, the schema) is settled at
// the end.
type compiler struct {
	file     *yaml.File
	files    fs.FS // the pack's folder, for tables in files of their own; may be nil
	packs    fs.FS // the folder of the pack's folder, for include; may be nil
	included *included
	program  *Pack
	filters  map[string]filterSpec
	tables   map[string]*table
	groups   map[string]*yaml.Node
	inGroup  []string

	slots     map[string]int
	declared  map[string]bool // slots that a layer or a temporary fills by position
	uses      map[string]*use
	vendor    []string
	keys      map[string]*parse.Key
	names     []string // slot names by slot
	keyed     []*layer
	needed    []bool            // by slot: something reads it, or may, besides vendor fields that nothing reads
	forVendor string            // the vendor field that what is compiled now is for
	ofVendor  map[string][]int  // by vendor field: the slots that it is made of
	fieldRead map[string]bool   // fields that the pack itself reads
	spellings map[string]string // of the pack: folded spelling → name
	wrappers  []string
	unread    map[string]*yaml.Node // tables that nothing uses

	roots     []*yaml.Node // of the packs that it includes
	constants parse.Record // its arena holds the pack's constants
}

// use is the first place where a native name is used.
type use struct {
	y  *yaml.Node
	at int
}

const (
	maxSlots = 4096
	maxSteps = 20000
	// maxLayers bounds the formats that are read, those of a group wherever it is used: each
	// has a table of all native names.
	maxLayers = 512
)

func (c *compiler) errorf(y *yaml.Node, format string, args ...any) error {
	return c.file.Errorf(y, format, args...)
}

// at is an error inside the text of y.
func (c *compiler) at(y *yaml.Node, offset int, format string, args ...any) error {
	if y == nil {
		return c.file.Errorf(nil, format, args...)
	}
	place := *y
	place.Col += offset
	return c.file.Errorf(&place, format, args...)
}

func (c *compiler) slot(name string) int {
	i, ok := c.slots[name]
	if !ok {
		i = len(c.names)
		c.slots[name] = i
		c.names, c.needed = append(c.names, name), append(c.needed, false)
	}
	if c.forVendor == "" {
		c.needed[i] = true
	} else {
		c.ofVendor[c.forVendor] = append(c.ofVendor[c.forVendor], i)
	}
	return i
}

// declare tells that something fills name by position.
func (c *compiler) declare(name string) int {
	c.declared[name] = true
	return c.slot(name)
}

// reference returns the slot of a native name.
func (c *compiler) reference(y *yaml.Node, n *node) (int, error) {
	if len(c.names) >= maxSlots {
		return 0, c.at(y, n.at, "more than %d native names", maxSlots)
	}
	if _, ok := c.uses[n.text]; !ok {
		c.uses[n.text] = &use{y, n.at}
	}
	return c.slot(n.text), nil
}

// fieldName is the full name of a field.
func fieldName(name string) string {
	if name == "timestamp" {
		return "@timestamp"
	}
	return name
}

// fieldRef returns where the key of a field will be.
func (c *compiler) fieldRef(y *yaml.Node, name string, at int) (*parse.Key, error) {
	name = fieldName(name)
	if k, ok := c.keys[name]; ok {
		return k, nil
	}
	k := new(parse.Key)
	if e, ok := ecs.Lookup(name); ok {
		*k = e
		c.keys[name] = k
		return k, nil
	}
	if err := c.checkVendorName(y, name, at); err != nil {
		return nil, err
	}
	c.vendor = append(c.vendor, name)
	c.keys[name] = k
	return k, nil
}

func (c *compiler) checkVendorName(y *yaml.Node, name string, at int) error {
	root, _, dotted := strings.Cut(name, ".")
	for p := parent(name); p != ""; p = parent(p) {
		if k, ok := ecs.Lookup(p); ok {
			if k.Type().IsObject() {
				return nil
			}
			return c.at(y, at, "%q lies below %s, which ECS makes a %s", name, p, k.Type())
		}
	}
	if dotted && slices.Contains(c.program.roots, root) {
		return nil
	}
	near := ecs.Nearest(name, 3)
	hint := ""
	if len(near) > 0 {
		hint = "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return c.at(y, at, "%q is no ECS field, and vendor fields of this pack begin with %s%s", name, strings.Join(c.program.roots, ". or ")+".", hint)
}

func parent(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return ""
	}
	return name[:i]
}

// field is a field that the pack reads.
func (c *compiler) field(y *yaml.Node, name string, at int) (fieldKey, error) {
	c.fieldRead[fieldName(name)] = true
	ref, err := c.fieldRef(y, name, at)
	return fieldKey{ref}, err
}

// fieldKey is a key that is known once the whole pack is compiled.
type fieldKey struct{ ref *parse.Key }

// expr parses and compiles the text of y.
func (c *compiler) expr(y *yaml.Node) (evalFunc, *node, error) {
	if !y.IsScalar() {
		return nil, nil, c.errorf(y, "an expression is wanted here, not %s", y.Kind)
	}
	n, err := parseExpr(y.Text)
	if err != nil {
		return nil, nil, c.exprError(y, err)
	}
	f, err := c.value(y, n)
	return f, n, err
}

func (c *compiler) exprError(y *yaml.Node, err error) error {
	var e *exprError
	if errors.As(err, &e) {
		return c.at(y, e.at, "%s", e.msg)
	}
	return c.errorf(y, "%v", err)
}

func (c *compiler) cond(y *yaml.Node) (condFunc, *reads, error) {
	if !y.IsScalar() {
		return nil, nil, c.errorf(y, "a condition is wanted here, not %s", y.Kind)
	}
	n, err := parseExpr(y.Text)
	if err != nil {
		return nil, nil, c.exprError(y, err)
	}
	f, err := c.condition(y, n)
	return f, c.reads(n), err
}

// constant turns a YAML scalar or list into a value.
func (c *compiler) constant(y *yaml.Node) (parse.Value, error) {
	switch y.Kind {
	case yaml.String:
		return parse.StringValue(y.Text), nil
	case yaml.Int, yaml.Float:
		v, err := numberValue(y.Text)
		if err != nil {
			return v, c.errorf(y, "%q is no number", y.Text)
		}
		return v, nil
	case yaml.Bool:
		return parse.BoolValue(y.Text == "true"), nil
	case yaml.Null:
		return parse.Value{}, nil
	case yaml.List:
		l := make([]parse.Value, 0, len(y.Items))
		for _, it := range y.Items {
			v, err := c.constant(it)
			if err != nil {
				return v, err
			}
			if v.Kind() == parse.KindList {
				return v, c.errorf(it, "a list inside a list")
			}
			l = append(l, v)
		}
		return parse.ListValue(l), nil
	}
	return parse.Value{}, c.errorf(y, "a constant is wanted here, not %s", y.Kind)
}

// constantFor is a constant that fits the field, checked against ECS.
func (c *compiler) constantFor(y *yaml.Node, name string) (parse.Value, error) {
	v, err := c.constant(y)
	if err != nil {
		return v, err
	}
	if name == "timestamp" {
		name = "@timestamp"
	}
	k, ok := ecs.Lookup(name)
	if !ok {
		return constantValue(v), nil
	}
	w, ok := normalize.Coerce(&c.constants, k, v, nil)
	if !ok {
		return v, c.errorf(y, "%q does not fit %s, which is of type %s", v.String(), name, k.Type())
	}
	list := w.List()
	if w.Kind() != parse.KindList {
		list = []parse.Value{w}
	}
	if allowed := k.Allowed(); allowed != nil {
		for _, e := range list {
			if !e.IsZero() && !k.Allows(e.Str()) {
				return v, c.errorf(y, "%q is no allowed value of %s%s (allowed: %s)", e.Str(), name, didYouMean(e.Str(), allowed), strings.Join(allowed, ", "))
			}
		}
	}
	return constantValue(w), nil
}

// constantValue marks a value that lives as long as the pack.
func constantValue(v parse.Value) parse.Value {
	if v.IsZero() {
		return v
	}
	return v.WithFlags(parse.Constant)
}

// strings reads a text or a list of texts.
func (c *compiler) strings(y *yaml.Node) ([]string, error) {
	if y == nil || y.Kind == yaml.Null {
		return nil, nil
	}
	if y.IsScalar() {
		return []string{y.Text}, nil
	}
	if y.Kind != yaml.List {
		return nil, c.errorf(y, "a text or a list of texts is wanted here, not %s", y.Kind)
	}
	var out []string
	for _, it := range y.Items {
		if !it.IsScalar() {
			return nil, c.errorf(it, "a text is wanted here, not %s", it.Kind)
		}
		out = append(out, it.Text)
	}
	return out, nil
}

// known refuses keys of a mapping that are not in names.
func (c *compiler) known(y *yaml.Node, names ...string) error {
	if y.Kind != yaml.Map {
		return c.errorf(y, "a mapping is wanted here, not %s", y.Kind)
	}
	for _, p := range y.Pairs {
		if !slices.Contains(names, p.Key.Text) {
			sorted := slices.Clone(names)
			sort.Strings(sorted)
			return c.errorf(p.Key, "key %q is not known here%s (known: %s)", p.Key.Text, didYouMean(p.Key.Text, names), strings.Join(sorted, ", "))
		}
	}
	return nil
}

// undeclared finds native names that nothing can fill.
func (c *compiler) undeclared() error {
	if err := c.temporaries(); err != nil {
		return err
	}
	for _, l := range c.keyed {
		if l.kind != "csv" && l.as == "" && l.kind != "syslog" {
			return nil // any name may be a key of its text
		}
	}
	var names []string
	for n := range c.uses {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := c.uses[names[i]], c.uses[names[j]]
		if a.y.Line != b.y.Line {
			return a.y.Line < b.y.Line
		}
		return a.at < b.at
	})
	for _, n := range names {
		if !c.declared[n] && !c.mayBeKey(n) && !c.spelled(n) {
			var have []string
			for d := range c.declared {
				have = append(have, d)
			}
			for _, l := range c.keyed {
				have = append(have, l.columns...)
			}
			sort.Strings(have)
			return c.at(c.uses[n].y, c.uses[n].at, "nothing in this pack captures %q%s", n, didYouMean(n, have))
		}
	}
	return nil
}

// temporaries finds names of temporaries that nothing sets.
func (c *compiler) temporaries() error {
	var names []string
	for n := range c.uses {
		if strings.HasPrefix(n, "_") && !c.declared[n] && !c.setElsewhere(n) {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return nil
	}
	sort.Strings(names)
	var have []string
	for d := range c.declared {
		if strings.HasPrefix(d, "_") {
			have = append(have, d)
		}
	}
	sort.Strings(have)
	n := names[0]
	return c.at(c.uses[n].y, c.uses[n].at, "nothing in this pack sets the temporary %q%s; a key of that name is written `%q`", n, didYouMean(n, have), n)
}

// setElsewhere reports whether a pack that this one includes sets a temporary in steps that
// this one does not use.
func (c *compiler) setElsewhere(name string) bool {
	var walk func(y *yaml.Node) bool
	walk = func(y *yaml.Node) bool {
		for _, it := range y.Items {
			if walk(it) {
				return true
			}
		}
		for _, p := range y.Pairs {
			if strings.TrimRight(p.Key.Text, "?+") == name || walk(p.Value) {
				return true
			}
		}
		return false
	}
	for _, root := range c.roots {
		if walk(root) {
			return true
		}
	}
	return false
}

// mayBeKey reports whether a key-based layer can fill name.
func (c *compiler) mayBeKey(name string) bool {
	for _, l := range c.keyed {
		if _, ok := l.wanted(name); ok {
			return true
		}
	}
	return false
}
