package pack

import (
	"strings"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

// labelled are the custom keys of CEF, whose meaning stands in a key of their own:
// cs1Label says what cs1 is.
var labelled = []string{
	"cs1", "cs2", "cs3", "cs4", "cs5", "cs6", "cn1", "cn2", "cn3", "cfp1", "cfp2", "cfp3", "cfp4",
	"c6a1", "c6a2", "c6a3", "c6a4", "deviceCustomDate1", "deviceCustomDate2",
	"flexString1", "flexString2", "flexNumber1", "flexNumber2", "flexDate1",
}

// label compiles label("Rule Name", …): the value of the custom CEF key that has one
// of the labels, letter case aside.
func (c *compiler) label(y *yaml.Node, n *node) (evalFunc, error) {
	if len(n.args) == 0 {
		return nil, c.at(y, n.at, "label takes the texts of labels")
	}
	var want []string
	for _, a := range n.args {
		if a.kind != nodeString {
			return nil, c.at(y, a.at, "label takes texts in quotes")
		}
		want = append(want, strings.ToLower(a.text))
	}
	field := c.forVendor
	c.forVendor = "" // all labels share the slots
	if c.program.labels == nil {
		for _, name := range labelled {
			c.program.labels = append(c.program.labels, labelSlots{c.slot(name), c.slot(name + "Label")})
		}
	}
	c.forVendor = field
	for _, name := range labelled {
		for _, key := range []string{name, name + "Label"} {
			if _, ok := c.uses[key]; !ok {
				c.uses[key] = &use{y, n.at}
			}
		}
	}
	p := c.program
	return func(s *state) parse.Value {
		if !s.labelsDone {
			s.findLabels()
		}
		for _, q := range s.labels {
			l := s.frame.Slots[q.label].Bytes()
			for _, w := range want {
				if len(l) != len(w) || !scan.EqualFoldASCII(l, w) {
					continue
				}
				if v := s.frame.Slots[q.value]; present(v) && !p.isNull(v) {
					s.touch(q.value)
					s.touch(q.label)
					return v
				}
			}
		}
		return parse.Value{}
	}, nil
}

// labelSlots are the slots of a custom CEF key and of the key that names it.
type labelSlots struct{ value, label int }

// findLabels notes which of the custom keys the event has.
func (s *state) findLabels() {
	s.labelsDone = true
	s.labels = s.labels[:0]
	for _, q := range s.pack.labels {
		if s.frame.Slots[q.label].Kind() != parse.KindNone && s.frame.Slots[q.value].Kind() != parse.KindNone {
			s.labels = append(s.labels, q)
		}
	}
}
