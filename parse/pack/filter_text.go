package pack

import (
	"bytes"
	"strings"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

// textFilter makes a filter of a function on text. A nil result means absent.
func textFilter(f func(s *state, b []byte) []byte) filterFunc {
	return func(s *state, v parse.Value) (parse.Value, bool) {
		b := f(s, s.text(v))
		if len(b) == 0 {
			return parse.Value{}, true
		}
		return parse.BytesValue(b), true
	}
}

func trimFilter(f func([]byte, string) []byte) func(*compiler, *yaml.Node, *node) (filterFunc, error) {
	return func(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
		a, err := textArgs(c, y, n, 0, 1)
		if err != nil {
			return nil, err
		}
		set := " \t\r\n"
		if len(a) == 1 {
			set = a[0]
		}
		return textFilter(func(_ *state, b []byte) []byte { return f(b, set) }), nil
	}
}

func unlessFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 32)
	if err != nil {
		return nil, err
	}
	for i := range a {
		a[i] = strings.ToLower(a[i])
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		b := s.text(v)
		for _, t := range a {
			if scan.EqualFoldASCII(b, t) {
				return parse.Value{}, true
			}
		}
		return v, true
	}, nil
}

func before(b, sep []byte) []byte {
	if i := bytes.Index(b, sep); i >= 0 {
		return b[:i]
	}
	return nil
}

func beforeLast(b, sep []byte) []byte {
	if i := bytes.LastIndex(b, sep); i >= 0 {
		return b[:i]
	}
	return nil
}

func after(b, sep []byte) []byte {
	if i := bytes.Index(b, sep); i >= 0 {
		return b[i+len(sep):]
	}
	return nil
}

func afterLast(b, sep []byte) []byte {
	if i := bytes.LastIndex(b, sep); i >= 0 {
		return b[i+len(sep):]
	}
	return nil
}

func cutFilter(f func(b, sep []byte) []byte, whole bool) func(*compiler, *yaml.Node, *node) (filterFunc, error) {
	return func(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
		a, err := textArgs(c, y, n, 1, 1)
		if err != nil {
			return nil, err
		}
		if a[0] == "" {
			return nil, c.at(y, n.at, "filter %s needs a text that is not empty", n.text)
		}
		return cut(f, a[0], whole), nil
	}
}

func cutFilterConst(f func(b, sep []byte) []byte, sep string, whole bool) func(*compiler, *yaml.Node, *node) (filterFunc, error) {
	return plain(cut(f, sep, whole))
}

func cut(f func(b, sep []byte) []byte, text string, whole bool) filterFunc {
	sep := []byte(text)
	return textFilter(func(_ *state, b []byte) []byte {
		if whole && !bytes.Contains(b, sep) {
			return b
		}
		return f(b, sep)
	})
}

func regexFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	if len(n.args) != 2 || n.args[1].kind != nodeString {
		return nil, c.at(y, n.at, "regex takes one expression in quotes")
	}
	re, err := newCapture(n.args[1].text)
	if err != nil {
		return nil, c.at(y, n.args[1].at, "regular expression: %v", err)
	}
	if re.re.NumSubexp() < 1 {
		return nil, c.at(y, n.args[1].at, "the regular expression needs a (group): its text is the result")
	}
	return textFilter(func(_ *state, b []byte) []byte { return re.find(b) }), nil
}

func userNameFilter(s *state, v parse.Value) (parse.Value, bool) {
	b := s.text(v)
	if i := bytes.LastIndexByte(b, '\\'); i >= 0 {
		b = b[i+1:]
	}
	return parse.BytesValue(b), true
}

func userDomainFilter(s *state, v parse.Value) (parse.Value, bool) {
	b := s.text(v)
	if i := bytes.IndexByte(b, '\\'); i > 0 {
		return parse.BytesValue(b[:i]), true
	}
	return parse.Value{}, true
}

func hashFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	lengths := map[string]int{"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
	want, ok := lengths[a[0]]
	if !ok {
		return nil, c.at(y, n.at, "hash_type takes md5, sha1, sha224, sha256, sha384 or sha512")
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		b := bytes.TrimSpace(s.text(v))
		if len(b) != want {
			return parse.Value{}, true
		}
		for _, ch := range b {
			if !(ch >= '0' && ch <= '9' || ch >= 'a' && ch <= 'f' || ch >= 'A' && ch <= 'F') {
				return parse.Value{}, true
			}
		}
		return parse.BytesValue(b), true
	}, nil
}
