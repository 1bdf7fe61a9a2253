package evtx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	kernel "github.com/penstock-dev/penstock/parse/kernel/evtx"
)

// Options of a source. Dir is needed.
type Options struct {
	// Name of the source. Default: "evtx". A message's origin is the file's path.
	Name string
	// Dir is the folder. Its files whose names end in .evtx, in any case, are read.
	Dir string
	// Recursive takes the folders in it too.
	Recursive bool
	// Checkpoint is the path of the files that keep what was delivered over restarts, see
	// package ingest/checkpoint. Without it, each run begins anew.
	Checkpoint string
	// Once ends the source when it has read what is there.
	Once bool
	// Poll is the pause between two looks at the folder. Default: 1 s.
	Poll time.Duration
	// Settle is how long a file must not have changed before what is wrong in it is
	// reported. Default: 5 s. With Once it is reported at once.
	Settle time.Duration
	// MaxFiles bounds the files that are followed. Default: 10,000.
	MaxFiles int
	// MaxText bounds the XML text of a record in bytes. Default: 1 MiB.
	MaxText int
	Hint    string         // see parse.Origin
	Zone    *time.Location // see parse.Origin
	// Logger gets what is refused, lost or broken. Default: none.
	Logger *slog.Logger
	// Now is the wall clock. Default: time.Now.
	Now func() time.Time
}

// Stats are the counters of a source.
type Stats struct {
	Files     int   // followed now
	Waiting   int   // found, but beyond MaxFiles
	Records   int64 // sent
	Broken    int64 // chunks and parts of chunks that could not be read: dead letters
	Lost      int64 // files that were gone, with something that had not been read
	Restarted int64 // logs that were cleared or replaced
	Rewound   int64 // times that records were read again after a sink had failed
}

// Source follows the files of a folder.
type Source struct {
	opts Options
	log  *slog.Logger
	read *kernel.Chunk

	mu    sync.Mutex // guards stats, and the state of logs that results change
	stats Stats

	// Used by Run only.
	logs    []*eventLog
	former  []*eventLog // that are gone, or not found yet
	refused map[string]bool
	buf     []byte
	text    []byte
}

// New returns a source of the files of a folder.
func New(opts Options) (*Source, error) {
	if opts.Name == "" {
		opts.Name = "evtx"
	}
	if opts.Poll == 0 {
		opts.Poll = time.Second
	}
	if opts.Settle == 0 {
		opts.Settle = 5 * time.Second
	}
	if opts.MaxFiles == 0 {
		opts.MaxFiles = 10_000
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case opts.Dir == "":
		return nil, errors.New("ingest/evtx: Options has no Dir")
	case opts.Poll < time.Millisecond || opts.Settle < 0:
		return nil, fmt.Errorf("ingest/evtx: Poll is %s (want 1 ms at least), Settle %s", opts.Poll, opts.Settle)
	case opts.MaxFiles < 1:
		return nil, fmt.Errorf("ingest/evtx: MaxFiles is %d, want 1 at least", opts.MaxFiles)
	}
	read, err := kernel.NewChunk(kernel.Options{MaxText: opts.MaxText})
	if err != nil {
		return nil, fmt.Errorf("ingest/%w", err)
	}
	return &Source{opts: opts, log: opts.Logger, read: read, refused: map[string]bool{}, buf: make([]byte, kernel.ChunkSize)}, nil
}

// Name is the name from the options.
func (s *Source) Name() string { return s.opts.Name }

// Stats returns the counters.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run reads until ctx ends or, with Once, what is there has been delivered.
func (s *Source) Run(ctx context.Context, out *ingest.Emit) error {
	if info, err := os.Stat(s.opts.Dir); err != nil {
		return fmt.Errorf("ingest/evtx: %w", err)
	} else if !info.IsDir() {
		return fmt.Errorf("ingest/evtx: %s is no folder", s.opts.Dir)
	}
	st, err := openStore(s.opts.Checkpoint)
	if err != nil {
		return err
	}
	defer st.close()
	if s.former, err = st.load(); err != nil {
		return err
	}
	e := &emitter{s: s, out: out}
	err = s.follow(ctx, e, st)
	out.Discard(e.chunk)
	out.Settle()
	err = errors.Join(err, st.save(s, true))
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (s *Source) follow(ctx context.Context, e *emitter, st *store) error {
	for ctx.Err() == nil {
		if err := s.scan(); err != nil && s.opts.Once {
			return err
		} else if err != nil {
			s.log.Warn("a folder cannot be read now", "dir", s.opts.Dir, "error", err)
		}
		more := false
		for _, l := range s.logs {
			again, err := s.turn(ctx, l, e)
			if errors.Is(err, ingest.ErrClosed) || ctx.Err() != nil {
				return nil
			}
			if err != nil {
				s.log.Warn("a file cannot be read now", "path", l.path, "error", err)
				if s.opts.Once {
					return err
				}
			}
			more = more || again
		}
		if err := st.save(s, false); err != nil {
			s.log.Error("the checkpoint cannot be written", "path", s.opts.Checkpoint, "error", err)
		}
		switch {
		case more:
			continue
		case s.opts.Once:
			if !e.wait(ctx) {
				return fmt.Errorf("ingest/evtx: not delivered: %w", e.failure())
			}
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(s.opts.Poll):
		}
	}
	return nil
}

// scan looks for files that are new, renamed or gone.
func (s *Source) scan() error {
	found := map[*eventLog]bool{}
	var fresh []*eventLog
	waiting := 0
	byPath := make(map[string]*eventLog, len(s.logs))
	for _, l := range s.logs {
		byPath[l.path] = l
	}
	err := filepath.WalkDir(s.opts.Dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			if path == s.opts.Dir {
				return err
			}
			s.refuse(path, err)
			return nil
		case d.IsDir():
			if path != s.opts.Dir && !s.opts.Recursive {
				return fs.SkipDir
			}
			return nil
		case !strings.EqualFold(filepath.Ext(path), ".evtx") || !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil // gone between two looks
		}
		if l := byPath[path]; l != nil && os.SameFile(l.info, info) {
			l.info, found[l] = info, true
			return nil
		}
		for _, l := range s.logs {
			if os.SameFile(l.info, info) {
				l.path, l.info, found[l] = path, info, true
				return nil
			}
		}
		if len(s.logs)+len(fresh) >= s.opts.MaxFiles {
			waiting++
			return nil
		}
		fresh = append(fresh, &eventLog{path: path, info: info, gen: &generation{}})
		return nil
	})
	if err != nil {
		return err
	}
	lost := int64(0)
	s.logs = slices.DeleteFunc(s.logs, func(l *eventLog) bool {
		if found[l] {
			return false
		}
		if !l.known || l.info.Size() != l.size || !l.info.ModTime().Equal(l.changed) {
			lost++
			s.log.Error("a file was gone before it was read", "path", l.path)
		}
		l.seen = s.opts.Now()
		s.former = append(s.former, l)
		return true
	})
	s.former = forget(s.former, s.opts.Now())
	// The oldest first: what was archived before what goes on.
	slices.SortStableFunc(fresh, func(a, b *eventLog) int { return a.info.ModTime().Compare(b.info.ModTime()) })
	s.logs = append(s.logs, fresh...)
	s.mu.Lock()
	s.stats.Files, s.stats.Waiting = len(s.logs), waiting
	s.stats.Lost += lost
	s.mu.Unlock()
	return nil
}

// maxRefused bounds the paths that are known to be refused.
const maxRefused = 10_000

func (s *Source) refuse(path string, err error) {
	if s.refused[path] {
		return
	}
	if len(s.refused) >= maxRefused {
		clear(s.refused)
	}
	s.refused[path] = true
	s.log.Warn("a path is not read", "path", path, "error", err)
}
