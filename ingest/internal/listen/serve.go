package listen

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/ingest"
)

// Serve accepts connections and serves each in a goroutine of its own, until ctx ends or
// the pipeline takes no more. When ctx ends the reads of all connections are cut off; what
// was read may still be answered. It waits for the goroutines.
func (g *Guard) Serve(ctx context.Context, serve func(ctx context.Context, c *Conn) error) error {
	var served sync.WaitGroup
	defer served.Wait()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(inner, func() { g.Close() })()
	for {
		c, err := g.Accept()
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
			if err := serve(inner, c.(*Conn)); errors.Is(err, ingest.ErrClosed) {
				cancel()
			}
		})
	}
}

// Reader reads from a connection with an idle timeout, until ctx ends.
type Reader struct {
	ctx   context.Context
	conn  net.Conn
	guard *Guard
	stop  func() bool
}

// NewReader returns a Reader; Close ends it.
func (g *Guard) NewReader(ctx context.Context, conn net.Conn) *Reader {
	r := &Reader{ctx: ctx, conn: conn, guard: g}
	r.stop = context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	return r
}

// Close lets go of the context.
func (r *Reader) Close() { r.stop() }

// Read reads from the connection.
func (r *Reader) Read(b []byte) (int, error) {
	if idle := r.guard.limits.IdleTimeout; idle > 0 {
		r.conn.SetReadDeadline(time.Now().Add(idle))
	}
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	n, err := r.conn.Read(b)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() && r.ctx.Err() == nil {
		r.guard.CountIdle()
	}
	return n, err
}
