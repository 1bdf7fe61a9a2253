package netflow_test

import (
	"encoding/binary"
	"net/netip"
)

// A capture file (pcap, Ethernet) of our own making.

type packet struct {
	from, to     netip.Addr
	proto        uint8
	sport, dport uint16 // of ICMP type and code
	payload      int
	at           uint32 // seconds
}

func capture(packets []packet) []byte {
	le, be := binary.LittleEndian, binary.BigEndian
	b := le.AppendUint32(nil, 0xa1b2c3d4)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = le.AppendUint32(b, 65535)
	b = le.AppendUint32(b, 1)
	for _, p := range packets {
		var l4 []byte
		switch p.proto {
		case 6:
			l4 = be.AppendUint16(be.AppendUint16(nil, p.sport), p.dport)
			l4 = append(l4, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x18, 1, 0, 0, 0, 0, 0)
		case 17:
			l4 = be.AppendUint16(be.AppendUint16(nil, p.sport), p.dport)
			l4 = append(be.AppendUint16(l4, uint16(8+p.payload)), 0, 0)
		default:
			l4 = append(l4, byte(p.sport), byte(p.dport), 0, 0, 0, 1, 0, 1)
		}
		l4 = append(l4, make([]byte, p.payload)...)
		frame := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
		if p.from.Is4() {
			frame = append(frame, 8, 0, 0x45, 0)
			frame = be.AppendUint16(frame, uint16(20+len(l4)))
			frame = append(frame, 0, 1, 0, 0, 64, p.proto, 0, 0)
		} else {
			frame = append(frame, 0x86, 0xdd, 0x60, 0, 0, 0)
			frame = be.AppendUint16(frame, uint16(len(l4)))
			frame = append(frame, p.proto, 64)
		}
		frame = append(append(append(frame, p.from.AsSlice()...), p.to.AsSlice()...), l4...)
		b = le.AppendUint32(b, p.at)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint32(b, uint32(len(frame)))
		b = le.AppendUint32(b, uint32(len(frame)))
		b = append(b, frame...)
	}
	return b
}
