// Package listen guards the stream listeners of sources: who may connect, how many at
// once, how fast, and for how long without a word.
package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/certs"
	"github.com/penstock-dev/penstock/parse"
)

// Limits of a listener. Every field has a default.
type Limits struct {
	// Allow are the networks that may connect, IPv4 and IPv6; empty means everyone. An
	// IPv4 address counts as one however the socket shows it, and so does a network that is
	// written ::ffff:a.b.c.d/n. It does not apply to Unix sockets.
	Allow []netip.Prefix
	// MaxConnections bounds the open connections. Default: 1024. 1 to 1,000,000.
	MaxConnections int
	// MaxPerPeer bounds the open connections of one peer: of an IPv4 address, or of an IPv6
	// network of 64 bits, all of whose addresses one host may use. Default: MaxConnections.
	// Unix sockets have one peer.
	MaxPerPeer int
	// HandshakeTimeout bounds the TLS handshake. Default: 10 s.
	HandshakeTimeout time.Duration
	// IdleTimeout closes a connection that has sent nothing for that long. Default: 10
	// min. Negative: never.
	IdleTimeout time.Duration
}

// Prepare fills in defaults and reports what makes no sense.
func (l *Limits) Prepare() error {
	if l.MaxConnections == 0 {
		l.MaxConnections = 1024
	}
	if l.MaxPerPeer == 0 {
		l.MaxPerPeer = l.MaxConnections
	}
	if l.HandshakeTimeout == 0 {
		l.HandshakeTimeout = 10 * time.Second
	}
	if l.IdleTimeout == 0 {
		l.IdleTimeout = 10 * time.Minute
	}
	switch {
	case l.MaxConnections < 1 || l.MaxConnections > 1_000_000:
		return fmt.Errorf("MaxConnections is %d, want 1 to 1,000,000", l.MaxConnections)
	case l.MaxPerPeer < 1:
		return fmt.Errorf("MaxPerPeer is %d, want 1 or more", l.MaxPerPeer)
	case l.HandshakeTimeout < 0:
		return fmt.Errorf("HandshakeTimeout is %s", l.HandshakeTimeout)
	}
	for i, p := range l.Allow {
		if !p.IsValid() {
			return fmt.Errorf("Allow[%d] is not a network", i)
		}
	}
	l.Allow = slices.Clone(l.Allow)
	for i, p := range l.Allow {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			l.Allow[i] = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
	}
	return nil
}

// PeerKey is what limits for each peer count by: an IPv4 address, or an IPv6 network of 64
// bits.
func PeerKey(a netip.Addr) netip.Addr {
	if a = a.Unmap(); !a.Is6() {
		return a
	}
	p, _ := a.WithZone("").Prefix(64)
	return p.Addr()
}

// Allowed reports whether an address is in one of the networks.
func Allowed(allow []netip.Prefix, a netip.Addr) bool {
	if len(allow) == 0 {
		return true
	}
	a = a.Unmap().WithZone("")
	for _, p := range allow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// CheckAddress refuses an address that names no host, so that nobody listens to the
// whole world without having said so.
func CheckAddress(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: want HOST:PORT, such as 127.0.0.1:5140", address)
	}
	if host == "" {
		return fmt.Errorf("address %q names no host: write 127.0.0.1, another address of this machine, or 0.0.0.0 or [::] for all of them", address)
	}
	return nil
}

// Stats are the counters of a listener.
type Stats struct {
	Open             int   // connections now
	Accepted         int64 // connections taken
	RefusedAddress   int64 // not in Allow
	RefusedLimit     int64 // beyond MaxConnections or MaxPerPeer
	FailedHandshakes int64
	IdleClosed       int64 // closed by IdleTimeout
	AcceptErrors     int64 // such as no free file descriptor
}

// Guard is a net.Listener that keeps Limits. Accept returns allowed connections only.
type Guard struct {
	net.Listener
	limits Limits
	log    *Log

	mu     sync.Mutex
	open   int
	peers  map[netip.Addr]int
	stats  Stats
	closed atomic.Bool
}

// NewGuard guards l; limits have been prepared.
func NewGuard(l net.Listener, limits Limits, log *Log) *Guard {
	return &Guard{Listener: l, limits: limits, log: log, peers: map[netip.Addr]int{}}
}

// Stats returns the counters.
func (g *Guard) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.stats
	s.Open = g.open
	return s
}

// CountIdle counts a connection that was closed since it was silent.
func (g *Guard) CountIdle() {
	g.mu.Lock()
	g.stats.IdleClosed++
	g.mu.Unlock()
}

// Accept waits for a connection that is allowed. Errors that pass, such as the lack of
// file descriptors, are waited out.
func (g *Guard) Accept() (net.Conn, error) {
	pause := 5 * time.Millisecond
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || g.closed.Load() {
				return nil, err
			}
			g.mu.Lock()
			g.stats.AcceptErrors++
			g.mu.Unlock()
			g.log.Warn("cannot accept a connection", "error", err)
			time.Sleep(pause)
			pause = min(2*pause, time.Second)
			continue
		}
		pause = 5 * time.Millisecond
		if conn := g.take(c); conn != nil {
			return conn, nil
		}
		c.Close()
	}
}

// Close closes the listener, not its connections.
func (g *Guard) Close() error {
	g.closed.Store(true)
	return g.Listener.Close()
}

func (g *Guard) take(c net.Conn) net.Conn {
	peer := PeerOf(c.RemoteAddr())
	key := PeerKey(peer)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case peer.IsValid() && !Allowed(g.limits.Allow, peer):
		g.stats.RefusedAddress++
		g.log.Warn("refused a connection: address not allowed", "peer", peer)
		return nil
	case g.open >= g.limits.MaxConnections || g.peers[key] >= g.limits.MaxPerPeer:
		g.stats.RefusedLimit++
		g.log.Warn("refused a connection: too many are open", "peer", peer, "open", g.open, "of_peer", g.peers[key])
		return nil
	}
	g.open++
	g.peers[key]++
	g.stats.Accepted++
	return &Conn{Conn: c, Peer: peer, guard: g}
}

// Conn is an accepted connection.
type Conn struct {
	net.Conn
	Peer  netip.Addr // not valid for Unix sockets
	guard *Guard
	once  sync.Once
}

// Close closes the connection and gives back its place.
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		g := c.guard
		g.mu.Lock()
		g.open--
		key := PeerKey(c.Peer)
		if g.peers[key]--; g.peers[key] == 0 {
			delete(g.peers, key)
		}
		g.mu.Unlock()
	})
	return err
}

// Handshake does the TLS handshake of c within the limits and returns the encrypted
// connection with the subject of the peer's verified certificate, if it has one.
func (g *Guard) Handshake(ctx context.Context, c net.Conn, cfg *tls.Config) (*tls.Conn, string, error) {
	ctx, cancel := context.WithTimeout(ctx, g.limits.HandshakeTimeout)
	defer cancel()
	t := tls.Server(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
			g.mu.Lock()
			g.stats.FailedHandshakes++
			g.mu.Unlock()
			g.log.Warn("TLS handshake failed", "peer", c.RemoteAddr(), "error", err)
		}
		return nil, "", err
	}
	return t, SubjectOf(t.ConnectionState()), nil
}

// SubjectOf is the subject of the peer's certificate, if it was verified.
func SubjectOf(s tls.ConnectionState) string {
	if len(s.VerifiedChains) == 0 {
		return ""
	}
	return strings.ToValidUTF8(s.PeerCertificates[0].Subject.String(), "\ufffd")
}

// PeerOf is the address of the other end.
func PeerOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("")
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// RateLimiter bounds what each peer may send. Keys are those of PeerKey, as text: IPv4
// addresses and IPv6 networks of 64 bits. A *ratelimit.Keyed is one.
// It is safe for concurrent use.
type RateLimiter interface {
	// Allow takes room for events of so many bytes in all, if there is any now.
	Allow(key string, events, bytes int) bool
	// Wait takes it as soon as there is. An error of category OVERSIZE means that there
	// will never be.
	Wait(ctx context.Context, key string, events, bytes int) error
}

// WaitFor waits until a peer may send messages. Many at once wait one by one, since a limiter
// refuses more than its burst; one that is larger than that is let through.
func WaitFor(ctx context.Context, r RateLimiter, peer netip.Addr, msgs []parse.Message) error {
	if r == nil || len(msgs) == 0 {
		return nil
	}
	key, size := PeerKey(peer).String(), 0
	for i := range msgs {
		size += len(msgs[i].Raw)
	}
	if r.Allow(key, len(msgs), size) {
		return nil
	}
	for i := range msgs {
		if err := r.Wait(ctx, key, 1, len(msgs[i].Raw)); err != nil && errcat.Of(err) != errcat.Oversize {
			return err
		}
	}
	return nil
}

// TLS is the configuration of a TLS listener, see certs.Server.
type TLS = certs.Server

// TLSConfig is the configuration of a listener whose log is told what becomes of renewed
// certificates, unless there is another one for that.
func TLSConfig(t TLS, log *slog.Logger) (*tls.Config, error) {
	if t.Logger == nil {
		t.Logger = log
	}
	cfg, _, err := t.Config()
	return cfg, err
}

// Log writes to a host's log at most one line a second, since peers decide how often
// there is something to say. A nil Log writes nothing.
type Log struct {
	to *slog.Logger

	mu      sync.Mutex
	last    time.Time
	dropped int
}

// NewLog returns a Log; to may be nil.
func NewLog(to *slog.Logger) *Log {
	if to == nil {
		return nil
	}
	return &Log{to: to}
}

// Warn writes a line, or counts it if the last one was less than a second ago.
func (l *Log) Warn(msg string, args ...any) {
	if l == nil {
		return
	}
	l.mu.Lock()
	now := time.Now()
	if !l.last.IsZero() && now.Sub(l.last) < time.Second {
		l.dropped++
		l.mu.Unlock()
		return
	}
	l.last = now
	if l.dropped > 0 {
		args = append(args, "unlogged", l.dropped)
		l.dropped = 0
	}
	l.mu.Unlock()
	l.to.Warn(msg, args...)
}
