package ingest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// kept is a sink that keeps the lines that it is given.
type kept struct {
	mu    sync.Mutex
	lines []string
	fail  func(line string) error
}

func (k *kept) Write(_ context.Context, b *batch.Batch[event]) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var p batch.Partial
	for i := range b.Len() {
		line := strings.TrimSuffix(string(b.Line(i)), "\n")
		if b.Events != nil && string(b.Events[i].text) != line {
			return fmt.Errorf("event %q stands beside line %q", b.Events[i].text, line)
		}
		if raw := string(b.Message(i).Raw); raw != line {
			return fmt.Errorf("message %q stands beside line %q", raw, line)
		}
		if k.fail != nil {
			if err := k.fail(line); err != nil {
				p.Fail(i, err)
				continue
			}
		}
		k.lines = append(k.lines, line)
	}
	return p.Err()
}

func (k *kept) take() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.lines...)
}

// Each event reaches the outputs that the router names and no other, in order, whether
// these read events or lines; and what goes nowhere is filtered.
func TestRouter(t *testing.T) {
	const n = 3000
	var in strings.Builder
	for i := range n {
		fmt.Fprintf(&in, "%d\n", i)
	}
	// Of number i bit k says whether output k gets it.
	route := func(i int) ingest.Routes { return ingest.Routes(i % 8) }
	for _, linesOnly := range []bool{false, true} {
		sinks := []*kept{{}, {}, {}}
		var outputs []ingest.Output[event]
		for i, k := range sinks {
			var s batch.Sink[event] = k
			if linesOnly {
				s = linesSink[event]{k}
			}
			outputs = append(outputs, ingest.Output[event]{Name: fmt.Sprint(i), Sink: s, BestEffort: i == 2})
		}
		p := mustNew(t, ingest.Config[event]{
			Sources: []ingest.Source{ingest.FromReader("r", strings.NewReader(in.String()))},
			Parser:  rawParser, Encoder: rawEncoder{}, Outputs: outputs, ChunkSize: 1 << 10,
			Router: ingest.RouterFunc[event](func(_ *parse.Message, e *event) ingest.Routes {
				var i int
				fmt.Sscan(string(e.text), &i)
				return route(i) | 1<<60 // a bit that no output has
			}),
		})
		mustRun(t, p)
		s := p.Stats()
		for k, sink := range sinks {
			var want []string
			for i := range n {
				if route(i)>>k&1 == 1 {
					want = append(want, fmt.Sprint(i))
				}
			}
			if got := sink.take(); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("linesOnly %t: output %d got %d lines, want %d, or in another order", linesOnly, k, len(got), len(want))
			}
			if s.Sinks[k].Rows != int64(len(want)) || s.Sinks[k].Offered != int64(len(want)) {
				t.Errorf("linesOnly %t: output %d counts %+v, want %d rows", linesOnly, k, s.Sinks[k], len(want))
			}
		}
		if s.Filtered != n/8 || s.Delivered != n-n/8 {
			t.Errorf("linesOnly %t: %d filtered and %d delivered of %d", linesOnly, s.Filtered, s.Delivered, n)
		}
	}
}

// A required sink that refuses an event decides for that event alone, and for it only
// where it is routed to.
func TestRouterFailure(t *testing.T) {
	refuse := func(line string) error {
		if strings.HasSuffix(line, "3") {
			return errRefused
		}
		return nil
	}
	even, all := &kept{fail: refuse}, &kept{}
	var in strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&in, "%d\n", i)
	}
	letters := 0
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{ingest.FromReader("r", strings.NewReader(in.String()))},
		Parser:  rawParser, Encoder: rawEncoder{},
		Outputs: []ingest.Output[event]{{Name: "some", Sink: even}, {Name: "all", Sink: all}},
		Router: ingest.RouterFunc[event](func(_ *parse.Message, e *event) ingest.Routes {
			if len(e.text) < 3 {
				return ingest.To(1)
			}
			return ingest.Everywhere
		}),
		DeadLetters: batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
			if d.Component != "sink some" || !strings.HasSuffix(string(d.Raw), "3") {
				t.Errorf("dead letter of %q: %s", d.Raw, d.Component)
			}
			letters++
			return nil
		}),
	})
	mustRun(t, p)
	if s := p.Stats(); letters != 90 || s.DeadLettered != 90 || s.Delivered != 910 || s.Sinks[0].DeadLettered != 90 || s.Sinks[1].Rows != 1000 {
		t.Errorf("%d letters, %+v", letters, s)
	}
}
