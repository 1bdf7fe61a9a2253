package pack

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

func splitFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	if a[0] == "" {
		return nil, c.at(y, n.at, "split needs a separator that is not empty")
	}
	sep := []byte(a[0])
	return func(s *state, v parse.Value) (parse.Value, bool) {
		b := s.text(v)
		l := s.rec.Lists().Alloc(min(bytes.Count(b, sep), maxList-1) + 1)[:0]
		for len(b) > 0 && len(l) < cap(l) {
			part := b
			if i := bytes.Index(b, sep); i >= 0 && len(l) < cap(l)-1 {
				part, b = b[:i], b[i+len(sep):]
			} else {
				b = nil
			}
			if part = bytes.TrimSpace(part); len(part) > 0 {
				l = append(l, parse.BytesValue(part))
			}
		}
		if len(l) == 0 {
			return parse.Value{}, true
		}
		return parse.ListValue(l), true
	}, nil
}

// maxList bounds the elements of a list that a pack makes; what is over it stays
// joined in the last element, or out of it for JSON arrays.
const maxList = 1024

func toList(s *state, v parse.Value) (parse.Value, bool) {
	switch v.Kind() {
	case parse.KindList:
		return v, true
	case parse.KindArray:
		return s.arrayList(v.Bytes())
	case parse.KindString:
		if b := bytes.TrimSpace(v.Bytes()); len(b) > 1 && b[0] == '[' && json.Valid(b) == nil {
			return s.arrayList(b)
		}
	}
	l := s.rec.Lists().Alloc(1)
	l[0] = v
	return parse.ListValue(l), true
}

func (s *state) arrayList(raw []byte) (parse.Value, bool) {
	l := make([]parse.Value, 0, 8)
	it := json.Array(raw, s.frame.Text)
	var k []byte
	var v parse.Value
	for len(l) < maxList && it.Next(&k, &v) {
		if present(v) {
			l = append(l, v)
		}
	}
	if len(l) == 0 {
		return parse.Value{}, true
	}
	d := s.rec.Lists().Alloc(len(l))
	copy(d, l)
	return parse.ListValue(d), true
}

func atFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	i, err := strconv.Atoi(a[0])
	if err != nil {
		return nil, c.at(y, n.at, "at takes a whole number")
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		v, _ = toList(s, v)
		l := v.List()
		j := i
		if j < 0 {
			j += len(l)
		}
		if j < 0 || j >= len(l) {
			return parse.Value{}, true
		}
		return l[j], true
	}, nil
}

func joinFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		v, _ = toList(s, v)
		out := s.scratch[:0]
		for i, e := range v.List() {
			if i > 0 {
				out = append(out, a[0]...)
			}
			out = e.AppendText(out)
		}
		s.scratch = out
		return parse.BytesValue(s.frame.Text.Copy(out)), true
	}, nil
}

// member finds a member of an object's text.
func (s *state) member(raw []byte, name string) parse.Value {
	it := json.Object(raw, s.frame.Text)
	var k []byte
	var v parse.Value
	for it.Next(&k, &v) {
		if string(k) == name {
			return v
		}
	}
	return parse.Value{}
}

func pickFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 2, 3)
	if err != nil {
		return nil, err
	}
	value := "Value"
	if len(a) == 3 {
		value = a[2]
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		v, _ = toList(s, v)
		for _, e := range v.List() {
			if e.Kind() != parse.KindObject {
				continue
			}
			if k := s.member(e.Bytes(), a[0]); present(k) && strings.EqualFold(string(s.text(k)), a[1]) {
				return s.member(e.Bytes(), value), true
			}
		}
		return parse.Value{}, true
	}, nil
}

func pluckFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		v, _ = toList(s, v)
		from := v.List()
		l := s.rec.Lists().Alloc(len(from))[:0]
		for _, e := range from {
			if e.Kind() == parse.KindObject {
				if m := s.member(e.Bytes(), a[0]); present(m) {
					l = append(l, m)
				}
			}
		}
		if len(l) == 0 {
			return parse.Value{}, true
		}
		return parse.ListValue(l), true
	}, nil
}

func getFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	path := strings.Split(a[0], ".")
	return func(s *state, v parse.Value) (parse.Value, bool) {
		for _, name := range path {
			b := v.Bytes()
			if v.Kind() == parse.KindString && len(b) > 1 && b[0] == '{' && json.Valid(b) == nil {
				v = parse.RawValue(parse.KindObject, b)
			}
			if v.Kind() != parse.KindObject {
				return parse.Value{}, true
			}
			v = s.member(v.Bytes(), name)
		}
		return v, true
	}, nil
}
