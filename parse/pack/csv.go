package pack

import (
	"slices"
	"strconv"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/csv"
)

// csvLayer compiles a layer that reads one delimited row with a fixed order of columns.
// Rows may be shorter or longer than the list: columns says what stands where, least
// and most how many there may be without a word about drift.
func (c *compiler) csvLayer(l *layer, y *yaml.Node, common []string) error {
	if err := c.known(y, append(common, "as", "columns", "separator", "quote", "escape", "lazy", "brackets", "collapse", "trim", "unset", "empty", "least", "most")...); err != nil {
		return err
	}
	columns, err := c.strings(y.Get("columns"))
	if err != nil {
		return err
	}
	if len(columns) == 0 {
		return c.errorf(y, "csv needs columns: the names in their order, _ for those without interest")
	}
	l.columns = columns
	o := &l.csvOptions
	o.Header = slices.Clone(columns)
	for _, b := range []struct {
		key string
		to  *byte
	}{{"separator", &o.Comma}, {"quote", &o.Quote}} {
		n := y.Get(b.key)
		if n == nil {
			continue
		}
		switch {
		case b.key == "quote" && n.Text == "":
			o.NoQuotes = true
		case n.Text == "tab" || n.Text == `\t`:
			*b.to = '\t'
		case len(n.Text) == 1:
			*b.to = n.Text[0]
		default:
			return c.errorf(n, "%s is one byte, or tab", b.key)
		}
	}
	if n := y.Get("escape"); n != nil {
		switch n.Text {
		case "doubled":
		case "backslash":
			o.Escape = csv.Backslash
		default:
			return c.errorf(n, "escape is doubled or backslash, not %q", n.Text)
		}
	}
	for _, b := range []struct {
		key string
		to  *bool
	}{{"lazy", &o.Lazy}, {"brackets", &o.Brackets}, {"collapse", &o.Collapse}, {"trim", &o.TrimSpace}} {
		if n := y.Get(b.key); n != nil {
			*b.to = n.Text == "true"
		}
	}
	if n := y.Get("unset"); n != nil {
		o.Unset = n.Text
	}
	if n := y.Get("empty"); n != nil {
		o.Empty = n.Text
	}
	least, most := 0, int64(len(columns))
	for _, b := range []string{"least", "most"} {
		n := y.Get(b)
		if n == nil {
			continue
		}
		v, ok := n.Int()
		if !ok || v < 0 {
			return c.errorf(n, "%s is a number of columns", b)
		}
		if b == "least" {
			least = int(v)
		} else {
			most = v
		}
	}
	l.wanted = func(name string) (string, bool) {
		native, ok := l.unprefixed(name)
		return native, ok && slices.Contains(columns, native)
	}
	c.keyed = append(c.keyed, l)
	l.run = func(s *state, l *layer, text []byte) error {
		rest := len(s.frame.Rest)
		n, err := l.csv.Read(text, &s.frame)
		s.place(l, rest)
		if err != nil {
			return err
		}
		if n < least || n > int(most) {
			b := strconv.AppendInt(append(s.frame.Text.Scratch(64), "the row has "...), int64(n), 10)
			b = strconv.AppendInt(append(b, " columns, "...), int64(least), 10)
			b = strconv.AppendInt(append(b, " to "...), most, 10)
			s.drift = parse.BytesValue(s.frame.Text.Keep(append(b, " are known"...))).Str()
		}
		if l.from != slotMessage {
			s.consume(l.from)
		}
		return nil
	}
	return nil
}

// finishCSV makes the reader: columns that something reads get their slots, the others are
// kept under their names.
func (c *compiler) finishCSV(l *layer, names []string, slots []int) error {
	var wanted []csv.Column
	for i, name := range l.columns {
		switch at := slices.Index(names, name); {
		case name == "_":
			wanted = append(wanted, csv.Column{Index: i, Slot: -1})
		case at >= 0 && slices.Index(l.columns, name) == i:
			wanted = append(wanted, csv.Column{Index: i, Slot: slots[at]})
		}
	}
	rd, err := csv.New(wanted, l.csvOptions)
	if err != nil {
		return c.errorf(l.y, "%v", err)
	}
	l.csv = rd
	return nil
}
