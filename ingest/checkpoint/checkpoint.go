// Package checkpoint keeps the position of a source over restarts and crashes.
//
//	c, err := checkpoint.Open("/var/lib/penstock/api.cursor", checkpoint.Options{})
//	if err != nil { … }
//	defer c.Close()
//	position := c.Load() // nil at the first run
//	…
//	err = c.Save(position)
//
// What a position is, the source knows: it is a string of bytes here. A source saves
// it when everything before it has reached its end, see ingest.Commits.
//
// # Format
//
// Two files, PATH and PATH.alt, and a third one, PATH.note, where positions are noted
// without an fsync, are written in turn, each over its older self:
//
//	penstock checkpoint 1 GENERATION LENGTH CRC32C
//	the position, LENGTH bytes
//
// A file comes into being as PATH.new and is renamed. The numbers are decimal, the
// checksum is hexadecimal and covers generation, length and position. The file with the
// highest generation whose checksum is right counts. Neither it nor the last one that is durable is
// ever written over: a write that the end of the process has torn costs one generation, one
// that a power cut has torn what was noted since the last Save, and what follows the position
// before it is read again. Overwriting needs no free space; where there is none to make the
// third file, notes are written over each other. PATH.lock keeps other processes out; the lock ends with its
// process, where the system has such locks.
//
// # Promises
//
//   - After Save has returned the position survives a power cut (fsync, also of the
//     folder when a file is made).
//   - A file that is damaged is never taken for a position. Where one of two is, the
//     other one counts, and Damaged says so. Where there is something and none can be
//     read, Open fails with the names of the files: to begin anew without a word would lose or
//     repeat everything. A version that this program does not know fails too. Neither
//     is overwritten.
//
// Files get mode 0600, folders that are made 0700.
package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/vfs"
)

// Options of a checkpoint. The zero value works.
type Options struct {
	// MaxBytes bounds a position. Default: 64 MiB. At most 1 GiB.
	MaxBytes int
	// FS is the file system. Default: that of the machine.
	FS vfs.FS
}

// File is an open checkpoint. Safe for concurrent use.
type File struct {
	opts  Options
	paths [3]string
	lock  vfs.File

	mu      sync.Mutex
	gen     uint64 // of the position at hand, 0 if there is none
	at      []byte
	latest  int     // which file holds it, none if there is none
	durable int     // which file holds the last one that is durable, none if there is none
	named   [3]bool // the file's name is known to be durable
	damaged error
	closed  bool
}

// none is no file.
const none = -1

const (
	magic   = "penstock checkpoint "
	version = "1"
	// maxHeader is more than the first line can be.
	maxHeader = 128
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // read-only

// ErrClosed is the answer after Close.
var ErrClosed = errcat.New(errcat.Internal, errcat.StageCollect, "the checkpoint is closed")

// Open opens the checkpoint at path and reads the last position. It fails if another
// process has it open, and where files are there and no position can be read.
func Open(path string, opts Options) (*File, error) {
	if opts.MaxBytes == 0 {
		opts.MaxBytes = 64 << 20
	}
	if opts.FS == nil {
		opts.FS = vfs.OS
	}
	if path == "" || opts.MaxBytes < 0 || opts.MaxBytes > 1<<30 {
		return nil, fmt.Errorf("checkpoint: path %q, MaxBytes %d: want a path, and at most 1 GiB", path, opts.MaxBytes)
	}
	f := &File{opts: opts, paths: [3]string{path, path + ".alt", path + ".note"}, latest: none, durable: none}
	if err := vfs.MkdirAll(opts.FS, filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	lock, err := opts.FS.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if err := errors.Join(lock.Lock(), f.load()); err != nil {
		lock.Close()
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	f.lock = lock
	return f, nil
}

// load reads the files.
func (f *File) load() error {
	var faults []error
	var unknown, unreadable bool
	for i, path := range f.paths {
		gen, at, err := read(f.opts, path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			var damage *damageError
			unreadable = unreadable || !errors.As(err, &damage)
			unknown = unknown || damage != nil && damage.version
			faults = append(faults, err)
			continue
		}
		if gen > f.gen {
			f.gen, f.at, f.latest = gen, at, i
		}
	}
	if unknown || unreadable || f.gen == 0 && len(faults) > 0 {
		return errors.Join(faults...)
	}
	f.damaged = errors.Join(faults...)
	if f.gen == 0 {
		return nil
	}
	// It may be of a Note: before the others are written over it has to be durable.
	best, err := f.opts.FS.OpenFile(f.paths[f.latest], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(best.Sync(), best.Close(), f.opts.FS.SyncDir(filepath.Dir(f.paths[0]))); err != nil {
		return err
	}
	f.durable = f.latest
	return nil
}

// damageError says that a file holds no position.
type damageError struct {
	path, why string
	version   bool
}

func (e *damageError) Error() string { return e.path + " " + e.why }

func read(opts Options, path string) (gen uint64, at []byte, err error) {
	if info, err := opts.FS.Stat(path); err == nil && !info.Mode().IsRegular() {
		return 0, nil, fmt.Errorf("%s is no file", path)
	}
	b, err := vfs.ReadFile(opts.FS, path, int64(opts.MaxBytes)+maxHeader)
	if err != nil {
		return 0, nil, err
	}
	rest, ok := bytes.CutPrefix(b, []byte(magic))
	line, _, ok2 := bytes.Cut(rest[:min(len(rest), maxHeader)], []byte("\n"))
	fields := bytes.Fields(line)
	if !ok || !ok2 || len(fields) == 0 {
		return 0, nil, &damageError{path: path, why: "is no checkpoint, or a damaged one; move it away to begin anew"}
	}
	if v := string(fields[0]); v != version {
		if _, err := strconv.ParseUint(v, 10, 16); err == nil {
			return 0, nil, &damageError{path: path, version: true, why: "has format version " + v + ", this program knows " + version + ": it is kept as it is; use the program that wrote it"}
		}
	}
	at = rest[len(line)+1:]
	if len(fields) == 4 {
		gen, _ = strconv.ParseUint(string(fields[1]), 10, 64)
		// What the older, longer content of the file has left behind the position does
		// not count.
		if n, err := strconv.ParseUint(string(fields[2]), 10, 31); err == nil && int(n) <= len(at) {
			at = at[:n]
			if sum, err := strconv.ParseUint(string(fields[3]), 16, 32); err == nil && gen > 0 && uint32(sum) == checksum(gen, at) {
				return gen, at, nil
			}
		}
	}
	return 0, nil, &damageError{path: path, why: "is damaged: its checksum does not fit; move it away to begin anew"}
}

func checksum(gen uint64, at []byte) uint32 {
	return crc32.Update(crc32.Checksum(fmt.Appendf(nil, "%d %d\n", gen, len(at)), castagnoli), castagnoli, at)
}

// Load returns the last position, nil if there is none. It is the caller's.
func (f *File) Load() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gen == 0 {
		return nil
	}
	return append([]byte{}, f.at...)
}

// Generation counts positions over the life of the files, 0 if there is none.
func (f *File) Generation() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gen
}

// Damaged says which file was damaged at Open while the other one was not; nil if none
// was.
func (f *File) Damaged() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.damaged
}

// Save makes position the last one, durably. It is not kept. After an error the
// position before counts, and Save may be called again. A position longer than
// Options.MaxBytes is OVERSIZE.
func (f *File) Save(position []byte) error { return f.put(position, true) }

// Note is Save without the fsync: the position survives the end of the process, this one
// or, where that comes while it is written, the one before, and
// after a power cut the last one that was saved counts. It is for positions that move
// faster than a disk can follow.
func (f *File) Note(position []byte) error { return f.put(position, false) }

func (f *File) put(position []byte, sync bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrClosed
	}
	if len(position) > f.opts.MaxBytes {
		return errcat.Newf(errcat.Oversize, errcat.StageCollect, "checkpoint: %d bytes for %s, at most %d", len(position), f.paths[0], f.opts.MaxBytes)
	}
	sync = sync || f.durable == none
	gen := f.gen + 1
	b := fmt.Appendf(make([]byte, 0, len(position)+maxHeader), "%s%s %d %d %08x\n", magic, version, gen, len(position), checksum(gen, position))
	head := len(b)
	b = append(b, position...)
	slot := 0
	for slot == f.latest || slot == f.durable {
		slot++
	}
	err := f.write(slot, b, sync)
	if err != nil && f.latest != f.durable {
		if _, missing := f.opts.FS.Stat(f.paths[slot]); errors.Is(missing, fs.ErrNotExist) {
			slot = f.latest // no room for one more file
			f.latest = f.durable
			err = f.write(slot, b, sync)
		}
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	f.gen, f.at, f.latest = gen, b[head:], slot
	if sync {
		f.durable = slot
	}
	return nil
}

// write writes over one of the files. It is opened anew each time: after an fsync that
// failed nothing on the same descriptor is to be trusted. A file that is not there yet
// gets its name when it is whole, so that a torn one always has a whole one beside it.
func (f *File) write(slot int, b []byte, sync bool) error {
	fsys, path := f.opts.FS, f.paths[slot]
	to := path
	_, err := fsys.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		to, err = path+".new", nil
	}
	if err != nil {
		return err
	}
	file, err := fsys.OpenFile(to, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = writeAll(file, b)
	if err == nil {
		err = file.Truncate(int64(len(b)))
	}
	if err == nil && (sync || to != path) {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if to != path {
		if err := fsys.Rename(to, path); err != nil {
			return err
		}
		f.named[slot] = false
	}
	if !f.named[slot] {
		if err := fsys.SyncDir(filepath.Dir(path)); err != nil {
			return err
		}
		f.named[slot] = true
	}
	return nil
}

func writeAll(file vfs.File, b []byte) error {
	for at := int64(0); len(b) > 0; {
		n, err := file.WriteAt(b, at)
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return err
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}

// Close frees the lock. It saves nothing. A second Close does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	return f.lock.Close()
}
