// Package embedded finds where a format with a header of its own (CEF, LEEF) begins in a
// message that may have a syslog header in front of it.
package embedded

import "bytes"

// maxPrefix is how far into a message Find looks.
const maxPrefix = 1024

// freeTokens is how many words a syslog header may have besides priority,
// version, time and structured data: host, program, process id, message id.
const freeTokens = 4

// Find returns where the header that begins with magic ("CEF:"), a version and a pipe
// begins in raw, or -1. It is found at the start, or after what looks like a syslog header
// or what a syslog reader left of one: an optional priority, version and time, up to
// four words of the kind that host and program names are, structured data; relays may have put
// theirs in front, if that of the device has a priority. Text that merely mentions the format is not of it.
//
// Without a priority or a time at most two words may stand before it, the second
// of which ends with a colon or is a single dash.
func Find(raw []byte, magic string) int {
	i := 0
	if bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")) {
		i = 3
	}
	for i < min(len(raw), maxPrefix) && (raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\r' || raw[i] == '\n') {
		i++
	}
	if isStart(raw[i:], magic) {
		return i
	}
	window := raw[:min(len(raw), maxPrefix)]
	if i >= len(window) || !bytes.Contains(window[i:], []byte(magic)) {
		return -1
	}
	return findAfterSyslog(raw, i, magic)
}

// isStart reports whether b begins with magic, a version and a pipe.
func isStart(b []byte, magic string) bool {
	if len(b) < len(magic)+2 || string(b[:len(magic)]) != magic {
		return false
	}
	i := len(magic)
	for i < len(b) && b[i] == ' ' {
		i++
	}
	start := i
	for i < len(b) && (b[i]-'0' < 10 || b[i] == '.') && i-start < 8 {
		i++
	}
	return i > start && i < len(b) && b[i] == '|'
}

func findAfterSyslog(raw []byte, i int, magic string) int {
	end := min(len(raw), maxPrefix)
	syslog := false // a priority or a time was seen
	free := 0
	for i < end {
		switch raw[i] {
		case '<': // a header, perhaps behind that of a relay
			k := i + 1
			for k < end && raw[k]-'0' < 10 {
				k++
			}
			if k == i+1 || k == end || raw[k] != '>' {
				return -1
			}
			i, syslog, free = k+1, true, 0
			continue
		case ' ', '\t':
			i++
			continue
		case '[':
			// A structured data element, or a process id on its own.
			k := endOfElement(raw[:end], i)
			if k < 0 {
				return -1
			}
			i = k
			continue
		case 0xef:
			if bytes.HasPrefix(raw[i:], []byte("\xef\xbb\xbf")) {
				i += 3
				continue
			}
		}
		if isStart(raw[i:], magic) {
			return i
		}
		k := i
		for k < end && isHeaderByte(raw[k]) {
			k++
			if (raw[k-1] == ':' || raw[k-1] == ']') && isStart(raw[k:], magic) {
				break // "program:CEF:0|"
			}
		}
		if k == i || k == end || (raw[k] != ' ' && raw[k] != '\t' && raw[k-1] != ':' && raw[k-1] != ']') {
			return -1
		}
		word := raw[i:k]
		i = k
		if isTimeWord(word) {
			syslog = true
			continue
		}
		if syslog && string(word) == "-" {
			continue // absent, in RFC 5424
		}
		free++
		if free > freeTokens {
			return -1
		}
		if !syslog && (free > 2 || free == 2 && word[len(word)-1] != ':' && string(word) != "-") {
			return -1
		}
	}
	return -1
}

// endOfElement returns the index after the bracketed element that begins at i,
// quoted values respected, or -1.
func endOfElement(b []byte, i int) int {
	quoted := false
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ']':
			if !quoted {
				return i + 1
			}
		}
	}
	return -1
}

// isHeaderByte reports whether c can stand in a host name, a program name or a time.
func isHeaderByte(c byte) bool {
	switch c {
	case '"', '\'', '`', '{', '}', '|', '=', '<', '>', ',', ';', '\\':
		return false
	}
	return c > ' ' && c < 0x7f
}

// isTimeWord reports whether a word belongs to a syslog header's version or time:
// digits with the marks of dates and clocks, or the name of a month or a zone.
func isTimeWord(w []byte) bool {
	switch len(w) {
	case 3, 4:
		switch string(w[:3]) {
		case "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "UTC", "GMT":
			return len(w) == 3 || w[3] == ':'
		}
	}
	if w[0]-'0' > 9 {
		return false
	}
	dots := 0
	for _, c := range w {
		switch {
		case c-'0' < 10, c == ':', c == '-', c == '/', c == '+', c == 'T', c == 'Z':
		case c == '.':
			dots++
		default:
			return false
		}
	}
	return dots <= 1 // more would be an address
}
