// Package errorfs is a file system whose operations fail on demand.
//
//	fsys := errorfs.Wrap(vfs.OS, errorfs.Nth(7, syscall.EIO))
//
// Every operation is numbered, from 1, and shown to a function that lets it pass,
// fails it, cuts a write or a read short, or kills: after Kill nothing passes any more,
// as if the process were gone.
package errorfs

import (
	"errors"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/penstock-dev/penstock/internal/vfs"
)

// Kind is what an operation does.
type Kind string

// The kinds of operations. Close is none: it cannot be made to fail usefully.
const (
	Open     Kind = "open"
	Create   Kind = "create" // an open that may make the file
	Read     Kind = "read"
	Write    Kind = "write"
	Truncate Kind = "truncate"
	Sync     Kind = "sync"
	SyncDir  Kind = "syncdir"
	Remove   Kind = "remove"
	Rename   Kind = "rename"
	Mkdir    Kind = "mkdir"
	ReadDir  Kind = "readdir"
	Stat     Kind = "stat"
	Lock     Kind = "lock"
)

// Changes reports whether operations of this kind change something.
func (k Kind) Changes() bool {
	switch k {
	case Create, Write, Truncate, Sync, SyncDir, Remove, Rename, Mkdir:
		return true
	}
	return false
}

// Op is one operation.
type Op struct {
	// N counts the operations of the file system, from 1; Change those that change
	// something, 0 for others.
	N, Change int64
	Kind      Kind
	Name      string
	// Size is how many bytes are to be read or written.
	Size int
}

// Decide says what happens to an operation: nil lets it pass. Safe for concurrent use.
type Decide func(Op) error

// Short is an error of a Decide that lets the first Bytes of a read or write pass and
// then returns Err; a nil Err is a short write, or read, as such.
type Short struct {
	Bytes int
	Err   error
}

// Error says how short.
func (s *Short) Error() string { return "cut short" }

// ErrKilled is the answer to all operations after Kill.
var ErrKilled = errors.New("errorfs: the process is dead")

// FS is a file system with faults.
type FS struct {
	fs     vfs.FS
	decide atomic.Pointer[Decide]
	n, c   atomic.Int64
	killed atomic.Bool
}

// Wrap returns fsys with the faults that decide asks for; nil asks for none.
func Wrap(fsys vfs.FS, decide Decide) *FS {
	f := &FS{fs: fsys}
	f.Set(decide)
	return f
}

// Set exchanges the decider.
func (f *FS) Set(decide Decide) {
	if decide == nil {
		decide = func(Op) error { return nil }
	}
	f.decide.Store(&decide)
}

// Kill makes all operations fail from now on.
func (f *FS) Kill() { f.killed.Store(true) }

// Killed reports whether it was killed.
func (f *FS) Killed() bool { return f.killed.Load() }

// Ops is how many operations there were; changes those that change something.
func (f *FS) Ops() (ops, changes int64) { return f.n.Load(), f.c.Load() }

// Nth fails the n-th operation that changes something, counted from 1.
func Nth(n int64, err error) Decide {
	return func(op Op) error {
		if op.Change == n {
			return err
		}
		return nil
	}
}

// check numbers an operation and asks what happens to it.
func (f *FS) check(kind Kind, name string, size int) error {
	if f.killed.Load() {
		return &fs.PathError{Op: string(kind), Path: name, Err: ErrKilled}
	}
	op := Op{N: f.n.Add(1), Kind: kind, Name: name, Size: size}
	if kind.Changes() {
		op.Change = f.c.Add(1)
	}
	err := (*f.decide.Load())(op)
	if err == nil && f.killed.Load() {
		err = ErrKilled
	}
	if err == nil {
		return nil
	}
	var short *Short
	if errors.As(err, &short) {
		return short
	}
	return &fs.PathError{Op: string(kind), Path: name, Err: err}
}

// OpenFile opens a file.
func (f *FS) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	kind := Open
	if flag&os.O_CREATE != 0 {
		kind = Create
	}
	if err := f.check(kind, name, 0); err != nil {
		return nil, err
	}
	file, err := f.fs.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &errorFile{file, f, name}, nil
}

// Remove removes a file.
func (f *FS) Remove(name string) error {
	if err := f.check(Remove, name, 0); err != nil {
		return err
	}
	return f.fs.Remove(name)
}

// Rename renames a file.
func (f *FS) Rename(from, to string) error {
	if err := f.check(Rename, from, 0); err != nil {
		return err
	}
	return f.fs.Rename(from, to)
}

// Mkdir makes a folder.
func (f *FS) Mkdir(name string, perm fs.FileMode) error {
	if err := f.check(Mkdir, name, 0); err != nil {
		return err
	}
	return f.fs.Mkdir(name, perm)
}

// ReadDir lists a folder.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.check(ReadDir, name, 0); err != nil {
		return nil, err
	}
	return f.fs.ReadDir(name)
}

// Stat describes a file.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	if err := f.check(Stat, name, 0); err != nil {
		return nil, err
	}
	return f.fs.Stat(name)
}

// SyncDir syncs a folder.
func (f *FS) SyncDir(name string) error {
	if err := f.check(SyncDir, name, 0); err != nil {
		return err
	}
	return f.fs.SyncDir(name)
}

type errorFile struct {
	vfs.File
	fs   *FS
	name string
}

// cut performs an operation on b that may be cut short.
func (f *errorFile) cut(kind Kind, b []byte, do func([]byte) (int, error)) (int, error) {
	err := f.fs.check(kind, f.name, len(b))
	var short *Short
	switch {
	case err == nil:
		return do(b)
	case errors.As(err, &short):
		n, err := do(b[:min(max(short.Bytes, 0), len(b))])
		if err == nil {
			err = short.Err
		}
		return n, err
	}
	return 0, err
}

func (f *errorFile) Read(b []byte) (int, error)  { return f.cut(Read, b, f.File.Read) }
func (f *errorFile) Write(b []byte) (int, error) { return f.cut(Write, b, f.File.Write) }

func (f *errorFile) ReadAt(b []byte, off int64) (int, error) {
	return f.cut(Read, b, func(b []byte) (int, error) { return f.File.ReadAt(b, off) })
}

func (f *errorFile) WriteAt(b []byte, off int64) (int, error) {
	return f.cut(Write, b, func(b []byte) (int, error) { return f.File.WriteAt(b, off) })
}

func (f *errorFile) Truncate(size int64) error {
	if err := f.fs.check(Truncate, f.name, 0); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *errorFile) Sync() error {
	if err := f.fs.check(Sync, f.name, 0); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *errorFile) Stat() (fs.FileInfo, error) {
	if err := f.fs.check(Stat, f.name, 0); err != nil {
		return nil, err
	}
	return f.File.Stat()
}

func (f *errorFile) Lock() error {
	if err := f.fs.check(Lock, f.name, 0); err != nil {
		return err
	}
	return f.File.Lock()
}

func (f *errorFile) At(name string) (bool, error) {
	if err := f.fs.check(Stat, name, 0); err != nil {
		return false, err
	}
	return f.File.At(name)
}
