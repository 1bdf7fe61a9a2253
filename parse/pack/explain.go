package pack

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

// How says in which way a field came to be.
type How string

// The ways in which a field comes to be.
const (
	HowRaw       How = "raw"       // the value is bytes of the message
	HowConverted How = "converted" // the value was made of bytes of the message
	HowConstant  How = "constant"  // the value stands in the pack
	HowDerived   How = "derived"   // the value follows from other fields
	HowKept      How = "kept"      // no line of the pack took it: it is kept as the vendor named it
)

// Explanation tells where one field of one event is from.
type Explanation struct {
	Event int    // number of the event in the message, from 0
	Field string // dotted name
	Value string // as text; a list in brackets
	How   How
	// From are the parts of the message that the value is, or was made of. There are none
	// for constants, and for what was derived from fields that are explained themselves.
	From []Span
	// File and Line are the place in the pack that made the field; Line is 0 for what no
	// line of it asks for.
	File string
	Line int
}

// Span is a part of a message.
type Span struct {
	// Name is the native name of what stands there, or "$" and the name of a field.
	Name string
	// Offset and Length say which bytes of Message.Raw they are; Length is negative
	// where that is not known. Bytes with escapes, or in a format inside another, are
	// those of the value as it stands in the message, or of what it is inside of.
	Offset, Length int
}

func (e *Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s = %s (%s", e.Field, e.Value, e.How)
	for _, f := range e.From {
		b.WriteString(", " + f.String())
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, ", %s:%d", e.File, e.Line)
	}
	return b.String() + ")"
}

func (s Span) String() string {
	name := s.Name
	if name == "" {
		name = "bytes"
	}
	if s.Length < 0 {
		return name
	}
	return fmt.Sprintf("%s at %d+%d", name, s.Offset, s.Length)
}

// Explain parses m and tells for every field of its events which bytes of the message and
// which line of the pack made it. It is far slower than parsing, which it costs
// nothing. The error is that of parsing; the explanations are those of the
// events that came before it.
//
// A pack alone knows no others: for a message that carries another product's see Set.Explain.
func (p *Pack) Explain(o Options, m *parse.Message) ([]Explanation, error) {
	return p.explain(newState(p, o), o, m)
}

// Explain is Pack.Explain for the pack of a name or alias, as Set.Parser is Pack.Parser: what a
// message carries (relay) is explained by its own product's pack, whose lines File names; fields
// that are taken over from the carrier have the lines of the carrier's pack. Offsets are those of
// the whole message.
func (s *Set) Explain(name string, o Options, m *parse.Message) ([]Explanation, error) {
	p, err := s.Pack(name)
	if err != nil {
		return nil, err
	}
	st := newState(p, o)
	if p.relay != nil {
		d, err := s.detect()
		if err != nil {
			return nil, err
		}
		st.relay = (&Auto{set: s, detector: d, opts: o}).relayed
	}
	return p.explain(st, o, m)
}

func (p *Pack) explain(s *state, o Options, m *parse.Message) ([]Explanation, error) {
	s.trace = &tracer{raw: m.Raw}
	var out parse.Events[parse.Record]
	err := p.parse(s, o, m, &out)
	if r := out.Rejected(); err == nil && len(r) > 0 {
		err = r[0].Err
	}
	return s.trace.out, err
}

// reason is why a field has its value.
type reason struct {
	how  How
	from []Span
	line int   // as compiler.place gives it
	of   *Pack // whose line it is, if that is not the pack of the event
}

// tracer watches a state at work. It compares the record before and after each part of a
// step, so that nothing that sets fields needs to know of it.
type tracer struct {
	raw     []byte
	out     []Explanation
	events  int
	last    map[parse.Key]parse.Value
	reasons map[parse.Key]reason
	slots   []parse.Value
	made    []madeText   // of the event
	via     map[int]Span // slots whose bytes do not lie in the message: what they were made of

	// Of a message that another one carries: the reasons of the carrier's fields, and the part of the
	// message that holds it.
	outer *tracer
	pack  *Pack // of outer
	held  Span
}

// inside returns a tracer for the message that slot i of s carries.
func (t *tracer) inside(s *state, i int) *tracer {
	return &tracer{raw: t.raw, events: t.events, outer: t, pack: s.pack, held: t.slotSpan(s, i)}
}

// adopted gives the fields that an event took over from its carrier the carrier's reasons.
func (t *tracer) adopted(s *state) {
	for _, k := range t.changed(s) {
		r, ok := t.outer.reasons[k]
		if !ok {
			r.how = HowDerived
		}
		if r.of == nil {
			r.of = t.pack
		}
		t.reasons[k] = r
	}
}

// begin is called when the fields of every event are set.
func (t *tracer) begin(s *state) {
	t.last, t.reasons, t.via = map[parse.Key]parse.Value{}, map[parse.Key]reason{}, map[int]Span{}
	t.slots = slices.Clone(s.frame.Slots)
	if t.outer != nil {
		t.via[slotMessage], t.via[slotRaw] = t.held, t.held
	}
	lines := map[parse.Key]int{}
	for i := range s.pack.constants {
		if a := &s.pack.constants[i]; a.temp < 0 {
			lines[*a.key.ref] = a.line
		}
	}
	for _, k := range t.changed(s) {
		t.reasons[k] = reason{how: HowConstant, line: lines[k]}
	}
}

// changed are the fields that have another value than at the last call.
func (t *tracer) changed(s *state) []parse.Key {
	var out []parse.Key
	for i := range s.rec.Slots() {
		k, v, ok := s.rec.At(i)
		if ok && t.last[k] != v {
			t.last[k] = v
			out = append(out, k)
		}
	}
	return out
}

// note gives the fields that have changed r as their reason.
func (t *tracer) note(s *state, r reason) {
	for _, k := range t.changed(s) {
		q := r
		if from := t.spans(t.last[k]); len(from) > 0 && q.how != HowConstant {
			q.from = from
			if q.how == HowConverted {
				q.how = HowRaw
			}
		}
		t.reasons[k] = q
	}
}

// noteAssign gives the field of a its reason: the slots and fields that its expression
// reads. What else has changed follows from it.
func (t *tracer) noteAssign(s *state, a *assign) {
	for _, k := range t.changed(s) {
		r := reason{how: HowDerived, line: a.line}
		if a.temp < 0 && k == *a.key.ref {
			r = t.explain(s, a, t.last[k])
		}
		t.reasons[k] = r
	}
	if a.temp >= 0 && s.frame.Slots[a.temp] != t.slots[a.temp] {
		t.slots[a.temp] = s.frame.Slots[a.temp]
		if r := t.explain(s, a, t.slots[a.temp]); r.how == HowConverted && len(r.from) > 0 {
			t.via[a.temp] = r.from[0]
		}
	}
}

func (t *tracer) explain(s *state, a *assign, v parse.Value) reason {
	r := reason{how: HowConstant, line: a.line}
	if a.reads == nil {
		return r
	}
	for _, i := range a.reads.slots {
		if i >= 0 && present(s.frame.Slots[i]) && !s.pack.isNull(s.frame.Slots[i]) {
			r.from = append(r.from, t.slotSpan(s, i))
		}
	}
	for _, name := range a.reads.fields {
		if k, ok := s.rec.Lookup(name); ok && s.rec.Has(k) {
			span := Span{Name: "$" + name, Length: -1}
			if from := t.reasons[k].from; len(from) > 0 {
				span.Offset, span.Length = from[0].Offset, from[0].Length
			}
			r.from = append(r.from, span)
		}
	}
	if len(r.from) > 0 {
		r.how = HowConverted
	}
	if exact := t.spans(v); len(exact) > 0 {
		// The value itself lies in the message: say where, by the name of the slot
		// that holds it.
		for i := range exact {
			for _, f := range r.from {
				if f.Length >= 0 && exact[i].Offset >= f.Offset && exact[i].Offset+exact[i].Length <= f.Offset+f.Length {
					exact[i].Name = f.Name
					break
				}
			}
		}
		r.how, r.from = HowRaw, exact
	}
	return r
}

// spans are the places of a value's text, or of the texts of its elements, in the message.
func (t *tracer) spans(v parse.Value) []Span {
	if v.Kind() == parse.KindList {
		var out []Span
		for _, e := range v.List() {
			out = append(out, t.spans(e)...)
		}
		return out
	}
	if span, ok := t.find(v.Bytes()); ok {
		return []Span{span}
	}
	return nil
}

// find returns where b stands in the message, if it is a part of it or of a text that
// was made of parts of it.
func (t *tracer) find(b []byte) (Span, bool) {
	if at := scan.Offset(t.raw, b); at >= 0 {
		return Span{Offset: at, Length: len(b)}, true
	}
	for i := range t.made {
		m := &t.made[i]
		at := scan.Offset(m.text, b)
		if at < 0 {
			continue
		}
		first, ok := t.find(m.byteAt(at))
		last, ok2 := t.find(m.byteAt(at + len(b) - 1))
		return Span{Offset: first.Offset, Length: last.Offset + 1 - first.Offset}, ok && ok2
	}
	if t.outer != nil {
		return t.outer.find(b)
	}
	return Span{}, false
}

// madeText is the text of an event that is made of several parts of its message.
type madeText struct {
	text  []byte
	parts [][]byte
}

// byteAt is the part of the message that the byte at i of the text was copied from.
func (m *madeText) byteAt(i int) []byte {
	for _, p := range m.parts {
		if i < len(p) {
			return p[i : i+1]
		}
		i -= len(p)
	}
	return nil
}

// joined notes that text was made of parts of the message.
func (t *tracer) joined(text []byte, parts ...[]byte) {
	t.made = append(t.made, madeText{text, slices.Clone(parts)})
}

// slotSpan is where the value of slot i is from.
func (t *tracer) slotSpan(s *state, i int) Span {
	span := Span{Name: s.pack.slotNames[i], Length: -1}
	if list := t.spans(s.frame.Slots[i]); len(list) > 0 {
		last := list[len(list)-1]
		span.Offset, span.Length = list[0].Offset, max(last.Offset+last.Length-list[0].Offset, list[0].Length)
	} else if v, ok := t.via[i]; ok {
		span.Offset, span.Length = v.Offset, v.Length
	}
	return span
}

// read notes which slots a layer or a pattern has filled from the text at source.
func (t *tracer) read(s *state, source Span) {
	for i, v := range s.frame.Slots {
		if v == t.slots[i] {
			continue
		}
		t.slots[i] = v
		delete(t.via, i)
		if !present(v) || len(t.spans(v)) > 0 || source.Length < 0 {
			continue
		}
		t.via[i] = t.escaped(v, source)
	}
}

// escaped looks for a value in the text that it was read from as JSON writes it; if that
// is not found once, the whole text is the answer.
func (t *tracer) escaped(v parse.Value, in Span) Span {
	text := t.raw[in.Offset : in.Offset+in.Length]
	for _, form := range [][]byte{v.Bytes(), jsonForm(v.Bytes())} {
		if len(form) < 2 || bytes.Count(text, form) != 1 {
			continue
		}
		return Span{Offset: in.Offset + bytes.Index(text, form), Length: len(form)}
	}
	return in
}

func jsonForm(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	q := scan.AppendJSONString(nil, b)
	return q[1 : len(q)-1]
}

// finish turns what is known into explanations, in the order of the fields' names.
func (t *tracer) finish(s *state) {
	keys := slices.Sorted(maps.Keys(t.reasons))
	list := make([]Explanation, 0, len(keys)+len(s.rec.Dynamics()))
	for _, k := range keys {
		if !s.rec.Has(k) {
			continue
		}
		r := t.reasons[k]
		e := Explanation{Event: t.events, Field: s.rec.Name(k), Value: valueText(s.rec.Get(k)), How: r.how, From: r.from}
		of := s.pack
		if r.of != nil {
			of = r.of
		}
		e.File, e.Line = of.place(r.line)
		list = append(list, e)
	}
	for _, d := range s.rec.Dynamics() {
		e := Explanation{Event: t.events, Field: s.rec.Name(d.Container) + "." + string(d.Name), Value: valueText(d.Value), How: HowKept, From: t.spans(d.Value)}
		list = append(list, e)
	}
	slices.SortStableFunc(list, func(a, b Explanation) int { return parse.ComparePaths(a.Field, b.Field) })
	t.out = append(t.out, list...)
	t.events++
}

func valueText(v parse.Value) string {
	if v.Kind() != parse.KindList {
		return v.String()
	}
	var parts []string
	for _, e := range v.List() {
		parts = append(parts, e.String())
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// step does a step and notes what each part of it changes.
func (t *tracer) step(s *state, st *step) {
	for _, p := range st.parts {
		if !t.part(s, p) {
			return
		}
	}
}

func (t *tracer) part(s *state, p part) bool {
	switch p := p.(type) {
	case *layerPart:
		l := p.layer
		source := t.slotSpan(s, l.from)
		ok := p.run(s)
		t.read(s, source)
		if l.kind == "syslog" && present(s.frame.Slots[l.header[len(syslogParts)-1]]) {
			source = t.slotSpan(s, l.header[len(syslogParts)-1])
		}
		t.note(s, reason{how: HowConverted, from: []Span{source}, line: l.line})
		return ok
	case *textPart:
		source := t.slotSpan(s, p.from)
		ok := p.run(s)
		t.read(s, source)
		t.note(s, reason{how: HowConverted, from: []Span{source}, line: p.line})
		return ok
	case *lookupPart:
		key := string(s.text(p.key(s)))
		ok := p.run(s)
		line := p.table.line(s.pack, key)
		if line == 0 {
			line = p.line
		}
		t.note(s, reason{how: HowConstant, line: line})
		copy(t.slots, s.frame.Slots)
		return ok
	case *constantsPart:
		ok := p.run(s)
		t.noteConstants(s, p.all)
		return ok
	case *assignsPart:
		for i := range p.ops {
			ok := s.assignAll(p.ops[i : i+1])
			t.noteAssign(s, p.ops[i].assign)
			if !ok {
				return false
			}
		}
		return true
	}
	return p.run(s)
}

// noteConstants gives the fields that constants have set, and what has changed with them,
// their reasons.
func (t *tracer) noteConstants(s *state, set []assign) {
	for _, k := range t.changed(s) {
		r := reason{how: HowDerived}
		for i := range set {
			if a := &set[i]; a.temp < 0 && (*a.key.ref == k || r.line == 0) {
				r.line = a.line
				if *a.key.ref == k {
					r.how = HowConstant
					break
				}
			}
		}
		t.reasons[k] = r
	}
	copy(t.slots, s.frame.Slots)
}

// line is the place of the row that has the key, 0 for none or one in a file of its own.
func (t *table) line(p *Pack, key string) int {
	rows := t.y.Get("rows")
	if rows == nil {
		return 0
	}
	if t.anyCase {
		key = strings.ToLower(key)
	}
	at := func(n *yaml.Node) int {
		i := slices.Index(p.files, n.File())
		if i < 0 {
			return 0
		}
		return i<<placeBits | min(n.Line, 1<<placeBits-1)
	}
	for _, row := range rows.Pairs {
		for k := range strings.SplitSeq(row.Key.Text, "|") {
			if k = strings.TrimSpace(k); k == key || t.anyCase && strings.ToLower(k) == key {
				return at(row.Key)
			}
		}
	}
	if d := t.y.Get("default"); d != nil {
		return at(d)
	}
	return 0
}

// place is the number by which a compiled part remembers where it stands in its file.
func (c *compiler) place(y *yaml.Node) int {
	name := y.File()
	if name == "" {
		name = c.file.Name
	}
	i := slices.Index(c.program.files, name)
	if i < 0 {
		i = len(c.program.files)
		c.program.files = append(c.program.files, name)
	}
	return i<<placeBits | min(y.Line, 1<<placeBits-1)
}

// placeBits are the low bits of a place, which hold the line.
const placeBits = 20

func (p *Pack) place(n int) (file string, line int) {
	line = n & (1<<placeBits - 1)
	if i := n >> placeBits; line > 0 && i < len(p.files) {
		return p.files[i], line
	}
	return "", 0
}

// reads is what an expression reads.
type reads struct {
	slots  []int
	fields []string
}

func (c *compiler) reads(n *node) *reads {
	r := &reads{}
	c.addReads(r, n)
	return r
}

func (c *compiler) addReads(r *reads, n *node) {
	args := n.args
	switch n.kind {
	case nodeName:
		if i, ok := c.slots[n.text]; ok {
			r.slots = append(r.slots, i)
		}
	case nodeField:
		r.fields = append(r.fields, n.text)
	case nodeCall:
		if n.text == "label" {
			for _, q := range c.program.labels {
				r.slots = append(r.slots, q.value)
			}
			return
		}
	case nodePipe:
		if n.text != "time" && len(args) > 0 {
			args = args[:1] // the arguments of other filters are constants
		}
	}
	for _, a := range args {
		c.addReads(r, a)
	}
}
