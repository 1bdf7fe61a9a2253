package pack

import (
	"strconv"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

type evalFunc func(s *state) parse.Value

type condFunc func(s *state) bool

// value compiles n to what computes it.
func (c *compiler) value(y *yaml.Node, n *node) (evalFunc, error) {
	switch n.kind {
	case nodeName:
		i, err := c.reference(y, n)
		if err != nil {
			return nil, err
		}
		return c.slotValue(i), nil
	case nodeField:
		k, err := c.field(y, n.text, n.at)
		if err != nil {
			return nil, err
		}
		return func(s *state) parse.Value { return s.rec.Get(*k.ref) }, nil
	case nodeString:
		v := parse.StringValue(n.text)
		return func(*state) parse.Value { return v }, nil
	case nodeNumber:
		v, err := numberValue(n.text)
		if err != nil {
			return nil, c.at(y, n.at, "%q is no number", n.text)
		}
		return func(*state) parse.Value { return v }, nil
	case nodeBool:
		v := parse.BoolValue(n.text == "true")
		return func(*state) parse.Value { return v }, nil
	case nodeList:
		return c.list(y, n.args)
	case nodePipe:
		return c.filter(y, n)
	case nodeCall:
		return c.call(y, n)
	case nodeBinary:
		if n.text == "??" {
			a, err := c.value(y, n.args[0])
			if err != nil {
				return nil, err
			}
			b, err := c.value(y, n.args[1])
			if err != nil {
				return nil, err
			}
			return func(s *state) parse.Value {
				mark := s.ntouched
				if v := a(s); present(v) {
					return v
				}
				s.ntouched = mark
				return b(s)
			}, nil
		}
	}
	cond, err := c.condition(y, n)
	if err != nil {
		return nil, err
	}
	return func(s *state) parse.Value { return parse.BoolValue(cond(s)) }, nil
}

func numberValue(text string) (parse.Value, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return parse.IntText(i, []byte(strconv.FormatInt(i, 10))), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	return parse.FloatValue(f), err
}

// present reports whether v holds something: not absent, null or an empty text.
func present(v parse.Value) bool {
	switch v.Kind() {
	case parse.KindNone, parse.KindNull:
		return false
	case parse.KindString:
		return len(v.Bytes()) > 0
	case parse.KindList:
		return len(v.List()) > 0
	}
	return true
}

func (c *compiler) slotValue(i int) evalFunc {
	p := c.program
	return func(s *state) parse.Value {
		v := s.frame.Slots[i]
		if v.Kind() == parse.KindNone || p.isNull(v) {
			return parse.Value{}
		}
		s.touch(i)
		return v
	}
}

func (c *compiler) list(y *yaml.Node, args []*node) (evalFunc, error) {
	elems := make([]evalFunc, len(args))
	for i, a := range args {
		e, err := c.value(y, a)
		if err != nil {
			return nil, err
		}
		elems[i] = e
	}
	return func(s *state) parse.Value {
		l := s.rec.Lists().Alloc(len(elems))[:0]
		for _, e := range elems {
			if v := e(s); present(v) {
				l = append(l, v)
			}
		}
		if len(l) == 0 {
			return parse.Value{}
		}
		return parse.ListValue(l)
	}, nil
}
