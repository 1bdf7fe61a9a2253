package kv

// Fortinet is FortiGate's, FortiWeb's and FortiMail's dialect:
//
//	date=2026-01-05 devname="edge 7" action="deny" sentbyte=0
func Fortinet() Options { return Options{} }

// Sophos is the dialect of Sophos Firewall (SFOS) and UTM, the same as Fortinet's.
func Sophos() Options { return Options{} }

// SonicWall is SonicOS's dialect. Older releases leave quotes off values with spaces.
//
//	id=firewall sn=0017C5000000 time="2026-01-05 09:14:02" pri=6 msg="Connection Closed"
func SonicWall() Options { return Options{UnquotedSpaces: true} }

// WatchGuard is Fireware's dialect: positional words with pairs among them. The words
// are kept as stray text.
func WatchGuard() Options { return Options{KeepStray: true} }

// CheckPoint is the dialect of Check Point's Log Exporter in its syslog form:
//
//	[action:"Accept"; ifname:"eth0"; product:"VPN-1 & FireWall-1"]
func CheckPoint() Options {
	return Options{PairSeparators: ";", KeySeparators: ":", Prefix: "[", Suffix: "]"}
}

// Juniper is the dialect of Junos structured data, with or without its brackets;
// the element's name is stray text:
//
//	[junos@2636.1.1.1.2.129 source-address="192.0.2.1" reason="TCP FIN"]
func Juniper() Options { return Options{Prefix: "[", Suffix: "]", KeepStray: true} }

// Logfmt is the dialect of many Go and Heroku programs: quotes with JSON escapes,
// words without a value are true.
func Logfmt() Options { return Options{Escapes: EscapeC, BareKeys: BareTrue} }

// IPTables is the dialect of Linux netfilter's LOG target. TCP and fragment flags are
// true; the rule's prefix is kept as stray text. In a logged ICMP error the pairs of
// the packet it quotes come second, so the first of equal keys is the packet's own.
//
//	[lan-out]IN=eth0 OUT= MAC=02:42:… SRC=192.0.2.1 DF PROTO=TCP SYN URGP=0
func IPTables() Options {
	return Options{
		KeyBytes:  "A-Z0-9_a-z",
		BareKeys:  BareTrue,
		BareWords: []string{"DF", "MF", "CE", "SYN", "ACK", "FIN", "RST", "PSH", "URG", "ECE", "CWR"},
		KeepStray: true,
	}
}

// Auditd is the dialect of the Linux audit daemon. The pairs inside msg='…' are read
// like the others; (null) is no value; the stamp stays in msg, see AuditStamp, and
// hexadecimal values stay as they are, see AppendHex. Fields that auditd adds in its
// enriched format (behind a byte 0x1d) are pairs too.
//
//	type=SYSCALL msg=audit(1767604442.118:9041): arch=c000003e exe="/usr/bin/id" key=(null)
func Auditd() Options {
	return Options{PairSeparators: " \x1d", Quotes: `"'`, Escapes: EscapeNone, Nested: '\'', Null: "(null)"}
}
