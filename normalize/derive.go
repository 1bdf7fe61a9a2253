package normalize

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// DeriveOptions say what Deriver adds. The zero value adds everything that follows from
// the event alone.
type DeriveOptions struct {
	// Internal are the networks of the site. If set, network.direction is told by
	// them where the event does not say it.
	Internal []netip.Prefix
	// NoRelated leaves out related.*.
	NoRelated bool
	// NoCommunityID leaves out network.community_id.
	NoCommunityID bool
	// NoAddress leaves out source.address and its kin where the event had only an IP.
	NoAddress bool
	// NoURLParts leaves out what url.original and url.full hold, also below threat.indicator.
	NoURLParts bool
	// NoFileParts leaves out name, extension and directory of a file's path.
	NoFileParts bool
	// NoDuration leaves out of event.start, .end and .duration the one that follows from the
	// other two: for devices whose start is no start.
	NoDuration bool
}

// Deriver sets the fields that follow from other fields of the same event: addresses,
// network.type and .iana_number, network.community_id, event.duration with start and end,
// the parts of URLs and file paths, related.*. It never overwrites a field, and
// sets nothing that would be a guess.
//
// It is safe for concurrent use, each call on a record of its own.
type Deriver struct {
	o DeriveOptions
	// What each rule starts from: most events have none of it.
	sides                    [len(endpoints)]*parse.KeySet
	flow, times, urls, paths *parse.KeySet
}

// NewDeriver returns a Deriver.
func NewDeriver(o DeriveOptions) *Deriver {
	d := &Deriver{
		o:     o,
		flow:  parse.NewKeySet(ecs.SourceIP, ecs.DestinationIP, ecs.NetworkTransport, ecs.NetworkIANANumber),
		times: parse.NewKeySet(ecs.EventStart, ecs.EventEnd),
		urls:  parse.NewKeySet(ecs.URLOriginal, ecs.URLFull, ecs.ThreatIndicatorURLOriginal, ecs.ThreatIndicatorURLFull),
		paths: parse.NewKeySet(ecs.FilePath, ecs.ProcessExecutable, ecs.ProcessParentExecutable),
	}
	for i, e := range endpoints {
		d.sides[i] = parse.NewKeySet(e.address, e.ip, e.domain)
	}
	return d
}

// Process derives and keeps every event. It meets the pipeline's Stage interface.
func (d *Deriver) Process(_ *parse.Message, r *parse.Record) (bool, error) {
	d.Derive(r)
	return true, nil
}

type endpoint struct {
	address, ip, domain, port, natIP ecs.Key
	bytes, packets                   ecs.Key
}

var endpoints = [...]endpoint{
	{ecs.SourceAddress, ecs.SourceIP, ecs.SourceDomain, ecs.SourcePort, ecs.SourceNATIP, ecs.SourceBytes, ecs.SourcePackets},
	{ecs.DestinationAddress, ecs.DestinationIP, ecs.DestinationDomain, ecs.DestinationPort, ecs.DestinationNATIP, ecs.DestinationBytes, ecs.DestinationPackets},
	{ecs.ClientAddress, ecs.ClientIP, ecs.ClientDomain, ecs.ClientPort, ecs.ClientNATIP, ecs.ClientBytes, ecs.ClientPackets},
	{ecs.ServerAddress, ecs.ServerIP, ecs.ServerDomain, ecs.ServerPort, ecs.ServerNATIP, ecs.ServerBytes, ecs.ServerPackets},
}

// Derive sets what follows from r's fields.
func (d *Deriver) Derive(r *parse.Record) {
	if l := r.Settle(); l != nil {
		d.byPlan(r, l)
		return
	}
	d.sidesOf(r)
	d.beyondSides(r)
}

// sidesOf completes the names of the endpoints.
func (d *Deriver) sidesOf(r *parse.Record) {
	for i := range endpoints {
		if !r.HasAny(d.sides[i]) {
			continue
		}
		e := &endpoints[i]
		switch a, ip := r.Get(e.address), r.Get(e.ip); {
		case a.IsZero() && ip.IsZero():
			if v := r.Get(e.domain); v.Kind() == parse.KindString && !d.o.NoAddress {
				r.Set(e.address, v)
			}
		case a.IsZero():
			if !d.o.NoAddress && ip.Kind() == parse.KindIP {
				r.Set(e.address, parse.BytesValue(ip.Bytes()))
			}
		case ip.IsZero():
			if v, ok := parse.IPValue(a.Bytes(), r.Text()); ok {
				r.Set(e.ip, v)
			} else if !r.Has(e.domain) && isHostname(a.Bytes()) {
				r.Set(e.domain, a)
			}
		}
	}
}

// beyondSides sets everything else.
func (d *Deriver) beyondSides(r *parse.Record) {
	if r.HasAny(d.flow) {
		d.network(r)
	}
	if !d.o.NoDuration && r.HasAny(d.times) {
		duration(r)
	}
	if !d.o.NoURLParts && r.HasAny(d.urls) {
		urlParts(r)
	}
	if !d.o.NoFileParts && r.HasAny(d.paths) {
		allPathParts(r)
	}
	if !d.o.NoRelated {
		related(r)
	}
}

// isHostname reports whether b is a name and not a mistyped address or a placeholder:
// labels of letters, digits, hyphens and underscores, the last of which is no number.
func isHostname(b []byte) bool {
	if len(b) > 0 && b[len(b)-1] == '.' {
		b = b[:len(b)-1] // the root
	}
	if len(b) == 0 || len(b) > 253 {
		return false
	}
	start, letter, alnum := 0, false, false
	for i := 0; i <= len(b); i++ {
		if i == len(b) || b[i] == '.' {
			if i == start {
				return false
			}
			if i == len(b) {
				return letter && alnum
			}
			start, letter = i+1, false
			continue
		}
		switch c := b[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letter, alnum = true, true
		case c >= '0' && c <= '9':
			alnum = true
		case c == '-', c == '_':
			letter = true
		default:
			return false
		}
	}
	return false
}

func (d *Deriver) network(r *parse.Record) {
	src, dst := r.Get(ecs.SourceIP), r.Get(ecs.DestinationIP)
	if !r.Has(ecs.NetworkType) && src.Kind() == parse.KindIP && dst.Kind() == parse.KindIP {
		_, a := src.IPv4()
		_, b := dst.IPv4()
		switch {
		case a && b:
			r.SetConst(ecs.NetworkType, "ipv4")
		case !a && !b && !src.Addr().Is4In6() && !dst.Addr().Is4In6():
			r.SetConst(ecs.NetworkType, "ipv6")
		}
	}
	transport, number := r.Get(ecs.NetworkTransport), r.Get(ecs.NetworkIANANumber)
	proto := protocol(r, &transport, &number)
	if !r.Has(ecs.NetworkBytes) {
		a, b := r.Get(ecs.SourceBytes), r.Get(ecs.DestinationBytes)
		sum(r, ecs.NetworkBytes, &a, &b)
	}
	if !r.Has(ecs.NetworkPackets) {
		a, b := r.Get(ecs.SourcePackets), r.Get(ecs.DestinationPackets)
		sum(r, ecs.NetworkPackets, &a, &b)
	}
	if src.Kind() != parse.KindIP || dst.Kind() != parse.KindIP {
		return
	}
	if proto >= 0 && !d.o.NoCommunityID && !r.Has(ecs.NetworkCommunityID) {
		d.communityID(r, src, dst, uint8(proto))
	}
	if len(d.o.Internal) > 0 && !r.Has(ecs.NetworkDirection) {
		d.direction(r, src, dst)
	}
}

// protocol is the number of the flow's protocol, or -1; it sets the number of a name, and
// the name of a number.
func protocol(r *parse.Record, transport, number *parse.Value) int {
	switch {
	case !number.IsZero():
		n, ok := scan.ParseUint(number.Bytes())
		if number.Kind() == parse.KindInt {
			n, ok = uint64(number.Int()), true
		}
		if !ok || n > 255 {
			return -1
		}
		if transport.IsZero() {
			if name := ProtocolName(uint8(n)); name != "" {
				r.SetConst(ecs.NetworkTransport, name)
			}
		}
		return int(n)
	case !transport.IsZero():
		if n, ok := ProtocolNumber(transport.Str()); ok {
			r.SetConst(ecs.NetworkIANANumber, protocolDigits(n))
			return int(n)
		}
	}
	return -1
}

// sum sets k to the sum of two counts.
func sum(r *parse.Record, k ecs.Key, a, b *parse.Value) {
	if a.Kind() != parse.KindInt || b.Kind() != parse.KindInt {
		return
	}
	if n := a.Int() + b.Int(); n >= a.Int() && n >= b.Int() {
		r.SetInt(k, n)
	}
}

// direction tells it by the networks of the site.
func (d *Deriver) direction(r *parse.Record, src, dst parse.Value) {
	from, to := d.internal(src), d.internal(dst)
	switch {
	case from && to:
		r.SetConst(ecs.NetworkDirection, "internal")
	case from:
		r.SetConst(ecs.NetworkDirection, "outbound")
	case to:
		r.SetConst(ecs.NetworkDirection, "inbound")
	default:
		r.SetConst(ecs.NetworkDirection, "external")
	}
}

func (d *Deriver) communityID(r *parse.Record, src, dst parse.Value, proto uint8) {
	var sport, dport int64
	switch proto {
	case 6, 17, 132:
		a, b := r.Get(ecs.SourcePort), r.Get(ecs.DestinationPort)
		if a.Kind() != parse.KindInt || b.Kind() != parse.KindInt {
			return
		}
		sport, dport = a.Int(), b.Int()
		if sport < 0 || sport > 65535 || dport < 0 || dport > 65535 {
			return
		}
	case 1, 58:
		return // type and code are the pack's to know: AppendCommunityID
	}
	id := AppendCommunityID(r.Text().Scratch(32), src.Addr(), dst.Addr(), proto, uint16(sport), uint16(dport))
	if len(id) > 0 {
		r.Set(ecs.NetworkCommunityID, parse.BytesValue(r.Text().Keep(id)))
	}
}

func (d *Deriver) internal(v parse.Value) bool {
	a := v.Addr().Unmap()
	for _, p := range d.o.Internal {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func duration(r *parse.Record) {
	start, end, dur := r.Get(ecs.EventStart), r.Get(ecs.EventEnd), r.Get(ecs.EventDuration)
	switch {
	case start.Kind() == parse.KindTime && end.Kind() == parse.KindTime:
		if n := end.Int() - start.Int(); dur.IsZero() && end.Int() >= start.Int() && n >= 0 {
			r.SetInt(ecs.EventDuration, n)
		}
	case dur.Kind() != parse.KindInt || dur.Int() < 0:
	case start.Kind() == parse.KindTime:
		if n := start.Int() + dur.Int(); n >= start.Int() {
			r.Set(ecs.EventEnd, parse.TimeValue(n))
		}
	case end.Kind() == parse.KindTime:
		if n := end.Int() - dur.Int(); n <= end.Int() {
			r.Set(ecs.EventStart, parse.TimeValue(n))
		}
	}
}

func allPathParts(r *parse.Record) {
	pathParts(r, ecs.FilePath, ecs.FileName, ecs.FileExtension, ecs.FileDirectory)
	pathParts(r, ecs.ProcessExecutable, ecs.ProcessName, ecs.None, ecs.None)
	pathParts(r, ecs.ProcessParentExecutable, ecs.ProcessParentName, ecs.None, ecs.None)
}

// pathParts splits a Windows or POSIX path. Keys that are None are not wanted.
func pathParts(r *parse.Record, path, name, ext, dir ecs.Key) {
	v := r.Get(path)
	if v.Kind() != parse.KindString {
		return
	}
	b := v.Bytes()
	i := bytes.LastIndexByte(b, '/')
	if j := bytes.LastIndexByte(b, '\\'); j > i && (i < 0 || bytes.IndexByte(b, ':') == 1 || bytes.HasPrefix(b, []byte(`\\`))) {
		i = j
	}
	base := b[i+1:]
	if len(base) == 0 {
		return
	}
	if i >= 0 && name != ecs.None && !r.Has(name) {
		r.Set(name, parse.BytesValue(base))
	}
	if ext != ecs.None && !r.Has(ext) {
		if j := bytes.LastIndexByte(base, '.'); j > 0 && j < len(base)-1 && len(base)-j <= 16 && scan.IndexAny2(base[j:], ' ', ':') < 0 {
			r.Set(ext, parse.BytesValue(base[j+1:]))
		}
	}
	if dir != ecs.None && !r.Has(dir) && i >= 0 {
		d := b[:i]
		if i == 0 || (i == 2 && b[1] == ':') {
			d = b[:i+1]
		}
		r.Set(dir, parse.BytesValue(d))
	}
}

// relatedTable tells which fields feed which field of related.*.
type relatedTable struct {
	set   *parse.KeySet    // all of them
	feeds [ecs.Count]bool  // by key
	rule  [ecs.Count]uint8 // by key: the index in keys
	keys  [4]ecs.Key       // related.ip and so on
}

// relatedFields is made at first use and read only.
var relatedFields = sync.OnceValue(func() *relatedTable {
	const ip, user, host, hash = 0, 1, 2, 3
	t := &relatedTable{keys: [...]ecs.Key{ip: ecs.RelatedIP, user: ecs.RelatedUser, host: ecs.RelatedHosts, hash: ecs.RelatedHash}}
	var all []parse.Key
	for k := range ecs.All() {
		name := k.Name()
		switch {
		case strings.HasPrefix(name, "related."), strings.HasPrefix(name, "threat."), strings.HasPrefix(name, "dns.answers"):
			continue
		case k.Type() == ecs.TypeIP:
			t.rule[k] = ip
		case strings.Contains(name, ".hash."):
			t.rule[k] = hash
		case name == "user.name", strings.HasSuffix(name, ".user.name"), name == "user.target.name", name == "user.effective.name", name == "user.changes.name":
			t.rule[k] = user
		case slices.Contains([]ecs.Key{ecs.ClientDomain, ecs.DestinationDomain, ecs.HostHostname, ecs.HostName, ecs.ObserverHostname, ecs.ServerDomain, ecs.SourceDomain, ecs.URLDomain}, k):
			t.rule[k] = host
		default:
			continue
		}
		all = append(all, k)
		t.feeds[k] = true
	}
	t.set = parse.NewKeySet(all...)
	return t
})

// maxCompared is how many values related compares with each other; of more, and the wire
// decides how many a list has, Record.Append takes care.
const maxCompared = 8

func related(r *parse.Record) {
	t := relatedFields()
	var found [len(t.keys)][maxCompared]*parse.Value
	var n [len(t.keys)]int
	var many [len(t.keys)]bool
	for k := range r.Each(t.set) {
		rule, v := t.rule[k], r.Ref(k)
		switch kind := v.Kind(); {
		case kind == parse.KindList || n[rule] == maxCompared:
			many[rule] = true
		case kind == parse.KindIP || kind == parse.KindString && len(v.Bytes()) > 0:
			if !contains(found[rule][:n[rule]], v) {
				found[rule][n[rule]] = v
				n[rule]++
			}
		}
	}
	for rule, key := range t.keys {
		switch {
		case many[rule]:
			for k := range r.Each(t.set) {
				if t.rule[k] == uint8(rule) {
					appendRelated(r, key, *r.Ref(k))
				}
			}
		case n[rule] == 0:
		case r.Has(key):
			for _, v := range found[rule][:n[rule]] {
				r.Append(key, *v)
			}
		default:
			l := r.Lists().Alloc(n[rule])
			for i, v := range found[rule][:n[rule]] {
				l[i] = *v
			}
			r.Set(key, parse.ListValue(l))
		}
	}
}

func contains(list []*parse.Value, v *parse.Value) bool {
	for _, w := range list {
		if w.Equal(*v) {
			return true
		}
	}
	return false
}

// appendRelated appends the texts and addresses of v to the list field k.
func appendRelated(r *parse.Record, k parse.Key, v parse.Value) {
	switch v.Kind() {
	case parse.KindList:
		for _, e := range v.List() {
			appendRelated(r, k, e)
		}
	case parse.KindIP:
		r.Append(k, v)
	case parse.KindString:
		if len(v.Bytes()) > 0 {
			r.Append(k, v)
		}
	}
}
