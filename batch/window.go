package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// WindowOptions say when a Window hands on what it holds: at whichever limit is
// reached first. The zero value works.
type WindowOptions struct {
	// Rows is the most rows of a group. Default: 1000.
	Rows int
	// Bytes is the most bytes of a group's lines; a longer line is a group by itself.
	// Default: 1 MiB.
	Bytes int
	// Age is how long the first row of a group waits at most, on the monotonic clock.
	// Default: 1 s.
	Age time.Duration
}

// Window is a Sink that puts lines together, and apart, into groups of the size that
// another Sink likes: a request, a file. It copies lines and keeps their order; the
// groups that it writes have Lines and Ends only. It holds at most one group and the
// one being written, and holds its callers back beyond that.
//
// Each caller is answered when all its rows have been written. A Window is safe for
// concurrent use, and writes one group at a time. To write again what failed, put a
// Retry behind it: NewWindow(retry, …).
type Window[T any] struct {
	sink Sink[T]
	opts WindowOptions

	writing sync.Mutex // held while a group is taken and written: keeps the order

	mu    sync.Mutex
	group *group[T] // being filled, or nil
	spare *group[T] // to be filled next, or nil
}

// group is what is written at once.
type group[T any] struct {
	batch Batch[T]
	parts []part
	ctx   context.Context // of the first row
	timer *time.Timer
}

// part is the rows [from, to) of a group, which are the rows of call from first on.
type part struct {
	call            *call
	from, to, first int
}

// call is one batch on its way through groups.
type call struct {
	done    func(error)
	mu      sync.Mutex
	pending int // parts without answer, and one for Start
	failed  Partial
	whole   error // why all of a part failed, if the sink said no more
	partial bool  // the sink named rows, or a part was written
}

// NewWindow puts a Window in front of sink, which must read lines only. It fails for
// options that make no sense.
func NewWindow[T any](sink Sink[T], opts WindowOptions) (*Window[T], error) {
	if sink == nil {
		return nil, errors.New("batch: NewWindow without a sink")
	}
	if ReadsEvents(sink) {
		return nil, errors.New("batch: NewWindow in front of a sink that is not LinesOnly: events cannot be kept after Write returns")
	}
	if opts.Rows == 0 {
		opts.Rows = 1000
	}
	if opts.Bytes == 0 {
		opts.Bytes = 1 << 20
	}
	if opts.Age == 0 {
		opts.Age = time.Second
	}
	if opts.Rows < 0 || opts.Bytes < 0 || opts.Bytes > 1<<29 || opts.Age < 0 {
		return nil, fmt.Errorf("batch: WindowOptions{Rows: %d, Bytes: %d, Age: %s}: want positive numbers and at most 512 MiB", opts.Rows, opts.Bytes, opts.Age)
	}
	return &Window[T]{sink: sink, opts: opts}, nil
}

// LinesOnly marks the sink.
func (*Window[T]) LinesOnly() {}

// Write adds the lines of b and waits until all of them have been written. If ctx ends
// before, they may or may not be written.
func (w *Window[T]) Write(ctx context.Context, b *Batch[T]) error {
	answer := make(chan error, 1)
	w.Start(ctx, b, func(err error) { answer <- err })
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Start adds the lines of b; see Async. It blocks while groups are full and written.
// A group is written with the context of its first row.
func (w *Window[T]) Start(ctx context.Context, b *Batch[T], done func(error)) {
	c := &call{done: done, pending: 1}
	for row := 0; row < len(b.Ends); {
		w.mu.Lock()
		g, n := w.add(ctx, b, row, c)
		row += n
		full := row < len(b.Ends) || g.full(&w.opts)
		w.mu.Unlock()
		if full {
			w.write(g)
		}
	}
	c.answer()
}

// room returns how many of the rows that end at ends, and begin at start, g has room
// for.
func (g *group[T]) room(start int32, ends []int32, o *WindowOptions) int {
	have := len(g.batch.Ends)
	n := min(len(ends), o.Rows-have)
	free := o.Bytes - len(g.batch.Lines)
	n = sort.Search(n, func(i int) bool { return int(ends[i]-start) > free })
	if have == 0 && len(ends) > 0 {
		return max(n, 1)
	}
	return n
}

func (g *group[T]) full(o *WindowOptions) bool {
	return len(g.batch.Ends) >= o.Rows || len(g.batch.Lines) >= o.Bytes
}

// add takes as many rows of b, from row on, as the group has room for. The caller
// holds mu.
func (w *Window[T]) add(ctx context.Context, b *Batch[T], row int, c *call) (*group[T], int) {
	g := w.group
	if g == nil {
		if g = w.spare; g == nil {
			g = &group[T]{}
		}
		w.spare = nil
		w.group, g.ctx = g, ctx
		// The timer's goroutine ends when it has written the group, or found it gone.
		g.timer = time.AfterFunc(w.opts.Age, func() { w.write(g) })
	}
	var start int32
	if row > 0 {
		start = b.Ends[row-1]
	}
	from := len(g.batch.Ends)
	n := g.room(start, b.Ends[row:], &w.opts)
	if n > 0 {
		c.mu.Lock()
		c.pending++
		c.mu.Unlock()
		g.parts = append(g.parts, part{c, from, from + n, row})
		move := int32(len(g.batch.Lines)) - start
		g.batch.Lines = append(g.batch.Lines, b.Lines[start:b.Ends[row+n-1]]...)
		for _, end := range b.Ends[row : row+n] {
			g.batch.Ends = append(g.batch.Ends, end+move)
		}
	}
	return g, n
}

// Flush writes what is held, and returns when it and what was before it has been
// answered. The error of the sink goes to those who are waiting for their rows.
func (w *Window[T]) Flush(context.Context) error {
	w.mu.Lock()
	g := w.group
	w.mu.Unlock()
	w.write(g)
	return nil
}

// write writes g, unless somebody else has. It returns when all before g is written
// too.
func (w *Window[T]) write(g *group[T]) {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.mu.Lock()
	if g == nil || w.group != g {
		w.mu.Unlock()
		return
	}
	w.group = nil
	w.mu.Unlock()
	g.timer.Stop()
	g.answer(w.contained(g))
	g.reset()
	if cap(g.batch.Lines) <= 2*w.opts.Bytes {
		w.mu.Lock()
		w.spare = g
		w.mu.Unlock()
	}
}

// contained writes g; a panic of the sink becomes an error, since nobody could
// contain it where the timer calls.
func (w *Window[T]) contained(g *group[T]) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errcat.Newf(errcat.Internal, errcat.StageDeliver, "panic in the sink behind a window: %v", v)
		}
	}()
	return w.sink.Write(g.ctx, &g.batch)
}

func (g *group[T]) reset() {
	clear(g.parts)
	*g = group[T]{batch: Batch[T]{Lines: g.batch.Lines[:0], Ends: g.batch.Ends[:0]}, parts: g.parts[:0]}
}

// answer tells everyone who has rows in the group.
func (g *group[T]) answer(err error) {
	failed := Failures(err, len(g.batch.Ends))
	var named *Partial
	byName := errors.As(err, &named)
	for _, p := range g.parts {
		i, _ := slices.BinarySearchFunc(failed, p.from, func(f Failure, row int) int { return f.Row - row })
		p.call.mu.Lock()
		n := 0
		for ; i < len(failed) && failed[i].Row < p.to; i++ {
			p.call.failed.Fail(failed[i].Row-p.from+p.first, failed[i].Err)
			n++
		}
		if n == 0 || byName {
			p.call.partial = true
		} else {
			p.call.whole = err
		}
		p.call.mu.Unlock()
		p.call.answer()
	}
}

// answer is the answer of one part, or of Start.
func (c *call) answer() {
	c.mu.Lock()
	c.pending--
	last := c.pending == 0
	c.mu.Unlock()
	switch {
	case !last:
	case c.whole != nil && !c.partial:
		c.done(c.whole)
	default:
		c.done(c.failed.sorted())
	}
}
