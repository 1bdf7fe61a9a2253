package syslog

// OfPriority splits a PRI value into facility and severity (RFC 5424, 6.2.1).
func OfPriority(p int) (facility, severity int) { return p >> 3, p & 7 }

// FacilityName is the keyword of a facility as ECS's log.syslog.facility.name
// has it ("kern", "authpriv", "local7"), and empty outside 0 to 23.
func FacilityName(n int) string {
	if uint(n) >= uint(len(facilities)) {
		return ""
	}
	return facilities[n]
}

// SeverityName is the name of a severity as ECS's log.syslog.severity.name has
// it ("Emergency" to "Debug"), and empty outside 0 to 7.
func SeverityName(n int) string {
	if uint(n) >= uint(len(severities)) {
		return ""
	}
	return severities[n]
}

var facilities = [24]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news",
	"uucp", "cron", "authpriv", "ftp", "ntp", "security", "console", "solaris-cron",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

var severities = [8]string{
	"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug",
}

// priority reads "<n>" at raw[i:] and returns the offset behind it, or i where
// there is none. "<>" and numbers above 191 are skipped but set nothing.
func priority(raw []byte, i int, m *Message) int {
	if i+2 > len(raw) || raw[i] != '<' {
		return i
	}
	n, j := 0, i+1
	for j < len(raw) && j < i+4 && isDigit(raw[j]) {
		n = n*10 + int(raw[j]-'0')
		j++
	}
	if j >= len(raw) || raw[j] != '>' {
		return i
	}
	if j > i+1 && n <= 191 {
		m.HasPriority, m.Priority = true, n
	}
	return j + 1
}

// version reads "1 " at raw[i:], at most three digits, and returns the offset
// behind the space, or 0.
func version(raw []byte, i int) (v, next int) {
	for j := i; j < len(raw) && j < i+4; j++ {
		c := raw[j]
		if c == ' ' && j > i {
			return v, j + 1
		}
		if !isDigit(c) || j == i+3 {
			return 0, 0
		}
		v = v*10 + int(c-'0')
	}
	return 0, 0
}
