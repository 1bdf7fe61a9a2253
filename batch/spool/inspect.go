package spool

import (
	"bytes"
	"context"
	"errors"

	"github.com/penstock-dev/penstock/internal/diskqueue"
	"github.com/penstock-dev/penstock/parse"
)

// Report is what Inspect has found.
type Report = diskqueue.Report

// SegmentReport is one file of a Report.
type SegmentReport = diskqueue.SegmentReport

// Inspect looks at the spool in a folder and changes nothing; a process may use it
// meanwhile, and then the end of what that one is writing shows as torn. With content
// every byte is read and checked, else names and headers are. Folders of package
// batch/deadletter are spools too.
func Inspect(dir string, content bool) (*Report, error) { return diskqueue.Inspect(nil, dir, content) }

// Repair makes what can be read of a spool whole: torn tails are cut off, segments with
// damage replaced by ones that hold their whole entries, those without a readable
// header put aside. The damaged files are kept under the suffix .damaged. It fails if a process
// uses the spool. The report is that from before.
func Repair(dir string) (*Report, error) { return diskqueue.Repair(nil, dir) }

// Entry is one entry of a spool.
type Entry struct {
	// Seq is its number.
	Seq uint64
	// Line is the row of a spooled sink, or the line of a dead letter, without line
	// feed; nil for what a Buffer holds.
	Line []byte
	// Message is the raw message, if it is stored.
	Message *parse.Message
	// Fault is why the source of the message knew it to be bad, or empty.
	Fault string
}

// Text is the line, or where there is none the raw message.
func (e *Entry) Text() []byte {
	if e.Line == nil && e.Message != nil {
		return e.Message.Raw
	}
	return e.Line
}

func entryOf(seq uint64, b []byte, origins *origins) Entry {
	e := Entry{Seq: seq}
	var in entry
	if in.parse(b) != nil {
		e.Line = bytes.TrimSuffix(b, []byte("\n")) // a dead letter
		return e
	}
	if in.kind == kindLine || in.kind == kindRow {
		e.Line = bytes.TrimSuffix(in.line, []byte("\n"))
	}
	if in.kind != kindLine {
		in.msg.Origin = origins.of(in.origin)
		e.Message, e.Fault = &in.msg, in.fault.text
	}
	return e
}

// Dump calls f for every whole entry from number from on, in order, and changes
// nothing. With from 0 it begins with what is not delivered yet, or the first entry
// where that is not known. The entry is valid during the call. An error of f ends it
// and is returned.
func Dump(dir string, from uint64, f func(Entry) error) error {
	if from == 0 {
		r, err := Inspect(dir, false)
		if err != nil {
			return err
		}
		from = r.Next
	}
	var o origins
	return diskqueue.Dump(nil, dir, from, func(seq uint64, b []byte) error { return f(entryOf(seq, b, &o)) })
}

// Take calls f for the entries that are not delivered yet, in order, and removes those
// for which it returns nil, in batches: after a crash up to 1000 come again. It ends
// when the spool is empty, at the first error of f, which is returned, or with ctx. It
// fails if another process uses the spool. The numbers of entries taken and of those
// lost to damage are returned.
func Take(ctx context.Context, dir string, f func(Entry) error) (taken, damaged uint64, err error) {
	r, err := Inspect(dir, false)
	if err != nil {
		return 0, 0, err // Open would make the folder
	}
	opts := diskqueue.Options{Dir: dir, SegmentBytes: 1 << 30, MaxBytes: max(4<<30, r.Bytes)}
	q, err := diskqueue.Open(opts)
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		damaged = q.Stats().Damaged
		err = errors.Join(err, q.Close())
	}()
	var in diskqueue.Batch
	var o origins
	for {
		if ctx.Err() != nil {
			return taken, damaged, context.Cause(ctx)
		}
		if err := q.TryRead(&in, 1000, 1<<20); err != nil {
			return taken, damaged, err
		}
		if in.Len() == 0 {
			return taken, damaged, nil
		}
		for i := range in.Len() {
			if err := f(entryOf(in.Seqs[i], in.Entry(i), &o)); err != nil {
				return taken, damaged, errors.Join(err, q.Commit(in.Seqs[i]))
			}
			taken++
		}
		if err := q.Commit(in.Next); err != nil {
			return taken, damaged, err
		}
	}
}
