package relp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
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

// ConnectionStats are the counters of the listener's connections.
type ConnectionStats = listen.Stats

// RateLimiter bounds what each peer may send; a *ratelimit.Keyed is one.
type RateLimiter = listen.RateLimiter

// Options of a listener. Address is needed.
type Options struct {
	// Name of the source and of its messages' origin. Default: "relp".
	Name string
	// Address is host:port, the host included.
	Address string
	// TLS makes the listener speak TLS only.
	TLS *TLS
	// Limits of connections.
	Limits Limits
	// MaxMessage is the longest message in bytes, if the pipeline's limit is not less.
	// Default: 64 KiB. 1 byte to 64 MiB.
	MaxMessage int
	// MaxUnacknowledged is how many messages of a connection may wait for their end.
	// Default: 1024. 1 to 1,000,000.
	MaxUnacknowledged int
	// Rate, if set, limits what each peer may send; keys are IPv4 addresses and IPv6
	// networks of 64 bits.
	Rate RateLimiter
	Hint string         // see parse.Origin
	Zone *time.Location // see parse.Origin
	// Logger gets refused peers, failed handshakes and breaches of the protocol, at most
	// a line a second. Default: none.
	Logger *slog.Logger
}

// Stats are the counters of a listener.
type Stats struct {
	Connections  ConnectionStats
	Messages     int64 // handed on
	Acknowledged int64
	Refused      int64 // messages that were not delivered, whose connection was closed
	Violations   int64 // connections closed for a breach of the protocol
}

// Source is a listener.
type Source struct {
	opts Options

	guard *listen.Guard
	tls   *tls.Config
	log   *listen.Log

	messages, acknowledged, refused, violations atomic.Int64
}

// Listen opens a listener. Run serves it and closes it; without Run, Close it.
func Listen(opts Options) (*Source, error) {
	s := &Source{opts: opts, log: listen.NewLog(opts.Logger)}
	o := &s.opts
	err := o.prepare()
	if err == nil {
		s.guard, s.tls, err = listen.Open("tcp", o.Address, 0, o.TLS, o.Limits, o.Logger, s.log)
	}
	if err != nil {
		return nil, fmt.Errorf("ingest/relp: %w", err)
	}
	return s, nil
}

// Check reports what Listen would find wrong with the options. It opens nothing.
func (o Options) Check() error {
	if err := o.prepare(); err != nil {
		return fmt.Errorf("ingest/relp: %w", err)
	}
	return nil
}

func (o *Options) prepare() error {
	if o.Name == "" {
		o.Name = "relp"
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 64 << 10
	}
	if o.MaxUnacknowledged == 0 {
		o.MaxUnacknowledged = 1024
	}
	err := o.Limits.Prepare()
	switch {
	case err != nil:
	case o.MaxMessage < 1 || o.MaxMessage > 64<<20:
		err = fmt.Errorf("MaxMessage is %d, want 1 to %d", o.MaxMessage, 64<<20)
	case o.MaxUnacknowledged < 1 || o.MaxUnacknowledged > 1_000_000:
		err = fmt.Errorf("MaxUnacknowledged is %d, want 1 to 1,000,000", o.MaxUnacknowledged)
	default:
		err = listen.CheckAddress(o.Address)
	}
	return err
}

// Name is the name from the options.
func (s *Source) Name() string { return s.opts.Name }

// Addr is the address that is listened to.
func (s *Source) Addr() net.Addr { return s.guard.Addr() }

// Close stops listening. It is not needed after Run.
func (s *Source) Close() error { return s.guard.Close() }

// Stats returns the counters.
func (s *Source) Stats() Stats {
	return Stats{s.guard.Stats(), s.messages.Load(), s.acknowledged.Load(), s.refused.Load(), s.violations.Load()}
}

// Run serves the listener until ctx ends.
func (s *Source) Run(ctx context.Context, out *ingest.Emit) error {
	defer s.Close()
	limits := out.Limits()
	limits.MaxMessage = min(limits.MaxMessage, s.opts.MaxMessage)
	limits.KeepOversize = min(limits.KeepOversize, limits.MaxMessage)
	g := gather.New(out, 10*time.Millisecond)
	defer g.Close()
	var served sync.WaitGroup
	defer served.Wait() // before g is closed
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(inner, func() { s.Close() })()
	for {
		c, err := s.guard.Accept()
		if err != nil {
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case errors.Is(err, net.ErrClosed):
				return nil
			}
			return err
		}
		served.Go(func() {
			defer c.Close()
			err := s.serve(inner, c.(*listen.Conn), out, g, limits)
			switch {
			case errors.Is(err, ingest.ErrClosed):
				cancel()
			case errors.Is(err, errProtocol):
				s.violations.Add(1)
				s.log.Warn("closed a connection", "peer", c.RemoteAddr(), "error", err)
			}
		})
	}
}
