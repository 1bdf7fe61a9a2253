package ingest

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// Source brings raw messages into a pipeline.
//
// Run fills chunks that it gets from out and sends them, until its input ends (nil),
// fails (an error, which the pipeline's Run hands on) or ctx ends (anything; it counts
// as an ordinary end). It returns soon after ctx ends; Emit.Settle may be waited for. Run is
// called once. Where it starts goroutines it waits for them: out must not be used after Run
// has returned.
type Source interface {
	Run(ctx context.Context, out *Emit) error
}

// Named is an optional interface of a Source: the name under which it is counted.
type Named interface{ Name() string }

// SourceFunc is a Source made of a function.
type SourceFunc func(ctx context.Context, out *Emit) error

// Run calls f.
func (f SourceFunc) Run(ctx context.Context, out *Emit) error { return f(ctx, out) }

// WithName gives a Source a name.
func WithName(name string, s Source) Source { return namedSource{s, name} }

type namedSource struct {
	Source
	name string
}

func (s namedSource) Name() string { return s.name }

// Chunk is a piece of input: bytes and the messages cut out of them. It comes from
// Emit.Chunk and belongs to the source until it is sent or discarded.
type Chunk struct {
	// Buf holds the bytes. It comes with length 0 and the capacity of
	// Limits.ChunkSize. A source may replace it by a larger one for one large message;
	// the pool forgets what has grown far beyond its size.
	Buf []byte
	// Msgs are the messages, in order. Their Raw are slices of Buf.
	Msgs []parse.Message
	// Faults names those of Msgs that the source knows to be bad. They are not parsed.
	Faults []Fault
	// Skipped counts what the framing left out, such as blank lines. It is no part of
	// the ledger.
	Skipped int
	// Repaired counts messages that the source made UTF-8. It is no part of the ledger.
	Repaired int
	// Joined counts records that arrived as messages of their own and were merged into
	// Msgs: all of them but one for each merged message.
	Joined int
	// Done, if set, is called exactly once after a successful Send, when every message
	// of the chunk has reached its end in every required sink. It is called from any
	// goroutine and must not block.
	Done func(Result)

	state   chunkState
	src     *sourceState
	sent    time.Time // on the monotonic clock
	ack     *ack
	seq     uint64
	maxMsg  int
	home    []byte  // the buffer that the pool gave, kept while Buf is another one
	patient bool    // counts against what patient sources may take
	class   uint8   // of all messages, unless mixed
	mixed   bool    // there are several classes, or messages to be shed
	classes []uint8 // of each message; shedNow for those to be shed
	whole   *Chunk  // of a view, see split: the chunk whose messages it has
	views   atomic.Int32
	notices []Notice    // of a chunk of notices
	extra   bool        // not of the pool
	lent    atomic.Bool // read by a goroutine that was left behind: never used again
}

type chunkState uint8

const (
	chunkFree chunkState = iota
	chunkFilling
	chunkSent
)

// Fault is one bad message of a chunk.
type Fault struct {
	Msg    int   // index in Msgs; Faults are in ascending order
	Err    error // its category says why
	Length int64 // bytes that the message had, its framing included, if more than were kept; else 0

	component string // that is to blame
}

// Add copies m.Raw into the chunk and appends the message. It reports false, and does
// nothing, if the chunk has messages and no room: send it and go on with the next.
func (c *Chunk) Add(m parse.Message) bool {
	if len(c.Msgs) > 0 && (len(c.Msgs) >= c.maxMsg || cap(c.Buf)-len(c.Buf) < len(m.Raw)) {
		return false
	}
	start := len(c.Buf)
	c.Buf = append(c.Buf, m.Raw...)
	m.Raw = c.Buf[start:len(c.Buf):len(c.Buf)]
	c.Msgs = append(c.Msgs, m)
	return true
}

// Full reports whether the chunk has as many messages as it may.
func (c *Chunk) Full() bool { return len(c.Msgs) >= c.maxMsg }

// Result says how the messages of a chunk ended. It counts what the ledger counts:
// each event, reject and dead message once, under the worst of its ends in the
// required sinks.
type Result struct {
	Delivered, Filtered, Shed, DeadLettered, Failed int
	// ByClass is how many of Shed were given up by Priorities: that is final, and to
	// offer them again would be more of what was too much.
	ByClass int
	// Err is the first cause of Failed or Shed.
	Err error
}

// OK reports whether nothing is lost but what Priorities gave up: what was not
// delivered was filtered or is safe as a dead letter. A source then forgets the chunk;
// if not, it offers it again.
func (r Result) OK() bool { return r.Failed == 0 && r.Shed == r.ByClass }

func (r *Result) add(o Result) {
	r.Delivered += o.Delivered
	r.Filtered += o.Filtered
	r.Shed += o.Shed
	r.DeadLettered += o.DeadLettered
	r.Failed += o.Failed
	r.ByClass += o.ByClass
	if r.Err == nil {
		r.Err = o.Err
	}
}

// Limits are the bounds that a source keeps, from the pipeline's Config.
type Limits struct {
	ChunkSize    int // bytes of a chunk's buffer
	ChunkMsgs    int // messages in a chunk
	MaxMessage   int // bytes of a message
	KeepOversize int // bytes kept of a message that is longer
}

// ErrClosed is what Emit answers after the source or the pipeline has ended.
var ErrClosed = errcat.New(errcat.Timeout, errcat.StageCollect, "the pipeline takes no more chunks")

var errNotFilling = errors.New("ingest: this chunk was sent, discarded, or not made by Emit.Chunk")

// Emit is a source's way into the pipeline. Safe for concurrent use.
type Emit struct {
	core *core
	src  *sourceState
	ctx  context.Context

	replay bool                 // chunks hold lines of dead letters, see Replay
	track  *tracking            // nil in an Emit that no pipeline made
	via    func(c *Chunk) error // takes what Send is given, see Through
	settle func()               // what Settle does, see there
}

// Limits returns the bounds that the source must keep.
func (e *Emit) Limits() Limits { return e.core.limits }

// Now is the pipeline's clock, for Message.Received.
func (e *Emit) Now() time.Time { return e.core.now() }

// Chunk returns an empty chunk. It blocks while none is free: that is how a slow sink
// holds its sources back. The error means that the source should return.
//
// A goroutine that holds a chunk must not wait for a second one: if all did, none
// would be sent.
func (e *Emit) Chunk() (*Chunk, error) { return e.ChunkContext(e.ctx) }

// ChunkContext is Chunk that also gives up when ctx ends, with the cause of that: for a
// source that has to tell its peer in time that there is no room.
func (e *Emit) ChunkContext(ctx context.Context) (*Chunk, error) {
	patient, ok := e.src.patient, true
	if len(e.core.free.tokens) == 0 || patient && len(e.core.patient) == 0 {
		e.core.feed.want(1)
		defer e.core.feed.want(-1)
	}
	if patient {
		select {
		case <-e.core.patient:
		case <-e.ctx.Done():
			ok = false
		case <-ctx.Done():
			ok = false
		case <-e.core.aborted:
			ok = false
		}
	}
	if ok {
		c, ok := e.core.free.get(e.ctx.Done(), ctx.Done(), e.core.aborted)
		if ok {
			c.patient = patient
			return e.core.fill(c), nil
		}
		if patient {
			e.core.patient <- struct{}{}
		}
	}
	switch {
	case e.ctx.Err() != nil:
		return nil, context.Cause(e.ctx)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, ErrClosed
}

// Send hands c to the workers and never blocks. Without an error the chunk is no
// longer the source's, and its Done will be called; with one it still is.
func (e *Emit) Send(c *Chunk) error {
	if e.via != nil {
		return e.via(c)
	}
	if e.replay && c != nil {
		unwrap(c)
	}
	var err error
	if e.track != nil {
		err = e.track.send(e, c)
	} else {
		err = e.core.send(e.src, c)
	}
	if err == nil && e.core.feed.behind() {
		runtime.Gosched()
	}
	return err
}

// Settle says that the source sends no more, and waits until every chunk that it sent has
// been answered (see Chunk.Done), or until the pipeline gives up at the end of its shutdown
// time. A source that keeps positions calls it at the end of Run, before it stores them for
// the last time: what the sinks take while the pipeline ends then does not come again. Send
// answers ErrClosed from then on. A chunk that was not sent must have been discarded.
func (e *Emit) Settle() {
	if e.settle != nil {
		e.settle()
	}
}

// Through returns an Emit for a source that stands inside of another one: what the inner
// source sends goes to send, which changes it, keeps it, or sends it on by e. Without an
// error the chunk is no longer the inner source's. send is called by the inner source's
// goroutines, of which there may be several at once. If the inner source calls Settle,
// settle, if set, is called first, which sends on or gives up what send has kept.
func (e *Emit) Through(send func(c *Chunk) error, settle func()) *Emit {
	inner := *e
	inner.via = send
	inner.settle = func() {
		if settle != nil {
			settle()
		}
		e.Settle()
	}
	return &inner
}

// Missed enters n messages into the ledger, as received and shed, that were dropped for
// lack of room before the pipeline had them: datagrams that found the socket buffer full, or
// that a rate limit left out. They have no bytes, no parser and no class. It counts nothing
// for n < 1, and after the end of the source.
func (e *Emit) Missed(n int64) {
	if n < 1 {
		return
	}
	e.core.mu.Lock()
	defer e.core.mu.Unlock()
	if e.src.ended {
		return
	}
	e.src.ledger.Received += n
	e.src.ledger.Shed += n
	e.src.missed += n
}

// Discard gives back a chunk that is not going to be sent.
func (e *Emit) Discard(c *Chunk) {
	if c != nil && c.state == chunkFilling {
		e.core.recycle(c)
	}
}
