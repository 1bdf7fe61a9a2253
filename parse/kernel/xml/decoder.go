package xml

import (
	"bytes"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/arena"
)

// Token is a kind of markup.
type Token uint8

// The kinds of tokens.
const (
	EOF      Token = iota // the document is complete
	Start                 // a start tag, or an empty element tag: its End follows
	End                   // an end tag
	Text                  // character data or a CDATA section, never outside the root
	Comment               // Text is what stands between <!-- and -->
	ProcInst              // Name is the target, Text the rest; the XML declaration too
)

func (t Token) String() string {
	names := [...]string{"EOF", "Start", "End", "Text", "Comment", "ProcInst"}
	if int(t) < len(names) {
		return names[t]
	}
	return "invalid"
}

type span struct{ start, end int32 }

// attr is where an attribute stands; colon is the start of its local name.
type attr struct {
	name    int32
	local   int32
	nameEnd int32
	value   int32
	end     int32
	escaped bool
}

// Decoder reads one document token by token. It allocates nothing once its stack has
// grown; all that it returns aliases the document. It is not safe for concurrent use.
type Decoder struct {
	opts Options
	data []byte
	pos  int // where the next token begins
	from int // where this one began

	name    span
	local   int32
	text    span
	escaped bool
	cdata   bool
	empty   bool // an empty element tag: its End comes next
	pop     bool // the name on top of the stack has ended
	root    bool // the root has begun
	parts   bool // any number of roots, no check of the bytes (Split)
	resumed bool // Split goes on behind a broken part: end tags have lost their starts
	checked bool

	content content
	attrs   []attr
	stack   []span // names of the open elements
	err     error
}

// NewDecoder returns a Decoder without a document. It fails for a wrong option.
func NewDecoder(opts Options) (*Decoder, error) {
	o, err := opts.check()
	if err != nil {
		return nil, err
	}
	return &Decoder{opts: o}, nil
}

// Reset makes data the document. The Decoder neither changes it nor copies from it.
func (d *Decoder) Reset(data []byte) {
	if d.opts.MaxBytes == 0 {
		d.opts, _ = d.opts.check() // the zero Decoder
	}
	d.data, d.pos, d.from = data, 0, 0
	d.name, d.local, d.text = span{}, 0, span{}
	d.escaped, d.cdata, d.empty, d.pop, d.root, d.checked = false, false, false, false, false, false
	d.content = 0
	d.attrs, d.stack = d.attrs[:0], d.stack[:0]
	d.err = nil
}

func (d *Decoder) fail(c errcat.Category, at int, msg string) (Token, error) {
	d.err = fail(c, at, msg)
	return EOF, d.err
}

func (d *Decoder) cut() (Token, error) {
	return d.fail(errcat.Truncated, len(d.data), "the document ends within its markup")
}

// begin checks the bytes of the whole document.
func (d *Decoder) begin() error {
	d.checked = true
	if len(d.data) > d.opts.MaxBytes {
		_, err := d.fail(errcat.Oversize, d.opts.MaxBytes, "the document is longer than MaxBytes")
		return err
	}
	if bytes.HasPrefix(d.data, []byte("\xef\xbb\xbf")) {
		d.pos = 3
	}
	if d.parts {
		d.content = hasReturn
		return nil
	}
	bad, found := checkBytes(d.data, d.pos, d.opts.Controls)
	d.content = found
	if bad == len(d.data) {
		return nil
	}
	if found&hasControl != 0 && !d.opts.Controls {
		_, err := d.fail(errcat.EncodingError, bad, "a control character that XML does not allow")
		return err
	}
	msg := "not valid UTF-8"
	if len(d.data) > 1 && (d.data[0] == 0xff && d.data[1] == 0xfe || d.data[0] == 0xfe && d.data[1] == 0xff) {
		msg = "UTF-16, which has to be converted to UTF-8 before"
	}
	_, err := d.fail(errcat.EncodingError, bad, msg)
	return err
}

// Next reads the next token. After an error, which is always an *errcat.Error, it
// returns that error again. The bytes of the document are checked as a whole before
// its first token, so an ENCODING_ERROR comes with the first call.
func (d *Decoder) Next() (Token, error) {
	if d.err != nil {
		return EOF, d.err
	}
	if !d.checked {
		if err := d.begin(); err != nil {
			return EOF, err
		}
	}
	if d.pop {
		d.pop = false
		d.stack = d.stack[:len(d.stack)-1]
	}
	if d.empty {
		d.empty = false
		d.attrs = d.attrs[:0]
		d.pop = true
		return End, nil
	}
	data, i := d.data, d.pos
	if len(d.stack) == 0 {
		if i = skipSpace(data, i); i < len(data) && data[i] != '<' {
			if d.parts {
				return d.chars(i)
			}
			return d.fail(errcat.SchemaViolation, i, "text outside the root element")
		}
	}
	d.from = i
	if i >= len(data) {
		d.pos = i
		if len(d.stack) > 0 {
			return d.fail(errcat.Truncated, i, "the document ends within an element")
		}
		if !d.root && !d.parts {
			return d.fail(errcat.Truncated, i, "no element in the document")
		}
		return EOF, nil
	}
	if data[i] != '<' {
		return d.chars(i)
	}
	if i+1 >= len(data) {
		return d.cut()
	}
	switch data[i+1] {
	case '/':
		return d.end(i)
	case '!':
		return d.bang(i)
	case '?':
		return d.instruction(i)
	}
	return d.open(i)
}

// readName reads a name at i. next is 0 where it is not one.
func (d *Decoder) readName(i int) (local, next int) {
	data := d.data
	if i >= len(data) || class[data[i]]&cFirst == 0 {
		return 0, 0
	}
	j := i
	var or uint8
	for j < len(data) {
		c := class[data[j]]
		if c&cName == 0 {
			break
		}
		or |= c
		j++
	}
	local = i
	if or&cColon != 0 {
		name := data[i:j]
		k := bytes.IndexByte(name, ':')
		if bytes.IndexByte(name[k+1:], ':') >= 0 {
			return 0, 0
		}
		if k > 0 && k+1 < len(name) {
			local = i + k + 1
		}
	}
	return local, j
}

// badName is the error for what stands at i instead of a name.
func (d *Decoder) badName(i int, msg string) (Token, error) {
	if i >= len(d.data) {
		return d.cut()
	}
	return d.fail(errcat.SchemaViolation, i, msg)
}

func (d *Decoder) open(i int) (Token, error) {
	local, j := d.readName(i + 1)
	if j == 0 {
		return d.badName(i+1, "no name behind '<' (a '<' in text is written &lt;)")
	}
	data := d.data
	if len(d.stack) == 0 {
		if d.root && !d.parts {
			return d.fail(errcat.SchemaViolation, i, "a second root element (Split reads documents of several)")
		}
		d.root = true
	}
	if j-i-1 > d.opts.MaxName {
		return d.fail(errcat.Oversize, i, "a name longer than MaxName")
	}
	if len(d.stack) >= d.opts.MaxDepth {
		return d.fail(errcat.Oversize, i, "elements deeper than MaxDepth")
	}
	d.name, d.local = span{int32(i + 1), int32(j)}, int32(local)
	d.stack = append(d.stack, d.name)
	if d.attrs = d.attrs[:0]; j < len(data) && data[j] == '>' {
		d.pos = j + 1
		return Start, nil
	}
	return d.attributes(j)
}

func (d *Decoder) attributes(j int) (Token, error) {
	data := d.data
	for {
		space := j
		j = skipSpace(data, j)
		if j >= len(data) {
			return d.cut()
		}
		switch data[j] {
		case '>':
			d.pos = j + 1
			return Start, nil
		case '/':
			if j+1 >= len(data) {
				return d.cut()
			}
			if data[j+1] != '>' {
				return d.fail(errcat.SchemaViolation, j, "'/' in a tag without '>' behind it")
			}
			d.empty = true
			d.pos = j + 2
			return Start, nil
		}
		if space == j {
			return d.fail(errcat.SchemaViolation, j, "no space before an attribute")
		}
		local, k := d.readName(j)
		if k == 0 {
			return d.badName(j, "no name where an attribute should be")
		}
		if k-j > d.opts.MaxName {
			return d.fail(errcat.Oversize, j, "a name longer than MaxName")
		}
		if len(d.attrs) >= d.opts.MaxAttrs {
			return d.fail(errcat.Oversize, j, "more attributes than MaxAttrs")
		}
		a := attr{name: int32(j), local: int32(local), nameEnd: int32(k)}
		if k < len(data) && data[k] != '=' {
			k = skipSpace(data, k)
		}
		if k >= len(data) {
			return d.cut()
		}
		if data[k] != '=' {
			return d.fail(errcat.SchemaViolation, k, "an attribute without '='")
		}
		k++
		if k < len(data) && class[data[k]]&cSpace != 0 {
			k = skipSpace(data, k)
		}
		if k >= len(data) {
			return d.cut()
		}
		quote := data[k]
		if quote != '"' && quote != '\'' {
			return d.fail(errcat.SchemaViolation, k, "an attribute's value without quotes")
		}
		k++
		a.value = int32(k)
		for {
			k = indexValue(data, k, quote)
			if k >= len(data) {
				return d.cut()
			}
			if data[k] == quote {
				break
			}
			if data[k] == '<' {
				return d.fail(errcat.SchemaViolation, k, "'<' in an attribute's value")
			}
			next, err := d.reference(k)
			if err != nil {
				return EOF, err
			}
			a.escaped, k = true, next
		}
		a.end = int32(k)
		if d.returns(int(a.value), k) {
			a.escaped = true
		}
		for n := range d.attrs {
			b := &d.attrs[n]
			if a.nameEnd-a.name == b.nameEnd-b.name && string(data[a.name:a.nameEnd]) == string(data[b.name:b.nameEnd]) {
				return d.fail(errcat.SchemaViolation, j, "an attribute twice in one element")
			}
		}
		d.attrs = append(d.attrs, a)
		j = k + 1
	}
}

// reference checks the reference at i and returns what follows it.
func (d *Decoder) reference(i int) (int, error) {
	r, next := reference(d.data, i)
	switch {
	case next < 0:
		_, err := d.cut()
		return 0, err
	case next == 0:
		_, err := d.fail(errcat.SchemaViolation, i, "'&' without one of XML's five entities or a character reference (a plain one is written &amp;)")
		return 0, err
	case !allowed(r) && !d.opts.Controls:
		_, err := d.fail(errcat.EncodingError, i, "a reference to a control character that XML does not allow")
		return 0, err
	}
	return next, nil
}

// returns reports whether there is a carriage return from i to j.
func (d *Decoder) returns(i, j int) bool {
	return d.content&hasReturn != 0 && bytes.IndexByte(d.data[i:j], '\r') >= 0
}

func (d *Decoder) chars(i int) (Token, error) {
	data := d.data
	d.from = i
	d.escaped, d.cdata = false, false
	j := i
	for {
		j = indexText(data, j)
		if j >= len(data) || data[j] == '<' {
			break
		}
		next, err := d.reference(j)
		if err != nil {
			return EOF, err
		}
		d.escaped, j = true, next
	}
	if d.returns(i, j) {
		d.escaped = true
	}
	d.text = span{int32(i), int32(j)}
	d.pos = j
	return Text, nil
}

func (d *Decoder) end(i int) (Token, error) {
	data := d.data
	if len(d.stack) == 0 {
		if n := bytes.IndexByte(data[i:], '>'); d.resumed && n >= 0 {
			d.text = span{int32(i), int32(i + n)}
			d.pos = i + n + 1
			return Comment, nil
		}
		return d.fail(errcat.SchemaViolation, i, "an end tag without its start tag")
	}
	d.name = d.stack[len(d.stack)-1]
	n := int(d.name.end - d.name.start)
	j := i + 2 + n
	if j >= len(data) || string(data[i+2:j]) != string(data[d.name.start:d.name.end]) {
		if j >= len(data) && bytes.HasPrefix(data[d.name.start:d.name.end], data[i+2:]) {
			return d.cut()
		}
		return d.fail(errcat.SchemaViolation, i, "an end tag that does not match the open element")
	}
	if data[j] != '>' {
		if class[data[j]]&cName != 0 {
			return d.fail(errcat.SchemaViolation, i, "an end tag that does not match the open element")
		}
		if j = skipSpace(data, j); j >= len(data) {
			return d.cut()
		}
		if data[j] != '>' {
			return d.fail(errcat.SchemaViolation, j, "an end tag without its '>'")
		}
	}
	d.name = span{int32(i + 2), int32(i + 2 + n)}
	d.local = d.name.start
	if k := bytes.IndexByte(data[i+2:i+2+n], ':'); k > 0 && k+1 < n {
		d.local += int32(k) + 1
	}
	d.attrs = d.attrs[:0]
	d.pop = true
	d.pos = j + 1
	return End, nil
}

func (d *Decoder) bang(i int) (Token, error) {
	data := d.data
	rest := data[i+2:]
	switch {
	case bytes.HasPrefix(rest, []byte("--")):
		n := bytes.Index(rest[2:], []byte("--"))
		if n < 0 || 2+n+2 >= len(rest) {
			return d.cut()
		}
		if rest[2+n+2] != '>' {
			return d.fail(errcat.SchemaViolation, i+2+2+n, "'--' in a comment")
		}
		d.text = span{int32(i + 4), int32(i + 4 + n)}
		d.escaped, d.cdata = false, false
		d.pos = i + 4 + n + 3
		return Comment, nil
	case bytes.HasPrefix(rest, []byte("[CDATA[")):
		if len(d.stack) == 0 {
			return d.fail(errcat.SchemaViolation, i, "text outside the root element")
		}
		n := bytes.Index(rest[7:], []byte("]]>"))
		if n < 0 {
			return d.cut()
		}
		d.text = span{int32(i + 9), int32(i + 9 + n)}
		d.cdata = true
		d.escaped = d.returns(i+9, i+9+n)
		d.pos = i + 9 + n + 3
		return Text, nil
	case len(rest) < 7 && (bytes.HasPrefix([]byte("[CDATA["), rest) || bytes.HasPrefix([]byte("--"), rest) || bytes.HasPrefix([]byte("DOCTYPE"), rest)):
		return d.cut()
	case bytes.HasPrefix(rest, []byte("DOCTYPE")):
		return d.fail(errcat.SchemaViolation, i, "a document type declaration, which is never read")
	}
	return d.fail(errcat.SchemaViolation, i, "'<!' that is neither a comment nor a CDATA section")
}

func (d *Decoder) instruction(i int) (Token, error) {
	data := d.data
	local, j := d.readName(i + 2)
	if j == 0 {
		return d.badName(i+2, "no target behind '<?'")
	}
	if j-i-2 > d.opts.MaxName {
		return d.fail(errcat.Oversize, i, "a name longer than MaxName")
	}
	n := bytes.Index(data[j:], []byte("?>"))
	if n < 0 {
		return d.cut()
	}
	k := skipSpace(data[:j+n], j)
	if n > 0 && k == j {
		return d.fail(errcat.SchemaViolation, j, "no space behind the target of a processing instruction")
	}
	d.name, d.local = span{int32(i + 2), int32(j)}, int32(local)
	d.text = span{int32(k), int32(j + n)}
	d.escaped, d.cdata = false, false
	d.attrs = d.attrs[:0]
	d.pos = j + n + 2
	if bytes.EqualFold(data[i+2:j], []byte("xml")) {
		if string(data[i+2:j]) != "xml" || len(d.stack) > 0 || !d.parts && (d.root || i > 3) {
			return d.fail(errcat.SchemaViolation, i, "an XML declaration that is not at the start")
		}
		if err := d.declaration(i); err != nil {
			return EOF, err
		}
	}
	return ProcInst, nil
}

// declaration checks what the XML declaration says of version and encoding.
func (d *Decoder) declaration(i int) error {
	text := d.Text()
	if v := pseudo(text, "version"); string(v) != "1.0" && string(v) != "1.1" {
		_, err := d.fail(errcat.SchemaViolation, i, "an XML declaration without version 1.0")
		return err
	}
	switch enc := pseudo(text, "encoding"); {
	case len(enc) == 0, bytes.EqualFold(enc, []byte("utf-8")), bytes.EqualFold(enc, []byte("us-ascii")),
		bytes.EqualFold(enc, []byte("utf-16")), // converted by somebody, who left the declaration
		d.content&hasNonASCII == 0:
		return nil
	}
	_, err := d.fail(errcat.EncodingError, i, "the document says that its encoding is not UTF-8")
	return err
}

// pseudo returns the value of a pseudo-attribute of the XML declaration, or nil.
func pseudo(text []byte, name string) []byte {
	for {
		text = text[skipSpace(text, 0):]
		eq := bytes.IndexByte(text, '=')
		if eq < 0 {
			return nil
		}
		key := bytes.TrimRight(text[:eq], " \t\r\n")
		text = text[eq+1:]
		text = text[skipSpace(text, 0):]
		if len(text) == 0 || text[0] != '"' && text[0] != '\'' {
			return nil
		}
		end := bytes.IndexByte(text[1:], text[0])
		if end < 0 {
			return nil
		}
		if string(key) == name {
			return text[1 : 1+end]
		}
		text = text[end+2:]
	}
}

// Name is the local name of the Start, End or ProcInst token: without its prefix.
func (d *Decoder) Name() []byte { return d.data[d.local:d.name.end:d.name.end] }

// Prefix is what stands before the colon of the name, or empty. It is not resolved.
func (d *Decoder) Prefix() []byte { return prefix(d.data, int(d.name.start), int(d.local)) }

func prefix(data []byte, name, local int) []byte {
	if local == name {
		return nil
	}
	return data[name : local-1 : local-1]
}

// Attrs is the number of attributes of the Start token.
func (d *Decoder) Attrs() int { return len(d.attrs) }

// AttrName is the local name of the i-th attribute.
func (d *Decoder) AttrName(i int) []byte {
	a := &d.attrs[i]
	return d.data[a.local:a.nameEnd:a.nameEnd]
}

// AttrPrefix is the prefix of the i-th attribute, or empty.
func (d *Decoder) AttrPrefix(i int) []byte {
	a := &d.attrs[i]
	return prefix(d.data, int(a.name), int(a.local))
}

// AttrValue is the value of the i-th attribute as it stands in the document; escaped
// says that AppendUnescaped or Unescape makes it the text that is meant.
func (d *Decoder) AttrValue(i int) (value []byte, escaped bool) {
	a := &d.attrs[i]
	return d.data[a.value:a.end:a.end], a.escaped
}

// Attr finds an attribute by its local name; the first one counts.
func (d *Decoder) Attr(name string) (value []byte, escaped, ok bool) {
	for i := range d.attrs {
		a := &d.attrs[i]
		if string(d.data[a.local:a.nameEnd]) == name {
			return d.data[a.value:a.end:a.end], a.escaped, true
		}
	}
	return nil, false, false
}

// Text is the content of a Text, Comment or ProcInst token as it stands in the
// document. Where Escaped, it is not yet the text that is meant.
func (d *Decoder) Text() []byte { return d.data[d.text.start:d.text.end:d.text.end] }

// Escaped says that the Text token has references or carriage returns.
func (d *Decoder) Escaped() bool { return d.escaped }

// CDATA says that the Text token is a CDATA section.
func (d *Decoder) CDATA() bool { return d.cdata }

// AppendText appends what the Text token means to dst.
func (d *Decoder) AppendText(dst []byte) []byte {
	switch {
	case !d.escaped:
		return append(dst, d.Text()...)
	case d.cdata:
		return appendLines(dst, d.Text())
	}
	return AppendUnescaped(dst, d.Text())
}

// UnescapedText is what the Text token means: Text itself, or memory of a.
func (d *Decoder) UnescapedText(a *arena.Bytes) []byte {
	if !d.escaped {
		return d.Text()
	}
	return a.Keep(d.AppendText(a.Scratch(int(d.text.end - d.text.start))))
}

// Depth is the number of open elements; the element of a Start or End token counts.
func (d *Decoder) Depth() int { return len(d.stack) }

// Offset is where the token began in the document.
func (d *Decoder) Offset() int { return d.from }

// EndOffset is the offset behind the token.
func (d *Decoder) EndOffset() int { return d.pos }

// Skip reads to the End token of the element whose Start token was last.
func (d *Decoder) Skip() error {
	depth := len(d.stack)
	for {
		t, err := d.Next()
		if err != nil {
			return err
		}
		if t == End && len(d.stack) == depth {
			return nil
		}
		if t == EOF {
			return nil
		}
	}
}
