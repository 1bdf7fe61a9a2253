package ossem

import "github.com/penstock-dev/penstock/normalize/internal/translate"

var (
	text    = translate.Text
	integer = translate.Integer
	first   = translate.First
)

// rules are the attributes of the model that ECS has a field for.
var rules = concat([]translate.Rule{
	{From: "@timestamp", To: "EventTimestamp"},
	{From: "event.created", To: "EventRecordedTime"},
	{From: "event.ingested", To: "EventTimeIngested"},
	{From: "event.start", To: "EventStartTime"},
	{From: "event.end", To: "EventEndTime"},
	{From: "event.duration", To: "EventDuration", As: seconds},
	{From: "event.timezone", To: "EventTimezone", As: text},
	{From: "event.code", To: "EventId", As: integer},
	{From: "event.id", To: "EventUid", As: text},
	{From: "event.action", To: "EventType", As: text},
	{From: "event.outcome", To: "EventResult", As: text},
	{From: "event.reason", To: "EventResultDetails", As: text},
	{From: "event.original", To: "EventOriginalMessage", As: text},
	{From: "event.reference", To: "EventReportUrl", As: text},
	{From: "log.level", To: "EventSeverity", As: text},
	{From: "message", To: "EventMessage", As: text},
	{From: "error.code", To: "EventErrorCode", As: integer},
	{From: "error.message", To: "EventError", As: text},
	{From: "observer.vendor", To: "EventVendor", As: text},
	{From: "observer.product", To: "EventProduct", As: text},
	{From: "observer.version", To: "EventProductVersion", As: text},
	{From: "host.hostname", To: "DvcHostname", As: text},
	{From: "host.name", To: "DvcFqdn", As: dotted},
	{From: "host.name", To: "DvcHostname", As: text},
	{From: "host.domain", To: "DvcDomain", As: text},
	{From: "host.os.name", To: "DvcOs", As: text},
	{From: "host.type", To: "DvcType", As: text},
	{From: "host.ip", To: "DvcIpAddr", As: first},
	{From: "host.mac", To: "DvcMacAddr", As: first},
	{From: "observer.hostname", To: "DvcHostname", As: text},
	{From: "observer.name", To: "DvcHostname", As: text},
	{From: "observer.ip", To: "DvcIpAddr", As: first},
	{From: "observer.ingress.interface.name", To: "DvcInboundInterface", As: text},
	{From: "observer.egress.interface.name", To: "DvcOutboundInterface", As: text},
	{From: "observer.ingress.zone", To: "SrcZone", As: text},
	{From: "observer.egress.zone", To: "DstZone", As: text},
	{From: "network.transport", To: "NetworkProtocol", As: text},
	{From: "network.protocol", To: "NetworkApplicationProtocol", As: text},
	{From: "network.application", To: "NetworkApplicationName", As: text},
	{From: "network.direction", To: "NetworkDirection", As: text},
	{From: "network.bytes", To: "NetworkBytes", As: integer},
	{From: "network.packets", To: "NetworkPackets", As: integer},
	{From: "network.community_id", To: "NetworkFingerprintNetworkCommunityId", As: text},
	{From: "rule.name", To: "RuleName", As: text},
	{From: "rule.id", To: "RuleNumber", As: text},
	{From: "threat.technique.id", To: "MetaTtp", As: text},
	{From: "threat.software.name", To: "ThreatName", As: text},
	{From: "dns.question.name", To: "DnsQueryName", As: text},
	{From: "dns.question.type", To: "DnsQueryType", As: text},
	{From: "dns.question.class", To: "DnsQueryClass", As: text},
	{From: "dns.response_code", To: "DnsResponseCodeName", As: text},
	{From: "dns.id", To: "DnsTransactionId", As: integer},
	{From: "http.request.method", To: "HttpRequestMethod", As: text},
	{From: "http.request.referrer", To: "HttpReferrerOriginal", As: text},
	{From: "http.request.body.bytes", To: "HttpRequestBodyBytes", As: integer},
	{From: "http.response.status_code", To: "HttpStatusCode", As: integer},
	{From: "http.response.body.bytes", To: "HttpResponseBodyBytes", As: integer},
	{From: "http.response.mime_type", To: "HttpContentType", As: text},
	{From: "http.version", To: "HttpVersion", As: text},
	{From: "user_agent.original", To: "UserAgentOriginal", As: text},
	{From: "url.original", To: "UrlOriginal", As: text},
	{From: "url.full", To: "UrlOriginal", As: text},
	{From: "url.domain", To: "UrlHostname", As: text},
	{From: "url.path", To: "UrlPath", As: text},
	{From: "url.port", To: "UrlPort", As: integer},
	{From: "url.scheme", To: "UrlScheme", As: text},
	{From: "url.fragment", To: "UrlFragment", As: text},
	{From: "url.extension", To: "UrlExtension", As: text},
	{From: "url.username", To: "UrlUserName", As: text},
	{From: "file.name", To: "FileName", As: text},
	{From: "file.path", To: "FilePath", As: text},
	{From: "file.directory", To: "FileDirectory", As: text},
	{From: "file.extension", To: "FileExtension", As: text},
	{From: "file.mime_type", To: "FileMimeType", As: text},
	{From: "file.size", To: "FileSize", As: integer},
	{From: "file.inode", To: "FileInode", As: integer},
	{From: "file.created", To: "FileCreationTime"},
	{From: "file.mtime", To: "FileModifiedTime"},
	{From: "file.accessed", To: "FileAccessedTime"},
	{From: "file.ctime", To: "FileChangedTime"},
	{From: "dll.name", To: "ModuleName", As: text},
	{From: "dll.path", To: "ModulePath", As: text},
	{From: "registry.hive", To: "RegistryRootKey", As: text},
	{From: "registry.key", To: "RegistryKeyName", As: text},
	{From: "registry.path", To: "RegistryKeyPath", As: text},
	{From: "registry.value", To: "RegistryValueName", As: text},
	{From: "registry.data.type", To: "RegistryValueType", As: text},
	{From: "service.name", To: "ServiceName", As: text},
	{From: "service.type", To: "ServiceType", As: text},
	{From: "group.name", To: "GroupName", As: text},
	{From: "group.domain", To: "GroupDomain", As: text},
	{From: "tls.cipher", To: "TlsCipher", As: text},
	{From: "tls.curve", To: "TlsCurve", As: text},
	{From: "tls.established", To: "TlsEstablished"},
	{From: "tls.next_protocol", To: "TlsNextProtocol", As: text},
	{From: "tls.resumed", To: "TlsResumed"},
	{From: "tls.client.server_name", To: "TlsServerName", As: text},
	{From: "tls.version", To: "TlsVersion", As: text},
	// The model has no source NAT.
	{From: "destination.nat.ip", To: "DstNatIpAddr"},
	{From: "destination.nat.port", To: "DstNatPortNumber", As: integer},
	{From: "server.nat.ip", To: "DstNatIpAddr"},
	{From: "server.nat.port", To: "DstNatPortNumber", As: integer},
}, end("source", "Src"), end("client", "Src"), end("destination", "Dst"), end("server", "Dst"),
	hashes("file.hash", "FileHash"), hashes("process.hash", "ProcessHash"), hashes("dll.hash", "ModuleHash"),
	process("process", "Process"), process("process.parent", "ProcessParent"), user("user", "User"))

func concat(lists ...[]translate.Rule) []translate.Rule {
	var all []translate.Rule
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// end makes the rules of one end of a connection.
func end(from, to string) []translate.Rule {
	return append([]translate.Rule{
		{From: from + ".ip", To: to + "IpAddr"},
		{From: from + ".port", To: to + "PortNumber", As: integer},
		{From: from + ".mac", To: to + "MacAddr", As: first},
		{From: from + ".domain", To: to + "DvcHostname", As: text},
		{From: from + ".address", To: to + "IpAddr", As: never},
		{From: from + ".address", To: to + "DvcHostname", As: hostname},
		{From: from + ".bytes", To: to + "Bytes", As: integer},
		{From: from + ".packets", To: to + "Packets", As: integer},
		{From: from + ".geo.city_name", To: to + "GeoCity", As: text},
		{From: from + ".geo.country_name", To: to + "GeoCountry", As: text},
		{From: from + ".geo.country_iso_code", To: to + "GeoCountryCode", As: text},
		{From: from + ".geo.region_name", To: to + "GeoRegion", As: text},
		{From: from + ".as.number", To: to + "MetaAsNumber", As: integer},
		{From: from + ".as.organization.name", To: to + "MetaAsOrg", As: text},
	}, user(from+".user", to+"User")...)
}

func hashes(from, to string) []translate.Rule {
	return []translate.Rule{
		{From: from + ".md5", To: to + "Md5", As: text},
		{From: from + ".sha1", To: to + "Sha1", As: text},
		{From: from + ".sha256", To: to + "Sha256", As: text},
		{From: from + ".sha512", To: to + "Sha512", As: text},
	}
}

func process(from, to string) []translate.Rule {
	return []translate.Rule{
		{From: from + ".name", To: to + "Name", As: text},
		{From: from + ".pid", To: to + "Id", As: integer},
		{From: from + ".entity_id", To: to + "Guid", As: text},
		{From: from + ".command_line", To: to + "CommandLine", As: text},
		{From: from + ".executable", To: to + "FilePath", As: text},
		{From: from + ".working_directory", To: to + "CurrentDirectory", As: text},
	}
}

func user(from, to string) []translate.Rule {
	return []translate.Rule{
		{From: from + ".name", To: to + "Name", As: text},
		{From: from + ".domain", To: to + "Domain", As: text},
		{From: from + ".id", To: to + "Sid", As: sid},
		{From: from + ".id", To: to + "Identity", As: text},
		{From: from + ".email", To: to + "Upn", As: text},
	}
}
