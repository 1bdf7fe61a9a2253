package file

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/vfs"
)

// Options say where files are written and when one is finished. Dir is needed.
type Options struct {
	// Dir is the folder, made if it does not exist.
	Dir string
	// Prefix begins the names of the files. Default: "events". Letters, digits,
	// dashes, underscores and dots, and not a dot at the beginning.
	Prefix string
	// Suffix ends the names. Default: ".ndjson". The same characters.
	Suffix string
	// Folders, if set, is a template for folders below Dir, such as
	// {event.dataset}/{host.name}. Of the values only letters, digits, dashes, underscores
	// and dots are kept, at most 80 bytes; what is absent is "_". Each folder has files of
	// its own.
	Folders string
	// MaxFolders bounds the folders that have an open file; beyond it the file that was
	// written to longest ago is finished. Default: 64. 1 to 10,000.
	MaxFolders int
	// Compression, if set, compresses each batch. Small batches compress badly: put a
	// batch.Window in front. Default: none.
	Compression Compression
	// MaxBytes finishes a file before a batch that would make it longer, compressed as it
	// is. Default: 128 MiB. At least 1.
	MaxBytes int64
	// MaxAge finishes a file that long after it was begun, also if nothing more
	// comes. Default: 1 hour. Negative: no limit.
	MaxAge time.Duration
	// NoSync leaves out fsync.
	NoSync bool
	// OnFinish, if set, is called with the path of each finished file. It must not
	// call the Sink.
	OnFinish func(path string, bytes int64)
	// Now is the clock for names. Default: time.Now. Ages run on the monotonic clock.
	Now func() time.Time
	// FS is the file system. Default: that of the machine.
	FS vfs.FS
}

// keptPacked is how large the buffer for compressed batches may stay.
const keptPacked = 4 << 20

// suffix ends the names of finished files.
func (opts *Options) suffix() string {
	if opts.Compression == nil {
		return opts.Suffix
	}
	return opts.Suffix + opts.Compression.Suffix()
}

// partSuffix marks a file that is not finished.
const partSuffix = ".part"

// Sink writes lines to files.
type Sink[T any] struct {
	opts Options
	id   string

	mu      sync.Mutex
	packed  []byte
	folders *folders[T] // nil without Options.Folders
	seq     int
	file    vfs.File // nil between files
	path    string   // of the finished file
	size    int64
	timer   *time.Timer
	err     error // of finishing a file by age, for the next call
	closed  bool
}

// New returns a sink that writes to a folder. It fails for options that make no
// sense, and if the folder cannot be made.
func New[T any](opts Options) (*Sink[T], error) {
	if err := opts.prepare(); err != nil {
		return nil, err
	}
	if err := vfs.MkdirAll(opts.FS, opts.Dir, 0o700); err != nil {
		return nil, err
	}
	var id [4]byte
	rand.Read(id[:])
	s := &Sink[T]{opts: opts, id: hex.EncodeToString(id[:])}
	if opts.Folders != "" {
		var err error
		if s.folders, err = newFolders[T](opts.Folders); err != nil {
			return nil, err
		}
		if err := s.recoverFolders(opts.Dir, strings.Count(opts.Folders, "/")+1); err != nil {
			return nil, err
		}
		return s, nil
	}
	if err := s.recover(); err != nil {
		return nil, err
	}
	return s, nil
}

// Check reports what New would find wrong with the options. It opens nothing.
func (opts Options) Check() error { return opts.prepare() }

func (opts *Options) prepare() error {
	if opts.Prefix == "" {
		opts.Prefix = "events"
	}
	if opts.Suffix == "" {
		opts.Suffix = ".ndjson"
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = 128 << 20
	}
	if opts.MaxAge == 0 {
		opts.MaxAge = time.Hour
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.FS == nil {
		opts.FS = vfs.OS
	}
	switch {
	case opts.Dir == "":
		return errors.New("batch/file: Options has no Dir")
	case !plain(opts.Prefix) || opts.Prefix[0] == '.':
		return fmt.Errorf("batch/file: Prefix %q: want letters, digits, dashes, underscores and dots, and no dot at the beginning", opts.Prefix)
	case !plain(opts.Suffix) || strings.HasSuffix(opts.Suffix, partSuffix):
		return fmt.Errorf("batch/file: Suffix %q: want letters, digits, dashes, underscores and dots, and not %s at the end", opts.Suffix, partSuffix)
	case opts.MaxFolders < 0 || opts.MaxFolders > 10_000:
		return fmt.Errorf("batch/file: MaxFolders is %d, want 1 to 10,000", opts.MaxFolders)
	case opts.MaxBytes < 0:
		return fmt.Errorf("batch/file: MaxBytes is %d", opts.MaxBytes)
	}
	if opts.MaxFolders == 0 {
		opts.MaxFolders = 64
	}
	if opts.Folders != "" {
		if _, err := newFolders[struct{}](opts.Folders); err != nil {
			return err
		}
	}
	return nil
}

func plain(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	})
}

// create makes a file that no other process takes for one of the dead.
func (s *Sink[T]) create(path string) (vfs.File, error) {
	f, err := s.opts.FS.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	// Another process that recovers files may have taken it between these two calls.
	err = f.Lock()
	if err == nil {
		var ours bool
		if ours, err = f.At(path); err == nil && !ours {
			err = fs.ErrNotExist
		}
	}
	if err == nil && !s.opts.NoSync {
		err = s.opts.FS.SyncDir(s.opts.Dir) // or a batch that is on the disk has no name there
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// LinesOnly marks the sink.
func (*Sink[T]) LinesOnly() {}

// ErrClosed is the answer to a Write after Close.
var ErrClosed = errcat.New(errcat.Internal, errcat.StageDeliver, "batch/file: write after Close")

// Write appends the lines of b to the file at hand. After an error nothing of b is in
// it.
func (s *Sink[T]) Write(ctx context.Context, b *batch.Batch[T]) error {
	if len(b.Lines) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.folders != nil {
		return s.writeFolders(ctx, b)
	}
	text := b.Lines
	if s.opts.Compression != nil {
		var err error
		if s.packed, err = s.opts.Compression.Append(s.packed[:0], text); err != nil {
			return fmt.Errorf("batch/file: %w", err)
		}
		text = s.packed
	}
	if s.file != nil && s.size > 0 && s.size+int64(len(text)) > s.opts.MaxBytes {
		if err := s.finish(); err != nil {
			return err
		}
	}
	if s.file == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	n, err := s.file.WriteAt(text, s.size)
	if err == nil && n < len(text) {
		err = io.ErrShortWrite
	}
	if err != nil {
		if s.file.Truncate(s.size) != nil {
			s.giveUp(false)
		}
		return err
	}
	if !s.opts.NoSync {
		if err := s.file.Sync(); err != nil {
			s.giveUp(s.file.Truncate(s.size) == nil)
			return &errcat.Error{Category: errcat.SinkRejected, Stage: errcat.StageDeliver, Err: &syncError{err}}
		}
	}
	s.size += int64(len(text))
	if cap(s.packed) > keptPacked {
		s.packed = nil
	}
	return nil
}

// syncError is a failed fsync. Trying again can help: it is a new file then.
type syncError struct{ err error }

func (e *syncError) Error() string   { return "batch/file: fsync failed: " + e.err.Error() }
func (e *syncError) Unwrap() error   { return e.err }
func (e *syncError) Retryable() bool { return true }

// begin opens the next file.
func (s *Sink[T]) begin() error {
	s.seq++
	at := s.opts.Now().UTC().Format("20060102T150405.000000000Z")
	s.path = filepath.Join(s.opts.Dir, fmt.Sprintf("%s-%s-%s-%06d%s", s.opts.Prefix, at, s.id, s.seq, s.opts.suffix()))
	f, err := s.create(s.path + partSuffix)
	if err != nil {
		return err
	}
	s.file, s.size = f, 0
	if s.opts.MaxAge > 0 {
		// The timer's goroutine ends when it has finished the file, or found it gone.
		s.timer = time.AfterFunc(s.opts.MaxAge, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.file == f {
				if err := s.finish(); err != nil && s.err == nil {
					s.err = err
				}
			}
		})
	}
	return nil
}

// giveUp ends a file that can no longer be trusted. If it was cut at its good length
// it gets its name; if not it stays what it is until it is recovered.
func (s *Sink[T]) giveUp(cut bool) {
	s.stopTimer()
	s.file.Close()
	s.file = nil
	if !cut {
		return
	}
	if s.size == 0 {
		_ = s.opts.FS.Remove(s.path + partSuffix) // an empty file that stays does no harm
		return
	}
	if s.opts.FS.Rename(s.path+partSuffix, s.path) == nil && s.opts.OnFinish != nil {
		s.opts.OnFinish(s.path, s.size)
	}
}

func (s *Sink[T]) stopTimer() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// finish closes the file and gives it its name. The file is gone from the sink also
// after an error.
func (s *Sink[T]) finish() error {
	s.stopTimer()
	f := s.file
	s.file = nil
	var errs []error
	errs = append(errs, f.Close())
	if s.size == 0 {
		errs = append(errs, s.opts.FS.Remove(s.path+partSuffix))
		return errors.Join(errs...)
	}
	if err := s.opts.FS.Rename(s.path+partSuffix, s.path); err != nil {
		return errors.Join(append(errs, err)...)
	}
	if !s.opts.NoSync {
		errs = append(errs, s.opts.FS.SyncDir(s.opts.Dir))
	}
	if s.opts.OnFinish != nil {
		s.opts.OnFinish(s.path, s.size)
	}
	return errors.Join(errs...)
}

// Rotate finishes the file at hand, if there is one.
func (s *Sink[T]) Rotate() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.err
	s.err = nil
	if s.folders != nil {
		return errors.Join(err, s.closeFolders())
	}
	if s.file != nil {
		err = errors.Join(err, s.finish())
	}
	return err
}

// Close finishes the file at hand and refuses further batches. It returns errors of
// finishing files that no Write has returned. A second Close does nothing.
func (s *Sink[T]) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.Rotate()
}

// recover finishes files that a killed process has left.
func (s *Sink[T]) recover() error {
	if !vfs.CanLock {
		return nil
	}
	entries, err := s.opts.FS.ReadDir(s.opts.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() || !strings.HasPrefix(name, s.opts.Prefix+"-") || !strings.HasSuffix(name, s.opts.suffix()+partSuffix) {
			continue
		}
		if err := s.recoverFile(filepath.Join(s.opts.Dir, name)); err != nil {
			return fmt.Errorf("batch/file: left by an earlier process and cannot be finished: %w", err)
		}
	}
	return nil
}

// recoverFile finishes one file, unless another process is writing it.
func (s *Sink[T]) recoverFile(part string) error {
	fsys := s.opts.FS
	f, err := fsys.OpenFile(part, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // finished this moment
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if f.Lock() != nil {
		return nil // somebody is writing it
	}
	size := int64(0)
	if c := s.opts.Compression; c != nil {
		size, err = lastPiece(f, c)
	} else {
		size, err = lastLine(f)
	}
	if err != nil {
		return err
	}
	if size == 0 {
		return fsys.Remove(part)
	}
	if err := f.Truncate(size); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	path := strings.TrimSuffix(part, partSuffix)
	if err := fsys.Rename(part, path); err != nil {
		return err
	}
	if err := fsys.SyncDir(s.opts.Dir); err != nil {
		return err
	}
	if s.opts.OnFinish != nil {
		s.opts.OnFinish(path, size)
	}
	return nil
}

// lastLine returns the offset behind the last line feed of f.
func lastLine(f vfs.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	buf := make([]byte, 64<<10)
	for size > 0 {
		n := min(size, int64(len(buf)))
		if _, err := f.ReadAt(buf[:n], size-n); err != nil {
			return 0, err
		}
		for i := n - 1; i >= 0; i-- {
			if buf[i] == '\n' {
				return size - n + i + 1, nil
			}
		}
		size -= n
	}
	return 0, nil
}
