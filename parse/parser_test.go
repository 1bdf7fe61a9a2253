package parse_test

import (
	"testing"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

type plainEvent struct{ a int }

func TestEvents(t *testing.T) {
	var e parse.Events[plainEvent]
	e.Add().a = 1
	e.Reject([]byte("x"), nil)
	e.Add().a = 2
	e.Reject([]byte("y"), errcat.Truncated)
	if e.Len() != 2 || e.At(1).a != 2 || len(e.All()) != 2 || len(e.Rejected()) != 2 {
		t.Fatalf("%d events, %d rejected", e.Len(), len(e.Rejected()))
	}
	if r := e.Rejected(); r[0].After != 1 || r[1].After != 2 || errcat.Of(r[0].Err) != errcat.Internal || errcat.Of(r[1].Err) != errcat.Truncated {
		t.Errorf("rejected: %+v", r)
	}
	e.Truncate(1, 1)
	if e.Len() != 1 || e.At(0).a != 1 || len(e.Rejected()) != 1 {
		t.Errorf("after Truncate %d events, %d rejected", e.Len(), len(e.Rejected()))
	}
	e.Truncate(5, 5) // nothing to take back
	if *e.Add() != (plainEvent{}) || e.Len() != 2 {
		t.Error("an event that was taken back is not reset")
	}
	e.Reset()
	if e.Len() != 0 || len(e.Rejected()) != 0 {
		t.Error("not empty after Reset")
	}
}

func TestEventsResetRecords(t *testing.T) {
	var e parse.Events[parse.Record]
	r := e.Add()
	r.SetInt(1, 5)
	e.Reset()
	if s := e.Add(); s != r || s.Len() != 0 {
		t.Error("a record in use again is another one or not empty")
	}
}

func TestEventsForgetMany(t *testing.T) {
	var e parse.Events[plainEvent]
	for range 3 {
		for range 3 * parse.DefaultKeptEvents {
			e.Add()
			e.Reject(nil, errcat.Truncated)
		}
		e.Reset()
	}
	if n := testing.AllocsPerRun(10, func() {
		for range parse.DefaultKeptEvents {
			e.Add().a = 1
		}
		e.Reset()
	}); n != 0 {
		t.Errorf("%v allocations for events that were kept", n)
	}
}

type countingParser struct{ workers *int }

func (p countingParser) Parse(*parse.Message, *parse.Events[plainEvent]) error { return nil }
func (p countingParser) Worker() parse.Parser[plainEvent]                      { *p.workers++; return p }

func TestForWorker(t *testing.T) {
	n := 0
	parse.ForWorker[plainEvent](countingParser{&n})
	parse.ForWorker[plainEvent](parse.ParserFunc[plainEvent](nil))
	if n != 1 {
		t.Errorf("Worker was called %d times", n)
	}
}

// A retired event stays as it is until Reset, and is used again after it.
func TestEventsRetire(t *testing.T) {
	var e parse.Events[parse.Record]
	for i := range 4 {
		e.Add().SetInt(ecs.EventSeverity, int64(i))
	}
	e.Reject(nil, errcat.Truncated)
	second := e.At(1)
	e.Retire(1)
	if e.Len() != 3 || e.At(1).Get(ecs.EventSeverity).Int() != 2 || e.Rejected()[0].After != 3 {
		t.Errorf("%d events, the second %d, %d before the reject", e.Len(), e.At(1).Get(ecs.EventSeverity).Int(), e.Rejected()[0].After)
	}
	for range 10 { // nobody gets its memory
		if e.Add() == second {
			t.Fatal("a retired event was handed out")
		}
	}
	e.Truncate(2, 0)
	if second.Get(ecs.EventSeverity).Int() != 1 {
		t.Error("a retired event was reset too early")
	}
	e.Reset()
	if second.Has(ecs.EventSeverity) {
		t.Error("a retired event was not reset")
	}
	found := false
	for range 14 {
		found = found || e.Add() == second
	}
	if !found {
		t.Error("a retired event is not used again")
	}
	if n := testing.AllocsPerRun(100, func() {
		e.Reset()
		e.Add()
		e.Add()
		e.Retire(0)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
