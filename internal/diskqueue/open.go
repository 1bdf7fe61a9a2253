package diskqueue

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/penstock-dev/penstock/internal/vfs"
)

// Open opens the queue in a folder, or makes it. It fails for options that make no
// sense, if another process has the queue open (vfs.ErrLocked), and with the name of
// the file for one that it cannot read or that is of an unknown version.
func Open(opts Options) (*Queue, error) {
	if err := opts.prepare(); err != nil {
		return nil, err
	}
	if err := vfs.MkdirAll(opts.FS, opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("diskqueue: %w", err)
	}
	q := &Queue{opts: opts, writer: make(chan struct{}, 1)}
	lock, err := takeLock(opts.FS, q.path(lockName))
	if err != nil {
		return nil, fmt.Errorf("diskqueue: %w", err)
	}
	q.lock = lock
	if err := q.load(); err != nil {
		if q.cursor.file != nil {
			q.cursor.file.Close()
		}
		lock.Close()
		return nil, fmt.Errorf("diskqueue: %w", err)
	}
	return q, nil
}

// takeLock keeps other processes out.
func takeLock(fsys vfs.FS, path string) (vfs.File, error) {
	f, err := fsys.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Lock(); err != nil {
		holder := make([]byte, 32)
		n, _ := f.ReadAt(holder, 0)
		f.Close()
		if errors.Is(err, vfs.ErrLocked) {
			return nil, fmt.Errorf("%w (process %s)", err, strings.TrimSpace(string(holder[:n])))
		}
		return nil, err
	}
	// Who holds it is for people to read: where it cannot be written nothing is wrong.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	}
	return f, nil
}

// load reads the position and the segments.
func (q *Queue) load() error {
	if err := q.cursor.open(q.opts.FS, q.path(cursorName)); err != nil {
		return err
	}
	if err := q.list(); err != nil {
		return err
	}
	q.next = 1
	if q.cursor.known {
		q.next = max(q.next, q.cursor.at.seq)
	}
	for len(q.segments) > 0 {
		empty, err := q.last()
		if err != nil {
			return err
		}
		if !empty {
			break
		}
	}
	q.visible = q.next
	start := q.next
	if len(q.segments) > 0 {
		start = q.segments[0].first
	}
	if q.cursor.known {
		start = q.cursor.at.seq
	}
	q.committed, q.read.seq, q.read.handed = start, start, start
	q.removeCommitted()
	return nil
}

// list finds the segments and reads their headers.
func (q *Queue) list() error {
	fsys := q.opts.FS
	if err := q.putBack(); err != nil {
		return err
	}
	entries, err := fsys.ReadDir(q.opts.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		first, ok := parseName(e.Name())
		if !ok {
			continue
		}
		path := q.path(e.Name())
		info, err := fsys.Stat(path)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s has the name of a segment and is no file", path)
		}
		s := &segment{first: first, size: info.Size()}
		h, ok, err := readHeader(fsys, path)
		switch {
		case err != nil:
			return err
		case ok && h.first != first:
			return fmt.Errorf("%s says that it begins with entry %d: it was renamed or copied; move it away, or give it its name", path, h.first)
		case ok:
			s.salt = h.salt
		default:
			s.bad = true
		}
		q.segments = append(q.segments, s) // ReadDir is in order of names
		q.stats.Bytes += s.size
	}
	return nil
}

// putBack sees to segments that were being written again, after a failed fsync, when
// the process ended: of the two files the one that holds more stays.
func (q *Queue) putBack() error {
	fsys := q.opts.FS
	entries, err := fsys.ReadDir(q.opts.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), asideSuffix)
		first, ok2 := parseName(name)
		if !ok || !ok2 {
			continue
		}
		aside, path := q.path(e.Name()), q.path(name)
		old, err := reach(fsys, aside, first)
		if err != nil {
			return err
		}
		again, err := reach(fsys, path, first)
		if errors.Is(err, fs.ErrNotExist) {
			again, err = 0, nil
		}
		if err != nil {
			return err
		}
		if again >= old && again > 0 {
			err = fsys.Remove(aside)
		} else {
			err = fsys.Rename(aside, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reach is the number behind the last whole entry of a file, 0 if there is none.
func reach(fsys vfs.FS, path string, first uint64) (uint64, error) {
	h, ok, err := readHeader(fsys, path)
	if err != nil || !ok {
		return 0, err
	}
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	_, seq, err := tail(f, h.salt, info.Size(), first)
	return seq, err
}

func readHeader(fsys vfs.FS, path string) (header, bool, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return header{}, false, err
	}
	defer f.Close()
	b := make([]byte, headerSize)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return header{}, false, err
	}
	h, ok, err := parseHeader(b[:n])
	if err != nil {
		return header{}, false, fmt.Errorf("%s %w", path, err)
	}
	return h, ok, nil
}

// last looks through the last segment: what stands behind its last whole entry is cut
// off, and counted. empty reports that nothing was left of it, so that it is gone.
func (q *Queue) last() (empty bool, err error) {
	s := q.segments[len(q.segments)-1]
	path := q.path(segmentName(s.first))
	q.next = max(q.next, s.first)
	if s.bad {
		if s.size >= headerSize {
			// Kept, as one whose entries are lost. How many there were is not known.
			q.stats.Torn++
			q.drop()
			return true, nil
		}
		// Not even the header was written before the machine stopped.
		if s.size > 0 {
			q.stats.Torn++
		}
		q.segments = q.segments[:len(q.segments)-1]
		q.stats.Bytes -= s.size
		return true, q.opts.FS.Remove(path)
	}
	f, err := q.opts.FS.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	good, seq, err := tail(f, s.salt, s.size, s.first)
	if err != nil {
		return false, err
	}
	if good < s.size {
		if good > headerSize || s.size > headerSize {
			q.stats.Torn++
		}
		if err := f.Truncate(good); err != nil {
			return false, err
		}
		q.stats.Bytes -= s.size - good
		s.size = good
	}
	if good == headerSize {
		q.segments = q.segments[:len(q.segments)-1]
		q.stats.Bytes -= s.size
		return true, q.opts.FS.Remove(path)
	}
	q.next = max(q.next, seq)
	if q.opts.Sync != SyncNever {
		// What an earlier process wrote may still be on its way to the disk.
		return false, f.Sync()
	}
	return false, nil
}

// drop takes the last segment, whose header is damaged, out under another name.
func (q *Queue) drop() {
	s := q.segments[len(q.segments)-1]
	q.segments = q.segments[:len(q.segments)-1]
	q.stats.Bytes -= s.size
	name := q.path(segmentName(s.first))
	if err := q.opts.FS.Rename(name, name+damagedSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		q.stats.WriteError = err
	}
}

// tail returns the end of the last whole entry of a segment, and the number behind
// it. Damage before it is the reader's affair.
func tail(f vfs.File, salt uint64, size int64, first uint64) (good int64, seq uint64, err error) {
	c := walker{file: f, salt: salt, end: size}
	good, seq = headerSize, first
	for at := int64(headerSize); ; {
		f, payload, where, err := c.next(at)
		if err == io.EOF {
			return good, seq, nil
		}
		if err != nil {
			return 0, 0, err
		}
		at = where + frameSize + int64(f.length)
		if f.matches(payload, salt) && f.seq >= seq {
			good, seq = at, f.seq+1
		}
	}
}
