package pack

import (
	"bytes"
	"net/netip"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/kv"
)

func ipFilter(s *state, v parse.Value) (parse.Value, bool) {
	if v.Kind() == parse.KindIP {
		return v, true
	}
	b := bytes.TrimSpace(s.text(v))
	if len(b) > 2 && b[0] == '[' && b[len(b)-1] == ']' {
		b = b[1 : len(b)-1]
	}
	w, ok := parse.IPValue(b, s.frame.Text)
	if !ok {
		return parse.Value{}, true
	}
	return w, true
}

func notIPFilter(s *state, v parse.Value) (parse.Value, bool) {
	if v.Kind() == parse.KindIP {
		return parse.Value{}, true
	}
	if _, ok := parse.IPValue(s.text(v), s.frame.Text); ok {
		return parse.Value{}, true
	}
	return v, true
}

// hostPort splits host:port, [v6]:port, v4:port; a bare IPv6 address has no port.
func hostPort(b []byte) (host, port []byte) {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '[' {
		if i := bytes.IndexByte(b, ']'); i > 0 {
			host = b[1:i]
			if rest := b[i+1:]; len(rest) > 1 && rest[0] == ':' {
				port = rest[1:]
			}
			return host, port
		}
	}
	i := bytes.LastIndexByte(b, ':')
	if i < 0 || bytes.IndexByte(b, ':') != i {
		return b, nil
	}
	return b[:i], b[i+1:]
}

func hostOfFilter(s *state, v parse.Value) (parse.Value, bool) {
	h, _ := hostPort(s.text(v))
	if len(h) == 0 {
		return parse.Value{}, true
	}
	return parse.BytesValue(h), true
}

func portOfFilter(s *state, v parse.Value) (parse.Value, bool) {
	_, p := hostPort(s.text(v))
	n, ok := scan.ParseUint(p)
	if !ok || n > 65535 {
		return parse.Value{}, true
	}
	return parse.IntValue(int64(n)), true
}

// sockaddrFilter reads a sockaddr_in or sockaddr_in6 of a machine of either byte order.
func sockaddrFilter(s *state, v parse.Value) (parse.Value, bool) {
	s.scratch = s.scratch[:0]
	d, ok := kv.AppendHex(s.scratch, s.text(v))
	s.scratch = d
	if !ok || len(d) < 8 || d[0] != 0 && d[1] != 0 {
		return parse.Value{}, true
	}
	const inet, inet6 = 2, 10
	port := uint16(d[2])<<8 | uint16(d[3])
	var addr netip.Addr
	switch family := d[0] | d[1]; {
	case family == inet:
		addr = netip.AddrFrom4([4]byte(d[4:8]))
	case family == inet6 && len(d) >= 24:
		addr = netip.AddrFrom16([16]byte(d[8:24])).Unmap()
	default:
		return parse.Value{}, true
	}
	text := netip.AddrPortFrom(addr, port).AppendTo(s.frame.Text.Scratch(64))
	return parse.BytesValue(s.frame.Text.Keep(text)), true
}

func protocolFilter(s *state, v parse.Value) (parse.Value, bool) {
	b := bytes.TrimSpace(s.text(v))
	if n, ok := scan.ParseUint(b); ok {
		if n < 256 {
			if name := normalize.ProtocolName(uint8(n)); name != "" {
				return parse.StringValue(name), true
			}
		}
		return parse.BytesValue(b), true
	}
	return parse.BytesValue(s.frame.Text.Keep(scan.AppendLower(s.frame.Text.Scratch(len(b)), b))), true
}
