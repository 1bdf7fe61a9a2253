package main

// asa writes RFC 3164 lines of a Cisco ASA, 15 message ids in proportions of a busy edge.
func (g *gen) asa() {
	outside, inside := [...]string{"outside", "wan", "internet", "uplink2"}[g.n(4)], [...]string{"inside", "dmz", "servers", "guest", "voice"}[g.n(5)]
	head := func(severity int, id string) *gen {
		return g.s("<").d(20*8+severity).s(">").time("Jan _2 15:04:05").s(" ").
			any("asa-ams-1", "asa-ams-2", "fw-berlin", "fw-osaka", "edge-asa-17", "ra-vpn-3").s(" %ASA-").d(severity).s("-").s(id).s(": ")
	}
	end := func(zone string, public bool) *gen {
		g.s(zone).s(":")
		if public {
			return g.public().s("/").port()
		}
		return g.private().s("/").service()
	}
	proto, built, teardown := "TCP", "302013", "302014"
	if g.n(3) == 0 {
		proto, built, teardown = "UDP", "302015", "302016"
	}
	switch n := g.n(100); {
	case n < 38:
		head(6, built).s("Built ").any("inbound ", "outbound ").s(proto).s(" connection ").upto(1 << 31).s(" for ")
		at := len(g.buf)
		end(outside, true)
		real := g.buf[at+len(outside)+1:]
		g.s(" (").s(string(real)).s(") to ")
		end(inside, false).s(" (").public().s("/").port().s(")")
	case n < 76:
		head(6, teardown).s("Teardown ").s(proto).s(" connection ").upto(1 << 31).s(" for ")
		end(outside, true).s(" to ")
		end(inside, false).s(" duration ").upto(6).s(":").d(10 + g.n(50)).s(":").d(10 + g.n(50)).s(" bytes ").upto(1 << (6 + g.n(22)))
		if proto == "TCP" {
			g.any(" TCP FINs", " TCP Reset-I", " TCP Reset-O", " SYN Timeout", " FIN Timeout", " Conn-timeout")
		}
	case n < 86:
		head(4, "106023").s("Deny ").any("tcp", "udp").s(" src ")
		end(outside, true).s(" dst ")
		end(inside, false).s(` by access-group "`).any("outside_access_in", "dmz_in", "guest-acl", "global_deny").s(`" [0x`).hex(8).s(", 0x0]")
	case n < 91:
		head(6, "305011").s("Built dynamic ").s(proto).s(" translation from ")
		end(inside, false).s(" to ")
		end(outside, true)
	case n < 94:
		head(6, "106015").s("Deny TCP (no connection) from ").private().s("/").port().s(" to ").public().s("/").service().s(" flags ").any("RST ACK", "FIN ACK", "ACK", "SYN ACK").s("  on interface ").s(inside)
	case n < 96:
		head(5, "111008").s("User '").user().s("' executed the '").any("show version", "write memory", "configure terminal", "clear arp", "no shutdown").s("' command.")
	case n < 98:
		head(6, "605005").s("Login permitted from ").private().s("/").port().s(" to ").s(inside).s(":").private().s("/").any("ssh", "https", "telnet").s(` for user "`).user().s(`"`)
	case n == 98:
		head(6, "113004").s("AAA user authentication Successful : server =  ").private().s(" : user = ").user()
	default:
		head(6, "113005").s("AAA user authentication Rejected : reason = ").any("AAA failure", "Invalid password", "Unspecified").s(" : server = ").private().s(" : user = ").user().s(" : user IP = ").public()
	}
}

// cef writes CEF behind a syslog header: 22 to 27 extension keys, with escapes.
func (g *gen) cef() {
	g.s("<134>").time("Jan _2 15:04:05").s(" ").host().s(" CEF:0|").
		any("Trend Micro|Deep Security Agent", "Imperva Inc.|SecureSphere", "CyberArk|Vault", "Forcepoint|Web Security", "Aruba Networks|ClearPass").
		s("|").d(3+g.n(20)).s(".").upto(10).s("|").d(100+g.n(6000)).s("|").
		any("Connection refused", "Script injection", `Trojan \| dropper`, "Rule broken", "Logon failed", `Share \\ scan`).s(" ").word().s("|").upto(11).s("|")
	g.s("rt=").d(int(g.now.UnixMilli())).s(" src=").public().s(" spt=").port().s(" dst=").private().s(" dpt=").service().s(" proto=").any("TCP", "UDP")
	g.s(" act=").any("blocked", "allowed", "cleaned", "reported").s(" outcome=").any("success", "failure").s(" suser=").user().s(" duser=").user()
	g.s(" shost=").host().s(" dhost=").host().s(".intra.example smac=").mac()
	g.s(" request=https://").word().s(".example.net").path().s("?").word().s(`\=`).word().s(`&ref\=`).upto(1e6).s(" requestMethod=").any("GET", "POST", "PUT", "HEAD")
	g.s(" in=").upto(1<<21).s(" out=").upto(1<<21).s(" externalId=").upto(1<<30).s(" cat=").any("Intrusion", "Operations", "Audit", "Web")
	g.s(" cs1Label=Policy cs1=").word().s(" ").word().s(" cn1Label=Rule cn1=").upto(99999)
	if g.n(2) == 0 {
		g.s(" fname=").word().s(`.dll filePath=C:\\ProgramData\\`).word().s(`\\`).word().s(".dll")
	}
	if g.n(3) == 0 {
		g.s(" deviceExternalId=").base32(12).s(" app=").any("HTTPS", "HTTP", "SSH", "SMB")
	}
	g.s(" msg=").words3().s(" ").words3().s(` limit\=`).word().s(` in D:\\`).word().s(`\nthen `).words3()
}

// rfc5424 writes structured syslog with two SD elements and escapes.
func (g *gen) rfc5424() {
	g.s("<").upto(192).s(">1 ").time("2006-01-02T15:04:05.000000Z07:00").s(" ").host().s(".intra.example ").
		any("sshd", "sudo", "envoy", "postfix", "ipsecd", "kubelet", "named").s(" ").d(200+g.n(60000)).s(" ").any("MSG12", "SESSION", "FLOW", "AUTH", "TLSIN").
		s(` [origin@32473 sequenceId="`).upto(1<<31).s(`" sysUpTime="`).upto(1<<31).s(`"][flow@32473 srcIp="`).public().s(`" srcPort="`).port().
		s(`" dstIp="`).private().s(`" dstPort="`).service().s(`" proto="`).any("tcp", "udp").s(`" user="`).user().s(`" action="`).any("login", "logout", "connect", "relay", "deny").
		s(`" outcome="`).any("success", "failure", "unknown").s(`" rule="`).word().s(` \"`).word().s(`\" \]end" sessionId="`).hex(16).s(`"] `).
		any("Accepted publickey for", "Failed password for", "Connection reset by", "session closed for").s(" ").user().s(" from ").public().s(" port ").port()
}

// fortigate writes traffic logs of about 45 key=value pairs.
func (g *gen) fortigate() {
	g.s("<189>date=").time("2006-01-02").s(" time=").time("15:04:05").s(` devname="`).any("FG-LYON-1", "FG-OSLO-2", "FG-CORE-9").s(`" devid="FG100F`).base32(10).
		s(`" eventtime=`).d(int(g.now.UnixNano())).s(` tz="+0000" logid="00000000`).d(13+g.n(12)).s(`" type="traffic" subtype="`).any("forward", "local").s(`" level="`).any("notice", "warning", "information").
		s(`" vd="root" srcip=`).private().s(" srcport=").port().s(` srcintf="`).any("port3", "port7", "lan", "vlan40").s(`" srcintfrole="lan" dstip=`).public().s(" dstport=").service().
		s(` dstintf="`).any("wan1", "wan2", "x1").s(`" dstintfrole="wan" srccountry="Reserved" dstcountry="`).any("United States", "Norway", "Chile", "South Korea", "Kenya").
		s(`" sessionid=`).upto(1<<31).s(" proto=").any("6", "17").s(` action="`).any("close", "accept", "deny", "timeout", "server-rst", "client-rst").
		s(`" policyid=`).upto(600).s(` policytype="policy" poluuid="`).uuid().s(`" policyname="`).word().s(" ").word().s(`" user="`).user().s(`" service="`).any("HTTPS", "DNS", "SSH", "RDP", "NTP").
		s(`" trandisp="snat" transip=`).public().s(" transport=").port().s(" duration=").upto(5000).s(" sentbyte=").upto(1<<24).s(" rcvdbyte=").upto(1<<26).s(" sentpkt=").upto(9999).s(" rcvdpkt=").upto(9999).
		s(` appcat="`).any("Web.Client", "Network.Service", "unscanned", "Storage.Backup").s(`" app="`).word().s(` \"`).word().s(`\"" hostname="`).word().s(`.example.org" url="`).path().
		s(`" srcmac="`).mac().s(`" osname="`).any("Windows", "Linux", "macOS", "iOS").s(`" mastersrcmac="`).mac().s(`" srcserver=`).upto(2)
}
