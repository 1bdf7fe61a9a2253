package pack

import (
	"strings"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

// objectsFilter makes the array of objects that ECS wants of one that has other
// names: answers | objects("name=rrname", "data=rdata").
func objectsFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 16)
	if err != nil {
		return nil, err
	}
	names, from := make([]string, len(a)), make([]string, len(a))
	for i, t := range a {
		var ok bool
		if names[i], from[i], ok = strings.Cut(t, "="); !ok || names[i] == "" || from[i] == "" {
			return nil, c.at(y, n.at, "objects takes new=old, or new=. for the element itself, not %q", t)
		}
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		v, _ = toList(s, v)
		b := objects{dst: s.scratch[:0]}
		for _, e := range v.List() {
			for i := range names {
				m := e
				if from[i] != "." {
					if e.Kind() != parse.KindObject {
						continue
					}
					m = s.member(e.Bytes(), from[i])
				}
				b.member(names[i], m)
			}
			b.end()
		}
		return b.value(s), true
	}, nil
}

// zip makes an array of objects of lists that belong together by their order:
// zip("data", answers, "ttl", TTLs).
func (c *compiler) zip(y *yaml.Node, n *node, args []evalFunc) (evalFunc, error) {
	if len(args) < 2 || len(args)%2 != 0 {
		return nil, c.at(y, n.at, "zip takes names in quotes, each with a list")
	}
	for i := 0; i < len(args); i += 2 {
		if n.args[i].kind != nodeString || n.args[i].text == "" {
			return nil, c.at(y, n.args[i].at, "zip takes names in quotes, each with a list")
		}
	}
	return func(s *state) parse.Value {
		var room [8][]parse.Value
		lists, most := room[:0], 0
		for i := 1; i < len(args); i += 2 {
			v := args[i](s)
			if present(v) {
				v, _ = toList(s, v)
			}
			lists = append(lists, v.List())
			most = max(most, len(v.List()))
		}
		b := objects{dst: s.scratch[:0]}
		for i := range most {
			for j, l := range lists {
				if i < len(l) {
					b.member(n.args[2*j].text, l[i])
				}
			}
			b.end()
		}
		return b.value(s)
	}, nil
}

// objects writes an array of flat objects.
type objects struct {
	dst    []byte
	inside bool
}

func (b *objects) member(name string, v parse.Value) {
	if !present(v) {
		return
	}
	switch {
	case b.inside:
		b.dst = append(b.dst, ',')
	case len(b.dst) == 0:
		b.dst = append(b.dst, '[', '{')
	default:
		b.dst = append(b.dst, ',', '{')
	}
	b.inside = true
	b.dst = append(scan.AppendJSONString(b.dst, []byte(name)), ':')
	switch v.Kind() {
	case parse.KindInt, parse.KindFloat, parse.KindBool, parse.KindObject, parse.KindArray:
		b.dst = v.AppendText(b.dst)
	case parse.KindString:
		b.dst = scan.AppendJSONString(b.dst, v.Bytes())
	default:
		b.dst = scan.AppendJSONString(b.dst, v.AppendText(nil))
	}
}

func (b *objects) end() {
	if b.inside {
		b.dst, b.inside = append(b.dst, '}'), false
	}
}

func (b *objects) value(s *state) parse.Value {
	s.scratch = b.dst
	if len(b.dst) == 0 {
		return parse.Value{}
	}
	b.dst = append(b.dst, ']')
	s.scratch = b.dst
	return parse.RawValue(parse.KindArray, s.frame.Text.Copy(b.dst))
}
