package pack

import (
	"bytes"
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
	}
	n, r := out.Len(), len(out.Rejected())
	if in.with(i, &in.message, out) != nil {
		out.Truncate(n, r)
		*word = *word&^bit | before
		return false
	}
	out.Retire(n - 1)
	return true
}

// sharedSets are the sets of fields that carrier and carried event may both have some of; of
// any other set an event takes the carrier's fields only if it has none of its own.
var sharedSets = []string{"agent", "cloud", "container", "data_stream", "event", "log", "service"}

// adopt adds to r what the event of its carrier tells: fields of ECS about the place that
// the message comes from as such, everything else below relay.
func adopt(r, carrier *parse.Record) {
	own := ownSets(r)
	sameHost := hostsAgree(r, carrier)
	timeless := !r.Has(ecs.Timestamp)
	keys, values, _ := carrier.Fields()
	for i, k := range keys {
		if !carrier.Has(k) || r.Has(k) && r.Get(k).Equal(values[i]) {
			continue
		}
		name := carrier.Name(k)
		if k >= ecs.Count {
			below(r, name, values[i])
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
			take = take && (sameHost || !own[set])
		case strings.HasPrefix(name, "log.syslog."):
			take = take && !own["log.syslog"]
		default:
			shared := false
			for _, s := range sharedSets {
				shared = shared || s == set
			}
			take = take && (shared || !own[set])
		}
		if take {
			r.Set(k, values[i])
		} else {
			below(r, name, values[i])
		}
	}
	for _, d := range carrier.Dynamics() {
		if d.Container < ecs.Count {
			r.AddDynamic(d.Container, d.Name, d.Value)
			continue
		}
		if name := carrier.Name(d.Container); name != relayName {
			below(r, name+"."+string(d.Name), d.Value)
		} else {
			below(r, string(d.Name), d.Value)
		}
	}
}

// below keeps a value of the carrier under its name.
func below(r *parse.Record, name string, v parse.Value) {
	if k, ok := r.Lookup(relayName); ok {
		r.AddDynamic(k, r.Text().CopyString(name), v)
	}
}

// ownSets are the sets that r has fields of.
func ownSets(r *parse.Record) map[string]bool {
	own := map[string]bool{}
	keys, _, _ := r.Fields()
	for _, k := range keys {
		if k < ecs.Count && r.Has(k) {
			set, rest, _ := strings.Cut(k.Name(), ".")
			own[set] = true
			if set == "log" && strings.HasPrefix(rest, "syslog.") {
				own["log.syslog"] = true
			}
		}
	}
	return own
}

// hostsAgree reports whether the host that r names is the carrier's.
func hostsAgree(r, carrier *parse.Record) bool {
	short := func(k ecs.Key, of *parse.Record) string {
		name, _, _ := strings.Cut(of.Get(k).Str(), ".")
		return name
	}
	for _, k := range []ecs.Key{ecs.HostHostname, ecs.HostName} {
		own := short(k, r)
		if own == "" {
			continue
		}
		return strings.EqualFold(own, short(ecs.HostName, carrier)) || strings.EqualFold(own, short(ecs.HostHostname, carrier))
	}
	return true
}
