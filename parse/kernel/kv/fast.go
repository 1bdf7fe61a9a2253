package kv

import (
	"math/bits"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// fast is read for the usual dialect. It finds the same pairs: where anything is not
// as usual (stray words, a quote inside of a quoted value, an end that is missing)
// the scanner takes over at the pair in hand.
//
// Most pairs are run's, which expects every key. Here the keys, which remember the order,
// are asked whether what stands before '=' is one: only keys that are new are
// looked at byte by byte.
func (r *Reader) fast(s *scanner, f *parse.Frame) (pairs int, err error) {
	b := s.b[:s.end]
	o := r.order
	p := s.p
	eq, slot := r.key(b, p)
	if eq < 0 {
		return r.read(s, f)
	}
	for {
		from := p
		if p, eq, slot, _ = o.PassQuoted(b, p, eq, slot, f); p == from {
			p, eq, slot = r.run(b, p, eq, slot, f)
		}
		if p > from {
			pairs++ // or more: nobody asks how many
		}
		var text []byte
		var flags parse.Flags
		i, next := eq+1, 0
		if i < len(b) && b[i] == '"' {
			i++
			end := scan.From2(b, i, '"', '\\')
			next = end + 1
			if end < len(b) && b[end] == '"' && (next == len(b) || b[next] == ' ') {
				text = b[i:end:end]
			} else if text, next = r.quoted(s, i, f); next < 0 {
				return r.again(s, f, p, pairs)
			}
			flags = parse.Quoted
		} else if i+1 < len(b) && b[i] == '=' && b[i+1] == '"' {
			return r.again(s, f, p, pairs)
		} else {
			end := scan.From(b, i, ' ')
			next = end
			if end > i && (b[end-1] <= ' ' || b[i] <= ' ') {
				i, end = s.trim(i, end)
			}
			text = b[i:end:end]
		}
		if next < len(b) && b[next] == ' ' {
			next++
		}
		if next < len(b) && b[next] <= ' ' {
			next = s.over(next, isBlank)
		}
		nextSlot, nextEq := -1, -1
		if next < len(b) {
			n := 0
			if n, nextSlot = o.Guess(b, next); n > 0 {
				nextEq = next + n
			} else if nextEq, nextSlot = r.key(b, next); nextEq < 0 {
				// The value in hand may end elsewhere: it is read again.
				return r.again(s, f, p, pairs)
			}
		}
		if slot >= 0 {
			f.Fill(slot, text, flags)
		} else if f.KeepRest && !f.Put(slot, 0, b[p:eq:eq], parse.BytesValue(text).WithFlags(flags)) {
			return pairs, fail(errcat.Oversize, p, "more keys without a slot than the limit")
		}
		pairs++
		if nextEq < 0 {
			return pairs, nil
		}
		p, eq, slot = next, nextEq, nextSlot
	}
}

// run reads pairs as long as all is as usual: a value without escapes and blanks, a space, the
// key that should come next. It returns the first pair that it left.
func (r *Reader) run(b []byte, p, eq, slot int, f *parse.Frame) (int, int, int) {
	const (
		ones   = 0x0101010101010101
		highs  = 0x8080808080808080
		quote  = '"' * ones
		escape = '\\' * ones
		blank  = (' ' + 1) * ones
	)
	var (
		e    = r.order.Last()
		end  = len(b) - 8
		rest = f.KeepRest
	)
loop:
	for eq < end {
		var (
			from  = eq + 1
			i     int
			next  int
			flags parse.Flags
			m     uint64
		)
		// Of what a word has flagged the lowest is exact; bytes from 0x80 up have no flag.
		switch byte(scan.Load64(b, from)) {
		case '"':
			from++
			for i = from; i <= end; i += 8 {
				w := scan.Load64(b, i)
				if m = (((w ^ quote) - ones) | ((w ^ escape) - ones)) &^ w & highs; m != 0 {
					break
				}
			}
			i += bits.TrailingZeros64(m) >> 3
			if i > end || uint16(scan.Load64(b, i)) != '"'|' '<<8 {
				break loop
			}
			next, flags = i+2, parse.Quoted
		case '=':
			break loop
		default:
			for i = from; i <= end; i += 8 {
				w := scan.Load64(b, i)
				if m = (w - blank) &^ w & highs; m != 0 {
					break
				}
			}
			i += bits.TrailingZeros64(m) >> 3
			if i > end || i == from || byte(scan.Load64(b, i)) != ' ' {
				break loop
			}
			next, flags = i+1, 0
		}
		key := e.Next()
		if !key.MayBeAt(b, next) || !key.IsAt(b, next) {
			break loop
		}
		if slot >= 0 {
			f.FillText(slot, b, from, i, flags)
		} else if rest && !f.Put(slot, 0, b[p:eq:eq], parse.BytesValue(b[from:i:i]).WithFlags(flags)) {
			break loop
		}
		e = key
		p, eq, slot = next, next+key.Len(), key.Slot()
	}
	r.order.Found(e)
	return p, eq, slot
}

// again leaves the rest, from the pair at p on, to the scanner.
func (r *Reader) again(s *scanner, f *parse.Frame, p, pairs int) (int, error) {
	s.p = p
	n, err := r.read(s, f)
	return pairs + n, err
}

// quoted returns the quoted value that begins at i and has escapes or quotes in it, and
// where it ends, behind its quote; next is -1 where it has no end.
func (r *Reader) quoted(s *scanner, i int, f *parse.Frame) (text []byte, next int) {
	end := s.closeQuote(i, '"')
	if end < 0 {
		return nil, -1
	}
	return r.format.unescape(s.b[i:end:end], '"', f), end + 1
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
