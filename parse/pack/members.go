package pack

import (
	"bytes"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// membersLayer compiles the reading of an array of objects of which each is a name and
// its value: [{"Name": "Identity", "Value": "x"}] gives Identity. Without value, all other
// members of an object are given below its name: Identity.OldValue. A value may be a member
// of a member, as in value: [value.stringValue, value.intValue].
func (c *compiler) membersLayer(l *layer, y *yaml.Node, common []string) error {
	if err := c.known(y, append(common, "as", "key", "value")...); err != nil {
		return err
	}
	if y.Get("on_error") == nil {
		l.onError = "skip"
	}
	l.member = "Name"
	if n := y.Get("key"); n != nil {
		l.member = n.Text
	}
	var err error
	if l.values, err = c.strings(y.Get("value")); err != nil {
		return err
	}
	l.wanted = l.unprefixed
	l.run = runMembers
	c.keyed = append(c.keyed, l)
	return nil
}

func runMembers(s *state, l *layer, text []byte) error {
	text = bytes.TrimSpace(text)
	if v := s.frame.Slots[l.from]; v.Kind() == parse.KindString && json.Valid(text) != nil {
		return errcat.New(errcat.SchemaViolation, errcat.StageParse, "no array of named members")
	}
	keys := s.layers[l.number].keys
	keys.Begin()
	rest := len(s.frame.Rest)
	defer s.place(l, rest)
	if len(text) > 0 && text[0] == '{' {
		if !s.member1(l, keys, text) {
			return errTooMany
		}
		s.consume(l.from)
		return nil
	}
	it := json.Array(text, s.frame.Text)
	var k []byte
	var v parse.Value
	n := 0
	for it.Next(&k, &v) {
		n++
		if v.Kind() != parse.KindObject {
			return errcat.New(errcat.SchemaViolation, errcat.StageParse, "no array of named members")
		}
		if !s.member1(l, keys, v.Bytes()) {
			return errTooMany
		}
	}
	if n == 0 && !bytes.HasPrefix(text, []byte("[")) {
		return errcat.New(errcat.SchemaViolation, errcat.StageParse, "no array of named members")
	}
	s.consume(l.from)
	return nil
}

var errTooMany = errcat.New(errcat.Oversize, errcat.StageParse, "too many members")

// member1 takes the value of one object. It reports false when there is no room.
func (s *state) member1(l *layer, keys *parse.Keys, raw []byte) bool {
	it := json.Object(raw, s.frame.Text)
	var k []byte
	var v, value parse.Value
	var name []byte
	best := len(l.values)
	for it.Next(&k, &v) {
		if string(k) == l.member {
			if len(name) == 0 {
				name = s.text(v)
			}
			continue
		}
		for i, w := range l.values[:best] {
			if w == string(k) && present(v) {
				value, best = v, i
				break
			}
			if tail, ok := strings.CutPrefix(w, string(k)); ok && len(tail) > 1 && tail[0] == '.' && v.Kind() == parse.KindObject {
				if m := s.member(v.Bytes(), tail[1:]); present(m) {
					value, best = m, i
					break
				}
			}
		}
	}
	if len(name) == 0 {
		return true
	}
	if len(l.values) > 0 {
		return !present(value) || s.putMember(keys, name, value)
	}
	for it = json.Object(raw, s.frame.Text); it.Next(&k, &v); {
		if string(k) == l.member || !present(v) {
			continue
		}
		b := s.frame.Text.Scratch(len(name) + 1 + len(k))
		b = append(append(append(b, name...), '.'), k...)
		if !s.putMember(keys, s.frame.Text.Keep(b), v) {
			return false
		}
	}
	return true
}

func (s *state) putMember(keys *parse.Keys, name []byte, v parse.Value) bool {
	if len(name) > parse.MaxKeyLength {
		return true
	}
	slot := keys.Slot(name)
	if slot < 0 && !s.frame.KeepRest {
		return true
	}
	return s.frame.Put(slot, 0, name, v)
}
