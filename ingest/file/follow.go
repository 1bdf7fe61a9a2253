package file

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/ingest"
)

// FollowOptions of a Follower. Include is needed.
type FollowOptions struct {
	// Name of the source. Default: "files". A message's origin is the file's path when it
	// was found.
	Name string
	// Include and Exclude are patterns of path/filepath.Match, in which a path element **
	// stands for any number of folders. A path that a pattern of Exclude matches, or
	// whose last element it matches, is left out.
	Include, Exclude []string
	// FromEnd begins at the end of the files that are there at the first run, the one
	// without a checkpoint. Files that come later are read from their beginning.
	FromEnd bool
	Framing ingest.Framing // default ingest.Lines; each file is a stream of its own
	Hint    string         // see parse.Origin
	Zone    *time.Location // see parse.Origin

	// Checkpoint is the path of the files that keep positions over restarts, see package
	// ingest/checkpoint. Without it they are forgotten. A second Follower on the same
	// path is refused.
	Checkpoint string
	// CheckpointEvery is how often it is written, if something changed, so that it
	// survives the end of the process. It is made to survive a power cut (fsync) at most
	// once a second. Default: 250 ms.
	CheckpointEvery time.Duration
	// MaxUncommitted bounds the messages that were sent and that the checkpoint does not
	// cover yet, over all files: that many may come twice after the process was killed.
	// Where one more chunk would make more of them, no file is read on until the sinks have
	// answered and the checkpoint has been written, which then happens at once. A chunk
	// alone may always be under way, so Config.ChunkMessages should not be larger. It should
	// be more than what a sink gathers before it answers, or that sink waits until it has
	// waited long enough. Compressed files are not counted: one that was not read to its end
	// is read anew. After a power cut it is what came since the last fsync that may come
	// twice. It needs a Checkpoint. 10,000 cost 2 % of the processor time of a follower that
	// does nothing but read, 1000 cost 17 %, 100 cost 160 % (BenchmarkMaxUncommitted). Default:
	// no bound but that of CheckpointEvery.
	MaxUncommitted int

	// Poll is how often a file that grows is looked at. One that rests is looked at less
	// and less often, down to every 8 Polls. Default: 250 ms.
	Poll time.Duration
	// Scan is how often the patterns are looked up. Default: 1 s.
	Scan time.Duration
	// Rest is for how long a file that was renamed away or deleted is read on after it
	// has grown for the last time. Default: 5 s.
	Rest time.Duration
	// Unfinished is how long a last line without a line end waits for its rest. Then it is
	// a message. Default: 1 min.
	Unfinished time.Duration
	// CopyGrace is how long a new file that repeats one that is being read is held back, to
	// see whether that one gets truncated: then it is a copy. Default: 3 s.
	CopyGrace time.Duration
	// MaxOpen bounds the open files. Beyond it, those that were read to their end are
	// closed and opened again when they grow. Default: 512.
	MaxOpen int
	// MaxFiles bounds the files that are followed at once; those beyond it wait, and are
	// counted in FollowStats.Waiting. Default: 100,000.
	MaxFiles int
	// Decoders read compressed files by the end of their names. Such a file is read once,
	// when it has not changed for a Rest. Default: gzip for ".gz". An empty map: none.
	Decoders map[string]func(io.Reader) (io.ReadCloser, error)

	// Logger gets what is refused or lost. Default: none.
	Logger *slog.Logger
	// Now is the wall clock, used for waiting times and the age of forgotten files.
	// Default: time.Now.
	Now func() time.Time
}

// Follower is a Source of files that are written while it reads. It ends with its context
// only. Stats may be called from any goroutine at any time.
type Follower struct {
	opts     FollowOptions
	patterns []pattern
	exclude  []pattern
	log      *slog.Logger
	openFile func(root, path string) (handle, error) // openBelow; another one in tests

	bytes atomic.Int64 // read
	pace  pace

	mu       sync.Mutex // guards what follows; not held while something is read or sent
	files    map[fileID]*followed
	order    []*followed          // files, in the order in which they were found, and some that are gone; only Run changes it
	open     []*followed          // those of order and arrived that are open
	former   *memory              // of files that are gone; used by Run only
	arrived  []*followed          // found by the scan, not yet in files
	coming   map[fileID]bool      // arrived
	scans    int                  // finished
	vanished map[fileID]candidate // found, and gone when they were to be opened
	refused  map[string]bool
	left     map[fileID]bool // forgotten since the scan that is at work, or was last, began
	stats    FollowStats

	// Used by scan only.
	names   map[string]fileID // what the last one found
	scanned time.Time         // when it began

	// Used by Run only.
	first   bool // there was no checkpoint
	settled bool // the first scan has been taken in
}

// FollowStats are counters of a Follower.
type FollowStats struct {
	Files    int   // followed now
	Open     int   // of these, open
	Waiting  int   // found, but beyond MaxFiles
	Refused  int64 // links that lead out of their root or to themselves, and what is not a file
	Lost     int64 // files that were gone before they could be opened
	Rewound  int64 // files that were read again from their last safe position, after a sink failed
	Broken   int64 // compressed files that could not be read to their end
	Restarts int64 // files read from their beginning because they were truncated or written anew
	Behind   int64 // bytes that are there and not yet read; of compressed files as they are stored
}

// Follow returns a source of the files that opts name.
func Follow(opts FollowOptions) (*Follower, error) {
	if opts.Name == "" {
		opts.Name = "files"
	}
	var errs []error
	duration := func(name string, d *time.Duration, def time.Duration) {
		switch {
		case *d == 0:
			*d = def
		case *d < time.Millisecond:
			errs = append(errs, fmt.Errorf("file: %s is %s, want 1 ms at least", name, *d))
		}
	}
	duration("CheckpointEvery", &opts.CheckpointEvery, 250*time.Millisecond)
	duration("Poll", &opts.Poll, 250*time.Millisecond)
	duration("Scan", &opts.Scan, time.Second)
	duration("Rest", &opts.Rest, 5*time.Second)
	duration("Unfinished", &opts.Unfinished, time.Minute)
	duration("CopyGrace", &opts.CopyGrace, 3*time.Second)
	number := func(name string, n *int, def, low int) {
		switch {
		case *n == 0:
			*n = def
		case *n < low:
			errs = append(errs, fmt.Errorf("file: %s is %d, want %d at least", name, *n, low))
		}
	}
	number("MaxOpen", &opts.MaxOpen, 512, 4)
	number("MaxFiles", &opts.MaxFiles, 100_000, 1)
	number("MaxUncommitted", &opts.MaxUncommitted, 0, 1)
	if opts.MaxUncommitted > 0 && opts.Checkpoint == "" {
		errs = append(errs, errors.New("file: MaxUncommitted is set, and there is no Checkpoint that would cover anything"))
	}
	if opts.Decoders == nil {
		opts.Decoders = map[string]func(io.Reader) (io.ReadCloser, error){
			".gz": func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) },
		}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	f := &Follower{
		opts: opts, log: opts.Logger, openFile: openBelow,
		files: map[fileID]*followed{}, former: newMemory(), coming: map[fileID]bool{}, vanished: map[fileID]candidate{}, refused: map[string]bool{}, left: map[fileID]bool{},
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if len(opts.Include) == 0 {
		errs = append(errs, errors.New("file: FollowOptions has no Include"))
	}
	var err error
	if f.patterns, err = parsePatterns(opts.Include, true); err != nil {
		errs = append(errs, err)
	}
	if f.exclude, err = parsePatterns(opts.Exclude, false); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return f, nil
}

// Name is the name from the options.
func (f *Follower) Name() string { return f.opts.Name }

// Stats returns the counters.
func (f *Follower) Stats() FollowStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Files, s.Open = len(f.files)+len(f.arrived), len(f.open)
	for _, t := range f.order {
		if !t.gone {
			s.Behind += t.behind.Load()
		}
	}
	return s
}

// Run follows the files until ctx ends.
func (f *Follower) Run(ctx context.Context, out *ingest.Emit) error {
	store, err := openStore(f.opts.Checkpoint, f.log)
	if err != nil {
		return err
	}
	defer store.close()
	if f.first, err = f.load(store); err != nil {
		return err
	}
	// The scanner goes on while the reader waits for a chunk, so that files that are deleted
	// meanwhile are open already. It ends with ctx, and Run waits for it.
	ctx, cancel := context.WithCancel(ctx)
	f.pace.begin(time.Now())
	var scanner sync.WaitGroup
	f.scan(out)
	scanner.Go(func() { f.scanner(ctx, out) })
	defer func() {
		cancel()
		scanner.Wait()
		f.closeAll()
	}()
	r := &rounds{f: f, out: out, store: store, window: newWindow(f.opts.MaxUncommitted)}
	err = r.run(ctx)
	cancel()
	scanner.Wait()
	out.Settle()
	return errors.Join(err, r.last())
}

// scanner looks for new files. It is the body of a goroutine of Run.
func (f *Follower) scanner(ctx context.Context, out *ingest.Emit) {
	tick := time.NewTicker(f.opts.Scan)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.scan(out)
		}
	}
}

func (f *Follower) closeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.open) > 0 {
		f.close(f.open[len(f.open)-1])
	}
}

// decoder is what reads a file of that name, or nil.
func (f *Follower) decoder(path string) func(io.Reader) (io.ReadCloser, error) {
	return f.opts.Decoders[filepath.Ext(path)]
}
