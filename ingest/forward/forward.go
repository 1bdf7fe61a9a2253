package forward

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/internal/gather"
	"github.com/penstock-dev/penstock/ingest/internal/listen"
	"github.com/penstock-dev/penstock/internal/scan"
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
	// Name of the source and of its messages' origin. Default: "forward".
	Name string
	// Network is tcp or unix. Default: tcp.
	Network string
	// Address is host:port, the host included, or the path of a Unix socket, which is
	// made with mode 0600.
	Address string
	// TLS makes a tcp listener speak TLS only.
	TLS *TLS
	// Limits of connections.
	Limits Limits
	// Rate, if set, limits what each peer may send; one that sends more is read more slowly.
	Rate RateLimiter
	// RecordOnly makes the record the message, without tag and time.
	RecordOnly bool
	// MaxChunk bounds a protocol message as it is sent, MaxInflated its entries after
	// decompression. Defaults: 16 MiB and 64 MiB. At most 1 GiB.
	MaxChunk, MaxInflated int
	Hint                  string         // see parse.Origin
	Zone                  *time.Location // see parse.Origin
	// Logger gets refused peers and breaches of the protocol, at most a line a second.
	// Default: none.
	Logger *slog.Logger
}

// Stats are the counters of a listener.
type Stats struct {
	Connections  ConnectionStats
	Messages     int64 // handed on
	Acknowledged int64 // chunks
	Refused      int64 // chunks that were not delivered, whose connection was closed
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
		s.guard, s.tls, err = listen.Open(o.Network, o.Address, 0o600, o.TLS, o.Limits, o.Logger, s.log)
	}
	if err != nil {
		return nil, fmt.Errorf("ingest/forward: %w", err)
	}
	return s, nil
}

// Check reports what Listen would find wrong with the options. It opens nothing.
func (o Options) Check() error {
	if err := o.prepare(); err != nil {
		return fmt.Errorf("ingest/forward: %w", err)
	}
	return nil
}

func (o *Options) prepare() error {
	if o.Name == "" {
		o.Name = "forward"
	}
	if o.Network == "" {
		o.Network = "tcp"
	}
	if o.MaxChunk == 0 {
		o.MaxChunk = 16 << 20
	}
	if o.MaxInflated == 0 {
		o.MaxInflated = 64 << 20
	}
	if err := o.Limits.Prepare(); err != nil {
		return err
	}
	switch {
	case o.MaxChunk < 1 || o.MaxChunk > 1<<30 || o.MaxInflated < 1 || o.MaxInflated > 1<<30:
		return fmt.Errorf("MaxChunk is %d and MaxInflated %d, want 1 to %d", o.MaxChunk, o.MaxInflated, 1<<30)
	case o.Network != "tcp" && o.Network != "unix":
		return fmt.Errorf("Network %q: want tcp or unix", o.Network)
	case o.Network == "unix" && o.TLS != nil:
		return errors.New("TLS is for tcp")
	case o.Network == "tcp":
		return listen.CheckAddress(o.Address)
	case o.Address == "":
		return errors.New("Address is empty: want the path of a socket")
	}
	return nil
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
	g := gather.New(out, 10*time.Millisecond)
	defer g.Close()
	return s.guard.Serve(ctx, func(ctx context.Context, c *listen.Conn) error {
		err := s.serve(ctx, c, out, g)
		if errors.Is(err, errMsgpack) || errors.Is(err, errTooLong) || errors.Is(err, errMode) {
			s.violations.Add(1)
			s.log.Warn("closed a connection", "peer", c.RemoteAddr(), "error", err)
		}
		return err
	})
}

var (
	errMode     = errors.New("not a message of the Forward protocol")
	errOversize = errcat.New(errcat.Oversize, errcat.StageBuffer, "longer than the largest message allowed")
)

const (
	writeTimeout = 30 * time.Second
	keptBuffer   = 1 << 20
)

// serve reads one connection to its end.
func (s *Source) serve(ctx context.Context, accepted *listen.Conn, out *ingest.Emit, g *gather.Gatherer) error {
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
	limits := out.Limits()
	r := bufio.NewReaderSize(in, 16<<10)
	var raw []byte
	e := entries{opts: &s.opts}
	var b gather.Block
	for {
		var err error
		raw, err = readValue(r, raw[:0], s.opts.MaxChunk)
		if err == nil {
			err = e.message(raw)
		}
		if err != nil {
			if err == io.EOF || ctx.Err() != nil {
				return nil
			}
			return err
		}
		b.Reset()
		now, start := out.Now(), 0
		for _, end := range e.ends {
			m := parse.Message{Raw: e.text[start:end:end], Origin: origin, Received: now}
			if n := len(m.Raw); n > limits.MaxMessage {
				b.Faults = append(b.Faults, ingest.Fault{Msg: len(b.Msgs), Err: errOversize, Length: int64(n)})
				m.Raw = m.Raw[:min(limits.KeepOversize, limits.MaxMessage)]
			}
			b.Msgs = append(b.Msgs, m)
			start = end
		}
		if err := listen.WaitFor(ctx, s.opts.Rate, accepted.Peer, b.Msgs); err != nil {
			return err
		}
		if e.chunk == nil {
			if len(b.Msgs) > 0 {
				err = g.Add(ctx, &b, false, nil)
			}
		} else {
			err = g.AddWait(ctx, &b, 0, nil)
			if errcat.Of(err) == errcat.SinkRejected {
				s.refused.Add(1)
				s.log.Warn("a chunk was not delivered, the connection is closed", "entries", len(b.Msgs), "error", err)
			}
		}
		if err != nil {
			return err
		}
		s.messages.Add(int64(len(b.Msgs)))
		if e.chunk != nil {
			conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := conn.Write(append(append([]byte{0x81, 0xa3}, "ack"...), e.chunk...)); err != nil {
				return err
			}
			s.acknowledged.Add(1)
		}
		if cap(raw) > keptBuffer {
			raw = nil
		}
		if cap(e.text) > keptBuffer {
			e.text = nil
		}
	}
}

// entries are the messages of one protocol message.
type entries struct {
	opts  *Options
	text  []byte
	ends  []int
	chunk []byte // the value of the option chunk as it came, nil if there is none
	tag   []byte // as JSON
}

// message reads a protocol message.
func (e *entries) message(raw []byte) error {
	e.text, e.ends, e.chunk = e.text[:0], e.ends[:0], nil
	c := cursor{b: raw}
	n, err := c.array()
	if err != nil || n < 2 || n > 4 {
		return errMode
	}
	h, tag, err := c.next()
	if err != nil || h.kind != kindText && h.kind != kindBytes {
		return errMode
	}
	e.tag = scan.AppendJSONString(e.tag[:0], tag)
	peek := c
	h, data, err := peek.next()
	if err != nil {
		return err
	}
	var packed []byte
	switch {
	case h.kind == kindArray: // Forward
		c = peek
		for range h.n {
			if k, err := c.array(); err != nil || k != 2 {
				return errMode
			}
			if err := e.entry(&c); err != nil {
				return err
			}
		}
		n -= 2
	case h.kind == kindBytes || h.kind == kindText: // PackedForward
		c, packed = peek, data
		n -= 2
	default: // Message
		if n < 3 {
			return errMode
		}
		if err := e.entry(&c); err != nil {
			return err
		}
		n -= 3
	}
	compressed := false
	if n > 0 {
		if compressed, err = e.options(&c); err != nil {
			return err
		}
	}
	if packed != nil {
		return e.packed(packed, compressed)
	}
	return nil
}

// options reads the map behind the entries.
func (e *entries) options(c *cursor) (compressed bool, err error) {
	h, _, err := c.next()
	if err != nil || h.kind != kindMap && h.kind != kindNil {
		return false, errMode
	}
	for range h.n {
		k, name, err := c.next()
		if err != nil || k.kind != kindText && k.kind != kindBytes {
			return false, errMode
		}
		before := c.b
		switch string(name) {
		case "compressed":
			_, how, err := c.next()
			switch {
			case err != nil:
				return false, err
			case string(how) == "gzip":
				compressed = true
			case string(how) != "text":
				return false, fmt.Errorf("%w: entries compressed by %.20q", errMode, how)
			}
		case "chunk":
			v, _, err := c.next()
			if err != nil || v.kind != kindText && v.kind != kindBytes {
				return false, errMode
			}
			e.chunk = before[:len(before)-len(c.b)]
		default:
			if err := c.skip(); err != nil {
				return false, err
			}
		}
	}
	return compressed, nil
}

// packed reads entries that stand one behind the other.
func (e *entries) packed(b []byte, compressed bool) error {
	if compressed {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return fmt.Errorf("%w: %w", errMode, err)
		}
		defer z.Close()
		b, err = io.ReadAll(io.LimitReader(z, int64(e.opts.MaxInflated)+1))
		if err != nil {
			return fmt.Errorf("%w: %w", errMode, err)
		}
		if len(b) > e.opts.MaxInflated {
			return errTooLong
		}
	}
	c := cursor{b: b}
	for len(c.b) > 0 {
		if k, err := c.array(); err != nil || k != 2 {
			return errMode
		}
		if err := e.entry(&c); err != nil {
			return err
		}
	}
	return nil
}

// entry reads a time and a record.
func (e *entries) entry(c *cursor) error {
	// An EventTime with metadata, [[time, {…}], record], as Fluent Bit sends it.
	peek := *c
	if h, _, err := peek.next(); err == nil && h.kind == kindArray && h.n == 2 {
		*c = peek
		nanos, err := c.time()
		if err == nil {
			err = c.skip()
		}
		if err != nil {
			return err
		}
		return e.record(c, nanos)
	}
	nanos, err := c.time()
	if err != nil {
		return err
	}
	return e.record(c, nanos)
}

func (e *entries) record(c *cursor, nanos int64) (err error) {
	peek := *c
	if h, _, err := peek.next(); err != nil || h.kind != kindMap {
		return errMode
	}
	if !e.opts.RecordOnly {
		e.text = append(append(append(e.text, `{"tag":`...), e.tag...), `,"time":"`...)
		e.text = append(strconv.AppendInt(e.text, nanos, 10), `","record":`...)
	}
	c.deep = false
	if e.text, err = c.json(e.text, 0); err != nil {
		return err
	}
	if c.deep {
		mark := `"penstock.depth_exceeded":true}`
		e.text = append(append(e.text[:len(e.text)-1], ','), mark...)
	}
	if !e.opts.RecordOnly {
		e.text = append(e.text, '}')
	}
	e.ends = append(e.ends, len(e.text))
	return nil
}
