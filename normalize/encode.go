package normalize

import (
	"slices"
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

	schema *parse.Schema // of plan
	plan   *plan
	keys   []parse.Key
	shapes []shape
	varied map[variedKey]bool
	time   timeparse.Formatter
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
	mu sync.Mutex
	of map[*parse.Schema]*plan
}

const (
	maxDepth = 12
	noNode   = ^uint16(0)
)

// keyText is the JSON text of one key in all the ways it can begin.
type keyText struct {
	text    string           // nested: `"source":{"nat":{"ip":`, flat: `"source.nat.ip":`
	parents [maxDepth]uint16 // the objects that it lies in, outermost first
	from    [maxDepth]uint16 // text[from[d]:] begins below the d-th object
	depth   uint8
	array   bool
	ecs     bool
	rank    uint16 // position in path order
	node    uint16 // the object that this key is as a container
}

type plan struct{ keys []keyText }

func (p *plans) get(s *parse.Schema, flat bool) *plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	pl := p.of[s]
	if pl == nil {
		pl = newPlan(s, flat)
		p.of[s] = pl
	}
	return pl
}

func newPlan(s *parse.Schema, flat bool) *plan {
	n := int(ecs.Count)
	name := func(k parse.Key) string { return k.Name() }
	if s != nil {
		n, name = s.Len(), s.Name
	}
	pl := &plan{keys: make([]keyText, n)}
	nodes := map[string]uint16{}
	node := func(path string) uint16 {
		id, ok := nodes[path]
		if !ok {
			id = uint16(len(nodes) + 1)
			nodes[path] = id
		}
		return id
	}
	vendor, rank := parse.Key(ecs.Count), uint16(0)
	for k := parse.Key(1); k < parse.Key(ecs.Count); k++ {
		for int(vendor) < n && parse.ComparePaths(name(vendor), name(k)) < 0 {
			pl.keys[vendor].rank = rank
			rank, vendor = rank+1, vendor+1
		}
		pl.keys[k].rank = rank
		rank++
	}
	for ; int(vendor) < n; vendor++ {
		pl.keys[vendor].rank = rank
		rank++
	}
	for k := parse.Key(1); int(k) < n; k++ {
		t, path := &pl.keys[k], name(k)
		t.array, t.ecs = k < ecs.Count && k.Array(), k < ecs.Count
		t.node = node(path)
		if flat {
			t.text = string(append(scan.AppendJSONString(nil, []byte(path)), ':'))
			continue
		}
		var text []byte
		start := 0
		for i := 0; i <= len(path); i++ {
			if i < len(path) && (path[i] != '.' || int(t.depth) >= maxDepth-1) {
				continue
			}
			t.from[t.depth] = uint16(len(text))
			text = append(scan.AppendJSONString(text, []byte(path[start:i])), ':')
			if i < len(path) {
				text = append(text, '{')
				t.parents[t.depth] = node(path[:i])
				t.depth++
			}
			start = i + 1
		}
		t.text = string(text)
	}
	return pl
}

// shape is the text between the values of records that have the same fields, constants
// included. Devices repeat a few kinds of events, so most records find theirs made
// already.
type shape struct {
	plan    *plan
	present []uint64
	same    []sameField
	fields  []shapeField
	text    []byte // what stands before each value, one after the other, and the end
	skipped int    // fields that another one's value leaves no room for
}

type shapeField struct {
	key   parse.Key
	array bool
	end   int32 // of the text before the value
}

// sameField is a constant whose text is part of the shape.
type sameField struct {
	key   parse.Key
	value parse.Value
}

// shapeSlots is the size of the cache of shapes. A collision costs making the shape anew.
const shapeSlots = 256

func hashPresent(words []uint64) uint64 {
	h := uint64(len(words))
	for _, w := range words {
		h = (h ^ w) * 0x9E3779B97F4A7C15
		h ^= h >> 29
	}
	return h
}

// Append appends the record as one JSON object to dst and returns the result. It
// allocates only to grow dst and when it meets a new set of fields. It never fails; the
// error is there to meet the interface of the pipeline's encoders.
func (e *Encoder) Append(dst []byte, r *parse.Record) ([]byte, error) {
	if s := r.Schema(); e.plan == nil || s != e.schema {
		e.schema, e.plan = s, e.shared.get(s, e.opts.Flat)
	}
	if len(r.Dynamics()) > 0 && !e.opts.ECSOnly {
		return e.appendSlow(dst, r), nil
	}
	sh := e.shapeOf(r)
	e.Conflicts += sh.skipped
	from := int32(0)
	for i := range sh.fields {
		f := &sh.fields[i]
		before := sh.text[from:f.end]
		from = f.end
		v := r.Ref(f.key)
		if v.Kind() != parse.KindString || f.array {
			dst = append(dst, before...)
			dst = e.appendValue(dst, *v, f.array)
			continue
		}
		text := v.Bytes()
		if scan.JSONUnsafe(text) < len(text) {
			dst = append(dst, before...)
			dst = e.appendString(dst, text)
			continue
		}
		n := len(dst)
		end := n + len(before) + len(text) + 2
		if end > cap(dst) {
			dst = slices.Grow(dst, end-n)
		}
		dst = dst[:end]
		n += copy(dst[n:], before)
		dst[n] = '"'
		copy(dst[n+1:], text)
		dst[end-1] = '"'
	}
	return append(dst, sh.text[from:]...), nil
}

// shapeOf finds the shape of r, or makes it.
func (e *Encoder) shapeOf(r *parse.Record) *shape {
	present := r.Present()
	if e.shapes == nil {
		e.shapes = make([]shape, shapeSlots)
	}
	sh := &e.shapes[hashPresent(present)%shapeSlots]
	made := sh.plan == e.plan && slices.Equal(sh.present, present)
	for again := !made; ; {
		if again {
			e.makeShape(sh, r)
		}
		again = false
		for i := range sh.same {
			if f := &sh.same[i]; *r.Ref(f.key) != f.value {
				e.varies(f.key) // a constant, but not always the same one
				again = true
			}
		}
		if !again {
			return sh
		}
	}
}

// varies tells that the constant in field k is not worth folding into shapes.
func (e *Encoder) varies(k parse.Key) {
	if e.varied == nil {
		e.varied = map[variedKey]bool{}
	}
	e.varied[variedKey{e.plan, k}] = true
}

type variedKey struct {
	plan *plan
	key  parse.Key
}

// makeShape writes the record once without the values that vary.
func (e *Encoder) makeShape(sh *shape, r *parse.Record) {
	sh.plan = e.plan
	sh.present = append(sh.present[:0], r.Present()...)
	sh.fields, sh.same, sh.text = sh.fields[:0], sh.same[:0], sh.text[:0]
	before := e.Conflicts
	sh.text = e.walk(sh.text, r, nil, func(dst []byte, k parse.Key, array bool) []byte {
		v := r.Get(k)
		if v.Flags()&parse.Constant != 0 && !e.varied[variedKey{e.plan, k}] {
			sh.same = append(sh.same, sameField{k, v})
			return e.appendValue(dst, v, array)
		}
		sh.fields = append(sh.fields, shapeField{k, array, int32(len(dst))})
		return dst
	})
	sh.skipped = e.Conflicts - before
	e.Conflicts = before
}

// appendSlow writes a record that has fields named by the wire.
func (e *Encoder) appendSlow(dst []byte, r *parse.Record) []byte {
	return e.walk(dst, r, r.Dynamics(), func(dst []byte, k parse.Key, array bool) []byte {
		return e.appendValue(dst, r.Get(k), array)
	})
}

// walk writes the fields in the order of their paths and lets value write each value.
func (e *Encoder) walk(dst []byte, r *parse.Record, dynamic []parse.Dynamic, value func(dst []byte, k parse.Key, array bool) []byte) []byte {
	e.keys = r.Keys(e.keys[:0])
	if len(dynamic) > 0 {
		e.addContainers(dynamic)
	}
	dst = append(dst, '{')
	first, depth := true, 0
	var open *[maxDepth]uint16
	var room [maxDepth]uint16
	taken := noNode // the last key that has a value and could have fields below it
	takenDepth := 0
	for _, k := range e.keys {
		t := &e.plan.keys[k]
		if e.opts.ECSOnly && !t.ecs {
			continue
		}
		if int(t.depth) > takenDepth && t.parents[takenDepth] == taken {
			e.Conflicts++
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
		if e.isContainer(dynamic, k) {
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
		taken, takenDepth = t.node, depth
	}
	for range depth {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// addContainers merges the containers of dynamic fields into e.keys.
func (e *Encoder) addContainers(dynamic []parse.Dynamic) {
	last := parse.Key(0)
	for i := range dynamic {
		c := dynamic[i].Container
		if c == last {
			continue
		}
		last = c
		rank := e.plan.keys[c].rank
		lo, hi := 0, len(e.keys)
		for lo < hi {
			m := (lo + hi) / 2
			if e.plan.keys[e.keys[m]].rank < rank {
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

func (e *Encoder) isContainer(dynamic []parse.Dynamic, k parse.Key) bool {
	for i := range dynamic {
		if dynamic[i].Container == k {
			return true
		}
	}
	return false
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
		dst = e.appendValue(dst, d.Value, false)
	}
	return dst
}

func (e *Encoder) appendString(dst, s []byte) []byte {
	dst, bad := scan.AppendJSONStringCount(dst, s)
	e.Invalid += bad
	return dst
}

func (e *Encoder) appendValue(dst []byte, v parse.Value, array bool) []byte {
	switch v.Kind() {
	case parse.KindList:
		dst = append(dst, '[')
		for i, el := range v.List() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = e.appendValue(dst, el, false)
		}
		return append(dst, ']')
	case parse.KindArray:
		return append(dst, v.Bytes()...)
	}
	if array {
		dst = append(dst, '[')
	}
	switch v.Kind() {
	case parse.KindString:
		dst = e.appendString(dst, v.Bytes())
	case parse.KindIP:
		dst = append(dst, '"')
		dst = append(dst, v.Bytes()...)
		dst = append(dst, '"')
	case parse.KindTime:
		dst = append(dst, '"')
		dst = e.time.Append(dst, v.Int())
		dst = append(dst, '"')
	case parse.KindNone, parse.KindNull:
		dst = append(dst, "null"...)
	default:
		dst = v.AppendText(dst)
	}
	if array {
		dst = append(dst, ']')
	}
	return dst
}

// AppendJSONString appends s as a quoted JSON string to dst: strict UTF-8, bytes that
// are not become U+FFFD.
func AppendJSONString(dst, s []byte) []byte { return scan.AppendJSONString(dst, s) }
