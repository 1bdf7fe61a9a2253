package syslog

import (
	"bytes"

	"github.com/penstock-dev/penstock/internal/timeparse"
)

// rfc3164 reads what follows the PRI in the RFC 3164 family, from raw[i:], and
// reports whether it was any header. hasPRI tells whether a PRI stands in front;
// without one only a time or a sequence number followed by one makes a header.
func (p *Parser) rfc3164(raw []byte, i int, hasPRI bool, m *Message) bool {
	begin := i
	i = skipBlank(raw, i)
	j := p.stamp(raw, i, hasPRI, m)
	if j < 0 {
		if j = p.cisco(raw, i, hasPRI, m); j < 0 {
			return hasPRI && p.noTime(raw, begin, m)
		}
	}
	p.afterTime(raw, j, m)
	if !hasPRI && isDigit(m.first()) && !convincing(m) {
		*m = Message{Payload: raw}
		return false
	}
	return true
}

// first is the first byte of the time, 0 where there is none.
func (m *Message) first() byte {
	if len(m.TimeText) < 5 || m.TimeText[4] == ' ' || class[m.TimeText[4]]&cDigit != 0 {
		return 0 // "2026 Jan" and an epoch are syslog's own
	}
	return m.TimeText[0]
}

// convincing reports whether more than an ISO time speaks for a syslog header.
// Database, proxy and web server logs begin with such a time too, and the word
// behind it is no host there.
func convincing(m *Message) bool {
	if m.AppName != nil || m.Sequence != nil || mnemonic(m.Payload, 0) {
		return true
	}
	b := m.Payload
	return m.Hostname != nil && len(b) > 4 && (b[0] == '{' || b[3] == ':' && isFormat(b[:3]) || b[4] == ':' && isFormat(b[:4]))
}

// cisco reads what Cisco devices put between PRI and time: a colon, up to two
// numbers, the origin id, and an uptime in the place of the time. It returns
// the offset behind the time, or -1, with m as it was.
//
//	<189>123: *Mar  1 2026 00:00:12.345 UTC: %SYS-5-CONFIG_I: …
//	<187>45: router1: 000123: .Jan  2 03:04:05.678: %LINK-3-UPDOWN: …
//	<187>: 2026 Jan  2 03:04:05 UTC: %ETHPORT-5-IF_UP: …
//	<189>46: 1d02h: %SYS-5-RESTART: …
func (p *Parser) cisco(raw []byte, i int, hasPRI bool, m *Message) int {
	if i >= len(raw) || !hasPRI && class[raw[i]]&(cAlpha|cDigit) == 0 {
		return -1
	}
	var counter, sequence, host []byte
	start := i
	if raw[i] == ':' {
		i = skipBlank(raw, i+1)
	}
	for n := 0; n < 4; n++ {
		if i > start {
			if j := p.stamp(raw, i, false, m); j >= 0 {
				if host != nil && sequence == nil && !mnemonic(raw, skipBlank(raw, skipColon(raw, j))) {
					// "app: 2026-01-02 03:04:05 text" is a tag and its text.
					m.HasTime, m.Time, m.TimeText, m.ClockMark = false, timeparse.Result{}, nil, 0
					return -1
				}
				m.Counter, m.Sequence, m.Hostname = counter, sequence, host
				if sequence != nil {
					j = skipZone(raw, j)
				}
				return j
			}
		}
		if j := uptime(raw, i); j > 0 && (hasPRI || sequence != nil) && mnemonic(raw, skipBlank(raw, j+1)) {
			m.Uptime = raw[i:j:j]
			m.Counter, m.Sequence, m.Hostname = counter, sequence, host
			return j + 1
		}
		j := i
		digits := true
		for j < len(raw) && j-i <= defaultMaxField && class[raw[j]]&cHost != 0 {
			if raw[j] == ':' && (j+1 == len(raw) || raw[j+1] == ' ') {
				break
			}
			digits = digits && isDigit(raw[j])
			j++
		}
		if j == i || j+1 >= len(raw) || raw[j] != ':' {
			break
		}
		switch word := raw[i:j:j]; {
		case digits && j-i <= 10 && counter == nil:
			counter, sequence = sequence, word
		case !digits && host == nil && raw[i] != '%':
			host = word
		default:
			return -1
		}
		i = skipBlank(raw, j+1)
		if i < len(raw) && raw[i] == '%' && mnemonic(raw, i) && sequence != nil && hasPRI {
			// A number and no time at all: "<189>123: %SYS-5-CONFIG_I: …".
			m.Counter, m.Sequence, m.Hostname = counter, sequence, host
			return i
		}
	}
	return -1
}

func skipColon(b []byte, i int) int {
	if i < len(b) && b[i] == ':' {
		i++
	}
	return i
}

// skipZone passes over a name of a zone that nobody knows, between the time and
// the mnemonic of a device that numbers its messages: "7: Mar 12 09:19:27 PHT: %".
// Such a device has its host, if at all, in front of the time.
func skipZone(b []byte, i int) int {
	j := skipBlank(b, i)
	start := j
	for j < len(b) && j-start < 6 && 'A' <= b[j] && b[j] <= 'Z' {
		j++
	}
	if j > i && j-start >= 3 && j+1 < len(b) && b[j] == ':' && mnemonic(b, skipBlank(b, j+1)) {
		return j
	}
	return i
}

// uptime reads Cisco's "1d02h:", "3w2d:", "1y2w:" and "00:00:46:" and returns
// the offset of the last colon, or 0.
func uptime(b []byte, i int) int {
	j := i
	if j+9 <= len(b) && b[j+2] == ':' && b[j+5] == ':' && b[j+8] == ':' &&
		isDigit(b[j]) && isDigit(b[j+1]) && isDigit(b[j+3]) && isDigit(b[j+4]) && isDigit(b[j+6]) && isDigit(b[j+7]) {
		if j+9 == len(b) || b[j+9] == ' ' {
			return j + 8
		}
		return 0
	}
	parts := 0
	for ; parts < 2; parts++ {
		n := j
		for j < len(b) && j-n < 4 && isDigit(b[j]) {
			j++
		}
		if j == n || j >= len(b) {
			return 0
		}
		switch b[j] {
		case 'y', 'w', 'd', 'h':
		default:
			return 0
		}
		j++
		if j < len(b) && b[j] == ':' {
			break
		}
	}
	if j >= len(b) || b[j] != ':' || parts == 0 || j+1 < len(b) && b[j+1] != ' ' {
		return 0
	}
	return j
}

// mnemonic reports whether Cisco's %FACILITY-SEVERITY-NAME can begin at b[i:].
// It is the device's message id, so it stays in the payload and is never a tag.
func mnemonic(b []byte, i int) bool {
	return i+1 < len(b) && b[i] == '%' && (b[i+1] == '%' || class[b[i+1]]&cAlpha != 0)
}

// noTime handles a PRI with neither time nor number behind it: a tag that can
// be nothing else, or a host in front of a Cisco mnemonic. It reports whether
// it found one.
//
//	<30>sshd[123]: …
//	<166>asa1 : %ASA-6-302013: …
//	<166>: %ASA-6-302013: …
func (p *Parser) noTime(raw []byte, i int, m *Message) bool {
	i = skipBlank(raw, i)
	if i < len(raw) && raw[i] == ':' {
		if k := skipBlank(raw, i+1); k < len(raw) && mnemonic(raw, k) {
			setPayload(raw, k, m)
			return true
		}
		return false
	}
	if end, next := p.ciscoHost(raw, i); end > 0 {
		m.Hostname = raw[i:end:end]
		setPayload(raw, next, m)
		return true
	}
	if next, _ := p.tag(raw, i, m); next > 0 {
		p.afterTag(raw, next, m)
		return true
	}
	return false
}

// ciscoHost reads "host %", "host: %" and "host : %" and returns the end of the
// host and the offset of the percent sign, or zeros.
func (p *Parser) ciscoHost(raw []byte, i int) (end, next int) {
	j, _ := word(raw, i)
	if j == i || j-i > limit(p.MaxField, defaultMaxField) || raw[i] == '%' {
		return 0, 0
	}
	k := skipBlank(raw, j)
	end = j
	if raw[j-1] == ':' {
		end--
	} else if k > j && k < len(raw) && raw[k] == ':' {
		k = skipBlank(raw, k+1)
	}
	if k == j || end == i || !mnemonic(raw, k) {
		return 0, 0
	}
	return end, k
}

// word returns the end of the longest run of host characters at raw[i:] and all
// their classes.
func word(raw []byte, i int) (end int, seen uint16) {
	for n, c := range raw[i:] {
		k := class[c]
		if k&cHost == 0 {
			return i + n, seen
		}
		seen |= k
	}
	return len(raw), seen
}

// afterTime reads host and tag from raw[i:], which follows a time.
func (p *Parser) afterTime(raw []byte, i int, m *Message) {
	i = skipBlank(raw, skipColon(raw, i))
	if m.Hostname == nil {
		i = p.host(raw, i, m)
	}
	p.body(raw, i, m)
}

// host reads a host at raw[i:] if one stands there, and returns the offset of
// what follows it.
func (p *Parser) host(raw []byte, i int, m *Message) int {
	j, seen := word(raw, i)
	if j == i || j < len(raw) && raw[j] != ' ' && raw[j] != '\t' || j-i > limit(p.MaxField, defaultMaxField) {
		return i
	}
	if seen&(cAlpha|cDigit|cColon) == 0 {
		if j == i+1 && raw[i] == '-' { // the nil value
			return skipBlank(raw, j)
		}
		return i
	}
	end := j
	if seen&(cColon|cBracket) != 0 {
		if end = hostWithPunctuation(raw, i, j, seen); end == 0 {
			return i
		}
	}
	switch raw[i] {
	case '%', '/', '+':
		return i
	case 'l':
		if bytes.HasPrefix(raw[i:], lastMessage) {
			return i
		}
	case 'M':
		if bytes.HasPrefix(raw[i:], forwardedFrom) {
			// AIX: "Message forwarded from host: sshd[1]: …".
			k := i + len(forwardedFrom)
			e, _ := word(raw, k)
			if e > k+1 && raw[e-1] == ':' && e < len(raw) && raw[e] == ' ' {
				m.Hostname = raw[k : e-1 : e-1]
				return skipBlank(raw, e)
			}
			return i
		}
	}
	if seen&(cDigit|cColon) == 0 && j-i <= 13 && isLevel(raw[i:j]) {
		return i
	}
	m.Hostname = raw[i:end:end]
	return skipBlank(raw, j)
}

var (
	lastMessage   = []byte("last message ")
	forwardedFrom = []byte("Message forwarded from ")
)

// hostWithPunctuation decides on a word raw[i:j] that holds colons or brackets,
// and returns the end of the host, 0 for none.
func hostWithPunctuation(raw []byte, i, j int, seen uint16) int {
	w := raw[i:j]
	last := w[len(w)-1]
	if w[0] == '[' { // [::1] and [10.0.0.1], also with a port or a colon behind
		k := bytes.IndexByte(w, ']')
		if k < 0 || !address(w[1:k]) {
			return 0
		}
		if k == len(w)-1 || w[k+1] == ':' {
			return i + k + 1
		}
		return 0
	}
	if seen&cBracket != 0 {
		return 0 // app[1]
	}
	if address(w) {
		return j // fe80::1, 2001:db8::
	}
	colon := bytes.IndexByte(w, ':')
	if last == ':' && (address(w[:len(w)-1]) || colon == len(w)-1) {
		// "host: %ASA-…" and "10.0.0.1: …", but "sshd: …" is a tag.
		k := skipBlank(raw, j)
		if colon > 0 && (k < len(raw) && mnemonic(raw, k) || bytes.Count(w[:colon], dot) == 3 && address(w[:colon])) {
			return j - 1
		}
		if colon < len(w)-1 {
			return j - 1
		}
		return 0
	}
	if colon > 0 && address(w[:colon]) && allDigits(w[colon+1:]) {
		return i + colon // 10.0.0.1:514
	}
	return 0
}

var dot = []byte{'.'}

// address reports whether w can be an IP address, perhaps with a zone. It
// checks shape, not ranges.
func address(w []byte) bool {
	if k := bytes.IndexByte(w, '%'); k >= 0 {
		if k == len(w)-1 {
			return false
		}
		w = w[:k]
	}
	colons, dots, hex := 0, 0, 0
	for _, c := range w {
		switch {
		case c == ':':
			colons++
			hex = 0
		case c == '.':
			dots++
			hex = 0
		case class[c]&cHex == 0:
			return false
		default:
			if c > '9' && colons == 0 && dots > 0 {
				return false
			}
			if hex++; hex > 4 {
				return false
			}
		}
	}
	switch {
	case colons == 0:
		return dots == 3
	case colons == 1 || colons > 7 || dots != 0 && dots != 3:
		return false
	case len(w) > 1 && w[len(w)-1] == ':' && w[len(w)-2] != ':':
		return false // "1:2:3:" is no address
	}
	return bytes.Contains(w, twoColons) || colons == 7 || dots == 3 && colons == 6
}

var twoColons = []byte("::")

func allDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return len(b) > 0
}

// body reads the tag at raw[i:], which follows the host, and sets the payload.
func (p *Parser) body(raw []byte, i int, m *Message) {
	if i < len(raw) && raw[i] == ':' {
		// "host : %ASA-…"
		if k := skipBlank(raw, i+1); k < len(raw) && raw[k] == '%' {
			setPayload(raw, k, m)
			return
		}
	}
	next, stop := p.tag(raw, i, m)
	if next == 0 && stop > i && stop < len(raw) && raw[stop] == ' ' {
		k := skipBlank(raw, stop)
		switch {
		case k+1 < len(raw) && raw[k] == ':' && raw[k+1] == ' ':
			// Cisco FTD: "SFIMS : %FTD-…".
			if k = skipBlank(raw, k+1); mnemonic(raw, k) && stop-i <= limit(p.MaxField, defaultMaxField) {
				m.AppName = raw[i:stop:stop]
				setPayload(raw, k, m)
				return
			}
		case stop-i <= 13 && isLevel(raw[i:stop]):
			// F5: "notice mcpd[1234]: …".
			if next, _ = p.tag(raw, k, m); next > 0 {
				m.Level = raw[i:stop:stop]
			}
		}
	}
	if next == 0 && stop < len(raw) && (raw[stop] == '|' || raw[stop] == ':') {
		// AIX: "auth|security:info sshd[1234]: …".
		if k, level := facilityAndLevel(raw, i); k > 0 {
			if next, _ = p.tag(raw, k, m); next > 0 {
				m.Level = level
			}
		}
	}
	if next > 0 {
		p.afterTag(raw, next, m)
		return
	}
	setPayload(raw, i, m)
}

// facilityAndLevel reads "facility:level " or "facility|alias:level " at raw[i:] and
// returns the offset behind and the level, or 0 where this is neither.
func facilityAndLevel(raw []byte, i int) (next int, level []byte) {
	const longest = len("auth|security")
	j := i
	for j < len(raw) && j-i <= longest && (class[raw[j]]&cTag != 0 || raw[j] == '|') {
		j++
	}
	if j == i || j-i > longest || j == len(raw) || raw[j] != ':' {
		return 0, nil
	}
	k := j + 1
	for k < len(raw) && k-j <= 14 && raw[k]|0x20 >= 'a' && raw[k]|0x20 <= 'z' {
		k++
	}
	if k+1 >= len(raw) || raw[k] != ' ' || !isLevel(raw[j+1:k]) {
		return 0, nil
	}
	return k + 1, raw[j+1 : k : k]
}

// tag reads "app:", "app[pid]:" and "app[123] " at raw[i:] into m and returns
// the offset behind, or 0 where this is no tag. stop is where the name ends.
func (p *Parser) tag(raw []byte, i int, m *Message) (next, stop int) {
	j := len(raw)
	var seen uint16
	for n, c := range raw[i:] {
		k := class[c]
		if k&cTag == 0 {
			j = i + n
			break
		}
		seen |= k
	}
	if j == i || j == len(raw) || seen&cAlpha == 0 || j-i > limit(p.MaxField, defaultMaxField) {
		return 0, j
	}
	switch raw[j] {
	case ':':
		if j+1 < len(raw) && raw[j+1] != ' ' && raw[j+1] != '\t' {
			return 0, j // CEF:0, http://, 10:20
		}
		if j-i <= 13 && (isLevel(raw[i:j]) || isFormat(raw[i:j])) {
			return 0, j
		}
		m.AppName = raw[i:j:j]
		return j + 1, j
	case '[':
		k := j + 1
		digits := true
		for k < len(raw) && class[raw[k]]&cPID != 0 {
			digits = digits && isDigit(raw[k])
			k++
		}
		if k == len(raw) || raw[k] != ']' || k-j > limit(p.MaxField, defaultMaxField) {
			return 0, j
		}
		if k == j+1 {
			digits = false
		}
		if k+1 < len(raw) && raw[k+1] == ':' {
			m.AppName, m.ProcID = raw[i:j:j], raw[j+1:k:k]
			return k + 2, j
		}
		if digits && (k+1 == len(raw) || raw[k+1] == ' ') {
			m.AppName, m.ProcID = raw[i:j:j], raw[j+1:k:k]
			// ESXi: "app[12] - - text" has the nil MSGID and structured data
			// of an RFC 5424 header.
			if bytes.HasPrefix(raw[k+1:], twoNils) {
				return k + 1 + len(twoNils) - 1, j
			}
			return k + 1, j
		}
	}
	return 0, j
}

var twoNils = []byte(" - - ")

// afterTag sets the payload to raw[i:], which follows a tag, without one space
// in front and without Solaris's message id "[ID 702911 auth.info] ".
func (p *Parser) afterTag(raw []byte, i int, m *Message) {
	if i < len(raw) && (raw[i] == ' ' || raw[i] == '\t') {
		i++
	}
	if i+4 < len(raw) && raw[i] == '[' && raw[i+1] == 'I' && raw[i+2] == 'D' && raw[i+3] == ' ' {
		j := i + 4
		for j < len(raw) && isDigit(raw[j]) {
			j++
		}
		if k := bytes.IndexByte(raw[j:min(len(raw), j+32)], ']'); j > i+4 && k > 1 && raw[j] == ' ' {
			if pri := priorityOf(raw[j+1 : j+k]); pri >= 0 {
				m.MsgID = raw[i+4 : j : j]
				if !m.HasPriority {
					m.HasPriority, m.Priority = true, pri
				}
				if i = j + k + 1; i < len(raw) && raw[i] == ' ' {
					i++
				}
			}
		}
	}
	setPayload(raw, i, m)
}

// priorityOf reads "auth.info", or returns -1.
func priorityOf(b []byte) int {
	k := bytes.IndexByte(b, '.')
	if k < 0 {
		return -1
	}
	for f, name := range facilities {
		if string(b[:k]) == name {
			for s, name := range severityWords {
				if string(b[k+1:]) == name {
					return f<<3 | s
				}
			}
		}
	}
	return -1
}

var severityWords = [8]string{"emerg", "alert", "crit", "error", "warning", "notice", "info", "debug"}

// oldTag reads an RFC 3164 tag at raw[i:].
func (p *Parser) oldTag(raw []byte, i int, m *Message) bool {
	app, proc := m.AppName, m.ProcID
	m.AppName, m.ProcID = nil, nil
	if next, _ := p.tag(raw, i, m); next > 0 {
		m.MsgID = nil
		p.afterTag(raw, next, m)
		return true
	}
	m.AppName, m.ProcID = app, proc
	return false
}

// isLevel reports whether w is a severity word, which is neither host nor tag.
func isLevel(w []byte) bool {
	if len(w) < 3 {
		return false
	}
	var low [13]byte
	if len(w) > len(low) {
		return false
	}
	switch w[0] | 0x20 {
	case 'a', 'c', 'd', 'e', 'f', 'i', 'n', 'p', 't', 'w':
	default:
		return false
	}
	for i, c := range w {
		low[i] = c | 0x20
	}
	switch string(low[:len(w)]) {
	case "emerg", "emergency", "panic", "alert", "crit", "critical", "fatal", "err", "error", "warn", "warning",
		"notice", "info", "informational", "debug", "trace":
		return true
	}
	return false
}

// isFormat reports whether w begins a payload format that looks like a tag.
func isFormat(w []byte) bool {
	switch string(w) {
	case "CEF", "LEEF":
		return true
	}
	return false
}
