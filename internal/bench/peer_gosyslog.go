package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/leodido/go-syslog/v4/rfc3164"
	"github.com/leodido/go-syslog/v4/rfc5424"
)

// The peer go-syslog takes the header and the structured data with go-syslog, and does
// the rest as std does.
func startGoSyslog(c *corpus) (run, error) {
	switch c.name {
	case "rfc5424":
		return marshalled(c, newGoSyslog5424()), nil
	case "asa":
		return marshalled(c, newGoSyslog3164()), nil
	}
	return nil, errSkip
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func number(t tree, name string, n *uint8) {
	if n != nil {
		put(t, name, *n)
	}
}

func newGoSyslog5424() func(string, tree) error {
	m := rfc5424.NewParser()
	return func(line string, t tree) error {
		got, err := m.Parse([]byte(line))
		if err != nil {
			return err
		}
		s := got.(*rfc5424.SyslogMessage)
		number(t, "log.syslog.priority", s.Priority)
		number(t, "log.syslog.facility.code", s.Facility)
		number(t, "log.syslog.severity.code", s.Severity)
		put(t, "@timestamp", s.Timestamp.UTC().Format(time.RFC3339Nano))
		for i, v := range [...]*string{s.Hostname, s.Appname, s.ProcID, s.MsgID} {
			putText(t, syslogHeader[i].to, text(v))
		}
		if s.StructuredData != nil {
			flow := (*s.StructuredData)["flow@32473"]
			for _, p := range syslogParams {
				putText(t, p.to, flow[p.from])
			}
			putText(t, "#event.sequence", (*s.StructuredData)["origin@32473"]["sequenceId"])
		}
		put(t, "message", text(s.Message))
		return nil
	}
}

func newGoSyslog3164() func(string, tree) error {
	m := rfc3164.NewParser(rfc3164.WithYear(rfc3164.CurrentYear{}))
	asa := newASA()
	return func(line string, t tree) error {
		got, err := m.Parse([]byte(line))
		if err != nil {
			return err
		}
		s := got.(*rfc3164.SyslogMessage)
		number(t, "log.syslog.priority", s.Priority)
		number(t, "log.syslog.facility.code", s.Facility)
		number(t, "log.syslog.severity.code", s.Severity)
		put(t, "@timestamp", s.Timestamp.UTC().Format(time.RFC3339Nano))
		put(t, "host.hostname", text(s.Hostname))
		put(t, "observer.hostname", text(s.Hostname))
		tag := strings.Split(text(s.Appname), "-") // %ASA-6-302013
		if len(tag) != 3 {
			return noMatch(strconv.Quote(text(s.Appname)))
		}
		return asa.message(tag[1], tag[2], text(s.Message), t)
	}
}
