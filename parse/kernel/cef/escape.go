package cef

import "bytes"

// AppendValue appends the extension value v to dst with its escapes taken out: \=,
// \\, \|, \n (line feed) and \r (carriage return). A backslash before anything else
// stands for itself, as devices that print bare Windows paths mean it.
func AppendValue(dst, v []byte) []byte {
	for {
		k := bytes.IndexByte(v, '\\')
		if k < 0 || k+1 == len(v) {
			return append(dst, v...)
		}
		dst = append(dst, v[:k]...)
		switch c := v[k+1]; c {
		case '=', '\\', '|':
			dst = append(dst, c)
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		default:
			dst = append(dst, '\\', c)
		}
		v = v[k+2:]
	}
}

// AppendEscapedValue appends v to dst as an extension value: the reverse of
// AppendValue. Leading and trailing blanks do not survive a reader.
func AppendEscapedValue(dst, v []byte) []byte {
	for _, c := range v {
		switch c {
		case '=', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// AppendEscapedHeader appends v to dst as a header field: the reverse of
// AppendHeader.
func AppendEscapedHeader(dst, v []byte) []byte {
	for _, c := range v {
		if c == '|' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst
}
