package syslog

import "testing"

// AIX puts facility and level between host and tag.
func TestFacilityAndLevel(t *testing.T) {
	for raw, want := range map[string][3]string{ // application, level, payload
		"<38>Mar  4 10:20:30 aix-01 auth|security:info sshd[1234]: Accepted":  {"sshd", "info", "Accepted"},
		"Mar  4 10:20:30 aix-01 daemon:notice inetd[99]: text":                {"inetd", "notice", "text"},
		"<38>Mar  4 10:20:30 aix-01 auth|security:none sshd[1234]: Accepted":  {"", "", "auth|security:none sshd[1234]: Accepted"},
		"<38>Mar  4 10:20:30 host http://example.net/ x":                      {"", "", "http://example.net/ x"},
		"<38>Mar  4 10:20:30 host a|b|c:info text without a tag":              {"", "", "a|b|c:info text without a tag"},
		"<38>Mar  4 10:20:30 host auth|security:info":                         {"", "", "auth|security:info"},
		"<38>Mar  4 10:20:30 host averyveryverylongword|security:info app: t": {"", "", "averyveryverylongword|security:info app: t"},
	} {
		var m Message
		if err := Parse([]byte(raw), nil, &m); err != nil {
			t.Errorf("%q: %v", raw, err)
			continue
		}
		if got := [3]string{string(m.AppName), string(m.Level), string(m.Payload)}; got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}
