package pack

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize/ecs"
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
	tree       *json.Tree
	keys       *parse.Keys
	kv         *kv.Format
	split      []string
	header     []int             // slots of a header's parts
	lists      []int             // slots of paths that collect a list
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
	sd     *parse.Keys
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
		if err = c.known(y, append(common, "as")...); err == nil {
			l.run = runJSON
			l.wanted = func(name string) (string, bool) { return l.unprefixed(name) }
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
	err := l.run(s, l, s.text(v))
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

func runJSON(s *state, l *layer, text []byte) error {
	rest := len(s.frame.Rest)
	err := s.layers[l.number].json.Read(text, &s.frame)
	s.place(l, rest)
	for _, i := range l.lists { // the reader's own until it reads the next text
		if v := s.frame.Slots[i]; v.Kind() == parse.KindList {
			own := s.rec.Lists().Alloc(len(v.List()))
			copy(own, v.List())
			s.frame.Slots[i] = parse.ListValue(own)
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
}

func (c *compiler) kvLayer(l *layer, y *yaml.Node, common []string) error {
	if err := c.known(y, append(common, "as", "preset", "pairs", "keys", "quotes", "bare", "spaces", "spaced", "key_bytes", "prefix", "suffix", "stray", "escapes", "null", "trim_key")...); err != nil {
		return err
	}
	var o kv.Options
	if n := y.Get("preset"); n != nil {
		presets := map[string]func() kv.Options{
			"fortinet": kv.Fortinet, "sophos": kv.Sophos, "sonicwall": kv.SonicWall, "watchguard": kv.WatchGuard,
			"checkpoint": kv.CheckPoint, "juniper": kv.Juniper, "logfmt": kv.Logfmt, "iptables": kv.IPTables, "auditd": kv.Auditd,
		}
		f, ok := presets[n.Text]
		if !ok {
			var names []string
			for name := range presets {
				names = append(names, name)
			}
			sort.Strings(names)
			return c.errorf(n, "preset %q is not known%s (known: %s)", n.Text, didYouMean(n.Text, names), strings.Join(names, ", "))
		}
		o = f()
	}
	text := func(key string, to *string) {
		if n := y.Get(key); n != nil {
			*to = n.Text
		}
	}
	text("pairs", &o.PairSeparators)
	text("keys", &o.KeySeparators)
	text("quotes", &o.Quotes)
	text("key_bytes", &o.KeyBytes)
	text("prefix", &o.Prefix)
	text("suffix", &o.Suffix)
	text("null", &o.Null)
	text("trim_key", &o.TrimKey)
	if n := y.Get("quotes"); n != nil && n.Text == "" {
		o.NoQuotes = true
	}
	if n := y.Get("spaces"); n != nil {
		o.UnquotedSpaces = n.Text == "true"
	}
	if n := y.Get("spaced"); n != nil {
		o.SpacedSeparator = n.Text == "true"
	}
	if n := y.Get("bare"); n != nil {
		switch n.Text {
		case "true":
			o.BareKeys = kv.BareTrue
		case "empty":
			o.BareKeys = kv.BareEmpty
		case "stray":
			o.BareKeys = kv.BareStray
		default:
			return c.errorf(n, "bare is true, empty or stray, not %q", n.Text)
		}
	}
	if n := y.Get("escapes"); n != nil {
		switch n.Text {
		case "backslash":
			o.Escapes = kv.EscapeBackslash
		case "c":
			o.Escapes = kv.EscapeC
		case "doubled":
			o.Escapes = kv.EscapeDoubled
		case "none":
			o.Escapes = kv.EscapeNone
		default:
			return c.errorf(n, "escapes is backslash, c, doubled or none, not %q", n.Text)
		}
	}
	stray := -1
	if n := y.Get("stray"); n != nil { // the name under which words outside of pairs are found
		o.KeepStray = true
		stray = c.declare(n.Text)
	}
	f, err := kv.New(o)
	if err != nil {
		return c.errorf(y, "%v", err)
	}
	l.kv = f
	l.wanted = l.unprefixed
	c.keyed = append(c.keyed, l)
	l.run = func(s *state, l *layer, text []byte) error {
		rest := len(s.frame.Rest)
		rd := s.layers[l.number].kv
		err := rd.Read(text, &s.frame)
		s.place(l, rest)
		if stray >= 0 {
			if _, t := rd.Stray(); len(t) > 0 {
				s.frame.Slots[stray] = parse.BytesValue(t)
			}
		}
		if err == nil && l.from != slotMessage {
			s.consume(l.from)
		}
		return err
	}
	return nil
}

var cefNames = []string{"version", "vendor", "product", "device_version", "class_id", "name", "severity"}

func (c *compiler) cefLayer(l *layer, y *yaml.Node, common []string) error {
	if l.kind == "cef" {
		common = append(common, "names", "strip")
	}
	if err := c.known(y, common...); err != nil {
		return err
	}
	if n := y.Get("names"); n != nil {
		if n.Text != "wire" && n.Text != "long" {
			return c.errorf(n, "names is wire or long, not %q", n.Text)
		}
		if n.Text == "long" {
			l.long = cefLong()
		}
	}
	if n := y.Get("strip"); n != nil {
		var err error
		if l.strip, err = c.strings(n); err != nil {
			return err
		}
		if slices.Contains(l.strip, "") {
			return c.errorf(n, "an empty prefix stands before everything")
		}
	}
	for _, n := range cefNames {
		l.header = append(l.header, c.declare(l.kind+"."+n))
	}
	l.wanted = func(name string) (string, bool) { return name, !strings.HasPrefix(name, l.kind+".") }
	c.keyed = append(c.keyed, l)
	if l.kind == "cef" {
		l.run = runCEF
	} else {
		l.run = runLEEF
	}
	return nil
}

// cefLong returns the long names of the CEF dictionary's short keys: src is
// sourceAddress.
var cefLong = sync.OnceValue(func() map[string][]byte {
	long := map[string][]byte{}
	for e := range cef.Dictionary() {
		if e.Key != e.FullName {
			long[e.Key] = []byte(e.FullName)
		}
	}
	return long
})

// extension is the name under which an extension key is kept.
func (l *layer) extension(key string) string {
	if n, ok := l.long[key]; ok {
		return string(n)
	}
	return key
}

// withLong adds the long names of keys, for the same slots, unless the pack itself
// asks for them.
func (l *layer) withLong(names []string, slots []int) ([]string, []int) {
	for i, key := range names[:len(names):len(names)] {
		if n := l.extension(key); n != key && !slices.Contains(names, n) {
			names, slots = append(names, n), append(slots, slots[i])
		}
	}
	return names, slots
}

// withStripped adds the prefixed forms of keys, for the same slots, unless the pack itself
// asks for them.
func (l *layer) withStripped(names []string, slots []int) ([]string, []int) {
	for i, key := range names[:len(names):len(names)] {
		for _, prefix := range l.strip {
			if n := prefix + key; !slices.Contains(names, n) {
				names, slots = append(names, n), append(slots, slots[i])
			}
		}
	}
	return names, slots
}

// stripped is a key without the vendor's prefix.
func (l *layer) stripped(key []byte) []byte {
	for _, prefix := range l.strip {
		if len(key) > len(prefix) && string(key[:len(prefix)]) == prefix {
			return key[len(prefix):]
		}
	}
	return key
}

func runCEF(s *state, l *layer, text []byte) error {
	st := &s.layers[l.number]
	at := cef.Find(text)
	if at < 0 {
		return errcat.New(errcat.UnknownFormat, errcat.StageParse, "no CEF header")
	}
	ext, err := cef.ParseHeader(text[at:], &st.cefH)
	if err != nil {
		return err
	}
	h := &st.cefH
	h.Unescape(s.frame.Text)
	slots := s.frame.Slots
	slots[l.header[0]] = parse.IntValue(int64(h.Version))
	for i, v := range [...]parse.Value{h.Vendor, h.Product, h.DeviceVersion, h.ClassID, h.Name, h.Severity} {
		slots[l.header[i+1]] = v
	}
	rest := len(s.frame.Rest)
	err = st.cef.Read(ext, &s.frame)
	s.place(l, rest)
	if l.long != nil {
		for i := rest; i < len(s.frame.Rest); i++ {
			if n, ok := l.long[string(s.frame.Rest[i].Key)]; ok {
				s.frame.Rest[i].Key = n
			}
		}
	}
	if l.strip != nil {
		for i := rest; i < len(s.frame.Rest); i++ {
			s.frame.Rest[i].Key = l.stripped(s.frame.Rest[i].Key)
		}
	}
	return err
}

func runLEEF(s *state, l *layer, text []byte) error {
	st := &s.layers[l.number]
	at := leef.Find(text)
	if at < 0 {
		return errcat.New(errcat.UnknownFormat, errcat.StageParse, "no LEEF header")
	}
	attrs, err := leef.ParseHeader(text[at:], &st.leefH)
	if err != nil {
		return err
	}
	h := &st.leefH
	h.Unescape(s.frame.Text)
	slots := s.frame.Slots
	slots[l.header[0]] = parse.IntValue(int64(h.Major))
	for i, v := range [...]parse.Value{h.Vendor, h.Product, h.ProductVersion, h.EventID} {
		slots[l.header[i+1]] = v
	}
	rest := len(s.frame.Rest)
	err = st.leef.Read(attrs, h.Delimiter, &s.frame)
	s.place(l, rest)
	return err
}

// syslogParts are the native names of a syslog header, behind "syslog.".
var syslogParts = []string{"hostname", "appname", "procid", "msgid", "priority", "facility", "severity", "time", "sequence", "uptime", "level", "header"}

func (c *compiler) syslogLayer(l *layer, y *yaml.Node, common []string) error {
	if err := c.known(y, append(common, "host", "relayed", "time", "required", "params")...); err != nil {
		return err
	}
	for _, n := range syslogParts {
		l.header = append(l.header, c.declare("syslog."+n))
	}
	host := "host.hostname"
	if n := y.Get("host"); n != nil {
		host = n.Text
	}
	var hostKeys []fieldKey
	if host != "none" {
		for _, name := range strings.Split(host, ",") {
			k, err := c.field(y, strings.TrimSpace(name), 0)
			if err != nil {
				return err
			}
			hostKeys = append(hostKeys, k)
		}
	}
	relayed := y.Get("relayed") == nil || y.Get("relayed").Text == "true"
	setTime := y.Get("time") == nil || y.Get("time").Text == "true"
	required := y.Get("required") != nil && y.Get("required").Text == "true"
	params := "sd"
	if n := y.Get("params"); n != nil {
		params = n.Text
	}
	if params != "" {
		params += "."
	}
	l.wanted = func(name string) (string, bool) { return strings.CutPrefix(name, params) }
	c.keyed = append(c.keyed, l)
	l.run = func(s *state, l *layer, text []byte) error {
		st := &s.layers[l.number]
		st.syslog.Time = s.time
		m := &st.header
		if s.syslogDone && l.from == slotMessage && len(text) == len(s.msg.Raw) {
			*m = s.syslogHeader // detection has read it already
			s.syslogDone = false
		} else if err := st.syslog.Parse(text, m); err != nil {
			return err
		}
		if m.HeaderLen == 0 {
			if required {
				return errcat.New(errcat.SchemaViolation, errcat.StageParse, "no syslog header")
			}
			s.frame.Slots[slotMessage] = parse.BytesValue(m.Payload)
			return nil
		}
		if relayed && len(m.Payload) > 0 && (m.Payload[0] == '<' || m.Payload[0] == ' ') {
			var inner syslog.Message
			if st.syslog.Relayed(m, &inner) && inner.HasPriority {
				if len(inner.Hostname) == 0 {
					inner.Hostname = m.Hostname
				}
				if !inner.HasTime {
					inner.HasTime, inner.Time, inner.TimeText = m.HasTime, m.Time, m.TimeText
				}
				inner.HeaderLen += m.HeaderLen
				*m = inner
			}
		}
		s.setSyslog(m, l, hostKeys, setTime, text)
		return s.readStructured(m, l, st)
	}
	return nil
}

func (s *state) setSyslog(m *syslog.Message, l *layer, hosts []fieldKey, setTime bool, text []byte) {
	r, slots := s.rec, s.frame.Slots
	put := func(part int, key ecs.Key, b []byte) {
		if len(b) > 0 {
			v := parse.BytesValue(b)
			slots[l.header[part]] = v
			if key != ecs.None {
				r.Set(key, v)
			}
		}
	}
	put(0, ecs.LogSyslogHostname, m.Hostname)
	put(1, ecs.LogSyslogAppName, m.AppName)
	put(2, ecs.LogSyslogProcID, m.ProcID)
	put(3, ecs.LogSyslogMsgID, m.MsgID)
	put(8, ecs.None, m.Sequence)
	put(9, ecs.None, m.Uptime)
	put(10, ecs.None, m.Level)
	if m.HasPriority {
		f, sev := syslog.OfPriority(m.Priority)
		slots[l.header[4]], slots[l.header[5]], slots[l.header[6]] = parse.IntValue(int64(m.Priority)), parse.IntValue(int64(f)), parse.IntValue(int64(sev))
		r.SetInt(ecs.LogSyslogPriority, int64(m.Priority))
		r.Set(ecs.LogSyslogFacilityCode, parse.IntValue(int64(f)).WithFlags(parse.Constant))
		r.SetConst(ecs.LogSyslogFacilityName, syslog.FacilityName(f))
		r.SetInt(ecs.LogSyslogSeverityCode, int64(sev))
		r.SetConst(ecs.LogSyslogSeverityName, syslog.SeverityName(sev))
	}
	if m.Version > 0 {
		r.SetConst(ecs.LogSyslogVersion, "1")
	}
	if len(m.Hostname) > 0 {
		v := parse.BytesValue(m.Hostname)
		for _, k := range hosts {
			r.Set(*k.ref, v)
		}
	}
	if m.HasTime {
		v := parse.TimeValue(m.Time.Nanos)
		if m.Time.Zoned {
			v = v.WithFlags(parse.Zoned)
		}
		slots[l.header[7]] = v
		if setTime {
			s.setTimestamp(v)
		}
	}
	if m.HeaderLen > 0 {
		slots[l.header[11]] = parse.BytesValue(text[:min(m.HeaderLen, len(text))])
	}
	slots[slotMessage] = parse.BytesValue(m.Payload)
}

// readStructured puts the parameters of structured data into slots; the others are
// kept below log.syslog.structured_data.
func (s *state) readStructured(m *syslog.Message, l *layer, st *layerState) error {
	if len(m.StructuredData) == 0 {
		return nil
	}
	el := m.Elements()
	var p syslog.Param
	if st.sd != nil {
		st.sd.Begin()
	}
	for el.Next(&p) {
		if len(p.Name) == 0 {
			continue
		}
		slot := -1
		if st.sd != nil {
			slot = st.sd.Slot(p.Name)
		}
		if slot < 0 && s.pack.spellings != nil {
			s.spelling = s.spelling[:0]
			slot = s.spelledSlot(p.Name, 0)
		}
		if slot >= 0 && present(s.frame.Slots[slot]) {
			slot = -1 // of another element
		}
		if slot < 0 && !s.keep {
			continue
		}
		v := parse.BytesValue(p.Value)
		if p.Escaped {
			v = parse.BytesValue(s.frame.Text.Keep(syslog.AppendUnescaped(s.frame.Text.Scratch(len(p.Value)), p.Value)))
		}
		name := p.Name
		if slot < 0 {
			b := s.frame.Text.Scratch(len(p.ID) + 1 + len(p.Name))
			b = append(append(append(b, p.ID...), '.'), p.Name...)
			name = s.frame.Text.Keep(b)
		}
		if !s.frame.Put(slot, int32(ecs.LogSyslogStructuredData), name, v) {
			return errcat.New(errcat.Oversize, errcat.StageParse, "too many structured data parameters")
		}
	}
	return nil
}

// finish makes the lookups of key-based layers, now that all native names are known.
func (c *compiler) finishLayers() error {
	for _, l := range c.keyed {
		if l.kind == "outline" { // knows its names already
			continue
		}
		var names []string
		var slots []int
		for i, name := range c.names {
			if c.declared[name] || strings.HasPrefix(name, "_") {
				continue
			}
			if native, ok := l.wanted(name); ok && native != "" {
				names, slots = append(names, native), append(slots, i)
			} else if l.kind == "syslog" && c.spelled(name) {
				names, slots = append(names, name), append(slots, i)
			}
		}
		below := func(n string) string { // where what is found at n is kept
			return c.keptName(cleanPath(strings.Trim(l.as+"."+n, ".")))
		}
		switch l.kind {
		case "json":
			paths := make([]json.Path, len(names))
			for i := range names {
				paths[i] = json.Path{Path: names[i], Slot: slots[i]}
				if strings.Contains(names[i], "[]") {
					l.lists = append(l.lists, slots[i])
				}
			}
			t, err := json.New(paths)
			if err != nil {
				return c.errorf(l.y, "%v", err)
			}
			l.tree = t
			for _, n := range t.Nodes() {
				if err := c.container(l, below(n)); err != nil {
					return err
				}
			}
		case "csv":
			if err := c.finishCSV(l, names, slots); err != nil {
				return err
			}
			if err := c.container(l, below("")); err != nil {
				return err
			}
		case "xml":
			rd, err := xml.NewReader(l.xmlMode, names, slots, xml.Options{})
			if err != nil {
				return c.errorf(l.y, "%v", err)
			}
			l.xml = rd
			for _, n := range rd.Parents() {
				if err := c.container(l, below(n)); err != nil {
					return err
				}
			}
		default:
			if l.long != nil {
				names, slots = l.withLong(names, slots)
			}
			if l.strip != nil {
				names, slots = l.withStripped(names, slots)
			}
			k, err := parse.NewKeys(names, slots)
			if err != nil {
				return c.errorf(l.y, "%v", err)
			}
			l.keys = k
			extensions := ""
			if (l.kind == "cef" || l.kind == "leef") && !c.mixed() {
				extensions = "extensions"
			}
			if err := c.container(l, below(extensions)); err != nil {
				return err
			}
		}
	}
	return nil
}

// keptName is the field that keeps what was found at a path. A path that begins with the
// namespace is one already.
func (c *compiler) keptName(path string) string {
	ns := c.program.namespace
	switch {
	case path == "":
		return ns
	case path == ns || strings.HasPrefix(path, ns+"."):
		return path
	}
	return ns + "." + path
}

// mixed reports whether the pack reads other formats than CEF and LEEF too. Keys of
// extensions then lie where those of the others lie, and the header's parts below cef or
// leef; else extension keys lie below extensions and the header's parts beside that.
func (c *compiler) mixed() bool {
	return slices.ContainsFunc(c.keyed, func(l *layer) bool { return l.kind != "cef" && l.kind != "leef" && l.kind != "syslog" })
}

// container notes that keys without a slot go below name.
func (c *compiler) container(l *layer, name string) error {
	k, ok := c.keys[name]
	if !ok {
		k = new(parse.Key)
		c.keys[name] = k
		c.vendor = append(c.vendor, name)
	}
	i := len(l.containers)
	l.containers = append(l.containers, 0)
	c.program.settle = append(c.program.settle, func() { l.containers[i] = *k })
	return nil
}

// cleanPath turns a JSON path into a field path: indexes and quotes go.
func cleanPath(p string) string {
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '[':
			for i < len(p) && p[i] != ']' {
				i++
			}
		case '"':
			for i++; i < len(p) && p[i] != '"'; i++ {
				if p[i] == '.' {
					b.WriteByte('_')
				} else {
					b.WriteByte(p[i])
				}
			}
		default:
			b.WriteByte(p[i])
		}
	}
	return strings.Trim(strings.ReplaceAll(b.String(), "..", "."), ".")
}

func (p *Pack) newLayerStates() []layerState {
	states := make([]layerState, p.layerCount)
	for _, l := range p.layers {
		st := &states[l.number]
		switch l.kind {
		case "json":
			st.json = l.tree.Reader()
		case "cef":
			st.cef = cef.NewReader(l.keys.Clone())
		case "leef":
			st.leef = leef.NewReader(l.keys.Clone())
		case "kv":
			st.kv = l.kv.NewReader(l.keys.Clone())
		case "syslog":
			if l.keys.Len() > 0 {
				st.sd = l.keys.Clone()
			}
		case "xml":
			st.xml = l.xml.Clone()
		case "members":
			st.keys = l.keys.Clone()
		case "outline":
			st.outline = l.outline.Reader()
		}
	}
	return states
}
