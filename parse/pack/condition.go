package pack

import (
	"bytes"
	"net/netip"
	"regexp"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

// condition compiles n to a test. A value is true when it is present and not false.
func (c *compiler) condition(y *yaml.Node, n *node) (condFunc, error) {
	switch n.kind {
	case nodeName:
		i, err := c.reference(y, n)
		if err != nil {
			return nil, err
		}
		p := c.program
		return func(s *state) bool {
			v := &s.frame.Slots[i]
			switch v.Kind() {
			case parse.KindNone, parse.KindNull:
				return false // what most names of most messages are
			case parse.KindBool:
				return v.Bool()
			}
			return present(*v) && !p.isNull(*v)
		}, nil
	case nodeNot:
		x, err := c.condition(y, n.args[0])
		if err != nil {
			return nil, err
		}
		return func(s *state) bool { return !x(s) }, nil
	case nodeBinary:
		switch n.text {
		case "and", "or":
			a, err := c.condition(y, n.args[0])
			if err != nil {
				return nil, err
			}
			b, err := c.condition(y, n.args[1])
			if err != nil {
				return nil, err
			}
			if n.text == "and" {
				return func(s *state) bool { return a(s) && b(s) }, nil
			}
			return func(s *state) bool { return a(s) || b(s) }, nil
		case "??":
		default:
			return c.comparison(y, n)
		}
	}
	v, err := c.value(y, n)
	if err != nil {
		return nil, err
	}
	return func(s *state) bool {
		x := v(s)
		if x.Kind() == parse.KindBool {
			return x.Bool()
		}
		return present(x)
	}, nil
}

func (c *compiler) comparison(y *yaml.Node, n *node) (condFunc, error) {
	left, err := c.value(y, n.args[0])
	if err != nil {
		return nil, err
	}
	r := n.args[1]
	switch n.text {
	case "in":
		return c.inList(y, n.args[0], left, r)
	case "within":
		return c.within(y, left, r)
	case "matches":
		if r.kind != nodeString {
			return nil, c.at(y, r.at, "matches needs a regular expression as a constant text")
		}
		re, err := regexp.Compile(r.text)
		if err != nil {
			return nil, c.at(y, r.at, "regular expression: %v", err)
		}
		return func(s *state) bool {
			v := left(s)
			return present(v) && re.Match(s.text(v))
		}, nil
	}
	right, err := c.value(y, r)
	if err != nil {
		return nil, err
	}
	switch n.text {
	case "==", "!=":
		want := n.text == "=="
		if r.kind == nodeString || r.kind == nodeNumber {
			text := r.text
			slow := func(s *state) bool {
				v := s.elements(left(s))
				if v.Kind() == parse.KindList {
					for _, e := range v.List() {
						if string(s.text(e)) == text {
							return want
						}
					}
					return !want
				}
				return (string(s.text(v)) == text) == want
			}
			o, ok := c.operand(n.args[0])
			if !ok || text == "" {
				return slow, nil
			}
			return func(s *state) bool {
				if b, ok := o.text(s); ok {
					return (string(b) == text) == want
				}
				return slow(s)
			}, nil
		}
		equal := func(s *state) bool {
			a, b := left(s), right(s)
			return (present(a) == present(b) && bytes.Equal(s.text(a), s.text(b))) == want
		}
		if n.args[0].kind == nodeName && r.kind == nodeName { // two slots that mostly hold text
			i, j, p := c.slots[n.args[0].text], c.slots[r.text], c.program
			return func(s *state) bool {
				a, b := s.frame.Slots[i].Bytes(), s.frame.Slots[j].Bytes()
				if len(a) == 0 || len(b) == 0 || p.nulls != nil {
					return equal(s)
				}
				return bytes.Equal(a, b) == want
			}, nil
		}
		return equal, nil
	case "<", "<=", ">", ">=":
		op := n.text
		return func(s *state) bool {
			a, ok := s.number(left(s))
			b, ok2 := s.number(right(s))
			if !ok || !ok2 {
				return false
			}
			switch op {
			case "<":
				return a < b
			case "<=":
				return a <= b
			case ">":
				return a > b
			}
			return a >= b
		}, nil
	case "contains":
		return c.textTest(n, left, right, bytes.Contains), nil
	case "startswith":
		return c.textTest(n, left, right, bytes.HasPrefix), nil
	case "endswith":
		return c.textTest(n, left, right, bytes.HasSuffix), nil
	}
	return nil, c.at(y, n.at, "operator %q is not known", n.text)
}

// elements is a JSON array as a list, so that comparisons look at what it holds; other
// values are returned as they are.
func (s *state) elements(v parse.Value) parse.Value {
	if v.Kind() == parse.KindArray {
		v, _ = s.arrayList(v.Bytes())
	}
	return v
}

// operand is a slot or a field that a condition looks at in place.
type operand struct {
	slot  int
	field *parse.Key // nil: the slot
}

func (c *compiler) operand(n *node) (operand, bool) {
	switch n.kind {
	case nodeName:
		return operand{slot: c.slots[n.text]}, true
	case nodeField:
		k, ok := c.keys[fieldName(n.text)]
		return operand{field: k}, ok
	}
	return operand{}, false
}

// text is the operand if it is absent, null or a text; ok is false for other kinds.
func (o *operand) text(s *state) (b []byte, ok bool) {
	var v *parse.Value
	if o.field == nil {
		v = &s.frame.Slots[o.slot]
	} else if s.rec.Has(*o.field) {
		v = s.rec.Ref(*o.field)
	} else {
		return nil, true
	}
	switch v.Kind() {
	case parse.KindNone, parse.KindNull:
		return nil, true
	case parse.KindString:
		b = v.Bytes()
		if o.field == nil {
			if s.pack.nullText(b) {
				return nil, true
			}
			s.touch(o.slot)
		}
		return b, true
	}
	return nil, false
}

func (c *compiler) textTest(n *node, left, right evalFunc, test func(a, b []byte) bool) condFunc {
	slow := slowTest(left, right, test)
	o, ok := c.operand(n.args[0])
	if r := n.args[1]; ok && r.kind == nodeString && r.text != "" {
		text := []byte(r.text)
		return func(s *state) bool {
			if b, ok := o.text(s); ok {
				return len(b) > 0 && test(b, text)
			}
			return slow(s)
		}
	}
	return slow
}

func slowTest(left, right evalFunc, test func(a, b []byte) bool) condFunc {
	return func(s *state) bool {
		a, b := s.elements(left(s)), right(s)
		if !present(a) || !present(b) {
			return false
		}
		if a.Kind() == parse.KindList {
			for _, e := range a.List() {
				if test(s.text(e), s.text(b)) {
					return true
				}
			}
			return false
		}
		return test(s.text(a), s.text(b))
	}
}

func (c *compiler) inList(y *yaml.Node, l *node, left evalFunc, r *node) (condFunc, error) {
	if r.kind != nodeList {
		right, err := c.value(y, r)
		if err != nil {
			return nil, err
		}
		return func(s *state) bool {
			v, l := left(s), s.elements(right(s))
			for _, e := range l.List() {
				if present(v) && bytes.Equal(s.text(e), s.text(v)) {
					return true
				}
			}
			return false
		}, nil
	}
	set := make(map[string]bool, len(r.args))
	var lengths uint64 // bit n: a text of n bytes, of 63 and more
	for _, a := range r.args {
		if a.kind != nodeString && a.kind != nodeNumber && a.kind != nodeBool {
			return nil, c.at(y, a.at, "the list after \"in\" holds constants only; put %q in quotes", a.text)
		}
		set[a.text] = true
		lengths |= 1 << min(len(a.text), 63)
	}
	o, direct := c.operand(l)
	return func(s *state) bool {
		if direct {
			if b, ok := o.text(s); ok {
				return len(b) > 0 && lengths>>min(len(b), 63)&1 != 0 && set[string(b)]
			}
		}
		v := s.elements(left(s))
		if v.Kind() == parse.KindList {
			for _, e := range v.List() {
				if set[string(s.text(e))] {
					return true
				}
			}
			return false
		}
		return present(v) && set[string(s.text(v))]
	}, nil
}

func (c *compiler) within(y *yaml.Node, left evalFunc, r *node) (condFunc, error) {
	list := []*node{r}
	if r.kind == nodeList {
		list = r.args
	}
	var nets []netip.Prefix
	for _, a := range list {
		if a.kind == nodeString && a.text == "private" {
			for _, p := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} {
				nets = append(nets, netip.MustParsePrefix(p))
			}
			continue
		}
		p, err := netip.ParsePrefix(a.text)
		if a.kind != nodeString || err != nil {
			return nil, c.at(y, a.at, "within needs networks such as \"10.0.0.0/8\", or \"private\"")
		}
		nets = append(nets, p)
	}
	return func(s *state) bool {
		v := left(s)
		if v.Kind() != parse.KindIP {
			w, ok := parse.IPValue(s.text(v), s.frame.Text)
			if !ok {
				return false
			}
			v = w
		}
		a := v.Addr()
		for _, p := range nets {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}, nil
}
