package httpbulk

import (
	"bytes"
	"slices"
	"sync"

	"github.com/penstock-dev/penstock/batch"
)

// Rows are the rows of one request: lines, and identities where they are known.
type Rows struct {
	g    *group
	pick []int32 // of the group's
}

// Len is the number of rows.
func (r *Rows) Len() int { return len(r.pick) }

// Line is row i without its line feed. It is not to be changed.
func (r *Rows) Line(i int) []byte {
	n := r.pick[i]
	var start int32
	if n > 0 {
		start = r.g.ends[n-1]
	}
	return bytes.TrimSuffix(r.g.lines[start:r.g.ends[n]:r.g.ends[n]], newline)
}

var newline = []byte{'\n'}

// ID is the identity of row i, or nil.
func (r *Rows) ID(i int) []byte {
	n := r.pick[i]
	var start int32
	if n > 0 {
		start = r.g.idEnds[n-1]
	}
	if end := r.g.idEnds[n]; end > start {
		return r.g.ids[start:end:end]
	}
	return nil
}

func (r *Rows) bytes() (n int) {
	for i := range r.pick {
		n += len(r.Line(i)) + 1
	}
	return n
}

// NewRows returns rows for tests of a Protocol.
func NewRows(lines []string, ids []string) *Rows {
	g := &group{}
	r := &Rows{g: g}
	for i, l := range lines {
		g.lines = append(append(g.lines, l...), '\n')
		g.ends = append(g.ends, int32(len(g.lines)))
		if i < len(ids) {
			g.ids = append(g.ids, ids[i]...)
		}
		g.idEnds = append(g.idEnds, int32(len(g.ids)))
		r.pick = append(r.pick, int32(i))
	}
	return r
}

// group is what is sent together.
type group struct {
	lines  []byte
	ends   []int32
	ids    []byte
	idEnds []int32
	parts  []part
}

// part is the rows [from, to) of a group, which are the rows of call from first on.
type part struct {
	call            *call
	from, to, first int
}

func (g *group) reset() {
	clear(g.parts)
	*g = group{lines: g.lines[:0], ends: g.ends[:0], ids: g.ids[:0], idEnds: g.idEnds[:0], parts: g.parts[:0]}
}

// call is one batch on its way through groups.
type call struct {
	done    func(error)
	mu      sync.Mutex
	pending int
	failed  []batch.Failure
}

// answer is the answer to rows, or that all rows have been added.
func (c *call) answer(failed []batch.Failure) {
	c.mu.Lock()
	c.failed = append(c.failed, failed...)
	c.pending--
	last := c.pending == 0
	c.mu.Unlock()
	if !last {
		return
	}
	if len(c.failed) == 0 {
		c.done(nil)
		return
	}
	slices.SortFunc(c.failed, func(a, b batch.Failure) int { return a.Row - b.Row })
	c.done(&batch.Partial{Failed: c.failed})
}
