package json

import (
	"bytes"
	"iter"

	"github.com/penstock-dev/penstock/errcat"
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
// An object is a wrapper if the first of its keys that is named in Wrappers and holds
// an array whose first element is an object exists, and no other member is an object
// or an array that begins with an object or array (AnyEnvelope lifts the second
// condition). So {"Records":[{…}]} and {"owner":"…","logEvents":[{…}]} are wrappers,
// and an event that has an array of events beside an object is an event.
// Only one level is unwrapped.
//
// Broken items are reported by themselves where the next one can be found: behind the
// next comma in an array, on the next line elsewhere. After an object whose end
// cannot be found every line is taken by itself. The time is linear in len(data).
func Split(data []byte, o *SplitOptions) iter.Seq[Item] {
	return func(yield func(Item) bool) { split(data, o, yield) }
}

// AppendItems appends the items of Split to dst. It allocates only what dst lacks.
func AppendItems(dst []Item, data []byte, o *SplitOptions) []Item {
	split(data, o, func(it Item) bool {
		dst = append(dst, it)
		return true
	})
	return dst
}

func split(data []byte, o *SplitOptions, yield func(Item) bool) {
	var zero SplitOptions
	if o == nil {
		o = &zero
	}
	wrappers := o.Wrappers
	if wrappers == nil {
		wrappers = defaultWrappers
	}
	s := splitter{data: data, o: o, wrappers: wrappers, yield: yield}
	s.run()
}

type splitter struct {
	data     []byte
	o        *SplitOptions
	wrappers []string
	yield    func(Item) bool
}

func (s *splitter) item(from, to int) bool {
	return s.yield(Item{Raw: s.data[from:to:to], Offset: from})
}

func (s *splitter) broken(from, to int, c code) bool {
	return s.yield(Item{Raw: s.data[from:to:to], Offset: from, Err: itemError(c, from)})
}

func itemError(c code, at int) error {
	e := errcat.New(failures[c].category, errcat.StageParse, failures[c].text)
	e.Offset = int64(at)
	return e
}

func (s *splitter) run() {
	limit := s.data // cut at the end of the line once lines are taken by themselves
	lines := false
	for i, _ := begin(s.data); ; {
		i, _ = space(s.data, i)
		if i >= len(s.data) {
			return
		}
		if lines && i >= len(limit) {
			limit = s.data[:lineEnd(s.data, i)]
		}
		switch s.data[i] {
		case '{':
			var w wrapper
			if len(s.wrappers) > 0 {
				w = s.wrapper(limit, i)
			}
			if w.array > 0 {
				var envelope []byte
				if w.end > 0 {
					envelope = s.data[i:w.end:w.end]
				}
				end, more := s.elements(limit, w.array, envelope, w.name)
				if !more {
					return
				}
				if i = end; w.end > 0 {
					i = w.end
				}
				continue
			}
			end := w.end
			if s.o.Framed && i == firstByte(s.data) {
				end = trimmed(s.data, i, len(s.data))
			} else if end == 0 {
				end = closingBracket(limit, i, true)
			}
			if end < 0 {
				end = lineEnd(s.data, i)
				if !lines {
					lines, limit = true, s.data[:end]
				}
				if !s.broken(i, end, errTruncated) {
					return
				}
			} else if !s.item(i, end) {
				return
			}
			i = end
		case '[':
			end, more := s.elements(limit, i, nil, "")
			if !more {
				return
			}
			i = end
		default:
			end := lineEnd(s.data, i)
			if !s.broken(i, end, errNotObject) {
				return
			}
			i = end
		}
	}
}

func firstByte(data []byte) int {
	i, _ := begin(data)
	return i
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

type wrapper struct {
	array int // index of the bracket, 0 if it is no wrapper
	end   int // behind the object, 0 if not known
	name  string
}

// wrapper looks at the members of the object at i until it is clear what it is.
func (s *splitter) wrapper(data []byte, i int) (w wrapper) {
	for i++; ; {
		i, _ = space(data, i)
		if i >= len(data) || data[i] != '"' {
			break
		}
		end, escaped := closingQuote(data, i+1, true)
		if end < 0 {
			break
		}
		name := ""
		if w.array == 0 {
			name = s.named(data[i+1:end], escaped)
		}
		if i, _ = space(data, end+1); i >= len(data) || data[i] != ':' {
			break
		}
		if i, _ = space(data, i+1); i >= len(data) {
			break
		}
		switch data[i] {
		case '"':
			if end, _ = closingQuote(data, i+1, true); end < 0 {
				return w
			}
			end++
		case '{', '[':
			inner, _ := space(data, i+1)
			objects := data[i] == '[' && inner < len(data) && data[inner] == '{'
			if name != "" && objects {
				w.array, w.name = i, name
			} else if !s.o.AnyEnvelope && (data[i] == '{' || objects || inner < len(data) && data[inner] == '[') {
				return wrapper{}
			}
			if end = closingBracket(data, i, true); end < 0 {
				return w
			}
		default:
			end = tokenEnd(data, i)
		}
		if i, _ = space(data, end); i >= len(data) {
			break
		}
		if data[i] == '}' {
			w.end = i + 1
			return w
		}
		if data[i] != ',' {
			break
		}
		i++
	}
	return w
}

// named returns the wrapper key that key is, or "".
func (s *splitter) named(key []byte, escaped bool) string {
	var room [64]byte
	if escaped {
		if len(key) > 6*len(room) {
			return ""
		}
		key, _ = appendUnescaped(room[:0], key)
	}
	for _, w := range s.wrappers {
		if w == string(key) {
			return w
		}
	}
	return ""
}

// elements reports the elements of the array at i. more is false if the caller of
// Split wants no more.
func (s *splitter) elements(data []byte, i int, envelope []byte, name string) (end int, more bool) {
	it := Item{Envelope: envelope, Wrapper: name}
	i, _ = space(data, i+1)
	if i < len(data) && data[i] == ']' {
		return i + 1, true
	}
	behind := false // an element without a comma after it
	for {
		it.Offset, it.Err = i, nil
		c := errNone
		switch {
		case i >= len(data):
			end, c = i, errTruncated
		case data[i] == '{':
			if end = closingBracket(data, i, false); end < 0 {
				end, c = len(data), errTruncated
			}
		case data[i] == '[':
			c = errNotObject
			if end = closingBracket(data, i, false); end < 0 {
				end, c = len(data), errTruncated
			}
		case data[i] == '"':
			c = errNotObject
			if end, _ = closingQuote(data, i+1, false); end < 0 {
				end, c = lineEnd(data, i), errTruncated
			} else {
				end++
			}
		default:
			end, c = tokenEnd(data, i), errNotObject
			if end < len(data) && data[end] == '}' {
				end++
			}
		}
		if behind && c == errNone {
			c = errCommaArray
		}
		if c != errNone {
			it.Err = itemError(c, i)
		}
		it.Raw = data[i:end:end]
		if !s.yield(it) {
			return end, false
		}
		if i, _ = space(data, end); i >= len(data) {
			if c != errTruncated {
				it.Raw, it.Offset, it.Err = data[i:], i, itemError(errTruncated, i)
				more = s.yield(it)
				return i, more
			}
			return i, true
		}
		switch data[i] {
		case ']':
			return i + 1, true
		case ',':
			i, _ = space(data, i+1)
			behind = false
		default:
			behind = true
		}
	}
}
