// Package file has two sources of files: [Source] reads files once from beginning to end,
// [Follower] follows files that are written and rotated.
//
//	src := file.Glob("/var/log/fw/*.log")
//	src, err := file.Follow(file.FollowOptions{Include: []string{"/var/log/**/*.log"}, Checkpoint: "/var/lib/x/files"})
//
// # Files once
//
// Files are read one after the other: first Paths in the order given, then the matches
// of each of Globs in the order of their names. A file that two entries name is read
// once. A path that cannot be read does not keep the others from being read.
//
// # Files that grow
//
// A Follower knows a file by its device and inode, by what it begins with, and by what
// stands before the position up to which it was read. So it tells apart
//
//   - a file that was renamed: it is read to its end under its new name, also when that
//     matches no pattern any more, and also when it has been deleted;
//   - a file that was truncated or written anew (copytruncate), or another file with the
//     inode of a deleted one: it is read from its beginning;
//   - a copy or a compressed copy of a file that was read: reading goes on where the
//     original ended, so that rotated archives may match the patterns too.
//
// # Delivery
//
// Of files that are read once: until Run has returned nil, the files are what there is to read again; a
// position is not kept.
//
// Of files that grow: at least once. The positions in the checkpoint are those up to which
// every required sink has taken everything. When Run ends it waits until the sinks have taken
// what they take, so that nothing of that comes twice. After a crash what came behind the last
// checkpoint is read again: as much as was read in CheckpointEvery, or, with MaxUncommitted,
// that many messages at most. What a program writes between the copy and the truncation of
// copytruncate is lost to every reader.
//
// What is lost in spite of that is counted in [FollowStats] and logged by name: a file that
// was deleted before it could be opened.
//
// # Backfill
//
// Source.Progress and Follower.Progress tell how far a run has come: files, bytes, rate, and the
// time that is left; penstock parse and penstock run show them on a terminal. A file in the page
// cache becomes chunks at about 3 GB a processor second (lines of 200 bytes; 4 of 540), half as fast as wc -l counts
// lines; the figures of one run stand side by side in internal/bench/SOURCES.md. Files are
// read by read(2), not memory-mapped: mapping could save up to two fifths of it, and a file that is
// truncated while it is mapped ends the process.
//
// # Limits
//
// Both:
//
//	message     the pipeline's MaxMessage; longer ones are dead letters of category OVERSIZE
//	memory      the pipeline's chunks; a message in two reads is held by itself
//
// Follower:
//
//	MaxFiles    100,000 followed at once, those beyond it wait (FollowStats.Waiting)
//	MaxOpen     512 open files
//	Poll, Scan  250 ms, 1 s
//	Rest        5 s that a file which was renamed away or deleted is read on
//	Unfinished  1 min that a last line without end waits for its rest
//	CopyGrace   3 s that what may be a copy is held back
//	MaxUncommitted  none: messages that a kill may make come twice
//	memory      of files that are gone: 32,768 that were deleted, and all that may come back, for 48 hours
//
// # Concurrency
//
// Run is called once. Stats and Progress may be called at any time from any goroutine.
package file
