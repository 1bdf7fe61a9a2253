package ingesttest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
)

// Send is the outside of a source: it brings messages to it, in order. It returns nil
// when the source has acknowledged them or, where it never does, when they are on their
// way; an error when it has not.
type Send func(ctx context.Context, msgs []string) error

// Config describes a source to the suite.
type Config struct {
	// New returns a source that can be sent to at once (it listens, its file exists),
	// and the way to do it. What it opens is closed by t.Cleanup.
	New func(t testing.TB) (ingest.Source, Send)
	// Ends says that the source ends by itself with what was sent before it runs.
	Ends bool
	// Acknowledges says that Send returns nil only for messages that are safe.
	Acknowledges bool
	// Lossy says that messages may be lost when they come faster than they are taken.
	Lossy bool
	// Streams says that the source has several streams (files, endpoints), each of which is an
	// origin with a name of its own.
	Streams bool
	// NoOffsets says that messages have no position, so that equal ones have one identity.
	NoOffsets bool
	// Text returns what was sent out of a message, where the source puts something around
	// it. Default: the message.
	Text func(message string) string
	// MaxMessage bounds the messages that are sent. Default: 2000 bytes.
	MaxMessage int
}

// Source checks that a source keeps the contract of ingest.Source: what is sent arrives
// once, byte for byte and in order; it is acknowledged only when it is safe; a slow
// pipeline holds the source back; it returns soon after its context; nothing is left
// behind.
func Source(t *testing.T, cfg Config) {
	if cfg.MaxMessage == 0 {
		cfg.MaxMessage = 2000
	}
	if cfg.Text == nil {
		cfg.Text = func(message string) string { return message }
	}
	t.Run("delivery", cfg.delivery)
	t.Run("cancel", cfg.cancellation)
	t.Run("backpressure", cfg.backpressure)
	if cfg.Acknowledges {
		t.Run("acknowledge", cfg.acknowledgement)
		t.Run("failure", cfg.failure)
	}
}

func (c *Config) messages(n int, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 7))
	words := strings.Fields("deny tcp src inside:10.0.0.1/52714 dst outside:203.0.113.9/443 größe 漢字 \"quoted\" back\\slash a=b |pipe| <tag> 'x' %s {} []")
	msgs := make([]string, n)
	for i := range msgs {
		var b strings.Builder
		fmt.Fprintf(&b, "<%d>message %d", r.IntN(192), i)
		for size := r.IntN(min(400, c.MaxMessage-60) + 1); b.Len() < size; {
			b.WriteByte(' ')
			b.WriteString(words[r.IntN(len(words))])
		}
		if r.IntN(40) == 0 {
			b.WriteString(strings.Repeat("x", r.IntN(c.MaxMessage-b.Len())))
		}
		msgs[i] = b.String()
	}
	return msgs
}

func (c *Config) run(t *testing.T, src ingest.Source, send Send, msgs []string) *Pipeline {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if c.Ends {
		if err := send(ctx, msgs); err != nil {
			t.Fatal(err)
		}
		return Start(t, src)
	}
	p := Start(t, src)
	for begin := 0; begin < len(msgs); begin += 50 {
		if err := send(ctx, msgs[begin:min(begin+50, len(msgs))]); err != nil {
			t.Fatalf("sending messages %d to %d: %v", begin, begin+50, err)
		}
	}
	return p
}

func (c *Config) delivery(t *testing.T) {
	src, send := c.New(t)
	msgs := c.messages(500, 1)
	p := c.run(t, src, send, msgs)
	got := p.Wait(len(msgs))
	name := ""
	if n, ok := src.(ingest.Named); ok {
		name = n.Name()
	}
	offsets := map[string]bool{}
	for i, m := range got {
		if text := c.Text(m.Text); i >= len(msgs) || text != msgs[i] {
			t.Fatalf("message %d arrived as %.200q, %.200q was sent", i, text, msgs[min(i, len(msgs)-1)])
		}
		if m.Origin.Source == "" {
			t.Fatal("a message whose Origin has no Source")
		}
		if !c.Ends && !c.Streams && name != "" && m.Origin.Source != name {
			t.Fatalf("Origin.Source is %q, the source's name %q", m.Origin.Source, name)
		}
		if key := fmt.Sprint(m.Origin.Source, m.Offset); offsets[key] && !c.NoOffsets {
			t.Fatalf("two messages of %s have the offset %d: their identities would be equal", m.Origin.Source, m.Offset)
		} else {
			offsets[key] = true
		}
	}
	if c.Ends {
		if err := p.Ended(); err != nil {
			t.Errorf("the source ended with %v", err)
		}
	}
	p.Stop()
	if s := p.Stats(); s.Delivered != int64(len(msgs)) || s.Received != s.Delivered {
		t.Errorf("%d messages were sent, the ledger says %+v", len(msgs), s.Ledger)
	}
}

func (c *Config) cancellation(t *testing.T) {
	src, send := c.New(t)
	if c.Ends {
		if err := send(context.Background(), c.messages(10, 2)); err != nil {
			t.Fatal(err)
		}
	}
	p := Start(t, src)
	p.Stop()
}

// backpressure sends into a blocked pipeline until nothing moves any more, and releases
// it.
func (c *Config) backpressure(t *testing.T) {
	src, send := c.New(t)
	msgs := c.messages(4000, 3)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if c.Ends {
		if err := send(ctx, msgs); err != nil {
			t.Fatal(err)
		}
	}
	p := start(t, src, false)
	sent := make(chan error, 1)
	if c.Ends {
		sent <- nil
	} else {
		go func() {
			for begin := 0; begin < len(msgs); begin += 50 {
				part := msgs[begin : begin+50]
				err := send(ctx, part)
				for err != nil && c.Acknowledges && ctx.Err() == nil { // as a client does
					time.Sleep(20 * time.Millisecond)
					err = send(ctx, part)
				}
				if err != nil {
					sent <- fmt.Errorf("sending messages %d to %d: %w", begin, begin+50, err)
					return
				}
			}
			sent <- nil
		}()
	}
	time.Sleep(300 * time.Millisecond)
	if n := len(p.Messages()); n > 0 {
		t.Errorf("%d messages passed a blocked sink", n)
	}
	p.Release()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if c.Lossy {
		return
	}
	seen := map[string]bool{}
	next := 0
	deadline := time.Now().Add(Patience)
	for next < len(msgs) {
		for _, m := range p.Messages() {
			seen[c.Text(m.Text)] = true
		}
		for next < len(msgs) && seen[msgs[next]] {
			next++
		}
		if time.Now().After(deadline) {
			t.Fatalf("message %d of %d is lost", next, len(msgs))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// acknowledgement checks that nothing is acknowledged before the sink has it.
func (c *Config) acknowledgement(t *testing.T) {
	src, send := c.New(t)
	p := start(t, src, false)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	acked := make(chan error, 1)
	msgs := c.messages(20, 4)
	go func() { acked <- send(ctx, msgs) }()
	select {
	case err := <-acked:
		if err == nil {
			t.Fatal("messages were acknowledged while the sink had none of them")
		}
		acked <- err
	case <-time.After(300 * time.Millisecond):
	}
	p.Release()
	if err := <-acked; err != nil {
		t.Fatalf("the messages were delivered and not acknowledged: %v", err)
	}
	if n := len(p.Messages()); n < len(msgs) {
		t.Errorf("%d messages were acknowledged, %d have arrived", len(msgs), n)
	}
}

// failure checks that what a sink does not take is not acknowledged, and that it can be
// sent again.
func (c *Config) failure(t *testing.T) {
	src, send := c.New(t)
	p := Start(t, src)
	p.Fail(errcat.New(errcat.SinkRejected, errcat.StageDeliver, "refused by the test"))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	msgs := c.messages(20, 5)
	if err := send(ctx, msgs); err == nil {
		t.Fatal("messages were acknowledged that no sink took")
	} else if errors.Is(err, context.DeadlineExceeded) {
		t.Log("the source said nothing instead of no")
	}
	p.Fail(nil)
	again, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := send(again, msgs); err != nil {
		t.Fatalf("after the sink has recovered: %v", err)
	}
	if n := len(p.Messages()); n < len(msgs) {
		t.Errorf("%d messages were acknowledged, %d have arrived", len(msgs), n)
	}
}
