package pack

import (
	"encoding/csv"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

// table is a lookup table of a pack: a key, one or several columns.
type table struct {
	name     string
	columns  []string // "" alone: rows are single values
	rows     map[string][]parse.Value
	quick    byKey[[]parse.Value] // rows
	fallback []parse.Value        // of a key that has no row; nil: none
	keep     bool                 // a key without a row stands for itself
	anyCase  bool                 // letter case of keys does not matter
	y        *yaml.Node
	fromFile bool // its values are text that may need converting
	stars    []starRow
}

// starRow is a row for every key that begins, or ends, with a text.
type starRow struct {
	affix  string
	suffix bool
	key    string // of the row, with its star
}

const (
	maxTableFile = 4 << 20
	maxTableRows = 200000
)

// fold returns a key as the rows have it; it may be in s.scratch.
func (t *table) fold(s *state, key []byte) []byte {
	if !t.anyCase {
		return key
	}
	for _, c := range key {
		if c < 'A' || c > 'Z' {
			continue
		}
		s.scratch = append(s.scratch[:0], key...)
		for i, c := range s.scratch {
			if c >= 'A' && c <= 'Z' {
				s.scratch[i] = c + 'a' - 'A'
			}
		}
		return s.scratch
	}
	return key
}

// find returns the row of v, the fallback, or nil.
func (t *table) find(s *state, v parse.Value) []parse.Value {
	if !present(v) {
		return nil
	}
	b := t.fold(s, s.text(v))
	if row, ok := t.quick.get(b); ok {
		return row
	}
	if k := t.star(b); k != "" {
		return t.rows[k]
	}
	return t.fallback
}

// star returns the key of the first row with a star that fits a key of which there is no
// row of its own, or "".
func (t *table) star(key []byte) string {
	for i := range t.stars {
		r := &t.stars[i]
		if len(key) < len(r.affix) {
			continue
		}
		part := key[:len(r.affix)]
		if r.suffix {
			part = key[len(key)-len(r.affix):]
		}
		if string(part) == r.affix {
			return r.key
		}
	}
	return ""
}

func (t *table) column(c *compiler, y *yaml.Node, name string, at int) (int, error) {
	for i, col := range t.columns {
		if col == name {
			return i, nil
		}
	}
	if name == "" && len(t.columns) == 1 {
		return 0, nil
	}
	if name == "" {
		return 0, c.at(y, at, "table %s has several columns; name one: lookup(%s, %s)", t.name, t.name, t.columns[0])
	}
	return 0, c.at(y, at, "table %s has no column %q%s", t.name, name, didYouMean(name, t.columns))
}

// table returns a table by its name.
func (c *compiler) table(y *yaml.Node, name string, at int) (*table, error) {
	t, ok := c.tables[name]
	if !ok {
		var names []string
		for n := range c.tables {
			names = append(names, n)
		}
		return nil, c.at(y, at, "table %q is not among the lookups of this pack%s", name, didYouMean(name, names))
	}
	delete(c.unread, name)
	return t, nil
}

// loadTables reads the lookups of a pack.
func (c *compiler) loadTables(y *yaml.Node) error {
	if y == nil {
		return nil
	}
	if y.Kind != yaml.Map {
		return c.errorf(y, "lookups is a mapping of table names to tables, not %s", y.Kind)
	}
	for _, p := range y.Pairs {
		t, err := c.loadTable(p.Key.Text, p.Value)
		if err != nil {
			return err
		}
		c.tables[p.Key.Text] = t
		c.unread[p.Key.Text] = p.Key
	}
	return nil
}

func (c *compiler) loadTable(name string, y *yaml.Node) (*table, error) {
	if err := c.known(y, "rows", "file", "default", "fold"); err != nil {
		return nil, err
	}
	t := &table{name: name, rows: map[string][]parse.Value{}, y: y}
	if f := y.Get("fold"); f != nil {
		t.anyCase = f.Text == "true"
	}
	rows := y.Get("rows")
	switch {
	case rows != nil && rows.Kind == yaml.Map:
		for _, p := range rows.Pairs {
			if err := c.tableRow(t, p.Key, p.Value); err != nil {
				return nil, err
			}
		}
	case rows != nil:
		return nil, c.errorf(rows, "rows is a mapping of keys to values, not %s", rows.Kind)
	case y.Get("file") != nil:
		if err := c.tableFile(t, y.Get("file")); err != nil {
			return nil, err
		}
	}
	if len(t.rows) == 0 {
		return nil, c.errorf(y, "table %s has no rows", name)
	}
	sort.SliceStable(t.stars, func(i, j int) bool { // the longest text wins, a beginning before an end
		if a, b := t.stars[i], t.stars[j]; len(a.affix) != len(b.affix) {
			return len(a.affix) > len(b.affix)
		}
		return !t.stars[i].suffix && t.stars[j].suffix
	})
	d := y.Get("default")
	switch {
	case d == nil:
		return nil, c.errorf(y, "table %s does not say what a key without a row becomes: add default: null (nothing), default: keep (the key itself), or a row", name)
	case d.Kind == yaml.Null:
	case d.Kind == yaml.String && d.Text == "keep":
		t.keep = true
	default:
		row, err := c.rowValues(t, d)
		if err != nil {
			return nil, err
		}
		t.fallback = row
	}
	t.quick = newByKey(t.rows)
	return t, nil
}

func (c *compiler) tableRow(t *table, key, y *yaml.Node) error {
	row, err := c.rowValues(t, y)
	if err != nil {
		return err
	}
	c.place(key) // rows of an overlay are from another file
	for _, k := range strings.Split(key.Text, "|") {
		k = strings.TrimSpace(k)
		if t.anyCase {
			k = strings.ToLower(k)
		}
		if _, ok := t.rows[k]; ok {
			return c.errorf(key, "key %q of table %s again", k, t.name)
		}
		t.rows[k] = row
		if len(k) < 2 || k[0] != '*' && k[len(k)-1] != '*' {
			continue
		}
		r := starRow{affix: strings.TrimSuffix(k, "*"), key: k}
		if k[0] == '*' {
			r.affix, r.suffix = k[1:], true
		}
		if strings.Contains(r.affix, "*") {
			return c.errorf(key, "key %q of table %s: a star stands for the rest at one end only", k, t.name)
		}
		t.stars = append(t.stars, r)
	}
	return nil
}

func (c *compiler) rowValues(t *table, y *yaml.Node) ([]parse.Value, error) {
	if y.Kind != yaml.Map {
		if len(t.columns) == 0 {
			t.columns = []string{""}
		}
		if t.columns[0] != "" {
			return nil, c.errorf(y, "the rows before have the columns %s", strings.Join(t.columns, ", "))
		}
		v, err := c.constant(y)
		return []parse.Value{v}, err
	}
	row := make([]parse.Value, len(t.columns))
	for _, p := range y.Pairs {
		v, err := c.constantFor(p.Value, p.Key.Text)
		if err != nil {
			return nil, err
		}
		at := -1
		for i, col := range t.columns {
			if col == p.Key.Text {
				at = i
			}
		}
		if at < 0 {
			if len(t.columns) == 1 && t.columns[0] == "" {
				return nil, c.errorf(y, "the rows before are single values")
			}
			t.columns = append(t.columns, p.Key.Text)
			at = len(t.columns) - 1
			row = append(row, parse.Value{})
			for k, r := range t.rows { // earlier rows lack the column
				t.rows[k] = append(r[:len(r):len(r)], parse.Value{})
			}
		}
		row[at] = v
	}
	return row, nil
}

// tableFile reads a CSV file beside the pack: first row the column names, first column
// the keys.
func (c *compiler) tableFile(t *table, y *yaml.Node) error {
	name := y.Text
	if c.files == nil {
		return c.errorf(y, "this pack has no folder to read %q from", name)
	}
	if !fs.ValidPath(name) || path.IsAbs(name) || strings.Contains(name, `\`) {
		return c.errorf(y, "%q is no path inside the pack's folder", name)
	}
	info, err := fs.Stat(c.files, name)
	if err != nil {
		return c.errorf(y, "%v", err)
	}
	if info.Size() > maxTableFile {
		return c.errorf(y, "%q has %d bytes, more than the limit of %d", name, info.Size(), maxTableFile)
	}
	f, err := c.files.Open(name)
	if err != nil {
		return c.errorf(y, "%v", err)
	}
	defer f.Close()
	rd := csv.NewReader(f)
	rd.Comment = '#'
	all, err := rd.ReadAll()
	if err != nil {
		return c.errorf(y, "%s: %v", name, err)
	}
	if len(all) < 2 || len(all[0]) < 2 || len(all) > maxTableRows {
		return c.errorf(y, "%s needs a row of column names, at least two columns and 1 to %d rows", name, maxTableRows)
	}
	t.fromFile = true
	t.columns = all[0][1:]
	for _, r := range all[1:] {
		key := r[0]
		if t.anyCase {
			key = strings.ToLower(key)
		}
		if _, ok := t.rows[key]; ok {
			return c.errorf(y, "%s: key %q again", name, key)
		}
		row := make([]parse.Value, len(t.columns))
		for i, text := range r[1:] {
			switch {
			case text == "":
			case strings.Contains(text, "|"):
				var l []parse.Value
				for _, e := range strings.Split(text, "|") {
					l = append(l, parse.StringValue(e))
				}
				row[i] = parse.ListValue(l)
			default:
				row[i] = parse.StringValue(text)
			}
		}
		t.rows[key] = row
	}
	return nil
}
