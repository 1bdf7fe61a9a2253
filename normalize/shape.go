package normalize

import (
	"slices"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// shape is the text between the values of records that have the same Layout, constants
// included.
type shape struct {
	layout  *parse.Layout
	same    []sameField
	fields  []shapeField
	text    []byte // what stands before each value, one after the other; then two scan.Slack
	end     []byte // what stands behind the last one
	skipped int    // fields that another one's value leaves no room for
}

type shapeField struct {
	at         int32 // of the value
	from, size int32 // of the text before the value
	array      bool
}

// sameField is a constant whose text is part of the shape although the Layout does not fix it.
type sameField struct {
	at    int32
	value parse.Value
}

// appendShape writes the record with the given values.
func (e *Encoder) appendShape(dst []byte, sh *shape, values []parse.Value) []byte {
	out, n := dst[:cap(dst)], len(dst)
	for i := 0; ; i++ {
		if n, i = sh.put(out, n, i, values); i == len(sh.fields) {
			return append(out[:n], sh.end...)
		}
		out = e.appendField(out[:n], sh, i, values)
		n = len(out)
		out = out[:cap(out)]
	}
}

// appendField writes the i-th field, whatever it is.
func (e *Encoder) appendField(dst []byte, sh *shape, i int, values []parse.Value) []byte {
	f := &sh.fields[i]
	v := &values[f.at]
	dst = slices.Grow(dst, int(f.size)+v.Len()+maxNumber+2*scan.Slack)
	dst = append(dst, sh.text[f.from:f.from+f.size]...)
	if v.Kind() == parse.KindInt && !f.array && v.Bytes() == nil && v.Int() >= 0 {
		n := len(dst)
		return dst[:n+scan.PutUint(dst[n:cap(dst)], uint64(v.Int()))]
	}
	return e.appendValue(dst, v, f.array)
}

// maxNumber is the longest text of an integer, or the quotes of a text.
const maxNumber = 20

// shapeOf finds the shape of r, or makes it.
func (e *Encoder) shapeOf(l *parse.Layout, r *parse.Record, values []parse.Value) *shape {
	var sh *shape
	own, id := e.current, l.ID()
	if id < len(own.shapes) {
		sh = own.shapes[id]
	}
	if sh == nil || sh.layout != l {
		for id >= len(own.shapes) {
			own.shapes = append(own.shapes, nil)
		}
		sh = &shape{}
		own.shapes[id] = sh
		e.makeShape(sh, l, r)
	}
	for again := true; again; {
		again = false
		for i := range sh.same {
			if f := &sh.same[i]; values[f.at] != f.value {
				if own.varied == nil {
					own.varied = map[parse.Key]bool{}
				}
				own.varied[l.Keys()[f.at]] = true // a constant, but not always the same one
				again = true
			}
		}
		if again {
			e.makeShape(sh, l, r)
		}
	}
	return sh
}

// makeShape writes the record once without the values that vary.
func (e *Encoder) makeShape(sh *shape, l *parse.Layout, r *parse.Record) {
	sh.layout = l
	sh.fields, sh.same, sh.text = sh.fields[:0], sh.same[:0], sh.text[:0]
	conflicts, before := e.Conflicts, 0
	sh.text = e.walk(sh.text, r, nil, func(dst []byte, k parse.Key, array bool) []byte {
		at, v := l.Position(k), r.Get(k)
		if _, ok := l.Fixed(at); ok {
			return e.appendValue(dst, &v, array)
		}
		if v.Flags()&parse.Constant != 0 && !e.current.varied[k] {
			sh.same = append(sh.same, sameField{int32(at), v})
			return e.appendValue(dst, &v, array)
		}
		sh.fields = append(sh.fields, shapeField{int32(at), int32(before), int32(len(dst) - before), array})
		before = len(dst)
		return dst
	})
	sh.end = slices.Clone(sh.text[before:])
	sh.text = append(sh.text[:before], make([]byte, 2*scan.Slack)...)
	sh.skipped = e.Conflicts - conflicts
	e.Conflicts = conflicts
}
