//go:build !linux || !(amd64 || arm64)

package syslog

import "net"

func newPacketReader(conn net.PacketConn) packetReader {
	return &plainReader{conn: conn, buf: make([]byte, maxDatagram+1)}
}

func socketDrops(*net.UDPConn) (drops uint32, ok bool) { return 0, false }

func growBuffer(c *net.UDPConn, size int) (granted int) {
	c.SetReadBuffer(size)
	return 0
}
