package kv

import (
	"bytes"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

func fail(c errcat.Category, offset int, msg string) error {
	e := errcat.New(c, errcat.StageParse, msg)
	e.Parser, e.Offset = "kv", int64(offset)
	return e
}

// What scanner.next found.
type token uint8

const (
	tokEnd    token = iota
	tokPair         // key and value
	tokBare         // key
	tokStray        // value: the stray text
	tokError        // err
	tokNested       // none: pairs inside a value come next
)

// scanner reads any dialect, token by token. The loop of the usual dialect stands
// in Reader.fast and falls back to this one.
type scanner struct {
	f        *Format
	b        []byte
	p, end   int // the rest is b[p:end]
	outer    int // end outside of a nested value, or -1
	key      [2]int
	value    [2]int
	quoted   byte // the quote of the value, or 0
	err      error
	keyStart int // where the pair begins
	order    *parse.KeyOrder
	known    bool // order expected the key, whose slot follows
	slot     int
}

func newScanner(f *Format, b []byte) scanner {
	s := scanner{f: f, b: b, end: len(b), outer: -1}
	s.p, s.end = s.trim(0, len(b))
	if p := f.opts.Prefix; p != "" && bytes.HasPrefix(b[s.p:s.end], []byte(p)) {
		s.p += len(p)
	}
	if x := f.opts.Suffix; x != "" && bytes.HasSuffix(b[s.p:s.end], []byte(x)) {
		s.end -= len(x)
	}
	return s
}

// trim takes blanks from both ends of b[i:j].
func (s *scanner) trim(i, j int) (int, int) {
	for j > i && s.f.class[s.b[j-1]]&isBlank != 0 {
		j--
	}
	for i < j && s.f.class[s.b[i]]&isBlank != 0 {
		i++
	}
	return i, j
}

// to returns the first index in b[i:end] whose byte has one of the classes, or end.
func (s *scanner) to(i int, classes uint8) int {
	b := s.b[:s.end]
	for i < len(b) && s.f.class[b[i]]&classes == 0 {
		i++
	}
	return i
}

// toSep is to(i, isSep).
func (s *scanner) toSep(i int) int {
	if len(s.f.opts.PairSeparators) == 1 {
		return indexFrom(s.b[:s.end], i, s.f.opts.PairSeparators[0])
	}
	return s.to(i, isSep)
}

// over returns the first index in b[i:end] whose byte has none of the classes, or end.
func (s *scanner) over(i int, classes uint8) int {
	b := s.b[:s.end]
	for i < len(b) && s.f.class[b[i]]&classes != 0 {
		i++
	}
	return i
}

// next finds the next token.
func (s *scanner) next() token {
	for {
		if t := s.step(); t != tokNested {
			return t
		}
	}
}

func (s *scanner) step() token {
	f, b := s.f, s.b
	s.p = s.over(s.p, isSep|isBlank)
	for s.p >= s.end {
		if s.outer < 0 {
			return tokEnd
		}
		// Behind the nested value, whose quote stands at end.
		s.p, s.end, s.outer = s.end+1, s.outer, -1
		s.p = s.over(s.p, isSep|isBlank)
	}
	start := s.p
	if s.order != nil {
		var n int
		if n, s.slot = s.order.Guess(b[:s.end], start); n > 0 {
			s.known, s.keyStart, s.key = true, start, [2]int{start, start + n}
			return s.readValue(start + n + 1)
		}
		s.known = false
	}
	if f.class[b[start]]&isQuote != 0 {
		// A quoted text of its own, if it has an end.
		if k := bytes.IndexByte(b[start+1:s.end], b[start]); k >= 0 {
			if past := start + k + 2; past == s.end || f.class[b[past]]&isSep != 0 {
				s.p = past
				return s.stray(start, past)
			}
		}
	}
	stop := s.to(start, isSep|isKeySep)
	eq := stop
	if eq < s.end && f.class[b[eq]]&isKeySep == 0 && f.opts.SpacedSeparator {
		eq = s.over(eq, isBlank)
	}
	if eq == s.end || f.class[b[eq]]&isKeySep == 0 {
		s.p = stop
		return s.word(start, stop)
	}
	// The key is the last run of key bytes before the separator.
	_, stop = s.trim(start, stop)
	ks := stop
	for ks > start && f.class[b[ks-1]]&isKey != 0 {
		ks--
	}
	if ks == stop {
		// No key: the word up to the next pair separator is stray.
		s.p = s.to(eq+1, isSep)
		return s.stray(start, s.p)
	}
	if ks > start {
		// Stray text stands before the key, which comes next time.
		s.p = ks
		if i, j := s.trim(start, ks); i < j {
			return s.stray(i, j)
		}
	}
	s.keyStart = ks
	i, j := ks, stop
	for i < j && f.class[b[i]]&isTrim != 0 {
		i++
	}
	for j > i && f.class[b[j-1]]&isTrim != 0 {
		j--
	}
	s.key = [2]int{i, j}
	return s.readValue(eq + 1)
}

// readValue reads the value that begins at i.
func (s *scanner) readValue(i int) token {
	f, b := s.f, s.b
	if f.opts.SpacedSeparator {
		i = s.over(i, isBlank)
	}
	s.quoted = 0
	if i+1 < s.end && f.class[b[i]]&isKeySep != 0 && f.class[b[i+1]]&isQuote != 0 {
		i++ // key::"value"
	}
	if i < s.end && f.class[b[i]]&isQuote != 0 {
		q := b[i]
		close := s.closeQuote(i+1, q)
		if close < 0 {
			s.err = fail(errcat.Truncated, i, "a quoted value has no end")
			return tokError
		}
		if q == f.opts.Nested && s.outer < 0 {
			s.p, s.end, s.outer = i+1, close, s.end
			return tokNested
		}
		s.value, s.quoted, s.p = [2]int{i + 1, close}, q, close+1
		return tokPair
	}
	var end int
	if f.opts.UnquotedSpaces {
		end = s.spacedEnd(i)
	} else {
		end = s.toSep(i)
	}
	s.p = end
	i, end = s.trim(i, end)
	s.value = [2]int{i, end}
	return tokPair
}

// spacedEnd returns the end of an unquoted value that begins at lo and may hold
// pair separators.
func (s *scanner) spacedEnd(lo int) int {
	f, b := s.f, s.b
	for i := lo; ; {
		var eq int
		if len(f.opts.KeySeparators) == 1 {
			eq = indexFrom(b[:s.end], i, f.opts.KeySeparators[0])
		} else {
			eq = s.to(i, isKeySep)
		}
		if eq == s.end {
			return s.end
		}
		ks := eq
		if f.opts.SpacedSeparator {
			for ks > lo && f.class[b[ks-1]]&isBlank != 0 {
				ks--
			}
		}
		stop := ks
		for ks > lo && f.class[b[ks-1]]&isKey != 0 {
			ks--
		}
		if ks < stop && ks > lo && f.class[b[ks-1]]&(isSep|isBlank) != 0 {
			for ks > lo && f.class[b[ks-1]]&(isSep|isBlank) != 0 {
				ks--
			}
			return ks
		}
		if ks < stop && ks == lo && f.class[b[lo-1]]&(isSep|isBlank) != 0 {
			return lo // an empty value
		}
		i = eq + 1
	}
}

// word is a token without a key separator.
func (s *scanner) word(i, j int) token {
	f := s.f
	if f.opts.BareKeys != BareStray {
		if f.bare != nil {
			if _, ok := f.bare[string(s.b[i:j])]; !ok {
				return s.stray(i, j)
			}
		}
		s.keyStart = i
		s.key = [2]int{i, j}
		return tokBare
	}
	return s.stray(i, j)
}

func (s *scanner) stray(i, j int) token {
	s.value = [2]int{i, j}
	return tokStray
}

// closeQuote returns the index of the quote that closes a value whose content
// begins at lo, or -1.
//
// It is a quote that is not escaped and stands at the end or before a separator and
// a key. Devices that do not escape quotes inside of values are read right that
// way (msg="user "bob" logged in" id=7). Failing that, it is the first quote before
// a separator; then the first escaped one before a separator and a key (a device
// that does not escape the backslash at the end of path="C:\"); then the first.
// With one of these at hand the search ends at a quote that opens another value.
func (s *scanner) closeQuote(lo int, q byte) int {
	f, b := s.f, s.b[:s.end]
	beforeSep, escapedEnd, first := -1, -1, -1
	for i := lo; ; i++ {
		k := bytes.IndexByte(b[i:], q)
		if k < 0 {
			break
		}
		i += k
		next := i + 1
		switch f.opts.Escapes {
		case EscapeBackslash, EscapeC:
			n := i
			for n > lo && b[n-1] == '\\' {
				n--
			}
			if (i-n)&1 == 1 {
				if escapedEnd < 0 && (next == len(b) || f.class[b[next]]&isSep != 0 && s.keyFollows(next)) {
					escapedEnd = i
				}
				continue
			}
		case EscapeDoubled:
			if next < len(b) && b[next] == q {
				if i > lo || next+1 < len(b) && f.class[b[next+1]]&isSep == 0 {
					i = next
					continue
				}
			}
		}
		if next == len(b) {
			return i
		}
		if f.class[b[next]]&isSep != 0 {
			if f.opts.BareKeys != BareStray || s.keyFollows(next) {
				return i
			}
			if (beforeSep >= 0 || first >= 0 || escapedEnd >= 0) && s.opens(lo, i) {
				break
			}
			if beforeSep < 0 {
				beforeSep = i
			}
			continue
		}
		if s.opens(lo, i) {
			if beforeSep >= 0 || first >= 0 || escapedEnd >= 0 {
				break
			}
			continue
		}
		if first < 0 {
			first = i
		}
	}
	switch {
	case beforeSep >= 0:
		return beforeSep
	case escapedEnd >= 0:
		return escapedEnd
	}
	return first
}

// opens reports whether the quote at i stands behind a key separator, not before lo.
func (s *scanner) opens(lo, i int) bool {
	for s.f.opts.SpacedSeparator && i > lo && s.f.class[s.b[i-1]]&isBlank != 0 {
		i--
	}
	return i > lo && s.f.class[s.b[i-1]]&isKeySep != 0
}

// keyFollows reports whether what follows the separator at i is a key with its
// separator, or nothing at all.
func (s *scanner) keyFollows(i int) bool {
	f, b := s.f, s.b
	i = s.over(i, isSep|isBlank)
	if i == s.end {
		return true
	}
	k := i
	for k < s.end && k-i <= parse.MaxKeyLength && f.class[b[k]]&isKey != 0 {
		k++
	}
	if k == i {
		return false
	}
	if f.opts.SpacedSeparator {
		k = s.over(k, isBlank)
	}
	return k < s.end && f.class[b[k]]&isKeySep != 0
}
