package pack

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
	"github.com/penstock-dev/penstock/parse/kernel/syslog"
)

// state is what one worker has in its hands while it runs a pack on one event.
type state struct {
	frame parse.Frame
	rec   *parse.Record
	msg   *parse.Message
	time  timeparse.Context
	cache timeparse.Cache
	keep  bool // keep what has no ECS field
	wide  bool // vendor fields are wanted
	pack  *Pack
	trace *tracer // only for Explain

	touched  [16]uint16 // slots read by the expression under evaluation
	ntouched int
	failed   bool // a filter could not do its work on a value that was there
	consumed []uint64

	envelope []byte // the object around the array that the event was in

	drop  bool   // the event is not wanted
	fail  error  // the event is refused
	drift string // why not everything could be read
	zones map[string]zoneEntry

	scratch []byte
	// The folded path at which respell is.
	spelling []byte
	layers   []layerState
	items    []json.Item
	clock    clock
	// What detection read already, so that the pack need not read it again.
	syslogDone   bool
	syslogHeader syslog.Message
	zoneText     map[*time.Location]string
	labels       []labelSlots // those that the event has, once labelsDone is set
	labelsDone   bool
}

func (s *state) touch(i int) {
	if s.ntouched < len(s.touched) {
		s.touched[s.ntouched] = uint16(i)
		s.ntouched++
	}
}

func (s *state) consume(i int) { s.consumed[i>>6] |= 1 << (i & 63) }

type evalFunc func(s *state) parse.Value
type condFunc func(s *state) bool

// value compiles n to what computes it.
func (c *compiler) value(y *yaml.Node, n *node) (evalFunc, error) {
	switch n.kind {
	case nodeName:
		i, err := c.reference(y, n)
		if err != nil {
			return nil, err
		}
		return c.slotValue(i), nil
	case nodeField:
		k, err := c.field(y, n.text, n.at)
		if err != nil {
			return nil, err
		}
		return func(s *state) parse.Value { return s.rec.Get(*k.ref) }, nil
	case nodeString:
		v := parse.StringValue(n.text)
		return func(*state) parse.Value { return v }, nil
	case nodeNumber:
		v, err := numberValue(n.text)
		if err != nil {
			return nil, c.at(y, n.at, "%q is no number", n.text)
		}
		return func(*state) parse.Value { return v }, nil
	case nodeBool:
		v := parse.BoolValue(n.text == "true")
		return func(*state) parse.Value { return v }, nil
	case nodeList:
		return c.list(y, n.args)
	case nodePipe:
		return c.filter(y, n)
	case nodeCall:
		return c.call(y, n)
	case nodeBinary:
		if n.text == "??" {
			a, err := c.value(y, n.args[0])
			if err != nil {
				return nil, err
			}
			b, err := c.value(y, n.args[1])
			if err != nil {
				return nil, err
			}
			return func(s *state) parse.Value {
				mark := s.ntouched
				if v := a(s); present(v) {
					return v
				}
				s.ntouched = mark
				return b(s)
			}, nil
		}
	}
	cond, err := c.condition(y, n)
	if err != nil {
		return nil, err
	}
	return func(s *state) parse.Value { return parse.BoolValue(cond(s)) }, nil
}

func numberValue(text string) (parse.Value, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return parse.IntText(i, []byte(strconv.FormatInt(i, 10))), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	return parse.FloatValue(f), err
}

// present reports whether v holds something: not absent, null or an empty text.
func present(v parse.Value) bool {
	switch v.Kind() {
	case parse.KindNone, parse.KindNull:
		return false
	case parse.KindString:
		return len(v.Bytes()) > 0
	case parse.KindList:
		return len(v.List()) > 0
	}
	return true
}

func (c *compiler) slotValue(i int) evalFunc {
	p := c.program
	return func(s *state) parse.Value {
		v := s.frame.Slots[i]
		if v.Kind() == parse.KindNone || p.isNull(v) {
			return parse.Value{}
		}
		s.touch(i)
		return v
	}
}

func (c *compiler) list(y *yaml.Node, args []*node) (evalFunc, error) {
	elems := make([]evalFunc, len(args))
	for i, a := range args {
		e, err := c.value(y, a)
		if err != nil {
			return nil, err
		}
		elems[i] = e
	}
	return func(s *state) parse.Value {
		l := s.rec.Lists().Alloc(len(elems))[:0]
		for _, e := range elems {
			if v := e(s); present(v) {
				l = append(l, v)
			}
		}
		if len(l) == 0 {
			return parse.Value{}
		}
		return parse.ListValue(l)
	}, nil
}

// text returns the text of v; numbers and the like are written into the arena.
func (s *state) text(v parse.Value) []byte {
	if b := v.Bytes(); b != nil {
		return b
	}
	switch v.Kind() {
	case parse.KindNone, parse.KindNull, parse.KindString:
		return nil
	}
	return s.frame.Text.Keep(v.AppendText(s.frame.Text.Scratch(40)))
}

// condition compiles n to a test. A value is true when it is present and not false.
func (c *compiler) condition(y *yaml.Node, n *node) (condFunc, error) {
	switch n.kind {
	case nodeName:
		i, err := c.reference(y, n)
		if err != nil {
			return nil, err
		}
		p := c.program
		return func(s *state) bool {
			v := &s.frame.Slots[i]
			switch v.Kind() {
			case parse.KindNone, parse.KindNull:
				return false // what most names of most messages are
			case parse.KindBool:
				return v.Bool()
			}
			return present(*v) && !p.isNull(*v)
		}, nil
	case nodeNot:
		x, err := c.condition(y, n.args[0])
		if err != nil {
			return nil, err
		}
		return func(s *state) bool { return !x(s) }, nil
	case nodeBinary:
		switch n.text {
		case "and", "or":
			a, err := c.condition(y, n.args[0])
			if err != nil {
				return nil, err
			}
			b, err := c.condition(y, n.args[1])
			if err != nil {
				return nil, err
			}
			if n.text == "and" {
				return func(s *state) bool { return a(s) && b(s) }, nil
			}
			return func(s *state) bool { return a(s) || b(s) }, nil
		case "??":
		default:
			return c.comparison(y, n)
		}
	}
	v, err := c.value(y, n)
	if err != nil {
		return nil, err
	}
	return func(s *state) bool {
		x := v(s)
		if x.Kind() == parse.KindBool {
			return x.Bool()
		}
		return present(x)
	}, nil
}

func (c *compiler) comparison(y *yaml.Node, n *node) (condFunc, error) {
	left, err := c.value(y, n.args[0])
	if err != nil {
		return nil, err
	}
	r := n.args[1]
	switch n.text {
	case "in":
		return c.inList(y, left, r)
	case "within":
		return c.within(y, left, r)
	case "matches":
		if r.kind != nodeString {
			return nil, c.at(y, r.at, "matches needs a regular expression as a constant text")
		}
		re, err := regexp.Compile(r.text)
		if err != nil {
			return nil, c.at(y, r.at, "regular expression: %v", err)
		}
		return func(s *state) bool {
			v := left(s)
			return present(v) && re.Match(s.text(v))
		}, nil
	}
	right, err := c.value(y, r)
	if err != nil {
		return nil, err
	}
	switch n.text {
	case "==", "!=":
		want := n.text == "=="
		if r.kind == nodeString || r.kind == nodeNumber {
			text := r.text
			return func(s *state) bool {
				v := s.elements(left(s))
				if v.Kind() == parse.KindList {
					for _, e := range v.List() {
						if string(s.text(e)) == text {
							return want
						}
					}
					return !want
				}
				return (string(s.text(v)) == text) == want
			}, nil
		}
		equal := func(s *state) bool {
			a, b := left(s), right(s)
			return (present(a) == present(b) && bytes.Equal(s.text(a), s.text(b))) == want
		}
		if n.args[0].kind == nodeName && r.kind == nodeName { // two slots that mostly hold text
			i, j, p := c.slots[n.args[0].text], c.slots[r.text], c.program
			return func(s *state) bool {
				a, b := s.frame.Slots[i].Bytes(), s.frame.Slots[j].Bytes()
				if len(a) == 0 || len(b) == 0 || p.nulls != nil {
					return equal(s)
				}
				return bytes.Equal(a, b) == want
			}, nil
		}
		return equal, nil
	case "<", "<=", ">", ">=":
		op := n.text
		return func(s *state) bool {
			a, ok := s.number(left(s))
			b, ok2 := s.number(right(s))
			if !ok || !ok2 {
				return false
			}
			switch op {
			case "<":
				return a < b
			case "<=":
				return a <= b
			case ">":
				return a > b
			}
			return a >= b
		}, nil
	case "contains":
		return textTest(left, right, bytes.Contains), nil
	case "startswith":
		return textTest(left, right, bytes.HasPrefix), nil
	case "endswith":
		return textTest(left, right, bytes.HasSuffix), nil
	}
	return nil, c.at(y, n.at, "operator %q is not known", n.text)
}

// elements is a JSON array as a list, so that comparisons look at what it holds; other
// values are returned as they are.
func (s *state) elements(v parse.Value) parse.Value {
	if v.Kind() == parse.KindArray {
		v, _ = s.arrayList(v.Bytes())
	}
	return v
}

func textTest(left, right evalFunc, test func(a, b []byte) bool) condFunc {
	return func(s *state) bool {
		a, b := s.elements(left(s)), right(s)
		if !present(a) || !present(b) {
			return false
		}
		if a.Kind() == parse.KindList {
			for _, e := range a.List() {
				if test(s.text(e), s.text(b)) {
					return true
				}
			}
			return false
		}
		return test(s.text(a), s.text(b))
	}
}

// number is v as a number, by kind or by text.
func (s *state) number(v parse.Value) (float64, bool) {
	switch v.Kind() {
	case parse.KindInt, parse.KindFloat:
		return v.Float(), true
	case parse.KindTime:
		return float64(v.Int()), true
	case parse.KindString:
		f, err := strconv.ParseFloat(strings.TrimSpace(v.Str()), 64)
		return f, err == nil
	}
	return 0, false
}

func (c *compiler) inList(y *yaml.Node, left evalFunc, r *node) (condFunc, error) {
	if r.kind != nodeList {
		right, err := c.value(y, r)
		if err != nil {
			return nil, err
		}
		return func(s *state) bool {
			v, l := left(s), s.elements(right(s))
			for _, e := range l.List() {
				if present(v) && bytes.Equal(s.text(e), s.text(v)) {
					return true
				}
			}
			return false
		}, nil
	}
	set := make(map[string]bool, len(r.args))
	for _, a := range r.args {
		if a.kind != nodeString && a.kind != nodeNumber && a.kind != nodeBool {
			return nil, c.at(y, a.at, "the list after \"in\" holds constants only; put %q in quotes", a.text)
		}
		set[a.text] = true
	}
	return func(s *state) bool {
		v := s.elements(left(s))
		if v.Kind() == parse.KindList {
			for _, e := range v.List() {
				if set[string(s.text(e))] {
					return true
				}
			}
			return false
		}
		return present(v) && set[string(s.text(v))]
	}, nil
}

func (c *compiler) within(y *yaml.Node, left evalFunc, r *node) (condFunc, error) {
	list := []*node{r}
	if r.kind == nodeList {
		list = r.args
	}
	var nets []netip.Prefix
	for _, a := range list {
		if a.kind == nodeString && a.text == "private" {
			for _, p := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} {
				nets = append(nets, netip.MustParsePrefix(p))
			}
			continue
		}
		p, err := netip.ParsePrefix(a.text)
		if a.kind != nodeString || err != nil {
			return nil, c.at(y, a.at, "within needs networks such as \"10.0.0.0/8\", or \"private\"")
		}
		nets = append(nets, p)
	}
	return func(s *state) bool {
		v := left(s)
		if v.Kind() != parse.KindIP {
			w, ok := parse.IPValue(s.text(v), s.frame.Text)
			if !ok {
				return false
			}
			v = w
		}
		a := v.Addr()
		for _, p := range nets {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}, nil
}

// call compiles a function.
func (c *compiler) call(y *yaml.Node, n *node) (evalFunc, error) {
	if n.text == "exists" {
		if len(n.args) != 1 {
			return nil, c.at(y, n.at, "exists takes one argument")
		}
		v, err := c.value(y, n.args[0])
		if err != nil {
			return nil, err
		}
		return func(s *state) parse.Value { return parse.BoolValue(present(v(s))) }, nil
	}
	if n.text == "label" {
		return c.label(y, n)
	}
	args := make([]evalFunc, len(n.args))
	for i, a := range n.args {
		v, err := c.value(y, a)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	switch n.text {
	case "concat": // absent when any part is
		return func(s *state) parse.Value { return s.join(args, nil, true) }, nil
	case "join": // join(separator, parts…): parts that are absent are left out
		if len(args) < 2 || n.args[0].kind != nodeString {
			return nil, c.at(y, n.at, "join takes a separator in quotes and the parts")
		}
		sep := []byte(n.args[0].text)
		return func(s *state) parse.Value { return s.join(args[1:], sep, false) }, nil
	case "if": // if(condition, then, else)
		if len(args) < 2 || len(args) > 3 {
			return nil, c.at(y, n.at, "if takes a condition, a value and, if wanted, another value")
		}
		cond, err := c.condition(y, n.args[0])
		if err != nil {
			return nil, err
		}
		return func(s *state) parse.Value {
			mark := s.ntouched
			is := cond(s)
			s.ntouched = mark // a condition reads, it does not carry over
			switch {
			case is:
				return args[1](s)
			case len(args) == 3:
				return args[2](s)
			}
			return parse.Value{}
		}, nil
	case "community_id": // community_id(from, to, protocol, port or ICMP type, port or ICMP code)
		if len(args) < 4 || len(args) > 5 {
			return nil, c.at(y, n.at, "community_id takes two addresses, a protocol, and ports or type and code")
		}
		return func(s *state) parse.Value {
			mark := s.ntouched
			v := s.communityID(args)
			s.ntouched = mark // it says no more than a part of what they say
			return v
		}, nil
	case "first": // the first that is present; the same as a ?? b
		return func(s *state) parse.Value {
			for _, a := range args {
				mark := s.ntouched
				if v := a(s); present(v) {
					return v
				}
				s.ntouched = mark
			}
			return parse.Value{}
		}, nil
	case "zip": // zip(name, list, …): an array of objects
		return c.zip(y, n, args)
	case "add", "sub", "mul", "div":
		if len(args) != 2 {
			return nil, c.at(y, n.at, "%s takes two numbers", n.text)
		}
		op := n.text
		return func(s *state) parse.Value { return s.arithmetic(op, args[0](s), args[1](s)) }, nil
	}
	return nil, c.at(y, n.at, "function %q is not known%s", n.text, didYouMean(n.text, []string{"concat", "join", "if", "community_id", "first", "zip", "add", "sub", "mul", "div", "exists", "label"}))
}

// communityID is the Community ID of a flow. A code that is not there is 0.
func (s *state) communityID(args []evalFunc) parse.Value {
	from, ok := s.address(args[0](s))
	to, ok2 := s.address(args[1](s))
	if !ok || !ok2 {
		return parse.Value{}
	}
	p, ok := protocolFilter(s, args[2](s))
	protocol, ok2 := normalize.ProtocolNumber(p.Str())
	if !ok || !ok2 {
		return parse.Value{}
	}
	var ports [2]uint16
	for i, a := range args[3:] {
		v := a(s)
		n, ok := s.integer(v)
		if present(v) && (!ok || n < 0 || n > 65535) || i == 0 && !present(v) {
			return parse.Value{}
		}
		ports[i] = uint16(n)
	}
	id := normalize.AppendCommunityID(s.frame.Text.Scratch(32), from, to, protocol, ports[0], ports[1])
	return parse.BytesValue(s.frame.Text.Keep(id))
}

// address is v as an IP address.
func (s *state) address(v parse.Value) (netip.Addr, bool) {
	if v.Kind() != parse.KindIP {
		w, ok := parse.IPValue(s.text(v), s.frame.Text)
		if !ok {
			return netip.Addr{}, false
		}
		v = w
	}
	return v.Addr(), true
}

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
	if c.program.labels == nil {
		for _, name := range labelled {
			c.program.labels = append(c.program.labels, labelSlots{c.slot(name), c.slot(name + "Label")})
		}
	}
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

func (s *state) join(args []evalFunc, sep []byte, all bool) parse.Value {
	own := s.scratch[:0] // not the arena: an argument may need that itself
	n := 0
	for _, a := range args {
		v := a(s)
		if !present(v) {
			if all {
				return parse.Value{}
			}
			continue
		}
		if n > 0 {
			own = append(own, sep...)
		}
		own = v.AppendText(own)
		n++
	}
	s.scratch = own
	if len(own) == 0 {
		return parse.Value{}
	}
	return parse.BytesValue(s.rec.Text().Copy(own))
}

func (s *state) arithmetic(op string, a, b parse.Value) parse.Value {
	if !present(a) || !present(b) {
		return parse.Value{}
	}
	x, okX := s.integer(a)
	y, okY := s.integer(b)
	if okX && okY && op != "div" {
		var r int64
		overflow := false
		switch op {
		case "add":
			r = x + y
			overflow = (r > x) != (y > 0) && y != 0
		case "sub":
			r = x - y
			overflow = (r < x) != (y > 0) && y != 0
		case "mul":
			r = x * y
			overflow = x != 0 && (r/x != y || (x == -1 && y == -1<<63))
		}
		if overflow {
			s.failed = true
			return parse.Value{}
		}
		if a.Kind() == parse.KindTime {
			return parse.TimeValue(r).WithFlags(a.Flags() & parse.Zoned)
		}
		return parse.IntValue(r)
	}
	f, ok1 := s.number(a)
	g, ok2 := s.number(b)
	if !ok1 || !ok2 || (op == "div" && g == 0) {
		s.failed = true
		return parse.Value{}
	}
	switch op {
	case "add":
		f += g
	case "sub":
		f -= g
	case "mul":
		f *= g
	case "div":
		f /= g
	}
	return wholeOrFloat(f)
}

// wholeOrFloat keeps a whole number an integer.
func wholeOrFloat(f float64) parse.Value {
	if i := int64(f); float64(i) == f && i > -1<<53 && i < 1<<53 {
		return parse.IntValue(i)
	}
	return parse.FloatValue(f)
}

func (s *state) integer(v parse.Value) (int64, bool) {
	switch v.Kind() {
	case parse.KindInt, parse.KindTime:
		return v.Int(), true
	case parse.KindString:
		i, err := strconv.ParseInt(strings.TrimSpace(v.Str()), 10, 64)
		return i, err == nil
	}
	return 0, false
}

// didYouMean names what was probably meant by word.
func didYouMean(word string, known []string) string {
	best, cost := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), strings.ToLower(k)); d < cost {
			best, cost = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost++
			}
			diag, row[j] = row[j], min(row[j]+1, row[j-1]+1, cost)
		}
	}
	return row[len(b)]
}
