package pack

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// signature is one way to recognise a pack's messages: every part of it must hold.
type signature struct {
	class     class
	prefixes  [][]byte        // payload begins with one of them
	contains  []needle        // payload holds all of them
	any       []needle        // payload holds one of them
	raw       []needle        // the message with its header holds all of them
	not       []needle        // payload holds none of them
	apps      []string        // application name of the syslog header; * at the end is a prefix
	json      []jsonTest      // members of the object
	cefPairs  []vendorProduct // vendor and product of the header
	need      []needle        // payload holds one of them, or no regex matches
	rawNeed   []needle        // the same for the message with its header and rawRegex
	leads     []lead          // of regex
	rawLeads  []lead          // of rawRegex
	held      []byteSet       // a text that regex matches has a byte of each
	rawHeld   []byteSet       // the same for the message with its header and rawRegex
	rawLone   []byte          // the bytes of those of rawHeld that are of one
	rows      []stretch       // a text that regex matches has each
	rawRows   []stretch       // the same for the message with its header and rawRegex
	begins    []byteSet       // what stands at the first places of a text that regex matches
	rawBegins []byteSet       // the same for the message with its header and rawRegex
	anyVendor bool
	sure      bool          // nobody else's messages have all of this
	header    string        // any, none, bare, rfc3164, rfc5424
	pairs     int           // least number of key=value pairs
	regex     []*expression // the last resort
	rawRegex  []*expression // the same for the message with its header
	columns   []columnTest
	commas    [2]int // least and most of separators, with columns
	sep       byte
}

// class is what the payload looks like by its first bytes.
type class uint8

const (
	classAny class = iota
	classText
	classJSON
	classCEF
	classLEEF
	classXML
)

type vendorProduct struct{ vendor, product string } // lower case; "" any; * at the end is a prefix

type jsonTest struct {
	slot   int // in the detection tree
	path   string
	absent bool
	prefix bool
	values []string // none: presence is enough

	longest int // of the values
}

type columnTest struct {
	index  int
	values []string
}

func (c *compiler) signatures(y *yaml.Node) ([]*signature, error) {
	items := y.Items
	if y.Kind == yaml.Map {
		items = []*yaml.Node{y}
	} else if y.Kind != yaml.List {
		return nil, c.errorf(y, "detect is a list of signatures, not %s", y.Kind)
	}
	var out []*signature
	for _, it := range items {
		sg, err := c.signature(it)
		if err != nil {
			return nil, err
		}
		out = append(out, sg)
	}
	return out, nil
}

func (c *compiler) signature(y *yaml.Node) (*signature, error) {
	if err := c.known(y, "starts", "contains", "any", "raw", "not", "app", "json", "cef", "leef", "regex", "raw_regex", "columns", "xml", "header", "pairs", "sure"); err != nil {
		return nil, err
	}
	sg := &signature{}
	for _, f := range []struct {
		key string
		to  *[]needle
	}{{"starts", nil}, {"contains", &sg.contains}, {"any", &sg.any}, {"raw", &sg.raw}, {"not", &sg.not}, {"xml", &sg.contains}} {
		list, err := c.strings(y.Get(f.key))
		if err != nil {
			return nil, err
		}
		for _, t := range list {
			if t == "" {
				return nil, c.errorf(y.Get(f.key), "an empty text is everywhere")
			}
			if f.to == nil {
				sg.prefixes = append(sg.prefixes, []byte(t))
			} else {
				*f.to = append(*f.to, newNeedle(t))
			}
		}
	}
	var err error
	if sg.apps, err = c.strings(y.Get("app")); err != nil {
		return nil, err
	}
	if y.Get("xml") != nil {
		sg.class = classXML
	}
	if n := y.Get("json"); n != nil {
		list, err := c.strings(n)
		if err != nil {
			return nil, err
		}
		sg.class = classJSON
		for _, t := range list {
			sg.json = append(sg.json, parseJSONTest(t))
		}
	}
	for _, kind := range []string{"cef", "leef"} {
		n := y.Get(kind)
		if n == nil {
			continue
		}
		sg.class = classCEF
		if kind == "leef" {
			sg.class = classLEEF
		}
		list, err := c.strings(n)
		if err != nil {
			return nil, err
		}
		for _, t := range list {
			v, p, _ := strings.Cut(strings.ToLower(t), "|")
			if v == "*" {
				v = ""
			}
			if p == "*" {
				p = ""
			}
			sg.cefPairs = append(sg.cefPairs, vendorProduct{v, p})
			if v == "" && p == "" {
				sg.anyVendor = true // a broken header too: the pack says what is wrong
			}
		}
	}
	if n := y.Get("header"); n != nil {
		switch n.Text {
		case "any", "none", "bare", "rfc3164", "rfc5424":
			sg.header = n.Text
		default:
			return nil, c.errorf(n, "header is any, none, bare, rfc3164 or rfc5424, not %q", n.Text)
		}
	}
	if n := y.Get("sure"); n != nil {
		if n.Text != "true" && n.Text != "false" {
			return nil, c.errorf(n, "sure is true or false, not %q", n.Text)
		}
		sg.sure = n.Text == "true"
	}
	if n := y.Get("pairs"); n != nil {
		v, ok := n.Int()
		if !ok || v < 1 || v > 100 {
			return nil, c.errorf(n, "pairs is the least number of key=value pairs, 1 to 100")
		}
		sg.pairs = int(v)
	}
	list, parsed, err := c.regexes(y.Get("regex"))
	if err != nil {
		return nil, err
	}
	sg.regex, sg.need, sg.held, sg.rows, sg.leads, sg.begins = list, neededBy(parsed), heldBy(parsed), stretchesBy(parsed), leadsOf(parsed), longest(parsed)
	if list, parsed, err = c.regexes(y.Get("raw_regex")); err != nil {
		return nil, err
	}
	sg.rawRegex, sg.rawNeed, sg.rawHeld, sg.rawRows, sg.rawLeads, sg.rawBegins = list, neededBy(parsed), heldBy(parsed), stretchesBy(parsed), leadsOf(parsed), longest(parsed)
	sg.rawLone = lone(sg.rawHeld)
	if sg.class == classAny && len(sg.prefixes) > 0 {
		sg.class = classOf(sg.prefixes)
	}
	if n := y.Get("columns"); n != nil {
		if err := c.columnTests(sg, n); err != nil {
			return nil, err
		}
	}
	return sg, nil
}

// wrapped are the signatures by which the first element of a wrapper's array tells what the
// message is, as those of list tell it for an object that comes alone.
func wrapped(list []*signature, split *json.SplitOptions) []*signature {
	if !split.AnyEnvelope {
		return nil // other members decide whether the array is one of events
	}
	var out []*signature
	for _, sg := range list {
		if len(sg.json) == 0 || len(sg.prefixes)+len(sg.regex)+len(sg.rawRegex) > 0 {
			continue
		}
		for _, w := range split.Wrappers {
			in := *sg
			in.sure = false
			in.json = nil
			for _, t := range sg.json {
				if strings.HasPrefix(t.path, w) || strings.Contains(t.path, "[") {
					in.json = nil // it speaks of an array itself
					break
				}
				t.path = w + "[0]." + t.path
				in.json = append(in.json, t)
			}
			if in.json != nil {
				out = append(out, &in)
			}
		}
	}
	return out
}

// expression is a regular expression that is compiled when it is first asked: most never are,
// and it takes long. It is safe for concurrent use.
type expression struct {
	text  string // that syntax.Parse takes
	once  sync.Once
	match *regexp.Regexp
}

func (x *expression) matches(b []byte) bool {
	x.once.Do(func() { x.match = regexp.MustCompile(x.text) })
	return x.match.Match(b)
}

// regexes are the expressions of a signature, with what they are made of.
func (c *compiler) regexes(y *yaml.Node) ([]*expression, []*syntax.Regexp, error) {
	list, err := c.strings(y)
	if err != nil {
		return nil, nil, err
	}
	var out []*expression
	var parsed []*syntax.Regexp
	for _, t := range list {
		re, err := syntax.Parse(t, syntax.Perl)
		if err != nil {
			return nil, nil, c.errorf(y, "%v", err)
		}
		out, parsed = append(out, &expression{text: t}), append(parsed, re)
	}
	return out, parsed, nil
}

func (c *compiler) columnTests(sg *signature, n *yaml.Node) error {
	if n.Kind != yaml.Map {
		return c.errorf(n, "columns is a mapping of column numbers to values, not %s", n.Kind)
	}
	sg.sep = ','
	sg.commas = [2]int{0, 1 << 20}
	for _, p := range n.Pairs {
		switch p.Key.Text {
		case "separator":
			if len(p.Value.Text) != 1 {
				return c.errorf(p.Value, "separator is one byte")
			}
			sg.sep = p.Value.Text[0]
		case "least", "most":
			v, ok := p.Value.Int()
			if !ok {
				return c.errorf(p.Value, "a number of columns is wanted")
			}
			if p.Key.Text == "least" {
				sg.commas[0] = int(v) - 1
			} else {
				sg.commas[1] = int(v) - 1
			}
		default:
			i, err := strconv.Atoi(p.Key.Text)
			if err != nil || i < 0 {
				return c.errorf(p.Key, "a column number from 0, separator, least or most is wanted")
			}
			values, err := c.strings(p.Value)
			if err != nil {
				return err
			}
			sg.columns = append(sg.columns, columnTest{i, values})
		}
	}
	return nil
}

// parseJSONTest reads "path", "!path", "path=value|value" or "path^=prefix".
func parseJSONTest(t string) jsonTest {
	if p, ok := strings.CutPrefix(t, "!"); ok {
		return jsonTest{path: p, absent: true}
	}
	if p, v, ok := strings.Cut(t, "^="); ok {
		return jsonTest{path: p, prefix: true, values: strings.Split(v, "|")}
	}
	if p, v, ok := strings.Cut(t, "="); ok {
		test := jsonTest{path: p, values: strings.Split(v, "|")}
		for _, w := range test.values {
			test.longest = max(test.longest, len(w))
		}
		return test
	}
	return jsonTest{path: t}
}

func starMatch(pattern string, b []byte) bool {
	if p, ok := strings.CutSuffix(pattern, "*"); ok {
		return len(b) >= len(p) && string(b[:len(p)]) == p
	}
	return pattern == string(b)
}

// matches reports whether the signature holds for the message in v.
func (sg *signature) matches(v *view) bool {
	if sg.class != classAny && sg.class != v.class {
		return false
	}
	if len(sg.cefPairs) > 0 && !sg.anyVendor {
		if !v.readHeader() {
			return false
		}
		ok := false
		for _, p := range sg.cefPairs {
			if (p.vendor == "" || starMatch(p.vendor, v.vendor)) && (p.product == "" || starMatch(p.product, v.product)) {
				ok = true
				break
			}
		}
		if !ok {
			return false
		}
	}
	if len(sg.apps) > 0 {
		ok := false
		for _, a := range sg.apps {
			if starMatch(a, v.app) {
				ok = true
				break
			}
		}
		if !ok {
			return false
		}
	}
	if sg.header != "" && !headerIs(sg.header, v.kind) {
		return false
	}
	if len(sg.prefixes) > 0 && !slices.ContainsFunc(sg.prefixes, func(p []byte) bool { return bytes.HasPrefix(v.payload, p) }) {
		return false
	}
	if len(sg.json) > 0 {
		if v.class != classJSON || !v.isObject {
			return false
		}
		for i := range sg.json {
			if !sg.json[i].holds(v) {
				return false
			}
		}
	}
	for i := range sg.contains {
		if !v.payloadPairs.holds(v.payload, &sg.contains[i]) {
			return false
		}
	}
	for i := range sg.raw {
		if !v.ofRaw().holds(v.raw, &sg.raw[i]) {
			return false
		}
	}
	if len(sg.any) > 0 && !v.payloadPairs.anyIn(v.payload, sg.any) {
		return false
	}
	if v.payloadPairs.anyIn(v.payload, sg.not) {
		return false
	}
	if len(sg.columns) > 0 || sg.sep != 0 {
		n := bytes.Count(v.payload, []byte{sg.sep})
		if n < sg.commas[0] || n > sg.commas[1] {
			return false
		}
		for i := range sg.columns {
			if !sg.columns[i].holds(v.payload, sg.sep) {
				return false
			}
		}
	}
	if sg.pairs > 0 && countPairs(v.payload, sg.pairs) < sg.pairs {
		return false
	}
	if len(sg.held) > 0 && !v.payloadBytes().meetsAll(sg.held) {
		return false
	}
	if len(sg.rawNeed) > 0 && !v.ofRaw().anyIn(v.raw, sg.rawNeed) {
		return false
	}
	if len(sg.rawHeld) > 0 && (v.lacks(sg.rawLone) || !v.rawBytes().meetsAll(sg.rawHeld)) {
		return false
	}
	for i := range sg.rows {
		if !sg.rows[i].in(v.payload) {
			return false
		}
	}
	for i := range sg.rawRows {
		if !sg.rawRows[i].in(v.raw) {
			return false
		}
	}
	if len(sg.need) > 0 && !v.payloadPairs.anyIn(v.payload, sg.need) {
		return false
	}
	for i, re := range sg.regex {
		if !sg.leads[i].allows(v.payload) || !re.matches(beginning(v.payload)) {
			return false
		}
	}
	for i, re := range sg.rawRegex {
		if !sg.rawLeads[i].allows(v.raw) || !re.matches(beginning(v.raw)) {
			return false
		}
	}
	return true
}

// maxBeginning is how much of a message the regular expressions of signatures look at. They read
// some MB/s, so that one message of 10 MiB of blanks took 6 s.
const maxBeginning = 64 << 10

func beginning(b []byte) []byte { return b[:min(len(b), maxBeginning)] }

// neededBy returns texts of which one is in every text that all of the expressions match.
func neededBy(list []*syntax.Regexp) (out []needle) {
	var need []string
	for _, re := range list {
		if n := needed(re); rarer(n, need) {
			need = n
		}
	}
	if len(need) == 0 || shortest(need) < 2 || shortest(need) < 3 && len(need) > 4 {
		return nil // nearly every message holds one
	}
	for _, t := range need {
		out = append(out, newNeedle(t))
	}
	return out
}

// classOf is the class of payloads that begin with any of the given texts.
func classOf(prefixes [][]byte) class {
	found := classAny
	for i, p := range prefixes {
		c := classAny
		switch {
		case p[0] == '{' || p[0] == '[' && len(p) > 1 && p[1] == '{':
			c = classJSON
		case len(p) > 1 && p[0] == '<' && (p[1] < '0' || p[1] > '9'):
			c = classXML
		}
		if i > 0 && c != found {
			return classAny
		}
		found = c
	}
	return found
}

// countPairs counts words of the form key=, up to enough, and gives up where words
// without one are more than those with.
func countPairs(b []byte, enough int) int {
	n, other := 0, 0
	quoted := false
	for len(b) > 0 && n < enough {
		i := bytes.IndexByte(b, ' ')
		word := b
		if i >= 0 {
			word, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		if !quoted {
			if eq := bytes.IndexByte(word, '='); eq > 0 && isKeyWord(word[:eq]) {
				n++
			} else if len(word) > 0 {
				other++
			}
		}
		if bytes.Count(word, []byte{'"'})%2 == 1 {
			quoted = !quoted
		}
		if other > 8+2*n {
			return n
		}
	}
	return n
}

func isKeyWord(b []byte) bool {
	if len(b) > 64 {
		return false
	}
	for _, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

func anyIn(b []byte, list []needle) bool {
	for i := range list {
		if list[i].in(b) {
			return true
		}
	}
	return false
}

// holds reports whether the member that the message has, or nil, is as the test wants it.
func (t *jsonTest) holds(v *view) bool {
	f := v.member(t.slot)
	if f == nil || t.absent {
		return t.absent && f == nil
	}
	if len(t.values) == 0 {
		return true
	}
	b := f.Text
	if !t.prefix && len(b) > 6*t.longest {
		return false // no escape is longer than six bytes
	}
	if f.Escaped() {
		v.lower = f.Plain(v.lower[:0])
		v.headerDone = false
		b = v.lower
	} else if f.Kind == parse.KindNull {
		b = nil
	}
	for _, w := range t.values {
		if t.prefix && len(b) >= len(w) && string(b[:len(w)]) == w || string(b) == w {
			return true
		}
	}
	return false
}

func (t *columnTest) holds(b []byte, sep byte) bool {
	for i := 0; i < t.index; i++ {
		j := bytes.IndexByte(b, sep)
		if j < 0 {
			return false
		}
		b = b[j+1:]
	}
	if j := bytes.IndexByte(b, sep); j >= 0 {
		b = b[:j]
	}
	b = bytes.Trim(b, `" `)
	for _, w := range t.values {
		if string(b) == w {
			return true
		}
	}
	return false
}
