package diskqueue

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// begin makes the next segment. The caller holds the writer.
func (q *Queue) begin() (*active, error) {
	h := header{first: q.next, salt: q.opts.Salt(), created: q.opts.Now().UnixNano()}
	name := q.path(segmentName(h.first))
	fsys := q.opts.FS
	f, err := fsys.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		// Left by a begin that failed: Open has seen all files, and nothing with this
		// number was ever confirmed.
		if err := fsys.Remove(name); err != nil {
			return nil, err
		}
		f, err = fsys.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	}
	if err != nil {
		return nil, err
	}
	err = writeAll(f, h.append(nil), 0)
	if err == nil && q.opts.Sync != SyncNever {
		err = fsys.SyncDir(q.opts.Dir)
	}
	if err != nil {
		f.Close()
		_ = fsys.Remove(name)
		return nil, err
	}
	a := &active{segment: &segment{first: h.first, size: headerSize, salt: h.salt}, file: f, written: headerSize, synced: headerSize}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.segments = append(q.segments, a.segment)
	q.active = a
	q.stats.Bytes += headerSize
	return a, nil
}

// seal syncs and closes the active segment: the next entry begins another one. The
// caller holds the writer.
func (q *Queue) seal() error {
	q.syncing.Lock()
	defer q.syncing.Unlock()
	a := q.active
	if q.opts.Sync != SyncNever && a.broken == nil && a.synced < a.written {
		q.sync(a, a.written, q.next)
	}
	if a.broken != nil {
		return q.lose(a)
	}
	a.file.Close()
	q.mu.Lock()
	q.active = nil
	q.mu.Unlock()
	return nil
}

// sync makes the active segment durable up to written, which is the end of entries
// before seq. The caller holds syncing.
func (q *Queue) sync(a *active, written int64, seq uint64) {
	err := a.file.Sync()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Syncs++
	if err != nil {
		q.stats.FailedSyncs++
		q.stats.WriteError = err
		a.broken = err
		return
	}
	q.stats.WriteError = nil
	a.synced = written
	q.visible = max(q.visible, seq)
	q.broadcast()
}

// syncTo returns when the entries before seq, of the given epoch, are durable. Those
// who come while another one syncs share the next sync.
func (q *Queue) syncTo(seq, epoch uint64) error {
	q.syncing.Lock()
	q.mu.Lock()
	if q.epoch != epoch {
		err := q.syncErr
		q.mu.Unlock()
		q.syncing.Unlock()
		return err
	}
	if q.visible >= seq {
		q.mu.Unlock()
		q.syncing.Unlock()
		return nil
	}
	a := q.active
	written, next := a.written, q.next
	q.mu.Unlock()
	if a.broken == nil {
		q.sync(a, written, next)
	}
	broken := a.broken
	q.syncing.Unlock()
	if broken == nil {
		return nil
	}
	q.writer <- struct{}{} // nobody holds it for long
	defer q.release()
	q.mend()
	return &retryError{broken}
}

// mend gives up an active segment whose fsync has failed. The caller holds the writer.
func (q *Queue) mend() {
	q.mu.Lock()
	broken := q.active != nil && q.active.broken != nil
	q.mu.Unlock()
	if !broken {
		return // without a look at syncing: others sync while this one writes
	}
	q.syncing.Lock()
	defer q.syncing.Unlock()
	_ = q.lose(q.active) // kept as the error of the next sync
}

// lose gives up the active segment, whose fsync has failed, at its last good length.
// With SyncAlways those who wait for the rest are told so, and its numbers are used
// again; else the rest is written to a new segment. The error is that of the fsync where entries were
// refused. The caller holds the writer and syncing.
func (q *Queue) lose(a *active) error {
	if q.opts.Sync != SyncAlways {
		q.rewrite(a)
		return nil
	}
	_ = a.file.Truncate(a.synced) // where this fails the next segment's first number says the same
	a.file.Close()
	q.mu.Lock()
	defer q.mu.Unlock()
	lost := &retryError{a.broken}
	q.shorten(a)
	q.next = max(q.visible, a.first)
	q.epoch++
	q.syncErr = lost
	if a.size == headerSize {
		q.pop()
		_ = q.opts.FS.Remove(q.path(segmentName(a.first)))
	}
	q.broadcast()
	return lost
}

// shorten ends the active segment at its last good length. The caller holds mu.
func (q *Queue) shorten(a *active) {
	q.active = nil
	q.stats.Bytes -= a.size - a.synced
	a.size = a.synced
}

// pop takes the last segment out of the list. The caller holds mu.
func (q *Queue) pop() {
	last := len(q.segments) - 1
	q.stats.Bytes -= q.segments[last].size
	q.segments = q.segments[:last]
}

// rewrite writes what an fsync has failed to make durable to a new segment. Where that
// cannot be done it stays where it is, as the system may still have it.
func (q *Queue) rewrite(a *active) {
	rest := q.rescue(a)
	a.file.Close()
	name := q.path(segmentName(a.first))
	empty := a.synced == headerSize // the new segment gets the name of the old one
	if len(rest) == 0 || empty && q.opts.FS.Rename(name, name+asideSuffix) != nil {
		q.mu.Lock()
		q.active = nil
		q.mu.Unlock()
		return
	}
	q.mu.Lock()
	end := q.next
	q.epoch++
	q.shorten(a)
	if empty {
		q.pop()
	}
	// The reader has to wait until they are there again.
	q.next = rest[0].seq
	q.visible = min(q.visible, q.next)
	q.mu.Unlock()
	restored := q.restore(rest, end)
	if empty {
		if restored {
			_ = q.opts.FS.Remove(name + asideSuffix)
		} else {
			_ = q.opts.FS.Rename(name+asideSuffix, name)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !restored {
		if empty {
			q.segments = append(q.segments, a.segment)
			q.stats.Bytes += headerSize
		}
		q.stats.Bytes += a.written - a.size
		a.size = a.written
	}
	q.next, q.visible = end, end
	q.broadcast()
}

// rescued is an entry that was read back.
type rescued struct {
	seq     uint64
	payload []byte
}

// rescue reads the entries of a that were not synced.
func (q *Queue) rescue(a *active) (rest []rescued) {
	b := make([]byte, a.written-a.synced)
	n, _ := a.file.ReadAt(b, a.synced)
	b = b[:n]
	for len(b) >= frameSize {
		f, ok := parseFrame(b, a.salt)
		if !ok || uint64(f.length) > uint64(len(b)-frameSize) {
			break
		}
		payload := b[frameSize : frameSize+int(f.length)]
		if !f.matches(payload, a.salt) {
			break
		}
		rest = append(rest, rescued{f.seq, payload})
		b = b[frameSize+int(f.length):]
	}
	return rest
}

// restore writes entries to a new segment, under the numbers that they had, and syncs
// it. end is the number behind the last entry that there was: what is missing of them
// is counted when the reader finds the gap.
func (q *Queue) restore(rest []rescued, end uint64) bool {
	for range 3 {
		a, err := q.begin()
		if err != nil {
			_ = q.failed(err) // counted there
			continue
		}
		q.buf = q.buf[:0]
		for _, r := range rest {
			q.buf = appendEntry(q.buf, a.salt, r.seq, r.payload)
		}
		if err = writeAll(a.file, q.buf, a.written); err == nil {
			err = a.file.Sync()
		}
		q.mu.Lock()
		if err == nil {
			a.written += int64(len(q.buf))
			a.synced, a.size = a.written, a.written
			q.stats.Bytes += int64(len(q.buf))
			q.stats.Syncs++
			q.mu.Unlock()
			return true
		}
		q.stats.WriteError = err
		q.active = nil
		q.pop()
		q.mu.Unlock()
		a.file.Close()
		_ = q.opts.FS.Remove(q.path(segmentName(a.first)))
	}
	return false
}

// arm sees to a sync within SyncEvery. The timer's goroutine ends with that sync, or
// finds the queue closed. The caller holds mu.
func (q *Queue) arm() {
	if q.timer == nil {
		q.timer = time.AfterFunc(q.opts.SyncEvery, q.background)
		return
	}
	q.timer.Reset(q.opts.SyncEvery)
}

func (q *Queue) background() {
	_ = q.Flush() // kept as the error of the next sync
}

// Flush makes everything that was appended durable, whatever the policy.
func (q *Queue) Flush() error {
	q.writer <- struct{}{} // nobody holds it for long
	defer q.release()
	q.syncing.Lock()
	defer q.syncing.Unlock()
	q.mu.Lock()
	a := q.active
	q.dirty = false
	closed := q.closed
	q.mu.Unlock()
	if a == nil || closed || a.synced == a.written && a.broken == nil {
		return nil
	}
	if a.broken == nil {
		q.sync(a, a.written, q.next)
	}
	if a.broken != nil {
		return q.lose(a)
	}
	return nil
}
