package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/adapter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/entry"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/operator/helper"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/stanza/pipeline"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
)

var _ adapter.BaseConfig // its package registers every operator

// The peer stanza runs the operators of the OpenTelemetry Collector's filelog receiver in
// process: entries in batches of 100 as that receiver makes them, attributes with dotted
// names out. The collector's own data model and its exporters are left out, and so are
// integers and lower case, which would take an expression for each field.

type op = map[string]any

// field names a place in an entry: its root, and the steps from there.
func field(root, name string) string {
	for _, s := range strings.Split(name, ".") {
		if regexp.MustCompile(`^\w+$`).MatchString(s) {
			root += "." + s
		} else {
			root += `["` + s + `"]`
		}
	}
	return root
}

func attribute(name string) string {
	_, name = kind(name)
	return `attributes["` + name + `"]`
}

func moves(root string, of []pair) (ops []op) {
	for _, p := range of {
		ops = append(ops, op{"type": "move", "from": field(root, p.from), "to": attribute(p.to), "on_error": "send_quiet"})
	}
	return ops
}

func add(name string, value any, when string) op {
	o := op{"type": "add", "field": attribute(name), "value": value}
	if when != "" {
		o["if"] = when
	}
	return o
}

func match(expr, from string) op {
	return op{"type": "regex_parser", "regex": expr, "parse_from": from, "parse_to": "body", "on_error": "send_quiet"}
}

func clock(from, kind, layout string) op {
	return op{"type": "time_parser", "parse_from": from, "layout_type": kind, "layout": layout, "on_error": "send_quiet"}
}

func join(parts ...[]op) (all []op) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func stanzaOperators(c *corpus) []op {
	var same []op
	for _, p := range constants[c.name] {
		same = append(same, add(p.from, p.to, ""))
	}
	logon := []op{add("event.category", []string{"authentication"}, ""), add("event.type", []string{"start"}, "")}
	switch c.name {
	case "asa":
		return stanzaASA(same)
	case "cef":
		// The extension's keys become unit separators, since values hold spaces and "\=".
		return join([]op{match(cefLine, "body"), {"type": "regex_replace", "field": "body.ext", "regex": `(?:^| )(\w+)=`, "replace_with": "\x1f$1\x1e"},
			{"type": "key_value_parser", "parse_from": "body.ext", "parse_to": "body.e", "delimiter": "\x1e", "pair_delimiter": "\x1f"}, clock("body.e.rt", "epoch", "ms")},
			moves("body", cefHeader), moves("body.e", cefExtensions), moves("body.e", []pair{{"outcome", "event.outcome"}}), same)
	case "cloudtrail":
		return join([]op{{"type": "json_parser", "parse_to": "body"}}, moves("body", cloudtrailFields), moves("body", []pair{{"tlsDetails.tlsVersion", "tls.version"}}), same,
			[]op{add("event.outcome", "failure", "body.errorCode != nil"), add("event.outcome", "success", "body.errorCode == nil")})
	case "rfc5424":
		return join([]op{{"type": "syslog_parser", "protocol": "rfc5424"}},
			moves("attributes", pairs(`priority=log.syslog.priority facility=log.syslog.facility.code hostname=host.hostname appname=process.name proc_id=process.pid msg_id=event.code`)),
			moves(`attributes.structured_data["origin@32473"]`, []pair{{"sequenceId", "event.sequence"}}), moves(`attributes.structured_data["flow@32473"]`, syslogParams),
			[]op{{"type": "remove", "field": "attributes.structured_data", "on_error": "send_quiet"}, {"type": "remove", "field": "attributes.version", "on_error": "send_quiet"}}, same)
	case "fortigate":
		return join([]op{{"type": "regex_replace", "field": "body", "regex": `^<\d+>`, "replace_with": ""}, {"type": "key_value_parser", "parse_to": "body"},
			{"type": "add", "field": "body.when", "value": `EXPR(body.date + " " + body.time + body.tz)`}, clock("body.when", "strptime", "%Y-%m-%d %H:%M:%S%z")},
			moves("body", fortigateFields), same, []op{
				add("network.transport", "tcp", `body.proto == "6"`), add("network.transport", "udp", `body.proto == "17"`), add("event.category", []string{"network"}, ""),
				add("event.type", []string{"connection", "denied"}, `attributes["event.action"] == "deny"`), add("event.type", []string{"connection", "allowed"}, `attributes["event.action"] != "deny"`)})
	case "winjson":
		return join([]op{{"type": "json_parser", "parse_to": "body"}}, moves("body", winHeader[1:]), []op{{"type": "move", "from": `body["@timestamp"]`, "to": attribute("@timestamp")}},
			moves("body.winlog.event_data", winData), same, logon)
	case "winxml":
		// Its regexp operator is the collector's way to XML without a tree for each event; it
		// needs the Data elements in the order in which Windows writes them.
		expr := `<Provider Name='(?P<provider>[^']*)'.*?<EventID>(?P<id>\d+)</EventID>.*?SystemTime='(?P<ts>[^']*)'.*?<Computer>(?P<host>[^<]*)</Computer>`
		for _, name := range strings.Fields("TargetUserSid TargetUserName TargetDomainName WorkstationName ProcessName IpAddress IpPort") {
			expr += `.*?<Data Name='` + name + `'>(?P<` + name + `>[^<]*)</Data>`
		}
		return join([]op{match(expr, "body")}, moves("body", []pair{{"ts", "@timestamp"}, {"id", "event.code"}, {"provider", "event.provider"}, {"host", "host.name"}}), moves("body", winData), same, logon, []op{
			add("event.action", "logged-in", `attributes["event.code"] == "4624"`), add("event.outcome", "success", `attributes["event.code"] == "4624"`),
			add("event.action", "logon-failed", `attributes["event.code"] == "4625"`), add("event.outcome", "failure", `attributes["event.code"] == "4625"`)})
	}
	return nil
}

// stanzaASA sends each entry along the branch of its message id.
func stanzaASA(same []op) []op {
	head := join([]op{match(asaHeader, "body"), clock("body.ts", "strptime", "%b %e %H:%M:%S"),
		{"type": "copy", "from": "body.host", "to": attribute("observer.hostname")}},
		moves("body", pairs(`pri=log.syslog.priority host=host.hostname severity=event.severity id=event.code`)), same)
	var routes, branches []op
	for i, p := range asaPatterns {
		when := `attributes["event.code"] in ["` + strings.Join(p.ids, `", "`) + `"]`
		branch := []op{match(p.expr, "body.msg"), add("event.category", p.category, ""), add("event.type", p.typ, ""), add("event.outcome", p.outcome, "")}
		for _, group := range regexp.MustCompile(p.expr).SubexpNames()[1:] {
			branch = append(branch, moves("body", []pair{{group, asaNames[group]}})...)
		}
		for j, o := range branch {
			o["id"] = fmt.Sprintf("branch%d_%d", i, j)
			o["output"] = fmt.Sprintf("branch%d_%d", i, j+1)
		}
		branch[len(branch)-1]["output"] = "end"
		routes = append(routes, op{"output": []string{branch[0]["id"].(string)}, "expr": when})
		branches = append(branches, branch...)
	}
	list := make([]any, len(routes))
	for i, r := range routes {
		list[i] = r
	}
	return join(head, []op{{"type": "router", "id": "by_id", "default": []string{"end"}, "routes": list}}, branches, []op{{"type": "noop", "id": "end"}})
}

func startStanza(c *corpus) (run, error) { return stanza(c, 100) }

// stanza gathers batch entries before it hands them on. A router splits a batch, so that
// only batches of one keep the order.
func stanza(c *corpus, size int) (run, error) {
	var list []any
	for _, o := range stanzaOperators(c) {
		list = append(list, o)
	}
	// Through JSON, so that the configuration holds what a file would.
	var config map[string]any
	b, err := json.Marshal(tree{"operators": list})
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &config); err != nil {
		return nil, err
	}
	var operators struct {
		Operators []operator.Config `mapstructure:"operators"`
	}
	if err := confmap.NewFromStringMap(config).Unmarshal(&operators); err != nil {
		return nil, err
	}
	telemetry := componenttest.NewNopTelemetrySettings()
	var out []byte
	var events int
	var encodeErr error
	emit := helper.NewSynchronousLogEmitter(telemetry, func(_ context.Context, entries []*entry.Entry) {
		for _, e := range entries {
			if !e.Timestamp.IsZero() {
				if e.Attributes == nil {
					e.Attributes = map[string]any{}
				}
				e.Attributes["@timestamp"] = e.Timestamp.UTC().Format(time.RFC3339Nano)
			}
			line, err := json.Marshal(e.Attributes)
			if err != nil {
				encodeErr = err
			}
			out = append(append(out, line...), '\n')
			events++
		}
	})
	pipe, err := pipeline.Config{Operators: operators.Operators, DefaultOutput: emit}.Build(telemetry)
	if err != nil {
		return nil, err
	}
	first := pipe.Operators()[0]
	for _, o := range pipe.Operators() {
		if err := o.Start(nil); err != nil {
			return nil, err
		}
		if o.ID() == operators.Operators[0].ID() {
			first = o
		}
	}
	entries := make([]*entry.Entry, 0, size)
	return byChunk(func(dst, chunk []byte) ([]byte, int, error) {
		out, events, encodeErr = dst, 0, nil
		for len(chunk) > 0 {
			i := bytes.IndexByte(chunk, '\n')
			e := entry.New()
			e.Body = string(chunk[:i])
			chunk = chunk[i+1:]
			if entries = append(entries, e); len(entries) == size || len(chunk) == 0 {
				if err := first.ProcessBatch(context.Background(), entries); err != nil {
					return out, events, err
				}
				entries = entries[:0]
			}
		}
		return out, events, encodeErr
	}), nil
}
