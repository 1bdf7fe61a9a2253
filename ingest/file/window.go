package file

import (
	"context"
	"time"

	"github.com/penstock-dev/penstock/ingest"
)

// window counts the messages that were sent and that the checkpoint does not cover yet:
// those that come twice if the process is killed now. Only the reading goroutine uses it.
type window struct {
	most  int // 0: no bound, and nothing is counted
	count int
	ages  []*generation // those that have sent some
	acked chan struct{} // told of each answer; holds one; nil without a bound
}

func newWindow(most int) window {
	w := window{most: most}
	if most > 0 {
		w.acked = make(chan struct{}, 1)
	}
	return w
}

// sent is a chunk.
type sent struct {
	last     int64 // where its last message begins
	messages int
}

// through returns the way on which the chunks of a generation of t are counted.
func (r *rounds) through(t *followed, g *generation) *ingest.Emit {
	w := &r.window
	if w.most == 0 {
		return r.out
	}
	return r.out.Through(func(c *ingest.Chunk) error {
		n := len(c.Msgs)
		if n == 0 {
			return r.out.Send(c)
		}
		if err := r.admit(t, n); err != nil {
			return err
		}
		last := c.Msgs[n-1].Offset
		if err := r.out.Send(c); err != nil {
			return err
		}
		if len(g.sent) == 0 {
			w.ages = append(w.ages, g)
		}
		g.sent = append(g.sent, sent{last, n})
		w.count += n
		return nil
	}, nil)
}

// answered is told of each chunk, by any goroutine.
func (w *window) answered() {
	select {
	case w.acked <- struct{}{}:
	default:
	}
}

// admit returns when n more messages, of t, may be on their way. The checkpoint is written for
// it as soon as that helps.
func (r *rounds) admit(t *followed, n int) error {
	w := &r.window
	if w.count > 0 && w.count+n > w.most && t.file != nil {
		// A position counts only where the file is known to be the one that was read.
		at, _ := t.copier.Position()
		if p, head, err := printAt(t.file, at); err == nil {
			t.print, t.begins = p, head
		}
	}
	for w.count > 0 && w.count+n > w.most {
		if !w.look() {
			select {
			case <-w.acked:
				continue
			case <-r.ctx.Done():
				return context.Cause(r.ctx)
			}
		}
		if err := r.save(r.f.opts.Now(), true, false); err != nil {
			r.f.log.Error("the checkpoint cannot be written: nothing is read on", "path", r.f.opts.Checkpoint, "error", err)
			select {
			case <-time.After(r.f.opts.CheckpointEvery):
			case <-r.ctx.Done():
				return context.Cause(r.ctx)
			}
		}
	}
	return nil
}

// look notes what a checkpoint that is made from now on covers, and reports whether that
// is anything. What is behind a failure counts as covered: it is read again anyway, and its
// positions would never come.
func (w *window) look() (any bool) {
	for _, g := range w.ages {
		g.ready = 0
		if g.failed.Load() {
			g.ready = len(g.sent)
		}
		// Positions are ends of chunks.
		for safe := g.safe.Load(); g.ready < len(g.sent) && g.sent[g.ready].last < safe; {
			g.ready++
		}
		any = any || g.ready > 0
	}
	return any
}

// covered takes out what look has noted.
func (w *window) covered() {
	ages := w.ages[:0]
	for _, g := range w.ages {
		for _, s := range g.sent[:g.ready] {
			w.count -= s.messages
		}
		g.sent = g.sent[:copy(g.sent, g.sent[g.ready:])]
		if g.ready = 0; len(g.sent) > 0 {
			ages = append(ages, g)
		}
	}
	clear(w.ages[len(ages):])
	w.ages = ages
}
