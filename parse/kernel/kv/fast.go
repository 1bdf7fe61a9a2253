package kv

import (
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// fast is read for the usual dialect. It finds the same pairs: where anything is not
// as usual (stray words, a quote inside of a quoted value, an end that is missing)
// the scanner takes over at the pair in hand.
//
// It looks for '=', quotes, spaces and backslashes by vector instructions and asks
// the keys, which remember the order, whether what stands before '=' is a key: only
// keys without a slot are looked at byte by byte.
func (r *Reader) fast(s *scanner, f *parse.Frame) (pairs int, err error) {
	b := s.b[:s.end]
	keys := r.keys
	p := s.p
	eq := indexFrom(b, p, '=')
	slot, ok := r.key(b, p, eq)
	if !ok {
		return r.read(s, f)
	}
	esc := indexFrom(b, p, '\\') // the first backslash at or after p
	for {
		key := b[p:eq:eq]
		i := eq + 1
		var v parse.Value
		var next int
		if i < len(b) && b[i] == '"' {
			i++
			end := indexFrom(b, i, '"')
			if esc < i {
				esc = indexFrom(b, i, '\\')
			}
			next = end + 1
			if esc < end || next < len(b) && b[next] != ' ' || end == len(b) {
				// Escapes, or quotes that may be part of the value.
				if end = s.closeQuote(i, '"'); end < 0 {
					s.p = p
					n, err := r.read(s, f)
					return pairs + n, err
				}
				next = end + 1
				v = parse.BytesValue(r.format.unescape(b[i:end:end], '"', f)).WithFlags(parse.Quoted)
			} else {
				v = parse.BytesValue(b[i:end:end]).WithFlags(parse.Quoted)
			}
		} else if i+1 < len(b) && b[i] == '=' && b[i+1] == '"' {
			s.p = p
			n, err := r.read(s, f)
			return pairs + n, err
		} else {
			end := indexFrom(b, i, ' ')
			next = end
			if end > i && (b[end-1] <= ' ' || b[i] <= ' ') {
				i, end = s.trim(i, end)
			}
			v = parse.BytesValue(b[i:end:end])
		}
		for next < len(b) && b[next] <= ' ' && s.f.class[b[next]]&(isSep|isBlank) != 0 {
			next++
		}
		nextSlot, nextEq := -1, len(b)
		if next < len(b) {
			nextEq = indexFrom(b, next, '=')
			if nextSlot, ok = r.key(b, next, nextEq); !ok {
				// The value in hand may end elsewhere: it is read again.
				keys.Begin()
				s.p = p
				n, err := r.read(s, f)
				return pairs + n, err
			}
		}
		if !f.Put(slot, 0, key, v) {
			return pairs, fail(errcat.Oversize, p, "more keys without a slot than the limit")
		}
		pairs++
		if next >= len(b) {
			return pairs, nil
		}
		p, eq, slot = next, nextEq, nextSlot
	}
}

// key returns the slot of the key b[p:eq]; ok is false where that is no key.
func (r *Reader) key(b []byte, p, eq int) (slot int, ok bool) {
	if eq == len(b) || eq == p || eq-p > parse.MaxKeyLength {
		return -1, false
	}
	key := b[p:eq]
	slot = r.keys.Slot(key)
	if slot < 0 {
		for _, c := range key {
			if r.format.class[c]&isKey == 0 {
				return -1, false
			}
		}
	}
	return slot, true
}
