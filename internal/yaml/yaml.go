// Package yaml reads the small, safe part of YAML that packs and configuration use
// into a tree that knows the place of everything. It refuses anchors, aliases, merge
// keys, tags, directives, "? key" entries, several documents and repeated keys, and
// bounds size, depth and the entries of a mapping.
package yaml

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a document.
const (
	MaxSize    = 4 << 20 // bytes
	MaxMarks   = 60_000  // lines, and the brackets, commas and colons in them: each can be a token of 300 bytes
	MaxDepth   = 64      // lists and mappings in each other
	MaxEntries = 8192    // of one mapping: the parser's time grows with their square
)

// Kind is the shape of a Node.
type Kind uint8

// The kinds. A Null is an empty value.
const (
	Null Kind = iota
	String
	Int
	Float
	Bool
	List
	Map
)

func (k Kind) String() string {
	return [...]string{"nothing", "text", "a number", "a number", "true or false", "a list", "a mapping"}[k]
}

// Node is one value of the document.
type Node struct {
	Kind      Kind
	Text      string // scalars: the text as written, quotes removed
	Items     []*Node
	Pairs     []Pair // of a Map, in the order of the file
	Line, Col int

	file *File
}

// Pair is one entry of a Map.
type Pair struct {
	Key   *Node
	Value *Node
}

// File is the name of the file that n was read from.
func (n *Node) File() string {
	if n == nil || n.file == nil {
		return ""
	}
	return n.file.Name
}

// Get returns the value of key in a Map, or nil.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for _, p := range n.Pairs {
		if p.Key.Text == key {
			return p.Value
		}
	}
	return nil
}

// Error is a fault with its place.
type Error struct {
	File      string
	Line, Col int
	Msg       string
	Excerpt   string // the line of the file, without its end
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		b.WriteByte(':')
	}
	fmt.Fprintf(&b, "%d:%d: %s", e.Line, e.Col, e.Msg)
	if e.Excerpt != "" {
		fmt.Fprintf(&b, "\n  %s\n  %s^", e.Excerpt, strings.Repeat(" ", max(0, min(e.Col-1, len(e.Excerpt)))))
	}
	return b.String()
}

// File is a parsed document with what is needed to report faults in it.
type File struct {
	Name  string
	Root  *Node
	lines []string
	hide  func(lines []string, i int) string
}

// Errorf returns a fault at n, in the file that n is from.
func (f *File) Errorf(n *Node, format string, args ...any) *Error {
	if n != nil && n.file != nil {
		f = n.file
	}
	e := &Error{File: f.Name, Line: 1, Col: 1, Msg: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Line, e.Col = n.Line, n.Col
	}
	if e.Line >= 1 && e.Line <= len(f.lines) {
		line := f.lines[e.Line-1]
		if f.hide != nil {
			line = f.hide(f.lines, e.Line-1)
		}
		e.Excerpt = strings.ReplaceAll(line, "\t", " ")
		if len(e.Excerpt) > 160 {
			e.Excerpt = strings.ToValidUTF8(e.Excerpt[:160], "") + " …"
		}
	}
	return e
}

// withinMarks is the part of a text that has as many marks as may be; whole reports
// whether that is all of it.
func withinMarks(text string) (part string, whole bool) {
	n := 0
	for i := range len(text) {
		switch text[i] {
		case '\n', '[', ']', '{', '}', ',', ':':
			if n++; n > MaxMarks {
				return text[:i], false
			}
		}
	}
	return text, true
}

// Parse reads one document.
func Parse(name string, src []byte) (*File, error) { return ParseHiding(name, src, nil) }

// ParseHiding is Parse for a document that may hold secrets: hide returns line i as errors may
// show it.
func ParseHiding(name string, src []byte, hide func(lines []string, i int) string) (*File, error) {
	f := &File{Name: name, hide: hide}
	if len(src) > MaxSize {
		return nil, f.Errorf(nil, "the file has %d bytes, more than the limit of %d", len(src), MaxSize)
	}
	text := strings.TrimPrefix(string(src), "\uFEFF")
	if strings.IndexByte(text, '\r') >= 0 {
		text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	}
	f.lines = strings.Split(text, "\n")
	if err := f.checkIndent(); err != nil {
		return nil, err
	}
	read, whole := withinMarks(text)
	if whole {
		if f.Root = f.plainTree(); f.Root != nil {
			return f, nil
		}
	}
	if err := f.parse(read, whole); err != nil {
		return nil, err
	}
	return f, nil
}

// parse reads the text with the library.
func (f *File) parse(read string, whole bool) error {
	tokens := lexer.Tokenize(read)
	if err := f.checkTokens(tokens); err != nil {
		return err
	}
	if !whole {
		return f.Errorf(&Node{Line: 1 + strings.Count(read, "\n"), Col: 1}, "more than %d lines, brackets, commas and colons", MaxMarks)
	}
	doc, err := parser.Parse(tokens, 0)
	if err != nil {
		var ye yaml.Error
		if errors.As(err, &ye) && ye.GetToken() != nil && ye.GetToken().Position != nil {
			p := ye.GetToken().Position
			text := ye.GetMessage()
			if strings.HasPrefix(text, "found character '\t'") {
				text = "a tab: YAML is indented by spaces"
			}
			return f.Errorf(&Node{Line: p.Line, Col: p.Column}, "%s", text)
		}
		return f.Errorf(nil, "%v", err)
	}
	var body ast.Node
	for _, d := range doc.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			return f.Errorf(at(d.Body), "a second document: one file holds one")
		}
		body = d.Body
	}
	if body == nil {
		return f.Errorf(nil, "the file is empty")
	}
	f.Root, err = f.convert(body, 0)
	return err
}

// checkIndent bounds the depth that indentation makes, before the parser, which is
// recursive, sees it.
func (f *File) checkIndent() error {
	for i, l := range f.lines {
		indent := len(l) - len(strings.TrimLeft(l, " -"))
		if indent > 8*MaxDepth {
			return f.Errorf(&Node{Line: i + 1, Col: 1}, "indented by %d, more than the limit of %d", indent, 8*MaxDepth)
		}
	}
	return nil
}

// checkTokens refuses what is not allowed and bounds brackets and mappings, before the
// parser sees them: it is recursive, and slow where one mapping has very many entries.
func (f *File) checkTokens(tokens token.Tokens) error {
	type mapping struct{ col, entries int } // col 0: in brackets
	var open []mapping
	brackets, content := 0, false
	for i, t := range tokens {
		if t.Position == nil {
			continue
		}
		fault := func(format string, args ...any) error {
			return f.Errorf(&Node{Line: t.Position.Line, Col: t.Position.Column}, format, args...)
		}
		switch t.Type {
		case token.AnchorType:
			return fault("anchors (&name) are not allowed; quote the text if it starts with &")
		case token.AliasType:
			return fault("aliases (*name) are not allowed; quote the text if it starts with *")
		case token.TagType:
			return fault("tags (!name) are not allowed; quote the text if it starts with !")
		case token.MergeKeyType:
			return fault("merge keys (<<) are not allowed")
		case token.MappingKeyType:
			return fault("keys marked with ? are not allowed; quote the text if it starts with ?")
		case token.DirectiveType:
			return fault("directives (%%NAME) are not allowed; quote the text if it starts with %%")
		case token.DocumentHeaderType:
			if content {
				return fault("a second document: one file holds one")
			}
		case token.SequenceStartType, token.MappingStartType:
			if brackets++; brackets > MaxDepth {
				return fault("brackets nested deeper than %d", MaxDepth)
			}
			open = append(open, mapping{})
		case token.SequenceEndType, token.MappingEndType:
			if brackets > 0 {
				brackets--
				open = open[:len(open)-1]
			}
		case token.MappingValueType:
			if brackets == 0 {
				col := t.Position.Column
				if i > 0 && tokens[i-1].Position != nil && tokens[i-1].Position.Line == t.Position.Line {
					col = tokens[i-1].Position.Column
				}
				for len(open) > 0 && open[len(open)-1].col > col {
					open = open[:len(open)-1]
				}
				if len(open) == 0 || open[len(open)-1].col < col {
					open = append(open, mapping{col: col})
				}
			}
			m := &open[len(open)-1]
			if m.entries++; m.entries > MaxEntries {
				return fault("a mapping with more than %d entries", MaxEntries)
			}
		}
		content = content || t.Type != token.CommentType
	}
	return nil
}

func at(n ast.Node) *Node {
	node := &Node{Line: 1, Col: 1}
	if t := n.GetToken(); t != nil && t.Position != nil {
		node.Line, node.Col = t.Position.Line, t.Position.Column
	}
	return node
}

func (f *File) convert(n ast.Node, depth int) (*Node, error) {
	if n == nil {
		return &Node{Kind: Null}, nil
	}
	out := at(n)
	out.file = f
	if depth > MaxDepth {
		return nil, f.Errorf(out, "nested deeper than %d", MaxDepth)
	}
	switch n := n.(type) {
	case *ast.NullNode:
		out.Kind = Null
	case *ast.BoolNode:
		out.Kind, out.Text = Bool, n.GetToken().Value
	case *ast.IntegerNode:
		out.Kind, out.Text = Int, n.GetToken().Value
	case *ast.FloatNode:
		out.Kind, out.Text = Float, n.GetToken().Value
	case *ast.StringNode:
		out.Kind, out.Text = String, n.Value
	case *ast.LiteralNode:
		out.Kind, out.Text = String, n.Value.Value
	case *ast.SequenceNode:
		out.Kind = List
		for _, v := range n.Values {
			c, err := f.convert(v, depth+1)
			if err != nil {
				return nil, err
			}
			if c.Line == 0 {
				c.Line, c.Col = out.Line, out.Col
			}
			out.Items = append(out.Items, c)
		}
	case *ast.MappingNode:
		out.Kind = Map
		seen := make(map[string]int, len(n.Values))
		for i, v := range n.Values {
			if err := f.pair(out, v, depth, seen); err != nil {
				return nil, err
			}
			if i == 0 && len(out.Pairs) > 0 && !n.IsFlowStyle {
				out.Line, out.Col = out.Pairs[0].Key.Line, out.Pairs[0].Key.Col
			}
		}
	case *ast.MappingValueNode:
		out.Kind = Map
		if err := f.pair(out, n, depth, map[string]int{}); err != nil {
			return nil, err
		}
		out.Line, out.Col = out.Pairs[0].Key.Line, out.Pairs[0].Key.Col
	case *ast.AnchorNode:
		return nil, f.Errorf(out, "anchors (&name) are not allowed; quote the text if it starts with &")
	case *ast.AliasNode:
		return nil, f.Errorf(out, "aliases (*name) are not allowed; quote the text if it starts with *")
	case *ast.TagNode:
		return nil, f.Errorf(out, "tags (!name) are not allowed; quote the text if it starts with !")
	default:
		return nil, f.Errorf(out, "%s is not allowed here", n.Type())
	}
	return out, nil
}

func (f *File) pair(out *Node, v *ast.MappingValueNode, depth int, seen map[string]int) error {
	key := at(v.Key)
	key.file = f
	switch k := v.Key.(type) {
	case *ast.StringNode:
		key.Kind, key.Text = String, k.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		key.Kind, key.Text = String, v.Key.GetToken().Value
	case *ast.MergeKeyNode:
		return f.Errorf(key, "merge keys (<<) are not allowed")
	default:
		return f.Errorf(key, "a key must be plain text")
	}
	if key.Text == "<<" {
		return f.Errorf(key, "merge keys (<<) are not allowed")
	}
	if line, ok := seen[key.Text]; ok {
		return f.Errorf(key, "key %q again: it stands on line %d already", key.Text, line)
	}
	seen[key.Text] = key.Line
	val, err := f.convert(v.Value, depth+1)
	if err != nil {
		return err
	}
	if val.Line == 0 {
		val.Line, val.Col = key.Line, key.Col
	}
	out.Pairs = append(out.Pairs, Pair{key, val})
	return nil
}

// Int returns the whole number that n holds. A number with a leading zero, which some
// read as octal and some as decimal, is none.
func (n *Node) Int() (int64, bool) {
	if n.Kind != Int {
		return 0, false
	}
	digits := strings.TrimLeft(strings.ReplaceAll(n.Text, "_", ""), "+-")
	if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return 0, false
	}
	i, err := strconv.ParseInt(strings.ReplaceAll(n.Text, "_", ""), 0, 64)
	return i, err == nil
}

// IsScalar reports whether n is text, a number or a boolean.
func (n *Node) IsScalar() bool { return n.Kind >= String && n.Kind <= Bool }
