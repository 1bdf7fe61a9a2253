//go:build linux && (amd64 || arm64)

package syslog

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"
)

// batchSize is how many datagrams one system call reads at most.
const batchSize = 32

// mmsgReader reads datagrams by recvmmsg(2), which the standard library does not have.
type mmsgReader struct {
	raw     syscall.RawConn
	buf     []byte
	headers [batchSize]mmsghdr
	iovecs  [batchSize]syscall.Iovec
	names   [batchSize]syscall.RawSockaddrInet6 // large enough for IPv4 too
	packets []packet
	recv    func(fd uintptr) bool
	n       int
	errno   syscall.Errno
}

// mmsghdr is struct mmsghdr of 64-bit Linux.
type mmsghdr struct {
	hdr syscall.Msghdr
	len uint32
	_   [4]byte
}

func newPacketReader(conn net.PacketConn) packetReader {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return &plainReader{conn: conn, buf: make([]byte, maxDatagram+1)}
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return &plainReader{conn: conn, buf: make([]byte, maxDatagram+1)}
	}
	r := &mmsgReader{raw: raw, buf: make([]byte, batchSize*maxDatagram)}
	for i := range r.headers {
		r.iovecs[i].Base = &r.buf[i*maxDatagram]
		r.iovecs[i].SetLen(maxDatagram)
		h := &r.headers[i].hdr
		h.Iov = &r.iovecs[i]
		h.Iovlen = 1
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
	}
	r.recv = func(fd uintptr) bool {
		for {
			n, _, errno := syscall.Syscall6(syscall.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.headers[0])), batchSize, syscall.MSG_DONTWAIT, 0, 0)
			switch errno {
			case syscall.EINTR:
				continue
			case syscall.EAGAIN:
				return false
			}
			r.n, r.errno = int(n), errno
			return true
		}
	}
	return r
}

func (r *mmsgReader) read() ([]packet, error) {
	for i := range r.headers {
		r.headers[i].hdr.Namelen = syscall.SizeofSockaddrInet6
		r.names[i].Family = syscall.AF_UNSPEC
	}
	if err := r.raw.Read(r.recv); err != nil {
		return nil, err
	}
	if r.errno != 0 {
		return nil, os.NewSyscallError("recvmmsg", r.errno)
	}
	r.packets = r.packets[:0]
	for i := range r.n {
		n := min(int(r.headers[i].len), maxDatagram)
		r.packets = append(r.packets, packet{
			data: r.buf[i*maxDatagram : i*maxDatagram+n : i*maxDatagram+n],
			from: address(&r.names[i]),
			cut:  r.headers[i].hdr.Flags&syscall.MSG_TRUNC != 0,
		})
	}
	return r.packets, nil
}

// address reads a socket address; it is not valid for Unix sockets.
func address(sa *syscall.RawSockaddrInet6) netip.Addr {
	switch sa.Family {
	case syscall.AF_INET:
		return netip.AddrFrom4((*syscall.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr)
	case syscall.AF_INET6:
		return netip.AddrFrom16(sa.Addr).Unmap()
	}
	return netip.Addr{}
}

const (
	soMeminfo      = 55 // SO_MEMINFO, Linux 4.12
	meminfoVars    = 9
	meminfoDrops   = 8  // SK_MEMINFO_DROPS
	soRcvbufForced = 33 // SO_RCVBUFFORCE
)

// socketDrops is the socket's counter of datagrams that were dropped.
func socketDrops(c *net.UDPConn) (drops uint32, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		var info [meminfoVars]uint32
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_SOCKET, soMeminfo,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 && size >= (meminfoDrops+1)*4 {
			drops, ok = info[meminfoDrops], true
		}
	})
	return drops, ok
}

// growBuffer asks for a receive buffer, beyond the system's limit where the process
// may, and returns what there is.
func growBuffer(c *net.UDPConn, size int) (granted int) {
	_ = c.SetReadBuffer(size) // what was granted is read back
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, soRcvbufForced, size)
		if n, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF); err == nil {
			granted = n / 2 // the kernel doubles it for its own needs
		}
	})
	return granted
}
