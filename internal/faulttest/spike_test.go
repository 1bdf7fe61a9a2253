package faulttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/spiketest"
)

// spikeSink takes 10,000 rows a second, and notes which came and how late they were.
type spikeSink struct {
	from *spiketest.Load

	mu    sync.Mutex
	seen  []uint64 // a bit for each number
	late  map[byte][]time.Duration
	twice int
}

func (w *spikeSink) Write(_ context.Context, b *batch.Batch[rawLine]) error {
	time.Sleep(100 * time.Microsecond * time.Duration(b.Len()))
	now := time.Since(w.from.Epoch)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range b.Events {
		class, due, number := spiketest.Read(e.text)
		w.late[class] = append(w.late[class], now-due)
		for int(number/64) >= len(w.seen) {
			w.seen = append(w.seen, 0)
		}
		if w.seen[number/64]>>(number%64)&1 == 1 {
			w.twice++
		}
		w.seen[number/64] |= 1 << (number % 64)
	}
	return nil
}

func (w *spikeSink) quantile(class byte, q float64) time.Duration {
	late := slices.Clone(w.late[class])
	slices.Sort(late)
	if len(late) == 0 {
		return 0
	}
	return late[int(q*float64(len(late)-1))]
}

// TestSpike is a spike of twenty times the load for a minute, four times what the sink
// takes, with one message in twenty critical: none of these is lost, they are hardly late, and
// what is lost of the others stands in the ledger, in the notices and in gaps. After it
// everything is as before: each step that was entered is left, and not again and again.
func TestSpike(t *testing.T) {
	quiet(t)
	const base, before = 2000, 500 * time.Millisecond
	length := time.Duration(Pick(2, 60)) * time.Second
	var p *ingest.Pipeline[rawLine]
	var recovered time.Duration // after the spike
	s := &spiketest.Load{}
	s.Rate = func(since time.Duration) float64 {
		switch {
		case since < before:
			return base
		case since < before+length:
			return 20 * base
		case since < before+length+4*time.Second:
			return base
		}
		// The measures end one by one.
		for _, c := range p.Stats().Classes {
			if c.Step != ingest.NoStep && since < before+length+2*time.Minute {
				return base
			}
		}
		if recovered == 0 {
			recovered = since - before - length
		}
		return -1
	}
	w := &spikeSink{from: s, late: map[byte][]time.Duration{}}
	var mu sync.Mutex
	gone, steps := int64(0), []string(nil)
	p = newLines(t, ingest.Config[rawLine]{
		Sources: []ingest.Source{ingest.WithName("net", s)}, Parser: rawLineParser, Workers: 2,
		Outputs: []ingest.Output[rawLine]{{Name: "weir", Sink: w}},
		Priorities: &ingest.Priorities[rawLine]{
			Classes:  []ingest.Class{{Name: "critical"}, {Name: "normal"}, {Name: "low"}},
			Classify: spiketest.Class,
		},
		Notify: func(n *ingest.Notice) {
			mu.Lock()
			defer mu.Unlock()
			gone += n.Count
			if n.Kind == ingest.StepEntered || n.Kind == ingest.StepLeft {
				steps = append(steps, fmt.Sprintf("%s %s %s", n.Class, n.Step, n.Kind))
			}
		},
	})
	if err := p.Run(t.Context()); err != nil {
		t.Error(err)
	}
	st := p.Stats()
	if err := st.Check(); err != nil || st.InFlight != 0 {
		t.Errorf("%v: %+v", err, st.Ledger)
	}
	var classes []string
	for i, class := range []byte(spiketest.Classes) {
		c := st.Classes[i]
		classes = append(classes, fmt.Sprintf("%s: %d issued, %d delivered, %d sampled out, %d shed, 99 %% within %s", c.Name, s.Issued[class], c.Delivered, c.Sampled, c.ByStep,
			w.quantile(class, 0.99).Round(time.Millisecond)))
		if c.Received != s.Issued[class] || c.Delivered+c.Shed != c.Received || c.Sampled+c.ByStep != c.Shed || int64(len(w.late[class])) != c.Delivered {
			t.Errorf("class %s: %d issued, %d arrived; %+v", c.Name, s.Issued[class], len(w.late[class]), c)
		}
		if c.Step != ingest.NoStep {
			t.Errorf("long after the spike class %s is in the step %s", c.Name, c.Step)
		}
	}
	record(t, "F22 spike", fmt.Sprintf("20 × the load for %s, four times what the sink takes, 5 %% critical", length), "no critical message lost; their 99th percentile under 1 s; what is gone stands in ledger and gaps; every step left again", func() string {
		return fmt.Sprintf("%s; %d steps entered and %d left, the last %s after the spike", strings.Join(classes, "; "), st.Notices[ingest.StepEntered], st.Notices[ingest.StepLeft], recovered.Round(time.Second))
	})
	if c := st.Classes[0]; c.Shed != 0 || c.Delivered != s.Issued['c'] || w.twice > 0 {
		t.Errorf("of %d critical messages %d were delivered and %d shed; %d of all came twice", s.Issued['c'], c.Delivered, c.Shed, w.twice)
	}
	if late := w.quantile('c', 0.99); late > time.Second {
		t.Errorf("critical messages are late by %s", late)
	}
	if st.Classes[2].ByStep == 0 || gone != st.Shed {
		t.Errorf("%d are shed, %d of the lowest class by the step Shed; gaps tell of %d", st.Shed, st.Classes[2].ByStep, gone)
	}
	if in, out := st.Notices[ingest.StepEntered], st.Notices[ingest.StepLeft]; in != out || in > 24 {
		t.Errorf("%d steps entered, %d left: %v", in, out, steps)
	}
}
