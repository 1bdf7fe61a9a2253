package syslog

import "bytes"

// Repeated takes apart the payload of rsyslog, sysklogd and syslog-ng's like for a message
// that came several times in a row, "message repeated 3 times: [ text]". It returns the
// text, which is a part of payload, and how often the daemon says that it came, or ok false
// for any other payload. "last message repeated 3 times" does not tell the message and is none.
//
// The note stands behind the tag of the message, so that the header is that of the text.
func Repeated(payload []byte) (text []byte, times int, ok bool) {
	const begin, middle = "message repeated ", " times: ["
	b, found := bytes.CutPrefix(payload, []byte(begin))
	if !found {
		return nil, 0, false
	}
	i := 0
	for i < len(b) && i < 9 && '0' <= b[i] && b[i] <= '9' {
		times = times*10 + int(b[i]-'0')
		i++
	}
	b = b[i:]
	if i == 0 || !bytes.HasPrefix(b, []byte(middle)) || b[len(b)-1] != ']' {
		return nil, 0, false
	}
	return bytes.TrimLeft(b[len(middle):len(b)-1], " "), times, true
}
