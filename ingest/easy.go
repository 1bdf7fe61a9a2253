package ingest

import (
	"context"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/parse"
)

// FromSeq is a Source made of an iterator: each element is one message, whose bytes
// are copied. The first error ends the source. An element that comes slowly is sent
// after at most 50 ms.
func FromSeq(name string, seq iter.Seq2[[]byte, error]) Source {
	return WithName(name, SourceFunc(func(ctx context.Context, out *Emit) error {
		f := seqFiller{out: out}
		defer f.stop()
		origin := &parse.Origin{Source: name}
		n := int64(0)
		for raw, err := range seq {
			if err != nil {
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := f.add(parse.Message{Raw: raw, Origin: origin, Offset: n, Received: out.Now()}); err != nil {
				return err
			}
			n++
		}
		return f.flush()
	}))
}

// seqDelay is how long an element waits for others to share a chunk with.
const seqDelay = 50 * time.Millisecond

// seqFiller fills chunks and sends them when they are full or old.
type seqFiller struct {
	out   *Emit
	timer *time.Timer

	mu    sync.Mutex
	chunk *Chunk
	err   error
	ended bool
}

func (f *seqFiller) add(m parse.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	if f.chunk != nil && f.chunk.Add(m) {
		return nil
	}
	if err := f.send(); err != nil {
		return err
	}
	// Only this goroutine takes chunks, and the timer finds none meanwhile.
	f.mu.Unlock()
	ch, err := f.out.Chunk()
	f.mu.Lock()
	if err != nil {
		return err
	}
	ch.Add(m) // an empty chunk takes any message
	f.chunk = ch
	if f.timer == nil {
		f.timer = time.AfterFunc(seqDelay, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if !f.ended {
				_ = f.send() // fails where the pipeline ends, which the next line is told
			}
		})
	} else {
		f.timer.Reset(seqDelay)
	}
	return nil
}

// send sends the chunk; the caller holds mu.
func (f *seqFiller) send() error {
	ch := f.chunk
	f.chunk = nil
	if ch == nil {
		return f.err
	}
	if err := f.out.Send(ch); err != nil {
		f.out.Discard(ch)
		f.err = err
	}
	return f.err
}

func (f *seqFiller) flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.send()
}

func (f *seqFiller) stop() {
	if f.timer != nil {
		f.timer.Stop()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	_ = f.send() // fails where the pipeline ends, as this does
}

// FromReader is a Source made of a reader, one message a line. Package ingest/reader
// has the one with options.
func FromReader(name string, r io.Reader) Source {
	return WithName(name, SourceFunc(func(ctx context.Context, out *Emit) error {
		_, err := Stream{Origin: &parse.Origin{Source: name}}.Copy(ctx, r, out)
		return err
	}))
}
