package ocsf

import (
	"bytes"

	"github.com/penstock-dev/penstock/normalize/internal/translate"
	"github.com/penstock-dev/penstock/parse"
)

// The conversions, by short names for the tables below.
var (
	text    = translate.Text
	integer = translate.Integer
	first   = translate.First
	list    = translate.List
	millis  = translate.Millis
	span    = translate.NanosToMillis
)

// common are the attributes of every class.
var common = []translate.Rule{
	{From: "@timestamp", To: "time", As: millis},
	{From: "event.start", To: "start_time", As: millis},
	{From: "event.end", To: "end_time", As: millis},
	{From: "event.duration", To: "duration", As: span},
	{From: "message", To: "message", As: text},
	{From: "event.original", To: "raw_data", As: text},
	{From: "event.reason", To: "status_detail", As: text},
	{From: "error.code", To: "status_code", As: text},
	{From: "event.id", To: "metadata.uid", As: text},
	{From: "event.code", To: "metadata.event_code", As: text},
	{From: "event.sequence", To: "metadata.sequence", As: small},
	{From: "event.provider", To: "metadata.log_provider", As: text},
	{From: "event.dataset", To: "metadata.log_name", As: text},
	{From: "event.created", To: "metadata.logged_time", As: millis},
	{From: "log.level", To: "metadata.log_level", As: text},
	{From: "organization.id", To: "metadata.tenant_uid", As: text},
	{From: "observer.product", To: "metadata.product.name", As: text},
	{From: "observer.vendor", To: "metadata.product.vendor_name", As: text},
	{From: "observer.version", To: "metadata.product.version", As: text},
	{From: "cloud.provider", To: "cloud.provider", As: text},
	{From: "cloud.region", To: "cloud.region", As: text},
	{From: "cloud.availability_zone", To: "cloud.zone", As: text},
	{From: "cloud.account.id", To: "cloud.account.uid", As: text},
	{From: "cloud.account.name", To: "cloud.account.name", As: text},
	{From: "cloud.project.id", To: "cloud.project_uid", As: text},
}

// device is the host that the event is about, else the device that reports.
var device = []translate.Rule{
	{From: "host.name", To: "device.name", As: text},
	{From: "host.hostname", To: "device.hostname", As: text},
	{From: "host.id", To: "device.uid", As: text},
	{From: "host.ip", To: "device.ip", As: first},
	{From: "host.mac", To: "device.mac", As: first},
	{From: "host.domain", To: "device.domain", As: text},
	{From: "host.os.name", To: "device.os.name", As: text},
	{From: "host.os.version", To: "device.os.version", As: text},
	{From: "observer.hostname", To: "device.hostname", As: text},
	{From: "observer.name", To: "device.name", As: text},
	{From: "observer.ip", To: "device.ip", As: first},
	{From: "observer.mac", To: "device.mac", As: first},
}

// person makes the rules of one user.
func person(from, to string) []translate.Rule {
	return []translate.Rule{
		{From: from + ".name", To: to + ".name", As: text},
		{From: from + ".id", To: to + ".uid", As: text},
		{From: from + ".domain", To: to + ".domain", As: text},
		{From: from + ".email", To: to + ".email_addr", As: mail},
		{From: from + ".full_name", To: to + ".full_name", As: text},
	}
}

var (
	actorUser = person("user", "actor.user")
	target    = person("user.target", "user")
	// subject is the user whom the event is about where it names no other.
	subject = person("user", "user")

	actorProcess = []translate.Rule{
		{From: "process.name", To: "actor.process.name", As: text},
		{From: "process.pid", To: "actor.process.pid", As: small},
		{From: "process.entity_id", To: "actor.process.uid", As: text},
		{From: "process.executable", To: "actor.process.path", As: text},
		{From: "process.command_line", To: "actor.process.cmd_line", As: text},
	}
	process = []translate.Rule{
		{From: "process.name", To: "process.name", As: text},
		{From: "process.pid", To: "process.pid", As: small},
		{From: "process.entity_id", To: "process.uid", As: text},
		{From: "process.executable", To: "process.path", As: text},
		{From: "process.command_line", To: "process.cmd_line", As: text},
		{From: "process.working_directory", To: "process.working_directory", As: text},
		{From: "process.start", To: "process.created_time", As: millis},
		{From: "process.end", To: "process.terminated_time", As: millis},
		{From: "process.exit_code", To: "exit_code", As: small},
	}
	// parent is who started the process.
	parent = []translate.Rule{
		{From: "process.parent.name", To: "actor.process.name", As: text},
		{From: "process.parent.pid", To: "actor.process.pid", As: small},
		{From: "process.parent.entity_id", To: "actor.process.uid", As: text},
		{From: "process.parent.executable", To: "actor.process.path", As: text},
		{From: "process.parent.command_line", To: "actor.process.cmd_line", As: text},
		{From: "process.parent.start", To: "actor.process.created_time", As: millis},
	}
	file = []translate.Rule{
		{From: "file.name", To: "file.name", As: text},
		{From: "file.path", To: "file.path", As: text},
		{From: "file.extension", To: "file.ext", As: text},
		{From: "file.directory", To: "file.parent_folder", As: text},
		{From: "file.size", To: "file.size", As: integer},
		{From: "file.mime_type", To: "file.mime_type", As: text},
		{From: "file.inode", To: "file.uid", As: text},
		{From: "file.owner", To: "file.owner.name", As: text},
		{From: "file.created", To: "file.created_time", As: millis},
		{From: "file.mtime", To: "file.modified_time", As: millis},
		{From: "file.accessed", To: "file.accessed_time", As: millis},
	}
	groups = []translate.Rule{
		{From: "group.name", To: "group.name", As: text},
		{From: "group.id", To: "group.uid", As: text},
		{From: "group.domain", To: "group.domain", As: text},
	}
	service = []translate.Rule{
		{From: "service.name", To: "service.name", As: text},
		{From: "service.id", To: "service.uid", As: text},
		{From: "service.version", To: "service.version", As: text},
	}
	source = endpoint("source", "client", "src_endpoint")
	// endpoints are both ends, and the zones and interfaces of who stands between them.
	endpoints = append(append(append([]translate.Rule(nil), source...), endpoint("destination", "server", "dst_endpoint")...), []translate.Rule{
		{From: "observer.ingress.zone", To: "src_endpoint.zone", As: text},
		{From: "observer.egress.zone", To: "dst_endpoint.zone", As: text},
		{From: "observer.ingress.interface.name", To: "src_endpoint.interface_name", As: text},
		{From: "observer.egress.interface.name", To: "dst_endpoint.interface_name", As: text},
	}...)
)

// endpoint makes the rules of one end of a connection.
func endpoint(peer, role, to string) []translate.Rule {
	var rules []translate.Rule
	for _, from := range []string{peer, role} {
		rules = append(rules, []translate.Rule{
			{From: from + ".ip", To: to + ".ip"},
			{From: from + ".port", To: to + ".port", As: port},
			{From: from + ".mac", To: to + ".mac", As: first},
			{From: from + ".domain", To: to + ".hostname", As: text},
			{From: from + ".user.name", To: to + ".owner.name", As: text},
			{From: from + ".user.id", To: to + ".owner.uid", As: text},
			{From: from + ".as.number", To: to + ".autonomous_system.number", As: integer},
			{From: from + ".as.organization.name", To: to + ".autonomous_system.name", As: text},
			{From: from + ".geo.city_name", To: to + ".location.city", As: text},
			{From: from + ".geo.country_iso_code", To: to + ".location.country", As: text},
			{From: from + ".geo.region_name", To: to + ".location.region", As: text},
			{From: from + ".address", To: to + ".ip", As: never},
			{From: from + ".address", To: to + ".hostname", As: hostname},
		}...)
	}
	return rules
}

var traffic = []translate.Rule{
	{From: "network.transport", To: "connection_info.protocol_name", As: text},
	{From: "network.iana_number", To: "connection_info.protocol_num", As: integer},
	{From: "network.community_id", To: "connection_info.community_uid", As: text},
	{From: "network.protocol", To: "app_protocol_name", As: text},
	{From: "network.application", To: "app_name", As: text},
	{From: "source.bytes", To: "traffic.bytes_out", As: integer},
	{From: "destination.bytes", To: "traffic.bytes_in", As: integer},
	{From: "network.bytes", To: "traffic.bytes", As: integer},
	{From: "source.packets", To: "traffic.packets_out", As: integer},
	{From: "destination.packets", To: "traffic.packets_in", As: integer},
	{From: "network.packets", To: "traffic.packets", As: integer},
}

// control is the profile security_control.
var control = []translate.Rule{
	{From: "rule.name", To: "firewall_rule.name", As: text},
	{From: "rule.id", To: "firewall_rule.uid", As: text},
	{From: "rule.uuid", To: "firewall_rule.uid", As: text},
	{From: "rule.category", To: "firewall_rule.category", As: text},
	{From: "rule.description", To: "firewall_rule.desc", As: text},
	{From: "event.risk_score", To: "risk_score", As: integer},
}

func urlRules(to string) []translate.Rule {
	return []translate.Rule{
		{From: "url.full", To: to + ".url_string", As: text},
		{From: "url.original", To: to + ".url_string", As: text},
		{From: "url.domain", To: to + ".hostname", As: text},
		{From: "url.path", To: to + ".path", As: text},
		{From: "url.port", To: to + ".port", As: port},
		{From: "url.query", To: to + ".query_string", As: text},
		{From: "url.scheme", To: to + ".scheme", As: text},
	}
}

var (
	networkURL = urlRules("url")
	httpURL    = urlRules("http_request.url")
	httpRules  = []translate.Rule{
		{From: "http.request.method", To: "http_request.http_method", As: method},
		{From: "http.request.referrer", To: "http_request.referrer", As: text},
		{From: "http.request.id", To: "http_request.uid", As: text},
		{From: "http.request.bytes", To: "http_request.length", As: small},
		{From: "http.request.body.bytes", To: "http_request.body_length", As: small},
		{From: "http.version", To: "http_request.version", As: text},
		{From: "user_agent.original", To: "http_request.user_agent", As: text},
		{From: "http.response.status_code", To: "http_response.code", As: small},
		{From: "http.response.bytes", To: "http_response.length", As: small},
		{From: "http.response.body.bytes", To: "http_response.body_length", As: small},
		{From: "http.response.mime_type", To: "http_response.content_type", As: text},
	}
	dns = []translate.Rule{
		{From: "dns.question.name", To: "query.hostname", As: text},
		{From: "dns.question.type", To: "query.type", As: text},
		{From: "dns.question.class", To: "query.class", As: text},
		{From: "dns.id", To: "query.packet_uid", As: small},
		{From: "dns.response_code", To: "rcode", As: text},
	}
	email = []translate.Rule{
		{From: "email.from.address", To: "email.from", As: mail},
		{From: "email.to.address", To: "email.to", As: mails},
		{From: "email.cc.address", To: "email.cc", As: mails},
		{From: "email.bcc.address", To: "email.bcc", As: mails},
		{From: "email.subject", To: "email.subject", As: text},
		{From: "email.message_id", To: "email.message_uid", As: text},
		{From: "email.direction", To: "direction", As: text},
	}
	api = []translate.Rule{
		{From: "event.action", To: "api.operation", As: text},
		{From: "event.provider", To: "api.service.name", As: text},
		{From: "user_agent.original", To: "http_request.user_agent", As: text},
		{From: "error.code", To: "api.response.error", As: text},
		{From: "error.message", To: "api.response.error_message", As: text},
	}
	finding = []translate.Rule{
		{From: "rule.name", To: "finding_info.title", As: text},
		{From: "rule.description", To: "finding_info.desc", As: text},
		{From: "event.risk_score", To: "risk_score", As: integer},
	}
)

// evidence is one element of the list evidences of a finding.
var evidence = concat(endpoints, traffic[:3], process[:5], file, actorUser, networkURL, dns[:3])

func concat(lists ...[]translate.Rule) []translate.Rule {
	var all []translate.Rule
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// never takes nothing: the rule marks a value as taken where the attribute has it already.
func never(parse.Value, *parse.Record) (parse.Value, bool) { return parse.Value{}, false }

// hostname takes text that is not an address.
func hostname(v parse.Value, to *parse.Record) (parse.Value, bool) {
	v, ok := translate.Text(v, to)
	if !ok || len(v.Bytes()) == 0 {
		return v, false
	}
	if _, isIP := parse.IPValue(v.Bytes(), to.Text()); isIP {
		return v, false
	}
	return v, true
}

// port takes what port_t can hold.
func port(v parse.Value, to *parse.Record) (parse.Value, bool) {
	v, ok := translate.Integer(v, to)
	return v, ok && v.Int() >= 0 && v.Int() <= 65535
}

// small takes what the 32 bits of integer_t can hold.
func small(v parse.Value, to *parse.Record) (parse.Value, bool) {
	v, ok := translate.Integer(v, to)
	return v, ok && v.Int() == int64(int32(v.Int()))
}

// mail takes what looks like email_t.
func mail(v parse.Value, to *parse.Record) (parse.Value, bool) {
	v, ok := translate.Text(v, to)
	return v, ok && isAddress(v.Bytes())
}

// mails takes a list of which every element looks like email_t.
func mails(v parse.Value, to *parse.Record) (parse.Value, bool) {
	v, _ = list(v, to)
	for _, e := range v.List() {
		if !isAddress(e.Bytes()) {
			return parse.Value{}, false
		}
	}
	return v, len(v.List()) > 0
}

func address(v parse.Value) bool {
	if v.Kind() == parse.KindList {
		l := v.List()
		return len(l) > 0 && isAddress(l[0].Bytes())
	}
	return isAddress(v.Bytes())
}

// isAddress tests what the pattern of email_t asks for.
func isAddress(b []byte) bool {
	name, domain, ok := bytes.Cut(b, []byte("@"))
	dot := bytes.IndexByte(domain, '.')
	if !ok || len(name) == 0 || dot <= 0 || dot == len(domain)-1 {
		return false
	}
	for _, c := range name {
		if !isWord(c) && bytes.IndexByte([]byte("!#$%&'*+,-./=?^_`{|}~"), c) < 0 {
			return false
		}
	}
	for i, c := range domain {
		if !isWord(c) && c != '-' && (c != '.' || i < dot) {
			return false
		}
	}
	return true
}

func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

var methods = map[string]bool{
	"ACL": true, "BASELINE-CONTROL": true, "BIND": true, "CHECKIN": true, "CHECKOUT": true, "CONNECT": true, "COPY": true, "DELETE": true,
	"GET": true, "HEAD": true, "LABEL": true, "LINK": true, "LOCK": true, "MERGE": true, "MKACTIVITY": true, "MKCALENDAR": true,
	"MKCOL": true, "MKREDIRECTREF": true, "MKWORKSPACE": true, "MOVE": true, "OPTIONS": true, "ORDERPATCH": true, "PATCH": true,
	"POST": true, "PRI": true, "PROPFIND": true, "PROPPATCH": true, "PUT": true, "QUERY": true, "REBIND": true, "REPORT": true,
	"SEARCH": true, "TRACE": true, "UNBIND": true, "UNCHECKOUT": true, "UNLINK": true, "UNLOCK": true, "UPDATE": true,
	"UPDATEREDIRECTREF": true, "VERSION-CONTROL": true,
}

func method(v parse.Value, _ *parse.Record) (parse.Value, bool) {
	return v, v.Kind() == parse.KindString && methods[v.Str()]
}
