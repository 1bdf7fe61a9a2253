package diskqueue

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/vfs"
)

// Sync says when what was appended is made durable.
type Sync uint8

const (
	// SyncAlways makes Append return after an fsync; appends at the same time share
	// one.
	SyncAlways Sync = iota
	// SyncInterval leaves at most SyncEvery between an append and its fsync.
	SyncInterval
	// SyncNever leaves it to the system.
	SyncNever
)

// Full says what happens when the queue, or the disk, is full.
type Full uint8

const (
	// Block makes Append wait for room.
	Block Full = iota
	// DropOldest removes the oldest segment, and counts its entries that were not read.
	DropOldest
	// DropNew makes Append fail with ErrFull.
	DropNew
)

// Options of a queue. Dir is needed.
type Options struct {
	// Dir is the folder, made with mode 0700 if it does not exist.
	Dir string
	// FS is the file system. Default: that of the machine.
	FS vfs.FS
	// Sync is the policy; SyncEvery its interval. Default: 1 s.
	Sync      Sync
	SyncEvery time.Duration
	// MaxBytes bounds the folder; a segment that was dropped while it is read comes on
	// top. Default: 1 GiB. At least 2 segments and 8 KiB.
	MaxBytes int64
	// SegmentBytes is how long a segment gets. Default: 64 MiB, and not more than an
	// eighth of MaxBytes. 4 KiB to 1 GiB.
	SegmentBytes int64
	// Full is the policy where there is no room.
	Full Full
	// OnDamage, if set, is called for each place that could not be read. It must not
	// call the queue.
	OnDamage func(Damage)
	// Now is the clock for the time in segment headers, and for the age of the cursor.
	// Default: time.Now.
	Now func() time.Time
	// Salt returns random numbers. Default: crypto/rand.
	Salt func() uint64
}

// Damage is a place in a segment that could not be read.
type Damage struct {
	// Path is the file, Offset where in it, as far as known.
	Path   string
	Offset int64
	// First is the sequence number of the first entry lost, Entries how many are.
	First, Entries uint64
	// Reason says what is wrong.
	Reason string
}

// String is one line for a log.
func (d Damage) String() string {
	return fmt.Sprintf("%s at byte %d: %s; %d entries lost, from number %d on", d.Path, d.Offset, d.Reason, d.Entries, d.First)
}

// Check reports what Open would find wrong with the options. It opens nothing.
func (o Options) Check() error { return o.prepare() }

func (o *Options) prepare() error {
	if o.FS == nil {
		o.FS = vfs.OS
	}
	if o.SyncEvery == 0 {
		o.SyncEvery = time.Second
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = max(1<<30, 8*o.SegmentBytes)
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = min(64<<20, max(o.MaxBytes/8, 4<<10))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Salt == nil {
		o.Salt = func() uint64 {
			var b [8]byte
			rand.Read(b[:])
			return binary.LittleEndian.Uint64(b[:])
		}
	}
	switch {
	case o.Dir == "":
		return errors.New("diskqueue: Options has no Dir")
	case o.Sync > SyncNever || o.Full > DropNew:
		return fmt.Errorf("diskqueue: Sync is %d and Full is %d: no such policy", o.Sync, o.Full)
	case o.SyncEvery < 0:
		return fmt.Errorf("diskqueue: SyncEvery is %s", o.SyncEvery)
	case o.SegmentBytes < 4<<10 || o.SegmentBytes > 1<<30:
		return fmt.Errorf("diskqueue: SegmentBytes is %d, want 4 KiB to 1 GiB", o.SegmentBytes)
	case o.MaxBytes < 2*o.SegmentBytes+stateBytes:
		return fmt.Errorf("diskqueue: MaxBytes is %d, want at least two segments of %d and 8 KiB", o.MaxBytes, o.SegmentBytes)
	}
	return nil
}

// stateBytes is room for the position and the lock.
const stateBytes = 8 << 10

// maxEntry is the longest entry in bytes: it has to fit into a segment.
func (o *Options) maxEntry() int { return int(o.SegmentBytes) - headerSize - frameSize }

// Stats are the counts of a queue since it was opened, and its state now.
type Stats struct {
	// Entries is how many are not committed, Bytes and Segments what the files take.
	Entries  uint64
	Bytes    int64
	Segments int
	// Appended, Read and Committed count entries; Read counts again after a Rewind.
	Appended, Read, Committed uint64
	// Damaged counts entries that were lost to damage or missing files, Torn torn tails
	// that were cut off, Dropped entries that the policy DropOldest removed unread.
	Damaged, Torn, Dropped uint64
	// Refused counts entries that the policy DropNew did not take.
	Refused uint64
	// Syncs and FailedSyncs count fsyncs of segments.
	Syncs, FailedSyncs uint64
	// CursorErrors counts positions that could not be written: what was committed since
	// may be read again after a crash.
	CursorErrors uint64
	// Full reports that an Append waits for room, on the disk or within MaxBytes.
	Full bool
	// WriteError and ReadError are failures of the file system, nil after the next
	// success: a queue with either is not healthy.
	WriteError, ReadError error
}

var (
	// ErrClosed is the answer after Close.
	ErrClosed = errcat.New(errcat.Internal, errcat.StageBuffer, "the queue is closed")
	// ErrFull is the answer of the policy DropNew.
	ErrFull error = &fullError{}
	// ErrTooLarge is the answer to an entry that does not fit into a segment.
	ErrTooLarge = errcat.New(errcat.Oversize, errcat.StageBuffer, "longer than a segment of the queue on disk")
)

// fullError is RATE_LIMITED, and not to be tried again: the policy has decided.
type fullError struct{}

func (*fullError) Error() string             { return "the queue on disk is full: entry dropped" }
func (*fullError) Category() errcat.Category { return errcat.RateLimited }
func (*fullError) Retryable() bool           { return false }

// retryError is a failure of the file system after which the queue goes on with
// another file: trying again can help.
type retryError struct{ err error }

func (e *retryError) Error() string             { return "queue on disk: " + e.err.Error() }
func (e *retryError) Unwrap() error             { return e.err }
func (e *retryError) Category() errcat.Category { return errcat.Internal }
func (e *retryError) Retryable() bool           { return true }
