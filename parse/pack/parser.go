package pack

import (
	"bytes"
	"fmt"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// Options are what a host decides about parsing. The zero Options work.
type Options struct {
	// Now tells the time, by which times without a year get theirs. Default: time.Now.
	Now func() time.Time
	// Zone is where times without a zone were written, unless their source says
	// otherwise (parse.Origin.Zone). Default: UTC.
	Zone *time.Location
	// ECSOnly leaves out what has no ECS field, but for vendor fields that the pack itself
	// needs: give it to the encoder as well.
	ECSOnly bool
	// HeaderRow: the first message of each stream of a source names the columns of the rows
	// behind it, as tables in CSV have it. A row is then read as a JSON object, by the pack
	// generic.json if no other knows it. Header lines of W3C extended and Zeek logs are
	// followed without this.
	HeaderRow bool
	// Original keeps the raw message in event.original. One that is not UTF-8 stands
	// there in base64 behind the marker "base64:".
	Original bool
}

// Parser returns a Parser for the pack. It is made of one worker's state for each
// worker, so that the result may be given to a pipeline or used by one goroutine.
func (p *Pack) Parser(o Options) parse.PerWorker[parse.Record] { return &Parser{pack: p, opts: o} }

// Parser parses messages with one pack. One goroutine uses it; Worker makes another.
type Parser struct {
	pack  *Pack
	opts  Options
	state *state
	rows  rows
	auto  *Auto // of a Set, for messages that others carry; or nil
}

// Worker returns a Parser for another goroutine.
func (q *Parser) Worker() parse.Parser[parse.Record] {
	w := &Parser{pack: q.pack, opts: q.opts}
	if q.auto != nil {
		w.auto = &Auto{set: q.auto.set, detector: q.auto.detector, opts: q.opts}
	}
	return w
}

// Parse adds the events of one message.
func (q *Parser) Parse(m *parse.Message, out *parse.Events[parse.Record]) error {
	if q.state == nil {
		q.state = newState(q.pack, q.opts)
		if q.auto != nil && q.pack.relay != nil {
			q.state.relay = q.auto.relayed
		}
	}
	if m.Context != nil {
		if ok, err := q.row(m, out); ok {
			return err
		}
	}
	return q.pack.parse(q.state, q.opts, m, out)
}

func newState(p *Pack, o Options) *state {
	return &state{pack: p, wide: !o.ECSOnly, layers: p.newLayerStates(), keep: p.keep && !o.ECSOnly, consumed: make([]uint64, (len(p.slotNames)+63)/64)}
}

// splitter turns one message into several events.
type splitter struct {
	json     json.SplitOptions
	keys     [][]byte // of wrappers, with the quote behind them
	envelope int      // slot for the object around an element's array; -1: not wanted
	lines    bool     // a message may be several values, one after the other
	header   bool     // each event gets the text in front of the array
}

// maxItems is how many events a message may be split into: a few bytes each are enough for
// one, and an event takes some kilobytes.
const maxItems = 1 << 14

var errTooManyItems = errcat.Newf(errcat.Oversize, errcat.StageParse, "a message of more than %d events", maxItems)

// mayHold reports whether the object b can be a wrapper at all: most messages hold one
// event, and a search for arrays of objects is far quicker than a walk over the members.
func (sp *splitter) mayHold(b []byte) bool {
	if len(sp.keys) == 0 {
		return false
	}
	if sp.lines { // what follows the object is split as well, wrapper or not
		for _, k := range sp.keys {
			if bytes.Contains(b, k) {
				return true
			}
		}
		return bytes.Contains(b, []byte(`\u00`)) // a key may be written with escapes
	}
	for i := 0; ; {
		k := bytes.IndexByte(b[i:], '[')
		if k < 0 {
			return false
		}
		at := i + k
		for i = at + 1; i < len(b) && isJSONSpace(b[i]); i++ {
		}
		if i < len(b) && b[i] == '{' && sp.named(b[:at]) {
			return true
		}
	}
}

// named reports whether b ends with one of the keys and a colon. Of a key that has a backslash
// in it, or before it, nothing is known.
func (sp *splitter) named(b []byte) bool {
	end := len(b)
	back := func(c byte) bool {
		for end > 0 && isJSONSpace(b[end-1]) {
			end--
		}
		if end == 0 || b[end-1] != c {
			return false
		}
		end--
		return true
	}
	if !back(':') || !back('"') {
		return false
	}
	start := end
	for start > 0 && b[start-1] != '"' {
		if start--; b[start] == '\\' {
			return true
		}
	}
	if start > 1 && b[start-2] == '\\' {
		return true
	}
	for _, w := range sp.json.Wrappers {
		if string(b[start:end]) == w {
			return true
		}
	}
	return false
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (c *compiler) splitter(y *yaml.Node) (*splitter, error) {
	if err := c.known(y, "json", "envelope", "lines", "header", "alone"); err != nil {
		return nil, err
	}
	sp := &splitter{envelope: -1}
	if n := y.Get("envelope"); n != nil {
		sp.envelope = c.declare(n.Text)
	}
	if n := y.Get("lines"); n != nil {
		sp.lines = n.Text == "true"
	}
	if n := y.Get("header"); n != nil {
		sp.header = n.Text == "true"
	}
	var err error
	if sp.json, err = c.splitOptions(y); err != nil {
		return nil, err
	}
	for _, w := range sp.json.Wrappers {
		sp.keys = append(sp.keys, append([]byte(w), '"'))
	}
	return sp, nil
}

// splitOptions are the parts of split that say where the events of a message are.
func (c *compiler) splitOptions(y *yaml.Node) (json.SplitOptions, error) {
	wrappers, err := c.strings(y.Get("json"))
	is := func(key string) bool {
		n := y.Get(key)
		return n != nil && n.Text == "true"
	}
	return json.SplitOptions{Wrappers: wrappers, AnyEnvelope: !is("alone"), Framed: !is("lines")}, err
}

// parse runs the pack on a message.
func (p *Pack) parse(s *state, o Options, m *parse.Message, out *parse.Events[parse.Record]) error {
	s.msg = m
	s.clock.set(&s.time, &o, m)
	whole := m.Raw
	if s.carried = false; p.unheaded {
		whole = s.payload(whole)
	}
	if p.split == nil {
		return p.event(s, o, whole, out)
	}
	raw := trimSpaceAndBOM(whole)
	if len(raw) == 0 || (raw[0] != '{' && raw[0] != '[') {
		if p.split.header {
			return p.headed(s, o, raw, out)
		}
		return p.event(s, o, whole, out)
	}
	if raw[0] == '{' && !p.split.mayHold(raw) && !(p.split.lines && bytes.IndexByte(raw, '\n') >= 0) {
		return p.event(s, o, raw, out)
	}
	s.items = json.AppendItems(s.items[:0], raw, &p.split.json)
	if len(s.items) > maxItems {
		clear(s.items)
		s.items = nil
		return errTooManyItems
	}
	if len(s.items) == 1 && s.items[0].Envelope == nil {
		if s.items[0].Err != nil {
			return s.items[0].Err
		}
		return p.event(s, o, s.items[0].Raw, out)
	}
	if p.split.envelope >= 0 {
		if err := s.hollow(raw); err != nil {
			return err
		}
	}
	for i := range s.items {
		it := &s.items[i]
		err := it.Err
		if err == nil {
			if p.split.envelope >= 0 {
				s.envelope = s.hollows[i]
			}
			err = p.event(s, o, it.Raw, out)
			s.envelope = hollow{}
		}
		if err != nil {
			out.Reject(it.Raw, err)
		}
	}
	if len(s.items) == 0 {
		return errcat.New(errcat.SchemaViolation, errcat.StageParse, "no event in the text")
	}
	clear(s.items)
	clear(s.hollows)
	return nil
}

// headed splits an array of objects that stands behind the header of a transport, which
// each event then has in front. What that makes together stays in proportion to the message.
func (p *Pack) headed(s *state, o Options, raw []byte, out *parse.Events[parse.Record]) error {
	at := bytes.Index(raw, []byte("[{")) // no header holds that
	if at < 0 {
		return p.event(s, o, raw, out)
	}
	head := raw[:at]
	s.items = json.AppendItems(s.items[:0], raw[at:], &p.split.json)
	if len(s.items) > maxItems {
		clear(s.items)
		s.items = nil
		return errTooManyItems
	}
	if len(s.items)*at > 64*len(raw)+1<<20 {
		return errcat.New(errcat.Oversize, errcat.StageParse, "what stands in front of the events is too long to be part of each")
	}
	for i := range s.items {
		it := &s.items[i]
		err, text := it.Err, append(append(make([]byte, 0, at+len(it.Raw)), head...), it.Raw...)
		if err == nil {
			err = p.event(s, o, text, out)
		}
		if err != nil {
			if len(s.items) == 1 {
				return err
			}
			out.Reject(text, err)
		}
	}
	clear(s.items)
	return nil
}

// hollow is the object around an event without the array that the event was in: what
// stands before and behind that.
type hollow struct{ head, tail []byte }

// hollow takes the array out of the envelope of each item. What the items have of it
// together stays in proportion to the message.
func (s *state) hollow(raw []byte) error {
	s.hollows = append(s.hollows[:0], make([]hollow, len(s.items))...)
	total := 0
	for i := 0; i < len(s.items); {
		around := s.items[i].Envelope
		j := i + 1
		for j < len(s.items) && len(around) > 0 && len(s.items[j].Envelope) > 0 && &s.items[j].Envelope[0] == &around[0] {
			j++
		}
		if len(around) > 0 {
			first, last := &s.items[i], &s.items[j-1]
			head := 0 // where the array's elements begin
			for head < len(around) && (len(first.Raw) == 0 || &around[head] != &first.Raw[0]) {
				head++
			}
			tail := min(head+last.Offset+len(last.Raw)-first.Offset, len(around))
			for k := i; k < j; k++ {
				s.hollows[k] = hollow{around[:head], around[tail:]}
			}
			if total += (j - i) * (head + len(around) - tail); total > 64*len(raw)+1<<20 {
				return errcat.New(errcat.Oversize, errcat.StageParse, "what stands around the events is too long to be part of each")
			}
		}
		i = j
	}
	return nil
}

// clock knows what the text of a time does not say: the year and the zone. It asks the
// wall clock now and then only, since that decides years.
type clock struct {
	left int
	now  time.Time
}

func (k *clock) set(c *timeparse.Context, o *Options, m *parse.Message) {
	c.Zone = o.Zone
	if m.Origin != nil && m.Origin.Zone != nil {
		c.Zone = m.Origin.Zone
	}
	switch {
	case o.Now != nil:
		c.Now = o.Now()
	case !m.Received.IsZero():
		c.Now = m.Received
	default:
		if k.left--; k.left < 0 {
			k.left, k.now = 1000, time.Now()
		}
		c.Now = k.now
	}
}

// event makes one event of raw.
func (p *Pack) event(s *state, o Options, raw []byte, out *parse.Events[parse.Record]) error {
	r := out.Add()
	s.rec = r
	s.begin(raw)
	if s.trace != nil {
		s.trace.begin(s)
		s.run(p.steps)
	} else {
		routes := &s.routes[0]
		if s.envelope.head != nil {
			routes = &s.routes[1] // one more slot is filled
		}
		switch n := routes.begin(r); {
		case n == nil:
			s.run(p.steps)
		case !s.follow(n):
			s.syslogDone = false // it may have been changed
			s.begin(raw)
			s.walk(routes)
		}
	}
	s.syslogDone = false
	if s.carried {
		s.setCarrier()
	}
	if s.fail == nil && !s.drop {
		for i := range p.required {
			if !r.Has(*p.required[i].key.ref) {
				s.fail = &errcat.Error{Category: errcat.SchemaViolation, Stage: errcat.StageValidate, Parser: p.name, Field: p.required[i].name, Err: errMissing}
				break
			}
		}
	}
	if s.fail != nil || s.drop {
		n := out.Len() - 1
		out.Truncate(n, len(out.Rejected()))
		if s.fail == nil {
			return nil
		}
		return p.named(s.fail)
	}
	if p.relay != nil && s.relay != nil && s.relay(s, raw, out) {
		return nil
	}
	if s.keep {
		s.keepRest(p)
		if s.trace != nil {
			s.trace.note(s, reason{how: HowKept})
		}
	}
	if s.outer != nil {
		adopt(r, s.outer)
		if s.trace != nil {
			s.trace.adopted(s)
		}
	}
	if s.drift != "" {
		r.SetConst(ecs.ErrorCode, errcat.VendorFormatDrift.String())
		r.SetString(ecs.ErrorMessage, s.drift)
	}
	p.deriver.Derive(r)
	for i := range p.priority {
		if p.priority[i].when(s) {
			r.Priority = p.priority[i].class
			break
		}
	}
	if o.Original {
		if s.carried && len(raw) == len(s.carrier.Payload) {
			raw = s.msg.Raw
		}
		if s.whole != nil {
			raw = s.whole
		}
		keepOriginal(r, raw)
	}
	r.Settle()
	if s.trace != nil {
		s.trace.note(s, reason{how: HowDerived})
		s.trace.finish(s)
	}
	return nil
}

// begin prepares everything for the steps.
func (s *state) begin(raw []byte) {
	p, r := s.pack, s.rec
	r.Use(p.schema)
	r.Pack, r.PackVersion = p.name, p.version
	s.frame.KeepRest = s.keep || p.spellings != nil
	s.frame.Reset(len(p.slotNames), r.Text())
	if s.keep {
		clear(s.consumed)
	}
	s.drop, s.fail, s.drift, s.ntouched = false, nil, "", 0
	s.labelsDone = false
	s.frame.Set(slotMessage, parse.BytesValue(raw))
	s.frame.Set(slotRaw, parse.BytesValue(raw))
	if h := &s.envelope; h.head != nil {
		b := append(append(r.Text().Scratch(len(h.head)+len(h.tail)), h.head...), h.tail...)
		s.frame.Set(p.split.envelope, parse.RawValue(parse.KindObject, r.Text().Keep(b)))
	}
	if p.baseBlock != nil {
		r.SetBlock(p.baseBlock)
	}
	for i := range p.base {
		s.store(&p.base[i], p.base[i].value)
	}
}

var errMissing = fmt.Errorf("required field is missing")

// named puts the pack's name into an error that has none.
func (p *Pack) named(err error) error {
	if e, ok := err.(*errcat.Error); ok {
		if e.Parser == "" || e.Parser != p.name {
			c := *e
			c.Parser = p.name
			return &c
		}
		return e
	}
	return &errcat.Error{Category: errcat.Of(err), Stage: errcat.StageParse, Parser: p.name, Err: err}
}

// keepTwin keeps the value of a slot whose name a field of the pack has, under a name beside it.
func (s *state) keepTwin(p *Pack, slot int, v parse.Value) {
	for _, t := range p.twins {
		if t.slot == slot && !s.rec.Get(p.keepKeys[slot]).Equal(v) {
			s.rec.AddDynamic(t.container, t.name, v)
		}
	}
}

// untyped turns a number that a text pattern captured back into its text, as the same
// vendor field is in a form of the message that has no types.
func untyped(v parse.Value) parse.Value {
	if k := v.Kind(); (k == parse.KindInt || k == parse.KindFloat) && v.Bytes() != nil {
		return parse.BytesValue(v.Bytes())
	}
	return v
}

// keepRest stores what no field took below the vendor's namespace.
func (s *state) keepRest(p *Pack) {
	slots := s.frame.Slots
	for i := range s.frame.Written() {
		v := slots[i]
		if i <= slotRaw || p.keepKeys[i] == ecs.None || s.consumed[i>>6]&(1<<(i&63)) != 0 || p.isNull(v) {
			continue
		}
		if c := p.covers[i]; c >= 0 && slots[c].Kind() != parse.KindNone {
			continue // it is inside a value that is kept or was taken whole
		}
		if p.asText[i] {
			v = untyped(v)
		}
		if !s.rec.Has(p.keepKeys[i]) {
			s.rec.Set(p.keepKeys[i], v)
		} else if len(p.twins) > 0 {
			s.keepTwin(p, i, v)
		}
	}
	for i := range s.frame.Rest {
		pr := &s.frame.Rest[i]
		if !p.isNull(pr.Value) {
			s.rec.AddDynamic(parse.Key(pr.Parent), pr.Key, pr.Value)
		}
	}
}
