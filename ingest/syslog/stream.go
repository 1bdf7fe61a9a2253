package syslog

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/internal/gather"
	"github.com/penstock-dev/penstock/ingest/internal/listen"
	"github.com/penstock-dev/penstock/parse"
)

// runStreams accepts connections and serves each in a goroutine of its own. The end of
// ctx closes all of them; runStreams waits for the goroutines.
func (s *Source) runStreams(ctx context.Context, out *ingest.Emit, g *gather.Gatherer, limits ingest.Limits) error {
	var served sync.WaitGroup
	defer served.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	for {
		c, err := s.guard.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		served.Go(func() {
			defer c.Close()
			if err := s.serve(ctx, c.(*listen.Conn), out, g, limits); errors.Is(err, ingest.ErrClosed) {
				cancel() // the pipeline takes no more
			}
		})
	}
}

// serve reads one connection to its end.
func (s *Source) serve(ctx context.Context, accepted *listen.Conn, out *ingest.Emit, g *gather.Gatherer, limits ingest.Limits) error {
	defer context.AfterFunc(ctx, func() { accepted.Close() })()
	var conn net.Conn = accepted
	origin := &parse.Origin{Source: s.opts.Name, Peer: accepted.Peer, Hint: s.opts.Hint, Zone: s.opts.Zone}
	if s.tls != nil {
		t, subject, err := s.guard.Handshake(ctx, conn, s.tls)
		if err != nil {
			return err
		}
		conn, origin.Subject = t, subject
	}
	cut := gather.NewCutter(s.framing, origin, limits)
	for {
		if idle := s.opts.Limits.IdleTimeout; idle > 0 {
			conn.SetReadDeadline(time.Now().Add(idle))
		}
		n, err := conn.Read(cut.Room())
		if n > 0 {
			b := trim(cut.Cut(n, out.Now()))
			if err := listen.WaitFor(ctx, s.opts.Rate, accepted.Peer, b.Msgs); err != nil {
				return err
			}
			if b.Len() > 0 {
				if err := g.Add(ctx, b, false, nil); err != nil {
					return err
				}
				s.count(b)
			}
			cut.Shrink()
		}
		if err == nil {
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.guard.CountIdle()
			s.log.Warn("closed a connection that was silent", "peer", accepted.Peer, "for", s.opts.Limits.IdleTimeout)
		}
		if ctx.Err() != nil {
			return nil
		}
		if b := trim(cut.End(err, out.Now())); b.Len() > 0 {
			s.count(b)
			return g.Add(ctx, b, false, nil)
		}
		return nil
	}
}

// trim takes the line end off counted messages: rsyslog and syslog-ng count it in.
func trim(b *gather.Block) *gather.Block {
	for i := range b.Msgs {
		if raw := gather.TrimEnd(b.Msgs[i].Raw); len(raw) > 0 {
			b.Msgs[i].Raw = raw
		}
	}
	return b
}
