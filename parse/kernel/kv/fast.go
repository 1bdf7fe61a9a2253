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
	o := r.order
	p := s.p
	eq, slot := r.key(b, p)
	if eq < 0 {
		return r.read(s, f)
	}
	esc := indexFrom(b, p, '\\') // the first backslash at or after p
	for {
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
		for next < len(b) && b[next] <= ' ' && s.f.class[b[next]]&isBlank != 0 {
			next++
		}
		nextSlot, nextEq := -1, -1
		if next < len(b) {
			n := 0
			if n, nextSlot = o.Guess(b, next); n > 0 {
				nextEq = next + n
			} else if nextEq, nextSlot = r.key(b, next); nextEq < 0 {
				// The value in hand may end elsewhere: it is read again.
				s.p = p
				n, err := r.read(s, f)
				return pairs + n, err
			}
		}
		if slot >= 0 && f.Slots[slot].IsZero() {
			f.Slots[slot] = v
		} else if !f.Put(slot, 0, b[p:eq:eq], v) {
			return pairs, fail(errcat.Oversize, p, "more keys without a slot than the limit")
		}
		pairs++
		if nextEq < 0 {
			return pairs, nil
		}
		p, eq, slot = next, nextEq, nextSlot
	}
}

// key returns the index of the '=' behind the key that begins at p, and its slot; eq
// is -1 where none begins there or it is too long.
func (r *Reader) key(b []byte, p int) (eq, slot int) {
	end := min(len(b), p+parse.MaxKeyLength+1)
	eq = p
	for eq < end && r.format.class[b[eq]]&isKey != 0 {
		eq++
	}
	if eq == p || eq == end || b[eq] != '=' {
		return -1, -1
	}
	return eq, r.order.Find(b[p:eq])
}
