package pack

import (
	"strings"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

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
	c.program.fields = append(c.program.fields, fieldName(name))
	return a, err
}

func (c *compiler) sets(y *yaml.Node) ([]assign, error) {
	if y.Kind != yaml.Map {
		return nil, c.errorf(y, "set is a mapping of fields to constants, not %s", y.Kind)
	}
	out := make([]assign, 0, len(y.Pairs))
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
		c.program.settle = append(c.program.settle, func() {
			*block = newBlock(ready)
			c.program.schema.Adopt(*block)
		})
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
	out := make([]assign, 0, len(y.Pairs))
	for _, p := range y.Pairs {
		a, err := c.destination(p.Key)
		if err != nil {
			return nil, err
		}
		val, all := p.Value, &reads{}
		if val.Kind == yaml.Map {
			if err := c.known(val, "value", "when", "on_error"); err != nil {
				return nil, err
			}
			if n := val.Get("when"); n != nil {
				if a.when, all, err = c.cond(n); err != nil {
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
		if _, ok := ecs.Lookup(fieldName(a.name)); a.temp < 0 && !ok {
			c.forVendor = a.name
		}
		a.eval, n, err = c.expr(val)
		if c.forVendor = ""; err != nil {
			return nil, err
		}
		if a.temp < 0 {
			if err := c.fits(val, n, a.name); err != nil {
				return nil, err
			}
		}
		a.reads, a.all = c.reads(n), all
		c.addReads(a.all, n)
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
