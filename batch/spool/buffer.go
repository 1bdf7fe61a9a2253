package spool

import (
	"context"
	"errors"
	"sync"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/diskqueue"
	"github.com/penstock-dev/penstock/parse"
)

// Buffer keeps raw messages on disk between a source and its pipeline.
type Buffer struct {
	opts  Options
	log   logger
	queue *diskqueue.Queue
	pool  sync.Pool // of *[]byte, for entries

	closed sync.Once
	err    error // of Close
	ended  chan struct{}

	mu      sync.Mutex
	changed sync.Cond
	commit  uint64 // to be committed
	flying  int    // chunks without answer
	failed  error  // a chunk was not delivered
	stop    bool
}

// NewBuffer opens a spool for messages.
func NewBuffer(opts Options) (*Buffer, error) {
	if err := opts.prepare(); err != nil {
		return nil, err
	}
	if opts.DeadLetters != nil || opts.KeepRaw {
		return nil, errors.New("spool: DeadLetters and KeepRaw are for sinks: the pipeline of a Buffer has dead letters of its own, and raw messages are all that it keeps")
	}
	b := &Buffer{opts: opts, log: logger{to: opts.Logger}, ended: make(chan struct{})}
	b.changed.L = &b.mu
	b.pool.New = func() any { return new([]byte) }
	var err error
	if b.queue, err = opts.open(&b.log); err != nil {
		return nil, err
	}
	// Started here, stopped by Close, which waits for it: commits go to the disk, and
	// whoever tells of a chunk's end must not.
	go b.committer()
	return b, nil
}

// Put stores messages and returns when they are as durable as Options.Sync says, and
// how many, from the first on, were taken. What the messages hold is not kept. Errors
// are those of Sink.Write.
func (b *Buffer) Put(ctx context.Context, msgs ...parse.Message) (int, error) {
	scratch := b.pool.Get().(*[]byte)
	defer b.pool.Put(scratch)
	return b.queue.Append(ctx, len(msgs), func(i int) []byte {
		*scratch = appendEntry((*scratch)[:0], &entry{kind: kindMessage, msg: msgs[i]})
		return *scratch
	})
}

// Stats returns the counts.
func (b *Buffer) Stats() Stats { return b.queue.Stats() }

// Close closes the files; what was not delivered stays for the next time. Call it
// after the pipeline's Run has returned. A second Close does nothing.
func (b *Buffer) Close() error {
	b.closed.Do(func() {
		b.mu.Lock()
		b.stop = true
		b.changed.Broadcast()
		b.mu.Unlock()
		<-b.ended
		b.err = b.queue.Close()
	})
	return b.err
}

// committer commits what Done has told of.
func (b *Buffer) committer() {
	defer close(b.ended)
	var done uint64
	for {
		b.mu.Lock()
		for b.commit <= done && !b.stop {
			b.changed.Wait()
		}
		next, stop := b.commit, b.stop
		b.mu.Unlock()
		if next > done {
			if err := b.queue.Commit(next); err != nil {
				b.log.warn("commit", "the position of a spool cannot be stored: messages may come twice after a crash", "dir", b.opts.Dir, "error", err)
			}
			done = next
		} else if stop {
			return
		}
	}
}

// Source returns a source that brings what is in the buffer into its pipeline, and
// into the buffer what inner emits. inner may be nil: then what Put stores is all there
// is, and the source ends when the buffer is empty.
//
// inner runs at the speed of the disk, and gets its acknowledgements when its messages
// are as durable as Options.Sync says. Messages that it knows to be bad are stored as
// such. A message is committed when it has reached its end in the pipeline; those that
// were not delivered are emitted again after a second. The source ends with inner, once everything is
// emitted and answered. One source of a Buffer runs at a time.
func (b *Buffer) Source(inner ingest.Source) ingest.Source {
	name := "spool"
	if n, ok := inner.(ingest.Named); ok {
		name = n.Name()
	}
	return ingest.WithName(name, ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		return b.run(ctx, inner, out)
	}))
}

func (b *Buffer) run(ctx context.Context, inner ingest.Source, out *ingest.Emit) error {
	filled := make(chan struct{}) // closed when no more comes in
	if inner == nil {
		close(filled)
		return b.emit(ctx, out, filled)
	}
	own, stop := context.WithCancel(ctx)
	defer stop()
	p, err := b.pipeline(inner, out.Limits())
	if err != nil {
		return err
	}
	var fill error
	// Ends with inner, or with own; waited for below.
	go func() {
		defer close(filled)
		fill = p.Run(own)
	}()
	err = b.emit(ctx, out, filled)
	stop()
	<-filled
	return errors.Join(err, fill)
}

// raw is the event of the pipeline that fills a buffer: the message is all of it.
type raw struct{}

// pipeline is what runs the inner source.
func (b *Buffer) pipeline(inner ingest.Source, limits ingest.Limits) (*ingest.Pipeline[raw], error) {
	return ingest.New(ingest.Config[raw]{
		Sources: []ingest.Source{inner},
		Parser: parse.ParserFunc[raw](func(_ *parse.Message, out *parse.Events[raw]) error {
			out.Add()
			return nil
		}),
		Outputs:     []ingest.Output[raw]{{Sink: batch.SinkFunc[raw](b.store), Retry: b.opts.Retry}},
		DeadLetters: batch.SinkFunc[ingest.DeadLetter](b.storeFaults),
		ChunkSize:   limits.ChunkSize, ChunkMessages: limits.ChunkMsgs, MaxMessage: limits.MaxMessage, KeepOversize: limits.KeepOversize,
		Workers: 1, // keeps the order between chunks, and there is nothing to parse
		Now:     b.opts.Now,
	})
}

// store is the sink of messages. What does not fit into a segment becomes a dead letter of
// the inner pipeline, and is stored as a fault without its bytes.
func (b *Buffer) store(ctx context.Context, rows *batch.Batch[raw]) error {
	return b.append(ctx, rows.Len(), func(i int) entry { return entry{kind: kindMessage, msg: *rows.Message(i)} })
}

func (b *Buffer) storeFaults(ctx context.Context, rows *batch.Batch[ingest.DeadLetter]) error {
	return b.append(ctx, rows.Len(), func(i int) entry {
		d := rows.Events[i]
		e := entry{kind: kindFault, msg: parse.Message{Raw: d.Raw, Origin: d.Origin, Offset: d.Offset, Received: d.Received}}
		e.fault = fault{category: d.Category, length: d.Length}
		if d.Err != nil {
			e.fault.text = d.Err.Error()
		}
		if errors.Is(d.Err, ErrTooLarge) {
			e.msg.Raw = d.Raw[:min(len(d.Raw), 1024)]
		}
		return e
	})
}

func (b *Buffer) append(ctx context.Context, n int, at func(i int) entry) error {
	scratch := b.pool.Get().(*[]byte)
	defer b.pool.Put(scratch)
	var p batch.Partial
	for start := 0; start < n; {
		taken, err := b.queue.Append(ctx, n-start, func(i int) []byte {
			e := at(start + i)
			*scratch = appendEntry((*scratch)[:0], &e)
			return *scratch
		})
		start += taken
		switch {
		case err == nil:
		case errors.Is(err, ErrTooLarge):
			p.Fail(start, err)
			start++
		case start == 0:
			return err
		default:
			for ; start < n; start++ {
				p.Fail(start, err)
			}
		}
	}
	if cap(*scratch) > 1<<20 {
		*scratch = nil
	}
	return p.Err()
}

// emit brings what is in the queue into the pipeline until ctx ends, or filled is
// closed, the queue is empty and everything is answered.
func (b *Buffer) emit(ctx context.Context, out *ingest.Emit, filled <-chan struct{}) error {
	e := emitter{b: b, out: out}
	b.queue.Rewind()
	e.reset()
	// The inner source's end makes a Read that waits return.
	reading, wake := context.WithCancel(ctx)
	defer wake()
	go func() {
		select {
		case <-filled:
			wake()
		case <-reading.Done():
		}
	}()
	for last := false; ctx.Err() == nil; {
		err := b.queue.Read(reading, &e.in, b.opts.BatchRows, b.opts.BatchBytes)
		switch {
		case err == nil:
			if err := e.send(); err != nil {
				return err
			}
		case ctx.Err() != nil:
		case reading.Err() != nil:
			last = true
			if err := b.queue.TryRead(&e.in, b.opts.BatchRows, b.opts.BatchBytes); err == nil && e.in.Len() > 0 {
				if err := e.send(); err != nil {
					return err
				}
				last = false
			}
		default:
			b.log.warn("read", "a spool cannot be read", "dir", b.opts.Dir, "error", err)
			wait(ctx, pause)
		}
		failed := e.settled(ctx, last)
		switch {
		case failed != nil:
			b.log.warn("again", "messages were not delivered: they are emitted again", "dir", b.opts.Dir, "error", failed)
			wait(ctx, pause)
			b.queue.Rewind()
			e.reset()
			last = false
		case last:
			return nil
		}
	}
	return context.Cause(ctx)
}

// emitter turns entries into chunks.
type emitter struct {
	b       *Buffer
	out     *ingest.Emit
	in      diskqueue.Batch
	commits *ingest.Commits
	sent    int64 // entries before it were sent, or are lost
	origins origins
}

// reset begins after a Rewind.
func (e *emitter) reset() {
	b := e.b
	e.sent = 0
	e.commits = ingest.NewCommits(0, func(pos int64) {
		b.mu.Lock()
		b.commit = max(b.commit, uint64(pos))
		b.changed.Broadcast()
		b.mu.Unlock()
	})
	b.mu.Lock()
	b.failed = nil
	b.mu.Unlock()
}

// send sends what was read, in as many chunks as it takes.
func (e *emitter) send() error {
	var c *ingest.Chunk
	ship := func(to int64) error {
		from, commits, b := e.sent, e.commits, e.b
		e.sent = to
		c.Done = func(r ingest.Result) {
			commits.Done(from, to, r)
			b.mu.Lock()
			b.flying--
			if !r.OK() && b.failed == nil {
				b.failed = errors.Join(r.Err, errcat.Internal)
			}
			b.changed.Broadcast()
			b.mu.Unlock()
		}
		b.mu.Lock()
		b.flying++
		b.mu.Unlock()
		err := e.out.Send(c)
		if err != nil {
			e.out.Discard(c)
			b.mu.Lock()
			b.flying--
			b.mu.Unlock()
		}
		c = nil
		return err
	}
	for i := range e.in.Len() {
		var en entry
		if err := en.parse(e.in.Entry(i)); err != nil || en.kind != kindMessage && en.kind != kindFault {
			en = entry{kind: kindFault, msg: parse.Message{Raw: e.in.Entry(i)}, fault: fault{errcat.Internal, errEntry.Error(), 0}}
		}
		en.msg.Origin = e.origins.of(en.origin)
		for c == nil || !c.Add(en.msg) {
			if c != nil {
				if err := ship(int64(e.in.Seqs[i])); err != nil {
					return err
				}
			}
			var err error
			if c, err = e.out.Chunk(); err != nil {
				return err
			}
		}
		if en.kind == kindFault {
			err := errcat.New(en.fault.category, errcat.StageCollect, en.fault.text)
			c.Faults = append(c.Faults, ingest.Fault{Msg: len(c.Msgs) - 1, Err: err, Length: en.fault.length})
		}
	}
	return ship(int64(e.in.Next))
}

// settled returns at once if nothing has failed and more is to come; else it waits
// until all chunks are answered. The error says that one was not delivered.
func (e *emitter) settled(ctx context.Context, last bool) error {
	b := e.b
	stop := context.AfterFunc(ctx, func() { b.mu.Lock(); b.changed.Broadcast(); b.mu.Unlock() })
	defer stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for (last || b.failed != nil) && b.flying > 0 && ctx.Err() == nil {
		b.changed.Wait()
	}
	return b.failed
}
