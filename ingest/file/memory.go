package file

import (
	"io"
	"path/filepath"
	"strings"
	"time"
)

// memory holds what is known of files that are gone or not found yet, so that neither they
// nor a copy of one is read again.
type memory struct {
	list    []remembered
	deleted int // entries that were added as Deleted since they were counted
}

// remembered is a file that was read and is not followed now.
type remembered struct {
	ID    fileID
	Path  string
	Print print
	Seen  time.Time
	// Deleted: no file with this identity is the same one.
	Deleted bool
	// Copied: what it held may stand in another file now, since it was truncated or is
	// gone.
	Copied bool
}

// maxDeleted and forgetAfter bound the memory: of deleted files the oldest are forgotten
// first. Those that may still be there under a name that was not found yet are kept.
const (
	maxDeleted  = 1 << 15
	forgetAfter = 48 * time.Hour
)

// add remembers a file, if something of it was read.
func (m *memory) add(r remembered) {
	if r.Print.Offset == 0 {
		return
	}
	m.list = append(m.list, r)
	if r.Deleted {
		m.deleted++
	}
	if m.deleted <= maxDeleted {
		return
	}
	m.deleted = 0
	for i := range m.list { // counted anew: entries also leave, and become deleted, otherwise
		if m.list[i].Deleted {
			m.deleted++
		}
	}
	over, keep := m.deleted-maxDeleted/2, m.list[:0]
	for _, e := range m.list {
		if e.Deleted && over > 0 {
			over--
			m.deleted--
			continue
		}
		keep = append(keep, e)
	}
	m.list = keep
}

// same finds the file itself, by its identity and by what it holds, and forgets it. One
// that holds something else now was written anew: its content may be in a copy.
//
// An error says that the file could not be read, so that nothing is known.
func (m *memory) same(id fileID, r io.ReaderAt) (print, bool, error) {
	for i := len(m.list) - 1; i >= 0; i-- {
		e := &m.list[i]
		if e.ID != id || e.Deleted {
			continue
		}
		p := e.Print
		switch ok, err := p.matches(r); {
		case err != nil:
			return print{}, false, err
		case ok:
			m.list = append(m.list[:i], m.list[i+1:]...)
			return p, true, nil
		}
		e.Copied, e.Deleted = true, true
	}
	return print{}, false, nil
}

// copyOf finds the file whose copy r is, forgets it, and returns its print. Of several the one
// that was read farthest counts. A compressed copy may be made of any file, a plain one
// only of one that was truncated or is gone.
func (m *memory) copyOf(path string, r io.ReaderAt, compressed bool) (print, bool, error) {
	best := -1
	for i := range m.list {
		e := &m.list[i]
		if !e.Copied && !compressed || !isCopyName(e.Path, path) || best >= 0 && e.Print.Offset <= m.list[best].Print.Offset {
			continue
		}
		switch ok, err := e.Print.matches(r); {
		case err != nil:
			return print{}, false, err
		case ok:
			best = i
		}
	}
	if best < 0 {
		return print{}, false, nil
	}
	p := m.list[best].Print
	m.list = append(m.list[:best], m.list[best+1:]...)
	return p, true, nil
}

// settle is called when everything that is there has been found: what was not is gone.
func (m *memory) settle() {
	for i := range m.list {
		m.list[i].Copied = true
	}
}

// forget drops what is too old.
func (m *memory) forget(now time.Time) {
	keep := m.list[:0]
	for _, r := range m.list {
		if now.Sub(r.Seen) < forgetAfter {
			keep = append(keep, r)
		}
	}
	m.list = keep
}

// isCopyName reports whether path may name a copy of the file that was called original:
// app.log.1, app-20260301.log and app.log.2.gz may be copies of app.log. A file of the same
// name is a new one.
func isCopyName(original, path string) bool {
	return original != path && stem(original) == stem(path)
}

// stem is the begin of a file's name, up to the first mark or digit.
func stem(path string) string {
	base := filepath.Base(path)
	if i := strings.IndexAny(base, ".-_0123456789"); i > 0 {
		return base[:i]
	}
	return base
}
