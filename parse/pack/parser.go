package pack

import (
	"fmt"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
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
	// MaxEvents is how many events one message may be split into; one of more is OVERSIZE.
	// Default: DefaultMaxEvents.
	MaxEvents int
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
	return p.split.parse(s, o, whole, out)
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

// event makes one event of raw, or of the parts of the message that s.parts are.
func (p *Pack) event(s *state, o Options, raw []byte, out *parse.Events[parse.Record]) error {
	r := out.Add()
	s.rec = r
	raw = s.begin(raw)
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
			raw = s.begin(raw)
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

// begin prepares everything for the steps and returns the text that they read: raw, or what
// the parts of the message make together.
func (s *state) begin(raw []byte) []byte {
	p, r := s.pack, s.rec
	r.Use(p.schema)
	if s.trace != nil {
		s.trace.made = s.trace.made[:0]
	}
	if len(s.parts) > 0 {
		raw = s.joinedText()
	}
	r.Pack, r.PackVersion = p.name, p.version
	s.frame.KeepRest = s.keep || p.spellings != nil
	s.frame.Reset(len(p.slotNames), r.Text())
	if s.keep {
		clear(s.consumed)
	}
	s.drop, s.fail, s.drift, s.ntouched = false, nil, "", 0
	s.labelsDone = false
	s.frame.Set(slotMessage, parse.BytesValue(raw))
	if p.readsRaw {
		s.frame.Set(slotRaw, parse.BytesValue(s.fromDevice(raw)))
	}
	if h := &s.envelope; h.head != nil {
		b := append(append(r.Text().Scratch(len(h.head)+len(h.tail)), h.head...), h.tail...)
		b = r.Text().Keep(b)
		s.frame.Set(p.split.envelope, parse.RawValue(parse.KindObject, b))
		if s.trace != nil {
			s.trace.joined(b, h.head, h.tail)
		}
	}
	if p.baseBlock != nil {
		r.SetBlock(p.baseBlock)
	}
	for i := range p.base {
		s.store(&p.base[i], p.base[i].value)
	}
	return raw
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
