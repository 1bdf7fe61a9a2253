package xml

import (
	"bytes"
	"iter"

	"github.com/penstock-dev/penstock/errcat"
)

// Split yields the elements with the local name given of a document, such as every
// Event of an Events document; data may also hold them one after the other without a
// root. They alias data. Elements within a yielded one are not yielded themselves.
//
// Where the markup breaks, Split yields the broken part (empty if the document only
// lacks its end) with an *errcat.Error, whose
// Offset counts in data, and goes on at the next start tag of that name. Split does
// not check the encoding of the text, as whoever reads the elements does.
// The options bound the elements, MaxBytes each of them.
func Split(data []byte, name string, opts Options) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		d, err := NewDecoder(opts)
		if err != nil {
			yield(nil, err)
			return
		}
		longest := d.opts.MaxBytes
		d.opts.MaxBytes, d.opts.Controls = 1<<31-1, true
		if len(data) > d.opts.MaxBytes {
			yield(nil, fail(errcat.Oversize, d.opts.MaxBytes, "more than 2 GiB at once"))
			return
		}
		budget := 4 * len(data)
		for base := 0; base < len(data); {
			d.parts = true
			d.Reset(data[base:])
			start, depth := -1, 0 // of the element that is open
			for {
				t, err := d.Next()
				if err != nil {
					if e, ok := err.(*errcat.Error); ok {
						e.Offset += int64(base)
					}
					// The broken element may be one that was cut off, so that the next
					// begins within it; reading again is bounded by the budget.
					from, at := base+d.from, base+max(d.from, 1)
					if start >= 0 {
						from = base + start
						cost := d.from - start
						if errcat.Of(err) == errcat.Truncated {
							cost = len(data) - from
						}
						if cost <= budget {
							budget -= cost
							at = from + 1
						}
					}
					next := -1
					if at == from+1 || errcat.Of(err) != errcat.Truncated {
						next = nextStart(data, at, name)
					}
					if next < 0 {
						yield(data[from:], err)
						return
					}
					if !yield(data[from:next:next], err) {
						return
					}
					base, d.resumed = next, true
					break
				}
				switch t {
				case EOF:
					return
				case Start:
					if start < 0 && string(d.Name()) == name {
						start, depth = d.from, len(d.stack)
					}
				case End:
					if start < 0 || len(d.stack) != depth {
						continue
					}
					part := data[base+start : base+d.pos : base+d.pos]
					var err error
					if len(part) > longest {
						err = fail(errcat.Oversize, base+start+longest, "an element longer than MaxBytes")
					}
					if start = -1; !yield(part, err) {
						return
					}
				}
			}
		}
	}
}

// nextStart returns the offset from i on of a start tag with the local name, or -1.
func nextStart(data []byte, i int, name string) int {
	for {
		n := bytes.IndexByte(data[i:], '<')
		if n < 0 {
			return -1
		}
		i += n + 1
		j := i
		for j < len(data) && class[data[j]]&cName != 0 {
			j++
		}
		if string(localName(data, span{int32(i), int32(j)})) == name {
			return i - 1
		}
	}
}
