package syslog

import (
	"testing"
	"time"

	gosyslog "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"
)

var benchNow = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)

var benchLines = []struct {
	name, line string
	peer       func() gosyslog.Machine
}{
	{"rfc3164", "<34>Jan  2 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
		func() gosyslog.Machine { return rfc3164.NewMachine(rfc3164.WithYear(rfc3164.Year{YYYY: 2026})) }},
	{"rfc3164-pid", "<38>Jan  2 22:14:15 10.20.30.40 sshd[12345]: Accepted publickey for root from 10.0.0.1 port 4242 ssh2",
		func() gosyslog.Machine { return rfc3164.NewMachine(rfc3164.WithYear(rfc3164.Year{YYYY: 2026})) }},
	{"asa-year", "<166>Jan 02 2026 22:14:15 asa1 : %ASA-6-302013: Built inbound TCP connection 1 for x", nil},
	{"rfc5424", "<165>1 2026-01-02T22:14:15.003Z mymachine.example.com evntslog - ID47 - An application event log entry",
		func() gosyslog.Machine { return rfc5424.NewMachine() }},
	{"rfc5424-2sd", `<165>1 2026-01-02T22:14:15.003Z mymachine.example.com evntslog 1234 ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"][examplePriority@32473 class="high"] An application event log entry`,
		func() gosyslog.Machine { return rfc5424.NewMachine() }},
	{"no-header", `{"a":1,"message":"no syslog header here at all"}`, nil},
}

// BenchmarkParse runs this package and, where it can read the line, go-syslog.
func BenchmarkParse(b *testing.B) {
	for _, l := range benchLines {
		raw := []byte(l.line)
		b.Run(l.name+"/penstock", func(b *testing.B) {
			p := Parser{Options: Options{Time: TimeContext{Now: benchNow}}}
			var m Message
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if err := p.Parse(raw, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
		if l.peer == nil {
			continue
		}
		b.Run(l.name+"/go-syslog", func(b *testing.B) {
			p := l.peer()
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := p.Parse(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
