package text

import (
	"fmt"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
)

// Limits of the pattern language; Compile and Check report what goes beyond them.
const (
	// MaxPattern is the longest pattern in bytes.
	MaxPattern = 8192
	// MaxNesting is how deep braces may stand in braces.
	MaxNesting = 8
	// MaxCaptures is how many captures one pattern may have in all.
	MaxCaptures = 128
)

// A PatternError says where a pattern is wrong. It is the cause inside the
// *errcat.Error that Compile and Check return.
type PatternError struct {
	Index   int    // position in the slice given to Compile
	ID      int    // the pattern's own ID
	Pattern string // its text
	Offset  int    // byte in Pattern
	Problem string // what is wrong
	Meant   string // what was probably meant, or empty
}

func (e *PatternError) Error() string {
	s := fmt.Sprintf("pattern %d, byte %d: %s", e.ID, e.Offset, e.Problem)
	if e.Meant != "" {
		s += "; " + e.Meant
	}
	return s
}

func patternError(p *Pattern, index, offset int, problem, meant string) error {
	return &errcat.Error{
		Category: errcat.SchemaViolation, Stage: errcat.StageParse, Parser: "text", Offset: int64(offset),
		Err: &PatternError{Index: index, ID: p.ID, Pattern: p.Text, Offset: offset, Problem: problem, Meant: meant},
	}
}

// A pattern is read into a sequence of elements: a literal run, a capture, or a group
// of alternative sequences.
type elem struct {
	lit  string   // literal run; a space stands for one or more spaces or tabs
	cap  *capture // or a capture
	alts [][]elem // or a group
}

type capture struct {
	name   string // empty: match only
	typ    capType
	class  *class  // of word, user, token and chars
	layout *layout // of time
	empty  bool    // may match nothing
	off    int     // in the pattern
	slot   int32
}

// isClass reports whether the capture takes bytes of a set up to a literal.
func (c *capture) isClass() bool { return c.class != nil }

// searches reports whether the capture looks for the literal that follows it.
func (c *capture) searches() bool { return c.typ == tUntil }

type patternParser struct {
	src    string
	pos    int
	depth  int
	caps   int
	prefix bool // ends with "..."
	// Where and what went wrong.
	off            int
	problem, meant string
}

func (p *patternParser) fail(off int, problem, meant string) bool {
	p.off, p.problem, p.meant = off, problem, meant
	return false
}

// escaped reports whether what follows s has a backslash before it.
func escaped(s string) bool { return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1 }

// parsePattern reads one pattern. On failure the parser holds the reason.
func (p *patternParser) parsePattern() ([]elem, bool) {
	if len(p.src) > MaxPattern {
		return nil, p.fail(MaxPattern, fmt.Sprintf("longer than %d bytes", MaxPattern), "split it into several patterns")
	}
	start := len(p.src) - len(strings.TrimLeft(p.src, " \t"))
	p.pos = start
	p.src = strings.TrimRight(p.src, " \t")
	if escaped(p.src) { // perhaps a space after it was cut
		return nil, p.fail(len(p.src)-1, `a \ at the end`, `write \\ for a backslash`)
	}
	if n := len(p.src) - 3; n >= start && p.src[n:] == "..." && !escaped(p.src[:n]) {
		p.prefix = true
		p.src = p.src[:n]
	}
	seq, ok := p.sequence()
	if !ok {
		return nil, false
	}
	if p.pos < len(p.src) {
		if p.src[p.pos] == '|' {
			return nil, p.fail(p.pos, "a | outside braces", `write {a|b} for alternatives, \| for the character`)
		}
		return nil, p.fail(p.pos, "a } without its {", `write \} for the character`)
	}
	if len(seq) == 0 {
		return nil, p.fail(0, "the pattern is empty", "write <_:rest> to match anything")
	}
	return seq, true
}

// sequence reads up to an unescaped | or } or the end.
func (p *patternParser) sequence() ([]elem, bool) {
	var seq []elem
	var lit []byte
	flush := func() {
		if len(lit) > 0 {
			seq = append(seq, elem{lit: string(lit)})
			lit = nil
		}
	}
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; c {
		case '|', '}':
			flush()
			return seq, true
		case '\\':
			if p.pos+1 >= len(p.src) {
				return nil, p.fail(p.pos, `a \ at the end`, `write \\ for a backslash`)
			}
			e := p.src[p.pos+1]
			if e >= 'a' && e <= 'z' || e >= 'A' && e <= 'Z' || e >= '0' && e <= '9' {
				return nil, p.fail(p.pos, fmt.Sprintf(`\%c is not an escape`, e), `write \\ for a backslash`)
			}
			lit = append(lit, e)
			p.pos += 2
		case ' ', '\t':
			if len(lit) == 0 || lit[len(lit)-1] != ' ' {
				lit = append(lit, ' ')
			}
			p.pos++
		case '<':
			flush()
			c, ok := p.capture()
			if !ok {
				return nil, false
			}
			if c.empty && !c.isClass() && c.typ != tUntil && c.typ != tRest {
				c.empty = false
				seq = append(seq, elem{alts: [][]elem{{{cap: c}}, nil}})
			} else {
				seq = append(seq, elem{cap: c})
			}
		case '{':
			flush()
			g, ok := p.group()
			if !ok {
				return nil, false
			}
			seq = append(seq, g)
		default:
			lit = append(lit, c)
			p.pos++
		}
	}
	flush()
	return seq, true
}

func (p *patternParser) group() (elem, bool) {
	open := p.pos
	p.depth++
	if p.depth > MaxNesting {
		return elem{}, p.fail(open, fmt.Sprintf("braces nested deeper than %d", MaxNesting), "write two patterns")
	}
	var g elem
	for {
		p.pos++ // { or |
		seq, ok := p.sequence()
		if !ok {
			return elem{}, false
		}
		g.alts = append(g.alts, seq)
		if p.pos >= len(p.src) {
			return elem{}, p.fail(open, "a { without its }", `write \{ for the character`)
		}
		if p.src[p.pos] == '}' {
			break
		}
	}
	p.pos++
	p.depth--
	if len(g.alts) == 1 {
		if len(g.alts[0]) == 0 {
			return elem{}, p.fail(open, "empty braces", `write \{\} for the characters`)
		}
		g.alts = append(g.alts, nil)
	}
	return g, true
}

// nameByte reports whether c may stand in the name of a capture.
func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' || c == '@'
}

func (p *patternParser) capture() (*capture, bool) {
	open := p.pos
	escape := `write \< for the character`
	i := open + 1
	for i < len(p.src) && nameByte(p.src[i]) {
		i++
	}
	c := &capture{name: p.src[open+1 : i], off: open}
	if i >= len(p.src) {
		return nil, p.fail(open, "a < without its >", escape)
	}
	if p.src[i] != '>' && p.src[i] != ':' {
		return nil, p.fail(i, fmt.Sprintf("%q in the name of a capture", p.src[i]), "names have letters, digits and _ . - @; "+escape)
	}
	typ, arg, hasArg := "until", "", false
	typeAt := i + 1
	if p.src[i] == ':' {
		i++
		from := i
		for i < len(p.src) && p.src[i] != '>' && p.src[i] != '(' {
			i++
		}
		typ = p.src[from:i]
		if i < len(p.src) && p.src[i] == '(' {
			from := i + 1
			var b []byte
			for i++; i < len(p.src) && p.src[i] != ')'; i++ {
				if p.src[i] == '\\' && i+1 < len(p.src) {
					if c := p.src[i+1]; c != ')' && c != '\\' {
						b = append(b, '\\') // chars reads it
					}
					i++
					if p.src[i] == '\\' {
						b = append(b, '\\')
					}
				}
				b = append(b, p.src[i])
			}
			if i >= len(p.src) {
				return nil, p.fail(from-1, "a ( without its )", `write \) for a bracket that belongs to the argument`)
			}
			arg, hasArg = string(b), true
			i++
			if i < len(p.src) && p.src[i] == '?' {
				typ += "?"
				i++
			}
		}
		if i >= len(p.src) || p.src[i] != '>' {
			return nil, p.fail(open, "a < without its >", escape)
		}
		if strings.HasSuffix(typ, "?") {
			c.empty = true
			typ = typ[:len(typ)-1]
		}
	} else if c.name == "" {
		return nil, p.fail(open, "a capture without name and type", "write <_> to skip text; "+escape)
	}
	p.pos = i + 1
	if c.name == "_" {
		c.name = ""
	}
	p.caps++
	if p.caps > MaxCaptures {
		return nil, p.fail(open, fmt.Sprintf("more than %d captures", MaxCaptures), "")
	}
	if why, meant := c.setType(typ, arg, hasArg); why != "" {
		return nil, p.fail(typeAt, why, meant)
	}
	return c, true
}
