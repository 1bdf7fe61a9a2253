// Package journald is a source of systemd's journal, in the Journal Export Format: of
// journalctl, of systemd-journal-gatewayd over HTTP, or of any reader.
//
//	src, err := journald.New(journald.Options{Checkpoint: "/var/lib/x/journal"})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// Each entry is a message: one JSON object with the fields of the journal by their names,
// as text; a field that an entry has more than once is an array. Values that are no UTF-8
// are written with U+FFFD.
//
//	{"__CURSOR":"…","__REALTIME_TIMESTAMP":"1764410400000000","_HOSTNAME":"db1","MESSAGE":"…"}
//
// # Delivery
//
// At least once: the checkpoint has the cursor up to which all entries have reached every
// required sink, the dead letters, or a filter, so that the next run misses nothing that the
// journal still has. It is stored four times a second at most, and when Run ends. Committed is
// called with the same cursors in ascending order, for a host that stores them itself and starts
// with one as Cursor. After something that was not delivered neither goes on: the next run
// does, from there. Without a cursor a run begins at the end of the journal (or, with FromStart,
// at its beginning): so does the next one if nothing has been delivered yet.
//
// journalctl that ends is started again behind the last entry that was read, after a pause
// that doubles from 1 s to 1 min; so is a request to the gateway.
//
// # Limits
//
// An entry has at most MaxEntry bytes (default 1 MiB, and the pipeline's MaxMessage) and
// 1024 fields; what is larger is a dead letter of category OVERSIZE. A length from the
// wire is never allocated, only what has come.
//
// # Concurrency
//
// Run is called once.
//
// Source: systemd, "Journal Export Formats"; systemd-journal-gatewayd.service(8).
package journald
