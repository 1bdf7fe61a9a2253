package syslog_test

import (
	"fmt"
	"time"

	"github.com/penstock-dev/penstock/parse/kernel/syslog"
)

func ExampleParser() {
	p := syslog.Parser{Options: syslog.Options{Time: syslog.TimeContext{Now: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)}}}
	var m syslog.Message
	for _, line := range []string{
		"<38>Jan  2 03:04:05 web1 sshd[4711]: Accepted publickey for root",
		"<166>Jan 02 2026 03:04:05 asa1 : %ASA-6-302013: Built inbound TCP",
		`<189>date=2026-01-02 devname="fw"`,
		`{"no":"header"}`,
	} {
		if err := p.Parse([]byte(line), &m); err != nil {
			fmt.Println(err)
			continue
		}
		_, severity := syslog.OfPriority(m.Priority)
		fmt.Printf("header %d, %q %q %q, %s: %s\n", m.HeaderLen, m.Hostname, m.AppName, m.ProcID, syslog.SeverityName(severity), m.Payload)
	}
	// Output:
	// header 37, "web1" "sshd" "4711", Informational: Accepted publickey for root
	// header 33, "asa1" "" "", Informational: %ASA-6-302013: Built inbound TCP
	// header 5, "" "" "", Notice: date=2026-01-02 devname="fw"
	// header 0, "" "" "", Emergency: {"no":"header"}
}

func ExampleMessage_Elements() {
	var m syslog.Message
	err := syslog.Parse([]byte(`<165>1 2026-01-02T03:04:05Z h app - ID47 [ex@32473 iut="3" path="a\\b"][up] text`), nil, &m)
	if err != nil {
		fmt.Println(err)
		return
	}
	var p syslog.Param
	var value []byte
	for e := m.Elements(); e.Next(&p); {
		value = syslog.AppendUnescaped(value[:0], p.Value)
		fmt.Printf("%s %s=%s\n", p.ID, p.Name, value)
	}
	// Output:
	// ex@32473 iut=3
	// ex@32473 path=a\b
	// up =
}

func ExampleParser_Relayed() {
	var p syslog.Parser
	var outer, inner syslog.Message
	line := "<13>2026-01-02T03:04:05Z relay <189>45: *Jan  2 2026 03:04:04: %SYS-5-CONFIG_I: Configured"
	if err := p.Parse([]byte(line), &outer); err != nil {
		fmt.Println(err)
		return
	}
	if p.Relayed(&outer, &inner) {
		fmt.Printf("%s passed on number %s: %s\n", outer.Hostname, inner.Sequence, inner.Payload)
	}
	// Output: relay passed on number 45: %SYS-5-CONFIG_I: Configured
}
