// Package leef reads IBM QRadar's Log Event Extended Format, versions 1.0 and 2.0:
// the header, and the attributes behind it, into slots of a [parse.Frame] or one by
// one.
//
//	var h leef.Header
//	attributes, err := leef.ParseHeader(raw[leef.Find(raw):], &h)
//	for it := leef.Iterate(attributes, h.Delimiter); it.Next(); {
//		fmt.Printf("%s = %s\n", it.Key(), leef.AppendValue(nil, it.Value(), h.Delimiter))
//	}
//
// Find returns -1 where there is no LEEF; [Reader.ReadEvent] does all three steps,
// with that check.
//
// # Format
//
// The format is that of the IBM QRadar "Log Event Extended Format (LEEF)" guide. What
// the guide leaves open, or devices do otherwise, is read like this:
//
//   - The header is found at the start of the text or behind what looks like a syslog
//     header, nowhere else.
//   - The delimiter: see [ParseHeader]. A tab that a syslog relay wrote as #011
//     delimits where no real tab is left.
//   - A key is a run of bytes without blanks, controls, quotes, backslashes and
//     , ; < > { } | ^ = that stands at the start or behind a delimiter and ends before '='.
//     A delimiter with no key behind it is part of the value, except at its end.
//   - Escapes in the header: \| and \\. In values: \\, \=, \| and the delimiter, if
//     that is one byte and not a tab (nobody escapes tabs, and Windows paths end in
//     backslashes). A backslash before anything else stands for itself.
//   - Blanks (space, tab, CR, LF) at both ends of a value are no part of it.
//   - Text before the first key is kept apart, see [Reader.Stray].
//   - Bytes are passed on as they came, also NUL and what is no UTF-8.
//
// Of equal keys the first has the slot and the others are counted, see
// [parse.Frame.Put]. [Lookup] gives the type of the guide's predefined attributes;
// devTime is to be read in the form that devTimeFormat gives.
//
// # Limits
//
// A key has at most parse.MaxKeyLength bytes, f.Rest its own limit; both breaches
// are OVERSIZE. The time is linear in the length of the text, whatever it holds.
//
// # Concurrency
//
// Functions are pure. A Reader and an Iterator belong to one goroutine; what they
// return aliases the text and the frame's arena.
//
// # Speed
//
// A Reader compares the key that a device usually sends next in place, before it
// looks for one. BenchmarkRead, one busy core of two: 24 attributes in 530 bytes in
// 412 ns (1.29 GB/s), no allocation. A map filled by strings.Split and strings.Cut,
// which knows neither escapes nor delimiters in values, takes 1,960 ns.
package leef
