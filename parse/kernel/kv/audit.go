package kv

import (
	"bytes"

	"github.com/penstock-dev/penstock/internal/scan"
)

// AuditStamp reads the stamp of a Linux audit record, audit(SECONDS.MILLIS:SERIAL)
// with or without the colon behind it, into nanoseconds since 1970 UTC and the
// serial number, which is the same for all records of one event.
func AuditStamp(v []byte) (unixNanos int64, serial uint64, ok bool) {
	v = bytes.TrimSuffix(v, []byte(":"))
	if len(v) < len("audit(0:0)") || string(v[:6]) != "audit(" || v[len(v)-1] != ')' {
		return 0, 0, false
	}
	v = v[6 : len(v)-1]
	colon := bytes.IndexByte(v, ':')
	if colon < 0 {
		return 0, 0, false
	}
	if serial, ok = scan.ParseUint(v[colon+1:]); !ok {
		return 0, 0, false
	}
	sec := v[:colon]
	var frac []byte
	if dot := bytes.IndexByte(sec, '.'); dot >= 0 {
		sec, frac = sec[:dot], sec[dot+1:]
		if len(frac) == 0 || len(frac) > 9 {
			return 0, 0, false
		}
	}
	s, ok := scan.ParseUint(sec)
	if !ok || s > 9_000_000_000 {
		return 0, 0, false
	}
	nanos := uint64(0)
	for i := range 9 {
		nanos *= 10
		if i < len(frac) {
			if frac[i]-'0' > 9 {
				return 0, 0, false
			}
			nanos += uint64(frac[i] - '0')
		}
	}
	return int64(s*1_000_000_000 + nanos), serial, true
}

// AppendHex appends what v means, a text that auditd wrote in hexadecimal because it
// holds blanks, quotes or controls (proctitle, exe, name and others). ok is false, and
// dst unchanged, where v is not an even number of upper-case hexadecimal digits. In
// proctitle and in execve arguments a NUL stands between the words.
//
// Which keys may be hexadecimal is the caller's knowledge: numbers look the same.
func AppendHex(dst, v []byte) (out []byte, ok bool) {
	if len(v) == 0 || len(v)&1 == 1 {
		return dst, false
	}
	out = dst
	for i := 0; i < len(v); i += 2 {
		hi, ok1 := hexDigit(v[i])
		lo, ok2 := hexDigit(v[i+1])
		if !ok1 || !ok2 {
			return dst, false
		}
		out = append(out, hi<<4|lo)
	}
	return out, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c-'0' < 10:
		return c - '0', true
	case c-'A' < 6:
		return c - 'A' + 10, true
	}
	return 0, false
}
