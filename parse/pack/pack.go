package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// Pack is a compiled vendor parser. It is constant and safe for concurrent use.
type Pack struct {
	name, vendor, product, version string
	aliases, docs                  []string
	order                          int
	notes                          string

	namespace string
	roots     []string // first segments that vendor fields may have
	keep      bool
	unheaded  bool // reads JSON and has no syslog step: a header is taken off before

	steps  []*step
	layers []*layer
	// readsJSON tells that a message may be JSON: rows with a header become that.
	readsJSON bool
	detect    []*signature
	readsRaw  bool // a step asks for raw
	split     *splitter
	relay     []int // slots of which one may hold another product's message
	// relayKnown: that message is only taken by the pack of a product.
	relayKnown bool
	relayWhen  condFunc
	renames    []rename
	top        parse.Key // of the namespace, where keys without a slot go

	slotNames  []string
	schema     *parse.Schema
	base       []assign // of the constants of every event, those that need work
	baseBlock  *parse.Block
	constants  []assign // all of the constants of every event, for Explain
	required   []requiredField
	priority   []priorityClass
	keepKeys   []parse.Key // by slot: where a value goes that no field took; None: nowhere
	texts      []int       // slots that text patterns fill
	asText     []bool      // by slot: kept as text, whatever type its pattern gave it
	covers     []int       // by slot: the slot that holds this one inside, or -1
	twins      []twin      // slots that ownNames has made
	deriver    *normalize.Deriver
	labels     []labelSlots
	spellings  *spellings
	priorities *priorities
	nulls      map[string]bool
	nullFirst  [256]uint64 // by first byte: bit n is set if a null text of length n begins so

	files                 []string // by number in a place
	fields                []string // that the pack's lines set
	layerCount, stepCount int
	settle                []func()
}

type requiredField struct {
	key  fieldKey
	name string
}

type priorityClass struct {
	class int8
	when  condFunc
}

// Name is the pack's name, which is also the event.dataset of its events.
func (p *Pack) Name() string { return p.name }

// Aliases are other names that find the pack.
func (p *Pack) Aliases() []string { return slices.Clone(p.aliases) }

// Vendor is the maker of the product.
func (p *Pack) Vendor() string { return p.vendor }

// Product is the product that the pack is for.
func (p *Pack) Product() string { return p.product }

// Version is the pack's own version.
func (p *Pack) Version() string { return p.version }

// Docs are the addresses of the vendor documents that the pack was written from.
func (p *Pack) Docs() []string { return slices.Clone(p.docs) }

// Fields are the dotted names of the fields that the pack's lines set, sorted. Events have
// further ones: what a syslog header gives, what is derived, and what no field took.
func (p *Pack) Fields() []string { return slices.Clone(p.fields) }

// Notes are the pack author's remarks.
func (p *Pack) Notes() string { return p.notes }

// Detectable reports whether the pack says how its messages are recognised. One that does
// not is found by name alone.
func (p *Pack) Detectable() bool { return len(p.detect) > 0 }

// Schema is the set of fields that events of the pack can have.
func (p *Pack) Schema() *parse.Schema { return p.schema }

// Slots that every pack has: the text that the next layer reads, and the whole event.
const (
	slotMessage = 0
	slotRaw     = 1
)

// defaultOrder is the order of packs that do not give one.
const defaultOrder = 50

// isName reports whether name is as nameRule says.
func isName(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			return false
		}
	}
	return true
}

const nameRule = `^[a-z0-9_]+(\.[a-z0-9_]+)*$`

var packKeys = []string{"name", "aliases", "vendor", "product", "version", "docs", "notes", "order", "namespace", "roots", "keep",
	"detect", "split", "nulls", "include", "lookups", "groups", "spellings", "wrappers", "set", "steps", "derive", "required", "priority", "relay", "rename"}

// Load compiles the pack in folder dir of files: pack.yaml and the tables beside it.
func Load(files fs.FS, dir string) (*Pack, error) { return load(files, dir, &included{}, nil) }

func load(files fs.FS, dir string, inc *included, overlays []*Overlay) (*Pack, error) {
	name := "pack.yaml"
	if dir != "." && dir != "" {
		name = dir + "/" + name
	}
	src, err := readLimited(files, name, yaml.MaxSize)
	if err != nil {
		return nil, err
	}
	return loadText(src, files, dir, inc, overlays)
}

// loadText is load of a pack.yaml whose text is known.
func loadText(src []byte, files fs.FS, dir string, inc *included, overlays []*Overlay) (*Pack, error) {
	sub := files
	if dir != "." && dir != "" {
		var err error
		if sub, err = fs.Sub(files, dir); err != nil {
			return nil, err
		}
	}
	name := "pack.yaml"
	if dir != "." && dir != "" {
		name = dir + "/pack.yaml"
	}
	return compile(name, src, sub, files, inc, overlays...)
}

// Compile compiles the text of a pack.yaml that needs no files beside it. name is for
// messages.
func Compile(name string, src []byte) (*Pack, error) { return compile(name, src, nil, nil, nil) }

func readLimited(files fs.FS, name string, limit int64) ([]byte, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than the limit of %d", name, info.Size(), limit)
	}
	return fs.ReadFile(files, name)
}

// compile compiles a pack; files is its folder, packs the one with the folders of other
// packs, which it may include.
func compile(name string, src []byte, files, packs fs.FS, inc *included, overlays ...*Overlay) (*Pack, error) {
	f, err := yaml.Parse(name, src)
	if err != nil {
		return nil, err
	}
	c := &compiler{
		file: f, files: files, packs: packs, included: inc, program: &Pack{keep: true, order: defaultOrder},
		filters: filters(), tables: map[string]*table{}, groups: map[string]*yaml.Node{},
		slots: map[string]int{}, declared: map[string]bool{}, uses: map[string]*use{},
		keys: map[string]*parse.Key{}, unread: map[string]*yaml.Node{},
		ofVendor: map[string][]int{}, fieldRead: map[string]bool{},
	}
	c.declare("message")
	c.declare("raw")
	for _, o := range overlays {
		if err := o.merge(f.Root); err != nil {
			return nil, err
		}
	}
	if err := c.pack(f.Root); err != nil {
		return nil, err
	}
	slices.Sort(c.program.fields)
	c.program.fields = slices.Compact(c.program.fields)
	return c.program, nil
}

func (c *compiler) pack(y *yaml.Node) error {
	p := c.program
	if err := c.known(y, packKeys...); err != nil {
		return err
	}
	if err := c.identity(y); err != nil {
		return err
	}
	if n := y.Get("nulls"); n != nil {
		list, err := c.strings(n)
		if err != nil {
			return err
		}
		p.nulls = map[string]bool{}
		for _, t := range list {
			if len(t) > 63 {
				return c.errorf(n, "a null text longer than 63 bytes")
			}
			p.nulls[t] = true
			if t != "" {
				p.nullFirst[t[0]] |= 1 << len(t)
			}
		}
	}
	if err := c.renames(y.Get("rename")); err != nil {
		return err
	}
	if err := c.include(y.Get("include")); err != nil {
		return err
	}
	if err := c.parts(y); err != nil {
		return err
	}
	if err := c.baseFields(y); err != nil {
		return err
	}
	var err error
	if y.Get("steps") == nil {
		return c.errorf(y, "steps is missing: what the pack does")
	}
	if p.steps, err = c.steps(y.Get("steps")); err != nil {
		return err
	}
	_, p.readsRaw = c.uses["raw"]
	if err := c.rest(y); err != nil {
		return err
	}
	c.settleSpellings()
	if err := c.undeclared(); err != nil {
		return err
	}
	for name, at := range c.unread {
		return c.errorf(at, "table %s is never used", name)
	}
	for name := range c.fieldRead {
		for _, slot := range c.ofVendor[name] {
			c.needed[slot] = true
		}
	}
	c.ownNames()
	if err := c.finishLayers(); err != nil {
		return err
	}
	return c.settleKeys(y)
}

// parts loads what other packs can include: lookups and groups.
func (c *compiler) parts(y *yaml.Node) error {
	if err := c.loadTables(y.Get("lookups")); err != nil {
		return err
	}
	if err := c.loadSpellings(y); err != nil {
		return err
	}
	if n := y.Get("groups"); n != nil {
		if n.Kind != yaml.Map {
			return c.errorf(n, "groups is a mapping of names to steps")
		}
		for _, g := range n.Pairs {
			c.groups[g.Key.Text] = g.Value
		}
	}
	return nil
}

// included remembers the parsed files of packs that others include: many include the same.
// It is safe for concurrent use; nobody changes what it returns.
type included struct {
	mu    sync.Mutex
	files map[string]*yaml.File
}

func (n *included) parse(packs fs.FS, file string) (*yaml.File, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f := n.files[file]; f != nil {
		return f, nil
	}
	src, err := readLimited(packs, file, yaml.MaxSize)
	if err != nil {
		return nil, err
	}
	f, err := yaml.Parse(file, src)
	if err != nil {
		return nil, err
	}
	if n.files == nil {
		n.files = map[string]*yaml.File{}
	}
	n.files[file] = f
	return f, nil
}

// include makes the lookups and groups of other packs known. The pack's own ones of the
// same name come after them and so replace them.
func (c *compiler) include(y *yaml.Node) error {
	names, err := c.strings(y)
	if err != nil {
		return err
	}
	for _, name := range names {
		if c.packs == nil || !fs.ValidPath(name) || strings.Contains(name, "/") {
			return c.errorf(y, "there is no pack %q beside this one", name)
		}
		f, err := c.included.parse(c.packs, name+"/pack.yaml")
		if err != nil {
			if !IsPackError(err) {
				err = c.errorf(y, "%v", err)
			}
			return err
		}
		c.roots = append(c.roots, f.Root)
		own := c.files
		if c.files, err = fs.Sub(c.packs, name); err == nil {
			err = c.parts(f.Root)
		}
		if c.files = own; err != nil {
			return err
		}
	}
	clear(c.unread) // an included table need not be used
	return nil
}

func (c *compiler) identity(y *yaml.Node) error {
	p := c.program
	for _, f := range []struct {
		key string
		to  *string
	}{{"name", &p.name}, {"vendor", &p.vendor}, {"product", &p.product}, {"version", &p.version}, {"notes", &p.notes}, {"namespace", &p.namespace}} {
		n := y.Get(f.key)
		if n == nil {
			if f.key == "name" || f.key == "vendor" || f.key == "product" || f.key == "version" {
				return c.errorf(y, "%s is missing", f.key)
			}
			continue
		}
		if !n.IsScalar() {
			return c.errorf(n, "%s is a text, not %s", f.key, n.Kind)
		}
		*f.to = n.Text
	}
	if !isName(p.name) {
		return c.errorf(y.Get("name"), "the name %q is not of the form module.dataset in lower case", p.name)
	}
	if p.namespace == "" {
		p.namespace = p.name
	}
	module, _, _ := strings.Cut(p.name, ".")
	root, _, _ := strings.Cut(p.namespace, ".")
	p.roots = []string{root}
	if module != root {
		p.roots = append(p.roots, module)
	}
	var err error
	if p.aliases, err = c.strings(y.Get("aliases")); err != nil {
		return err
	}
	if p.docs, err = c.strings(y.Get("docs")); err != nil {
		return err
	}
	more, err := c.strings(y.Get("roots"))
	if err != nil {
		return err
	}
	p.roots = append(p.roots, more...)
	if n := y.Get("order"); n != nil {
		o, ok := n.Int()
		if !ok || o < 0 || o > 1000 {
			return c.errorf(n, "order is a number from 0 to 1000; less is tried earlier")
		}
		p.order = int(o)
	}
	if n := y.Get("keep"); n != nil {
		p.keep = n.Text == "true"
	}
	return nil
}

// baseFields are set on every event before the first step.
func (c *compiler) baseFields(y *yaml.Node) error {
	p := c.program
	module, _, _ := strings.Cut(p.name, ".")
	line := c.place(y.Get("name"))
	for _, f := range [][2]string{{"event.kind", "event"}, {"event.module", module}, {"event.dataset", p.name}, {"ecs.version", ecs.Version}} {
		ref, err := c.fieldRef(y, f[0], 0)
		if err != nil {
			return err
		}
		p.base = append(p.base, assign{key: fieldKey{ref}, temp: -1, slot: -1, ready: true, value: constantValue(parse.StringValue(f[1])), name: f[0], line: line})
	}
	if n := y.Get("set"); n != nil {
		set, err := c.sets(n)
		if err != nil {
			return err
		}
		for _, a := range set { // a pack may say otherwise
			p.base = slices.DeleteFunc(p.base, func(b assign) bool { return b.name == a.name })
		}
		p.base = append(p.base, set...)
	}
	p.constants = p.base
	p.base = c.split(p.base, &p.baseBlock)
	return nil
}

// rest compiles what stands beside the steps.
func (c *compiler) rest(y *yaml.Node) error {
	p := c.program
	var err error
	if n := y.Get("detect"); n != nil {
		if p.detect, err = c.signatures(n); err != nil {
			return err
		}
	}
	if n := y.Get("split"); n != nil {
		if p.split, err = c.splitter(n); err != nil {
			return err
		}
		p.detect = append(p.detect, wrapped(p.detect, &p.split.json)...)
	}
	var o normalize.DeriveOptions
	if n := y.Get("derive"); n != nil {
		if err := c.known(n, "address", "community_id", "related", "url", "file", "duration"); err != nil {
			return err
		}
		for _, d := range n.Pairs {
			off := d.Value.Text == "false"
			switch d.Key.Text {
			case "address":
				o.NoAddress = off
			case "community_id":
				o.NoCommunityID = off
			case "related":
				o.NoRelated = off
			case "url":
				o.NoURLParts = off
			case "file":
				o.NoFileParts = off
			case "duration":
				o.NoDuration = off
			}
		}
	}
	p.deriver = normalize.NewDeriver(o)
	if err := c.relay(y.Get("relay")); err != nil {
		return err
	}
	required, err := c.strings(y.Get("required"))
	if err != nil {
		return err
	}
	for _, name := range required {
		k, err := c.field(y.Get("required"), name, 0)
		if err != nil {
			return err
		}
		p.required = append(p.required, requiredField{k, name})
	}
	if n := y.Get("priority"); n != nil {
		if err := c.known(n, "critical", "high", "low"); err != nil {
			return err
		}
		for _, d := range n.Pairs {
			cond, _, err := c.cond(d.Value)
			if err != nil {
				return err
			}
			class := map[string]int8{"critical": PriorityCritical, "high": PriorityHigh, "low": PriorityLow}[d.Key.Text]
			p.priority = append(p.priority, priorityClass{class, cond})
		}
		slices.SortStableFunc(p.priority, func(a, b priorityClass) int { return int(b.class) - int(a.class) })
	}
	return nil
}

// The priority classes of events (parse.Record.Priority).
const (
	PriorityLow      int8 = -1
	PriorityOrdinary int8 = 0
	PriorityHigh     int8 = 1
	PriorityCritical int8 = 2
)

// twin is a slot whose native name is also that of a vendor field which the pack sets, as
// sessionid with acme.wall.sessionid: externalId. container is where the value goes, under
// another name, when that field is set already.
type twin struct {
	slot      int
	name      []byte
	container parse.Key
}

// ownNames gives slots to native names that nothing asks for but which are spelled like
// vendor fields that the pack sets, so that a value is kept under that name.
func (c *compiler) ownNames() {
	p := c.program
	if !p.keep || len(c.keyed) == 0 {
		return
	}
	for _, name := range slices.Clone(c.vendor) {
		native, ok := strings.CutPrefix(name, p.namespace+".")
		if _, taken := c.slots[native]; !ok || taken || native == "" || strings.ContainsAny(native, ".[") || len(c.names) >= maxSlots {
			continue
		}
		i := len(p.twins)
		p.twins = append(p.twins, twin{slot: c.slot(native), name: []byte(native)})
		k, ok := c.keys[p.namespace]
		if !ok {
			k = new(parse.Key)
			c.keys[p.namespace] = k
			c.vendor = append(c.vendor, p.namespace)
		}
		p.settle = append(p.settle, func() { p.twins[i].container = *k })
	}
}

// settleKeys makes the schema and fills in every key.
func (c *compiler) settleKeys(y *yaml.Node) error {
	p := c.program
	p.slotNames = c.names
	p.covers = make([]int, len(c.names))
	keepNames := make([]string, len(c.names))
	mixed := c.mixed()
	for i, name := range c.names {
		p.covers[i] = -1
		if i <= 1 || strings.HasPrefix(name, "_") || strings.HasPrefix(name, "syslog.") && name != "syslog.repeated" || strings.HasPrefix(name, "sd.") || !p.keep {
			continue
		}
		clean := cleanPath(name)
		for _, l := range c.keyed { // extension keys of CEF and LEEF lie together
			if mixed {
				break
			}
			if (l.kind == "cef" || l.kind == "leef") && !c.declared[name] {
				clean = "extensions." + l.extension(clean)
				break
			}
		}
		for _, kind := range []string{"cef.", "leef."} { // header parts beside them
			if !mixed {
				clean = strings.TrimPrefix(clean, kind)
			}
		}
		if clean == "" {
			continue
		}
		keepNames[i] = c.keptName(clean)
		for at := range len(name) { // the shortest name that is the beginning of this one
			if name[at] != '.' && name[at] != '[' {
				continue
			}
			if j, ok := c.slots[name[:at]]; ok {
				p.covers[i] = j
				break
			}
		}
		c.vendor = append(c.vendor, keepNames[i])
	}
	if p.keep {
		c.vendor = append(c.vendor, relayName)
	}
	schema, err := parse.NewSchema(c.vendor...)
	if err != nil {
		return c.errorf(y, "%v", err)
	}
	p.schema = schema
	for name, k := range c.keys {
		var ok bool
		if *k, ok = schema.Lookup(name); !ok {
			return c.errorf(y, "field %q is not in the schema", name)
		}
	}
	if k, ok := schema.Lookup(p.namespace); ok {
		p.top = k
	}
	p.asText = make([]bool, len(c.names))
	for _, i := range p.texts {
		p.asText[i] = true
	}
	p.keepKeys = make([]parse.Key, len(c.names))
	for i, name := range keepNames {
		if name != "" {
			p.keepKeys[i], _ = schema.Lookup(name)
		}
	}
	for _, f := range p.settle {
		f()
	}
	p.settle = nil
	return nil
}

// isNull reports whether v is one of the pack's texts for "nothing".
func (p *Pack) isNull(v parse.Value) bool {
	if v.Kind() == parse.KindNull {
		return true
	}
	if v.Kind() != parse.KindString {
		return false
	}
	return p.nullText(v.Bytes())
}

// nullText is isNull of a text.
func (p *Pack) nullText(b []byte) bool {
	n := len(b)
	return n == 0 || n < 64 && p.nullFirst[b[0]]>>n&1 != 0 && p.nulls[string(b)]
}

// IsPackError reports whether err tells of a fault in a pack, with its place.
func IsPackError(err error) bool {
	var e *yaml.Error
	return errors.As(err, &e)
}

// trimSpaceAndBOM takes white space and a byte order mark off the start.
func trimSpaceAndBOM(b []byte) []byte {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}
