package evtx

import "unicode/utf8"

// AppendXML appends the record as the XML text that Windows shows: one line, single
// quotes, <name/> for elements without content. Control characters are written as
// references, also those that XML 1.0 does not have. On an error, an *errcat.Error,
// dst is returned as it was.
func (r *Record) AppendXML(dst []byte) ([]byte, error) {
	w := &r.chunk.work
	s := &w.text
	s.dst, s.names, s.ends = dst, s.names[:0], s.ends[:0]
	err := w.record(r, s)
	out := s.dst
	s.dst = nil
	if err != nil {
		return dst, err
	}
	return out, nil
}

type textSink struct {
	dst   []byte
	names []byte // of the open elements
	ends  []int  // where each of them begins in names
}

func (s *textSink) open(name []byte) error {
	s.ends = append(s.ends, len(s.names))
	s.names = append(s.names, name...)
	s.dst = append(append(s.dst, '<'), name...)
	return nil
}

func (s *textSink) attr(name, value []byte) error {
	s.dst = append(append(s.dst, ' '), name...)
	s.dst = append(s.dst, "='"...)
	s.dst = appendEscaped(s.dst, value)
	s.dst = append(s.dst, '\'')
	return nil
}

func (s *textSink) content() error {
	s.dst = append(s.dst, '>')
	return nil
}

func (s *textSink) text(b []byte) error {
	s.dst = appendEscaped(s.dst, b)
	return nil
}

func (s *textSink) close(empty bool) error {
	from := s.ends[len(s.ends)-1]
	if empty {
		s.dst = append(s.dst, "/>"...)
	} else {
		s.dst = append(append(s.dst, "</"...), s.names[from:]...)
		s.dst = append(s.dst, '>')
	}
	s.names, s.ends = s.names[:from], s.ends[:len(s.ends)-1]
	return nil
}

// appendEscaped writes text so that it is the same again when it is read.
func appendEscaped(dst, b []byte) []byte {
	from := 0
	for i, c := range b {
		var ref string
		switch {
		case c == '&':
			ref = "&amp;"
		case c == '<':
			ref = "&lt;"
		case c == '>':
			ref = "&gt;"
		case c == '\'':
			ref = "&apos;"
		case c < 0x20 && c != '\n' && c != '\t':
			ref = "&#x" + hexDigits[c>>4:c>>4+1] + hexDigits[c&15:c&15+1] + ";"
		case c == 0xEF && i+2 < len(b) && b[i+1] == 0xBF && b[i+2] >= 0xBE:
			r, _ := utf8.DecodeRune(b[i:]) // U+FFFE and U+FFFF are no characters of XML
			ref = "&#xFFFE;"
			if r == 0xFFFF {
				ref = "&#xFFFF;"
			}
			dst = append(append(dst, b[from:i]...), ref...)
			from = i + 3
			continue
		default:
			continue
		}
		dst = append(append(dst, b[from:i]...), ref...)
		from = i + 1
	}
	return append(dst, b[from:]...)
}
