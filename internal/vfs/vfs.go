// Package vfs is the small part of a file system that penstock's durable state stands
// on: the spool, checkpoints, files of events. Everything that must survive a crash
// goes through an FS, so that tests can put a failing one (errorfs) or a forgetful one
// (memfs) in its place.
//
// Names are those of package os. An FS and the methods ReadAt and WriteAt of its files
// are safe for concurrent use; a File's other methods are not.
package vfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FS is a file system.
type FS interface {
	// OpenFile opens a file with the flags of os.OpenFile.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Remove removes a file or an empty folder.
	Remove(name string) error
	// Rename gives a file another name, in one step and over one that exists.
	Rename(from, to string) error
	// Mkdir makes one folder.
	Mkdir(name string, perm fs.FileMode) error
	// ReadDir returns the entries of a folder, ordered by name.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Stat describes a file.
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the entries of a folder durable: files made in it, renamed, removed.
	SyncDir(name string) error
}

// File is an open file.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	// Truncate cuts the file, or fills it with zeros, to a size.
	Truncate(size int64) error
	// Sync makes the content durable. After it has failed nothing is known about what
	// was written since the last one that succeeded, and a later success does not
	// change that: the system may have dropped the pages.
	Sync() error
	// Stat describes the file.
	Stat() (fs.FileInfo, error)
	// Lock takes the file for this holder until it is closed or its process has ended,
	// however that ends. It does not wait: ErrLocked says that another one holds it.
	// Where the system has no such locks it does nothing, see CanLock.
	Lock() error
	// At reports whether the name still stands for this file.
	At(name string) (bool, error)
}

// ErrLocked is the error of a Lock that somebody else holds.
var ErrLocked = errors.New("locked by another process")

// OS is the file system of the machine.
var OS FS = osFS{}

type osFS struct{}

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Remove(name string) error                   { return os.Remove(name) }
func (osFS) Rename(from, to string) error               { return os.Rename(from, to) }
func (osFS) Mkdir(name string, perm fs.FileMode) error  { return os.Mkdir(name, perm) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osFS) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }

func (osFS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems cannot sync a folder, and then do not need it.
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) {
		return err
	}
	return nil
}

type osFile struct{ *os.File }

func (f osFile) Lock() error { return lock(f.File) }

func (f osFile) At(name string) (bool, error) {
	ours, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(ours, there), err
}

// MkdirAll makes a folder and those above it that are missing, and makes their names
// durable, also that of one that is there: whoever made it may have ended before.
func MkdirAll(fsys FS, name string, perm fs.FileMode) error {
	info, err := fsys.Stat(name)
	if err == nil {
		if !info.IsDir() {
			return &fs.PathError{Op: "mkdir", Path: name, Err: errors.New("exists and is not a folder")}
		}
		if err := fsys.SyncDir(filepath.Dir(name)); !errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil // above it nothing is ours
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(name)
	if parent != name {
		if err := MkdirAll(fsys, parent, perm); err != nil {
			return err
		}
	}
	if err := fsys.Mkdir(name, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.SyncDir(parent)
}

// ReadFile reads a file of at most most bytes; a longer one is an error.
func ReadFile(fsys FS, name string, most int64) ([]byte, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = &fs.PathError{Op: "read", Path: name, Err: errors.New("longer than it may be")}
	}
	return b, err
}
