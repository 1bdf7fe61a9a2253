// Package publicsuffix splits the domains of events by the Public Suffix List: of
// www.example.co.uk the suffix is co.uk, the registered domain example.co.uk, the subdomain www. It is a
// module of its own, since it carries the list (golang.org/x/net/publicsuffix).
//
//	ingest.Config[parse.Record]{Stages: []ingest.Stage[parse.Record]{publicsuffix.New()}, …}
//
// It sets registered_domain, top_level_domain and subdomain beside url.domain, dns.question.name, and
// the domains of source, destination, client and server, where they are not set. Addresses, single
// labels and suffixes alone have none.
package publicsuffix

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// Splitter sets the parts of domains. It is safe for concurrent use, each call on a record of
// its own.
type Splitter struct{ set *parse.KeySet }

// New returns a Splitter.
func New() *Splitter {
	var keys []parse.Key
	for i := range domains {
		keys = append(keys, domains[i].name)
	}
	return &Splitter{parse.NewKeySet(keys...)}
}

type domain struct{ name, registered, top, sub parse.Key }

var domains = [...]domain{
	{ecs.URLDomain, ecs.URLRegisteredDomain, ecs.URLTopLevelDomain, ecs.URLSubdomain},
	{ecs.DNSQuestionName, ecs.DNSQuestionRegisteredDomain, ecs.DNSQuestionTopLevelDomain, ecs.DNSQuestionSubdomain},
	{ecs.SourceDomain, ecs.SourceRegisteredDomain, ecs.SourceTopLevelDomain, ecs.SourceSubdomain},
	{ecs.DestinationDomain, ecs.DestinationRegisteredDomain, ecs.DestinationTopLevelDomain, ecs.DestinationSubdomain},
	{ecs.ClientDomain, ecs.ClientRegisteredDomain, ecs.ClientTopLevelDomain, ecs.ClientSubdomain},
	{ecs.ServerDomain, ecs.ServerRegisteredDomain, ecs.ServerTopLevelDomain, ecs.ServerSubdomain},
}

// maxDomain is how long a domain name may be.
const maxDomain = 253

// Process splits and keeps every event. It meets the pipeline's Stage interface.
func (s *Splitter) Process(_ *parse.Message, r *parse.Record) (bool, error) {
	if !r.HasAny(s.set) {
		return true, nil
	}
	for i := range domains {
		d := &domains[i]
		v := r.Get(d.name)
		if v.Kind() != parse.KindString {
			continue
		}
		sub, registered, top, ok := Split(v.Str())
		if !ok {
			continue
		}
		// The parts are slices of the domain, in the case that it has.
		set(r, d.registered, registered)
		set(r, d.top, top)
		set(r, d.sub, sub)
	}
	return true, nil
}

func set(r *parse.Record, k parse.Key, part string) {
	if part != "" && !r.Has(k) {
		r.Set(k, parse.StringValue(part))
	}
}

// Split cuts a domain name apart. The parts are slices of it, without a dot at its end. ok is
// false where it has no registered domain.
func Split(name string) (sub, registered, top string, ok bool) {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > maxDomain || name[0] == '.' || strings.Contains(name, "..") || !strings.Contains(name, ".") {
		return "", "", "", false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c == ':' || c == '/' || c == 0x7f {
			return "", "", "", false
		}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return "", "", "", false
	}
	lower := strings.ToLower(name)
	if len(lower) != len(name) {
		return "", "", "", false // letters whose lower case is longer: no domain name
	}
	suffix, _ := publicsuffix.PublicSuffix(lower)
	if len(suffix) >= len(name) {
		return "", "", "", false
	}
	top = name[len(name)-len(suffix):]
	rest := name[:len(name)-len(suffix)-1]
	label := rest[strings.LastIndexByte(rest, '.')+1:]
	registered = name[len(rest)-len(label):]
	return strings.TrimSuffix(rest[:len(rest)-len(label)], "."), registered, top, true
}
