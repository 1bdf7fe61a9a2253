// Package diskqueue is a durable queue of byte strings in segment files. It is what
// batch/spool and batch/deadletter stand on.
//
// # Format
//
// A folder holds segments, named by the sequence number of their first entry in 20
// digits (00000000000000000001.spool), the consumer's position (cursor) and a lock
// file (lock). Numbers are little endian, checksums are CRC-32C.
//
//	segment  header (64 bytes), the same once more, then frames
//	header   magic "PNSTKSPL", version (2 bytes), 6 bytes zero, first sequence number (8), salt (8), created in Unix
//	         nanoseconds (8), 20 bytes zero, checksum of the 60 bytes before (4)
//	frame    marker (4), length (4), sequence number (8), checksum of the payload (4), checksum of the 20 bytes
//	         before (4), payload
//	cursor   two slots of 64 bytes, 4096 bytes apart, written in turn: magic "PNSTKCUR", version (2), 6 bytes zero,
//	         generation (8), sequence number of the next entry (8), first sequence number of its segment (8), its offset
//	         there or 0 (8), 12 bytes zero, checksum (4)
//
// The salt is a random number of each segment. The marker and both checksums of a
// frame follow from it, so that a payload cannot hold bytes that pass for a frame.
//
// # Promises
//
//   - An entry is durable by policy when Append returns: after an fsync (SyncAlways), at
//     most an interval later (SyncInterval), or when the system likes (SyncNever). Its
//     folder's entry is made durable with it, unless SyncNever. All three survive the end
//     of the process.
//   - Entries are read in order, each at least once: again after a crash or a Rewind, from
//     the last Commit on. The position is written at every Commit, and synced at most a
//     second later and before a segment is removed.
//   - An entry is delivered as it was written or not at all. Damage in a segment costs the
//     entries that it hits; reading goes on behind it, and every lost entry is counted from
//     the gap in the sequence numbers. What follows the last whole entry of the last segment is a
//     torn tail: it is cut off at Open and counted once.
//   - No file that an earlier process wrote is appended to. After an fsync that failed no
//     later one on the same file is trusted: what it should have made durable is refused to
//     its writers (SyncAlways), or written again to a new segment.
//   - Reading, committing and removing segments need no free space.
//   - A file that cannot be what this package writes is kept: an unknown version refuses
//     to open; a segment without a readable header is passed over, counted, and gets the
//     suffix .damaged.
//
// # Limits
//
// At Open the names and headers of all segments and the content of the last one are
// read, no more. The queue holds one buffer for writing (1 MiB, or as long as the longest entry) and
// one for reading (256 KiB, or as long as the longest entry).
package diskqueue
