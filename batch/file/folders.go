package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/internal/fields"
)

// folders splits batches by a template. Sink.mu guards it.
type folders[T any] struct {
	template []folderPart
	reader   *fields.Reader
	open     map[string]*folder[T]
	used     int64 // counts writes
	text     []byte
	rows     map[string][]int
}

// folder is the files of one folder.
type folder[T any] struct {
	sink *Sink[T]
	used int64
}

type folderPart struct {
	text  string
	field int // -1: text
}

// newFolders reads a template such as {event.dataset}/{host.name}.
func newFolders[T any](template string) (*folders[T], error) {
	f := &folders[T]{open: map[string]*folder[T]{}, rows: map[string][]int{}}
	var names []string
	for rest := template; rest != ""; {
		before, after, ok := strings.Cut(rest, "{")
		if before != "" {
			for _, element := range strings.Split(before, "/") {
				if element != "" && (!plain(element) || element == "." || element == "..") {
					return nil, fmt.Errorf("batch/file: Folders %q: %q is no part of a folder's name", template, element)
				}
			}
			f.template = append(f.template, folderPart{before, -1})
		}
		if !ok {
			break
		}
		name, behind, ok := strings.Cut(after, "}")
		if !ok {
			return nil, fmt.Errorf("batch/file: Folders %q: a brace is not closed", template)
		}
		f.template = append(f.template, folderPart{"", len(names)})
		names, rest = append(names, name), behind
	}
	if len(names) == 0 || strings.HasPrefix(template, "/") || strings.HasSuffix(template, "/") || strings.Contains(template, "//") {
		return nil, fmt.Errorf("batch/file: Folders %q: want fields in braces and text, as in {event.dataset}/{host.name}", template)
	}
	var err error
	if f.reader, err = fields.NewShared(names...); err != nil {
		return nil, fmt.Errorf("batch/file: Folders %q: %w", template, err)
	}
	return f, nil
}

// maxElement bounds what a value gives to a name.
const maxElement = 80

// appendSafe appends a value of a field as a part of a folder's name: letters, digits, dashes,
// underscores and dots as they are, anything else as an underscore. It never makes "." or "..",
// a hidden name, or another element of the path.
func appendSafe(dst, value []byte) []byte {
	start := len(dst)
	for _, c := range value[:min(len(value), maxElement)] {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.' && len(dst) > start:
			dst = append(dst, c)
		default:
			dst = append(dst, '_')
		}
	}
	if len(dst) == start {
		dst = append(dst, '_')
	}
	return dst
}

// name is the folder of a line.
func (f *folders[T]) name(line []byte) string {
	known := f.reader.Read(line)
	b := f.text[:0]
	var value [256]byte
	for _, p := range f.template {
		switch {
		case p.field < 0:
			b = append(b, p.text...)
		case known:
			b = appendSafe(b, f.reader.Append(value[:0], p.field))
		default:
			b = append(b, '_')
		}
	}
	f.text = b
	return string(b)
}

// writeFolders is Write for a sink with Options.Folders. The caller holds mu. A folder that
// fails fails its rows only.
func (s *Sink[T]) writeFolders(ctx context.Context, b *batch.Batch[T]) error {
	f := s.folders
	clear(f.rows)
	if len(b.Ends) == 0 {
		whole := &batch.Batch[T]{Lines: b.Lines}
		for i, c := range b.Lines {
			if c == '\n' {
				whole.Ends = append(whole.Ends, int32(i+1))
			}
		}
		b = whole
	}
	start := int32(0)
	for i, end := range b.Ends {
		name := f.name(b.Lines[start:end])
		f.rows[name] = append(f.rows[name], i)
		start = end
	}
	failed := make([]error, len(b.Ends))
	any := false
	for name, rows := range f.rows {
		err := s.writeFolder(ctx, name, b, rows)
		for _, row := range rows {
			failed[row] = err
		}
		any = any || err != nil
	}
	if !any {
		return nil
	}
	partial := &batch.Partial{}
	for row, err := range failed {
		if err != nil {
			partial.Fail(row, err)
		}
	}
	return partial.Err()
}

func (s *Sink[T]) writeFolder(ctx context.Context, name string, b *batch.Batch[T], rows []int) error {
	f := s.folders
	d := f.open[name]
	if d == nil {
		if len(f.open) >= s.opts.MaxFolders {
			if err := s.closeOldest(); err != nil && s.err == nil {
				s.err = err
			}
		}
		sink, err := s.inFolder(filepath.Join(s.opts.Dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		d = &folder[T]{sink: sink}
		f.open[name] = d
	}
	f.used++
	d.used = f.used
	part := &batch.Batch[T]{}
	for _, row := range rows {
		start := int32(0)
		if row > 0 {
			start = b.Ends[row-1]
		}
		part.Lines = append(part.Lines, b.Lines[start:b.Ends[row]]...)
		part.Ends = append(part.Ends, int32(len(part.Lines)))
	}
	return d.sink.Write(ctx, part)
}

// inFolder is a sink of one folder.
func (s *Sink[T]) inFolder(dir string) (*Sink[T], error) {
	o := s.opts
	o.Dir, o.Folders = dir, ""
	return New[T](o)
}

// closeOldest finishes the file of the folder that was written to longest ago.
func (s *Sink[T]) closeOldest() error {
	oldest := ""
	for name, d := range s.folders.open {
		if oldest == "" || d.used < s.folders.open[oldest].used {
			oldest = name
		}
	}
	d := s.folders.open[oldest]
	delete(s.folders.open, oldest)
	return d.sink.Close()
}

// closeFolders finishes all files. The caller holds mu.
func (s *Sink[T]) closeFolders() error {
	var errs []error
	for name, d := range s.folders.open {
		errs = append(errs, d.sink.Close())
		delete(s.folders.open, name)
	}
	return errors.Join(errs...)
}

// recoverFolders finishes what a killed process has left in the folders that there are.
func (s *Sink[T]) recoverFolders(dir string, depth int) error {
	entries, err := s.opts.FS.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	left := false
	for _, e := range entries {
		switch name := e.Name(); {
		case e.IsDir() && depth > 0:
			if err := s.recoverFolders(filepath.Join(dir, name), depth-1); err != nil && !errors.Is(err, os.ErrPermission) {
				return err
			}
		case strings.HasSuffix(name, partSuffix):
			left = true
		}
	}
	if !left {
		return nil
	}
	sink, err := s.inFolder(dir)
	if err != nil {
		return err
	}
	return sink.Close()
}
