package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/ingest"
)

// candidate is a file that a scan found.
type candidate struct {
	root string // of the pattern
	path string
	info fs.FileInfo
	id   fileID
}

// scan looks up the patterns, notes which of the known files are still there, and opens new
// ones. It is called by one goroutine at a time.
func (f *Follower) scan(*ingest.Emit) {
	now := f.opts.Now()
	f.mu.Lock()
	clear(f.left)
	f.mu.Unlock()
	found := make([]candidate, 0, len(f.names))
	seen := make(map[fileID]bool, len(f.names))
	for _, p := range f.patterns {
		p.find(func(path string) {
			if excludes(f.exclude, path) {
				return
			}
			info, err := p.inspect(path)
			if err != nil {
				f.refuse(path, err)
				return
			}
			if id, _ := idOf(path, info); !seen[id] {
				seen[id] = true
				found = append(found, candidate{p.root, path, info, id})
			}
		})
	}
	found = append(found, f.overtaken(found, seen, now)...)
	f.mu.Lock()
	defer f.mu.Unlock()
	found = slices.DeleteFunc(found, func(c candidate) bool { return f.again(c, now) })
	// The oldest first: what was rotated before what goes on.
	slices.SortStableFunc(found, func(a, b candidate) int {
		if c := a.info.ModTime().Compare(b.info.ModTime()); c != 0 {
			return c
		}
		return strings.Compare(a.path, b.path)
	})
	for id, v := range f.vanished {
		if f.files[id] == nil && !seen[id] {
			f.stats.Lost++
			f.log.Error("a file was gone before it could be opened", "path", v.path, "bytes", v.info.Size())
		}
	}
	clear(f.vanished)
	f.stats.Waiting = 0
	for _, c := range found {
		f.meet(c, now)
	}
	f.scans++
}

// overtaken finds the files that came and were renamed between two scans: where a name leads
// to another file than it did, those beside it whose names begin with that one and that were
// written since.
func (f *Follower) overtaken(found []candidate, seen map[fileID]bool, now time.Time) (more []candidate) {
	names := make(map[string]fileID, len(found))
	since := f.scanned.Add(-time.Second) // clocks of file systems are coarse
	for _, c := range found {
		names[c.path] = c.id
		if old, ok := f.names[c.path]; !ok || old == c.id {
			continue
		}
		entries, err := os.ReadDir(filepath.Dir(c.path))
		if err != nil {
			continue
		}
		for _, e := range entries {
			rest, ok := strings.CutPrefix(e.Name(), filepath.Base(c.path))
			path := filepath.Join(filepath.Dir(c.path), e.Name())
			if !ok || rest == "" || !strings.ContainsAny(rest[:1], ".-_") || f.decoder(path) != nil || !e.Type().IsRegular() || excludes(f.exclude, path) {
				continue
			}
			info, err := e.Info()
			if err != nil || info.ModTime().Before(since) {
				continue
			}
			if id, _ := idOf(path, info); !seen[id] {
				seen[id] = true
				more = append(more, candidate{c.root, path, info, id})
			}
		}
	}
	f.names, f.scanned = names, now
	return more
}

// again notes that a file which is followed was found, and reports whether it is one. The caller
// holds mu.
func (f *Follower) again(c candidate, now time.Time) bool {
	t := f.files[c.id]
	if t == nil {
		return false
	}
	t.name, t.below, t.seenAt, t.seenIn = c.path, c.root, now, f.scans+1
	if saw := stateOf(c.info); !saw.same(t.saw) {
		t.saw = saw
		t.woken.Store(true)
	}
	return true
}

// meet takes up a file that a scan found and that is not followed. The caller holds mu.
func (f *Follower) meet(c candidate, now time.Time) {
	if f.coming[c.id] {
		return
	}
	if len(f.files)+len(f.arrived) >= f.opts.MaxFiles {
		f.stats.Waiting++
		return
	}
	t := &followed{id: c.id, name: c.path, path: c.path, below: c.root, root: c.root, size: c.info.Size(), saw: stateOf(c.info), seenAt: now, seenIn: f.scans + 1, seen: now, grown: now, linked: true, decode: f.decoder(c.path), wait: f.opts.Poll}
	if len(f.open) < f.opts.MaxOpen {
		switch err := f.reach(t); {
		case errors.Is(err, fs.ErrNotExist) && f.left[c.id]:
			return // deleted after this scan had seen it, when it had been read
		case errors.Is(err, fs.ErrNotExist):
			f.vanished[c.id] = c // perhaps it has another name by now
			return
		case err != nil:
			f.refuseLocked(c.path, err)
			return
		}
	}
	t.behind.Store(c.info.Size())
	f.arrived = append(f.arrived, t)
	f.coming[t.id] = true
}

func (f *Follower) refuse(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return // between two looks; the next scan knows
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuseLocked(path, err)
}

// maxRefused bounds the paths that are known to be refused; beyond it they are reported
// anew.
const maxRefused = 10_000

func (f *Follower) refuseLocked(path string, err error) {
	if f.refused[path] {
		return
	}
	if len(f.refused) >= maxRefused {
		clear(f.refused)
	}
	f.refused[path] = true
	f.stats.Refused++
	f.log.Warn("a path is not followed", "path", path, "error", err)
}

// reach opens the file that the path leads to now, and takes its identity. The caller holds mu.
func (f *Follower) reach(t *followed) error {
	file, err := f.openFile(t.root, t.path)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNoFile
	}
	if err != nil {
		file.Close()
		return err
	}
	id, _ := idOf(t.path, info)
	if t.file == nil && t.copier != nil && id != t.id {
		file.Close()
		return fs.ErrNotExist // another file has taken the name
	}
	t.id, t.file, t.size = id, file, info.Size()
	t.place = len(f.open)
	f.open = append(f.open, t)
	return nil
}

// closeFile is close for callers that do not hold mu.
func (f *Follower) closeFile(t *followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.close(t)
}

// close closes a file, if it is open. The caller holds mu.
func (f *Follower) close(t *followed) {
	if t.reader != nil {
		t.reader.Close()
		t.reader = nil
	}
	if t.file == nil {
		return
	}
	t.file.Close()
	t.file, t.begins = nil, nil
	last := f.open[len(f.open)-1]
	f.open[t.place], last.place = last, t.place
	f.open[len(f.open)-1] = nil
	f.open = f.open[:len(f.open)-1]
}
