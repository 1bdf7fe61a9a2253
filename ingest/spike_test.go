package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/spiketest"
	"github.com/penstock-dev/penstock/parse"
)

// spikeConfig is a pipeline under l, with a class for each of its classes.
func spikeConfig(l *spiketest.Load, sink func(b *batch.Batch[event])) ingest.Config[event] {
	return ingest.Config[event]{
		Sources: []ingest.Source{ingest.WithName("net", ingest.SourceFunc(l.Run))},
		Parser:  rawParser, Workers: 2,
		Outputs: []ingest.Output[event]{{Name: "weir", Sink: batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
			sink(b)
			return nil
		})}},
		Priorities: &ingest.Priorities[event]{
			Classes:  []ingest.Class{{Name: "critical"}, {Name: "normal"}, {Name: "low"}},
			Classify: spiketest.Class,
			Leave:    200 * time.Millisecond,
		},
		Watch: ingest.Watch{Gap: 200 * time.Millisecond},
	}
}

// Classes overtake each other, messages of one class do not.
func TestPriorityOrder(t *testing.T) {
	l := &spiketest.Load{Rate: func(since time.Duration) float64 {
		if since > 300*time.Millisecond {
			return -1
		}
		return 20_000
	}}
	var last [256]uint64
	cfg := spikeConfig(l, func(b *batch.Batch[event]) {
		for _, e := range b.Events {
			class, _, number := spiketest.Read(e.text)
			if number < last[class] {
				t.Errorf("class %c: %d came after %d", class, number, last[class])
			}
			last[class] = number
		}
	})
	cfg.Workers = 4
	cfg.Priorities.High = 0.999 // nothing is shed
	p := mustNew(t, cfg)
	mustRun(t, p)
	if s := p.Stats(); s.Delivered != s.Received || s.Received == 0 {
		t.Errorf("%+v", s.Ledger)
	}
}

// A patient source fills the pipeline and loses nothing to it, and leaves room for those
// that cannot wait.
func TestPatientSource(t *testing.T) {
	const n = 20_000
	file := ingest.Patient(ingest.FromReader("file", strings.NewReader(strings.Repeat("l from a file that can wait\n", n))))
	l := &spiketest.Load{Rate: func(since time.Duration) float64 {
		if since > 700*time.Millisecond {
			return -1
		}
		return 1000
	}}
	cfg := spikeConfig(l, func(b *batch.Batch[event]) { time.Sleep(20 * time.Microsecond * time.Duration(b.Len())) })
	cfg.Sources = append(cfg.Sources, file)
	cfg.Priorities.Classes = append(cfg.Priorities.Classes, ingest.Class{Name: "file"})
	cfg.Priorities.Classify = func(m *parse.Message) int {
		if m.Origin != nil && m.Origin.Source == "file" {
			return 3
		}
		return spiketest.Class(m)
	}
	cfg.ChunkSize = 1 << 10
	p := mustNew(t, cfg)
	mustRun(t, p)
	s := p.Stats()
	if s.Sources[1].Name != "file" || s.Sources[1].Delivered != n {
		t.Errorf("the file: %+v", s.Sources[1])
	}
	if s.Shed != 0 {
		t.Errorf("%d shed", s.Shed)
	}
}

// Under pressure optional stages are left out, then the parser: what a class is told
// to do without, and no other class.
func TestDegrade(t *testing.T) {
	for step, want := range map[ingest.Step]string{ingest.SkipOptional: "parsed", ingest.Unparsed: "raw"} {
		release := make(chan struct{})
		var mu sync.Mutex
		texts := map[string]int{}
		enrich := ingest.StageFunc[event](func(_ *parse.Message, e *event) (bool, error) {
			e.text = append(bytes.Clone(e.text), " enriched"...)
			return true, nil
		})
		parser := func(text string) parse.Parser[event] {
			return parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
				out.Add().text = fmt.Appendf(nil, "%c %s", m.Raw[0], text)
				return nil
			})
		}
		l := &spiketest.Load{Rate: func(since time.Duration) float64 {
			if since > 600*time.Millisecond {
				return -1
			}
			return 3000
		}}
		cfg := spikeConfig(l, func(b *batch.Batch[event]) {
			<-release
			mu.Lock()
			defer mu.Unlock()
			for _, e := range b.Events {
				texts[string(e.text)]++
			}
		})
		cfg.Parser, cfg.Stages = parser("parsed"), []ingest.Stage[event]{ingest.Optional[event](enrich)}
		cfg.ChunkSize = 1 << 10
		cfg.Priorities.Raw = parser("raw")
		cfg.Priorities.Classes = []ingest.Class{{Name: "critical"}, {Name: "other", Steps: []ingest.Step{step}}}
		p := mustNew(t, cfg)
		time.AfterFunc(300*time.Millisecond, func() { close(release) })
		mustRun(t, p)
		other := 0
		for text, n := range texts {
			if text[0] != 'c' && strings.HasSuffix(text, want) {
				other += n
			}
			if text[0] == 'c' && text != "c parsed enriched" {
				t.Errorf("%s: a critical event is %q", step, text)
			}
		}
		if other == 0 {
			t.Errorf("%s: no event is %q: %v", step, want, texts)
		}
		if s := p.Stats(); s.Shed != 0 || s.Delivered != s.Received {
			t.Errorf("%s: %+v", step, s.Ledger)
		}
	}
}

// Refine may save what the first look would not, and give up what it would keep.
func TestRefine(t *testing.T) {
	l := &spiketest.Load{Rate: func(since time.Duration) float64 {
		switch {
		case since < 1500*time.Millisecond:
			return 20_000
		}
		return -1
	}}
	var critical atomic.Int64
	cfg := spikeConfig(l, func(b *batch.Batch[event]) {
		time.Sleep(300 * time.Microsecond * time.Duration(b.Len()))
		for _, e := range b.Events {
			if e.text[0] == 'c' {
				critical.Add(1)
			}
		}
	})
	cfg.Priorities.Classify = func(*parse.Message) int { return 0 } // all look alike
	cfg.Priorities.Refine = func(_ *parse.Message, e *event) int { return bytes.IndexByte([]byte(spiketest.Classes), e.text[0]) }
	p := mustNew(t, cfg)
	mustRun(t, p)
	s := p.Stats()
	if n := critical.Load(); n != l.Issued['c'] {
		t.Errorf("%d critical issued, %d arrived", l.Issued['c'], n)
	}
	if s.Shed == 0 || s.Classes[2].ByStep+s.Classes[2].Sampled+s.Classes[1].ByStep+s.Classes[1].Sampled != s.Shed || s.Classes[0].Shed != s.Shed {
		t.Errorf("%d shed; %+v", s.Shed, s.Classes)
	}
}
