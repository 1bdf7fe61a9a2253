package cef

import "github.com/penstock-dev/penstock/internal/embedded"

const magic = "CEF:"

// Find returns where the CEF header ("CEF:", a version, a pipe) begins in raw, or
// -1. It is found at the start, or after what looks like a syslog header or what a
// syslog reader left of one: an optional priority, version and time, up to four
// words of the kind that host and program names are, structured data. Text that
// merely mentions CEF is not CEF.
//
// Without a priority or a time at most two words may stand before it, the second
// of which ends with a colon or is a single dash.
func Find(raw []byte) int { return embedded.Find(raw, magic) }
