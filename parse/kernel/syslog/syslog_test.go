package syslog_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse/kernel/syslog"
)

var (
	now     = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	options = &syslog.Options{Time: syslog.TimeContext{Now: now}}
)

// row is a line and what has to be read from it, written as text (see show).
type row struct{ name, line, want string }

// show writes what was read: the fields that are set, then "| " and the payload.
func show(m *syslog.Message) string {
	var b strings.Builder
	add := func(k, v string) {
		if v != "" {
			fmt.Fprintf(&b, "%s=%s ", k, v)
		}
	}
	if m.HasPriority {
		add("pri", fmt.Sprint(m.Priority))
	}
	if m.Version != 0 {
		add("v", fmt.Sprint(m.Version))
	}
	if m.HasTime {
		t := m.Time.Time().Format("2006-01-02T15:04:05.999999999")
		if m.Time.Zoned {
			t += "Z"
		}
		if m.Time.YearAssumed {
			t += "?"
		}
		add("t", t)
	} else {
		add("badtime", string(m.TimeText))
	}
	if m.ClockMark != 0 {
		add("mark", string(rune(m.ClockMark)))
	}
	add("host", string(m.Hostname))
	add("app", string(m.AppName))
	add("pid", string(m.ProcID))
	add("msgid", string(m.MsgID))
	add("level", string(m.Level))
	add("counter", string(m.Counter))
	add("seq", string(m.Sequence))
	add("up", string(m.Uptime))
	add("sd", string(m.StructuredData))
	if m.HeaderLen == 0 {
		b.WriteString("none ")
	}
	return b.String() + "| " + string(m.Payload)
}

var rfc5424Rows = []row{
	{"plain", "<34>1 2003-10-11T22:14:15.003Z mail.example.com su - ID47 - \xEF\xBB\xBF'su root' failed",
		"pri=34 v=1 t=2003-10-11T22:14:15.003Z host=mail.example.com app=su msgid=ID47 | 'su root' failed"},
	{"offset", "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - It's time.",
		"pri=165 v=1 t=2003-08-24T12:14:15.000003Z host=192.0.2.1 app=myproc pid=8710 | It's time."},
	{"all nil", "<0>1 - - - - - -", "pri=0 v=1 | "},
	{"no message, newline", "<13>1 - h - - - -\r\n", "pri=13 v=1 host=h | "},
	{"elements", `<165>1 2003-10-11T22:14:15.003Z h a - ID47 [ex@32473 iut="3" src="Ap"][pri@32473 class="high"] text`,
		`pri=165 v=1 t=2003-10-11T22:14:15.003Z host=h app=a msgid=ID47 sd=[ex@32473 iut="3" src="Ap"][pri@32473 class="high"] | text`},
	{"elements, no message", `<165>1 - h a - - [ex@32473][x a="1" a="2"]`, `pri=165 v=1 host=h app=a sd=[ex@32473][x a="1" a="2"] | `},
	{"escapes", `<1>1 - h a - - [x a="q\"b\\c\]d\n" b="C:\\"] m`, `pri=1 v=1 host=h app=a sd=[x a="q\"b\\c\]d\n" b="C:\\"] | m`},
	{"bracket in value, more spaces", `<1>1 - h a - - [x  a="[1]" ] m`, `pri=1 v=1 host=h app=a sd=[x  a="[1]" ] | m`},
	{"no space behind elements", `<1>1 - h a - - [x a="1"]m`, `pri=1 v=1 host=h app=a sd=[x a="1"] | m`},
	{"brackets that are text", `<1>1 - h a - - [info][net]: up`, `pri=1 v=1 host=h app=a | [info][net]: up`},
	{"no structured data at all", `<1>1 - h a 12 ID text goes on`, `pri=1 v=1 host=h app=a pid=12 msgid=ID | text goes on`},
	{"minus that is text", `<1>1 - h a 12 ID -5 degrees`, `pri=1 v=1 host=h app=a pid=12 msgid=ID | -5 degrees`},
	{"empty field", `<1>1 -  a 12 ID - x`, `pri=1 v=1 app=a pid=12 msgid=ID | x`},
	{"two spaces in front of text", `<1>1 - h a - - -  x`, `pri=1 v=1 host=h app=a |  x`},
	{"no PRI", `1 2026-01-02T03:04:05Z h a - - - x`, `v=1 t=2026-01-02T03:04:05Z host=h app=a | x`},
	{"time without zone", `<1>1 2026-01-02T03:04:05,5 h a - - - x`, `pri=1 v=1 t=2026-01-02T03:04:05.5 host=h app=a | x`},
	{"time that is none", `<1>1 2026-13-02T03:04:05Z h a - - - x`, `pri=1 v=1 badtime=2026-13-02T03:04:05Z host=h app=a | x`},
	{"IPv6", `<1>1 - fe80::1%eth0 a - - - x`, `pri=1 v=1 host=fe80::1%eth0 app=a | x`},
	{"old tag behind the host", `<14>1 2026-01-02T03:04:05Z h sshd[12]: some text that goes on`,
		`pri=14 v=1 t=2026-01-02T03:04:05Z host=h app=sshd pid=12 | some text that goes on`},
	{"old tag, short text", `<14>1 2026-01-02T03:04:05Z h cron: x`, `pri=14 v=1 t=2026-01-02T03:04:05Z host=h app=cron | x`},
	{"Juniper", `<14>1 2026-01-02T03:04:05.678+01:00 srx RT_FLOW - RT_FLOW_SESSION_CREATE [junos@2636.1.1.1.2.40 source-address="192.0.2.1" reason="a b"] session`,
		`pri=14 v=1 t=2026-01-02T02:04:05.678Z host=srx app=RT_FLOW msgid=RT_FLOW_SESSION_CREATE sd=[junos@2636.1.1.1.2.40 source-address="192.0.2.1" reason="a b"] | session`},
	{"Check Point", `<134>1 2026-01-02T03:04:05Z gw CheckPoint 1234 - [action:"Accept"; conn_direction:"Internal"]`,
		`pri=134 v=1 t=2026-01-02T03:04:05Z host=gw app=CheckPoint pid=1234 | [action:"Accept"; conn_direction:"Internal"]`},
	{"ESXi", `<166>1 2026-01-02T03:04:05.678Z esx1 Hostd 2099 - - info [Originator@6876 sub=Vim] x`,
		`pri=166 v=1 t=2026-01-02T03:04:05.678Z host=esx1 app=Hostd pid=2099 | info [Originator@6876 sub=Vim] x`},
	{"ESXi's elements", `<166>1 2026-01-02T03:04:05.678Z esx1 Hostd 2099 - [Originator@6876 sub=Vim] x`,
		`pri=166 v=1 t=2026-01-02T03:04:05.678Z host=esx1 app=Hostd pid=2099 | [Originator@6876 sub=Vim] x`},
}

var rfc3164Rows = []row{
	{"plain", "<34>Oct 11 22:14:15 mymachine su: 'su root' failed", "pri=34 t=2025-10-11T22:14:15? host=mymachine app=su | 'su root' failed"},
	{"pid", "<13>Feb  5 17:32:18 10.0.0.99 app[4711]: x", "pri=13 t=2026-02-05T17:32:18? host=10.0.0.99 app=app pid=4711 | x"},
	{"one space and one digit", "<13>Feb 5 17:32:18 h app: x", "pri=13 t=2026-02-05T17:32:18? host=h app=app | x"},
	{"day with zero", "<13>Feb 05 17:32:18 h app: x", "pri=13 t=2026-02-05T17:32:18? host=h app=app | x"},
	{"last year", "<13>Dec 31 23:59:59 h app: x", "pri=13 t=2025-12-31T23:59:59? host=h app=app | x"},
	{"leap day", "<13>Feb 29 01:02:03 h app: x", "pri=13 t=2024-02-29T01:02:03? host=h app=app | x"},
	{"year behind the day", "<13>Jan  2 2026 03:04:05 h app: x", "pri=13 t=2026-01-02T03:04:05 host=h app=app | x"},
	{"year behind the time", "<13>Jan  2 03:04:05 2026 h app: x", "pri=13 t=2026-01-02T03:04:05 host=h app=app | x"},
	{"year in front", "<13>2026 Jan  2 03:04:05 h app: x", "pri=13 t=2026-01-02T03:04:05 host=h app=app | x"},
	{"weekday", "<13>Fri Jan  2 03:04:05 2026 h app: x", "pri=13 t=2026-01-02T03:04:05 host=h app=app | x"},
	{"zone", "<13>Jan  2 03:04:05 CET h app: x", "pri=13 t=2026-01-02T02:04:05Z? host=h app=app | x"},
	{"zone that means several", "<13>Jan  2 03:04:05 CST h app: x", "pri=13 t=2026-01-02T03:04:05? host=h app=app | x"},
	{"zone that means several, and no end of it", "<13>Jan  2 03:04:05 CST\x03x", "pri=13 t=2026-01-02T03:04:05? | CST\x03x"},
	{"capitals that are no zone", "<13>Jan  2 03:04:05 FW app: x", "pri=13 t=2026-01-02T03:04:05? host=FW app=app | x"},
	{"milliseconds", "<13>Jan  2 03:04:05.678 h app: x", "pri=13 t=2026-01-02T03:04:05.678? host=h app=app | x"},
	{"no PRI", "Jan  2 03:04:05 h app: x", "t=2026-01-02T03:04:05? host=h app=app | x"},
	{"PRI too large", "<999>Jan  2 03:04:05 h app: x", "t=2026-01-02T03:04:05? host=h app=app | x"},
	{"PRI empty", "<>Jan  2 03:04:05 h app: x", "t=2026-01-02T03:04:05? host=h app=app | x"},
	{"PRI cut", "<13", "none | <13"},
	{"PRI open", "<13 Jan  2", "none | <13 Jan  2"},
	{"PRI of four digits", "<0013>x", "none | <0013>x"},
	{"PRI 191", "<191>x", "pri=191 | x"},
	{"PRI 192", "<192>x", "| x"},
	{"PRI only", "<13>", "pri=13 | "},
	{"blanks around PRI", "  <13>  id=firewall x", "pri=13 | id=firewall x"},
	{"byte order mark", "\xEF\xBB\xBF<13>Jan  2 03:04:05 h app: x", "pri=13 t=2026-01-02T03:04:05? host=h app=app | x"},
	{"ISO with T", "<134>2026-01-02T03:04:05.678+01:00 h app[1]: x", "pri=134 t=2026-01-02T02:04:05.678Z host=h app=app pid=1 | x"},
	{"ISO with space", "2026-01-02 03:04:05 h app: x", "t=2026-01-02T03:04:05 host=h app=app | x"},
	{"ISO with zone name", "<13>2026-01-02 03:04:05 UTC h app: x", "pri=13 t=2026-01-02T03:04:05Z host=h app=app | x"},
	{"ISO, one digit", "<13>2026-1-2 03:04:05 h app: x", "pri=13 t=2026-01-02T03:04:05 host=h app=app | x"},
	{"slashes", "<13>2026/01/02 03:04:05 h app: x", "pri=13 t=2026-01-02T03:04:05 host=h app=app | x"},
	{"time with colon", "<13>Jan  2 03:04:05: text", "pri=13 t=2026-01-02T03:04:05? host=text | "},
	{"no such day", "<13>Feb 30 03:04:05 h app: x", "pri=13 | Feb 30 03:04:05 h app: x"},
	{"version and old time", "<13>1 Jan  2 03:04:05 h app: x", "pri=13 t=2026-01-02T03:04:05? host=h app=app | x"},
	{"tab behind the host", "<13>Jan  2 03:04:05 win\tMSWinEventLog\t1\tSecurity", "pri=13 t=2026-01-02T03:04:05? host=win | MSWinEventLog\t1\tSecurity"},

	{"IPv6 with zone", "<13>Jan  2 03:04:05 fe80::1%eth0 app: x", "pri=13 t=2026-01-02T03:04:05? host=fe80::1%eth0 app=app | x"},
	{"IPv6 in brackets", "<13>Jan  2 03:04:05 [::1] app: x", "pri=13 t=2026-01-02T03:04:05? host=[::1] app=app | x"},
	{"IPv6 that ends in colons", "<13>Jan  2 03:04:05 2001:db8:: app: x", "pri=13 t=2026-01-02T03:04:05? host=2001:db8:: app=app | x"},
	{"IPv6, colon behind", "<13>Jan  2 03:04:05 2001:db8::5: app: x", "pri=13 t=2026-01-02T03:04:05? host=2001:db8::5 app=app | x"},
	{"IPv6 in full", "<13>Jan  2 03:04:05 2001:db8:0:0:0:0:0:5 app: x", "pri=13 t=2026-01-02T03:04:05? host=2001:db8:0:0:0:0:0:5 app=app | x"},
	{"port", "<13>Jan  2 03:04:05 10.0.0.1:514 app: x", "pri=13 t=2026-01-02T03:04:05? host=10.0.0.1 app=app | x"},
	{"nil host", "<13>Jan  2 03:04:05 - app: x", "pri=13 t=2026-01-02T03:04:05? app=app | x"},
	{"no host, pid", "<13>Jan  2 03:04:05 sshd[123]: x", "pri=13 t=2026-01-02T03:04:05? app=sshd pid=123 | x"},
	{"no host, tag", "<13>Jan  2 03:04:05 sshd: x", "pri=13 t=2026-01-02T03:04:05? app=sshd | x"},
	{"no host, repeated", "<13>Jan  2 03:04:05 last message repeated 3 times", "pri=13 t=2026-01-02T03:04:05? | last message repeated 3 times"},
	{"repeated", "<13>Jan  2 03:04:05 h last message repeated 3 times", "pri=13 t=2026-01-02T03:04:05? host=h | last message repeated 3 times"},
	{"host only", "<13>Jan  2 03:04:05 h", "pri=13 t=2026-01-02T03:04:05? host=h | "},
	{"level is no host", "<13>2026-01-02 03:04:05 ERROR it failed", "pri=13 t=2026-01-02T03:04:05 | ERROR it failed"},
	{"application log is no header", "2026-01-02 03:04:05 ERROR it failed", "none | 2026-01-02 03:04:05 ERROR it failed"},
	{"web log is no header", "2026-01-02 03:04:05 192.0.2.1 GET / 200", "none | 2026-01-02 03:04:05 192.0.2.1 GET / 200"},
	{"nginx log is no header", "2026/01/02 03:04:05 [error] 1#1: x", "none | 2026/01/02 03:04:05 [error] 1#1: x"},
	{"ISO, file, CEF", "2026-01-02T03:04:05Z h CEF:0|a|b", "t=2026-01-02T03:04:05Z host=h | CEF:0|a|b"},
	{"ISO, file, mnemonic", "2026-01-02T03:04:05Z h  %FTD-6-430003: x", "t=2026-01-02T03:04:05Z host=h | %FTD-6-430003: x"},
	{"level is no tag", "<13>Jan  2 03:04:05 h Error: it failed", "pri=13 t=2026-01-02T03:04:05? host=h | Error: it failed"},
	{"no time, pid", "<30>sshd[123]: x", "pri=30 app=sshd pid=123 | x"},
	{"no time, tag", "<30>dnsmasq: x", "pri=30 app=dnsmasq | x"},
	{"no time, text", "<30>some words: x", "pri=30 | some words: x"},
	{"tag and a time of the application", "<13>app: 2026-01-02 03:04:05 x", "pri=13 app=app | 2026-01-02 03:04:05 x"},

	{"path", "<13>Jan  2 03:04:05 h /usr/sbin/cron[12]: x", "pri=13 t=2026-01-02T03:04:05? host=h app=/usr/sbin/cron pid=12 | x"},
	{"parentheses", "<13>Jan  2 03:04:05 h (systemd)[1]: x", "pri=13 t=2026-01-02T03:04:05? host=h app=(systemd) pid=1 | x"},
	{"kernel clock", "<13>Jan  2 03:04:05 h kernel: [12345.678] x", "pri=13 t=2026-01-02T03:04:05? host=h app=kernel | [12345.678] x"},
	{"kernel clock, no host", "<13>Jan  2 03:04:05 [12345.678] x", "pri=13 t=2026-01-02T03:04:05? | [12345.678] x"},
	{"pid without colon", "<13>Jan  2 03:04:05 h app[12] x", "pri=13 t=2026-01-02T03:04:05? host=h app=app pid=12 | x"},
	{"word without colon", "<13>Jan  2 03:04:05 h app[x] y", "pri=13 t=2026-01-02T03:04:05? host=h | app[x] y"},
	{"empty pid", "<13>Jan  2 03:04:05 h app[]: y", "pri=13 t=2026-01-02T03:04:05? host=h app=app | y"},
	{"words are no tag", "<13>Jan  2 03:04:05 h my app: x", "pri=13 t=2026-01-02T03:04:05? host=h | my app: x"},
	{"only one space goes", "<13>Jan  2 03:04:05 h app:   at line", "pri=13 t=2026-01-02T03:04:05? host=h app=app |   at line"},
	{"URL is no tag", "<13>Jan  2 03:04:05 h http://x/y: z", "pri=13 t=2026-01-02T03:04:05? host=h | http://x/y: z"},
	{"AIX", "<13>Jan  2 03:04:05 Message forwarded from aix1: sshd[123]: x", "pri=13 t=2026-01-02T03:04:05? host=aix1 app=sshd pid=123 | x"},
	{"Solaris", "<38>Jan  2 03:04:05 sol sshd[12]: [ID 702911 auth.info] x", "pri=38 t=2026-01-02T03:04:05? host=sol app=sshd pid=12 msgid=702911 | x"},
	{"Solaris, file", "Jan  2 03:04:05 sol sshd[12]: [ID 702911 auth.info] x", "pri=38 t=2026-01-02T03:04:05? host=sol app=sshd pid=12 msgid=702911 | x"},

	{"CEF", "<13>Jan  2 03:04:05 h CEF:0|a|b|1|2|3|4|x=y", "pri=13 t=2026-01-02T03:04:05? host=h | CEF:0|a|b|1|2|3|4|x=y"},
	{"CEF, no host", "<13>Jan  2 03:04:05 CEF:0|a|b|1|2|3|4|x=y", "pri=13 t=2026-01-02T03:04:05? | CEF:0|a|b|1|2|3|4|x=y"},
	{"CEF with a space", "<13>Jan  2 03:04:05 h CEF: 0|a|b", "pri=13 t=2026-01-02T03:04:05? host=h | CEF: 0|a|b"},
	{"CEF, PRI only", "<13>CEF:0|a|b", "pri=13 | CEF:0|a|b"},
	{"LEEF", "<13>Jan  2 03:04:05 h LEEF:2.0|a|b|c|d|^|x=y", "pri=13 t=2026-01-02T03:04:05? host=h | LEEF:2.0|a|b|c|d|^|x=y"},
	{"JSON", `<13>Jan  2 03:04:05 h {"a": 1}`, `pri=13 t=2026-01-02T03:04:05? host=h | {"a": 1}`},
	{"JSON, no host", `<13>Jan  2 03:04:05 {"a": 1}`, `pri=13 t=2026-01-02T03:04:05? | {"a": 1}`},
	{"JSON, no header", `{"a": 1}`, `none | {"a": 1}`},
	{"JSON behind a tag", `<13>Jan  2 03:04:05 h app: {"a": 1}`, `pri=13 t=2026-01-02T03:04:05? host=h app=app | {"a": 1}`},
	{"pairs", "<13>Jan  2 03:04:05 h date=2026-01-02 x=y", "pri=13 t=2026-01-02T03:04:05? host=h | date=2026-01-02 x=y"},
	{"pairs, no host", "<13>Jan  2 03:04:05 id=firewall x=y", "pri=13 t=2026-01-02T03:04:05? | id=firewall x=y"},
	{"text, no header", "something happened: x", "none | something happened: x"},
	{"indented text", "\tat line 4\n", "none | \tat line 4"},
}

var deviceRows = []row{
	{"IOS", "<189>123: *Mar  1 2026 00:00:12.345 UTC: %SYS-5-CONFIG_I: Configured",
		"pri=189 t=2026-03-01T00:00:12.345Z mark=* seq=123 | %SYS-5-CONFIG_I: Configured"},
	{"IOS, counter and sequence", "<187>45: 000123: .Jan  2 03:04:05.678: %LINK-3-UPDOWN: x",
		"pri=187 t=2026-01-02T03:04:05.678? mark=. counter=45 seq=000123 | %LINK-3-UPDOWN: x"},
	{"IOS, origin id", "<187>45: router1: 000123: .Jan  2 03:04:05.678: %LINK-3-UPDOWN: x",
		"pri=187 t=2026-01-02T03:04:05.678? mark=. host=router1 counter=45 seq=000123 | %LINK-3-UPDOWN: x"},
	{"IOS, zone", "<189>46: Mar 1 10:00:00 EST: %SYS-5-X: y", "pri=189 t=2026-03-01T15:00:00Z? seq=46 | %SYS-5-X: y"},
	{"IOS, uptime", "<189>46: 1d02h: %SYS-5-RESTART: x", "pri=189 seq=46 up=1d02h | %SYS-5-RESTART: x"},
	{"IOS, weeks", "<189>46: 3w2d: %SYS-5-RESTART: x", "pri=189 seq=46 up=3w2d | %SYS-5-RESTART: x"},
	{"IOS, short uptime", "<189>46: 00:00:46: %SYS-5-RESTART: x", "pri=189 seq=46 up=00:00:46 | %SYS-5-RESTART: x"},
	{"IOS, uptime only", "<189>00:00:46: %SYS-5-RESTART: x", "pri=189 up=00:00:46 | %SYS-5-RESTART: x"},
	{"IOS, number only", "<189>46: %SYS-5-RESTART: x", "pri=189 seq=46 | %SYS-5-RESTART: x"},
	{"IOS, zone that nobody knows", "<165>7622: Mar 12 09:19:27.675 PHT: %SYS-6-LOGOUT: x", "pri=165 t=2026-03-12T09:19:27.675? seq=7622 | %SYS-6-LOGOUT: x"},
	{"IOS, file", "000123: *Mar  1 00:00:12.345: %SYS-5-CONFIG_I: x", "t=2026-03-01T00:00:12.345? mark=* seq=000123 | %SYS-5-CONFIG_I: x"},
	{"IOS, file, origin id", "router1: Oct 21 2025 05:12:05.185 UTC: %SYS-5-CONFIG_P: x", "t=2025-10-21T05:12:05.185Z host=router1 | %SYS-5-CONFIG_P: x"},
	{"a word and a time are text", "router1: Oct 21 05:12:05 x", "none | router1: Oct 21 05:12:05 x"},
	{"numbers that are text", "46: 3 items", "none | 46: 3 items"},
	{"NX-OS", "<187>: 2026 Jan  2 03:04:05 UTC: %ETHPORT-5-IF_UP: x", "pri=187 t=2026-01-02T03:04:05Z | %ETHPORT-5-IF_UP: x"},
	{"NX-OS, host", "<187>2026 Jan  2 03:04:05 nx1 %ETHPORT-5-IF_UP: x", "pri=187 t=2026-01-02T03:04:05 host=nx1 | %ETHPORT-5-IF_UP: x"},
	{"NX-OS, host in front", "<187>nx1: 2026 Jan  2 03:04:05.678 CET: %ETHPORT-5-IF_UP: x", "pri=187 t=2026-01-02T02:04:05.678Z host=nx1 | %ETHPORT-5-IF_UP: x"},
	{"ASA", "<166>Jan 02 2026 03:04:05 asa1 : %ASA-6-302013: Built", "pri=166 t=2026-01-02T03:04:05 host=asa1 | %ASA-6-302013: Built"},
	{"ASA, colon at the host", "<166>Jan  2 03:04:05 asa1: %ASA-6-302013: Built", "pri=166 t=2026-01-02T03:04:05? host=asa1 | %ASA-6-302013: Built"},
	{"ASA, context", "<166>Jan  2 03:04:05 asa1/ctx %ASA-6-302013: Built", "pri=166 t=2026-01-02T03:04:05? host=asa1/ctx | %ASA-6-302013: Built"},
	{"ASA, no host", "<166>Jan 02 2026 03:04:05: %ASA-6-302013: Built", "pri=166 t=2026-01-02T03:04:05 | %ASA-6-302013: Built"},
	{"ASA, mnemonic is no host", "<166>Jan 02 2026 03:04:05 %ASA-6-302013: Built", "pri=166 t=2026-01-02T03:04:05 | %ASA-6-302013: Built"},
	{"ASA, EMBLEM", "<166>:Jan 02 03:04:05 UTC: %ASA-session-6-302013: Built", "pri=166 t=2026-01-02T03:04:05Z? | %ASA-session-6-302013: Built"},
	{"ASA, no time", "<166>asa1 : %ASA-6-302013: Built", "pri=166 host=asa1 | %ASA-6-302013: Built"},
	{"ASA, colon", "<166>: %ASA-6-302013: Built", "pri=166 | %ASA-6-302013: Built"},
	{"ASA, PRI", "<166>%ASA-6-302013: Built", "pri=166 | %ASA-6-302013: Built"},
	{"ASA, bare", "%ASA-6-302013: Built", "none | %ASA-6-302013: Built"},
	{"FTD", "<113>2026-01-02T03:04:05Z ftd1  %FTD-6-430003: x: y", "pri=113 t=2026-01-02T03:04:05Z host=ftd1 | %FTD-6-430003: x: y"},
	{"FTD, SFIMS", "<113>Jan 02 2026 03:04:05 ftd1 SFIMS : %FTD-6-430003: x", "pri=113 t=2026-01-02T03:04:05 host=ftd1 app=SFIMS | %FTD-6-430003: x"},
	{"Meraki", "<134>1 1700000000.123456 MX84 flows src=192.0.2.1", "pri=134 t=2023-11-14T22:13:20.123456Z host=MX84 | flows src=192.0.2.1"},
	{"Meraki, file", "1 1700000000.123456789 MX84 urls src=192.0.2.1", "t=2023-11-14T22:13:20.123456789Z host=MX84 | urls src=192.0.2.1"},
	{"squid is no header", "1700000000.123     56 192.0.2.1 TCP_MISS/200 x", "none | 1700000000.123     56 192.0.2.1 TCP_MISS/200 x"},
	{"ESXi", "<166>2026-01-02T03:04:05.678Z esx1 Hostd: info hostd[1234] [Originator@6876 sub=Vim] x",
		"pri=166 t=2026-01-02T03:04:05.678Z host=esx1 app=Hostd | info hostd[1234] [Originator@6876 sub=Vim] x"},
	{"ESXi, pid", "<166>2026-01-02T03:04:05.678Z esx1 Vpxa[123]: x", "pri=166 t=2026-01-02T03:04:05.678Z host=esx1 app=Vpxa pid=123 | x"},
	{"ESXi, nils", "<166>2026-01-02T03:04:05.678Z esx1 crond[123] - - x", "pri=166 t=2026-01-02T03:04:05.678Z host=esx1 app=crond pid=123 | x"},
	{"ESXi, no host", "2026-01-02T03:04:05.678Z info hostd[1234] [Originator@6876 sub=Vim] x",
		"t=2026-01-02T03:04:05.678Z app=hostd pid=1234 level=info | [Originator@6876 sub=Vim] x"},
	{"vmkernel", "<166>2026-01-02T03:04:05.678Z esx1 vmkernel: cpu12:2098312)NMP: x", "pri=166 t=2026-01-02T03:04:05.678Z host=esx1 app=vmkernel | cpu12:2098312)NMP: x"},
	{"Fortinet", `<189>date=2026-01-02 time=03:04:05 devname="x"`, `pri=189 | date=2026-01-02 time=03:04:05 devname="x"`},
	{"Sophos", `<30>device="SFW" date=2026-01-02`, `pri=30 | device="SFW" date=2026-01-02`},
	{"Palo Alto", "<14>Jan  2 03:04:05 PA-220 1,2026/01/02 03:04:05,0123", "pri=14 t=2026-01-02T03:04:05? host=PA-220 | 1,2026/01/02 03:04:05,0123"},
	{"Palo Alto, no host", "<14>Jan  2 03:04:05 1,2026/01/02 03:04:05,0123", "pri=14 t=2026-01-02T03:04:05? | 1,2026/01/02 03:04:05,0123"},
	{"Huawei", "<190>Jan  2 2026 03:04:05 USG %%01SEC/4/X(l): y", "pri=190 t=2026-01-02T03:04:05 host=USG | %%01SEC/4/X(l): y"},
	{"Huawei, offset", "<190>Jan  2 2026 03:04:05+08:00 USG %%01SEC/4/X(l): y", "pri=190 t=2026-01-01T19:04:05Z host=USG | %%01SEC/4/X(l): y"},
	{"Aruba", "<143>Jan  2 03:04:05 2026 aruba authmgr[1]: <522008> <NOTI> x", "pri=143 t=2026-01-02T03:04:05 host=aruba app=authmgr pid=1 | <522008> <NOTI> x"},
	{"F5", "<131>Jan  2 03:04:05 bigip notice mcpd[1234]: 01070417:5: x", "pri=131 t=2026-01-02T03:04:05? host=bigip app=mcpd pid=1234 level=notice | 01070417:5: x"},
	{"Juniper", `<14>Jan  2 03:04:05 srx RT_FLOW: RT_FLOW_SESSION_CREATE: x`, "pri=14 t=2026-01-02T03:04:05? host=srx app=RT_FLOW | RT_FLOW_SESSION_CREATE: x"},
	{"WatchGuard", "<140>Jan  2 03:04:05 fb (2026-01-02T03:04:05) firewall: msg_id=x", "pri=140 t=2026-01-02T03:04:05? host=fb | (2026-01-02T03:04:05) firewall: msg_id=x"},
	{"SonicWall", "<134>  id=firewall sn=00 time=\"2026-01-02 03:04:05\"", "pri=134 | id=firewall sn=00 time=\"2026-01-02 03:04:05\""},
	{"relayed", "<13>Jan  2 03:04:05 relay <189>45: x", "pri=13 t=2026-01-02T03:04:05? host=relay | <189>45: x"},
	{"relayed, number is no tag", "<13>Jan  2 03:04:05 192.0.2.1 123: *Mar  1 00:00:12.345: %SYS-5-X: y",
		"pri=13 t=2026-01-02T03:04:05? host=192.0.2.1 | 123: *Mar  1 00:00:12.345: %SYS-5-X: y"},
}

func rows() []row {
	return append(append(append([]row(nil), rfc5424Rows...), rfc3164Rows...), deviceRows...)
}

func TestParse(t *testing.T) {
	var shared syslog.Parser // one that has seen other lines must agree with a new one
	shared.Options = *options
	for _, r := range rows() {
		t.Run(r.name, func(t *testing.T) {
			raw := []byte(r.line)
			var m syslog.Message
			if err := syslog.Parse(raw, options, &m); err != nil {
				t.Fatalf("%q: %v", r.line, err)
			}
			if got := show(&m); got != r.want {
				t.Errorf("%q\n got %s\nwant %s", r.line, got, r.want)
			}
			check(t, raw, &m)
			for range 2 {
				var again syslog.Message
				if err := shared.Parse([]byte(r.line), &again); err != nil || show(&again) != show(&m) {
					t.Errorf("%q: a Parser that is used again reads\n     %s\nwant %s", r.line, show(&again), show(&m))
				}
			}
		})
	}
}

// check holds whatever the message: slices are parts of raw, the payload is its
// end.
func check(t *testing.T, raw []byte, m *syslog.Message) {
	t.Helper()
	base := uintptr(unsafe.Pointer(unsafe.SliceData(raw)))
	for name, f := range map[string][]byte{
		"TimeText": m.TimeText, "Hostname": m.Hostname, "AppName": m.AppName, "ProcID": m.ProcID, "MsgID": m.MsgID,
		"Level": m.Level, "Sequence": m.Sequence, "Counter": m.Counter, "Uptime": m.Uptime, "StructuredData": m.StructuredData, "Payload": m.Payload,
	} {
		if len(f) == 0 {
			continue
		}
		off := uintptr(unsafe.Pointer(unsafe.SliceData(f))) - base
		if off+uintptr(len(f)) > uintptr(len(raw)) {
			t.Fatalf("%q: %s is not within the message", raw, name)
		}
		if name != "Payload" && int(off)+len(f) > m.HeaderLen {
			t.Fatalf("%q: %s reaches into the payload", raw, name)
		}
		if cap(f) != len(f) && name != "Payload" {
			t.Fatalf("%q: %s can be appended to", raw, name)
		}
	}
	trimmed := bytes.TrimRight(raw, "\r\n\x00")
	if m.HeaderLen > len(trimmed) || !bytes.Equal(m.Payload, trimmed[m.HeaderLen:]) {
		t.Fatalf("%q: payload %q is not what follows the %d bytes of header", raw, m.Payload, m.HeaderLen)
	}
	if m.HasPriority && (m.Priority < 0 || m.Priority > 191) {
		t.Fatalf("%q: priority %d", raw, m.Priority)
	}
	if m.HasTime && m.TimeText == nil {
		t.Fatalf("%q: a time without its text", raw)
	}
}

func TestErrors(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tc := range []struct {
		name, line string
		cat        errcat.Category
		offset     int64
		field      string
		want       string
	}{
		{"empty", "", errcat.SchemaViolation, 0, "", "none | "},
		{"blank", " \t\r\n", errcat.SchemaViolation, 0, "", "none |  \t"},
		{"NULs", "\x00\x00", errcat.SchemaViolation, 0, "", "none | "},
		{"cut in time", "<1>1 2026-01-02T03:0", errcat.Truncated, 20, "timestamp", "pri=1 v=1 | 2026-01-02T03:0"},
		{"cut behind time", "<1>1 2026-01-02T03:04:05Z", errcat.Truncated, 25, "timestamp", "pri=1 v=1 | 2026-01-02T03:04:05Z"},
		{"cut in host", "<1>1 - ho", errcat.Truncated, 9, "hostname", "pri=1 v=1 | ho"},
		{"cut in procid", "<1>1 - h a 1", errcat.Truncated, 12, "procid", "pri=1 v=1 host=h app=a | 1"},
		{"no structured data", "<1>1 - h a 1 -", errcat.Truncated, 14, "msgid", "pri=1 v=1 host=h app=a pid=1 | -"},
		{"cut element", `<1>1 - h a 1 - [x a="b`, errcat.Truncated, 22, "structured_data", `pri=1 v=1 host=h app=a pid=1 | [x a="b`},
		{"tab in header", "<1>1 - h\ta - - - x", errcat.SchemaViolation, 8, "hostname", "pri=1 v=1 | h\ta - - - x"},
		{"newline in header", "<1>1 - h a\n- - - x", errcat.SchemaViolation, 10, "appname", "pri=1 v=1 host=h | a\n- - - x"},
		{"long field", "<1>1 - " + long + " a - - - x", errcat.Oversize, 7 + 255, "hostname", "pri=1 v=1 | " + long + " a - - - x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var m syslog.Message
			err := syslog.Parse([]byte(tc.line), options, &m)
			var e *errcat.Error
			if !errors.As(err, &e) || e.Category != tc.cat || e.Offset != tc.offset || e.Field != tc.field || e.Stage != errcat.StageParse {
				t.Errorf("got %v, want %s at %d in %s", err, tc.cat, tc.offset, tc.field)
			}
			if got := show(&m); got != tc.want {
				t.Errorf("kept\n     %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    syslog.Options
		line string
		cat  errcat.Category
	}{
		{"default length", syslog.Options{}, "<1>" + strings.Repeat("x", 1<<20), errcat.Oversize},
		{"length", syslog.Options{MaxLen: 5}, "<1>abc", errcat.Oversize},
		{"length without line end", syslog.Options{MaxLen: 5}, "<1>ab\r\n", errcat.None},
		{"no length", syslog.Options{MaxLen: -1}, "<1>" + strings.Repeat("x", 1<<20), errcat.None},
		{"field", syslog.Options{MaxField: 3}, "<1>1 - host - - - -", errcat.Oversize},
		{"params", syslog.Options{MaxParams: 2}, `<1>1 - - - - - [a b="1" c="2"]`, errcat.Oversize},
		{"params fit", syslog.Options{MaxParams: 3}, `<1>1 - - - - - [a b="1" c="2"]`, errcat.None},
		{"elements", syslog.Options{MaxParams: 2}, `<1>1 - - - - - [a][b][c]`, errcat.Oversize},
		{"default params", syslog.Options{}, `<1>1 - - - - - ` + strings.Repeat("[a]", 1025), errcat.Oversize},
		{"old host", syslog.Options{MaxField: 3}, "<1>Jan  2 03:04:05 host app: x", errcat.None},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := []byte(tc.line)
			var m syslog.Message
			if got := errcat.Of(syslog.Parse(raw, &tc.o, &m)); got != tc.cat {
				t.Errorf("got %s, want %s", got, tc.cat)
			}
			check(t, raw, &m)
		})
	}
	var m syslog.Message
	if err := syslog.Parse([]byte("<1>Jan  2 03:04:05 host app: x"), &syslog.Options{MaxField: 3}, &m); err != nil || m.Hostname != nil {
		t.Errorf("a word above the limit became the host: %v, %q", err, m.Hostname)
	}
}

// A time without a year and no Now: the header is found, the time is kept as text.
func TestNoNow(t *testing.T) {
	var m syslog.Message
	if err := syslog.Parse([]byte("<1>Jan  2 03:04:05 h app: x"), nil, &m); err != nil {
		t.Fatal(err)
	}
	if got, want := show(&m), "pri=1 badtime=Jan  2 03:04:05 host=h app=app | x"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The remembered minute must not outlive a change of zone or of now.
func TestParserFollowsItsOptions(t *testing.T) {
	p := syslog.Parser{Options: *options}
	line := []byte("<1>Jan  2 03:04:05.25 h app: x")
	read := func() string {
		var m syslog.Message
		if err := p.Parse(line, &m); err != nil {
			t.Fatal(err)
		}
		return m.Time.Time().Format("2006-01-02 15:04:05.00")
	}
	for _, step := range []struct {
		set  func()
		want string
	}{
		{func() {}, "2026-01-02 03:04:05.25"},
		{func() { p.Time.Zone = time.FixedZone("", 3600) }, "2026-01-02 02:04:05.25"},
		{func() { p.Time.Now = time.Date(2030, 6, 1, 0, 0, 0, 0, time.UTC) }, "2030-01-02 02:04:05.25"},
		{func() { p.Time.Now = time.Date(2030, 7, 20, 0, 0, 0, 0, time.UTC) }, "2031-01-02 02:04:05.25"},
		{func() { line = []byte("<1>Jan  2 03:04:59 CET: x") }, "2031-01-02 02:04:59.00"},
		{func() { line = []byte("<1>Jan  2 03:04:58 CET: x") }, "2031-01-02 02:04:58.00"},
		{func() { line = []byte("<1>Jan  2 03:04:58: x") }, "2031-01-02 02:04:58.00"},
		{func() { line = []byte("<1>Jan  2 03:04:58 2025 h: x") }, "2025-01-02 02:04:58.00"},
	} {
		step.set()
		for range 2 {
			if got := read(); got != step.want {
				t.Fatalf("%s: got %s, want %s", line, got, step.want)
			}
		}
	}
}

// Whatever is cut off, nothing panics, a priority or version once read stays,
// a cut RFC 5424 header is TRUNCATED and nothing else, and a whole one stays so.
func TestTruncation(t *testing.T) {
	for _, r := range rows() {
		var whole syslog.Message
		if err := syslog.Parse([]byte(r.line), options, &whole); err != nil {
			t.Fatal(err)
		}
		complete := false
		for n := 1; n <= len(r.line); n++ {
			raw := []byte(r.line[:n])
			var m syslog.Message
			err := syslog.Parse(raw, options, &m)
			check(t, raw, &m)
			if c := errcat.Of(err); c != errcat.None && c != errcat.Truncated && len(bytes.TrimSpace(raw)) > 0 {
				t.Errorf("%q: %v", raw, err)
			}
			if complete && err != nil && whole.Payload[0] != '[' { // "[text" could be a cut element
				t.Errorf("%q: read worse than with less (%v)", raw, err)
			}
			if n >= whole.HeaderLen && err == nil && whole.HeaderLen > 0 {
				complete = complete || m.HeaderLen == whole.HeaderLen
			}
			if whole.HasPriority && n > 5 && bytes.IndexByte(raw, '>') >= 0 && m.HasPriority && m.Priority != whole.Priority {
				t.Errorf("%q: priority %d", raw, m.Priority)
			}
		}
	}
}

func TestHostile(t *testing.T) {
	lines := []string{
		"<", "<>", "<<<<<<", "<1", "<1>", "<-1>x", "<1>1", "<1>1 ", "<1>1 -", "<1>1 - ", "<1>1  ", "<1>999 - - - - - -", "<1>1000 - - - - - -",
		"<1>0 - - - - - -", "<1>01 - - - - - -", "<1>1 2026-", "<1>1 2026-0", "<1>1 9999-12-31T23:59:59Z h a - - - x", "<1>1 0000-01-01T00:00:00Z h a - - - x",
		"<1>1 2026-01-02T03:04:60Z h a - - - x", "<1>1 2026-01-02T24:00:00Z h a - - - x", "<1>1 2026-01-02T03:04:05.1234567890123456789Z h a - - - x",
		"<1>1 - - - - - [", "<1>1 - - - - - []", "<1>1 - - - - - [a", "<1>1 - - - - - [a ", "<1>1 - - - - - [a b", "<1>1 - - - - - [a b=", `<1>1 - - - - - [a b="`,
		`<1>1 - - - - - [a b="\`, `<1>1 - - - - - [a b="\"`, `<1>1 - - - - - [a b="\\"`, `<1>1 - - - - - [a b="c"`, `<1>1 - - - - - [a b="c"]`, `<1>1 - - - - - [a b="c"][`,
		`<1>1 - - - - - [a b="c"][]`, `<1>1 - - - - - ["]"]`, `<1>1 - - - - - [a=b]`, `<1>1 - - - - - [a b=c]`, "<1>Jan", "<1>Jan ", "<1>Jan  ", "<1>Jan  2", "<1>Jan  2 03:04:0",
		"<1>Jan  2 03:04:05", "<1>Jan  2 03:04:05.", "<1>Jan  2 03:04:05 ", "<1>Jan  2 03:04:05 :", "<1>Jan  2 03:04:05 : ", "<1>Jan  2 03:04:05 %", "<1>Jan  2 03:04:05 [", "<1>Jan  2 03:04:05 []",
		"<1>Jan  2 03:04:05 []:", "<1>Jan  2 03:04:05 [:", "<1>Jan  2 03:04:05 ::", "<1>Jan  2 03:04:05 :::::", "<1>Jan  2 03:04:05 a:", "<1>Jan  2 03:04:05 a[", "<1>Jan  2 03:04:05 a[1", "<1>Jan  2 03:04:05 a[1]",
		"<1>Jan  2 03:04:05 h a[1]:", "<1>Jan  2 03:04:05 h a[1] - - ", "<1>Jan  2 03:04:05 h a[1] - -", "<1>Jan  2 03:04:05 h a[" + strings.Repeat("1", 400) + "]: x",
		"<1>Jan  2 03:04:05 h a: [ID", "<1>Jan  2 03:04:05 h a: [ID ", "<1>Jan  2 03:04:05 h a: [ID 1", "<1>Jan  2 03:04:05 h a: [ID 1 auth.info", "<1>Jan  2 03:04:05 h a: [ID 1 .]", "<1>Jan  2 03:04:05 h a: [ID 1 auth.info]",
		"<1>Jan  2 03:04:05 Message forwarded from ", "<1>Jan  2 03:04:05 Message forwarded from :", "<1>Jan  2 03:04:05 Message forwarded from x", "<1>Jan  2 03:04:05 Message forwarded from x:",
		"<1>1:", "<1>1: ", "<1>1: 2: ", "<1>1: 2: 3: 4: 5: %X-1-Y: z", "<1>:", "<1>: ", "<1>::", "<1>: : : : %X", "<1>1: a: b: c: Jan  2 03:04:05: %X-1-Y", "<1>99999999999: %X-1-Y",
		"<1>00:00:00:", "<1>0d0h:", "<1>99999d1h: %X-1-Y", "<1>1y", "<1>1y:", "1:", "*", ".", "<1>*", "<1>.", "<1>*Jan  2 03:04:05", "<1>1 1700000000", "<1>1 1700000000.", "<1>1 1700000000 ", "<1>1 99999999999999999999 x",
		"\xEF\xBB\xBF", "\xEF\xBB", "<1>\xEF\xBB\xBF", "<1>Jan  2 03:04:05 h a: \xEF\xBB\xBFx", "\x00<1>x", "<1>\x00x", "<1>Jan  2 03:04:05 h\x00 a: x", "\xff\xfe<1>x", "<1>Jan  2 03:04:05 \xff\xfe a: x",
		"<1>Jan  2 03:04:05 " + strings.Repeat("h", 5000) + " a: x", "<1>Jan  2 03:04:05 h " + strings.Repeat("a", 5000) + ": x", "<1>" + strings.Repeat(" ", 5000), strings.Repeat("<1>", 2000), strings.Repeat("1: ", 2000), "<1>" + strings.Repeat("a: ", 2000),
		"<1>1 - - - - - " + strings.Repeat(`[a b="`, 2000), "<1>1 - - - - - [a b=\"" + strings.Repeat(`\`, 5000), strings.Repeat("Jan  2 03:04:05 ", 1000), "<1>\x1b[2J\x1b]0;x\x07", "<1>Jan  2 03:04:05 h\r\nJan  2 03:04:05 forged sshd[1]: x",
	}
	p := syslog.Parser{Options: *options}
	for _, l := range lines {
		var m, inner syslog.Message
		raw := []byte(l)
		_ = p.Parse(raw, &m)
		check(t, raw, &m)
		n := 0
		var q syslog.Param
		for e := m.Elements(); e.Next(&q); n++ {
			if n > len(l) {
				t.Fatalf("%q: elements do not end", l)
			}
		}
		for n := 0; p.Relayed(&m, &inner); n++ {
			if n > len(l) {
				t.Fatalf("%q: relays do not end", l)
			}
			m = inner
		}
	}
}

func TestRelayed(t *testing.T) {
	for _, tc := range []struct{ name, line, want string }{
		{"PRI in PRI", "<13>Jan  2 03:04:05 relay <189>45: .Jan  2 03:04:04.678: %LINK-3-UPDOWN: x",
			"pri=189 t=2026-01-02T03:04:04.678? mark=. seq=45 | %LINK-3-UPDOWN: x"},
		{"two PRI", "<13><14>Jan  2 03:04:05 h app: x", "pri=14 t=2026-01-02T03:04:05? host=h app=app | x"},
		{"no inner PRI", "<13>Jan  2 03:04:05 192.0.2.1 123: *Mar  1 00:00:12.345: %SYS-5-X: y", "t=2026-03-01T00:00:12.345? mark=* seq=123 | %SYS-5-X: y"},
		{"two times", "<13>Jan  2 03:04:05 relay Jan  2 03:04:04 h app: x", "t=2026-01-02T03:04:04? host=h app=app | x"},
		{"Juniper", `<14>Jan  2 03:04:05 relay 1 2026-01-02T03:04:05.678Z srx RT_FLOW - X [junos@2636 a="b"]`,
			`v=1 t=2026-01-02T03:04:05.678Z host=srx app=RT_FLOW msgid=X sd=[junos@2636 a="b"] | `},
		{"RFC 5424 outside", "<13>1 2026-01-02T03:04:05Z relay - - - - <14>Jan  2 03:04:05 h app: x", "pri=14 t=2026-01-02T03:04:05? host=h app=app | x"},
		{"not relayed", "<13>Jan  2 03:04:05 h app: x", ""},
		{"XML", "<13>Jan  2 03:04:05 h <Event xmlns='x'>", ""},
		{"no header", "x", ""},
		{"empty payload", "<13>", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := syslog.Parser{Options: *options}
			var m, inner syslog.Message
			if err := p.Parse([]byte(tc.line), &m); err != nil {
				t.Fatal(err)
			}
			got := ""
			if p.Relayed(&m, &inner) {
				got = show(&inner)
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	if f, s := syslog.OfPriority(165); f != 20 || s != 5 {
		t.Errorf("165 is %d and %d", f, s)
	}
	for n, want := range map[int]string{-1: "", 0: "kern", 4: "auth", 10: "authpriv", 16: "local0", 23: "local7", 24: ""} {
		if got := syslog.FacilityName(n); got != want {
			t.Errorf("facility %d is %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int]string{-1: "", 0: "Emergency", 4: "Warning", 7: "Debug", 8: ""} {
		if got := syslog.SeverityName(n); got != want {
			t.Errorf("severity %d is %q, want %q", n, got, want)
		}
	}
}

func TestAllocations(t *testing.T) {
	p := syslog.Parser{Options: *options}
	for _, r := range rows() {
		raw := []byte(r.line)
		var m, inner syslog.Message
		if n := testing.AllocsPerRun(10, func() {
			_ = p.Parse(raw, &m)
			var q syslog.Param
			for e := m.Elements(); e.Next(&q); {
			}
		}); n != 0 {
			t.Errorf("%q: %v allocations", r.line, n)
		}
		if n := testing.AllocsPerRun(10, func() { _ = syslog.Parse(raw, options, &inner) }); n != 0 {
			t.Errorf("%q: %v allocations with a new Parser", r.line, n)
		}
	}
}
