// Package evtx is a source of a folder of Windows event log files (.evtx): files that are
// there, files that come, and files that grow, on any system.
//
//	src, err := evtx.New(evtx.Options{Dir: "/srv/collected", Recursive: true, Checkpoint: "/var/lib/x/evtx"})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// Each record is a message: its XML text, as Windows shows it (package parse/kernel/evtx), so
// that the packs for Windows events read it. The message's origin is the path under which the
// file was found, its offset the number of the record (EventRecordID).
//
// # Files that grow
//
// Windows writes a log in chunks of 64 KiB, each of which can be read without the others, and
// writes into the last one again and again; a log that is full goes on in its oldest chunk.
// So what was read is kept as the numbers of the records, and of a file that has changed only
// the chunks whose headers have changed are read, and the one that is written to. A file
// that is renamed goes on where it was, also over a restart: it is known by the last record that
// was delivered of it. So does a copy of it. A log that was cleared, or another one with the
// name of the old, is read from its beginning.
//
// What cannot be read may be in the middle of being written: it is tried again until the file
// has rested for Options.Settle. Then the chunk, or the part of it, is a dead letter with the
// kernel's reason, once.
//
// # Delivery
//
// At least once: the checkpoint has the numbers of the records that have reached every
// required sink, the dead letters, or a filter. After a crash, and after a sink has failed,
// the others are read again. Order is that of the records in a chunk, and of the chunks by
// their first record. Records that Windows overwrote in a full log before they were read are
// gone; a file that was deleted before it could be read is counted in Stats.Lost.
//
// # Limits
//
//	MaxFiles   10,000 files, those beyond it are counted in Stats.Waiting
//	MaxText    1 MiB of XML a record, and the pipeline's MaxMessage: OVERSIZE
//	Poll       1 s between two looks at the folder
//	Settle     5 s
//
// In memory: 64 KiB, 16 bytes for each chunk of the files, and what was read as ranges of
// numbers, at most 65,536 of a file. Links are not followed.
//
// # Concurrency
//
// Run is called once. Stats may be called at any time from any goroutine. A second source
// with the same checkpoint is refused.
package evtx
