package normalize

import (
	"crypto/sha1"
	"encoding/binary"
	"slices"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// derivePlan is what is to be done for the records of one Layout. It does what the rules in
// derive.go do, without asking again which fields are there.
type derivePlan struct {
	sides              []sidePlan // if there are some, another plan follows once they are done
	network            *networkPlan
	times, urls, paths bool // the rules of these

	// The places of the fields that feed each of related.*, and whether that field is there.
	related [4][]int32
	known   [4]bool
	any     bool

	fixed []parse.Value // the constants of the Layout that are of interest, see value
}

// value returns the value of a place: a position in values, a constant of the Layout, or
// for -1 nothing.
func (p *derivePlan) value(values []parse.Value, place int32) *parse.Value {
	switch {
	case place >= 0:
		return &values[place]
	case place < -1:
		return &p.fixed[-2-place]
	}
	return &absent
}

var absent parse.Value // is never written

// sidePlan is one endpoint that has only one of its names.
type sidePlan struct {
	at   int32 // place of the field to begin with
	from ecs.Key
	e    *endpoint
}

type networkPlan struct {
	src, dst           int32 // places
	transport, number  int32
	sport, dport       int32
	bytes, packets     [2]int32
	typ, communityID   bool // to be set
	direction          bool
	sumBytes, sumPacks bool
}

// planOf returns the plan for a Layout, which it makes when it first meets it.
func (d *Deriver) planOf(l *parse.Layout) *derivePlan {
	if p, ok := l.Attached(d).(*derivePlan); ok {
		return p
	}
	p := d.newPlan(l)
	l.Attach(d, p)
	return p
}

func (d *Deriver) newPlan(l *parse.Layout) *derivePlan {
	p := &derivePlan{}
	has := func(k ecs.Key) bool { return l.Position(k) >= 0 }
	at := func(k ecs.Key) int32 {
		i := l.Position(k)
		if i < 0 {
			return -1
		}
		if v, ok := l.Fixed(i); ok {
			p.fixed = append(p.fixed, v)
			return int32(-1 - len(p.fixed))
		}
		return int32(i)
	}
	for i := range endpoints {
		e := &endpoints[i]
		switch {
		case !has(e.address) && !has(e.ip):
			if has(e.domain) && !d.o.NoAddress {
				p.sides = append(p.sides, sidePlan{at(e.domain), e.domain, e})
			}
		case !has(e.address):
			if !d.o.NoAddress {
				p.sides = append(p.sides, sidePlan{at(e.ip), e.ip, e})
			}
		case !has(e.ip):
			p.sides = append(p.sides, sidePlan{at(e.address), e.address, e})
		}
	}
	for _, k := range l.Keys() {
		switch k {
		case ecs.EventStart, ecs.EventEnd:
			p.times = !d.o.NoDuration
		case ecs.URLOriginal, ecs.URLFull, ecs.ThreatIndicatorURLOriginal, ecs.ThreatIndicatorURLFull:
			p.urls = !d.o.NoURLParts
		case ecs.FilePath, ecs.ProcessExecutable, ecs.ProcessParentExecutable:
			p.paths = !d.o.NoFileParts
		}
	}
	if has(ecs.SourceIP) || has(ecs.DestinationIP) || has(ecs.NetworkTransport) || has(ecs.NetworkIANANumber) {
		p.network = d.newNetworkPlan(at, has)
	}
	if d.o.NoRelated {
		return p
	}
	t := relatedFields()
	keys := slices.Clone(l.Keys()) // in the order of the rules, which is that of the keys
	slices.Sort(keys)
	for _, k := range keys {
		if k < ecs.Count && t.feeds[k] {
			p.related[t.rule[k]] = append(p.related[t.rule[k]], at(k))
			p.any = true
		}
	}
	for rule, k := range t.keys {
		p.known[rule] = has(k)
	}
	return p
}

func (d *Deriver) newNetworkPlan(at func(ecs.Key) int32, has func(ecs.Key) bool) *networkPlan {
	n := &networkPlan{
		src: at(ecs.SourceIP), dst: at(ecs.DestinationIP), sport: at(ecs.SourcePort), dport: at(ecs.DestinationPort),
		transport: at(ecs.NetworkTransport), number: at(ecs.NetworkIANANumber),
		bytes:   [2]int32{at(ecs.SourceBytes), at(ecs.DestinationBytes)},
		packets: [2]int32{at(ecs.SourcePackets), at(ecs.DestinationPackets)},
	}
	both := has(ecs.SourceIP) && has(ecs.DestinationIP)
	n.typ = both && !has(ecs.NetworkType)
	n.communityID = both && !d.o.NoCommunityID && !has(ecs.NetworkCommunityID)
	n.direction = both && len(d.o.Internal) > 0 && !has(ecs.NetworkDirection)
	n.sumBytes = !has(ecs.NetworkBytes) && has(ecs.SourceBytes) && has(ecs.DestinationBytes)
	n.sumPacks = !has(ecs.NetworkPackets) && has(ecs.SourcePackets) && has(ecs.DestinationPackets)
	return n
}

// byPlan derives with the plan of l, the Layout of r.
func (d *Deriver) byPlan(r *parse.Record, l *parse.Layout) {
	p := d.planOf(l)
	if len(p.sides) > 0 {
		for i := range p.sides {
			d.side(r, p, &p.sides[i])
		}
		if l = r.Settle(); l == nil {
			d.beyondSides(r)
			return
		}
		p = d.planOf(l) // its sides are done
	}
	if p.network != nil {
		d.networkByPlan(r, p)
	}
	if p.times {
		duration(r)
	}
	if p.urls {
		urlParts(r)
	}
	if p.paths {
		allPathParts(r)
	}
	if p.urls && !d.o.NoRelated { // their hosts are new
		if l = r.Settle(); l == nil {
			related(r)
			return
		}
		p = d.planOf(l)
	}
	if p.any {
		relatedByPlan(r, p)
	}
}

func (d *Deriver) side(r *parse.Record, p *derivePlan, s *sidePlan) {
	v, e := *p.value(r.Values(), s.at), s.e
	switch s.from {
	case e.domain:
		if v.Kind() == parse.KindString {
			r.Set(e.address, v)
		}
	case e.ip:
		if v.Kind() == parse.KindIP {
			r.Set(e.address, parse.BytesValue(v.Bytes()))
		}
	default:
		if ip, ok := parse.IPValue(v.Bytes(), r.Text()); ok {
			r.Set(e.ip, ip)
		} else if !r.Has(e.domain) && isHostname(v.Bytes()) {
			r.Set(e.domain, v)
		}
	}
}

// networkByPlan is Deriver.network.
func (d *Deriver) networkByPlan(r *parse.Record, p *derivePlan) {
	n, values := p.network, r.Values()
	get := func(place int32) *parse.Value { return p.value(values, place) }
	src, dst := get(n.src), get(n.dst)
	ips := src.Kind() == parse.KindIP && dst.Kind() == parse.KindIP
	a, isA := src.IPv4()
	b, isB := dst.IPv4()
	is4 := ips && isA && isB
	if n.typ && ips {
		switch {
		case is4:
			r.SetConst(ecs.NetworkType, "ipv4")
		case !isA && !isB && !src.Addr().Is4In6() && !dst.Addr().Is4In6():
			r.SetConst(ecs.NetworkType, "ipv6")
		}
	}
	proto := protocol(r, get(n.transport), get(n.number))
	if n.sumBytes {
		sum(r, ecs.NetworkBytes, get(n.bytes[0]), get(n.bytes[1]))
	}
	if n.sumPacks {
		sum(r, ecs.NetworkPackets, get(n.packets[0]), get(n.packets[1]))
	}
	if !ips {
		return
	}
	if n.communityID && proto >= 0 {
		sport, dport := get(n.sport), get(n.dport)
		if is4 && (proto == 6 || proto == 17) {
			if sport.Kind() == parse.KindInt && dport.Kind() == parse.KindInt && uint64(sport.Int()|dport.Int()) <= 65535 {
				setCommunityID4(r, a, b, uint8(proto), uint16(sport.Int()), uint16(dport.Int()))
			}
		} else {
			d.communityID(r, *src, *dst, uint8(proto))
		}
	}
	if n.direction {
		d.direction(r, *src, *dst)
	}
}

// setCommunityID4 is Deriver.communityID for IPv4 and protocols with ports.
func setCommunityID4(r *parse.Record, from, to uint32, protocol uint8, fromPort, toPort uint16) {
	if from > to || from == to && fromPort > toPort {
		from, to, fromPort, toPort = to, from, toPort, fromPort
	}
	var b [16]byte // two of the seed, the rest as in AppendCommunityID
	binary.BigEndian.PutUint32(b[2:], from)
	binary.BigEndian.PutUint32(b[6:], to)
	b[10] = protocol
	binary.BigEndian.PutUint16(b[12:], fromPort)
	binary.BigEndian.PutUint16(b[14:], toPort)
	sum := sha1.Sum(b[:])
	id := r.Text().Scratch(32)[:30]
	id[0], id[1] = '1', ':'
	appendBase64((*[28]byte)(id[2:]), &sum)
	r.Set(ecs.NetworkCommunityID, parse.BytesValue(r.Text().Keep(id)))
}

// appendBase64 writes a hash in base64.
func appendBase64(to *[28]byte, sum *[sha1.Size]byte) {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i, o := 0, 0; i < 18; i, o = i+3, o+4 {
		n := uint(sum[i])<<16 | uint(sum[i+1])<<8 | uint(sum[i+2])
		to[o], to[o+1], to[o+2], to[o+3] = digits[n>>18&63], digits[n>>12&63], digits[n>>6&63], digits[n&63]
	}
	n := uint(sum[18])<<10 | uint(sum[19])<<2
	to[24], to[25], to[26], to[27] = digits[n>>12&63], digits[n>>6&63], digits[n&63], '='
}

// relatedByPlan is related.
func relatedByPlan(r *parse.Record, p *derivePlan) {
	for rule, key := range relatedFields().keys {
		from := p.related[rule]
		if len(from) == 0 {
			continue
		}
		if len(from) > maxCompared || p.known[rule] || !relatedOf(r, p, key, from) {
			// The rule looks at the text and addresses of a field, or of its elements.
			for _, at := range from {
				appendRelated(r, key, *p.value(r.Values(), at))
			}
		}
	}
}

// relatedOf sets a field to the values of some places, if none of them is a list.
func relatedOf(r *parse.Record, p *derivePlan, key ecs.Key, from []int32) bool {
	values, l := r.Values(), r.Lists().Alloc(len(from))[:0]
next:
	for _, at := range from {
		v := p.value(values, at)
		switch v.Kind() {
		case parse.KindList:
			return false
		case parse.KindIP, parse.KindString:
		default:
			continue
		}
		if v.Len() == 0 {
			continue
		}
		for i := range l {
			if l[i].Kind() == v.Kind() && l[i].Len() == v.Len() && l[i].Str() == v.Str() {
				continue next
			}
		}
		l = append(l, *v)
	}
	if len(l) > 0 {
		r.Set(key, parse.ListValue(l))
	}
	return true
}
