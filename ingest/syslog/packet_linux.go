//go:build linux && (amd64 || arm64)

package syslog

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// batchSize is how many datagrams one system call reads at most.
const batchSize = 64

// slotSize is the room of a datagram. It is no power of two, so that the beginnings of all
// slots do not fall into the same few sets of a processor's cache.
const slotSize = maxDatagram + 4<<10 + 192

// Waking up for every datagram costs more than reading it. Where at least busyCount a
// millisecond came of late, the reader lets them gather in the socket's buffer for mostPause, or
// for as long as it takes a gigabyte a second to fill a quarter of it; not at all where that is
// less than leastPause.
const (
	busyCount  = 16
	leastPause = time.Millisecond
	mostPause  = 4 * time.Millisecond
)

// mmsgSocket reads datagrams by recvmmsg(2), which the standard library does not have. Its file
// descriptor is no longer among those that the Go runtime polls: it would be woken for every
// datagram even while nobody waits for one.
type mmsgSocket struct {
	fd     int
	local  net.Addr
	using  sync.RWMutex // held for reading by what uses fd, so that Close does not pull it away
	closed bool
	ended  atomic.Bool

	// Of the reader only.
	buf     []byte
	headers [batchSize]mmsghdr
	iovecs  [batchSize]syscall.Iovec
	names   [batchSize]syscall.RawSockaddrInet6 // large enough for IPv4 too
	packets []packet
	pause   time.Duration // see mostPause; 0: none
	began   time.Time     // of the time that count is of
	count   int
	busy    bool
	full    bool // the last read filled all slots
}

// mmsghdr is struct mmsghdr of 64-bit Linux.
type mmsghdr struct {
	hdr syscall.Msghdr
	len uint32
	_   [4]byte
}

// endTimeout is how long a read blocks at most that shutdown(2) does not wake up.
const endTimeout = time.Second

// newPacketSocket takes conn over, which is closed in any case. A udp socket gets a receive
// buffer of readBuffer bytes, beyond the system's limit where the process may.
func newPacketSocket(conn net.PacketConn, readBuffer int) (packetSocket, int, error) {
	defer conn.Close()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, 0, err
	}
	s := &mmsgSocket{local: conn.LocalAddr(), buf: make([]byte, batchSize*slotSize)}
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		var n uintptr
		n, _, errno = syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_DUPFD_CLOEXEC, 0)
		s.fd = int(n)
	})
	if err == nil && errno != 0 {
		err = os.NewSyscallError("fcntl", errno)
	}
	if err != nil {
		return nil, 0, err
	}
	timeout := syscall.NsecToTimeval(int64(endTimeout))
	if err := syscall.SetNonblock(s.fd, false); err != nil {
		syscall.Close(s.fd)
		return nil, 0, os.NewSyscallError("fcntl", err)
	}
	if err := syscall.SetsockoptTimeval(s.fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout); err != nil {
		syscall.Close(s.fd)
		return nil, 0, os.NewSyscallError("setsockopt", err)
	}
	for i := range s.headers {
		s.iovecs[i].Base = &s.buf[i*slotSize]
		s.iovecs[i].SetLen(maxDatagram)
		h := &s.headers[i].hdr
		h.Iov = &s.iovecs[i]
		h.Iovlen = 1
		h.Name = (*byte)(unsafe.Pointer(&s.names[i]))
	}
	granted := 0
	if _, ok := conn.(*net.UDPConn); ok {
		granted = s.grow(readBuffer)
		if s.pause = min(time.Duration(granted/2), mostPause); s.pause < leastPause { // the kernel's buffer is twice as large
			s.pause = 0
		}
	}
	return s, granted, nil
}

// grow asks for a receive buffer and returns what there is. What is not granted is no error.
func (s *mmsgSocket) grow(size int) int {
	_ = syscall.SetsockoptInt(s.fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, size)
	_ = syscall.SetsockoptInt(s.fd, syscall.SOL_SOCKET, soRcvbufForced, size)
	n, err := syscall.GetsockoptInt(s.fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF)
	if err != nil {
		return 0
	}
	return n / 2 // the kernel doubles it for its own needs
}

func (s *mmsgSocket) LocalAddr() net.Addr { return s.local }

// end makes reads return an error, now and later.
func (s *mmsgSocket) end() {
	s.using.RLock()
	defer s.using.RUnlock()
	s.ended.Store(true)
	if !s.closed {
		_ = syscall.Shutdown(s.fd, syscall.SHUT_RD) // wakes the reader, although it says that there is no connection
	}
}

func (s *mmsgSocket) Close() error {
	s.end()
	s.using.Lock()
	defer s.using.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return os.NewSyscallError("close", syscall.Close(s.fd))
}

func (s *mmsgSocket) read() ([]packet, error) {
	s.gather()
	for i := range s.headers {
		s.headers[i].hdr.Namelen = syscall.SizeofSockaddrInet6
		s.names[i].Family = syscall.AF_UNSPEC
	}
	n, err := s.receive()
	if err != nil {
		return nil, err
	}
	s.full = n == batchSize
	s.count += n
	s.packets = s.packets[:0]
	for i := range n {
		n := min(int(s.headers[i].len), maxDatagram)
		s.packets = append(s.packets, packet{
			data: s.buf[i*slotSize : i*slotSize+n : i*slotSize+n],
			from: address(&s.names[i]),
			cut:  s.headers[i].hdr.Flags&syscall.MSG_TRUNC != 0,
		})
	}
	return s.packets, nil
}

func (s *mmsgSocket) receive() (int, error) {
	s.using.RLock()
	defer s.using.RUnlock()
	for !s.ended.Load() {
		n, _, errno := syscall.Syscall6(syscall.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.headers[0])), batchSize, msgWaitForOne, 0, 0)
		switch {
		case errno == syscall.EINTR || errno == syscall.EAGAIN:
		case errno != 0:
			return 0, os.NewSyscallError("recvmmsg", errno)
		case s.ended.Load(): // then it may have counted datagrams that there were none of
		default:
			return int(n), nil
		}
	}
	return 0, net.ErrClosed
}

// gather waits a moment where datagrams come fast and all that there were have been read.
func (s *mmsgSocket) gather() {
	if s.pause == 0 || s.full {
		return
	}
	now := time.Now()
	if passed := now.Sub(s.began); passed >= leastPause {
		s.busy = s.count >= busyCount*int(passed/leastPause)
		s.began, s.count = now, 0
	}
	if s.busy {
		time.Sleep(s.pause)
	}
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
	msgWaitForOne  = 0x10000
)

// drops is the socket's counter of datagrams that were dropped.
func (s *mmsgSocket) drops() (drops uint32, ok bool) {
	s.using.RLock()
	defer s.using.RUnlock()
	if s.closed {
		return 0, false
	}
	var info [meminfoVars]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, uintptr(s.fd), syscall.SOL_SOCKET, soMeminfo,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	return info[meminfoDrops], errno == 0 && size >= (meminfoDrops+1)*4
}
