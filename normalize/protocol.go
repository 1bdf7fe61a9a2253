package normalize

import "strconv"

// protocols are the assigned Internet protocol numbers that logs mention, by the
// lower-case keyword of the IANA registry "Protocol Numbers".
var protocols = [...]struct {
	number uint8
	name   string
}{
	{0, "hopopt"}, {1, "icmp"}, {2, "igmp"}, {3, "ggp"}, {4, "ipv4"}, {5, "st"}, {6, "tcp"}, {8, "egp"}, {9, "igp"},
	{17, "udp"}, {27, "rdp"}, {33, "dccp"}, {41, "ipv6"}, {43, "ipv6-route"}, {44, "ipv6-frag"}, {46, "rsvp"},
	{47, "gre"}, {50, "esp"}, {51, "ah"}, {58, "ipv6-icmp"}, {59, "ipv6-nonxt"}, {60, "ipv6-opts"}, {88, "eigrp"},
	{89, "ospf"}, {94, "ipip"}, {97, "etherip"}, {103, "pim"}, {108, "ipcomp"}, {112, "vrrp"}, {115, "l2tp"},
	{132, "sctp"}, {136, "udplite"}, {137, "mpls-in-ip"},
}

// ProtocolName returns the lower-case keyword of an Internet protocol number, or "".
func ProtocolName(n uint8) string {
	for i := range protocols {
		if protocols[i].number == n {
			return protocols[i].name
		}
	}
	return ""
}

// ProtocolNumber returns the number of an Internet protocol's lower-case keyword.
func ProtocolNumber(name string) (uint8, bool) {
	switch name {
	case "tcp":
		return 6, true
	case "udp":
		return 17, true
	case "icmp":
		return 1, true
	case "icmp6", "icmpv6":
		return 58, true
	case "ospfigp":
		return 89, true
	}
	for i := range protocols {
		if protocols[i].name == name {
			return protocols[i].number, true
		}
	}
	return 0, false
}

// protocolDigits returns the decimal text of n as a constant.
func protocolDigits(n uint8) string {
	switch n {
	case 1:
		return "1"
	case 6:
		return "6"
	case 17:
		return "17"
	}
	return strconv.Itoa(int(n))
}
