package normalize

import (
	"unsafe"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// putWords writes the fields from i on behind out[:n], as long as they are texts that need no escape,
// addresses and integers with a text, and there is room. It returns how many bytes there are then, and the first field that
// it has not written.
//
// It calls nothing, so that all it works with stays in registers, and copies in words: rubbish behind
// the end is overwritten by what follows.
func (sh *shape) putWords(out []byte, n, i int, values []parse.Value) (int, int) {
	to, limit := unsafe.Pointer(unsafe.SliceData(out)), len(out)-2*scan.Slack-2
	texts, fields := unsafe.Pointer(unsafe.SliceData(sh.text)), sh.fields
	for ; i < len(fields); i++ {
		f := &fields[i]
		if f.array {
			break
		}
		v := &values[f.at]
		var text []byte
		quote, mask := 1, uint64(0) // mask is of what may not be in the text
		if kind := v.Kind(); kind == parse.KindString {
			if text = v.JSON(); text == nil {
				text, mask = v.Bytes(), scan.Highs
			}
		} else {
			if text = v.Bytes(); text == nil || kind != parse.KindIP && kind != parse.KindInt {
				break
			}
			if kind == parse.KindInt {
				quote = 0
			}
		}
		size, length := int(f.size), len(text)
		if n+size+length > limit {
			break
		}
		at, from := unsafe.Add(to, n), unsafe.Add(texts, f.from)
		*(*[16]byte)(at) = *(*[16]byte)(from)
		for k := 16; k < size; k += 16 {
			*(*[16]byte)(unsafe.Add(at, k)) = *(*[16]byte)(unsafe.Add(from, k))
		}
		at, from = unsafe.Add(at, size), unsafe.Pointer(unsafe.SliceData(text))
		*(*byte)(at) = '"'
		at = unsafe.Add(at, quote)
		bad := uint64(0)
		if last := length - 8; last >= 0 {
			for k := 0; k < last; k += 8 {
				w := *(*uint64)(unsafe.Add(from, k))
				*(*uint64)(unsafe.Add(at, k)) = w
				bad |= scan.RawUnsafe(w)
			}
			w := *(*uint64)(unsafe.Add(from, last))
			*(*uint64)(unsafe.Add(at, last)) = w
			bad |= scan.RawUnsafe(w)
		} else if length >= 4 {
			w, x := *(*uint32)(from), *(*uint32)(unsafe.Add(from, length-4))
			*(*uint32)(at) = w
			*(*uint32)(unsafe.Add(at, length-4)) = x
			bad = scan.RawUnsafe(uint64(w) | uint64(x)<<32)
		} else if length > 0 {
			a, b, c := *(*byte)(from), *(*byte)(unsafe.Add(from, length>>1)), *(*byte)(unsafe.Add(from, length-1))
			*(*byte)(at) = a
			*(*byte)(unsafe.Add(at, length>>1)) = b
			*(*byte)(unsafe.Add(at, length-1)) = c
			bad = scan.RawUnsafe(uint64(a)*0x0101010101000001 | uint64(b)<<8 | uint64(c)<<16)
		}
		if bad&mask != 0 {
			break
		}
		*(*byte)(unsafe.Add(at, length)) = '"'
		n += size + length + 2*quote
	}
	return n, i
}
