package ocsf

import (
	"bytes"
	"strings"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// complete sets what OCSF requires beside attributes that the rules have set, and takes
// away objects that lack what cannot be known.
func (e *Encoder) complete(c *class, r, to *parse.Record) {
	t, k := e.tables, &e.tables.keys
	profiles := ""
	t.whole(to, "device", "ip", "uid", "name", "hostname")
	t.whole(to, "firewall_rule", "name", "uid")
	if t.has(to, "device") {
		to.SetInt(k.deviceType, 0)
		if to.Has(k.osName) {
			to.SetInt(k.osType, int64(osType(r)))
		} else {
			t.drop(to, "device.os")
		}
		profiles += "host "
	} else if t.has(to, "actor") {
		profiles += "host "
	}
	if !r.Has(ecs.CloudProvider) {
		t.drop(to, "cloud")
	} else {
		profiles += "cloud "
	}
	if c.controlled {
		profiles += "security_control "
	}
	if p, ok := t.profile[profiles]; ok {
		to.Set(k.profiles, p)
	}
	for _, u := range [...]string{"actor.user", "user", "src_endpoint.owner", "dst_endpoint.owner"} {
		t.whole(to, u, "name", "uid")
	}
	for _, p := range [...]string{"src_endpoint", "dst_endpoint"} {
		t.whole(to, p+".location", "city", "country", "region")
		t.whole(to, p, "ip", "hostname", "interface_name")
	}
	t.whole(to, "actor.process", "pid", "uid")
	t.whole(to, "url", "url_string", "path")
	t.whole(to, "http_request.url", "url_string", "path")
	t.whole(to, "http_response", "code")
	switch c.uid {
	case 4001, 4002, 4003:
		e.connection(r, to)
	case 4009:
		to.SetInt(k.emailDirection, int64(direction(r.Get(ecs.EmailDirection))))
		if !r.Has(ecs.EmailDirection) {
			to.Delete(k.direction)
		}
	case 3002:
		if !to.Has(k.serviceName) {
			to.Set(k.serviceName, to.Get(k.productName))
		}
	case 2002, 2004:
		for _, f := range findingID {
			if v := r.Get(f); !v.IsZero() {
				if v, ok := text(v, to); ok {
					to.Set(k.findingUID, v)
					e.taken.Add(f)
					break
				}
			}
		}
	case 1001:
		to.SetInt(k.fileType, int64(fileType(r)))
	}
	if v := to.Get(t.key("rcode")); !v.IsZero() {
		to.SetInt(k.rcodeID, int64(rcode(v.Str())))
	}
}

// connection completes connection_info.
func (e *Encoder) connection(r, to *parse.Record) {
	k := &e.tables.keys
	switch r.Get(ecs.NetworkType).Str() {
	case "ipv4":
		to.SetInt(k.protocolVer, 4)
		e.taken.Add(ecs.NetworkType)
	case "ipv6":
		to.SetInt(k.protocolVer, 6)
		e.taken.Add(ecs.NetworkType)
	}
	if !e.tables.has(to, "connection_info") && !r.Has(ecs.NetworkDirection) {
		return
	}
	d := r.Get(ecs.NetworkDirection)
	to.SetInt(k.directionID, int64(direction(d)))
	if d.Kind() == parse.KindString {
		to.Set(k.direction, d)
		e.taken.Add(ecs.NetworkDirection)
	}
}

// direction is a direction_id: 0 unknown, 1 inbound, 2 outbound, 3 lateral, 99 another.
func direction(v parse.Value) int {
	switch v.Str() {
	case "inbound", "ingress":
		return 1
	case "outbound", "egress":
		return 2
	case "internal":
		return 3
	case "", "unknown":
		return 0
	}
	return 99
}

var rcodes = map[string]int{
	"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5, "YXDOMAIN": 6, "YXRRSET": 7, "NXRRSET": 8,
	"NOTAUTH": 9, "NOTZONE": 10, "DSOTYPENI": 11, "BADVERS": 16, "BADSIG": 16, "BADKEY": 17, "BADTIME": 18, "BADMODE": 19, "BADNAME": 20,
	"BADALG": 21, "BADTRUNC": 22, "BADCOOKIE": 23,
}

// rcode is the number that IANA gave a DNS response code, 99 for a word that has none.
func rcode(word string) int {
	if id, ok := rcodes[strings.ToUpper(word)]; ok {
		return id
	}
	return 99
}

// osType is the type_id of an operating system.
func osType(r *parse.Record) int {
	word := r.Get(ecs.HostOSType)
	if word.IsZero() {
		word = r.Get(ecs.HostOSName)
	}
	b := bytes.ToLower(word.Bytes())
	for _, o := range [...]struct {
		word string
		id   int
	}{{"windows", 100}, {"android", 201}, {"linux", 200}, {"ubuntu", 200}, {"debian", 200}, {"red hat", 200}, {"centos", 200}, {"ios", 301},
		{"macos", 300}, {"mac os", 300}, {"darwin", 300}, {"solaris", 400}, {"aix", 401}, {"hp-ux", 402}} {
		if bytes.Contains(b, []byte(o.word)) {
			return o.id
		}
	}
	return 0
}

// fileType is the type_id of a file: 0 unknown, 1 regular, 2 folder, 7 link.
func fileType(r *parse.Record) int {
	switch r.Get(ecs.FileType).Str() {
	case "file":
		return 1
	case "dir":
		return 2
	case "symlink":
		return 7
	}
	return 0
}
