package lumberjack

import (
	"bufio"
	"compress/zlib"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/internal/gather"
	"github.com/penstock-dev/penstock/ingest/internal/listen"
	"github.com/penstock-dev/penstock/parse"
)

// TLS says which certificates a listener uses. Renewed files are used without a restart.
type TLS = listen.TLS

// Limits bound who may connect and how many.
type Limits = listen.Limits

// ConnectionStats are the counters of the listener's connections.
type ConnectionStats = listen.Stats

// RateLimiter bounds what each peer may send; a *ratelimit.Keyed is one.
type RateLimiter = listen.RateLimiter

// Options of a listener. Address is needed.
type Options struct {
	// Name of the source and of its messages' origin. Default: "lumberjack".
	Name string
	// Address is host:port, the host included.
	Address string
	// TLS makes the listener speak TLS only.
	TLS *TLS
	// Limits of connections.
	Limits Limits
	// Rate, if set, limits what each peer may send; one that sends more is read more slowly.
	Rate RateLimiter
	// MaxWindow is the most events that a peer may send before it waits for an answer.
	// Default: 16,384. 1 to 1,000,000.
	MaxWindow int
	// MaxInflated bounds the bytes of a window after decompression. Default: 64 MiB.
	MaxInflated int64
	// MaxMessage is the longest event in bytes, if the pipeline's limit is not less.
	// Default: 1 MiB.
	MaxMessage int
	// KeepAlive is how often a peer hears, while its window is worked on, that the
	// connection is alive. Default: 5 s.
	KeepAlive time.Duration
	Hint      string         // see parse.Origin
	Zone      *time.Location // see parse.Origin
	// Logger gets refused peers and breaches of the protocol, at most a line a second.
	// Default: none.
	Logger *slog.Logger
}

// Stats are the counters of a listener.
type Stats struct {
	Connections  ConnectionStats
	Messages     int64 // handed on
	Acknowledged int64
	Refused      int64 // windows that were not delivered, whose connection was closed
	Violations   int64 // connections closed for a breach of the protocol or of a limit
}

// Source is a listener.
type Source struct {
	opts  Options
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
		return nil, fmt.Errorf("ingest/lumberjack: %w", err)
	}
	return s, nil
}

// Check reports what Listen would find wrong with the options. It opens nothing.
func (o Options) Check() error {
	if err := o.prepare(); err != nil {
		return fmt.Errorf("ingest/lumberjack: %w", err)
	}
	return nil
}

func (o *Options) prepare() error {
	if o.Name == "" {
		o.Name = "lumberjack"
	}
	if o.MaxWindow == 0 {
		o.MaxWindow = 16_384
	}
	if o.MaxInflated == 0 {
		o.MaxInflated = 64 << 20
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 1 << 20
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = 5 * time.Second
	}
	err := o.Limits.Prepare()
	switch {
	case err != nil:
	case o.MaxWindow < 1 || o.MaxWindow > 1_000_000 || o.MaxInflated < 1 || o.MaxMessage < 1 || o.KeepAlive < 0:
		err = fmt.Errorf("MaxWindow is %d, MaxInflated %d, MaxMessage %d, KeepAlive %s: want positive numbers, and a window of at most 1,000,000",
			o.MaxWindow, o.MaxInflated, o.MaxMessage, o.KeepAlive)
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
	return s.guard.Serve(ctx, func(ctx context.Context, c *listen.Conn) error {
		err := s.serve(ctx, c, out, g, limits)
		if errors.Is(err, errProtocol) {
			s.violations.Add(1)
			s.log.Warn("closed a connection", "peer", c.RemoteAddr(), "error", err)
		}
		return err
	})
}

// errProtocol is the cause of a connection that is closed for what its peer says.
var errProtocol = errors.New("not Lumberjack, version 2")

var errOversize = errcat.New(errcat.Oversize, errcat.StageBuffer, "longer than the largest message allowed")

const (
	writeTimeout = 30 * time.Second
	keptBuffer   = 1 << 20
)

// serve reads one connection to its end.
func (s *Source) serve(ctx context.Context, accepted *listen.Conn, out *ingest.Emit, g *gather.Gatherer, limits ingest.Limits) error {
	var conn net.Conn = accepted
	origin := &parse.Origin{Source: s.opts.Name, Peer: accepted.Peer, Hint: s.opts.Hint, Zone: s.opts.Zone}
	if s.tls != nil {
		t, subject, err := s.guard.Handshake(ctx, conn, s.tls)
		if err != nil {
			return err
		}
		conn, origin.Subject = t, subject
	}
	in := s.guard.NewReader(ctx, conn)
	defer in.Close()
	w := window{opts: &s.opts, limits: limits, r: bufio.NewReaderSize(in, 16<<10)}
	for {
		if err := w.read(); err != nil {
			if err == io.EOF || ctx.Err() != nil {
				return nil
			}
			return err
		}
		now, start := out.Now(), 0
		for _, end := range w.ends {
			w.block.Msgs = append(w.block.Msgs, parse.Message{Raw: w.text[start:end:end], Origin: origin, Received: now})
			start = end
		}
		if err := listen.WaitFor(ctx, s.opts.Rate, accepted.Peer, w.block.Msgs); err != nil {
			return err
		}
		n := int64(len(w.ends))
		err := g.AddWait(ctx, &w.block, s.opts.KeepAlive, func() error { return ack(conn, 0) })
		w.reset()
		if err != nil {
			if errcat.Of(err) == errcat.SinkRejected {
				s.refused.Add(1)
				s.log.Warn("a window was not delivered, the connection is closed", "events", n, "error", err)
			}
			return err
		}
		s.messages.Add(n)
		s.acknowledged.Add(n)
		if err := ack(conn, w.last); err != nil {
			return err
		}
	}
}

// ack acknowledges the events up to a number; 0 acknowledges none.
func ack(conn net.Conn, seq uint32) error {
	conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	b := binary.BigEndian.AppendUint32([]byte{'2', 'A'}, seq)
	_, err := conn.Write(b)
	return err
}

// window is what a peer sends before it waits for an answer.
type window struct {
	opts   *Options
	limits ingest.Limits
	r      *bufio.Reader

	text  []byte // of the events
	ends  []int
	last  uint32 // number of the last event
	block gather.Block
}

func (w *window) reset() {
	w.block.Reset()
	w.text, w.ends = w.text[:0], w.ends[:0]
	if cap(w.text) > keptBuffer {
		w.text = nil
	}
}

// read reads a window with all its events. io.EOF means that the peer has ended between
// two windows.
func (w *window) read() error {
	version, err := w.r.ReadByte()
	if err != nil {
		return err
	}
	kind, err := w.r.ReadByte()
	if err != nil {
		return unexpected(err)
	}
	if version != '2' || kind != 'W' {
		return fmt.Errorf("%w: bytes %q where a window should begin", errProtocol, []byte{version, kind})
	}
	n, err := number(w.r)
	if err != nil {
		return unexpected(err)
	}
	if int64(n) > int64(w.opts.MaxWindow) {
		return fmt.Errorf("%w: a window of %d events, at most %d are taken", errProtocol, n, w.opts.MaxWindow)
	}
	left := w.opts.MaxInflated
	for len(w.ends) < int(n) {
		if err := w.frame(w.r, int(n), &left, false); err != nil {
			return unexpected(err)
		}
	}
	return nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func number(r io.Reader) (uint32, error) {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b[:]), nil
}

// frame reads one frame; left is how many bytes more the window may have.
func (w *window) frame(r *bufio.Reader, n int, left *int64, inner bool) error {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	switch {
	case head[0] != '2':
		return fmt.Errorf("%w: version %q", errProtocol, head[:1])
	case head[1] == 'J':
		seq, err := number(r)
		if err != nil {
			return err
		}
		size, err := number(r)
		if err != nil {
			return err
		}
		if *left -= int64(size); *left < 0 {
			return fmt.Errorf("%w: a window of more than %d bytes", errProtocol, w.opts.MaxInflated)
		}
		if len(w.ends) >= n {
			return fmt.Errorf("%w: more events than the window has", errProtocol)
		}
		keep := int(size)
		if keep > w.limits.MaxMessage {
			keep = w.limits.KeepOversize
			w.block.Faults = append(w.block.Faults, ingest.Fault{Msg: len(w.ends), Err: errOversize, Length: int64(size)})
		}
		if err := w.take(r, keep); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, r, int64(size)-int64(keep)); err != nil {
			return err
		}
		w.ends = append(w.ends, len(w.text))
		w.last = seq
		return nil
	case head[1] == 'C' && !inner:
		size, err := number(r)
		if err != nil {
			return err
		}
		packed := &io.LimitedReader{R: r, N: int64(size)}
		z, err := zlib.NewReader(packed)
		if err != nil {
			return fmt.Errorf("%w: %w", errProtocol, err)
		}
		defer z.Close()
		unpacked := bufio.NewReaderSize(z, 4<<10)
		for {
			if _, err := unpacked.Peek(1); err == io.EOF {
				break
			}
			if err := w.frame(unpacked, n, left, true); err != nil {
				return fmt.Errorf("%w: within a compressed frame: %w", errProtocol, err)
			}
		}
		_, err = io.Copy(io.Discard, packed)
		return err
	}
	return fmt.Errorf("%w: a frame of type %q", errProtocol, head[1:])
}

// take appends n bytes to text, which grows with what comes and not with what was said.
func (w *window) take(r io.Reader, n int) error {
	for n > 0 {
		k := min(n, 64<<10)
		start := len(w.text)
		w.text = slices.Grow(w.text, k)[:start+k]
		if _, err := io.ReadFull(r, w.text[start:]); err != nil {
			return err
		}
		n -= k
	}
	return nil
}
