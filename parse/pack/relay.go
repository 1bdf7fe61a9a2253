package pack

import (
	"bytes"
	"slices"
	"strings"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// A pack for something that carries other products' messages (a container runtime, a log
// shipper, a cloud's subscription) names with relay where the message is. Within a Set the
// message is then parsed by the pack that detection finds for it, and what the carrier tells
// (host, container, file, time of receipt) is added to that event.

// relayName is the field below which events have what their carriers told and ECS has no
// place for in the event.
const relayName = "relay"

// maxRelays bounds carriers inside of carriers.
const maxRelays = 6

func (c *compiler) relay(y *yaml.Node) error {
	if y != nil && y.Kind == yaml.Map {
		if err := c.known(y, "from", "when", "generic"); err != nil {
			return err
		}
		if n := y.Get("generic"); n != nil {
			if n.Text != "true" && n.Text != "false" {
				return c.errorf(n, "generic is true or false, not %q", n.Text)
			}
			c.program.relayKnown = n.Text == "false"
		}
		if n := y.Get("when"); n != nil {
			var err error
			if c.program.relayWhen, _, err = c.cond(n); err != nil {
				return err
			}
		}
		if y.Get("from") == nil {
			return c.errorf(y, "relay needs from: what holds the message")
		}
		y = y.Get("from")
	}
	names, err := c.strings(y)
	if err != nil {
		return err
	}
	for _, name := range names {
		i, err := c.reference(y, &node{kind: nodeName, text: name})
		if err != nil {
			return err
		}
		c.program.relay = append(c.program.relay, i)
	}
	return nil
}

// relayText takes the message that the event carries, or nil.
func (s *state) relayText() []byte {
	if s.pack.relayWhen != nil && !s.pack.relayWhen(s) {
		return nil
	}
	for _, i := range s.pack.relay {
		v := s.frame.Slots[i]
		if k := v.Kind(); k != parse.KindString && k != parse.KindObject && k != parse.KindArray || s.pack.isNull(v) {
			continue
		}
		if b := bytes.TrimRight(v.Bytes(), "\r\n"); len(b) > 0 {
			s.relaySlot = i
			return b
		}
	}
	return nil
}

// relayed parses the message that the event in s carries. It reports false where no pack
// takes it; the carrier's event then stands for itself.
func (a *Auto) relayed(s *state, raw []byte, out *parse.Events[parse.Record]) bool {
	text := s.relayText()
	if text == nil || a.depth >= maxRelays {
		return false
	}
	if a.inner == nil {
		a.inner = &Auto{set: a.set, detector: a.detector, opts: a.opts, depth: a.depth + 1}
	}
	in := a.inner
	in.message = *s.msg
	in.message.Raw, in.message.Context = text, nil
	i := in.Detect(&in.message)
	if i < 0 || generic(in.detector.packs[i].name) && (s.pack.relayKnown || s.frame.Slots[s.relaySlot].Kind() != parse.KindString) {
		return false // the carrier's pack knows an object better than one for all objects
	}
	word, bit := &s.consumed[s.relaySlot>>6], uint64(1)<<(s.relaySlot&63)
	before := *word & bit
	*word |= bit
	if s.keep {
		s.keepRest(s.pack)
	}
	in.carrier, in.whole = s.rec, raw
	if s.whole != nil {
		in.whole = s.whole
	}
	if a.carrier != nil { // a carrier inside of another one hands on what that told
		adopt(s.rec, a.carrier)
		if s.trace != nil {
			s.trace.adopted(s)
		}
	}
	if in.trace = nil; s.trace != nil {
		in.trace = s.trace.inside(s, s.relaySlot)
	}
	n, r := out.Len(), len(out.Rejected())
	if in.with(i, &in.message, out) != nil {
		out.Truncate(n, r)
		*word = *word&^bit | before
		return false
	}
	if s.trace != nil {
		s.trace.out, s.trace.events = append(s.trace.out, in.trace.out...), in.trace.events
	}
	out.Retire(n - 1)
	return true
}

// A sets is which sets of fields of ECS an event has some of.
type sets struct {
	names  [24]string
	n      int
	syslog bool // log.syslog
}

func (s *sets) has(name string) bool {
	return s.n == len(s.names) || slices.Contains(s.names[:s.n], name)
}

// of notes the sets of r. One that has more than there is room for has them all: then the
// carrier's fields are kept beside the event.
func (s *sets) of(r *parse.Record) {
	keys, _, _ := r.Fields()
	for _, k := range keys {
		if k >= ecs.Count || !r.Has(k) {
			continue
		}
		set, rest, _ := strings.Cut(k.Name(), ".")
		s.syslog = s.syslog || set == "log" && strings.HasPrefix(rest, "syslog.")
		if !s.has(set) && s.n < len(s.names) {
			s.names[s.n] = set
			s.n++
		}
	}
}

// shared reports whether carrier and carried event may both have some fields of a set; of any
// other set an event takes the carrier's fields only if it has none of its own.
func shared(set string) bool {
	switch set {
	case "agent", "cloud", "container", "data_stream", "event", "log", "service":
		return true
	}
	return false
}

// adopt adds to r what the event of its carrier tells: fields of ECS about the place that
// the message comes from as such, everything else below relay.
func adopt(r, carrier *parse.Record) {
	var own sets
	own.of(r)
	sameHost := hostsAgree(r, carrier)
	timeless := !r.Has(ecs.Timestamp)
	keys, values, _ := carrier.Fields()
	for i, k := range keys {
		if !carrier.Has(k) || r.Has(k) && r.Get(k).Equal(values[i]) {
			continue
		}
		name := carrier.Name(k)
		if k >= ecs.Count {
			below(r, name, nil, values[i])
			continue
		}
		set, rest, dotted := strings.Cut(name, ".")
		take := !r.Has(k)
		switch {
		case !dotted:
			if k == ecs.Message {
				continue
			}
			take = take && (k == ecs.Timestamp || k == ecs.Tags)
		case set == "event":
			switch rest {
			case "created", "ingested", "id":
			case "timezone":
				take = take && timeless
			default:
				continue
			}
		case set == "ecs" || set == "error" || set == "related":
			continue
		case set == "host":
			take = take && (sameHost || !own.has(set))
		case set == "log" && strings.HasPrefix(rest, "syslog."):
			take = take && !own.syslog
		default:
			take = take && (shared(set) || !own.has(set))
		}
		if take {
			r.Set(k, values[i])
		} else {
			below(r, name, nil, values[i])
		}
	}
	for _, d := range carrier.Dynamics() {
		if d.Container < ecs.Count {
			r.AddDynamic(d.Container, d.Name, d.Value)
			continue
		}
		name := carrier.Name(d.Container)
		if name == relayName {
			name = ""
		}
		below(r, name, d.Name, d.Value)
	}
}

// below keeps a value of the carrier under its name: that of a field, or of one that the wire
// named below it.
func below(r *parse.Record, name string, wire []byte, v parse.Value) {
	k, ok := r.Lookup(relayName)
	if !ok {
		return
	}
	b := append(r.Text().Scratch(len(name)+1+len(wire)), name...)
	if name != "" && wire != nil {
		b = append(b, '.')
	}
	r.AddDynamic(k, r.Text().Keep(append(b, wire...)), v)
}

// hostsAgree reports whether the host that r names is the carrier's.
func hostsAgree(r, carrier *parse.Record) bool {
	for _, k := range [...]ecs.Key{ecs.HostHostname, ecs.HostName} {
		if own := shortHost(r, k); own != "" {
			return strings.EqualFold(own, shortHost(carrier, ecs.HostName)) || strings.EqualFold(own, shortHost(carrier, ecs.HostHostname))
		}
	}
	return true
}

// shortHost is the name of a host without its domain.
func shortHost(r *parse.Record, k ecs.Key) string {
	name, _, _ := strings.Cut(r.Get(k).Str(), ".")
	return name
}
