package syslog

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The fields that the header is made of, by their place in the Reader.
var headerFields = []string{
	"@timestamp", "log.syslog.severity.code", "log.level", "log.syslog.facility.code", "host.hostname", "host.name", "observer.name",
}

const (
	fieldTime = iota
	fieldSeverity
	fieldLevel
	fieldFacility
	fieldHostname
	fieldHost
	fieldObserver
	firstCEF // of cefFields
)

// cefHeader and cefFields say which fields CEF is made of: the header's first, then the
// extension's by its keys.
var cefHeader = []string{"observer.vendor", "observer.product", "observer.version", "event.code", "event.action", "event.severity"}

var cefFields = []struct{ key, field string }{
	{"act", "event.outcome"}, {"app", "network.protocol"}, {"cat", "event.dataset"}, {"deviceExternalId", "observer.serial_number"},
	{"dhost", "destination.domain"}, {"dmac", "destination.mac"}, {"dpt", "destination.port"}, {"dst", "destination.ip"}, {"duser", "destination.user.name"},
	{"dvchost", "observer.hostname"}, {"externalId", "event.id"}, {"fileHash", "file.hash.sha256"}, {"filePath", "file.path"}, {"fname", "file.name"},
	{"in", "source.bytes"}, {"out", "destination.bytes"}, {"proto", "network.transport"}, {"reason", "event.reason"}, {"request", "url.original"},
	{"requestMethod", "http.request.method"}, {"shost", "source.domain"}, {"smac", "source.mac"}, {"spt", "source.port"}, {"src", "source.ip"},
	{"suser", "user.name"},
}

func cefNames() []string {
	names := append([]string{}, cefHeader...)
	for _, f := range cefFields {
		names = append(names, f.field)
	}
	return names
}

// append appends the message of a line, without framing.
func (c *core) append(dst, line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	r, known := c.reader, c.reader.Read(line)
	at := func(i int) []byte {
		if !known {
			return nil
		}
		return r.Append(nil, i)
	}
	facility, severity := *c.opts.Facility, *c.opts.Severity
	if n, err := strconv.Atoi(string(at(fieldFacility))); err == nil && n >= 0 && n <= 23 {
		facility = n
	}
	if n, err := strconv.Atoi(string(at(fieldSeverity))); err == nil && n >= 0 && n <= 7 {
		severity = n
	} else if n, ok := levels[strings.ToLower(string(at(fieldLevel)))]; ok {
		severity = n
	}
	when := c.opts.Now()
	if t, err := time.Parse(time.RFC3339Nano, string(at(fieldTime))); err == nil && t.Year() > 0 && t.Year() < 10000 {
		when = t
	}
	host := at(fieldHostname)
	for _, i := range []int{fieldHost, fieldObserver} {
		if len(host) == 0 {
			host = at(i)
		}
	}
	if len(host) == 0 {
		host = []byte(c.opts.HostName)
	}
	dst = append(dst, '<')
	dst = strconv.AppendInt(dst, int64(facility*8+severity), 10)
	dst = append(dst, ">1 "...)
	dst = when.AppendFormat(dst, "2006-01-02T15:04:05.999999Z07:00")
	dst = appendName(append(dst, ' '), host, 255)
	dst = appendName(append(dst, ' '), []byte(c.opts.AppName), 48)
	dst = append(dst, " - - "...) // PROCID, MSGID
	first := firstCEF + len(cefHeader) + len(cefFields)
	dst = c.structured(dst, first+1, at)
	dst = append(dst, ' ')
	if c.opts.Format == "cef" {
		return c.cef(dst, line, at, first)
	}
	if c.opts.Message != "" {
		if text := at(first); len(text) > 0 {
			return appendMessage(dst, text)
		}
	}
	return appendMessage(dst, line)
}

// levels are the severities of RFC 5424 by the words of log.level.
var levels = map[string]int{
	"emergency": 0, "emerg": 0, "panic": 0, "alert": 1, "critical": 2, "crit": 2, "fatal": 2, "error": 3, "err": 3,
	"warning": 4, "warn": 4, "notice": 5, "informational": 6, "information": 6, "info": 6, "debug": 7, "trace": 7,
}

// appendName appends a header field: printable US-ASCII without spaces, "-" for none.
func appendName(dst, name []byte, most int) []byte {
	if len(name) == 0 {
		return append(dst, '-')
	}
	n := 0
	for i := 0; i < len(name) && n < most; n++ {
		c, size := name[i], 1
		if c >= utf8.RuneSelf {
			_, size = utf8.DecodeRune(name[i:])
			c = '?'
		} else if c <= ' ' || c == 0x7f {
			c = '?'
		}
		dst = append(dst, c)
		i += size
	}
	return dst
}

// structured appends the structured data, of which field i is that of the first
// parameter.
func (c *core) structured(dst []byte, i int, at func(int) []byte) []byte {
	if c.opts.StructuredID == "" {
		return append(dst, '-')
	}
	dst = append(append(dst, '['), c.opts.StructuredID...)
	for k, name := range c.params {
		value := at(i + k)
		if len(value) == 0 {
			continue
		}
		dst = append(append(append(dst, ' '), name...), '=', '"')
		for _, r := range string(value) {
			switch {
			case r == '"' || r == '\\' || r == ']':
				dst = append(dst, '\\', byte(r))
			case control(r):
				dst = append(dst, ' ')
			default:
				dst = utf8.AppendRune(dst, r)
			}
		}
		dst = append(dst, '"')
	}
	return append(dst, ']')
}

// control reports characters that have no place in a line: C0, DEL, C1, and the line and
// paragraph separators.
func control(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029
}

// appendMessage appends text on one line, as valid UTF-8.
func appendMessage(dst, text []byte) []byte {
	plain := true
	for _, c := range text {
		if c < 0x20 || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return append(dst, text...)
	}
	for _, r := range string(text) {
		if control(r) {
			r = ' '
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// cef appends CEF:0|vendor|product|version|id|name|severity|extension.
func (c *core) cef(dst, line []byte, at func(int) []byte, message int) []byte {
	dst = append(dst, "CEF:0"...)
	head := func(text []byte, def string) {
		if len(text) == 0 {
			text = []byte(def)
		}
		dst = append(dst, '|')
		for _, r := range string(text) {
			switch {
			case r == '|' || r == '\\':
				dst = append(dst, '\\', byte(r))
			case control(r):
				dst = append(dst, ' ')
			default:
				dst = utf8.AppendRune(dst, r)
			}
		}
	}
	head(at(firstCEF), "penstock")
	head(at(firstCEF+1), "penstock")
	head(at(firstCEF+2), "1")
	code, action := at(firstCEF+3), at(firstCEF+4)
	if len(code) == 0 {
		code = action
	}
	head(code, "event")
	head(action, "event")
	severity := "3"
	if n, err := strconv.Atoi(string(at(firstCEF + 5))); err == nil {
		severity = strconv.Itoa(min(max(n, 0), 10))
	}
	head(nil, severity)
	dst = append(dst, '|')
	extension := func(key string, text []byte) {
		if len(text) == 0 {
			return
		}
		if dst[len(dst)-1] != '|' {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, key...), '=')
		for _, r := range string(text) {
			switch {
			case r == '=' || r == '\\':
				dst = append(dst, '\\', byte(r))
			case r == '\n':
				dst = append(dst, `\n`...)
			case r == '\r':
				dst = append(dst, `\r`...)
			case control(r):
				dst = append(dst, ' ')
			default:
				dst = utf8.AppendRune(dst, r)
			}
		}
	}
	for i, f := range cefFields {
		extension(f.key, at(firstCEF+len(cefHeader)+i))
	}
	if t, err := time.Parse(time.RFC3339Nano, string(at(fieldTime))); err == nil {
		extension("rt", strconv.AppendInt(nil, t.UnixMilli(), 10))
	}
	text := at(message)
	if len(text) == 0 {
		text = line
	}
	extension("msg", text)
	return dst
}
