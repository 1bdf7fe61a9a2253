package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

type noticeLog struct {
	mu  sync.Mutex
	all []ingest.Notice
}

func (l *noticeLog) add(n *ingest.Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, *n)
}

func (l *noticeLog) of(kinds ...ingest.NoticeKind) (found []ingest.Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.all {
		if slices.Contains(kinds, n.Kind) {
			found = append(found, n)
		}
	}
	return found
}

// say is a source that sends one message for each origin that comes out of the channel.
func say(name string, origins <-chan *parse.Origin) ingest.Source {
	return ingest.WithName(name, ingest.SourceFunc(func(_ context.Context, out *ingest.Emit) error {
		for o := range origins {
			c, err := out.Chunk()
			if err != nil {
				return err
			}
			c.Add(parse.Message{Raw: []byte("hello"), Origin: o})
			if err := out.Send(c); err != nil {
				return err
			}
		}
		return nil
	}))
}

// A device that usually sends often and falls silent is noticed, and its return is; one
// that has always been slow, one that came once, and a source that has ended are not. The
// notices stand among the events.
func TestSilence(t *testing.T) {
	origins := make(chan *parse.Origin)
	origin := func(i byte) *parse.Origin {
		return &parse.Origin{Source: "udp", Peer: netip.AddrFrom4([4]byte{192, 0, 2, i})}
	}
	var log noticeLog
	var mu sync.Mutex
	var events []ingest.Notice
	ended := make(chan *parse.Origin)
	var wall func() time.Time
	cfg := ingest.Config[event]{
		Now:     func() time.Time { return wall() },
		Sources: []ingest.Source{say("net", origins), say("short", ended)},
		Parser:  rawParser, Notify: log.add, Encoder: rawEncoder{},
		Watch: ingest.Watch{MinSilence: 150 * time.Millisecond},
		NoticeEvent: func(n *ingest.Notice, e *event) error {
			e.text = []byte("notice " + n.String())
			return nil
		},
		Sink: batch.SinkFunc[event](func(_ context.Context, b *batch.Batch[event]) error {
			mu.Lock()
			defer mu.Unlock()
			for i := range b.Len() {
				if raw := b.Message(i).Raw; string(raw) != "hello" {
					var n ingest.Notice
					if err := json.Unmarshal(raw, &struct {
						Sender *string
						Since  *time.Time
					}{&n.Sender, &n.Since}); err != nil {
						t.Errorf("a notice is %q: %v", raw, err)
					}
					events = append(events, n)
				}
			}
			return nil
		}),
	}
	p := mustNew(t, cfg)
	clock := newClock(p.SetClock)
	wall = clock.time
	done := make(chan error)
	go func() { done <- p.Run(context.Background()) }()
	sent := int64(0)
	tell := func(to chan<- *parse.Origin, o *parse.Origin) {
		to <- o
		sent++
		until(t, "the message is counted", func() bool {
			n := int64(0)
			for _, s := range p.Senders() {
				n += s.Messages
			}
			return n >= sent
		})
	}
	for range 10 {
		tell(ended, origin(9))
		clock.pass(time.Millisecond)
	}
	close(ended)
	until(t, "the short source has ended", func() bool { return !p.Stats().Sources[1].Running })
	tell(origins, origin(3)) // once
	var last time.Time
	for i := range 60 {
		last = clock.time()
		tell(origins, origin(1))
		if i%10 == 0 { // every 50 ms
			tell(origins, origin(2))
		}
		clock.pass(5 * time.Millisecond)
	}
	// The first one stops, the second goes on.
	for range 2 {
		tell(origins, origin(2))
		clock.pass(50 * time.Millisecond)
	}
	if got := log.of(ingest.SenderSilent); len(got) > 0 {
		t.Errorf("after 105ms: %+v", got)
	}
	for range 4 {
		tell(origins, origin(2))
		clock.pass(50 * time.Millisecond)
	}
	if got := log.of(ingest.SenderSilent); len(got) != 1 {
		t.Errorf("after 305ms: %+v", got)
	}
	tell(origins, origin(1))
	close(origins)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	atRest(t, p)
	got := log.of(ingest.SenderSilent, ingest.SenderBack)
	if len(got) != 2 || got[0].Kind != ingest.SenderSilent || got[1].Kind != ingest.SenderBack ||
		got[0].Sender != "udp 192.0.2.1" || got[0].Source != "net" || got[0].Interval != 5*time.Millisecond || !got[0].Since.Equal(last) {
		t.Errorf("notices: %+v, silent since %s", got, last)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(events) != 2 || events[0].Sender != "udp 192.0.2.1" {
		t.Errorf("events of notices: %+v", events)
	}
	s := p.Stats()
	if last := s.Sources[2]; last.Name != ingest.NoticeSource || last.Delivered != 2 {
		t.Errorf("the account of notices: %+v", last)
	}
	senders := p.Senders()
	if len(senders) != 4 {
		t.Errorf("%d senders: %+v", len(senders), senders)
	}
}

// A clock that is wrong is noticed, and that it is right again.
func TestClockSkew(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var log noticeLog
	origins := make(chan *parse.Origin)
	var mu sync.Mutex
	offset := map[string]time.Duration{"ahead": -2 * time.Hour, "behind": time.Hour, "right": 2 * time.Second}
	name := "" // whose event is at hand; there is one worker, and one message on its way
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{say("net", origins)}, Workers: 1, Notify: log.add,
		Parser: parse.ParserFunc[event](func(m *parse.Message, out *parse.Events[event]) error {
			mu.Lock()
			defer mu.Unlock()
			name = m.Origin.Source
			out.Add()
			return nil
		}),
		Now: func() time.Time { return now },
		TimeOf: func(*event) (time.Time, bool) {
			mu.Lock()
			defer mu.Unlock()
			return now.Add(-offset[name]), true
		},
		Sink: batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil }),
	})
	done := make(chan error)
	go func() { done <- p.Run(context.Background()) }()
	send := func() {
		for _, name := range []string{"ahead", "behind", "right"} {
			for range 16 {
				origins <- &parse.Origin{Source: name}
			}
		}
	}
	send()
	for i := 0; len(log.of(ingest.ClockSkewed)) < 2; i++ {
		if i > 2000 {
			t.Fatal("not noticed")
		}
		time.Sleep(time.Millisecond)
	}
	mu.Lock()
	offset["ahead"] = 0
	mu.Unlock()
	send()
	close(origins)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, n := range log.of(ingest.ClockSkewed, ingest.ClockRight) {
		got[fmt.Sprint(n.Kind, " ", n.Sender, " ", n.Skew)] = true
	}
	for _, want := range []string{"clock skewed ahead -2h0m0s", "clock skewed behind 1h0m0s", "clock right ahead 0s"} {
		if !got[want] {
			t.Errorf("no notice %q in %v", want, got)
		}
	}
	if len(got) != 3 {
		t.Errorf("notices: %v", got)
	}
}

// Senders are counted apart up to a bound; the rest share one account.
func TestSendersAreBounded(t *testing.T) {
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{ingest.SourceFunc(func(_ context.Context, out *ingest.Emit) error {
			for i := range 1000 {
				c, err := out.Chunk()
				if err != nil {
					return err
				}
				for j := range 10 {
					c.Add(parse.Message{Raw: []byte("x"), Origin: &parse.Origin{Source: fmt.Sprint(i*10 + j)}})
				}
				if err := out.Send(c); err != nil {
					return err
				}
			}
			return nil
		})},
		Parser: rawParser, Watch: ingest.Watch{Senders: 100},
		Sink: batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil }),
	})
	mustRun(t, p)
	senders := p.Senders()
	total, other := int64(0), int64(0)
	for _, s := range senders {
		total += s.Messages
		if s.Name == "(other)" {
			other = s.Messages
		}
	}
	if len(senders) != 101 || total != 10_000 || other != 9900 {
		t.Errorf("%d senders, %d messages, %d of others", len(senders), total, other)
	}
}

type recorder struct {
	mu                   sync.Mutex
	batches, rows, wrote int
	notices              []ingest.NoticeKind
	bytes                int
}

func (r *recorder) Batch(b *ingest.BatchReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches++
	r.rows += b.Rows
	r.bytes += b.Bytes
	if b.Waited < 0 || b.Worked <= 0 || b.Source == "" {
		panic(fmt.Sprintf("report %+v", b))
	}
}

func (r *recorder) Write(w *ingest.WriteReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrote += w.Rows
	panic("an observer that panics")
}

func (r *recorder) Notice(n *ingest.Notice) { r.notices = append(r.notices, n.Kind) }

// An observer is told of every batch, and one that panics costs nothing. The histograms
// count each of them.
func TestObserver(t *testing.T) {
	r := &recorder{}
	in := strings.Repeat("some line\n", 5000)
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{ingest.FromReader("r", strings.NewReader(in))}, Observer: r,
		Parser: rawParser, Encoder: rawEncoder{}, ChunkSize: 2 << 10,
		Stages:    []ingest.Stage[event]{ingest.StageFunc[event](func(*parse.Message, *event) (bool, error) { return true, nil })},
		Validator: validatorFunc(func(*event) error { return nil }),
		Sink:      batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return nil }),
	})
	mustRun(t, p)
	s := p.Stats()
	if r.rows != 5000 || r.wrote != 5000 || r.batches != int(s.Sources[0].Chunks) || r.bytes < len(in) {
		t.Errorf("%d rows and %d bytes in %d batches, %d written", r.rows, r.bytes, r.batches, r.wrote)
	}
	if s.Panics != s.Sinks[0].Batches {
		t.Errorf("%d panics of the observer, %d batches", s.Panics, s.Sinks[0].Batches)
	}
	l := s.Latencies
	for name, h := range map[string]ingest.Histogram{
		"wait": l.Wait, "work": l.Work, "parse": l.Parse, "enrich": l.Enrich, "validate": l.Validate, "encode": l.Encode, "total": l.Total,
		"sink": s.Sinks[0].Took,
	} {
		if h.Count != int64(r.batches) || h.Sum <= 0 || h.Quantile(0.5) > h.Quantile(1) || h.Quantile(1) <= 0 || h.Mean() > h.Quantile(1) {
			t.Errorf("%s: %d of %d, %s in all, median %s, most %s", name, h.Count, r.batches, h.Sum, h.Quantile(0.5), h.Quantile(1))
		}
	}
}
