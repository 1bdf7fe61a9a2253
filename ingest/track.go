package ingest

import (
	"sync"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// tracking is the parser's Tracker of one source. Its lock makes the order in which it
// sees messages the order in which they are sent.
type tracking struct {
	current func() (parser any, generation uint64) // see Swap
	mu      sync.Mutex
	of      uint64        // the generation that tracker is of
	tracker parse.Tracker // nil where the parser needs none, and after a panic
}

// newTracker returns the tracker of one source, or nil where the parser needs none.
func (c *core) newTracker(parser any) (t parse.Tracker) {
	p, ok := parser.(parse.PerSource)
	if !ok {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			c.panicked("making a tracker", v)
			t = nil
		}
	}()
	return p.Tracker()
}

func (t *tracking) send(e *Emit, c *Chunk) error {
	if c == nil || c.state != chunkFilling {
		return errNotFilling
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if parser, generation := t.current(); generation != t.of {
		// The source holds a chunk, so it must not wait for another one.
		extra := func() (*Chunk, error) {
			return &Chunk{Buf: make([]byte, 0, e.core.limits.ChunkSize), state: chunkFilling, extra: true, maxMsg: e.core.limits.ChunkMsgs}, nil
		}
		if err := t.flushLocked(e, extra); err != nil {
			return err
		}
		t.of, t.tracker = generation, e.core.newTracker(parser)
	}
	t.see(e.core, c.Msgs)
	return e.core.send(e.src, c)
}

// see runs the tracker. One that panics is not asked again: without it the messages are
// parsed as far as they can be understood alone.
func (t *tracking) see(c *core, msgs []parse.Message) {
	if t.tracker == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			c.panicked("tracker", v)
			t.tracker = nil
		}
	}()
	t.tracker.Track(msgs)
}

// flush sends what the tracker still holds when its source has ended.
func (t *tracking) flush(e *Emit) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.flushLocked(e, e.Chunk)
}

func (t *tracking) flushLocked(e *Emit, chunk func() (*Chunk, error)) (err error) {
	f, ok := t.tracker.(parse.Flusher)
	if !ok {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			e.core.panicked("tracker", v)
			err = errcat.Newf(errcat.Internal, errcat.StageCollect, "panic: %v", v)
		}
	}()
	var c *Chunk
	f.Flush(func(m parse.Message, cause error) bool {
		if c == nil || !c.Add(m) {
			if c != nil {
				if err = e.core.send(e.src, c); err != nil {
					return false
				}
			}
			if c, err = chunk(); err != nil {
				return false
			}
			c.Add(m)
		}
		c.Faults = append(c.Faults, Fault{Msg: len(c.Msgs) - 1, Err: cause})
		return true
	})
	if c == nil {
		return err
	}
	if err == nil {
		err = e.core.send(e.src, c)
	}
	if err != nil {
		e.Discard(c)
	}
	return err
}
