package json

import (
	"fmt"
	"slices"
)

// Nested finds the elements of arrays inside of arrays, each of which is an event of its
// own. It is safe for concurrent use.
type Nested struct{ root branch }

// The limits of NewNested.
const (
	maxNestedPaths = 8
	maxNestedKeys  = 8 // of one path
)

// branch is a member on the way to the elements.
type branch struct {
	key      string
	array    bool // the way goes on in the elements of the array that it holds
	leaf     bool // these are what is looked for
	children []branch
}

// NewNested returns the Nested of at least one path, such as flows[].tuples[] or
// a."b.c".d[]: keys, each of which [] may follow, the last one always. All objects on the way
// to an element are searched, all other elements on the way left out. There are
// at most 8 paths of at most 8 keys; none may lead through the elements of another.
func NewNested(paths ...string) (*Nested, error) {
	n := &Nested{}
	if len(paths) == 0 || len(paths) > maxNestedPaths {
		return nil, fmt.Errorf("json: %d paths to elements, want 1 to %d", len(paths), maxNestedPaths)
	}
	for _, p := range paths {
		steps, err := parsePath(p)
		if err == nil {
			err = n.root.add(steps)
		}
		if err != nil {
			return nil, fmt.Errorf("json: path %q to elements: %w", p, err)
		}
	}
	return n, nil
}

func (b *branch) add(steps []step) error {
	for keys := 1; ; keys++ {
		key := steps[0].key
		steps = steps[1:]
		array := len(steps) > 0 && steps[0].index == stepAll
		if array {
			steps = steps[1:]
		}
		switch {
		case keys > maxNestedKeys:
			return fmt.Errorf("more than %d keys", maxNestedKeys)
		case len(steps) > 0 && steps[0].index != stepKey:
			return fmt.Errorf("behind %q may stand [] once and no index", key)
		case len(steps) == 0 && !array:
			return fmt.Errorf("[] is missing at the end: the elements of which array?")
		}
		i := slices.IndexFunc(b.children, func(c branch) bool { return c.key == key })
		switch {
		case i < 0:
			i = len(b.children)
			b.children = append(b.children, branch{key: key, array: array, leaf: len(steps) == 0})
		case b.children[i].array != array:
			return fmt.Errorf("another path has %q the other way, with and without []", key)
		case b.children[i].leaf || len(steps) == 0:
			return fmt.Errorf("another path leads to the elements of %q, or through them", key)
		}
		if b = &b.children[i]; b.leaf {
			return nil
		}
	}
}

// Piece is data[From:To] of the data that it is about.
type Piece struct{ From, To int }

// Parts are what Find found. They may be used again.
type Parts struct {
	pieces []Piece
	ends   []int   // of each part in pieces
	cuts   []Piece // what the part that is looked for leaves out
}

// Len is the number of elements.
func (p *Parts) Len() int { return len(p.ends) }

// Pieces are what the text of the i-th element is made of, in their order: the whole
// object, in which the arrays on the way to the element have no other elements, and the
// arrays on other ways none. The result is valid until the next Find.
func (p *Parts) Pieces(i int) []Piece {
	from := 0
	if i > 0 {
		from = p.ends[i-1]
	}
	return p.pieces[from:p.ends[i]]
}

// Find gives p the elements in data, an object: those of the first path first. Where
// something else than an array stands in the place of one, it counts as its only element;
// null is none. Text that is no valid JSON has no elements, however many keys it may have.
// Find reports false, with the elements that it came to, if there are more than most. The
// time is linear in len(data) and the number of elements.
func (n *Nested) Find(data []byte, most int, p *Parts) bool {
	p.pieces, p.ends, p.cuts = p.pieces[:0], p.ends[:0], p.cuts[:0]
	s := scanner{maxDepth: DefaultMaxDepth, maxKeys: len(data)}
	from, end, err := s.whole(data, false)
	if err != nil || data[from] != '{' {
		return true
	}
	w := nestedWalk{data: data, most: most, parts: p}
	return w.object(Piece{from, end}, &n.root)
}

type nestedWalk struct {
	data  []byte // valid JSON
	most  int
	parts *Parts
}

// object looks for the elements in the object at v. Like the other methods it reports false
// if there are too many.
func (w *nestedWalk) object(v Piece, b *branch) bool {
	var at [maxNestedPaths]Piece
	w.members(v.From, b, &at)
	cuts := len(w.parts.cuts)
	for i := range b.children {
		if at[i].To == 0 {
			continue
		}
		for o := range b.children {
			if o != i && at[o].To > 0 {
				w.empty(at[o], &b.children[o])
			}
		}
		if !w.value(at[i], &b.children[i]) {
			return false
		}
		w.parts.cuts = w.parts.cuts[:cuts]
	}
	return true
}

// members gives at where the members that b names are in the object at i. Of equal keys the
// first counts.
func (w *nestedWalk) members(i int, b *branch, at *[maxNestedPaths]Piece) {
	for {
		if i, _ = space(w.data, i+1); w.data[i] != '"' {
			return // the object is empty
		}
		quote, escaped := closingQuote(w.data, i+1, false)
		key := w.data[i+1 : quote]
		i, _ = space(w.data, quote+1) // the colon
		from, _ := space(w.data, i+1)
		to := skipValue(w.data, from)
		if k := b.find(key, escaped); k >= 0 && at[k].To == 0 {
			at[k] = Piece{from, to}
		}
		if i, _ = space(w.data, to); w.data[i] != ',' {
			return
		}
	}
}

func (b *branch) find(key []byte, escaped bool) int {
	for i := range b.children {
		if want := b.children[i].key; string(key) == want {
			return i
		} else if escaped && len(key) <= 6*len(want) {
			if plain, _ := appendUnescaped(nil, key, sawEscape); string(plain) == want {
				return i
			}
		}
	}
	return -1
}

// empty cuts the elements out of the arrays of another way.
func (w *nestedWalk) empty(v Piece, b *branch) {
	switch {
	case w.data[v.From] == '[' && b.array:
		w.parts.cuts = append(w.parts.cuts, Piece{v.From + 1, v.To - 1})
	case w.data[v.From] == '{' && !b.leaf:
		var at [maxNestedPaths]Piece
		w.members(v.From, b, &at)
		for i := range b.children {
			if at[i].To > 0 {
				w.empty(at[i], &b.children[i])
			}
		}
	}
}

// value goes on in what the member of b holds.
func (w *nestedWalk) value(v Piece, b *branch) bool {
	if !b.array || w.data[v.From] != '[' {
		return w.element(v, b)
	}
	end, cuts := v.To-1, len(w.parts.cuts)
	for i, _ := space(w.data, v.From+1); i < end; i, _ = space(w.data, i+1) {
		to := skipValue(w.data, i)
		w.parts.cuts = append(w.parts.cuts, Piece{v.From + 1, i}, Piece{to, end})
		if !w.element(Piece{i, to}, b) {
			return false
		}
		w.parts.cuts = w.parts.cuts[:cuts]
		i, _ = space(w.data, to) // the comma or the end
	}
	return true
}

func (w *nestedWalk) element(v Piece, b *branch) bool {
	switch {
	case !b.leaf:
		return w.data[v.From] != '{' || w.object(v, b)
	case w.data[v.From] == 'n':
		return true
	case w.parts.Len() == w.most:
		return false
	}
	w.parts.add(len(w.data))
	return true
}

// add adds the part that is left of size bytes by the cuts, which do not overlap.
func (p *Parts) add(size int) {
	from := 0
	var room [4 * maxNestedKeys]Piece
	cuts := append(room[:0], p.cuts...)
	slices.SortFunc(cuts, func(a, b Piece) int { return a.From - b.From })
	for _, c := range cuts {
		if c.From > from {
			p.pieces = append(p.pieces, Piece{from, c.From})
		}
		from = max(from, c.To)
	}
	if from < size {
		p.pieces = append(p.pieces, Piece{from, size})
	}
	p.ends = append(p.ends, len(p.pieces))
}
