package pack

import (
	"bytes"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
)

// splitter turns one message into several events.
type splitter struct {
	json     json.SplitOptions
	keys     [][]byte     // of wrappers, with the quote behind them
	envelope int          // slot for the object around an element's array; -1: not wanted
	lines    bool         // a message may be several values, one after the other
	header   bool         // each event gets the text in front of the array
	nested   *json.Nested // or nil: where in an item its events are
}

// DefaultMaxEvents is how many events a message may be split into: a few bytes each are
// enough for one, and an event takes some kilobytes.
const DefaultMaxEvents = 1 << 14

func (o *Options) maxEvents() int {
	if o.MaxEvents > 0 {
		return o.MaxEvents
	}
	return DefaultMaxEvents
}

// Errors of a message as a whole, whatever its items.
var (
	errTooManyEvents = errcat.New(errcat.Oversize, errcat.StageParse, "the message has more events than Options.MaxEvents")
	errTooMuchShared = errcat.New(errcat.Oversize, errcat.StageParse, "what the events of the message share is too long to be part of each")
)

// tooMuch reports whether what the events of a message are made of is out of
// proportion to it.
func tooMuch(together, message int) bool { return together > 64*message+1<<20 }

// mayHold reports whether the object b can be a wrapper at all: most messages hold one
// event, and a search for arrays of objects is far quicker than a walk over the members.
func (sp *splitter) mayHold(b []byte) bool {
	if len(sp.keys) == 0 {
		return false
	}
	if sp.lines { // what follows the object is split as well, wrapper or not
		for _, k := range sp.keys {
			if bytes.Contains(b, k) {
				return true
			}
		}
		return bytes.Contains(b, []byte(`\u00`)) // a key may be written with escapes
	}
	for i := 0; ; {
		k := bytes.IndexByte(b[i:], '[')
		if k < 0 {
			return false
		}
		at := i + k
		for i = at + 1; i < len(b) && isJSONSpace(b[i]); i++ {
		}
		if i < len(b) && b[i] == '{' && sp.named(b[:at]) {
			return true
		}
	}
}

// named reports whether b ends with one of the keys and a colon. Of a key that has a backslash
// in it, or before it, nothing is known.
func (sp *splitter) named(b []byte) bool {
	end := len(b)
	back := func(c byte) bool {
		for end > 0 && isJSONSpace(b[end-1]) {
			end--
		}
		if end == 0 || b[end-1] != c {
			return false
		}
		end--
		return true
	}
	if !back(':') || !back('"') {
		return false
	}
	start := end
	for start > 0 && b[start-1] != '"' {
		if start--; b[start] == '\\' {
			return true
		}
	}
	if start > 1 && b[start-2] == '\\' {
		return true
	}
	for _, w := range sp.json.Wrappers {
		if string(b[start:end]) == w {
			return true
		}
	}
	return false
}

func isJSONSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (c *compiler) splitter(y *yaml.Node) (*splitter, error) {
	if err := c.known(y, "json", "each", "envelope", "lines", "header", "alone"); err != nil {
		return nil, err
	}
	sp := &splitter{envelope: -1}
	if n := y.Get("envelope"); n != nil {
		sp.envelope = c.declare(n.Text)
	}
	if n := y.Get("lines"); n != nil {
		sp.lines = n.Text == "true"
	}
	if n := y.Get("header"); n != nil {
		sp.header = n.Text == "true"
	}
	var err error
	if sp.json, err = c.splitOptions(y); err != nil {
		return nil, err
	}
	for _, w := range sp.json.Wrappers {
		sp.keys = append(sp.keys, append([]byte(w), '"'))
	}
	if n := y.Get("each"); n != nil {
		paths, err := c.strings(n)
		if err != nil {
			return nil, err
		}
		if sp.nested, err = json.NewNested(paths...); err != nil {
			return nil, c.errorf(n, "%s", strings.TrimPrefix(err.Error(), "json: "))
		}
	}
	return sp, nil
}

// splitOptions are the parts of split that say where the events of a message are.
func (c *compiler) splitOptions(y *yaml.Node) (json.SplitOptions, error) {
	wrappers, err := c.strings(y.Get("json"))
	if wrappers == nil {
		wrappers = []string{} // none, not those by default
	}
	is := func(key string) bool {
		n := y.Get(key)
		return n != nil && n.Text == "true"
	}
	return json.SplitOptions{Wrappers: wrappers, AnyEnvelope: !is("alone"), Framed: !is("lines")}, err
}

// parse makes the events of whole, the text of a message.
func (sp *splitter) parse(s *state, o Options, whole []byte, out *parse.Events[parse.Record]) error {
	s.events, s.together, s.parts = 0, 0, s.parts[:0]
	raw := trimSpaceAndBOM(whole)
	if len(raw) == 0 || (raw[0] != '{' && raw[0] != '[') {
		if sp.header {
			return sp.headed(s, o, raw, out)
		}
		return s.pack.event(s, o, whole, out)
	}
	if raw[0] == '{' && !sp.mayHold(raw) && !(sp.lines && bytes.IndexByte(raw, '\n') >= 0) {
		return sp.item(s, o, nil, raw, out)
	}
	if err := sp.items(s, &o, raw); err != nil {
		return err
	}
	if len(s.items) == 1 && s.items[0].Envelope == nil {
		if s.items[0].Err != nil {
			return s.items[0].Err
		}
		return sp.item(s, o, nil, s.items[0].Raw, out)
	}
	if sp.envelope >= 0 {
		if err := s.hollow(raw); err != nil {
			return err
		}
	}
	for i := range s.items {
		it := &s.items[i]
		err := it.Err
		if err == nil {
			if sp.envelope >= 0 {
				s.envelope = s.hollows[i]
			}
			err = sp.item(s, o, nil, it.Raw, out)
			s.envelope = hollow{}
		}
		if err == errTooManyEvents || err == errTooMuchShared {
			return err
		}
		if err != nil {
			out.Reject(it.Raw, err)
		}
	}
	if len(s.items) == 0 {
		return errcat.New(errcat.SchemaViolation, errcat.StageParse, "no event in the text")
	}
	clear(s.items)
	clear(s.hollows)
	return nil
}

// items finds the items of raw.
func (sp *splitter) items(s *state, o *Options, raw []byte) error {
	s.items = json.AppendItems(s.items[:0], raw, &sp.json)
	if len(s.items) > o.maxEvents() {
		clear(s.items)
		s.items = nil
		return errTooManyEvents
	}
	return nil
}

// item makes the events of an item, which each get head in front.
func (sp *splitter) item(s *state, o Options, head, raw []byte, out *parse.Events[parse.Record]) error {
	if sp.nested != nil && !sp.nested.Find(raw, o.maxEvents()-s.events, &s.nested) {
		return errTooManyEvents
	}
	if sp.nested == nil || s.nested.Len() < 2 {
		if s.events++; head == nil {
			return s.pack.event(s, o, raw, out)
		}
		s.parts = append(s.parts[:0], head, raw)
		return s.joined(o, out)
	}
	s.events += s.nested.Len()
	for i := range s.nested.Len() {
		s.parts = append(s.parts[:0], head)
		for _, p := range s.nested.Pieces(i) {
			s.parts = append(s.parts, raw[p.From:p.To])
		}
		if err := s.joined(o, out); err == errTooMuchShared {
			return err
		} else if err != nil {
			var text []byte
			for _, p := range s.nested.Pieces(i) {
				text = append(text, raw[p.From:p.To]...)
			}
			out.Reject(append(bytes.Clone(head), text...), err)
		}
	}
	return nil
}

// joined makes an event of s.parts.
func (s *state) joined(o Options, out *parse.Events[parse.Record]) error {
	for _, p := range s.parts {
		s.together += len(p)
	}
	if tooMuch(s.together, len(s.msg.Raw)) {
		return errTooMuchShared
	}
	err := s.pack.event(s, o, nil, out)
	clear(s.parts)
	s.parts = s.parts[:0]
	return err
}

// joinedText puts the parts of the event together in its memory.
func (s *state) joinedText() []byte {
	n := 0
	for _, p := range s.parts {
		n += len(p)
	}
	b := s.rec.Text().Scratch(n)
	for _, p := range s.parts {
		b = append(b, p...)
	}
	b = s.rec.Text().Keep(b)
	if s.trace != nil {
		s.trace.joined(b, s.parts...)
	}
	return b
}

// headed splits an array of objects that stands behind the header of a transport, which
// each event then has in front.
func (sp *splitter) headed(s *state, o Options, raw []byte, out *parse.Events[parse.Record]) error {
	at := bytes.Index(raw, []byte("[{")) // no header holds that
	if at < 0 {
		return s.pack.event(s, o, raw, out)
	}
	if err := sp.items(s, &o, raw[at:]); err != nil {
		return err
	}
	for i := range s.items {
		it := &s.items[i]
		err := it.Err
		if err == nil {
			err = sp.item(s, o, raw[:at:at], it.Raw, out)
		}
		if err == errTooManyEvents || err == errTooMuchShared {
			return err
		}
		if err != nil {
			if len(s.items) == 1 {
				return err
			}
			out.Reject(bytes.Join([][]byte{raw[:at], it.Raw}, nil), err)
		}
	}
	clear(s.items)
	return nil
}

// hollow is the object around an event without the array that the event was in: what
// stands before and behind that.
type hollow struct{ head, tail []byte }

// hollow takes the array out of the envelope of each item. What the items have of it
// together stays in proportion to the message.
func (s *state) hollow(raw []byte) error {
	s.hollows = append(s.hollows[:0], make([]hollow, len(s.items))...)
	total := 0
	for i := 0; i < len(s.items); {
		around := s.items[i].Envelope
		j := i + 1
		for j < len(s.items) && len(around) > 0 && len(s.items[j].Envelope) > 0 && &s.items[j].Envelope[0] == &around[0] {
			j++
		}
		if len(around) > 0 {
			first, last := &s.items[i], &s.items[j-1]
			head := 0 // where the array's elements begin
			for head < len(around) && (len(first.Raw) == 0 || &around[head] != &first.Raw[0]) {
				head++
			}
			tail := min(head+last.Offset+len(last.Raw)-first.Offset, len(around))
			for k := i; k < j; k++ {
				s.hollows[k] = hollow{around[:head], around[tail:]}
			}
			if total += (j - i) * (head + len(around) - tail); tooMuch(total, len(raw)) {
				return errTooMuchShared
			}
		}
		i = j
	}
	return nil
}
