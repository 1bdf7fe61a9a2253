package pack

import (
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse/kernel/xml"
)

// xmlLayer compiles a layer that reads XML: mode windows flattens Windows events to
// winlogbeat's names, mode generic gives dotted element paths.
func (c *compiler) xmlLayer(l *layer, y *yaml.Node, common []string) error {
	if err := c.known(y, append(common, "as", "mode")...); err != nil {
		return err
	}
	l.xmlMode = xml.Generic
	if n := y.Get("mode"); n != nil {
		switch n.Text {
		case "windows":
			l.xmlMode = xml.Windows
		case "generic":
		default:
			return c.errorf(n, "mode is generic or windows, not %q", n.Text)
		}
	}
	l.wanted = l.unprefixed
	c.keyed = append(c.keyed, l)
	l.run = func(s *state, l *layer, text []byte) error {
		rest := len(s.frame.Rest)
		rd := s.layers[l.number].xml
		if rd == nil {
			if rd = l.xml; !s.wide {
				rd = l.narrowXML()
			}
			rd = rd.Clone()
			s.layers[l.number].xml = rd
		}
		err := rd.Read(text, &s.frame)
		s.place(l, rest)
		if err == nil && l.from != slotMessage {
			s.consume(l.from)
		}
		return err
	}
	return nil
}
