// Package gather puts the messages of many peers into shared chunks, and cuts the byte
// streams of peers into messages in buffers of their own, so that an idle connection
// holds no chunk of the pipeline.
package gather

import (
	"context"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// Block is some messages of one peer. Faults refer to Msgs.
type Block struct {
	Msgs    []parse.Message
	Faults  []ingest.Fault
	Skipped int
}

// Reset empties b.
func (b *Block) Reset() {
	clear(b.Msgs)
	clear(b.Faults)
	b.Msgs, b.Faults, b.Skipped = b.Msgs[:0], b.Faults[:0], 0
}

// Len is the number of things to account for.
func (b *Block) Len() int { return len(b.Msgs) + b.Skipped }

// Gatherer fills chunks and sends them when they are full or old. Safe for concurrent
// use.
type Gatherer struct {
	out   *ingest.Emit
	delay time.Duration

	lock  chan struct{} // a mutex that can be waited for with a context
	chunk *ingest.Chunk
	who   []*tracker // whose messages are in chunk
	timer *time.Timer
	next  int64
	ended bool
	err   error
}

// New returns a Gatherer whose messages wait at most delay for others. Offsets are
// numbers of its own, counted from the time of day, so that they differ after a
// restart too.
func New(out *ingest.Emit, delay time.Duration) *Gatherer {
	g := &Gatherer{out: out, delay: delay, lock: make(chan struct{}, 1), next: out.Now().UnixNano()}
	// The timer's goroutine ends when it has sent the chunk; Close waits for it by the lock.
	g.timer = time.AfterFunc(time.Hour, func() {
		g.lock <- struct{}{}
		defer g.unlock()
		if !g.ended {
			_ = g.send() // fails where the pipeline ends, which the next Add is told
		}
	})
	g.timer.Stop()
	return g
}

func (g *Gatherer) unlock() { <-g.lock }

// tracker waits for the chunks that the messages of one Add went into.
type tracker struct {
	mu      sync.Mutex
	pending int
	sum     ingest.Result
	done    func(ingest.Result)
}

func (t *tracker) add() {
	t.mu.Lock()
	t.pending++
	t.mu.Unlock()
}

func (t *tracker) answer(r ingest.Result) {
	t.mu.Lock()
	s := &t.sum
	s.Delivered += r.Delivered
	s.Filtered += r.Filtered
	s.Shed += r.Shed
	s.DeadLettered += r.DeadLettered
	s.Failed += r.Failed
	if s.Err == nil {
		s.Err = r.Err
	}
	t.pending--
	last := t.pending == 0
	t.mu.Unlock()
	if last {
		t.done(t.sum)
	}
}

// Add copies the messages of b into chunks. It blocks while there is no room, until
// ctx ends. With now, what is gathered is sent at once.
//
// done, if set, is called once, perhaps before Add returns, when all messages have
// reached their end; the result is that of their chunks, in which there may be messages
// of others. It is not called if Add returns an error: then part of b may have been
// taken.
func (g *Gatherer) Add(ctx context.Context, b *Block, now bool, done func(ingest.Result)) error {
	select {
	case g.lock <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var t *tracker
	if done != nil {
		t = &tracker{pending: 1, done: done}
	}
	err := g.add(ctx, b, now, t)
	if err != nil && t != nil {
		t.add() // is never answered
	}
	g.unlock()
	if t != nil {
		t.answer(ingest.Result{})
	}
	return err
}

func (g *Gatherer) add(ctx context.Context, b *Block, now bool, t *tracker) error {
	if g.err != nil {
		return g.err
	}
	fault, joined := 0, (*ingest.Chunk)(nil)
	join := func() {
		if t != nil && joined != g.chunk {
			joined = g.chunk
			t.add()
			g.who = append(g.who, t)
		}
	}
	skipped := b.Skipped
	for i := range b.Msgs {
		m := b.Msgs[i]
		m.Offset = g.next
		if g.chunk != nil && g.chunk.Full() || g.chunk == nil || !g.chunk.Add(m) {
			if err := g.fresh(ctx); err != nil {
				return err
			}
			g.chunk.Add(m) // an empty chunk takes any message
		}
		g.next++
		if fault < len(b.Faults) && b.Faults[fault].Msg == i {
			f := b.Faults[fault]
			f.Msg = len(g.chunk.Msgs) - 1
			g.chunk.Faults = append(g.chunk.Faults, f)
			fault++
		}
		g.chunk.Skipped += skipped
		skipped = 0
		join()
	}
	if skipped > 0 {
		if g.chunk == nil {
			if err := g.fresh(ctx); err != nil {
				return err
			}
		}
		g.chunk.Skipped += skipped
	}
	if now {
		return g.send()
	}
	return nil
}

// fresh sends the chunk at hand and gets an empty one. The caller has the lock, and
// while it waits no chunk.
func (g *Gatherer) fresh(ctx context.Context) error {
	if err := g.send(); err != nil {
		return err
	}
	c, err := g.out.ChunkContext(ctx)
	if err != nil {
		return err
	}
	g.chunk = c
	g.timer.Reset(g.delay)
	return nil
}

// send sends the chunk at hand. The caller has the lock.
func (g *Gatherer) send() error {
	c, who := g.chunk, g.who
	g.chunk, g.who = nil, nil
	if c == nil {
		return g.err
	}
	g.timer.Stop()
	if len(who) > 0 {
		c.Done = func(r ingest.Result) {
			for _, t := range who {
				t.answer(r)
			}
		}
	}
	n := len(c.Msgs)
	if err := g.out.Send(c); err != nil {
		g.out.Discard(c)
		g.err = err
		for _, t := range who {
			t.answer(ingest.Result{Failed: n, Err: err})
		}
	}
	return g.err
}

// Flush sends what is gathered.
func (g *Gatherer) Flush() error {
	g.lock <- struct{}{}
	defer g.unlock()
	return g.send()
}

// Close sends what is gathered; what is added later is refused.
func (g *Gatherer) Close() error {
	g.lock <- struct{}{}
	defer g.unlock()
	err := g.send()
	g.timer.Stop()
	g.ended = true
	if g.err == nil {
		g.err = ingest.ErrClosed
	}
	return err
}

// TrimEnd takes off one line end or NUL, which many senders add.
func TrimEnd(b []byte) []byte {
	n := len(b)
	switch {
	case n > 0 && b[n-1] == '\n':
		n--
		if n > 0 && b[n-1] == '\r' {
			n--
		}
	case n > 0 && b[n-1] == 0:
		n--
	}
	return b[:n]
}
