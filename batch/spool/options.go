package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/diskqueue"
	"github.com/penstock-dev/penstock/internal/vfs"
)

// Sync says when what was accepted is durable.
type Sync = diskqueue.Sync

// The policies of Sync.
const (
	// SyncAlways: before it is accepted. Writers at the same time share one fsync.
	SyncAlways = diskqueue.SyncAlways
	// SyncInterval: at most Options.SyncEvery later.
	SyncInterval = diskqueue.SyncInterval
	// SyncNever: when the system likes.
	SyncNever = diskqueue.SyncNever
)

// Full says what happens when the spool, or the disk, is full.
type Full = diskqueue.Full

// The policies of Full.
const (
	// Block makes writers wait for room.
	Block = diskqueue.Block
	// DropOldest removes the oldest segment; its rows that were not delivered are
	// counted in Stats.Dropped.
	DropOldest = diskqueue.DropOldest
	// DropNew refuses new rows: RATE_LIMITED, not to be tried again, counted in
	// Stats.Refused.
	DropNew = diskqueue.DropNew
)

// FS is a file system to keep the spool on.
type FS = vfs.FS

// Damage is a place in a segment that could not be read.
type Damage = diskqueue.Damage

// Stats are the counts of the files of a spool since it was opened, and its state now.
type Stats = diskqueue.Stats

// ErrTooLarge is the answer for a row that does not fit into a segment.
var ErrTooLarge error = diskqueue.ErrTooLarge

// ErrFull is the answer for a row that the policy DropNew refuses.
var ErrFull = diskqueue.ErrFull

// Options of a Sink or Buffer. Dir is needed, everything else has a default.
type Options struct {
	// Dir is the folder of this spool alone, made if it does not exist.
	Dir string
	// Sync is when rows are durable, SyncEvery the interval of SyncInterval. Defaults:
	// SyncAlways, 1 s.
	Sync      Sync
	SyncEvery time.Duration
	// MaxBytes bounds the folder; a segment that is dropped while it is read comes on
	// top. Default: 1 GiB. At least two segments and 8 KiB.
	MaxBytes int64
	// SegmentBytes is the length of a file, and so the limit for a row. Default: 64 MiB,
	// not more than an eighth of MaxBytes. 4 KiB to 1 GiB.
	SegmentBytes int64
	// Full is what happens where there is no room. Default: Block.
	Full Full

	// BatchRows and BatchBytes bound what is delivered at once. Defaults: 1000 and 1 MiB. A
	// longer row is delivered alone.
	BatchRows, BatchBytes int
	// Retry says how a Sink tries again. By default without end, where errcat.Retryable
	// allows it.
	Retry batch.RetryOptions
	// DeadLetters takes the rows of a Sink that its destination does not take. Without
	// it they are counted in SinkStats.Failed and dropped. It is tried again without
	// end where errcat.Retryable allows it.
	DeadLetters batch.Sink[ingest.DeadLetter]
	// KeepRaw stores with each row of a Sink the raw message that it came from, for its
	// dead letter; without it the line stands for it. It about doubles the disk use.
	KeepRaw bool

	// Logger gets damage and failures, at most one line a second of each kind. Default:
	// none.
	Logger *slog.Logger
	// OnDamage, if set, is called for each place that could not be read. It must not
	// block nor call the spool.
	OnDamage func(Damage)
	// FS is the file system. Default: that of the machine.
	FS FS
	// Now is the wall clock, for the age in segment headers. Default: time.Now.
	Now func() time.Time
}

// Check reports what NewSink and NewBuffer would find wrong with the options. It opens nothing.
func (o Options) Check() error {
	if err := o.prepare(); err != nil {
		return err
	}
	if err := o.queue().Check(); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	return nil
}

// queue is what the options say of the files.
func (o *Options) queue() diskqueue.Options {
	return diskqueue.Options{
		Dir: o.Dir, FS: o.FS, Sync: o.Sync, SyncEvery: o.SyncEvery, MaxBytes: o.MaxBytes, SegmentBytes: o.SegmentBytes,
		Full: o.Full, Now: o.Now,
	}
}

func (o *Options) prepare() error {
	if o.BatchRows == 0 {
		o.BatchRows = 1000
	}
	if o.BatchBytes == 0 {
		o.BatchBytes = 1 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dir == "" {
		return errors.New("spool: Options has no Dir")
	}
	if o.BatchRows < 1 || o.BatchBytes < 1 || o.BatchBytes > 1<<29 {
		return fmt.Errorf("spool: Options{BatchRows: %d, BatchBytes: %d}: want positive numbers and at most 512 MiB", o.BatchRows, o.BatchBytes)
	}
	return nil
}

func (o *Options) open(log *logger) (*diskqueue.Queue, error) {
	files := o.queue()
	files.OnDamage = func(d Damage) {
		log.warn("damage", "a spool is damaged", "place", d.String())
		if o.OnDamage != nil {
			o.OnDamage(d)
		}
	}
	q, err := diskqueue.Open(files)
	if err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	return q, nil
}
