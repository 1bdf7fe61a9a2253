// Package scan holds the byte-level helpers that parsers and encoders share:
// searching, ASCII folding, strict number and address reading, and JSON string
// writing. They work a machine word (eight bytes) at a time where that pays.
//
// Every function is pure: it keeps no state, retains none of its arguments,
// never panics on any input, allocates nothing (an Append function grows dst
// when dst has no room) and is safe for concurrent use. Functions that take dst
// return the extended slice, as append does; dst must not overlap the input.
package scan

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)
