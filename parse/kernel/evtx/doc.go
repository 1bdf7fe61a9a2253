// Package evtx reads Windows event log files (.evtx) on any system, without Windows.
//
//	rd, err := evtx.NewReader(file, evtx.Options{})
//	for rec, err := range rd.Records() {
//		if err != nil {
//			log.Print(err) // a corrupt part, with its offset; reading goes on
//			continue
//		}
//		text, err = rec.AppendXML(text[:0])
//	}
//
// A Reader takes a file from any io.Reader and holds one chunk of 64 KiB at a time. A
// Chunk does the same for one chunk alone, which is the smallest part of a file that
// can be read by itself: its records share names and templates. Each record can be
// had as XML text (Record.AppendXML) or, by a Fields, as native keys in a parse.Frame.
//
// The format is described in [MS-EVEN6], section 2.2.12 and following
// (https://learn.microsoft.com/openspecs/windows_protocols/ms-even6), and in the
// documentation of libevtx
// (https://github.com/libyal/libevtx/blob/main/documentation/).
//
// # Native keys
//
// They are those of the package xml in its mode Windows, with the same values, so
// that one pack reads both: provider_name, event_id, record_id, time_created, …,
// event_data.<Name>, event_data.param<n>, user_data.<element>, message, rendering.*;
// see there for the table, and the constants for the Parent numbers. All values are
// text. A test holds both packages to it.
//
// # How values become text
//
// Integers in decimal; hexadecimal types, pointers and sizes as 0x and lower-case
// digits without zeros in front; times in UTC with seven digits of a second
// (FILETIME) or three (SYSTEMTIME); GUIDs in braces and capitals; binary data in
// capital hexadecimal digits; ANSI strings as Windows-1252; NULs at the end of a string are
// not part of it, and half a surrogate pair is U+FFFD. An array that is all of an
// element's content repeats the element, elsewhere its items are joined by commas. An
// optional value that is absent leaves out its attribute; an element that depends on
// an absent value is left out.
//
// # What is corrupt
//
// A chunk whose checksums are wrong, or that the file's end cuts, is reported and
// passed over; Options.Salvage reads what is well-formed in it. In a file or chunk
// that is marked as in use the checksums may be behind: records are then read as far
// as they follow each other, also behind the end that the chunk's header gives. A
// record whose size lies is reported, and reading goes on at the next that is one.
// Lengths and offsets are checked against the record and the chunk; templates within
// themselves are refused. Errors are *errcat.Error with the offset in the file:
// UNKNOWN_FORMAT and TRUNCATED from NewReader, SCHEMA_VIOLATION for what breaks the
// format, OVERSIZE for a breach of Options.
//
// # Speed
//
// Per CPU-second, records of a logon with 20 values (1.5 kB of XML text), no
// allocation (go test -bench . ./parse/kernel/evtx), beside what Debian's tools did
// with the same file on the same machine:
//
//	Fields, all kept      190,000 events, 122 MB of file
//	Record.AppendXML      195,000 events, 125 MB of file
//	evtxexport -f xml       5,300 events
//	python-evtx               150 events
//
// A Reader, a Chunk, its Records and a Fields are for one goroutine. A Record and what
// aliases it are valid until the next one is asked for.
package evtx
