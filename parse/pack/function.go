package pack

import (
	"net/netip"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

// call compiles a function.
func (c *compiler) call(y *yaml.Node, n *node) (evalFunc, error) {
	if n.text == "exists" {
		if len(n.args) != 1 {
			return nil, c.at(y, n.at, "exists takes one argument")
		}
		v, err := c.value(y, n.args[0])
		if err != nil {
			return nil, err
		}
		return func(s *state) parse.Value { return parse.BoolValue(present(v(s))) }, nil
	}
	if n.text == "label" {
		return c.label(y, n)
	}
	args := make([]evalFunc, len(n.args))
	for i, a := range n.args {
		v, err := c.value(y, a)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	switch n.text {
	case "concat": // absent when any part is
		return func(s *state) parse.Value { return s.join(args, nil, true) }, nil
	case "join": // join(separator, parts…): parts that are absent are left out
		if len(args) < 2 || n.args[0].kind != nodeString {
			return nil, c.at(y, n.at, "join takes a separator in quotes and the parts")
		}
		sep := []byte(n.args[0].text)
		return func(s *state) parse.Value { return s.join(args[1:], sep, false) }, nil
	case "if": // if(condition, then, else)
		if len(args) < 2 || len(args) > 3 {
			return nil, c.at(y, n.at, "if takes a condition, a value and, if wanted, another value")
		}
		cond, err := c.condition(y, n.args[0])
		if err != nil {
			return nil, err
		}
		return func(s *state) parse.Value {
			mark := s.ntouched
			is := cond(s)
			s.ntouched = mark // a condition reads, it does not carry over
			switch {
			case is:
				return args[1](s)
			case len(args) == 3:
				return args[2](s)
			}
			return parse.Value{}
		}, nil
	case "community_id": // community_id(from, to, protocol, port or ICMP type, port or ICMP code)
		if len(args) < 4 || len(args) > 5 {
			return nil, c.at(y, n.at, "community_id takes two addresses, a protocol, and ports or type and code")
		}
		return func(s *state) parse.Value {
			mark := s.ntouched
			v := s.communityID(args)
			s.ntouched = mark // it says no more than a part of what they say
			return v
		}, nil
	case "first": // the first that is present; the same as a ?? b
		return func(s *state) parse.Value {
			for _, a := range args {
				mark := s.ntouched
				if v := a(s); present(v) {
					return v
				}
				s.ntouched = mark
			}
			return parse.Value{}
		}, nil
	case "zip": // zip(name, list, …): an array of objects
		return c.zip(y, n, args)
	case "add", "sub", "mul", "div":
		if len(args) != 2 {
			return nil, c.at(y, n.at, "%s takes two numbers", n.text)
		}
		op := n.text
		return func(s *state) parse.Value { return s.arithmetic(op, args[0](s), args[1](s)) }, nil
	}
	return nil, c.at(y, n.at, "function %q is not known%s", n.text, didYouMean(n.text, []string{"concat", "join", "if", "community_id", "first", "zip", "add", "sub", "mul", "div", "exists", "label"}))
}

// communityID is the Community ID of a flow. A code that is not there is 0.
func (s *state) communityID(args []evalFunc) parse.Value {
	from, ok := s.address(args[0](s))
	to, ok2 := s.address(args[1](s))
	if !ok || !ok2 {
		return parse.Value{}
	}
	p, ok := protocolFilter(s, args[2](s))
	protocol, ok2 := normalize.ProtocolNumber(p.Str())
	if !ok || !ok2 {
		return parse.Value{}
	}
	var ports [2]uint16
	for i, a := range args[3:] {
		v := a(s)
		n, ok := s.integer(v)
		if present(v) && (!ok || n < 0 || n > 65535) || i == 0 && !present(v) {
			return parse.Value{}
		}
		ports[i] = uint16(n)
	}
	id := normalize.AppendCommunityID(s.frame.Text.Scratch(32), from, to, protocol, ports[0], ports[1])
	return parse.BytesValue(s.frame.Text.Keep(id))
}

// address is v as an IP address.
func (s *state) address(v parse.Value) (netip.Addr, bool) {
	if v.Kind() != parse.KindIP {
		w, ok := parse.IPValue(s.text(v), s.frame.Text)
		if !ok {
			return netip.Addr{}, false
		}
		v = w
	}
	return v.Addr(), true
}

func (s *state) join(args []evalFunc, sep []byte, all bool) parse.Value {
	own := s.scratch[:0] // not the arena: an argument may need that itself
	n := 0
	for _, a := range args {
		v := a(s)
		if !present(v) {
			if all {
				return parse.Value{}
			}
			continue
		}
		if n > 0 {
			own = append(own, sep...)
		}
		own = v.AppendText(own)
		n++
	}
	s.scratch = own
	if len(own) == 0 {
		return parse.Value{}
	}
	return parse.BytesValue(s.rec.Text().Copy(own))
}

func (s *state) arithmetic(op string, a, b parse.Value) parse.Value {
	if !present(a) || !present(b) {
		return parse.Value{}
	}
	x, okX := s.integer(a)
	y, okY := s.integer(b)
	if okX && okY && op != "div" {
		var r int64
		overflow := false
		switch op {
		case "add":
			r = x + y
			overflow = (r > x) != (y > 0) && y != 0
		case "sub":
			r = x - y
			overflow = (r < x) != (y > 0) && y != 0
		case "mul":
			r = x * y
			overflow = x != 0 && (r/x != y || (x == -1 && y == -1<<63))
		}
		if overflow {
			s.failed = true
			return parse.Value{}
		}
		if a.Kind() == parse.KindTime {
			return parse.TimeValue(r).WithFlags(a.Flags() & parse.Zoned)
		}
		return parse.IntValue(r)
	}
	f, ok1 := s.number(a)
	g, ok2 := s.number(b)
	if !ok1 || !ok2 || (op == "div" && g == 0) {
		s.failed = true
		return parse.Value{}
	}
	switch op {
	case "add":
		f += g
	case "sub":
		f -= g
	case "mul":
		f *= g
	case "div":
		f /= g
	}
	return wholeOrFloat(f)
}

// wholeOrFloat keeps a whole number an integer.
func wholeOrFloat(f float64) parse.Value {
	if i := int64(f); float64(i) == f && i > -1<<53 && i < 1<<53 {
		return parse.IntValue(i)
	}
	return parse.FloatValue(f)
}
