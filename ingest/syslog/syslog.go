package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/internal/gather"
	"github.com/penstock-dev/penstock/ingest/internal/listen"
)

// TLS says which certificates a listener uses. Renewed files are used without a
// restart.
type TLS = listen.TLS

// Limits bound who may connect and how many.
type Limits = listen.Limits

// ConnectionStats are the counters of a stream listener.
type ConnectionStats = listen.Stats

// RateLimiter bounds what each peer may send; a *ratelimit.Keyed is one.
type RateLimiter = listen.RateLimiter

// Auto is the default framing of streams: octet counting where a frame begins with a
// length, a space and "<", else lines.
func Auto() ingest.Splitter { return gather.Auto() }

// Options of a listener. Network and Address are needed.
type Options struct {
	// Name of the source and of its messages' origin. Default: "syslog".
	Name string
	// Network is udp, tcp, unix or unixgram; udp4, udp6, tcp4 and tcp6 are known too.
	Network string
	// Address is host:port, the host included, or the path of a Unix socket. A socket
	// file that nobody serves any more is replaced.
	Address string
	// TLS makes a tcp listener speak TLS only.
	TLS *TLS
	// Framing of streams. Default: Auto.
	Framing ingest.Framing
	// Limits of connections. Of them only Allow is used for datagrams.
	Limits Limits
	// MaxMessage is the longest message in bytes, if the pipeline's limit is not less.
	// Default: 64 KiB. 1 byte to 64 MiB.
	MaxMessage int
	// Rate, if set, limits what each peer may send; keys are IPv4 addresses and IPv6
	// networks of 64 bits. A stream is read more slowly then, datagrams are dropped and
	// counted.
	Rate RateLimiter
	// ReadBuffer is the socket buffer of a udp listener in bytes. The kernel may give
	// less (see Stats.ReadBuffer). Default: 32 MiB.
	ReadBuffer int
	// Mode is the file mode of a Unix socket. Default: 0600.
	Mode fs.FileMode
	// Delay is how long a message waits for others to share a chunk with. Default: 10
	// ms.
	Delay time.Duration
	Hint  string         // see parse.Origin
	Zone  *time.Location // see parse.Origin
	// Logger gets refused peers and failed handshakes, at most a line a second.
	// Default: none.
	Logger *slog.Logger
}

// Stats are the counters of a listener.
type Stats struct {
	Connections ConnectionStats // of stream listeners
	Messages    int64           // handed on, faulty ones included
	Bytes       int64           // of messages
	Datagrams   int64           // received, by datagram listeners
	Refused     int64           // datagrams of addresses that are not allowed
	RateDropped int64           // datagrams dropped by Options.Rate; in the ledger as KernelDrops are
	Empty       int64           // datagrams without content
	Truncated   int64           // datagrams longer than 64 KiB (Unix sockets), dead letters
	// KernelDrops counts datagrams that found the socket buffer full. It is exact where
	// KernelDropsKnown is set; else it is 0. While the source runs they are in the pipeline's
	// ledger too, as received and shed, at most half a second later.
	KernelDrops      int64
	KernelDropsKnown bool
	ReadBuffer       int // bytes that the kernel granted, 0 if not known
}

// Source is a listener.
type Source struct {
	opts     Options
	framing  ingest.Framing
	guard    *listen.Guard
	packets  packetSocket
	tls      *tls.Config
	log      *listen.Log
	once     sync.Once
	closeErr error

	messages, bytes, datagrams, refused, rateDropped, empty, truncated, accounted atomic.Int64

	dropMu    sync.Mutex
	drops     int64
	lastDrops uint32
	known     bool
	granted   int
}

const maxMessageLimit = 64 << 20

// Listen opens a listener. Run serves it and closes it; without Run, Close it.
func Listen(opts Options) (*Source, error) {
	s := &Source{opts: opts}
	if err := s.listen(); err != nil {
		return nil, fmt.Errorf("ingest/syslog: %w", err)
	}
	return s, nil
}

// Check reports what Listen would find wrong with the options. It opens nothing.
func (o Options) Check() error {
	if err := o.prepare(); err != nil {
		return fmt.Errorf("ingest/syslog: %w", err)
	}
	return nil
}

func (o *Options) prepare() error {
	if o.Name == "" {
		o.Name = "syslog"
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 64 << 10
	}
	if o.ReadBuffer == 0 {
		o.ReadBuffer = 32 << 20
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	if o.Delay == 0 {
		o.Delay = 10 * time.Millisecond
	}
	if err := o.Limits.Prepare(); err != nil {
		return err
	}
	if o.MaxMessage < 1 || o.MaxMessage > maxMessageLimit {
		return fmt.Errorf("MaxMessage is %d, want 1 to %d", o.MaxMessage, maxMessageLimit)
	}
	if o.ReadBuffer < 0 || o.Delay < 0 {
		return errors.New("ReadBuffer and Delay are not negative")
	}
	switch o.Network {
	case "tcp", "tcp4", "tcp6":
		return listen.CheckAddress(o.Address)
	case "udp", "udp4", "udp6", "unix", "unixgram":
	default:
		return fmt.Errorf("unknown Network %q: it is one of udp, tcp, unix, unixgram", o.Network)
	}
	switch {
	case o.TLS != nil:
		return fmt.Errorf("TLS needs Network tcp, not %q", o.Network)
	case o.Network == "unix", o.Network == "unixgram":
		if o.Address == "" {
			return errors.New("Address is empty: want the path of a socket")
		}
		return nil
	}
	return listen.CheckAddress(o.Address)
}

func (s *Source) listen() error {
	o := &s.opts
	if err := o.prepare(); err != nil {
		return err
	}
	s.framing = o.Framing
	if s.framing == nil {
		s.framing = Auto
	}
	s.log = listen.NewLog(o.Logger)
	switch o.Network {
	case "udp", "udp4", "udp6":
		c, err := net.ListenPacket(o.Network, o.Address)
		if err != nil {
			return err
		}
		if s.packets, s.granted, err = newPacketSocket(c, o.ReadBuffer); err != nil {
			return err
		}
		s.kernelDrops() // remember where the counter stands
	case "unixgram":
		if err := listen.ReplaceSocket(o.Network, o.Address); err != nil {
			return err
		}
		c, err := net.ListenPacket(o.Network, o.Address)
		if err != nil {
			return err
		}
		if s.packets, _, err = newPacketSocket(c, 0); err != nil {
			return err
		}
		if err := os.Chmod(o.Address, o.Mode); err != nil {
			s.Close()
			return err
		}
	case "tcp", "tcp4", "tcp6", "unix":
		guard, cfg, err := listen.Open(o.Network, o.Address, o.Mode, o.TLS, o.Limits, o.Logger, s.log)
		if err != nil {
			return err
		}
		s.guard, s.tls = guard, cfg
	}
	return nil
}

// Name is the name from the options.
func (s *Source) Name() string { return s.opts.Name }

// Addr is the address that is listened to.
func (s *Source) Addr() net.Addr {
	if s.packets != nil {
		return s.packets.LocalAddr()
	}
	return s.guard.Addr()
}

// Close stops listening. It is not needed after Run.
func (s *Source) Close() error {
	s.once.Do(func() {
		if s.packets == nil {
			s.closeErr = s.guard.Close()
			return
		}
		s.kernelDrops()
		s.closeErr = s.packets.Close()
		if s.opts.Network == "unixgram" {
			_ = os.Remove(s.opts.Address) // Run removes what it finds there
		}
	})
	return s.closeErr
}

// Stats returns the counters.
func (s *Source) Stats() Stats {
	st := Stats{
		Messages: s.messages.Load(), Bytes: s.bytes.Load(), Datagrams: s.datagrams.Load(), Refused: s.refused.Load(),
		RateDropped: s.rateDropped.Load(), Empty: s.empty.Load(), Truncated: s.truncated.Load(), ReadBuffer: s.granted,
	}
	if s.guard != nil {
		st.Connections = s.guard.Stats()
	}
	st.KernelDrops, st.KernelDropsKnown = s.kernelDrops()
	return st
}

// kernelDrops reads the counter of the socket, which has 32 bits and may wrap around.
func (s *Source) kernelDrops() (int64, bool) {
	if s.packets == nil || s.opts.Network == "unixgram" { // their senders wait
		return 0, false
	}
	s.dropMu.Lock()
	defer s.dropMu.Unlock()
	if n, ok := s.packets.drops(); ok {
		s.drops += int64(n - s.lastDrops)
		s.lastDrops, s.known = n, true
	}
	return s.drops, s.known
}

// Run serves the listener until ctx ends.
func (s *Source) Run(ctx context.Context, out *ingest.Emit) error {
	defer s.Close()
	g := gather.New(out, s.opts.Delay)
	limits := out.Limits()
	limits.MaxMessage = min(limits.MaxMessage, s.opts.MaxMessage)
	limits.KeepOversize = min(limits.KeepOversize, limits.MaxMessage)
	var err error
	if s.packets != nil {
		err = s.runPackets(ctx, out, g, limits)
		s.account(out)
	} else {
		err = s.runStreams(ctx, out, g, limits)
	}
	closeErr := g.Close()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(err, closeErr)
}

// account enters what was dropped since the last call into the ledger.
func (s *Source) account(out *ingest.Emit) {
	drops, _ := s.kernelDrops()
	now := drops + s.rateDropped.Load()
	out.Missed(now - s.accounted.Swap(now))
}

func (s *Source) count(b *gather.Block) {
	n := 0
	for i := range b.Msgs {
		n += len(b.Msgs[i].Raw)
	}
	s.messages.Add(int64(len(b.Msgs)))
	s.bytes.Add(int64(n))
}
