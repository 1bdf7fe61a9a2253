package diskqueue

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"time"

	"github.com/penstock-dev/penstock/internal/vfs"
)

// Batch is what a Read returns. It may be used again for the next one.
type Batch struct {
	// Data holds the entries one behind the other; Ends[i] is the end of the i-th.
	Data []byte
	Ends []int
	// Seqs are their sequence numbers, ascending, with gaps where entries were lost.
	Seqs []uint64
	// Next is what to Commit when all of them are done with.
	Next uint64
}

// Len is the number of entries.
func (b *Batch) Len() int { return len(b.Ends) }

// Entry is the i-th entry, valid until the batch is used again.
func (b *Batch) Entry(i int) []byte {
	start := 0
	if i > 0 {
		start = b.Ends[i-1]
	}
	return b.Data[start:b.Ends[i]:b.Ends[i]]
}

func (b *Batch) reset() {
	b.Data, b.Ends, b.Seqs, b.Next = b.Data[:0], b.Ends[:0], b.Seqs[:0], 0
}

// dropBefore takes out the entries before seq.
func (b *Batch) dropBefore(seq uint64) {
	n := 0
	for n < len(b.Seqs) && b.Seqs[n] < seq {
		n++
	}
	if n == 0 {
		return
	}
	cut := b.Ends[n-1]
	b.Data = b.Data[:copy(b.Data, b.Data[cut:])]
	b.Seqs = b.Seqs[:copy(b.Seqs, b.Seqs[n:])]
	b.Ends = b.Ends[:copy(b.Ends, b.Ends[n:])]
	for i := range b.Ends {
		b.Ends[i] -= cut
	}
}

// readBuffer is how much is read at once.
const readBuffer = 256 << 10

// reader is the consumer's side. seq, handed, floor, counted, atRisk and marks are under
// Queue.mu, the rest under Queue.reading.
type reader struct {
	seq     uint64 // the next entry
	handed  uint64 // entries before it have been given to the consumer
	floor   uint64 // entries before it were dropped
	counted uint64 // damage before it was counted
	atRisk  []span // given to the consumer, not committed, and dropped since
	marks   []position

	file   vfs.File
	of     *segment // what file is: its name may come again after a failed fsync
	first  uint64   // its first number
	salt   uint64
	offset int64
	buf    []byte // what was read at bufAt
	bufAt  int64
}

// span is the entries [from, to).
type span struct{ from, to uint64 }

func (r *reader) close() {
	if r.file != nil {
		r.file.Close()
		r.file = nil
	}
	r.buf, r.of, r.first = nil, nil, 0
}

// Read fills b with the next entries, at most most of them, and at most bytes bytes
// unless the first is longer. It waits until there is one. An error other than ErrClosed and
// the cause of ctx's end is a failure of the file system: nothing is skipped, and Read
// may be called again after a while.
func (q *Queue) Read(ctx context.Context, b *Batch, most, size int) error {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return ErrClosed
		}
		if q.read.seq >= q.visible {
			changed := q.changed()
			q.mu.Unlock()
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		q.mu.Unlock()
		if err := q.TryRead(b, most, size); err != nil || b.Len() > 0 {
			return err
		}
	}
}

// TryRead is Read without waiting: it may return no entry.
func (q *Queue) TryRead(b *Batch, most, size int) error {
	b.reset()
	most = max(most, 1)
	q.reading.Lock()
	defer q.reading.Unlock()
	r := &q.read
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return ErrClosed
		}
		i, gap := q.locate()
		if gap != nil {
			q.damaged(*gap)
			q.mu.Unlock()
			continue
		}
		if i < 0 {
			q.mu.Unlock()
			return nil
		}
		s := q.segments[i]
		part := extent{segment: s, end: s.size, limit: q.end(i), seq: r.seq, stored: q.cursor.at}
		epoch := q.epoch
		if q.active != nil && q.active.segment == s {
			part.limit = q.visible
			if q.opts.Sync == SyncAlways {
				part.end = q.active.synced
			}
		}
		q.mu.Unlock()

		found, err := q.scan(b, part, most, size)

		q.mu.Lock()
		if q.read.floor > part.seq {
			// The segment was dropped meanwhile: what was found is counted there.
			b.dropBefore(q.read.floor)
			r.close()
			err = nil
		} else if q.epoch != epoch {
			// An fsync has failed meanwhile: what was opened may be the segment's successor, which
			// has its name.
			b.reset()
			r.close()
			q.mu.Unlock()
			continue
		} else {
			for _, d := range found.damage {
				q.damaged(d)
			}
			r.seq = found.seq
		}
		if n := b.Len(); n > 0 || err != nil {
			q.stats.ReadError = err
			if n > 0 {
				err = nil // what comes behind is tried again
				b.Next, r.handed = r.seq, r.seq
				q.stats.Read += uint64(n)
				r.marks = append(r.marks, position{seq: r.seq, first: r.first, offset: r.offset})
				if len(r.marks) > maxMarks {
					r.marks = r.marks[1:]
				}
			}
			q.mu.Unlock()
			return err
		}
		q.mu.Unlock()
	}
}

// maxMarks bounds the reads whose places are remembered until they are committed.
const maxMarks = 1024

// extent is a segment as far as it may be read.
type extent struct {
	*segment
	end    int64    // in bytes
	limit  uint64   // the number behind the last entry
	seq    uint64   // the next to be read
	stored position // where the last Commit was
}

// locate finds the segment of the next entry, -1 if there is nothing to read, or a
// gap of numbers that no segment holds. The caller holds mu.
func (q *Queue) locate() (int, *Damage) {
	r := &q.read
	if r.seq >= q.visible {
		return -1, nil
	}
	for i := len(q.segments) - 1; i >= 0; i-- {
		s := q.segments[i]
		if s.first > r.seq {
			continue
		}
		if r.seq < q.end(i) {
			return i, nil
		}
		break
	}
	next := q.visible
	for _, s := range q.segments {
		if s.first > r.seq {
			next = min(next, s.first)
			break
		}
	}
	d := &Damage{Path: q.opts.Dir, First: r.seq, Entries: next - r.seq, Reason: "no segment holds these entries"}
	r.seq = next
	return -1, d
}

// damaged counts d, once. The caller holds mu.
func (q *Queue) damaged(d Damage) {
	end := d.First + d.Entries
	if end <= q.read.counted {
		return
	}
	if d.First < q.read.counted {
		d.Entries, d.First = end-q.read.counted, q.read.counted
	}
	q.read.counted = end
	q.stats.Damaged += d.Entries
	if q.opts.OnDamage != nil {
		q.opts.OnDamage(d)
	}
}

// found is what a scan has found.
type found struct {
	seq    uint64 // the next entry
	damage []Damage
}

// scan reads entries of one segment into b.
func (q *Queue) scan(b *Batch, part extent, most, size int) (found, error) {
	r := &q.read
	out := found{seq: part.seq}
	path := q.path(segmentName(part.first))
	lose := func(to uint64, at int64, reason string) {
		if to > out.seq {
			out.damage = append(out.damage, Damage{Path: path, Offset: at, First: out.seq, Entries: to - out.seq, Reason: reason})
			out.seq = to
		}
	}
	if part.bad {
		lose(part.limit, 0, "the header of the segment cannot be read")
		return out, nil
	}
	if r.of != part.segment || r.file == nil {
		r.close()
		f, err := q.opts.FS.OpenFile(path, os.O_RDONLY, 0)
		if err != nil {
			return out, err
		}
		r.file, r.of, r.first, r.salt, r.offset, r.bufAt = f, part.segment, part.first, part.salt, headerSize, 0
		if at := q.hint(part); at > 0 {
			r.offset = at
		}
	}
	c := walker{file: r.file, salt: r.salt, end: part.end, buf: r.buf, bufAt: r.bufAt}
	defer func() { r.buf, r.bufAt = c.buf, c.bufAt }()
	for out.seq < part.limit && b.Len() < most {
		at := r.offset
		f, payload, where, err := c.next(at)
		if err != nil && err != io.EOF {
			return out, err
		}
		if err == io.EOF || f.seq >= part.limit {
			lose(part.limit, at, "damaged to the end of the segment")
			break
		}
		if f.seq < out.seq {
			r.offset = where + frameSize + int64(f.length)
			continue
		}
		lose(f.seq, at, "damaged")
		if !f.matches(payload, r.salt) {
			lose(f.seq+1, where, "the payload does not match its checksum")
			r.offset = where + frameSize + int64(f.length)
			continue
		}
		if b.Len() > 0 && len(b.Data)+len(payload) > size {
			r.offset = where
			break
		}
		b.Data = append(b.Data, payload...)
		b.Ends = append(b.Ends, len(b.Data))
		b.Seqs = append(b.Seqs, f.seq)
		out.seq = f.seq + 1
		r.offset = where + frameSize + int64(f.length)
	}
	return out, nil
}

// hint is the offset of the next entry, if the stored position names it and a frame
// with its number stands there, else 0.
func (q *Queue) hint(part extent) int64 {
	p := part.stored
	if p.first != part.first || p.seq != part.seq || p.offset < headerSize || p.offset+frameSize > part.end {
		return 0
	}
	var b [frameSize]byte
	if _, err := q.read.file.ReadAt(b[:], p.offset); err != nil {
		return 0
	}
	if f, ok := parseFrame(b[:], part.salt); !ok || f.seq != part.seq {
		return 0
	}
	return p.offset
}

// walker goes through the frames of a segment.
type walker struct {
	file  vfs.File
	salt  uint64
	end   int64
	buf   []byte
	bufAt int64
}

// bytes returns n bytes at off, fewer at the end.
func (c *walker) bytes(off int64, n int) ([]byte, error) {
	if off < c.bufAt || off+int64(n) > c.bufAt+int64(len(c.buf)) {
		want := int(min(int64(max(readBuffer, n)), c.end-off))
		if want <= 0 {
			return nil, nil
		}
		if cap(c.buf) < want || cap(c.buf) > 2*readBuffer && want <= readBuffer {
			c.buf = make([]byte, max(want, min(readBuffer, want)))
		}
		got, err := c.file.ReadAt(c.buf[:want], off)
		c.buf, c.bufAt = c.buf[:got], off
		if err != nil && err != io.EOF {
			return nil, err
		}
	}
	b := c.buf[off-c.bufAt:]
	return b[:min(n, len(b))], nil
}

// next finds the first whole frame at or behind off, and returns it with its payload,
// which may not match, and where it stands. io.EOF means that there is none.
func (c *walker) next(off int64) (f frame, payload []byte, where int64, err error) {
	var mark [4]byte
	binary.LittleEndian.PutUint32(mark[:], marker(c.salt))
	for {
		head, err := c.bytes(off, frameSize)
		if err != nil {
			return frame{}, nil, 0, err
		}
		if len(head) < frameSize {
			return frame{}, nil, 0, io.EOF
		}
		f, ok := parseFrame(head, c.salt)
		if ok && int64(f.length) <= c.end-off-frameSize {
			payload, err := c.bytes(off+frameSize, int(f.length))
			if err != nil {
				return frame{}, nil, 0, err
			}
			if len(payload) < int(f.length) {
				return frame{}, nil, 0, io.EOF
			}
			return f, payload, off, nil
		}
		// Damaged: look for the next marker.
		for off++; ; {
			window, err := c.bytes(off, 64<<10)
			if err != nil {
				return frame{}, nil, 0, err
			}
			if i := bytes.Index(window, mark[:]); i >= 0 {
				off += int64(i)
				break
			}
			if len(window) < 64<<10 {
				return frame{}, nil, 0, io.EOF
			}
			off += int64(len(window) - 3)
		}
	}
}

// cursorSync is how long a stored position may wait for its fsync.
const cursorSync = time.Second

// Commit says that the entries before seq, which is Next of a batch, are done with:
// they are not read again, and segments that hold no others are removed. An error is
// that of storing the position: after a crash the entries may be read again, and
// nothing else is wrong.
func (q *Queue) Commit(seq uint64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	if seq <= q.committed {
		return nil
	}
	if seq = min(seq, q.read.handed); seq <= q.committed {
		return nil
	}
	q.stats.Committed += seq - q.committed
	q.committed = seq
	for len(q.read.atRisk) > 0 && q.read.atRisk[0].from < seq {
		if r := &q.read.atRisk[0]; r.to > seq {
			r.from = seq
			break
		}
		q.read.atRisk = q.read.atRisk[1:]
	}
	p := position{seq: max(seq, q.read.floor)}
	for len(q.read.marks) > 0 && q.read.marks[0].seq <= seq {
		if q.read.marks[0].seq == p.seq {
			p = q.read.marks[0]
		}
		q.read.marks = q.read.marks[1:]
	}
	now := q.opts.Now()
	err := q.cursor.store(p)
	if err == nil && q.opts.Sync != SyncNever {
		if age := now.Sub(q.cursor.synced); age >= cursorSync || age < 0 {
			err = q.cursor.sync(now)
		}
	}
	q.removeCommitted()
	q.broadcast()
	if err != nil {
		q.stats.CursorErrors++
		return &retryError{err}
	}
	return nil
}

// Drained returns when everything that was appended is committed.
func (q *Queue) Drained(ctx context.Context) error {
	for {
		q.mu.Lock()
		if q.closed {
			q.mu.Unlock()
			return ErrClosed
		}
		if q.pending() == 0 {
			q.mu.Unlock()
			return nil
		}
		changed := q.changed()
		q.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// removeCommitted removes the segments that are done with, but not the active one. The
// caller holds mu.
func (q *Queue) removeCommitted() {
	synced := q.opts.Sync == SyncNever
	for len(q.segments) > 0 && q.end(0) <= q.committed {
		if q.active != nil && q.active.segment == q.segments[0] {
			break
		}
		if !synced {
			// The position before the segment: else its entries would be missed.
			if err := q.cursor.sync(q.opts.Now()); err != nil {
				q.stats.CursorErrors++
			}
			synced = true
		}
		q.remove()
	}
}

// Rewind makes the next Read begin at the last Commit again.
func (q *Queue) Rewind() {
	q.reading.Lock()
	defer q.reading.Unlock()
	q.read.close()
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range q.read.atRisk {
		q.stats.Dropped += r.to - r.from
	}
	q.read.atRisk = nil
	q.committed = max(q.committed, q.read.floor)
	q.read.seq, q.read.handed = q.committed, q.committed
	q.read.marks = q.read.marks[:0]
}
