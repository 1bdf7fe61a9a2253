package normalize

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// AppendCommunityID appends the Community ID v1 of a flow (the specification is
// corelight's community-id-spec, seed 0) to dst. It is the same for both directions of
// a flow. For ICMP and ICMPv6 the ports are type and code; protocols without ports
// leave them out. IPv4 addresses in IPv6 form count as IPv4, zones are ignored. It
// allocates only to grow dst. Addresses of different families, or invalid ones, append
// nothing.
func AppendCommunityID(dst []byte, from, to netip.Addr, protocol uint8, fromPort, toPort uint16) []byte {
	from, to = from.Unmap().WithZone(""), to.Unmap().WithZone("")
	if !from.IsValid() || from.BitLen() != to.BitLen() {
		return dst
	}
	ports, oneWay := true, false
	switch protocol {
	case 1:
		fromPort, toPort, oneWay = icmpPorts(icmpPeers[:], fromPort, toPort)
	case 58:
		fromPort, toPort, oneWay = icmpPorts(icmp6Peers[:], fromPort, toPort)
	case 6, 17, 132:
	default:
		ports = false
	}
	if c := from.Compare(to); !oneWay && (c > 0 || (c == 0 && ports && fromPort > toPort)) {
		from, to, fromPort, toPort = to, from, toPort, fromPort
	}
	var room [2 + 16 + 16 + 2 + 4]byte
	b := room[:2]
	if from.Is4() {
		x, y := from.As4(), to.As4()
		b = append(append(b, x[:]...), y[:]...)
	} else {
		x, y := from.As16(), to.As16()
		b = append(append(b, x[:]...), y[:]...)
	}
	b = append(b, protocol, 0)
	if ports {
		b = binary.BigEndian.AppendUint16(b, fromPort)
		b = binary.BigEndian.AppendUint16(b, toPort)
	}
	sum := sha1.Sum(b)
	dst = append(dst, '1', ':')
	return base64.StdEncoding.AppendEncode(dst, sum[:])
}

// The message types of ICMP and ICMPv6 that answer each other, in pairs.
var (
	icmpPeers  = [...]uint16{8, 0, 0, 8, 13, 14, 14, 13, 15, 16, 16, 15, 10, 9, 9, 10, 17, 18, 18, 17}
	icmp6Peers = [...]uint16{128, 129, 129, 128, 133, 134, 134, 133, 135, 136, 136, 135, 130, 131, 131, 130, 144, 145, 145, 144, 139, 140, 140, 139}
)

// icmpPorts maps type and code to ports as the specification's reference does: a type
// with an answer uses the answer's type, any other is one way.
func icmpPorts(peers []uint16, typ, code uint16) (from, to uint16, oneWay bool) {
	for i := 0; i < len(peers); i += 2 {
		if peers[i] == typ {
			return typ, peers[i+1], false
		}
	}
	return typ, code, true
}
