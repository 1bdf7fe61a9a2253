// Package memfs is a file system in memory that forgets, at a power cut, what was not
// made durable: bytes that were not synced are lost, kept or torn at the borders of
// sectors, each by chance; names that were not synced with their folder come or go.
// It is as bad as POSIX allows, not as good as ext4 is: a file that was synced is
// still nameless until its folder was.
package memfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/penstock-dev/penstock/internal/vfs"
)

// FS is a file system in memory. Safe for concurrent use.
type FS struct {
	mu       sync.Mutex
	root     *node
	boot     int   // counts power cuts: files opened before are dead
	used     int64 // bytes in files that have a name or are open
	limit    int64 // most bytes, 0 means none
	badSyncs int   // how many syncs are going to fail
	readOnly bool
}

// node is a file or a folder.
type node struct {
	dir   bool
	perm  fs.FileMode
	mtime time.Time
	held  *file // who has the lock
	links int   // names, in the present
	open  int

	data    []byte // of a file: as it reads now
	durable []byte // what is on the disk
	pending []write

	names map[string]*node // of a folder: as it reads now
	saved map[string]*node // on the disk
	steps []step
}

// write is a change of a file that was not synced: bytes at an offset, or, where data
// is nil, a new size.
type write struct {
	off  int64
	data []byte
}

// step is a change of a folder that was not synced: name stands for node, or is gone
// where node is nil. A rename also takes from away.
type step struct {
	name, from string
	node       *node
}

// New returns an empty file system. Its root is the folder "/".
func New() *FS { return &FS{root: newDir()} }

func newDir() *node {
	return &node{dir: true, perm: fs.ModeDir | 0o700, names: map[string]*node{}, saved: map[string]*node{}}
}

// Limit bounds the bytes of all files; writes beyond fail with ENOSPC, after what
// still had room. 0 is no limit.
func (f *FS) Limit(bytes int64) { f.mu.Lock(); f.limit = bytes; f.mu.Unlock() }

// Used is how many bytes the files have.
func (f *FS) Used() int64 { f.mu.Lock(); defer f.mu.Unlock(); return f.used }

// ReadOnly makes every change fail with EROFS, or no longer.
func (f *FS) ReadOnly(on bool) { f.mu.Lock(); f.readOnly = on; f.mu.Unlock() }

// FailSyncs makes the next n syncs of files fail with EIO. As on Linux, what they
// should have written is then taken for written: it reads as before, a later sync
// succeeds, and the next power cut shows that it never reached the disk.
func (f *FS) FailSyncs(n int) { f.mu.Lock(); f.badSyncs = n; f.mu.Unlock() }

// PowerCut loses what was not made durable, as rnd decides, and starts the machine
// again: files that are open fail from then on, locks are free.
func (f *FS) PowerCut(rnd *rand.Rand) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.boot++
	f.used, f.badSyncs = 0, 0
	seen := map[*node]bool{}
	f.root.crash(rnd, seen)
	for n := range seen {
		if !n.dir {
			f.used += int64(len(n.data))
		}
	}
}

func (n *node) crash(rnd *rand.Rand, seen map[*node]bool) {
	if seen[n] {
		n.links++
		return
	}
	seen[n] = true
	n.held, n.links, n.open = nil, 1, 0
	if !n.dir {
		n.crashFile(rnd)
		return
	}
	// The steps reach the disk in order up to some point, and beyond it by chance.
	upTo := rnd.IntN(len(n.steps) + 1)
	for i, s := range n.steps {
		if i < upTo || rnd.IntN(4) == 0 {
			s.apply(n.saved)
		}
	}
	n.steps = nil
	n.names = map[string]*node{}
	for name, child := range n.saved {
		n.names[name] = child
		child.crash(rnd, seen)
	}
}

func (s step) apply(names map[string]*node) {
	if s.from != "" {
		delete(names, s.from)
	}
	if s.node == nil {
		delete(names, s.name)
		return
	}
	names[s.name] = s.node
}

func (n *node) crashFile(rnd *rand.Rand) {
	sector := []int64{512, 4096}[rnd.IntN(2)]
	keep := [...]int{0, 25, 50, 75, 100}[rnd.IntN(5)] // of 100 sectors
	ordered := rnd.IntN(2) == 0
	lost := false
	for _, w := range n.pending {
		if ordered && lost {
			break
		}
		if w.data == nil {
			if rnd.IntN(100) < keep {
				n.durable = resize(n.durable, w.off)
			} else {
				lost = true
			}
			continue
		}
		for at := int64(0); at < int64(len(w.data)); {
			end := min((w.off+at)/sector*sector+sector-w.off, int64(len(w.data)))
			if rnd.IntN(100) >= keep {
				lost = true
				if ordered {
					break
				}
			} else {
				n.durable = put(n.durable, w.off+at, w.data[at:end])
			}
			at = end
		}
	}
	n.pending = nil
	n.data = slices.Clone(n.durable)
}

func resize(b []byte, size int64) []byte {
	if int64(len(b)) >= size {
		return b[:size:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

func put(b []byte, off int64, data []byte) []byte {
	if end := off + int64(len(data)); int64(len(b)) < end {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[off:], data)
	return b
}

func fail(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// find returns the node of a name and its folder; node is nil if it does not exist.
func (f *FS) find(name string) (dir *node, base string, n *node, err error) {
	clean := filepath.ToSlash(filepath.Clean("/" + filepath.ToSlash(name)))
	n = f.root
	for elem := range strings.SplitSeq(strings.Trim(clean, "/"), "/") {
		if elem == "" {
			return nil, "/", n, nil
		}
		if n == nil {
			return nil, "", nil, fs.ErrNotExist
		}
		if !n.dir {
			return nil, "", nil, syscall.ENOTDIR
		}
		dir, base, n = n, elem, n.names[elem]
	}
	return dir, base, n, nil
}

func (f *FS) change(d *node, s step) { s.apply(d.names); d.steps = append(d.steps, s) }

// gone frees what nobody can reach any more.
func (f *FS) gone(n *node) {
	if n.links == 0 && n.open == 0 && !n.dir {
		f.used -= int64(len(n.data))
		n.data = nil
	}
}

// OpenFile opens a file.
func (f *FS) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir, base, n, err := f.find(name)
	writes := flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE|os.O_TRUNC) != 0
	switch {
	case err != nil:
		return nil, fail("open", name, err)
	case n == nil && flag&os.O_CREATE == 0:
		return nil, fail("open", name, fs.ErrNotExist)
	case n != nil && flag&os.O_EXCL != 0:
		return nil, fail("open", name, fs.ErrExist)
	case n != nil && n.dir && writes:
		return nil, fail("open", name, syscall.EISDIR)
	case f.readOnly && writes && (n == nil || flag&(os.O_WRONLY|os.O_RDWR|os.O_TRUNC) != 0):
		return nil, fail("open", name, syscall.EROFS)
	}
	if n == nil {
		n = &node{perm: perm, mtime: time.Now(), links: 1}
		f.change(dir, step{name: base, node: n})
	}
	h := &file{fs: f, node: n, name: name, boot: f.boot, append: flag&os.O_APPEND != 0, writable: flag&(os.O_WRONLY|os.O_RDWR) != 0}
	if flag&os.O_TRUNC != 0 {
		f.resize(n, 0)
	}
	n.open++
	return h, nil
}

func (f *FS) resize(n *node, size int64) {
	f.used += size - int64(len(n.data))
	n.data = resize(n.data, size)
	n.pending = append(n.pending, write{off: size})
}

// Remove removes a file or an empty folder.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir, base, n, err := f.find(name)
	switch {
	case err != nil || n == nil:
		return fail("remove", name, errors.Join(err, fs.ErrNotExist))
	case f.readOnly:
		return fail("remove", name, syscall.EROFS)
	case dir == nil || n.dir && len(n.names) > 0:
		return fail("remove", name, syscall.ENOTEMPTY)
	}
	f.change(dir, step{name: base})
	n.links--
	f.gone(n)
	return nil
}

// Rename renames a file within its folder or to another one; that is atomic only
// within a folder.
func (f *FS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir, base, n, err := f.find(from)
	toDir, toBase, old, toErr := f.find(to)
	switch {
	case err != nil || n == nil:
		return fail("rename", from, errors.Join(err, fs.ErrNotExist))
	case toErr != nil:
		return fail("rename", to, toErr)
	case f.readOnly:
		return fail("rename", from, syscall.EROFS)
	case dir == nil || toDir == nil || old != nil && old.dir:
		return fail("rename", to, syscall.EISDIR)
	case old == n:
		return nil
	}
	if dir == toDir {
		f.change(dir, step{name: toBase, from: base, node: n})
	} else {
		f.change(toDir, step{name: toBase, node: n})
		f.change(dir, step{name: base})
	}
	if old != nil {
		old.links--
		f.gone(old)
	}
	return nil
}

// Mkdir makes a folder.
func (f *FS) Mkdir(name string, perm fs.FileMode) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir, base, n, err := f.find(name)
	switch {
	case err != nil:
		return fail("mkdir", name, err)
	case n != nil:
		return fail("mkdir", name, fs.ErrExist)
	case f.readOnly:
		return fail("mkdir", name, syscall.EROFS)
	}
	made := newDir()
	made.perm = fs.ModeDir | perm
	f.change(dir, step{name: base, node: made})
	return nil
}

// ReadDir lists a folder.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _, n, err := f.find(name)
	if err != nil || n == nil {
		return nil, fail("readdir", name, errors.Join(err, fs.ErrNotExist))
	}
	if !n.dir {
		return nil, fail("readdir", name, syscall.ENOTDIR)
	}
	var list []fs.DirEntry
	for name, child := range n.names {
		list = append(list, fs.FileInfoToDirEntry(child.info(name)))
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, nil
}

// Stat describes a file.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, base, n, err := f.find(name)
	if err != nil || n == nil {
		return nil, fail("stat", name, errors.Join(err, fs.ErrNotExist))
	}
	return n.info(base), nil
}

// SyncDir makes the names in a folder durable.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, _, n, err := f.find(name)
	if err != nil || n == nil || !n.dir {
		return fail("sync", name, errors.Join(err, fs.ErrNotExist))
	}
	for _, s := range n.steps {
		s.apply(n.saved)
	}
	n.steps = nil
	return nil
}

type info struct {
	name  string
	size  int64
	mode  fs.FileMode
	mtime time.Time
}

func (n *node) info(name string) fs.FileInfo {
	return info{name, int64(len(n.data)), n.perm, n.mtime}
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return i.mtime }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

// file is an open file.
type file struct {
	fs       *FS
	node     *node
	name     string
	boot     int
	pos      int64
	append   bool
	writable bool
	closed   bool
}

// begin locks the file system for an operation.
func (h *file) begin(op string, writes bool) error {
	h.fs.mu.Lock()
	switch {
	case h.closed:
		return fail(op, h.name, fs.ErrClosed)
	case h.boot != h.fs.boot:
		return fail(op, h.name, errors.New("memfs: opened before the power cut"))
	case writes && !h.writable:
		return fail(op, h.name, syscall.EBADF)
	case writes && h.fs.readOnly:
		return fail(op, h.name, syscall.EROFS)
	}
	return nil
}

func (h *file) Read(b []byte) (int, error) {
	n, err := h.ReadAt(b, h.pos)
	h.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (h *file) ReadAt(b []byte, off int64) (int, error) {
	defer h.fs.mu.Unlock()
	if err := h.begin("read", false); err != nil {
		return 0, err
	}
	if off < 0 || off >= int64(len(h.node.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.node.data[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *file) Write(b []byte) (int, error) {
	if h.append {
		h.fs.mu.Lock()
		h.pos = int64(len(h.node.data))
		h.fs.mu.Unlock()
	}
	n, err := h.WriteAt(b, h.pos)
	h.pos += int64(n)
	return n, err
}

func (h *file) WriteAt(b []byte, off int64) (int, error) {
	defer h.fs.mu.Unlock()
	if err := h.begin("write", true); err != nil {
		return 0, err
	}
	var err error
	if grow := max(0, off+int64(len(b))-int64(len(h.node.data))); h.fs.limit > 0 && h.fs.used+grow > h.fs.limit {
		room := max(0, h.fs.limit-h.fs.used) + int64(len(h.node.data)) - off
		b, err = b[:min(max(room, 0), int64(len(b)))], fail("write", h.name, syscall.ENOSPC)
	}
	if len(b) > 0 {
		before := int64(len(h.node.data))
		h.node.data = put(h.node.data, off, b)
		h.fs.used += int64(len(h.node.data)) - before
		h.node.pending = append(h.node.pending, write{off, slices.Clone(b)})
		h.node.mtime = time.Now()
	}
	return len(b), err
}

func (h *file) Truncate(size int64) error {
	defer h.fs.mu.Unlock()
	if err := h.begin("truncate", true); err != nil {
		return err
	}
	if size < 0 {
		return fail("truncate", h.name, syscall.EINVAL)
	}
	h.fs.resize(h.node, size)
	return nil
}

func (h *file) Sync() error {
	defer h.fs.mu.Unlock()
	if err := h.begin("sync", false); err != nil {
		return err
	}
	if h.fs.badSyncs > 0 {
		h.fs.badSyncs--
		h.node.pending = nil // taken for written
		return fail("sync", h.name, syscall.EIO)
	}
	// Only what is pending goes to the disk, not what an earlier failed sync has lost.
	for _, w := range h.node.pending {
		if w.data == nil {
			h.node.durable = resize(h.node.durable, w.off)
		} else {
			h.node.durable = put(h.node.durable, w.off, w.data)
		}
	}
	h.node.pending = nil
	return nil
}

func (h *file) Stat() (fs.FileInfo, error) {
	defer h.fs.mu.Unlock()
	if err := h.begin("stat", false); err != nil {
		return nil, err
	}
	return h.node.info(filepath.Base(h.name)), nil
}

func (h *file) Lock() error {
	defer h.fs.mu.Unlock()
	if err := h.begin("lock", false); err != nil {
		return err
	}
	if h.node.held != nil && h.node.held != h {
		return fail("lock", h.name, vfs.ErrLocked)
	}
	h.node.held = h
	return nil
}

func (h *file) At(name string) (bool, error) {
	defer h.fs.mu.Unlock()
	if err := h.begin("stat", false); err != nil {
		return false, err
	}
	_, _, n, err := h.fs.find(name)
	return err == nil && n == h.node, nil
}

func (h *file) Close() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.closed {
		return fail("close", h.name, fs.ErrClosed)
	}
	h.closed = true
	if h.boot != h.fs.boot {
		return nil
	}
	if h.node.held == h {
		h.node.held = nil
	}
	h.node.open--
	h.fs.gone(h.node)
	return nil
}
