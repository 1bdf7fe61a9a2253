// Package httpin is the common part of sources that speak HTTP: the listener, its
// limits, who may send, bodies and their compression, and the answer that waits for the
// pipeline.
package httpin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/internal/listen"
)

// Options of an HTTP listener. Address is needed; everything else has a default.
type Options struct {
	// Name of the source and of its messages' origin. Default: that of the protocol.
	Name string
	// Address is host:port, the host included.
	Address string
	// TLS makes the listener speak TLS only.
	TLS *listen.TLS
	// Limits of connections. The IdleTimeout is between requests.
	Limits listen.Limits
	// Tokens are the secrets that a client may show: as "Bearer", "Splunk" or "ApiKey"
	// in the Authorization header, as the password of Basic, or, written user:password,
	// as both of them.
	Tokens []string
	// TokenFile holds more tokens, one a line, and is read again when it changes.
	TokenFile string
	// Open lets everyone send who can connect. It has to be said where the address is
	// not of the loopback interface, no tokens are set and TLS asks for no certificate.
	Open bool
	// MaxHeader bounds the header of a request in bytes. Default: 64 KiB.
	MaxHeader int
	// MaxBody bounds a body in bytes as it is sent. Default: 16 MiB. At most 1 GiB.
	MaxBody int64
	// MaxInflated bounds a body in bytes after decompression. Default: 64 MiB. At most
	// 1 GiB.
	MaxInflated int64
	// MaxRatio bounds how many times larger a body may become by decompression, from 1
	// MiB on. Default: 100.
	MaxRatio int
	// Codecs are further forms of compression, by the names that a Content-Encoding has for
	// them: gzip and deflate are there always, zstd is that of the module ingest/zstd. They
	// are within the same limits. Default: none.
	Codecs []ingest.Codec
	// MaxInFlight bounds the bytes of all bodies that are read or wait for the
	// pipeline; beyond it requests are answered by 429. Default: 256 MiB.
	MaxInFlight int64
	// Wait is how long a request waits for the pipeline to have room before it is
	// answered by 429. Default: 2 s.
	Wait time.Duration
	// AckTimeout is how long it then waits for its events to be delivered before it is
	// answered by 503. Default: 60 s.
	AckTimeout time.Duration
	// ReadTimeout bounds the reading of a request. Default: 60 s.
	ReadTimeout time.Duration
	// RetryAfter is what clients are told with 429 and 503. Default: 2 s.
	RetryAfter time.Duration
	// Rate, if set, limits what each peer may send; keys are IPv4 addresses and IPv6
	// networks of 64 bits. What is too much is answered by 429.
	Rate listen.RateLimiter
	Hint string         // see parse.Origin
	Zone *time.Location // see parse.Origin
	// Logger gets refused peers and requests, at most a line a second. Default: none.
	Logger *slog.Logger
}

// Check reports what Listen would find wrong with the options. It opens nothing.
func (o Options) Check() error { return o.prepare() }

func (o *Options) prepare() error {
	if o.Name == "" {
		o.Name = "http"
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&o.Wait, 2 * time.Second}, {&o.AckTimeout, time.Minute}, {&o.ReadTimeout, time.Minute}, {&o.RetryAfter, 2 * time.Second}} {
		if *d.v == 0 {
			*d.v = d.def
		}
		if *d.v < 0 {
			return fmt.Errorf("a timeout of %s", *d.v)
		}
	}
	for _, n := range []struct {
		name string
		v    *int64
		def  int64
		most int64
	}{{"MaxBody", &o.MaxBody, 16 << 20, 1 << 30}, {"MaxInflated", &o.MaxInflated, 64 << 20, 1 << 30}, {"MaxInFlight", &o.MaxInFlight, 256 << 20, 1 << 40}} {
		if *n.v == 0 {
			*n.v = n.def
		}
		if *n.v < 1 || *n.v > n.most {
			return fmt.Errorf("%s is %d, want 1 to %d", n.name, *n.v, n.most)
		}
	}
	for i, c := range o.Codecs {
		if c == nil || c.Name() == "" {
			return fmt.Errorf("Codecs[%d] is none, or has no name", i)
		}
	}
	if o.MaxHeader == 0 {
		o.MaxHeader = 64 << 10
	}
	if o.MaxRatio == 0 {
		o.MaxRatio = 100
	}
	if o.MaxHeader < 1<<10 || o.MaxHeader > 16<<20 || o.MaxRatio < 1 {
		return fmt.Errorf("MaxHeader is %d (want 1 KiB to 16 MiB), MaxRatio %d (want 1 or more)", o.MaxHeader, o.MaxRatio)
	}
	if err := o.Limits.Prepare(); err != nil {
		return err
	}
	if err := listen.CheckAddress(o.Address); err != nil {
		return err
	}
	for _, t := range o.Tokens {
		if t == "" {
			return errors.New("an empty token lets everyone in: use Open if that is meant")
		}
	}
	if o.Open || len(o.Tokens) > 0 || o.TokenFile != "" || o.TLS != nil && o.TLS.ClientCAFile != "" || loopback(o.Address) {
		return nil
	}
	return fmt.Errorf("anyone who can reach %s could send: set Tokens, TokenFile or TLS.ClientCAFile, or Open if that is meant", o.Address)
}

func loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// Stats are the counters of an HTTP listener.
type Stats struct {
	Connections    listen.Stats
	Requests       int64 // that reached a handler
	Unauthorized   int64 // answered by 401 or 403
	Bad            int64 // answered by 400, 404, 405 or 415
	TooLarge       int64 // answered by 413
	Busy           int64 // answered by 429
	Failed         int64 // answered by 503: not delivered, or not in time
	Messages       int64 // handed on
	Bytes          int64 // of bodies, as far as they were read: one that is refused by its length, its peer or its token is not
	InflatedBytes  int64 // of bodies after decompression
	InFlightBytes  int64 // of bodies now
	ClientsGone    int64 // that went before their answer
	InternalPanics int64 // contained
}

type contextKey struct{}

func connOf(ctx context.Context) *listen.Conn {
	c, _ := ctx.Value(contextKey{}).(*listen.Conn)
	return c
}
