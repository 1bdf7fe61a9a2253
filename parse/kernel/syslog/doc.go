// Package syslog reads syslog headers: RFC 5424, RFC 3164, and what devices
// really send in their place.
//
//	p := syslog.Parser{Options: syslog.Options{Time: syslog.TimeContext{Now: now, Zone: zone}}}
//	var m syslog.Message
//	for each raw message {
//		if err := p.Parse(raw, &m); err != nil { … }
//		use(m.Hostname, m.AppName, m.Payload)
//	}
//
// [Parse] is the same for a single message. Framing (RFC 6587, RFC 5426) is not
// done here: raw is one message, its trailing CR, LF and NUL are taken off.
//
// # What is a header
//
// A message without a header is no error: all of it is the Payload, and
// HeaderLen is 0. A header is one of
//
//   - a PRI (RFC 5424 section 6.2.1, RFC 3164 section 4.1.1), whatever follows;
//     "<>" and "<999>" count too, with HasPriority false
//   - without a PRI: a BSD time ("Jan  2 03:04:05" and its variants); a Cisco
//     sequence number or origin id with a time; "1 " and an ISO or epoch time; an
//     ISO time where a tag, a Cisco mnemonic, CEF, LEEF or JSON follows the host.
//     An ISO time alone also begins the lines of databases and web servers.
//
// Payload and header never overlap, and nothing in between is dropped but
// blanks, colons, nil values and a BOM: the payload is the rest of the message.
//
// # RFC 5424
//
// Read as section 6 has it. Beyond it, these are taken: fields longer than
// section 6 allows (up to Options.MaxField), empty or not in ASCII; a time
// without a zone, with up to nine digits and more or a comma; a missing PRI;
// several spaces between parameters, "]" unescaped in a value, repeated SD-IDs
// and parameters; a message that follows the structured data without a space.
//
// Structured data that does not keep to section 6.3 ("[action:"Accept"; …]" of
// Check Point, "[Originator@6876 sub=x]" of ESXi), or that is missing, belongs
// to the Payload. A TIMESTAMP that cannot be read is kept as TimeText. An
// RFC 3164 tag behind the host ("<14>1 2026-… host app[1]: text") is a tag. A
// header or structured data that the end of the message cuts off is TRUNCATED,
// a control character in the header is SCHEMA_VIOLATION; then Message holds the
// fields in front, and Payload begins with the one that failed.
//
// # RFC 3164 and its relatives
//
// Host: the word behind the time, unless it ends in ":" (a tag; but "host: %ASA",
// an address and a colon are a host), has a pid, is a severity word, or holds
// one of = { | , and the like. "-" is the nil value. AIX's "Message forwarded
// from host:" gives the host. A word that only looks like a host is one:
// "Jan  2 03:04:05 Built inbound …" has the host "Built".
//
// Tag: "app:", "app[pid]:" and "app[123] ", with letters, digits and ._-/()@+#~
// only. A severity word, CEF, LEEF, a number and anything with a space or an "="
// is no tag. A Cisco or Huawei mnemonic (%ASA-6-302013:, %%01SEC/4/…) is the
// device's message id, so it is not consumed and begins the Payload. A severity
// word in front of a tag is Level (F5), also behind a facility (AIX: "auth|security:info").
// Solaris's "[ID 702911 auth.info] " is
// the MsgID, and the priority where no PRI was sent.
//
// Time: see layout "syslog" of the time parser, RFC 3339 with T or space, dates
// with slashes, and epoch seconds behind "<PRI>1 " (Meraki). A zone name that
// means several zones counts as no zone. Without Options.Time.Now a time that
// has no year stays text.
//
// # Relays
//
// Where a relay puts its header in front of that of the device, Parse reads the
// outer one; [Parser.Relayed] reads the next from the Payload. Whether to
// believe it is for the caller to decide: who writes the payload writes that too.
//
// # Lenient and strict
//
// Package strict (go-syslog) refuses what deviates. What it accepts as RFC 5424
// is read the same here, which FuzzAgainstStrict keeps true, with these
// differences: a BOM and trailing CR, LF and NUL are not part of the Payload;
// times outside 1677 to 2262 are text; an SD-ID sent twice is refused there; of a
// parameter sent twice strict keeps the last, [Elements] shows all.
//
// Use strict to check a sender, this package for everything else. One core of a
// shared 2-core machine, ns per message (go test -bench Parse -cpu 1 .):
//
//	                                  here   go-syslog   ratio
//	RFC 3164, host and tag                75         612     8×
//	RFC 3164, address, tag and pid        79         722     9×
//	RFC 5424, no structured data          87         614     7×
//	RFC 5424, two elements, 202 bytes    172        1586     9×
//	ASA with year and host                58      cannot
//	no header, JSON                       26      cannot
//
// # Limits
//
// Options: 1 MiB a message, 255 bytes a field, 1024 elements and parameters;
// a breach is OVERSIZE. In the RFC 3164 family a word that is too long is no
// field and stays in the Payload.
//
// # Memory and concurrency
//
// Slices in a Message are parts of raw. Parse allocates only to fail. A Parser
// and a Message belong to one goroutine at a time; Parse, the names and
// [AppendUnescaped] may be called from any. Nothing is escaped: control
// characters in a Payload reach whoever prints it.
package syslog
