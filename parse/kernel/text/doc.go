// Package text matches free text against sets of patterns and takes typed values out of
// it:
//
//	set, err := text.Compile([]text.Pattern{
//		{ID: 1, Text: "Accepted <method:word> for <user> from <ip:ip> port <port:port>{ <_:word>}"},
//		{ID: 2, Text: "Failed <method:word> for {invalid user |}<user> from <ip:ip> port <port:port>{ <_:word>}"},
//		{ID: 3, Text: "Connection closed by <ip:ip>..."},
//	}, slotOf)
//	id, ok := set.Match(line, slots)
//
// All patterns of a Set become one prefix tree, so that the cost grows with the line and
// not with the number of patterns. Nothing is tried twice at the same place.
//
// # Text
//
// Text in a pattern matches itself, byte for byte. One or more spaces or tabs in a pattern
// match one or more spaces or tabs, or the end of the text; a run of them is one space also
// where a brace divides it. White space around the pattern and around the text (line
// ends too) is ignored.
//
// A pattern must match the whole text. One that ends with ... matches when it has come
// to that point, whatever follows.
//
// \< { } | and \ itself are written \< \{ \} \| \\; a backslash before any other byte that is no letter
// or digit stands for that byte (\... ends a pattern with three real dots). A > outside a
// capture is itself: "<a> -> <b>".
//
// # Captures
//
//	<name>        text up to the next literal
//	<name:type>   a value of that type
//	<name:type?>  the same, or nothing
//	<_> <_:type>  matched and not captured; <:type> is the same
//
// A name has letters, digits and _ . - @; along one way through a pattern it stands once. A
// capture never matches nothing, except rest and those with a question mark; nothing
// puts no value.
//
//	until      any bytes (what <name> is)
//	word       bytes that are no white space
//	user       bytes that are no white space, control or quote
//	chars(…)   bytes of the set: chars(a-z0-9_), chars(^,;) for all but these; \) \- \^ \\ escape
//	token      as word, but always as far as it goes
//	rest       all that is left, perhaps nothing; only as the last thing
//	int        decimal digits with an optional sign
//	hex        hexadecimal digits, with or without 0x
//	number     decimal digits with an optional sign, fraction and exponent
//	ip         an IPv4 or IPv6 address, the latter perhaps with a %zone
//	port       0 to 65535
//	mac        00:11:22:33:44:55, with - too, 0011.2233.4455 or 001122334455
//	host       letters, digits and . - _ (no dot or dash at the ends), or an IPv6 address
//	quoted     text in " or ', in which a backslash takes the next byte's meaning away
//	time(…)    a time in a layout of Go, time(Jan _2 15:04:05), or a named one: syslog rfc3339
//	           iso8601 clf rfc2822 ansic unix unix_ms unix_us unix_ns unix_auto win_filetime ole
//
// Where a capture ends:
//
//   - until, word, user and chars end at the first place, at least one byte on, where the
//     next literal stands: the text of the pattern up to the next capture or brace, all of
//     it. In "<a>: <b> done", a ends at the first colon that a space follows. It is not
//     tried again at later places. word, user and chars end before the first byte that
//     they do not take, if the literal does not stand earlier.
//   - If a brace follows, each of its alternatives (and what stands behind it, if it may
//     be empty) gives a literal to end at; the nearest one that leads to a match counts.
//   - until at the end of the pattern takes all that is left. Directly before another
//     capture it has nothing to end at, which Compile reports.
//   - All other types read as far as they can and end there.
//
// Values: int and port are [parse.KindInt] if written as usual (no leading zeros, no plus, 64
// bits) and else text; number also [parse.KindFloat]; ip is [parse.KindIP], but text if an IPv6
// address is not in RFC 5952 form or has a zone, so that whoever has memory for it rewrites it with
// [parse.IPValue]; quoted is the text between the quotes with the flag [parse.Quoted], and
// [parse.Escaped] if there is a backslash, see [AppendUnescaped]. All others are text.
//
// # Braces
//
//	{a}      a or nothing
//	{a|b|c}  one of them
//	{a|b|}   one of them or nothing
//
// They may hold captures and further braces, [MaxNesting] deep. A pattern stands for all the
// ways through its braces.
//
// # Which pattern wins
//
// The text is read from the left. Where several ways could go on at one place, the first of
// these that leads to a match is taken:
//
//  1. literal text; so the longer literal comes before the shorter one,
//  2. the end of the text, if a pattern ends here,
//  3. captures, in the order in which the patterns that got here have them; among the
//     places where one capture can end, the nearest, and there the longest literal,
//  4. a pattern that ends with ... here.
//
// Of patterns that are the same up to their end, the first one wins. A Set matches a text if
// and only if one of its patterns would alone.
//
// Patterns that can therefore never match are reported by [Set.Unreachable].
//
// # Limits
//
// A pattern has at most [MaxPattern] bytes and [MaxCaptures] captures. Match takes a number of steps
// that is bounded by a constant plus a multiple of the text's length. A set needs more only if many captures
// start at one place and fail far behind it; then Match gives up, answers no match
// and counts that in [Set.Exhausted].
//
// # Concurrency, memory
//
// A Set is safe for concurrent use. Values alias the text. Match allocates nothing in
// steady state.
//
// # Cost
//
// The firewall line of 14 values in the benchmark takes 0.26 µs, in a set of 20,000 patterns as
// in a set of one; package regexp takes 1.75 µs in the same run, without reading the numbers
// and addresses (two shared cores, least of 15 runs):
//
//	go test -run - -bench . ./parse/kernel/text
package text
