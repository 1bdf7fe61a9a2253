package pack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/cef"
	"github.com/penstock-dev/penstock/parse/kernel/csv"
	"github.com/penstock-dev/penstock/parse/kernel/json"
	"github.com/penstock-dev/penstock/parse/kernel/kv"
	"github.com/penstock-dev/penstock/parse/kernel/leef"
	"github.com/penstock-dev/penstock/parse/kernel/outline"
	"github.com/penstock-dev/penstock/parse/kernel/syslog"
	"github.com/penstock-dev/penstock/parse/kernel/xml"
)

// layer is one use of a format kernel in a pack. It is constant; what a worker needs
// to run it is in its layerState.
type layer struct {
	kind    string
	from    int // slot that holds the text
	as      string
	onError string // fail, skip, drift
	number  int    // of its layerState
	y       *yaml.Node
	line    int // a place, see compiler.place
	run     func(s *state, l *layer, text []byte) error

	columns    []string
	csvOptions csv.Options
	csv        *csv.Reader
	xmlMode    xml.Mode
	xml        *xml.Reader
	narrowXML  func() *xml.Reader // as narrowTree
	tree       *json.Tree
	narrowTree func() *json.Tree // without what is for vendor fields alone
	prefix     string            // JSON: what members at the top have in front of their names
	lower      bool              // JSON: names begin with a small letter on the wire
	keys       *parse.Keys
	kv         *kv.Format
	header     []int             // slots of a header's parts
	lists      []int             // slots of paths that collect a list
	shared     []sharedSlot      // of names that may be captured before
	containers []parse.Key       // where keys without a slot go, by the kernel's node number
	long       map[string][]byte // CEF: long names of the dictionary's short keys; nil: not wanted
	strip      []string          // CEF: prefixes that extension keys may have
	member     string            // members: the member that names a value
	values     []string          // members: those that may hold it
	outline    *outline.Outline
	wanted     func(name string) (native string, ok bool)
}

// layerState is what one worker keeps for a layer.
type layerState struct {
	json   *json.Reader
	cef    *cef.Reader
	leef   *leef.Reader
	kv     *kv.Reader
	syslog syslog.Parser
	header syslog.Message
	keys   *parse.Keys
	cefH   cef.Header
	leefH  leef.Header
	xml    *xml.Reader

	outline *outline.Reader
}

// layerKinds are the kernels by their names in packs.
var layerKinds = []string{"syslog", "json", "cef", "leef", "kv", "csv", "xml", "members", "outline"}

// layer compiles one use of a kernel.
func (c *compiler) layer(kind string, y *yaml.Node) (*layer, error) {
	l := &layer{kind: kind, onError: "fail", y: y, line: c.place(y), number: c.program.layerCount, from: slotMessage}
	if c.program.layerCount++; c.program.layerCount > maxLayers {
		return nil, c.errorf(y, "more than %d formats are read; use fewer groups in groups", maxLayers)
	}
	if y.Kind == yaml.Null {
		y = &yaml.Node{Kind: yaml.Map, Line: y.Line, Col: y.Col}
	}
	common := []string{"from", "on_error"}
	if y.Kind == yaml.Map {
		if n := y.Get("from"); n != nil {
			l.from = c.slot(n.Text)
			if _, ok := c.uses[n.Text]; !ok && !strings.HasPrefix(n.Text, "_") {
				c.uses[n.Text] = &use{n, 0}
			}
		}
		if n := y.Get("on_error"); n != nil {
			if !slices.Contains([]string{"fail", "skip", "drift"}, n.Text) {
				return nil, c.errorf(n, "on_error is fail, skip or drift, not %q", n.Text)
			}
			l.onError = n.Text
		}
		if n := y.Get("as"); n != nil {
			l.as = n.Text
		}
	}
	var err error
	switch kind {
	case "syslog":
		err = c.syslogLayer(l, y, common)
	case "json":
		if err = c.known(y, append(common, "as", "prefix", "initials")...); err == nil {
			err = l.jsonNames(c, y)
			l.run = runJSON
			c.program.readsJSON = c.program.readsJSON || l.from == slotMessage
			l.wanted = l.onWire
			c.keyed = append(c.keyed, l)
		}
	case "cef", "leef":
		err = c.cefLayer(l, y, common)
	case "kv":
		err = c.kvLayer(l, y, common)
	case "csv":
		err = c.csvLayer(l, y, common)
	case "xml":
		err = c.xmlLayer(l, y, common)
	case "members":
		err = c.membersLayer(l, y, common)
	case "outline":
		err = c.outlineLayer(l, y, common)
	}
	return l, err
}

// jsonNames reads how the names of the pack differ from those in the text.
func (l *layer) jsonNames(c *compiler, y *yaml.Node) error {
	if y.Kind != yaml.Map {
		return nil
	}
	if n := y.Get("prefix"); n != nil {
		l.prefix = n.Text
	}
	if n := y.Get("initials"); n != nil {
		if n.Text != "lower" {
			return c.errorf(n, "initials is lower, not %q", n.Text)
		}
		l.lower = true
	}
	if (l.prefix != "" || l.lower) && l.as == "" {
		return c.errorf(y, "prefix and initials need as: the names below it are those that differ")
	}
	return nil
}

// onWire is the path in a JSON text of a native name.
func (l *layer) onWire(name string) (string, bool) {
	path, ok := l.unprefixed(name)
	if !ok || path == "" || path[0] == '"' && (l.prefix != "" || l.lower) {
		return path, ok
	}
	if l.lower {
		path = strings.ToLower(path[:1]) + path[1:]
	}
	return l.prefix + path, true
}

// unprefixed takes the layer's as-prefix off a native name.
func (l *layer) unprefixed(name string) (string, bool) {
	if l.as == "" {
		return name, true
	}
	return strings.CutPrefix(name, l.as+".")
}

// Run runs the layer and reports whether the text could be read.
func (s *state) runLayer(l *layer) bool {
	v := s.frame.Slots[l.from]
	if !present(v) {
		if l.onError == "fail" {
			s.fail = &errcat.Error{Category: errcat.SchemaViolation, Stage: errcat.StageParse, Err: fmt.Errorf("nothing to read as %s", l.kind)}
		}
		return false
	}
	var err error
	if len(l.shared) > 0 {
		err = s.runShared(l, v)
	} else {
		err = l.run(s, l, s.text(v))
	}
	if err == nil {
		return true
	}
	switch l.onError {
	case "fail":
		s.fail = err
	case "drift":
		s.drift = err.Error()
	}
	return false
}

// sharedSlot is a name that both a text pattern or a column and a key of the layer can have.
type sharedSlot struct {
	slot int
	key  []byte
}

// runShared runs a layer some of whose keys may be captured already. What came first stays:
// a payload must not change what stood in front of it. The key then is one without a slot.
func (s *state) runShared(l *layer, v parse.Value) error {
	s.earlier = s.earlier[:0]
	for _, sh := range l.shared {
		e := s.frame.Slots[sh.slot]
		if s.earlier = append(s.earlier, e); !e.IsZero() {
			s.frame.Set(sh.slot, parse.Value{})
		}
	}
	err := l.run(s, l, s.text(v))
	for i, sh := range l.shared {
		if s.earlier[i].IsZero() {
			continue
		}
		later := s.frame.Slots[sh.slot]
		s.frame.Set(sh.slot, s.earlier[i])
		if rest := len(s.frame.Rest); !later.IsZero() && s.frame.Put(-1, 0, sh.key, later) {
			s.place(l, rest)
		}
	}
	return err
}

func runJSON(s *state, l *layer, text []byte) error {
	rest := len(s.frame.Rest)
	rd := s.layers[l.number].json
	if rd == nil {
		tree := l.tree
		if !s.wide {
			tree = l.narrowTree()
		}
		rd = tree.Reader()
		s.layers[l.number].json = rd
	}
	err := rd.Read(text, &s.frame)
	s.place(l, rest)
	for _, i := range l.lists { // the reader's own until it reads the next text
		if v := s.frame.Slots[i]; v.Kind() == parse.KindList {
			own := s.rec.Lists().Alloc(len(v.List()))
			copy(own, v.List())
			s.frame.Set(i, parse.ListValue(own))
		}
	}
	if err == nil && l.from != slotMessage {
		s.consume(l.from)
	}
	return err
}

// place turns the node numbers of pairs that a kernel has just left over into the
// keys of their containers.
func (s *state) place(l *layer, from int) {
	if s.pack.spellings != nil && l.as == "" {
		s.respell(l, from)
	}
	for i := from; i < len(s.frame.Rest); i++ {
		p := &s.frame.Rest[i]
		p.Parent = int32(l.containers[p.Parent])
	}
	if len(s.pack.renames) > 0 && l.as == "" {
		for i := from; i < len(s.frame.Rest); i++ {
			if p := &s.frame.Rest[i]; p.Parent == int32(s.pack.top) {
				p.Key = s.pack.rekey(s, p.Key)
			}
		}
	}
}
