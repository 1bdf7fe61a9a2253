package netflow

import (
	"strconv"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	kernel "github.com/penstock-dev/penstock/parse/kernel/netflow"
)

// Options of a Parser. The zero Options work.
type Options struct {
	// Limits bound what is remembered of exporters and what a datagram may hold.
	Limits kernel.Options
	// ECSOnly leaves out what has no ECS field.
	ECSOnly bool
}

// Parser parses datagrams. It is safe for concurrent use only through Worker, which a
// pipeline calls.
type Parser struct {
	o        Options
	counters *kernel.Counters
	deriver  *normalize.Deriver
	table    *table
	tracker  *kernel.Tracker // for messages without a Context
	decoder  kernel.Decoder
	one      [1]parse.Message

	// The message and the record at hand.
	m   *parse.Message
	out *parse.Events[parse.Record]
	r   *parse.Record
	flow
	list []parse.Value // scratch
}

// flow is what has to be seen together.
type flow struct {
	proto                int // or -1
	sport, dport         int // or -1
	typeCode             int // of ICMP, or -1
	source, destination  parse.Value
	sportKept, dportKept parse.Key // where ports go that are none
}

// New returns a Parser. The error says which limit is wrong.
func New(o Options) (*Parser, error) {
	if _, err := kernel.NewTracker(o.Limits, nil); err != nil {
		return nil, err
	}
	p := &Parser{o: o, counters: &kernel.Counters{}, deriver: normalize.NewDeriver(normalize.DeriveOptions{}), table: tables()}
	p.decoder.MaxRecords = o.Limits.MaxRecords
	return p, nil
}

// Worker returns a Parser for another goroutine. Both count in the same Stats.
func (p *Parser) Worker() parse.Parser[parse.Record] {
	w := &Parser{o: p.o, counters: p.counters, deriver: p.deriver, table: p.table}
	w.decoder.MaxRecords = p.o.Limits.MaxRecords
	return w
}

// Tracker follows the templates of a source.
func (p *Parser) Tracker() parse.Tracker { return p.newTracker() }

func (p *Parser) newTracker() *kernel.Tracker {
	t, err := kernel.NewTracker(p.o.Limits, p.counters)
	if err != nil {
		panic(err) // New has checked them
	}
	return t
}

// Stats count what exporters sent, over all workers and sources. Safe for concurrent use.
func (p *Parser) Stats() kernel.Stats { return p.counters.Stats() }

// Parse adds the events of one datagram.
func (p *Parser) Parse(m *parse.Message, out *parse.Events[parse.Record]) error {
	ctx, ok := m.Context.(*kernel.Context)
	if !ok {
		if p.tracker == nil {
			p.tracker = p.newTracker()
		}
		p.one[0] = *m
		p.tracker.Track(p.one[:])
		ctx, _ = p.one[0].Context.(*kernel.Context)
		p.one[0] = parse.Message{}
	}
	p.m, p.out = m, out
	err := p.decoder.Decode(m.Raw, ctx, p)
	p.m, p.out, p.r = nil, nil, nil
	return err
}

// Reject takes a part of the datagram that cannot be read.
func (p *Parser) Reject(raw []byte, err error) { p.out.Reject(raw, err) }

// Record takes one record.
func (p *Parser) Record(rec *kernel.Record) error {
	r, t := p.out.Add(), p.table
	r.Use(t.schema)
	r.Pack, r.PackVersion = Name, Version
	p.r = r
	block := t.base
	if rec.Template.Options {
		block = t.options
	}
	r.SetBlock(block)
	p.exporter(rec.Header)
	if rec.Template.Options {
		for i := range rec.Template.Fields {
			f := &rec.Template.Fields[i]
			if v := p.value(f, rec.Values[i]); f.Scope {
				p.dynamic(t.scopes, f, v)
			} else if f.ID != 210 || f.Enterprise != 0 {
				p.dynamic(t.opts, f, v)
			}
		}
	} else {
		p.flow = flow{proto: -1, sport: -1, dport: -1, typeCode: -1}
		for i := range rec.Template.Fields {
			p.field(rec.Header, &rec.Template.Fields[i], rec.Values[i])
		}
		p.finish()
	}
	p.deriver.Derive(r)
	return nil
}

// exporter sets who sent the datagram and when.
func (p *Parser) exporter(h *kernel.Header) {
	r, t := p.r, p.table
	r.Set(ecs.Timestamp, parse.TimeValue(h.Exported))
	var peer []byte
	if p.m.Origin != nil && p.m.Origin.Peer.IsValid() {
		peer = r.Text().Keep(p.m.Origin.Peer.Unmap().WithZone("").AppendTo(r.Text().Scratch(48)))
		if v, ok := parse.IPValue(peer, r.Text()); ok {
			r.Set(ecs.ObserverIP, v)
		}
	}
	if p.o.ECSOnly {
		return
	}
	if peer != nil {
		r.Set(t.exporterAddress, parse.BytesValue(peer))
	}
	r.SetInt(t.exporterDomain, int64(h.Domain))
	r.Set(t.exporterTime, parse.TimeValue(h.Exported))
	r.SetInt(t.exporterVersion, int64(h.Version))
	if h.HasUptime {
		r.SetInt(t.exporterUptime, int64(h.Uptime))
	}
	if h.Version == 5 {
		r.SetInt(t.engineType, int64(h.Domain>>8))
		r.SetInt(t.engineID, int64(h.Domain&0xff))
		if h.Sampling != 0 {
			r.SetInt(t.samplingInterval, int64(h.Sampling&0x3fff))
			r.SetInt(t.samplingAlgorithm, int64(h.Sampling>>14))
		}
	}
}

// value returns the value of a field.
func (p *Parser) value(f *kernel.Field, b []byte) parse.Value {
	if f.Element != nil && f.Element.Type == kernel.BasicList {
		list, ok := f.List(b, p.list[:0], p.r.Text())
		if p.list = list; ok && len(list) > 0 {
			kept := p.r.Lists().Alloc(len(list))
			copy(kept, list)
			return parse.ListValue(kept)
		}
	}
	return f.Value(b, p.r.Text())
}

// field takes one field of a flow.
func (p *Parser) field(h *kernel.Header, f *kernel.Field, b []byte) {
	r, t := p.r, p.table
	v := p.value(f, b)
	if v.IsZero() {
		return
	}
	if f.Element == nil {
		p.dynamic(t.top, f, v)
		return
	}
	if f.Enterprise != 0 { // the other direction
		if a := &t.actions[f.ID]; a.use == count && v.Kind() == parse.KindInt {
			k := ecs.DestinationBytes
			if a.key == ecs.SourcePackets {
				k = ecs.DestinationPackets
			}
			if !r.Has(k) {
				r.Set(k, v)
				return
			}
		}
		p.dynamic(t.top, f, v)
		return
	}
	var a action
	var kept parse.Key
	if f.ID <= kernel.MaxElement {
		a, kept = t.actions[f.ID], t.kept[f.ID]
	} else {
		a, kept = t.cisco[f.ID], t.keptCisco[f.ID]
	}
	if a.use == skip || p.take(h, a, kept, v) || p.o.ECSOnly {
		return
	}
	switch { // an element may come several times
	case !r.Has(kept):
		r.Set(kept, v)
	case v.Kind() == parse.KindList:
		for _, one := range v.List() {
			r.Append(kept, one)
		}
	default:
		r.Append(kept, v)
	}
}

// take puts v into its ECS field. It reports false where v has none, or does not fit.
func (p *Parser) take(h *kernel.Header, a action, kept parse.Key, v parse.Value) bool {
	r := p.r
	isInt := v.Kind() == parse.KindInt
	switch a.use {
	case keep:
		return false
	case address:
		if v.Kind() != parse.KindIP || r.Has(a.key) {
			return false
		}
		switch r.Set(a.key, v); a.key {
		case ecs.SourceIP:
			p.source = v
		case ecs.DestinationIP:
			p.destination = v
		}
		return true
	case number, count:
		if !isInt || r.Has(a.key) {
			return false
		}
		r.Set(a.key, v)
		return true
	case text:
		if v.Kind() != parse.KindString || r.Has(a.key) {
			return false
		}
		r.Set(a.key, v)
		return true
	case digits:
		if !isInt || r.Has(a.key) {
			return false
		}
		r.Set(a.key, parse.BytesValue(r.Text().Keep(strconv.AppendInt(r.Text().Scratch(20), v.Int(), 10))))
		return true
	case port:
		if !isInt || v.Int() > 65535 {
			return false
		}
		switch {
		case a.key == ecs.SourcePort && p.sport < 0:
			p.sport, p.sportKept = int(v.Int()), kept
		case a.key == ecs.DestinationPort && p.dport < 0:
			p.dport, p.dportKept = int(v.Int()), kept
		case a.key == ecs.SourceNATPort || a.key == ecs.DestinationNATPort:
			if r.Has(a.key) {
				return false
			}
			r.Set(a.key, v)
		default:
			return false
		}
		return true
	case protocol:
		if !isInt || v.Int() > 255 || p.proto >= 0 {
			return false
		}
		p.proto = int(v.Int())
		return true
	case direction:
		if !isInt || v.Int() > 1 || r.Has(ecs.NetworkDirection) {
			return false
		}
		if v.Int() == 0 {
			r.SetConst(ecs.NetworkDirection, "inbound")
		} else {
			r.SetConst(ecs.NetworkDirection, "outbound")
		}
		return true
	case icmp:
		if isInt && v.Int() <= 65535 {
			p.typeCode = int(v.Int())
		}
		return false
	case icmpType, icmpCode:
		if isInt && v.Int() <= 255 {
			old := max(p.typeCode, 0)
			if p.typeCode = old&0xff00 | int(v.Int()); a.use == icmpType {
				p.typeCode = int(v.Int())<<8 | old&0xff
			}
		}
		return false
	case firewall:
		p.firewallEvent(v)
		return false
	case millis, micros:
		unit := int64(1e6)
		if a.use == micros {
			unit = 1e3
		}
		if !isInt || v.Int() > 1<<42 || r.Has(ecs.EventDuration) {
			return false
		}
		r.SetInt(ecs.EventDuration, v.Int()*unit)
		return true
	}
	return p.takeTime(h, a.use, v)
}

// takeTime sets when the flow began or ended.
func (p *Parser) takeTime(h *kernel.Header, u use, v parse.Value) bool {
	key := ecs.EventEnd
	if u == startTime || u == startUp || u == startDelta {
		key = ecs.EventStart
	}
	if p.r.Has(key) {
		return false
	}
	switch u {
	case startTime, endTime:
		if v.Kind() != parse.KindTime {
			return false
		}
	case startUp, endUp:
		if v.Kind() != parse.KindInt || v.Int() > 1<<32-1 {
			return false
		}
		at, ok := h.UptimeTime(uint32(v.Int()))
		if !ok {
			return false
		}
		v = parse.TimeValue(at)
	case startDelta, endDelta:
		if v.Kind() != parse.KindInt || v.Int() > 1<<32-1 {
			return false
		}
		v = parse.TimeValue(h.Exported - v.Int()*1e3)
	default:
		return false
	}
	p.r.Set(key, v)
	return true
}

// firewallEvent tells what a firewall did with the flow (IANA registry "firewallEvent").
func (p *Parser) firewallEvent(v parse.Value) {
	if v.Kind() != parse.KindInt {
		return
	}
	switch v.Int() {
	case 1:
		p.r.Append(ecs.EventType, constText("start"))
	case 2:
		p.r.Append(ecs.EventType, constText("end"))
	case 3:
		p.r.Append(ecs.EventType, constText("denied"))
		p.r.SetConst(ecs.EventOutcome, "success")
	}
}

func constText(s string) parse.Value { return parse.StringValue(s).WithFlags(parse.Constant) }

const (
	protoICMP   = 1
	protoICMPv6 = 58
)

// finish sets what several fields of the flow say together.
func (p *Parser) finish() {
	r := p.r
	isICMP := p.proto == protoICMP || p.proto == protoICMPv6
	if isICMP {
		// Where nothing else tells type and code, routers put them into the port.
		if p.typeCode < 0 && p.dport >= 0 {
			p.typeCode = p.dport
		}
		p.keepPort(p.sportKept, p.sport)
		p.keepPort(p.dportKept, p.dport)
		if p.typeCode >= 0 && p.source.Kind() == parse.KindIP && p.destination.Kind() == parse.KindIP {
			id := normalize.AppendCommunityID(r.Text().Scratch(32), p.source.Addr(), p.destination.Addr(), uint8(p.proto),
				uint16(p.typeCode>>8), uint16(p.typeCode&0xff))
			if len(id) > 0 {
				r.Set(ecs.NetworkCommunityID, parse.BytesValue(r.Text().Keep(id)))
			}
		}
	} else {
		hasPorts := p.proto < 0 || p.proto == 6 || p.proto == 17 || p.proto == 132 || p.proto == 33 || p.proto == 136
		if p.sport > 0 || p.sport == 0 && hasPorts {
			r.SetInt(ecs.SourcePort, int64(p.sport))
		}
		if p.dport > 0 || p.dport == 0 && hasPorts {
			r.SetInt(ecs.DestinationPort, int64(p.dport))
		}
	}
	if p.proto >= 0 {
		r.Set(ecs.NetworkIANANumber, parse.BytesValue(r.Text().Keep(strconv.AppendInt(r.Text().Scratch(3), int64(p.proto), 10))))
	}
	if v := r.Get(ecs.SourceBytes); !v.IsZero() && !r.Has(ecs.DestinationBytes) {
		r.Set(ecs.NetworkBytes, v)
	}
	if v := r.Get(ecs.SourcePackets); !v.IsZero() && !r.Has(ecs.DestinationPackets) {
		r.Set(ecs.NetworkPackets, v)
	}
}

// keepPort keeps a port of a protocol that has none, unless it is 0.
func (p *Parser) keepPort(kept parse.Key, n int) {
	if n > 0 && !p.o.ECSOnly {
		p.r.SetInt(kept, int64(n))
	}
}

// maxRepeats is how many fields of one name a record of options can have.
const maxRepeats = 99

// dynamic keeps a field under a name that is not known beforehand, or in a place of its own.
func (p *Parser) dynamic(container parse.Key, f *kernel.Field, v parse.Value) {
	r := p.r
	if v.IsZero() || p.o.ECSOnly {
		return
	}
	name := f.Constant()
	if name == nil {
		name = r.Text().Keep(f.Name(r.Text().Scratch(64)))
	}
	if r.AddDynamic(container, name, v) {
		return
	}
	for i := 2; i <= maxRepeats; i++ { // an element may come several times
		more := append(append(r.Text().Scratch(len(name)+3), name...), '_')
		if r.AddDynamic(container, r.Text().Keep(strconv.AppendInt(more, int64(i), 10)), v) {
			return
		}
	}
	r.Mismatched++
}
