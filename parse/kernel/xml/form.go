package xml

import (
	"unsafe"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// Events of one kind differ in their values alone: what stands between these is the same in all
// of them. A Reader remembers it, piece by piece, with what follows each piece, and reads
// an event that consists of pieces it knows by comparing them. Whatever differs is read
// as it would be without: the result is the same, since a value is stored whatever it says.

// form is the text between two values and how the second of them is read and stored. Guess of
// the piece is the piece of another form.
type form struct {
	scan.Piece       // the text from the end of the value before up to this one
	next       *form // the first of the forms that may come behind it
	other      *form // another one that may stand in this one's place
	value      valueKind
	slot       int
	parent     int32
	key        []byte // constant, or nil: it stands keyLen bytes long, keyBack bytes before the value

	keyLen, keyBack int
}

type valueKind uint8

const (
	valueEnd    valueKind = iota // there is none: the document ends
	valueSingle                  // of an attribute, in single quotes
	valueDouble                  // in double quotes
	valueText                    // of an element, without references
	valueEmpty                   // no text
)

// note is a value that was stored from the place given, with what form says of it.
type note struct {
	form
	from, to int
}

// forms are what one Reader knows. Memory is bounded: there are at most maxForms and about maxFormText
// bytes of text; once they are reached, nothing more is learned until maxMisses documents
// were unknown, and then everything anew.
type forms struct {
	start  form // Guess and next: what a document begins with
	n      int  // forms
	text   int  // bytes of their texts
	misses int
	notes  []note  // of the document that is read now
	alien  bool    // it has values of which there are no notes
	ends   []int32 // where the values end that match found; those with references inverted
}

// note tells of a value. key is constant, or nil: then it begins at keyFrom.
func (k *forms) note(slot int, parent int32, key []byte, keyFrom, keyLen int, kind valueKind, from, to int) {
	k.notes = append(k.notes, note{form{slot: slot, parent: parent, key: key, keyBack: from - keyFrom, keyLen: keyLen, value: kind}, from, to})
}

// noteLeaf tells of the text v of an element whose start tag ends before at.
func (k *forms) noteLeaf(data []byte, slot int, key []byte, kind valueKind, at int, v parse.Value) {
	text, keyFrom := v.Bytes(), scan.Offset(data, key)
	var fixed []byte
	if keyFrom < 0 && scan.Offset(scan.Bytes(manyParams), key) >= 0 {
		fixed, keyFrom = key, at
	}
	if keyFrom < 0 || len(text) > 0 && (kind == valueEmpty || scan.Offset(data, text) != at) || at+len(text) >= len(data) ||
		kind == valueText && data[at+len(text)] != '<' {
		k.alien = true
		return
	}
	k.note(slot, ParentEventData, fixed, keyFrom, len(key), kind, at, at+len(text))
}

const (
	maxForms    = 1 << 12
	maxFormText = 1 << 18
	maxMisses   = 1 << 12
	maxValues   = 1 << 8 // of a document that is learned
	maxOthers   = 1 << 6 // forms that may stand in one place
)

// The bytes at which values end, and those at which one has to look more closely.
var (
	stopsText   = scan.NewStops('<', '&', '&')
	stopsSingle = scan.NewStops('\'', '<', '&')
	stopsDouble = scan.NewStops('"', '<', '&')
)

func (v valueKind) stops() *scan.Stops {
	switch v {
	case valueText:
		return stopsText
	case valueSingle:
		return stopsSingle
	case valueDouble:
		return stopsDouble
	}
	return nil
}

// guessed returns the form that Guess leads to, or nil.
func (f *form) guessed() *form { return (*form)(unsafe.Pointer(f.Guess)) }

// match finds where the values of a document end that consists of known forms, and how many there
// are; -1 if it does not. The forms are then those that guess leads to from start. If odd is false no value
// has a control character or a byte that is not ASCII, and so the document has no carriage return and is UTF-8.
func (k *forms) match(data []byte) (n int, odd bool) {
	at, i := &k.start, 0
	for n < len(k.ends) {
		last, to, passed, strange := scan.FollowPieces(data, &at.Piece, i, k.ends[n:])
		at, i, n, odd = (*form)(unsafe.Pointer(last)), to, n+passed, odd || strange
		if n == len(k.ends) {
			break
		}
		f := at.guessed()
		if f == nil {
			return -1, odd
		}
		if len(data)-i < len(f.Text()) || string(data[i:i+len(f.Text())]) != f.Text() {
			if f = at.find(data, i); f == nil {
				return -1, odd
			}
			at.Guess = &f.Piece
			continue // with the other piece, which is as good as the one that was guessed
		}
		at = f
		i += len(f.Text())
		end := int32(0)
		switch f.value {
		case valueText:
			odd = true
			i = indexText(data, i)
			end = int32(i)
			if i < len(data) && data[i] == '&' {
				i = skipReferences(data, i)
				end = ^int32(i)
			}
			if i >= len(data) || data[i] != '<' {
				return -1, odd
			}
		case valueSingle:
			odd = true
			if i = indexValue(data, i, '\''); i >= len(data) || data[i] != '\'' {
				return -1, odd
			}
			end = int32(i)
		case valueDouble:
			odd = true
			if i = indexValue(data, i, '"'); i >= len(data) || data[i] != '"' {
				return -1, odd
			}
			end = int32(i)
		case valueEmpty:
			end = int32(i)
		case valueEnd:
			if i != len(data) {
				return -1, odd
			}
			return n, odd
		}
		k.ends[n] = end
		n++
	}
	return -1, odd
}

// find returns the form behind f that stands at b[i:], or nil.
func (f *form) find(b []byte, i int) *form {
	for f = f.next; f != nil; f = f.other {
		if n := len(f.Text()); len(b)-i >= n && string(b[i:i+n]) == f.Text() {
			return f
		}
	}
	return nil
}

// skipReferences returns the index of the first '<' from i on, where a reference begins. It
// returns len(b) if there is none, or if a reference is one to look at more closely.
func skipReferences(b []byte, i int) int {
	for i < len(b) && b[i] == '&' {
		r, next := reference(b, i)
		if next <= 0 || !allowed(r) {
			return len(b)
		}
		i = indexText(b, next)
	}
	return i
}

// readKnown reads the document if it consists of known forms. f is as it was if not.
func (r *Reader) readKnown(f *parse.Frame) (bool, error) {
	d, k := &r.d, &r.forms
	if k.n == 0 || r.slow || len(d.data) > d.opts.MaxBytes {
		return false, nil
	}
	n, odd := k.match(d.data)
	if n < 0 {
		return false, nil
	}
	if odd { // else there is nothing that begin could find
		if err := d.begin(); err != nil {
			return false, err
		}
		if d.content&hasReturn != 0 {
			return false, nil
		}
	}
	limit := f.MaxRest
	if limit == 0 {
		limit = parse.DefaultMaxRest
	}
	if f.KeepRest && len(f.Rest)+n > limit {
		return false, nil // for the error that there may be
	}
	data, to, m := d.data, 0, &k.start
	for _, end := range k.ends[:n] {
		m = m.guessed()
		from := to + len(m.Text())
		if to = int(end); end < 0 {
			to = int(^end)
		}
		if m.slot < 0 && !f.KeepRest {
			continue
		}
		text := data[from:to:to]
		if end < 0 {
			text = Unescape(text, f.Text)
		}
		if m.slot >= 0 {
			f.Fill(m.slot, text, 0)
			continue
		}
		key := m.key
		if key == nil {
			at := from - m.keyBack
			key = data[at : at+m.keyLen : at+m.keyLen]
		}
		f.Put(-1, m.parent, key, parse.BytesValue(text))
	}
	return true, nil
}

// learn remembers the document that has just been read.
func (k *forms) learn(data []byte) {
	if k.alien || len(k.notes) > maxValues || len(data) > maxFormText {
		return
	}
	if k.n >= maxForms || k.text >= maxFormText {
		if k.misses++; k.misses < maxMisses {
			return
		}
		k.start, k.n, k.text, k.misses = form{}, 0, 0, 0
	}
	if k.ends == nil {
		k.ends = make([]int32, maxValues+1)
	}
	at, i := &k.start, 0
	for n := 0; n <= len(k.notes); n++ {
		m, from, to := form{value: valueEnd}, len(data), len(data)
		if n < len(k.notes) {
			v := &k.notes[n]
			m, from, to = v.form, v.from, v.to
		}
		if from < i {
			return // not in the order of the document
		}
		if at = k.add(at, m, data[i:from]); at == nil {
			return
		}
		i = to
	}
}

// add returns the form that follows before and has the given text, or nil where there
// are too many.
func (k *forms) add(before *form, m form, text []byte) *form {
	n := 0
	for f := before.next; f != nil; f = f.other {
		if f.Text() == string(text) && f.value == m.value {
			return f // the same text in the same place has the same meaning
		}
		n++
	}
	if n >= maxOthers || k.n >= maxForms {
		return nil
	}
	m.Piece, m.other = scan.NewPiece(text, m.value.stops()), before.next
	before.next, before.Guess = &m, &m.Piece
	k.n++
	k.text += len(text)
	return &m
}
