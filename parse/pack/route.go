package pack

import (
	"slices"

	"github.com/penstock-dev/penstock/parse"
)

// routes are the ways that events have gone through the steps of a pack, so that those which
// come after them need not ask again what the answers before have settled: which steps do
// nothing because what they read is not there, and where in the record a field goes.
//
// A way is a chain of nodes, each something that a step does. It is done by the same code as
// without routes; what comes of it (the layout of the record, which slots are filled, the answer of
// a condition) decides which node is next. What is left out is what does nothing
// as long as none of the slots and fields that it reads is there, and that the nodes before
// tell. An event that comes to where none has been before starts again from its beginning and
// makes the nodes that are missing.
//
// Measured: 8 % fewer instructions for an event of generic.syslog, 4 % for cef.log, 2 % for
// fortinet.firewall, none for cisco.asa. The routes belong to one worker and are bounded in
// number; where many events leave them they are forgotten, or given up for a while.
type routes struct {
	from   *parse.Layout // with what fields events begin
	first  *routeNode
	nodes  int
	missed int // events that left the routes since they were full
	rest   int // events for which there are none
}

const (
	maxRouteNodes  = 1 << 12 // of about 300 bytes
	maxRouteMissed = 1 << 10
	routeRest      = 1 << 15
)

type routeKind uint8

const (
	routeEnd    routeKind = iota
	routeNone             // where the first event has to begin
	routeCopies           // plain fields
	routeOps              // other fields
	routePart
	routeFill // a part that fills slots
	routeCond
	routeSwitch
)

// routeNode is one thing that is done.
type routeNode struct {
	kind routeKind
	ops  []op // of which those between copies are known to do nothing
	temp int  // the temporary that ops may fill, or -1
	part part
	when condFunc
	on   *switchPart

	copies []routeCopy
	to     *parse.Layout // where copies lead

	// What comes next: of conditions and switches, which leave the record as it is, by their answer;
	// of copies that led to where they do; of all others by what came of them.
	cases []*routeNode
	after *routeNode
	outs  []routeOut
}

// routeOut is what may come of a node.
type routeOut struct {
	layout *parse.Layout
	result int32
	used   []uint64 // of routeFill: the slots that are filled then
	next   *routeNode
}

// routeCopy is a plain field.
type routeCopy struct {
	slot, at    int32
	from, takes parse.Kind // of the slot and of the field
	kept        bool
	most        uint64
}

// begin returns the first node, or nil where an event has to do without.
func (q *routes) begin(r *parse.Record) *routeNode {
	if q.rest > 0 {
		q.rest--
		return nil
	}
	here := r.Here()
	if here == nil {
		return nil
	}
	if q.from != here || q.missed > maxRouteMissed {
		rest := 0
		if q.missed > maxRouteMissed {
			rest = routeRest
		}
		*q = routes{from: here, rest: rest}
	}
	if q.first == nil {
		return &noRoute
	}
	return q.first
}

var noRoute = routeNode{kind: routeNone}

// follow does what the routes say. It reports false where the event has left them.
func (s *state) follow(n *routeNode) bool {
	for n != nil {
		result := int32(0)
		switch n.kind {
		case routeEnd:
			return true
		case routeCond:
			n = n.cases[n.answer(s)]
			continue
		case routeSwitch:
			n = n.cases[s.do(n)]
			continue
		case routeCopies:
			if s.copyAll(n) || s.assignAll(n.ops) && s.fail == nil && s.rec.Here() == n.to {
				n = n.after
				continue
			}
		default:
			result = s.do(n)
		}
		if s.drop || s.fail != nil {
			return true
		}
		o := n.out(s.rec.Here(), result, &s.frame)
		if o == nil {
			return false
		}
		n = o.next
	}
	return false
}

// out finds what has come of a node; nil if it has not come up before.
func (n *routeNode) out(here *parse.Layout, result int32, f *parse.Frame) *routeOut {
	for i := range n.outs {
		if o := &n.outs[i]; o.result == result && o.layout == here && (o.used == nil || o.filled(f)) {
			return o
		}
	}
	return nil
}

func (o *routeOut) filled(f *parse.Frame) bool { return slices.Equal(o.used, f.Filled()) }

// do does one thing.
func (s *state) do(n *routeNode) (result int32) {
	switch n.kind {
	case routeCopies:
		if !s.copyAll(n) {
			s.assignAll(n.ops)
		}
	case routeOps:
		if a := n.ops[0].assign; a.plain {
			s.assignAll(n.ops)
		} else {
			s.assign(a)
		}
		if n.temp >= 0 && s.frame.IsFilled(n.temp) {
			return 1
		}
	case routePart:
		return truth(n.part.run(s))
	case routeFill:
		is := n.part.run(s)
		if _, ok := n.part.(*textPart); ok && is {
			return int32(s.matched) + 1
		}
		return truth(is)
	case routeCond:
		return n.answer(s)
	case routeSwitch:
		v := n.on.on(s)
		s.ntouched = 0
		return n.on.find(s.text(v))
	}
	return 0
}

// answer is that of a condition.
func (n *routeNode) answer(s *state) int32 {
	is := n.when(s)
	s.ntouched = 0
	return truth(is)
}

func truth(is bool) int32 {
	if is {
		return 1
	}
	return 0
}

// copyAll stores plain fields where they go. It reports false, and has done nothing, if one
// of them needs a closer look.
func (s *state) copyAll(n *routeNode) bool {
	if n.to == nil {
		return false
	}
	slots, to, copies := s.frame.Slots, s.rec.Room(n.to), n.copies
	for i := range copies {
		c := &copies[i]
		v := &slots[c.slot]
		switch {
		case v.Kind() != c.from:
			return false
		case c.takes == parse.KindString:
			if s.pack.nullText(v.Bytes()) {
				return false
			}
			to[c.at] = *v
		case c.from == parse.KindString:
			if !s.readText(&to[c.at], c.takes, c.most, v.Bytes()) {
				return false
			}
		case c.most != 0 && uint64(v.Int()) > c.most:
			return false
		default:
			to[c.at] = *v
		}
	}
	if s.keep {
		s.consumeAll(copies)
	}
	s.rec.Enter(n.to)
	return true
}

func (s *state) consumeAll(copies []routeCopy) {
	for i := range copies {
		if c := &copies[i]; !c.kept {
			s.consume(int(c.slot))
		}
	}
}

// routeMaker runs steps and makes the nodes that are missing.
type routeMaker struct {
	s    *state
	q    *routes
	link **routeNode // where the next node belongs; nil: no more nodes are made
}

// walk runs the steps of an event that has left the routes.
func (s *state) walk(q *routes) {
	if q.nodes >= maxRouteNodes {
		q.missed++
		s.run(s.pack.steps)
		return
	}
	w := routeMaker{s: s, q: q, link: &q.first}
	switch whole := w.steps(s.pack.steps); {
	case !whole: // dropped or refused, as all that come to the last node
	case w.link == nil:
		q.missed++
	case *w.link == nil:
		*w.link = &routeNode{kind: routeEnd}
	}
}

// do does what the node at link says, which is made by make if it is missing.
func (w *routeMaker) do(missing func() *routeNode) (n *routeNode, result int32) {
	s := w.s
	if w.link == nil {
		n = missing()
		return n, s.do(n)
	}
	n = *w.link
	if n == nil {
		n = missing()
		*w.link = n
		w.q.nodes += 1 + len(n.cases)/32
	}
	result = s.do(n)
	if s.drop || s.fail != nil {
		w.link = nil
		return n, result
	}
	here := s.rec.Here()
	if here == nil {
		w.link = nil
		return n, result
	}
	n.learn(s)
	switch {
	case n.cases != nil:
		w.link = &n.cases[result]
		return n, result
	case n.kind == routeCopies && here == n.to:
		w.link = &n.after
		return n, result
	}
	out := n.out(here, result, &s.frame)
	if out == nil {
		o := routeOut{layout: here, result: result}
		if n.kind == routeFill {
			o.used = slices.Clone(s.frame.Filled())
		}
		n.outs = append(n.outs, o)
		w.q.nodes++
		out = &n.outs[len(n.outs)-1]
	}
	w.link = &out.next
	return n, result
}

func (w *routeMaker) steps(steps []*step) bool {
	for _, st := range steps {
		for _, p := range st.parts {
			if !w.part(p) {
				break
			}
		}
		if w.s.drop || w.s.fail != nil {
			return false
		}
	}
	return true
}

// absent reports whether nothing is there of what r names. Then what only reads that does
// the same each time.
func (w *routeMaker) absent(r *reads) bool {
	if r == nil || len(r.slots)+len(r.fields) == 0 {
		return false
	}
	for _, i := range r.slots {
		if w.s.frame.IsFilled(i) {
			return false
		}
	}
	for _, name := range r.fields {
		if k, ok := w.s.rec.Lookup(fieldName(name)); !ok || w.s.rec.Has(k) {
			return false
		}
	}
	return true
}

func (w *routeMaker) part(p part) bool {
	s := w.s
	switch p := p.(type) {
	case *whenPart:
		var is bool
		if w.absent(p.reads) {
			is = p.when(s)
			s.ntouched = 0
		} else {
			_, result := w.do(func() *routeNode { return &routeNode{kind: routeCond, when: p.when, cases: make([]*routeNode, 2)} })
			is = result != 0
		}
		if !is {
			w.steps(p.els)
		}
		return is
	case *layerPart:
		_, result := w.do(func() *routeNode { return &routeNode{kind: routeFill, part: p} })
		return result != 0
	case *textPart:
		_, result := w.do(func() *routeNode { return &routeNode{kind: routeFill, part: p} })
		return result != 0
	case *branchPart:
		st := p.text.branches[s.matched]
		return st == nil || w.steps([]*step{st})
	case *thenPart:
		return w.steps(p.steps)
	case *switchPart:
		var i int32
		if w.absent(p.reads) {
			i = p.find(s.text(p.on(s)))
			s.ntouched = 0
		} else {
			_, i = w.do(func() *routeNode { return &routeNode{kind: routeSwitch, on: p, cases: make([]*routeNode, len(p.all))} })
		}
		return w.steps(p.all[i])
	case *lookupPart:
		if w.absent(p.reads) {
			w.idle(func(n *routeNode) bool { return n.part == p }, func() *routeNode { return &routeNode{kind: routePart, part: p} })
			return true
		}
	case *assignsPart:
		return w.assigns(p)
	case *constantsPart, *endPart:
	default:
		w.link = nil // what it does besides is not known here
	}
	_, result := w.do(func() *routeNode { return &routeNode{kind: routePart, part: p} })
	return result != 0
}

// idle is do for what should do nothing, now and whenever an event comes to here: then there
// is no node of it. is tells its node, if it does something all the same.
func (w *routeMaker) idle(is func(n *routeNode) bool, missing func() *routeNode) {
	r, link := w.s.rec, w.link
	if link != nil && *link != nil && !is(*link) {
		return // it did nothing when the node that follows was made
	}
	known := link == nil || *link != nil
	here, mismatched := r.Here(), r.Mismatched
	n, result := w.do(missing)
	if !known && r.Here() == here && r.Mismatched == mismatched && here != nil && w.link != nil && result == truth(n.kind == routePart) {
		*link, w.link = nil, link
		w.q.nodes -= 2
	}
}

// assigns stores the fields of a part. Neighbours that are plain copies make one node.
func (w *routeMaker) assigns(p *assignsPart) bool {
	s, ops := w.s, p.ops
	if !s.wide {
		ops = p.ecs
	}
	for i := 0; i < len(ops); {
		o := &ops[i]
		if w.nothing(o) {
			i++
			continue
		}
		if w.absent(o.assign.all) {
			w.idle(func(n *routeNode) bool { return len(n.ops) > 0 && &n.ops[0] == o },
				func() *routeNode { return &routeNode{kind: routeOps, ops: ops[i : i+1], temp: o.assign.temp} })
			if s.fail != nil {
				return false
			}
			i++
			continue
		}
		n, _ := w.do(func() *routeNode { return w.opsNode(ops[i:]) })
		if s.fail != nil {
			return false
		}
		i += len(n.ops)
	}
	return true
}

// nothing reports whether an op does nothing in whatever event comes to here.
func (w *routeMaker) nothing(o *op) bool {
	a, s := o.assign, w.s
	return o.slot >= 0 && !s.frame.IsFilled(int(o.slot)) ||
		a.temp < 0 && (!s.wide && a.vendor || a.mode == modeIfAbsent && s.rec.Has(*a.key.ref))
}

// opsNode makes a node of the first of the ops and, where that is a plain copy, of those
// behind it.
func (w *routeMaker) opsNode(ops []op) *routeNode {
	s := w.s
	if !s.copies(&ops[0]) {
		return &routeNode{kind: routeOps, ops: ops[:1], temp: ops[0].assign.temp}
	}
	n := 1
	for i := 1; i < len(ops); i++ {
		o := &ops[i]
		if o.slot >= 0 && (!s.frame.IsFilled(int(o.slot)) || o.assign.plain && o.vendor && !s.wide) {
			continue // does nothing
		}
		if !s.copies(o) {
			break
		}
		n = i + 1
	}
	return &routeNode{kind: routeCopies, ops: ops[:n]}
}

// learn notes where the plain fields of a node have gone, once they have.
func (n *routeNode) learn(s *state) {
	here := s.rec.Here()
	if n.kind != routeCopies || n.to != nil || here == nil {
		return
	}
	var copies []routeCopy
	for i := range n.ops {
		o := &n.ops[i]
		if !s.frame.IsFilled(int(o.slot)) || o.vendor && !s.wide {
			continue
		}
		at := here.Position(o.key)
		if at < 0 || !s.copies(o) {
			return
		}
		if _, fixed := here.Fixed(at); fixed {
			return
		}
		copies = append(copies, routeCopy{slot: o.slot, at: int32(at), from: s.frame.Slots[o.slot].Kind(), takes: o.takes, kept: o.assign.kept, most: o.most})
	}
	n.copies, n.to = copies, here
}

// copies reports whether an op is a plain copy of a value that copyAll can store.
func (s *state) copies(o *op) bool {
	if o.slot < 0 || !o.assign.plain || o.takes == parse.KindNone {
		return false
	}
	k := s.frame.Slots[o.slot].Kind()
	return k == o.takes || k == parse.KindString && (o.takes == parse.KindInt || o.takes == parse.KindIP)
}
