package diskqueue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/penstock-dev/penstock/internal/vfs"
)

// Queue is a durable queue of byte strings. Append and Stats are safe for concurrent
// use; Read, Commit and Rewind are for one consumer at a time.
//
// Locks, in the order in which they are taken: reading, writer, syncing, mu. With mu held
// the file system is called for the position and for removing segments only.
type Queue struct {
	opts Options
	lock vfs.File

	writer  chan struct{} // held by who appends or changes the active segment
	syncing sync.Mutex    // held during an fsync of the active segment
	reading sync.Mutex    // held while the reader's file is used
	buf     []byte        // of the writer

	mu        sync.Mutex
	waiting   chan struct{} // closed at the next change, nil if nobody waits
	closed    bool
	segments  []*segment // in order; the active one is the last
	active    *active    // nil between segments
	next      uint64     // sequence number of the next entry
	visible   uint64     // entries before it may be read
	committed uint64     // entries before it have been
	epoch     uint64     // counts the segments that were given up after a failed fsync
	syncErr   error      // why the last epoch ended
	timer     *time.Timer
	dirty     bool // appended since the last sync
	full      int  // appends that wait for room
	stats     Stats

	read   reader
	cursor cursor
}

// segment is one file.
type segment struct {
	first uint64
	size  int64 // of what is good in it
	salt  uint64
	bad   bool // its header cannot be read
}

// active is the segment that is written.
type active struct {
	*segment
	file    vfs.File
	written int64
	synced  int64
	broken  error // an fsync that failed
}

func (q *Queue) path(name string) string { return filepath.Join(q.opts.Dir, name) }

// broadcast wakes all who wait for a change. The caller holds mu.
func (q *Queue) broadcast() {
	if q.waiting != nil {
		close(q.waiting)
		q.waiting = nil
	}
}

// changed returns what the next change closes. The caller holds mu.
func (q *Queue) changed() <-chan struct{} {
	if q.waiting == nil {
		q.waiting = make(chan struct{})
	}
	return q.waiting
}

func (q *Queue) acquire(ctx context.Context) error {
	select {
	case q.writer <- struct{}{}:
		return nil
	default:
	}
	select {
	case q.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (q *Queue) release() { <-q.writer }

// writeChunk is how much is written at once.
const writeChunk = 1 << 20

// Append adds n entries, entry(i) being the i-th, and returns when they are as durable
// as the policy says. The slices are not kept. It returns how many entries were taken,
// from the first on: all of them unless there is an error.
//
// Errors: ErrTooLarge for the entry behind those taken, ErrFull, the cause of ctx's
// end, ErrClosed; anything else is a failure of the file system, after which the same
// entries may be appended again. Entries beyond those taken may still be in the queue.
func (q *Queue) Append(ctx context.Context, n int, entry func(i int) []byte) (taken int, err error) {
	if n == 0 {
		return 0, nil
	}
	if err := q.acquire(ctx); err != nil {
		return 0, err
	}
	most := q.opts.maxEntry()
	written := 0
	for written < n && err == nil {
		end, size := written, 0
		for end < n {
			l := len(entry(end))
			if l > most || end > written && size+frameSize+l > int(min(writeChunk, q.opts.SegmentBytes-headerSize)) {
				break
			}
			size += frameSize + l
			end++
		}
		if end == written {
			err = ErrTooLarge
			break
		}
		if err = q.put(ctx, written, end, size, entry); err == nil {
			written = end
		}
	}
	if written == 0 {
		if errors.Is(err, ErrFull) {
			q.mu.Lock()
			q.stats.Refused += uint64(n)
			q.mu.Unlock()
		}
		q.release()
		return 0, err
	}
	q.mu.Lock()
	last, epoch := q.next, q.epoch
	if errors.Is(err, ErrFull) {
		q.stats.Refused += uint64(n - written)
	}
	q.mu.Unlock()
	q.release()
	if q.opts.Sync == SyncAlways {
		if err := q.syncTo(last, epoch); err != nil {
			return 0, err
		}
	}
	return written, err
}

// put writes the entries [from, to), size bytes with their frames, to the active
// segment. The caller holds the writer, which put lets go of while it waits.
func (q *Queue) put(ctx context.Context, from, to, size int, entry func(i int) []byte) error {
	for {
		if err := q.room(ctx, int64(size)); err != nil {
			return err
		}
		err := q.try(from, to, size, entry)
		if err == nil || !isFull(err) {
			return err
		}
		// The disk is full.
		switch q.opts.Full {
		case DropNew:
			return ErrFull
		case DropOldest:
			q.mu.Lock()
			dropped := q.dropOldest()
			q.mu.Unlock()
			if dropped {
				continue
			}
		}
		if err := q.wait(ctx); err != nil {
			return err
		}
	}
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// try writes the entries once. After an error nothing of them counts.
func (q *Queue) try(from, to, size int, entry func(i int) []byte) error {
	q.mend()
	for q.active != nil && q.active.written+int64(size) > q.opts.SegmentBytes {
		if err := q.seal(); err != nil {
			return err
		}
	}
	a := q.active
	if a == nil {
		var err error
		if a, err = q.begin(); err != nil {
			return q.failed(err)
		}
	}
	q.buf = q.buf[:0]
	seq := q.next // only the writer changes it
	for i := from; i < to; i++ {
		q.buf = appendEntry(q.buf, a.salt, seq, entry(i))
		seq++
	}
	err := writeAll(a.file, q.buf, a.written)
	if cap(q.buf) > 2*writeChunk {
		defer func() { q.buf = nil }()
	}
	if err != nil {
		// What was written in part is cut off. Where that fails too the segment ends
		// here: the next one's first number says that what follows does not count.
		if a.file.Truncate(a.written) != nil {
			if err := q.seal(); err != nil {
				return err
			}
		}
		return q.failed(err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	a.written += int64(len(q.buf))
	a.size = a.written
	q.stats.Bytes += int64(len(q.buf))
	q.next = seq
	q.stats.Appended += uint64(to - from)
	if q.opts.Sync != SyncAlways {
		q.stats.WriteError = nil
	}
	if q.opts.Sync != SyncAlways {
		q.visible = seq
		q.broadcast()
	}
	if q.opts.Sync == SyncInterval && !q.dirty {
		q.dirty = true
		q.arm()
	}
	return nil
}

// failed notes an error of writing.
func (q *Queue) failed(err error) error {
	q.mu.Lock()
	q.stats.WriteError = err
	q.mu.Unlock()
	if isFull(err) {
		return err
	}
	return &retryError{err}
}

// writeAll writes b at off, also where the file system takes it in pieces or is
// interrupted.
func writeAll(f vfs.File, b []byte, off int64) error {
	idle := 0
	for len(b) > 0 {
		n, err := f.WriteAt(b, off)
		b, off = b[n:], off+int64(n)
		if n > 0 {
			idle = 0
		}
		switch {
		case err == nil || errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.EAGAIN):
			if idle++; idle > 100 {
				return fmt.Errorf("100 writes in a row wrote nothing (%w)", errors.Join(err, errNoProgress))
			}
		default:
			return err
		}
	}
	return nil
}

var errNoProgress = errors.New("no progress")

// room returns when there is room for size bytes within MaxBytes.
func (q *Queue) room(ctx context.Context, size int64) error {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return ErrClosed
		}
		if q.stats.Bytes+size+headerSize+stateBytes <= q.opts.MaxBytes {
			q.mu.Unlock()
			return nil
		}
		var dropped, lone bool
		if q.opts.Full == DropOldest {
			dropped = q.dropOldest()
			lone = !dropped && q.active != nil
		}
		q.mu.Unlock()
		switch {
		case dropped:
		case lone: // the active segment is all there is
			if err := q.seal(); err != nil {
				return err
			}
		case q.opts.Full == DropNew:
			return ErrFull
		default:
			if err := q.wait(ctx); err != nil {
				return err
			}
		}
	}
}

// fullRetry is how long a full disk is left alone.
const fullRetry = time.Second

// wait lets go of the writer until something has changed, or it is time to look at
// the disk again.
func (q *Queue) wait(ctx context.Context) error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return ErrClosed
	}
	q.full++
	changed := q.changed()
	q.mu.Unlock()
	q.release()
	t := time.NewTimer(fullRetry)
	defer t.Stop()
	var err error
	select {
	case <-changed:
	case <-t.C:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	q.writer <- struct{}{} // nobody holds it for long
	q.mu.Lock()
	q.full--
	q.mu.Unlock()
	return err
}

// dropOldest removes the oldest segment, unless it is the active one, and counts what
// was not read of it. The caller holds mu.
func (q *Queue) dropOldest() bool {
	if len(q.segments) == 0 || q.active != nil && len(q.segments) == 1 {
		return false
	}
	s := q.segments[0]
	end := q.end(0)
	if from := max(q.read.handed, s.first); from < end {
		q.stats.Dropped += end - from
	}
	if from, to := max(q.committed, s.first), min(q.read.handed, end); from < to {
		q.read.atRisk = append(q.read.atRisk, span{from, to})
	}
	q.remove()
	q.read.floor = end
	q.read.seq = max(q.read.seq, end)
	if q.cursor.store(position{seq: max(end, q.committed)}) != nil {
		q.stats.CursorErrors++
	}
	q.broadcast()
	return true
}

// end is the number behind the last entry of the i-th segment. The caller holds mu.
func (q *Queue) end(i int) uint64 {
	if i+1 < len(q.segments) {
		return q.segments[i+1].first
	}
	return q.next
}

// remove removes the first segment's file; one without a header is kept under another
// name. The caller holds mu.
func (q *Queue) remove() {
	s := q.segments[0]
	q.segments = q.segments[1:]
	q.stats.Bytes -= s.size
	name := q.path(segmentName(s.first))
	var err error
	if s.bad {
		err = q.opts.FS.Rename(name, name+damagedSuffix)
	} else {
		err = q.opts.FS.Remove(name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		q.stats.WriteError = err // it is found again at the next Open, and then passed over
	}
}

// Stats returns the counts.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.Entries, s.Segments, s.Full = q.pending(), len(q.segments), q.full > 0
	return s
}

// pending is how many entries are neither committed nor dropped. The caller holds mu.
func (q *Queue) pending() uint64 {
	n := q.next - max(q.committed, q.read.floor)
	for _, r := range q.read.atRisk {
		n += r.to - r.from
	}
	return n
}

// Close syncs what was appended (unless SyncNever), stores the position and frees the
// lock. Appends and Reads that wait return ErrClosed. A second Close does nothing.
func (q *Queue) Close() error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	if q.timer != nil {
		q.timer.Stop()
	}
	q.broadcast()
	q.mu.Unlock()
	q.reading.Lock() // waits for a Read
	q.read.close()
	q.reading.Unlock()
	q.writer <- struct{}{}
	defer q.release()
	var errs []error
	if q.active != nil {
		errs = append(errs, q.seal())
	}
	q.mu.Lock()
	q.removeCommitted()
	q.mu.Unlock()
	errs = append(errs, q.cursor.close(q.opts.Sync != SyncNever))
	if q.opts.Sync != SyncNever {
		errs = append(errs, q.opts.FS.SyncDir(q.opts.Dir))
	}
	errs = append(errs, q.lock.Close())
	return errors.Join(errs...)
}
