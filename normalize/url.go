package normalize

import (
	"bytes"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// urlParts splits url.original, or url.full where that is missing, by RFC 3986. A
// complete URL gives scheme, domain, port and so on; one that begins with a slash gives
// path and query. Anything else is left alone.
func urlParts(r *parse.Record) {
	v := r.Get(ecs.URLOriginal)
	if v.IsZero() {
		v = r.Get(ecs.URLFull)
		if v.IsZero() {
			return
		}
		r.Set(ecs.URLOriginal, v)
	}
	if v.Kind() != parse.KindString {
		return
	}
	SplitURL(r, v.Bytes())
}

// SplitURL sets the url.* parts that u holds and r does not have yet. They alias u.
func SplitURL(r *parse.Record, u []byte) {
	set := func(k ecs.Key, b []byte) {
		if len(b) > 0 && !r.Has(k) {
			r.Set(k, parse.BytesValue(b))
		}
	}
	rest := u
	if i := bytes.Index(rest, []byte("://")); i > 0 && isScheme(rest[:i]) {
		set(ecs.URLScheme, lowered(r, rest[:i]))
		rest = rest[i+3:]
		end := len(rest)
		if j := scan.IndexAny3(rest, '/', '?', '#'); j >= 0 && j < end {
			end = j
		}
		authority := rest[:end]
		rest = rest[end:]
		if at := bytes.LastIndexByte(authority, '@'); at >= 0 {
			name, password, _ := bytes.Cut(authority[:at], []byte(":"))
			set(ecs.URLUsername, name)
			set(ecs.URLPassword, password)
			authority = authority[at+1:]
		}
		host, port := splitPort(authority)
		set(ecs.URLDomain, host)
		if n, ok := scan.ParseUint(port); ok && n <= 65535 && !r.Has(ecs.URLPort) {
			r.SetInt(ecs.URLPort, int64(n))
		}
		if len(host) > 0 && !r.Has(ecs.URLFull) {
			r.Set(ecs.URLFull, parse.BytesValue(u))
		}
	} else if len(rest) == 0 || rest[0] != '/' {
		return
	}
	if i := bytes.IndexByte(rest, '#'); i >= 0 {
		set(ecs.URLFragment, rest[i+1:])
		rest = rest[:i]
	}
	if i := bytes.IndexByte(rest, '?'); i >= 0 {
		set(ecs.URLQuery, rest[i+1:])
		rest = rest[:i]
	}
	set(ecs.URLPath, rest)
	base := rest[bytes.LastIndexByte(rest, '/')+1:]
	if i := bytes.LastIndexByte(base, '.'); i > 0 && i < len(base)-1 && len(base)-i <= 16 && isAlnum(base[i+1:]) {
		set(ecs.URLExtension, base[i+1:])
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
