// Package outline reads values out of texts that were laid out for people: headings with
// labelled values below them, as Windows writes into the descriptions of its events.
//
//	An account failed to log on.
//
//	Subject:
//		Security ID:		S-1-5-18
//		Account Name:		HOST$
//
//	Logon Type:			3
//
//	Account For Which Logon Failed:
//		Account Name:		ann
//
// gives "Subject.Security ID", "Subject.Account Name", "Logon Type" and "Account For
// Which Logon Failed.Account Name". A Reader puts the values of the paths that it was
// asked for into the slots of a parse.Frame; all else is left alone, as the text itself
// remains. A path without heading, "Logon Type", is found below every heading, too, unless
// the path with the heading is asked for.
//
// # Lines
//
// A label is what stands before the first colon that white space or the line's end follows:
// up to 64 bytes that hold no tab and no two spaces. A line that begins at the margin with a label and
// no value is a heading; one with a value ends the heading before it. Lines that begin
// with white space belong to the heading, and one of these without a label goes on with the value before it. All
// other lines are text.
//
// Where a relay has taken the line breaks out, two spaces or more, or a tab, part labels and values.
// A label with no value, or with another label for one, then is a heading if the Reader was asked for something below it,
// and four spaces (what is left of a blank line) before a label with a value end the heading.
// White space that syslog relays have escaped (#011, #012, #015) and no-break spaces are white
// space in both forms.
//
// # Cost
//
// One pass over the text, no allocation. The description of a logon, 0.9 kB, takes 4 to 5 µs
// (go test -bench . ./parse/kernel/outline). A Reader is for one goroutine.
package outline

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/penstock-dev/penstock/parse"
)

const (
	maxLabel = 64
	maxPath  = 2*maxLabel + 1
)

// Outline is what a set of paths compiles to. It is constant.
type Outline struct {
	slots    map[string]int
	sections map[string]bool
}

// New returns an Outline that puts the value at the path paths[i] into slot slots[i]. A path
// is a label, or a heading and a label with a dot between them.
func New(paths []string, slots []int) (*Outline, error) {
	if len(paths) != len(slots) {
		return nil, fmt.Errorf("outline: %d paths for %d slots", len(paths), len(slots))
	}
	o := &Outline{slots: make(map[string]int, len(paths)), sections: map[string]bool{}}
	for i, p := range paths {
		section, label, nested := strings.Cut(p, ".")
		if !nested {
			section, label = "", p
		}
		if nested && section == "" || label == "" || len(section) > maxLabel || len(label) > maxLabel {
			return nil, fmt.Errorf("outline: malformed path %q; want Label or Heading.Label of up to %d bytes each", p, maxLabel)
		}
		if slots[i] < 0 {
			return nil, fmt.Errorf("outline: slot %d of %q is negative", slots[i], p)
		}
		if _, ok := o.slots[p]; ok {
			return nil, fmt.Errorf("outline: path %q twice", p)
		}
		o.slots[p] = slots[i]
		if nested {
			o.sections[section] = true
		}
	}
	return o, nil
}

// Reader reads texts. Make one for each goroutine.
type Reader struct {
	o    *Outline
	path [maxPath]byte
}

// Reader returns a Reader.
func (o *Outline) Reader() *Reader { return &Reader{o: o} }

// Read puts the values of text into the slots of f, of two for the same slot the first; what
// a slot holds already stays. It returns how many values with a path there were; none means
// that the text is none of those that the paths are from.
func (r *Reader) Read(text []byte, f *parse.Frame) int {
	if bytes.IndexByte(text, '\n') >= 0 || bytes.Contains(text, newline) {
		return r.lines(text, f)
	}
	return r.flat(text, f)
}

var newline = []byte("#012")

// space returns how many bytes of b, from its start, are one white space.
func space(b []byte) int {
	switch c := b[0]; {
	case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		return 1
	case c == '#' && len(b) >= 4 && b[1] == '0' && b[2] == '1' && (b[3] == '1' || b[3] == '2' || b[3] == '5'):
		return 4
	case c == 0xc2 && len(b) >= 2 && b[1] == 0xa0:
		return 2
	}
	return 0
}

// The classes of bytes.
const (
	cWhite = 1 << iota // white space
	cMaybe             // may begin white space of several bytes
	cColon
)

var class = [256]uint8{' ': cWhite, '\t': cWhite, '\r': cWhite, '\n': cWhite, '#': cMaybe, 0xc2: cMaybe, ':': cColon}

// skip returns what of b follows its leading white space, and how much that was.
func skip(b []byte) (rest []byte, width int) {
	i := 0
	for ; i < len(b); width++ {
		c := class[b[i]]
		if c&cWhite != 0 {
			i++
			continue
		}
		if c&cMaybe == 0 {
			break
		}
		n := space(b[i:])
		if n == 0 {
			break
		}
		i += n
	}
	return b[i:], width
}

// trim takes white space off the end of b.
func trim(b []byte) []byte {
	for n := len(b); n > 0; n = len(b) {
		switch c := b[n-1]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			b = b[:n-1]
		case n >= 2 && c == 0xa0 && b[n-2] == 0xc2:
			b = b[:n-2]
		case n >= 4 && b[n-4] == '#' && space(b[n-4:]) == 4:
			b = b[:n-4]
		default:
			return b
		}
	}
	return b
}

// label parts b, which begins with no white space, into a label and what follows its colon.
func label(b []byte) (name, rest []byte, ok bool) {
	most := min(len(b), maxLabel+1)
	for i := 0; i < most; i++ {
		switch c := class[b[i]]; {
		case c == 0:
		case c == cColon:
			if i == 0 || i+1 < len(b) && class[b[i+1]]&cWhite == 0 && space(b[i+1:]) == 0 {
				continue
			}
			if name = trim(b[:i]); len(name) == 0 {
				return nil, nil, false
			}
			return name, b[i+1:], true
		case b[i] == '\t' || b[i] == '#' && space(b[i:]) > 0 || b[i] == ' ' && i+1 < len(b) && b[i+1] == ' ':
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// slot returns the slot for a label below a heading, or -1.
func (r *Reader) slot(section, label []byte) int {
	if len(section) > 0 {
		n := copy(r.path[:maxLabel], section)
		r.path[n] = '.'
		n += 1 + copy(r.path[n+1:], label)
		if s, ok := r.o.slots[string(r.path[:n])]; ok {
			return s
		}
	}
	if s, ok := r.o.slots[string(label)]; ok {
		return s
	}
	return -1
}

// put stores a value and reports whether it did.
func put(f *parse.Frame, slot int, value []byte) bool {
	if f.Slots[slot].Kind() != parse.KindNone {
		f.Duplicates++
		return false
	}
	f.Set(slot, parse.BytesValue(value))
	return true
}

func (r *Reader) lines(text []byte, f *parse.Frame) (n int) {
	var section []byte
	open, start := -1, 0 // the slot whose value may go on, and where that began
	real := -1           // the next line break, behind which escaped ones need not be looked for
	for at := 0; at < len(text); {
		if real < at {
			if real = bytes.IndexByte(text[at:], '\n'); real < 0 {
				real = len(text)
			} else {
				real += at
			}
		}
		line, next := text[at:real], real+1
		if i := bytes.Index(line, newline); i >= 0 {
			line, next = line[:i], at+i+len(newline)
		}
		rest, indent := skip(line)
		from := at + len(line) - len(rest)
		at = next
		if rest = trim(rest); len(rest) == 0 {
			continue
		}
		name, value, ok := label(rest)
		if !ok {
			if indent == 0 {
				open = -1
			}
			if open < 0 {
				continue
			}
			if start < 0 { // the first line of a value that begins below its label
				start = from
				n++
				if !put(f, open, rest) {
					open = -1
				}
			} else {
				f.Set(open, parse.BytesValue(text[start:from+len(rest)]))
			}
			continue
		}
		value, _ = skip(value)
		if indent == 0 {
			if section = nil; len(value) == 0 {
				section = name
			}
			open = r.slot(nil, name)
		} else {
			open = r.slot(section, name)
		}
		start = -1
		if open >= 0 && len(value) > 0 {
			start = from + len(rest) - len(value)
			n++
			if !put(f, open, value) {
				open = -1
			}
		}
	}
	return n
}

// token returns the text up to the next two spaces, or tab, and what follows.
func token(b []byte) (tok, rest []byte) {
	for i, c := range b {
		if class[c]&(cWhite|cMaybe) == 0 {
			continue
		}
		if c != ' ' {
			if c == '\t' || space(b[i:]) > 0 {
				return b[:i], b[i:]
			}
		} else if i+1 < len(b) && class[b[i+1]] != 0 && space(b[i+1:]) > 0 {
			return b[:i], b[i:]
		}
	}
	return b, nil
}

func (r *Reader) flat(text []byte, f *parse.Frame) (n int) {
	var section, pending []byte
	store := func(name []byte, gap int, value []byte) {
		if gap >= 4 {
			section = nil
		}
		if slot := r.slot(section, name); slot >= 0 && len(value) > 0 {
			n++
			put(f, slot, value)
		}
	}
	heading := func() { // what a label without a value is
		if pending != nil && r.o.sections[string(pending)] {
			section = pending
		}
		pending = nil
	}
	gap := 0 // before the pending label
	for len(text) > 0 {
		var width int
		if text, width = skip(text); len(text) == 0 {
			break
		}
		var tok []byte
		tok, text = token(text)
		name, value, ok := label(tok)
		switch {
		case ok && len(value) == 0:
			heading()
			pending, gap = name, width
		case pending != nil && (!ok || width < 3 && !r.o.sections[string(pending)] && (r.slot(section, pending) >= 0 || r.slot(nil, name) < 0)):
			store(pending, gap, tok)
			pending = nil
		case ok:
			heading()
			value, _ = skip(value)
			store(name, width, value)
		}
	}
	return n
}
