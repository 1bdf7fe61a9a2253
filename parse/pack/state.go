package pack

import (
	"strconv"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/json"
	"github.com/penstock-dev/penstock/parse/kernel/syslog"
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

	touched  [16]uint16 // slots read by the expression under evaluation
	ntouched int
	failed   bool // a filter could not do its work on a value that was there
	consumed []uint64

	envelope []byte        // the object around the array that the event was in
	earlier  []parse.Value // of the shared slots of the layer that runs

	matched int    // number of the pattern that a text had
	drop    bool   // the event is not wanted
	fail    error  // the event is refused
	drift   string // why not everything could be read
	zones   map[string]zoneEntry

	scratch []byte
	// The folded path at which respell is.
	spelling []byte
	layers   []layerState
	items    []json.Item
	clock    clock
	// What detection read already, so that the pack need not read it again.
	syslogDone   bool
	syslogHeader *syslog.Message // of the raw message, if syslogDone
	// The header in front of the JSON of a pack that knows of none, if carried.
	carried    bool
	carrier    syslog.Message
	headers    syslog.Parser
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
		f, err := strconv.ParseFloat(strings.TrimSpace(v.Str()), 64)
		return f, err == nil
	}
	return 0, false
}

func (s *state) integer(v parse.Value) (int64, bool) {
	switch v.Kind() {
	case parse.KindInt, parse.KindTime:
		return v.Int(), true
	case parse.KindString:
		i, err := strconv.ParseInt(strings.TrimSpace(v.Str()), 10, 64)
		return i, err == nil
	}
	return 0, false
}
