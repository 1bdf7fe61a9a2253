package pack

import (
	"regexp"
	"regexp/syntax"
	"sync"
)

// capture is a regular expression whose first group is wanted. Package regexp allocates
// the places of groups, but not that of a whole match, from which the group follows for
// most expressions.
type capture struct {
	re *regexp.Regexp
	// The group is the match without its first and last bytes if those are as many in
	// every match; -1: they are not.
	before, after int
	// Else what stands before the group, and the group with what follows: if both match
	// one behind the other, the group begins between them. They are made at first use.
	// nil: no such expressions.
	parts func() (head, tail *regexp.Regexp)
}

func newCapture(text string) (*capture, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	c := &capture{re: re, before: -1, after: -1}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil || re.NumSubexp() != 1 {
		return c, nil
	}
	parts := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		parts = tree.Sub
	}
	at := -1
	for i, p := range parts {
		if p.Op == syntax.OpCapture {
			at = i
		}
	}
	if at < 0 {
		return c, nil // inside of something else
	}
	if c.after = width(parts[at+1:]...); c.after < 0 {
		return c, nil
	}
	if c.before = width(parts[:at]...); c.before >= 0 || looksAround(tree) {
		return c, nil
	}
	join := func(parts []*syntax.Regexp) *regexp.Regexp {
		re, err := regexp.Compile(`\A(?:` + (&syntax.Regexp{Op: syntax.OpConcat, Sub: parts}).String() + `)`)
		if err != nil {
			return regexp.MustCompile(`\z\A.`) // matches nothing, so that the slow way is taken
		}
		return re
	}
	c.parts = sync.OnceValues(func() (head, tail *regexp.Regexp) { return join(parts[:at]), join(parts[at:]) })
	return c, nil
}

// find returns the text of the first group that has one in the first match in b, or nil.
func (c *capture) find(b []byte) []byte {
	if c.after < 0 || c.before < 0 && c.parts == nil {
		return c.slow(b)
	}
	m := c.re.Find(b)
	if m == nil {
		return nil
	}
	if c.before >= 0 {
		return m[c.before : len(m)-c.after]
	}
	// An expression takes the first of its possible beginnings that can go on. So if
	// what the head takes by itself can go on to the same end, it is the beginning.
	head, tail := c.parts()
	n := len(head.Find(m))
	if n == 0 || len(tail.Find(m[n:])) != len(m)-n {
		return c.slow(b)
	}
	return m[n : len(m)-c.after]
}

func (c *capture) slow(b []byte) []byte {
	m := c.re.FindSubmatchIndex(b)
	for i := 2; i+1 < len(m); i += 2 {
		if m[i] >= 0 {
			return b[m[i]:m[i+1]]
		}
	}
	return nil
}

// width is how many bytes the expressions take together, -1 where that is not always the
// same.
func width(parts ...*syntax.Regexp) int {
	n := 0
	for _, p := range parts {
		w := -1
		switch p.Op {
		case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary, syntax.OpEmptyMatch:
			w = 0
		case syntax.OpLiteral:
			if p.Flags&syntax.FoldCase == 0 {
				w = len(string(p.Rune))
			}
		case syntax.OpCharClass:
			if len(p.Rune) > 0 && p.Rune[len(p.Rune)-1] < 0x80 {
				w = 1
			}
		case syntax.OpConcat:
			w = width(p.Sub...)
		}
		if w < 0 {
			return -1
		}
		n += w
	}
	return n
}

// looksAround reports whether something in the expression looks at what stands around.
func looksAround(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	}
	for _, s := range re.Sub {
		if looksAround(s) {
			return true
		}
	}
	return false
}
