package main

import "strings"

// The mapping that every peer is asked for, written once. It holds ECS fields only, and
// of these only what stands in the record: what penstock derives besides (related.*,
// source.address, network.community_id, parts of URLs, event.category of an AWS call)
// is left out of the peers' work, which favours them.

// pair is a native name and the ECS field that takes its value.
type pair struct{ from, to string }

func pairs(table string) (p []pair) {
	for _, line := range strings.Fields(table) {
		from, to, _ := strings.Cut(line, "=")
		p = append(p, pair{from, to})
	}
	return p
}

// A target with # is an integer, one with ~ is written in lower case.
var (
	cefHeader     = pairs(`host=host.hostname vendor=observer.vendor product=observer.product version=observer.version id=event.code severity=#event.severity`)
	cefExtensions = pairs(`src=source.ip spt=#source.port shost=source.domain smac=source.mac in=#source.bytes suser=source.user.name
		dst=destination.ip dpt=#destination.port dhost=destination.domain out=#destination.bytes duser=destination.user.name proto=~network.transport
		act=event.action externalId=event.id request=url.original requestMethod=http.request.method fname=file.name filePath=file.path msg=message`)
	cloudtrailFields = pairs(`eventTime=@timestamp eventName=event.action eventSource=event.provider eventID=event.id awsRegion=cloud.region userIdentity.accountId=cloud.account.id
		sourceIPAddress=source.ip userAgent=user_agent.original userIdentity.userName=user.name userIdentity.principalId=user.id
		tlsDetails.cipherSuite=tls.cipher tlsDetails.clientProvidedHostHeader=tls.client.server_name`)
	syslogHeader    = pairs(`host=host.hostname app=process.name pid=#process.pid msgid=event.code`)
	fortigateFields = pairs(`logid=event.code action=event.action level=log.level devname=observer.name devid=observer.serial_number
		srcip=source.ip srcport=#source.port sentbyte=#source.bytes sentpkt=#source.packets srcmac=source.mac
		dstip=destination.ip dstport=#destination.port rcvdbyte=#destination.bytes rcvdpkt=#destination.packets transip=source.nat.ip transport=#source.nat.port
		srcintf=observer.ingress.interface.name dstintf=observer.egress.interface.name policyid=rule.id policyname=rule.name user=source.user.name
		app=network.application hostname=url.domain url=url.path service=~network.protocol`)
	winHeader = pairs(`@timestamp=@timestamp event.action=event.action event.code=event.code event.provider=event.provider event.outcome=event.outcome host.name=host.name log.level=log.level message=message`)
	winData   = pairs(`TargetUserName=user.name TargetDomainName=user.domain TargetUserSid=user.id IpAddress=source.ip IpPort=#source.port WorkstationName=source.domain ProcessName=process.executable`)
)

// syslogParams are the parameters of the second SD element.
var syslogParams = pairs(`srcIp=source.ip srcPort=#source.port dstIp=destination.ip dstPort=#destination.port proto=~network.transport user=user.name action=event.action outcome=event.outcome rule=rule.name sessionId=event.id`)

// constants are the same in every event of a corpus.
var constants = map[string][]pair{
	"asa":        pairs(`event.kind=event event.module=cisco event.dataset=cisco.asa observer.vendor=Cisco observer.product=asa observer.type=firewall`),
	"cef":        pairs(`event.kind=event event.module=cef event.dataset=cef.log`),
	"cloudtrail": pairs(`event.kind=event event.module=aws event.dataset=aws.cloudtrail cloud.provider=aws`),
	"rfc5424":    pairs(`event.kind=event`),
	"fortigate":  pairs(`event.kind=event event.module=fortinet event.dataset=fortinet.firewall observer.vendor=Fortinet observer.product=Fortigate observer.type=firewall`),
	"winjson":    pairs(`event.kind=event`),
	"winxml":     pairs(`event.kind=event`),
}

const (
	asaHeader = `^<(?P<pri>\d+)>(?P<ts>\w{3} [ \d]\d \d\d:\d\d:\d\d) (?P<host>\S+) %ASA-(?P<severity>\d)-(?P<id>\d+): (?P<msg>.*)$`
	cefLine   = `^<(?P<pri>\d+)>(?P<ts>\w{3} [ \d]\d \d\d:\d\d:\d\d) (?P<host>\S+) CEF:\d\|(?P<vendor>(?:\\.|[^|\\])*)\|(?P<product>(?:\\.|[^|\\])*)\|(?P<version>(?:\\.|[^|\\])*)\|(?P<id>(?:\\.|[^|\\])*)\|(?P<name>(?:\\.|[^|\\])*)\|(?P<severity>(?:\\.|[^|\\])*)\|(?P<ext>.*)$`
)

// asaPattern is the text of one or two message ids. Addresses take the order of the text, as
// in the published ECS mappings of the product.
type asaPattern struct {
	ids           []string
	expr          string
	category, typ []string
	outcome       string
}

// asaNames are the targets of the patterns' groups.
var asaNames = func() map[string]string {
	m := map[string]string{}
	for _, p := range pairs(`dir=~network.direction proto=~network.transport service=~network.protocol bytes=#network.bytes
		siface=observer.ingress.interface.name diface=observer.egress.interface.name sip=source.ip sport=#source.port 
		dip=destination.ip dport=#destination.port dnip=destination.nat.ip dnport=#destination.nat.port reason=event.reason rule=rule.name user=user.name suser=source.user.name cmd=process.command_line`) {
		m[p.from] = p.to
	}
	return m
}()

func ends(kind string) string {
	return `(?P<` + kind[:1] + `iface>[\w-]+):(?P<` + kind + `ip>[\d.]+)/(?P<` + kind + `port>\d+)`
}

var asaPatterns = []asaPattern{
	{[]string{"302013", "302015"}, `^Built (?P<dir>\w+) (?P<proto>\w+) connection \d+ for ` + ends("s") + ` \([\d.]+/\d+\) to ` + ends("d") + ` \((?P<dnip>[\d.]+)/(?P<dnport>\d+)\)`, []string{"network"}, []string{"connection", "start"}, "success"},
	{[]string{"302014", "302016"}, `^Teardown (?P<proto>\w+) connection \d+ for ` + ends("s") + ` to ` + ends("d") + ` duration \d+:\d+:\d+ bytes (?P<bytes>\d+)(?: (?P<reason>.*))?$`, []string{"network"}, []string{"connection", "end"}, "success"},
	{[]string{"106023"}, `^Deny (?P<proto>\w+) src ` + ends("s") + ` dst ` + ends("d") + ` by access-group "(?P<rule>[^"]+)"`, []string{"network"}, []string{"connection", "denied"}, "success"},
	{[]string{"305011"}, `^Built dynamic (?P<proto>\w+) translation from ` + ends("s") + ` to ` + ends("d"), []string{"network"}, []string{"connection"}, "success"},
	{[]string{"106015"}, `^Deny (?P<proto>\w+) \(no connection\) from (?P<sip>[\d.]+)/(?P<sport>\d+) to (?P<dip>[\d.]+)/(?P<dport>\d+) flags .*? on interface (?P<siface>\S+)$`, []string{"network"}, []string{"connection", "denied"}, "success"},
	{[]string{"111008"}, `^User '(?P<user>[^']+)' executed the '(?P<cmd>[^']+)' command`, []string{"configuration"}, []string{"change"}, "success"},
	{[]string{"605005"}, `^Login permitted from (?P<sip>[\d.]+)/(?P<sport>\d+) to (?P<diface>[\w-]+):(?P<dip>[\d.]+)/(?P<service>\w+) for user "(?P<suser>[^"]+)"`, []string{"authentication"}, []string{"start"}, "success"},
	{[]string{"113004"}, `^AAA user \w+ Successful : server =  (?P<dip>[\d.]+) : user = (?P<user>\S+)`, []string{"authentication"}, []string{"info"}, "success"},
	{[]string{"113005"}, `^AAA user \w+ Rejected : reason = (?P<reason>.*?) : server = (?P<dip>[\d.]+) : user = (?P<user>\S+) : user IP = (?P<sip>[\d.]+)`, []string{"authentication"}, []string{"info"}, "failure"},
}

// kind splits the mark off a target.
func kind(to string) (mark byte, name string) {
	if to[0] == '#' || to[0] == '~' {
		return to[0], to[1:]
	}
	return 0, to
}
