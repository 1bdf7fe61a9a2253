// Package spool keeps rows and messages on disk between stages: in front of a sink
// that may be away, and behind a source that cannot wait.
//
// A spooled sink takes lines as soon as they are durable and delivers them in the
// background, so that a destination that is away for a night holds nobody up:
//
//	sink, err := spool.NewSink(splunk, spool.Options{Dir: "/var/lib/penstock/splunk"})
//	if err != nil { … }
//	defer sink.Close()
//
// A Buffer stands behind sources that get no second chance, such as UDP, and lets them
// run at their own speed:
//
//	buffer, err := spool.NewBuffer(spool.Options{Dir: "/var/lib/penstock/udp"})
//	if err != nil { … }
//	defer buffer.Close()
//	cfg.Sources = []ingest.Source{buffer.Source(udp)}
//
// # Delivery
//
// What was accepted is delivered at least once and in order: again after a crash, from
// the last position that was stored, which is at most one batch back. Options.Sync says
// what accepted means; by default it is an fsync, shared by all who write at the same time. With
// SyncInterval a power cut may lose the last SyncEvery, with SyncNever what the system
// had not written; neither loses anything when only the process ends.
//
// A damaged file costs the entries that it hits: they are counted (Stats.Damaged) and
// reported, never delivered, and everything behind them is. A torn tail, which a crash leaves
// behind, is cut off. A segment of a version that this program does not know makes New
// fail, and is kept.
//
// Delivering needs no free space, and gives space back segment by segment. While the
// disk is full the policy for a full queue applies: with Block, callers wait until
// there is room.
//
// Files get mode 0600, folders 0700. One process has a spool at a time: a second one
// fails, with the name of the lock; the lock frees itself when its holder ends, where the system
// has such locks (Linux, macOS, BSD).
//
// # Limits
//
//	MaxBytes      1 GiB of files
//	SegmentBytes  64 MiB a file, and so an entry; not more than an eighth of MaxBytes
//	BatchRows     1000 delivered at once, BatchBytes 1 MiB of them
//	SyncEvery     1 s, with SyncInterval
//
// In memory a spool holds two batches, one on its way in and one on its way out, however much is on disk.
//
// # Concurrency
//
// Sink and Buffer are safe for concurrent use. Each has goroutines of its own, from
// New to Close.
package spool
