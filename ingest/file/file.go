package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// Options of a file source. Paths or Globs are needed.
type Options struct {
	Name    string         // of the source; default "file". A message's origin is the file's path.
	Paths   []string       // files
	Globs   []string       // patterns of path/filepath.Match; one without a match is an error
	Framing ingest.Framing // default ingest.Lines; each file is a stream of its own
	// Decoding says how bytes become text: decompression, character set. Default: they are as
	// they are. The positions of Committed count decoded bytes.
	Decoding ingest.Decoding
	Hint     string         // see parse.Origin
	Zone     *time.Location // see parse.Origin
	// Committed, if set, is called for each file in ascending order with the position
	// up to which everything has reached a safe end. Files may finish in any order. It
	// must not block.
	Committed func(path string, offset int64)
	// Open opens a file. Default: os.Open, and directories are refused.
	Open func(path string) (fs.File, error)
}

// Source reads files.
type Source struct {
	opts Options

	files, allFiles, bytes, allBytes atomic.Int64
	sizes                            []int64 // of the files, as they were at first; used by Run only
	pace                             pace
}

// New returns a source of the files that opts name. Patterns are expanded when it
// runs.
func New(opts Options) *Source {
	if opts.Name == "" {
		opts.Name = "file"
	}
	if opts.Open == nil {
		opts.Open = func(path string) (fs.File, error) { return os.Open(path) }
	}
	return &Source{opts: opts}
}

// Glob returns a source of the files that match any of the patterns, with default
// options.
func Glob(patterns ...string) *Source { return New(Options{Globs: patterns}) }

// Paths returns a source of files, with default options.
func Paths(paths ...string) *Source { return New(Options{Paths: paths}) }

// Name is the name from the options.
func (s *Source) Name() string { return s.opts.Name }

// Run reads all files. The error joins those of files and patterns.
func (s *Source) Run(ctx context.Context, out *ingest.Emit) error {
	paths, errs := s.paths()
	if len(paths) == 0 && len(errs) == 0 {
		return errors.New("file: no Paths and no Globs")
	}
	s.survey(paths)
	for i, path := range paths {
		if ctx.Err() != nil {
			errs = append(errs, context.Cause(ctx))
			break
		}
		read, err := s.read(ctx, path, out)
		if err != nil {
			errs = append(errs, err)
		}
		s.done(i, read)
	}
	return errors.Join(errs...)
}

// paths are the files to read, each once.
func (s *Source) paths() (paths []string, errs []error) {
	seen := map[string]bool{}
	add := func(path string) {
		if clean := filepath.Clean(path); !seen[clean] {
			seen[clean] = true
			paths = append(paths, path)
		}
	}
	for _, path := range s.opts.Paths {
		add(path)
	}
	for _, pattern := range s.opts.Globs {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			errs = append(errs, fmt.Errorf("file: pattern %q: %w", pattern, err))
		} else if len(matches) == 0 {
			errs = append(errs, fmt.Errorf("file: nothing matches %q: %w", pattern, fs.ErrNotExist))
		}
		for _, path := range matches {
			add(path)
		}
	}
	return paths, errs
}

// read reads one file, and returns how many bytes of it, as they are stored.
//
// It is not memory-mapped: finding the lines where they lie in mapped pages takes between a tenth
// and two fifths less processor time than a loop that reads and finds them, the more the smaller the
// file is (internal/bench/SOURCES.md, "mapped"), but messages are slices of the chunk until the last sink is done with them, so that a file that
// is truncated meanwhile would end the process in any goroutine (SIGBUS); and a copy into the
// chunk costs what read(2) does.
func (s *Source) read(ctx context.Context, path string, out *ingest.Emit) (n int64, err error) {
	f, err := s.opts.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return 0, errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "file: %s is a directory: name its files, or use a pattern such as %s",
			path, filepath.Join(path, "*"))
	}
	stream := ingest.Stream{
		Framing:  s.opts.Framing,
		Decoding: s.opts.Decoding,
		Origin:   &parse.Origin{Source: path, Hint: s.opts.Hint, Zone: s.opts.Zone},
	}
	if committed := s.opts.Committed; committed != nil {
		stream.Done = ingest.NewCommits(0, func(offset int64) { committed(path, offset) }).Done
	}
	in := &counted{Reader: f, n: &s.bytes}
	if _, err := stream.Copy(ctx, in, out); err != nil {
		return in.read, fmt.Errorf("file: %s: %w", path, err)
	}
	return in.read, nil
}
