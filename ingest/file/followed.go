package file

import (
	"io"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/parse"
)

// state is what is seen of a file without opening it.
type state struct {
	size    int64
	changed time.Time
}

func stateOf(info fs.FileInfo) state { return state{info.Size(), info.ModTime()} }

func (s state) same(o state) bool { return s.size == o.size && s.changed.Equal(o.changed) }

// handle is an open file.
type handle interface {
	io.ReadSeekCloser
	io.ReaderAt
	Stat() (fs.FileInfo, error)
}

// followed is one file. Only the goroutine of Run uses it, except for what the scan needs,
// which Follower.mu guards.
type followed struct {
	name   string      // by which the scan found it last
	below  string      // the root of the pattern that found it
	seenAt time.Time   // when that was
	seenIn int         // which scan that was
	saw    state       // what it looked like then
	woken  atomic.Bool // that is not what it looked like before
	place  int         // in Follower.open, while it is open
	gone   bool        // it is not followed any more

	id      fileID // guarded too where it changes, as is file
	path    string // name, as of the last turn
	root    string // below, as of the last turn
	file    handle // nil while closed
	decode  func(io.Reader) (io.ReadCloser, error)
	reader  io.ReadCloser // of a compressed file at work
	head    []byte        // what it gave first
	tail    []byte        // what it gave last
	size    int64         // when it was looked at last
	changed time.Time     // its modification time then
	read    int64         // up to here, what is held of an unfinished message included
	print   print         // where the last complete message ends
	safe    print         // up to where everything has reached its end
	begins  []byte        // while it is open: the first bytes, of which print.Head is the hash
	origin  *parse.Origin
	copier  *ingest.Copier
	age     *generation

	grown   time.Time // when it had something new for the last time
	next    time.Time // when it is looked at again
	wait    time.Duration
	seen    time.Time // seenAt, as of the last turn
	last    state     // saw, as of the last turn
	unseen  int       // scans that ended since, and did not find it
	missing bool      // the last scans did not find it
	behind  atomic.Int64
	linked  bool      // some name leads to it
	held    time.Time // since when it may be a copy of another one
	unsure  bool      // it could not be read when it was looked for among the known ones
	fromEnd int64     // what is complete up to here is passed over
	decided bool
	resting bool // it is in rounds.resting
	done    bool // a compressed file that was read
}

// generation is the content of a file between two truncations, or between two attempts to
// deliver it.
type generation struct {
	commits *ingest.Commits
	safe    atomic.Int64 // everything before has reached its end
	failed  atomic.Bool  // something behind has not

	// Of the window, used by the reading goroutine only.
	sent  []sent // what the checkpoint does not cover, in order
	ready int    // of these, what the next one does
}

// begin starts a generation at an offset.
func (t *followed) begin(r *rounds, at int64) {
	f, g, out := r.f, &generation{}, r.out
	if t.decode == nil { // there is no position within a compressed file
		out = r.through(t, g)
	}
	g.safe.Store(at)
	g.commits = ingest.NewCommits(at, g.safe.Store)
	t.age = g
	if t.origin == nil {
		t.origin = &parse.Origin{Source: t.path, Hint: f.opts.Hint, Zone: f.opts.Zone}
	}
	t.copier = ingest.Stream{
		Framing: f.opts.Framing, Origin: t.origin, Offset: at,
		Done: func(start, end int64, result ingest.Result) {
			defer r.window.answered()
			if result.Failed > 0 {
				g.failed.Store(true)
				return
			}
			result.Shed = 0 // a policy's decision, and in the ledger: reading it again would not help
			g.commits.Done(start, end, result)
		},
	}.Grow(out)
	t.read = at
}

// moved takes the new position after reading.
func (t *followed) moved(src io.ReaderAt) error {
	at, held := t.copier.Position()
	t.read = at + held
	if at == t.print.Offset && at > 0 {
		return nil
	}
	p, head, err := printAt(src, at)
	if err != nil {
		return err
	}
	t.print, t.begins = p, head
	return nil
}
