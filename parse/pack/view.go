package pack

import (
	"bytes"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/cef"
	"github.com/penstock-dev/penstock/parse/kernel/json"
	"github.com/penstock-dev/penstock/parse/kernel/leef"
	"github.com/penstock-dev/penstock/parse/kernel/syslog"
)

// view is a message as detection sees it: each part is worked out at most once.
type view struct {
	raw    []byte // the message, without the headers of relays that put theirs in front of the device's
	header syslog.Message
	kind   int // of the device's header
	parser syslog.Parser
	noting bool   // the parser notes parameters
	app    []byte // of the header, or of a relayed one behind it
	at     int    // where a CEF or LEEF header begins
	// headerRead: header is what the syslog layer would read of the raw message.
	headerRead bool

	payload []byte
	class   class

	payloadHas, rawHas     presence // as far as expressions look
	payloadPairs, rawPairs pairSet

	live, mask bitset // candidates of textIndex
	narrowed   []narrowing

	// What jsonIndex works with: the members that signatures ask for.
	peeker   *json.Peeker
	found    []json.Found
	members  []member // by slot
	visit    uint32   // of members
	isObject bool
	hit      int // the candidate that ended the search, or -1
	possible bitset

	headerDone      bool
	vendor, product []byte
	lower           []byte
}

func (v *view) reset(raw []byte) {
	v.raw, v.isObject, v.headerDone, v.headerRead = raw, false, false, false
	v.app, v.kind = nil, headerNone
	v.payloadHas.done, v.rawHas.done = false, false
	v.payloadPairs.done, v.rawPairs.done = false, false
	p := trimSpaceAndBOM(raw)
	if len(p) > 0 && (p[0] == '{' || p[0] == '[') && looksJSON(p) {
		v.payload, v.class, v.header = p, classJSON, syslog.Message{}
		return
	}
	if looksXML(p) {
		v.payload, v.class, v.header = p, classXML, syslog.Message{}
		return
	}
	if err := v.parser.Parse(p, &v.header); err != nil {
		v.header = syslog.Message{}
	} else {
		v.headerRead = len(p) == len(raw)
	}
	v.kind = headerKind(&v.header)
	if v.header.StructuredData != nil && !v.noting {
		v.noting = true // from now on, for who reads the parameters
		v.parser.Names(parse.NewKeyOrder(nil, '='))
	}
	v.payload = p
	if v.header.HeaderLen > 0 {
		v.payload, v.app = v.header.Payload, v.header.AppName
		var inner syslog.Message
		if from := nested(&v.parser, &v.header, &inner); from > 0 {
			v.payload, v.app = inner.Payload, inner.AppName
			if beginsWithPriority(p[from:]) { // else the relay's header may be the device's
				v.raw, v.kind = p[from:], headerKind(&inner)
			}
		} else if beginsWithPriority(v.payload) {
			v.raw = v.payload // its header cannot be read
		}
		if once, _, ok := syslog.Repeated(v.payload); ok {
			v.payload = once
		}
		v.payload = bytes.TrimLeft(v.payload, " ")
	}
	v.class = classText
	switch b := v.payload; {
	case len(b) == 0:
	case b[0] == '{':
		v.class = classJSON
	case looksXML(b):
		v.class = classXML
	case bytes.HasPrefix(b, cee):
		v.class, v.payload = classJSON, bytes.TrimLeft(b[len(cee):], " ")
	}
	if v.class != classText {
		return
	}
	if v.at = cef.Find(v.raw); v.at >= 0 {
		v.class = classCEF
	} else if v.at = leef.Find(v.raw); v.at >= 0 {
		v.class = classLEEF
	}
}

// looksXML tells an element, a declaration or a comment from a text that begins with an
// angle bracket, as a syslog priority does. A lone word in brackets with a text behind it is
// none.
func looksXML(p []byte) bool {
	if len(p) < 2 || p[0] != '<' {
		return false
	}
	if p[1] == '?' || p[1] == '!' {
		return true
	}
	i := 1
	for i < len(p) && (p[i]|0x20 >= 'a' && p[i]|0x20 <= 'z' || p[i] == '_' || i > 1 && (p[i] >= '0' && p[i] <= '9' || p[i] == '-' || p[i] == '.' || p[i] == ':')) {
		i++
	}
	if i == 1 || i == len(p) {
		return false
	}
	end := bytes.TrimRight(p, " \t\r\n\x00")
	switch p[i] {
	case ' ', '\t', '\r', '\n', '/': // attributes, or an empty element
		return end[len(end)-1] == '>' || bytes.Contains(p[i:min(len(p), i+256)], []byte("=\"")) || bytes.Contains(p[i:min(len(p), i+256)], []byte("='"))
	case '>':
		rest := bytes.TrimLeft(p[i+1:], " \t\r\n")
		return end[len(end)-1] == '>' || len(rest) > 0 && rest[0] == '<'
	}
	return false
}

// looksJSON tells a JSON array from a text that begins with a bracket.
func looksJSON(p []byte) bool {
	i := 1
	for i < len(p) && isJSONSpace(p[i]) {
		i++
	}
	if i == len(p) {
		return false
	}
	if p[0] == '{' {
		return p[i] == '"' || p[i] == '}'
	}
	return p[i] == '{' || p[i] == ']'
}

// member is the member of a slot, if it was found at this visit.
type member struct {
	visit uint32
	at    int32 // in view.found
}

// payloadBytes are the bytes of the payload, as far as expressions look at it.
func (v *view) payloadBytes() *byteSet { return v.payloadHas.of(beginning(v.payload)) }

// rawBytes are those of the message.
func (v *view) rawBytes() *byteSet {
	if len(v.raw) == len(v.payload) {
		return v.payloadBytes()
	}
	if v.rawHas.done {
		return &v.rawHas.set
	}
	// The payload is a part of the message, mostly its end.
	from := scan.Offset(v.raw, v.payload)
	if from < 0 || len(v.raw) > maxBeginning {
		return v.rawHas.of(beginning(v.raw))
	}
	v.rawHas.of(v.raw[:from])
	v.rawHas.set.addAll(v.payloadBytes())
	for _, c := range v.raw[from+len(v.payload):] {
		v.rawHas.set.add(c)
	}
	return &v.rawHas.set
}

// lacks reports whether the message, whose bytes are not counted, has none of one of these. It costs less
// than to count them.
func (v *view) lacks(list []byte) bool {
	if v.rawHas.done {
		return false
	}
	for _, c := range list {
		if bytes.IndexByte(beginning(v.raw), c) < 0 {
			return true
		}
	}
	return false
}

// ofRaw is where the pairs of the message go: most without a header are their own payload.
func (v *view) ofRaw() *pairSet {
	if len(v.raw) == len(v.payload) {
		return &v.payloadPairs
	}
	return &v.rawPairs
}

// marks are the marks that the payload has.
func (v *view) marks() (s byteSet) {
	if len(v.payload) <= shortPayload {
		s = *v.payloadBytes() // which many signatures ask for
		for i := range s {
			s[i] &= marks[i]
		}
		return s
	}
	for _, c := range []byte(markBytes) {
		if bytes.IndexByte(v.payload, c) >= 0 {
			s.add(c)
		}
	}
	return s
}

// shortPayload is the length up to which it costs less to count all bytes of a payload than
// to look for each of the marks.
const shortPayload = 256

// readMembers finds the members that signatures ask for. An array is judged by its first
// element.
func (v *view) readMembers() {
	data := v.payload
	if len(data) > 0 && data[0] == '[' {
		data = bytes.TrimLeft(data[1:], " \t\r\n")
	}
	if v.visit++; v.visit == 0 { // after four thousand million messages
		clear(v.members)
		v.visit = 1
	}
	v.found, v.isObject = v.peeker.Peek(data)
}

// note takes what was found so far, of which the last is new, and returns its slot.
func (v *view) note(found []json.Found) (slot int) {
	v.found = found
	at := len(found) - 1
	slot = found[at].Slot
	if m := &v.members[slot]; m.visit != v.visit {
		m.visit, m.at = v.visit, int32(at)
	}
	return slot
}

// member returns the member of a slot, or nil.
func (v *view) member(slot int) *json.Found {
	if m := &v.members[slot]; m.visit == v.visit {
		return &v.found[m.at]
	}
	return nil
}

// The kinds of syslog header that a message can have.
const (
	headerNone = iota
	headerBare // without a priority
	header3164
	header5424
)

func headerKind(m *syslog.Message) int {
	switch {
	case m.HeaderLen == 0:
		return headerNone
	case m.Version > 0:
		return header5424
	case !m.HasPriority:
		return headerBare
	}
	return header3164
}

// readHeader reads vendor and product of CEF and LEEF.
func (v *view) readHeader() bool {
	if v.headerDone {
		return v.vendor != nil
	}
	v.headerDone, v.vendor, v.product = true, nil, nil
	switch v.class {
	case classCEF:
		var h cef.Header
		if _, err := cef.ParseHeader(v.raw[v.at:], &h); err != nil {
			return false
		}
		v.setVendor(h.Vendor.Bytes(), h.Product.Bytes())
	case classLEEF:
		var h leef.Header
		if _, err := leef.ParseHeader(v.raw[v.at:], &h); err != nil {
			return false
		}
		v.setVendor(h.Vendor.Bytes(), h.Product.Bytes())
	}
	return v.vendor != nil
}

func (v *view) setVendor(vendor, product []byte) {
	v.lower = append(append(v.lower[:0], vendor...), product...)
	for i, c := range v.lower {
		if c >= 'A' && c <= 'Z' {
			v.lower[i] = c + 'a' - 'A'
		}
	}
	v.vendor, v.product = v.lower[:len(vendor):len(vendor)], v.lower[len(vendor):]
}
