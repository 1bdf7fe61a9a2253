package normalize

import (
	"slices"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// EncoderOptions choose the form of the output. The zero value writes every field as
// nested objects.
type EncoderOptions struct {
	// Flat writes dotted names ("source.ip") instead of nested objects.
	Flat bool
	// ECSOnly leaves out the fields that ECS does not define.
	ECSOnly bool
}

// Encoder writes records as JSON objects, one a line when the caller adds the line
// ends: strict UTF-8 JSON, no repeated keys, fields in the order of their paths, so that
// equal records give equal bytes. Bytes that are not UTF-8 become U+FFFD.
//
// An Encoder is not safe for concurrent use; Worker returns one for each goroutine.
type Encoder struct {
	opts   EncoderOptions
	shared *plans

	own        map[*parse.Schema]*ownPlan // found in shared before
	schema     *parse.Schema              // of plan
	plan       *plan
	current    *ownPlan      // of plan
	layouts    parse.Layouts // of records without a schema
	keys       []parse.Key
	containers []container // of the record's dynamic fields
	time       timeparse.Formatter
	// Invalid counts the bytes so far that were not UTF-8.
	Invalid int
	// Conflicts counts the fields so far that were left out because the field above
	// them has a value of its own: an object can't be written twice.
	Conflicts int
}

// NewEncoder returns an Encoder.
func NewEncoder(o EncoderOptions) *Encoder {
	return &Encoder{opts: o, shared: &plans{of: map[*parse.Schema]*plan{}}}
}

// Worker returns an Encoder with the same options for another goroutine.
func (e *Encoder) Worker() *Encoder { return &Encoder{opts: e.opts, shared: e.shared} }

// plans holds the key texts of each schema, made at first use.
type plans struct {
	mu   sync.Mutex
	ecs  []keyText         // shared by all plans
	node map[string]uint32 // the objects of ecs
	of   map[*parse.Schema]*plan
}

const (
	maxDepth = 12
	noNode   = ^uint32(0)
	// maxPlans bounds the schemas that are remembered, so that packs that are loaded anew
	// again and again do not fill the memory.
	maxPlans = 1024
)

// keyText is the JSON text of one key in all the ways it can begin.
type keyText struct {
	text    string           // nested: `"source":{"nat":{"ip":`, flat: `"source.nat.ip":`
	parents [maxDepth]uint32 // the objects that it lies in, outermost first
	from    [maxDepth]uint16 // text[from[d]:] begins below the d-th object
	level   uint8            // the number of parents
	depth   uint8            // the number of braces in text: level, or none where it is flat
	array   bool
	ecs     bool
	node    uint32 // the object that this key is as a container
}

type plan struct {
	ecs    []keyText
	vendor []keyText
	rank   []uint16 // position in path order, by key
}

func (p *plan) key(k parse.Key) *keyText {
	if k < ecs.Count {
		return &p.ecs[k]
	}
	return &p.vendor[k-ecs.Count]
}

func (p *plans) get(s *parse.Schema, flat bool) *plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	pl := p.of[s]
	if pl == nil {
		if len(p.of) >= maxPlans {
			clear(p.of)
		}
		pl = p.newPlan(s, flat)
		p.of[s] = pl
	}
	return pl
}

func (p *plans) newPlan(s *parse.Schema, flat bool) *plan {
	if p.ecs == nil {
		p.ecs, p.node = make([]keyText, ecs.Count), map[string]uint32{}
		for k := range ecs.All() {
			p.ecs[k] = newKeyText(k.Name(), flat, func(path string) uint32 {
				id, ok := p.node[path]
				if !ok {
					id = uint32(len(p.node) + 1)
					p.node[path] = id
				}
				return id
			})
			p.ecs[k].array, p.ecs[k].ecs = k.Array(), true
		}
	}
	n := int(ecs.Count)
	if s != nil {
		n = s.Len()
	}
	pl := &plan{ecs: p.ecs, vendor: make([]keyText, n-int(ecs.Count)), rank: make([]uint16, n)}
	own := map[string]uint32{}
	vendor, rank := parse.Key(ecs.Count), uint16(0)
	for k := range ecs.All() {
		for int(vendor) < n && parse.ComparePaths(s.Name(vendor), k.Name()) < 0 {
			pl.rank[vendor] = rank
			rank, vendor = rank+1, vendor+1
		}
		pl.rank[k] = rank
		rank++
	}
	for ; int(vendor) < n; vendor++ {
		pl.rank[vendor] = rank
		rank++
	}
	for i := range pl.vendor {
		pl.vendor[i] = newKeyText(s.Name(ecs.Count+parse.Key(i)), flat, func(path string) uint32 {
			id, ok := p.node[path]
			if ok {
				return id
			}
			if id, ok = own[path]; !ok {
				id = uint32(len(p.node) + len(own) + 1)
				own[path] = id
			}
			return id
		})
	}
	return pl
}

func newKeyText(path string, flat bool, node func(path string) uint32) keyText {
	t := keyText{node: node(path)}
	var text []byte
	start := 0
	for i := 0; i <= len(path); i++ {
		if i < len(path) && (path[i] != '.' || int(t.level) >= maxDepth-1) {
			continue
		}
		t.from[t.level] = uint16(len(text))
		text = append(scan.AppendJSONString(text, []byte(path[start:i])), ':')
		if i < len(path) {
			text = append(text, '{')
			t.parents[t.level] = node(path[:i])
			t.level++
		}
		start = i + 1
	}
	t.text, t.depth = string(text), t.level
	if flat {
		t.text, t.depth = string(append(scan.AppendJSONString(nil, []byte(path)), ':')), 0
		t.from = [maxDepth]uint16{}
	}
	return t
}

// Append appends the record as one JSON object to dst and returns the result. It
// allocates only to grow dst and when it meets a new set of fields. It never fails; the
// error is there to meet the interface of the pipeline's encoders.
func (e *Encoder) Append(dst []byte, r *parse.Record) ([]byte, error) {
	s := r.Schema()
	if e.plan == nil || s != e.schema {
		e.use(s)
	}
	var l *parse.Layout
	if len(r.Dynamics()) == 0 || e.opts.ECSOnly {
		if l = r.Layout(); s == nil {
			l = e.layouts.Of(r)
		}
	}
	if l == nil {
		return e.appendSlow(dst, r), nil
	}
	values := r.Values()
	sh := e.shapeOf(l, r, values)
	e.Conflicts += sh.skipped

	return e.appendShape(dst, sh, values), nil
}

// use makes the plan of s the current one.
func (e *Encoder) use(s *parse.Schema) {
	own := e.own[s]
	if own == nil {
		if len(e.own) >= maxPlans {
			clear(e.own)
		}
		if e.own == nil {
			e.own = map[*parse.Schema]*ownPlan{}
		}
		own = &ownPlan{plan: e.shared.get(s, e.opts.Flat)}
		e.own[s] = own
	}
	e.schema, e.current, e.plan = s, own, own.plan
}

// ownPlan is a plan with what the Encoder learned.
type ownPlan struct {
	plan   *plan
	shapes []*shape           // by the ID of the Layout
	varied map[parse.Key]bool // constants that are not worth folding into shapes
}

// appendSlow writes a record that has fields named by the wire, or deleted ones.
func (e *Encoder) appendSlow(dst []byte, r *parse.Record) []byte {
	dynamic := r.Dynamics()
	if e.opts.ECSOnly {
		dynamic = nil
	}
	return e.walk(dst, r, dynamic, func(dst []byte, k parse.Key, array bool) []byte {
		return e.appendValue(dst, r.Ref(k), array)
	})
}

// walk writes the fields in the order of their paths and lets value write each value.
func (e *Encoder) walk(dst []byte, r *parse.Record, dynamic []parse.Dynamic, value func(dst []byte, k parse.Key, array bool) []byte) []byte {
	e.keys, e.containers = r.Keys(e.keys[:0]), e.containers[:0]
	if len(dynamic) > 0 {
		e.addContainers(dynamic)
	}
	dst = append(dst, '{')
	first, depth := true, 0
	var open *[maxDepth]uint32
	var room [maxDepth]uint32
	taken := noNode // the last key that has a value and could have fields below it
	takenLevel, takenKey := 0, parse.Key(ecs.None)
	for _, k := range e.keys {
		t := e.plan.key(k)
		if e.opts.ECSOnly && !t.ecs {
			continue
		}
		below := 0
		for i := range e.containers {
			if e.containers[i].key == k {
				below = e.containers[i].fields
			}
		}
		own := below == 0 || r.Has(k)
		if int(t.level) > takenLevel && t.parents[takenLevel] == taken || t.level == maxDepth-1 && isBelow(r, k, takenKey) {
			e.Conflicts += below
			if own {
				e.Conflicts++
			}
			continue
		}
		common := 0
		if !first {
			for common < depth && common < int(t.depth) && open[common] == t.parents[common] {
				common++
			}
			for i := common; i < depth; i++ {
				dst = append(dst, '}')
			}
			dst = append(dst, ',')
		}
		open, depth = &t.parents, int(t.depth)
		first = false
		if !own {
			dst = e.appendDynamic(dst, dynamic, k, t, common)
			if !e.opts.Flat {
				room = t.parents
				room[depth] = t.node
				depth++
				open = &room
			}
			continue
		}
		dst = append(dst, t.text[t.from[common]:]...)
		dst = value(dst, k, t.array)
		taken, takenLevel, takenKey = t.node, int(t.level), k
		e.Conflicts += below // the field's own value leaves no room for them
	}
	for range depth {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// isBelow compares the names of fields that lie deeper than parents goes.
func isBelow(r *parse.Record, k, above parse.Key) bool {
	rest, ok := strings.CutPrefix(r.Name(k), r.Name(above))
	return ok && above != ecs.None && strings.HasPrefix(rest, ".")
}

// container is a field with dynamic fields below it.
type container struct {
	key    parse.Key
	fields int
}

// addContainers counts the fields of each container and merges the containers into e.keys.
func (e *Encoder) addContainers(dynamic []parse.Dynamic) {
	last := -1
	for i := range dynamic {
		c := dynamic[i].Container
		if last < 0 || e.containers[last].key != c {
			last = slices.IndexFunc(e.containers, func(o container) bool { return o.key == c })
		}
		if last >= 0 {
			e.containers[last].fields++
			continue
		}
		last = len(e.containers)
		e.containers = append(e.containers, container{c, 1})
		rank := e.plan.rank[c]
		lo, hi := 0, len(e.keys)
		for lo < hi {
			m := (lo + hi) / 2
			if e.plan.rank[e.keys[m]] < rank {
				lo = m + 1
			} else {
				hi = m
			}
		}
		if lo < len(e.keys) && e.keys[lo] == c {
			continue
		}
		e.keys = append(e.keys, 0)
		copy(e.keys[lo+1:], e.keys[lo:])
		e.keys[lo] = c
	}
}

func (e *Encoder) appendDynamic(dst []byte, dynamic []parse.Dynamic, k parse.Key, t *keyText, common int) []byte {
	first := true
	for i := range dynamic {
		d := &dynamic[i]
		if d.Container != k {
			continue
		}
		switch {
		case e.opts.Flat:
			if !first {
				dst = append(dst, ',')
			}
			dst = append(dst, t.text[:len(t.text)-2]...) // up to the closing quote
			dst = append(dst, '.')
			at := len(dst)
			dst = e.appendString(dst, d.Name)
			copy(dst[at:], dst[at+1:]) // the name goes on inside the same quotes
			dst = dst[:len(dst)-1]
		default:
			if first {
				dst = append(dst, t.text[t.from[common]:]...)
				dst = append(dst, '{')
			} else {
				dst = append(dst, ',')
			}
			dst = e.appendString(dst, d.Name)
		}
		first = false
		dst = append(dst, ':')
		dst = e.appendValue(dst, &d.Value, false)
	}
	return dst
}

func (e *Encoder) appendString(dst, s []byte) []byte {
	dst, bad := scan.AppendJSONStringCount(dst, s)
	e.Invalid += bad
	return dst
}

func (e *Encoder) appendValue(dst []byte, v *parse.Value, array bool) []byte {
	// Comparisons in the order of frequency: the jump of a switch is mispredicted often.
	kind := v.Kind()
	if kind == parse.KindList {
		dst = append(dst, '[')
		l := v.List()
		for i := range l {
			if dst = e.appendElement(dst, &l[i]); i < len(l)-1 {
				dst = append(dst, ',')
			}
		}
		return append(dst, ']')
	}
	if kind == parse.KindArray {
		return append(dst, v.Bytes()...)
	}
	if array {
		dst = append(dst, '[')
	}
	if kind == parse.KindString {
		if text := v.JSON(); text != nil {
			dst = append(append(append(dst, '"'), text...), '"')
		} else {
			dst = e.appendString(dst, v.Bytes())
		}
	} else if kind == parse.KindIP {
		dst = append(dst, '"')
		dst = append(dst, v.Bytes()...)
		dst = append(dst, '"')
	} else if kind == parse.KindTime {
		dst = append(dst, '"')
		dst = e.time.Append(dst, v.Int())
		dst = append(dst, '"')
	} else if kind == parse.KindNone || kind == parse.KindNull {
		dst = append(dst, "null"...)
	} else {
		dst = v.AppendText(dst)
	}
	if array {
		dst = append(dst, ']')
	}
	return dst
}

// appendElement is appendValue of an element of a list, most of which are texts and addresses.
func (e *Encoder) appendElement(dst []byte, v *parse.Value) []byte {
	if kind := v.Kind(); kind == parse.KindIP || kind == parse.KindString {
		text, n := v.Bytes(), len(dst)
		if room := dst[n:cap(dst)]; len(text)+2*scan.Slack < len(room) {
			room[0] = '"'
			if ok := scan.CopyJSON(room[1:], text); ok {
				room[1+len(text)] = '"'
				return dst[:n+len(text)+2]
			}
		}
	}
	return e.appendValue(dst, v, false)
}

// AppendJSONString appends s as a quoted JSON string to dst: strict UTF-8, bytes that
// are not become U+FFFD.
func AppendJSONString(dst, s []byte) []byte { return scan.AppendJSONString(dst, s) }
