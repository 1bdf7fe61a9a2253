// Package xml reads XML as security products write it, above all events of the
// Windows event log, without building a tree and without the parts of XML that have
// served for attacks.
//
//	r, err := xml.NewReader(xml.Windows, []string{"event_id", "event_data.TargetUserName"}, []int{0, 1}, xml.Options{})
//	var f parse.Frame
//	var text arena.Bytes
//	f.Reset(2, &text)
//	err = r.Read(event, &f) // f.Slots[0] is "4624"
//
// There are two layers. A Decoder gives the tokens of a document one by one, as
// slices of it. A Reader puts the values of wanted native keys into the slots of a
// parse.Frame and, on request, all others into its Rest. Split takes a document of
// several events apart.
//
// The language is XML 1.0 (https://www.w3.org/TR/xml/) and Namespaces in XML 1.0 in so
// far as names have prefixes; prefixes are set aside and never resolved. Refused:
//   - document type declarations, so also entities beyond the five of XML and character
//     references, and everything external (SCHEMA_VIOLATION);
//   - any encoding but UTF-8, with or without its mark: UTF-16 has to be converted
//     before (ENCODING_ERROR);
//   - control characters that XML does not have, unless Options.Controls is set or the
//     mode is Windows: Windows writes them (ENCODING_ERROR);
//   - attributes that come twice in one element (SCHEMA_VIOLATION).
//
// A document that ends too early is TRUNCATED; a breach of a limit (see Options: bytes,
// depth, attributes, length of names; and Frame.MaxRest) is OVERSIZE.
//
// # Differences from encoding/xml
//
// The fuzz test holds the Decoder against encoding/xml in strict mode. They agree but
// for these: encoding/xml accepts several roots, text outside of them, a second XML
// declaration, repeated attributes and references to surrogates (as U+FFFD), and it
// skips document type declarations. It refuses "]]>" in text, version 1.1,
// characters of names above U+007F that XML does not have, and declared encodings
// other than UTF-8, which this package accepts where the bytes are valid UTF-8 and the
// declared encoding is UTF-16 (somebody has converted it) or no byte is above U+007F.
// References longer than 12 bytes are refused here.
//
// # Native keys of mode Windows
//
// A document is one Event of http://schemas.microsoft.com/win/2004/08/events/event.
// Its native keys are the names that winlogbeat uses, without their "winlog.":
//
//	System         provider_name provider_guid provider_event_source_name event_id
//	               event_id_qualifiers version level task opcode keywords time_created
//	               record_id activity_id related_activity_id process_id thread_id
//	               channel computer_name user_sid (and processor_id session_id
//	               kernel_time user_time processor_time of old events)
//	EventData      event_data.<Name>; event_data.param<n> for the n-th element if it has
//	               no name; event_data.<element> for other elements than Data
//	UserData       user_data.xml_name, user_data.<element> for each leaf below it,
//	               dotted where it is nested deeper, with @attribute for attributes
//	RenderingInfo  message rendering.level rendering.task rendering.opcode
//	               rendering.channel rendering.provider; rendering.keywords is a list
//
// Parent numbers in Frame.Rest are ParentSystem (0: keys without a dot),
// ParentEventData (1), ParentUserData (2) and ParentRendering (3); the key is then
// without that prefix. Other elements keep their own dotted names under parent 0 and
// can never take the place of a key in the table. The first of two equal keys wins.
// Every value is text.
//
// # Speed
//
// One core, events of 1.6 kB with 20 Data elements, no allocation, MB per CPU-second
// (go test -bench . ./parse/kernel/xml; the references run beside):
//
//	Reader, mode Windows, every key in a slot   960
//	Reader, mode Windows, most of it in Rest    920
//	Reader, mode Generic                        370
//	Decoder alone                               760
//	encoding/xml, RawToken                       49, 266 allocations an event
//
// which is 15 times encoding/xml for the tokens and 19 times for the fields. Mode
// Windows compares with the forms that Windows writes, in the order it writes them,
// and falls back to the Decoder for anything else. A Reader remembers the markup between the
// values of events it has read, up to some hundred kilobytes of it, and reads an event
// whose markup it knows by comparing that; the result is the same.
//
// Everything here is for one goroutine; the text that is returned aliases the
// document or the arena that the caller brought, and lives as long as they do.
package xml
