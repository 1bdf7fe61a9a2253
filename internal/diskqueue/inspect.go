package diskqueue

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/penstock-dev/penstock/internal/vfs"
)

// Report is what Inspect has found in a folder.
type Report struct {
	Segments []SegmentReport
	// Next is the number of the entry that a consumer reads next; 0 if no position is
	// stored, and reading begins with the first segment.
	Next uint64
	// Entries is how many whole entries are not committed, Bytes what the segments take.
	Entries uint64
	Bytes   int64
	// Lost is how many entries are known to be missing among those not committed.
	Lost uint64
}

// SegmentReport is one segment.
type SegmentReport struct {
	Name    string
	Bytes   int64
	Created time.Time
	// First is the number of the first entry, Last that of the last whole one, 0 if
	// there is none.
	First, Last uint64
	// Entries is how many whole ones there are; it and what follows is not known where
	// content was not read.
	Entries uint64
	// Damage lists what cannot be read, Torn how many bytes stand behind the last whole
	// entry.
	Damage []Damage
	Torn   int64
	// Problem says why nothing of it can be read, or is empty.
	Problem string
}

// OK reports whether nothing is wrong with the segment.
func (s *SegmentReport) OK() bool { return len(s.Damage) == 0 && s.Torn == 0 && s.Problem == "" }

// OK reports whether nothing is wrong.
func (r *Report) OK() bool {
	for i := range r.Segments {
		if !r.Segments[i].OK() {
			return false
		}
	}
	return r.Lost == 0
}

// Inspect looks at the queue in a folder and changes nothing. It may run while a
// process uses the queue, and then sees a torn tail where that one is writing. With
// content every byte is read and checked; without, names and headers are.
func Inspect(fsys vfs.FS, dir string, content bool) (*Report, error) {
	if fsys == nil {
		fsys = vfs.OS
	}
	r := &Report{}
	p, known, err := readPosition(fsys, filepath.Join(dir, cursorName))
	if err != nil {
		return nil, err
	}
	if known {
		r.Next = p.seq
	}
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if first, ok := parseName(e.Name()); ok {
			r.Segments = append(r.Segments, SegmentReport{Name: e.Name(), First: first})
		}
	}
	expected := r.Next
	for i := range r.Segments {
		s := &r.Segments[i]
		limit := uint64(0)
		if i+1 < len(r.Segments) {
			limit = r.Segments[i+1].First
		}
		if err := s.inspect(fsys, dir, limit, content, nil); err != nil {
			s.Problem = err.Error()
		}
		r.Bytes += s.Bytes
		if expected != 0 && s.First > expected {
			r.Lost += s.First - expected
		}
		expected = max(expected, s.First)
		if limit != 0 {
			expected = max(expected, limit)
		}
		if !content {
			if limit > r.Next {
				r.Entries += limit - max(r.Next, s.First)
			}
			continue
		}
		for _, d := range s.Damage {
			if end := d.First + d.Entries; end > r.Next {
				r.Lost += end - max(d.First, r.Next)
			}
		}
		if s.Last >= max(r.Next, 1) {
			n := s.Last + 1 - max(r.Next, s.First)
			for _, d := range s.Damage {
				if end := min(d.First+d.Entries, s.Last+1); end > max(d.First, r.Next) {
					n -= end - max(d.First, r.Next)
				}
			}
			r.Entries += n
		}
	}
	return r, nil
}

func readPosition(fsys vfs.FS, path string) (p position, known bool, err error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return position{}, false, nil
	}
	if err != nil {
		return position{}, false, err
	}
	c := cursor{file: f}
	err = c.read(path)
	return c.at, c.known, errors.Join(err, f.Close())
}

// inspect fills in what the file says. limit is the first number of the next segment,
// 0 for the last one. each is called for every whole entry.
func (s *SegmentReport) inspect(fsys vfs.FS, dir string, limit uint64, content bool, each func(seq uint64, payload []byte) error) error {
	path := filepath.Join(dir, s.Name)
	info, err := fsys.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("is no file")
	}
	s.Bytes = info.Size()
	h, ok, err := readHeader(fsys, path)
	switch {
	case err != nil:
		return err
	case !ok:
		return errors.New("the header cannot be read")
	case h.first != s.First:
		return fmt.Errorf("says that it begins with entry %d: renamed or copied", h.first)
	}
	s.Created = time.Unix(0, h.created).UTC()
	if !content {
		return nil
	}
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	c := walker{file: f, salt: h.salt, end: s.Bytes}
	seq, good := s.First, int64(headerSize)
	lose := func(to uint64, at int64, reason string) {
		if to > seq {
			s.Damage = append(s.Damage, Damage{Path: path, Offset: at, First: seq, Entries: to - seq, Reason: reason})
			seq = to
		}
	}
	for at := int64(headerSize); ; {
		fr, payload, where, err := c.next(at)
		if err == io.EOF || err == nil && limit != 0 && fr.seq >= limit {
			if limit != 0 {
				lose(limit, at, "damaged to the end of the segment")
				return nil
			}
			s.Torn = max(0, s.Bytes-good)
			return nil
		}
		if err != nil {
			return err
		}
		at = where + frameSize + int64(fr.length)
		if fr.seq < seq || !fr.matches(payload, h.salt) {
			continue // the gap shows when the next one comes
		}
		lose(fr.seq, good, "damaged")
		seq, good = fr.seq+1, at
		s.Entries++
		s.Last = fr.seq
		if each != nil {
			if err := each(fr.seq, payload); err != nil {
				return err
			}
		}
	}
}

// Dump calls f for every whole entry of the queue in a folder from number from on, in
// order, and changes nothing. The payload is valid during the call. An error of f ends
// it and is returned.
func Dump(fsys vfs.FS, dir string, from uint64, f func(seq uint64, payload []byte) error) error {
	if fsys == nil {
		fsys = vfs.OS
	}
	r, err := Inspect(fsys, dir, false)
	if err != nil {
		return err
	}
	var errs []error
	for i := range r.Segments {
		s := SegmentReport{Name: r.Segments[i].Name, First: r.Segments[i].First}
		limit := uint64(0)
		if i+1 < len(r.Segments) {
			if limit = r.Segments[i+1].First; limit <= from {
				continue
			}
		}
		var stop error
		err := s.inspect(fsys, dir, limit, true, func(seq uint64, payload []byte) error {
			if seq >= from {
				stop = f(seq, payload)
			}
			return stop
		})
		if stop != nil {
			return stop
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", filepath.Join(dir, s.Name), err))
		}
	}
	return errors.Join(errs...)
}

// Repair makes what can be read of a queue whole: torn tails are cut off, a segment
// with damage in it is replaced by one that holds its whole entries under their
// numbers, and the old file is kept with the suffix .damaged, as is one whose header
// cannot be read. A segment of an unknown version is left alone. It takes the
// queue's lock, and needs as much free space as the largest damaged segment. The
// report is that from before.
func Repair(fsys vfs.FS, dir string) (*Report, error) {
	if fsys == nil {
		fsys = vfs.OS
	}
	lock, err := takeLock(fsys, filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	r, err := Inspect(fsys, dir, true)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i := range r.Segments {
		s := &r.Segments[i]
		path := filepath.Join(dir, s.Name)
		var err error
		switch {
		case s.OK():
		case s.Problem != "":
			if _, ok, unknown := readHeader(fsys, path); unknown == nil && !ok {
				err = fsys.Rename(path, path+damagedSuffix)
			}
		case len(s.Damage) > 0:
			limit := uint64(0)
			if i+1 < len(r.Segments) {
				limit = r.Segments[i+1].First
			}
			err = rewrite(fsys, dir, s, limit)
		default:
			err = cutTail(fsys, path, s.Bytes-s.Torn)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return r, errors.Join(append(errs, fsys.SyncDir(dir))...)
}

func cutTail(fsys vfs.FS, path string, size int64) error {
	f, err := fsys.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

// rewrite copies the whole entries of a segment to a new file that takes its place.
func rewrite(fsys vfs.FS, dir string, s *SegmentReport, limit uint64) error {
	path := filepath.Join(dir, s.Name)
	h, ok, err := readHeader(fsys, path)
	if err != nil || !ok {
		return err
	}
	tmp := path + ".repair"
	out, err := fsys.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	// The salt stays: nobody else can know it either.
	buf, at := h.append(nil), int64(0)
	flush := func() error {
		err := writeAll(out, buf, at)
		at += int64(len(buf))
		buf = buf[:0]
		return err
	}
	again := SegmentReport{Name: s.Name, First: s.First}
	err = again.inspect(fsys, dir, limit, true, func(seq uint64, payload []byte) error {
		buf = appendEntry(buf, h.salt, seq, payload)
		if len(buf) < writeChunk {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		_ = fsys.Remove(tmp)
		return err
	}
	if err := fsys.Rename(path, path+damagedSuffix); err != nil {
		return err
	}
	return fsys.Rename(tmp, path)
}
