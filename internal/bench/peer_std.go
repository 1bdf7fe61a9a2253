package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The peer std is what much glue code in Go looks like: regexp, encoding/json or
// encoding/xml into map[string]any, fields set by dotted path, json.Marshal.

type tree = map[string]any

// put sets a field by its dotted name. Placeholders for nothing are dropped.
func put(t tree, name string, v any) {
	if v == nil || v == "" || v == "-" {
		return
	}
	for {
		head, rest, nested := strings.Cut(name, ".")
		if !nested {
			t[name] = v
			return
		}
		sub, ok := t[head].(tree)
		if !ok {
			sub = tree{}
			t[head] = sub
		}
		t, name = sub, rest
	}
}

// at reads a value by its dotted name.
func at(t tree, name string) any {
	if v, ok := t[name]; ok {
		return v
	}
	head, rest, nested := strings.Cut(name, ".")
	sub, ok := t[head].(tree)
	if !nested || !ok {
		return nil
	}
	return at(sub, rest)
}

// putText sets a target of the mapping from text.
func putText(t tree, to, text string) {
	if text == "" {
		return
	}
	switch mark, name := kind(to); mark {
	case '#':
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			put(t, name, n)
		}
	case '~':
		put(t, name, strings.ToLower(text))
	default:
		put(t, name, text)
	}
}

func putPriority(t tree, text string) {
	pri, err := strconv.Atoi(text)
	if err != nil {
		return
	}
	put(t, "log.syslog.priority", pri)
	put(t, "log.syslog.facility.code", pri/8)
	put(t, "log.syslog.severity.code", pri%8)
}

// putTime sets @timestamp in UTC.
func putTime(t tree, layout, text string) {
	if at, err := time.Parse(layout, text); err == nil {
		put(t, "@timestamp", at.UTC().Format(time.RFC3339Nano))
	}
}

func putConstants(t tree, of []pair) {
	for _, p := range of {
		put(t, p.from, p.to)
	}
}

func startStd(c *corpus) (run, error) {
	read := map[string]func(string, tree) error{
		"asa": newASA().line, "cef": newCEF(), "cloudtrail": stdCloudtrail, "rfc5424": new5424(), "fortigate": newFortigate(), "winjson": stdWinJSON, "winxml": stdWinXML,
	}[c.name]
	return marshalled(c, read), nil
}

func marshalled(c *corpus, read func(string, tree) error) run {
	same := constants[c.name]
	return byLine(func(dst, line []byte) ([]byte, error) {
		t := tree{}
		if err := read(string(line), t); err != nil {
			return dst, err
		}
		putConstants(t, same)
		b, err := json.Marshal(t)
		return append(append(dst, b...), '\n'), err
	})
}

func noMatch(line string) error { return fmt.Errorf("no match: %s", line) }

type asaReader struct {
	head *regexp.Regexp
	text map[string]asaText
	year string
}

type asaText struct {
	asaPattern
	re    *regexp.Regexp
	names []string
}

func newASA() *asaReader {
	a := &asaReader{regexp.MustCompile(asaHeader), map[string]asaText{}, strconv.Itoa(time.Now().Year()) + " "}
	for _, p := range asaPatterns {
		t := asaText{p, regexp.MustCompile(p.expr), nil}
		for _, group := range t.re.SubexpNames() {
			t.names = append(t.names, asaNames[group])
		}
		for _, id := range p.ids {
			a.text[id] = t
		}
	}
	return a
}

func (a *asaReader) line(line string, t tree) error {
	m := a.head.FindStringSubmatch(line)
	if m == nil {
		return noMatch(line)
	}
	putPriority(t, m[1])
	putTime(t, "2006 Jan _2 15:04:05", a.year+m[2])
	put(t, "host.hostname", m[3])
	put(t, "observer.hostname", m[3])
	return a.message(m[4], m[5], m[6], t)
}

// message reads what stands behind the tag.
func (a *asaReader) message(severity, id, text string, t tree) error {
	putText(t, "#event.severity", severity)
	put(t, "event.code", id)
	p, ok := a.text[id]
	if !ok {
		return noMatch(text)
	}
	put(t, "event.category", p.category)
	put(t, "event.type", p.typ)
	put(t, "event.outcome", p.outcome)
	m := p.re.FindStringSubmatch(text)
	if m == nil {
		return noMatch(text)
	}
	for i, v := range m[1:] {
		putText(t, p.names[i+1], v)
	}
	return nil
}

func newCEF() func(string, tree) error {
	head := regexp.MustCompile(cefLine)
	key := regexp.MustCompile(`(?:^| )(\w+)=`)
	unHead := strings.NewReplacer(`\|`, `|`, `\\`, `\`)
	unValue := strings.NewReplacer(`\=`, `=`, `\\`, `\`, `\n`, "\n", `\r`, "\r")
	return func(line string, t tree) error {
		m := head.FindStringSubmatch(line)
		if m == nil {
			return noMatch(line)
		}
		putPriority(t, m[1])
		for i, name := range head.SubexpNames() {
			for _, p := range cefHeader {
				if p.from == name {
					putText(t, p.to, unHead.Replace(m[i]))
				}
			}
		}
		ext := m[len(m)-1]
		values := map[string]string{}
		found := key.FindAllStringSubmatchIndex(ext, -1)
		for i, x := range found {
			end := len(ext)
			if i+1 < len(found) {
				end = found[i+1][0]
			}
			values[ext[x[2]:x[3]]] = unValue.Replace(ext[x[1]:end])
		}
		if ms, err := strconv.ParseInt(values["rt"], 10, 64); err == nil {
			put(t, "@timestamp", time.UnixMilli(ms).UTC().Format(time.RFC3339Nano))
		}
		for _, p := range cefExtensions {
			putText(t, p.to, values[p.from])
		}
		put(t, "event.outcome", values["outcome"])
		return nil
	}
}

func stdCloudtrail(line string, t tree) error {
	var in tree
	if err := json.Unmarshal([]byte(line), &in); err != nil {
		return err
	}
	for _, p := range cloudtrailFields {
		put(t, p.to, at(in, p.from))
	}
	if v, ok := at(in, "tlsDetails.tlsVersion").(string); ok {
		put(t, "tls.version", strings.TrimPrefix(v, "TLSv"))
		put(t, "tls.version_protocol", "tls")
	}
	if in["errorCode"] != nil {
		put(t, "event.outcome", "failure")
	} else {
		put(t, "event.outcome", "success")
	}
	return nil
}

func new5424() func(string, tree) error {
	head := regexp.MustCompile(`^<(\d+)>1 (\S+) (\S+) (\S+) (\S+) (\S+) ((?:\[(?:[^\]"]|"(?:\\.|[^"\\])*")*\])+|-) ?(.*)$`)
	param := regexp.MustCompile(`(\w+)="((?:\\.|[^"\\])*)"`)
	un := strings.NewReplacer(`\"`, `"`, `\]`, `]`, `\\`, `\`)
	return func(line string, t tree) error {
		m := head.FindStringSubmatch(line)
		if m == nil {
			return noMatch(line)
		}
		putPriority(t, m[1])
		putTime(t, time.RFC3339Nano, m[2])
		for i, p := range syslogHeader {
			putText(t, p.to, m[3+i])
		}
		values := map[string]string{}
		for _, p := range param.FindAllStringSubmatch(m[7], -1) {
			values[p[1]] = un.Replace(p[2])
		}
		for _, p := range syslogParams {
			putText(t, p.to, values[p.from])
		}
		putText(t, "#event.sequence", values["sequenceId"])
		put(t, "message", m[8])
		return nil
	}
}

func newFortigate() func(string, tree) error {
	kv := regexp.MustCompile(`(\w+)=(?:"((?:\\.|[^"\\])*)"|(\S+))`)
	un := strings.NewReplacer(`\"`, `"`, `\\`, `\`)
	return func(line string, t tree) error {
		values := map[string]string{}
		for _, p := range kv.FindAllStringSubmatch(line, -1) {
			if p[3] != "" {
				values[p[1]] = p[3]
			} else {
				values[p[1]] = un.Replace(p[2])
			}
		}
		for _, p := range fortigateFields {
			putText(t, p.to, values[p.from])
		}
		putTime(t, "2006-01-02 15:04:05-0700", values["date"]+" "+values["time"]+values["tz"])
		switch values["proto"] {
		case "6":
			put(t, "network.transport", "tcp")
		case "17":
			put(t, "network.transport", "udp")
		}
		put(t, "event.category", []string{"network"})
		if values["action"] == "deny" {
			put(t, "event.type", []string{"connection", "denied"})
		} else {
			put(t, "event.type", []string{"connection", "allowed"})
		}
		return nil
	}
}

func putLogon(t tree, value func(string) string) {
	for _, p := range winData {
		putText(t, p.to, value(p.from))
	}
	put(t, "event.category", []string{"authentication"})
	put(t, "event.type", []string{"start"})
}

func stdWinJSON(line string, t tree) error {
	var in tree
	if err := json.Unmarshal([]byte(line), &in); err != nil {
		return err
	}
	for _, p := range winHeader {
		put(t, p.to, at(in, p.from))
	}
	data, _ := at(in, "winlog.event_data").(tree)
	putLogon(t, func(name string) string { s, _ := data[name].(string); return s })
	return nil
}

type winEvent struct {
	System struct {
		Provider struct {
			Name string `xml:",attr"`
		}
		EventID     string
		TimeCreated struct {
			SystemTime string `xml:",attr"`
		}
		Computer string
	}
	Data []struct {
		Name  string `xml:",attr"`
		Value string `xml:",chardata"`
	} `xml:"EventData>Data"`
}

func stdWinXML(line string, t tree) error {
	var e winEvent
	if err := xml.Unmarshal([]byte(line), &e); err != nil {
		return err
	}
	data := make(map[string]string, len(e.Data))
	for _, d := range e.Data {
		data[d.Name] = d.Value
	}
	put(t, "@timestamp", e.System.TimeCreated.SystemTime)
	put(t, "event.code", e.System.EventID)
	put(t, "event.provider", e.System.Provider.Name)
	put(t, "host.name", e.System.Computer)
	if e.System.EventID == "4624" {
		put(t, "event.action", "logged-in")
		put(t, "event.outcome", "success")
	} else {
		put(t, "event.action", "logon-failed")
		put(t, "event.outcome", "failure")
	}
	putLogon(t, func(name string) string { return data[name] })
	return nil
}
