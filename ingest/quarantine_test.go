package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// choosing is a parser that chooses by the first word, and panics or hangs on the second.
type choosing struct {
	mu     *sync.Mutex
	parsed map[string]int // by sender and first word
	never  chan struct{}
}

func (c choosing) Choose(m *parse.Message) string {
	first, _, _ := bytes.Cut(m.Raw, []byte(" "))
	return string(first)
}

func (c choosing) Parse(m *parse.Message, out *parse.Events[event]) error {
	c.mu.Lock()
	c.parsed[m.Origin.Peer.String()+" "+c.Choose(m)]++
	c.mu.Unlock()
	switch {
	case bytes.HasSuffix(m.Raw, []byte("panic")):
		panic("as told")
	case bytes.HasSuffix(m.Raw, []byte("hang")):
		<-c.never
	case string(m.Raw) == "many":
		for range 19 {
			out.Add().text = m.Raw
		}
	}
	return rawParser(m, out)
}

// told is a source that sends the messages that it is told, each with its sender, and waits
// until they have come to their ends.
type told struct {
	messages chan []parse.Message
	results  chan ingest.Result
}

func (s told) Run(_ context.Context, out *ingest.Emit) error {
	for msgs := range s.messages {
		c, err := out.Chunk()
		if err != nil {
			return err
		}
		for _, m := range msgs {
			c.Add(m)
		}
		c.Done = func(r ingest.Result) { s.results <- r }
		if err := out.Send(c); err != nil {
			return err
		}
	}
	return nil
}

func (s told) send(sender byte, text string, n int) ingest.Result {
	var msgs []parse.Message
	for range n {
		msgs = append(msgs, parse.Message{Raw: []byte(text), Origin: &parse.Origin{Source: "net", Peer: netip.AddrFrom4([4]byte{192, 0, 2, sender})}})
	}
	s.messages <- msgs
	return <-s.results
}

// Without any option a sender whose messages make the parser panic is shut out of it with
// messages of that pack, and nobody else is: its messages are dead letters that say so. Then
// it is tried again, with one message.
func TestSenderQuarantine(t *testing.T) {
	noLeaks(t)
	src := told{make(chan []parse.Message), make(chan ingest.Result, 1)}
	parser := choosing{mu: &sync.Mutex{}, parsed: map[string]int{}}
	var log noticeLog
	var mu sync.Mutex
	var letters []string
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{ingest.WithName("net", src)}, Parser: parser, Encoder: rawEncoder{}, Sink: &kept{}, Workers: 1, Notify: log.add,
		Quarantine: ingest.Quarantine{Window: time.Minute, Pause: 50 * time.Millisecond},
		DeadLetters: batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
			mu.Lock()
			defer mu.Unlock()
			if d.Category != errcat.ParserPanic || d.Component != "parser" {
				t.Errorf("dead letter %+v", d)
			}
			letters = append(letters, d.Err.Error())
			return nil
		}),
	})
	done := make(chan error)
	go func() { done <- p.Run(context.Background()) }()
	parsed := func(key string) int { parser.mu.Lock(); defer parser.mu.Unlock(); return parser.parsed[key] }
	const bad = "192.0.2.1 x"

	src.send(1, "x panic", 9)
	if n := len(log.of(ingest.OutOfService)); n > 0 {
		t.Fatalf("%d notices after nine panics", n)
	}
	if r := src.send(1, "x panic", 15); r.DeadLettered != 15 || parsed(bad) != 10 {
		t.Errorf("%d of 15 dead letters; the parser saw %d messages, want 10", r.DeadLettered, parsed(bad))
	}
	out := log.of(ingest.OutOfService)
	if len(out) != 1 || out[0].Source != "net" || out[0].Sender != "net 192.0.2.1" || out[0].Detail != "x" || out[0].Component != "parser" {
		t.Fatalf("notices %+v", out)
	}
	if text := out[0].String(); text != `parser has failed too often on messages of x of sender "net 192.0.2.1" of source net and is out of service for them` {
		t.Error(text)
	}
	// Others, and the sender's messages of other packs, are parsed as ever. The notice of
	// the return has not come: nobody is back by the time.
	for _, m := range []struct {
		sender byte
		text   string
	}{{2, "x ok"}, {1, "y ok"}, {2, "y ok"}} {
		if r := src.send(m.sender, m.text, 3); r.Delivered != 3 {
			t.Errorf("sender %d, %q: %+v", m.sender, m.text, r)
		}
	}
	mu.Lock()
	if last := letters[len(letters)-1]; !strings.Contains(last, "out of service for this sender") {
		t.Errorf("the dead letter says %q", last)
	}
	mu.Unlock()

	// One message is tried; it fails, and the pause is twice as long.
	until(t, "back in service", func() bool { return len(log.of(ingest.BackInService)) == 1 })
	if src.send(1, "x panic", 5); parsed(bad) != 11 || len(log.of(ingest.OutOfService)) != 2 {
		t.Errorf("on probation the parser saw %d messages in all, want 11; %v", parsed(bad), log.of(ingest.OutOfService))
	}
	// After it behaves a single panic is contained as any other.
	until(t, "back in service again", func() bool { return len(log.of(ingest.BackInService)) == 2 })
	if r := src.send(1, "x ok", 5); r.Delivered != 5 {
		t.Errorf("after it behaves: %+v", r)
	}
	if r := src.send(1, "x panic", 1); r.DeadLettered != 1 || parsed(bad) != 11+5+1 || len(log.of(ingest.OutOfService)) != 2 {
		t.Errorf("one more panic: %+v, the parser saw %d messages", r, parsed(bad))
	}
	close(src.messages)
	if err := <-done; err != nil {
		t.Error(err)
	}
	atRest(t, p)
	if s := p.Stats(); s.Panics != 12 || s.DeadLettered != 9+15+5+1 {
		t.Errorf("%d panics, %+v", s.Panics, s.Ledger)
	}
}

// A sender of whose messages most are good is not shut out, however many it sends.
func TestRarePanicsAreNoQuarantine(t *testing.T) {
	src := told{make(chan []parse.Message), make(chan ingest.Result, 1)}
	parser := choosing{mu: &sync.Mutex{}, parsed: map[string]int{}}
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: parser, Encoder: rawEncoder{}, Sink: &kept{}, Workers: 1,
		Quarantine: ingest.Quarantine{Window: time.Hour},
		Stages: []ingest.Stage[event]{ingest.StageFunc[event](func(m *parse.Message, _ *event) (bool, error) {
			if string(m.Raw) == "many" {
				panic("of each event")
			}
			return true, nil
		})},
	})
	done := make(chan error)
	go func() { done <- p.Run(context.Background()) }()
	for range 30 {
		src.send(1, "x ok", 2)
		src.send(1, "x panic", 1)
	}
	src.send(2, "many", 1) // twenty panics of one message
	if r := src.send(2, "x ok", 10); r.Delivered != 10 {
		t.Errorf("after a message of which all events panic: %+v", r)
	}
	if r := src.send(1, "x ok", 10); r.Delivered != 10 {
		t.Errorf("%+v", r)
	}
	close(src.messages)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Panics != 30+20 || s.Notices[ingest.OutOfService] != 0 {
		t.Errorf("%d panics, notices %v", s.Panics, s.Notices)
	}
}

// Two hangs are enough: the sender's next messages cost no more goroutines, whatever pack
// they are of; and others are served.
func TestHangingSenderQuarantine(t *testing.T) {
	src := told{make(chan []parse.Message), make(chan ingest.Result, 1)}
	parser := choosing{mu: &sync.Mutex{}, parsed: map[string]int{}, never: make(chan struct{})}
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: parser, Encoder: rawEncoder{}, Sink: &kept{}, Workers: 2, ParseTimeout: 50 * time.Millisecond,
		Quarantine: ingest.Quarantine{Pause: -1},
	})
	done := make(chan error)
	go func() { done <- p.Run(context.Background()) }()
	for range 5 {
		src.send(1, "x hang", 3)
	}
	if r := src.send(1, "y ok", 3); r.DeadLettered != 3 {
		t.Errorf("the sender that hangs: %+v", r)
	}
	if r := src.send(2, "x ok", 3); r.Delivered != 3 {
		t.Errorf("another one: %+v", r)
	}
	close(src.messages)
	<-done
	s := p.Stats()
	if s.Replaced != 2 || s.Notices[ingest.OutOfService] != 1 || s.DeadLetters[errcat.Timeout] != 2 || s.DeadLetters[errcat.ParserPanic] != 16 {
		t.Errorf("%d replaced, %v, %v", s.Replaced, s.Notices, s.DeadLetters)
	}
	close(parser.never)
	until(t, "the goroutines have ended", func() bool { return p.Stats().LeftBehind == 0 })
}

// An optional stage is left out for the sender alone. Records are bounded.
func TestSenderQuarantineOptional(t *testing.T) {
	src := told{make(chan []parse.Message), make(chan ingest.Result, 1)}
	staged := 0
	p := mustNew(t, ingest.Config[event]{
		Sources: []ingest.Source{src}, Parser: rawParser, Encoder: rawEncoder{}, Sink: &kept{}, Workers: 1,
		Stages: []ingest.Stage[event]{ingest.Optional[event](ingest.StageFunc[event](func(_ *parse.Message, e *event) (bool, error) {
			staged++
			if string(e.text) == "bad" {
				panic("as told")
			}
			return true, nil
		}))},
	})
	done := make(chan error)
	go func() { done <- p.Run(context.Background()) }()
	if r := src.send(1, "bad", 30); r.DeadLettered != 10 || r.Delivered != 20 || staged != 10 {
		t.Errorf("%+v, the stage saw %d", r, staged)
	}
	if r := src.send(2, "good", 3); r.Delivered != 3 || staged != 13 {
		t.Errorf("%+v, the stage saw %d", r, staged)
	}
	for i := range 6000 {
		var m []parse.Message
		for j := range 2 {
			m = append(m, parse.Message{Raw: []byte("bad"), Origin: &parse.Origin{Source: fmt.Sprint("sender", i), Peer: netip.AddrFrom4([4]byte{10, byte(j)})}})
		}
		src.messages <- m
		<-src.results
	}
	close(src.messages)
	if err := <-done; err != nil {
		t.Error(err)
	}
	atRest(t, p)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for i := 0; !ok(); i++ {
		if i > 10_000 {
			t.Fatalf("not reached: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
