package yaml

import (
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/token"
)

// plain reads the form in which nearly every file is written: block mappings and lists, texts
// plain or in quotes on one line, brackets, "|" blocks, comments. It makes
// the tree that the library makes, in a tenth of the time; it declines everything else,
// all that is wrong included, and then the library reads the file and words the fault.
type plain struct {
	file  *File
	line  int // the next one that has content, counted from 0
	depth int
	nodes []Node // room for the next nodes
	room  int    // how many the last one was for
}

// plainTree returns the tree of the file, or nil where plain declines it.
func (f *File) plainTree() *Node {
	for _, l := range f.lines {
		for i := range len(l) {
			if l[i] < ' ' || l[i] == 0x7f {
				return nil
			}
		}
		if !utf8.ValidString(l) {
			return nil
		}
	}
	p := &plain{file: f}
	indent, ok := p.next()
	if !ok {
		return nil
	}
	n := p.block(indent, -1)
	if _, more := p.next(); more {
		return nil
	}
	return n
}

func (p *plain) node(kind Kind, text string, line, at int) *Node {
	if len(p.nodes) == 0 {
		p.room = min(max(2*p.room, 8), 64) // most texts are small
		p.nodes = make([]Node, p.room)
	}
	n := &p.nodes[0]
	p.nodes = p.nodes[1:]
	n.Kind, n.Text, n.Line, n.file = kind, text, line+1, p.file
	n.Col = utf8.RuneCountInString(p.file.lines[line][:at]) + 1
	return n
}

// next goes on to the next line with content and returns its indentation.
func (p *plain) next() (indent int, ok bool) {
	for ; p.line < len(p.file.lines); p.line++ {
		l := p.file.lines[p.line]
		indent = 0
		for indent < len(l) && l[indent] == ' ' {
			indent++
		}
		if indent < len(l) && l[indent] != '#' {
			return indent, true
		}
	}
	return 0, false
}

// maxPlainPairs bounds the pairs in brackets, each of which is compared with those before.
const maxPlainPairs = 512

// block reads what begins at column at of the line and belongs to a key or dash at column
// of. It returns nil for what plain does not read, as all below do.
func (p *plain) block(at, of int) *Node {
	if p.depth++; p.depth > MaxDepth/2 {
		return nil
	}
	defer func() { p.depth-- }()
	l := p.file.lines[p.line]
	switch {
	case isDash(l, at):
		return p.list(at)
	case l[at] == '{' || l[at] == '[':
		return p.value(at, of)
	}
	return p.mapping(at)
}

// isDash reports whether a list's entry begins at l[at].
func isDash(l string, at int) bool {
	return l[at] == '-' && (at+1 == len(l) || l[at+1] == ' ')
}

func (p *plain) list(at int) *Node {
	out := p.node(List, "", p.line, at)
	for first := true; ; first = false {
		if !first {
			indent, ok := p.next()
			if !ok || indent < at {
				return out
			}
			if l := p.file.lines[p.line]; indent > at {
				return nil
			} else if !isDash(l, at) {
				return out
			}
		}
		l := p.file.lines[p.line]
		i := at + 1
		for i < len(l) && l[i] == ' ' {
			i++
		}
		if i == len(l) || l[i] == '#' {
			return nil // an entry on lines of its own, or none
		}
		var v *Node
		if _, _, _, isKey := p.key(l, i); isKey || isDash(l, i) {
			v = p.block(i, at)
		} else {
			v = p.value(i, at)
		}
		if v == nil {
			return nil
		}
		out.Items = append(out.Items, v)
	}
}

func (p *plain) mapping(at int) *Node {
	var out *Node
	var seen map[string]bool
	for first := true; ; first = false {
		if !first {
			if indent, ok := p.next(); !ok || indent < at {
				return out
			} else if indent > at {
				return nil
			}
		}
		l := p.file.lines[p.line]
		name, end, quoted, ok := p.key(l, at)
		if !ok || name == "<<" || !quoted && !plainStart(l[at:]) {
			return nil
		}
		line := p.line
		key := p.node(String, name, line, at)
		if first {
			out = p.node(Map, "", line, at)
		}
		if seen == nil && len(out.Pairs) >= 8 {
			seen = make(map[string]bool, 16)
			for _, pair := range out.Pairs {
				seen[pair.Key.Text] = true
			}
		}
		if seen != nil && seen[name] || seen == nil && out.Get(name) != nil || len(out.Pairs) >= MaxEntries {
			return nil
		}
		if seen != nil {
			seen[name] = true
		}
		colon := end
		i := end + 1
		for i < len(l) && l[i] == ' ' {
			i++
		}
		var v *Node
		if i == len(l) || l[i] == '#' {
			p.line++
			indent, more := p.next()
			switch {
			case more && indent > at, more && indent == at && isDash(p.file.lines[p.line], at):
				v = p.block(indent, at)
			default:
				v = p.node(Null, "", line, colon)
			}
		} else {
			v = p.value(i, at)
		}
		if v == nil {
			return nil
		}
		out.Pairs = append(out.Pairs, Pair{key, v})
	}
}

// key reads the key of a mapping that begins at l[at]; end is where its colon stands.
func (p *plain) key(l string, at int) (name string, end int, quoted, ok bool) {
	if l[at] == '"' || l[at] == '\'' {
		name, end, ok = quotedText(l, at)
		return name, end, true, ok && end < len(l) && l[end] == ':' && (end+1 == len(l) || l[end+1] == ' ')
	}
	for end = at; end < len(l); end++ {
		switch l[end] {
		case ':':
			if end+1 == len(l) || l[end+1] == ' ' {
				return l[at:end], end, false, end > at && l[end-1] != ' '
			}
		case '#':
			if end > at && l[end-1] == ' ' {
				return "", 0, false, false
			}
		}
	}
	return "", 0, false, false
}

// plainStart reports whether s, which has a byte, begins as a text without quotes may.
func plainStart(s string) bool {
	switch s[0] {
	case '&', '*', '!', '|', '>', '%', '@', '`', '?', '{', '}', '[', ']', ',', '#', '"', '\'', ':', '=':
		return false
	case '-':
		return len(s) > 1 && s[1] != ' ' && s[1] != '-'
	case '.':
		return len(s) < 3 || s[:3] != "..."
	case '<':
		return len(s) < 2 || s[1] != '<'
	}
	return true
}

// value reads what stands at column i of the line, behind a key or dash at column at, and
// goes on to the next line.
func (p *plain) value(i, at int) *Node {
	l := p.file.lines[p.line]
	line := p.line
	var out *Node
	var end int
	switch c := l[i]; {
	case c == '|':
		return p.literal(i, at)
	case c == '"' || c == '\'':
		text, e, ok := quotedText(l, i)
		if !ok {
			return nil
		}
		out, end = p.node(String, text, line, i), e
	case c == '[' || c == '{':
		if out, end = p.flow(i, at); out == nil {
			return nil
		}
		l = p.file.lines[p.line]
	default:
		if !plainStart(l[i:]) {
			return nil
		}
		text := l[i:]
		if k := strings.Index(text, " #"); k >= 0 {
			text = text[:k]
		}
		if strings.HasSuffix(text, " ") && i+len(text) == len(l) {
			return nil // the library is off by them
		}
		text = strings.TrimRight(text, " ")
		if strings.Contains(text, ": ") || text[len(text)-1] == ':' {
			return nil
		}
		end = i + len(text)
		if out = p.scalar(text, line, i); out == nil {
			return nil
		}
	}
	rest := strings.TrimLeft(l[end:], " ")
	if rest != "" && (rest[0] != '#' || l[end] != ' ') {
		return nil
	}
	p.line++
	if indent, more := p.next(); more && indent > at {
		return nil // it goes on
	}
	return out
}

// scalar is a text without quotes: a number, a constant or text, as the library has it.
func (p *plain) scalar(text string, line, at int) *Node {
	switch c := text[0]; {
	case c >= '0' && c <= '9', strings.IndexByte("+-.~nNtTfF_", c) >= 0:
	default:
		return p.node(String, text, line, at)
	}
	switch token.New(text, text, nil).Type {
	case token.StringType:
		return p.node(String, text, line, at)
	case token.IntegerType, token.HexIntegerType, token.OctetIntegerType, token.BinaryIntegerType:
		return p.node(Int, text, line, at)
	case token.FloatType:
		return p.node(Float, text, line, at)
	case token.BoolType:
		return p.node(Bool, text, line, at)
	case token.NullType:
		return p.node(Null, "", line, at)
	}
	return nil
}

// quotedText reads a text in quotes that ends on the line; end is behind its last quote.
func quotedText(l string, at int) (text string, end int, ok bool) {
	q := l[at]
	for i := at + 1; i < len(l); i++ {
		switch {
		case l[i] == '\\' && q == '"':
			if i++; i == len(l) || strings.IndexByte("\"\\tnr", l[i]) < 0 {
				return "", 0, false
			}
		case l[i] == q && q == '\'' && i+1 < len(l) && l[i+1] == q:
			i++
		case l[i] == q:
			text = l[at+1 : i]
			if q == '"' && strings.IndexByte(text, '\\') >= 0 {
				text = unescape.Replace(text)
			} else if q == '\'' && strings.IndexByte(text, '\'') >= 0 {
				text = strings.ReplaceAll(text, "''", "'")
			}
			return text, i + 1, true
		}
	}
	return "", 0, false
}

var unescape = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\t`, "\t", `\n`, "\n", `\r`, "\r")

// flow reads the brackets at column i of the line, which belong to a key or dash at column
// at; end is behind them, on the line that is then the next.
func (p *plain) flow(i, at int) (out *Node, end int) {
	if p.depth++; p.depth > MaxDepth/2 {
		return nil, 0
	}
	defer func() { p.depth-- }()
	l := p.file.lines[p.line]
	closing := byte(']')
	out = p.node(List, "", p.line, i)
	if l[i] == '{' {
		closing, out.Kind = '}', Map
	}
	for i = p.flowSpace(i+1, at); ; i = p.flowSpace(i+1, at) {
		if i < 0 {
			return nil, 0
		}
		if l = p.file.lines[p.line]; l[i] == closing {
			return out, i + 1
		}
		var v, key *Node
		if v, i = p.flowValue(i, at, out.Kind == Map); v == nil {
			return nil, 0
		}
		if out.Kind == Map {
			l = p.file.lines[p.line]
			if i+1 >= len(l) || l[i] != ':' || l[i+1] != ' ' || v.Kind != String || v.Text == "<<" || out.Get(v.Text) != nil || len(out.Pairs) >= maxPlainPairs {
				return nil, 0
			}
			key = v
			if i = p.flowSpace(i+1, at); i < 0 {
				return nil, 0
			}
			if v, i = p.flowValue(i, at, false); v == nil {
				return nil, 0
			}
		}
		if i = p.flowSpace(i, at); i < 0 {
			return nil, 0
		}
		if key != nil {
			out.Pairs = append(out.Pairs, Pair{key, v})
		} else {
			out.Items = append(out.Items, v)
		}
		switch l = p.file.lines[p.line]; l[i] {
		case closing:
			return out, i + 1
		case ',':
		default:
			return nil, 0
		}
	}
}

// flowSpace goes over spaces, comments and line ends, to the column of what is next on the
// line that is then the next; -1 where plain declines.
func (p *plain) flowSpace(i, at int) int {
	l := p.file.lines[p.line]
	from := i
	for i < len(l) && l[i] == ' ' {
		i++
	}
	if i < len(l) && l[i] != '#' {
		return i
	}
	if i < len(l) && i == from {
		return -1
	}
	p.line++
	if indent, more := p.next(); more && indent > at {
		return indent
	}
	return -1
}

// flowValue reads a value within brackets, or a key, which stands on one line with its colon.
func (p *plain) flowValue(i, at int, key bool) (out *Node, end int) {
	l := p.file.lines[p.line]
	switch c := l[i]; {
	case key && (c == '[' || c == '{'):
		return nil, 0
	case c == '[' || c == '{':
		return p.flow(i, at)
	case c == '"' || c == '\'':
		text, end, ok := quotedText(l, i)
		if !ok {
			return nil, 0
		}
		return p.node(String, text, p.line, i), end
	case !plainStart(l[i:]):
		return nil, 0
	}
	for end = i; end < len(l) && strings.IndexByte(",[]{}", l[end]) < 0; end++ {
		if space := end+1 == len(l) || l[end+1] == ' '; l[end] == ':' && (key || space) {
			if !key || !space {
				return nil, 0
			}
			break
		}
		if l[end] == '#' && l[end-1] == ' ' {
			break
		}
	}
	if end < len(l) && (l[end] == '[' || l[end] == '{') {
		return nil, 0 // brackets within a text
	}
	text := strings.TrimRight(l[i:end], " ")
	end = i + len(text)
	if key {
		return p.node(String, text, p.line, i), end
	}
	return p.scalar(text, p.line, i), end
}

// literal reads a "|" or "|-" block whose lines are all indented alike, behind a key or dash at
// column at.
func (p *plain) literal(i, at int) *Node {
	line := p.line
	mark := strings.TrimRight(p.file.lines[line][i:], " ")
	if mark != "|" && mark != "|-" {
		return nil
	}
	var b strings.Builder
	indent, empty := 0, 0
	for p.line++; p.line < len(p.file.lines); p.line++ {
		l := p.file.lines[p.line]
		text := strings.TrimLeft(l, " ")
		n := len(l) - len(text)
		if text == "" {
			if n > indent && indent > 0 {
				return nil
			}
			empty++
			continue
		}
		if indent == 0 {
			if n <= at || empty > 0 {
				return nil
			}
			indent = n
		}
		if strings.HasSuffix(l, " ") {
			return nil
		}
		if n < indent {
			if n > at {
				return nil
			}
			break
		}
		if b.Len() > 0 {
			for range empty + 1 {
				b.WriteByte('\n')
			}
		}
		empty = 0
		b.WriteString(l[indent:])
	}
	if indent == 0 || p.line == len(p.file.lines) && p.file.lines[p.line-1] != "" {
		return nil // no line, or one that does not end
	}
	if mark == "|" {
		b.WriteByte('\n')
	}
	return p.node(String, b.String(), line, i)
}
