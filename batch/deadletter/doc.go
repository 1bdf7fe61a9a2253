// Package deadletter keeps dead letters on disk, bounded, until somebody has looked at
// them or a newer parser can read them.
//
//	store, err := deadletter.New(deadletter.Options{Dir: "/var/lib/penstock/dead"})
//	if err != nil { … }
//	defer store.Close()
//	cfg.DeadLetters = store
//
// and later, with the parser that understands them:
//
//	cfg.Sources = []ingest.Source{store.Replay()}
//
// A letter is stored as the line that ingest.DeadLetter.AppendJSON makes of it: raw
// bytes, category, stage, parser and its version, component, source, offset, peer,
// time of reception, error and what was already parsed. It stands in the segment
// files of package batch/spool, with the same checksums: penstock spool list, check,
// repair and dump work on the folder, and a damaged letter is counted and never
// replayed.
//
// # Delivery
//
// A letter is on the disk (fsync, unless Options.NoSync is set) when the pipeline counts it as
// dead-lettered. It stays until a replay has brought it to an end in every required sink, which is at
// least once: after a crash in the middle of a replay some are replayed again.
//
// # Limits
//
//	MaxBytes      1 GiB of files
//	SegmentBytes  64 MiB a file, and so a letter; not more than an eighth of MaxBytes
//
// Beyond MaxBytes, by default, the oldest letters are removed and counted: a flood of bad input must
// not stop the good one. A letter that does not fit into a segment is refused (OVERSIZE) and counted.
//
// # Concurrency
//
// A Store is safe for concurrent use; one Replay runs at a time.
package deadletter
