package pack

import (
	"bytes"
	"sort"
	"strings"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize/ecs"
)

// rename moves what no field took: all that lies below an object, or all keys that begin
// with a text.
type rename struct {
	from, to string // without the star; from ends with a dot for what lies below an object
	key      []byte // from, of keys that begin with it; nil for what lies below an object
}

// renames compiles {'payload.*': 'details.*', 'Forti*': '*', 'tags.*': 'labels.*'}.
func (c *compiler) renames(y *yaml.Node) error {
	if y == nil {
		return nil
	}
	if y.Kind != yaml.Map {
		return c.errorf(y, "rename is a mapping of prefixes to prefixes, not %s", y.Kind)
	}
	p := c.program
	for _, pair := range y.Pairs {
		var r rename
		var ok, okTo bool
		r.from, ok = strings.CutSuffix(pair.Key.Text, "*")
		r.to, okTo = strings.CutSuffix(pair.Value.Text, "*")
		switch {
		case !ok || r.from == "" || strings.ContainsAny(r.from, `*["`):
			return c.errorf(pair.Key, "a prefix with a star behind it is wanted, as in 'payload.*' or 'Vendor*', not %q", pair.Key.Text)
		case !okTo || strings.ContainsAny(r.to, `*["`) || strings.HasPrefix(r.to, "."):
			return c.errorf(pair.Value, "a prefix with a star behind it is wanted, as in 'details.*' or '*', not %q", pair.Value.Text)
		case !strings.HasSuffix(r.from, ".") && strings.Contains(r.from, "."):
			return c.errorf(pair.Key, "%q: the beginning of a key below an object cannot be renamed; rename all below it, or a key at the top", pair.Key.Text)
		case r.to != "" && strings.HasSuffix(r.from, ".") != strings.HasSuffix(r.to, "."):
			return c.errorf(pair.Value, "%q moves what %q does not name: both name what lies below an object, or neither", pair.Value.Text, pair.Key.Text)
		}
		if strings.HasSuffix(r.from, ".") {
			c.slot(r.from + `"*"`) // so that the kernel looks into the object
		} else {
			r.key = []byte(r.from)
		}
		p.renames = append(p.renames, r)
	}
	sort.SliceStable(p.renames, func(i, j int) bool { return len(p.renames[i].from) > len(p.renames[j].from) })
	return nil
}

// renamed is where a value at a path is kept.
func (p *Pack) renamed(path string) string {
	for i := range p.renames {
		r := &p.renames[i]
		if rest, ok := strings.CutPrefix(path, r.from); ok {
			return r.to + rest
		}
		if r.key == nil && path == strings.TrimSuffix(r.from, ".") {
			return strings.TrimSuffix(r.to, ".")
		}
	}
	return path
}

// rekey renames a key at the top that nothing asked for.
func (p *Pack) rekey(s *state, key []byte) []byte {
	for i := range p.renames {
		r := &p.renames[i]
		if r.key == nil || len(key) == len(r.key) || !bytes.HasPrefix(key, r.key) {
			continue
		}
		if r.to == "" {
			return key[len(r.key):]
		}
		b := append(s.frame.Text.Scratch(len(key)+len(r.to)), r.to...)
		return s.frame.Text.Keep(append(b, key[len(r.key):]...))
	}
	return key
}

// ofECS reports whether a path lies below an object of ECS, such as labels, that takes any
// names.
func ofECS(path string) bool {
	root, _, _ := strings.Cut(path, ".")
	k, ok := ecs.Lookup(root)
	return ok && k.Type().IsObject()
}
