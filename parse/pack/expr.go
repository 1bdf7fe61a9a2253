package pack

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The expression language of packs. Lowest precedence first:
//
//	or        a or b
//	and       a and b
//	not       not a
//	compare   == != < <= > >= in contains startswith endswith matches within
//	coalesce  a ?? b          the first that is there
//	pipe      a | filter(args)
//	primary   name  $ecs.field  "text"  12  true  [list]  f(args)  (expr)
//
// A name is a native key or a capture; names with other characters than letters, digits,
// _ . - @ : [ ] / stand in backticks.

type nodeKind uint8

const (
	nodeName   nodeKind = iota // text: native name
	nodeField                  // text: record field
	nodeString                 // text
	nodeNumber                 // text
	nodeBool                   // text
	nodeList                   // args
	nodeCall                   // text: function, args
	nodePipe                   // text: filter, args[0] is the input
	nodeBinary                 // text: operator
	nodeNot
)

type node struct {
	kind nodeKind
	text string
	args []*node
	at   int // offset in the source
}

type exprError struct {
	at  int
	msg string
}

func (e *exprError) Error() string { return e.msg }

type lexer struct {
	src   string
	pos   int
	tok   token
	depth int
}

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokName
	tokField
	tokString
	tokNumber
	tokPunct
)

type token struct {
	kind tokenKind
	text string
	at   int
}

const maxExprDepth = 64

// parseExpr parses the whole of src.
func parseExpr(src string) (n *node, err error) {
	if len(src) > 8<<10 {
		return nil, &exprError{0, "the expression is longer than 8 KiB"}
	}
	l := &lexer{src: src}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*exprError)
			if !ok {
				panic(r)
			}
			n, err = nil, e
		}
	}()
	l.next()
	n = l.or()
	if l.tok.kind != tokEnd {
		l.fail("%q is not expected here", l.tok.text)
	}
	return n, nil
}

func (l *lexer) fail(format string, args ...any) {
	panic(&exprError{l.tok.at, fmt.Sprintf(format, args...)})
}

func isNameByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= utf8.RuneSelf
}

func (l *lexer) next() {
	for l.pos < len(l.src) && (l.src[l.pos] == ' ' || l.src[l.pos] == '\t' || l.src[l.pos] == '\n' || l.src[l.pos] == '\r') {
		l.pos++
	}
	start := l.pos
	l.tok = token{at: start}
	if start == len(l.src) {
		l.tok.kind = tokEnd
		l.tok.text = "the end"
		return
	}
	c := l.src[start]
	switch {
	case c == '"' || c == '\'':
		l.quoted(c)
	case c == '`':
		end := strings.IndexByte(l.src[start+1:], '`')
		if end < 0 {
			l.fail("a backtick name without its end")
		}
		l.tok.kind, l.tok.text = tokName, l.src[start+1:start+1+end]
		l.pos = start + end + 2
		l.nameTail()
	case c >= '0' && c <= '9', c == '-' && start+1 < len(l.src) && l.src[start+1] >= '0' && l.src[start+1] <= '9':
		l.pos++
		for l.pos < len(l.src) && (isNameByte(l.src[l.pos]) || l.src[l.pos] == '.') {
			l.pos++
		}
		l.tok.kind, l.tok.text = tokNumber, l.src[start:l.pos]
		for _, d := range strings.TrimPrefix(l.tok.text, "-") {
			if (d < '0' || d > '9') && d != '.' {
				l.tok.kind = tokName // a name such as 5tuple
			}
		}
	case c == '$' || c == '@' || isNameByte(c):
		if c == '$' {
			l.pos++
		}
		l.name()
		l.tok.kind, l.tok.text = tokName, l.src[start:l.pos]
		if c == '$' {
			l.tok.kind, l.tok.text = tokField, l.src[start+1:l.pos]
		}
		if l.tok.text == "" {
			l.fail("a field name is missing after $")
		}
	default:
		n := 1
		for _, op := range []string{"??", "==", "!=", "<=", ">="} {
			if strings.HasPrefix(l.src[start:], op) {
				n = 2
			}
		}
		l.tok.kind, l.tok.text = tokPunct, l.src[start:start+n]
		l.pos += n
	}
}

// name reads a dotted name: letters, digits, _ - @ : / and bracketed indexes.
func (l *lexer) name() {
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case isNameByte(c), c == '@':
			l.pos++
		case c == '.' || c == '-' || c == ':' || c == '/':
			if l.pos+1 >= len(l.src) || !(isNameByte(l.src[l.pos+1]) || l.src[l.pos+1] == '"' && c == '.' || l.src[l.pos+1] == '@') {
				return
			}
			l.pos++
			if l.src[l.pos] == '"' {
				end := strings.IndexByte(l.src[l.pos+1:], '"')
				if end < 0 {
					return
				}
				l.pos += end + 2
			}
		case c == '[':
			end := strings.IndexByte(l.src[l.pos:], ']')
			if end < 0 {
				return
			}
			for _, d := range l.src[l.pos+1 : l.pos+end] {
				if d < '0' || d > '9' {
					return
				}
			}
			l.pos += end + 1
		default:
			return
		}
	}
}

// nameTail lets a backtick name go on with a plain path.
func (l *lexer) nameTail() {
	start := l.pos
	if l.pos < len(l.src) && (l.src[l.pos] == '.' || l.src[l.pos] == '[') {
		l.name()
		l.tok.text += l.src[start:l.pos]
	}
}

func (l *lexer) quoted(q byte) {
	var b strings.Builder
	i := l.pos + 1
	for ; i < len(l.src) && l.src[i] != q; i++ {
		if l.src[i] != '\\' {
			b.WriteByte(l.src[i])
			continue
		}
		i++
		if i == len(l.src) {
			break
		}
		switch l.src[i] {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case '\\', '"', '\'':
			b.WriteByte(l.src[i])
		default: // \d in a regular expression, \U in a Windows path
			b.WriteByte('\\')
			b.WriteByte(l.src[i])
		}
	}
	if i >= len(l.src) {
		l.fail("a text without its closing %c", q)
	}
	l.pos = i + 1
	l.tok.kind, l.tok.text = tokString, b.String()
}

func (l *lexer) punct(s string) bool {
	if l.tok.kind == tokPunct && l.tok.text == s {
		l.next()
		return true
	}
	return false
}

func (l *lexer) word(s string) bool {
	if l.tok.kind == tokName && l.tok.text == s {
		l.next()
		return true
	}
	return false
}

func (l *lexer) or() *node {
	if l.depth++; l.depth > maxExprDepth {
		l.fail("nested deeper than %d", maxExprDepth)
	}
	defer func() { l.depth-- }()
	n := l.and()
	for at := l.tok.at; l.word("or"); at = l.tok.at {
		n = &node{kind: nodeBinary, text: "or", args: []*node{n, l.and()}, at: at}
	}
	return n
}

func (l *lexer) and() *node {
	n := l.not()
	for at := l.tok.at; l.word("and"); at = l.tok.at {
		n = &node{kind: nodeBinary, text: "and", args: []*node{n, l.not()}, at: at}
	}
	return n
}

func (l *lexer) not() *node {
	at := l.tok.at
	if l.word("not") {
		if l.depth++; l.depth > maxExprDepth {
			l.fail("nested deeper than %d", maxExprDepth)
		}
		defer func() { l.depth-- }()
		return &node{kind: nodeNot, args: []*node{l.not()}, at: at}
	}
	return l.compare()
}

var comparisons = []string{"==", "!=", "<=", ">=", "<", ">"}
var wordComparisons = []string{"in", "contains", "startswith", "endswith", "matches", "within"}

func (l *lexer) compare() *node {
	n := l.coalesce()
	at := l.tok.at
	for _, op := range comparisons {
		if l.punct(op) {
			return &node{kind: nodeBinary, text: op, args: []*node{n, l.coalesce()}, at: at}
		}
	}
	for _, op := range wordComparisons {
		if l.word(op) {
			return &node{kind: nodeBinary, text: op, args: []*node{n, l.coalesce()}, at: at}
		}
	}
	if l.tok.kind == tokName && l.tok.text == "not" {
		l.next()
		if !l.word("in") {
			l.fail("only \"in\" may follow \"not\" here")
		}
		in := &node{kind: nodeBinary, text: "in", args: []*node{n, l.coalesce()}, at: at}
		return &node{kind: nodeNot, args: []*node{in}, at: at}
	}
	return n
}

func (l *lexer) coalesce() *node {
	n := l.pipe()
	for at := l.tok.at; l.punct("??"); at = l.tok.at {
		n = &node{kind: nodeBinary, text: "??", args: []*node{n, l.pipe()}, at: at}
	}
	return n
}

func (l *lexer) pipe() *node {
	n := l.primary()
	for l.punct("|") {
		if l.tok.kind != tokName {
			l.fail("the name of a filter is missing after |")
		}
		f := &node{kind: nodePipe, text: l.tok.text, args: []*node{n}, at: l.tok.at}
		l.next()
		if l.punct("(") {
			f.args = append(f.args, l.arguments(")")...)
		}
		n = f
	}
	return n
}

func (l *lexer) arguments(end string) []*node {
	var args []*node
	for !l.punct(end) {
		if len(args) > 0 && !l.punct(",") {
			l.fail("%q is not expected here: a comma or %q is missing", l.tok.text, end)
		}
		if len(args) > 0 && l.punct(end) {
			break
		}
		args = append(args, l.or())
	}
	return args
}

func (l *lexer) primary() *node {
	t := l.tok
	switch t.kind {
	case tokString:
		l.next()
		return &node{kind: nodeString, text: t.text, at: t.at}
	case tokNumber:
		l.next()
		return &node{kind: nodeNumber, text: t.text, at: t.at}
	case tokField:
		l.next()
		return &node{kind: nodeField, text: t.text, at: t.at}
	case tokName:
		quoted := l.src[t.at] == '`'
		l.next()
		if !quoted {
			switch t.text {
			case "true", "false":
				return &node{kind: nodeBool, text: t.text, at: t.at}
			case "and", "or", "not", "in":
				panic(&exprError{t.at, fmt.Sprintf("%q is a word of the language; write `%s` in backticks for a native key of that name", t.text, t.text)})
			}
			if l.tok.kind == tokPunct && l.tok.text == "(" {
				l.next()
				return &node{kind: nodeCall, text: t.text, args: l.arguments(")"), at: t.at}
			}
		}
		return &node{kind: nodeName, text: t.text, at: t.at}
	}
	switch {
	case l.punct("("):
		n := l.or()
		if !l.punct(")") {
			l.fail("a closing ) is missing")
		}
		return n
	case l.punct("["):
		return &node{kind: nodeList, args: l.arguments("]"), at: t.at}
	}
	l.fail("a value is missing before %q", t.text)
	return nil
}
