// Package journald is a source of systemd's journal, in the Journal Export Format: of
// journalctl, of systemd-journal-gatewayd over HTTP, or of any reader.
//
//	src, err := journald.New(journald.Options{Cursor: saved, Committed: save})
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
// At least once: Committed is called with the cursor up to which all entries have reached
// every required sink, the dead letters, or a filter, in ascending order; a host that
// stores it and starts with it as Cursor misses nothing that the journal still has. After
// something that was not delivered it is not called any more.
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
