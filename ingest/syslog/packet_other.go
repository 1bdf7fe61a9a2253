//go:build !linux || !(amd64 || arm64)

package syslog

import (
	"net"
	"time"

	"github.com/penstock-dev/penstock/ingest/internal/listen"
)

// plainSocket reads one datagram at a time, on any system.
type plainSocket struct {
	net.PacketConn
	buf []byte
	one [1]packet
}

func newPacketSocket(conn net.PacketConn, readBuffer int) (packetSocket, int, error) {
	if c, ok := conn.(*net.UDPConn); ok {
		_ = c.SetReadBuffer(readBuffer) // what is not granted is no error
	}
	return &plainSocket{PacketConn: conn, buf: make([]byte, maxDatagram+1)}, 0, nil
}

func (s *plainSocket) read() ([]packet, error) {
	n, from, err := s.ReadFrom(s.buf)
	if err != nil {
		return nil, err
	}
	s.one[0] = packet{data: s.buf[:min(n, maxDatagram)], from: listen.PeerOf(from), cut: n > maxDatagram}
	return s.one[:], nil
}

func (s *plainSocket) end() { _ = s.SetReadDeadline(time.Unix(1, 0)) }

func (s *plainSocket) drops() (uint32, bool) { return 0, false }
