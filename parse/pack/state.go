package pack

import (
	"strconv"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
	"github.com/penstock-dev/penstock/parse/kernel/syslog"
	"github.com/penstock-dev/penstock/parse/kernel/text"
)

// state is what one worker has in its hands while it runs a pack on one event.
type state struct {
	frame parse.Frame
	rec   *parse.Record
	msg   *parse.Message
	time  timeparse.Context
	cache timeparse.Cache
	keep  bool // keep what has no ECS field
	wide  bool // vendor fields are wanted
	pack  *Pack
	trace *tracer // only for Explain

	routes [2]routes // of events as they are, and of those out of an envelope

	touched  [16]uint16 // slots read by the expression under evaluation
	ntouched int
	failed   bool // a filter could not do its work on a value that was there
	consumed []uint64

	envelope hollow        // the object around the array that the event was in
	hollows  []hollow      // by item
	earlier  []parse.Value // of the shared slots of the layer that runs

	matched int    // number of the pattern that a text had
	drop    bool   // the event is not wanted
	fail    error  // the event is refused
	drift   string // why not everything could be read
	zones   map[string]zoneEntry

	scratch  []byte
	inflater *inflater // of gunzip, once it was needed
	// The folded path at which respell is.
	spelling []byte
	layers   []layerState
	items    []json.Item
	nested   json.Parts // of the item at hand
	parts    [][]byte   // what the event is made of, where that is more than one part of the message
	events   int        // of the message so far
	together int        // bytes of the parts of these events
	clock    clock
	// What detection read already, so that the pack need not read it again.
	syslogDone   bool
	syslogHeader *syslog.Message // of the raw message, if syslogDone
	syslogBy     *syslog.Parser  // has read it
	// The header in front of the JSON of a pack that knows of none, if carried.
	carried bool
	carrier syslog.Message
	headers syslog.Parser
	texts   text.Matcher
	// What an event that carries another product's message is handed to, or nil; and of an
	// event that was carried, the carrier's event and the message that held both.
	relay      func(s *state, raw []byte, out *parse.Events[parse.Record]) bool
	relaySlot  int
	outer      *parse.Record
	whole      []byte
	zoneText   map[*time.Location]string
	labels     []labelSlots // those that the event has, once labelsDone is set
	labelsDone bool
}

func (s *state) touch(i int) {
	if s.ntouched < len(s.touched) {
		s.touched[s.ntouched] = uint16(i)
		s.ntouched++
	}
}

func (s *state) consume(i int) { s.consumed[i>>6] |= 1 << (i & 63) }

// text returns the text of v; numbers and the like are written into the arena.
func (s *state) text(v parse.Value) []byte {
	if b := v.Bytes(); b != nil {
		return b
	}
	switch v.Kind() {
	case parse.KindNone, parse.KindNull, parse.KindString:
		return nil
	}
	return s.frame.Text.Keep(v.AppendText(s.frame.Text.Scratch(40)))
}

// number is v as a number, by kind or by text.
func (s *state) number(v parse.Value) (float64, bool) {
	switch v.Kind() {
	case parse.KindInt, parse.KindFloat:
		return v.Float(), true
	case parse.KindTime:
		return float64(v.Int()), true
	case parse.KindString:
		t := strings.TrimSpace(v.Str())
		if !mayBeFloat(t) {
			return 0, false // an error would be allocated
		}
		f, err := strconv.ParseFloat(t, 64)
		return f, err == nil
	}
	return 0, false
}

func (s *state) integer(v parse.Value) (int64, bool) {
	switch v.Kind() {
	case parse.KindInt, parse.KindTime:
		return v.Int(), true
	case parse.KindString:
		t := strings.TrimSpace(v.Str())
		if digits := strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(t, "-"), "+"), "0123456789"); digits != "" || t == "" {
			return 0, false // an error would be allocated
		}
		i, err := strconv.ParseInt(t, 10, 64)
		return i, err == nil
	}
	return 0, false
}

// mayBeFloat reports whether t has the form of a decimal number, or looks like one of the
// rarer things that strconv.ParseFloat takes.
func mayBeFloat(t string) bool {
	i := 0
	digits := func() int {
		from := i
		for i < len(t) && t[i]-'0' <= 9 {
			i++
		}
		return i - from
	}
	if i < len(t) && (t[i] == '-' || t[i] == '+') {
		i++
	}
	if i < len(t) && (t[i]|0x20 == 'i' || t[i]|0x20 == 'n') {
		return len(t)-i == len("inf") || len(t)-i == len("infinity")
	}
	if i+1 < len(t) && t[i] == '0' && t[i+1]|0x20 == 'x' {
		return true
	}
	n := digits()
	if i < len(t) && t[i] == '.' {
		i++
		n += digits()
	}
	if n > 0 && i < len(t) && t[i]|0x20 == 'e' {
		i++
		if i < len(t) && (t[i] == '-' || t[i] == '+') {
			i++
		}
		n = digits()
	}
	return n > 0 && i == len(t)
}
