package pack

import (
	"sort"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/text"
)

// step is one compiled step of a pack. Its parts run in the order of the fields.
type step struct {
	when    condFunc
	els     []*step // instead of everything else, where when is false
	layer   *layer
	text    *textStep
	lookup  *lookupStep
	set     []assign     // all constants
	block   *parse.Block // those that need nothing done
	rest    []assign     // the others
	assigns []assign
	sw      *switchStep
	then    []*step
	drop    bool
	fail    string
	line    int // a place, see compiler.place

	constants []assign // all of set, for Explain
}

type assignMode uint8

const (
	modeSet assignMode = iota
	modeAppend
	modeIfAbsent
)

type onError uint8

const (
	onErrorDrop onError = iota // leave the field out and count
	onErrorTag                 // and say so in error.*
	onErrorFail                // refuse the event
)

// assign is one field that a step sets.
type assign struct {
	key     fieldKey
	temp    int // slot of a temporary, or -1
	mode    assignMode
	onError onError
	when    condFunc
	eval    evalFunc
	slot    int         // ≥ 0: nothing but this slot's value
	needs   int         // ≥ 0: the slot without whose value there is none
	kept    bool        // the slot's value stays among the vendor's fields as well
	plain   bool        // no condition, no mode: copySlot may do it
	takes   parse.Kind  // values of this kind fit the field as they are,
	most    uint64      // integers up to this one, if it is not 0
	closed  bool        // ECS allows certain values only
	value   parse.Value // of a constant
	ready   bool        // value fits the field as it is
	line    int         // a place, see compiler.place
	reads   *reads      // of an expression, for Explain
	name    string
}

type textStep struct {
	from     int
	set      *text.Set
	branches []*step // by pattern; nil where all share what follows
	onError  string
	slots    int
}

type lookupStep struct {
	table  *table
	key    evalFunc
	fields []assign
	// Where every column is a constant field, the rows as blocks by their key.
	blocks   map[string]*parse.Block
	fallback *parse.Block
}

// block finds the row of key as a block; nil where rows are not blocks or there is none.
func (l *lookupStep) block(s *state, key parse.Value) *parse.Block {
	if l.blocks == nil || !present(key) {
		return nil
	}
	k := l.table.fold(s, s.text(key))
	if b, ok := l.blocks[string(k)]; ok {
		return b
	}
	if star := l.table.star(k); star != "" {
		return l.blocks[star]
	}
	return l.fallback
}

// makeBlocks turns the rows into blocks if that can be done.
func (l *lookupStep) makeBlocks() {
	for i := range l.fields {
		if !l.fields[i].ready {
			return
		}
	}
	of := func(row []parse.Value) *parse.Block {
		keys := make([]parse.Key, len(row))
		for i := range row {
			keys[i] = *l.fields[i].key.ref
		}
		return parse.NewBlock(keys, row)
	}
	l.blocks = make(map[string]*parse.Block, len(l.table.rows))
	for key, row := range l.table.rows {
		l.blocks[key] = of(row)
	}
	if l.table.fallback != nil {
		l.fallback = of(l.table.fallback)
	}
}

type switchStep struct {
	on       evalFunc
	cases    map[string][]*step
	prefixes []prefixCase
	def      []*step
}

type prefixCase struct {
	prefix string
	steps  []*step
}

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
	st := &step{line: c.place(y)}
	var err error
	if n := y.Get("when"); n != nil {
		if st.when, err = c.cond(n); err != nil {
			return nil, err
		}
	}
	if n := y.Get("else"); n != nil {
		if st.when == nil {
			return nil, c.errorf(n, "else without when")
		}
		if st.els, err = c.steps(n); err != nil {
			return nil, err
		}
	}
	for _, kind := range layerKinds {
		n := y.Get(kind)
		if n == nil {
			continue
		}
		if st.layer != nil {
			return nil, c.errorf(n, "one step reads one format; put %s into a step of its own", kind)
		}
		if st.layer, err = c.layer(kind, n); err != nil {
			return nil, err
		}
		c.program.layers = append(c.program.layers, st.layer)
	}
	if n := y.Get("text"); n != nil {
		if st.text, err = c.textStep(n); err != nil {
			return nil, err
		}
	}
	if n := y.Get("lookup"); n != nil {
		if st.lookup, err = c.lookupStep(n); err != nil {
			return nil, err
		}
	}
	if n := y.Get("set"); n != nil {
		set, err := c.sets(n)
		if err != nil {
			return nil, err
		}
		st.constants = set
		st.set, st.rest = set, c.split(set, &st.block)
	}
	if n := y.Get("map"); n != nil {
		if st.assigns, err = c.maps(n); err != nil {
			return nil, err
		}
	}
	if n := y.Get("switch"); n != nil {
		if st.sw, err = c.switchStep(n, y.Get("cases"), y.Get("default")); err != nil {
			return nil, err
		}
	} else if n := y.Get("cases"); n != nil {
		return nil, c.errorf(n, "cases without switch")
	}
	if n := y.Get("then"); n != nil {
		if st.then, err = c.steps(n); err != nil {
			return nil, err
		}
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
			st.then = append(st.then, g...)
		}
	}
	if n := y.Get("drop"); n != nil {
		st.drop = n.Text == "true"
	}
	if n := y.Get("fail"); n != nil {
		st.fail = n.Text
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

// destination splits "field+", "field?" and "_temporary".
func (c *compiler) destination(k *yaml.Node) (assign, error) {
	a := assign{temp: -1, slot: -1, needs: -1, line: c.place(k)}
	name := k.Text
	switch {
	case strings.HasSuffix(name, "+"):
		a.mode, name = modeAppend, name[:len(name)-1]
	case strings.HasSuffix(name, "?"):
		a.mode, name = modeIfAbsent, name[:len(name)-1]
	}
	a.name = name
	if strings.HasPrefix(name, "_") || name == "message~" {
		a.temp = c.declare(strings.TrimSuffix(name, "~"))
		return a, nil
	}
	if k, ok := ecs.Lookup(name); ok && k != ecs.Timestamp {
		a.closed = k.Allowed() != nil
		if a.takes, a.most = normalize.Takes(k); a.closed {
			a.takes = parse.KindNone
		}
	}
	ref, err := c.fieldRef(k, name, 0)
	a.key = fieldKey{ref}
	c.program.fields = append(c.program.fields, name)
	return a, err
}

func (c *compiler) sets(y *yaml.Node) ([]assign, error) {
	if y.Kind != yaml.Map {
		return nil, c.errorf(y, "set is a mapping of fields to constants, not %s", y.Kind)
	}
	var out []assign
	for _, p := range y.Pairs {
		a, err := c.destination(p.Key)
		if err != nil {
			return nil, err
		}
		if a.value, err = c.constantFor(p.Value, a.name); err != nil {
			return nil, err
		}
		a.ready = a.temp < 0 && a.mode == modeSet && a.name != "timestamp" && a.name != "@timestamp"
		out = append(out, a)
	}
	return out, nil
}

// split takes the constants that need nothing done out of set; they become a block once
// the keys are known. Where the order of two assignments to one field matters, nothing is
// taken out.
func (c *compiler) split(set []assign, block **parse.Block) (others []assign) {
	var ready []assign
	names := map[string]bool{}
	for _, a := range set {
		if names[a.name] {
			return set
		}
		names[a.name] = true
		if a.ready && !a.value.IsZero() {
			ready = append(ready, a)
		} else {
			others = append(others, a)
		}
	}
	if len(ready) > 0 {
		c.program.settle = append(c.program.settle, func() { *block = newBlock(ready) })
	}
	return others
}

func newBlock(set []assign) *parse.Block {
	keys, values := make([]parse.Key, len(set)), make([]parse.Value, len(set))
	for i, a := range set {
		keys[i], values[i] = *a.key.ref, a.value
	}
	return parse.NewBlock(keys, values)
}

func (c *compiler) maps(y *yaml.Node) ([]assign, error) {
	if y.Kind != yaml.Map {
		return nil, c.errorf(y, "map is a mapping of fields to expressions, not %s", y.Kind)
	}
	var out []assign
	for _, p := range y.Pairs {
		a, err := c.destination(p.Key)
		if err != nil {
			return nil, err
		}
		val := p.Value
		if val.Kind == yaml.Map {
			if err := c.known(val, "value", "when", "on_error"); err != nil {
				return nil, err
			}
			if n := val.Get("when"); n != nil {
				if a.when, err = c.cond(n); err != nil {
					return nil, err
				}
			}
			if n := val.Get("on_error"); n != nil {
				switch n.Text {
				case "drop":
				case "tag":
					a.onError = onErrorTag
				case "fail":
					a.onError = onErrorFail
				default:
					return nil, c.errorf(n, "on_error is drop, tag or fail, not %q", n.Text)
				}
			}
			if val = val.Get("value"); val == nil {
				return nil, c.errorf(p.Value, "value is missing")
			}
		}
		var n *node
		if a.eval, n, err = c.expr(val); err != nil {
			return nil, err
		}
		a.reads = c.reads(n)
		if n.kind == nodePipe && n.text == "kept" && n.args[0].kind == nodeName {
			n, a.kept = n.args[0], true
		}
		root := n
		for root.kind == nodePipe {
			root = root.args[0]
		}
		if root.kind == nodeName {
			a.needs = c.slots[root.text]
		}
		if n.kind == nodeName {
			a.slot = a.needs
			timestamp := a.name == "timestamp" || a.name == "@timestamp"
			a.plain = a.when == nil && a.temp < 0 && a.mode == modeSet && a.onError == onErrorDrop && !timestamp
		}
		out = append(out, a)
	}
	return out, nil
}

func (c *compiler) lookupStep(y *yaml.Node) (*lookupStep, error) {
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
	l := &lookupStep{table: t}
	if l.key, _, err = c.expr(y.Get("key")); err != nil {
		return nil, err
	}
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
	c.program.settle = append(c.program.settle, l.makeBlocks)
	return l, nil
}

func (c *compiler) textStep(y *yaml.Node) (*textStep, error) {
	t := &textStep{from: slotMessage, onError: "drift"}
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
		if err := text.Check(src.Text); err != nil {
			return nil, c.errorf(src, "%v", err)
		}
		patterns = append(patterns, text.Pattern{ID: i, Text: src.Text})
		t.branches = append(t.branches, st)
	}
	set, err := text.Compile(patterns, slotOf)
	if err != nil {
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

func (c *compiler) switchStep(on, cases, def *yaml.Node) (*switchStep, error) {
	sw := &switchStep{cases: map[string][]*step{}}
	var err error
	if sw.on, _, err = c.expr(on); err != nil {
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
		for _, v := range strings.Split(p.Key.Text, "|") {
			v = strings.TrimSpace(v)
			if pre, ok := strings.CutSuffix(v, "*"); ok {
				sw.prefixes = append(sw.prefixes, prefixCase{pre, steps})
				continue
			}
			if _, ok := sw.cases[v]; ok {
				return nil, c.errorf(p.Key, "case %q again", v)
			}
			sw.cases[v] = steps
		}
	}
	sort.SliceStable(sw.prefixes, func(i, j int) bool { return len(sw.prefixes[i].prefix) > len(sw.prefixes[j].prefix) })
	sw.def, err = c.steps(def)
	return sw, err
}

// run executes steps; it stops when the event is dropped or refused.
func (s *state) run(steps []*step) {
	for _, st := range steps {
		s.step(st)
		if s.drop || s.fail != nil {
			return
		}
	}
}

// step executes one step. What it does is done by tracedStep, too: a change here is a
// change there.
func (s *state) step(st *step) {
	if s.trace != nil {
		s.tracedStep(st)
		return
	}
	if st.when != nil {
		is := st.when(s)
		s.ntouched = 0 // a condition reads, it does not carry over
		if !is {
			s.run(st.els)
			return
		}
	}
	if st.layer != nil && !s.runLayer(st.layer) {
		return
	}
	if st.text != nil && !s.match(st.text) {
		return
	}
	if st.lookup != nil {
		key := st.lookup.key(s)
		s.ntouched = 0
		if block := st.lookup.block(s, key); block != nil {
			s.rec.SetBlock(block)
		} else if row := st.lookup.table.find(s, key); row != nil {
			for i, v := range row {
				if v.IsZero() {
					continue
				}
				if a := &st.lookup.fields[i]; a.ready {
					s.rec.Set(*a.key.ref, v)
				} else {
					s.store(a, v)
				}
			}
		}
	}
	if st.block != nil {
		s.rec.SetBlock(st.block)
	}
	for i := range st.rest {
		s.store(&st.rest[i], st.rest[i].value)
	}
	for i := range st.assigns {
		a := &st.assigns[i]
		if a.needs >= 0 {
			if k := s.frame.Slots[a.needs].Kind(); k == parse.KindNone || k == parse.KindNull {
				continue // what most fields of most messages are
			}
			if a.plain {
				s.copySlot(a)
				continue
			}
		}
		s.assign(a)
		if s.fail != nil {
			return
		}
	}
	if st.sw != nil {
		s.choose(st.sw)
	}
	if st.then != nil && s.fail == nil && !s.drop {
		s.run(st.then)
	}
	switch {
	case st.drop:
		s.drop = true
	case st.fail != "":
		s.fail = errcat.New(errcat.SchemaViolation, errcat.StageParse, st.fail)
	}
}

func (s *state) choose(sw *switchStep) {
	v := sw.on(s)
	s.ntouched = 0
	b := s.text(v)
	if steps, ok := sw.cases[string(b)]; ok {
		s.run(steps)
		return
	}
	for i := range sw.prefixes {
		if p := &sw.prefixes[i]; len(b) >= len(p.prefix) && string(b[:len(p.prefix)]) == p.prefix {
			s.run(p.steps)
			return
		}
	}
	s.run(sw.def)
}

// match reads a text by its patterns and executes what hangs on the one that matches.
func (s *state) match(t *textStep) bool {
	id, ok := s.matchPattern(t)
	if ok && t.branches != nil && t.branches[id] != nil {
		s.step(t.branches[id])
	}
	return ok
}

func (s *state) matchPattern(t *textStep) (id int, ok bool) {
	v := s.frame.Slots[t.from]
	id, ok = t.set.Match(s.text(v), s.frame.Slots)
	if !ok {
		switch t.onError {
		case "fail":
			s.fail = errcat.New(errcat.VendorFormatDrift, errcat.StageParse, "no pattern of the pack matches the text")
		case "drift":
			if present(v) {
				s.drift = "no pattern of the pack matches the text"
				if !s.rec.Has(ecs.Message) {
					s.rec.Set(ecs.Message, v)
				}
			}
		}
		return 0, false
	}
	if t.from != slotMessage {
		s.consume(t.from)
	}
	return id, true
}

// copySlot stores the value of a slot in a field that takes text as it is, or in any
// way that Coerce finds.
func (s *state) copySlot(a *assign) {
	key := *a.key.ref
	if key >= ecs.Count && !s.wide {
		return
	}
	v := &s.frame.Slots[a.slot]
	if v.Kind() == parse.KindString && s.pack.isNull(*v) {
		return
	}
	if v.Kind() == a.takes && (a.most == 0 || uint64(v.Int()) <= a.most) {
		s.rec.Set(key, *v)
		if !a.kept {
			s.consume(a.slot)
		}
		return
	}
	s.ntouched = 0
	if !a.kept {
		s.touch(a.slot)
	}
	if key >= ecs.Count && s.pack.asText[a.slot] {
		s.store(a, untyped(*v))
		return
	}
	s.store(a, *v)
}

// assign evaluates and stores one field.
func (s *state) assign(a *assign) {
	if a.when != nil {
		is := a.when(s)
		s.ntouched = 0
		if !is {
			return
		}
	}
	if a.mode == modeIfAbsent && a.temp < 0 && s.rec.Has(*a.key.ref) {
		return
	}
	if a.temp < 0 && !s.wide && *a.key.ref >= ecs.Count {
		return // it would not be written
	}
	s.failed = false
	s.ntouched = 0
	v := a.eval(s)
	if !present(v) {
		if s.failed {
			s.mismatch(a, v)
		}
		return
	}
	s.store(a, v)
}

// store puts v into the field of a, or into its temporary.
func (s *state) store(a *assign, v parse.Value) {
	if a.temp >= 0 {
		if a.mode != modeIfAbsent || !present(s.frame.Slots[a.temp]) {
			s.frame.Slots[a.temp] = v
		}
		s.markConsumed()
		return
	}
	key := *a.key.ref
	if v.Kind() == a.takes && a.mode == modeSet && (a.most == 0 || uint64(v.Int()) <= a.most) {
		s.rec.Set(key, v)
		s.markConsumed()
		return
	}
	w, ok := normalize.Coerce(s.rec, key, v, &s.time)
	if !ok || a.closed && !allowed(key, w) {
		s.mismatch(a, v)
		return
	}
	if !present(w) {
		return
	}
	switch a.mode {
	case modeAppend:
		s.rec.Append(key, w)
	case modeIfAbsent:
		if !s.rec.Has(key) {
			s.rec.Set(key, w)
		}
	default:
		if key == ecs.Timestamp {
			s.setTimestamp(w)
		} else {
			s.rec.Set(key, w)
		}
	}
	s.markConsumed()
}

// allowed reports whether ECS allows the value, or each element of a list, in the field.
func allowed(k parse.Key, v parse.Value) bool {
	if v.Kind() == parse.KindList {
		for _, e := range v.List() {
			if !k.Allows(e.Str()) {
				return false
			}
		}
		return true
	}
	return k.Allows(v.Str())
}

func (s *state) markConsumed() {
	if s.keep {
		for _, i := range s.touched[:s.ntouched] {
			s.consume(int(i))
		}
	}
	s.ntouched = 0
}

// setTimestamp stores the event's time and says which zone was assumed where the text
// carried none.
func (s *state) setTimestamp(v parse.Value) {
	s.rec.Set(ecs.Timestamp, v)
	if v.Flags()&parse.Zoned != 0 {
		return
	}
	s.rec.SetConst(ecs.EventTimezone, s.zoneName(v.Int()))
}

func (s *state) mismatch(a *assign, v parse.Value) {
	s.ntouched = 0
	s.rec.Mismatched++
	switch a.onError {
	case onErrorTag:
		s.rec.SetConst(ecs.ErrorCode, errcat.TypeMismatch.String())
		s.rec.SetString(ecs.ErrorMessage, a.name+" does not fit")
	case onErrorFail:
		s.fail = &errcat.Error{Category: errcat.TypeMismatch, Stage: errcat.StageNormalize, Field: a.name, Err: errcat.TypeMismatch}
	}
}
