package ingest

import (
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/parse"
)

// Routes is a set of outputs: bit i stands for Outputs[i] of the Config. Where Config
// has a Sink that is the first output, number 0.
type Routes uint64

// maxRoutes is how many outputs Routes can name.
const maxRoutes = 64

// To returns the set of the outputs with these numbers; numbers beyond 63 are left out.
func To(outputs ...int) Routes {
	var r Routes
	for _, i := range outputs {
		if i >= 0 && i < maxRoutes {
			r |= 1 << i
		}
	}
	return r
}

// Everywhere is the set of all outputs.
const Everywhere = ^Routes(0)

// Router says for each finished event which outputs get it. Bits of outputs that there
// are not are passed over. An event that goes nowhere counts as filtered; one that goes
// to best-effort outputs only counts as delivered. A Router is safe for concurrent use
// unless it is made per worker, see Config.
type Router[T any] interface {
	Route(m *parse.Message, event *T) Routes
}

// RouterFunc is a Router made of a function that is safe for concurrent use.
type RouterFunc[T any] func(m *parse.Message, event *T) Routes

// Route calls f.
func (f RouterFunc[T]) Route(m *parse.Message, event *T) Routes { return f(m, event) }

// share is the rows of a slot that go to one output, where those are not all of them.
// It holds one of the slot's references.
type share[T any] struct {
	slot  *slot[T]
	batch batch.Batch[T]
	items []int32
	held  int
}

func (s *share[T]) rows() *batch.Batch[T] { return &s.batch }
func (s *share[T]) itemOf(row int) int32  { return s.items[row] }
func (s *share[T]) answerTo() *ack        { return s.slot.ack }
func (s *share[T]) size() int             { return s.held }
func (s *share[T]) work() time.Duration   { return s.slot.worked }
func (s *share[T]) release()              { s.slot.release() }

// fill takes the rows of the slot that go to output i. Events and messages are shared
// with the slot, lines are copied.
func (s *share[T]) fill(i int, routes []Routes) {
	b, of := &s.batch, &s.slot.batch
	b.Msgs = of.Msgs
	for row, r := range routes {
		if r>>i&1 == 0 {
			continue
		}
		if of.Events != nil {
			b.Events = append(b.Events, of.Events[row])
		}
		if row < len(of.Ends) {
			b.Lines = append(b.Lines, of.Line(row)...)
			b.Ends = append(b.Ends, int32(len(b.Lines)))
		}
		b.Msg = append(b.Msg, of.Msg[row])
		s.items = append(s.items, s.slot.items[row])
	}
	// The chunk is held as long as one share is.
	s.held = len(b.Lines) + cap(s.slot.chunk.Buf) + len(b.Events)*s.slot.p.eventSize
}

// reset makes the share empty; the slot has no reader any more.
func (s *share[T]) reset(keepLines int) {
	b := &s.batch
	poison(b.Lines)
	clear(b.Events)
	*b = batch.Batch[T]{Events: b.Events[:0], Lines: b.Lines[:0], Ends: b.Ends[:0], Msg: b.Msg[:0]}
	s.items = s.items[:0]
	if cap(b.Lines) > keepLines {
		b.Lines = nil
	}
	if cap(s.items) > 4*parse.DefaultKeptEvents {
		*b, s.items = batch.Batch[T]{Lines: b.Lines}, nil
	}
}

// cargoFor returns what of s goes to output i: s itself, a share of it, or nil.
func (s *slot[T]) cargoFor(i int) cargo[T] {
	if s.all>>i&1 == 1 {
		return s
	}
	if s.some>>i&1 == 0 {
		return nil
	}
	for len(s.shares) <= i {
		s.shares = append(s.shares, nil)
	}
	if s.shares[i] == nil {
		s.shares[i] = &share[T]{slot: s}
	}
	s.shares[i].fill(i, s.routes)
	return s.shares[i]
}
