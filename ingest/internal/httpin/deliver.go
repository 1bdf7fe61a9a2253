package httpin

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"net/http"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/internal/listen"
	"github.com/penstock-dev/penstock/parse"
)

// Messages are the messages of one request, and which of them are bad.
type Messages struct {
	Msgs   []parse.Message
	Faults []ingest.Fault
}

// Add adds a message, whose bytes must live until the end of Serve.
func (m *Messages) Add(raw []byte) { m.Msgs = append(m.Msgs, parse.Message{Raw: raw}) }

// Part is what became of the messages [From, To).
type Part struct {
	From, To int
	Result   ingest.Result
}

// pending collects the results of the chunks of a request.
type pending struct {
	mu    sync.Mutex
	open  int
	parts []Part
	done  func([]Part)
}

func (p *pending) answer(part Part) {
	p.mu.Lock()
	if part.To > part.From {
		p.parts = append(p.parts, part)
	}
	p.open--
	last := p.open == 0
	p.mu.Unlock()
	if last {
		p.done(p.parts)
	}
}

var errOversize = errcat.New(errcat.Oversize, errcat.StageBuffer, "longer than the largest message allowed")

// Start copies the messages into chunks and sends them. done is called once with what
// became of them, in no order, and must not block; it is not called if Start returns an
// error.
//
// The offset of a message is made of the hash of the body and its number in it, so that
// a request that is sent again has messages of the same identity.
func (r *Request) Start(m *Messages, done func([]Part)) error {
	s := r.s
	s.mu.Lock()
	out := s.out
	s.mu.Unlock()
	limits := out.Limits()
	size := 0
	for i := range m.Msgs {
		size += len(m.Msgs[i].Raw)
	}
	if s.opts.Rate != nil && !s.opts.Rate.Allow(listen.PeerKey(r.Origin.Peer).String(), len(m.Msgs), size) {
		return Errorf(http.StatusTooManyRequests, "more than you may send")
	}
	base := identity(r.body)
	now := out.Now()
	p := &pending{open: 1, done: done}
	fail := func(err error) error {
		p.mu.Lock()
		p.open++ // is never answered
		p.mu.Unlock()
		p.answer(Part{})
		return err
	}
	wait, fault := s.opts.Wait, 0
	for i := 0; i < len(m.Msgs); {
		c, err := r.chunk(out, wait)
		if err != nil {
			return fail(err)
		}
		// What has begun is better finished: the client would send all of it again.
		wait = s.opts.AckTimeout
		from := i
		for ; i < len(m.Msgs); i++ {
			msg := m.Msgs[i]
			msg.Offset, msg.Received = base+int64(i), now
			if msg.Origin == nil {
				msg.Origin = r.Origin
			}
			length := int64(0)
			if n := len(msg.Raw); n > limits.MaxMessage {
				length, msg.Raw = int64(n), msg.Raw[:min(limits.KeepOversize, limits.MaxMessage)]
			}
			if c.Full() || !c.Add(msg) {
				break
			}
			bad := fault < len(m.Faults) && m.Faults[fault].Msg == i
			switch {
			case length > 0:
				c.Faults = append(c.Faults, ingest.Fault{Msg: len(c.Msgs) - 1, Err: errOversize, Length: length})
			case bad:
				c.Faults = append(c.Faults, ingest.Fault{Msg: len(c.Msgs) - 1, Err: m.Faults[fault].Err})
			}
			if bad {
				fault++
			}
		}
		to := i
		p.mu.Lock()
		p.open++
		p.mu.Unlock()
		c.Done = func(res ingest.Result) { p.answer(Part{from, to, res}) }
		if err := out.Send(c); err != nil {
			out.Discard(c)
			return fail(Errorf(http.StatusServiceUnavailable, "shutting down"))
		}
		s.stats.messages.Add(int64(to - from))
	}
	p.answer(Part{})
	return nil
}

// identity is a number made of a body. It need not resist anyone: two messages have one
// identity only if their bytes are equal too. Two hardware checksums cost a tenth of a
// SHA-256, which was a third of the time of a request.
func identity(body []byte) int64 {
	high := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return int64(uint64(high)<<32|uint64(crc32.ChecksumIEEE(body))) >> 2 & (1<<61 - 1)
}

func (r *Request) chunk(out *ingest.Emit, wait time.Duration) (*ingest.Chunk, error) {
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	c, err := out.ChunkContext(ctx)
	switch {
	case err == nil:
		return c, nil
	case errors.Is(err, context.DeadlineExceeded) && r.Context().Err() == nil:
		return nil, Errorf(http.StatusTooManyRequests, "no room at this time")
	}
	return nil, Errorf(http.StatusServiceUnavailable, "shutting down")
}

// Deliver sends the messages and waits until all of them have reached their end. The
// error is a Status where they have not in time. It does not say whether they were
// delivered: see Part.
func (r *Request) Deliver(m *Messages) ([]Part, error) {
	answer := make(chan []Part, 1)
	if err := r.Start(m, func(parts []Part) { answer <- parts }); err != nil {
		return nil, err
	}
	r.s.mu.Lock()
	stopped := r.s.stopped
	r.s.mu.Unlock()
	late := time.NewTimer(r.s.opts.AckTimeout)
	defer late.Stop()
	select {
	case parts := <-answer:
		return parts, nil
	case <-late.C:
		return nil, Errorf(http.StatusServiceUnavailable, "not delivered in time")
	case <-stopped:
		return nil, Errorf(http.StatusServiceUnavailable, "shutting down")
	case <-r.Context().Done():
		r.s.stats.gone.Add(1)
		return nil, context.Cause(r.Context())
	}
}

// DeliverAll is Deliver where all messages share one fate: the error is a Status if any
// of them was not delivered.
func (r *Request) DeliverAll(m *Messages) error {
	parts, err := r.Deliver(m)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if !p.Result.OK() {
			return Errorf(http.StatusServiceUnavailable, "not delivered")
		}
	}
	return nil
}

// AddLines adds each line of b that is not blank, without its end.
func (m *Messages) AddLines(b []byte) {
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i:i], b[i+1:]
		} else {
			b = nil
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(line) > 0 {
			m.Add(line)
		}
	}
}
