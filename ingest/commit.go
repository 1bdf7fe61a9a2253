package ingest

import (
	"slices"
	"sync"
)

// Commits puts the results of chunks, which come in any order, into the order of their
// positions: it calls commit with the position up to which everything is safe (see
// Result.OK). After a chunk that is not, it never commits again: what lies behind must
// be read again. Safe for concurrent use.
type Commits struct {
	mu     sync.Mutex
	commit func(pos int64)
	pos    int64
	ready  []span // finished but not reached, ascending
	failed bool
	err    error
}

type span struct{ start, end int64 }

// NewCommits returns a Commits that begins at pos. commit is called with ascending
// positions, by one goroutine at a time, and must not block.
func NewCommits(pos int64, commit func(pos int64)) *Commits {
	return &Commits{pos: pos, commit: commit}
}

// Done notes that the chunk that stands at [start, end) has ended with r. Chunks must
// neither overlap nor leave gaps. It fits Stream.Done.
func (c *Commits) Done(start, end int64, r Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if start == end {
		return // no bytes, nothing to commit
	}
	if !r.OK() {
		if !c.failed {
			c.failed, c.err = true, r.Err
		}
		return // nothing from start on is ever committed
	}
	if start != c.pos {
		i, _ := slices.BinarySearchFunc(c.ready, start, func(s span, at int64) int { return int(s.start - at) })
		c.ready = slices.Insert(c.ready, i, span{start, end})
		return
	}
	n := 0
	for n < len(c.ready) && c.ready[n].start == end {
		end = c.ready[n].end
		n++
	}
	c.ready = slices.Delete(c.ready, 0, n)
	c.pos = end
	c.commit(end)
}

// Position is the position up to which everything is safe, and the cause why it will
// not move any more, if there is one.
func (c *Commits) Position() (pos int64, stuck bool, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pos, c.failed, c.err
}
