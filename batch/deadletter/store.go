package deadletter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/diskqueue"
	"github.com/penstock-dev/penstock/internal/vfs"
)

// Full says what happens when the store, or the disk, is full.
type Full uint8

const (
	// DropOldest removes the oldest letters.
	DropOldest Full = iota
	// Block makes Write wait for room, and so holds the pipeline back.
	Block
	// DropNew refuses new letters.
	DropNew
)

// Damage is a place in the files that could not be read.
type Damage = diskqueue.Damage

// Options of a Store. Dir is needed.
type Options struct {
	// Dir is the folder of this store alone, made if it does not exist.
	Dir string
	// MaxBytes bounds what the files take. Default: 1 GiB.
	MaxBytes int64
	// SegmentBytes is the length of a file, and so the limit for a letter. Default: 64
	// MiB, not more than an eighth of MaxBytes. 4 KiB to 1 GiB.
	SegmentBytes int64
	// Full is what happens where there is no room. Default: DropOldest.
	Full Full
	// NoSync leaves out the fsync before a letter counts as stored: a power cut may then
	// lose the last ones.
	NoSync bool
	// OnDamage, if set, is called for each place in the files that could not be read.
	OnDamage func(Damage)
	// FS is the file system. Default: that of the machine.
	FS vfs.FS
	// Now is the wall clock, for the age in segment headers. Default: time.Now.
	Now func() time.Time
}

// Store is a sink of dead letters, and the source that replays them.
type Store struct {
	queue *diskqueue.Queue

	closed sync.Once
	err    error // of Close
	mu     sync.Mutex
	replay bool // one is under way
}

// New opens the store in a folder, or makes it. It fails for options that make no
// sense and if another process has it open.
func New(opts Options) (*Store, error) {
	o, err := opts.queue()
	if err != nil {
		return nil, err
	}
	q, err := diskqueue.Open(o)
	if err != nil {
		return nil, fmt.Errorf("deadletter: %w", err)
	}
	return &Store{queue: q}, nil
}

// Check reports what New would find wrong with the options. It opens nothing.
func (opts Options) Check() error {
	o, err := opts.queue()
	if err != nil {
		return err
	}
	if err := o.Check(); err != nil {
		return fmt.Errorf("deadletter: %w", err)
	}
	return nil
}

// queue is what the options say of the files.
func (opts *Options) queue() (diskqueue.Options, error) {
	o := diskqueue.Options{Dir: opts.Dir, FS: opts.FS, MaxBytes: opts.MaxBytes, SegmentBytes: opts.SegmentBytes, OnDamage: opts.OnDamage, Now: opts.Now}
	switch opts.Full {
	case DropOldest:
		o.Full = diskqueue.DropOldest
	case Block:
		o.Full = diskqueue.Block
	case DropNew:
		o.Full = diskqueue.DropNew
	default:
		return o, fmt.Errorf("deadletter: Full is %d: no such policy", opts.Full)
	}
	if opts.NoSync {
		o.Sync = diskqueue.SyncNever
	}
	return o, nil
}

// LinesOnly marks the sink: it stores the lines that a pipeline makes of its letters.
func (*Store) LinesOnly() {}

// Write stores letters: the lines of b, or where there are none those of its events.
// A *batch.Partial names letters that do not fit into a segment and those that the
// policy DropNew refuses.
func (s *Store) Write(ctx context.Context, b *batch.Batch[ingest.DeadLetter]) error {
	if len(b.Ends) == 0 && len(b.Events) > 0 {
		lines := &batch.Batch[ingest.DeadLetter]{}
		for _, d := range b.Events {
			lines.Lines = append(d.AppendJSON(lines.Lines), '\n')
			lines.Ends = append(lines.Ends, int32(len(lines.Lines)))
		}
		b = lines
	}
	var p batch.Partial
	for start := 0; start < len(b.Ends); {
		taken, err := s.queue.Append(ctx, len(b.Ends)-start, func(i int) []byte { return b.Line(start + i) })
		start += taken
		switch {
		case err == nil:
		case errors.Is(err, diskqueue.ErrTooLarge):
			p.Fail(start, err)
			start++
		case start == 0:
			return err
		default:
			for ; start < len(b.Ends); start++ {
				p.Fail(start, err)
			}
		}
	}
	return p.Err()
}

// Flush makes everything that was written durable.
func (s *Store) Flush(context.Context) error { return s.queue.Flush() }

// Stats are the counts of a Store since it was opened, and its state now.
type Stats struct {
	// Letters is how many are stored and not yet replayed, Bytes what the files take.
	Letters uint64
	Bytes   int64
	// Stored counts letters that were written, Dropped those that were removed before
	// they were replayed, Refused those that the policy DropNew did not take, Damaged
	// those that damage in the files has cost.
	Stored, Dropped, Refused, Damaged uint64
}

// Stats returns the counts.
func (s *Store) Stats() Stats {
	q := s.queue.Stats()
	return Stats{Letters: q.Entries, Bytes: q.Bytes, Stored: q.Appended, Dropped: q.Dropped, Refused: q.Refused, Damaged: q.Damaged}
}

// Close closes the files. Call it after the pipeline's Run has returned. A second
// Close does nothing.
func (s *Store) Close() error {
	s.closed.Do(func() { s.err = s.queue.Close() })
	return s.err
}
