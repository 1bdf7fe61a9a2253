package evtx

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/errcat"
)

// The tokens of binary XML, without their flag 0x40 (more follows).
const (
	tokenEOF        = 0x00
	tokenOpen       = 0x01
	tokenCloseStart = 0x02
	tokenCloseEmpty = 0x03
	tokenClose      = 0x04
	tokenValue      = 0x05
	tokenAttribute  = 0x06
	tokenCDATA      = 0x07
	tokenCharRef    = 0x08
	tokenEntityRef  = 0x09
	tokenPITarget   = 0x0a
	tokenPIData     = 0x0b
	tokenTemplate   = 0x0c
	tokenNormal     = 0x0d
	tokenOptional   = 0x0e
	tokenHeader     = 0x0f
	more            = 0x40
	noDependency    = 0xffff
	templateHeader  = 24
	maxTokens       = 1 << 18 // of one reading; a chunk has room for 2^16
)

// sink takes what a record says, in the order of its XML. Names and texts are UTF-8,
// unescaped, and valid during the call only.
type sink interface {
	open(name []byte) error
	attr(name, value []byte) error
	content() error // the attributes are complete
	text(b []byte) error
	close(empty bool) error // empty: the element was written as <name/>
}

// value is one of the values that a template is filled with.
type value struct {
	at, size int
	typ      byte
}

// walker reads binary XML. What it needs to keep between records are its buffers.
type walker struct {
	c      *Chunk
	data   []byte
	sink   sink
	quiet  int // in an element that is left out
	depth  int
	tokens int
	out    int // bytes given to the sink
	used   int // bytes of all readings of the chunk

	vals []value
	defs []int // the templates that are open
	buf  []byte
	text textSink

	// Names that were read already, by a hash of their offset; the text of all of them
	// is in decoded. The generation tells the chunk.
	known   [256]knownName
	decoded []byte
	chunkNo uint32
}

type knownName struct {
	chunkNo uint32
	off     int32
	text    []byte
}

func (w *walker) begin(c *Chunk) {
	w.c, w.data, w.used = c, c.data, 0
	if w.chunkNo++; w.chunkNo == 0 {
		clear(w.known[:])
		w.chunkNo = 1
	}
	w.decoded = w.decoded[:0]
}

func (w *walker) fail(c errcat.Category, at int, msg string) error {
	return fail(c, w.c.offset+int64(at), msg)
}

func (w *walker) cut(at int) error {
	return w.fail(errcat.SchemaViolation, at, "binary XML reaches beyond its end")
}

// record reads one record into s.
func (w *walker) record(r *Record, s sink) error {
	w.sink, w.quiet, w.depth, w.tokens, w.out = s, 0, 0, 0, 0
	w.vals, w.defs = w.vals[:0], w.defs[:0]
	_, err := w.fragment(r.start, r.end, nil, false)
	w.used += w.out
	w.sink = nil
	return err
}

// grow counts n bytes more.
func (w *walker) grow(n, at int) error {
	w.out += n
	if w.out > w.c.opts.MaxText {
		return w.fail(errcat.Oversize, at, "the record becomes longer than MaxText")
	}
	if w.used+w.out > w.c.opts.MaxChunkText {
		return w.fail(errcat.Oversize, at, "the records of the chunk become longer than MaxChunkText")
	}
	return nil
}

// fragment reads tokens from at to the end of the fragment, which is at end or before
// it. vals are the values that substitutions refer to; nested says that the fragment
// is itself a value, whose elements have no dependency.
func (w *walker) fragment(at, end int, vals []value, nested bool) (int, error) {
	if w.depth++; w.depth > 2*w.c.opts.MaxDepth {
		return 0, w.fail(errcat.Oversize, at, "deeper than MaxDepth")
	}
	defer func() { w.depth-- }()
	for at < end {
		if w.tokens++; w.tokens > maxTokens {
			return 0, w.fail(errcat.Oversize, at, "more tokens than a record can have")
		}
		token := w.data[at]
		var err error
		switch token &^ more {
		case tokenEOF:
			return at + 1, nil
		case tokenHeader:
			if at+4 > end {
				return 0, w.cut(at)
			}
			if w.data[at+1] != 1 {
				return 0, w.fail(errcat.VendorFormatDrift, at, "binary XML of another version than 1")
			}
			at += 4
		case tokenTemplate:
			at, err = w.template(at, end)
		case tokenOpen:
			at, err = w.element(at, end, vals, nested)
		default:
			var known bool
			if known, at, err = w.chars(at, end, vals, false); err == nil && !known {
				err = w.fail(errcat.SchemaViolation, at, "a token of binary XML that does not belong here")
			}
		}
		if err != nil {
			return 0, err
		}
	}
	return at, nil
}

// template reads a template instance: a definition, here or elsewhere in the chunk,
// and the values for it.
func (w *walker) template(at, end int) (int, error) {
	le := binary.LittleEndian
	if at+10 > end {
		return 0, w.cut(at)
	}
	def := int(le.Uint32(w.data[at+6:]))
	p := at + 10
	if def < chunkHeaderSize || def > len(w.data)-templateHeader {
		return 0, w.fail(errcat.SchemaViolation, at, "a template outside of the chunk")
	}
	size := int(le.Uint32(w.data[def+20:]))
	if size < 0 || size > len(w.data)-def-templateHeader {
		return 0, w.fail(errcat.SchemaViolation, def, "a template that reaches beyond its chunk")
	}
	if def == p {
		if p += templateHeader + size; p > end {
			return 0, w.cut(at)
		}
	}
	for _, d := range w.defs {
		if d == def {
			return 0, w.fail(errcat.SchemaViolation, at, "a template within itself")
		}
	}
	if p+4 > end {
		return 0, w.cut(p)
	}
	n := int(le.Uint32(w.data[p:]))
	p += 4
	if n < 0 || n > (end-p)/4 {
		return 0, w.fail(errcat.SchemaViolation, p-4, "more values than the record has room for")
	}
	if w.tokens += n; w.tokens > maxTokens {
		return 0, w.fail(errcat.Oversize, p, "more tokens than a record can have")
	}
	first := len(w.vals)
	data := p + 4*n
	for i := range n {
		d := w.data[p+4*i:]
		v := value{data, int(le.Uint16(d)), d[2]}
		if data += v.size; data > end {
			return 0, w.fail(errcat.SchemaViolation, p+4*i, "a value that reaches beyond its record")
		}
		w.vals = append(w.vals, v)
	}
	w.defs = append(w.defs, def)
	body := def + templateHeader
	_, err := w.fragment(body, body+size, w.vals[first:len(w.vals):len(w.vals)], false)
	w.defs = w.defs[:len(w.defs)-1]
	w.vals = w.vals[:first]
	return data, err
}

// readName reads the reference to a name at at. The result is valid as long as the
// chunk is.
func (w *walker) readName(at, end int) ([]byte, int, error) {
	le := binary.LittleEndian
	if at+4 > end {
		return nil, 0, w.cut(at)
	}
	off := int(le.Uint32(w.data[at:]))
	at += 4
	if off < chunkHeaderSize && off != at || off > len(w.data)-8 {
		return nil, 0, w.fail(errcat.SchemaViolation, at-4, "a name outside of the chunk")
	}
	n := int(le.Uint16(w.data[off+6:]))
	if off+8+2*n > len(w.data) {
		return nil, 0, w.fail(errcat.SchemaViolation, off, "a name that reaches beyond its chunk")
	}
	if n > w.c.opts.MaxName {
		return nil, 0, w.fail(errcat.Oversize, off, "a name longer than MaxName")
	}
	if off == at {
		if at += 8 + 2*n + 2; at > end {
			return nil, 0, w.cut(off)
		}
	}
	k := &w.known[(off^off>>8)&255]
	if k.chunkNo == w.chunkNo && int(k.off) == off {
		return k.text, at, w.grow(len(k.text), at)
	}
	if cap(w.decoded)-len(w.decoded) < 3*n {
		w.decoded = make([]byte, 0, max(4096, 3*n)) // the names in the old one stay valid
	}
	from := len(w.decoded)
	w.decoded, _ = appendUTF16(w.decoded, w.data[off+8:off+8+2*n])
	name := w.decoded[from:len(w.decoded):len(w.decoded)]
	if !validName(name) {
		w.decoded = w.decoded[:from]
		return nil, 0, w.fail(errcat.SchemaViolation, off, "a name that XML does not allow")
	}
	*k = knownName{w.chunkNo, int32(off), name}
	return name, at, w.grow(len(name), at)
}

// validName reports whether b is a name of XML: nothing that could end a tag.
func validName(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	colons := 0
	for i, c := range b {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z' && c < 0x80, c == '_', c >= 0x80:
		case c == ':' && i > 0 && i < len(b)-1 && colons == 0:
			colons++
		case i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return true
}

func (w *walker) element(at, end int, vals []value, nested bool) (int, error) {
	if w.depth++; w.depth > 2*w.c.opts.MaxDepth {
		return 0, w.fail(errcat.Oversize, at, "elements deeper than MaxDepth")
	}
	next, err := w.elementAt(at, end, vals, nested)
	w.depth--
	return next, err
}

func (w *walker) elementAt(at, end int, vals []value, nested bool) (int, error) {
	le := binary.LittleEndian
	start, token := at, w.data[at]
	at++
	leftOut := false
	if !nested {
		if at+2 > end {
			return 0, w.cut(start)
		}
		if dep := int(le.Uint16(w.data[at:])); dep != noDependency && dep < len(vals) {
			leftOut = vals[dep].typ == typeNull
		}
		at += 2
	}
	if at+4 > end {
		return 0, w.cut(start)
	}
	at += 4 // the size of the element, which its tokens tell too
	name, at, err := w.readName(at, end)
	if err != nil {
		return 0, err
	}
	if token&more != 0 {
		at += 4 // the size of the attributes
	}
	if at >= end {
		return 0, w.cut(start)
	}
	if leftOut {
		w.quiet++
		next, err := w.restOfElement(name, start, at, end, vals, nested)
		w.quiet--
		return next, err
	}
	return w.restOfElement(name, start, at, end, vals, nested)
}

// restOfElement reads an element from its attributes on.
func (w *walker) restOfElement(name []byte, start, at, end int, vals []value, nested bool) (_ int, err error) {
	items := value{typ: typeNull} // what is left of an array that repeats the element
	body := at
	for {
		if w.quiet == 0 {
			if err := w.sink.open(name); err != nil {
				return 0, err
			}
		}
		if at, err = w.attributes(body, end, vals); err != nil {
			return 0, err
		}
		if at >= end {
			return 0, w.cut(start)
		}
		switch w.data[at] {
		case tokenCloseEmpty:
			if w.quiet == 0 {
				return at + 1, w.sink.close(true)
			}
			return at + 1, nil
		case tokenCloseStart:
			at++
		default:
			return 0, w.fail(errcat.SchemaViolation, at, "a start tag of binary XML that does not end")
		}
		if w.quiet == 0 {
			if err := w.sink.content(); err != nil {
				return 0, err
			}
		}
		if items.typ == typeNull {
			items = w.onlyArray(at, end, vals)
		}
		if items.typ != typeNull {
			if w.tokens++; w.tokens > maxTokens {
				return 0, w.fail(errcat.Oversize, at, "more tokens than a record can have")
			}
			one, rest, ok := item(items.typ&^arrayFlag, w.data[items.at:items.at+items.size])
			if !ok {
				return 0, w.fail(errcat.SchemaViolation, items.at, "an array that does not end with an element")
			}
			if err := w.put(items.typ&^arrayFlag, one, items.at); err != nil {
				return 0, err
			}
			items.at += items.size - len(rest)
			items.size = len(rest)
			if w.quiet == 0 {
				if err := w.sink.close(false); err != nil {
					return 0, err
				}
			}
			if items.size == 0 {
				return at + 5, nil
			}
			if err := w.grow(len(name), at); err != nil {
				return 0, err
			}
			continue
		}
		break
	}
	for {
		if at >= end {
			return 0, w.cut(start)
		}
		if w.tokens++; w.tokens > maxTokens {
			return 0, w.fail(errcat.Oversize, at, "more tokens than a record can have")
		}
		switch w.data[at] &^ more {
		case tokenClose:
			if w.quiet == 0 {
				return at + 1, w.sink.close(false)
			}
			return at + 1, nil
		case tokenOpen:
			at, err = w.element(at, end, vals, nested)
		case tokenTemplate:
			at, err = w.template(at, end)
		default:
			var known bool
			if known, at, err = w.chars(at, end, vals, false); err == nil && !known {
				err = w.fail(errcat.SchemaViolation, at, "a token of binary XML that does not belong here")
			}
		}
		if err != nil {
			return 0, err
		}
	}
}

// onlyArray returns the array value that is the whole content of an element: the
// element is repeated for each of its items.
func (w *walker) onlyArray(at, end int, vals []value) value {
	if at+5 > end || w.data[at+4] != tokenClose {
		return value{}
	}
	if t := w.data[at]; t != tokenNormal && t != tokenOptional {
		return value{}
	}
	id := int(binary.LittleEndian.Uint16(w.data[at+1:]))
	if id >= len(vals) || vals[id].typ&arrayFlag == 0 || vals[id].size == 0 {
		return value{}
	}
	return vals[id]
}

func (w *walker) attributes(at, end int, vals []value) (int, error) {
	for at < end && w.data[at]&^more == tokenAttribute {
		if w.tokens++; w.tokens > maxTokens {
			return 0, w.fail(errcat.Oversize, at, "more tokens than a record can have")
		}
		name, p, err := w.readName(at+1, end)
		if err != nil {
			return 0, err
		}
		w.buf = w.buf[:0]
		leftOut := false
		for p < end {
			var known bool
			optional := w.data[p] == tokenOptional
			before := len(w.buf)
			if known, p, err = w.chars(p, end, vals, true); err != nil {
				return 0, err
			}
			if !known {
				break
			}
			if optional && len(w.buf) == before && w.nullAt(p-4, vals) {
				leftOut = true
			}
		}
		if w.quiet == 0 && !(leftOut && len(w.buf) == 0) {
			if err := w.sink.attr(name, w.buf); err != nil {
				return 0, err
			}
		}
		at = p
	}
	return at, nil
}

// nullAt reports whether the substitution at at is of a value that is absent.
func (w *walker) nullAt(at int, vals []value) bool {
	id := int(binary.LittleEndian.Uint16(w.data[at+1:]))
	return id >= len(vals) || vals[id].typ == typeNull || vals[id].size == 0
}

// chars reads a token that stands for text, and hands the text to the sink, or appends
// it to w.buf where it is the value of an attribute. known is false for other tokens.
func (w *walker) chars(at, end int, vals []value, attr bool) (known bool, next int, err error) {
	le := binary.LittleEndian
	start := at
	if !attr {
		w.buf = w.buf[:0]
	}
	n := len(w.buf)
	switch w.data[at] &^ more {
	case tokenValue:
		if at+4 > end {
			return true, 0, w.cut(at)
		}
		if w.data[at+1] != typeString {
			return true, 0, w.fail(errcat.SchemaViolation, at, "a literal value that is not a string")
		}
		size := 2 * int(le.Uint16(w.data[at+2:]))
		if at += 4; at+size > end {
			return true, 0, w.cut(start)
		}
		w.buf, _ = appendUTF16(w.buf, w.data[at:at+size])
		at += size
	case tokenCDATA, tokenPIData:
		if at+3 > end {
			return true, 0, w.cut(at)
		}
		size := 2 * int(le.Uint16(w.data[at+1:]))
		if at += 3; at+size > end {
			return true, 0, w.cut(start)
		}
		if w.data[start]&^more == tokenCDATA {
			w.buf, _ = appendUTF16(w.buf, w.data[at:at+size])
		}
		at += size
	case tokenPITarget:
		// Processing instructions say nothing about the event.
		if _, at, err = w.readName(at+1, end); err != nil {
			return true, 0, err
		}
		return true, at, nil
	case tokenCharRef:
		if at+3 > end {
			return true, 0, w.cut(at)
		}
		r := rune(le.Uint16(w.data[at+1:]))
		if !utf8.ValidRune(r) {
			return true, 0, w.fail(errcat.SchemaViolation, at, "a reference to half a character")
		}
		w.buf = utf8.AppendRune(w.buf, r)
		at += 3
	case tokenEntityRef:
		name, p, err := w.readName(at+1, end)
		if err != nil {
			return true, 0, err
		}
		c, ok := map[string]byte{"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\''}[string(name)]
		if !ok {
			return true, 0, w.fail(errcat.SchemaViolation, at, "an entity that XML does not have")
		}
		w.buf = append(w.buf, c)
		at = p
	case tokenNormal, tokenOptional:
		if at+4 > end {
			return true, 0, w.cut(at)
		}
		id := int(le.Uint16(w.data[at+1:]))
		at += 4
		if id >= len(vals) {
			return true, at, nil // a value that was not given is absent
		}
		v := vals[id]
		b := w.data[v.at : v.at+v.size]
		switch {
		case v.typ == typeNull || v.size == 0:
		case v.typ == typeBinXML:
			if attr {
				return true, 0, w.fail(errcat.SchemaViolation, start, "binary XML in an attribute")
			}
			_, err := w.fragment(v.at, v.at+v.size, nil, true)
			return true, at, err
		case v.typ&arrayFlag != 0:
			for i := 0; len(b) > 0; i++ {
				one, rest, ok := item(v.typ&^arrayFlag, b)
				if !ok {
					return true, 0, w.fail(errcat.SchemaViolation, v.at, "an array that does not end with an element")
				}
				if i > 0 {
					w.buf = append(w.buf, ',')
				}
				if w.buf, ok = appendValue(w.buf, v.typ&^arrayFlag, one); !ok {
					return true, 0, w.fail(errcat.SchemaViolation, v.at, "a value that does not have its type's size or form")
				}
				b = rest
			}
		default:
			var ok bool
			if w.buf, ok = appendValue(w.buf, v.typ, b); !ok {
				return true, 0, w.fail(errcat.SchemaViolation, v.at, "a value of unknown type, or without its type's size or form")
			}
		}
	default:
		return false, at, nil
	}
	if err := w.grow(len(w.buf)-n, start); err != nil {
		return true, 0, err
	}
	if !attr && w.quiet == 0 && len(w.buf) > n {
		return true, at, w.sink.text(w.buf)
	}
	return true, at, nil
}

// put hands one item of an array to the sink.
func (w *walker) put(typ byte, b []byte, at int) error {
	var ok bool
	if w.buf, ok = appendValue(w.buf[:0], typ, b); !ok {
		return w.fail(errcat.SchemaViolation, at, "a value that does not have its type's size or form")
	}
	if err := w.grow(len(w.buf), at); err != nil || w.quiet > 0 || len(w.buf) == 0 {
		return err
	}
	return w.sink.text(w.buf)
}
