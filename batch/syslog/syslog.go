package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/internal/fields"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/certs"
)

// TLS says which certificates are trusted and shown. Renewed files are used without a
// restart.
type TLS = certs.Client

// Options of a sink. Network and Address are needed.
type Options struct {
	Network string // udp or tcp
	Address string // host:port
	TLS     *TLS   // for tcp
	// Framing of tcp: octet or lines (RFC 6587). Default: octet.
	Framing string
	// Format is rfc5424, or cef: the message of an RFC 5424 header is CEF. Default:
	// rfc5424.
	Format string
	// Message is the field that is the message of rfc5424, such as event.original.
	// Where a line does not have it, and by default, it is the line.
	Message string
	// AppName, and HostName for lines that name no host. Defaults: penstock, and the
	// name of this machine.
	AppName, HostName string
	// Facility and Severity are for lines that name none. Defaults: 16 (local0), 6
	// (informational).
	Facility, Severity *int
	// StructuredID and Structured add one element of structured data: its SD-ID, and
	// parameter → field, such as ip → source.ip.
	StructuredID string
	Structured   map[string]string
	// MaxMessage is the longest message in bytes, its header included. Default: 64 KiB,
	// for udp 8 KiB. 480 bytes to 1 MiB.
	MaxMessage int
	// Timeout bounds the connecting, and the writing of a batch. Default: 10 s.
	Timeout time.Duration
	// Dial replaces the dialer; TLS is on top of it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock for lines without a time. Default: time.Now.
	Now func() time.Time
}

// Sink sends lines.
type Sink[T any] struct{ *core }

type core struct {
	opts   Options
	udp    bool
	tls    func() (*tls.Config, error)
	params []string // of Structured, sorted

	mu     sync.Mutex
	reader *fields.Reader
	buf    []byte
	ends   []int // of the rows in buf
	conn   *connection
	closed bool
}

// connection is one that somebody watches for its end.
type connection struct {
	net.Conn
	ended chan struct{} // closed when the peer has
}

// New returns a sink. It connects when there is something to send.
func New[T any](opts Options) (*Sink[T], error) {
	c := &core{opts: opts}
	if err := c.prepare(); err != nil {
		return nil, fmt.Errorf("batch/syslog: %w", err)
	}
	return &Sink[T]{c}, nil
}

func (c *core) prepare() error {
	o := &c.opts
	c.udp = strings.HasPrefix(o.Network, "udp")
	def := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	def(&o.Framing, "octet")
	def(&o.Format, "rfc5424")
	def(&o.AppName, "penstock")
	if o.HostName == "" {
		name, err := os.Hostname()
		if err != nil {
			name = "-"
		}
		o.HostName = name
	}
	number := func(v **int, d, high int, name string) error {
		if *v == nil {
			*v = &d
		}
		if **v < 0 || **v > high {
			return fmt.Errorf("%s is %d, want 0 to %d", name, **v, high)
		}
		return nil
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 64 << 10
		if c.udp {
			o.MaxMessage = 8 << 10
		}
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: o.Timeout}).DialContext
	}
	switch {
	case o.Network != "udp" && o.Network != "tcp":
		return fmt.Errorf("Network %q: want udp or tcp", o.Network)
	case o.Address == "":
		return errors.New("no Address")
	case o.TLS != nil && c.udp:
		return errors.New("TLS is for tcp")
	case o.Framing != "octet" && o.Framing != "lines":
		return fmt.Errorf("Framing %q: want octet or lines", o.Framing)
	case o.Format != "rfc5424" && o.Format != "cef":
		return fmt.Errorf("Format %q: want rfc5424 or cef", o.Format)
	case o.MaxMessage < 480 || o.MaxMessage > 1<<20:
		return fmt.Errorf("MaxMessage is %d, want 480 to %d", o.MaxMessage, 1<<20)
	case o.Timeout < 0:
		return fmt.Errorf("Timeout is %s", o.Timeout)
	case (o.StructuredID == "") != (len(o.Structured) == 0):
		return errors.New("StructuredID and Structured go together")
	}
	if _, _, err := net.SplitHostPort(o.Address); err != nil {
		return err
	}
	if err := errors.Join(number(&o.Facility, 16, 23, "Facility"), number(&o.Severity, 6, 7, "Severity")); err != nil {
		return err
	}
	for _, name := range append([]string{o.StructuredID}, keys(o.Structured)...) {
		if len(name) > 32 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '=' || r == ']' || r == '"' }) {
			return fmt.Errorf("%q is no SD-NAME (RFC 5424, section 6)", name)
		}
	}
	c.params = keys(o.Structured)
	names := append([]string{}, headerFields...)
	names = append(names, cefNames()...)
	message := o.Message
	if message == "" {
		message = "message"
	}
	names = append(names, message)
	for _, p := range c.params {
		names = append(names, o.Structured[p])
	}
	var err error
	if c.reader, err = fields.NewShared(names...); err != nil {
		return err
	}
	if o.TLS != nil {
		if c.tls, err = o.TLS.Config(); err != nil {
			return err
		}
	}
	return nil
}

func keys(m map[string]string) (ks []string) {
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

// LinesOnly marks the sink.
func (*core) LinesOnly() {}

// ErrClosed is the answer to a Write after Close.
var ErrClosed = errcat.New(errcat.Internal, errcat.StageDeliver, "batch/syslog: write after Close")

var errOversize = errcat.New(errcat.Oversize, errcat.StageDeliver, "batch/syslog: the message is longer than MaxMessage")

// Write sends the lines of b.
func (s *Sink[T]) Write(ctx context.Context, b *batch.Batch[T]) error {
	return s.write(ctx, len(b.Ends), b.Line)
}

func (c *core) write(ctx context.Context, n int, line func(int) []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	var failed batch.Partial
	c.buf, c.ends = c.buf[:0], c.ends[:0]
	rows := make([]int, 0, n) // of what is in buf
	for i := range n {
		start := len(c.buf)
		c.buf = c.append(c.buf, line(i))
		if len(c.buf)-start > c.opts.MaxMessage {
			c.buf = c.buf[:start]
			failed.Fail(i, errOversize)
			continue
		}
		c.frame(start)
		rows, c.ends = append(rows, i), append(c.ends, len(c.buf))
	}
	sent, err := c.send(ctx)
	for i := sent; i < len(rows); i++ {
		failed.Fail(rows[i], err)
	}
	slices.SortFunc(failed.Failed, func(a, b batch.Failure) int { return a.Row - b.Row })
	if cap(c.buf) > 4<<20 {
		c.buf = nil
	}
	if len(failed.Failed) == n && n > 0 && err != nil {
		return err
	}
	return failed.Err()
}

// frame frames the message that was written from start on.
func (c *core) frame(start int) {
	switch {
	case c.udp:
	case c.opts.Framing == "lines":
		c.buf = append(c.buf, '\n')
	default:
		var head [24]byte
		h := append(strconv.AppendInt(head[:0], int64(len(c.buf)-start), 10), ' ')
		c.buf = slices.Insert(c.buf, start, h...)
	}
}

// send writes what is in buf and returns how many rows of it went out whole.
func (c *core) send(ctx context.Context) (rows int, err error) {
	if len(c.ends) == 0 {
		return 0, nil
	}
	if c.conn != nil {
		select {
		case <-c.conn.ended:
			c.drop()
		default:
		}
	}
	if c.conn == nil {
		if err := c.connect(ctx); err != nil {
			return 0, err
		}
	}
	conn := c.conn
	conn.SetWriteDeadline(time.Now().Add(c.opts.Timeout))
	// The end of ctx ends the write.
	defer context.AfterFunc(ctx, func() { conn.SetWriteDeadline(time.Unix(1, 0)) })()
	if c.udp {
		start := 0
		for i, end := range c.ends {
			if _, err := conn.Write(c.buf[start:end]); err != nil {
				c.drop()
				return i, c.failure(ctx, err)
			}
			start = end
		}
		return len(c.ends), nil
	}
	n, err := conn.Write(c.buf)
	if err == nil {
		return len(c.ends), nil
	}
	c.drop()
	for rows < len(c.ends) && c.ends[rows] <= n {
		rows++
	}
	return rows, c.failure(ctx, err)
}

func (c *core) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	kind := errcat.Of(err)
	if kind != errcat.Timeout && kind != errcat.AccessDenied {
		kind = errcat.TransientNetwork
	}
	var unknown *tls.CertificateVerificationError
	if errors.As(err, &unknown) {
		kind = errcat.TransientNetwork // a certificate may be renewed; nothing was sent
	}
	return errcat.Newf(kind, errcat.StageDeliver, "batch/syslog: %w", err)
}

// connect opens the connection. A goroutine reads from it until it ends: a peer says
// nothing, so what it brings is its end.
func (c *core) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	conn, err := c.opts.Dial(ctx, c.opts.Network, c.opts.Address)
	if err != nil {
		return c.failure(ctx, err)
	}
	if c.tls != nil {
		cfg, err := c.tls()
		if err == nil {
			cfg = cfg.Clone()
			if cfg.ServerName == "" {
				cfg.ServerName, _, _ = net.SplitHostPort(c.opts.Address)
			}
			t := tls.Client(conn, cfg)
			if err = t.HandshakeContext(ctx); err == nil {
				conn = t
			}
		}
		if err != nil {
			conn.Close()
			return c.failure(ctx, err)
		}
	}
	watched := &connection{conn, make(chan struct{})}
	c.conn = watched
	if c.udp {
		return nil
	}
	go func() {
		defer close(watched.ended)
		_, _ = io.Copy(io.Discard, conn) // the end is what counts, however it comes
	}()
	return nil
}

// drop closes the connection and waits for its goroutine.
func (c *core) drop() {
	if c.conn != nil {
		c.conn.Close()
		if !c.udp {
			<-c.conn.ended
		}
		c.conn = nil
	}
}

// Close ends the sink.
func (c *core) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.drop()
	return nil
}
