package kv

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// unescape returns a quoted value without escapes, in fr.Text where that changes it.
func (f *Format) unescape(v []byte, quote byte, fr *parse.Frame) []byte {
	switch f.opts.Escapes {
	case EscapeBackslash, EscapeC:
		if bytes.IndexByte(v, '\\') < 0 {
			return v
		}
	case EscapeDoubled:
		if bytes.IndexByte(v, quote) < 0 {
			return v
		}
	default:
		return v
	}
	if fr.Text == nil {
		return f.AppendValue(nil, v, quote)
	}
	t := f.AppendValue(fr.Text.Scratch(len(v)), v, quote)
	if len(t) == len(v) {
		return v // nothing but backslashes that stand for themselves
	}
	return fr.Text.Keep(t)
}

// AppendValue appends the value v, which stood between the given quotes (0: none),
// to dst with its escapes taken out.
func (f *Format) AppendValue(dst, v []byte, quote byte) []byte {
	if quote == 0 {
		return append(dst, v...)
	}
	switch f.opts.Escapes {
	case EscapeBackslash, EscapeC:
		return appendUnescaped(dst, v, f.opts.Escapes == EscapeC)
	case EscapeDoubled:
		for {
			k := bytes.IndexByte(v, quote)
			if k < 0 || k+1 == len(v) {
				return append(dst, v...)
			}
			dst = append(dst, v[:k+1]...)
			if v[k+1] == quote {
				k++
			}
			v = v[k+1:]
		}
	}
	return append(dst, v...)
}

func appendUnescaped(dst, v []byte, c bool) []byte {
	for {
		k := bytes.IndexByte(v, '\\')
		if k < 0 || k+1 == len(v) {
			return append(dst, v...)
		}
		dst = append(dst, v[:k]...)
		e := v[k+1]
		v = v[k+2:]
		switch e {
		case '"', '\'', '`', '\\', ']':
			dst = append(dst, e)
			continue
		}
		if c {
			switch e {
			case 'n':
				dst = append(dst, '\n')
				continue
			case 'r':
				dst = append(dst, '\r')
				continue
			case 't':
				dst = append(dst, '\t')
				continue
			case 'b':
				dst = append(dst, '\b')
				continue
			case 'f':
				dst = append(dst, '\f')
				continue
			case '/':
				dst = append(dst, '/')
				continue
			case 'u':
				if r, n := hexRune(v); n > 0 {
					dst = utf8.AppendRune(dst, r)
					v = v[n:]
					continue
				}
			}
		}
		dst = append(dst, '\\', e)
	}
}

// hexRune reads XXXX, or XXXX\uXXXX for a pair of surrogates; n is 0 where v does
// not begin with that. Half a pair becomes U+FFFD.
func hexRune(v []byte) (r rune, n int) {
	if len(v) < 4 {
		return 0, 0
	}
	x, ok := scan.ParseHex(v[:4])
	if !ok {
		return 0, 0
	}
	r = rune(x)
	if !utf16.IsSurrogate(r) {
		return r, 4
	}
	if len(v) >= 10 && v[4] == '\\' && v[5] == 'u' {
		if y, ok := scan.ParseHex(v[6:10]); ok {
			if d := utf16.DecodeRune(r, rune(y)); d != utf8.RuneError {
				return d, 10
			}
		}
	}
	return utf8.RuneError, 4
}
