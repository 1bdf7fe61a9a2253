package normalize

import (
	"bytes"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// urlKeys are the fields of one URL in an event.
type urlKeys struct {
	original, full, scheme, username, password, domain, port, path, query, fragment, extension ecs.Key
}

// urls are the URLs that an event may have: its own and an indicator's.
var urls = [...]urlKeys{
	{ecs.URLOriginal, ecs.URLFull, ecs.URLScheme, ecs.URLUsername, ecs.URLPassword, ecs.URLDomain, ecs.URLPort,
		ecs.URLPath, ecs.URLQuery, ecs.URLFragment, ecs.URLExtension},
	{ecs.ThreatIndicatorURLOriginal, ecs.ThreatIndicatorURLFull, ecs.ThreatIndicatorURLScheme, ecs.ThreatIndicatorURLUsername,
		ecs.ThreatIndicatorURLPassword, ecs.ThreatIndicatorURLDomain, ecs.ThreatIndicatorURLPort, ecs.ThreatIndicatorURLPath,
		ecs.ThreatIndicatorURLQuery, ecs.ThreatIndicatorURLFragment, ecs.ThreatIndicatorURLExtension},
}

// urlParts splits url.original, or url.full where that is missing, by RFC 3986, and the
// same below threat.indicator. A complete URL gives scheme, domain, port and so on; one that
// begins with a slash gives path and query. Anything else is left alone.
func urlParts(r *parse.Record) {
	for i := range urls {
		k := &urls[i]
		v := r.Get(k.original)
		if v.IsZero() {
			v = r.Get(k.full)
			if v.IsZero() {
				continue
			}
			r.Set(k.original, v)
		}
		if v.Kind() == parse.KindString {
			k.split(r, v.Bytes())
		}
	}
}

// SplitURL sets the url.* parts that u holds and r does not have yet. They alias u.
func SplitURL(r *parse.Record, u []byte) { urls[0].split(r, u) }

func (keys *urlKeys) split(r *parse.Record, u []byte) {
	set := func(k ecs.Key, b []byte) {
		if len(b) > 0 && !r.Has(k) {
			r.Set(k, parse.BytesValue(b))
		}
	}
	rest := u
	if i := bytes.Index(rest, []byte("://")); i > 0 && isScheme(rest[:i]) {
		set(keys.scheme, lowered(r, rest[:i]))
		rest = rest[i+3:]
		end := len(rest)
		if j := scan.IndexAny3(rest, '/', '?', '#'); j >= 0 && j < end {
			end = j
		}
		authority := rest[:end]
		rest = rest[end:]
		if at := bytes.LastIndexByte(authority, '@'); at >= 0 {
			name, password, _ := bytes.Cut(authority[:at], []byte(":"))
			set(keys.username, name)
			set(keys.password, password)
			authority = authority[at+1:]
		}
		host, port := splitPort(authority)
		set(keys.domain, host)
		if n, ok := scan.ParseUint(port); ok && n <= 65535 && !r.Has(keys.port) {
			r.SetInt(keys.port, int64(n))
		}
		if len(host) > 0 && !r.Has(keys.full) {
			r.Set(keys.full, parse.BytesValue(u))
		}
	} else if len(rest) == 0 || rest[0] != '/' {
		return
	}
	if i := bytes.IndexByte(rest, '#'); i >= 0 {
		set(keys.fragment, rest[i+1:])
		rest = rest[:i]
	}
	if i := bytes.IndexByte(rest, '?'); i >= 0 {
		set(keys.query, rest[i+1:])
		rest = rest[:i]
	}
	set(keys.path, rest)
	base := rest[bytes.LastIndexByte(rest, '/')+1:]
	if i := bytes.LastIndexByte(base, '.'); i > 0 && i < len(base)-1 && len(base)-i <= 16 && isAlnum(base[i+1:]) {
		set(keys.extension, base[i+1:])
	}
}

// splitPort takes the port off "host:port" and "[v6]:port". The brackets stay, as ECS
// wants them in url.domain.
func splitPort(b []byte) (host, port []byte) {
	if len(b) > 0 && b[0] == '[' {
		i := bytes.IndexByte(b, ']')
		switch {
		case i < 0 || (i+1 < len(b) && b[i+1] != ':'):
			return b, nil
		case i+1 < len(b):
			return b[:i+1], b[i+2:]
		}
		return b, nil
	}
	if i := bytes.LastIndexByte(b, ':'); i >= 0 && bytes.IndexByte(b, ':') == i {
		return b[:i], b[i+1:]
	}
	return b, nil
}

func isScheme(b []byte) bool {
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return len(b) > 0 && len(b) <= 32
}

func isAlnum(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

func lowered(r *parse.Record, b []byte) []byte {
	for _, c := range b {
		if c >= 'A' && c <= 'Z' {
			return r.Text().Keep(scan.AppendLower(r.Text().Scratch(len(b)), b))
		}
	}
	return b
}
