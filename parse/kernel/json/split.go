package json

import (
	"bytes"
	"iter"
)

// Item is one event's text in a message that may hold several.
type Item struct {
	Raw    []byte // aliases the message
	Offset int    // of Raw in the message
	// Envelope is the object around the array that the item stood in, array included,
	// or nil: read its own keys with a Reader. Wrapper is the array's key in it.
	Envelope []byte
	Wrapper  string
	// Err, an *errcat.Error, says that Raw is no item: not an object
	// (SCHEMA_VIOLATION), or cut (TRUNCATED). Without it Raw begins with a brace and
	// ends with its closing one, but is otherwise not checked: Read does that.
	Err error
}

// SplitOptions say what holds several events. The zero SplitOptions have the defaults.
type SplitOptions struct {
	// Wrappers are the keys whose arrays are unwrapped. Nil means DefaultWrappers,
	// an empty slice none.
	Wrappers []string
	// AnyEnvelope unwraps whatever the other members of the wrapper are.
	AnyEnvelope bool
	// Framed says that data is one message already: an object that is no wrapper is
	// passed on with all that follows it, without a look for its end, so that the
	// common case costs next to nothing. Read reports what follows.
	Framed bool
}

// DefaultWrappers returns the keys under which well-known services send arrays of
// events: AWS (Records, logEvents, records), Azure (records), Microsoft Graph and
// Office 365 (value), and others.
func DefaultWrappers() []string { return append([]string(nil), defaultWrappers...) }

// defaultWrappers is read-only.
var defaultWrappers = []string{"Records", "records", "value", "events", "logEvents", "entries", "items"}

// Split returns the items of data in their order: values one after the other (a line
// each or not), the elements of arrays, and the elements of arrays in wrappers. o may
// be nil.
//
// An object is a wrapper if one of its keys is named in Wrappers and holds an array
// whose first element is an object (the first such key counts), and if no other member
// is an object, or an array that begins with an object or array; AnyEnvelope lifts the
// second condition. So {"Records":[{…}]} and {"owner":"…","logEvents":[{…}]} are
// wrappers, while an event that has an array of events beside an object is an event.
// Only one level is unwrapped.
//
// Broken items are reported by themselves where the next one can be found: behind the
// next comma in an array, on the next line elsewhere. A wrapper without its end has its
// items, and no Envelope. After an object whose end
// cannot be found every line is taken by itself. The time is linear in len(data).
func Split(data []byte, o *SplitOptions) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for _, it := range AppendItems(nil, data, o) {
			if !yield(it) {
				return
			}
		}
	}
}

// AppendItems appends the items of Split to dst. Broken items apart, it allocates only
// what dst lacks.
func AppendItems(dst []Item, data []byte, o *SplitOptions) []Item {
	s := splitter{items: dst, wrappers: defaultWrappers}
	framed := false
	if o != nil {
		s.any, framed = o.AnyEnvelope, o.Framed
		if o.Wrappers != nil {
			s.wrappers = o.Wrappers
		}
	}
	s.run(data, framed)
	return s.items
}

type splitter struct {
	items    []Item
	wrappers []string
	any      bool
}

func (s *splitter) add(raw []byte, at int, c code) {
	it := Item{Raw: raw[:len(raw):len(raw)], Offset: at}
	if c != errNone {
		it.Err = newError(c, at)
	}
	s.items = append(s.items, it)
}

func (s *splitter) run(data []byte, framed bool) {
	var (
		limit = data // cut at the end of the line once lines are taken by themselves
		lines = false
	)
	for i, _ := begin(data); ; framed = false {
		if i, _ = space(data, i); i >= len(data) {
			return
		}
		if lines && i >= len(limit) {
			limit = data[:lineEnd(data, i)]
		}
		end, c := 0, errNone
		switch data[i] {
		case '{':
			if len(s.wrappers) > 0 {
				if end, ok := s.wrapper(limit, i); ok {
					i = end
					continue
				}
			}
			if framed {
				end = trimmed(data, i, len(data))
			} else if end = closingBracket(limit, i, true); end < 0 {
				end, c = lineEnd(data, i), errTruncated
				if !lines {
					lines, limit = true, data[:end]
				}
			}
		case '[':
			i = s.elements(limit, i, "")
			continue
		default:
			end, c = lineEnd(data, i), errNotObject
		}
		s.add(data[i:end], i, c)
		i = end
	}
}

// lineEnd returns the index of the line break that ends the line of i, white space
// before it excluded. It is above i if no white space stands there.
func lineEnd(data []byte, i int) int {
	end := len(data)
	if n := bytes.IndexByte(data[i:], '\n'); n >= 0 {
		end = i + n
	}
	return trimmed(data, i, end)
}

// trimmed returns end without the white space before it, but not less than i.
func trimmed(data []byte, i, end int) int {
	for end > i && (data[end-1] == ' ' || data[end-1] == '\t' || data[end-1] == '\n' || data[end-1] == '\r') {
		end--
	}
	return end
}

// wrapper adds the items of the object at i and returns the index behind what it read,
// if the object is a wrapper.
func (s *splitter) wrapper(data []byte, i int) (end int, ok bool) {
	first := len(s.items)
	start := i
	for i++; ; i++ {
		i, _ = space(data, i)
		if i >= len(data) || data[i] != '"' {
			break
		}
		quote, escaped := closingQuote(data, i+1, true)
		if quote < 0 {
			break
		}
		name := ""
		if !ok {
			name = s.named(data[i+1:quote], escaped)
		}
		if i, _ = space(data, quote+1); i >= len(data) || data[i] != ':' {
			break
		}
		if i, _ = space(data, i+1); i >= len(data) {
			break
		}
		at := i
		switch data[i] {
		case '"':
			if i, _ = closingQuote(data, i+1, true); i < 0 {
				return at, ok
			}
			i++
		case '{', '[':
			inner, _ := space(data, i+1)
			objects := data[i] == '[' && inner < len(data) && data[inner] == '{'
			if name != "" && objects {
				ok = true
				i = s.elements(data, i, name)
				break
			}
			if !s.any && (data[i] == '{' || objects || inner < len(data) && data[inner] == '[') {
				clear(s.items[first:])
				s.items = s.items[:first]
				return 0, false
			}
			if i = closingBracket(data, i, true); i < 0 {
				return at, ok
			}
		default:
			i = tokenEnd(data, i)
		}
		i, _ = space(data, i)
		if i < len(data) && data[i] == ',' {
			continue
		}
		if i < len(data) && data[i] == '}' {
			i++
			for j := range s.items[first:] {
				s.items[first+j].Envelope = data[start:i:i]
			}
		}
		break
	}
	return i, ok
}

// named returns the wrapper key that key is, or "".
func (s *splitter) named(key []byte, escaped bool) string {
	var room [64]byte
	if escaped {
		if len(key) > 6*len(room) {
			return ""
		}
		key, _ = appendUnescaped(room[:0], key, sawBadUTF8)
	}
	for _, w := range s.wrappers {
		if w == string(key) {
			return w
		}
	}
	return ""
}

// elements adds the elements of the array at i and returns the index behind it.
func (s *splitter) elements(data []byte, i int, name string) int {
	i, _ = space(data, i+1)
	if i < len(data) && data[i] == ']' {
		return i + 1
	}
	for missing := false; ; { // a comma before this element
		end, c := len(data), errNotObject
		switch {
		case i >= len(data):
			c = errTruncated
		case data[i] == '{' || data[i] == '[':
			if data[i] == '{' {
				c = errNone
			}
			if end = closingBracket(data, i, false); end < 0 {
				end, c = len(data), errTruncated
			}
		case data[i] == '"':
			if end, _ = closingQuote(data, i+1, false); end < 0 {
				end, c = len(data), errTruncated
			} else {
				end++
			}
		default:
			if end = tokenEnd(data, i); end < len(data) && data[end] == '}' {
				end++
			}
		}
		if missing && c == errNone {
			c = errCommaArray
		}
		s.add(data[i:end], i, c)
		s.items[len(s.items)-1].Wrapper = name
		if i, _ = space(data, end); i >= len(data) {
			if c != errTruncated {
				s.add(data[i:], i, errTruncated)
			}
			return i
		}
		switch data[i] {
		case ']':
			return i + 1
		case ',':
			i, _ = space(data, i+1)
			missing = false
		default:
			missing = true
		}
	}
}
