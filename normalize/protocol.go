package normalize

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

// protocolDigits returns the decimal text of n as a part of constant memory.
func protocolDigits(n uint8) string {
	const digits = "0  1  2  3  4  5  6  7  8  9  10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99 100101102103104105106107108109110111112113114115116117118119120121122123124125126127128129130131132133134135136137138139140141142143144145146147148149150151152153154155156157158159160161162163164165166167168169170171172173174175176177178179180181182183184185186187188189190191192193194195196197198199200201202203204205206207208209210211212213214215216217218219220221222223224225226227228229230231232233234235236237238239240241242243244245246247248249250251252253254255"
	at := 3 * int(n)
	switch {
	case n < 10:
		return digits[at : at+1]
	case n < 100:
		return digits[at : at+2]
	}
	return digits[at : at+3]
}
