package pack

import (
	"bytes"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
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
