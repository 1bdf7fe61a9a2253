package ingest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// load sends messages at a rate that nobody can hold back, as a network does: what finds
// no chunk waits outside. Each has the time at which it was due and its class, the first
// byte: c (critical, every 20th), n or l.
type load struct {
	rate  func(since time.Duration) float64 // messages a second; negative: the end
	epoch time.Time

	issued [256]int64
}

func (l *load) Run(_ context.Context, out *ingest.Emit) error {
	l.epoch = time.Now()
	due, total := 0.0, 0
	for last := l.epoch; ; time.Sleep(5 * time.Millisecond) {
		now := time.Now()
		rate := l.rate(now.Sub(l.epoch))
		if rate < 0 {
			return nil
		}
		first := last
		n := int(due + rate*now.Sub(last).Seconds())
		due += rate*now.Sub(last).Seconds() - float64(n)
		last = now
		for i := 0; i < n; {
			c, err := out.Chunk()
			if err != nil {
				return err
			}
			for ; i < n; i++ {
				class := byte('l')
				switch {
				case total%20 == 0:
					class = 'c'
				case total%20 < 8:
					class = 'n'
				}
				at := first.Add(time.Duration(i) * now.Sub(first) / time.Duration(n))
				var raw [40]byte
				raw[0] = class
				binary.BigEndian.PutUint64(raw[1:], uint64(at.Sub(l.epoch)))
				binary.BigEndian.PutUint64(raw[9:], uint64(total))
				if !c.Add(parse.Message{Raw: raw[:], Offset: int64(total)}) {
					break
				}
				l.issued[class]++
				total++
			}
			if err := out.Send(c); err != nil {
				out.Discard(c)
				return err
			}
		}
	}
}

// weir takes rows at a bounded rate and notes how late they are.
type weir struct {
	load *load
	each time.Duration

	mu    sync.Mutex
	late  map[byte][]time.Duration
	seen  map[uint64]bool
	again int
}

func (w *weir) Write(_ context.Context, b *batch.Batch[event]) error {
	time.Sleep(w.each * time.Duration(b.Len()))
	now := time.Since(w.load.epoch)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range b.Events {
		class, number := e.text[0], binary.BigEndian.Uint64(e.text[9:])
		w.late[class] = append(w.late[class], now-time.Duration(binary.BigEndian.Uint64(e.text[1:])))
		if w.seen[number] {
			w.again++
		}
		w.seen[number] = true
	}
	return nil
}

func (w *weir) quantile(class byte, q float64) time.Duration {
	late := slices.Clone(w.late[class])
	slices.Sort(late)
	if len(late) == 0 {
		return 0
	}
	return late[int(q*float64(len(late)-1))]
}

func spikeConfig(l *load, w *weir) ingest.Config[event] {
	return ingest.Config[event]{
		Sources: []ingest.Source{ingest.WithName("net", ingest.SourceFunc(l.Run))},
		Parser:  rawParser, Workers: 2,
		Outputs: []ingest.Output[event]{{Name: "weir", Sink: w}},
		Priorities: &ingest.Priorities[event]{
			Classes: []ingest.Class{{Name: "critical"}, {Name: "normal"}, {Name: "low"}},
			Classify: func(m *parse.Message) int {
				return bytes.IndexByte([]byte("cnl"), m.Raw[0])
			},
			Leave: 200 * time.Millisecond,
		},
		Watch: ingest.Watch{Gap: 200 * time.Millisecond},
	}
}

// A spike of twenty times the load, one message in twenty critical: none of these is
// lost, they are hardly late, and what is lost of the others stands in the ledger, in the
// notices and in gaps. After it everything is as before.
func TestSpike(t *testing.T) {
	if testing.Short() {
		t.Skip("takes five seconds")
	}
	noLeaks(t)
	const base, before, spike, after = 2000, 300 * time.Millisecond, time.Second, 4 * time.Second
	var p *ingest.Pipeline[event]
	l := &load{rate: func(since time.Duration) float64 {
		switch {
		case since < before:
			return base
		case since < before+spike:
			return 20 * base
		case since < before+spike+after:
			return base
		}
		// A machine that lets this process stand for a moment makes a small spike of its own.
		for _, c := range p.Stats().Classes {
			if c.Step != ingest.NoStep && since < before+spike+after+30*time.Second {
				return base
			}
		}
		return -1
	}}
	w := &weir{load: l, each: 100 * time.Microsecond, late: map[byte][]time.Duration{}, seen: map[uint64]bool{}}
	cfg := spikeConfig(l, w)
	var mu sync.Mutex
	var notices []ingest.Notice
	gone := int64(0)
	cfg.Notify = func(n *ingest.Notice) {
		mu.Lock()
		defer mu.Unlock()
		notices = append(notices, *n)
		gone += n.Count
	}
	p = mustNew(t, cfg)
	mustRun(t, p)
	s := p.Stats()
	for i, class := range []byte("cnl") {
		st := s.Classes[i]
		if st.Received != l.issued[class] || st.Delivered+st.Shed != st.Received || st.Sampled+st.ByStep != st.Shed {
			t.Errorf("class %s: %d issued, %+v", st.Name, l.issued[class], st)
		}
		if int64(len(w.late[class])) != st.Delivered {
			t.Errorf("class %s: %d delivered, %d arrived", st.Name, st.Delivered, len(w.late[class]))
		}
		t.Logf("%-8s %6d issued, %6d delivered, %6d sampled out, %6d shed; late by %s (median), %s (99 %%), %s (most); steps %v",
			st.Name, l.issued[class], st.Delivered, st.Sampled, st.ByStep, w.quantile(class, 0.5), w.quantile(class, 0.99), w.quantile(class, 1), st.Entered)
	}
	if s.Classes[0].Shed != 0 || s.Classes[0].Delivered != l.issued['c'] || w.again > 0 {
		t.Errorf("critical messages: %d issued, %d delivered, %d shed; %d came twice", l.issued['c'], s.Classes[0].Delivered, s.Classes[0].Shed, w.again)
	}
	if late := w.quantile('c', 0.99); late > time.Second {
		t.Errorf("critical messages are late by %s", late)
	}
	if s.Classes[2].ByStep == 0 || s.Shed == 0 {
		t.Error("nothing was shed: this was no spike")
	}
	if s.Delivered < base { // the low ones that are not shed, not starved
		t.Errorf("%d delivered", s.Delivered)
	}
	for _, st := range s.Classes {
		if st.Step != ingest.NoStep {
			t.Errorf("after the spike class %s is still in the step %s", st.Name, st.Step)
		}
	}
	// Each step that was entered was left, and not again and again.
	var changes []string
	for _, n := range notices {
		if n.Kind == ingest.StepEntered || n.Kind == ingest.StepLeft {
			changes = append(changes, fmt.Sprintf("%s %s %s", n.Class, n.Step, n.Kind))
		}
	}
	if in, out := s.Notices[ingest.StepEntered], s.Notices[ingest.StepLeft]; in != out || in > 12 {
		t.Errorf("%d steps entered, %d left:\n%s", in, out, strings.Join(changes, "\n"))
	}
	if gone != s.Shed {
		t.Errorf("gaps of %d were noticed, %d are shed", gone, s.Shed)
	}
}

// Classes overtake each other, messages of one class do not.
func TestPriorityOrder(t *testing.T) {
	l := &load{rate: func(since time.Duration) float64 {
		if since > 300*time.Millisecond {
			return -1
		}
		return 20_000
	}}
	w := &weir{load: l, each: 0, late: map[byte][]time.Duration{}, seen: map[uint64]bool{}}
	cfg := spikeConfig(l, w)
	cfg.Workers = 4
	cfg.Priorities.High = 0.999 // nothing is shed
	var last [256]uint64
	cfg.Outputs[0].Sink = batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
		for _, e := range b.Events {
			class, number := e.text[0], binary.BigEndian.Uint64(e.text[9:])
			if number < last[class] {
				t.Errorf("class %c: %d came after %d", class, number, last[class])
			}
			last[class] = number
		}
		return nil
	})
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
	l := &load{rate: func(since time.Duration) float64 {
		if since > 700*time.Millisecond {
			return -1
		}
		return 1000
	}}
	w := &weir{load: l, each: 20 * time.Microsecond, late: map[byte][]time.Duration{}, seen: map[uint64]bool{}}
	cfg := spikeConfig(l, w)
	cfg.Sources = append(cfg.Sources, file)
	cfg.Priorities.Classes = append(cfg.Priorities.Classes, ingest.Class{Name: "file"})
	cfg.Priorities.Classify = func(m *parse.Message) int {
		if m.Origin != nil && m.Origin.Source == "file" {
			return 3
		}
		return bytes.IndexByte([]byte("cnl"), m.Raw[0])
	}
	cfg.ChunkSize = 1 << 10
	cfg.Outputs[0].Sink = batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
		time.Sleep(w.each * time.Duration(b.Len()))
		return nil
	})
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
		l := &load{rate: func(since time.Duration) float64 {
			if since > 600*time.Millisecond {
				return -1
			}
			return 3000
		}}
		cfg := spikeConfig(l, &weir{})
		cfg.Parser, cfg.Stages = parser("parsed"), []ingest.Stage[event]{ingest.Optional[event](enrich)}
		cfg.ChunkSize = 1 << 10
		cfg.Priorities.Raw = parser("raw")
		cfg.Priorities.Classes = []ingest.Class{{Name: "critical"}, {Name: "other", Steps: []ingest.Step{step}}}
		cfg.Outputs[0].Sink = batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
			<-release
			mu.Lock()
			defer mu.Unlock()
			for _, e := range b.Events {
				texts[string(e.text)]++
			}
			return nil
		})
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
	l := &load{rate: func(since time.Duration) float64 {
		switch {
		case since < 1500*time.Millisecond:
			return 20_000
		}
		return -1
	}}
	w := &weir{load: l, each: 300 * time.Microsecond, late: map[byte][]time.Duration{}, seen: map[uint64]bool{}}
	cfg := spikeConfig(l, w)
	cfg.Priorities.Classify = func(*parse.Message) int { return 0 } // all look alike
	cfg.Priorities.Refine = func(_ *parse.Message, e *event) int { return bytes.IndexByte([]byte("cnl"), e.text[0]) }
	p := mustNew(t, cfg)
	mustRun(t, p)
	s := p.Stats()
	if n := int64(len(w.late['c'])); n != l.issued['c'] {
		t.Errorf("%d critical issued, %d arrived", l.issued['c'], n)
	}
	if s.Shed == 0 || s.Classes[2].ByStep+s.Classes[2].Sampled+s.Classes[1].ByStep+s.Classes[1].Sampled != s.Shed || s.Classes[0].Shed != s.Shed {
		t.Errorf("%d shed; %+v", s.Shed, s.Classes)
	}
}
