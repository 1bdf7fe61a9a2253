package parse

import (
	"slices"

	"github.com/penstock-dev/penstock/errcat"
)

// Parser turns one message into any number of events.
//
// Parse adds events with out.Add and hands single bad items of a message to
// out.Reject; both may occur for one message. A returned error means that the message
// as a whole could not be parsed: every event that this message added is taken back,
// and the message becomes one dead letter with the error's category
// (see errcat.Of). Events may alias m.Raw. Parse must not keep m, out or any event
// after it returned.
//
// A Parser is safe for concurrent use unless it also is a PerWorker.
type Parser[T any] interface {
	Parse(m *Message, out *Events[T]) error
}

// PerWorker is an optional interface of a Parser that keeps state between messages:
// each worker calls Worker once and uses what it returned alone.
type PerWorker[T any] interface {
	Parser[T]
	Worker() Parser[T]
}

// Chooser is an optional interface of a Parser that chooses between others by what a
// message looks like: Choose names the one that would parse m, as far as that can be told
// without parsing it; the empty name stands for none. It is called as Parse is.
type Chooser interface {
	Choose(m *Message) string
}

// ForWorker returns the Parser that one worker should use.
func ForWorker[T any](p Parser[T]) Parser[T] {
	if w, ok := p.(PerWorker[T]); ok {
		return w.Worker()
	}
	return p
}

// ParserFunc is a Parser made of a function that is safe for concurrent use.
type ParserFunc[T any] func(m *Message, out *Events[T]) error

// Parse calls f.
func (f ParserFunc[T]) Parse(m *Message, out *Events[T]) error { return f(m, out) }

// Resetter is implemented by event types that need more than zeroing before reuse.
// An event type that owns a slice or map needs it.
type Resetter interface{ Reset() }

// Events collects what parsers make of messages. Its events are reused: they are
// valid until Reset. Not safe for concurrent use; the zero value is ready.
type Events[T any] struct {
	events   []*T       // all that were ever allocated; the first n are in use
	resets   []Resetter // the same, of a T that is a Resetter
	n        int
	rejected []Rejected
	keep     int // events kept for reuse by Reset; 0 means DefaultKeptEvents

	retired      []*T // taken out by Retire; their memory stays until Reset
	retiredReset []Resetter
}

// DefaultKeptEvents is how many event structs Reset keeps for reuse.
const DefaultKeptEvents = 4096

// Rejected is one item of a message that could not be parsed while its siblings could.
type Rejected struct {
	Raw []byte // the item's bytes; they alias the message
	Err error
	// After is the number of events that had been added before it, so that the order
	// of the message is known.
	After int
}

// Add returns a reset event to fill.
func (e *Events[T]) Add() *T {
	if e.n == len(e.events) {
		t := new(T)
		e.events = append(e.events, t)
		if r, ok := any(t).(Resetter); ok {
			e.resets = append(e.resets, r)
		}
	}
	t := e.events[e.n]
	e.n++
	return t
}

// Reject reports one item of the message that could not be parsed.
func (e *Events[T]) Reject(raw []byte, err error) {
	if err == nil {
		err = errcat.New(errcat.Internal, errcat.StageParse, "rejected without a reason")
	}
	e.rejected = append(e.rejected, Rejected{raw, err, e.n})
}

// Len is the number of events added since the last Reset.
func (e *Events[T]) Len() int { return e.n }

// At returns the i-th event.
func (e *Events[T]) At(i int) *T { return e.events[:e.n][i] }

// All are the events in use; the slice is valid until the next Add or Reset.
func (e *Events[T]) All() []*T { return e.events[:e.n] }

// Rejected are the items that were handed to Reject since the last Reset.
func (e *Events[T]) Rejected() []Rejected { return e.rejected }

// Truncate takes back all events from the n-th on and all rejects from the r-th on.
func (e *Events[T]) Truncate(n, r int) {
	for i := n; i < e.n; i++ {
		if i < len(e.resets) {
			e.resets[i].Reset()
		} else {
			var zero T
			*e.events[i] = zero
		}
	}
	if n < e.n {
		e.n = n
	}
	if r < len(e.rejected) {
		clear(e.rejected[r:])
		e.rejected = e.rejected[:r]
	}
}

// Retire takes the i-th event out; those behind it move up. What it holds stays valid until
// Reset, so that other events may refer to it.
func (e *Events[T]) Retire(i int) {
	e.retired = append(e.retired, e.events[:e.n][i])
	e.events = slices.Delete(e.events, i, i+1)
	if i < len(e.resets) {
		e.retiredReset = append(e.retiredReset, e.resets[i])
		e.resets = slices.Delete(e.resets, i, i+1)
	}
	e.n--
	for k := range e.rejected {
		if e.rejected[k].After > i {
			e.rejected[k].After--
		}
	}
}

// Reset takes back everything and makes the events available again.
func (e *Events[T]) Reset() {
	e.Truncate(0, 0)
	if len(e.retired) > 0 {
		e.takeBack()
	}
	keep := e.keep
	if keep == 0 {
		keep = DefaultKeptEvents
	}
	if len(e.events) > keep {
		clear(e.events[keep:])
		e.events = e.events[:keep:keep]
		if len(e.resets) > keep {
			clear(e.resets[keep:])
			e.resets = e.resets[:keep:keep]
		}
	}
	if cap(e.rejected) > keep {
		e.rejected = nil
	}
}

// takeBack makes the retired events available again.
func (e *Events[T]) takeBack() {
	for i, t := range e.retired {
		if i < len(e.retiredReset) {
			e.retiredReset[i].Reset()
		} else {
			var zero T
			*t = zero
		}
	}
	e.events = append(e.events, e.retired...)
	e.resets = append(e.resets, e.retiredReset...)
	clear(e.retired)
	clear(e.retiredReset)
	e.retired, e.retiredReset = e.retired[:0], e.retiredReset[:0]
}
