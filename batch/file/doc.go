// Package file is a sink that writes lines to files and starts a new one by size and
// age.
//
//	sink, err := file.New[parse.Record](file.Options{Dir: "/var/spool/events"})
//	if err != nil { … }
//	defer sink.Close()
//
// A file that is being written has the suffix .part; a finished one is renamed, so
// that whoever collects files never sees half of one:
//
//	events-20260314T150926.535897932Z-5c0e77a1-000001.ndjson
//
// The parts of the name are Options.Prefix, when the file was begun in UTC, a number
// of this Sink that makes names of several processes differ, and the number of the
// file. Files get mode 0600, folders that are made 0700.
//
// # Compression and folders
//
// With Options.Compression (Gzip, or that of module ingest/zstd) each batch is a piece of its
// own; the pieces are one valid file for gzip -d and zstd -d. With Options.Folders a template
// such as {event.dataset}/{host.name} names folders below Dir, whose files are begun and finished
// each for itself. No value of a field leads out of Dir, makes a hidden name, or one with
// other characters than letters, digits, dashes, underscores and dots: they become
// underscores, so that different values may share a folder. A folder that cannot be
// written to fails its rows only.
//
// # Delivery
//
// A batch is on the disk when it is taken, and every line is written whole or not at all; what
// could not be written is the pipeline's again. Unless Options.NoSync is set a batch is on the disk (fsync) when Write returns, and
// a finished file's name too. After an fsync that failed the file is given up at its
// last good length, since no later fsync of it can be trusted, and the batch is
// written to a new file when it is tried again. A batch that could be written in part
// only (a full disk) is cut off again. With NoSync a batch survives the end of the
// process, not that of the machine.
//
// A process that was killed leaves its file as .part. Where the system has file locks
// (Linux, macOS, BSD), New finishes such files of its prefix, without their last line
// if that is torn; files of a process that still runs are locked and left alone.
//
// # Limits
//
//	MaxBytes    128 MiB a file
//	MaxAge      1 h from its begin
//	MaxFolders  64 open files, of folders
//
// A batch is never split, so a file may be longer than Options.MaxBytes by as much as
// its first batch is. The number of files is not bounded: somebody has to collect
// them.
//
// # Concurrency
//
// A Sink is safe for concurrent use.
package file
