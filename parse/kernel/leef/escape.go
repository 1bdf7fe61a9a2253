package leef

import "bytes"

// AppendHeader appends the header text v to dst with its escapes taken out: \|
// and \\. A backslash before anything else stands for itself.
func AppendHeader(dst, v []byte) []byte { return appendUnescaped(dst, v, '|', '|') }

// AppendValue appends the attribute value v to dst with its escapes taken out:
// \\, \=, \| and a backslash before a delimiter of one byte. A backslash
// before anything else stands for itself: LEEF defines no \n or \t, and bare Windows
// paths are full of them.
func AppendValue(dst, v, delimiter []byte) []byte {
	d := byte('=')
	if len(delimiter) == 1 {
		d = delimiter[0]
	}
	return appendUnescaped(dst, v, '=', d)
}

func appendUnescaped(dst, v []byte, extra, delimiter byte) []byte {
	for {
		k := bytes.IndexByte(v, '\\')
		if k < 0 || k+1 == len(v) {
			return append(dst, v...)
		}
		dst = append(dst, v[:k]...)
		if c := v[k+1]; c == '\\' || c == '|' || c == extra || c == delimiter {
			dst = append(dst, c)
		} else {
			dst = append(dst, '\\', c)
		}
		v = v[k+2:]
	}
}
