package pack

import (
	"sort"
	"strings"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/text"
)

var stepKeys = append([]string{"when", "else", "text", "lookup", "set", "map", "switch", "cases", "default", "then", "use", "drop", "fail", "name"}, layerKinds...)

// steps compiles a list of steps, or one step.
func (c *compiler) steps(y *yaml.Node) ([]*step, error) {
	if y == nil || y.Kind == yaml.Null {
		return nil, nil
	}
	items := y.Items
	if y.Kind == yaml.Map {
		items = []*yaml.Node{y}
	} else if y.Kind != yaml.List {
		return nil, c.errorf(y, "a step or a list of steps is wanted here, not %s", y.Kind)
	}
	var out []*step
	for _, it := range items {
		st, err := c.step(it)
		if err != nil {
			return nil, err
		}
		out = append(out, st)
	}
	return out, nil
}

func (c *compiler) step(y *yaml.Node) (*step, error) {
	if err := c.known(y, stepKeys...); err != nil {
		return nil, err
	}
	if c.program.stepCount++; c.program.stepCount > maxSteps {
		return nil, c.errorf(y, "more than %d steps", maxSteps)
	}
	st := &step{}
	add := func(p part) { st.parts = append(st.parts, p) }
	if n := y.Get("when"); n != nil {
		when, reads, err := c.cond(n)
		if err != nil {
			return nil, err
		}
		els, err := c.steps(y.Get("else"))
		if err != nil {
			return nil, err
		}
		add(&whenPart{when, els, reads})
	} else if n := y.Get("else"); n != nil {
		return nil, c.errorf(n, "else without when")
	}
	var read *layer
	for _, kind := range layerKinds {
		n := y.Get(kind)
		if n == nil {
			continue
		}
		if read != nil {
			return nil, c.errorf(n, "one step reads one format; put %s into a step of its own", kind)
		}
		var err error
		if read, err = c.layer(kind, n); err != nil {
			return nil, err
		}
		c.program.layers = append(c.program.layers, read)
		add(&layerPart{read})
	}
	if n := y.Get("text"); n != nil {
		t, err := c.textPart(n)
		if err != nil {
			return nil, err
		}
		t.line = c.place(y)
		add(t)
		if t.branches != nil {
			add(&branchPart{t})
		}
	}
	if n := y.Get("lookup"); n != nil {
		l, err := c.lookupPart(n)
		if err != nil {
			return nil, err
		}
		l.line = c.place(y)
		add(l)
	}
	if n := y.Get("set"); n != nil {
		set, err := c.sets(n)
		if err != nil {
			return nil, err
		}
		p := &constantsPart{all: set}
		p.rest = c.split(set, &p.block)
		add(p)
	}
	if n := y.Get("map"); n != nil {
		assigns, err := c.maps(n)
		if err != nil {
			return nil, err
		}
		p := &assignsPart{}
		c.program.settle = append(c.program.settle, func() {
			for i := range assigns {
				a := &assigns[i]
				a.vendor = a.temp < 0 && *a.key.ref >= ecs.Count && !c.fieldRead[fieldName(a.name)]
			}
			p.ops, p.ecs = newOps(assigns)
		})
		add(p)
	}
	if n := y.Get("switch"); n != nil {
		p, err := c.switchPart(n, y.Get("cases"), y.Get("default"))
		if err != nil {
			return nil, err
		}
		add(p)
	} else if n := y.Get("cases"); n != nil {
		return nil, c.errorf(n, "cases without switch")
	}
	then, err := c.steps(y.Get("then"))
	if err != nil {
		return nil, err
	}
	if n := y.Get("use"); n != nil {
		names, err := c.strings(n)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			g, err := c.group(n, name)
			if err != nil {
				return nil, err
			}
			then = append(then, g...)
		}
	}
	if len(then) > 0 {
		add(&thenPart{then})
	}
	if n := y.Get("drop"); n != nil && n.Text == "true" {
		add(&endPart{drop: true})
	} else if n := y.Get("fail"); n != nil && n.Text != "" {
		add(&endPart{fail: n.Text})
	}
	return st, nil
}

// group compiles the steps of a named group where it is used.
func (c *compiler) group(y *yaml.Node, name string) ([]*step, error) {
	g, ok := c.groups[name]
	if !ok {
		var names []string
		for n := range c.groups {
			names = append(names, n)
		}
		return nil, c.errorf(y, "group %q is not known%s", name, didYouMean(name, names))
	}
	for _, in := range c.inGroup {
		if in == name {
			return nil, c.errorf(y, "group %q uses itself", name)
		}
	}
	c.inGroup = append(c.inGroup, name)
	defer func() { c.inGroup = c.inGroup[:len(c.inGroup)-1] }()
	return c.steps(g)
}

func (c *compiler) lookupPart(y *yaml.Node) (*lookupPart, error) {
	if err := c.known(y, "table", "key"); err != nil {
		return nil, err
	}
	if y.Get("table") == nil || y.Get("key") == nil {
		return nil, c.errorf(y, "lookup needs table and key")
	}
	t, err := c.table(y.Get("table"), y.Get("table").Text, 0)
	if err != nil {
		return nil, err
	}
	l := &lookupPart{table: t}
	key, n, err := c.expr(y.Get("key"))
	if err != nil {
		return nil, err
	}
	l.key, l.reads = key, c.reads(n)
	for _, col := range t.columns {
		if col == "" {
			return nil, c.errorf(y, "table %s has single values; use them with | lookup(%s)", t.name, t.name)
		}
		k := *y.Get("table")
		k.Text = col
		a, err := c.destination(&k)
		if err != nil {
			return nil, err
		}
		a.ready = a.temp < 0 && a.mode == modeSet && a.name != "timestamp" && !t.fromFile
		l.fields = append(l.fields, a)
	}
	c.program.settle = append(c.program.settle, func() { l.makeBlocks(c.program.schema) })
	return l, nil
}

func (c *compiler) textPart(y *yaml.Node) (*textPart, error) {
	t := &textPart{from: slotMessage, onError: "drift"}
	list := y
	if y.Kind == yaml.Map {
		if err := c.known(y, "from", "patterns", "on_error"); err != nil {
			return nil, err
		}
		if n := y.Get("from"); n != nil {
			t.from = c.slot(n.Text)
			if _, ok := c.uses[n.Text]; !ok && !strings.HasPrefix(n.Text, "_") {
				c.uses[n.Text] = &use{n, 0}
			}
		}
		if n := y.Get("on_error"); n != nil {
			if n.Text != "fail" && n.Text != "skip" && n.Text != "drift" {
				return nil, c.errorf(n, "on_error is fail, skip or drift, not %q", n.Text)
			}
			t.onError = n.Text
		}
		if list = y.Get("patterns"); list == nil {
			return nil, c.errorf(y, "patterns is missing")
		}
	}
	items := list.Items
	if list.Kind != yaml.List {
		items = []*yaml.Node{list}
	}
	var patterns []text.Pattern
	var texts []*yaml.Node
	branch := false
	slotOf := func(name string) int {
		if strings.HasPrefix(name, "$") {
			return -1
		}
		i := c.declare(name)
		c.program.texts = append(c.program.texts, i)
		return i
	}
	for i, it := range items {
		src := it
		var st *step
		if it.Kind == yaml.Map {
			src = it.Get("is")
			if src == nil {
				return nil, c.errorf(it, "a pattern with consequences needs is: the pattern")
			}
			body := *it
			body.Pairs = nil
			for _, p := range it.Pairs {
				if p.Key.Text != "is" {
					body.Pairs = append(body.Pairs, p)
				}
			}
			var err error
			if st, err = c.step(&body); err != nil {
				return nil, err
			}
			branch = true
		}
		if !src.IsScalar() {
			return nil, c.errorf(src, "a pattern is wanted here, not %s", src.Kind)
		}
		texts = append(texts, src)
		patterns = append(patterns, text.Pattern{ID: i, Text: src.Text})
		t.branches = append(t.branches, st)
	}
	set, err := text.Compile(patterns, slotOf)
	if err != nil {
		for i, src := range texts { // which one it is, if it is one
			if err := text.Check(patterns[i].Text); err != nil {
				return nil, c.errorf(src, "%v", err)
			}
		}
		return nil, c.errorf(y, "%v", err)
	}
	for _, i := range set.Unreachable() {
		return nil, c.errorf(items[i], "this pattern can never match: an earlier one takes all that it would")
	}
	if !branch {
		t.branches = nil
	}
	t.set = set
	return t, nil
}

func (c *compiler) switchPart(on, cases, def *yaml.Node) (*switchPart, error) {
	sw := &switchPart{cases: map[string]int32{}}
	var err error
	if on.Kind == yaml.List {
		sw.on, sw.reads, err = c.several(on)
	} else {
		var n *node
		if sw.on, n, err = c.expr(on); err == nil {
			sw.reads = c.reads(n)
		}
	}
	if err != nil {
		return nil, err
	}
	if cases == nil || cases.Kind != yaml.Map {
		return nil, c.errorf(on, "switch needs cases: a mapping of values to steps")
	}
	for _, p := range cases.Pairs {
		steps, err := c.steps(p.Value)
		if err != nil {
			return nil, err
		}
		sw.all = append(sw.all, steps)
		at := int32(len(sw.all) - 1)
		for _, v := range strings.Split(p.Key.Text, "|") {
			v = strings.TrimSpace(v)
			if pre, ok := strings.CutSuffix(v, "*"); ok {
				sw.prefixes = append(sw.prefixes, prefixCase{pre, at})
				continue
			}
			if _, ok := sw.cases[v]; ok {
				return nil, c.errorf(p.Key, "case %q again", v)
			}
			sw.cases[v] = at
		}
	}
	sort.SliceStable(sw.prefixes, func(i, j int) bool { return len(sw.prefixes[i].prefix) > len(sw.prefixes[j].prefix) })
	sw.quick = newByKey(sw.cases)
	other, err := c.steps(def)
	sw.all = append(sw.all, other)
	return sw, err
}

// several is the value of a switch on more than one expression: their texts, with a slash
// between each two; absent ones are empty.
func (c *compiler) several(y *yaml.Node) (evalFunc, *reads, error) {
	if len(y.Items) < 2 || len(y.Items) > 8 {
		return nil, nil, c.errorf(y, "a switch on several values takes 2 to 8 of them, not %d", len(y.Items))
	}
	var on []evalFunc
	all := &reads{}
	for _, it := range y.Items {
		e, n, err := c.expr(it)
		if err != nil {
			return nil, nil, err
		}
		on = append(on, e)
		c.addReads(all, n)
	}
	return func(s *state) parse.Value {
		var room [128]byte
		b := room[:0]
		for i, e := range on {
			if i > 0 {
				b = append(b, '/')
			}
			if v := e(s); present(v) && !s.pack.isNull(v) {
				b = v.AppendText(b)
			}
		}
		return parse.BytesValue(s.frame.Text.Copy(b))
	}, all, nil
}
