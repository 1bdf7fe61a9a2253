package json

// rewriter writes checked JSON text again: no white space between tokens, of equal
// keys only the first, lone surrogates and bad bytes as U+FFFD. src has been read by
// scanner.skip.
type rewriter struct {
	set   *keySet
	src   []byte
	twice int
	bad   int
}

func (w *rewriter) append(dst, src []byte) []byte {
	w.src = src
	i, _ := space(src, 0)
	dst, _ = w.value(dst, i, true)
	return dst
}

// value appends the value at i if put is set and returns the index behind it. Its
// recursion is as deep as the text, which MaxDepth bounds.
func (w *rewriter) value(dst []byte, i int, put bool) ([]byte, int) {
	if i >= len(w.src) {
		return dst, i
	}
	switch c := w.src[i]; c {
	case '"':
		end := w.stringEnd(i + 1)
		if put {
			dst = w.str(dst, i+1, end)
		}
		return dst, end + 1
	case '{', '[':
		if put {
			dst = append(dst, c)
		}
		if c == '{' && put {
			w.set.open()
		}
		empty := true
		for i = w.space(i + 1); i < len(w.src) && w.src[i] != '}' && w.src[i] != ']'; {
			keep := put
			if c == '{' {
				from := i + 1
				end := w.stringEnd(from)
				if keep && !w.set.add(w.src, from, end, sawEscape|sawBadUTF8) {
					keep = false
					w.twice++
				}
				if keep {
					if !empty {
						dst = append(dst, ',')
					}
					dst = append(w.str(dst, from, end), ':')
				}
				i = w.space(w.space(end+1) + 1)
			} else if keep && !empty {
				dst = append(dst, ',')
			}
			empty = empty && !keep
			dst, i = w.value(dst, i, keep)
			if i = w.space(i); i < len(w.src) && w.src[i] == ',' {
				i = w.space(i + 1)
			}
		}
		if put {
			dst = append(dst, c+2) // '{'+2 is '}', '['+2 is ']'
		}
		if c == '{' && put {
			w.set.close()
		}
		return dst, i + 1
	default:
		from := i
		i = tokenEnd(w.src, i)
		if put {
			dst = append(dst, w.src[from:i]...)
		}
		return dst, i
	}
}

func (w *rewriter) space(i int) int {
	i, _ = space(w.src, i)
	return i
}

// stringEnd returns the index of the quote that closes the string from i on.
func (w *rewriter) stringEnd(i int) int {
	i, _ = closingQuote(w.src, i, false)
	return i
}

// str appends the string with the raw inside src[from:to].
func (w *rewriter) str(dst []byte, from, to int) []byte {
	src := w.src[from:to]
	dst = append(dst, '"')
	dst, bad := appendRepaired(dst, src)
	w.bad += bad
	return append(dst, '"')
}

// appendRepaired appends the raw inside of a string as it is, lone surrogates and bad
// bytes replaced.
func appendRepaired(dst, src []byte) ([]byte, int) {
	var s scanner
	bad := 0
	for i := 0; i < len(src); {
		j := i
		for j < len(src) && src[j] < 0x80 && src[j] != '\\' {
			j++
		}
		if j > i {
			dst = append(dst, src[i:j]...)
			i = j
			continue
		}
		if src[i] == '\\' {
			end, lone := s.escape(src, i)
			if end < 0 {
				return dst, bad
			}
			if lone != 0 {
				dst = append(dst, "\uFFFD"...)
			} else {
				dst = append(dst, src[i:end]...)
			}
			i = end
			continue
		}
		n := runeLen(src[i:])
		if n == 0 {
			bad++
			dst = append(dst, "\uFFFD"...)
			i++
			continue
		}
		dst = append(dst, src[i:i+n]...)
		i += n
	}
	return dst, bad
}

// Valid reports whether data is one JSON value of any kind under the rules and the
// default limits of Read: nil, or an *errcat.Error.
func Valid(data []byte) error {
	s := scanner{maxDepth: DefaultMaxDepth, maxKeys: DefaultMaxKeys}
	_, _, err := s.whole(data, false)
	return err
}

// Compact appends data, one JSON value of any kind, to dst in the form in which Read
// keeps raw text: on one line without white space between tokens, of equal keys in an
// object only the first. It fails as Valid does and then returns dst as it was.
func Compact(dst, data []byte) ([]byte, error) {
	s := scanner{maxDepth: DefaultMaxDepth, maxKeys: DefaultMaxKeys}
	from, end, err := s.whole(data, false)
	if err != nil {
		return dst, err
	}
	w := rewriter{set: &s.set}
	return w.append(dst, data[from:end]), nil
}

func (s *scanner) whole(data []byte, keep bool) (from, end int, err error) {
	from, cut := begin(data)
	if cut {
		return 0, 0, newError(errTruncated, len(data))
	}
	if end, _ = s.skip(data, from, 0, keep); end < 0 {
		return 0, 0, newError(s.code, s.at)
	}
	if i, _ := space(data, end); i < len(data) {
		return 0, 0, newError(errTrailing, i)
	}
	return from, end, nil
}
