package pack

import (
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse/kernel/outline"
)

// outlineLayer compiles the reading of a text with headings and labelled values. A table
// of single values says which native name each label has; other labels are not looked at,
// as the text is there still.
func (c *compiler) outlineLayer(l *layer, y *yaml.Node, common []string) error {
	if err := c.known(y, append(common, "names", "as")...); err != nil {
		return err
	}
	if y.Get("on_error") == nil {
		l.onError = "skip"
	}
	n := y.Get("names")
	if n == nil {
		return c.errorf(y, "outline needs names: a table of labels and the names that their values get")
	}
	t, err := c.table(n, n.Text, 0)
	if err != nil {
		return err
	}
	if len(t.columns) != 1 || t.columns[0] != "" || t.anyCase {
		return c.errorf(n, "the table of an outline has single values, and the labels as they are written")
	}
	var paths []string
	var slots []int
	filled := map[string]bool{}
	for path, row := range t.rows {
		name := string(row[0].Bytes())
		if name == "" {
			return c.errorf(n, "label %q of table %s has no name", path, t.name)
		}
		if l.as != "" {
			name = l.as + "." + name
		}
		filled[name] = true
		paths, slots = append(paths, path), append(slots, c.slot(name))
	}
	o, err := outline.New(paths, slots)
	if err != nil {
		return c.errorf(n, "%v", err)
	}
	l.outline = o
	l.wanted = func(name string) (string, bool) { return name, filled[name] }
	c.keyed = append(c.keyed, l)
	l.run = func(s *state, l *layer, text []byte) error {
		if s.layers[l.number].outline.Read(text, &s.frame) == 0 {
			return errNoLabel
		}
		return nil
	}
	return nil
}

var errNoLabel = errcat.New(errcat.VendorFormatDrift, errcat.StageParse, "no label of the pack is in the text")
