package file

import (
	"cmp"
	"crypto/sha256"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// memory holds what is known of files that are gone or not found yet, so that neither they
// nor a copy of one is read again. What a look-up costs does not depend on how much it holds.
type memory struct {
	list    []*remembered // in the order in which they were put, and some that are dropped
	dropped int           // of list
	deleted int           // of list, those that are Deleted and not dropped

	byID   map[fileID][]*remembered // those that are not Deleted
	byHead map[mark][]*remembered
	heads  [headSize + 1]int // how many there are of each length of a head

	forgot time.Time // when forget looked last
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

	dropped bool
}

// maxDeleted and forgetAfter bound the memory: of deleted files the oldest are forgotten
// first. Those that may still be there under a name that was not found yet are kept.
const (
	maxDeleted  = 1 << 15
	forgetAfter = 48 * time.Hour
)

func newMemory() *memory {
	return &memory{byID: map[fileID][]*remembered{}, byHead: map[mark][]*remembered{}}
}

// all goes through the entries, the oldest first.
func (m *memory) all() iter.Seq[*remembered] {
	return func(yield func(*remembered) bool) {
		for _, e := range m.list {
			if !e.dropped && !yield(e) {
				return
			}
		}
	}
}

// add remembers a file, if something of it was read.
func (m *memory) add(r remembered) {
	if r.Print.Offset == 0 {
		return
	}
	m.put(&r)
	if m.deleted <= maxDeleted {
		return
	}
	for e := range m.all() {
		if !e.Deleted {
			continue
		}
		if m.drop(e); m.deleted <= maxDeleted/2 {
			break
		}
	}
	m.compact()
}

// put takes an entry as it is.
func (m *memory) put(e *remembered) {
	m.list = append(m.list, e)
	m.byHead[e.Print.Head] = append(m.byHead[e.Print.Head], e)
	m.heads[e.Print.Head.Length]++
	if e.Deleted {
		m.deleted++
	} else {
		m.byID[e.ID] = append(m.byID[e.ID], e)
	}
}

// replaced marks an entry whose file holds something else now.
func (m *memory) replaced(e *remembered) {
	m.byID[e.ID] = without(m.byID, e.ID, e)
	e.Copied, e.Deleted = true, true
	m.deleted++
}

// drop forgets an entry. It stays in list until compact.
func (m *memory) drop(e *remembered) {
	if e.Deleted {
		m.deleted--
	} else {
		without(m.byID, e.ID, e)
	}
	without(m.byHead, e.Print.Head, e)
	m.heads[e.Print.Head.Length]--
	e.dropped = true
	m.dropped++
}

// without takes an entry out of the list of a key, and the key out of the map with the last one.
func without[K comparable](of map[K][]*remembered, key K, e *remembered) []*remembered {
	list := of[key]
	if i := slices.Index(list, e); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	if len(list) == 0 {
		delete(of, key)
		return nil
	}
	of[key] = list
	return list
}

// compact takes out of list what is dropped, once that is most of it.
func (m *memory) compact() {
	if m.dropped <= len(m.list)/2 {
		return
	}
	m.list = slices.DeleteFunc(m.list, func(e *remembered) bool { return e.dropped })
	m.dropped = 0
}

// same finds the file itself, by its identity and by what it holds, and forgets it. One
// that holds something else now was written anew: its content may be in a copy.
//
// An error says that the file could not be read, so that nothing is known.
func (m *memory) same(id fileID, r io.ReaderAt) (print, bool, error) {
	known := m.byID[id]
	for i := len(known) - 1; i >= 0; i-- {
		e := known[i]
		switch _, ok, err := e.Print.matches(r); {
		case err != nil:
			return print{}, false, err
		case ok:
			m.drop(e)
			m.compact()
			return e.Print, true, nil
		}
		m.replaced(e)
	}
	return print{}, false, nil
}

// copyOf finds the file whose copy r is, forgets it, and returns its print. Of several the one
// that was read farthest counts. A compressed copy may be made of any file, a plain one
// only of one that was truncated or is gone.
func (m *memory) copyOf(path string, r io.ReaderAt, compressed bool) (print, bool, error) {
	if len(m.byHead) == 0 {
		return print{}, false, nil
	}
	head, err := headAt(r)
	if err != nil {
		return print{}, false, err
	}
	var might []*remembered
	sum, at := sha256.New(), 0
	var room [sha256.Size]byte
	for n := range len(head) + 1 {
		if m.heads[n] == 0 {
			continue
		}
		sum.Write(head[at:n])
		at = n
		key := mark{Length: n}
		copy(key.Sum[:], sum.Sum(room[:0]))
		for _, e := range m.byHead[key] {
			if (e.Copied || compressed) && isCopyName(e.Path, path) {
				might = append(might, e)
			}
		}
	}
	// In ascending order, in which a compressed file is read once.
	slices.SortStableFunc(might, func(a, b *remembered) int { return cmp.Compare(a.Print.Offset, b.Print.Offset) })
	var best *remembered
	for _, e := range might {
		switch ok, err := e.Print.continues(r); {
		case err != nil:
			return print{}, false, err
		case ok && (best == nil || e.Print.Offset > best.Print.Offset):
			best = e
		}
	}
	if best == nil {
		return print{}, false, nil
	}
	m.drop(best)
	m.compact()
	return best.Print, true, nil
}

// settle is called when everything that is there has been found: what was not is gone.
func (m *memory) settle() {
	for e := range m.all() {
		e.Copied = true
	}
}

// forgetEvery is how often it is looked for what is too old.
const forgetEvery = time.Minute

// forget drops what is too old.
func (m *memory) forget(now time.Time) {
	if since := now.Sub(m.forgot); since >= 0 && since < forgetEvery {
		return
	}
	m.forgot = now
	for e := range m.all() {
		if now.Sub(e.Seen) >= forgetAfter {
			m.drop(e)
		}
	}
	m.compact()
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
