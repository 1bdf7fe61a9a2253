package ocsf

import (
	"fmt"
	"slices"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/normalize/internal/translate"
	"github.com/penstock-dev/penstock/parse"
)

type group uint8

const (
	other group = iota
	system
	findings
	iam
	network
	discovery
	application
)

var categoryNames = map[group]string{
	other: "Uncategorized", system: "System Activity", findings: "Findings", iam: "Identity & Access Management",
	network: "Network Activity", discovery: "Discovery", application: "Application Activity",
}

// class is an event class of OCSF and how records become one.
type class struct {
	uid        int
	name       string
	group      group
	category   string
	controlled bool // with the profile security_control
	when       func(r *parse.Record) bool
	needs      [][]ecs.Key // of each list one field at least
	activity   func(r *parse.Record) int
	rules      [][]translate.Rule
	table      *translate.Table
}

// classList holds the classes in the order in which they are tried.
func classList() []*class {
	category := func(names ...string) func(*parse.Record) bool {
		return func(r *parse.Record) bool {
			return slices.ContainsFunc(names, func(n string) bool { return has(r, ecs.EventCategory, n) })
		}
	}
	user := []ecs.Key{ecs.UserName, ecs.UserID, ecs.UserTargetName, ecs.UserTargetID}
	host := []ecs.Key{ecs.HostName, ecs.HostHostname, ecs.HostID, ecs.HostIP}
	peer := []ecs.Key{ecs.SourceIP, ecs.SourceDomain, ecs.DestinationIP, ecs.DestinationDomain, ecs.ClientIP, ecs.ServerIP}
	request := []ecs.Key{ecs.HTTPRequestMethod, ecs.URLOriginal, ecs.URLPath, ecs.URLFull, ecs.HTTPResponseStatusCode, ecs.UserAgentOriginal}
	return []*class{
		{uid: 5021, name: "OSINT Inventory Info", group: discovery,
			when: func(r *parse.Record) bool {
				return r.Get(ecs.EventKind).Str() == "enrichment" && indicator(r).kind != 0
			},
			activity: always(1), rules: [][]translate.Rule{common}},
		{uid: 2002, name: "Vulnerability Finding", group: findings, when: func(r *parse.Record) bool {
			return category("vulnerability")(r) && isCVE(r.Get(ecs.VulnerabilityID))
		}, needs: [][]ecs.Key{findingID}, activity: always(1), controlled: true, rules: [][]translate.Rule{common, device, finding, control}},
		{uid: 2004, name: "Detection Finding", group: findings, when: func(r *parse.Record) bool {
			return r.Get(ecs.EventKind).Str() == "alert" || category("threat", "malware", "intrusion_detection")(r)
		}, needs: [][]ecs.Key{findingID}, activity: always(1), controlled: true, rules: [][]translate.Rule{common, device, finding, control}},
		{uid: 3002, name: "Authentication", group: iam, when: category("authentication"), needs: [][]ecs.Key{user},
			activity: byType(map[string]int{"start": 1, "end": 2}), rules: [][]translate.Rule{common, device, target, subject, source, service}},
		{uid: 3006, name: "Group Management", group: iam, when: category("iam"), needs: [][]ecs.Key{{ecs.GroupName, ecs.GroupID}},
			activity: byType(map[string]int{"creation": 5, "deletion": 6}), rules: [][]translate.Rule{common, device, groups, target, actorUser, source}},
		{uid: 3001, name: "Account Change", group: iam, when: category("iam"), needs: [][]ecs.Key{user},
			activity: byType(map[string]int{"creation": 1, "deletion": 6}), rules: [][]translate.Rule{common, device, target, subject, source}},
		{uid: 4003, name: "DNS Activity", group: network, needs: [][]ecs.Key{{ecs.DNSQuestionName}, peer}, controlled: true,
			activity: dnsActivity, rules: [][]translate.Rule{common, device, actorUser, endpoints, traffic, dns, control}},
		{uid: 4009, name: "Email Activity", group: network, when: func(r *parse.Record) bool {
			return address(r.Get(ecs.EmailFromAddress)) || address(r.Get(ecs.EmailToAddress))
		}, activity: emailActivity, controlled: true, rules: [][]translate.Rule{common, device, actorUser, endpoints, email, control}},
		{uid: 4002, name: "HTTP Activity", group: network, when: category("web", "network"), needs: [][]ecs.Key{request, {ecs.HTTPRequestMethod, ecs.HTTPResponseStatusCode}, peer},
			activity: httpActivity, controlled: true, rules: [][]translate.Rule{common, device, actorUser, endpoints, traffic, httpRules, httpURL, control}},
		{uid: 4001, name: "Network Activity", group: network, when: category("network", "session", "web"), needs: [][]ecs.Key{peer}, controlled: true,
			activity: networkActivity, rules: [][]translate.Rule{common, device, actorUser, actorProcess, endpoints, traffic, networkURL, control}},
		{uid: 1007, name: "Process Activity", group: system, when: category("process"),
			needs:    [][]ecs.Key{{ecs.ProcessPID, ecs.ProcessEntityID}, host, {ecs.UserName, ecs.UserID, ecs.ProcessParentPID, ecs.ProcessParentEntityID}},
			activity: byType(map[string]int{"start": 1, "end": 2}), rules: [][]translate.Rule{common, device, actorUser, process, parent}},
		{uid: 1001, name: "File System Activity", group: system, when: category("file"),
			needs:    [][]ecs.Key{{ecs.FileName}, host, {ecs.UserName, ecs.UserID, ecs.ProcessPID, ecs.ProcessEntityID}},
			activity: byType(map[string]int{"creation": 1, "access": 2, "change": 3, "deletion": 4}), rules: [][]translate.Rule{common, device, actorUser, actorProcess, file}},
		{uid: 6003, name: "API Activity", group: application,
			needs: [][]ecs.Key{{ecs.EventAction}, {ecs.UserName, ecs.UserID}, {ecs.SourceIP, ecs.SourceDomain, ecs.ClientIP}, {ecs.CloudProvider, ecs.EventProvider, ecs.UserAgentOriginal}},
			when: func(r *parse.Record) bool {
				return !category("process", "file", "registry", "driver")(r)
			},
			activity: byType(map[string]int{"creation": 1, "access": 2, "change": 3, "deletion": 4}),
			rules:    [][]translate.Rule{common, device, actorUser, endpoints, api}},
		{uid: 0, name: "Base Event", group: other, activity: always(0), rules: [][]translate.Rule{common, device, actorUser, actorProcess}},
	}
}

// findingID are the fields that identify a finding, the best first.
var findingID = []ecs.Key{ecs.EventID, ecs.RuleUUID, ecs.RuleID, ecs.EventCode, ecs.RuleName}

func always(n int) func(*parse.Record) int { return func(*parse.Record) int { return n } }

// byType gives the activity of the first word of event.type that says one; 99 is another
// one, 0 none at all.
func byType(words map[string]int) func(*parse.Record) int {
	order := []string{"creation", "deletion", "change", "access", "start", "end"}
	return func(r *parse.Record) int {
		for _, w := range order {
			if id, ok := words[w]; ok && has(r, ecs.EventType, w) {
				return id
			}
		}
		if r.Has(ecs.EventAction) {
			return 99
		}
		return 0
	}
}

// networkActivity: 1 open, 2 close, 4 fail, 5 refuse, 6 traffic.
func networkActivity(r *parse.Record) int {
	switch {
	case has(r, ecs.EventType, "denied"):
		return 5
	case has(r, ecs.EventType, "start"):
		return 1
	case has(r, ecs.EventType, "end"):
		return 2
	case has(r, ecs.EventType, "error"):
		return 4
	case r.Has(ecs.SourceBytes) || r.Has(ecs.NetworkBytes) || r.Has(ecs.DestinationBytes):
		return 6
	}
	return 99
}

// dnsActivity: 1 query, 2 response.
func dnsActivity(r *parse.Record) int {
	if r.Get(ecs.DNSType).Str() == "answer" || r.Has(ecs.DNSAnswers) || r.Has(ecs.DNSResponseCode) {
		return 2
	}
	return 1
}

// emailActivity: 1 send, 2 receive, 3 scan.
func emailActivity(r *parse.Record) int {
	switch r.Get(ecs.EmailDirection).Str() {
	case "outbound":
		return 1
	case "inbound":
		return 2
	}
	return 0
}

var httpActivities = map[string]int{"CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8}

func httpActivity(r *parse.Record) int {
	v := r.Get(ecs.HTTPRequestMethod)
	if id, ok := httpActivities[v.Str()]; ok {
		return id
	}
	if v.IsZero() {
		return 0
	}
	return 99
}

func (t *tables) choose(r *parse.Record) *class {
	for _, c := range t.classes {
		if (c.when == nil || c.when(r)) && c.filled(r) {
			return c
		}
	}
	return t.classes[len(t.classes)-1]
}

// filled reports whether what the class requires is there.
func (c *class) filled(r *parse.Record) bool {
	for _, list := range c.needs {
		if !slices.ContainsFunc(list, r.Has) {
			return false
		}
	}
	return true
}

// fixedKeys are the attributes that the encoder sets itself.
type fixedKeys struct {
	time, unmapped, categoryUID, categoryName, classUID, className, activityID, activityName, typeUID parse.Key
	severityID, severity, statusID, status, actionID, dispositionID, disposition, isAlert             parse.Key
	metadataVersion, profiles, productName, observables                                               parse.Key
	deviceType, osName, osType, directionID, direction, protocolVer                                   parse.Key
	serviceName, findingUID, rcodeID, apiOperation                                                    parse.Key
	fileType, fileName, fileHashes, processFileName, processFileType, processFileHashes               parse.Key
	evidences, vulnerabilities, osint, attacks                                                        parse.Key
	cveUID, vulnerabilityDesc, vulnerabilitySeverity                                                  parse.Key
	osintType, osintValue, osintConfidence, osintURL, osintName                                       parse.Key
	emailDirection                                                                                    parse.Key
}

func (k *fixedKeys) names() map[string]*parse.Key {
	return map[string]*parse.Key{
		"time": &k.time, "unmapped": &k.unmapped, "category_uid": &k.categoryUID, "category_name": &k.categoryName,
		"class_uid": &k.classUID, "class_name": &k.className, "activity_id": &k.activityID, "activity_name": &k.activityName,
		"type_uid": &k.typeUID, "severity_id": &k.severityID, "severity": &k.severity, "status_id": &k.statusID, "status": &k.status,
		"action_id": &k.actionID, "disposition_id": &k.dispositionID, "disposition": &k.disposition, "is_alert": &k.isAlert,
		"metadata.version": &k.metadataVersion, "metadata.profiles": &k.profiles, "metadata.product.name": &k.productName,
		"observables": &k.observables, "device.type_id": &k.deviceType, "device.os.name": &k.osName, "device.os.type_id": &k.osType,
		"connection_info.direction_id": &k.directionID, "connection_info.direction": &k.direction,
		"connection_info.protocol_ver_id": &k.protocolVer, "service.name": &k.serviceName, "finding_info.uid": &k.findingUID,
		"rcode_id": &k.rcodeID, "api.operation": &k.apiOperation,
		"file.type_id": &k.fileType, "file.name": &k.fileName, "file.hashes": &k.fileHashes,
		"process.file.name": &k.processFileName, "process.file.type_id": &k.processFileType, "process.file.hashes": &k.processFileHashes,
		"evidences": &k.evidences, "vulnerabilities": &k.vulnerabilities, "osint": &k.osint, "finding_info.attacks": &k.attacks,
		"cve.uid": &k.cveUID, "desc": &k.vulnerabilityDesc, "vulnerability_severity": &k.vulnerabilitySeverity,
		"type_id": &k.osintType, "value": &k.osintValue, "confidence": &k.osintConfidence, "src_url": &k.osintURL, "name": &k.osintName,
		"direction_id": &k.emailDirection,
	}
}

func compile() (*tables, error) {
	t := &tables{classes: classList(), profile: map[string]parse.Value{}}
	var names translate.Names
	fixed := t.keys.names()
	for name := range fixed {
		names.Add(name)
	}
	lists := [][]translate.Rule{evidence}
	for _, c := range t.classes {
		lists = append(lists, c.rules...)
	}
	for _, list := range lists {
		for _, r := range list {
			names.Add(r.To)
		}
	}
	var err error
	if t.schema, err = names.Schema(); err != nil {
		return nil, err
	}
	for name, k := range fixed {
		var ok bool
		if *k, ok = t.schema.Lookup(name); !ok {
			return nil, fmt.Errorf("ocsf: no attribute %s", name)
		}
	}
	for _, c := range t.classes {
		c.category = categoryNames[c.group]
		if c.table, err = translate.Compile(t.schema, c.rules...); err != nil {
			return nil, err
		}
	}
	if t.evidence, err = translate.Compile(t.schema, evidence); err != nil {
		return nil, err
	}
	t.prefixes()
	return t, nil
}
