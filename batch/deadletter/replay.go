package deadletter

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/diskqueue"
	"github.com/penstock-dev/penstock/parse"
)

// errNotWhole is why a letter whose message was cut cannot be replayed.
var errNotWhole = errcat.New(errcat.Oversize, errcat.StageCollect, "only the beginning of this message was kept: it cannot be replayed")

// Replay returns a source of the raw messages of the letters that were stored before
// it runs, the oldest first, with the origin, offset and time of reception that they
// had. A letter is removed when its message has been delivered, or has become a dead
// letter again, which this store may take too; what fails stays, with all behind it,
// for the next replay. The source ends when all are answered. A letter of a message
// that was not kept whole becomes one again.
func (s *Store) Replay() ingest.Source {
	return ingest.WithName("dead letters", ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
		s.mu.Lock()
		if s.replay {
			s.mu.Unlock()
			return errors.New("deadletter: a replay of this store is under way")
		}
		s.replay = true
		s.mu.Unlock()
		defer func() {
			s.mu.Lock()
			s.replay = false
			s.mu.Unlock()
		}()
		r := replay{queue: s.queue, out: out}
		return r.run(ctx)
	}))
}

// replay is one run.
type replay struct {
	queue *diskqueue.Queue
	out   *ingest.Emit
	sent  int64

	mu     sync.Mutex
	commit int64
	failed error
}

// batchLetters and batchBytes are how much is read at once.
const (
	batchLetters = 500
	batchBytes   = 1 << 20
)

func (r *replay) run(ctx context.Context) error {
	r.queue.Rewind()
	left := r.queue.Stats().Entries
	commits := ingest.NewCommits(0, func(pos int64) { r.commit = pos })
	var in diskqueue.Batch
	var stopped error
	for left > 0 && stopped == nil && ctx.Err() == nil {
		most := int(min(left, batchLetters))
		if err := r.queue.TryRead(&in, most, batchBytes); err != nil {
			stopped = err
			break
		}
		if in.Len() == 0 {
			break // the rest was dropped or damaged
		}
		left -= uint64(in.Len())
		stopped = r.send(&in, commits)
		_ = r.store() // tried again at the next position and at the end
	}
	// Positions are stored here and not where the answers come: that must not block.
	r.out.Settle()
	r.mu.Lock()
	failed := r.failed
	r.mu.Unlock()
	return errors.Join(stopped, r.store(), failed)
}

// store commits what has been answered.
func (r *replay) store() error {
	r.mu.Lock()
	to := r.commit
	r.mu.Unlock()
	return r.queue.Commit(uint64(to))
}

// send sends what was read.
func (r *replay) send(in *diskqueue.Batch, commits *ingest.Commits) error {
	for i := 0; i < in.Len(); {
		c, err := r.out.Chunk()
		if err != nil {
			return err
		}
		to := int64(in.Next)
		for ; i < in.Len(); i++ {
			m, fault := letter(in.Entry(i))
			if !c.Add(m) {
				to = int64(in.Seqs[i])
				break
			}
			if fault != nil {
				fault.Msg = len(c.Msgs) - 1
				c.Faults = append(c.Faults, *fault)
			}
		}
		from := r.sent
		r.sent = to
		c.Done = func(res ingest.Result) {
			r.mu.Lock()
			defer r.mu.Unlock()
			commits.Done(from, to, res)
			if !res.OK() && r.failed == nil {
				r.failed = errors.Join(errors.New("deadletter: a message was not delivered, and stays in the store"), res.Err)
			}
		}
		if err := r.out.Send(c); err != nil {
			r.out.Discard(c)
			return err
		}
	}
	return nil
}

// letter is the message of a stored line.
func letter(line []byte) (parse.Message, *ingest.Fault) {
	d, err := ingest.ParseDeadLetter(bytes.TrimSpace(line))
	if err != nil {
		return parse.Message{Raw: line}, &ingest.Fault{Err: err}
	}
	m := parse.Message{Raw: d.Raw, Origin: d.Origin, Offset: d.Offset, Received: d.Received}
	if d.Length > int64(len(d.Raw)) {
		return m, &ingest.Fault{Err: errNotWhole, Length: d.Length}
	}
	return m, nil
}
